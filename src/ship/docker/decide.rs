//! Decides on the images of a staged tree, with their platforms, bins and bases, before anything is
//! written.
//!
//! Pure. Their files are made in `docker::dockerfile`, `docker::bake` and `oci::documents`.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Problem;
use crate::project::config::DockerConfig;
use crate::project::selection::{self, Bin};
use crate::project::settings::Settings;
use crate::ship::docker::bins::{ImageOptions, bins, missing, one_a_package};
use crate::ship::docker::image::{DOCKER_INVALID, Image};
use crate::ship::docker::one;
use crate::target::Target;
use crate::target::system::Os;
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};

/// Returns the expected manifest of a tree that is not built yet: without sizes and digests.
pub fn promised(settings: &Settings, bins: &[Bin]) -> Result<Manifest, Problem> {
    let mut records = Vec::new();
    let mut artifacts = Vec::new();
    for target in &settings.targets() {
        let id = target.triple().to_owned();
        records.push(TargetRecord::expected(target));
        for bin in selection::files_of(bins, target) {
            artifacts.push(Artifact {
                path: settings.layout.path(target, bin, &settings.cargo.profile)?,
                target: id.clone(),
                package: bin.package.clone(),
                version: bin.version.clone(),
                bin: bin.bin.clone(),
                kind: bin.kind,
                profile: settings.cargo.profile.clone(),
                features: Vec::new(),
                built_by: id.clone(),
                size: 0,
                mode: "0755".to_owned(),
                sha256: String::new(),
                binary: None,
                waivers: Vec::new(),
            });
        }
    }
    Ok(Manifest::new(records, artifacts))
}

/// Returns the images, with notes for the user.
///
/// # Errors
/// All problems of all images.
pub fn decide(
    trees: &[Manifest],
    config: &[DockerConfig],
    options: &ImageOptions,
) -> Result<(Vec<Image>, Vec<String>), Vec<Problem>> {
    let mut problems = Vec::new();
    let bins = bins(trees, options, &mut problems);
    problems.extend(missing(&options.targets, bins.iter(), "the tree"));
    let defaults: Vec<DockerConfig> = if config.is_empty() {
        one_a_package(&bins)
    } else {
        config.to_vec()
    };
    let mut images: Vec<Image> = Vec::new();
    let mut notes = Vec::new();
    for config in &defaults {
        if images.iter().any(|image| image.name == config.name) {
            problems.push(
                Problem::new(
                    DOCKER_INVALID,
                    format!("two images are named `{}`", config.name),
                )
                .help("give each image a name of its own"),
            );
            continue;
        }
        match one::decide(trees, config, &bins, options, &mut notes) {
            Ok(Some(image)) => images.push(image),
            Ok(None) => notes.push(format!(
                "the image `{}` is skipped: it has none of the requested targets and bins",
                config.name
            )),
            Err(found) => problems.extend(found),
        }
    }
    if images.is_empty() && problems.is_empty() {
        problems.push(
            Problem::new(
                DOCKER_INVALID,
                "the tree has no bin for Linux, so no image can be made from it",
            )
            .note("skipped", notes)
            .help(
                "build for a Linux target: `cargo xpkg build --target x86_64-unknown-linux-musl`",
            ),
        );
        return Err(problems);
    }
    notes.extend(libraries(trees));
    disambiguate_paths(&mut images);
    if problems.is_empty() {
        Ok((images, notes))
    } else {
        Err(problems)
    }
}

/// Describes the shared libraries of the trees, which are in no image.
fn libraries(trees: &[Manifest]) -> Vec<String> {
    let artifacts = trees.iter().flat_map(|manifest| &manifest.artifacts);
    let is_linux = |triple: &str| {
        Target::of_triple(triple).is_some_and(|target| target.system.os == Os::Linux)
    };
    let libraries =
        artifacts.filter(|artifact| !artifact.kind.is_bin() && is_linux(&artifact.target));
    libraries
        .map(|library| format!("`{}` is a library, and in no image", library.path))
        .collect()
}

/// Gives each image its own directory in the context if two images have different files at the same
/// path, for example a bin for glibc and one for musl.
fn disambiguate_paths(images: &mut [Image]) {
    let mut holders: BTreeMap<String, BTreeSet<(usize, String)>> = BTreeMap::new();
    for bin in images
        .iter()
        .flat_map(|image| &image.platforms)
        .flat_map(|platform| &platform.bins)
    {
        holders
            .entry(bin.context.clone())
            .or_default()
            .insert((bin.tree, bin.staged.clone()));
    }
    for image in images {
        let bins = image.platforms.iter().flat_map(|platform| &platform.bins);
        if bins.into_iter().all(|bin| holders[&bin.context].len() == 1) {
            continue;
        }
        for platform in &mut image.platforms {
            let label = platform.platform.label();
            for bin in &mut platform.bins {
                // No package name begins with `@`.
                bin.context = format!(
                    "{label}/@{}{}",
                    image.name,
                    bin.context.trim_start_matches(&label)
                );
            }
        }
    }
}
