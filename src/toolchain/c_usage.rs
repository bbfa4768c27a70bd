//! Whether a target's graph compiles C.

use serde::Serialize;

use crate::project::graph::CPackage;
use crate::project::request::TargetRequest;
use crate::toolchain::facts::TargetFacts;

/// Whether the target's graph holds C, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CUsage {
    pub holds: bool,
    /// `c-dependencies` decided, not the graph.
    pub configured: bool,
    pub packages: Vec<CPackage>,
}

impl CUsage {
    pub fn new(request: &TargetRequest, here: &TargetFacts) -> Self {
        Self {
            holds: request
                .c_dependencies
                .unwrap_or(!here.c_packages.is_empty()),
            configured: request.c_dependencies.is_some(),
            packages: here.c_packages.clone(),
        }
    }
}
