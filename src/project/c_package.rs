//! Packages that compile C, and how they are known: by a build-dependency.
//!
//! Pure. `links` alone does not mean C (rayon-core, prettyplease).

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

/// A package with such a build-dependency that it uses for some platforms only.
struct Elsewhere {
    package: &'static str,
    /// Versions between the first and the last whose build script was read.
    versions: &'static str,
    /// Platforms for which C is compiled, as cargo writes them.
    only: &'static str,
    /// Feature with which it is compiled for all.
    unless: Option<&'static str>,
}

/// Packages whose build scripts compile no C for most platforms. Source: their build scripts. Later
/// versions count as C until someone has read theirs.
const ELSEWHERE: &[Elsewhere] = &[
    // Preprocesses C for Android. Later versions have no build script.
    Elsewhere {
        package: "backtrace",
        versions: ">=0.3.60, <0.3.74",
        only: "cfg(target_os = \"android\")",
        unless: None,
    },
    // Code for SIMD.
    Elsewhere {
        package: "blake3",
        versions: ">=1.8.2, <=1.8.7",
        only: "cfg(any(target_arch = \"x86\", target_arch = \"x86_64\", \
               all(target_arch = \"aarch64\", target_endian = \"little\")))",
        unless: Some("neon"),
    },
    // psm, which it depends on, has assembly for all.
    Elsewhere {
        package: "stacker",
        versions: ">=0.1.15, <=0.1.25",
        only: "cfg(windows)",
        unless: None,
    },
];

/// Returns the build-dependency that compiles C.
pub fn builder(name: &str) -> Option<&'static str> {
    BUILDERS.iter().find(|builder| name == **builder).copied()
}

/// Returns true if a package with such a build-dependency compiles no C for a platform.
pub fn is_unused(
    package: &str,
    version: &Version,
    has_feature: impl Fn(&str) -> bool,
    is_for: impl Fn(&Platform) -> bool,
) -> bool {
    ELSEWHERE.iter().any(|row| {
        row.package == package
            && VersionReq::parse(row.versions).is_ok_and(|versions| versions.matches(version))
            && !row.unless.is_some_and(&has_feature)
            && row.only.parse().is_ok_and(|only| !is_for(&only))
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
    fn each_row_has_versions_and_a_platform() {
        for row in ELSEWHERE {
            VersionReq::parse(row.versions).unwrap();
            row.only.parse::<Platform>().unwrap();
        }
    }

    #[test]
    fn platforms_and_a_feature_decide() {
        let lines = |arch: &str| {
            [
                format!("target_arch=\"{arch}\""),
                "target_endian=\"little\"".to_owned(),
                "unix".to_owned(),
            ]
        };
        let is_unused = |arch: &str, feature: &str| {
            let cfg: Vec<cargo_platform::Cfg> = lines(arch)
                .iter()
                .map(|line| line.parse().unwrap())
                .collect();
            super::is_unused(
                "blake3",
                &Version::new(1, 8, 7),
                |name| name == feature,
                |platform| platform.matches(arch, &cfg),
            )
        };
        assert!(is_unused("arm", ""));
        assert!(!is_unused("arm", "neon"));
        assert!(!is_unused("aarch64", ""));
        assert!(!is_unused("x86_64", ""));
        assert!(is_unused("riscv64", ""));
    }
}
