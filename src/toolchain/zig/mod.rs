//! zig: links and compiles C and C++ for musl, for every glibc floor that it supports, for macOS, for
//! BSDs and for Windows with LLVM's libraries ([`systems`]). It ships their C libraries itself.
//!
//! Scripts of ours call it with the arguments of cargo-zigbuild's library. They start this program,
//! which passes on the arguments that zig understands ([`arguments`]). [`look`] finds zig: on PATH,
//! then as Python's `ziglang`.

pub mod arguments;
pub mod look;
pub mod systems;

use crate::project::linker::LinkerKind;
use crate::project::rustflags;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::system::{Format, Libc, Os};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::{CacheWarmup, Candidate};
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::{Facts, Zig, ZigTools};
use crate::toolchain::gcc;
use crate::toolchain::lld;
use crate::toolchain::program::Program;
use crate::toolchain::script;
use crate::toolchain::tools::{ToolFile, Tools};
use crate::toolchain::zig::systems::ZigSystem;

/// Name and text of the smallest C program.
const C_PROGRAM: (&str, &str) = ("first.c", "int main(void) { return 0; }\n");

/// Name and text of a small program that needs libc++.
const CXX_PROGRAM: (&str, &str) = (
    "first.cc",
    "#include <iostream>\nint main() { std::cout << 1; }\n",
);

/// Scripts that call zig for a target.
struct Scripts {
    /// Name of the C compiler, which also links.
    cc: String,
    /// Name of the C++ compiler.
    cxx: String,
    /// Name of the archiver.
    ar: String,
    /// Name of its index maker.
    ranlib: String,
    /// The scripts, and those that they start.
    files: Vec<ToolFile>,
}

impl Scripts {
    /// Makes the scripts; `None` if the path of this program is unknown.
    fn new(case: &TargetContext, zig: &Zig, tools: &ZigTools) -> Option<Self> {
        let Zig {
            path,
            version,
            digest,
            ..
        } = zig;
        let (own, own_file) = script::own_program(case)?;
        let program = format!("xpkg-zig-{}", script::short(&format!("{version} {digest}")));
        let about = format!("# zig {version}, SHA-256 {digest}.\n");
        let run = |tool: &str, arguments: &str| {
            format!(
                "{about}export CARGO_ZIGBUILD_ZIG_VERSION={version}\nexport \
                 CARGO_ZIGBUILD_ZIG_COMMAND={}\nexec {} zig {tool} --{arguments} \"$@\"\n",
                script::beside(&program),
                script::beside(&own)
            )
        };
        let arguments = format!(" {}", tools.arguments);
        let named = |name: &str, text: &str| script::named(case, name, text);
        let (cc, cc_file) = named(&format!("zigcc-{}", tools.target), &run("cc", &arguments));
        let (cxx, cxx_file) = named(&format!("zigcxx-{}", tools.target), &run("c++", &arguments));
        let (ranlib, ranlib_file) = named("zig-ranlib", &run("ranlib", ""));
        let (ar, ar_file) = named(
            "zig-ar",
            &format!("{about}exec {} ar \"$@\"\n", script::beside(&program)),
        );
        let program_file = script::of_machine(case, &program, path);
        // rustc finds it by its name.
        let missing = dlltool_name(case.target).filter(|name| case.program(name).is_none());
        let dlltool_file = missing.map(|name| {
            let text = format!("{about}exec {} dlltool \"$@\"\n", script::beside(&program));
            script::file(case, &name, &text)
        });
        let files = [
            own_file,
            program_file,
            cc_file,
            cxx_file,
            ranlib_file,
            ar_file,
        ];
        Some(Self {
            cc,
            cxx,
            ar,
            ranlib,
            files: files.into_iter().chain(dlltool_file).collect(),
        })
    }
}

/// Returns the libraries that zig compiles before its first link for the target.
fn cache_warmups(
    case: &TargetContext,
    zig: &Zig,
    tools: &ZigTools,
    scripts: &Scripts,
    system: &ZigSystem,
) -> Vec<CacheWarmup> {
    let (libc, long) = (system.name, system.first_link);
    // The script's name contains a digest of zig and of its arguments.
    let marker = |name: &str| zig.cache.join(name);
    let path = |name: &str| script::directory(case).join(name);
    let c = CacheWarmup {
        what: format!("{libc} for {}, {long}", tools.target),
        compiler: path(&scripts.cc),
        source: C_PROGRAM,
        marker: marker(&scripts.cc),
    };
    let cxx = CacheWarmup {
        what: format!("libc++ for {}, about a minute of compiling", tools.target),
        compiler: path(&scripts.cxx),
        source: CXX_PROGRAM,
        marker: marker(&scripts.cxx),
    };
    let wants_cxx = case.c.has_cxx();
    [Some(c), wants_cxx.then_some(cxx)]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns the version line, as in [`Program::version`].
pub fn version(zig: &Zig) -> String {
    format!("zig {}", zig.version)
}

/// Reason if zig is not installed.
pub const MISSING: &str = "not on PATH, and `python3 -m ziglang` failed";

/// Returns the command that installs zig for the Python on PATH.
pub fn install_command(facts: &Facts) -> &'static str {
    match facts.pip_refuses {
        true => "pipx install ziglang",
        false => "pip install ziglang",
    }
}

/// Returns true if zig may serve the target, so that it is worth searching for.
pub fn is_worth(target: &Target, host: &str, chosen: bool) -> bool {
    systems::of(target).is_some() && (chosen || target.triple() != host || target.floor.is_some())
}

/// Returns true if zig may link for the target, as far as is known without asking it.
pub fn may_serve(target: &Target) -> bool {
    systems::of(target).is_some() && !BROKEN.iter().any(|(arch, _)| *arch == target.arch.prefix)
}

/// Processors for which zig 0.17 includes a C library, and links programs that do not work.
const BROKEN: &[(&str, &str)] = &[
    (
        "armv5te",
        "cannot link C for ARMv5: its own run-time library lacks `__sync_*` functions \
         (ziglang/zig#25403)",
    ),
    (
        "sparc64",
        "links programs for sparc64 that crash when they start",
    ),
];

/// First glibc that has `printf` for a `long double` of 128 bits on 64-bit PowerPC.
const LONG_DOUBLE: Glibc = Glibc {
    major: 2,
    minor: 32,
    patch: 0,
};

/// Returns true if an archiver of the host indexes the target's objects. Apple's writes an index that
/// GNU ld cannot read, and GNU ar none for objects of macOS, and of Windows for its own processor
/// only.
fn archiver_serves(target: &Target, host: &str) -> bool {
    let own = if host.ends_with("apple-darwin") {
        Format::MachO
    } else {
        Format::Elf
    };
    target.system.format == own
}

/// Returns the name of the program with which rustc makes import libraries for Windows.
fn dlltool_name(target: &Target) -> Option<String> {
    (target.system.os == Os::Windows).then(|| format!("{}-dlltool", target.gnu_name()))
}

/// Returns the names of tools that are used instead of zig's own.
pub fn search_names(target: &Target) -> impl Iterator<Item = String> {
    ["ar", "ranlib"]
        .map(str::to_owned)
        .into_iter()
        .chain(dlltool_name(target))
}

/// Returns the first flag that chooses another linker or another linker's arguments. zig ignores
/// the one with a warning, and fails with the other.
fn unfollowed_flag(flags: &[String]) -> Option<String> {
    let other = |(flag, argument): (String, String)| {
        let linker = argument.strip_prefix("-fuse-ld=")?;
        (linker != "lld").then_some(flag)
    };
    let flavor = || {
        let flavor = rustflags::last_option(flags, "linker-flavor")?;
        let value = flavor.value.as_deref().unwrap_or_default();
        let own = ["gcc", "gnu-cc", "gnu-lld-cc"].contains(&value);
        (!own).then_some(flavor.flag)
    };
    let arguments = rustflags::link_arguments(flags);
    arguments.into_iter().find_map(other).or_else(flavor)
}

/// Returns zig as a candidate. For musl with C, a variant with gcc as the C compiler comes first.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let target = case.target;
    let Some(system) = systems::of(target) else {
        return Err(systems::unserved(target));
    };
    if let Some(sysroot) = case.sysroot.filter(|_| !system.takes_sdk) {
        return Err(format!(
            "does not support a sysroot, but `{sysroot}` is configured"
        ));
    }
    let sdk = match &case.target_facts.sdk {
        Some(Err(reason)) => return Err(format!("cannot link with the SDK: {reason}")),
        Some(Ok(sdk)) => Some(sdk),
        None => None,
    };
    if target.system.libc == Libc::Musl
        && let Some(flag) = lld::dynamic_flag(&case.target_facts.rustflags)
    {
        return Err(format!(
            "links musl statically only, but the effective rustflags contain `{flag}`"
        ));
    }
    if let Some(flag) = unfollowed_flag(&case.target_facts.rustflags) {
        return Err(format!(
            "links with its own lld only, but the effective rustflags contain `{flag}`"
        ));
    }
    let zig = case.facts.zig.as_ref();
    let (Some(zig), Some(tools)) = (zig, case.target_facts.zig.as_ref()) else {
        return Err(match zig {
            // The host's own compiler serves the host's own triple, unless zig was chosen.
            Some(_) => "was not queried, because the target is the host's own triple".to_owned(),
            None if !is_worth(
                target,
                &case.facts.rustc.host,
                case.chosen_kind == Some(LinkerKind::Zig),
            ) =>
            {
                "was not searched for, because the target is the host's own triple".to_owned()
            }
            None => case
                .facts
                .zig_trouble
                .clone()
                .unwrap_or_else(|| MISSING.to_owned()),
        });
    };
    let tools = tools
        .as_ref()
        .map_err(|reason| format!("{} {reason}", version(zig)))?;
    if let Some((_, reason)) = BROKEN.iter().find(|(arch, _)| *arch == target.arch.prefix) {
        return Err((*reason).to_owned());
    }
    // clang's `long double` has 128 bits there; `printf` for it came with glibc 2.32, and zig's own
    // default is older.
    let is_old = target.floor.is_none_or(|floor| floor < LONG_DOUBLE);
    if target.arch.prefix == "powerpc64le" && target.system.libc == Libc::Gnu && is_old {
        return Err(format!(
            "links C for powerpc64le from glibc {LONG_DOUBLE} on only: `--target \
             {}.{LONG_DOUBLE}`",
            target.triple()
        ));
    }
    let libc = systems::listed(&tools.target);
    if !zig.libc.is_empty() && !zig.libc.contains(&libc) {
        return Err(format!(
            "{} includes no C library for `{libc}`",
            version(zig)
        ));
    }
    if let Some(floor) = target.floor.filter(|floor| !knows(zig, target, *floor)) {
        return Err(format!(
            "{} links for glibc {}, not for {floor}",
            version(zig),
            range(zig, target)
        ));
    }
    let scripts = Scripts::new(case, zig, tools)
        .ok_or("cannot be wrapped: the path of this program is not known")?;
    let zig_program = Program {
        program: scripts.cc.clone(),
        path: Some(zig.path.clone()),
        version: Some(version(zig)),
        machine: Some(tools.target.clone()),
    };
    let mut candidates = Vec::new();
    // zig compiles all of musl again for each `-m` flag with which a build script tries a link,
    // about a minute each: a gcc for musl compiles the C if there is one.
    if target.system.libc == Libc::Musl && case.c.present {
        let compilers = gcc::for_musl_c(case).unwrap_or_default();
        candidates.extend(compilers.into_iter().map(|(cc, what)| {
            let reason = format!(
                "it includes musl and compiles C++, and `{}` ({what}) compiles C",
                cc.program
            );
            candidate(
                case,
                system,
                zig,
                tools,
                &scripts,
                zig_program.clone(),
                cc,
                reason,
            )
        }));
    }
    let reason = match target.floor {
        Some(floor) => format!("it links for glibc {floor} and compiles C and C++ for it"),
        None => match sdk {
            Some(sdk) => format!(
                "it includes {}, compiles C and C++ for it, and links with the SDK of macOS {}",
                system.name, sdk.version
            ),
            None => format!("it includes {} and compiles C and C++ for it", system.name),
        },
    };
    candidates.push(candidate(
        case,
        system,
        zig,
        tools,
        &scripts,
        zig_program.clone(),
        zig_program,
        reason,
    ));
    Ok(candidates)
}

/// Returns zig as the linker and C++ compiler, with `cc` as the C compiler.
#[expect(clippy::too_many_arguments, reason = "what its parts are made of")]
fn candidate(
    case: &TargetContext,
    system: &ZigSystem,
    zig: &Zig,
    zig_tools: &ZigTools,
    scripts: &Scripts,
    zig_program: Program,
    cc: Program,
    reason: String,
) -> Candidate {
    let usable = archiver_serves(case.target, &case.facts.rustc.host);
    let installed = |name: &str| {
        let program = case.program(name).filter(|_| usable);
        program.map(|_| name.to_owned())
    };
    let tools = Tools {
        linker: Some(scripts.cc.clone()),
        cc: Some(cc),
        cxx: Some(scripts.cxx.clone()),
        ar: installed("ar").or_else(|| Some(scripts.ar.clone())),
        ranlib: installed("ranlib").or_else(|| Some(scripts.ranlib.clone())),
        libraries: None,
        zig: true,
    };
    let mut candidate = assemble(case, LinkerKind::Zig, zig_program, tools, reason);
    candidate.files.extend(scripts.files.iter().cloned());
    Candidate {
        cache_warmups: cache_warmups(case, zig, zig_tools, scripts, system),
        path: Some(script::directory(case)),
        ..candidate
    }
}

/// Returns the glibc versions that zig supports for the target. zig lists one range for all
/// processors.
fn versions(zig: &Zig, target: &Target) -> impl Iterator<Item = Glibc> {
    let first = target.first_glibc();
    zig.glibc
        .iter()
        .filter_map(|version| Glibc::parse(version))
        .filter(move |version| first.is_none_or(|first| *version >= first))
}

/// Returns true if zig supports this floor.
fn knows(zig: &Zig, target: &Target, floor: Glibc) -> bool {
    versions(zig, target).any(|version| version == floor)
}

/// Formats the range of supported versions.
fn range(zig: &Zig, target: &Target) -> String {
    let versions = || versions(zig, target);
    match (versions().min(), versions().max()) {
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => "of no version that it lists".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archiver_of_the_host_serves_its_own_format_only() {
        const MAC: &str = "aarch64-apple-darwin";
        const LINUX: &str = "x86_64-unknown-linux-gnu";
        for (target, host, serves) in [
            ("aarch64-unknown-linux-musl", LINUX, true),
            ("x86_64-unknown-freebsd", LINUX, true),
            (MAC, LINUX, false),
            (LINUX, MAC, false),
            ("x86_64-apple-darwin", MAC, true),
            ("x86_64-pc-windows-gnullvm", LINUX, false),
            ("x86_64-pc-windows-gnullvm", MAC, false),
        ] {
            let target = Target::of_triple(target).unwrap();
            assert_eq!(archiver_serves(&target, host), serves, "{target} on {host}");
        }
    }
}
