//! The tools that build scripts call: the packages that call each one, how it is found, and which
//! system package provides it.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use goblin::elf::header::{EM_AARCH64, EM_X86_64};
use serde::{Deserialize, Serialize};

use crate::inspect::elf;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::installer::{Installer, Packages};
use crate::project::protobuf::{self, ProtoNeed};

/// The way to find a tool on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// A program on PATH.
    Program {
        /// Argument that prints the version.
        argument: &'static str,
        /// Environment variable that may name the program instead.
        variable: Option<&'static str>,
    },
    /// A shared library named after the tool, in the system's directories.
    Library {
        /// Environment variable that may name the directory instead.
        variable: &'static str,
    },
}

/// The package that calls a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The crate that the table names.
    Itself,
    /// A package that depends on the crate that the table names, which only forwards the call.
    Dependent,
}

/// A package in the resolved graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// Package version.
    pub version: String,
    /// Features that are on.
    pub features: BTreeSet<String>,
    /// Packages that depend on it: name and version.
    pub dependents: BTreeSet<(String, String)>,
}

/// A tool that build scripts may call.
#[derive(Debug)]
pub struct BuildTool {
    /// Name of the tool. Rows of the same name find the same tool, and the first whose crate is in
    /// the graph counts.
    pub id: &'static str,
    /// Crates whose presence in the graph means that the tool is called.
    pub crates: &'static [&'static str],
    /// Package to report as the caller.
    pub caller: Caller,
    /// Beginnings of the triples for which it is called; none: all.
    pub targets: &'static [&'static str],
    /// Crates that replace the tool.
    pub unless: &'static [&'static str],
    /// Features of the crate that replace it.
    pub unless_features: &'static [&'static str],
    /// Environment variables that make the tool unnecessary.
    pub unless_set: &'static [&'static str],
    /// Way to find the tool.
    pub find: Find,
    /// System package that provides the tool.
    pub packages: Packages,
}

/// Returns the way to find a program.
const fn program(argument: &'static str, variable: Option<&'static str>) -> Find {
    Find::Program { argument, variable }
}

/// A row of a tool that is called for every target and replaced by nothing.
const ROW: BuildTool = BuildTool {
    id: "",
    crates: &[],
    caller: Caller::Itself,
    targets: &[],
    unless: &[],
    unless_features: &[],
    unless_set: &[],
    find: program("--version", None),
    packages: ["", "", "", "", "", ""],
};

/// All known tools.
#[rustfmt::skip]
pub const BUILD_TOOLS: &[BuildTool] = &[
    BuildTool { id: PROTOC,
           crates: &["prost-build", "tonic-build", "tonic-prost-build", "grpcio-compiler"],
           unless: &["protox", "protobuf-src", "protoc-bin-vendored"],
           find: program("--version", Some("PROTOC")),
           packages: ["protobuf-compiler", "protobuf-compiler", "protoc", "protobuf", "protobuf-devel", "protobuf"], ..ROW },
    BuildTool { id: "cmake", crates: &["cmake"],
           caller: Caller::Dependent,
           find: program("--version", Some("CMAKE")),
           packages: ["cmake", "cmake", "cmake", "cmake", "cmake", "cmake"], ..ROW },
    BuildTool { id: "perl", crates: &["openssl-src"],
           find: program("-v", None),
           packages: ["perl", "perl", "perl", "perl", "perl", "perl"], ..ROW },
    BuildTool { id: "make", crates: &["openssl-src", "tikv-jemalloc-sys", "autotools"],
           find: program("--version", None),
           packages: ["make", "make", "make", "make", "make", "make"], ..ROW },
    BuildTool { id: "nasm", crates: &["nasm-rs"],
           caller: Caller::Dependent,
           find: program("-v", None),
           packages: ["nasm", "nasm", "nasm", "nasm", "nasm", "nasm"], ..ROW },
    BuildTool { id: "nasm", crates: &["aws-lc-sys"],
           targets: &["x86_64-pc-windows-", "i686-pc-windows-"],
           unless_features: &["prebuilt-nasm"],
           unless_set: &["AWS_LC_SYS_PREBUILT_NASM", "AWS_LC_SYS_NO_ASM"],
           find: program("-v", None),
           packages: ["nasm", "nasm", "nasm", "nasm", "nasm", "nasm"], ..ROW },
    BuildTool { id: "pkg-config",
           crates: &["openssl-sys", "libudev-sys", "alsa-sys", "libdbus-sys"],
           unless: &["openssl-src"],
           unless_set: &["OPENSSL_DIR", "OPENSSL_LIB_DIR"],
           find: program("--version", Some("PKG_CONFIG")),
           packages: ["pkg-config", "pkgconf-pkg-config", "pkgconf", "pkgconf", "pkgconf-pkg-config", "pkgconf"], ..ROW },
    BuildTool { id: "libclang", crates: &["bindgen"],
           caller: Caller::Dependent,
           find: Find::Library { variable: "LIBCLANG_PATH" },
           packages: ["libclang-dev", "clang-devel", "clang-dev", "clang", "clang-devel", "llvm"], ..ROW },
];

/// Tools that a package depends on but rarely calls: aws-lc-sys builds with `cc` and uses `cmake`
/// only as a last resort.
const OPTIONAL: &[(&str, &str)] = &[("cmake", "aws-lc-sys")];

/// The compiler of Protocol Buffers.
pub const PROTOC: &str = "protoc";

/// Returns true if a crate calls a tool.
pub fn calls(tool: &str, package: &str) -> bool {
    BUILD_TOOLS
        .iter()
        .any(|row| row.id == tool && row.crates.contains(&package))
}

/// Returns the row of a tool and its caller.
pub fn row(required: &RequiredTool) -> Option<&'static BuildTool> {
    let named = || BUILD_TOOLS.iter().filter(|tool| tool.id == required.tool);
    let calls = |tool: &&BuildTool| tool.crates.contains(&required.package.as_str());
    named().find(calls).or_else(|| named().next())
}

/// Returns the tools that a graph of these packages calls for these triples, each with the first
/// package that calls it.
pub fn required_tools(packages: &BTreeMap<&str, Present>, triples: &[&str]) -> Vec<RequiredTool> {
    let is_called = |tool: &&BuildTool| {
        let begins = |triple: &&str| tool.targets.iter().any(|begin| triple.starts_with(begin));
        let is_replaced = tool.unless.iter().any(|name| packages.contains_key(name));
        !is_replaced && (tool.targets.is_empty() || triples.iter().any(begins))
    };
    let mut named = BTreeSet::new();
    BUILD_TOOLS
        .iter()
        .filter(is_called)
        .filter_map(|tool| {
            let (name, present) = tool
                .crates
                .iter()
                .find_map(|name| packages.get_key_value(name))?;
            let is_on = |feature: &&str| present.features.contains(*feature);
            if tool.unless_features.iter().any(is_on) {
                return None;
            }
            let optional = |caller: &str| {
                OPTIONAL
                    .iter()
                    .any(|(id, package)| *id == tool.id && *package == caller)
            };
            let (package, version) = match tool.caller {
                Caller::Itself => ((*name).to_owned(), present.version.clone()),
                Caller::Dependent => present
                    .dependents
                    .iter()
                    .find(|(caller, _)| !optional(caller))?
                    .clone(),
            };
            Some(RequiredTool {
                tool: tool.id.to_owned(),
                package,
                version,
                scripts: Vec::new(),
            })
        })
        .filter(|required| named.insert(required.tool.clone()))
        .collect()
}

/// Returns a problem if a tool is not installed, is built for another architecture, or is too old.
pub fn missing(tool: &ToolFound, host: &str, installer: Installer) -> Option<Problem> {
    let RequiredTool {
        tool: id,
        package,
        version,
        scripts: _,
    } = &tool.want;
    let known_tool = row(&tool.want)?;
    let host_machine = if host.starts_with("aarch64") {
        EM_AARCH64
    } else {
        EM_X86_64
    };
    let host_machine = elf::machine(host_machine);
    let known_host = host.starts_with("aarch64") || host.starts_with("x86_64");
    let message = match (&tool.path, &tool.machine) {
        (None, _) => format!("`{id}` not found; {package} {version} calls it"),
        (Some(path), Some(machine))
            if known_host && machine.starts_with("EM_") && *machine != host_machine =>
        {
            format!(
                "`{path}` is for {machine} and cannot run on this host; {package} {version} calls \
                 it"
            )
        }
        _ => return too_old(tool),
    };
    Some(Problem::new(TOOL_MISSING, message).help(format!(
        "install it: `{}`",
        installer.line(known_tool.packages).unwrap_or_default()
    )))
}

/// Returns a problem if a file of the graph needs a newer version of the tool.
fn too_old(tool: &ToolFound) -> Option<Problem> {
    let place = format!("`{}`", tool.path.as_ref()?);
    let (version, needs) = (tool.version.as_ref()?, tool.needs.as_ref()?);
    let help = "install a newer one and name it, `export PROTOC=/path/to/protoc`, or compile with \
                protox, which needs none";
    Some(older(&place, &tool.want.tool, version, needs)?.help(help))
}

/// Returns the problem of a tool whose `version`, as it prints it, is older than a file of the graph
/// needs. `place` is where it is, as messages have it.
pub fn older(place: &str, tool: &str, version: &str, needs: &ToolNeed) -> Option<Problem> {
    let ToolNeed {
        need,
        file,
        package,
    } = needs;
    let found = protobuf::version(version)?;
    let (major, minor) = need.protoc;
    let message = format!(
        "{place} is {tool} {}.{}; `{file}` of {package} has {}, which {major}.{minor} compiles first",
        found.0, found.1, need.what
    );
    (found < need.protoc).then(|| Problem::new(TOOL_OLD, message))
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[TOOL_MISSING, TOOL_OLD];

/// A tool that is too old for what it is given.
pub const TOOL_OLD: Code = code(&CodeInfo {
    name: "tool-old",
    title: "a tool is too old for what a build script gives it",
    cause: "protoc of a distribution is years old: Debian 11 has 3.12, which knows no `optional` in \
            proto3, and Debian 12 has 3.21, which knows no editions.",
    detection: "The `.proto` files that the build scripts name are read for statements that an old \
                protoc does not know, and `protoc --version` is asked if there are any.",
    fix: "Install a newer protoc and set `PROTOC`, or compile with the crate protox, which needs no \
          protoc.",
    page: "environment",
    sources: &["tokio-rs/prost#929"],
    waivable: false,
});

pub const TOOL_MISSING: Code = code(&CodeInfo {
    name: "tool-missing",
    title: "a tool that a build script calls is missing",
    cause: "A package of the graph calls a program or loads a library when it is built \
            (prost-build calls protoc), and the tool is not installed, or is built for another \
            architecture.",
    detection: "The packages of the resolved graph are looked up in a table, and the tool is \
                searched for in the same places as the package would search.",
    fix: "Run the install command that the message gives.",
    page: "environment",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    /// `dependent>package`, `package` or `package:feature` -> `tool for caller`.
    fn check(packages: &str, expected: &str) {
        check_for(packages, &["x86_64-unknown-linux-musl"], expected);
    }

    fn check_for(packages: &str, triples: &[&str], expected: &str) {
        let mut graph: BTreeMap<&str, Present> = BTreeMap::new();
        for edge in packages.split(' ') {
            let (dependent, package) = edge
                .split_once('>')
                .map_or((None, edge), |(dependent, package)| {
                    (Some(dependent), package)
                });
            let (package, feature) = match package.split_once(':') {
                Some((package, feature)) => (package, Some(feature)),
                None => (package, None),
            };
            let present = graph.entry(package).or_default();
            present.features.extend(feature.map(str::to_owned));
            present
                .dependents
                .extend(dependent.map(|dependent| (dependent.to_owned(), "1.0.0".to_owned())));
        }
        let found: Vec<String> = required_tools(&graph, triples)
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
    fn a_tool_of_some_targets_is_called_for_them_only() {
        const WINDOWS: &[&str] = &["aarch64-apple-darwin", "x86_64-pc-windows-gnu"];
        check("aws-lc-sys", "");
        check_for("aws-lc-sys", WINDOWS, "nasm for aws-lc-sys");
        check_for("aws-lc-sys", &["aarch64-pc-windows-msvc"], "");
        check_for("aws-lc-sys:prebuilt-nasm", WINDOWS, "");
        check_for("aws-lc-sys dav1d>nasm-rs", WINDOWS, "nasm for dav1d");
    }

    #[test]
    fn a_tool_for_another_machine_is_as_good_as_missing() {
        let want = RequiredTool {
            tool: "protoc".to_owned(),
            package: "prost-build".to_owned(),
            version: "0.14.0".to_owned(),
            scripts: Vec::new(),
        };
        let check = |path: Option<&str>, machine: &str| {
            let tool = ToolFound {
                want: want.clone(),
                path: path.map(Into::into),
                version: None,
                machine: Some(machine.to_owned()),
                needs: None,
            };
            missing(&tool, "x86_64-unknown-linux-gnu", Installer::Apt)
                .map(|problem| format!("{}; {}", problem.message, problem.help.join("")))
        };
        assert_eq!(check(Some("/p"), "EM_X86_64"), None);
        assert_eq!(
            check(Some("/p"), "EM_AARCH64").as_deref(),
            Some(
                "`/p` is for EM_AARCH64 and cannot run on this host; prost-build 0.14.0 calls it; \
                 install it: `apt-get install protobuf-compiler`"
            )
        );
        assert_eq!(
            check(None, "").as_deref(),
            Some(
                "`protoc` not found; prost-build 0.14.0 calls it; install it: `apt-get \
                 install protobuf-compiler`"
            )
        );
    }
}

/// The result of the search for a tool.
#[derive(Debug, Clone, Serialize)]
pub struct ToolFound {
    /// Tool that was searched for, and its caller.
    pub want: RequiredTool,
    /// Path of the file; `None` if it was not found.
    pub path: Option<Utf8PathBuf>,
    /// First line of the version output.
    pub version: Option<String>,
    /// Machine that the file is built for, such as `EM_X86_64`, if its format is known.
    pub machine: Option<String>,
    /// What needs the newest version of it, if that is known.
    pub needs: Option<ToolNeed>,
}

/// A tool that a package's build script calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredTool {
    /// [`BuildTool::id`] of an entry of [`BUILD_TOOLS`].
    pub tool: String,
    /// Package that calls the tool.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// Build scripts that call it, of packages that the table does not name; of protoc alone.
    pub scripts: Vec<ToolScript>,
}

/// A build script that calls a tool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolScript {
    /// Name of its package.
    pub package: String,
    /// Version of its package.
    pub version: String,
    /// Its file.
    pub path: Utf8PathBuf,
}

/// The file that needs the newest tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolNeed {
    /// Need of the file.
    #[serde(flatten)]
    pub need: ProtoNeed,
    /// The file.
    pub file: Utf8PathBuf,
    /// Name and version of the package that compiles it.
    pub package: String,
}
