//! `docker --build-in-docker`: a Dockerfile that builds all of it, beside the workspace's
//! Cargo.toml.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum as _;
use serde::Serialize;

use crate::build::look::options::{self, RunOptions};
use crate::build::look::request::{RunRequest, xpkg_config};
use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::host::replacement::{self, Kind};
use crate::invocation::quote;
use crate::problem::{Failure, Problem, Result};
use crate::project::cargo_config;
use crate::project::linker::LinkerChoice;
use crate::project::look::context::{CargoOptions, ProjectContext};
use crate::project::look::local;
use crate::project::reference::Reference;
use crate::project::selection_flags::Selection;
use crate::project::settings::{CargoArgs, Settings};
use crate::project::workspace::{Local, Workspace};
use crate::ship::docker::bins::ImageOptions;
use crate::ship::docker::image::{BASE_UNFIT, Base, DOCKER_INVALID, Image};
use crate::ship::docker::source_build::dockerfile::{self, Plan};
use crate::ship::docker::source_build::ignore::Rules;
use crate::ship::docker::{self, decide};
use crate::ship::oci::look::check::{self, Checked};

/// The Dockerfile for those who build in Docker, and what it is not sent.
pub fn write(
    host: &Host,
    run: RunOptions,
    builder: &str,
    about: ImageOptions,
    force: bool,
) -> Result<Written, Failure> {
    let builder = Reference::parse(builder)?;
    if builder.digest.is_none() {
        return Err(Problem::new(
            BASE_UNFIT,
            format!("the builder `{}` has no digest", builder.written),
        )
        .note(
            "cause",
            ["its tag may mean another image tomorrow".to_owned()],
        )
        .help(format!("write `{}@sha256:…`", builder.name))
        .into());
    }
    let linker = run
        .linker
        .map(linker_name)
        .or_else(|| options::variables(host).linker);
    let RunRequest {
        project: found,
        settings,
        selected,
        cargo_options,
        ..
    } = RunRequest::resolve(host, run)?;
    let config = xpkg_config(&found)?;
    let root = &found.workspace.root;
    let licences = found
        .workspace
        .members
        .iter()
        .filter_map(|member| Some((member.name.clone(), member.license.clone()?)));
    let base = about.base.as_deref().map(|base| from_root(base, root));
    let configured = configured(host, &settings.cargo.config, root)?;
    let mut arguments = arguments(&settings, linker, base.clone(), &configured);
    if about.accepted {
        arguments.extend(["--accept".to_owned(), BASE_UNFIT.name().to_owned()]);
    }
    let about = ImageOptions {
        licences: licences.collect(),
        base,
        root: root.clone(),
        some: settings.selection.is_partial(),
        ..about
    };
    let mut promised = decide::promised(&settings, &selected.bins)?;
    // The revision will be another with the next commit, and this file will not.
    for record in &mut promised.targets {
        record
            .source
            .repository
            .clone_from(&found.workspace.repository);
    }
    let images = docker::run::decided(host, &[promised], &config, &about)?;
    let sent = sent(host, &found, &cargo_options, &configured)?;
    bases_below(host, &images, root)?;
    let place = |path: &Utf8Path, _: &str| {
        pathdiff::diff_utf8_paths(path, root)
            .unwrap_or_else(|| path.to_owned())
            .into_string()
    };
    let Checked { tops, told } = check::check(host, &images, None)?;
    docker::run::note(host, &told);
    let layouts = docker::run::layouts(&images, &tops, place);
    let plan = Plan {
        images: &images,
        layouts: &layouts,
        builder: &builder,
        triples: settings
            .requests
            .iter()
            .map(|request| request.target.triple().to_owned())
            .collect(),
        arguments,
        configured,
        cache: cache(&found.workspace),
        toolchain: sent.toolchain,
        manifests: sent.manifests.into_iter().collect(),
        sources: sent.sources.into_iter().collect(),
    };
    let ignored = ignored(host, &found)?;
    let read = images.iter().flat_map(|image| {
        let base = match &image.base {
            Base::OciLayout { directory, .. } => Some(directory),
            Base::Scratch | Base::Registry(_) => None,
        };
        image.files.keys().chain(base)
    });
    check_sent(host, root, &ignored, &plan, read)?;
    let texts = [
        ("xpkg.Dockerfile", dockerfile::text(&plan)),
        ("xpkg.Dockerfile.dockerignore", ignored),
    ];
    put(host, root, &texts, force)?;
    let stages = images
        .iter()
        .map(|image| Stage {
            stage: dockerfile::stage_name(&image.name),
            image: image.name.clone(),
        })
        .collect();
    Ok(Written {
        dockerfile: root.join(texts[0].0),
        images: stages,
    })
}

/// What was written, as a document.
#[derive(Serialize)]
pub struct Written {
    dockerfile: Utf8PathBuf,
    images: Vec<Stage>,
}

/// An image, and what `--target` calls it.
#[derive(Serialize)]
pub struct Stage {
    image: String,
    stage: String,
}

/// A Dockerfile, as a replaced place.
const TEXT: Kind = Kind {
    name: "a Dockerfile",
    flag: "--manifest-path",
};

/// Name of a new file beside the old one.
const NEW: &str = "new";

/// Writes the files beside the workspace's Cargo.toml. One that somebody changed stays, unless it
/// is forced.
fn put(host: &Host, root: &Utf8Path, texts: &[(&str, String)], force: bool) -> Result<(), Failure> {
    let changed = texts.iter().filter_map(|(name, text)| {
        let path = root.join(name);
        docker::write::changed(host, &path, &path, text)
    });
    let problems: Vec<Problem> = changed.filter(|_| !force).collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    for (name, text) in texts {
        let path = root.join(name);
        let check = |old: &Utf8Path| match docker::write::changed(host, old, &path, text) {
            Some(problem) if !force => Err(problem),
            _ => Ok(()),
        };
        let text = docker::write::sealed(text);
        if host.holds(&path, text.as_bytes()) {
            host.shell.status("Unchanged", path.as_str());
        } else {
            let place = replacement::lock(host, &path, &TEXT)?;
            place.sweep(|leftover| {
                let old = leftover.join(NEW);
                check(&old)
            })?;
            let new = place.begin()?;
            let file = new.root().join(NEW);
            host.write(&file, text.as_bytes())?;
            new.finish(&file, check)?;
            host.shell.status("Wrote", path.as_str());
        }
    }
    Ok(())
}

/// What is not sent, the user's own rules with it.
fn ignored(host: &Host, found: &ProjectContext) -> Result<String> {
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
fn check_sent<'a>(
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

/// Layouts that are bases stand below the root.
fn bases_below(host: &Host, images: &[Image], root: &Utf8Path) -> Result<(), Vec<Problem>> {
    let outside = images.iter().filter_map(|image| match &image.base {
        Base::OciLayout { directory, .. }
            if directory.strip_prefix(host.resolve(root)).is_err() =>
        {
            Some(
                Problem::new(
                    BASE_UNFIT,
                    format!(
                        "the base of `{}` stands outside the workspace, and a build in Docker \
                         sees nothing else",
                        image.name
                    ),
                )
                .note("there", [image.base.name()])
                .help("copy it below the workspace's root: `skopeo copy --all oci:DIR oci:base`"),
            )
        }
        _ => None,
    });
    let problems: Vec<Problem> = outside.collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// What cargo wants to see before it fetches, from the workspace's root.
struct SentFiles {
    toolchain: Vec<Utf8PathBuf>,
    manifests: BTreeSet<Utf8PathBuf>,
    /// Empty files will do.
    sources: BTreeSet<Utf8PathBuf>,
}

fn sent(
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

/// The name of the cache: what the workspace is called wherever it is checked out.
fn cache(workspace: &Workspace) -> String {
    const LONGEST: usize = 60;
    let names: Vec<&str> = match workspace.root_member() {
        Some(member) => vec![&member.name],
        None => workspace
            .members
            .iter()
            .map(|member| member.name.as_str())
            .collect(),
    };
    format!("xpkg-{}", names.join("-"))
        .chars()
        .take(LONGEST)
        .collect()
}

/// What was typed here, or in xpkg's variables, for the run inside. What stands in files is there,
/// too.
fn arguments(
    settings: &Settings,
    linker: Option<String>,
    base: Option<String>,
    configured: &[String],
) -> Vec<String> {
    let Settings {
        cargo,
        selection,
        requests: _,
        universal: _,
        out_dir: _,
        layout: _,
        accept,
        auditable,
        reproducible,
        compiler_cache,
    } = settings;
    // The rest is of this machine, or of this run's talk.
    let CargoArgs { profile, jobs, .. } = cargo;
    let Selection {
        packages,
        workspace,
        exclude,
        bins,
        features,
        all_features,
        no_default_features,
    } = selection;
    let options = [
        (
            "--target",
            settings.targets().iter().map(ToString::to_string).collect(),
        ),
        ("--base", base.into_iter().collect()),
        ("--linker", linker.into_iter().collect()),
        ("--package", packages.clone()),
        ("--exclude", exclude.clone()),
        ("--bin", bins.clone()),
        (
            "--features",
            if features.is_empty() {
                Vec::new()
            } else {
                vec![features.join(",")]
            },
        ),
        (
            "--profile",
            Some(profile)
                .filter(|profile| *profile != "release")
                .cloned()
                .into_iter()
                .collect(),
        ),
        ("--jobs", jobs.iter().cloned().collect()),
        (
            "--compiler-cache",
            compiler_cache
                .iter()
                .map(|cache| cache.name().to_owned())
                .collect(),
        ),
        ("--config", configured.to_vec()),
        (
            "--accept",
            accept.iter().map(|code| code.name().to_owned()).collect(),
        ),
    ];
    let flags = [
        ("--workspace", *workspace),
        ("--all-features", *all_features),
        ("--no-default-features", *no_default_features),
        ("--auditable", *auditable),
        ("--reproducible", *reproducible),
    ];
    let options = options.into_iter().flat_map(|(name, values)| {
        values
            .into_iter()
            .flat_map(move |value| [name.to_owned(), value])
    });
    options
        .chain(
            flags
                .into_iter()
                .filter(|(_, wanted)| *wanted)
                .map(|(name, _)| name.to_owned()),
        )
        .collect()
}

/// As it is typed.
fn linker_name(choice: LinkerChoice) -> String {
    choice
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// A base that is a layout below the root, as it is named from there.
fn from_root(base: &str, root: &Utf8Path) -> String {
    let below = base
        .strip_prefix("oci:")
        .and_then(|path| Utf8Path::new(path).strip_prefix(root).ok());
    below.map_or_else(|| base.to_owned(), |path| format!("oci:{path}"))
}

/// The values of `--config`; files among them as they are named from the root, since nothing else
/// is seen inside.
fn configured(
    host: &Host,
    values: &[String],
    root: &Utf8Path,
) -> Result<Vec<String>, Vec<Problem>> {
    let (mut named, mut problems) = (Vec::new(), Vec::new());
    for value in values {
        let file = Utf8Path::new(value);
        match file.strip_prefix(root) {
            _ if !host.is_file(file) => named.push(value.clone()),
            Ok(below) => named.push(below.to_string()),
            Err(_) => problems.push(
                outside(&format!("the file `{value}` of `--config`"))
                    .help("copy it below the workspace's root"),
            ),
        }
    }
    if problems.is_empty() {
        Ok(named)
    } else {
        Err(problems)
    }
}

/// What a build in Docker is not sent.
fn outside(what: &str) -> Problem {
    Problem::new(
        DOCKER_INVALID,
        format!("{what} stands outside the workspace, and a build in Docker sees nothing else"),
    )
}
