//! [`Host`], the access to environment, processes, files and locks.
//!
//! Each error carries the path or the command line by construction.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::{FILE_ACCESS, VARIABLE_NOT_UTF8};
use crate::host::shell::Shell;
use crate::host::signals::Interrupts;
use crate::problem::{Problem, Result};
use crate::variables;

/// Variables that rustup's proxy sets for `cargo xpkg`. Passed on, they would override the pinned
/// toolchain of a workspace in another directory. They are kept if the user chose the toolchain
/// (`+nightly`, RUSTUP_TOOLCHAIN).
const PROXY_VARIABLES: &[&str] = &[
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_TOOLCHAIN_SOURCE",
    "RUST_RECURSION_COUNT",
    "CARGO",
];

/// Returns `PATH` with absolute paths in place of those that begin at the current directory, so that all
/// that is started in other directories finds the same programs; `None` if it has none.
fn absolute_entries(path: &str, cwd: &Utf8Path) -> Option<String> {
    let entries: Vec<_> = std::env::split_paths(path).collect();
    if path.is_empty() || entries.iter().all(|entry| entry.is_absolute()) {
        return None;
    }
    let absolute = entries.iter().map(|entry| cwd.as_std_path().join(entry));
    std::env::join_paths(absolute).ok()?.into_string().ok()
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
    /// `file-access` if the current directory cannot be read or is not UTF-8; `variable-not-utf8`.
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
        let not_read = env.iter().find_map(|(name, value)| {
            let name = name.to_str().filter(|name| variables::is_read(name))?;
            value.to_str().is_none().then_some(name)
        });
        if let Some(name) = not_read {
            let message = format!("the value of the variable `{name}` is not UTF-8");
            return Err(Problem::new(VARIABLE_NOT_UTF8, message).help(format!(
                "set it to one that is, or not at all: `unset {name}`"
            )));
        }
        for (name, value) in &mut env {
            let Some((name, text)) = name.to_str().zip(value.to_str()) else {
                continue;
            };
            let absolute = match name {
                "PATH" => absolute_entries(text, &cwd),
                _ => variables::absolute_variable(name, text, &cwd),
            };
            if let Some(absolute) = absolute {
                *value = absolute.into();
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

    // Absolute paths are others on Windows.
    #[cfg(unix)]
    #[test]
    fn entries_of_path_begin_at_the_current_directory() {
        for (path, expected) in [
            ("", None),
            ("/bin:/usr/bin", None),
            ("tools:/bin", Some("/here/tools:/bin")),
            ("/bin:", Some("/bin:/here/")),
        ] {
            let absolute = absolute_entries(path, Utf8Path::new("/here"));
            assert_eq!(absolute.as_deref(), expected, "{path}");
        }
    }
}
