//! What the machine is, as `look` found it: all that deciding may know. Data only; tests write it
//! as literals.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::project::apple_libraries::AppleLibrary;
use crate::project::build_tools::{RequiredTool, ToolFound};
use crate::project::c_package::CPackage;
use crate::project::cautions::CautionFound;
use crate::project::installer::Installer;
use crate::project::package_graph::PackageGraph;
use crate::project::rustc::Rustc;
use crate::project::setting::Setting;
use crate::target::Target;
use crate::target::level::Level;
use crate::target::macos::MacOs;
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::probe::archiver::ArchiveFormat;
use crate::toolchain::probe::headers::Includes;
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;
use crate::toolchain::system_library::SystemLibrary;
use crate::toolchain::words::{CUSTOM_LAUNCHER, ToolWords};

/// Everything that `toolchain` and `plan` decide by.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Settings of cargo's profile, by their keys.
    pub profile_settings: BTreeMap<String, String>,
    pub rustc: Rustc,
    /// Root of the workspace.
    pub root: Utf8PathBuf,
    /// Path of this program, for scripts that start it; `None` where scripts cannot be started.
    pub own_program: Option<Utf8PathBuf>,
    /// Programs that were looked for and are on PATH, by the name they were looked for.
    pub programs: BTreeMap<String, Program>,
    /// SHA-256 of the compilers among them.
    pub digests: BTreeMap<String, String>,
    /// Compilers among them that have no C library: they find no start file.
    pub without_libc: BTreeSet<String>,
    /// Levels of processors that the start files of compilers among them need, by program.
    pub start_levels: BTreeMap<String, Level>,
    /// Facts of the targets, in the order of the run's requests.
    pub targets: Vec<TargetFacts>,
    pub host: HostFacts,
    /// Programs that build scripts of the graph call.
    pub wants: Vec<RequiredTool>,
    /// zig, where it was looked for and is there.
    pub zig: Option<Zig>,
    /// Why one that is there does not serve.
    pub zig_trouble: Option<String>,
    /// True if zig was searched for, was not found, and pip refuses to install it.
    pub pip_refuses: bool,
    /// Variables without a target in their names that tell of leaks ([`crate::toolchain::leaks::WATCHED`]).
    pub watched: BTreeMap<String, Setting>,
    /// Tools that are not installed or cannot run here, of those that the graph calls.
    pub tools: Vec<ToolFound>,
    pub installer: Installer,
    /// wasm-bindgen, if a library is to have packages for JavaScript.
    pub wasm_bindgen: Option<WasmBindgen>,
}

impl Facts {
    /// Returns the facts of a target of the run.
    ///
    /// # Panics
    /// The survey was taken for other targets.
    pub fn of(&self, target: &Target) -> &TargetFacts {
        self.targets
            .iter()
            .find(|facts| facts.triple == target.triple())
            .expect("the survey covers every target of the run")
    }

    /// Takes the value of a variable that names a compiler or an archiver apart.
    pub fn words(&self, value: &str) -> ToolWords {
        let custom = self.watched.get(CUSTOM_LAUNCHER);
        let custom = custom.map(|setting| setting.value.as_str());
        ToolWords::parse(value, custom, |program| self.programs.contains_key(program))
    }

    /// Returns the facts of a target of the run, to be completed.
    ///
    /// # Panics
    /// The survey was taken for other targets.
    pub fn of_mut(&mut self, target: &Target) -> &mut TargetFacts {
        self.targets
            .iter_mut()
            .find(|facts| facts.triple == target.triple())
            .expect("the survey covers every target of the run")
    }
}

/// zig, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zig {
    pub path: Utf8PathBuf,
    pub version: String,
    /// SHA-256 of the program.
    pub digest: String,
    /// Directory of the sources and headers that it compiles C libraries from.
    pub library: Utf8PathBuf,
    /// Where it keeps what it has compiled.
    pub cache: Utf8PathBuf,
    /// The versions of glibc that it links for.
    pub glibc: Vec<String>,
    /// The targets whose C library it includes, as it names them: `aarch64-linux-gnu`.
    pub libc: Vec<String>,
}

/// How zig is called for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZigTools {
    /// Arguments of its C and C++ compilers, as a shell reads them.
    pub arguments: String,
    /// The target as zig names it: `aarch64-linux-gnu.2.17`.
    pub target: String,
}

/// C that is compiled for the host: by build scripts' own dependencies and by proc macros.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    pub c_packages: Vec<CPackage>,
    /// The C compiler that cc-rs calls for it, as the user's variable or cc-rs names it.
    pub compiler: Option<Program>,
    /// Arguments of every call of it, of the user's variable.
    pub arguments: Vec<String>,
    /// What the probes say of the host's C compiler, where there is such C.
    pub report: Option<Report>,
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
    /// cargo compiles it (`build-std`).
    Compiled,
    /// cargo is to compile it, and its source is not installed.
    SourceMissing,
    /// rustup does not provide it.
    Unavailable,
}

/// Apple's SDK for macOS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppleSdk {
    /// Directory.
    pub path: Utf8PathBuf,
    /// Version, as its SDKSettings.json tells it: `15.5`.
    pub version: String,
}

/// Android's NDK, with its compiler for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ndk {
    /// Directory of its programs.
    pub programs: Utf8PathBuf,
    /// Name of the C compiler: `aarch64-linux-android21-clang`.
    pub compiler: String,
    /// API level of the oldest Android that the compiler links for.
    pub level: u32,
    /// Version: `27.0.12077973`.
    pub version: String,
}

/// Oldest macOS that a build's programs start on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentTarget {
    /// Version, as rustc prints it: `11.0`.
    pub version: String,
    /// The same, without a third number.
    #[serde(skip)]
    pub macos: MacOs,
    /// The user's `MACOSX_DEPLOYMENT_TARGET`, if rustc links for another version.
    #[serde(skip)]
    pub asked: Option<Setting>,
}

/// What is known of one target on this machine and for this workspace.
#[derive(Debug, Clone, Default)]
pub struct TargetFacts {
    /// Bare triple.
    pub triple: String,
    pub std: Std,
    /// The standard library brings the C library's objects with it (musl).
    pub self_contained: bool,
    /// The C library is linked statically, as rustc says of the target with these rustflags.
    pub crt_static: bool,
    /// Level of processor that the rustflags allow, if it is above the target's own.
    pub raised: Option<Level>,
    /// Oldest macOS that rustc links for; `None` for other systems, or if rustc does not tell.
    pub deployment_target: Option<DeploymentTarget>,
    /// Directory without which the program by which rustc strips programs for macOS does not start.
    pub objcopy_path: Option<Utf8PathBuf>,
    /// Compilers of the C that comes with the standard library, as its start files name them.
    pub std_compilers: Vec<String>,
    /// Packages compiled for the target whose build scripts compile C.
    pub c_packages: Vec<CPackage>,
    /// True if its build compiles build scripts or proc macros, which the host's linker links.
    pub links_on_host: bool,
    /// Packages of the bins, if lists of them are wanted.
    pub packages: Option<PackageGraph>,
    /// Libraries of the system that its packages look for.
    pub libraries: Vec<SystemLibrary>,
    /// True if the host's own compiler, with the target's argument, finds a C library.
    pub multilib: bool,
    /// Libraries of Apple's SDK that its packages link.
    pub apple_libraries: Vec<AppleLibrary>,
    /// Apple's SDK, or why what was set is none; `None`: nothing was set.
    pub sdk: Option<Result<AppleSdk, String>>,
    /// Android's NDK, or why what was set is none; `None`: nothing was set.
    pub ndk: Option<Result<Ndk, String>>,
    /// Cautions about the build scripts of its packages.
    pub cautions: Vec<CautionFound>,
    /// The linker that cargo's own configuration sets.
    pub linker: Option<Setting>,
    /// The rustflags that will be in force.
    pub rustflags: Vec<String>,
    /// Rustflags that the profile sets, each place by itself.
    pub profile_rustflags: Vec<Vec<String>>,
    /// What the user has set of the target's environment, by role (`CC`, `RUNNER`, …: the rows of
    /// `toolchain::environment`).
    pub settings: BTreeMap<String, Setting>,
    /// The user's variables without a target in their names, whose words come before xpkg's.
    pub joined: BTreeMap<String, Setting>,
    /// The user's variables without a target in their names, which a foreign target does not take.
    pub passed_over: Vec<Setting>,
    /// What clang finds for the target by `--target` alone.
    pub clang: Option<ClangFinds>,
    /// Directories of Microsoft's libraries below its sysroot, or what is missing there; `None` for
    /// targets that need none, and without a sysroot.
    pub windows_sdk: Option<Result<WindowsSdk, String>>,
    /// Directories with WASI's C library, those that the user has set first.
    pub wasi_sysroots: Vec<WasiSysroot>,
    /// Its cross image, or what is wrong with it; `None`: none is wanted.
    pub image: Option<Result<ImageFacts, Problem>>,
    /// zig's programs for it, or why there are none; `None`: not asked.
    pub zig: Option<Result<ZigTools, String>>,
    /// What starts its programs here: nothing, or an emulator with its arguments; `None` where
    /// nothing can.
    pub runner: Option<Vec<String>>,
    /// Where compilers look for headers, by the program's name; asked where the graph binds to
    /// headers.
    pub includes: BTreeMap<String, Includes>,
    /// What the archivers of its candidates write, by the program's name.
    pub archives: BTreeMap<String, ArchiveFormat>,
    /// What the probes say of the C compilers of those candidates that serve, by
    /// [`crate::toolchain::candidate::Candidate::key`].
    pub reports: BTreeMap<String, Report>,
}

/// A copy of Microsoft's libraries and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsSdk {
    /// Directories of the target's libraries.
    pub libraries: Vec<Utf8PathBuf>,
    /// Directories of headers.
    pub headers: Vec<Utf8PathBuf>,
    /// The reason why no C can be compiled with it, if a directory of headers is missing.
    pub without_headers: Option<String>,
}

/// `clang --target=… -print-file-name=…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClangFinds {
    /// A start file, absolute where clang found one.
    pub start_file: String,
    /// The level of processor that the start file needs.
    pub level: Option<Level>,
    /// The linker that clang would call.
    pub linker: String,
    /// It has an lld of its own.
    pub lld: bool,
}

/// wasm-bindgen, as it is locked and as it is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WasmBindgen {
    /// Versions of the crate in Cargo.lock.
    pub locked: Vec<String>,
    /// Path of the program on PATH, and its version.
    pub program: Option<(Utf8PathBuf, String)>,
}

/// A directory with WASI's C library for a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WasiSysroot {
    /// Setting that names it, or the package that it is from.
    pub origin: String,
    /// Path, as it was set.
    pub path: Utf8PathBuf,
    /// Path of the headers, and the name in it that the target has in this version of WASI's C
    /// library; `None` if there are none for the target.
    pub headers: Option<(Utf8PathBuf, String)>,
    /// Compiler that belongs to it, with its C++ compiler and archiver as far as they exist.
    pub clang: Option<Program>,
    /// C++ compiler.
    pub cxx: Option<Program>,
    /// Archiver.
    pub ar: Option<Utf8PathBuf>,
}
