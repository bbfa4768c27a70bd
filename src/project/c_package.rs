//! Packages that compile C, and how they are known: by a build-dependency.
//!
//! Pure. `links` alone does not mean C (rayon-core, prettyplease).

use std::collections::BTreeSet;

use cargo_metadata::semver::{Version, VersionReq};
use cargo_platform::Platform;
use serde::{Deserialize, Serialize};

/// Build-dependencies that compile C or C++, or generate bindings to its headers.
const BUILDERS: &[&str] = &[
    "autotools",
    "bindgen",
    "cc",
    "cmake",
    "cpp_build",
    "cxx-build",
    "gcc",
    "luajit-src",
    "lua-src",
    "nasm-rs",
    "openssl-src",
];

/// A package with such a build-dependency that it uses in some cases only.
struct Elsewhere {
    package: &'static str,
    /// Versions between the first and the last whose build script was read.
    versions: &'static str,
    /// Cases in which C is compiled.
    cases: &'static [Case],
}

/// A case in which a package compiles C.
struct Case {
    /// Platforms, as cargo writes them.
    on: &'static str,
    /// Feature that must be on.
    with: Option<&'static str>,
    /// Features of which none may be on.
    without: &'static [&'static str],
}

/// Packages of crates.io whose build scripts compile no C for most platforms. Source: their build scripts.
/// Later versions, and other packages of these names, count as C until someone has read theirs.
const ELSEWHERE: &[Elsewhere] = &[
    // Preprocesses C for Android. Later versions have no build script.
    Elsewhere {
        package: "backtrace",
        versions: ">=0.3.60, <0.3.74",
        cases: &[Case::on("cfg(target_os = \"android\")")],
    },
    // Code for SIMD.
    Elsewhere {
        package: "blake3",
        versions: ">=1.8.2, <=1.8.7",
        cases: &[
            Case {
                without: &["pure"],
                ..Case::on("cfg(any(target_arch = \"x86\", target_arch = \"x86_64\"))")
            },
            Case {
                without: &["no_neon", "pure"],
                ..Case::on("cfg(all(target_arch = \"aarch64\", target_endian = \"little\"))")
            },
            Case {
                with: Some("neon"),
                ..Case::on("cfg(any(target_arch = \"arm\", target_arch = \"aarch64\"))")
            },
        ],
    },
    // psm, which it depends on, has assembly for all.
    Elsewhere {
        package: "stacker",
        versions: ">=0.1.15, <=0.1.25",
        cases: &[Case::on("cfg(windows)")],
    },
];

impl Case {
    /// Returns the case of a platform, whatever features are on.
    const fn on(on: &'static str) -> Self {
        Self {
            on,
            with: None,
            without: &[],
        }
    }
}

/// Returns the build-dependency that compiles C.
pub fn builder(name: &str) -> Option<&'static str> {
    BUILDERS.iter().find(|builder| name == **builder).copied()
}

/// Features of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// Those that any member of the workspace enables.
    pub any: BTreeSet<String>,
    /// Those of them that all that depends on it enables, whichever member is built.
    pub all: BTreeSet<String>,
}

/// Returns true if a package of crates.io with such a build-dependency compiles no C for a platform.
pub fn is_unused(
    package: &str,
    version: &Version,
    features: &Features,
    is_for: impl Fn(&Platform) -> bool,
) -> bool {
    let is_case = |case: &Case| {
        case.on.parse().map_or(true, |on| is_for(&on))
            && case.with.is_none_or(|with| features.any.contains(with))
            && !case
                .without
                .iter()
                .any(|without| features.all.contains(*without))
    };
    ELSEWHERE.iter().any(|row| {
        row.package == package
            && VersionReq::parse(row.versions).is_ok_and(|versions| versions.matches(version))
            && !row.cases.iter().any(is_case)
    })
}

/// Code by which a build script compiles C++, with the `cc` crate or with another.
const CXX_MARKERS: &[&str] = &["cpp(true)", "cxx_build::", "cpp_build::"];

/// Returns true if the text of a build script shows that it compiles C++. Comment lines are
/// ignored.
pub fn mentions_cxx(text: &str) -> bool {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.into_iter().any(|line| {
        CXX_MARKERS
            .iter()
            .any(|marker| line.replace(' ', "").contains(marker))
    })
}

/// A package that compiles C.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CPackage {
    /// Package name.
    pub package: String,
    /// Package version.
    pub version: String,
    /// Build-dependency that shows it, such as `cc`.
    pub builder: String,
    /// Values of `opt-level` at which this run compiles it.
    #[serde(default)]
    pub levels: Vec<String>,
    /// True if its build script also compiles C++.
    #[serde(default)]
    pub cxx: bool,
}

/// Packages with assembly for ARMv7 that they run only where the processor has it. Every program with
/// one is marked as ARMv7. Measured with ring 0.17.14: each of its objects has `Tag_CPU_arch: v7`,
/// whatever `-march` says; the others have the same lineage (`OPENSSL_armcap`).
const DISPATCHING: &[&str] = &[
    "ring",
    "aws-lc-sys",
    "boring-sys",
    "openssl-src",
    "openssl-sys",
];

impl CPackage {
    /// Returns true if it chooses at run time among code for several levels of 32-bit Arm.
    pub fn is_dispatching(&self) -> bool {
        DISPATCHING.contains(&self.package.as_str())
    }
}

impl std::fmt::Display for CPackage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} (by `{}`)",
            self.package, self.version, self.builder
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_versions_and_platforms() {
        for row in ELSEWHERE {
            VersionReq::parse(row.versions).unwrap();
            for case in row.cases {
                case.on.parse::<Platform>().unwrap();
            }
        }
    }

    #[test]
    fn platforms_and_features_decide() {
        let features = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let is_unused = |arch: &str, any: &[&str], all: &[&str]| {
            let lines = [
                format!("target_arch=\"{arch}\""),
                "target_endian=\"little\"".to_owned(),
                "unix".to_owned(),
            ];
            let cfg: Vec<cargo_platform::Cfg> =
                lines.iter().map(|line| line.parse().unwrap()).collect();
            let features = Features {
                any: features(any),
                all: features(all),
            };
            super::is_unused("blake3", &Version::new(1, 8, 7), &features, |platform| {
                platform.matches(arch, &cfg)
            })
        };
        for (arch, any, all, expected) in [
            ("arm", &[][..], &[][..], true),
            ("arm", &["neon"], &[], false),
            ("aarch64", &[], &[], false),
            ("aarch64", &["pure"], &["pure"], true),
            ("aarch64", &["no_neon"], &["no_neon"], true),
            // Of one member only.
            ("aarch64", &["pure"], &[], false),
            ("x86_64", &[], &[], false),
            ("x86_64", &["no_neon"], &["no_neon"], false),
            ("x86_64", &["pure"], &["pure"], true),
            ("riscv64", &["neon"], &["neon"], true),
        ] {
            assert_eq!(
                is_unused(arch, any, all),
                expected,
                "{arch} {any:?} {all:?}"
            );
        }
    }
}
