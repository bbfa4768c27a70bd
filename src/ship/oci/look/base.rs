//! An OCI image layout on this machine that images are built upon: its image for one platform,
//! every blob of it checked, and what stands in its layers.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::image::{Arch, Descriptor, ImageIndex, ImageManifest, MediaType, Os};
use serde::de::DeserializeOwned;

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

const MAKE_ONE: &str = "make one: `skopeo copy --all docker://IMAGE oci:DIR`";

/// Bytes that one document may have: what registries take of a manifest.
const LONGEST_DOCUMENT: u64 = 4 * 1024 * 1024;

/// Indexes that may stand in one another, and manifests that a layout may have.
const DEEPEST: usize = 4;

const MOST_MANIFESTS: usize = 4096;

/// An image to build upon, for one platform.
pub struct BaseLayout {
    pub upon: BaseImage,
    /// `sha256:…` of what the layout's own index names, which is this image or holds it.
    pub top: String,
    pub rootfs: Rootfs,
    /// Where its layers are, in their order.
    pub layers: Vec<(Utf8PathBuf, Descriptor)>,
}

impl BaseLayout {
    /// LD_LIBRARY_PATH of what runs in it.
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

/// One image of one platform, as a layout's documents tell it.
struct Candidate {
    top: String,
    manifest: Descriptor,
    platform: Option<(Os, Arch, Option<String>)>,
}

/// Reads the image of a layout for a platform, with all its layers; where it has several, the one
/// of a name.
pub fn read(
    host: &Host,
    layout: &Utf8Path,
    tag: Option<&str>,
    wanted: &Platform,
) -> Result<BaseLayout> {
    let reading = Reading { host, layout, tag };
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
            "no image has a name there: write `oci:DIR`"
        } else {
            "name one that is: `oci:DIR:TAG`"
        };
        return Err(reading
            .unfit("is not in its layout".to_owned())
            .note("there", names)
            .help(help));
    }
    for top in index
        .manifests()
        .iter()
        .filter(|top| tag.is_none() || documents::reference_name(top) == tag)
    {
        reading.candidates(top, top.digest().as_ref(), 0, &mut found)?;
    }
    let mut there = BTreeSet::new();
    let mut fits: Vec<(Descriptor, ImageManifest, BaseConfig, String)> = Vec::new();
    for Candidate {
        top,
        manifest: descriptor,
        platform,
    } in found
    {
        if let Some((os, architecture, variant)) = &platform
            && !documents::is_for(os, architecture, variant.as_deref(), wanted)
        {
            there.insert(documents::platform_words(
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
        // Where the index says what it is for, its word counts: configurations often leave the
        // variant out.
        if platform.is_none() && !documents::is_for(os, architecture, variant, wanted) {
            there.insert(documents::platform_words(os, architecture, variant));
        } else if !fits
            .iter()
            .any(|(had, ..)| had.digest() == descriptor.digest())
        {
            fits.push((descriptor, manifest, configuration, top));
        }
    }
    let (descriptor, manifest, configuration, top) = match fits.len() {
        0 => {
            let problem = reading.unfit(format!("has no image for {}", wanted.label()));
            return Err(problem.note("there", there).help(
                "copy all its platforms: `skopeo copy --all docker://IMAGE oci:DIR`, or \
                       name the targets that count",
            ));
        }
        1 => fits.remove(0),
        several => {
            let problem = reading
                .unfit(format!("has {several} images for {}", wanted.label()))
                .note("named", names);
            return Err(problem.help(
                "name one of them, `oci:DIR:TAG`, or make a layout of it: \
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
    // Of a layer no more is kept than what tells of glibc and of loaders.
    let limits = Limits {
        program: 0,
        ..Limits::default()
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
        let layer = archive::look::layer(host, &path, &limits, rootfs::counts)?;
        base.rootfs.lay(layer.entries, &layer.directories);
        base.upon
            .layers
            .push(Descriptor::new(media, given.size(), given.digest().clone()));
        base.layers.push((path, given.clone()));
    }
    Ok(base)
}

struct Reading<'a> {
    host: &'a Host,
    layout: &'a Utf8Path,
    tag: Option<&'a str>,
}

impl Reading<'_> {
    /// Every manifest that `descriptor` is or leads to; `top` is where the way began.
    fn candidates(
        &self,
        descriptor: &Descriptor,
        top: &str,
        depth: usize,
        found: &mut Vec<Candidate>,
    ) -> Result<()> {
        match documents::media_type(descriptor.media_type()) {
            Some(MediaType::ImageIndex) if depth < DEEPEST => {
                let index: ImageIndex = self.document(descriptor)?;
                index
                    .manifests()
                    .iter()
                    .try_for_each(|below| self.candidates(below, top, depth + 1, found))?;
            }
            Some(MediaType::ImageManifest) if found.len() < MOST_MANIFESTS => {
                let platform = descriptor.platform().as_ref();
                let platform = platform.map(|of| {
                    (
                        of.os().clone(),
                        of.architecture().clone(),
                        of.variant().clone(),
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
            return Err(self.unfit(format!("is not whole: it has no `{}`", descriptor.digest())));
        }
        Ok(path)
    }

    fn document<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T> {
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

    fn parse<T: DeserializeOwned>(&self, bytes: &[u8], name: &str) -> Result<T> {
        documents::parse(bytes)
            .map_err(|error| self.unfit(format!("cannot be read: `{name}`: {error}")))
    }

    /// What is there instead of a layout, and how it becomes one.
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
                    "make a layout of it: `skopeo {how}:{} oci:base`, then `base = \"oci:base\"`",
                    quote(layout.as_str())
                )
            };
            match (has(LAYOUT_NAME), has(DOCKER_NAME)) {
                (true, _) => (
                    "is a tar of an OCI image layout",
                    copy("copy --all oci-archive"),
                ),
                (false, true) => ("is a tar of `docker save`", copy("copy docker-archive")),
                (false, false) => ("is a file, and no OCI image layout", MAKE_ONE.to_owned()),
            }
        } else {
            ("is no OCI image layout", MAKE_ONE.to_owned())
        };
        self.unfit(why.to_owned()).help(help)
    }

    fn damaged(&self, descriptor: &Descriptor) -> Problem {
        self.unfit(format!(
            "is damaged: `{}` is not what its digest says",
            descriptor.digest()
        ))
        .help("copy it anew: `skopeo copy --all docker://IMAGE oci:DIR`")
    }

    fn unfit(&self, why: String) -> Problem {
        let base = Base::OciLayout {
            directory: self.layout.to_owned(),
            tag: self.tag.map(str::to_owned),
        };
        Problem::new(BASE_UNFIT, format!("the base `{}` {why}", base.name()))
    }
}
