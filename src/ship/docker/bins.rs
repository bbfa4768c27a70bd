//! The bins of trees that images are made of.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::problem::{Problem, nearest};
use crate::project::config::DockerConfig;
use crate::ship::docker::image::{DOCKER_CLASH, DOCKER_INVALID};
use crate::target::Target;
use crate::target::system::Os;
use crate::tree::manifest::{Artifact, Manifest, Platform};

/// Options of a run, besides trees and configuration.
#[derive(Debug, Clone, Default)]
pub struct ImageOptions {
    /// SPDX license expression, by package.
    pub licences: BTreeMap<String, String>,
    /// Targets to use: those of `--target`, or those that this run built; empty for all.
    pub targets: Vec<String>,
    /// True if the user chose the targets of this run: other targets of a table are not missing
    /// then.
    pub narrowed: bool,
    /// Package and bin of what this run built; `None` for all bins of the tree.
    pub bins: Option<BTreeSet<(String, String)>>,
    /// True if the run selects packages or bins: images of others are skipped.
    pub some: bool,
    /// Value of `--base`, for images that do not set `base`.
    pub base: Option<String>,
    /// True with `--accept base-unfit`.
    pub accepted: bool,
    /// The workspace's root, to which `files` and `oci:` paths are relative.
    pub root: Utf8PathBuf,
}

/// An artifact of one of the trees, with its platform.
pub struct Bin<'a> {
    /// Index of the tree.
    pub tree: usize,
    /// Its entry in the tree's manifest.
    pub artifact: &'a Artifact,
    /// File name in the context and in the image, the same for every platform.
    pub name: String,
    /// Its target's platform.
    pub platform: &'a Platform,
}

/// Returns a problem for each requested target that has no bin; `holder` is the subject of the
/// message.
pub fn missing<'a>(
    requested: &[String],
    bins: impl Iterator<Item = &'a Bin<'a>>,
    holder: &str,
) -> Vec<Problem> {
    let available: BTreeSet<&str> = bins.map(|bin| bin.artifact.target.as_str()).collect();
    let problem = |target: &String| {
        if Target::of_triple(target).is_some_and(|known| known.system.os != Os::Linux) {
            return Problem::new(
                DOCKER_INVALID,
                format!("images hold programs for Linux, and `{target}` is another system"),
            )
            .help("name Linux targets alone: `--target x86_64-unknown-linux-musl`");
        }
        let problem = Problem::new(
            DOCKER_INVALID,
            format!("{holder} has no bin for the requested target `{target}`"),
        )
        .note("available", available.iter().map(ToString::to_string));
        match nearest(target, available.iter().copied()) {
            Some(near) if near != target => problem.help(format!(
                "did you mean `{near}`? If not, build for it: `cargo xpkg build --target {target}`"
            )),
            _ => problem.help(format!(
                "build for it: `cargo xpkg build --target {target}`"
            )),
        }
    };
    requested
        .iter()
        .filter(|target| !available.contains(target.as_str()))
        .map(problem)
        .collect()
}

/// Returns the bins for Linux, each once. Two trees may have the same file for a bin; different
/// files are a problem.
pub fn bins<'a>(
    trees: &'a [Manifest],
    options: &ImageOptions,
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
            let counts = options.targets.is_empty() || options.targets.contains(&artifact.target);
            // No platform of an image runs WebAssembly, and a library is started by none.
            let is_program = record.platform.os == "linux" && artifact.kind.is_bin();
            if !is_program || !counts || !options.bins.as_ref().is_none_or(built) {
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
                            "two trees have different files for `{name}` of `{}` for `{}`",
                            artifact.package, artifact.target
                        ),
                    )
                    .help("leave out one of the trees"),
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

/// Returns the file name of a staged bin, or cargo's name of the bin if the tree's layout gives it
/// another file name for each target.
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
    let file = staged(artifact);
    let processor = artifact.target.split('-').next().unwrap_or_default();
    if file.contains(processor) || all.any(|other| staged(other) != file) {
        artifact.bin.clone()
    } else {
        file
    }
}

/// Returns the default configuration: an image for each package, with all its bins.
pub fn one_a_package(bins: &[Bin]) -> Vec<DockerConfig> {
    let packages: BTreeSet<&str> = bins
        .iter()
        .map(|bin| bin.artifact.package.as_str())
        .collect();
    let image = |package: &str| {
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
    packages.into_iter().map(image).collect()
}
