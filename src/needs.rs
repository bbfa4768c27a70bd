//! Tools that build scripts call: which package calls which, how it is found, and what brings it. One row a tool.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::facts::Want;

/// How a tool is found on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// A program on PATH, asked for its version by this argument; a variable may name it instead.
    Program { argument: &'static str, variable: Option<&'static str> },
    /// A shared library of this name, in the system's directories or where the variable says.
    Library { variable: &'static str },
}

/// One tool.
#[derive(Debug)]
pub struct Need {
    pub id: &'static str,
    /// Packages whose presence in the graph means that it is called.
    pub packages: &'static [&'static str],
    /// Packages that do its work instead.
    pub unless: &'static [&'static str],
    pub find: Find,
    /// The package that brings it: apt, dnf, apk, brew.
    pub brought_by: [&'static str; 4],
}

const fn program(argument: &'static str, variable: Option<&'static str>) -> Find {
    Find::Program { argument, variable }
}

#[rustfmt::skip]
pub const NEEDS: &[Need] = &[
    Need { id: "protoc", packages: &["prost-build", "tonic-build", "tonic-prost-build", "grpcio-compiler"], unless: &["protox", "protobuf-src", "protoc-bin-vendored"],
           find: program("--version", Some("PROTOC")), brought_by: ["protobuf-compiler", "protobuf-compiler", "protoc", "protobuf"] },
    Need { id: "cmake", packages: &["cmake"], unless: &[],
           find: program("--version", Some("CMAKE")), brought_by: ["cmake", "cmake", "cmake", "cmake"] },
    Need { id: "perl", packages: &["openssl-src"], unless: &[],
           find: program("-v", None), brought_by: ["perl", "perl", "perl", "perl"] },
    Need { id: "make", packages: &["openssl-src", "tikv-jemalloc-sys", "autotools"], unless: &[],
           find: program("--version", None), brought_by: ["make", "make", "make", "make"] },
    Need { id: "nasm", packages: &["nasm-rs"], unless: &[],
           find: program("-v", None), brought_by: ["nasm", "nasm", "nasm", "nasm"] },
    Need { id: "pkg-config", packages: &["openssl-sys", "libudev-sys", "alsa-sys", "libdbus-sys"], unless: &["openssl-src"],
           find: program("--version", Some("PKG_CONFIG")), brought_by: ["pkg-config", "pkgconf-pkg-config", "pkgconf", "pkgconf"] },
    Need { id: "libclang", packages: &["bindgen"], unless: &[],
           find: Find::Library { variable: "LIBCLANG_PATH" }, brought_by: ["libclang-dev", "clang-devel", "clang-dev", "llvm"] },
];

/// Packages that name a builder which has a way of its own: their `cmake` is a last resort (aws-lc-sys uses `cc`).
const OPTIONAL: &[(&str, &str)] = &[("cmake", "aws-lc-sys")];

/// What a graph of these packages (name -> version) calls, by the first package that calls it.
pub fn wanted(packages: &BTreeMap<&str, String>) -> Vec<Want> {
    let has = |name: &&&str| packages.contains_key(**name);
    let calls = NEEDS.iter().filter(|need| !need.unless.iter().any(|name| packages.contains_key(name)));
    calls
        .filter(|need| !OPTIONAL.iter().any(|(tool, package)| *tool == need.id && packages.contains_key(package)))
        .filter_map(|need| {
            let package = need.packages.iter().find(has)?;
            Some(Want { tool: need.id.to_owned(), package: (*package).to_owned(), version: packages[package].clone() })
        })
        .collect()
}

/// A system's way to install packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Installer {
    Apt,
    Dnf,
    Apk,
    Brew,
}

impl Installer {
    /// From the `ID` and `ID_LIKE` of os-release; Homebrew where there is none.
    pub fn of(os_release: Option<&str>) -> Self {
        let Some(text) = os_release else { return Self::Brew };
        let like = |names: &[&str]| {
            let values = text.lines().filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
            values.flat_map(|value| value.trim_matches('"').split(' ')).any(|value| names.contains(&value))
        };
        if like(&["fedora", "rhel", "centos", "suse"]) {
            Self::Dnf
        } else if like(&["alpine"]) {
            Self::Apk
        } else {
            Self::Apt
        }
    }

    /// The line that installs what brings a tool.
    pub fn line(self, need: &Need) -> String {
        let [apt, dnf, apk, brew] = need.brought_by;
        match self {
            Self::Apt => format!("apt-get install {apt}"),
            Self::Dnf => format!("dnf install {dnf}"),
            Self::Apk => format!("apk add {apk}"),
            Self::Brew => format!("brew install {brew}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(packages: &str, expected: &str) {
        let packages = packages.split(' ').map(|name| (name, "1.0.0".to_owned())).collect();
        let found: Vec<String> = wanted(&packages).into_iter().map(|want| format!("{} for {}", want.tool, want.package)).collect();
        assert_eq!(found.join(", "), expected);
    }

    #[test]
    fn a_graph_calls_what_its_packages_call() {
        check("prost-build prost", "protoc for prost-build");
        check("prost-build protox", "");
        check("openssl-src openssl-sys", "perl for openssl-src, make for openssl-src");
        check("openssl-sys", "pkg-config for openssl-sys");
        check("cmake aws-lc-sys", "");
        check("cmake bindgen", "cmake for cmake, libclang for bindgen");
    }

    #[test]
    fn a_system_has_its_way_to_install() {
        let line = |text: Option<&str>| Installer::of(text).line(&NEEDS[0]);
        assert_eq!(line(Some("ID=debian\n")), "apt-get install protobuf-compiler");
        assert_eq!(line(Some("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n")), "dnf install protobuf-compiler");
        assert_eq!(line(Some("ID=alpine\n")), "apk add protoc");
        assert_eq!(line(None), "brew install protobuf");
    }
}
