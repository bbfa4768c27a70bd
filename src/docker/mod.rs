//! Which images a staged tree makes, for which platforms, of which bins, upon what: decided before
//! anything is written.
//!
//! Pure. What they become as files is in `formats::{dockerfile, bake, oci}`.

mod bases;
mod image;
mod sound;

pub use self::bases::{BaseContents, DeclaredBase, RuntimeDeps, judge};

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::config::DockerConfig;
use crate::container::Reference;
use crate::manifest::{Artifact, Manifest, Platform, TargetRecord};
use crate::problem::{Code, Problem, nearest};
use crate::settings::Settings;

/// The user that programs run as where nobody says: `nobody` of distroless.
const USER: &str = "65532:65532";
/// OCI's annotation for the version of what an image holds.
pub const VERSION: &str = "org.opencontainers.image.version";
/// Where bins stand in an image: on every base's PATH.
const PLACE: &str = "/usr/local/bin";

/// What an image is made upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    Scratch,
    /// By digest.
    Registry(Reference),
    /// An OCI image layout on this machine, and the name that one image has in it.
    OciLayout {
        directory: Utf8PathBuf,
        tag: Option<String>,
    },
}

impl Base {
    /// `scratch`, `registry/name@sha256:…`, or as skopeo names a layout, `oci:PATH` or
    /// `oci:PATH:TAG`, from the workspace's root.
    pub fn parse(text: &str, root: &Utf8Path) -> Result<Self, Problem> {
        if text == "scratch" {
            return Ok(Self::Scratch);
        }
        if let Some(path) = text.strip_prefix("oci:") {
            let (directory, tag) = path.split_once(':').unwrap_or((path, ""));
            let tag = Some(tag.to_owned()).filter(|tag| !tag.is_empty());
            return Ok(Self::OciLayout {
                directory: root.join(directory),
                tag,
            });
        }
        if let Some(problem) = bases::elsewhere(text) {
            return Err(problem);
        }
        let reference = Reference::parse(text)?;
        if reference.digest.is_none() {
            return Err(
                Problem::new(Code::BaseUnfit, format!("the base `{text}` has no digest"))
                    .note(
                        "cause",
                        ["its tag may mean another image tomorrow".to_owned()],
                    )
                    .help(format!(
                        "ask what it means now, and write it: `docker buildx imagetools inspect \
                     {text}`, then `--base {}@sha256:…`",
                        reference.name
                    )),
            );
        }
        Ok(Self::Registry(reference))
    }

    /// As a Dockerfile names it.
    pub fn name(&self) -> String {
        match self {
            Self::Scratch => "scratch".to_owned(),
            Self::Registry(reference) => reference.by_tag(),
            Self::OciLayout {
                directory,
                tag: Some(tag),
            } => format!("oci:{directory}:{tag}"),
            Self::OciLayout {
                directory,
                tag: None,
            } => format!("oci:{directory}"),
        }
    }
}

/// One image, for all its platforms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// A repository's name, without registry and tag.
    pub name: String,
    pub base: Base,
    pub said: DeclaredBase,
    /// Sorted by their words.
    pub platforms: Vec<PlatformImage>,
    /// `None`: it has several bins, and none of its own name.
    pub entrypoint: Option<Vec<String>>,
    pub user: String,
    /// `8080`, `53/udp`.
    pub ports: Vec<String>,
    /// From the workspace's root -> absolute, inside.
    pub files: BTreeMap<Utf8PathBuf, String>,
    pub ca_certificates: bool,
    pub tzdata: bool,
    /// OCI's annotation keys -> values.
    pub labels: BTreeMap<String, String>,
}

impl Image {
    /// The base, as a Dockerfile names it. A layout has no name of its own there: it is a context
    /// that is given beside.
    pub fn base_name(&self) -> String {
        match &self.base {
            Base::OciLayout { .. } => format!("xpkg-base-{}", self.name),
            Base::Scratch | Base::Registry(_) => self.base.name(),
        }
    }

    /// Its version as a tag: of `1.0.0+build` no registry takes the `+`. `latest`, where nothing
    /// says a version.
    pub fn tag(&self) -> String {
        const LONGEST: usize = 128;
        let mut tag = String::new();
        for letter in self.labels.get(VERSION).map_or("", String::as_str).chars() {
            match letter {
                letter if letter.is_ascii_alphanumeric() => tag.push(letter),
                // Of what separates only one at a time, and none at an end: a name in a layout has
                // a narrower grammar than a tag.
                letter if tag.ends_with(|last: char| last.is_ascii_alphanumeric()) => {
                    tag.push(if letter == '.' { '.' } else { '-' })
                }
                _ => {}
            }
        }
        tag.truncate(LONGEST);
        let tag = tag.trim_end_matches(['.', '-']);
        if tag.is_empty() {
            "latest".to_owned()
        } else {
            tag.to_owned()
        }
    }
}

/// What stands in an image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformImage {
    pub platform: Platform,
    pub bins: Vec<InstalledBin>,
}

/// A bin and its places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstalledBin {
    /// The tree that it stands in, by its number.
    pub tree: usize,
    /// Below that tree.
    pub staged: String,
    /// Below the context: `linux/arm64/package/bin`.
    pub context: String,
    /// In the image.
    pub place: String,
    pub sha256: String,
    pub size: u64,
    /// `None`: it is static, or no program that is known here.
    pub needs: Option<RuntimeDeps>,
}

impl Platform {
    /// `linux/arm/v7`, as Docker writes it.
    pub fn words(&self) -> String {
        let variant = self
            .variant
            .as_ref()
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

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

/// The manifest of a tree that will be built: what it promises to hold.
pub fn promised(settings: &Settings, bins: &[crate::workspace::Bin]) -> Result<Manifest, Problem> {
    let mut records = Vec::new();
    let mut artifacts = Vec::new();
    for target in settings.requests.iter().map(|request| &request.target) {
        let id = target.triple().to_owned();
        records.push(TargetRecord::promised(target));
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

/// An artifact of one of the trees, with its platform.
struct Bin<'a> {
    tree: usize,
    artifact: &'a Artifact,
    /// In the context and in the image: the same for every platform.
    name: String,
    platform: &'a Platform,
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
                    Code::DockerInvalid,
                    format!("two images are named `{}`", config.name),
                )
                .help("give each a name of its own"),
            );
            continue;
        }
        match image::decide(trees, config, &bins, about, &mut told) {
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
                Code::DockerInvalid,
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

/// Targets that were named and that nothing was built for.
fn missing<'a>(
    wanted: &[String],
    bins: impl Iterator<Item = &'a Bin<'a>>,
    holder: &str,
) -> Vec<Problem> {
    let there: BTreeSet<&str> = bins.map(|bin| bin.artifact.target.as_str()).collect();
    let of = |wanted: &String| {
        let problem = Problem::new(
            Code::DockerInvalid,
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
            let words = platform.platform.words();
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

/// The bins for Linux, each once: two trees may bring the same file, but not two.
fn bins<'a>(
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
                        Code::DockerClash,
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
fn name(trees: &[Manifest], artifact: &Artifact) -> String {
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

fn one_a_package(bins: &[Bin]) -> Vec<DockerConfig> {
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

#[cfg(test)]
pub(crate) mod tests;
