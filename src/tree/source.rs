//! Source that a tree is built from.

use serde::{Deserialize, Serialize};

/// Commit and lockfile of the workspace. All fields are `None` if unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// URL of the repository.
    pub repository: Option<String>,
    /// Full hash of the commit.
    pub commit: Option<String>,
    /// True if the checkout has uncommitted changes. `None` outside a checkout.
    pub dirty: Option<bool>,
    /// SHA-256 of `Cargo.lock`.
    pub cargo_lock_sha256: Option<String>,
}
