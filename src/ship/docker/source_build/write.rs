//! `docker --build-in-docker`: a Dockerfile that builds all of it, beside the workspace's
//! Cargo.toml.

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum as _;
use serde::Serialize;

use crate::build::look::options::{self, RunOptions};
use crate::build::look::request::{RunRequest, xpkg_config};
use crate::host::machine::Host;
use crate::host::replacement::{self, Kind};
use crate::problem::{Failure, Problem, Result};
use crate::project::linker::LinkerChoice;
use crate::project::reference::Reference;
use crate::project::selection_flags::Selection;
use crate::project::settings::{CargoArgs, Settings};
use crate::project::workspace::Workspace;
use crate::ship::docker::bins::ImageOptions;
use crate::ship::docker::image::{BASE_UNFIT, Base, Image};
use crate::ship::docker::source_build::dockerfile::{self, Plan};
use crate::ship::docker::source_build::look::{check_sent, ignored, outside, sent};
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
