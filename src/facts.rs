//! What the machine is, as `look` found it: all that deciding may know. Data only; tests write it
//! as literals.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::container::{Engine, ForwardedVar, Mount};
use crate::needs::Installer;
use crate::probe::Report;
use crate::problem::Problem;

/// Everything that `toolchain` and `plan` decide by.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub rustc: Rustc,
    /// Programs that were looked for and are on PATH, by the name they were looked for.
    pub programs: BTreeMap<String, Program>,
    /// By bare triple.
    pub targets: BTreeMap<String, TargetFacts>,
    pub host: HostFacts,
    /// Programs that build scripts of the graph call.
    pub wants: Vec<RequiredTool>,
    /// zig, where it was looked for and is there.
    pub zig: Option<Zig>,
    /// Why one that is there does not serve.
    pub zig_trouble: Option<String>,
    /// Variables without a target in their names that tell of leaks ([`crate::leaks::WATCHED`]).
    pub watched: BTreeMap<String, Setting>,
    /// Tools that cannot run here, of those that the graph calls.
    pub tools: Vec<ToolFound>,
    pub installer: Installer,
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

/// What an archiver writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchiveFormat {
    Gnu,
    Bsd,
    /// Nothing that can be read, and why.
    Broken(String),
}

/// zig, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zig {
    pub path: Utf8PathBuf,
    pub version: String,
    /// Where it keeps what it has compiled.
    pub cache: Utf8PathBuf,
    /// The versions of glibc that it links for.
    pub glibc: Vec<String>,
}

/// The programs by which zig serves one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZigTools {
    pub cc: Utf8PathBuf,
    pub cxx: Utf8PathBuf,
    pub ranlib: Utf8PathBuf,
    /// The target as zig names it: `aarch64-linux-gnu.2.17`.
    pub target: String,
}

/// C that is compiled for the host: by build scripts' own dependencies and by proc macros.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    pub c_packages: Vec<CPackage>,
    /// What the probes say of the host's C compiler, where there is such C.
    pub report: Option<Report>,
}

/// What the resolved graph tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphFacts {
    /// By bare triple.
    pub c_packages: BTreeMap<String, Vec<CPackage>>,
    pub host_c_packages: Vec<CPackage>,
    pub wants: Vec<RequiredTool>,
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

/// The compiler that the workspace uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rustc {
    pub release: String,
    pub commit_hash: Option<String>,
    pub host: String,
    pub sysroot: Utf8PathBuf,
    /// rustup's name of the toolchain, where rustup manages it.
    pub rustup: Option<String>,
    /// `rust-lld` came with it.
    pub lld: bool,
}

/// A program on PATH.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// As it is called.
    pub program: String,
    pub path: Option<Utf8PathBuf>,
    /// Its own words, one line.
    pub version: Option<String>,
    /// `Target:` of its `-v`, for a compiler.
    pub machine: Option<String>,
}

impl Program {
    /// A compiler, by what its `-v` says.
    pub fn said(name: &str, path: Option<Utf8PathBuf>, words: &str) -> Self {
        Self {
            program: name.to_owned(),
            path,
            machine: words
                .lines()
                .find_map(|line| line.strip_prefix("Target: "))
                .map(|machine| machine.trim().to_owned()),
            version: words
                .lines()
                .map(str::trim)
                .find(|line| line.contains("gcc version") || line.contains("clang version"))
                .map(str::to_owned),
        }
    }
}

/// Whether the target's standard library is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Std {
    #[default]
    Present,
    /// rustup can bring it, and may.
    Installable,
    /// It is not there and must be installed by hand.
    Missing,
}

/// What is known of one target on this machine and for this workspace.
#[derive(Debug, Clone, Default)]
pub struct TargetFacts {
    pub std: Std,
    /// The standard library brings the C library's objects with it (musl).
    pub self_contained: bool,
    /// Compilers of the C that comes with the standard library, as its start files name them.
    pub std_compilers: Vec<String>,
    /// Packages compiled for the target whose build scripts compile C.
    pub c_packages: Vec<CPackage>,
    /// The linker that cargo's own configuration sets.
    pub linker: Option<Setting>,
    /// The rustflags that will be in force.
    pub rustflags: Vec<String>,
    /// What the user has set of the target's environment, by role (`CC`, `RUNNER`, …: the rows of
    /// `toolchain::environment`).
    pub settings: BTreeMap<String, Setting>,
    /// The user's variables without a target in their names, whose words come before xpkg's.
    pub joined: BTreeMap<String, Setting>,
    /// The user's variables without a target in their names, which a foreign target does not take.
    pub passed_over: Vec<Setting>,
    /// What clang finds for the target by `--target` alone.
    pub clang: Option<ClangFinds>,
    /// Its cross image, or what is wrong with it; `None`: none is wanted.
    pub image: Option<Result<ImageFacts, Problem>>,
    /// zig's programs for it, or why there are none; `None`: not asked.
    pub zig: Option<Result<ZigTools, String>>,
    /// What starts its programs here: nothing, or an emulator with its arguments; `None` where
    /// nothing can.
    pub starter: Option<Vec<String>>,
    /// Where compilers look for headers, by the program's name; asked where the graph binds to
    /// headers.
    pub includes: BTreeMap<String, Includes>,
    /// What the archivers of its candidates write, by the program's name.
    pub archives: BTreeMap<String, ArchiveFormat>,
    /// What the probes say of the C compilers of those candidates that serve, by
    /// [`crate::toolchain::Candidate::key`].
    pub reports: BTreeMap<String, Report>,
}

/// A cross image, here and looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    pub engine: Engine,
    /// SELinux enforces here.
    pub label: bool,
    /// `uid:gid` that programs inside run as.
    pub user: String,
    /// As the configuration writes it.
    pub reference: String,
    /// What it is pinned to.
    pub digest: String,
    /// What is run: name and digest, or the ID of what was built upon it.
    pub run: String,
    /// What was built upon it.
    pub derived: Option<crate::lock::Derived>,
    pub platform: String,
    pub created: String,
    /// The image's own environment.
    pub variables: BTreeMap<String, String>,
    /// The same with what it sees of this machine's over it: what a build script there finds,
    /// besides xpkg's own.
    pub environment: BTreeMap<String, String>,
    pub inside: InsideFacts,
    /// What the probes say of the C compiler of build scripts inside, where the graph holds C for
    /// them.
    pub host_report: Option<Report>,
    /// Variables of this machine that it sees.
    pub passed: Vec<ForwardedVar>,
    /// What of this machine it sees, besides what it writes to.
    pub mounts: Vec<Mount>,
    pub cargo_home: Utf8PathBuf,
    /// What of this machine's configuration and environment means nothing inside, and is hidden
    /// from it.
    pub hidden: Vec<String>,
}

/// What a shell inside an image says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InsideFacts {
    /// The text of os-release.
    pub os_release: Option<String>,
    /// Programs that were looked for and are there, by the name they were looked for.
    pub programs: BTreeMap<String, Program>,
    /// Libraries that were looked for and are there, by the tool's id.
    pub libraries: BTreeMap<String, Utf8PathBuf>,
}

/// A value that the user has set, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The variable or key.
    pub name: String,
    pub value: String,
    pub place: SettingOrigin,
}

/// Where a user sets something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingOrigin {
    Environment,
    CargoConfiguration,
    Rustflags,
    /// The cross image's own environment.
    Image,
}

impl std::fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::CargoConfiguration => "cargo's configuration",
            Self::Rustflags => "the rustflags in force",
            Self::Image => "the image's environment",
        })
    }
}

/// A package that needs a C compiler for the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CPackage {
    pub package: String,
    pub version: String,
    /// The build-dependency that gives it away (`cc`).
    pub builder: String,
    /// The `opt-level`s at which this run has it compiled.
    #[serde(default)]
    pub levels: Vec<String>,
    /// Its build script compiles C++, too.
    #[serde(default)]
    pub cxx: bool,
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

/// What a compiler's `-E -v` says of headers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Includes {
    pub c: Vec<Utf8PathBuf>,
    pub cxx: Vec<Utf8PathBuf>,
    /// Macros without which its headers mean something else.
    pub defines: Vec<String>,
}

/// `clang --target=… -print-file-name=…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClangFinds {
    /// A start file, absolute where clang found one.
    pub start_file: String,
    /// The linker that clang would call.
    pub linker: String,
    /// It has an lld of its own.
    pub lld: bool,
}

/// The commit that the workspace stands on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub repository: Option<String>,
    pub commit: Option<String>,
    /// Something in the checkout is not committed. `None` outside a checkout.
    pub dirty: Option<bool>,
    pub cargo_lock_sha256: Option<String>,
}
