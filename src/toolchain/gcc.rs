//! GNU compilers built for exactly the target's processor and C library.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::target::system::{Libc, Os};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::leaks;
use crate::toolchain::msvc::sdk;
use crate::toolchain::program::Program;
use crate::toolchain::script;
use crate::toolchain::tools::{self, Libraries, Tools};
use crate::toolchain::{mingw, packages};

/// The wrapper of the host's compiler that Debian and musl itself install.
const WRAPPER: &str = "musl-gcc";

/// Major versions that distributions install side by side.
const VERSIONS: std::ops::RangeInclusive<u32> = 8..=18;

/// Returns the names of such a compiler: those of Debian, crosstool-NG and musl.cc, plain `gcc` for
/// the host's own triple, then all that are named for the target among `found`. The compiler's own
/// answer (`-v`) decides.
fn names<'a>(
    target: &Target,
    host: &str,
    found: impl IntoIterator<Item = &'a String>,
) -> Vec<String> {
    let mut names = usual_names(target, host);
    let others: BTreeSet<&String> = found
        .into_iter()
        .filter(|name| is_named_for(target, name) && !names.contains(name))
        .collect();
    names.extend(others.into_iter().cloned());
    names
}

/// Returns true if the name is `MACHINE-gcc`, with or without a version, of a machine with the
/// target's processor and C library: `armv7l-linux-musleabihf-gcc`, `aarch64-suse-linux-gcc-14`.
fn is_named_for(target: &Target, name: &str) -> bool {
    let name = without_version(mingw::without_flavor(name));
    let machine = name.strip_suffix("-gcc").or_else(|| {
        let is_of_clang = mingw::is_llvm(target);
        name.strip_suffix("-clang").filter(|_| is_of_clang)
    });
    machine.is_some_and(|machine| target.same_libc(machine))
}

/// Returns the name of a compiler without the version that distributions append.
fn without_version(name: &str) -> &str {
    name.rsplit_once('-')
        .filter(|(_, version)| version.parse::<u32>().is_ok())
        .map_or(name, |(base, _)| base)
}

/// Returns the usual names, each followed by its versioned names, newest first.
fn usual_names(target: &Target, host: &str) -> Vec<String> {
    let gnu = target.gnu_name();
    let vendored = gnu.replacen('-', "-unknown-", 1);
    let plain = (target.triple() == host).then(|| "gcc".to_owned());
    let families = if target.system.os == Os::Windows {
        mingw::names(target)
    } else {
        vec![format!("{gnu}-gcc"), format!("{vendored}-gcc")]
    };
    let families = families.into_iter().chain(plain);
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
/// C for rust-lld. `on_path` is everything on PATH.
pub fn search_names(target: &Target, host: &str, on_path: &BTreeSet<String>) -> Vec<String> {
    let musl =
        (target.system.libc == Libc::Musl && target.same_arch(host)).then(|| WRAPPER.to_owned());
    let compilers: Vec<String> = names(target, host, on_path)
        .into_iter()
        .chain(musl)
        .chain(multilib_argument(target, host).map(|_| HOSTS_OWN.to_owned()))
        .chain(mingw::ucrt_name(target))
        .collect();
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
    if sdk::is_msvc(case.target) {
        return Err("links with GNU's libraries, not with Microsoft's".to_owned());
    }
    let names = found_names(case);
    let found = serving(case, &names, |cc| {
        cc.machine
            .as_ref()
            .is_some_and(|machine| case.target.same_libc(machine))
    });
    let found = match (found, multilib(case)) {
        (Err(_), Some(candidate)) => return Ok(vec![candidate]),
        (found, _) => found.map_err(|reason| mingw::only_ucrt(case).unwrap_or(reason))?,
    };
    let found = mingw::linking(case, found)?;
    let found = with_libc(case, found)?;
    let candidate = |cc: &Program| {
        let reason = format!(
            "it compiles for `{}`{}",
            cc.machine.as_deref().unwrap_or_default(),
            mingw::flavor(cc)
                .map(|flavor| format!(", {flavor}"))
                .unwrap_or_default()
        );
        let tools = Tools::with_companions(case, cc).linking(&cc.program);
        let Some(sysroot) = case.sysroot else {
            return assemble(case, LinkerKind::Gcc, cc.clone(), tools, reason);
        };
        let arguments = [format!("--sysroot={sysroot}")];
        let reason = format!("{reason}, with `{}`", arguments[0]);
        let tools = Tools {
            libraries: Some(Libraries::below(sysroot, case.target)),
            ..tools
        };
        scripted(case, cc, tools, &arguments, reason)
    };
    Ok(found.into_iter().map(candidate).collect())
}

/// Returns a candidate that is called through a script, so that every caller gets the arguments.
fn scripted(
    case: &TargetContext,
    cc: &Program,
    tools: Tools,
    arguments: &[String],
    reason: String,
) -> Candidate {
    let script = |program: &Program| {
        let name = program.program.rsplit('/').next().unwrap_or_default();
        script::compiler(case, program, name, arguments)
    };
    let (wrapped, files) = script(cc);
    let cxx = tools
        .cxx
        .as_ref()
        .and_then(|name| case.program(name))
        .map(script);
    let tools = Tools {
        linker: Some(wrapped.program.clone()),
        cc: Some(wrapped.clone()),
        cxx: cxx.as_ref().map(|(cxx, _)| cxx.program.clone()),
        ..tools
    };
    let mut candidate = assemble(case, LinkerKind::Gcc, wrapped, tools, reason);
    candidate.files.extend(files);
    candidate
        .files
        .extend(cxx.into_iter().flat_map(|(_, files)| files));
    candidate.path = Some(script::directory(case));
    candidate
}

/// Targets that a host's own compiler serves with an argument: host, target, argument. rustc passes
/// it to the linker, and cc-rs to the compiler.
const MULTILIB: &[(&str, &str, &str)] = &[
    ("x86_64-unknown-linux-gnu", "i686-unknown-linux-gnu", "-m32"),
    (
        "powerpc64-unknown-linux-gnu",
        "powerpc-unknown-linux-gnu",
        "-m32",
    ),
];

/// Name of the compiler of [`MULTILIB`].
pub const HOSTS_OWN: &str = "gcc";

/// Returns the argument by which the host's own compiler compiles for the target.
pub fn multilib_argument(target: &Target, host: &str) -> Option<&'static str> {
    let row = MULTILIB
        .iter()
        .find(|(of_host, triple, _)| *of_host == host && *triple == target.triple())?;
    Some(row.2)
}

/// Returns the host's own compiler with that argument, if it finds a C library for the target.
fn multilib(case: &TargetContext) -> Option<Candidate> {
    let argument = multilib_argument(case.target, &case.facts.rustc.host)?;
    let cc = case
        .program(HOSTS_OWN)
        .filter(|_| case.target_facts.multilib && case.sysroot.is_none())?;
    let reason = format!(
        "`{HOSTS_OWN} {argument}` finds a C library for `{}`",
        case.target.gnu_name()
    );
    let tools = Tools::with_companions(case, cc);
    let arguments = [argument.to_owned()];
    Some(scripted(case, cc, tools, &arguments, reason))
}

/// Returns the names of the target's compilers, among them all that were found.
fn found_names(case: &TargetContext) -> Vec<String> {
    names(
        case.target,
        &case.facts.rustc.host,
        case.facts.programs.keys(),
    )
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
    // No package has the C library of an SDK.
    let command = match sdk_sysroot(case) {
        Some(_) => String::new(),
        None => libc_command(case),
    };
    format!(
        "`{}` has no C library: it finds no `{START_FILE}`{command}",
        cc.program
    )
}

/// Returns the configuration with the sysroot of the SDK whose environment is set.
pub fn sdk_sysroot(case: &TargetContext) -> Option<String> {
    let setting = case.facts.watched.get(leaks::SDK_SYSROOT)?;
    Some(format!(
        "set the sysroot that `{}` names: `[workspace.metadata.xpkg.target.{}]` with \
         `sysroot = \"{}\"`",
        setting.name,
        case.target.triple(),
        setting.value
    ))
}

/// Returns the command that installs the C library of a compiler without one, in parentheses.
pub fn libc_command(case: &TargetContext) -> String {
    packages::libc(case.target, &case.facts.rustc.host, case.facts.installer)
        .map(|command| format!(" (`{command}`)"))
        .unwrap_or_default()
}

/// Start file of every program, which a compiler finds only with its C library.
pub const START_FILE: &str = "crt1.o";

/// Returns true if a compiler for exactly the target's libc is installed, without a C library.
pub fn is_incomplete(case: &TargetContext) -> bool {
    let names = found_names(case);
    let mut compilers = names.iter().filter_map(|name| case.program(name));
    compilers.any(|cc| {
        let machine = cc.machine.as_ref();
        machine.is_some_and(|machine| case.target.same_libc(machine)) && lacks_libc(case, cc)
    })
}

/// Returns true if a program of this name is a C compiler, by the naming of distributions.
pub fn is_compiler_name(name: &str) -> bool {
    let base = without_version(mingw::without_flavor(name));
    base == "cc"
        || base == "clang"
        || base.ends_with("-clang")
        || base == "gcc"
        || base.ends_with("-gcc")
}

/// Returns true if a compiler for exactly the target's libc is among these programs.
pub fn is_installed(target: &Target, host: &str, found: &BTreeMap<String, Program>) -> bool {
    let compilers = names(target, host, found.keys())
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
    let names: Vec<String> = found_names(case)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::tests::check_choice;

    /// Checks which programs on PATH are taken for compilers of a target.
    fn check(triple: &str, expected: &str) {
        let on_path: BTreeSet<String> = [
            // musl.cc, messense, crosstool-NG, Nix, Gentoo
            "armv7l-linux-musleabihf-gcc",
            "armv7-unknown-linux-gnueabihf-gcc",
            "aarch64-rpi4-linux-gnu-gcc",
            "armv7l-unknown-linux-gnueabihf-gcc",
            "armv7a-unknown-linux-gnueabihf-gcc-13",
            // Arm, Bootlin, Buildroot, Alpine, openSUSE, OpenWrt, Yocto
            "aarch64-none-linux-gnu-gcc",
            "aarch64-linux-gcc",
            "aarch64-buildroot-linux-musl-gcc",
            "armv7-alpine-linux-musleabihf-gcc",
            "aarch64-suse-linux-gcc-14",
            "aarch64-openwrt-linux-musl-gcc",
            "aarch64-poky-linux-gcc",
            // Not compilers of C, or not for these targets.
            "aarch64-none-linux-gnu-gcc-ar",
            "aarch64-none-linux-gnu-g++",
            "arm-none-eabi-gcc",
            "aarch64-linux-android-gcc",
            "x86_64-w64-mingw32-gcc",
        ]
        .map(str::to_owned)
        .into();
        let target = Target::of_triple(triple).unwrap();
        let usual = usual_names(&target, "x86_64-unknown-linux-gnu");
        let found: Vec<String> = names(&target, "x86_64-unknown-linux-gnu", &on_path)
            .into_iter()
            .filter(|name| on_path.contains(name))
            .collect();
        assert_eq!(found.join(" "), expected, "{triple}: {usual:?}");
    }

    #[test]
    fn compilers_are_known_by_the_pattern_of_their_names() {
        check(
            "aarch64-unknown-linux-gnu",
            "aarch64-linux-gcc aarch64-none-linux-gnu-gcc aarch64-poky-linux-gcc \
             aarch64-rpi4-linux-gnu-gcc aarch64-suse-linux-gcc-14",
        );
        check(
            "aarch64-unknown-linux-musl",
            "aarch64-buildroot-linux-musl-gcc aarch64-openwrt-linux-musl-gcc",
        );
        check(
            "armv7-unknown-linux-gnueabihf",
            "armv7-unknown-linux-gnueabihf-gcc armv7a-unknown-linux-gnueabihf-gcc-13 \
             armv7l-unknown-linux-gnueabihf-gcc",
        );
        check(
            "armv7-unknown-linux-musleabihf",
            "armv7-alpine-linux-musleabihf-gcc armv7l-linux-musleabihf-gcc",
        );
        check("x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc");
        check("x86_64-unknown-linux-gnu", "");
    }

    #[test]
    fn the_compiler_itself_says_what_it_compiles_for() {
        // Buildroot's `aarch64-linux-gcc` may be one for musl.
        check_choice(
            "aarch64-linux-gcc=aarch64-buildroot-linux-musl aarch64-none-linux-gnu-gcc=aarch64-none-linux-gnu",
            "aarch64-unknown-linux-gnu",
            None,
            "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-none-linux-gnu-gcc \
             CC_aarch64_unknown_linux_gnu=aarch64-none-linux-gnu-gcc",
        );
    }

    /// Checks the reason against one kind, and the help.
    fn check_reason(machine: &str, triple: &str, kind: &str, expected: &str) {
        let problem = crate::toolchain::tests::chosen(machine, triple, None).unwrap_err();
        let reasons: Vec<&String> = problem.notes.iter().flat_map(|note| &note.lines).collect();
        let reason = reasons
            .iter()
            .find_map(|line| Some(line.strip_prefix(kind)?.trim_start()))
            .unwrap_or_default();
        let found = format!("{reason} | {}", problem.help.join(" | "));
        assert_eq!(found, expected, "{triple}");
    }

    #[test]
    fn a_gnu_compiler_does_not_link_for_gnullvm() {
        check_reason(
            "x86_64-w64-mingw32-gcc=x86_64-w64-mingw32",
            "x86_64-pc-windows-gnullvm",
            "gcc",
            "`x86_64-w64-mingw32-gcc` is GNU's compiler, and `x86_64-pc-windows-gnullvm` needs \
             LLVM's libraries (llvm-mingw) | install zig (`pip install ziglang`) or put llvm-mingw's \
             `x86_64-w64-mingw32-clang` on PATH | or set a linker for it in `CARGO_TARGET_X86_64_PC_WINDOWS_GNULLVM_LINKER`",
        );
    }

    #[test]
    fn zig_is_not_taken_where_it_has_no_c_library() {
        check_reason(
            "zig-without-libc",
            "powerpc64-unknown-linux-gnu",
            "zig",
            "zig 0.17.0 includes no C library for `powerpc64-linux-gnu` | install a cross compiler \
             (`apt-get install gcc-powerpc64-linux-gnu`)",
        );
        check_reason(
            "zig",
            "armv5te-unknown-linux-gnueabi",
            "zig",
            "cannot link C for ARMv5: its own run-time library lacks `__sync_*` functions \
             (ziglang/zig#25403) | install a cross compiler (`apt-get install \
             gcc-arm-linux-gnueabi`)",
        );
        check_reason(
            "zig",
            "powerpc64le-unknown-linux-gnu",
            "zig",
            "links C for powerpc64le from glibc 2.32 on only: `--target \
             powerpc64le-unknown-linux-gnu.2.32` | install a cross compiler (`apt-get install \
             gcc-powerpc64le-linux-gnu`)",
        );
        check_reason(
            "zig",
            "sparc64-unknown-linux-gnu",
            "zig",
            "links programs for sparc64 that crash when they start | install a cross compiler \
             (`apt-get install gcc-sparc64-linux-gnu`)",
        );
    }

    #[test]
    fn debian_has_no_compiler_for_armv6_with_hard_floats() {
        check_reason(
            "lld",
            "arm-unknown-linux-gnueabihf",
            "gcc",
            "`arm-linux-gnueabihf-gcc` is not on PATH | install zig (`pip install ziglang`)",
        );
    }
}
