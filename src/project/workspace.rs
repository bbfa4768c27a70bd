//! The workspace as cargo tells it, and which of its bins a run builds.
//!
//! Pure: it is given cargo's metadata. What a target's graph holds in C is in `graph`.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use cargo_metadata::{Metadata, Package};
use serde::Serialize;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::list;
use crate::problem::{Problem, nearest};
use crate::project::config::Config;

/// Members, their bins, and where cargo puts things.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub root: Utf8PathBuf,
    pub target_dir: Utf8PathBuf,
    pub members: Vec<Member>,
    /// `package.repository` of the first member that has one.
    pub repository: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    pub version: String,
    /// cargo's package id: unique, and what artifact messages carry.
    pub id: String,
    pub manifest: Utf8PathBuf,
    /// `package.license`, an SPDX expression.
    pub licence: Option<String>,
    /// In the workspace's default members.
    pub default: bool,
    /// Has a `[package.metadata.xpkg]` table.
    pub configured: bool,
    pub build_script: Option<Utf8PathBuf>,
    /// The first file of each of its targets: cargo wants to see them before it reads the manifest.
    pub sources: Vec<Utf8PathBuf>,
    pub features: BTreeMap<String, Vec<String>>,
    pub bins: Vec<MemberBin>,
}

/// A package that comes from no registry and no repository, member or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    pub name: String,
    pub manifest: Utf8PathBuf,
    /// The first file of each of its targets.
    pub sources: Vec<Utf8PathBuf>,
}

impl Local {
    /// From `cargo metadata` with the resolved graph.
    pub fn all(metadata: &Metadata) -> Vec<Self> {
        let local = |package: &Package| Self {
            name: package.name.to_string(),
            manifest: package.manifest_path.clone(),
            sources: package
                .targets
                .iter()
                .map(|target| target.src_path.clone())
                .collect(),
        };
        metadata
            .packages
            .iter()
            .filter(|package| package.source.is_none())
            .map(local)
            .collect()
    }
}

#[derive(Debug, Clone)]
pub struct MemberBin {
    pub name: String,
    pub required_features: Vec<String>,
}

impl Member {
    /// Whether `-p SPEC` means it: `name` or `name@version`.
    fn is(&self, spec: &str) -> bool {
        match spec.split_once('@') {
            Some((name, version)) => name == self.name && version == self.version,
            None => spec == self.name,
        }
    }
}

/// What the user selected, as typed.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub packages: Vec<String>,
    pub workspace: bool,
    pub exclude: Vec<String>,
    pub bins: Vec<String>,
    pub features: Vec<String>,
    pub all_features: bool,
    pub no_default_features: bool,
}

impl Selection {
    /// The run is about some bins only; the tree's other bins stay.
    pub fn narrowed(&self) -> bool {
        !self.packages.is_empty() || !self.exclude.is_empty() || !self.bins.is_empty()
    }
}

/// A bin of the run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Bin {
    pub package: String,
    pub bin: String,
    pub version: String,
    #[serde(skip)]
    pub package_id: String,
    /// The name it is staged under.
    #[serde(skip)]
    pub staged: String,
}

/// A bin that is not built, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub package: String,
    pub bin: String,
    pub reason: String,
}

/// The bins of a run and the packages they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Members to hand to cargo, libraries too: they take part in feature unification as in `cargo
    /// build`.
    pub packages: Vec<String>,
    pub bins: Vec<Bin>,
    pub left_out: Vec<LeftOut>,
}

impl Workspace {
    /// From `cargo metadata --no-deps`.
    pub fn new(metadata: &Metadata) -> Self {
        let default: BTreeSet<_> = if metadata.workspace_default_members.is_available() {
            metadata.workspace_default_members.iter().collect()
        } else {
            metadata.workspace_members.iter().collect()
        };
        let mut members: Vec<Member> = metadata
            .packages
            .iter()
            .filter(|package| metadata.workspace_members.contains(&package.id))
            .map(|package| member(package, default.contains(&package.id)))
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            root: metadata.workspace_root.clone(),
            target_dir: metadata.target_directory.clone(),
            repository: metadata
                .packages
                .iter()
                .find_map(|package| package.repository.clone()),
            members,
        }
    }

    /// Those of the features that can be asked of one package alone.
    pub fn features_of(&self, package: &str, features: &[String]) -> Vec<String> {
        let member = self.members.iter().find(|member| member.name == package);
        let has =
            |feature: &str| member.is_some_and(|member| member.features.contains_key(feature));
        let fits = |feature: &&String| match feature.split_once('/') {
            Some((owner, _)) => {
                owner == package || !self.members.iter().any(|member| member.name == owner)
            }
            None => has(feature),
        };
        features.iter().filter(fits).cloned().collect()
    }

    /// The member whose manifest is the workspace's.
    pub fn root_member(&self) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.manifest.parent() == Some(&self.root))
    }

    /// Which bins a run builds. SPEC: those of the default members; `--workspace` for all members,
    /// `-p` to choose.
    pub fn select(&self, selection: &Selection, config: &Config) -> Result<Selected, Vec<Problem>> {
        let problems = self.unknown_packages(selection, config);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut selected = Selected {
            packages: Vec::new(),
            bins: Vec::new(),
            left_out: Vec::new(),
        };
        for member in &self.members {
            let unselected = reason_not_selected(member, selection);
            let skipped = config
                .package
                .get(&member.name)
                .is_some_and(|package| package.skip);
            if unselected.is_none() && !skipped {
                selected.packages.push(member.name.clone());
            }
            for bin in &member.bins {
                let reason = unselected.clone().or_else(|| {
                    skipped
                        .then(|| "`skip = true` in its `[package.metadata.xpkg]`".to_owned())
                        .or_else(|| reason_features(member, bin, selection))
                });
                match reason {
                    None if selection.bins.is_empty() || selection.bins.contains(&bin.name) => {
                        selected.bins.push(planned(member, bin, config));
                    }
                    None => {}
                    Some(reason) => {
                        selected.left_out.push(LeftOut {
                            package: member.name.clone(),
                            bin: bin.name.clone(),
                            reason,
                        });
                    }
                }
            }
        }
        let known: Vec<String> = self
            .members
            .iter()
            .flat_map(|member| &member.bins)
            .map(|bin| bin.name.clone())
            .collect();
        let problems = refusals(&selected, &known, selection);
        if !problems.is_empty() {
            return Err(problems);
        }
        if !selection.packages.is_empty() {
            // Who chose packages by name need not hear of all the others.
            selected
                .left_out
                .retain(|left_out| left_out.reason != NOT_CHOSEN);
        }
        Ok(selected)
    }

    fn unknown_packages(&self, selection: &Selection, config: &Config) -> Vec<Problem> {
        let names = || self.members.iter().map(|member| member.name.as_str());
        let typed = selection.packages.iter().map(|name| (name, "-p"));
        let typed = typed.chain(selection.exclude.iter().map(|name| (name, "--exclude")));
        let configured = config.package.keys().map(|name| (name, "package"));
        let unknown = typed
            .chain(configured)
            .filter(|(spec, _)| !self.members.iter().any(|member| member.is(spec)));
        let mut problems: Vec<Problem> = unknown
            .map(|(name, place)| {
                let problem = Problem::new(
                    UNKNOWN_PACKAGE,
                    format!("`{place} {name}`: the workspace has no such package"),
                );
                match nearest(name, names()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help(format!("its packages are {}", list(names()))),
                }
            })
            .collect();
        for (name, package) in &config.package {
            let Some(member) = self.members.iter().find(|member| &member.name == name) else {
                continue;
            };
            for bin in package
                .rename
                .keys()
                .filter(|bin| !member.bins.iter().any(|own| &own.name == *bin))
            {
                let problem = Problem::new(
                    UNKNOWN_BIN,
                    format!(
                        "`rename` of package `{name}` names a bin `{bin}` that it does not have"
                    ),
                );
                problems.push(
                    match nearest(bin, member.bins.iter().map(|bin| bin.name.as_str())) {
                        Some(near) => problem.help(format!("did you mean `{near}`?")),
                        None => problem,
                    },
                );
            }
        }
        problems
    }
}

fn member(package: &Package, default: bool) -> Member {
    Member {
        name: package.name.to_string(),
        version: package.version.to_string(),
        id: package.id.repr.clone(),
        manifest: package.manifest_path.clone(),
        licence: package.license.clone(),
        default,
        configured: package.metadata.get("xpkg").is_some(),
        build_script: package
            .targets
            .iter()
            .find(|target| target.is_custom_build())
            .map(|target| target.src_path.clone()),
        sources: package
            .targets
            .iter()
            .map(|target| target.src_path.clone())
            .collect(),
        features: package.features.clone(),
        bins: package
            .targets
            .iter()
            .filter(|target| target.is_bin())
            .map(|target| MemberBin {
                name: target.name.clone(),
                required_features: target.required_features.clone(),
            })
            .collect(),
    }
}

fn planned(member: &Member, bin: &MemberBin, config: &Config) -> Bin {
    let renamed = config
        .package
        .get(&member.name)
        .and_then(|package| package.rename.get(&bin.name));
    Bin {
        package: member.name.clone(),
        bin: bin.name.clone(),
        version: member.version.clone(),
        package_id: member.id.clone(),
        staged: renamed.unwrap_or(&bin.name).clone(),
    }
}

fn reason_not_selected(member: &Member, selection: &Selection) -> Option<String> {
    if selection.exclude.iter().any(|spec| member.is(spec)) {
        return Some("`--exclude`".to_owned());
    }
    if selection.workspace {
        return None;
    }
    if !selection.packages.is_empty() {
        let chosen = selection.packages.iter().any(|spec| member.is(spec));
        return (!chosen).then(|| NOT_CHOSEN.to_owned());
    }
    (!member.default).then(|| "not a default member (`--workspace` builds it)".to_owned())
}

const NOT_CHOSEN: &str = "not chosen by `-p`";

/// `required-features` that this selection does not enable, as cargo's `--bins` passes over them.
fn reason_features(member: &Member, bin: &MemberBin, selection: &Selection) -> Option<String> {
    let enabled = enabled_features(member, selection);
    let missing: Vec<&str> = bin
        .required_features
        .iter()
        .map(String::as_str)
        .filter(|feature| !enabled.contains(*feature))
        .collect();
    (!missing.is_empty()).then(|| format!("needs `--features {}`", missing.join(",")))
}

fn enabled_features(member: &Member, selection: &Selection) -> BTreeSet<String> {
    let mut open: Vec<String> = if selection.all_features {
        member.features.keys().cloned().collect()
    } else {
        let default = (!selection.no_default_features).then(|| "default".to_owned());
        let own = format!("{}/", member.name);
        let typed = selection
            .features
            .iter()
            .map(|feature| feature.strip_prefix(&own).unwrap_or(feature).to_owned());
        typed.chain(default).collect()
    };
    let mut enabled = BTreeSet::new();
    while let Some(feature) = open.pop() {
        if enabled.insert(feature.clone()) {
            open.extend(member.features.get(&feature).into_iter().flatten().cloned());
        }
    }
    enabled
}

/// What is wrong with a selection once its bins are known.
fn refusals(selected: &Selected, known: &[String], selection: &Selection) -> Vec<Problem> {
    let told = selected
        .left_out
        .iter()
        .filter(|left_out| left_out.reason != NOT_CHOSEN);
    let left_out = || {
        told.clone().map(|left_out| {
            format!(
                "{} ({}): {}",
                left_out.bin, left_out.package, left_out.reason
            )
        })
    };
    let mut problems: Vec<Problem> = selection
        .bins
        .iter()
        .filter(|name| !selected.bins.iter().any(|bin| &bin.bin == *name))
        .map(|name| {
            let problem = Problem::new(
                UNKNOWN_BIN,
                format!("`--bin {name}`: the selected packages build no such bin"),
            );
            let outside = selected
                .left_out
                .iter()
                .find(|left_out| &left_out.bin == name);
            match (outside, nearest(name, known.iter().map(String::as_str))) {
                (Some(left_out), _) => problem.note(
                    "left out",
                    [format!(
                        "{} ({}): {}",
                        name, left_out.package, left_out.reason
                    )],
                ),
                (None, Some(near)) => problem.help(format!("did you mean `{near}`?")),
                (None, None) => problem.help(format!(
                    "the workspace's bins are {}",
                    list(known.iter().map(String::as_str))
                )),
            }
        })
        .collect();
    if problems.is_empty() && selected.bins.is_empty() {
        problems.push(
            Problem::new(NO_BINS, "the selected packages have no bin to build")
                .note("left out", left_out())
                .help("select others with `-p` or `--workspace`"),
        );
    }
    problems
}

/// Where xpkg keeps what it can make again: links to tools, answers to slow questions.
pub fn cache_dir(workspace: &Workspace) -> Utf8PathBuf {
    workspace.target_dir.join("xpkg-cache")
}

/// Links by which tools get their names.
pub fn tools_dir(workspace: &Workspace) -> Utf8PathBuf {
    cache_dir(workspace).join("tools")
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[UNKNOWN_PACKAGE, UNKNOWN_BIN, NO_BINS];

pub const UNKNOWN_PACKAGE: Code = code(&CodeInfo {
    name: "unknown-package",
    title: "no such package in the workspace",
    cause: "`-p` or `--exclude` names a package that is not a member.",
    detection: "The members are those of `cargo metadata`.",
    fix: "Use the nearest member, which the message names.",
    source: "README, Tasks",
    waivable: false,
});

pub const UNKNOWN_BIN: Code = code(&CodeInfo {
    name: "unknown-bin",
    title: "no such bin in the selected packages",
    cause: "`--bin` names a bin that none of the selected packages has, or that they leave out.",
    detection: "The bins are those of `cargo metadata`.",
    fix: "Use the nearest bin, which the message names, or select its package with `-p`.",
    source: "README, Tasks",
    waivable: false,
});

pub const NO_BINS: Code = code(&CodeInfo {
    name: "no-bins",
    title: "nothing is selected",
    cause: "The selected packages have no bin, or all of theirs are left out.",
    detection: "The bins of the selected packages, less those left out, are none.",
    fix: "Select others with `--workspace` or `-p`; the notes say what was left out and why.",
    source: "README, Tasks",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    /// `name: bin, bin?feature; name!: bin`, where `!` marks a member that is no default member.
    fn workspace(text: &str) -> Workspace {
        let members = text
            .split(';')
            .map(|member| {
                let (name, bins) = member.split_once(':').unwrap();
                let name = name.trim();
                let bins = bins
                    .split(',')
                    .map(str::trim)
                    .filter(|bin| !bin.is_empty())
                    .map(|bin| {
                        let (name, feature) = bin
                            .split_once('?')
                            .map_or((bin, None), |(name, feature)| (name, Some(feature)));
                        MemberBin {
                            name: name.to_owned(),
                            required_features: feature.iter().map(ToString::to_string).collect(),
                        }
                    });
                let features = [
                    ("default", vec!["small"]),
                    ("full", vec!["extra"]),
                    ("extra", vec![]),
                    ("small", vec![]),
                ];
                Member {
                    name: name.trim_end_matches('!').to_owned(),
                    version: "0.1.0".to_owned(),
                    id: name.to_owned(),
                    manifest: Utf8PathBuf::from("Cargo.toml"),
                    licence: None,
                    sources: Vec::new(),
                    default: !name.ends_with('!'),
                    build_script: None,
                    configured: false,
                    features: features
                        .map(|(name, of)| {
                            (name.to_owned(), of.into_iter().map(str::to_owned).collect())
                        })
                        .into(),
                    bins: bins.collect(),
                }
            })
            .collect();
        Workspace {
            root: "/w".into(),
            target_dir: "/w/target".into(),
            members,
            repository: None,
        }
    }

    const CHAT: &str =
        "bots: bot, indexer; core:; server: server, probe?extra, small?small; xtask!: xtask";

    /// `-p x --bin y --workspace --features f` -> `bins | left out`.
    fn check(flags: &str, expected: &str) {
        let mut selection = Selection::default();
        let mut words = flags.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "-p" => selection.packages.push(words.next().unwrap().to_owned()),
                "--exclude" => selection.exclude.push(words.next().unwrap().to_owned()),
                "--bin" => selection.bins.push(words.next().unwrap().to_owned()),
                "--features" => selection.features.push(words.next().unwrap().to_owned()),
                "--workspace" => selection.workspace = true,
                "--all-features" => selection.all_features = true,
                "--no-default-features" => selection.no_default_features = true,
                word => panic!("{word}"),
            }
        }
        let found = match workspace(CHAT).select(&selection, &Config::default()) {
            Ok(selected) => {
                let bins: Vec<String> = selected.bins.into_iter().map(|bin| bin.bin).collect();
                let left_out: Vec<String> = selected
                    .left_out
                    .into_iter()
                    .map(|left| format!("{}: {}", left.bin, left.reason))
                    .collect();
                format!("{} | {}", bins.join(" "), left_out.join("; "))
            }
            Err(problems) => {
                let told: Vec<String> = problems
                    .iter()
                    .map(|p| format!("{}: {}; {}", p.code.name(), p.message, p.help.join("; ")))
                    .collect();
                told.join(" + ")
            }
        };
        assert_eq!(found, expected, "{flags}");
    }

    #[test]
    fn bins_are_selected_as_cargo_selects_packages() {
        let xtask = "xtask: not a default member (`--workspace` builds it)";
        check(
            "",
            &format!("bot indexer server small | probe: needs `--features extra`; {xtask}"),
        );
        check(
            "--features full",
            &format!("bot indexer server probe small | {xtask}"),
        );
        check(
            "--features server/extra",
            &format!("bot indexer server probe small | {xtask}"),
        );
        check(
            "--no-default-features",
            &format!(
                "bot indexer server | probe: needs `--features extra`; small: needs `--features \
                 small`; {xtask}"
            ),
        );
        check(
            "-p server@0.1.0",
            "server small | probe: needs `--features extra`",
        );
        check(
            "--workspace -p server --all-features",
            "bot indexer server probe small xtask | ",
        );
        check(
            "--workspace --all-features",
            "bot indexer server probe small xtask | ",
        );
        check("-p xtask", "xtask | ");
        check(
            "-p server",
            "server small | probe: needs `--features extra`",
        );
        check(
            "--exclude server --bin bot",
            &format!("bot | server: `--exclude`; probe: `--exclude`; small: `--exclude`; {xtask}"),
        );
    }

    #[test]
    fn what_selects_nothing_is_refused() {
        check(
            "-p sever",
            "unknown-package: `-p sever`: the workspace has no such package; did you mean `server`?",
        );
        check(
            "-p core",
            "no-bins: the selected packages have no bin to build; select others with `-p` or \
             `--workspace`",
        );
        check(
            "--bin indxer",
            "unknown-bin: `--bin indxer`: the selected packages build no such bin; did you mean \
             `indexer`?",
        );
        check(
            "--bin probe",
            "unknown-bin: `--bin probe`: the selected packages build no such bin; ",
        );
    }
}
