//! A GNU compiler made for the target's very processor and C library.

use super::{Candidate, Case, Kind, Program};
use crate::target::{Libc, Target};

/// Debian's and musl's own wrapper of the host's compiler.
const WRAPPER: &str = "musl-gcc";

/// Names of such a compiler, as Debian, Fedora, crosstool-NG and musl.cc have them; the host's plain `gcc` last.
fn names(target: &Target, host: &str) -> Vec<String> {
    let gnu = target.gnu_name();
    let vendored = gnu.replacen('-', "-unknown-", 1);
    let plain = (target.triple() == host).then(|| "gcc".to_owned());
    [format!("{gnu}-gcc"), format!("{vendored}-gcc")].into_iter().chain(plain).collect()
}

/// The compilers with their companions, and `musl-gcc`, which serves rust-lld.
pub fn wanted(target: &Target, host: &str) -> Vec<String> {
    let musl = (target.system.libc == Libc::Musl && target.same_arch(host)).then(|| WRAPPER.to_owned());
    let compilers: Vec<String> = names(target, host).into_iter().chain(musl).collect();
    let companions: Vec<String> = compilers.iter().flat_map(|cc| [super::cxx_name(cc), super::ar_name(cc)]).flatten().collect();
    compilers.into_iter().chain(companions).collect()
}

pub fn candidate(case: &Case) -> Result<Candidate, String> {
    let names = names(case.target, &case.facts.rustc.host);
    let cc = first(case, &names, |machine, _| case.target.same_libc(machine))?;
    let reason = format!("it compiles for `{}`", cc.machine.as_deref().unwrap_or_default());
    Ok(case.candidate(Kind::Gcc, cc.clone(), Some(case.linker_variable(&cc.program)), Some(cc.clone()), reason))
}

/// A compiler for musl, of whatever making: `musl-gcc` wraps the host's compiler, which cannot link what Rust makes
/// (rust-lang/rust#95926) but compiles C for musl well.
pub fn for_musl_c(case: &Case) -> Result<(Program, &'static str), String> {
    let names: Vec<String> = names(case.target, &case.facts.rustc.host).into_iter().chain([WRAPPER.to_owned()]).collect();
    let serves = |machine: &str, name: &str| case.target.same_libc(machine) || case.target.same_arch(machine) && name.ends_with(WRAPPER);
    let cc = first(case, &names, serves)?;
    let own = cc.machine.as_deref().is_some_and(|machine| case.target.same_libc(machine));
    Ok((cc.clone(), if own { "a compiler for musl" } else { "the host's gcc over musl's headers" }))
}

/// The first of these compilers that is there and serves, by its machine and name; or what is wrong with the first that is there.
fn first<'a>(case: &Case<'a>, names: &[String], serves: impl Fn(&str, &str) -> bool) -> Result<&'a Program, String> {
    let mut wrong = None;
    for cc in names.iter().filter_map(|name| case.program(name)) {
        let reason = match &cc.machine {
            Some(machine) if serves(machine, &cc.program) => return Ok(cc),
            Some(machine) => format!("`{}` compiles for `{machine}`, not for `{}`", cc.program, case.target.gnu_name()),
            None => format!("`{}` does not say what it compiles for (`-v` failed)", cc.program),
        };
        wrong.get_or_insert(reason);
    }
    Err(wrong.unwrap_or_else(|| format!("`{}` is not on PATH", names[0])))
}

/// Debian's name for the package with this compiler.
pub fn debian_package(target: &Target) -> String {
    format!("gcc-{}", target.gnu_name().replace('_', "-"))
}
