//! Decides which files of cargo's target directory the next build has no use for. Pure.
//!
//! Exact, where tools that know only names of packages guess: what stays is what the messages of
//! recorded builds named. Times are never touched, since cargo compares them.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::build::cache::used::{self, Used};
use crate::build::cache::{CACHE_LAYOUT, CACHE_UNRECORDED};
use crate::problem::{Problem, Result};
use crate::project::workspace::Workspace;

/// Help where nothing can be pruned.
const WITHOUT: &str = "do without pruning: the cache is larger, and serves as well";

/// Units of dependencies that stay, by directory of a profile.
pub type Kept = BTreeMap<Utf8PathBuf, BTreeSet<String>>;

/// Checks that cargo's intermediate files are in the target directory, which caches are of.
///
/// # Errors
/// `cache-layout`: `build.build-dir` names another directory.
pub fn check_build_dir(workspace: &Workspace) -> Result<()> {
    let Some(directory) = &workspace.build_dir else {
        return Ok(());
    };
    let message = format!(
        "cargo's intermediate files are in `{directory}` (`build.build-dir`), not in the target \
         directory"
    );
    Err(Problem::new(CACHE_LAYOUT, message)
        .help("remove `build.build-dir` from cargo's configuration, and `CARGO_BUILD_BUILD_DIR`"))
}

/// Returns the units that recorded builds of these targets used; of all, if `targets` is empty.
///
/// # Errors
/// `cache-unrecorded`, `cache-layout`.
pub fn kept(records: &[Used], targets: &[String], target_dir: &Utf8Path) -> Result<Kept> {
    let unrecorded = |message: String| {
        Problem::new(CACHE_UNRECORDED, message).help("build first: `cargo xpkg build`")
    };
    let is_named = |used: &&Used| targets.is_empty() || targets.contains(&used.target);
    let records: Vec<&Used> = records.iter().filter(is_named).collect();
    let mut named = targets.iter();
    if let Some(absent) = named.find(|name| !records.iter().any(|used| used.target == **name)) {
        let message = format!("no build of `{absent}` is recorded in `{target_dir}`");
        return Err(unrecorded(message));
    }
    if records.is_empty() {
        let message = format!("no build is recorded in `{target_dir}`");
        return Err(unrecorded(message));
    }
    let mut kept = Kept::new();
    for used in records {
        if let Some(path) = &used.unknown {
            let message = format!("`{path}` is not where cargo's known layout has it");
            return Err(Problem::new(CACHE_LAYOUT, message).help(WITHOUT));
        }
        for (directory, units) in &used.units {
            if !is_below(directory) {
                let message = format!("`{directory}` is recorded, and not in `{target_dir}`");
                return Err(Problem::new(CACHE_LAYOUT, message)
                    .help("record it again: `cargo xpkg build`")
                    .help(WITHOUT));
            }
            let of_directory = kept.entry(directory.clone()).or_default();
            of_directory.extend(units.iter().cloned());
        }
    }
    Ok(kept)
}

/// Returns true for a path that leads into the directory it is joined to: records may come from a
/// cache that somebody else wrote.
fn is_below(path: &Utf8Path) -> bool {
    let is_name = |component| matches!(component, Utf8Component::Normal(_));
    path.components().next().is_some() && path.components().all(is_name)
}

/// Entry of a profile's directory that is kept or removed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path in that directory: `deps/libring-0123456789abcdef.rlib`, `build/ring-0123456789abcdef`.
    pub path: String,
    /// Size in bytes, of a directory with all that is in it.
    pub size: u64,
    /// True for a directory.
    pub is_dir: bool,
}

/// What becomes of a profile's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Path of the directory.
    pub directory: Utf8PathBuf,
    /// Size before in bytes.
    pub before: u64,
    /// Size after in bytes.
    pub after: u64,
    /// Paths that are removed, relative to the directory.
    pub removed: Vec<String>,
    /// Files that cargo's layout does not explain, which stay.
    pub unknown: Vec<String>,
}

/// Places of a profile's directory whose entries are decided one by one.
pub const OF_PARTS: &[&str] = &["deps", "build", ".fingerprint", "incremental", "examples"];

/// Places among them whose entries only members have; those of others end with the hash of a unit.
const OF_MEMBERS: &[&str] = &["incremental", "examples"];

/// Extensions of the files that cargo puts beside those places, for all targets.
///
/// Source: cargo 1.95, `TargetInfo::file_types` in `core/compiler/build_context/target_info.rs`.
const OF_CARGO: &[&str] = &[
    "", "a", "d", "dSYM", "def", "dll", "dll.a", "dll.exp", "dll.lib", "dwp", "dylib", "exe",
    "exp", "js", "lib", "map", "pdb", "rlib", "rmeta", "so", "wasm", "wasm.map",
];

/// Decides what stays of a profile's directory.
pub fn decide(directory: Utf8PathBuf, entries: &[Entry], kept: &BTreeSet<String>) -> Pruned {
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let mut pruned = Pruned {
        directory,
        before: entries.iter().map(|entry| entry.size).sum(),
        after: 0,
        removed: Vec::new(),
        unknown: Vec::new(),
    };
    for entry in entries {
        match fate(entry, &names, kept) {
            Fate::Removed => pruned.removed.push(entry.path.clone()),
            Fate::Kept => pruned.after += entry.size,
            Fate::Unknown => {
                pruned.after += entry.size;
                pruned.unknown.push(entry.path.clone());
            }
        }
    }
    pruned
}

/// What becomes of an entry.
enum Fate {
    Kept,
    Removed,
    Unknown,
}

/// Decides about an entry.
fn fate(entry: &Entry, names: &BTreeSet<&str>, kept: &BTreeSet<String>) -> Fate {
    let Entry { path, is_dir, .. } = entry;
    if let Some((place, name)) = path.split_once('/') {
        return if OF_MEMBERS.contains(&place) {
            Fate::Removed
        } else if !OF_PARTS.contains(&place) {
            Fate::Unknown
        } else if kept.contains(used::key(name)) {
            Fate::Kept
        } else {
            Fate::Removed
        };
    }
    // Locks of cargo's and of xpkg's.
    let is_lock = path.starts_with('.') && path.ends_with("lock");
    if is_lock || *is_dir {
        return if is_lock { Fate::Kept } else { Fate::Unknown };
    }
    // A bin or a library of a member has a list of its sources beside it. So may have what the
    // program wrote there when it ran: `chat.db`.
    let (stem, extension) = path.split_once('.').unwrap_or((path, ""));
    let has_list = names.contains(format!("{stem}.d").as_str());
    if has_list && OF_CARGO.contains(&extension) {
        Fate::Removed
    } else {
        Fate::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(target: &str, directory: &str, hash: &str) -> Used {
        let mut used = Used::new(target.to_owned(), "release".to_owned(), Vec::new());
        used.units
            .insert(directory.into(), [hash.to_owned()].into());
        used
    }

    #[test]
    fn what_dependencies_do_not_have_goes() {
        let kept = BTreeSet::from(["0123456789abcdef".to_owned(), "libdyn".to_owned()]);
        for (path, is_dir, expected) in [
            ("deps/liba-0123456789abcdef.rlib", false, "kept"),
            ("deps/a-0123456789abcdef.d", false, "kept"),
            ("deps/libdyn.so", false, "kept"),
            ("deps/liba-fedcba9876543210.rlib", false, "removed"),
            ("deps/chat-fedcba9876543210", false, "removed"),
            ("build/a-0123456789abcdef", true, "kept"),
            ("build/a-fedcba9876543210", true, "removed"),
            (".fingerprint/a-0123456789abcdef", true, "kept"),
            (".fingerprint/chat-fedcba9876543210", true, "removed"),
            ("incremental/chat-1", true, "removed"),
            ("examples/demo", false, "removed"),
            ("chat", false, "removed"),
            ("chat.d", false, "removed"),
            ("chat.exe", false, "removed"),
            ("chat.db", false, "unknown"),
            ("libchat.so", false, "unknown"),
            (".cargo-lock", false, "kept"),
            (".xpkg-lock", false, "kept"),
            ("notes", false, "unknown"),
            ("mine/file", false, "unknown"),
        ] {
            let entry = Entry {
                path: path.to_owned(),
                size: 1,
                is_dir,
            };
            let names = BTreeSet::from([path, "chat.d"]);
            let found = match fate(&entry, &names, &kept) {
                Fate::Kept => "kept",
                Fate::Removed => "removed",
                Fate::Unknown => "unknown",
            };
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn records_of_several_targets_share_the_host() {
        let records = [used("a", "release", "1"), used("b", "release", "2")];
        let of = |targets: &[&str]| {
            let targets: Vec<String> = targets.iter().map(|name| (*name).to_owned()).collect();
            let kept = kept(&records, &targets, Utf8Path::new("target"));
            kept.map(|kept| kept[Utf8Path::new("release")].iter().cloned().collect())
                .map_err(|problem| problem.message)
        };
        assert_eq!(of(&[]), Ok(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(of(&["b"]), Ok(vec!["2".to_owned()]));
        assert_eq!(
            of(&["a", "c"]),
            Err("no build of `c` is recorded in `target`".to_owned())
        );
    }

    #[test]
    fn without_a_record_or_in_another_layout_nothing_is_decided() {
        let none = kept(&[], &[], Utf8Path::new("target")).unwrap_err();
        assert_eq!(none.code, CACHE_UNRECORDED);
        let mut other = used("a", "release", "1");
        other.unknown = Some("/t/release/build/a/1/out/liba.rlib".into());
        let other = kept(&[other], &[], Utf8Path::new("target")).unwrap_err();
        assert_eq!(other.code, CACHE_LAYOUT);
        for outside in ["", "..", "a/../..", "./.", "/srv"] {
            let other = kept(&[used("a", outside, "1")], &[], Utf8Path::new("target"));
            assert_eq!(other.unwrap_err().code, CACHE_LAYOUT, "{outside}");
        }
    }
}
