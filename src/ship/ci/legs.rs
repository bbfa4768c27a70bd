//! The document of the legs: what each machine builds, and what its tree must have. Pure.
//!
//! `matrix --for json` writes it and `merge --expect` reads it; `src/ship/ci/legs.schema.json`
//! describes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::invocation::quote;
use crate::problem::{Problem, Result};
use crate::project::path_template::path_fault;
use crate::ship::ci::codes::LEGS_UNREADABLE;
use crate::target::glibc::Glibc;
use crate::target::{SLICES, Target, UNIVERSAL};
use crate::tree::fields::{self, excerpt, is_commit, is_component, is_hex, is_word, must};
use crate::tree::manifest::Tool;
use crate::tree::source::Source;

/// Version of the format that this program writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Identifier of that format, `$id` of its JSON Schema.
pub const SCHEMA_ID: &str = "urn:cargo-xpkg:legs:1";

/// The legs of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Legs {
    /// [`SCHEMA_ID`].
    #[serde(rename = "$schema")]
    pub schema: String,
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Program that wrote the document.
    pub tool: Tool,
    /// Name of the set; `None` without `--set`.
    pub set: Option<String>,
    /// Commit and lockfile to build.
    pub source: Source,
    /// cargo profile.
    pub profile: String,
    /// Legs, in the order of the targets; at least one.
    pub legs: Vec<Leg>,
}

/// What one machine builds: all bins of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// Name, of letters, digits, `-` and `_`.
    pub name: String,
    /// Target triple, with its glibc floor if it has one.
    pub target: String,
    /// Platform in OCI's notation: `linux/arm64`.
    pub platform: String,
    /// True if a runner of the target's own system builds it, because nothing on Linux links for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub native: bool,
    /// Arguments of `cargo xpkg build`, to be run in the directory that `matrix` was run in.
    pub args: Vec<String>,
    /// Directory of its staged tree, relative to that directory.
    pub tree: String,
    /// Name of its artifact.
    pub artifact: String,
    /// Beginning of the key of its cache.
    pub cache_prefix: String,
    /// Files that its tree must have, sorted by path.
    pub files: Vec<LegFile>,
    /// Directories of packages for JavaScript that its tree must have: their files are known after
    /// the build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
}

/// A program that a leg's tree must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegFile {
    /// Path relative to the tree's root.
    pub path: String,
    /// Name of the package.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// Name of the bin target.
    pub bin: String,
}

impl Leg {
    /// Returns the target's triple without its glibc floor.
    pub fn triple(&self) -> &str {
        Target::split(&self.target).0
    }

    /// Returns true if the leg builds a target: its own, or one that its universal programs are made
    /// of.
    pub fn builds(&self, triple: &str) -> bool {
        self.triple() == triple || self.triple() == UNIVERSAL && SLICES.contains(&triple)
    }

    /// Returns the glibc floor.
    pub fn floor(&self) -> Option<&str> {
        Target::split(&self.target).1
    }

    /// Returns the arguments as words of a POSIX shell.
    pub fn words(&self) -> String {
        let words: Vec<String> = self.args.iter().map(|word| quote(word)).collect();
        words.join(" ")
    }

    /// Returns the command line that builds the leg, for a POSIX shell.
    pub fn command(&self) -> String {
        format!("cargo xpkg build {}", self.words())
    }
}

impl Legs {
    /// Parses a document; `place` is its name in messages.
    ///
    /// # Errors
    /// `legs-unreadable`.
    pub fn parse(text: &str, place: &str) -> Result<Self> {
        let unreadable = |why: String| {
            Problem::new(LEGS_UNREADABLE, format!("cannot read `{place}`: {why}")).help(
                "write it on the machine that starts the legs: `cargo xpkg matrix --for json > \
                 legs.json`",
            )
        };
        let legs: Self = fields::parse(text, SCHEMA_VERSION).map_err(unreadable)?;
        legs.validate().map_err(unreadable)?;
        Ok(legs)
    }

    /// Checks what the types of the fields cannot express.
    fn validate(&self) -> Result<(), String> {
        let Self {
            schema,
            schema_version: _,
            tool: _,
            set: _,
            source,
            profile,
            legs,
        } = self;
        must(schema == SCHEMA_ID, "`$schema`", schema, SCHEMA_ID)?;
        must(is_word(profile, &['-']), "`profile`", profile, "a profile")?;
        if let Some(commit) = &source.commit {
            must(is_commit(commit), "`source.commit`", commit, "a commit")?;
        }
        if let Some(digest) = &source.cargo_lock_sha256 {
            let place = "`source.cargo_lock_sha256`";
            must(is_hex(digest, 64), place, digest, "64 hex digits")?;
        }
        if legs.is_empty() {
            return Err("it has no leg, so every tree would be complete".to_owned());
        }
        let (mut names, mut triples, mut paths) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for leg in legs {
            leg.validate()?;
            let twice = |what: &str, name: &str| format!("the {what} `{name}` is listed twice");
            if names.insert(&leg.name, ()).is_some() {
                return Err(twice("leg", &leg.name));
            }
            if triples.insert(leg.triple(), ()).is_some() {
                return Err(twice("target", leg.triple()));
            }
            for file in &leg.files {
                if paths.insert(&file.path, ()).is_some() {
                    return Err(twice("path", &file.path));
                }
            }
        }
        Ok(())
    }

    /// Returns the text of the document.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("legs are plain data");
        fields::visible(&text) + "\n"
    }
}

impl Leg {
    /// Checks the fields that become names, or that another field determines.
    fn validate(&self) -> Result<(), String> {
        let Self {
            name,
            target,
            platform,
            native: _,
            args: _,
            tree: _,
            artifact: _,
            cache_prefix: _,
            files,
            packages,
        } = self;
        must(is_leg_name(name), "the name of a leg", name, "a name")?;
        let Some(known) = Target::of_triple(self.triple()) else {
            let target = excerpt(target);
            return Err(format!("`{name}` is for the unknown target `{target}`"));
        };
        if let Some(floor) = self.floor() {
            let is_floor = Glibc::parse(floor).is_some();
            let place = format!("the glibc floor of `{name}`");
            must(is_floor, &place, floor, "a version")?;
        }
        let expected = known.platform();
        let place = format!("`platform` of `{name}`");
        must(*platform == expected, &place, platform, &expected)?;
        if files.is_empty() {
            return Err(format!("`{name}` has no file"));
        }
        for path in packages {
            if let Some(fault) = path_fault(path) {
                let path = excerpt(path);
                return Err(format!(
                    "the path `{path}` is not one below the tree: {fault}"
                ));
            }
        }
        files.iter().try_for_each(|file| {
            let LegFile {
                path,
                package,
                version,
                bin,
            } = file;
            if let Some(fault) = path_fault(path) {
                let path = excerpt(path);
                return Err(format!(
                    "the path `{path}` is not one below the tree: {fault}"
                ));
            }
            let of = |field: &str| format!("`{field}` of `{path}`");
            must(is_component(package), &of("package"), package, "a name")?;
            must(is_component(bin), &of("bin"), bin, "a name")?;
            let is_version = is_word(version, &['.', '-', '+']);
            must(is_version, &of("version"), version, "a version")
        })
    }
}

/// Returns true for a name that every CI system takes.
pub fn is_leg_name(name: &str) -> bool {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_taken)
}
