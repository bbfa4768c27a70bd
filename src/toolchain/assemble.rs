//! Builds a candidate from its tools.

use crate::project::linker::LinkerKind;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::environment;
use crate::toolchain::program::Program;
use crate::toolchain::tools::Tools;

/// Builds a candidate from these tools. A role that the user has set is shown and kept.
pub fn assemble(
    case: &TargetContext,
    kind: LinkerKind,
    linker: Program,
    tools: Tools,
    reason: String,
) -> Candidate {
    let (variables, files) = environment::variables(case, &tools);
    let runner = environment::runner_variable(case, &tools);
    let user_setting = |role: &str| case.target_facts.settings.get(role);
    let cxx = tools.cc.is_none() || tools.cxx.is_some() || user_setting("CXX").is_some();
    let archiver = user_setting("AR")
        .map(|setting| setting.value.clone())
        .or_else(|| tools.ar.clone());
    let c_compiler = match user_setting("CC") {
        Some(setting) => {
            let words = case.words(&setting.value);
            let known = case.program(&words.program).cloned().unwrap_or_default();
            Some(Program {
                program: setting.value.clone(),
                // Its arguments may choose another one.
                machine: known.machine.filter(|_| words.args.is_empty()),
                ..known
            })
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
        cache_warmups: Vec::new(),
        path: None,
        runner,
        cxx,
        image: None,
        reason,
    }
}
