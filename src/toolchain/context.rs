//! The input of every kind of linker: one target with everything known about it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::code::Code;
use crate::problem::text::with_directory_named;
use crate::project::linker::LinkerKind;
use crate::project::request::{TargetOverrides, TargetRequest};
use crate::project::workspace::tools_with_root;
use crate::target::Target;
use crate::target::level::Level;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::clang::arguments;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::program::Program;
use crate::toolchain::words::ToolWords;

/// One target with everything its candidates depend on.
#[derive(Clone)]
pub struct TargetContext<'a> {
    /// The target.
    pub target: &'a Target,
    /// Facts about the machine.
    pub facts: &'a Facts,
    /// Facts about this target on this machine.
    pub target_facts: &'a TargetFacts,
    /// Level of processor that the code may need; `None` if no file records it.
    pub level: Option<Level>,
    /// C in the target's graph.
    pub c: &'a CUsage,
    /// Codes of findings that the user accepts.
    pub accept: &'a [Code],
    /// Kind that was chosen explicitly.
    pub chosen_kind: Option<LinkerKind>,
    /// Additions of the configuration to this target's cargo calls.
    pub overrides: &'a TargetOverrides,
    /// Configured sysroot.
    pub sysroot: Option<&'a Utf8Path>,
    /// Arguments that clang is called with.
    pub clang_arguments: Vec<String>,
    /// xpkg's directory for generated tool files.
    pub tools: &'a Utf8Path,
}

impl<'a> TargetContext<'a> {
    /// Collects the facts about one target.
    pub fn new(
        request: &'a TargetRequest,
        facts: &'a Facts,
        c: &'a CUsage,
        tools: &'a Utf8Path,
    ) -> Self {
        let target_facts = facts.of(&request.target);
        let chosen_kind = request
            .choice
            .as_ref()
            .and_then(|(choice, _)| choice.kind());
        let clang_arguments = arguments::arguments(request);
        Self {
            target: &request.target,
            facts,
            target_facts,
            level: target_facts
                .raised
                .clone()
                .or_else(|| request.target.level()),
            c,
            accept: &request.accept,
            overrides: &request.overrides,
            chosen_kind,
            sysroot: request.sysroot.as_deref(),
            clang_arguments,
            tools,
        }
    }

    /// Takes the value of a variable that names a compiler or an archiver apart.
    pub fn words(&self, value: &str) -> ToolWords {
        self.facts.words(value)
    }

    /// Returns the root of the workspace, if the configured sysroot is below it. Names that have a digest of
    /// paths have it without this one, so that they are the same in each checkout.
    fn named_root(&self) -> Option<&'a Utf8Path> {
        let root = self.facts.root.as_path();
        let is_below = |sysroot: &Utf8Path| root.parent().is_some() && sysroot.starts_with(root);
        self.sysroot.is_some_and(is_below).then_some(root)
    }

    /// Returns a text with a name in place of the workspace's root, where names have a digest of it.
    pub fn named(&self, text: &str) -> String {
        match self.named_root() {
            Some(root) => with_directory_named(text, root.as_str(), "<workspace>"),
            None => text.to_owned(),
        }
    }

    /// Returns xpkg's directory for generated files whose names have a digest of their text. Workspaces that
    /// share a target directory have one each, where the names are the same and the texts are not.
    pub fn generated(&self) -> Utf8PathBuf {
        match self.named_root() {
            Some(root) => tools_with_root(self.tools, root),
            None => self.tools.to_owned(),
        }
    }

    /// Returns the program of this name on PATH.
    pub fn program(&self, name: &str) -> Option<&'a Program> {
        self.facts.programs.get(name)
    }
}
