//! Images as values.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::inspect::binary::Linkage;
use crate::invocation::quote;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::reference::Reference;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::system::Libc;
use crate::tree::manifest::{Artifact, Platform};

/// The user that programs run as where nobody says: `nobody` of distroless.
pub const USER: &str = "65532:65532";

/// OCI's annotation for the version of what an image holds.
pub const VERSION: &str = "org.opencontainers.image.version";

/// Where bins stand in an image: on every base's PATH.
pub const PLACE: &str = "/usr/local/bin";

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
        if let Some(problem) = elsewhere(text) {
            return Err(problem);
        }
        let reference = Reference::parse(text)?;
        if reference.digest.is_none() {
            return Err(
                Problem::new(BASE_UNFIT, format!("the base `{text}` has no digest"))
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

/// Where skopeo finds images, and what is not read here: it copies them into a layout.
const ELSEWHERE: &[&str] = &[
    "oci-archive:",
    "docker-archive:",
    "docker-daemon:",
    "containers-storage:",
    "dir:",
    "docker://",
];

/// A base that is named as skopeo names it, of a kind that is not read here.
pub fn elsewhere(text: &str) -> Option<Problem> {
    let kind = ELSEWHERE.iter().find(|kind| text.starts_with(**kind))?;
    let copy = if matches!(*kind, "oci-archive:" | "docker://") {
        "copy --all"
    } else {
        "copy"
    };
    let problem = Problem::new(
        BASE_UNFIT,
        format!("the base `{text}` is none that is read here"),
    );
    Some(problem.help(format!(
        "make a layout of it: `skopeo {copy} {} oci:base`, then `base = \"oci:base\"`",
        quote(text)
    )))
}

/// What a dynamic bin asks of the base that it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuntimeDeps {
    pub target: String,
    /// The path of its loader.
    pub loader: Option<String>,
    /// Its floor.
    pub glibc: Option<Glibc>,
    /// Shared libraries, in its order.
    pub libraries: Vec<String>,
    pub rpath: Vec<String>,
    pub runpath: Vec<String>,
}

impl RuntimeDeps {
    pub(super) fn of(artifact: &Artifact) -> Option<Self> {
        let binary = artifact
            .binary
            .as_ref()
            .filter(|binary| binary.linkage == Linkage::Dynamic)?;
        Some(Self {
            target: artifact.target.clone(),
            loader: binary.interpreter.clone(),
            glibc: binary
                .glibc_floor
                .as_ref()
                .and_then(|floor| Glibc::parse(&floor.version)),
            libraries: binary.needed.clone(),
            rpath: binary.rpath.clone(),
            runpath: binary.runpath.clone(),
        })
    }

    /// Its loader is musl, or would be.
    pub fn is_musl(&self) -> bool {
        Target::of_triple(&self.target).is_some_and(|target| target.system.libc == Libc::Musl)
    }
}

/// What the user says of a base.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeclaredBase {
    /// `base-glibc`.
    pub glibc: Option<Glibc>,
    /// `--accept base-unfit`: what a bin lacks there is told, and does not stop the run.
    pub accepted: bool,
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[DOCKER_INVALID, DOCKER_CLASH, BASE_UNFIT];

pub const DOCKER_INVALID: Code = code(&CodeInfo {
    name: "docker-invalid",
    title: "an image of the tree cannot be made as it is configured",
    cause: "A table of `docker` wants a bin that the tree does not have, or not for every \
            platform of the image, or two images have one name. Or a build in Docker would lack \
            what the workspace is built from: a package outside of it, or Cargo.lock.",
    detection: "Each table is held against the tree's manifest; every package that comes by a \
                path against the workspace's root.",
    fix: "Correct the table, or build what is missing; for a build in Docker follow the \
          message's help.",
    source: "README, Docker",
    waivable: false,
});

pub const DOCKER_CLASH: Code = code(&CodeInfo {
    name: "docker-clash",
    title: "two things would stand in one place of an image",
    cause: "Two packages have a bin of one name and stand in one image, or two trees bring \
            different files for one bin; or a file of `files` stands where a bin, the \
            certificates, the time zones or a directory of a layout's base is.",
    detection: "The places of all that an image gets are compared, in all its layers.",
    fix: "Rename one, make two images, leave one tree out, or name another place in `files`.",
    source: "README, Docker",
    waivable: false,
});

pub const BASE_UNFIT: Code = code(&CodeInfo {
    name: "base-unfit",
    title: "a base cannot carry its image",
    cause: "A dynamic bin has no loader on `scratch`; it needs a library that is not where its \
            loader looks, or a newer glibc than the base has; the base is named by a tag, which \
            moves; or a layout that is the base is damaged, or has nothing for the platform.",
    detection: "What inspection says of each bin is held against the base: the loader, the \
                libraries and the glibc that a layout holds with the image's files over it, or \
                the glibc that `base-glibc` declares.",
    fix: "Take another base, by digest, bring what it lacks by `files`, or build for musl or \
          with a glibc floor; `--accept base-unfit` lets a bin pass.",
    source: "README, Docker",
    waivable: false,
});
