//! Record of the units that a build used, read from cargo's JSON messages.
//!
//! Pure. A unit is one compiled crate or one run of a build script. cargo ends the names of its
//! files with the same 16 hex digits: `deps/libring-HASH.rlib`, `build/ring-HASH/`,
//! `.fingerprint/ring-HASH/`. cargo names fresh units, too, so the messages of one run are the whole
//! list.
//!
//! Source: cargo 1.95, `core/compiler/build_runner/compilation_files.rs`.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::build::cache::key::Part;

/// Version of the format that this program writes and reads.
const SCHEMA_VERSION: u32 = 1;

/// What a build of one target used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Used {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Target triple, with its glibc floor if it has one.
    pub target: String,
    /// Name of cargo's profile.
    pub profile: String,
    /// Hashes of the units of dependencies, by directory of a profile: `release`,
    /// `x86_64-unknown-linux-musl/release`. Relative to the target directory; absolute if elsewhere.
    pub units: BTreeMap<Utf8PathBuf, BTreeSet<String>>,
    /// A file of a dependency that is not where cargo's known layout has it.
    pub unknown: Option<Utf8PathBuf>,
    /// Parts of the cache's key at that build.
    pub key: Vec<Part>,
}

impl Used {
    /// Returns the record of a build that used nothing so far.
    pub fn new(target: String, profile: String, key: Vec<Part>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            target,
            profile,
            units: BTreeMap::new(),
            unknown: None,
            key,
        }
    }

    /// Parses a record; `None` if it has another format, which counts as no record.
    pub fn parse(text: &str) -> Option<Self> {
        let used: Self = serde_json::from_str(text).ok()?;
        (used.schema_version == SCHEMA_VERSION).then_some(used)
    }

    /// Returns the text of the record.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a record is plain data") + "\n"
    }

    /// Returns the name of the record's file in xpkg's cache.
    pub fn file_name(&self) -> String {
        format!("used-{}-{}.json", self.target, self.profile)
    }

    /// Returns the name of the file of what was found in the bins.
    pub fn taken_file_name(&self) -> String {
        format!("taken-{}-{}.json", self.target, self.profile)
    }

    /// Adds a directory of a profile, in which nothing is used yet. One that is no part of the record
    /// is not pruned.
    pub fn add_directory(&mut self, directory: &Utf8Path, target_dir: &Utf8Path) {
        let below = directory.strip_prefix(target_dir).unwrap_or(directory);
        self.units.entry(below.to_owned()).or_default();
    }

    /// Adds what the messages of a call named. `target_dir` is cargo's target directory.
    pub fn add(&mut self, messages: &Messages, target_dir: &Utf8Path) {
        for path in &messages.paths {
            match unit(path) {
                Some((directory, hash)) => {
                    let below = directory.strip_prefix(target_dir).unwrap_or(directory);
                    let units = self.units.entry(below.to_owned()).or_default();
                    units.insert(hash.to_owned());
                }
                None => self.unknown = Some(path.clone()),
            }
        }
    }
}

/// Files of dependencies that cargo's messages name, and if cargo compiled anything.
#[derive(Debug, Default)]
pub struct Messages {
    paths: Vec<Utf8PathBuf>,
    /// True unless cargo has found every unit as it must be. A build script that runs again has the
    /// units of its package compiled again, too.
    pub has_compiled: bool,
}

/// Fields of cargo's messages about units.
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: String,
    #[serde(default)]
    filenames: Vec<Utf8PathBuf>,
    out_dir: Option<Utf8PathBuf>,
    #[serde(default)]
    fresh: bool,
}

impl Messages {
    /// Reads a line of cargo's output. Those of packages in the checkout are left out: a fresh
    /// checkout builds them again.
    pub fn read(&mut self, line: &str) {
        if !line.starts_with('{') {
            return;
        }
        let Ok(message) = serde_json::from_str::<Message>(line) else {
            return;
        };
        let Message {
            reason,
            package_id,
            filenames,
            out_dir,
            fresh,
        } = message;
        self.has_compiled |= reason == "compiler-artifact" && !fresh;
        if package_id.starts_with("path+") {
            return;
        }
        match reason.as_str() {
            "compiler-artifact" => self.paths.extend(filenames),
            "build-script-executed" => self.paths.extend(out_dir),
            _ => {}
        }
    }
}

/// Returns the directory of the profile and the hash of the unit of a file that cargo wrote.
fn unit(path: &Utf8Path) -> Option<(&Utf8Path, &str)> {
    let parent = path.parent()?;
    if parent.file_name() == Some("deps") {
        return Some((parent.parent()?, key(path.file_name()?)));
    }
    let mut ancestors = parent.ancestors();
    let directory = ancestors.find(|directory| directory.parent().is_some_and(is_build))?;
    let hash = hash(directory.file_name()?)?;
    Some((directory.parent()?.parent()?, hash))
}

/// Returns true for the directory of build scripts.
fn is_build(path: &Utf8Path) -> bool {
    path.file_name() == Some("build")
}

/// Returns what tells the unit of a file in `deps`: its hash, or the stem of a file without one, such
/// as that of a dynamic library.
pub fn key(file_name: &str) -> &str {
    let stem = file_name.split('.').next().unwrap_or(file_name);
    hash(stem).unwrap_or(stem)
}

/// Returns the hash at the end of a name: 16 lower-case hex digits after a dash.
pub fn hash(stem: &str) -> Option<&str> {
    let (_, hash) = stem.rsplit_once('-')?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (hash.len() == 16 && hash.bytes().all(is_digit)).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_a_unit() {
        for (path, expected) in [
            (
                "/t/release/deps/libring-0123456789abcdef.rlib",
                Some(("/t/release", "0123456789abcdef")),
            ),
            (
                "/t/x/release/deps/libfoo.so",
                Some(("/t/x/release", "libfoo")),
            ),
            (
                "/t/release/build/ring-0123456789abcdef/build-script-build",
                Some(("/t/release", "0123456789abcdef")),
            ),
            (
                "/t/x/release/build/ring-0123456789abcdef/out",
                Some(("/t/x/release", "0123456789abcdef")),
            ),
            // Layouts of a cargo to come.
            (
                "/t/release/build/ring/0123456789abcdef/out/libring.rlib",
                None,
            ),
            ("/t/release/chat", None),
        ] {
            let expected = expected.map(|(directory, hash)| (Utf8Path::new(directory), hash));
            assert_eq!(unit(Utf8Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn names_end_with_a_hash_or_not() {
        for (name, expected) in [
            ("libring-0123456789abcdef.rmeta", "0123456789abcdef"),
            (
                "chat-0123456789abcdef.chat.1a-cgu.0.rcgu.o",
                "0123456789abcdef",
            ),
            ("libfoo.so", "libfoo"),
            ("a-0123456789ABCDEF", "a-0123456789ABCDEF"),
            ("-", "-"),
        ] {
            assert_eq!(key(name), expected, "{name}");
        }
    }

    #[test]
    fn a_unit_that_is_not_fresh_was_compiled() {
        let message = |reason: &str, package: &str, fresh: bool| {
            format!("{{\"reason\":\"{reason}\",\"package_id\":\"{package}\",\"fresh\":{fresh}}}")
        };
        for (reason, package, fresh, expected) in [
            (
                "compiler-artifact",
                "registry+https://i#a@1.0.0",
                true,
                false,
            ),
            (
                "compiler-artifact",
                "registry+https://i#a@1.0.0",
                false,
                true,
            ),
            ("compiler-artifact", "path+file:///w#b@1.0.0", false, true),
            (
                "build-script-executed",
                "path+file:///w#b@1.0.0",
                false,
                false,
            ),
        ] {
            let mut messages = Messages::default();
            messages.read(&message(reason, package, fresh));
            assert_eq!(
                messages.has_compiled, expected,
                "{reason} {package} {fresh}"
            );
        }
    }

    #[test]
    fn packages_of_the_checkout_and_other_lines_do_not_count() {
        let mut messages = Messages::default();
        for line in [
            r#"{"reason":"compiler-artifact","package_id":"registry+https://i#a@1.0.0","filenames":["/t/release/deps/liba-0123456789abcdef.rlib"],"fresh":true}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w#b@1.0.0","filenames":["/t/release/deps/libb-0123456789abcde0.rlib"]}"#,
            r#"{"reason":"build-script-executed","package_id":"git+https://g#c@1.0.0","out_dir":"/t/release/build/c-0123456789abcde1/out"}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "not a message",
            "",
        ] {
            messages.read(line);
        }
        let mut used = Used::new("x".to_owned(), "release".to_owned(), Vec::new());
        used.add(&messages, Utf8Path::new("/t"));
        let hashes = ["0123456789abcdef", "0123456789abcde1"].map(str::to_owned);
        assert_eq!(
            used.units,
            BTreeMap::from([(Utf8PathBuf::from("release"), hashes.into())])
        );
        assert!(messages.has_compiled, "`b` has no `fresh`");
        assert_eq!(Used::parse(&used.json()), Some(used));
    }
}
