//! `docker --build-in-docker`: a Dockerfile that builds all of it, beside the workspace's Cargo.toml.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum as _;

use crate::cli::RunArgs;
use crate::config::LinkerChoice;
use crate::container::Reference;
use crate::context;
use crate::docker::{self, About, Base};
use crate::formats::build_in_docker;
use crate::host::Host;
use crate::layout;
use crate::look::images::Having;
use crate::problem::{Code, Failure, Problem, Result};
use crate::settings::{CargoArgs, Settings};
use crate::ui::Shell;
use crate::workspace::{Selection, Workspace};

/// The Dockerfile for those who build in Docker, and what it is not sent.
pub fn write(host: &Host, shell: Shell, run: RunArgs, builder: &str, base: Option<String>, force: bool) -> Result<(), Failure> {
    let builder = Reference::parse(builder)?;
    if builder.digest.is_none() {
        return Err(Problem::new(Code::BaseUnfit, format!("the builder `{}` has no digest", builder.written))
            .note("cause", ["its tag may mean another image tomorrow".to_owned()])
            .help(format!("write `{}@sha256:…`", builder.name))
            .into());
    }
    let linker = run.linker.map(linker_name).or_else(|| super::variables(host).linker);
    let named = super::docker::named(host, &run, None);
    let (found, settings, decider) = super::asked(host, shell, run, Having::Leave)?;
    let config = super::own_config(&found)?;
    let root = &found.workspace.root;
    let licences = found.workspace.members.iter().filter_map(|member| Some((member.name.clone(), member.licence.clone()?)));
    let base = base.map(|base| from_root(&base, root));
    let configured = configured(host, &settings.cargo.config, root)?;
    let arguments = arguments(&settings, linker, base.clone(), &configured);
    let about = About { licences: licences.collect(), base, root: root.clone(), some: settings.selection.narrowed(), ..named };
    let promised = docker::promised(&settings, &decider.selected.bins)?;
    let images = super::docker::decided(host, shell, &[promised], &config, &about)?;
    let below = |path: &Utf8PathBuf| path.strip_prefix(root).ok().map(Utf8Path::to_owned);
    let members = &found.workspace.members;
    let files = [root.join("Cargo.lock"), root.join("Cargo.toml")].into_iter().filter(|path| host.is_file(path));
    let manifests: BTreeSet<Utf8PathBuf> =
        files.chain(members.iter().map(|member| member.manifest.clone())).filter_map(|path| below(&path)).collect();
    let sources: BTreeSet<Utf8PathBuf> = members.iter().flat_map(|member| &member.sources).filter_map(below).collect();
    let outside = images.iter().filter_map(|image| match &image.base {
        Base::Layout(path) if path.strip_prefix(host.resolve(root)).is_err() => Some(
            Problem::new(
                Code::BaseUnfit,
                format!("the base of `{}` stands outside the workspace, and a build in Docker sees nothing else", image.name),
            )
            .note("there", [image.base.name()])
            .help("copy it below the workspace's root: `skopeo copy --all oci:DIR oci:base`"),
        ),
        _ => None,
    });
    let outside: Vec<Problem> = outside.collect();
    if !outside.is_empty() {
        return Err(outside.into());
    }
    let place = |path: &Utf8Path, _: &str| pathdiff::diff_utf8_paths(path, root).unwrap_or_else(|| path.to_owned()).into_string();
    let layouts = super::docker::layouts(&images, &layout::check(host, &images)?, place);
    let plan = build_in_docker::Plan {
        images: &images,
        layouts: &layouts,
        builder: &builder,
        triples: settings.requests.iter().map(|request| request.target.triple().to_owned()).collect(),
        arguments,
        configured,
        cache: cache(&found.workspace),
        manifests: manifests.into_iter().collect(),
        sources: sources.into_iter().collect(),
    };
    let ignored = "target\n.git\n".to_owned();
    let texts = [("xpkg.Dockerfile", build_in_docker::text(&plan)), ("xpkg.Dockerfile.dockerignore", ignored)];
    let mut problems = Vec::new();
    for (name, text) in &texts {
        problems.extend(context::changed(host, &root.join(name), text).filter(|_| !force));
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    for (name, text) in &texts {
        let path = root.join(name);
        let text = context::sealed(text);
        if host.holds(&path, text.as_bytes()) {
            shell.status("Unchanged", path.as_str());
        } else {
            host.replace(&path, text.as_bytes())?;
            shell.status("Wrote", path.as_str());
        }
    }
    Ok(())
}

/// The name of the cache: what the workspace is called wherever it is checked out.
fn cache(workspace: &Workspace) -> String {
    const LONGEST: usize = 60;
    let names: Vec<&str> = match workspace.root_member() {
        Some(member) => vec![&member.name],
        None => workspace.members.iter().map(|member| member.name.as_str()).collect(),
    };
    format!("xpkg-{}", names.join("-")).chars().take(LONGEST).collect()
}

/// What was typed here, or in xpkg's variables, for the run inside. What stands in files is there, too.
fn arguments(settings: &Settings, linker: Option<String>, base: Option<String>, configured: &[String]) -> Vec<String> {
    let Settings { cargo, selection, requests, out_dir: _, layout: _, accept } = settings;
    // The rest is of this machine, or of this run's talk.
    let CargoArgs { profile, jobs, .. } = cargo;
    let Selection { packages, workspace, exclude, bins, features, all_features, no_default_features } = selection;
    let options = [
        ("--target", requests.iter().map(|request| request.target.to_string()).collect()),
        ("--base", base.into_iter().collect()),
        ("--linker", linker.into_iter().collect()),
        ("--package", packages.clone()),
        ("--exclude", exclude.clone()),
        ("--bin", bins.clone()),
        ("--features", if features.is_empty() { Vec::new() } else { vec![features.join(",")] }),
        ("--profile", Some(profile).filter(|profile| *profile != "release").cloned().into_iter().collect()),
        ("--jobs", jobs.iter().cloned().collect()),
        ("--config", configured.to_vec()),
        ("--accept", accept.iter().map(|code| code.name().to_owned()).collect()),
    ];
    let flags = [("--workspace", *workspace), ("--all-features", *all_features), ("--no-default-features", *no_default_features)];
    let options = options.into_iter().flat_map(|(name, values)| values.into_iter().flat_map(move |value| [name.to_owned(), value]));
    options.chain(flags.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name.to_owned())).collect()
}

/// As it is typed.
fn linker_name(choice: LinkerChoice) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// A base that is a layout below the root, as it is named from there.
fn from_root(base: &str, root: &Utf8Path) -> String {
    let below = base.strip_prefix("oci:").and_then(|path| Utf8Path::new(path).strip_prefix(root).ok());
    below.map_or_else(|| base.to_owned(), |path| format!("oci:{path}"))
}

/// The values of `--config`; files among them as they are named from the root, since nothing else is seen inside.
fn configured(host: &Host, values: &[String], root: &Utf8Path) -> Result<Vec<String>, Vec<Problem>> {
    let (mut named, mut problems) = (Vec::new(), Vec::new());
    for value in values {
        let file = Utf8Path::new(value);
        match file.strip_prefix(root) {
            _ if !host.is_file(file) => named.push(value.clone()),
            Ok(below) => named.push(below.to_string()),
            Err(_) => problems.push(outside(&format!("the file `{value}` of `--config`")).help("copy it below the workspace's root")),
        }
    }
    if problems.is_empty() { Ok(named) } else { Err(problems) }
}

/// What a build in Docker is not sent.
fn outside(what: &str) -> Problem {
    Problem::new(Code::DockerInvalid, format!("{what} stands outside the workspace, and a build in Docker sees nothing else"))
}
