//! A candidate out of its tools.

use crate::project::linker::LinkerKind;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::environment;
use crate::toolchain::program::Program;
use crate::toolchain::tools::Tools;

/// A candidate with these tools. What the user has set for a role is shown and stays.
pub fn assemble(
    case: &TargetContext,
    kind: LinkerKind,
    linker: Program,
    tools: Tools,
    reason: String,
) -> Candidate {
    let (variables, files) = environment::variables(case, &tools);
    let yours = |role: &str| case.here.settings.get(role);
    let cxx = tools.cc.is_none() || tools.cxx.is_some() || yours("CXX").is_some();
    let archiver = yours("AR")
        .map(|setting| setting.value.clone())
        .or_else(|| tools.ar.clone());
    let c_compiler = match yours("CC") {
        Some(setting) => {
            let known = case.program(&setting.value).cloned();
            Some(known.unwrap_or_else(|| Program {
                program: setting.value.clone(),
                ..Program::default()
            }))
        }
        None => tools.cc,
    };
    Candidate {
        kind,
        linker,
        c_compiler,
        variables,
        files,
        archiver,
        first_uses: Vec::new(),
        cxx,
        image: None,
        reason,
    }
}
