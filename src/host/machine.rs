//! [`Host`], the access to environment, processes, files and locks.
//!
//! Each error carries the path or the command line by construction.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::FILE_ACCESS;
use crate::host::shell::Shell;
use crate::host::signals::Interrupts;
use crate::problem::{Problem, Result};

/// Variables that rustup's proxy sets for `cargo xpkg`. Passed on, they would override the pinned
/// toolchain of a workspace in another directory. They are kept if the user chose the toolchain
/// (`+nightly`, RUSTUP_TOOLCHAIN).
const PROXY_VARIABLES: &[&str] = &[
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_TOOLCHAIN_SOURCE",
    "RUST_RECURSION_COUNT",
    "CARGO",
];

/// Variables that name a program, which cargo looks for from the directory that it is started in: the
/// user's, where xpkg starts it in the workspace's root. Those of a target have their name between
/// these two parts.
const PROGRAM_VARIABLES: &[(&str, &str)] = &[
    ("RUSTC", ""),
    ("RUSTC_WRAPPER", ""),
    ("RUSTC_WORKSPACE_WRAPPER", ""),
    ("CARGO_BUILD_RUSTC", ""),
    ("CARGO_BUILD_RUSTC_WRAPPER", ""),
    ("CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER", ""),
    ("CARGO_TARGET_", "_LINKER"),
    ("CARGO_TARGET_", "_RUNNER"),
];

/// Returns the value of a variable with an absolute path, if it names a program by a path that begins
/// at the current directory. Arguments may follow a runner.
fn absolute_program(name: &str, value: &str, cwd: &Utf8Path) -> Option<Utf8PathBuf> {
    let (_, end) = PROGRAM_VARIABLES.iter().find(|(start, end)| {
        let rest = name.strip_prefix(start);
        rest.is_some_and(|rest| rest.ends_with(end) && rest.is_empty() == end.is_empty())
    })?;
    let program = match *end {
        "_RUNNER" => value.split_whitespace().next()?,
        _ => value,
    };
    let is_path = program.contains(std::path::is_separator);
    (is_path && Utf8Path::new(program).is_relative()).then(|| cwd.join(value))
}

/// The machine during one run.
pub struct Host {
    /// Environment, as it was at the start.
    pub env: BTreeMap<OsString, OsString>,
    cwd: Utf8PathBuf,
    /// Printer of messages.
    pub shell: Shell,
    /// Absolute paths outside the workspace that the configuration may name: `--allow-outside`.
    pub allowed_outside: Vec<Utf8PathBuf>,
    /// Secret of the user's cache: see `host::cache`.
    pub cache_secret: OnceLock<Option<String>>,
    /// Signal that came, and what to end after it.
    pub interrupts: Arc<Interrupts>,
    /// Fault that the tests inject.
    #[cfg(feature = "test-fakes")]
    pub fault: crate::host::fault::Fault,
}

impl Host {
    /// Reads the environment and the current directory.
    ///
    /// # Errors
    /// `file-access` if the current directory cannot be read or is not UTF-8.
    pub fn new(shell: Shell) -> Result<Self> {
        let mut env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let source = env
            .get(std::ffi::OsStr::new("RUSTUP_TOOLCHAIN_SOURCE"))
            .cloned();
        if source.is_some_and(|source| source != "cli" && source != "env") {
            env.retain(|name, _| !PROXY_VARIABLES.iter().any(|variable| name == variable));
        }
        let cwd = std::env::current_dir().map_err(|error| {
            Problem::new(
                FILE_ACCESS,
                format!("cannot read the current directory: {error}"),
            )
        })?;
        let cwd = Utf8PathBuf::from_path_buf(cwd).map_err(|path| not_utf8(&path))?;
        for (name, value) in &mut env {
            let text = name.to_str().zip(value.to_str());
            if let Some(path) = text.and_then(|(name, text)| absolute_program(name, text, &cwd)) {
                *value = path.into_std_path_buf().into_os_string();
            }
        }
        Ok(Self {
            #[cfg(feature = "test-fakes")]
            fault: crate::host::fault::Fault::parse(env.get(std::ffi::OsStr::new("XPKG_FAULT"))),
            env,
            cwd,
            shell,
            allowed_outside: Vec::new(),
            cache_secret: OnceLock::new(),
            interrupts: Arc::default(),
        })
    }

    /// Returns the current directory.
    pub fn cwd(&self) -> &Utf8Path {
        &self.cwd
    }

    /// Returns the value of a variable; `None` if it is unset, empty or not UTF-8.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(std::ffi::OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns the variables that are UTF-8.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// Returns the whole environment, for libraries that take one.
    pub fn environment(&self) -> &BTreeMap<OsString, OsString> {
        &self.env
    }

    /// Makes a path absolute and removes `.` and `..` from it. Links are not resolved.
    pub fn absolute(&self, path: &Utf8Path) -> Utf8PathBuf {
        let joined = self.cwd.join(path);
        let mut whole = Utf8PathBuf::new();
        for part in joined.components() {
            match part {
                camino::Utf8Component::CurDir => {}
                camino::Utf8Component::ParentDir => {
                    whole.pop();
                }
                part => whole.push(part),
            }
        }
        whole
    }

    /// Searches PATH for a program.
    pub fn find(&self, program: &str) -> Option<Utf8PathBuf> {
        let path = self.env.get(std::ffi::OsStr::new("PATH"));
        which::which_in(program, path, &self.cwd)
            .ok()
            .and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
    }

    /// Returns the names of everything on PATH.
    pub fn on_path(&self) -> BTreeSet<String> {
        let path = self
            .env
            .get(std::ffi::OsStr::new("PATH"))
            .cloned()
            .unwrap_or_default();
        let directories =
            std::env::split_paths(&path).filter_map(|path| Utf8PathBuf::from_path_buf(path).ok());
        directories
            .flat_map(|directory| self.names(&self.cwd.join(directory)))
            .collect()
    }

    /// Returns the names in a directory; nothing if it cannot be read.
    pub fn names(&self, directory: &Utf8Path) -> Vec<String> {
        directory
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_owned())
            .collect()
    }

    /// Returns a cache key of a file: its real path, size in bytes and modification time in ns.
    /// `None` if it is not a regular file.
    pub fn identity(&self, path: &Utf8Path) -> Option<String> {
        let path = self.real_path(path)?;
        let stamp = self.stamp(&path).filter(|_| path.is_file())?;
        Some(format!("{path} {stamp}"))
    }

    /// Returns the name of a file after all links are resolved.
    pub fn real_name(&self, path: &Utf8Path) -> Option<String> {
        self.real_path(path)?.file_name().map(str::to_owned)
    }

    /// Returns a path without links; `None` if nothing is there.
    pub fn real_path(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        Utf8PathBuf::from_path_buf(dunce::canonicalize(path).ok()?).ok()
    }

    /// Returns a key that changes when a file or directory does: size in bytes and modification
    /// time in ns. `None` if nothing is there.
    pub fn stamp(&self, path: &Utf8Path) -> Option<String> {
        let metadata = fs::metadata(path).ok()?;
        let time = metadata
            .modified()
            .ok()?
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos());
        Some(format!("{} {time}", metadata.len()))
    }

    /// Returns the directory of xpkg's cache of facts about the machine:
    /// `$XDG_CACHE_HOME/cargo-xpkg` or `~/.cache/cargo-xpkg`. `None` if there is no home directory.
    pub fn cache_dir(&self) -> Option<Utf8PathBuf> {
        let base = self
            .var("XDG_CACHE_HOME")
            .map(Utf8PathBuf::from)
            .filter(|path| path.is_absolute());
        let base = base.or_else(|| {
            self.var("HOME")
                .map(|home| Utf8Path::new(home).join(".cache"))
        });
        base.map(|base| base.join(env!("CARGO_PKG_NAME")))
    }

    /// Returns `uid:gid` of the user; `None` for root, and on systems without user IDs.
    pub fn ordinary_user(&self) -> Option<String> {
        #[cfg(unix)]
        {
            let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
            (!user.is_root()).then(|| format!("{}:{}", user.as_raw(), group.as_raw()))
        }
        #[cfg(not(unix))]
        None
    }

    /// Returns 16 hex digits that no other run has.
    pub fn nonce(&self) -> String {
        use std::hash::{BuildHasher as _, Hasher as _};
        // Keys from the system's source of random numbers, and a counter in the process.
        let digits = std::hash::RandomState::new().build_hasher().finish();
        format!("{digits:016x}")
    }

    /// Returns the path of the running executable.
    pub fn own_program(&self) -> Option<Utf8PathBuf> {
        std::env::current_exe()
            .ok()
            .and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
    }
}

/// Returns the problem of a path that is not UTF-8.
fn not_utf8(path: &std::path::Path) -> Problem {
    Problem::new(
        FILE_ACCESS,
        format!("the path `{}` is not UTF-8", path.display()),
    )
    .help("rename it: manifests and tables are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_from_the_current_directory() {
        let check = |name: &str, value: &str| {
            absolute_program(name, value, Utf8Path::new("/here")).map(Utf8PathBuf::into_string)
        };
        let linker = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER";
        let runner = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUNNER";
        assert_eq!(check(linker, "./ld"), Some("/here/./ld".to_owned()));
        assert_eq!(check(linker, "tools/ld"), Some("/here/tools/ld".to_owned()));
        assert_eq!(check(linker, "ld"), None);
        assert_eq!(check(linker, "/usr/bin/ld"), None);
        assert_eq!(check(runner, "./run -v"), Some("/here/./run -v".to_owned()));
        assert_eq!(check(runner, "qemu -L ./root"), None);
        assert_eq!(
            check("RUSTC", "../rustc"),
            Some("/here/../rustc".to_owned())
        );
        assert_eq!(check("RUSTC_LOG", "a/b"), None);
        assert_eq!(check("RUSTFLAGS", "-Clinker=./ld"), None);
    }
}
