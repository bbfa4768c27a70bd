//! Reads an OCI image layout on this machine that is a base: its image for one platform, with every
//! blob checked, and the root file system of its layers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::{Arch, Descriptor, ImageIndex, ImageManifest, MediaType, Os};
use serde::de::DeserializeOwned;

use crate::archive::entry::Entry;
use crate::archive::limits::Limits;
use crate::host::machine::Host;
use crate::invocation::quote;
use crate::problem::{Problem, Result};
use crate::ship::docker::image::{BASE_UNFIT, Base};
use crate::ship::oci::documents::{
    self, BLOBS, BaseConfig, BaseImage, DOCKER_NAME, INDEX_NAME, LAYOUT_NAME,
};
use crate::ship::rootfs::{self, Rootfs};
use crate::tree::manifest::Platform;
use crate::{archive, digest};

/// Help for a base that is not a layout.
const MAKE_ONE: &str = "create one: `skopeo copy --all docker://IMAGE oci:DIR`";

/// Limit of a document's size in bytes: the limit that registries have for manifests.
const LONGEST_DOCUMENT: u64 = 4 * 1024 * 1024;

/// Limit of nested indexes.
const DEEPEST: usize = 4;

/// Limit of manifests and indexes that are read or listed in a layout.
const MOST_MANIFESTS: usize = 4096;

/// Limit of an image's layers. Engines take 127.
const MOST_LAYERS: usize = 512;

/// Number of times that all layers together may have the limits of one.
const LAYERS: u64 = 4;

/// A base for one platform, read from a layout.
pub struct BaseLayout {
    /// The base's manifest and configuration.
    pub upon: BaseImage,
    /// Digest of the entry in the layout's own index, `sha256:…`: this image, or an index of it.
    pub top: String,
    /// Root file system of its layers.
    pub rootfs: Rootfs,
    /// Files and descriptors of its layers, lowest first.
    pub layers: Vec<(Utf8PathBuf, Descriptor)>,
}

impl BaseLayout {
    /// Returns the LD_LIBRARY_PATH that the base sets, or an empty string.
    pub fn library_path(&self) -> &str {
        let environment = self
            .upon
            .configuration
            .known
            .config()
            .as_ref()
            .and_then(|config| config.env().as_ref());
        environment
            .into_iter()
            .flatten()
            .find_map(|variable| variable.strip_prefix("LD_LIBRARY_PATH="))
            .unwrap_or_default()
    }
}

/// A manifest of a layout.
struct Candidate {
    /// Digest of the entry of the layout's own index that leads to it.
    top: String,
    manifest: Descriptor,
    /// Platform in the index; `None` if it has none, so that the configuration decides.
    platform: Option<(Os, Arch, Option<String>)>,
}

/// Reads the image of a layout for a platform, with all its layers; `tag` selects one of several
/// images.
///
/// # Errors
/// `base-unfit`: not a layout, damaged or incomplete, or not exactly one image for the platform.
pub fn read(
    host: &Host,
    layout: &Utf8Path,
    tag: Option<&str>,
    requested: &Platform,
) -> Result<BaseLayout> {
    let reading = Reading {
        host,
        layout,
        tag,
        indexes: RefCell::default(),
        documents: Cell::new(0),
    };
    let mut found = Vec::new();
    if !host.is_file(&layout.join(LAYOUT_NAME)) {
        return Err(reading.no_layout());
    }
    let index: ImageIndex = reading.parse(
        &host.read_small(&layout.join(INDEX_NAME), LONGEST_DOCUMENT)?,
        INDEX_NAME,
    )?;
    let names: BTreeSet<String> = index
        .manifests()
        .iter()
        .filter_map(documents::reference_name)
        .map(str::to_owned)
        .collect();
    if tag.is_some_and(|tag| !names.contains(tag)) {
        let help = if names.is_empty() {
            "no image of the layout has a name: write `oci:DIR`"
        } else {
            "use one that it has: `oci:DIR:TAG`"
        };
        return Err(reading
            .unfit("is not in its layout".to_owned())
            .note("available", names)
            .help(help));
    }
    for top in index
        .manifests()
        .iter()
        .filter(|top| tag.is_none() || documents::reference_name(top) == tag)
    {
        reading.candidates(top, top.digest().as_ref(), 0, &mut found)?;
    }
    let mut available = BTreeSet::new();
    let mut fits: Vec<(Descriptor, ImageManifest, BaseConfig, String)> = Vec::new();
    for Candidate {
        top,
        manifest: descriptor,
        platform,
    } in found
    {
        if let Some((os, architecture, variant)) = &platform
            && !documents::is_for(os, architecture, variant.as_deref(), requested)
        {
            available.insert(documents::platform_label(
                os,
                architecture,
                variant.as_deref(),
            ));
            continue;
        }
        let manifest: ImageManifest = reading.document(&descriptor)?;
        if documents::media_type(manifest.config().media_type()) != Some(MediaType::ImageConfig) {
            continue;
        }
        let configuration: BaseConfig = reading.document(manifest.config())?;
        let known = &configuration.known;
        let (os, architecture, variant) =
            (known.os(), known.architecture(), known.variant().as_deref());
        // A platform in the index takes precedence: configurations often omit the variant.
        if platform.is_none() && !documents::is_for(os, architecture, variant, requested) {
            available.insert(documents::platform_label(os, architecture, variant));
        } else if !fits
            .iter()
            .any(|(had, ..)| had.digest() == descriptor.digest())
        {
            fits.push((descriptor, manifest, configuration, top));
        }
    }
    let (descriptor, manifest, configuration, top) = match fits.len() {
        0 => {
            let problem = reading.unfit(format!("has no image for {}", requested.label()));
            return Err(problem.note("available", available).help(
                "copy all its platforms: `skopeo copy --all docker://IMAGE oci:DIR`, or \
                       select other targets",
            ));
        }
        1 => fits.remove(0),
        several => {
            let problem = reading
                .unfit(format!("has {several} images for {}", requested.label()))
                .note("names", names);
            return Err(problem.help(
                "select one, `oci:DIR:TAG`, or copy it into a layout of its own: \
                 `skopeo copy --all oci:DIR:TAG oci:OTHER`",
            ));
        }
    };
    if configuration.known.rootfs().diff_ids().len() != manifest.layers().len() {
        return Err(reading.unfit(
            "is damaged: its configuration and its manifest differ in the number of layers"
                .to_owned(),
        ));
    }
    let mut base = BaseLayout {
        upon: BaseImage {
            digest: descriptor.digest().to_string(),
            layers: Vec::new(),
            configuration,
        },
        top,
        rootfs: Rootfs::default(),
        layers: Vec::new(),
    };
    // Programs in the layers are not inspected: only files of glibc and of loaders are needed.
    let limits = Limits {
        program: 0,
        ..Limits::default()
    };
    let several = manifest.layers().len();
    if several > MOST_LAYERS {
        return Err(reading.unfit(format!(
            "has {several} layers, and at most {MOST_LAYERS} are read"
        )));
    }
    let mut left = Limits {
        unpacked: limits.unpacked.saturating_mul(LAYERS),
        entries: limits.entries.saturating_mul(LAYERS as usize),
        paths: limits.paths.saturating_mul(LAYERS as usize),
        ..limits.clone()
    };
    for given in manifest.layers() {
        let path = reading.blob(given)?;
        let Some(
            media @ (MediaType::ImageLayer | MediaType::ImageLayerGzip | MediaType::ImageLayerZstd),
        ) = documents::media_type(given.media_type())
        else {
            return Err(reading.unfit(format!(
                "has a layer that cannot be copied, of type `{}`",
                given.media_type()
            )));
        };
        let (digest, size) = host.hash(&path)?;
        if Some(digest.as_str()) != given.as_digest_sha256() || size != given.size() {
            return Err(reading.damaged(given));
        }
        let bounds = Limits {
            unpacked: limits.unpacked.min(left.unpacked),
            entries: limits.entries.min(left.entries),
            paths: limits.paths.min(left.paths),
            ..limits.clone()
        };
        let layer = archive::look::layer(host, &path, &bounds, rootfs::counts)?;
        let files = layer.entries.iter().filter_map(Entry::file);
        let unpacked = files.map(|(_, file)| file.size).sum();
        left.unpacked = left.unpacked.saturating_sub(unpacked);
        left.entries = left.entries.saturating_sub(layer.entries.len());
        let paths = layer.entries.iter().map(|entry| entry.path.len()).sum();
        left.paths = left.paths.saturating_sub(paths);
        base.rootfs.lay(layer.entries, &layer.directories);
        base.upon
            .layers
            .push(Descriptor::new(media, given.size(), given.digest().clone()));
        base.layers.push((path, given.clone()));
    }
    Ok(base)
}

/// The layout that is read.
struct Reading<'a> {
    host: &'a Host,
    layout: &'a Utf8Path,
    tag: Option<&'a str>,
    /// Digests of the nested indexes that were read: each is read once.
    indexes: RefCell<BTreeSet<String>>,
    /// Number of documents that were read.
    documents: Cell<usize>,
}

impl Reading<'_> {
    /// Collects the manifests that `descriptor` is or leads to; `top` is the digest of the first
    /// descriptor.
    fn candidates(
        &self,
        descriptor: &Descriptor,
        top: &str,
        depth: usize,
        found: &mut Vec<Candidate>,
    ) -> Result<()> {
        match documents::media_type(descriptor.media_type()) {
            Some(MediaType::ImageIndex) if depth < DEEPEST => {
                let digest = descriptor.digest().to_string();
                if !self.indexes.borrow_mut().insert(digest) {
                    return Ok(());
                }
                let index: ImageIndex = self.document(descriptor)?;
                index
                    .manifests()
                    .iter()
                    .try_for_each(|below| self.candidates(below, top, depth + 1, found))?;
            }
            Some(MediaType::ImageManifest) => {
                if found.len() == MOST_MANIFESTS {
                    return Err(self.too_many());
                }
                let platform = descriptor.platform().as_ref();
                let platform = platform.map(|platform| {
                    (
                        platform.os().clone(),
                        platform.architecture().clone(),
                        platform.variant().clone(),
                    )
                });
                found.push(Candidate {
                    top: top.to_owned(),
                    manifest: descriptor.clone(),
                    platform,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the path of a blob.
    fn blob(&self, descriptor: &Descriptor) -> Result<Utf8PathBuf> {
        let sha256 = descriptor.as_digest_sha256();
        let sha256 = sha256.ok_or_else(|| {
            self.unfit(format!(
                "has a blob that is not named by SHA-256: `{}`",
                descriptor.digest()
            ))
        })?;
        let path = self.layout.join(BLOBS).join(sha256);
        if !self.host.is_file(&path) {
            return Err(self.unfit(format!(
                "is incomplete: it has no `{}`",
                descriptor.digest()
            )));
        }
        Ok(path)
    }

    /// Reads a document and checks its size and digest.
    fn document<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T> {
        if self.documents.replace(self.documents.get() + 1) == MOST_MANIFESTS {
            return Err(self.too_many());
        }
        let bytes = self
            .host
            .read_small(&self.blob(descriptor)?, LONGEST_DOCUMENT)?;
        if bytes.len() as u64 != descriptor.size()
            || Some(digest::sha256(&bytes).as_str()) != descriptor.as_digest_sha256()
        {
            return Err(self.damaged(descriptor));
        }
        self.parse(&bytes, descriptor.digest().as_ref())
    }

    /// Parses a document; `name` is for the message.
    fn parse<T: DeserializeOwned>(&self, bytes: &[u8], name: &str) -> Result<T> {
        documents::parse(bytes)
            .map_err(|error| self.unfit(format!("cannot be read: `{name}`: {error}")))
    }

    /// Returns the problem of a layout with too many manifests.
    fn too_many(&self) -> Problem {
        self.unfit(format!(
            "has more than {MOST_MANIFESTS} manifests and indexes"
        ))
        .help("copy the image into a layout of its own: `skopeo copy --all oci:DIR:TAG oci:OTHER`")
    }

    /// Returns the problem of a path that is not a layout, with a command that creates one.
    fn no_layout(&self) -> Problem {
        let layout = self.layout;
        let (why, help) = if self.host.is_file(layout) {
            let names = archive::look::layer(
                self.host,
                layout,
                &Limits {
                    program: 0,
                    ..Limits::default()
                },
                |_| false,
            );
            let has = |name: &str| {
                names
                    .as_ref()
                    .is_ok_and(|layer| layer.entries.iter().any(|entry| entry.path == name))
            };
            let copy = |how: &str| {
                format!(
                    "copy it into a layout: `skopeo {how}:{} oci:base`, then `base = \"oci:base\"`",
                    quote(layout.as_str())
                )
            };
            match (has(LAYOUT_NAME), has(DOCKER_NAME)) {
                (true, _) => (
                    "is a tar of an OCI image layout",
                    copy("copy --all oci-archive"),
                ),
                (false, true) => ("is a tar of `docker save`", copy("copy docker-archive")),
                (false, false) => ("is a file, not an OCI image layout", MAKE_ONE.to_owned()),
            }
        } else {
            ("is not an OCI image layout", MAKE_ONE.to_owned())
        };
        self.unfit(why.to_owned()).help(help)
    }

    /// Returns the problem of a blob whose size or digest differs from its descriptor.
    fn damaged(&self, descriptor: &Descriptor) -> Problem {
        self.unfit(format!(
            "is damaged: `{}` does not match its digest",
            descriptor.digest()
        ))
        .help("copy it again: `skopeo copy --all docker://IMAGE oci:DIR`")
    }

    /// Returns a `base-unfit` problem: the base's name, followed by `why`.
    fn unfit(&self, why: String) -> Problem {
        let base = Base::OciLayout {
            directory: self.layout.to_owned(),
            tag: self.tag.map(str::to_owned),
        };
        Problem::new(BASE_UNFIT, format!("the base `{}` {why}", base.name()))
    }
}
