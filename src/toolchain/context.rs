//! One target as the kinds of linkers see it.

use camino::Utf8Path;

use crate::problem::code::Code;
use crate::project::linker::LinkerKind;
use crate::project::request::{TargetOverrides, TargetRequest};
use crate::target::Target;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::clang::arguments;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::program::Program;

/// One target as the kinds judge it.
#[derive(Clone)]
pub struct TargetContext<'a> {
    pub target: &'a Target,
    pub facts: &'a Facts,
    pub here: &'a TargetFacts,
    pub c: &'a CUsage,
    pub accept: &'a [Code],
    /// The kind that somebody chose.
    pub asked: Option<LinkerKind>,
    pub own: &'a TargetOverrides,
    pub sysroot: Option<&'a Utf8Path>,
    /// What clang is called with.
    pub clang_arguments: Vec<String>,
    /// xpkg's own directory for files that name tools.
    pub tools: &'a Utf8Path,
}

impl<'a> TargetContext<'a> {
    pub fn new(
        request: &'a TargetRequest,
        facts: &'a Facts,
        c: &'a CUsage,
        tools: &'a Utf8Path,
        nothing: &'a TargetFacts,
    ) -> Self {
        let here = facts
            .targets
            .get(request.target.triple())
            .unwrap_or(nothing);
        let asked = request
            .choice
            .as_ref()
            .and_then(|(choice, _)| choice.kind());
        let clang_arguments = arguments::arguments(request);
        Self {
            target: &request.target,
            facts,
            here,
            c,
            accept: &request.accept,
            own: &request.overrides,
            asked,
            sysroot: request.sysroot.as_deref(),
            clang_arguments,
            tools,
        }
    }

    pub fn program(&self, name: &str) -> Option<&'a Program> {
        self.facts.programs.get(name)
    }
}
