//! The linker that cargo's own configuration sets.

use crate::problem::Result;
use crate::project::linker::LinkerKind;
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::system::Libc;
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::{Candidate, Variable};
use crate::toolchain::context::TargetContext;
use crate::toolchain::tools::Tools;
use crate::toolchain::{gcc, lld};

/// Returns the candidate that the user's cargo configuration makes. It is used unchanged.
///
/// # Errors
///
/// Fails if the program is missing or compiles for another machine.
pub fn configured(case: &TargetContext, setting: &Setting) -> Result<Candidate, String> {
    let program = match (
        setting.value.as_str(),
        case.facts.programs.get(&setting.value),
    ) {
        (_, Some(program)) => program.clone(),
        ("rust-lld", None) if case.facts.rustc.lld => lld::linker(),
        (name, None) => return Err(format!("`{name}` is not on PATH")),
    };
    // Only gcc is built for one processor: clang follows `--target`, and gcc for x86 serves both of
    // its widths.
    let gcc = program
        .version
        .as_ref()
        .is_none_or(|version| !version.contains("clang version"));
    let x86 = |name: &str| ["x86", "x86_64"].contains(&name);
    let foreign = |machine: &&String| {
        !(case.target.same_arch(machine) || x86(case.target.arch.name) && machine.contains("86"))
    };
    if let Some(machine) = program.machine.as_ref().filter(|_| gcc).filter(foreign) {
        return Err(format!("it compiles for `{machine}`"));
    }
    if case.target.system.libc == Libc::Musl && gcc::is_musl_wrapper(&program) {
        return Err(format!(
            "`{}` wraps the host's compiler: what it links for musl needs an interpreter and \
             crashes at start (rust-lang/rust#95926); without this setting rust-lld links and it \
             compiles the C",
            program.program
        ));
    }
    let is_lld = program.program.rsplit('/').next() == Some(lld::RUST_LLD);
    if case.target.system.libc == Libc::Musl
        && is_lld
        && let Some(reason) = lld::unfollowed(case)
    {
        return Err(reason);
    }
    if gcc::lacks_libc(case, &program) {
        return Err(gcc::no_libc(case, &program));
    }
    let serves_c = program
        .machine
        .as_ref()
        .is_some_and(|machine| case.target.same_libc(machine));
    let c_compiler = serves_c.then(|| program.clone());
    let reason = format!("`{}` in {}", setting.name, setting.place);
    let tools = c_compiler
        .map(|cc| Tools::with_companions(case, &cc))
        .unwrap_or_default();
    let mut candidate = assemble(case, LinkerKind::Configured, program, tools, reason);
    if setting.place == SettingOrigin::Environment {
        candidate.variables.insert(0, Variable::yours(setting));
    }
    Ok(Candidate {
        cxx: true,
        ..candidate
    })
}
