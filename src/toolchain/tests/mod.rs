//! Table tests of the choice: a machine in short notation, a target, and the choice or the reasons
//! against each candidate.

mod choice;
mod floors;
mod systems;

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::Result;
use crate::project::apple_libraries::AppleLibrary;
use crate::project::c_package::CPackage;
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
            ("multilib", ..) => target_facts.multilib = true,
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
                    library: "/z/lib".into(),
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
