//! The bins of trees that images are made of.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::problem::{Problem, nearest};
use crate::project::config::DockerConfig;
use crate::ship::docker::image::{DOCKER_CLASH, DOCKER_INVALID};
use crate::tree::manifest::{Artifact, Manifest, Platform};

/// What is known besides trees and configuration.
#[derive(Debug, Clone, Default)]
pub struct ImageOptions {
    /// Package -> its licence.
    pub licences: BTreeMap<String, String>,
    /// Targets that count, where some were named: by the flag, or those that were just built.
    pub targets: Vec<String>,
    /// They were narrowed for this run: a table's other targets are not missing then.
    pub narrowed: bool,
    /// Package and bin of those that were just built, where the tree may hold more.
    pub bins: Option<BTreeSet<(String, String)>>,
    /// The run named packages or bins: images of others are left out.
    pub some: bool,
    /// `--base`.
    pub base: Option<String>,
    /// `--accept base-unfit`.
    pub accepted: bool,
    pub root: Utf8PathBuf,
}

/// An artifact of one of the trees, with its platform.
pub struct Bin<'a> {
    pub tree: usize,
    pub artifact: &'a Artifact,
    /// In the context and in the image: the same for every platform.
    pub name: String,
    pub platform: &'a Platform,
}

/// Targets that were named and that nothing was built for.
pub fn missing<'a>(
    wanted: &[String],
    bins: impl Iterator<Item = &'a Bin<'a>>,
    holder: &str,
) -> Vec<Problem> {
    let there: BTreeSet<&str> = bins.map(|bin| bin.artifact.target.as_str()).collect();
    let of = |wanted: &String| {
        let problem = Problem::new(
            DOCKER_INVALID,
            format!("{holder} has no bin for `{wanted}`, which was named"),
        )
        .note("there", there.iter().map(ToString::to_string));
        match nearest(wanted, there.iter().copied()) {
            Some(near) if near != wanted => problem.help(format!(
                "did you mean `{near}`? Else build for it: `cargo xpkg build --target {wanted}`"
            )),
            _ => problem.help(format!(
                "build for it: `cargo xpkg build --target {wanted}`"
            )),
        }
    };
    wanted
        .iter()
        .filter(|wanted| !there.contains(wanted.as_str()))
        .map(of)
        .collect()
}

/// The bins for Linux, each once: two trees may bring the same file, but not two.
pub fn bins<'a>(
    trees: &'a [Manifest],
    about: &ImageOptions,
    problems: &mut Vec<Problem>,
) -> Vec<Bin<'a>> {
    let mut bins: Vec<Bin> = Vec::new();
    for (tree, manifest) in trees.iter().enumerate() {
        for artifact in &manifest.artifacts {
            let Some(record) = manifest
                .targets
                .iter()
                .find(|record| record.id == artifact.built_by)
            else {
                continue;
            };
            let built = |bins: &BTreeSet<(String, String)>| {
                bins.contains(&(artifact.package.clone(), artifact.bin.clone()))
            };
            let counts = about.targets.is_empty() || about.targets.contains(&artifact.target);
            if record.platform.os != "linux" || !counts || !about.bins.as_ref().is_none_or(built) {
                continue;
            }
            let name = name(trees, artifact);
            let same = |bin: &&Bin| {
                bin.artifact.target == artifact.target
                    && bin.artifact.package == artifact.package
                    && bin.name == name
            };
            match bins.iter().find(same) {
                Some(had) if had.artifact.sha256 == artifact.sha256 => {}
                Some(_) => problems.push(
                    Problem::new(
                        DOCKER_CLASH,
                        format!(
                            "two trees have `{name}` of `{}` for `{}`, and not the same",
                            artifact.package, artifact.target
                        ),
                    )
                    .help("leave one of the trees out"),
                ),
                None => bins.push(Bin {
                    tree,
                    artifact,
                    name,
                    platform: &record.platform,
                }),
            }
        }
    }
    bins
}

/// The name under which a bin is staged; its own, where the layout of the tree gives it another for
/// each target.
pub fn name(trees: &[Manifest], artifact: &Artifact) -> String {
    let staged = |artifact: &Artifact| {
        artifact
            .path
            .rsplit('/')
            .next()
            .unwrap_or(&artifact.path)
            .to_owned()
    };
    let all = trees.iter().flat_map(|manifest| &manifest.artifacts);
    let mut all =
        all.filter(|other| other.package == artifact.package && other.bin == artifact.bin);
    let own = staged(artifact);
    let processor = artifact.target.split('-').next().unwrap_or_default();
    if own.contains(processor) || all.any(|other| staged(other) != own) {
        artifact.bin.clone()
    } else {
        own
    }
}

pub fn one_a_package(bins: &[Bin]) -> Vec<DockerConfig> {
    let packages: BTreeSet<&str> = bins
        .iter()
        .map(|bin| bin.artifact.package.as_str())
        .collect();
    let of = |package: &str| {
        let names: BTreeSet<String> = bins
            .iter()
            .filter(|bin| bin.artifact.package == package)
            .map(|bin| format!("{package}/{}", bin.artifact.bin))
            .collect();
        DockerConfig {
            name: package.to_lowercase(),
            bins: names.into_iter().collect(),
            ..DockerConfig::default()
        }
    };
    packages.into_iter().map(of).collect()
}
