//! The commit that a tree is built from.

use serde::{Deserialize, Serialize};

/// The commit that the workspace stands on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub repository: Option<String>,
    pub commit: Option<String>,
    /// Something in the checkout is not committed. `None` outside a checkout.
    pub dirty: Option<bool>,
    pub cargo_lock_sha256: Option<String>,
}
