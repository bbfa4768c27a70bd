//! Images, their bases and their bins, as values.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::inspect::binary::Linkage;
use crate::invocation::quote;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::reference::Reference;
use crate::ship::docker::healthcheck::Healthcheck;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::system::Libc;
use crate::tree::manifest::{Artifact, Platform};

/// Default user and group of an image: `nonroot` of distroless.
pub const USER: &str = "65532:65532";

/// OCI's annotation for the version of the packaged software.
pub const VERSION: &str = "org.opencontainers.image.version";

/// Prefix of the keys that OCI defines. Such a label of a base describes the base.
const OCI_KEYS: &str = "org.opencontainers.image.";

/// The keys that OCI defines, after [`OCI_KEYS`].
///
/// Source: opencontainers/image-spec, annotations.md.
const DESCRIBING: &[&str] = &[
    "authors",
    "base.digest",
    "base.name",
    "created",
    "description",
    "documentation",
    "licenses",
    "ref.name",
    "revision",
    "source",
    "title",
    "url",
    "vendor",
    "version",
];

/// Returns true for a label that describes the image which has it, and none built upon it.
pub fn describes_base(key: &str) -> bool {
    key.starts_with(OCI_KEYS)
}

/// Directory of the bins in an image, on every base's PATH.
pub const PLACE: &str = "/usr/local/bin";

/// The base of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// The empty base.
    Scratch,
    /// An image of a registry, by digest.
    Registry(Reference),
    /// An OCI image layout on this machine.
    OciLayout {
        /// Directory of the layout.
        directory: Utf8PathBuf,
        /// Name of one of its images, if it has several.
        tag: Option<String>,
    },
}

impl Base {
    /// Parses `scratch`, `registry/name@sha256:…`, or a layout as skopeo writes it, `oci:PATH` or
    /// `oci:PATH:TAG`, relative to `root`, the workspace's root.
    ///
    /// # Errors
    /// `base-unfit`: no digest, or a kind of image that is not supported; or the reference is
    /// invalid.
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
        if let Some(problem) = unsupported_scheme(text) {
            return Err(problem);
        }
        let reference = Reference::parse(text)?;
        if reference.digest.is_none() {
            return Err(
                Problem::new(BASE_UNFIT, format!("the base `{text}` has no digest"))
                    .note(
                        "cause",
                        ["its tag may point to another image later".to_owned()],
                    )
                    .help(format!(
                        "look up its digest and use that: `docker buildx imagetools inspect \
                     {text}`, then `--base {}@sha256:…`",
                        reference.name
                    )),
            );
        }
        Ok(Self::Registry(reference))
    }

    /// Returns the base's name, as in a configuration; see [`Image::base_name`] for Dockerfiles.
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
    /// The base of every platform.
    pub base: Base,
    /// The user's statements about the base.
    pub said: DeclaredBase,
    /// Platforms, sorted by their labels.
    pub platforms: Vec<PlatformImage>,
    /// Program and arguments. `None`: several bins, and none with the image's name.
    pub entrypoint: Option<Vec<String>>,
    /// User, and group if there is one: `65532:65532`.
    pub user: String,
    /// Exposed ports: `8080`, `53/udp`.
    pub ports: Vec<String>,
    /// Extra files: path on this machine -> absolute path in the image.
    pub files: BTreeMap<Utf8PathBuf, String>,
    /// True if the image gets CA certificates.
    pub ca_certificates: bool,
    /// True if the image gets the time zones.
    pub tzdata: bool,
    /// Labels, by OCI annotation key.
    pub labels: BTreeMap<String, String>,
    /// True if `compose.yaml` gives the container a read-only root.
    pub read_only: bool,
    /// Health check of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
}

impl Image {
    /// Returns the base's name in a Dockerfile. A layout has no name there: it is a named context
    /// of the build.
    pub fn base_name(&self) -> String {
        match &self.base {
            Base::OciLayout { .. } => format!("xpkg-base-{}", self.name),
            Base::Scratch | Base::Registry(_) => self.base.name(),
        }
    }

    /// Returns the labels that a Dockerfile empties, because the base may have them and the image
    /// does not: they would describe the base beside the image's own version.
    pub fn emptied_labels(&self) -> Vec<String> {
        if self.base == Base::Scratch {
            return Vec::new();
        }
        let keys = DESCRIBING.iter().map(|key| format!("{OCI_KEYS}{key}"));
        keys.filter(|key| !self.labels.contains_key(key)).collect()
    }

    /// Returns the version as a tag, or `latest` without a version. Other characters are replaced:
    /// no registry accepts the `+` of `1.0.0+build`.
    pub fn tag(&self) -> String {
        const LONGEST: usize = 128;
        let mut tag = String::new();
        for letter in self.labels.get(VERSION).map_or("", String::as_str).chars() {
            match letter {
                letter if letter.is_ascii_alphanumeric() => tag.push(letter),
                // One separator at a time, and none at either end: the grammar of a name in a
                // layout (image-spec, annotations.md, ref.name) is narrower than that of a tag.
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

/// The bins of an image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformImage {
    /// The platform.
    pub platform: Platform,
    /// Its bins, in the order of the image's configuration.
    pub bins: Vec<InstalledBin>,
}

/// A bin, and its paths in the tree, the context and the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstalledBin {
    /// Index of its tree.
    pub tree: usize,
    /// Path relative to that tree.
    pub staged: String,
    /// Path relative to the context: `linux/arm64/package/bin`.
    pub context: String,
    /// Absolute path in the image.
    pub place: String,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// Requirements on the base. `None`: static, or of an unknown format.
    pub needs: Option<RuntimeDeps>,
}

/// Transports of skopeo that are not supported as a base. skopeo copies such an image into a
/// layout.
const UNSUPPORTED_SCHEMES: &[&str] = &[
    "oci-archive:",
    "docker-archive:",
    "docker-daemon:",
    "containers-storage:",
    "dir:",
    "docker://",
];

/// Returns the problem of a base with a transport of skopeo that is not supported, if it is one.
pub fn unsupported_scheme(text: &str) -> Option<Problem> {
    let kind = UNSUPPORTED_SCHEMES
        .iter()
        .find(|kind| text.starts_with(**kind))?;
    let copy = if matches!(*kind, "oci-archive:" | "docker://") {
        "copy --all"
    } else {
        "copy"
    };
    let problem = Problem::new(
        BASE_UNFIT,
        format!("the base `{text}` is of a kind that is not supported"),
    );
    Some(problem.help(format!(
        "copy it into a layout: `skopeo {copy} {} oci:base`, then `base = \"oci:base\"`",
        quote(text)
    )))
}

/// Requirements of a dynamic bin on its base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuntimeDeps {
    /// Triple of its target.
    pub target: String,
    /// Path of its loader (PT_INTERP).
    pub loader: Option<String>,
    /// Lowest glibc on which it starts.
    pub glibc: Option<Glibc>,
    /// Shared libraries (DT_NEEDED), in its order.
    pub libraries: Vec<String>,
    /// DT_RPATH.
    pub rpath: Vec<String>,
    /// DT_RUNPATH.
    pub runpath: Vec<String>,
}

impl RuntimeDeps {
    /// Returns the requirements of a staged bin; `None` for a static one.
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

    /// Returns true if the target's C library is musl.
    pub fn is_musl(&self) -> bool {
        Target::of_triple(&self.target).is_some_and(|target| target.system.libc == Libc::Musl)
    }
}

/// The user's statements about a base.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeclaredBase {
    /// Value of `base-glibc`.
    pub glibc: Option<Glibc>,
    /// True with `--accept base-unfit`: a bin that does not fit is noted and does not stop the run.
    pub accepted: bool,
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[DOCKER_INVALID, DOCKER_CLASH, BASE_UNFIT];

pub const DOCKER_INVALID: Code = code(&CodeInfo {
    name: "docker-invalid",
    title: "an image cannot be made as it is configured",
    cause: "A table of `docker` has a bin that the tree does not have, or not for every platform \
            of the image, or two images have the same name. Or a build in Docker would lack an \
            input of the workspace: a package outside of it, Cargo.lock, or a file that \
            `.dockerignore` leaves out.",
    detection: "Each table is compared with the tree's manifest, the directory of every path \
                dependency with the workspace's root, and manifests and sources with the rules of \
                `.dockerignore`.",
    fix: "Correct the table, or build the missing bin; for a build in Docker follow the help of \
          the message.",
    page: "docker",
    sources: &[],
    waivable: false,
});

pub const DOCKER_CLASH: Code = code(&CodeInfo {
    name: "docker-clash",
    title: "two entries of an image have the same path",
    cause: "Two packages in one image have a bin with the same name, or two trees have different \
            files for one bin; or an entry of `files` has the path of a bin, the certificates, \
            the time zones or a directory of a base layout.",
    detection: "The paths of all entries of an image are compared, in all its layers.",
    fix: "Rename one, make two images, leave out one tree, or choose another path in `files`.",
    page: "docker",
    sources: &[],
    waivable: false,
});

pub const BASE_UNFIT: Code = code(&CodeInfo {
    name: "base-unfit",
    title: "a base does not have what its image needs",
    cause: "A dynamic bin has no loader on `scratch`; it needs a library that its loader does not \
            find, or a newer glibc than the base has; the base is named by a tag, which can \
            move; or a base layout is damaged, or has no image for the platform.",
    detection: "The requirements of each bin are compared with the base: with the loader, the \
                libraries and the glibc of a layout with the image's files over it, or with the \
                glibc that `base-glibc` declares.",
    fix: "Use another base, by digest, add what it lacks by `files`, or build for musl or with a \
          glibc floor. `cargo xpkg docker --accept base-unfit` accepts a bin that the base does not \
          fit; a tag and a damaged layout cannot be accepted.",
    page: "docker",
    sources: &[],
    waivable: false,
});
