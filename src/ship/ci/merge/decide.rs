//! Compares the manifests of the legs with the list, and decides the joined one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::digest;
use crate::problem::code::Code;
use crate::problem::text::{count, list};
use crate::problem::{Problem, nearest};
use crate::ship::ci::legs::{Leg, Legs};
use crate::ship::ci::merge::codes::{
    LEG_COMMIT, LEG_CONFLICT, LEG_DIGEST, LEG_DIRTY, LEG_INCOMPLETE, LEG_LOCK, LEG_MISSING,
    LEG_SETTINGS, LEG_TOOLS, LEG_UNEXPECTED, MERGE_INVALID,
};
use crate::tree::manifest::{Artifact, Manifest, TargetRecord, Waiver};
use crate::tree::staged;

/// Findings that can be accepted.
pub const ACCEPTABLE: &[Code] = &[LEG_DIRTY, LEG_TOOLS];

/// Tree of one or more legs, as it was read.
#[derive(Debug, Clone)]
pub struct LegTree {
    /// Path as it was named, for messages.
    pub path: Utf8PathBuf,
    /// Directory with its files.
    pub root: Utf8PathBuf,
    /// Manifest.
    pub manifest: Manifest,
    /// SHA-256 of `manifest.json`.
    pub digest: String,
}

/// What the user says of the legs.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    /// List of the legs.
    pub expected: &'a Legs,
    /// Name and digest of the manifest of some legs.
    pub digests: &'a [(String, String)],
    /// Accepted findings.
    pub accepted: &'a [Code],
}

/// The joined tree.
#[derive(Debug)]
pub struct Merged {
    /// Manifest.
    pub manifest: Manifest,
    /// Files of `manifest`, each with the number of its tree.
    pub files: Vec<(usize, Artifact)>,
    /// Notes for the user.
    pub notes: Vec<String>,
}

/// Part of a tree that is one leg's.
#[derive(Clone, Copy)]
struct Part<'a> {
    leg: &'a Leg,
    /// Number of the tree.
    number: usize,
    tree: &'a LegTree,
}

impl<'a> Part<'a> {
    /// Returns the files of the leg.
    fn artifacts(self) -> impl Iterator<Item = &'a Artifact> {
        let artifacts = self.tree.manifest.artifacts.iter();
        artifacts.filter(move |artifact| self.leg.builds(&artifact.target))
    }

    /// Returns the records of the leg.
    fn records(self) -> impl Iterator<Item = &'a TargetRecord> {
        let records = self.tree.manifest.targets.iter();
        records.filter(move |record| self.leg.builds(&record.target))
    }

    /// Returns the help that builds the leg again.
    fn again(self) -> String {
        format!("run the leg again: `{}`", self.leg.command())
    }
}

/// Decides the joined tree.
///
/// # Errors
/// All problems of all legs.
pub fn decide(trees: &[LegTree], chosen: Chosen) -> Result<Merged, Vec<Problem>> {
    let Chosen {
        expected,
        digests,
        accepted,
    } = chosen;
    let mut problems = unknown_names(expected, digests);
    let unexpected = |tree| unexpected_targets(tree, expected);
    problems.extend(trees.iter().filter_map(unexpected));
    let mut notes = Vec::new();
    let mut taken: Vec<Part> = Vec::new();
    for leg in &expected.legs {
        let parts = trees.iter().enumerate();
        let parts = parts.map(|(number, tree)| Part { leg, number, tree });
        let parts: Vec<Part> = parts.filter(|part| part.records().count() > 0).collect();
        for part in &parts {
            problems.extend(compare(*part, expected, digests));
        }
        match one(leg, &parts, trees) {
            Ok(part) => taken.push(part),
            Err(problem) => problems.push(problem),
        }
        if parts.len() > 1 {
            let number = count(parts.len(), "tree");
            // Otherwise there is a problem, and no note is shown.
            notes.push(format!("{number} of `{}` are the same", leg.name));
        }
    }
    problems.extend(clashes(&taken));
    let mut waivers = Vec::new();
    for problem in dirty(&taken).into_iter().chain(tools(&taken, expected)) {
        if accepted.contains(&problem.code) {
            waivers.push(problem);
        } else {
            problems.push(problem);
        }
    }
    for code in accepted {
        if !waivers.iter().any(|problem| problem.code == *code) {
            notes.push(format!("`--accept {}` accepted nothing", code.name()));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let is_known = |leg: &Leg| digests.iter().any(|(name, _)| *name == leg.name);
    let unknown = taken.iter().filter(|part| !is_known(part.leg)).count();
    if unknown > 0 {
        let number = count(unknown, "manifest");
        notes.push(format!(
            "{number} taken as carried: no digest was passed (`--leg NAME=DIGEST`)"
        ));
    }
    Ok(join(&taken, &waivers, notes))
}

/// Joins the parts. `waivers` are the accepted findings.
fn join(taken: &[Part], waivers: &[Problem], mut notes: Vec<String>) -> Merged {
    let mut records = Vec::new();
    let mut files: Vec<(usize, Artifact)> = Vec::new();
    for part in taken {
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        // A universal target's record names those of its parts, whose IDs may change.
        let (parts, universal): (Vec<_>, Vec<_>) =
            part.records().partition(|record| record.slices.is_empty());
        for record in parts.into_iter().chain(universal) {
            let mut joined = record.clone();
            for slice in &mut joined.slices {
                *slice = ids[slice.as_str()].clone();
            }
            let of_record = waivers
                .iter()
                .filter(|problem| problem.code != LEG_DIRTY || is_dirty(record));
            joined.waivers.extend(of_record.map(|problem| Waiver {
                code: problem.code.name().to_owned(),
                message: problem.message.clone(),
            }));
            if joined != *record {
                joined = joined.with_id(digest::sha256);
            }
            ids.insert(record.id.as_str(), joined.id.clone());
            records.push(joined);
        }
        files.extend(part.artifacts().map(|artifact| {
            let joined = Artifact {
                built_by: ids[artifact.built_by.as_str()].clone(),
                ..artifact.clone()
            };
            (part.number, joined)
        }));
    }
    files.sort_by(|(_, a), (_, b)| a.path.cmp(&b.path));
    let artifacts = files.iter().map(|(_, artifact)| artifact.clone()).collect();
    let manifest = Manifest::new(records, artifacts);
    let records = manifest.targets.iter().map(|record| record.waivers.len());
    let artifacts = manifest.artifacts.iter();
    let accepted = records.chain(artifacts.map(|artifact| artifact.waivers.len()));
    let accepted: usize = accepted.sum();
    if accepted > 0 {
        let number = count(accepted, "accepted finding");
        notes.push(format!("{number} in the manifest, as waivers"));
    }
    Merged {
        manifest,
        files,
        notes,
    }
}

/// Returns a problem for each digest of `--leg` whose leg is not expected.
fn unknown_names(expected: &Legs, digests: &[(String, String)]) -> Vec<Problem> {
    let names = || expected.legs.iter().map(|leg| leg.name.as_str());
    let unknown = digests.iter().map(|(name, _)| name.as_str());
    unknown
        .filter(|name| !names().any(|known| known == *name))
        .map(|name| {
            let message = format!("`--leg {name}=…`: no such leg is expected");
            Problem::new(MERGE_INVALID, message).help(match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the legs are {}", list(names())),
            })
        })
        .collect()
}

/// Returns a problem if a tree has a target that no leg builds.
fn unexpected_targets(tree: &LegTree, expected: &Legs) -> Option<Problem> {
    let targets = tree.manifest.targets.iter();
    let targets: BTreeSet<&str> = targets
        .map(|record| record.target.as_str())
        .filter(|target| !expected.legs.iter().any(|leg| leg.builds(target)))
        .collect();
    if targets.is_empty() {
        return None;
    }
    let message = format!("`{}` has targets that no leg builds", tree.path);
    let targets = targets.into_iter().map(str::to_owned);
    Some(
        Problem::new(LEG_UNEXPECTED, message)
            .note("unexpected", targets)
            .note("expected", expected.legs.iter().map(|leg| leg.triple().to_owned()))
            .help("leave the tree out, or write the list with all targets: `cargo xpkg matrix --for json`"),
    )
}

/// Returns the part that is taken: the only one, or one of several that have the same programs.
/// Which one does not depend on the order of the arguments.
fn one<'a>(leg: &Leg, parts: &[Part<'a>], trees: &[LegTree]) -> Result<Part<'a>, Problem> {
    let Some(taken) = parts.iter().min_by_key(|part| &part.tree.digest) else {
        let message = format!("no tree is of the leg `{}`", leg.name);
        let found = trees.iter().map(|tree| {
            let targets = tree.manifest.targets.iter();
            let targets: BTreeSet<&str> = targets.map(|record| record.target.as_str()).collect();
            let targets: Vec<&str> = targets.into_iter().collect();
            format!("{}: {}", tree.path, targets.join(", "))
        });
        return Err(Problem::new(LEG_MISSING, message)
            .note("trees", found)
            .help(format!("run the leg: `{}`", leg.command())));
    };
    let programs = |part: &Part<'a>| -> BTreeMap<&'a str, &'a str> {
        let artifacts = part.artifacts();
        artifacts
            .map(|artifact| (artifact.path.as_str(), artifact.sha256.as_str()))
            .collect()
    };
    let all: Vec<BTreeMap<&str, &str>> = parts.iter().map(programs).collect();
    let paths: BTreeSet<&str> = all.iter().flat_map(|part| part.keys().copied()).collect();
    let differs = |path: &&str| all.iter().any(|part| part.get(path) != all[0].get(path));
    let differing: Vec<&str> = paths.into_iter().filter(differs).collect();
    if differing.is_empty() {
        return Ok(*taken);
    }
    let message = format!(
        "{} of the leg `{}` differ",
        count(parts.len(), "tree"),
        leg.name
    );
    Err(Problem::new(LEG_CONFLICT, message)
        .note("trees", parts.iter().map(|part| part.tree.path.to_string()))
        .note("differing", differing.into_iter().map(str::to_owned))
        .help("pass only the tree of the run that counts"))
}

/// Compares a part with its leg.
fn compare(part: Part, expected: &Legs, digests: &[(String, String)]) -> Vec<Problem> {
    let Part { leg, tree, .. } = part;
    let path = &tree.path;
    let name = &leg.name;
    let mut problems = Vec::new();
    let of_leg = digests.iter().filter(|(of, _)| of == name);
    for (_, digest) in of_leg.filter(|(_, digest)| *digest != tree.digest) {
        let message = format!("the manifest of `{path}` is not the one that `{name}` wrote");
        problems.push(
            Problem::new(LEG_DIGEST, message)
                .note("found", [tree.digest.clone()])
                .note("expected", [digest.clone()])
                .help(format!("find out who changed it; {}", part.again())),
        );
    }
    let found: BTreeSet<&str> = part.artifacts().map(|file| file.path.as_str()).collect();
    let mut wanted: BTreeSet<&str> = leg.files.iter().map(|file| file.path.as_str()).collect();
    for directory in &leg.packages {
        let is_in = |file: &&&str| {
            file.strip_prefix(directory.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let files: Vec<&str> = found.iter().filter(is_in).copied().collect();
        if files.is_empty() {
            wanted.insert(directory);
        }
        wanted.extend(files);
    }
    let names = |paths: Vec<&&str>| {
        paths
            .into_iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let missing = names(wanted.difference(&found).collect());
    if !missing.is_empty() {
        let message = format!("`{path}` lacks programs of the leg `{name}`");
        problems.push(
            Problem::new(LEG_INCOMPLETE, message)
                .note("missing", missing)
                .help(part.again()),
        );
    }
    let unexpected = names(found.difference(&wanted).collect());
    if !unexpected.is_empty() {
        let message = format!("`{path}` has programs that the leg `{name}` does not build");
        problems.push(
            Problem::new(LEG_UNEXPECTED, message)
                .note("unexpected", unexpected)
                .help(part.again()),
        );
    }
    problems.extend(
        part.records()
            .flat_map(|record| sources(part, record, expected)),
    );
    problems.extend(settings(part, expected));
    problems
}

/// Compares the sources of a record with those of the list.
fn sources(part: Part, record: &TargetRecord, expected: &Legs) -> Vec<Problem> {
    let path = &part.tree.path;
    let name = &part.leg.name;
    let (found, wanted) = (&record.source, &expected.source);
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let mut problems = Vec::new();
    if found.commit != wanted.commit {
        let message = format!("`{path}`: the leg `{name}` is of another commit than expected");
        problems.push(
            Problem::new(LEG_COMMIT, message)
                .note("found", [or_none(&found.commit)])
                .note("expected", [or_none(&wanted.commit)])
                .help("build all legs at the commit of the list"),
        );
    }
    if found.cargo_lock_sha256 != wanted.cargo_lock_sha256 {
        let message = format!("`{path}`: the leg `{name}` has another Cargo.lock than expected");
        problems.push(
            Problem::new(LEG_LOCK, message)
                .note("found", [or_none(&found.cargo_lock_sha256)])
                .note("expected", [or_none(&wanted.cargo_lock_sha256)])
                .help("commit Cargo.lock, and pass `--locked` to `matrix`, for all legs"),
        );
    }
    problems
}

/// Compares profile, versions and floor of a part with its leg.
fn settings(part: Part, expected: &Legs) -> Option<Problem> {
    let Part { leg, tree, .. } = part;
    let mut lines = BTreeSet::new();
    for record in part.records() {
        if record.glibc.as_deref() != leg.floor() {
            let floor = |floor: Option<&str>| floor.unwrap_or("none").to_owned();
            let (found, wanted) = (floor(record.glibc.as_deref()), floor(leg.floor()));
            lines.insert(format!("glibc floor {found}, expected {wanted}"));
        }
    }
    for artifact in part.artifacts() {
        let Artifact { profile, path, .. } = artifact;
        if *profile != expected.profile {
            lines.insert(format!("profile {profile}, expected {}", expected.profile));
        }
        let Some(file) = leg.files.iter().find(|file| file.path == *path) else {
            continue;
        };
        let found = (&artifact.package, &artifact.version, &artifact.bin);
        let wanted = (&file.package, &file.version, &file.bin);
        if found != wanted {
            let label = |(package, version, bin): (&String, &String, &String)| {
                format!("bin `{bin}` of {package} {version}")
            };
            lines.insert(format!(
                "{path}: {}, expected {}",
                label(found),
                label(wanted)
            ));
        }
    }
    if lines.is_empty() {
        return None;
    }
    let message = format!(
        "`{}`: the leg `{}` was built with other settings than expected",
        tree.path, leg.name
    );
    Some(
        Problem::new(LEG_SETTINGS, message)
            .note("found", lines)
            .help(part.again()),
    )
}

/// Returns true if a target was built with uncommitted changes.
fn is_dirty(record: &TargetRecord) -> bool {
    record.source.dirty == Some(true)
}

/// Returns the problem of legs that were built with uncommitted changes.
fn dirty(taken: &[Part]) -> Option<Problem> {
    let dirty = taken.iter().filter(|part| part.records().any(is_dirty));
    let dirty: Vec<&str> = dirty.map(|part| part.leg.name.as_str()).collect();
    if dirty.is_empty() {
        return None;
    }
    let message = format!("uncommitted changes are in {}", list(dirty));
    Some(Problem::new(LEG_DIRTY, message).help(
        "commit the files, or ignore them in `.gitignore`; to merge all the same: `--accept leg-dirty`",
    ))
}

/// Returns the problem of legs that were built by other versions of rustc or xpkg.
fn tools(taken: &[Part], expected: &Legs) -> Option<Problem> {
    let mut found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let own = env!("CARGO_PKG_VERSION");
    let mut rustc = BTreeSet::new();
    let mut xpkg = BTreeSet::from([own, &expected.tool.version]);
    for part in taken {
        let version = part.tree.manifest.tool.version.as_str();
        xpkg.insert(version);
        for record in part.records() {
            let commit = record.rustc.commit_hash.as_deref();
            let commit = commit
                .and_then(|commit| commit.get(..9))
                .unwrap_or("unknown");
            let compiler = format!("rustc {} ({commit})", record.rustc.release);
            rustc.insert(compiler.clone());
            let names = found
                .entry(format!("{compiler}, xpkg {version}"))
                .or_default();
            names.insert(&part.leg.name);
        }
    }
    if rustc.len() <= 1 && xpkg.len() <= 1 {
        return None;
    }
    let lines = found.into_iter().map(|(tools, legs)| {
        let legs: Vec<&str> = legs.into_iter().collect();
        format!("{tools}: {}", legs.join(", "))
    });
    let here = format!("xpkg {own}: this one; {}: the list", expected.tool.version);
    let versions = rustc
        .into_iter()
        .chain(xpkg.into_iter().map(|version| format!("xpkg {version}")));
    let versions: Vec<String> = versions.collect();
    let message = format!(
        "legs were built by different tools: {}",
        versions.join(", ")
    );
    Some(Problem::new(LEG_TOOLS, message).note("found", lines.chain([here])).help(
        "pin them on all machines (`rust-toolchain.toml`); to merge all the same: `--accept leg-tools`",
    ))
}

/// Returns a problem for each pair of files of different trees with one path.
fn clashes(taken: &[Part]) -> Vec<Problem> {
    let files = taken.iter().flat_map(|part| {
        part.artifacts().map(|artifact| {
            let Artifact {
                path,
                target,
                package,
                bin,
                ..
            } = artifact;
            let label = format!(
                "bin `{bin}` of package `{package}` for `{target}`, in `{}`",
                part.tree.path
            );
            (path.clone(), label)
        })
    });
    staged::clashing_pairs(files)
}
