//! Table tests of the choice: a machine in short notation, a target, and the choice or the reasons
//! against each candidate.

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::Result;
use crate::project::apple_libraries::AppleLibrary;
use crate::project::graph::CPackage;
use crate::project::linker::LinkerChoice;
use crate::project::request::{TargetOverrides, TargetRequest};
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::{SetBy, ToolchainChoice, Variable};
use crate::toolchain::choose::{self, choose};
use crate::toolchain::facts::{
    AppleSdk, ClangFinds, Facts, Ndk, TargetFacts, WindowsSdk, Zig, ZigTools,
};
use crate::toolchain::kinds::KINDS;
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;
use crate::toolchain::tools::ToolFile;

/// Facts of a machine, of its target and of the graph; the glibc that it links; the sysroot.
type Machine = (
    Facts,
    TargetFacts,
    CUsage,
    Option<Glibc>,
    Option<Utf8PathBuf>,
);

/// Parses a machine: `program=machine` is a program on PATH and the triple it compiles for; `lld`,
/// `self-contained`, `clang-finds` and `c` are facts; `linker:X`, `CC:X` and `rustflags:X` are
/// settings of the user.
fn machine(text: &str) -> Machine {
    let (mut glibc, mut sysroot) = (None, None);
    let mut facts = Facts::default();
    facts.rustc.host = "x86_64-unknown-linux-gnu".to_owned();
    facts.own_program = Some("/my bin/cargo-xpkg".into());
    let mut target_facts = TargetFacts {
        crt_static: true,
        ..TargetFacts::default()
    };
    let mut c = CUsage {
        present: false,
        configured: false,
        packages: Vec::new(),
    };
    let setting = |name: &str, value: &str| Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        place: SettingOrigin::Environment,
    };
    for word in text.split_whitespace() {
        match (word, word.split_once('='), word.split_once(':')) {
            ("lld", ..) => facts.rustc.lld = true,
            ("shared-musl", ..) => target_facts.crt_static = false,
            ("self-contained", ..) => target_facts.self_contained = true,
            (_, _, Some(("without-libc", name))) => {
                facts.without_libc.insert(name.to_owned());
            }
            (_, _, Some(("armv7-start", name))) => {
                let level = Target::of_triple("armv7-unknown-linux-gnueabihf")
                    .unwrap()
                    .level();
                facts.start_levels.insert(name.to_owned(), level.unwrap());
            }
            ("sdk", ..) => {
                sysroot = Some("/sdk".into());
                target_facts.windows_sdk = Some(Ok(WindowsSdk {
                    libraries: vec!["/sdk/crt".into(), "/sdk/um".into()],
                    headers: vec!["/sdk/include".into()],
                    without_headers: None,
                }));
            }
            ("clang-finds", ..) => {
                target_facts.clang = Some(ClangFinds {
                    start_file: "/x/crt1.o".to_owned(),
                    level: None,
                    linker: "/usr/bin/aarch64-linux-gnu-ld".to_owned(),
                    lld: false,
                });
            }
            ("clang-lost", ..) => {
                target_facts.clang = Some(ClangFinds {
                    start_file: "crt1.o".to_owned(),
                    level: None,
                    linker: "/usr/bin/ld".to_owned(),
                    lld: false,
                })
            }
            ("zig" | "zig-without-libc", ..) => {
                let glibc = ["2.0.0", "2.17.0", "2.44.0"].map(str::to_owned).to_vec();
                facts.zig = Some(Zig {
                    path: "/z/zig".into(),
                    version: "0.17.0".to_owned(),
                    digest: "d1".to_owned(),
                    cache: "/z/cache".into(),
                    glibc,
                    libc: ["zig-target-none", "aarch64-linux-gnu", "aarch64-macos-none"]
                        .map(str::to_owned)
                        .to_vec(),
                });
                let target = if word == "zig-without-libc" {
                    "powerpc64-linux-gnu"
                } else {
                    "zig-target"
                };
                target_facts.zig = Some(Ok(ZigTools {
                    arguments: "-g -target zig-target".to_owned(),
                    target: target.to_owned(),
                }));
            }
            (_, _, Some(("framework", name))) => {
                target_facts.apple_libraries.push(AppleLibrary {
                    name: name.to_owned(),
                    package: "core-foundation-sys".to_owned(),
                    version: "0.8.7".to_owned(),
                });
            }
            (_, _, Some(("sdk", version))) => {
                target_facts.sdk = Some(Ok(AppleSdk {
                    path: "/MacOSX.sdk".into(),
                    version: version.to_owned(),
                }));
            }
            ("no-sdk", ..) => {
                target_facts.sdk = Some(Err("`/x` is no SDK of Apple's".to_owned()));
            }
            (_, _, Some(("ndk", compiler))) => {
                target_facts.ndk = Some(Ok(Ndk {
                    programs: "/ndk/bin".into(),
                    compiler: compiler.to_owned(),
                    level: 21,
                    version: "27.0".to_owned(),
                }));
            }
            (_, _, Some(("glibc", value))) => glibc = Glibc::parse(value),
            ("c" | "c++", ..) => {
                c.present = true;
                c.packages.push(CPackage {
                    package: "ring".to_owned(),
                    version: "0.17.0".to_owned(),
                    builder: "cc".to_owned(),
                    levels: Vec::new(),
                    cxx: word == "c++",
                });
            }
            (_, _, Some(("linker", value))) => {
                target_facts.linker = Some(setting("CARGO_TARGET_LINKER", value))
            }
            (_, _, Some(("flag-linker", value))) => {
                target_facts.linker = Some(Setting {
                    place: SettingOrigin::Rustflags,
                    ..setting("-C linker", value)
                });
            }
            (_, _, Some(("CC", value))) => {
                target_facts
                    .settings
                    .insert("CC".to_owned(), setting("TARGET_CC", value));
            }
            (_, _, Some(("rustflags", value))) => target_facts.rustflags.push(value.to_owned()),
            (_, program, _) => {
                let (name, machine) = program.map_or((word, None), |(name, machine)| {
                    (name, Some(machine.to_owned()))
                });
                let path = Some(format!("/usr/bin/{name}").into());
                facts.programs.insert(
                    name.to_owned(),
                    Program {
                        program: name.to_owned(),
                        path,
                        version: None,
                        machine,
                    },
                );
            }
        }
    }
    (facts, target_facts, c, glibc, sysroot)
}

/// Chooses for a target on a machine.
pub fn chosen(text: &str, target: &str, choice: Option<LinkerChoice>) -> Result<ToolchainChoice> {
    let (mut facts, mut target_facts, c, glibc, sysroot) = machine(text);
    let target = Target::parse(target, &[target.split('.').next().unwrap().to_owned()]).unwrap();
    let request = TargetRequest {
        target,
        choice: choice.map(|choice| (choice, "`--linker`".to_owned())),
        c_dependencies: None,
        image: None,
        sysroot,
        overrides: TargetOverrides::default(),
        accept: Vec::new(),
    };
    let facts_of = |glibc: Glibc| CompilerFacts {
        glibc: Some([glibc.major, glibc.minor]),
        ..probed(&request.target)
    };
    target_facts.triple = request.target.triple().to_owned();
    facts.targets = vec![target_facts.clone()];
    for candidate in choose::viable_candidates(&request, &facts, &c, Utf8Path::new("/tools")) {
        let report = glibc.map(|glibc| Report {
            facts: Some(facts_of(glibc)),
            ..Report::default()
        });
        target_facts
            .reports
            .extend(report.map(|report| (candidate.key(), report)));
    }
    facts.targets = vec![target_facts];
    choose(&request, &facts, &c, Utf8Path::new("/tools"))
}

/// Checks the choice, or the problem with its notes and help lines.
pub fn check_choice(text: &str, target: &str, choice: Option<LinkerChoice>, expected: &str) {
    let found = match chosen(text, target, choice) {
        Ok(chosen) => {
            let shown = ["_LINKER", "CC", "CXX", "AR_"];
            let variables = chosen.candidate.variables.iter().filter(|variable| {
                let name = &variable.name;
                name == "LIB" || shown.iter().any(|part| name.contains(part))
            });
            let variables = variables.map(|variable| {
                let by = if variable.set_by == SetBy::User {
                    " (user)"
                } else {
                    ""
                };
                format!(" {}={}{by}", variable.name, variable.value)
            });
            format!(
                "{}{}",
                chosen.candidate.kind.name(),
                variables.collect::<String>()
            )
        }
        Err(problem) => {
            let notes: Vec<String> = problem
                .notes
                .iter()
                .flat_map(|note| note.lines.clone())
                .collect();
            format!(
                "{}: {} | {}",
                problem.code.name(),
                notes.join(" | "),
                problem.help.join(" | ")
            )
        }
    };
    // The digest in a script's name does not matter here.
    let mut parts = found.split("xpkg-");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("xpkg-");
        shown.push_str(part.get(13..).unwrap_or(part));
    }
    assert_eq!(shown, expected, "{text} for {target}");
}

/// Checks the choice of `auto`.
fn check(text: &str, target: &str, expected: &str) {
    check_choice(text, target, None, expected);
}

const X86_GNU: &str = "x86_64-unknown-linux-gnu";

const X86_MUSL: &str = "x86_64-unknown-linux-musl";

const ARM_GNU: &str = "aarch64-unknown-linux-gnu";

const ARM_MUSL: &str = "aarch64-unknown-linux-musl";

#[test]
fn the_hosts_own_triple_takes_the_hosts_cc() {
    check(
        "cc=x86_64-linux-gnu x86_64-linux-gnu-gcc=x86_64-linux-gnu",
        X86_GNU,
        "native",
    );
}

#[test]
fn a_compiler_for_the_very_libc_comes_before_rust_lld() {
    check(
        "aarch64-linux-gnu-gcc=aarch64-linux-gnu aarch64-linux-gnu-ar",
        ARM_GNU,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
         CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
         AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar",
    );
    check(
        "lld self-contained aarch64-linux-musl-gcc=aarch64-linux-musl aarch64-linux-musl-g++",
        ARM_MUSL,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=aarch64-linux-musl-gcc \
         CC_aarch64_unknown_linux_musl=aarch64-linux-musl-gcc \
         CXX_aarch64_unknown_linux_musl=aarch64-linux-musl-g++",
    );
}

#[test]
fn pure_rust_for_musl_needs_no_compiler() {
    check(
        "lld self-contained",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1",
    );
}

#[test]
fn what_stands_before_rust_lld_is_a_name_on_path() {
    let (mut facts, mut target_facts, c, ..) = machine("lld self-contained");
    let target = Target::parse(ARM_MUSL, &[ARM_MUSL.to_owned()]).unwrap();
    target_facts.triple = ARM_MUSL.to_owned();
    facts.targets = vec![target_facts];
    let request = TargetRequest {
        target,
        choice: None,
        c_dependencies: None,
        image: None,
        sysroot: None,
        overrides: TargetOverrides::default(),
        accept: Vec::new(),
    };
    let chosen = choose(&request, &facts, &c, Utf8Path::new("/tools")).unwrap();
    let candidate = chosen.candidate;
    assert_eq!(
        candidate.variables,
        [Variable::ours(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER".to_owned(),
            "rust-lld-1"
        )]
    );
    assert_eq!(candidate.path.as_deref(), Some(Utf8Path::new("/tools/bin")));
    assert_eq!(
        candidate.files,
        [
            ToolFile {
                path: "/tools/bin/xpkg-self-0.1.0".into(),
                text: "#!/bin/sh\n# Written by cargo xpkg.\nexec '/my bin/cargo-xpkg' \"$@\"\n"
                    .to_owned(),
                program: true,
            },
            ToolFile {
                path: "/tools/bin/rust-lld-1".into(),
                text:
                    "#!/bin/sh\n# Written by cargo xpkg.\nexec \"${0%/*}/xpkg-self-0.1.0\" __lld \
                       \"$@\"\n"
                        .to_owned(),
                program: true,
            },
        ]
    );
}

#[test]
fn a_wrapper_of_the_hosts_gcc_compiles_c_for_musl_but_never_links() {
    check(
        "c lld self-contained x86_64-linux-musl-gcc=x86_64-linux-gnu",
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 \
         CC_x86_64_unknown_linux_musl=x86_64-linux-musl-gcc",
    );
    check(
        "c lld self-contained musl-gcc=x86_64-linux-gnu ar",
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 \
         CC_x86_64_unknown_linux_musl=musl-gcc AR_x86_64_unknown_linux_musl=ar",
    );
}

#[test]
fn the_users_own_compiler_stays_and_counts() {
    check(
        "c lld self-contained CC:my-cc my-cc",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 TARGET_CC=my-cc (user)",
    );
    check(
        "aarch64-linux-gnu-gcc=aarch64-linux-gnu linker:my-ld my-ld",
        ARM_GNU,
        "configured CARGO_TARGET_LINKER=my-ld (user)",
    );
}

#[test]
fn clang_serves_where_it_finds_all_it_needs() {
    check(
        "clang=x86_64-pc-linux-gnu clang-finds",
        ARM_GNU,
        "clang CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=xpkg-aarch64-linux-gnu-clang \
         CC_aarch64_unknown_linux_gnu=xpkg-aarch64-linux-gnu-clang",
    );
}

#[test]
fn each_reason_is_listed_if_nothing_links() {
    check(
        "lld clang clang-lost",
        ARM_GNU,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-gnu-gcc` is not on PATH | clang    finds no C library with \
         `--target=aarch64-linux-gnu`: it needs a sysroot | rust-lld links for musl only: for gnu \
         it needs a sysroot | zig      not on PATH, and `python3 -m ziglang` failed | image    \
         none is configured for this target | install a cross compiler (`apt-get install \
         gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)",
    );
    check(
        "c lld self-contained",
        ARM_MUSL,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-musl-gcc` is not on PATH | clang    would use the host's C \
         library for aarch64-linux-musl: it needs a sysroot | rust-lld can link, but no C \
         compiler for musl was found: `aarch64-linux-musl-gcc` is not on PATH | zig      not on \
         PATH, and `python3 -m ziglang` failed | image    none is configured for this target | \
         ring 0.17.0 (by `cc`) | install zig (`pip install ziglang`) | or set a musl cross \
         compiler of your own in `CC_aarch64_unknown_linux_musl` | or, if that C is never \
         compiled for the target, set `c-dependencies = false` in xpkg's configuration",
    );
    check(
        "lld self-contained zig rustflags:-Clink-arg=-fuse-ld=mold",
        X86_MUSL,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `x86_64-linux-musl-gcc` is not on PATH | clang    would use the host's C \
         library for x86_64-linux-musl: it needs a sysroot | rust-lld the effective rustflags \
         contain `-Clink-arg=-fuse-ld=mold`, which it does not support | zig      links \
         with its own lld only, but the effective rustflags contain \
         `-Clink-arg=-fuse-ld=mold` | image    none is configured for this target | remove \
         `-Clink-arg=-fuse-ld=mold` from the rustflags",
    );
}

#[test]
fn a_compiler_for_another_machine_is_rejected() {
    check(
        "aarch64-linux-gnu-gcc=x86_64-linux-gnu clang clang-lost",
        ARM_GNU,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-gnu-gcc` compiles for `x86_64-linux-gnu`, not for \
         `aarch64-linux-gnu` | clang    finds no C library with `--target=aarch64-linux-gnu`: it \
         needs a sysroot | rust-lld links for musl only: for gnu it needs a sysroot | zig      \
         not on PATH, and `python3 -m ziglang` failed | image    none is configured for this \
         target | install a cross compiler (`apt-get install gcc-aarch64-linux-gnu`) or zig (`pip \
         install ziglang`)",
    );
}

#[test]
fn a_compiler_without_its_c_library_is_rejected() {
    let gcc = "aarch64-linux-gnu-gcc=aarch64-linux-gnu without-libc:aarch64-linux-gnu-gcc";
    let reason = "`aarch64-linux-gnu-gcc` has no C library: it finds no `crt1.o` (`apt-get \
                  install libc6-dev-arm64-cross`)";
    check(
        gcc,
        ARM_GNU,
        &format!(
            "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
             gcc      {reason} | clang    `clang` is not on PATH | rust-lld links for musl only: \
             for gnu it needs a sysroot | zig      not on PATH, and `python3 -m ziglang` failed | \
             image    none is configured for this target | install the compiler's C library \
             (`apt-get install libc6-dev-arm64-cross`) or zig (`pip install ziglang`)"
        ),
    );
    check(
        &format!("{gcc} aarch64-linux-gnu-gcc-12=aarch64-linux-gnu"),
        ARM_GNU,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc-12 \
         CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc-12",
    );
    check(
        &format!("{gcc} linker:aarch64-linux-gnu-gcc"),
        ARM_GNU,
        &format!(
            "linker-unfit: {reason} | correct or remove `CARGO_TARGET_LINKER` in the environment"
        ),
    );
    check_choice(
        "cc=x86_64-linux-gnu without-libc:cc",
        X86_GNU,
        Some(LinkerChoice::Native),
        "linker-unfit: `cc` has no C library: it finds no `crt1.o` (`apt-get install libc6-dev`) \
         | remove the choice, and xpkg uses the first linker that works",
    );
}

#[test]
fn a_shared_musl_is_refused_for_rust_lld_however_it_is_chosen() {
    let reason = "Rust links this target's musl as a shared library by default, which Rust does \
                  not include";
    check_choice(
        "lld self-contained shared-musl",
        X86_MUSL,
        Some(LinkerChoice::RustLld),
        &format!(
            "linker-unfit: {reason} | remove the choice, and xpkg uses the first linker that works"
        ),
    );
    check(
        "lld self-contained shared-musl linker:rust-lld",
        X86_MUSL,
        &format!(
            "linker-unfit: {reason} | correct or remove `CARGO_TARGET_LINKER` in the environment"
        ),
    );
    // zig brings a static one.
    check(
        "lld self-contained shared-musl zig ar",
        ARM_MUSL,
        "zig CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=xpkg-zigcc-zig-target \
         CC_aarch64_unknown_linux_musl=xpkg-zigcc-zig-target CXX_aarch64_unknown_linux_musl=xpkg-zigcxx-zig-target \
         AR_aarch64_unknown_linux_musl=ar",
    );
}

#[test]
fn a_choice_binds_or_fails() {
    check_choice(
        "aarch64-linux-gnu-gcc=aarch64-linux-gnu lld",
        ARM_GNU,
        Some(LinkerChoice::RustLld),
        "linker-unfit: links for musl only: for gnu it needs a sysroot | remove the choice, and \
         xpkg uses the first linker that works",
    );
    check_choice(
        "cc gcc=x86_64-linux-gnu",
        X86_GNU,
        Some(LinkerChoice::Gcc),
        "gcc CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=gcc CC_x86_64_unknown_linux_gnu=gcc",
    );
    check(
        "linker:my-ld aarch64-linux-gnu-gcc=aarch64-linux-gnu",
        ARM_GNU,
        "linker-unfit: `my-ld` is not on PATH | correct or remove `CARGO_TARGET_LINKER` in the \
         environment",
    );
    check(
        "linker:cc cc=x86_64-linux-gnu",
        ARM_GNU,
        "linker-unfit: it compiles for `x86_64-linux-gnu` | correct or remove \
         `CARGO_TARGET_LINKER` in the environment",
    );
}

#[test]
fn a_choice_overrides_cargos_configuration_but_not_rustflags() {
    check_choice(
        "cc=x86_64-linux-gnu linker:mine mine",
        X86_GNU,
        Some(LinkerChoice::Native),
        "native CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=cc",
    );
    check_choice(
        "lld self-contained linker:mine mine",
        ARM_MUSL,
        Some(LinkerChoice::Auto),
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1",
    );
    check_choice(
        "lld self-contained flag-linker:mine mine",
        ARM_MUSL,
        Some(LinkerChoice::RustLld),
        "linker-unfit: the effective rustflags contain `-C linker=mine`, which overrides every \
         other choice | remove the choice, and xpkg uses the first linker that works",
    );
}

#[test]
fn a_floor_is_guaranteed_only_if_the_compilers_glibc_is_known() {
    check(
        "cc=x86_64-linux-gnu",
        "x86_64-unknown-linux-gnu.2.17",
        "no-linker: native   cannot guarantee the glibc floor 2.17: the glibc that it links \
         against is unknown | gcc      `x86_64-linux-gnu-gcc` is not on PATH | clang    `clang` \
         is not on PATH | rust-lld links for musl only: for gnu it needs a sysroot | zig      not \
         on PATH, and `python3 -m ziglang` failed | image    none is configured for this target | \
         install zig (`pip install ziglang`), which links for any glibc | choose the linker \
         yourself; then only the finished binaries are checked against the floor: `--linker \
         native` | or build on a system whose glibc is as old as the floor",
    );
    check_choice(
        "cc=x86_64-linux-gnu",
        "x86_64-unknown-linux-gnu.2.17",
        Some(LinkerChoice::Native),
        "native",
    );
}

/// Returns the facts object of a compiler for exactly this target.
fn probed(target: &Target) -> CompilerFacts {
    CompilerFacts {
        machine: format!(
            "EM_{}",
            goblin::elf::header::machine_to_str(target.arch.elf)
        ),
        ..CompilerFacts::default()
    }
}

#[test]
fn a_compiler_with_an_older_glibc_guarantees_the_floor() {
    check(
        "cc=x86_64-linux-gnu glibc:2.36 zig",
        "x86_64-unknown-linux-gnu.2.17",
        "zig CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=xpkg-zigcc-zig-target \
         CC_x86_64_unknown_linux_gnu=xpkg-zigcc-zig-target CXX_x86_64_unknown_linux_gnu=xpkg-zigcxx-zig-target \
         AR_x86_64_unknown_linux_gnu=xpkg-zig-ar",
    );
    check(
        "cc=x86_64-linux-gnu glibc:2.31 zig",
        "x86_64-unknown-linux-gnu.2.31",
        "native",
    );
    check_choice(
        "cc=x86_64-linux-gnu glibc:2.36",
        "x86_64-unknown-linux-gnu.2.35",
        Some(LinkerChoice::Native),
        "native",
    );
    check_choice(
        "cc=x86_64-linux-gnu glibc:2.36",
        "x86_64-unknown-linux-gnu.2.17",
        Some(LinkerChoice::Native),
        "linker-unfit: links against glibc 2.36, above the floor of 2.17: each program that it \
         links needs 2.34 to start | remove the choice, and xpkg uses the first linker that works",
    );
    // cargo's own configuration is a choice, too.
    check(
        "linker:aarch64-linux-gnu-gcc aarch64-linux-gnu-gcc=aarch64-linux-gnu glibc:2.36",
        "aarch64-unknown-linux-gnu.2.17",
        "linker-unfit: links against glibc 2.36, above the floor of 2.17: each program that it \
         links needs 2.34 to start | correct or remove `CARGO_TARGET_LINKER` in the environment",
    );
}

#[test]
fn a_floor_outside_zigs_range_is_rejected() {
    check_choice(
        "zig",
        "aarch64-unknown-linux-gnu.2.99",
        Some(LinkerChoice::Zig),
        "linker-unfit: zig 0.17.0 links for glibc 2.17 to 2.44, not for 2.99 | remove the choice, \
         and xpkg uses the first linker that works",
    );
}

#[test]
fn zig_links_where_nothing_else_does() {
    check(
        "zig ar",
        ARM_GNU,
        "zig CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=xpkg-zigcc-zig-target \
         CC_aarch64_unknown_linux_gnu=xpkg-zigcc-zig-target CXX_aarch64_unknown_linux_gnu=xpkg-zigcxx-zig-target \
         AR_aarch64_unknown_linux_gnu=ar",
    );
    check(
        "zig lld self-contained",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1",
    );
    check("cc=x86_64-linux-gnu zig", X86_GNU, "native");
    // GNU's compiler links windows-gnu only, and the host's archiver does not index its objects.
    check(
        "zig ar x86_64-w64-mingw32-gcc=x86_64-w64-mingw32",
        "x86_64-pc-windows-gnullvm",
        "zig CARGO_TARGET_X86_64_PC_WINDOWS_GNULLVM_LINKER=xpkg-zigcc-zig-target \
         CC_x86_64_pc_windows_gnullvm=xpkg-zigcc-zig-target \
         CXX_x86_64_pc_windows_gnullvm=xpkg-zigcxx-zig-target \
         AR_x86_64_pc_windows_gnullvm=xpkg-zig-ar",
    );
}

#[test]
fn a_gcc_for_musl_compiles_the_c_and_zig_the_cxx() {
    let machine = "lld self-contained musl-gcc=x86_64-linux-gnu ar ranlib zig";
    check(
        &format!("c {machine}"),
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1 \
         CC_x86_64_unknown_linux_musl=musl-gcc AR_x86_64_unknown_linux_musl=ar",
    );
    check(
        &format!("c++ {machine}"),
        X86_MUSL,
        "zig CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=xpkg-zigcc-zig-target \
         CC_x86_64_unknown_linux_musl=musl-gcc CXX_x86_64_unknown_linux_musl=xpkg-zigcxx-zig-target \
         AR_x86_64_unknown_linux_musl=ar",
    );
}

#[test]
fn missing_cxx_compiler_is_reported_before_cargo_starts() {
    check(
        "c++ aarch64-linux-gnu-gcc=aarch64-linux-gnu",
        ARM_GNU,
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
         gcc      `aarch64-linux-gnu-g++` is not on PATH, and ring 0.17.0 compiles C++ | clang    \
         `clang` is not on PATH | rust-lld links for musl only: for gnu it needs a sysroot | \
         zig      not on PATH, and `python3 -m ziglang` failed | image    none is configured for \
         this target | ring 0.17.0 (by `cc`) | install a cross compiler (`apt-get install \
         g++-aarch64-linux-gnu`) or zig (`pip install ziglang`)",
    );
    check(
        "c++ aarch64-linux-gnu-gcc=aarch64-linux-gnu aarch64-linux-gnu-g++",
        ARM_GNU,
        "gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
         CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
         CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++",
    );
}

#[test]
fn the_explanation_of_no_linker_names_every_kind_in_the_order_of_auto() {
    let kinds: Vec<&str> = KINDS.iter().map(|entry| entry.kind.name()).collect();
    let detection = choose::NO_LINKER.info().detection;
    assert!(
        detection.contains(&format!("in this order: {}.", kinds.join(", "))),
        "{detection}"
    );
}

/// Debian's compiler for hard-float Arm, whose C library is for ARMv7.
const DEBIANS_ARMHF: &str =
    "arm-linux-gnueabihf-gcc=arm-linux-gnueabihf armv7-start:arm-linux-gnueabihf-gcc";

#[test]
fn a_c_library_for_newer_processors_is_not_linked() {
    check(
        DEBIANS_ARMHF,
        "arm-unknown-linux-gnueabihf",
        "cpu-level: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | gcc \
         \u{20}    `arm-linux-gnueabihf-gcc` links a C library for ARMv7, but the target promises \
         ARMv6 only; compiler flags do not change that | clang    `clang` is not on PATH | \
         rust-lld links for musl only: for gnu it needs a sysroot | zig      not on PATH, and \
         `python3 -m ziglang` failed | image    none is configured for this target | install zig \
         (`pip install ziglang`), which has a C library for it | or name an image whose C library \
         is for it (`cargo xpkg help cross-images`) | or, if it will only run on newer \
         processors: `--accept cpu-level`",
    );
    check(
        &format!("{DEBIANS_ARMHF} zig"),
        "arm-unknown-linux-gnueabihf",
        "zig CARGO_TARGET_ARM_UNKNOWN_LINUX_GNUEABIHF_LINKER=xpkg-zigcc-zig-target \
         CC_arm_unknown_linux_gnueabihf=xpkg-zigcc-zig-target CXX_arm_unknown_linux_gnueabihf=xpkg-zigcxx-zig-target \
         AR_arm_unknown_linux_gnueabihf=xpkg-zig-ar",
    );
    check(
        DEBIANS_ARMHF,
        "armv7-unknown-linux-gnueabihf",
        "gcc CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc \
         CC_armv7_unknown_linux_gnueabihf=arm-linux-gnueabihf-gcc",
    );
    check_choice(
        DEBIANS_ARMHF,
        "arm-unknown-linux-gnueabihf",
        Some(LinkerChoice::Gcc),
        "cpu-level: `arm-linux-gnueabihf-gcc` links a C library for ARMv7, but the target promises \
         ARMv6 only; compiler flags do not change that | install zig (`pip install ziglang`), \
         which has a C library for it | or name an image whose C library is for it (`cargo xpkg \
         help cross-images`) | or, if it will only run on newer processors: `--accept cpu-level`",
    );
}

#[test]
fn the_help_for_armv6_names_no_compiler_for_armv7() {
    let tried = |gcc: &str| {
        format!(
            "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | \
             gcc      `{gcc}` is not on PATH | clang    `clang` is not on PATH | rust-lld links \
             for musl only: for gnu it needs a sysroot | zig      not on PATH, and `python3 -m \
             ziglang` failed | image    none is configured for this target | install "
        )
    };
    check(
        "",
        "arm-unknown-linux-gnueabihf",
        &format!(
            "{}zig (`pip install ziglang`)",
            tried("arm-linux-gnueabihf-gcc")
        ),
    );
    check(
        "",
        "arm-unknown-linux-gnueabi",
        &format!(
            "{}a cross compiler (`apt-get install gcc-arm-linux-gnueabi`) or zig (`pip install \
             ziglang`)",
            tried("arm-linux-gnueabi-gcc")
        ),
    );
}

const MAC: &str = "aarch64-apple-darwin";

#[test]
fn frameworks_need_an_sdk() {
    // An archiver of Linux writes no index of objects for macOS.
    let linked = "zig CARGO_TARGET_AARCH64_APPLE_DARWIN_LINKER=xpkg-zigcc-zig-target \
                  CC_aarch64_apple_darwin=xpkg-zigcc-zig-target \
                  CXX_aarch64_apple_darwin=xpkg-zigcxx-zig-target \
                  AR_aarch64_apple_darwin=xpkg-zig-ar";
    check("zig ar", MAC, linked);
    check("zig framework:CoreFoundation sdk:15.5", MAC, linked);
    let set = "set Apple's SDK in xpkg's configuration, \
               `[workspace.metadata.xpkg.target.aarch64-apple-darwin]` with `sysroot = \
               \"…/MacOSX.sdk\"`, or build on a Mac | or, if they are not linked: `--accept \
               sdk-missing`";
    let reason = "links without an SDK, but packages need Security, objc \
                  (core-foundation-sys 0.8.7)";
    let reason = reason.replace(
        "Security, objc",
        "Security (core-foundation-sys 0.8.7), objc",
    );
    check_choice(
        "zig framework:Security framework:objc",
        MAC,
        Some(LinkerChoice::Zig),
        &format!("sdk-missing: {reason} | {set}"),
    );
    check_choice(
        "zig no-sdk",
        MAC,
        Some(LinkerChoice::Zig),
        "linker-unfit: cannot link with the SDK: `/x` is no SDK of Apple's | set `sysroot` to the \
         directory of an SDK for macOS: `…/MacOSX.sdk`",
    );
}

#[test]
fn an_ndk_links_for_android() {
    check(
        "ndk:aarch64-linux-android21-clang zig",
        "aarch64-linux-android",
        "clang CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER=xpkg-aarch64-linux-android21-clang \
         CC_aarch64_linux_android=xpkg-aarch64-linux-android21-clang \
         CXX_aarch64_linux_android=xpkg-aarch64-linux-android21-clang++ \
         AR_aarch64_linux_android=xpkg-llvm-ar",
    );
    check(
        "zig",
        "aarch64-linux-android",
        "no-linker: native   links for the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `aarch64-linux-android-gcc` is not on PATH | clang    needs Android's NDK, and neither \
         `ANDROID_NDK_HOME` nor `ANDROID_NDK_ROOT` is set | rust-lld links for musl only | zig      \
         includes no C library for linux-android | image    none is configured for this target | \
         install Android's NDK, and set `ANDROID_NDK_HOME` to its directory | or set a linker for it \
         in `CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER`",
    );
}
