//! Tools that build scripts call: which package calls which, how it is found, and what brings it.
//! One row a tool.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use goblin::elf::header::{EM_AARCH64, EM_X86_64};
use serde::{Deserialize, Serialize};

use crate::inspect::elf;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};

/// How a tool is found on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// A program on PATH, asked for its version by this argument; a variable may name it instead.
    Program {
        argument: &'static str,
        variable: Option<&'static str>,
    },
    /// A shared library of this name, in the system's directories or where the variable says.
    Library { variable: &'static str },
}

/// Who calls a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The package of the row.
    Itself,
    /// Whoever depends on the package of the row, which only hands the call on.
    Dependent,
}

/// A package of the graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    pub version: String,
    /// Who depends on it: name and version.
    pub dependents: BTreeSet<(String, String)>,
}

/// One tool.
#[derive(Debug)]
pub struct BuildTool {
    pub id: &'static str,
    /// Packages whose presence in the graph means that it is called.
    pub packages: &'static [&'static str],
    /// Who is said to call it.
    pub caller: Caller,
    /// Packages that do its work instead.
    pub unless: &'static [&'static str],
    /// Variables that make it needless.
    pub unless_set: &'static [&'static str],
    pub find: Find,
    /// The package that brings it: apt, dnf, apk, brew.
    pub brought_by: [&'static str; 4],
}

const fn program(argument: &'static str, variable: Option<&'static str>) -> Find {
    Find::Program { argument, variable }
}

#[rustfmt::skip]
pub const BUILD_TOOLS: &[BuildTool] = &[
    BuildTool { id: "protoc", packages: &["prost-build", "tonic-build", "tonic-prost-build", "grpcio-compiler"], caller: Caller::Itself, unless: &["protox", "protobuf-src", "protoc-bin-vendored"], unless_set: &[],
           find: program("--version", Some("PROTOC")), brought_by: ["protobuf-compiler", "protobuf-compiler", "protoc", "protobuf"] },
    BuildTool { id: "cmake", packages: &["cmake"], caller: Caller::Dependent, unless: &[], unless_set: &[],
           find: program("--version", Some("CMAKE")), brought_by: ["cmake", "cmake", "cmake", "cmake"] },
    BuildTool { id: "perl", packages: &["openssl-src"], caller: Caller::Itself, unless: &[], unless_set: &[],
           find: program("-v", None), brought_by: ["perl", "perl", "perl", "perl"] },
    BuildTool { id: "make", packages: &["openssl-src", "tikv-jemalloc-sys", "autotools"], caller: Caller::Itself, unless: &[], unless_set: &[],
           find: program("--version", None), brought_by: ["make", "make", "make", "make"] },
    BuildTool { id: "nasm", packages: &["nasm-rs"], caller: Caller::Dependent, unless: &[], unless_set: &[],
           find: program("-v", None), brought_by: ["nasm", "nasm", "nasm", "nasm"] },
    BuildTool { id: "pkg-config", packages: &["openssl-sys", "libudev-sys", "alsa-sys", "libdbus-sys"], caller: Caller::Itself, unless: &["openssl-src"], unless_set: &["OPENSSL_DIR", "OPENSSL_LIB_DIR"],
           find: program("--version", Some("PKG_CONFIG")), brought_by: ["pkg-config", "pkgconf-pkg-config", "pkgconf", "pkgconf"] },
    BuildTool { id: "libclang", packages: &["bindgen"], caller: Caller::Dependent, unless: &[], unless_set: &[],
           find: Find::Library { variable: "LIBCLANG_PATH" }, brought_by: ["libclang-dev", "clang-devel", "clang-dev", "llvm"] },
];

/// Packages that name a builder which has a way of its own: their `cmake` is a last resort
/// (aws-lc-sys uses `cc`).
const OPTIONAL: &[(&str, &str)] = &[("cmake", "aws-lc-sys")];

/// What a graph of these packages calls, by the first that calls it.
pub fn wanted(packages: &BTreeMap<&str, Present>) -> Vec<RequiredTool> {
    let calls = BUILD_TOOLS
        .iter()
        .filter(|need| !need.unless.iter().any(|name| packages.contains_key(name)));
    calls
        .filter_map(|need| {
            let (name, present) = need
                .packages
                .iter()
                .find_map(|name| packages.get_key_value(name))?;
            let optional = |caller: &str| {
                OPTIONAL
                    .iter()
                    .any(|(tool, package)| *tool == need.id && *package == caller)
            };
            let (package, version) = match need.caller {
                Caller::Itself => ((*name).to_owned(), present.version.clone()),
                Caller::Dependent => present
                    .dependents
                    .iter()
                    .find(|(caller, _)| !optional(caller))?
                    .clone(),
            };
            Some(RequiredTool {
                tool: need.id.to_owned(),
                package,
                version,
            })
        })
        .collect()
}

/// A system's way to install packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Installer {
    #[default]
    Apt,
    Dnf,
    Apk,
    Brew,
}

impl Installer {
    /// From the `ID` and `ID_LIKE` of os-release; Homebrew where there is none.
    pub fn of(os_release: Option<&str>) -> Self {
        let Some(text) = os_release else {
            return Self::Brew;
        };
        let like = |names: &[&str]| {
            let values = text.lines().filter_map(|line| {
                line.strip_prefix("ID=")
                    .or_else(|| line.strip_prefix("ID_LIKE="))
            });
            values
                .flat_map(|value| value.trim_matches('"').split(' '))
                .any(|value| names.contains(&value))
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
    pub fn line(self, need: &BuildTool) -> String {
        let [apt, dnf, apk, brew] = need.brought_by;
        match self {
            Self::Apt => format!("apt-get install {apt}"),
            Self::Dnf => format!("dnf install {dnf}"),
            Self::Apk => format!("apk add {apk}"),
            Self::Brew => format!("brew install {brew}"),
        }
    }
}

/// What is wrong with a tool, where it is not here or cannot run here.
pub fn missing(tool: &ToolFound, host: &str, installer: Installer) -> Option<Problem> {
    let RequiredTool {
        tool: id,
        package,
        version,
    } = &tool.want;
    let need = BUILD_TOOLS.iter().find(|need| need.id == id)?;
    let own = if host.starts_with("aarch64") {
        EM_AARCH64
    } else {
        EM_X86_64
    };
    let own = elf::machine(own);
    let known_host = host.starts_with("aarch64") || host.starts_with("x86_64");
    let what = match (&tool.path, &tool.machine) {
        (None, _) => format!("`{id}` is not here, and {package} {version} calls it"),
        (Some(path), Some(machine))
            if known_host && machine.starts_with("EM_") && *machine != own =>
        {
            format!("`{path}` is for {machine}, and cannot run here; {package} {version} calls it")
        }
        _ => return None,
    };
    Some(Problem::new(TOOL_MISSING, what).help(format!("install it: `{}`", installer.line(need))))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[TOOL_MISSING];

pub const TOOL_MISSING: Code = code(&CodeInfo {
    name: "tool-missing",
    title: "a tool that build scripts of the graph call is not here",
    cause: "A package of the graph calls a program or loads a library when it is built \
            (prost-build calls protoc), and it is not there, or is for another machine.",
    detection: "The packages of the resolved graph are looked up in a table; the tool is looked \
                for where the package would look.",
    fix: "Run the line of the message.",
    source: "README, Is this machine ready",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    /// `dependent>package` or `package` -> `tool for caller`.
    fn check(packages: &str, expected: &str) {
        let mut graph: BTreeMap<&str, Present> = BTreeMap::new();
        for edge in packages.split(' ') {
            let (dependent, package) = edge
                .split_once('>')
                .map_or((None, edge), |(dependent, package)| {
                    (Some(dependent), package)
                });
            let present = graph.entry(package).or_default();
            present
                .dependents
                .extend(dependent.map(|dependent| (dependent.to_owned(), "1.0.0".to_owned())));
        }
        let found: Vec<String> = wanted(&graph)
            .into_iter()
            .map(|want| format!("{} for {}", want.tool, want.package))
            .collect();
        assert_eq!(found.join(", "), expected);
    }

    #[test]
    fn a_graph_calls_what_its_packages_call() {
        check("prost-build prost", "protoc for prost-build");
        check("prost-build protox", "");
        check(
            "openssl-src openssl-sys",
            "perl for openssl-src, make for openssl-src",
        );
        check("openssl-sys", "pkg-config for openssl-sys");
        check("aws-lc-sys>cmake", "");
        check(
            "aws-lc-sys>cmake rdkafka-sys>cmake zstd>bindgen",
            "cmake for rdkafka-sys, libclang for zstd",
        );
    }

    #[test]
    fn a_system_has_its_way_to_install() {
        let line = |text: Option<&str>| Installer::of(text).line(&BUILD_TOOLS[0]);
        assert_eq!(
            line(Some("ID=debian\n")),
            "apt-get install protobuf-compiler"
        );
        assert_eq!(
            line(Some("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n")),
            "dnf install protobuf-compiler"
        );
        assert_eq!(line(Some("ID=alpine\n")), "apk add protoc");
        assert_eq!(line(None), "brew install protobuf");
    }

    #[test]
    fn a_tool_for_another_machine_is_as_good_as_missing() {
        let want = RequiredTool {
            tool: "protoc".to_owned(),
            package: "prost-build".to_owned(),
            version: "0.14.0".to_owned(),
        };
        let check = |path: Option<&str>, machine: &str| {
            let tool = ToolFound {
                want: want.clone(),
                path: path.map(Into::into),
                version: None,
                machine: Some(machine.to_owned()),
            };
            missing(&tool, "x86_64-unknown-linux-gnu", Installer::Apt)
                .map(|problem| format!("{}; {}", problem.message, problem.help.join("")))
        };
        assert_eq!(check(Some("/p"), "EM_X86_64"), None);
        assert_eq!(
            check(Some("/p"), "EM_AARCH64").as_deref(),
            Some(
                "`/p` is for EM_AARCH64, and cannot run here; prost-build 0.14.0 calls it; \
                 install it: `apt-get install protobuf-compiler`"
            )
        );
        assert_eq!(
            check(None, "").as_deref(),
            Some(
                "`protoc` is not here, and prost-build 0.14.0 calls it; install it: `apt-get \
                 install protobuf-compiler`"
            )
        );
    }
}

/// A tool that the graph calls, as far as it was found.
#[derive(Debug, Clone, Serialize)]
pub struct ToolFound {
    pub want: RequiredTool,
    pub path: Option<Utf8PathBuf>,
    pub version: Option<String>,
    /// What the file is for, where it is a program of a known format.
    pub machine: Option<String>,
}

/// A tool that a package's build script calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredTool {
    /// The `id` of a row of [`crate::needs::NEEDS`].
    pub tool: String,
    pub package: String,
    pub version: String,
}
