//! Choosing, as a table: the machine in a few words, a target, and what is chosen or why nothing
//! is.

use camino::Utf8Path;

use crate::project::graph::CPackage;
use crate::project::linker::LinkerChoice;
use crate::project::request::{TargetOverrides, TargetRequest};
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::SetBy;
use crate::toolchain::choose::{self, choose};
use crate::toolchain::facts::{ClangFinds, Facts, TargetFacts, Zig, ZigTools};
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;

/// `program=machine` words are programs on PATH; `lld`, `self-contained`, `clang-finds`, `c`, and
/// `linker:X`, `CC:X`, `rustflags:X` for what the user has set.
fn machine(text: &str) -> (Facts, TargetFacts, CUsage, Option<Glibc>) {
    let mut glibc = None;
    let mut facts = Facts::default();
    facts.rustc.host = "x86_64-unknown-linux-gnu".to_owned();
    let mut here = TargetFacts::default();
    let mut c = CUsage {
        holds: false,
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
            ("self-contained", ..) => here.self_contained = true,
            ("clang-finds", ..) => {
                here.clang = Some(ClangFinds {
                    start_file: "/x/crt1.o".to_owned(),
                    linker: "/usr/bin/aarch64-linux-gnu-ld".to_owned(),
                    lld: false,
                });
            }
            ("clang-lost", ..) => {
                here.clang = Some(ClangFinds {
                    start_file: "crt1.o".to_owned(),
                    linker: "/usr/bin/ld".to_owned(),
                    lld: false,
                })
            }
            ("zig", ..) => {
                let glibc = ["2.0.0", "2.17.0", "2.44.0"].map(str::to_owned).to_vec();
                facts.zig = Some(Zig {
                    path: "/z/zig".into(),
                    version: "0.17.0".to_owned(),
                    cache: "/z/cache".into(),
                    glibc,
                });
                let program = |name: &str| format!("/w/{name}").into();
                let target = "zig-target".to_owned();
                here.zig = Some(Ok(ZigTools {
                    cc: program("zigcc"),
                    cxx: program("zigcxx"),
                    ranlib: program("zigranlib"),
                    target,
                }));
            }
            (_, _, Some(("glibc", value))) => glibc = Glibc::parse(value),
            ("c" | "c++", ..) => {
                c.holds = true;
                c.packages.push(CPackage {
                    package: "ring".to_owned(),
                    version: "0.17.0".to_owned(),
                    builder: "cc".to_owned(),
                    levels: Vec::new(),
                    cxx: word == "c++",
                });
            }
            (_, _, Some(("linker", value))) => {
                here.linker = Some(setting("CARGO_TARGET_LINKER", value))
            }
            (_, _, Some(("flag-linker", value))) => {
                here.linker = Some(Setting {
                    place: SettingOrigin::Rustflags,
                    ..setting("-C linker", value)
                });
            }
            (_, _, Some(("CC", value))) => {
                here.settings
                    .insert("CC".to_owned(), setting("TARGET_CC", value));
            }
            (_, _, Some(("rustflags", value))) => here.rustflags.push(value.to_owned()),
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
    (facts, here, c, glibc)
}

fn check_choice(text: &str, target: &str, choice: Option<LinkerChoice>, expected: &str) {
    let (mut facts, mut here, c, glibc) = machine(text);
    let target = Target::parse(target, &[target.split('.').next().unwrap().to_owned()]).unwrap();
    let request = TargetRequest {
        target,
        choice: choice.map(|choice| (choice, "`--linker`".to_owned())),
        c_dependencies: None,
        image: None,
        sysroot: None,
        overrides: TargetOverrides::default(),
        accept: Vec::new(),
    };
    let facts_of = |glibc: Glibc| CompilerFacts {
        glibc: Some([glibc.major, glibc.minor]),
        ..probed(&request.target)
    };
    facts
        .targets
        .insert(request.target.triple().to_owned(), here.clone());
    for candidate in choose::contenders(&request, &facts, &c, Utf8Path::new("/tools")) {
        let report = glibc.map(|glibc| Report {
            facts: Some(facts_of(glibc)),
            ..Report::default()
        });
        here.reports
            .extend(report.map(|report| (candidate.key(), report)));
    }
    facts
        .targets
        .insert(request.target.triple().to_owned(), here);
    let found = match choose(&request, &facts, &c, Utf8Path::new("/tools")) {
        Ok(chosen) => {
            let told = ["_LINKER", "CC", "CXX", "AR_"];
            let variables = chosen
                .candidate
                .variables
                .iter()
                .filter(|variable| told.iter().any(|part| variable.name.contains(part)));
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
    // The digest in a file's place is of no interest here.
    let place = |part: &str| {
        part.len() > 17
            && part.as_bytes()[16] == b'/'
            && part[..16].bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let found: Vec<&str> = found
        .split("/tools/")
        .map(|part| if place(part) { &part[17..] } else { part })
        .collect();
    assert_eq!(
        found.join("/tools/"),
        expected,
        "{text} for {}",
        request.target
    );
}

/// What `auto` makes of a machine.
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
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld",
    );
}

#[test]
fn a_wrapper_of_the_hosts_gcc_compiles_c_for_musl_but_never_links() {
    check(
        "c lld self-contained x86_64-linux-musl-gcc=x86_64-linux-gnu",
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
         CC_x86_64_unknown_linux_musl=x86_64-linux-musl-gcc",
    );
    check(
        "c lld self-contained musl-gcc=x86_64-linux-gnu ar",
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
         CC_x86_64_unknown_linux_musl=musl-gcc AR_x86_64_unknown_linux_musl=ar",
    );
}

#[test]
fn the_users_own_compiler_stays_and_counts() {
    check(
        "c lld self-contained CC:my-cc my-cc",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld TARGET_CC=my-cc (user)",
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
        "clang CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=/tools/aarch64-linux-gnu-clang \
         CC_aarch64_unknown_linux_gnu=/tools/aarch64-linux-gnu-clang",
    );
}

#[test]
fn where_nothing_serves_each_reason_stands() {
    check(
        "lld clang clang-lost",
        ARM_GNU,
        "no-linker: native   serves the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `aarch64-linux-gnu-gcc` is not on PATH | clang    finds no C library by \
         `--target=aarch64-linux-gnu`: it needs a sysroot | rust-lld serves musl only: for gnu it \
         needs a sysroot | zig      not on PATH, and `python3 -m ziglang` failed | image    none \
         is configured for this target | install a cross compiler (`apt-get install \
         gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)",
    );
    check(
        "c lld self-contained",
        ARM_MUSL,
        "no-linker: native   serves the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `aarch64-linux-musl-gcc` is not on PATH | clang    would take the host's C library for \
         aarch64-linux-musl: it needs a sysroot | rust-lld links, but nothing here compiles C for \
         musl: `aarch64-linux-musl-gcc` is not on PATH | zig      not on PATH, and `python3 -m \
         ziglang` failed | image    none is configured for this target | ring 0.17.0 (by `cc`) | \
         install zig (`pip install ziglang`) | or name a musl cross compiler of yours in \
         `CC_aarch64_unknown_linux_musl` | or, if that C is never compiled for the target, set \
         `c-dependencies = false` in xpkg's configuration",
    );
    check(
        "lld self-contained rustflags:-Clink-arg=-fuse-ld=mold",
        X86_MUSL,
        "no-linker: native   serves the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `x86_64-linux-musl-gcc` is not on PATH | clang    would take the host's C library for \
         x86_64-linux-musl: it needs a sysroot | rust-lld the rustflags in force hold \
         `-Clink-arg=-fuse-ld=mold`, which it cannot follow | zig      not on PATH, and `python3 \
         -m ziglang` failed | image    none is configured for this target | take the flag out of \
         the rustflags, or name a linker that follows it: | `export \
         CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=x86_64-linux-musl-gcc`",
    );
}

#[test]
fn a_compiler_that_compiles_for_another_machine_falls() {
    check(
        "aarch64-linux-gnu-gcc=x86_64-linux-gnu clang clang-lost",
        ARM_GNU,
        "no-linker: native   serves the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `aarch64-linux-gnu-gcc` compiles for `x86_64-linux-gnu`, not for `aarch64-linux-gnu` | \
         clang    finds no C library by `--target=aarch64-linux-gnu`: it needs a sysroot | \
         rust-lld serves musl only: for gnu it needs a sysroot | zig      not on PATH, and \
         `python3 -m ziglang` failed | image    none is configured for this target | install a \
         cross compiler (`apt-get install gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)",
    );
}

#[test]
fn a_choice_binds_or_fails() {
    check_choice(
        "aarch64-linux-gnu-gcc=aarch64-linux-gnu lld",
        ARM_GNU,
        Some(LinkerChoice::RustLld),
        "linker-unfit: serves musl only: for gnu it needs a sysroot | drop the choice, and xpkg \
         takes the first that serves",
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
fn a_choice_is_not_beaten_by_cargos_configuration_and_says_so_where_flags_beat_it() {
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
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld",
    );
    check_choice(
        "lld self-contained flag-linker:mine mine",
        ARM_MUSL,
        Some(LinkerChoice::RustLld),
        "linker-unfit: the rustflags in force hold `-C linker=mine`, which beats every other \
         choice | drop the choice, and xpkg takes the first that serves",
    );
}

#[test]
fn who_links_against_the_glibc_at_hand_promises_a_floor_only_where_that_is_known() {
    check(
        "cc=x86_64-linux-gnu",
        "x86_64-unknown-linux-gnu.2.17",
        "no-linker: native   cannot promise the glibc floor 2.17: it does not say against which \
         glibc it links | gcc      `x86_64-linux-gnu-gcc` is not on PATH | clang    `clang` is \
         not on PATH | rust-lld serves musl only: for gnu it needs a sysroot | zig      not on \
         PATH, and `python3 -m ziglang` failed | image    none is configured for this target | \
         install zig (`pip install ziglang`), which links for any glibc | choose the linker \
         yourself, and the finished bins are held to the floor: `--linker native` | or build on a \
         system whose glibc is as old as the floor",
    );
    check_choice(
        "cc=x86_64-linux-gnu",
        "x86_64-unknown-linux-gnu.2.17",
        Some(LinkerChoice::Native),
        "native",
    );
}

/// What the facts object of a compiler for this very target says.
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
fn a_compiler_with_an_older_glibc_promises_the_floor() {
    check(
        "cc=x86_64-linux-gnu glibc:2.36 zig",
        "x86_64-unknown-linux-gnu.2.17",
        "zig CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=/w/zigcc \
         CC_x86_64_unknown_linux_gnu=/w/zigcc CXX_x86_64_unknown_linux_gnu=/w/zigcxx \
         AR_x86_64_unknown_linux_gnu=/tools/zig-ar",
    );
    check(
        "cc=x86_64-linux-gnu glibc:2.31 zig",
        "x86_64-unknown-linux-gnu.2.31",
        "native",
    );
    check_choice(
        "cc=x86_64-linux-gnu glibc:2.36",
        "x86_64-unknown-linux-gnu.2.17",
        Some(LinkerChoice::Native),
        "native",
    );
}

#[test]
fn a_floor_out_of_zigs_range_is_refused() {
    check_choice(
        "zig",
        "aarch64-unknown-linux-gnu.2.99",
        Some(LinkerChoice::Zig),
        "linker-unfit: zig 0.17.0 links for glibc 2.17 to 2.44, not for 2.99 | drop the choice, \
         and xpkg takes the first that serves",
    );
}

#[test]
fn zig_links_where_nothing_else_does() {
    check(
        "zig ar",
        ARM_GNU,
        "zig CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=/w/zigcc \
         CC_aarch64_unknown_linux_gnu=/w/zigcc CXX_aarch64_unknown_linux_gnu=/w/zigcxx \
         AR_aarch64_unknown_linux_gnu=ar",
    );
    check(
        "zig lld self-contained",
        ARM_MUSL,
        "rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld",
    );
    check("cc=x86_64-linux-gnu zig", X86_GNU, "native");
}

#[test]
fn a_gcc_for_musl_compiles_the_c_and_zig_the_cxx() {
    let machine = "lld self-contained musl-gcc=x86_64-linux-gnu ar ranlib zig";
    check(
        &format!("c {machine}"),
        X86_MUSL,
        "rust-lld CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
         CC_x86_64_unknown_linux_musl=musl-gcc AR_x86_64_unknown_linux_musl=ar",
    );
    check(
        &format!("c++ {machine}"),
        X86_MUSL,
        "zig CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=/w/zigcc \
         CC_x86_64_unknown_linux_musl=musl-gcc CXX_x86_64_unknown_linux_musl=/w/zigcxx \
         AR_x86_64_unknown_linux_musl=ar",
    );
}

#[test]
fn cxx_without_a_compiler_for_it_is_told_before_cargo_starts() {
    check(
        "c++ aarch64-linux-gnu-gcc=aarch64-linux-gnu",
        ARM_GNU,
        "no-linker: native   serves the host's triple only, `x86_64-unknown-linux-gnu` | gcc      \
         `aarch64-linux-gnu-g++` is not on PATH, and ring 0.17.0 compiles C++ | clang    `clang` \
         is not on PATH | rust-lld serves musl only: for gnu it needs a sysroot | zig      not on \
         PATH, and `python3 -m ziglang` failed | image    none is configured for this target | \
         ring 0.17.0 (by `cc`) | install a cross compiler (`apt-get install \
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
