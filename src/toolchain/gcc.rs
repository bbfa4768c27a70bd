//! A GNU compiler made for the target's very processor and C library.

use super::{Candidate, Case, Kind};
use crate::target::{Libc, Target};

/// Names of such a compiler, as Debian, Fedora, crosstool-NG and musl.cc have them; the host's plain `gcc` last.
fn names(target: &Target, host: &str) -> Vec<String> {
    let gnu = target.gnu_name();
    let vendored = gnu.replacen('-', "-unknown-", 1);
    let plain = (target.triple() == host).then(|| "gcc".to_owned());
    [format!("{gnu}-gcc"), format!("{vendored}-gcc")].into_iter().chain(plain).collect()
}

/// The compilers with their companions, and `musl-gcc`, which serves rust-lld.
pub fn wanted(target: &Target, host: &str) -> Vec<String> {
    let musl = (target.system.libc == Libc::Musl && target.same_arch(host)).then(|| "musl-gcc".to_owned());
    let compilers: Vec<String> = names(target, host).into_iter().chain(musl).collect();
    let companions: Vec<String> = compilers.iter().flat_map(|cc| [super::cxx_name(cc), super::ar_name(cc)]).flatten().collect();
    compilers.into_iter().chain(companions).collect()
}

pub fn candidate(case: &Case) -> Result<Candidate, String> {
    let names = names(case.target, &case.facts.rustc.host);
    let mut wrong = None;
    for cc in names.iter().filter_map(|name| case.program(name)) {
        match &cc.machine {
            Some(machine) if case.target.same_libc(machine) => {
                let linker = Some(case.linker_variable(&cc.program));
                return Ok(case.candidate(Kind::Gcc, cc.clone(), linker, Some(cc.clone()), format!("it compiles for `{machine}`")));
            }
            Some(machine) => {
                wrong.get_or_insert_with(|| format!("`{}` compiles for `{machine}`, not for `{}`", cc.program, case.target.gnu_name()));
            }
            None => {
                wrong.get_or_insert_with(|| format!("`{}` does not say what it compiles for (`-v` failed)", cc.program));
            }
        }
    }
    Err(wrong.unwrap_or_else(|| format!("`{}` is not on PATH", names[0])))
}

/// A compiler for musl, of whatever making: `musl-gcc` wraps the host's compiler, which cannot link what Rust makes
/// (rust-lang/rust#95926) but compiles C for musl well.
pub fn for_musl_c(case: &Case) -> Option<(super::Program, &'static str)> {
    let host = &case.facts.rustc.host;
    let own = names(case.target, host).into_iter().filter_map(|name| case.program(&name).cloned());
    let wrapper = case.program("musl-gcc").cloned();
    own.chain(wrapper).find_map(|cc| {
        let machine = cc.machine.as_deref()?;
        if case.target.same_libc(machine) {
            Some((cc, "a compiler for musl"))
        } else {
            (case.target.same_arch(machine) && cc.program.ends_with("musl-gcc")).then_some((cc, "the host's gcc over musl's headers"))
        }
    })
}

/// Debian's name for the package with this compiler.
pub fn debian_package(target: &Target) -> String {
    format!("gcc-{}", target.gnu_name().replace('_', "-"))
}
