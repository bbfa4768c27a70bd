//! Which images a staged tree makes, for which platforms, of which bins, upon what: decided before
//! anything is written.
//!
//! Pure. What they become as files is in `formats::{dockerfile, bake, oci}`.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Problem;
use crate::project::config::DockerConfig;
use crate::project::settings::Settings;
use crate::project::workspace::Bin;
use crate::ship::docker::bins::{ImageOptions, bins, missing, one_a_package};
use crate::ship::docker::image::{DOCKER_INVALID, Image};
use crate::ship::docker::one;
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};

/// The manifest of a tree that will be built: what it promises to hold.
pub fn promised(settings: &Settings, bins: &[Bin]) -> Result<Manifest, Problem> {
    let mut records = Vec::new();
    let mut artifacts = Vec::new();
    for target in settings.requests.iter().map(|request| &request.target) {
        let id = target.triple().to_owned();
        records.push(TargetRecord::expected(target));
        for bin in bins {
            artifacts.push(Artifact {
                path: settings.layout.path(target, bin, &settings.cargo.profile)?,
                target: id.clone(),
                package: bin.package.clone(),
                version: bin.version.clone(),
                bin: bin.bin.clone(),
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

/// The images, with what is only told of them; or all that is wrong.
pub fn decide(
    trees: &[Manifest],
    config: &[DockerConfig],
    about: &ImageOptions,
) -> Result<(Vec<Image>, Vec<String>), Vec<Problem>> {
    let mut problems = Vec::new();
    let bins = bins(trees, about, &mut problems);
    problems.extend(missing(&about.targets, bins.iter(), "the tree"));
    let defaults: Vec<DockerConfig> = if config.is_empty() {
        one_a_package(&bins)
    } else {
        config.to_vec()
    };
    let mut images: Vec<Image> = Vec::new();
    let mut told = Vec::new();
    for config in &defaults {
        if images.iter().any(|image| image.name == config.name) {
            problems.push(
                Problem::new(
                    DOCKER_INVALID,
                    format!("two images are named `{}`", config.name),
                )
                .help("give each a name of its own"),
            );
            continue;
        }
        match one::decide(trees, config, &bins, about, &mut told) {
            Ok(Some(image)) => images.push(image),
            Ok(None) => told.push(format!(
                "the image `{}` is left out: it holds nothing of what was named",
                config.name
            )),
            Err(found) => problems.extend(found),
        }
    }
    if images.is_empty() && problems.is_empty() {
        problems.push(
            Problem::new(
                DOCKER_INVALID,
                "the tree has no bin for Linux, so there is nothing to make an image of",
            )
            .note("left out", told)
            .help(
                "build for a Linux target: `cargo xpkg build --target x86_64-unknown-linux-musl`",
            ),
        );
        return Err(problems);
    }
    apart(&mut images);
    if problems.is_empty() {
        Ok((images, told))
    } else {
        Err(problems)
    }
}

/// Where two images want different files of one platform, as one for glibc and one for musl do,
/// each has a place of its own.
fn apart(images: &mut [Image]) {
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
            let words = platform.platform.label();
            for bin in &mut platform.bins {
                // No package's name begins so.
                bin.context = format!(
                    "{words}/@{}{}",
                    image.name,
                    bin.context.trim_start_matches(&words)
                );
            }
        }
    }
}
