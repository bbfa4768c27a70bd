//! The one door to the machine: environment, processes, files, locks, the exchange of two
//! directories.
//!
//! It decides nothing. Each error carries the path or the command line by construction. The lints
//! of `clippy.toml` keep every other room from going around it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::FILE_ACCESS;
use crate::host::shell::Shell;
use crate::host::signals::Interrupts;
use crate::problem::{Problem, Result};

/// What rustup's proxy leaves in the environment of `cargo xpkg`. Handed on, it would silence the
/// pin of a workspace that lies elsewhere; a choice that the user made (`+nightly`,
/// RUSTUP_TOOLCHAIN) stays.
const PROXY_VARIABLES: &[&str] = &[
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_TOOLCHAIN_SOURCE",
    "RUST_RECURSION_COUNT",
    "CARGO",
];

/// The machine as one run sees it.
pub struct Host {
    pub env: BTreeMap<OsString, OsString>,
    cwd: Utf8PathBuf,
    /// The one place that prints.
    pub shell: Shell,
    pub interrupts: Arc<Interrupts>,
    #[cfg(feature = "test-fakes")]
    pub fault: crate::host::fault::Fault,
}

impl Host {
    /// Reads environment and directory, once.
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
        Ok(Self {
            #[cfg(feature = "test-fakes")]
            fault: crate::host::fault::Fault::of(env.get(std::ffi::OsStr::new("XPKG_FAULT"))),
            env,
            cwd,
            shell,
            interrupts: Arc::default(),
        })
    }

    pub fn cwd(&self) -> &Utf8Path {
        &self.cwd
    }

    /// A variable's value; empty or not UTF-8 is as good as unset.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(std::ffi::OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// Every variable that is UTF-8.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// The whole environment, for libraries that take one.
    pub fn environment(&self) -> &BTreeMap<OsString, OsString> {
        &self.env
    }

    /// `path` as seen from the current directory.
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

    /// Where on PATH `program` is.
    pub fn find(&self, program: &str) -> Option<Utf8PathBuf> {
        let path = self.env.get(std::ffi::OsStr::new("PATH"));
        which::which_in(program, path, &self.cwd)
            .ok()
            .and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
    }

    /// Names of everything on PATH.
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

    /// Names in a directory, or nothing where it is none.
    pub fn names(&self, directory: &Utf8Path) -> Vec<String> {
        directory
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_owned())
            .collect()
    }

    /// What tells a file from another that came in its place: links resolved, size in bytes, time
    /// of change in ns.
    pub fn identity(&self, path: &Utf8Path) -> Option<String> {
        let path = path.canonicalize_utf8().ok()?;
        let stamp = self.stamp(&path).filter(|_| path.is_file())?;
        Some(format!("{path} {stamp}"))
    }

    /// The name of a file after all links.
    pub fn real_name(&self, path: &Utf8Path) -> Option<String> {
        path.canonicalize_utf8()
            .ok()?
            .file_name()
            .map(str::to_owned)
    }

    /// What tells a directory, or a file, from itself before something in it changed; `None` where
    /// there is nothing.
    pub fn stamp(&self, path: &Utf8Path) -> Option<String> {
        let metadata = fs::metadata(path).ok()?;
        let time = metadata
            .modified()
            .ok()?
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos());
        Some(format!("{} {time}", metadata.len()))
    }

    /// xpkg's own cache for what is about the machine, not about a workspace. `None` where there is
    /// no home.
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

    /// `uid:gid` of an ordinary user; `None` for root, and where there is no such thing.
    pub fn ordinary_user(&self) -> Option<String> {
        #[cfg(unix)]
        {
            let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
            (!user.is_root()).then(|| format!("{}:{}", user.as_raw(), group.as_raw()))
        }
        #[cfg(not(unix))]
        None
    }

    /// The path of this very program.
    pub fn own_program(&self) -> Option<Utf8PathBuf> {
        std::env::current_exe()
            .ok()
            .and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
    }
}

fn not_utf8(path: &std::path::Path) -> Problem {
    Problem::new(
        FILE_ACCESS,
        format!("the path `{}` is not UTF-8", path.display()),
    )
    .help("rename it: manifests and tables are UTF-8")
}
