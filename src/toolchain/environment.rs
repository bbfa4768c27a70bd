//! The environment of one target: every variable that xpkg sets for cargo and build scripts, as one
//! table for `build`, `plan` and `env`.
//!
//! Almost every name contains the target, so that nothing reaches compiles for the host. A user's
//! setting in a spelling that its reader accepts wins, and is shown as the user's.

use camino::Utf8PathBuf;

use crate::invocation;
use crate::project::reproducible::SOURCE_DATE_EPOCH;
use crate::project::request::TargetOverrides;
use crate::target::Target;
use crate::target::level;
use crate::target::system::{Libc, Os};
use crate::toolchain::candidate::Variable;
use crate::toolchain::context::TargetContext;
use crate::toolchain::mingw;
use crate::toolchain::msvc::sdk;
use crate::toolchain::tools::{ToolFile, Tools};
use crate::toolchain::words::ToolWords;

/// Spelling of a variable's name for one target, as its readers expect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// cargo: `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER`.
    Cargo,
    /// cc, cmake and pkg-config: `CC_aarch64_unknown_linux_musl`, and `TARGET_CC`.
    Scoped,
    /// bindgen: `BINDGEN_EXTRA_CLANG_ARGS_aarch64_unknown_linux_musl`.
    Suffixed,
    /// jemalloc: `AARCH64_UNKNOWN_LINUX_MUSL_JEMALLOC_SYS_WITH_LG_PAGE`.
    Prefixed,
    /// The same name for every target: `CARGO_ENCODED_RUSTFLAGS`.
    Plain,
}

/// Effect of the user's unscoped variable on a foreign target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// Means the host: reported, and ignored.
    Hosts,
    /// Counts like the scoped one.
    Counts,
    /// Prepended to xpkg's value, because the scoped variable would hide it.
    Joined,
    /// Already taken into account by xpkg's own value.
    Heard,
}

/// A variable of the environment.
#[derive(Debug)]
pub struct EnvVar {
    /// Name without a target: `CC`.
    pub role: &'static str,
    /// Meaning, for the guide.
    pub meaning: &'static str,
    /// Spelling of the scoped name.
    pub spelling: Spelling,
    /// Effect of the unscoped name.
    pub bare: Bare,
    /// True if its readers add the unscoped one to the scoped one, so that nothing is ignored.
    pub adds: bool,
    /// The only system whose targets have it; `None`: all have.
    pub only: Option<Os>,
    /// Computes xpkg's value.
    value: fn(&TargetContext, &Tools) -> Option<String>,
}

/// Defines a variable that xpkg sets.
const fn env_var(
    role: &'static str,
    meaning: &'static str,
    spelling: Spelling,
    bare: Bare,
    value: fn(&TargetContext, &Tools) -> Option<String>,
) -> EnvVar {
    EnvVar {
        role,
        meaning,
        spelling,
        bare,
        adds: false,
        only: None,
        value,
    }
}

/// Defines a variable that xpkg sets for macOS alone.
const fn for_macos(
    role: &'static str,
    meaning: &'static str,
    bare: Bare,
    value: fn(&TargetContext, &Tools) -> Option<String>,
) -> EnvVar {
    EnvVar {
        only: Some(Os::Darwin),
        ..env_var(role, meaning, Spelling::Plain, bare, value)
    }
}

/// Defines a variable with flags for C, to which xpkg adds its own.
const fn flags(role: &'static str, meaning: &'static str) -> EnvVar {
    EnvVar {
        role,
        meaning,
        spelling: Spelling::Scoped,
        bare: Bare::Hosts,
        adds: true,
        only: None,
        value: |case, _| c_flags(case),
    }
}

/// Variable with rustc's version. Not one of cargo's names: those are part of the keys of caches.
pub const RUSTC_VERSION: &str = "XPKG_RUSTC_VERSION";

/// Variable with the oldest macOS that a program starts on. rustc, clang and cargo-zigbuild read it.
pub const DEPLOYMENT_TARGET: &str = "MACOSX_DEPLOYMENT_TARGET";

/// Variable with the directory of Apple's SDK.
pub const SDKROOT: &str = "SDKROOT";

/// Variable with the directories where Linux looks for shared libraries first.
pub const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// Role of the variable with the program that starts others.
const RUNNER: &str = "RUNNER";

/// The variables, in the order they are printed.
#[rustfmt::skip]
pub const ENV_VARS: &[EnvVar] = &[
    env_var("LINKER", "linker", Spelling::Cargo, Bare::Heard, |_, tools| tools.linker.clone()),
    env_var(RUNNER, "only set by `env`: qemu, if it is on PATH and the target's programs cannot be started here", Spelling::Cargo, Bare::Hosts, runner),
    env_var("CC", "C compiler", Spelling::Scoped, Bare::Hosts, |_, tools| tools.cc.as_ref().map(|cc| cc.program.clone())),
    env_var("CXX", "C++ compiler", Spelling::Scoped, Bare::Hosts, |_, tools| tools.cxx.clone()),
    env_var("CXXSTDLIB", "for windows-gnu: links the run-time library of C++ statically", Spelling::Scoped, Bare::Counts, |case, tools| mingw::cxx_library(case, tools.cc.as_ref())),
    env_var("AR", "archiver", Spelling::Scoped, Bare::Hosts, |_, tools| tools.ar.clone()),
    env_var("RANLIB", "archiver's index maker", Spelling::Scoped, Bare::Hosts, |_, tools| tools.ranlib.clone()),
    // cc-rs adds the unscoped ones to these.
    flags("CFLAGS", "yours, and those of a reproducible build; build scripts add `CFLAGS`"),
    flags("CXXFLAGS", "the same for C++"),
    env_var("CMAKE_TOOLCHAIN_FILE", "file that names these tools to CMake, and keeps it from the host's libraries", Spelling::Scoped, Bare::Counts, |case, tools| cmake_file(case, tools).map(|file| file.path.into_string())),
    env_var("BINDGEN_EXTRA_CLANG_ARGS", "the C compiler's headers, if the graph contains bindgen; yours come first", Spelling::Suffixed, Bare::Joined, bindgen),
    env_var("PKG_CONFIG_LIBDIR", "directories of the target's own libraries, or empty: never the host's", Spelling::Scoped, Bare::Hosts, pkg_config_libdir),
    env_var("PKG_CONFIG_SYSROOT_DIR", "root directory of those libraries", Spelling::Scoped, Bare::Hosts, pkg_config_sysroot),
    env_var("PKG_CONFIG_PATH", "empty, if your `PKG_CONFIG_PATH` would add the host's directories", Spelling::Scoped, Bare::Hosts, pkg_config_path),
    env_var("JEMALLOC_SYS_WITH_LG_PAGE", "16 for aarch64, if the graph contains jemalloc: kernels with 64 KiB pages", Spelling::Prefixed, Bare::Counts, jemalloc_page),
    for_macos(SDKROOT, "Apple's SDK, if zig links with one", Bare::Heard, sdk),
    for_macos(DEPLOYMENT_TARGET, "oldest macOS that the programs start on: yours, else rustc's default", Bare::Counts, deployment_target),
    for_macos(LIBRARY_PATH, "where rustc's `rust-objcopy`, which strips, finds its LLVM", Bare::Heard, objcopy_path),
    env_var("LIB", "for windows-msvc: directories of Microsoft's libraries, below `sysroot`", Spelling::Plain, Bare::Heard, |case, _| sdk::library_path(case)),
    env_var("CARGO_ENCODED_RUSTFLAGS", "all rustflags, if the configuration has some, or the build is reproducible", Spelling::Plain, Bare::Heard, rustflags),
    env_var(SOURCE_DATE_EPOCH, "time of the commit, if the build is reproducible", Spelling::Plain, Bare::Counts, source_date),
    env_var(RUSTC_VERSION, "rustc's version, for zig's wrapper", Spelling::Plain, Bare::Heard, |case, tools| tools.zig.then(|| case.facts.rustc.release.clone())),
];

impl EnvVar {
    /// Returns the name for any target: `CC_<t>`, `CARGO_TARGET_<T>_LINKER`.
    pub fn pattern(&self) -> String {
        let role = self.role;
        match self.spelling {
            Spelling::Cargo => format!("CARGO_TARGET_<T>_{role}"),
            Spelling::Scoped | Spelling::Suffixed => format!("{role}_<t>"),
            Spelling::Prefixed => format!("<T>_{role}"),
            Spelling::Plain => role.to_owned(),
        }
    }

    /// Returns the name under which xpkg sets it.
    pub fn name(&self, target: &Target) -> String {
        let role = self.role;
        match self.spelling {
            Spelling::Cargo => format!("CARGO_TARGET_{}_{role}", target.upper()),
            Spelling::Scoped | Spelling::Suffixed => format!("{role}_{}", target.lower()),
            Spelling::Prefixed => format!("{}_{role}", target.upper()),
            Spelling::Plain => role.to_owned(),
        }
    }

    /// Returns the names under which its readers look for it; the first that is set wins.
    pub fn accepted(&self, target: &Target, host: &str) -> Vec<String> {
        let is_host = target.triple() == host;
        let role = self.role;
        if self.only.is_some_and(|only| only != target.system.os) {
            return Vec::new();
        }
        let scoped = match self.spelling {
            Spelling::Cargo => return vec![self.name(target)],
            Spelling::Plain => return vec![role.to_owned()],
            Spelling::Prefixed => vec![self.name(target)],
            Spelling::Scoped => {
                vec![
                    format!("{role}_{}", target.triple()),
                    self.name(target),
                    format!("{}_{role}", if is_host { "HOST" } else { "TARGET" }),
                ]
            }
            // bindgen does not read `TARGET_…`.
            Spelling::Suffixed => vec![format!("{role}_{}", target.triple()), self.name(target)],
        };
        // The unscoped name means the host itself, not the host's triple with an older glibc.
        let bare = (is_host && target.floor.is_none() || self.bare == Bare::Counts)
            .then(|| role.to_owned());
        scoped.into_iter().chain(bare).collect()
    }
}

/// Returns the variables of a candidate with these tools, and the files that they name.
pub fn variables(case: &TargetContext, tools: &Tools) -> (Vec<Variable>, Vec<ToolFile>) {
    let mut variables = Vec::new();
    let os = case.target.system.os;
    for env_var in ENV_VARS
        .iter()
        .filter(|row| row.only.is_none_or(|only| only == os))
    {
        let user_setting = case
            .target_facts
            .settings
            .get(env_var.role)
            .filter(|_| env_var.bare != Bare::Heard);
        match user_setting {
            // Under the user's own name for it: its readers take the first that is set.
            Some(setting) if env_var.adds => match (env_var.value)(case, tools) {
                Some(ours) => {
                    let both = format!("{} {ours}", setting.value);
                    variables.push(Variable::ours(setting.name.clone(), &both));
                }
                None => variables.push(Variable::yours(setting)),
            },
            Some(setting) => variables.push(Variable::yours(setting)),
            None if env_var.role == RUNNER => {}
            None => match (env_var.value)(case, tools) {
                Some(value) => variables.push(Variable::ours(env_var.name(case.target), &value)),
                // If xpkg sets nothing, the readers use the unscoped one.
                None => variables.extend(
                    case.target_facts
                        .passed_over
                        .iter()
                        .filter(|bare| case.c.present && bare.name == env_var.role)
                        .map(Variable::yours),
                ),
            },
        }
    }
    let cmake = cmake_file(case, tools).filter(|_| {
        !case
            .target_facts
            .settings
            .contains_key("CMAKE_TOOLCHAIN_FILE")
    });
    (variables, cmake.into_iter().collect())
}

/// Returns the variable with the emulator, for those who start programs: a build starts none, and
/// caches of compilers have each variable of cargo's in their keys.
pub fn runner_variable(case: &TargetContext, tools: &Tools) -> Option<Variable> {
    let row = ENV_VARS.iter().find(|row| row.role == RUNNER)?;
    let is_users = case.target_facts.settings.contains_key(RUNNER);
    let value = runner(case, tools).filter(|_| !is_users)?;
    Some(Variable::ours(row.name(case.target), &value))
}

/// Returns true if libraries and headers of the host must not be found: the target is another
/// platform, or has another glibc.
fn is_isolated(case: &TargetContext, tools: &Tools) -> bool {
    case.target.triple() != case.facts.rustc.host || case.target.floor.is_some() || tools.zig
}

/// Returns the effective rustflags including those that xpkg adds for this target. They go into one
/// variable, because cargo reads only one of its sources.
fn rustflags(case: &TargetContext, _: &Tools) -> Option<String> {
    let TargetOverrides {
        rustflags,
        reproducible,
        ..
    } = case.overrides;
    (!rustflags.is_empty() || reproducible.is_some())
        .then(|| case.target_facts.rustflags.join("\u{1f}"))
}

/// Returns the flags of C compilers that name this machine's directories, for the C of a
/// reproducible build.
fn c_flags(case: &TargetContext) -> Option<String> {
    let reproducible = case.overrides.reproducible.as_ref()?;
    Some(reproducible.c_flags()).filter(|flags| case.c.present && !flags.is_empty())
}

/// Returns the time of the commit, for a reproducible build.
fn source_date(case: &TargetContext, _: &Tools) -> Option<String> {
    let date = case.overrides.reproducible.as_ref()?.source_date?;
    Some(date.to_string())
}

/// Returns the command that runs the target's binaries, if an emulator is needed. A dynamic binary
/// also needs the directory of its libraries.
fn runner(case: &TargetContext, tools: &Tools) -> Option<String> {
    let runner = case
        .target_facts
        .runner
        .as_ref()
        .filter(|runner| !runner.is_empty())?;
    let libraries = match case.target.system.libc {
        Libc::Gnu => match tools
            .libraries
            .as_ref()
            .filter(|libraries| libraries.sysroot != "/")
        {
            // cargo splits a runner at its spaces, and quotes mean nothing to it.
            Some(libraries) if libraries.sysroot.as_str().contains(' ') => return None,
            Some(libraries) => format!(" -L {}", libraries.sysroot),
            None => format!(" -L /usr/{}", case.target.debian_prefix()),
        },
        // The libraries of this machine may be for newer processors; a static program has its own.
        _ => level::cpu(case.target.arch)
            .filter(|_| case.level == case.target.level())
            .map(|cpu| format!(" -cpu {cpu}"))
            .unwrap_or_default(),
    };
    Some(format!("{}{libraries}", runner.join(" ")))
}

/// Returns the toolchain file, from which CMake reads its whole toolchain.
fn cmake_file(case: &TargetContext, tools: &Tools) -> Option<ToolFile> {
    let cc = tools.cc.as_ref().filter(|_| is_isolated(case, tools))?;
    // For other systems, the cmake crate and CMake set more than this file does.
    let target = Some(case.target).filter(|target| target.system.os == Os::Linux)?;
    // Tools have their names, which CMake looks up on PATH: their paths would be others on each
    // machine.
    let processor = target.arch.uname;
    let mut lines = vec![
        format!("# Written by cargo xpkg for `{target}`; made again whenever it differs."),
        "set(CMAKE_SYSTEM_NAME Linux)".to_owned(),
        format!("set(CMAKE_SYSTEM_PROCESSOR {processor})"),
    ];
    let compiler = case
        .target_facts
        .settings
        .get("CC")
        .map_or(cc.program.as_str(), |setting| setting.value.as_str());
    let cxx = case
        .target_facts
        .settings
        .get("CXX")
        .map(|setting| setting.value.clone())
        .or_else(|| tools.cxx.clone());
    let named = [
        ("C_COMPILER", Some(compiler.to_owned())),
        ("ASM_COMPILER", Some(compiler.to_owned())),
        ("CXX_COMPILER", cxx),
        ("AR", tools.ar.clone()),
        ("RANLIB", tools.ranlib.clone()),
    ];
    for (name, value) in named
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
    {
        let ToolWords {
            launcher,
            program,
            args,
        } = case.words(value);
        if let Some(launcher) = launcher.filter(|_| name.ends_with("COMPILER")) {
            lines.push(format!(
                "set(CMAKE_{name}_LAUNCHER {})",
                cmake_word(&launcher)
            ));
        }
        // Further words are part of a compiler's list: the cmake crate sets CMAKE_<LANG>_FLAGS, so
        // that CMake would ignore CMAKE_<LANG>_FLAGS_INIT.
        let args = args.into_iter().filter(|_| name.ends_with("COMPILER"));
        let words: Vec<String> = std::iter::once(program)
            .chain(args)
            .map(|word| cmake_word(&word))
            .collect();
        lines.push(format!("set(CMAKE_{name} {})", words.join(" ")));
    }
    if tools.zig {
        lines.extend(
            ["C", "CXX"]
                .map(|language| format!("set(CMAKE_{language}_LINKER_DEPFILE_SUPPORTED FALSE)")),
        );
    }
    // An empty list of roots would mean the host's own, so there is always one, even if it is
    // empty.
    let root = match &tools.libraries {
        Some(libraries) if libraries.sysroot != "/" => libraries.sysroot.clone(),
        Some(_) => format!("/usr/{}", target.debian_prefix()).into(),
        // Beside the directory of this file: its own path would be another one on each machine.
        None => Utf8PathBuf::new(),
    };
    lines.push(match root.as_str() {
        "" => "set(CMAKE_FIND_ROOT_PATH \"${CMAKE_CURRENT_LIST_DIR}/../none\")".to_owned(),
        root => format!("set(CMAKE_FIND_ROOT_PATH {})", cmake_word(root)),
    });
    // Libraries built by other build scripts of the graph are in CMAKE_PREFIX_PATH, which the cmake
    // crate sets as an environment variable.
    lines.push("string(REPLACE \":\" \";\" XPKG_BUILT \"$ENV{CMAKE_PREFIX_PATH}\")".to_owned());
    lines.push("list(APPEND CMAKE_FIND_ROOT_PATH ${XPKG_BUILT} ${CMAKE_PREFIX_PATH})".to_owned());
    lines.push("set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)".to_owned());
    lines.extend(
        ["LIBRARY", "INCLUDE", "PACKAGE"]
            .map(|kind| format!("set(CMAKE_FIND_ROOT_PATH_MODE_{kind} ONLY)")),
    );
    let text = lines.join("\n") + "\n";
    Some(ToolFile::new(case, &format!("{target}.cmake"), text, false))
}

/// Quotes an argument for CMake.
fn cmake_word(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('$', "\\$")
    )
}

/// Returns the compiler's own header directories as clang arguments: libclang has none for a
/// foreign target, and its own may be missing.
fn bindgen(case: &TargetContext, tools: &Tools) -> Option<String> {
    let yours = case.target_facts.settings.get("CC");
    let compiler = match yours {
        Some(setting) => &setting.value,
        None => &tools.cc.as_ref()?.program,
    };
    if !is_isolated(case, tools) {
        return None;
    }
    let includes = case.target_facts.includes.get(compiler)?;
    let mut arguments = vec!["-nostdinc".to_owned()];
    arguments.extend(includes.defines.clone());
    let c_only: Vec<&Utf8PathBuf> = includes.c.iter().collect();
    let before = includes
        .cxx
        .iter()
        .take_while(|path| !c_only.contains(path));
    arguments.extend(before.flat_map(|path| ["-cxx-isystem".to_owned(), path.to_string()]));
    // A plain `-isystem` would come before those for C++.
    arguments.extend(c_only.iter().flat_map(|path| {
        [
            "-Xclang",
            "-c-isystem",
            "-Xclang",
            path.as_str(),
            "-cxx-isystem",
            path.as_str(),
        ]
        .map(str::to_owned)
    }));
    let ours = arguments
        .iter()
        .map(|argument| invocation::quote(argument))
        .collect::<Vec<_>>()
        .join(" ");
    let bare = case.target_facts.joined.get("BINDGEN_EXTRA_CLANG_ARGS");
    Some(bare.map_or(ours.clone(), |setting| format!("{} {ours}", setting.value)))
}

/// Returns the search path of `pkg-config`: the target's own directories, or an empty one.
fn pkg_config_libdir(case: &TargetContext, tools: &Tools) -> Option<String> {
    if !is_isolated(case, tools) || tools.cc.is_none() && !case.c.present {
        return None;
    }
    Some(match &tools.libraries {
        Some(libraries) => libraries
            .pkg_config
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(":"),
        None => case.tools.join("none").into_string(),
    })
}

/// Returns the sysroot. Setting it makes the pkg-config crate answer for a foreign target, so it is
/// set only if libraries may exist.
fn pkg_config_sysroot(case: &TargetContext, tools: &Tools) -> Option<String> {
    let libraries = tools
        .libraries
        .as_ref()
        .filter(|_| is_isolated(case, tools))?;
    tools.cc.as_ref().map(|_| libraries.sysroot.to_string())
}

/// Returns an empty value if the user's unscoped one would add directories of the host.
fn pkg_config_path(case: &TargetContext, _: &Tools) -> Option<String> {
    let bare = case
        .target_facts
        .passed_over
        .iter()
        .any(|setting| setting.name == "PKG_CONFIG_PATH");
    bare.then(String::new)
}

/// Returns the oldest macOS that rustc links for.
fn deployment_target(case: &TargetContext, _: &Tools) -> Option<String> {
    let deployment_target = case.target_facts.deployment_target.as_ref()?;
    Some(deployment_target.version.clone())
}

/// Returns the SDK that zig links with.
fn sdk(case: &TargetContext, tools: &Tools) -> Option<String> {
    let sdk = case.target_facts.sdk.as_ref()?.as_ref().ok()?;
    tools.zig.then(|| sdk.path.to_string())
}

/// Returns where rustc's `rust-objcopy` finds its libraries. Their names are Rust's own, so that no
/// other program finds another library for them.
fn objcopy_path(case: &TargetContext, _: &Tools) -> Option<String> {
    let path = case.target_facts.objcopy_path.as_ref()?;
    let yours = case.target_facts.settings.get(LIBRARY_PATH);
    let yours = yours.filter(|setting| !setting.value.is_empty());
    Some(yours.map_or(path.to_string(), |setting| {
        format!("{path}:{}", setting.value)
    }))
}

/// Returns the page size as a power of two, 64 KiB: kernels for aarch64 may have pages of that
/// size, and jemalloc built for smaller ones does not start on them.
fn jemalloc_page(case: &TargetContext, _: &Tools) -> Option<String> {
    let has_jemalloc = case
        .c
        .packages
        .iter()
        .any(|package| package.package.ends_with("jemalloc-sys"));
    (has_jemalloc && case.target.arch.name == "aarch64").then(|| "16".to_owned())
}
