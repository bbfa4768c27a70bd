//! The environment of one target: every variable that xpkg sets for cargo and build scripts, one
//! row each. One table for `build`, `plan` and `env`.
//!
//! Nearly each name holds the target, so that nothing reaches what is compiled for the host. What
//! the user has set in a spelling that its reader accepts wins, and is shown as the user's.

use camino::Utf8PathBuf;

use crate::invocation;
use crate::target::Target;
use crate::target::system::{Libc, Os};
use crate::toolchain::candidate::Variable;
use crate::toolchain::context::TargetContext;
use crate::toolchain::tools::{ToolFile, Tools};

/// How a variable's readers spell its name for one target.
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
    /// Read by xpkg's own wrapper, whatever the target.
    Plain,
}

/// What the user's variable without a target in its name means for a foreign target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// It is the host's: told, and not taken.
    Hosts,
    /// It is as good as the scoped one.
    Counts,
    /// Its words come before xpkg's, which would hide it.
    Joined,
    /// xpkg's own value was made with it in mind.
    Heard,
}

/// A variable of the environment.
#[derive(Debug)]
pub struct EnvVar {
    pub role: &'static str,
    pub spelling: Spelling,
    pub bare: Bare,
    /// Its readers add the bare one to the scoped one, so that nothing is passed over.
    pub adds: bool,
    value: fn(&TargetContext, &Tools) -> Option<String>,
}

const fn env_var(
    role: &'static str,
    spelling: Spelling,
    bare: Bare,
    value: fn(&TargetContext, &Tools) -> Option<String>,
) -> EnvVar {
    EnvVar {
        role,
        spelling,
        bare,
        adds: false,
        value,
    }
}

/// A variable that only the user sets.
const fn flags(role: &'static str) -> EnvVar {
    EnvVar {
        role,
        spelling: Spelling::Scoped,
        bare: Bare::Hosts,
        adds: true,
        value: |_, _| None,
    }
}

/// In the order in which they are printed.
#[rustfmt::skip]
pub const ENV_VARS: &[EnvVar] = &[
    env_var("LINKER",                       Spelling::Cargo,    Bare::Heard,  |_, tools| tools.linker.clone()),
    env_var("RUNNER",                       Spelling::Cargo,    Bare::Hosts,  runner),
    env_var("CC",                           Spelling::Scoped,   Bare::Hosts,  |_, tools| tools.cc.as_ref().map(|cc| cc.program.clone())),
    env_var("CXX",                          Spelling::Scoped,   Bare::Hosts,  |_, tools| tools.cxx.clone()),
    env_var("AR",                           Spelling::Scoped,   Bare::Hosts,  |_, tools| tools.ar.clone()),
    env_var("RANLIB",                       Spelling::Scoped,   Bare::Hosts,  |_, tools| tools.ranlib.clone()),
    // cc-rs adds the bare ones to these, so there is nothing for xpkg to say.
    flags("CFLAGS"),
    flags("CXXFLAGS"),
    env_var("CMAKE_TOOLCHAIN_FILE",         Spelling::Scoped,   Bare::Counts, |case, tools| cmake_file(case, tools).map(|file| file.path.into_string())),
    env_var("BINDGEN_EXTRA_CLANG_ARGS",     Spelling::Suffixed, Bare::Joined, bindgen),
    env_var("PKG_CONFIG_LIBDIR",            Spelling::Scoped,   Bare::Hosts,  pkg_config_libdir),
    env_var("PKG_CONFIG_SYSROOT_DIR",       Spelling::Scoped,   Bare::Hosts,  pkg_config_sysroot),
    env_var("PKG_CONFIG_PATH",              Spelling::Scoped,   Bare::Hosts,  pkg_config_path),
    env_var("JEMALLOC_SYS_WITH_LG_PAGE",    Spelling::Prefixed, Bare::Counts, jemalloc_page),
    env_var("CARGO_ENCODED_RUSTFLAGS",      Spelling::Plain,    Bare::Heard,  rustflags),
    env_var("CARGO_ZIGBUILD_RUSTC_VERSION", Spelling::Plain,    Bare::Heard,  |case, tools| tools.zig.then(|| case.facts.rustc.release.clone())),
];

impl EnvVar {
    /// The name under which xpkg sets it.
    pub fn name(&self, target: &Target) -> String {
        let role = self.role;
        match self.spelling {
            Spelling::Cargo => format!("CARGO_TARGET_{}_{role}", target.upper()),
            Spelling::Scoped | Spelling::Suffixed => format!("{role}_{}", target.lower()),
            Spelling::Prefixed => format!("{}_{role}", target.upper()),
            Spelling::Plain => role.to_owned(),
        }
    }

    /// The names under which its readers look for it, first come first served.
    pub fn accepted(&self, target: &Target, host: &str) -> Vec<String> {
        let own = target.triple() == host;
        let role = self.role;
        let scoped = match self.spelling {
            Spelling::Cargo => return vec![self.name(target)],
            Spelling::Plain => return vec![role.to_owned()],
            Spelling::Prefixed => vec![self.name(target)],
            Spelling::Scoped => {
                vec![
                    format!("{role}_{}", target.triple()),
                    self.name(target),
                    format!("{}_{role}", if own { "HOST" } else { "TARGET" }),
                ]
            }
            // bindgen reads no `TARGET_`.
            Spelling::Suffixed => vec![format!("{role}_{}", target.triple()), self.name(target)],
        };
        // The bare name means the host, and not an older glibc of the host's triple.
        let bare =
            (own && target.floor.is_none() || self.bare == Bare::Counts).then(|| role.to_owned());
        scoped.into_iter().chain(bare).collect()
    }
}

/// The variables of a candidate with these tools, and the files that they name.
pub fn variables(case: &TargetContext, tools: &Tools) -> (Vec<Variable>, Vec<ToolFile>) {
    let mut variables = Vec::new();
    for env_var in ENV_VARS {
        let yours = case
            .here
            .settings
            .get(env_var.role)
            .filter(|_| env_var.bare != Bare::Heard);
        match yours {
            Some(setting) => variables.push(Variable::yours(setting)),
            None => match (env_var.value)(case, tools) {
                Some(value) => variables.push(Variable::ours(env_var.name(case.target), &value)),
                // Where xpkg sets nothing, its readers take the bare one.
                None => variables.extend(
                    case.here
                        .passed_over
                        .iter()
                        .filter(|bare| case.c.holds && bare.name == env_var.role)
                        .map(Variable::yours),
                ),
            },
        }
    }
    let cmake = cmake_file(case, tools)
        .filter(|_| !case.here.settings.contains_key("CMAKE_TOOLCHAIN_FILE"));
    (variables, cmake.into_iter().collect())
}

/// Whether what stands on the host must not be found: another platform, or the host's with another
/// glibc.
fn apart(case: &TargetContext, tools: &Tools) -> bool {
    case.target.triple() != case.facts.rustc.host || case.target.floor.is_some() || tools.zig
}

/// The flags in force and the configuration's own for this target, as one: whatever stands in only
/// one of cargo's places would erase those of the others.
fn rustflags(case: &TargetContext, _: &Tools) -> Option<String> {
    (!case.own.rustflags.is_empty()).then(|| case.here.rustflags.join("\u{1f}"))
}

/// What starts a bin of the target, where that is not the system itself. A dynamic one needs its
/// libraries.
fn runner(case: &TargetContext, tools: &Tools) -> Option<String> {
    let starter = case
        .here
        .starter
        .as_ref()
        .filter(|starter| !starter.is_empty())?;
    let libraries = match case.target.system.libc {
        Libc::Gnu => match tools
            .libraries
            .as_ref()
            .filter(|libraries| libraries.sysroot != "/")
        {
            // cargo splits a runner at its spaces, and quotes mean nothing to it.
            Some(libraries) if libraries.sysroot.as_str().contains(' ') => return None,
            Some(libraries) => format!(" -L {}", libraries.sysroot),
            None => format!(" -L /usr/{}", case.target.gnu_name()),
        },
        _ => String::new(),
    };
    Some(format!("{}{libraries}", starter.join(" ")))
}

/// CMake reads all of its toolchain from one file.
fn cmake_file(case: &TargetContext, tools: &Tools) -> Option<ToolFile> {
    let cc = tools.cc.as_ref().filter(|_| apart(case, tools))?;
    // What the cmake crate and CMake know of other systems is more than stands here.
    let target = Some(case.target).filter(|target| target.system.os == Os::Linux)?;
    let place = |name: &str| {
        let known = case
            .facts
            .programs
            .get(name)
            .and_then(|program| program.path.as_ref());
        known.map_or_else(|| name.to_owned(), ToString::to_string)
    };
    let processor = target.arch.uname;
    let mut lines = vec![
        format!("# Written by cargo xpkg for `{target}`; made again whenever it differs."),
        "set(CMAKE_SYSTEM_NAME Linux)".to_owned(),
        format!("set(CMAKE_SYSTEM_PROCESSOR {processor})"),
    ];
    let compiler = case
        .here
        .settings
        .get("CC")
        .map_or(cc.program.as_str(), |setting| setting.value.as_str());
    let cxx = case
        .here
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
        // `ccache gcc` is two programs, unless a file has that name.
        match value
            .split_once(' ')
            .filter(|_| name.ends_with("COMPILER") && !case.facts.programs.contains_key(value))
        {
            Some((launcher, compiler)) => {
                lines.push(format!(
                    "set(CMAKE_{name}_LAUNCHER {})",
                    cmake_word(&place(launcher))
                ));
                lines.push(format!(
                    "set(CMAKE_{name} {})",
                    cmake_word(&place(compiler.trim()))
                ));
            }
            None => lines.push(format!("set(CMAKE_{name} {})", cmake_word(&place(value)))),
        }
    }
    if tools.zig {
        lines.extend(
            ["C", "CXX"]
                .map(|language| format!("set(CMAKE_{language}_LINKER_DEPFILE_SUPPORTED FALSE)")),
        );
    }
    // An empty list of roots would mean the host's own: so there is always one, be there something
    // in it or not.
    let root = match &tools.libraries {
        Some(libraries) if libraries.sysroot != "/" => libraries.sysroot.clone(),
        Some(_) => format!("/usr/{}", target.gnu_name()).into(),
        None => case.tools.join("none"),
    };
    lines.push(format!(
        "set(CMAKE_FIND_ROOT_PATH {})",
        cmake_word(root.as_str())
    ));
    // What another build script of the graph has built is named by CMAKE_PREFIX_PATH, which the
    // cmake crate sets as a variable of the environment.
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

/// A quoted argument of CMake's.
fn cmake_word(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('$', "\\$")
    )
}

/// The compiler's own directories of headers: libclang knows none for a foreign target, and its own
/// may be missing.
fn bindgen(case: &TargetContext, tools: &Tools) -> Option<String> {
    let cc = tools.cc.as_ref().filter(|_| apart(case, tools))?;
    let includes = case.here.includes.get(&cc.program)?;
    let mut words = vec!["-nostdinc".to_owned()];
    words.extend(includes.defines.clone());
    let c_only: Vec<&Utf8PathBuf> = includes.c.iter().collect();
    let before = includes
        .cxx
        .iter()
        .take_while(|path| !c_only.contains(path));
    words.extend(before.flat_map(|path| ["-cxx-isystem".to_owned(), path.to_string()]));
    // A plain `-isystem` would come before those for C++.
    words.extend(c_only.iter().flat_map(|path| {
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
    let ours = words
        .iter()
        .map(|word| invocation::quote(word))
        .collect::<Vec<_>>()
        .join(" ");
    let bare = case.here.joined.get("BINDGEN_EXTRA_CLANG_ARGS");
    Some(bare.map_or(ours.clone(), |setting| format!("{} {ours}", setting.value)))
}

/// Where `pkg-config` looks: the target's own directories, or one with nothing in it.
fn pkg_config_libdir(case: &TargetContext, tools: &Tools) -> Option<String> {
    if !apart(case, tools) || tools.cc.is_none() && !case.c.holds {
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

/// Set, it lets the pkg-config crate answer for a foreign target; so only where there may be
/// something to find.
fn pkg_config_sysroot(case: &TargetContext, tools: &Tools) -> Option<String> {
    let libraries = tools.libraries.as_ref().filter(|_| apart(case, tools))?;
    tools.cc.as_ref().map(|_| libraries.sysroot.to_string())
}

/// Nothing, where the user's bare one would add the host's directories.
fn pkg_config_path(case: &TargetContext, _: &Tools) -> Option<String> {
    let bare = case
        .here
        .passed_over
        .iter()
        .any(|setting| setting.name == "PKG_CONFIG_PATH");
    bare.then(String::new)
}

/// 64 KiB: a kernel for aarch64 may have pages of that size, and jemalloc built for smaller ones
/// does not start there.
fn jemalloc_page(case: &TargetContext, _: &Tools) -> Option<String> {
    let there = case
        .c
        .packages
        .iter()
        .any(|package| package.package.ends_with("jemalloc-sys"));
    (there && case.target.arch.name == "aarch64").then(|| "16".to_owned())
}
