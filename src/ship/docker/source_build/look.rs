//! Queries about what a build in Docker is sent.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::invocation::quote;
use crate::problem::{Failure, Problem, Result};
use crate::project::cargo_config;
use crate::project::look::context::{CargoOptions, ProjectContext};
use crate::project::look::local;
use crate::project::workspace::{Local, Workspace};
use crate::ship::docker::image::DOCKER_INVALID;
use crate::ship::docker::source_build::dockerfile::{self, Plan};
use crate::ship::docker::source_build::ignore::Rules;

/// What cargo wants to see before it fetches, from the workspace's root.
pub struct SentFiles {
    /// Files that name a Rust toolchain.
    pub toolchain: Vec<Utf8PathBuf>,
    /// Manifests, `Cargo.lock`, cargo's configuration, and vendored sources.
    pub manifests: BTreeSet<Utf8PathBuf>,
    /// Sources of the local packages. Empty files will do.
    pub sources: BTreeSet<Utf8PathBuf>,
}

/// Returns the files of the workspace and of the local packages that it depends on. `configured` are the
/// values of `--config`, some of which name files.
///
/// # Errors
/// `docker-invalid`: there is no `Cargo.lock`, or a package, vendored sources or a patch stand outside
/// the workspace. A file cannot be read; cargo's own errors.
pub fn sent(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    configured: &[String],
) -> Result<SentFiles, Failure> {
    let root = &found.workspace.root;
    if !host.is_file(&root.join("Cargo.lock")) {
        let problem = Problem::new(
            DOCKER_INVALID,
            "the workspace has no Cargo.lock, and a build in Docker takes the versions of one",
        );
        return Err(problem.help("write it: `cargo generate-lockfile`").into());
    }
    // A link that leads out of it is sent as a link, and leads nowhere.
    let real = host.resolve(root);
    let there = |name: &&str| host.is_file(&root.join(name));
    let named = |names: &[&str]| {
        names
            .iter()
            .copied()
            .filter(there)
            .map(Utf8PathBuf::from)
            .collect::<Vec<_>>()
    };
    let configuration = named(&[".cargo/config", ".cargo/config.toml"]);
    let locals = local::ask(host, found, asking)?;
    let mut problems: Vec<Problem> = locals
        .iter()
        .filter(|local| !host.resolve(&local.manifest).starts_with(&real))
        .map(strange)
        .collect();
    let mut vendored = Vec::new();
    // A patch that nothing uses is in no graph, and cargo reads it all the same.
    let known = |directory: &Utf8Path| {
        locals
            .iter()
            .any(|local| local.manifest.parent() == Some(directory))
    };
    for file in named(&["Cargo.toml"]).iter().chain(&configuration) {
        for directory in directories(host, &root.join(file))?
            .into_iter()
            .filter(|path| !known(&host.absolute(&root.join(path))))
        {
            match host.resolve(&root.join(&directory)).strip_prefix(&real) {
                Ok(below) => vendored.push(below.to_owned()),
                Err(_) => problems.push(
                    outside(&format!(
                        "the directory `{directory}`, which `{file}` names,"
                    ))
                    .help("move it below its root"),
                ),
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let below = |path: &Utf8PathBuf| path.strip_prefix(root).ok().map(Utf8Path::to_owned);
    let own = named(&["Cargo.lock", "Cargo.toml"])
        .into_iter()
        .chain(configuration)
        .chain(vendored);
    let typed = configured
        .iter()
        .filter(|value| there(&value.as_str()))
        .map(Utf8PathBuf::from);
    let manifests = locals
        .iter()
        .flat_map(|local| workspaces(host, local, root))
        .filter_map(|path| below(&path));
    Ok(SentFiles {
        toolchain: named(&["rust-toolchain", "rust-toolchain.toml"]),
        manifests: own.chain(typed).chain(manifests).collect(),
        sources: locals
            .iter()
            .flat_map(|local| &local.sources)
            .filter_map(below)
            .collect(),
    })
}

/// A package's manifest, and that of a workspace of its own, from which it may inherit.
fn workspaces(host: &Host, local: &Local, root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let above = local
        .manifest
        .ancestors()
        .skip(2)
        .take_while(|directory| directory.starts_with(root))
        .map(|directory| directory.join("Cargo.toml"));
    let is_one = |path: &Utf8PathBuf| {
        host.read_text(path)
            .is_ok_and(|text| text.contains("[workspace"))
    };
    [local.manifest.clone()]
        .into_iter()
        .chain(above.filter(is_one))
        .collect()
}

/// A package that a build in Docker would not see.
fn strange(local: &Local) -> Problem {
    outside(&format!("the package `{}`", local.name))
        .note(
            "there",
            [local
                .manifest
                .parent()
                .unwrap_or(&local.manifest)
                .to_string()],
        )
        .help(
            "move it below the workspace's root, or depend on it by registry or repository; \
               `cargo xpkg docker` builds it here",
        )
}

/// Vendored sources and patches that a file names.
fn directories(host: &Host, file: &Utf8Path) -> Result<Vec<String>> {
    let text = host.read_text(file)?;
    // cargo has read it before.
    Ok(text
        .parse()
        .map(|table| cargo_config::directories(&table))
        .unwrap_or_default())
}

/// Returns the text of the ignore file, with the user's own rules at its end.
///
/// # Errors
/// `.dockerignore` cannot be read.
pub fn ignored(host: &Host, found: &ProjectContext) -> Result<String> {
    let Workspace {
        root, target_dir, ..
    } = &found.workspace;
    let file = root.join(".dockerignore");
    let own = if host.has_file(&file) {
        Some(host.read_text(&file)?)
    } else {
        None
    };
    if own.is_some() {
        host.shell.status(
            "Noting",
            "the rules of `.dockerignore` are copied; write this anew when they change",
        );
    }
    Ok(dockerfile::ignored(
        target_dir.strip_prefix(root).ok(),
        own.as_deref(),
    ))
}

/// Checks that the builder is sent what it copies and compiles: toolchain files, manifests, sources,
/// and `read`, what else the run inside reads.
///
/// # Errors
/// `docker-invalid` with each file that a rule leaves out.
pub fn check_sent<'a>(
    host: &Host,
    root: &Utf8Path,
    ignored: &str,
    plan: &Plan,
    read: impl Iterator<Item = &'a Utf8PathBuf>,
) -> Result<()> {
    const SHOWN: usize = 10;
    let rules = Rules::parse(ignored);
    let real = host.resolve(root);
    let below = read.filter_map(|path| {
        let path = host.resolve(path);
        path.strip_prefix(&real).ok().map(Utf8Path::to_owned)
    });
    // Each with what a rule that sends it names: a directory of sources as a whole.
    let mut needed: Vec<(Utf8PathBuf, Utf8PathBuf)> = plan
        .toolchain
        .iter()
        .chain(&plan.manifests)
        .cloned()
        .chain(below)
        .map(|path| (path.clone(), path))
        .collect();
    // A build compiles no tests, and cargo finds them by itself or not at all.
    let is_compiled = |source: &&Utf8PathBuf| {
        let mut parts = source.components();
        !parts.any(|part| ["benches", "examples", "tests"].contains(&part.as_str()))
    };
    for source in plan.sources.iter().filter(is_compiled) {
        let directory = source.parent().unwrap_or(Utf8Path::new(""));
        // A build script is beside what is not compiled.
        if plan.manifests.contains(&directory.join("Cargo.toml")) {
            needed.push((source.clone(), source.clone()));
            continue;
        }
        let files = host.walk(&root.join(directory))?;
        let sources = files
            .iter()
            .filter(|(path, kind)| **kind == PathKind::File && path.ends_with(".rs"));
        needed.extend(sources.map(|(path, _)| (directory.join(path), directory.to_owned())));
    }
    let mut excluded: BTreeMap<&Utf8Path, &str> = BTreeMap::new();
    let mut senders = BTreeSet::new();
    for (path, sender) in &needed {
        if let Some(rule) = rules.excludes(path.as_str()) {
            excluded.insert(path, rule);
            senders.insert(format!("!{sender}"));
        }
    }
    if excluded.is_empty() {
        return Ok(());
    }
    let more = excluded.len().saturating_sub(SHOWN);
    let lines = excluded
        .iter()
        .take(SHOWN)
        .map(|(path, rule)| format!("{path}, by `{rule}`"))
        .chain((more > 0).then(|| format!("… and {more} more")));
    let senders: Vec<String> = senders.iter().map(|rule| quote(rule)).collect();
    Err(Problem::new(
        DOCKER_INVALID,
        "`.dockerignore` keeps from the builder what the build needs",
    )
    .note("excluded", lines)
    .help(format!(
        "send it: `printf '%s\\n' {} >>{}`",
        senders.join(" "),
        quote(root.join(".dockerignore").as_str())
    )))
}

/// Returns the refusal of what a build in Docker is not sent.
pub fn outside(what: &str) -> Problem {
    Problem::new(
        DOCKER_INVALID,
        format!("{what} stands outside the workspace, and a build in Docker sees nothing else"),
    )
}
