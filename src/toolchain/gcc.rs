//! A GNU compiler made for the target's very processor and C library.

use std::collections::BTreeMap;

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::target::system::Libc;
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::program::Program;
use crate::toolchain::tools::{self, Libraries, Tools, script};

/// Debian's and musl's own wrapper of the host's compiler.
const WRAPPER: &str = "musl-gcc";

/// Major versions that distributions install beside each other, newest first.
const VERSIONS: std::ops::RangeInclusive<u32> = 8..=18;

/// Names of such a compiler, as Debian, Fedora, crosstool-NG and musl.cc have them; for the host's
/// own triple its plain `gcc`; each with its versioned kin behind it.
fn names(target: &Target, host: &str) -> Vec<String> {
    let gnu = target.gnu_name();
    let vendored = gnu.replacen('-', "-unknown-", 1);
    let plain = (target.triple() == host).then(|| "gcc".to_owned());
    let families = [format!("{gnu}-gcc"), format!("{vendored}-gcc")]
        .into_iter()
        .chain(plain);
    families
        .flat_map(|name| {
            std::iter::once(name.clone()).chain(
                VERSIONS
                    .rev()
                    .map(move |version| format!("{name}-{version}")),
            )
        })
        .collect()
}

/// The compilers with their companions, and `musl-gcc`, which serves rust-lld.
pub fn wanted(target: &Target, host: &str) -> Vec<String> {
    let musl =
        (target.system.libc == Libc::Musl && target.same_arch(host)).then(|| WRAPPER.to_owned());
    let compilers: Vec<String> = names(target, host).into_iter().chain(musl).collect();
    let companions = |cc: &String| {
        [
            tools::cxx_name(cc),
            tools::tool_name(cc, "ar"),
            tools::tool_name(cc, "ranlib"),
        ]
    };
    let companions: Vec<String> = compilers.iter().flat_map(companions).flatten().collect();
    compilers.into_iter().chain(companions).collect()
}

pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let names = names(case.target, &case.facts.rustc.host);
    let found = serving(case, &names, |cc| {
        cc.machine
            .as_ref()
            .is_some_and(|machine| case.target.same_libc(machine))
    })?;
    let candidate = |cc: &Program| {
        let reason = format!(
            "it compiles for `{}`",
            cc.machine.as_deref().unwrap_or_default()
        );
        let tools = Tools::of(case, cc).linking(&cc.program);
        let Some(sysroot) = case.sysroot else {
            return assemble(case, LinkerKind::Gcc, cc.clone(), tools, reason);
        };
        // Called through a script, so that whoever calls it has the sysroot.
        let word = [format!("--sysroot={sysroot}")];
        let scripted = |program: &Program| {
            script(
                case,
                program,
                program.program.rsplit('/').next().unwrap_or_default(),
                &word,
            )
        };
        let (wrapped, file) = scripted(cc);
        let cxx = tools
            .cxx
            .as_ref()
            .and_then(|name| case.program(name))
            .map(scripted);
        let tools = Tools {
            linker: Some(wrapped.program.clone()),
            cc: Some(wrapped.clone()),
            cxx: cxx.as_ref().map(|(cxx, _)| cxx.program.clone()),
            libraries: Some(Libraries::below(sysroot, case.target)),
            ..tools
        };
        let mut candidate = assemble(
            case,
            LinkerKind::Gcc,
            wrapped,
            tools,
            format!("{reason}, with `{}`", word[0]),
        );
        candidate.files.extend(
            [Some(file), cxx.map(|(_, file)| file)]
                .into_iter()
                .flatten(),
        );
        candidate
    };
    Ok(found.into_iter().map(candidate).collect())
}

/// Whether a program of this name is a C compiler, by how distributions name them.
pub fn is_compiler_name(name: &str) -> bool {
    let base = name
        .rsplit_once('-')
        .filter(|(_, version)| version.parse::<u32>().is_ok())
        .map_or(name, |(base, _)| base);
    base == "cc"
        || base == "clang"
        || base.ends_with("-clang")
        || base == "gcc"
        || base.ends_with("-gcc")
}

/// Whether a compiler for the target's very libc is among these programs.
pub fn is_there(target: &Target, host: &str, found: &BTreeMap<String, Program>) -> bool {
    let compilers = names(target, host)
        .into_iter()
        .filter_map(|name| found.get(&name));
    compilers
        .filter_map(|cc| cc.machine.as_ref())
        .any(|machine| target.same_libc(machine))
}

/// Whether it wraps the host's compiler for musl, which cannot link what Rust makes
/// (rust-lang/rust#95926).
pub fn is_musl_wrapper(cc: &Program) -> bool {
    let name = cc.program.rsplit('/').next().unwrap_or_default();
    name.ends_with(WRAPPER)
        && cc
            .machine
            .as_ref()
            .is_some_and(|machine| !machine.contains("musl"))
}

/// Compilers for musl, of whatever making: the wrapper compiles C for musl well.
pub fn for_musl_c(case: &TargetContext) -> Result<Vec<(Program, &'static str)>, String> {
    let names: Vec<String> = names(case.target, &case.facts.rustc.host)
        .into_iter()
        .chain([WRAPPER.to_owned()])
        .collect();
    let own = |cc: &Program| {
        cc.machine
            .as_ref()
            .is_some_and(|machine| case.target.same_libc(machine))
    };
    let wraps = |cc: &Program| {
        is_musl_wrapper(cc)
            && cc
                .machine
                .as_ref()
                .is_some_and(|machine| case.target.same_arch(machine))
    };
    let found = serving(case, &names, |cc| own(cc) || wraps(cc))?;
    Ok(found
        .into_iter()
        .map(|cc| {
            (
                cc.clone(),
                if own(cc) {
                    "a compiler for musl"
                } else {
                    "the host's gcc over musl's headers"
                },
            )
        })
        .collect())
}

/// Those of these compilers that are there and serve, or what is wrong with the first that is
/// there.
fn serving<'a>(
    case: &TargetContext<'a>,
    names: &[String],
    serves: impl Fn(&Program) -> bool,
) -> Result<Vec<&'a Program>, String> {
    let there: Vec<&Program> = names.iter().filter_map(|name| case.program(name)).collect();
    let found: Vec<&Program> = there.iter().copied().filter(|cc| serves(cc)).collect();
    match (found.is_empty(), there.first()) {
        (false, _) => Ok(found),
        (true, None) => Err(format!("`{}` is not on PATH", names[0])),
        (true, Some(cc)) => Err(match &cc.machine {
            Some(machine) => format!(
                "`{}` compiles for `{machine}`, not for `{}`",
                cc.program,
                case.target.gnu_name()
            ),
            None => format!(
                "`{}` does not say what it compiles for (`-v` failed)",
                cc.program
            ),
        }),
    }
}

/// Debian's name for the package with this compiler, `gcc` or `g++`.
pub fn debian_package(target: &Target, compiler: &str) -> String {
    format!("{compiler}-{}", target.gnu_name().replace('_', "-"))
}
