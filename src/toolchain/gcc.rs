//! GNU compilers built for exactly the target's processor and C library.

use std::collections::BTreeMap;

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::target::system::Libc;
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::program::Program;
use crate::toolchain::tools::{self, Libraries, Tools, script};

/// The wrapper of the host's compiler that Debian and musl itself install.
const WRAPPER: &str = "musl-gcc";

/// Major versions that distributions install side by side.
const VERSIONS: std::ops::RangeInclusive<u32> = 8..=18;

/// Returns the names of such a compiler in Debian, Fedora, crosstool-NG and musl.cc, and plain
/// `gcc` for the host's own triple. Each is followed by its versioned names, newest first.
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

/// Returns the names of the compilers and their companion tools, and of `musl-gcc`, which compiles
/// C for rust-lld.
pub fn search_names(target: &Target, host: &str) -> Vec<String> {
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

/// Returns a candidate for each GNU compiler of the target, called through a script if a sysroot is
/// configured.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let names = names(case.target, &case.facts.rustc.host);
    let found = serving(case, &names, |cc| {
        cc.machine
            .as_ref()
            .is_some_and(|machine| case.target.same_libc(machine))
    })?;
    let found = with_libc(case, found)?;
    let candidate = |cc: &Program| {
        let reason = format!(
            "it compiles for `{}`",
            cc.machine.as_deref().unwrap_or_default()
        );
        let tools = Tools::with_companions(case, cc).linking(&cc.program);
        let Some(sysroot) = case.sysroot else {
            return assemble(case, LinkerKind::Gcc, cc.clone(), tools, reason);
        };
        // Called through a script, so that every caller gets the sysroot.
        let arguments = [format!("--sysroot={sysroot}")];
        let scripted = |program: &Program| {
            script(
                case,
                program,
                program.program.rsplit('/').next().unwrap_or_default(),
                &arguments,
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
            format!("{reason}, with `{}`", arguments[0]),
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

/// Returns those of the compilers that have a C library, or the reason if none has. A configured
/// sysroot has its own.
fn with_libc<'a>(
    case: &TargetContext,
    compilers: Vec<&'a Program>,
) -> Result<Vec<&'a Program>, String> {
    let (with, without): (Vec<&Program>, Vec<&Program>) = compilers
        .into_iter()
        .partition(|cc| case.sysroot.is_some() || !lacks_libc(case, cc));
    match without.first() {
        Some(cc) if with.is_empty() => Err(no_libc(case, cc)),
        _ => Ok(with),
    }
}

/// Returns true if a compiler finds no start file, so that it can neither link nor compile what
/// includes a header of the C library.
pub fn lacks_libc(case: &TargetContext, cc: &Program) -> bool {
    case.facts.without_libc.contains(&cc.program)
}

/// Returns the reason against a compiler without a C library.
pub fn no_libc(case: &TargetContext, cc: &Program) -> String {
    format!(
        "`{}` has no C library: it finds no `{START_FILE}` ({})",
        cc.program,
        libc_package(case.target, &case.facts.rustc.host)
    )
}

/// Start file of every program, which a compiler finds only with its C library.
pub const START_FILE: &str = "crt1.o";

/// Returns the command that installs the C library of a compiler of Debian's.
pub fn libc_package(target: &Target, host: &str) -> String {
    if target.triple() == host {
        "`apt-get install libc6-dev`".to_owned()
    } else {
        format!("`apt-get install libc6-dev-{}-cross`", target.debian_arch())
    }
}

/// Returns true if a compiler for exactly the target's libc is installed, without a C library.
pub fn is_incomplete(case: &TargetContext) -> bool {
    let names = names(case.target, &case.facts.rustc.host);
    let mut compilers = names.iter().filter_map(|name| case.program(name));
    compilers.any(|cc| {
        let machine = cc.machine.as_ref();
        machine.is_some_and(|machine| case.target.same_libc(machine)) && lacks_libc(case, cc)
    })
}

/// Returns true if a program of this name is a C compiler, by the naming of distributions.
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

/// Returns true if a compiler for exactly the target's libc is among these programs.
pub fn is_installed(target: &Target, host: &str, found: &BTreeMap<String, Program>) -> bool {
    let compilers = names(target, host)
        .into_iter()
        .filter_map(|name| found.get(&name));
    compilers
        .filter_map(|cc| cc.machine.as_ref())
        .any(|machine| target.same_libc(machine))
}

/// Returns true if it wraps the host's compiler for musl. Such a wrapper cannot link what Rust
/// makes (rust-lang/rust#95926).
pub fn is_musl_wrapper(cc: &Program) -> bool {
    let name = cc.program.rsplit('/').next().unwrap_or_default();
    name.ends_with(WRAPPER)
        && cc
            .machine
            .as_ref()
            .is_some_and(|machine| !machine.contains("musl"))
}

/// Returns compilers of C for musl with a description each. Wrappers are included: they compile C
/// for musl correctly.
pub fn for_musl_c(case: &TargetContext) -> Result<Vec<(Program, &'static str)>, String> {
    let names: Vec<String> = names(case.target, &case.facts.rustc.host)
        .into_iter()
        .chain([WRAPPER.to_owned()])
        .collect();
    let for_target = |cc: &Program| {
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
    let found = serving(case, &names, |cc| for_target(cc) || wraps(cc))?;
    Ok(found
        .into_iter()
        .map(|cc| {
            (
                cc.clone(),
                if for_target(cc) {
                    "a compiler for musl"
                } else {
                    "the host's gcc with musl's headers"
                },
            )
        })
        .collect())
}

/// Returns the compilers among `names` that exist and pass `serves`, or the reason against the
/// first that exists.
fn serving<'a>(
    case: &TargetContext<'a>,
    names: &[String],
    serves: impl Fn(&Program) -> bool,
) -> Result<Vec<&'a Program>, String> {
    let installed: Vec<&Program> = names.iter().filter_map(|name| case.program(name)).collect();
    let found: Vec<&Program> = installed.iter().copied().filter(|cc| serves(cc)).collect();
    match (found.is_empty(), installed.first()) {
        (false, _) => Ok(found),
        (true, None) => Err(format!("`{}` is not on PATH", names[0])),
        (true, Some(cc)) => Err(match &cc.machine {
            Some(machine) => format!(
                "`{}` compiles for `{machine}`, not for `{}`",
                cc.program,
                case.target.gnu_name()
            ),
            None => format!("the target of `{}` is unknown (`-v` failed)", cc.program),
        }),
    }
}

/// Returns true if Debian's cross compiler of the target's name is for its processors. Debian's
/// `armhf` is ARMv7.
pub fn is_debians(target: &Target) -> bool {
    !(target.arch.prefix == "arm" && target.debian_arch() == "armhf")
}

/// Returns the name of Debian's package with this compiler, `gcc` or `g++`.
pub fn debian_package(target: &Target, compiler: &str) -> String {
    format!("{compiler}-{}", target.gnu_name().replace('_', "-"))
}
