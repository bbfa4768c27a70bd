//! Reproducible builds: compilers write the same into programs on every machine, whatever its
//! directories and its clock are.
//!
//! Pure. Three kinds of directories get into programs: the workspace with cargo's target directory
//! (generated code, C), cargo's home (panic messages of dependencies), and the sources of the
//! standard library, where they are installed: without them rustc writes `/rustc/HASH` itself.

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::code::{Code, CodeInfo, code};
use crate::project::rustc::Rustc;

/// Name of the workspace's root in programs.
const WORKSPACE: &str = "/build";

/// Name of cargo's target directory.
const TARGET_DIR: &str = "/build/target";

/// Name of cargo's home.
const CARGO_HOME: &str = "/cargo";

/// Variable with the time that compilers and build scripts take for now, in seconds since 1970.
///
/// Source: <https://reproducible-builds.org/specs/source-date-epoch/>
pub const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// What makes the builds of a target reproducible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reproducible {
    /// Directories of this machine with their names in programs. A later one has precedence.
    maps: Vec<(Utf8PathBuf, String)>,
    /// Time of the commit; `None` if it is unknown, or the user has set the variable.
    pub source_date: Option<u64>,
}

impl Reproducible {
    /// Names the directories of a run. `build_dir` is cargo's directory of intermediate files, if it
    /// is not the target directory. `resolve` returns a path without links: a build script that asks
    /// for its directory gets that one.
    pub fn new(
        root: &Utf8Path,
        target_dir: &Utf8Path,
        build_dir: Option<&Utf8Path>,
        cargo_home: Option<&Utf8Path>,
        rustc: &Rustc,
        source_date: Option<u64>,
        resolve: impl Fn(&Utf8Path) -> Utf8PathBuf,
    ) -> Self {
        let library = rustc.sysroot.join("lib/rustlib/src/rust");
        // rustc names a release without a hash of its commit by its version.
        let commit = rustc.commit_hash.as_ref().unwrap_or(&rustc.release);
        let mut maps = vec![
            (root.to_owned(), WORKSPACE.to_owned()),
            (library, format!("/rustc/{commit}")),
        ];
        maps.extend(cargo_home.map(|home| (home.to_owned(), CARGO_HOME.to_owned())));
        let target_dirs = [Some(target_dir), build_dir].into_iter().flatten();
        maps.extend(target_dirs.map(|directory| (directory.to_owned(), TARGET_DIR.to_owned())));
        // Caches of a CI are often links in cargo's home.
        let parts = cargo_home.into_iter().flat_map(|home| {
            let part = |name: &str| (home.join(name), format!("{CARGO_HOME}/{name}"));
            ["registry", "git"].map(part)
        });
        let places: Vec<(Utf8PathBuf, String)> = maps.iter().cloned().chain(parts).collect();
        for (path, name) in places {
            let real = resolve(&path);
            let is_known = |(from, to): &(Utf8PathBuf, String)| {
                real.strip_prefix(from)
                    .is_ok_and(|below| Utf8Path::new(to).join(below) == Utf8Path::new(&name))
            };
            if !maps.iter().any(is_known) {
                maps.push((real, name));
            }
        }
        // The last one that matches is taken: a directory in another one comes after it. Else the order
        // is the same on every machine.
        let paths: Vec<Utf8PathBuf> = maps.iter().map(|(path, _)| path.clone()).collect();
        maps.sort_by_key(|(path, _)| {
            let is_around = |other: &&Utf8PathBuf| path != *other && path.starts_with(other);
            paths.iter().filter(is_around).count()
        });
        Self { maps, source_date }
    }

    /// Returns rustc's arguments.
    pub fn rustflags(&self) -> impl Iterator<Item = String> {
        self.maps.iter().map(rustflag)
    }

    /// Returns all arguments of both compilers: their number and order are those of this machine's
    /// directories, and programs are the same.
    pub fn flags(&self) -> impl Iterator<Item = String> {
        self.maps
            .iter()
            .flat_map(|map| [rustflag(map), c_flag(map)])
    }

    /// Returns the arguments of C compilers, as words of a variable that build scripts split at
    /// spaces.
    pub fn c_flags(&self) -> String {
        let maps = self.maps.iter().filter(|(from, _)| is_a_word(from));
        let flags: Vec<String> = maps.map(c_flag).collect();
        flags.join(" ")
    }

    /// Returns the directories that no argument of a C compiler can name.
    pub fn unnamed(&self) -> impl Iterator<Item = &Utf8Path> {
        let maps = self.maps.iter().filter(|(from, _)| !is_a_word(from));
        maps.map(|(from, _)| from.as_path())
    }
}

/// Returns rustc's argument that names a directory.
fn rustflag((from, to): &(Utf8PathBuf, String)) -> String {
    format!("--remap-path-prefix={from}={to}")
}

/// Returns that of a C compiler.
fn c_flag((from, to): &(Utf8PathBuf, String)) -> String {
    format!("-ffile-prefix-map={from}={to}")
}

/// Returns true if a path can be part of such an argument: it is split at spaces, and at the first
/// `=`.
fn is_a_word(path: &Utf8Path) -> bool {
    !path.as_str().contains([' ', '\t', '='])
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[NOT_REPRODUCIBLE];

/// A directory that would get into programs.
pub const NOT_REPRODUCIBLE: Code = code(&CodeInfo {
    name: "not-reproducible",
    title: "the bytes of programs may depend on this machine",
    cause: "A reproducible build is asked for, and something of this machine cannot be kept out of \
            its programs.",
    detection: "A directory whose path has a space or `=` cannot be named in flags of C compilers. \
                openssl-sys with its feature `vendored` compiles OpenSSL, which keeps the directory \
                that it is installed to.",
    fix: "Build in a directory whose path has neither. With a vendored OpenSSL, the bytes are the same \
          only in a directory of the same path, or leave the feature out and link the system's.",
    page: "reproducibility",
    sources: &["reproducible-builds.org"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_another_one_is_named_by_itself() {
        let rustc = Rustc {
            release: "1.95.0".to_owned(),
            commit_hash: Some("59807616".to_owned()),
            sysroot: "/home/me/.rustup/toolchains/stable".into(),
            ..Rustc::default()
        };
        let named = Reproducible::new(
            "/home/me".into(),
            "/home/me/target".into(),
            Some("/cache/build".into()),
            Some("/home/me/.cargo".into()),
            &rustc,
            None,
            Utf8Path::to_owned,
        );
        // On Windows, the sources' directory is joined by a backslash, as rustc itself joins it.
        let flags = named.rustflags().map(|flag| flag.replace('\\', "/"));
        let flags: Vec<String> = flags.collect();
        assert_eq!(
            flags,
            [
                "--remap-path-prefix=/home/me=/build",
                "--remap-path-prefix=/cache/build=/build/target",
                "--remap-path-prefix=/home/me/.rustup/toolchains/stable/lib/rustlib/src/rust=/rustc/59807616",
                "--remap-path-prefix=/home/me/.cargo=/cargo",
                "--remap-path-prefix=/home/me/target=/build/target",
            ]
        );
        assert!(
            named
                .c_flags()
                .starts_with("-ffile-prefix-map=/home/me=/build -ffile-")
        );
        assert_eq!(named.unnamed().count(), 0);
    }

    #[test]
    fn what_a_link_leads_to_has_the_same_name() {
        let resolve = |path: &Utf8Path| {
            let links = [
                ("/home/me/.cargo/registry", "/cache/registry"),
                ("/code", "/disk/code"),
            ];
            let real = links.iter().find_map(|(from, to)| {
                let below = path.strip_prefix(from).ok()?;
                Some(Utf8Path::new(to).join(below))
            });
            real.map_or_else(
                || path.to_owned(),
                |real| Utf8PathBuf::from(real.as_str().trim_end_matches('/')),
            )
        };
        let rustc = Rustc {
            sysroot: "/rust".into(),
            ..Rustc::default()
        };
        let home = Some(Utf8Path::new("/home/me/.cargo"));
        let named = Reproducible::new(
            "/code".into(),
            "/code/target".into(),
            None,
            home,
            &rustc,
            None,
            resolve,
        );
        let flags = named.rustflags().map(|flag| flag.replace('\\', "/"));
        let flags: Vec<String> = flags.collect();
        assert_eq!(
            flags,
            [
                "--remap-path-prefix=/code=/build",
                "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/",
                "--remap-path-prefix=/home/me/.cargo=/cargo",
                "--remap-path-prefix=/disk/code=/build",
                "--remap-path-prefix=/cache/registry=/cargo/registry",
                "--remap-path-prefix=/code/target=/build/target",
            ]
        );
        let all: Vec<String> = named.flags().collect();
        assert_eq!(all.len(), 12);
        assert_eq!(
            all[6..8],
            [
                "--remap-path-prefix=/disk/code=/build",
                "-ffile-prefix-map=/disk/code=/build",
            ]
        );
    }

    #[test]
    fn a_path_that_flags_cannot_name_is_told() {
        let rustc = Rustc::default();
        let root = Utf8Path::new("/my work");
        let named = Reproducible::new(
            root,
            "/t=1".into(),
            None,
            None,
            &rustc,
            None,
            Utf8Path::to_owned,
        );
        let unnamed: Vec<&Utf8Path> = named.unnamed().collect();
        assert_eq!(unnamed, ["/my work", "/t=1"]);
        assert_eq!(
            named.c_flags(),
            "-ffile-prefix-map=lib/rustlib/src/rust=/rustc/"
        );
    }
}
