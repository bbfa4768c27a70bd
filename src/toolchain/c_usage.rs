//! C in a target's graph.

use serde::Serialize;

use crate::project::c_package::CPackage;
use crate::project::request::TargetRequest;
use crate::toolchain::facts::TargetFacts;

/// C in the target's graph, and the source of that knowledge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CUsage {
    /// True if the graph compiles C.
    pub present: bool,
    /// True if `c-dependencies` decided, not the graph.
    pub configured: bool,
    /// Packages whose build scripts compile C.
    pub packages: Vec<CPackage>,
}

impl CUsage {
    /// Returns true if a build script of the graph compiles C++.
    pub fn has_cxx(&self) -> bool {
        self.packages.iter().any(|package| package.cxx)
    }

    /// Takes the configured answer if there is one, else the graph's.
    pub fn new(request: &TargetRequest, target_facts: &TargetFacts) -> Self {
        Self {
            present: request
                .c_dependencies
                .unwrap_or(!target_facts.c_packages.is_empty()),
            configured: request.c_dependencies.is_some(),
            packages: target_facts.c_packages.clone(),
        }
    }
}
