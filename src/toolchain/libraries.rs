//! The libraries of the system that a target's packages look for, compared with what was found for
//! the target.
//!
//! Pure: [`crate::toolchain::look::libraries`] asks pkg-config.

use crate::invocation::quote;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::build_tools::BUILD_TOOLS;
use crate::project::installer::Installer;
use crate::project::request::TargetRequest;
use crate::project::system_libraries::NeededLibrary;
use crate::target::Target;
use crate::target::system::Libc;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::system_library::{LibraryAnswer, SystemLibrary};

/// Processors whose packages are in Debian's releases. Those of ports are elsewhere.
const RELEASED: &[&str] = &[
    "amd64", "arm64", "armel", "armhf", "i386", "mips64el", "ppc64el", "riscv64", "s390x",
];

/// Returns one line about the libraries that were not checked.
pub fn not_checked(libraries: &[SystemLibrary]) -> Option<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for library in libraries {
        let LibraryAnswer::NotChecked { why } = &library.answer else {
            continue;
        };
        let package = library.package();
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, packages)) if packages.contains(&package) => {}
            Some((_, packages)) => packages.push(package),
            None => reasons.push((why, vec![package])),
        }
    }
    let reasons = reasons
        .into_iter()
        .map(|(why, packages)| format!("{} ({why})", packages.join(", ")));
    let line = reasons.collect::<Vec<_>>().join("; ");
    (!line.is_empty()).then(|| format!("not checked: {line}"))
}

/// Returns the problem of a library without which the build fails. `package` is a package of the
/// run that a feature may be added to.
pub fn problem(
    library: &SystemLibrary,
    request: &TargetRequest,
    facts: &Facts,
    candidate: &Candidate,
    package: Option<&str>,
) -> Problem {
    let target = &request.target;
    let why = match &library.answer {
        LibraryAnswer::Missing { why, .. } => Some(why.clone()),
        _ => None,
    };
    Problem {
        help: help(library, target, facts, candidate, package),
        ..Problem::new(SYSTEM_LIBRARY_MISSING, library.message(target)).note("cause", why)
    }
}

/// Returns the ways to get the library, the one without another package first.
fn help(
    library: &SystemLibrary,
    target: &Target,
    facts: &Facts,
    candidate: &Candidate,
    package: Option<&str>,
) -> Vec<String> {
    let needed = &library.needed;
    let mut help = Vec::new();
    let forcing = needed.forced_by.first().filter(|_| library.forced);
    help.extend(forcing.map(|variable| format!("let it compile its own: `unset {variable}`")));
    if let (Some(feature), Some(package), None) = (&needed.feature, package, forcing) {
        // What follows a `+` is not part of a requirement.
        let version = needed.version.split('+').next().unwrap_or_default();
        help.push(format!(
            "compile it with the program: `cargo add --package {} {}@{version} --features {feature}`",
            quote(package),
            needed.package
        ));
    }
    let or = |help: &[String], text: String| {
        if help.is_empty() {
            text
        } else {
            format!("or {text}")
        }
    };
    let without_tool = matches!(
        library.answer,
        LibraryAnswer::Missing {
            without_tool: true,
            ..
        }
    );
    if candidate.image.is_some() {
        let ways = in_image(needed, target, facts, candidate, without_tool);
        for way in ways {
            help.push(or(&help, way));
        }
        return help;
    }
    if without_tool {
        let install = install_pkg_config(facts.installer);
        let install = install.map(|line| format!("install pkg-config: `{line}`"));
        help.extend(install.map(|install| or(&help, install)));
        return help;
    }
    let is_foreign = target.triple() != facts.rustc.host;
    if let Some(debian) = needed
        .debian
        .as_ref()
        .filter(|_| facts.installer == Installer::Apt)
    {
        if !is_foreign && target.floor.is_none() {
            help.push(or(&help, format!("install it: `apt-get install {debian}`")));
        } else if looks_in_multiarch(target, candidate) && RELEASED.contains(&target.debian_arch())
        {
            let arch = target.debian_arch();
            help.push(or(
                &help,
                format!(
                    "install it for the target: `dpkg --add-architecture {arch} && apt-get update \
                     && apt-get install {debian}:{arch}`"
                ),
            ));
        }
    } else if !is_foreign {
        let what = needed
            .libraries
            .first()
            .map_or("", |name| name.split(' ').next().unwrap_or_default());
        help.push(or(
            &help,
            format!("install the package of your system that has `{what}.pc`"),
        ));
    }
    if is_foreign {
        help.push(or(
            &help,
            "build in an image that has it, or name a sysroot that has it: `cargo xpkg help \
             linkers`"
                .to_owned(),
        ));
    }
    help
}

/// Returns the command that installs pkg-config.
fn install_pkg_config(installer: Installer) -> Option<String> {
    let tool = BUILD_TOOLS.iter().find(|tool| tool.id == "pkg-config")?;
    installer.line(tool.packages)
}

/// Returns the ways to get the library, or pkg-config itself, in an image.
fn in_image(
    needed: &NeededLibrary,
    target: &Target,
    facts: &Facts,
    candidate: &Candidate,
    without_tool: bool,
) -> Vec<String> {
    let image = facts.of(target).image.as_ref();
    let os = image.and_then(|image| image.as_ref().ok()?.inside.os_release.as_deref());
    let installer = Installer::from_os_release(os.or(Some("")));
    let is_foreign = target.triple() != facts.rustc.host;
    let arch = target.debian_arch();
    let line = match (&needed.debian, installer) {
        _ if without_tool => {
            install_pkg_config(installer).map(|line| line.replace(" install ", " install --yes "))
        }
        (Some(debian), Installer::Apt) if !is_foreign => {
            Some(format!("apt-get install --yes {debian}"))
        }
        (Some(debian), Installer::Apt)
            if looks_in_multiarch(target, candidate) && RELEASED.contains(&arch) =>
        {
            Some(format!("apt-get install --yes {debian}:{arch}"))
        }
        _ => None,
    };
    let before = match installer {
        Installer::Apt if is_foreign && !without_tool => {
            format!("dpkg --add-architecture {arch} && apt-get update && ")
        }
        Installer::Apt => "apt-get update && ".to_owned(),
        _ => String::new(),
    };
    let add = line.map(|line| {
        format!("add it with `pre-build = [\"{before}{line}\"]`, then `cargo xpkg image pin`")
    });
    let other = "use an image that has it for the target".to_owned();
    add.into_iter().chain([other]).collect()
}

/// Returns true if pkg-config looks into the directories of the target's packages of Debian.
fn looks_in_multiarch(target: &Target, candidate: &Candidate) -> bool {
    let directory = format!("/usr/lib/{}/pkgconfig", target.multiarch());
    target.system.libc == Libc::Gnu
        && candidate
            .variables
            .iter()
            .any(|variable| variable.value.split(':').any(|path| path == directory))
}

/// Returns the cautions about build scripts of the target's graph that matter for it. Those about bytes
/// are findings of plans for reproducible builds.
pub fn cautions(target: &Target, facts: &Facts, target_facts: &TargetFacts) -> Vec<String> {
    let is_foreign = target.triple() != facts.rustc.host;
    target_facts
        .cautions
        .iter()
        .filter(|caution| !caution.leaves_paths && (is_foreign || !caution.foreign))
        .map(ToString::to_string)
        .collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[SYSTEM_LIBRARY_MISSING];

/// A library of the system that a package looks for and the target does not have.
pub const SYSTEM_LIBRARY_MISSING: Code = code(&CodeInfo {
    name: "system-library-missing",
    title: "a library of the system is missing for the target",
    cause: "A package links a library of the system (openssl-sys links OpenSSL), and for this \
            target there is none: a library of the host does not serve another processor or \
            another C library.",
    detection: "Packages of the target's graph are looked up in a table of what their build \
                scripts do; those of the `system-deps` crate name their libraries in their \
                metadata. pkg-config is asked for each library with the variables that the build \
                will have. Where the build script fails without the library, the run stops; where \
                the linker looks for it, this is a warning.",
    fix: "Turn on the feature that compiles it (`vendored`, `bundled`), install it for the target, \
          or name it with the variable that the package reads (`OPENSSL_DIR`). Or continue with \
          `--accept system-library-missing`.",
    page: "environment",
    sources: &["rust-openssl/rust-openssl#1737", "cross-rs/cross#1456"],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::linker::LinkerKind;
    use crate::project::request::TargetOverrides;
    use crate::project::system_libraries::LinkingPackage;
    use crate::toolchain::candidate::Variable;
    use crate::toolchain::program::Program;
    use crate::toolchain::system_library::Effect;

    const HOST: &str = "x86_64-unknown-linux-gnu";

    fn target(triple: &str) -> Target {
        Target::parse(triple, &[triple.to_owned()]).unwrap()
    }

    fn library(package: &str, program: Option<&str>) -> SystemLibrary {
        let package = LinkingPackage {
            name: package.to_owned(),
            version: "0.9.1+3".to_owned(),
            known_features: ["vendored".to_owned(), "bundled".to_owned()].into(),
            ..LinkingPackage::default()
        };
        SystemLibrary {
            needed: package.libraries().remove(0),
            answer: LibraryAnswer::Missing {
                why: "Package x was not found".to_owned(),
                program: program.map(str::to_owned),
                without_tool: false,
            },
            forced: false,
        }
    }

    fn check(package: &str, triple: &str, directory: &str, expected: &[&str]) {
        let request = TargetRequest {
            target: target(triple),
            choice: None,
            c_dependencies: None,
            sysroot: None,
            image: None,
            overrides: TargetOverrides::default(),
            accept: Vec::new(),
        };
        let mut facts = Facts::default();
        facts.rustc.host = HOST.to_owned();
        let candidate = Candidate {
            kind: LinkerKind::Gcc,
            linker: Program::default(),
            c_compiler: None,
            variables: vec![Variable::ours("PKG_CONFIG_LIBDIR_x".to_owned(), directory)],
            files: Vec::new(),
            archiver: None,
            cache_warmups: Vec::new(),
            path: None,
            runner: None,
            cxx: true,
            image: None,
            reason: String::new(),
        };
        let library = library(package, None);
        let problem = problem(&library, &request, &facts, &candidate, Some("app"));
        let mut lines = vec![problem.message];
        lines.extend(problem.help);
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_help_is_what_this_target_can_get() {
        let arm = "aarch64-unknown-linux-gnu";
        let image = "or build in an image that has it, or name a sysroot that has it: `cargo xpkg \
                     help linkers`";
        let vendored = "compile it with the program: `cargo add --package app openssl-sys@0.9.1 \
                        --features vendored`";
        check(
            "openssl-sys",
            arm,
            "/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig",
            &[
                "pkg-config does not find `openssl` for `aarch64-unknown-linux-gnu`, and \
                 openssl-sys 0.9.1+3 does not build without it",
                vendored,
                "or install it for the target: `dpkg --add-architecture arm64 && apt-get update \
                 && apt-get install libssl-dev:arm64`",
                image,
            ],
        );
        check(
            "openssl-sys",
            "aarch64-unknown-linux-musl",
            "/cache/none",
            &[
                "pkg-config does not find `openssl` for `aarch64-unknown-linux-musl`, and \
                 openssl-sys 0.9.1+3 does not build without it",
                vendored,
                image,
            ],
        );
        check(
            "alsa-sys",
            HOST,
            "",
            &[
                "pkg-config does not find `alsa` for `x86_64-unknown-linux-gnu`, and alsa-sys \
                 0.9.1+3 does not build without it",
                "install it: `apt-get install libasound2-dev`",
            ],
        );
    }

    #[test]
    fn what_the_linker_may_find_is_a_warning() {
        assert_eq!(library("openssl-sys", None).effect(), Effect::Certain);
        assert_eq!(library("pq-sys", None).effect(), Effect::Likely);
        let asks = library("mysqlclient-sys", Some("mysql_config"));
        assert_eq!(asks.effect(), Effect::Likely);
        assert_eq!(library("mysqlclient-sys", None).effect(), Effect::Certain);
        assert_eq!(
            asks.message(&target(HOST)),
            "pkg-config does not find `mysqlclient` or `libmariadb` for \
             `x86_64-unknown-linux-gnu`: mysqlclient-sys 0.9.1+3 asks the host's `mysql_config` \
             for it, whose library is the host's"
        );
        // It compiles its own, unless it must not.
        let git = library("libgit2-sys", None);
        assert_eq!(git.effect(), Effect::None);
        let forced = SystemLibrary {
            forced: true,
            ..git
        };
        assert_eq!(forced.effect(), Effect::Certain);
    }

    #[test]
    fn what_was_not_checked_is_one_line() {
        let unchecked = |package: &str, why: &str| SystemLibrary {
            answer: LibraryAnswer::NotChecked {
                why: why.to_owned(),
            },
            ..library(package, None)
        };
        let libraries = [
            unchecked("openssl-sys", "inside the image"),
            unchecked("alsa-sys", "inside the image"),
            unchecked("pq-sys", "unknown"),
            library("alsa-sys", None),
        ];
        assert_eq!(
            not_checked(&libraries).as_deref(),
            Some(
                "not checked: openssl-sys 0.9.1+3, alsa-sys 0.9.1+3 (inside the image); pq-sys \
                 0.9.1+3 (unknown)"
            )
        );
        assert_eq!(not_checked(&libraries[3..]), None);
    }
}
