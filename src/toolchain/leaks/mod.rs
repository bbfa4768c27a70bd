//! Settings of the host that leak into a target's compile, or break it, and that can be detected
//! before cargo starts. Each leak is one function in `LEAKS`.
//!
//! Pure: the input is the user's settings and the archiver's output, the result is their meaning
//! for one target.

pub mod aws_lc;
pub mod leak;

use crate::problem::code::{Code, CodeInfo, code};
use crate::project::rustflags;
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::Target;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::leaks::leak::{Leak, LeakInput, words};
use crate::toolchain::probe::archiver::ArchiveFormat;
use crate::toolchain::probe::report::Severity;
use crate::toolchain::words::CUSTOM_LAUNCHER;

/// Unscoped variables that the checks read.
pub const WATCHED: &[&str] = &[
    "CFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "AWS_LC_SYS_NO_JITTER_ENTROPY",
    CUSTOM_LAUNCHER,
    SDK_SYSROOT,
];

/// Variable in which Yocto's SDKs name their target's sysroot.
pub const SDK_SYSROOT: &str = "OECORE_TARGET_SYSROOT";

/// The checks of settings for C, in the order of their reports.
const LEAKS: &[fn(&LeakInput) -> Option<Leak>] = &[
    machine_flags,
    native_c,
    hosts_libraries,
    archive,
    aws_lc::jitter_entropy,
    aws_lc::self_test,
];

/// Returns the settings that leak into this target's compile; those for C only if its graph
/// contains C.
pub fn check(
    target: &Target,
    facts: &Facts,
    target_facts: &TargetFacts,
    c: &CUsage,
    candidate: &Candidate,
) -> Vec<Leak> {
    let case = LeakInput {
        target,
        facts,
        target_facts,
        c,
        candidate,
    };
    let of_c = LEAKS
        .iter()
        .filter(|_| c.present)
        .filter_map(|leak| leak(&case));
    native_rust(target, target_facts)
        .into_iter()
        .chain(of_c)
        .collect()
}

/// Finds `-C target-cpu=native` in the rustflags that are in force, or in the profile's. They reach
/// a container, too.
pub fn native_rust(target: &Target, target_facts: &TargetFacts) -> Option<Leak> {
    let is_native =
        |flags: &Vec<String>| rustflags::value(flags, "target-cpu").as_deref() == Some("native");
    let place = if is_native(&target_facts.rustflags) {
        "the rustflags in force"
    } else if target_facts.profile_rustflags.iter().any(is_native) {
        "the rustflags of the profile"
    } else {
        return None;
    };
    Some(Leak {
        code: NATIVE_CPU,
        severity: Severity::Block,
        message: format!(
            "`-C target-cpu=native`, in {place}, makes programs for `{target}` that may run on \
             this machine's processor only"
        ),
        help: format!(
            "remove it, or name the oldest processor that is to run them: `rustc --print \
             target-cpus --target {}` lists all",
            target.triple()
        ),
    })
}

/// Finds `=native` in the flags for the target's C, which ends up in the same programs.
fn native_c(case: &LeakInput) -> Option<Leak> {
    let is_host = case.target.triple() == case.facts.rustc.host;
    let unscoped = ["CFLAGS", "CXXFLAGS"]
        .iter()
        .filter_map(|name| case.facts.watched.get(*name))
        // For other targets, `machine_flags` finds them.
        .filter(|_| is_host);
    let scoped = ["CFLAGS", "CXXFLAGS"]
        .iter()
        .filter_map(|role| case.target_facts.settings.get(*role));
    let is_native = |word: &&str| ["-march=native", "-mcpu=native"].contains(word);
    let (setting, flag) = unscoped
        .chain(scoped)
        .find_map(|setting| Some((setting, words(setting).find(is_native)?)))?;
    Some(Leak {
        code: NATIVE_CPU,
        severity: Severity::Block,
        message: format!(
            "`{flag}` in `{}`, set in {}, makes programs for `{}` that may run on this machine's \
             processor only",
            setting.name, setting.place, case.target
        ),
        help: "remove it, or name the oldest processor that is to run them".to_owned(),
    })
}

/// Prefixes of compiler flags that select a processor.
const MACHINE_FLAGS: &[&str] = &[
    "-march=",
    "-mcpu=",
    "-mtune=",
    "-m32",
    "-m64",
    "-mavx",
    "-msse",
    "-mfpu=",
    "-mfloat-abi=",
    "-mthumb",
    "-marm",
];

/// Finds processor flags in `CFLAGS`: cc-rs adds it to `CFLAGS_<target>`, so flags meant for the
/// host's processor reach every target.
fn machine_flags(case: &LeakInput) -> Option<Leak> {
    if case.target.triple() == case.facts.rustc.host {
        return None;
    }
    // For the same processor only `native` means this very machine.
    let same = case.target.same_arch(&case.facts.rustc.host);
    let means = |word: &str| {
        MACHINE_FLAGS
            .iter()
            .any(|beginning| word.starts_with(beginning))
            && (!same || word.ends_with("=native"))
    };
    let affects = |setting: &&Setting| words(setting).any(means);
    let setting = ["CFLAGS", "CXXFLAGS"]
        .iter()
        .filter_map(|name| case.facts.watched.get(*name))
        .find(affects)?;
    let flags: Vec<&str> = words(setting).filter(|word| means(word)).collect();
    let host_variable = format!(
        "{}_{}",
        setting.name,
        case.facts.rustc.host.replace('-', "_")
    );
    Some(Leak {
        code: FLAGS_LEAK,
        severity: Severity::Block,
        message: format!(
            "`{}` in `{}`, set in {}, reaches the C of `{}`",
            flags.join(" "),
            setting.name,
            setting.place,
            case.target
        ),
        help: match setting.place {
            SettingOrigin::CargoConfiguration => format!(
                "set it for the host only: rename it to `{host_variable}` in `[env]` of cargo's \
                 configuration"
            ),
            _ => format!(
                "set it for the host only: `export {host_variable}=\"${}\"; unset {}`",
                setting.name, setting.name
            ),
        },
    })
}

/// Finds directories of the host in the user's pkg-config variables for this target.
fn hosts_libraries(case: &LeakInput) -> Option<Leak> {
    if case.target.triple() == case.facts.rustc.host && case.target.floor.is_none() {
        return None;
    }
    let host = Target::of_triple(&case.facts.rustc.host)?.multiarch();
    let hosts = |directory: &str| {
        directory.contains(&host)
            || ["/usr/lib/pkgconfig", "/usr/local/lib/pkgconfig"].contains(&directory)
    };
    let settings = ["PKG_CONFIG_LIBDIR", "PKG_CONFIG_PATH"]
        .iter()
        .filter_map(|role| case.target_facts.settings.get(*role));
    let (setting, directory) = settings
        .flat_map(|setting| {
            setting
                .value
                .split(':')
                .map(move |directory| (setting, directory))
        })
        .find(|(_, directory)| hosts(directory))?;
    Some(Leak {
        code: PKG_CONFIG_LEAK,
        severity: Severity::Block,
        message: format!(
            "`{}`, set in {}, names `{directory}`, whose libraries are the host's, not for `{}`",
            setting.name, setting.place, case.target
        ),
        help: format!(
            "`unset {}`: xpkg sets the directories of the target; or set them yourself",
            setting.name
        ),
    })
}

/// Finds an archiver whose archives the target's linker cannot read.
fn archive(case: &LeakInput) -> Option<Leak> {
    let archiver = case.candidate.archiver.as_ref()?;
    let what = match case.target_facts.archives.get(archiver)? {
        ArchiveFormat::Gnu => return None,
        ArchiveFormat::Bsd => {
            "writes archives in BSD's format, which linkers for ELF do not index".to_owned()
        }
        ArchiveFormat::Broken(why) => format!("does not write an archive: {why}"),
    };
    let target = case.target;
    Some(Leak {
        code: ARCHIVE_FORMAT,
        severity: Severity::Block,
        message: format!(
            "`{archiver}`, named by `{}`, {what}",
            case.target_facts.settings.get("AR").map_or_else(
                || format!("AR_{}", case.target.lower()),
                |setting| setting.name.clone()
            )
        ),
        help: format!(
            "set another one: `export AR_{}=llvm-ar` (`apt-get install llvm`), or GNU's `ar`",
            target.lower()
        ),
    })
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[FLAGS_LEAK, NATIVE_CPU, PKG_CONFIG_LEAK, ARCHIVE_FORMAT];

pub const FLAGS_LEAK: Code = code(&CodeInfo {
    name: "flags-leak",
    title: "flags for the host's processor reach the target's C",
    cause: "cc-rs adds `CFLAGS` to `CFLAGS_<target>`, so `-march=native` there reaches the C of \
            every target: the compiler rejects it, or makes code that the target's processor \
            cannot run.",
    detection: "The flags in `CFLAGS` and `CXXFLAGS` are checked if a foreign target's graph \
                contains C.",
    fix: "Set it for the host only: `CFLAGS_<host>`. Or continue with `--accept flags-leak`.",
    page: "environment",
    sources: &["rust-lang/cc-rs#1469", "prefix-dev/pixi#6942"],
    waivable: true,
});

pub const NATIVE_CPU: Code = code(&CodeInfo {
    name: "native-cpu",
    title: "programs would be made for this machine's processor",
    cause: "`-C target-cpu=native` and `-march=native` let the compiler use every instruction of \
            the machine that builds. On another one the program dies of an illegal instruction, \
            and no x86 or 64-bit Arm file says what it needs, so nothing can find it later.",
    detection: "The rustflags in force (environment, cargo's configuration, xpkg's), those of the \
                profile, and `CFLAGS` and `CXXFLAGS` for the target if its graph contains C.",
    fix: "Remove it, or name the oldest processor that is to run the programs (`-C \
          target-cpu=x86-64-v3`). Or continue with `--accept native-cpu`.",
    page: "levels",
    sources: &[],
    waivable: true,
});

pub const PKG_CONFIG_LEAK: Code = code(&CodeInfo {
    name: "pkg-config-leak",
    title: "the host's libraries would be found for a foreign target",
    cause: "A pkg-config variable for this target names directories of the host: libraries found \
            there are for the host's processor and glibc.",
    detection: "The directories in `PKG_CONFIG_LIBDIR_<target>` and `PKG_CONFIG_PATH_<target>` \
                are checked. Without such a variable, xpkg sets the target's own.",
    fix: "Unset the variable, or set the target's own directories. Or continue with `--accept \
          pkg-config-leak`.",
    page: "environment",
    sources: &[
        "rust-cross/rust-musl-cross#44",
        "rust-openssl/rust-openssl#1405",
    ],
    waivable: true,
});

pub const ARCHIVE_FORMAT: Code = code(&CodeInfo {
    name: "archive-format",
    title: "the archiver writes archives that the linker cannot read",
    cause: "Linkers for ELF need an index in the format of System V and GNU; the `ar` of BSD and \
            macOS writes another.",
    detection: "The archiver that the target's environment names archives a file with a long \
                name; the archive is read.",
    fix: "Set another archiver in `AR_<target>`, such as llvm-ar. Or continue with `--accept \
          archive-format`.",
    page: "environment",
    sources: &["cross-rs/cross#137"],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::c_package::CPackage;
    use crate::project::linker::LinkerKind;
    use crate::toolchain::program::Program;

    const ARM: &str = "aarch64-unknown-linux-gnu";
    const HOST: &str = "x86_64-unknown-linux-gnu";

    /// `package` are names and versions; `settings` are `NAME=value` pairs of the environment; a leading `+` marks scoped ones, named
    /// by role. The value of `+AR` is the archiver's format.
    fn check(target: &str, package: &str, settings: &[&str], expected: &str) {
        let mut facts = Facts::default();
        facts.rustc.host = HOST.to_owned();
        let mut target_facts = TargetFacts::default();
        let mut archiver = None;
        for text in settings {
            let (name, value) = text.split_once('=').unwrap();
            let setting = |name: &str| Setting {
                name: name.to_owned(),
                value: value.to_owned(),
                place: SettingOrigin::Environment,
            };
            match name.strip_prefix('+') {
                Some("AR") => {
                    let archive = if value == "bsd" {
                        ArchiveFormat::Bsd
                    } else {
                        ArchiveFormat::Gnu
                    };
                    target_facts.archives.insert(value.to_owned(), archive);
                    target_facts
                        .settings
                        .insert("AR".to_owned(), setting("AR_x"));
                    archiver = Some(value.to_owned());
                }
                Some(role) => {
                    _ = target_facts
                        .settings
                        .insert(role.to_owned(), setting(&format!("{role}_x")))
                }
                None => _ = facts.watched.insert(name.to_owned(), setting(name)),
            }
        }
        let of_graph = |package: &str| {
            let (name, version) = package.split_once(' ').unwrap();
            CPackage {
                package: name.to_owned(),
                version: version.to_owned(),
                builder: "cc".to_owned(),
                levels: Vec::new(),
                cxx: false,
            }
        };
        let c = CUsage {
            present: true,
            configured: false,
            packages: package.split(", ").map(of_graph).collect(),
        };
        let candidate = Candidate {
            kind: LinkerKind::Gcc,
            linker: Program::default(),
            c_compiler: None,
            variables: Vec::new(),
            files: Vec::new(),
            archiver,
            cache_warmups: Vec::new(),
            path: None,
            runner: None,
            cxx: true,
            image: None,
            reason: String::new(),
        };
        let target = Target::parse(target, &[target.to_owned()]).unwrap();
        let found = super::check(&target, &facts, &target_facts, &c, &candidate);
        let found: Vec<String> = found
            .iter()
            .map(|leak| format!("{}: {} ({})", leak.code.name(), leak.message, leak.help))
            .collect();
        assert_eq!(found.join(" | "), expected);
    }

    #[test]
    fn c_for_this_machines_processor_is_not_for_others() {
        let expected = |name: &str| {
            format!(
                "native-cpu: `-march=native` in `{name}`, set in the environment, makes programs \
                 for `{HOST}` that may run on this machine's processor only (remove it, or name \
                 the oldest processor that is to run them)"
            )
        };
        let flags = "CFLAGS=-O2 -march=native";
        check(HOST, "ring 0.17.0", &[flags], &expected("CFLAGS"));
        let scoped = format!("+{flags}");
        check(HOST, "ring 0.17.0", &[&scoped], &expected("CFLAGS_x"));
        check(
            HOST,
            "ring 0.17.0",
            &["CFLAGS=-march=x86-64-v3 -mtune=native"],
            "",
        );
    }

    #[test]
    fn rust_for_this_machines_processor_is_not_for_others() {
        let native = |rustflags: &[&str], profile: &[&str]| {
            let owned = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
            let facts = TargetFacts {
                rustflags: owned(rustflags),
                profile_rustflags: vec![owned(profile)],
                ..TargetFacts::default()
            };
            let target = Target::of_triple(HOST).unwrap();
            native_rust(&target, &facts).map(|leak| leak.message)
        };
        let message = |place: &str| {
            Some(format!(
                "`-C target-cpu=native`, in the rustflags {place}, makes programs for `{HOST}` \
                 that may run on this machine's processor only"
            ))
        };
        for flags in [
            &["-C", "target-cpu=native"][..],
            &["-Ctarget-cpu=native"],
            &["--codegen", "target-cpu=native"],
            &["-Copt-level=3", "--codegen=target-cpu=native"],
        ] {
            assert_eq!(native(flags, &[]), message("in force"), "{flags:?}");
            assert_eq!(native(&[], flags), message("of the profile"), "{flags:?}");
        }
        for flags in [
            &["-Ctarget-cpu=native", "-Ctarget-cpu=x86-64-v2"][..],
            &["--cfg", "target-cpu=native"],
            &["-Ztune-cpu=native"],
        ] {
            assert_eq!(native(flags, flags), None, "{flags:?}");
        }
    }

    #[test]
    fn flags_of_the_hosts_processor_reach_a_foreign_target() {
        let expected = "flags-leak: `-march=native` in `CFLAGS`, set in the environment, reaches \
                        the C of `aarch64-unknown-linux-gnu` (set it for the host only: `export \
                        CFLAGS_x86_64_unknown_linux_gnu=\"$CFLAGS\"; unset CFLAGS`)";
        check(ARM, "ring 0.17.0", &["CFLAGS=-O2 -march=native"], expected);
        check(ARM, "ring 0.17.0", &["CFLAGS=-O2 -g"], "");
        check(
            "x86_64-unknown-linux-musl",
            "ring 0.17.0",
            &["CFLAGS=-mtune=generic"],
            "",
        );
        check(ARM, "ring 0.17.0", &["+CFLAGS=-march=armv8-a"], "");
    }

    #[test]
    fn the_hosts_libraries_are_not_for_a_foreign_target() {
        let expected = "pkg-config-leak: `PKG_CONFIG_LIBDIR_x`, set in the environment, names \
                        `/usr/lib/x86_64-linux-gnu/pkgconfig`, whose libraries are the host's, \
                        not for `aarch64-unknown-linux-gnu` (`unset PKG_CONFIG_LIBDIR_x`: xpkg \
                        sets the directories of the target; or set them yourself)";
        check(
            ARM,
            "ring 0.17.0",
            &["+PKG_CONFIG_LIBDIR=/opt:/usr/lib/x86_64-linux-gnu/pkgconfig"],
            expected,
        );
        check(
            ARM,
            "ring 0.17.0",
            &["+PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig"],
            "",
        );
        check(
            HOST,
            "ring 0.17.0",
            &["+PKG_CONFIG_LIBDIR=/usr/lib/x86_64-linux-gnu/pkgconfig"],
            "",
        );
    }

    #[test]
    fn archives_without_an_index_are_reported() {
        check(ARM, "ring 0.17.0", &["+AR=gnu"], "");
        check(
            ARM,
            "ring 0.17.0",
            &["+AR=bsd"],
            "archive-format: `bsd`, named by `AR_x`, writes archives in BSD's format, which \
             linkers for ELF do not index (set another one: `export \
             AR_aarch64_unknown_linux_gnu=llvm-ar` (`apt-get install llvm`), or GNU's `ar`)",
        );
    }

    #[test]
    fn optimized_jitter_entropy_is_reported() {
        let expected = "jitter-entropy: `-O2` in `CFLAGS`, set in the environment, breaks \
                        aws-lc-sys 0.35.0: its jitter entropy source must not be optimized \
                        (`export AWS_LC_SYS_NO_JITTER_ENTROPY=1`, or use a later aws-lc-sys \
                        (`cargo update -p aws-lc-sys`))";
        check(ARM, "aws-lc-sys 0.35.0", &["CFLAGS=-g -O2"], expected);
        // Several versions can be in one graph.
        let both = "aws-lc-sys 0.31.0, aws-lc-sys 0.35.0";
        check(ARM, both, &["CFLAGS=-g -O2"], expected);
        check(ARM, "aws-lc-sys 0.47.0", &["CFLAGS=-g -O2"], "");
        check(ARM, "aws-lc-sys 0.35.0", &["CFLAGS=-O0"], "");
        check(
            ARM,
            "aws-lc-sys 0.35.0",
            &["CFLAGS=-O2", "AWS_LC_SYS_NO_JITTER_ENTROPY=1"],
            "",
        );
    }

    #[test]
    fn flags_that_break_the_test_of_aws_lc_are_reported() {
        let message = |flag: &str, variable: &str, version: &str| {
            format!(
                "aws-lc-test: with `{flag}` in `{variable}`, set in the environment, the test that \
                 aws-lc-sys {version} makes of the compiler cannot pass: its build script fails, and may \
                 call a sound compiler broken (remove the flag, or use a later aws-lc-sys (`cargo update \
                 -p aws-lc-sys`))"
            )
        };
        for (target, version, setting, is_found) in [
            (HOST, "0.42.0", "LDFLAGS=-L/opt -nostartfiles", true),
            (HOST, "0.42.0", "CFLAGS=-g -nostartfiles", false),
            (HOST, "0.41.0", "CFLAGS=-g -nostartfiles", true),
            (HOST, "0.41.0", "+CFLAGS=-nostdlib", true),
            (HOST, "0.43.0", "LDFLAGS=-nostartfiles", false),
            (HOST, "0.42.0", "LDFLAGS=-Wl,-O1 -pie", false),
            (HOST, "0.33.0", "LDFLAGS=-shared", false),
            (HOST, "0.34.0", "LDFLAGS=-shared", true),
            (ARM, "0.37.0", "LDFLAGS=-shared", false),
            (ARM, "0.37.0", "LDFLAGS=-nostdlib", true),
            (ARM, "0.38.0", "LDFLAGS=-nostdlib", false),
            (ARM, "0.38.0", "LDFLAGS=-shared", false),
            (HOST, "1.0.0", "LDFLAGS=-shared", false),
        ] {
            let (variable, flags) = setting.split_once('=').unwrap();
            let flag = flags.rsplit(' ').next().unwrap();
            let name = match variable {
                "+CFLAGS" => "CFLAGS_x",
                name => name,
            };
            let expected = if is_found {
                message(flag, name, version)
            } else {
                String::new()
            };
            let package = format!("aws-lc-sys 0.47.0, aws-lc-sys {version}");
            check(target, &package, &[setting], &expected);
        }
    }
}
