//! The documents of an OCI image layout (`index.json`, indexes, manifests, configurations), and the
//! layers that they name.
//!
//! Pure: `oci::write` writes them. The types are oci-spec's; each document's keys are sorted, since
//! its maps have no order. Source: opencontainers/image-spec, image-layout.md, image-index.md,
//! manifest.md, config.md.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use oci_spec::image::{
    Arch, Descriptor, Digest, History, HistoryBuilder, ImageConfiguration, ImageIndex,
    ImageIndexBuilder, ImageManifestBuilder, MediaType, OciLayoutBuilder, Os,
    Platform as OciPlatform, RootFsBuilder, SCHEMA_VERSION, ToDockerV2S2 as _,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::problem::{Problem, Result};
use crate::ship::docker::image::{DOCKER_INVALID, Image, describes_base};
use crate::tree::manifest::Platform;

/// PATH of an image whose base sets none: Docker's default.
pub const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// `imageLayoutVersion` of image-spec 1.x.
const LAYOUT_VERSION: &str = "1.0.0";

/// The annotation by which tools find an image in a layout: `oci:DIR:REF`.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation by which `podman load` and `docker load` name an image.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// Annotation that marks an image as written by xpkg.
const OURS: &str = "io.crates.cargo-xpkg.layout";

/// OCI's annotation for the digest of an image's base.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// The file that marks a directory as a layout.
pub const LAYOUT_NAME: &str = "oci-layout";

/// The file with the descriptors of a layout's images.
pub const INDEX_NAME: &str = "index.json";

/// The directory of blobs, below the layout; each is named by its digest.
pub const BLOBS: &str = "blobs/sha256";

/// The file of an archive that `docker load` reads.
pub const DOCKER_NAME: &str = "manifest.json";

/// A file of a layout, named by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blob {
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
}

impl Blob {
    /// Returns the blob's descriptor.
    pub fn described(&self, media: MediaType) -> Descriptor {
        Descriptor::new(media, self.size, self.digest())
    }

    /// Returns the digest, `sha256:…`.
    pub fn digest(&self) -> Digest {
        format!("sha256:{}", self.sha256)
            .parse()
            .expect("64 hex digits are a digest")
    }
}

/// A layer that xpkg adds to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerBlob {
    /// The compressed tar.
    pub blob: Blob,
    /// SHA-256 of the uncompressed tar, for the configuration's `diff_ids`.
    pub unpacked: String,
    /// Contents in a few words, for the image's history.
    pub what: String,
}

/// The base of an image, for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// Digest of its manifest, `sha256:…`.
    pub digest: String,
    /// Its layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Its configuration.
    pub configuration: BaseConfig,
}

/// The configuration of a base.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct BaseConfig {
    /// The keys that OCI defines.
    pub known: ImageConfiguration,
    /// Other keys of `config`, as Docker and later versions write them: `Healthcheck`, `Shell`,
    /// `StopTimeout`. They are copied, as a Dockerfile build does. `OnBuild` is not: it applies to
    /// the first build on the base, which is this one, and nothing is run here.
    pub more: Map<String, Value>,
}

impl TryFrom<Value> for BaseConfig {
    type Error = serde_json::Error;

    fn try_from(value: Value) -> std::result::Result<Self, Self::Error> {
        let mut more = value
            .pointer("/config")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        more.retain(|key, _| !KNOWN.contains(&key.as_str()) && key != "OnBuild");
        Ok(Self {
            known: serde_json::from_value(value)?,
            more,
        })
    }
}

/// OCI's keys of a configuration's `config`.
const KNOWN: &[&str] = &[
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
];

/// Parses a document that another tool wrote. `null` is accepted for an empty list: Go writes it
/// for a nil slice, and BuildKit for no layers.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let mut document: Value = serde_json::from_slice(bytes)?;
    for list in ["/layers", "/manifests", "/rootfs/diff_ids"] {
        if let Some(list) = document.pointer_mut(list).filter(|list| list.is_null()) {
            *list = Value::Array(Vec::new());
        }
    }
    serde_json::from_value(document)
}

/// Formats seconds since 1970 as RFC 3339.
///
/// # Errors
/// `docker-invalid`: the time is out of range, for example because it is in milliseconds.
pub fn created(epoch: u64) -> Result<String> {
    let time = i64::try_from(epoch)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map(|time| time.to_string()).ok_or_else(|| {
        Problem::new(
            DOCKER_INVALID,
            format!("{epoch} seconds after 1970 is out of range for the time of an image"),
        )
        .help("set `SOURCE_DATE_EPOCH` to seconds, not to milliseconds")
    })
}

/// Serializes a document with sorted keys and without whitespace, so that equal documents have
/// equal bytes.
fn document(value: &impl Serialize) -> Vec<u8> {
    let mut value = serde_json::to_value(value).expect("it is plain data");
    value.sort_all_objects();
    serde_json::to_vec(&value).expect("it is plain data")
}

/// Converts labels to oci-spec's type of annotations.
fn annotations(labels: &BTreeMap<String, String>) -> HashMap<String, String> {
    labels
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Converts a platform to oci-spec's type.
fn platform(platform: &Platform) -> OciPlatform {
    let mut converted = OciPlatform::default();
    converted
        .set_os(Os::from(platform.os.as_str()))
        .set_architecture(Arch::from(platform.architecture.as_str()))
        .set_variant(platform.variant.clone());
    converted
}

/// Returns the configuration of an image for one platform. Settings of the base stay unless the
/// image sets them, as with a Dockerfile.
pub fn configuration(
    image: &Image,
    platform: &Platform,
    base: Option<&BaseImage>,
    layers: &[LayerBlob],
    created: &str,
) -> Vec<u8> {
    let mut config = base
        .and_then(|base| base.configuration.known.config().clone())
        .unwrap_or_default();
    if let Some(entrypoint) = &image.entrypoint {
        // The base's arguments belong to its own entrypoint.
        config
            .set_entrypoint(Some(entrypoint.clone()))
            .set_cmd(None);
    }
    config.set_user(Some(image.user.clone()));
    let ports = config.exposed_ports().iter().flatten().cloned();
    let ports: BTreeSet<String> = ports
        .chain(image.ports.iter().map(|port| exposed(port)))
        .collect();
    config.set_exposed_ports((!ports.is_empty()).then(|| ports.into_iter().collect()));
    let mut environment = config.env().clone().unwrap_or_default();
    if !environment
        .iter()
        .any(|variable| variable.starts_with("PATH="))
    {
        environment.insert(0, PATH.to_owned());
    }
    config.set_env(Some(environment));
    if config.working_dir().as_ref().is_none_or(String::is_empty) {
        config.set_working_dir(Some("/".to_owned()));
    }
    let mut labels = config.labels().clone().unwrap_or_default();
    labels.retain(|key, _| !describes_base(key));
    labels.extend(annotations(&image.labels));
    config.set_labels((!labels.is_empty()).then_some(labels));

    let mut diff_ids = base
        .map(|base| base.configuration.known.rootfs().diff_ids().clone())
        .unwrap_or_default();
    diff_ids.extend(
        layers
            .iter()
            .map(|layer| format!("sha256:{}", layer.unpacked)),
    );
    let mut history = base.map(history).unwrap_or_default();
    let step = |what: &str| HistoryBuilder::default().created(created).created_by(what);
    history.extend(
        layers
            .iter()
            .map(|layer| step(&layer.what).build().expect("no field is required")),
    );
    let mut made = ImageConfiguration::default();
    made.set_created(Some(created.to_owned()))
        .set_os(Os::from(platform.os.as_str()))
        .set_architecture(Arch::from(platform.architecture.as_str()))
        .set_variant(platform.variant.clone())
        .set_config(Some(config))
        .set_rootfs(
            RootFsBuilder::default()
                .typ("layers")
                .diff_ids(diff_ids)
                .build()
                .expect("no field is required"),
        )
        .set_history(Some(history));
    let mut made = serde_json::to_value(&made).expect("it is plain data");
    if let Some(config) = made.pointer_mut("/config").and_then(Value::as_object_mut) {
        let of_base = base.into_iter().flat_map(|base| &base.configuration.more);
        config.extend(of_base.map(|(key, value)| (key.clone(), value.clone())));
        if let Some(check) = &image.healthcheck {
            config.insert("Healthcheck".to_owned(), check.document());
        }
    }
    document(&made)
}

/// Returns the base's history, or one entry a layer if the history does not match its layers:
/// readers expect an entry for each layer.
fn history(base: &BaseImage) -> Vec<History> {
    let history = base
        .configuration
        .known
        .history()
        .clone()
        .unwrap_or_default();
    if history
        .iter()
        .filter(|step| step.empty_layer() != Some(true))
        .count()
        == base.layers.len()
    {
        return history;
    }
    let line = || {
        HistoryBuilder::default()
            .created_by("a layer of the base")
            .build()
            .expect("no field is required")
    };
    base.layers.iter().map(|_| line()).collect()
}

/// Adds the default protocol to a port: `8080` becomes `8080/tcp`.
fn exposed(port: &str) -> String {
    if port.contains('/') {
        port.to_owned()
    } else {
        format!("{port}/tcp")
    }
}

/// Returns the manifest of an image for one platform.
pub fn manifest(
    image: &Image,
    configuration: &Blob,
    base: Option<&BaseImage>,
    layers: &[LayerBlob],
) -> Vec<u8> {
    let mut all = base.map(|base| base.layers.clone()).unwrap_or_default();
    all.extend(
        layers
            .iter()
            .map(|layer| layer.blob.described(MediaType::ImageLayerGzip)),
    );
    let mut annotations = annotations(&image.labels);
    if let Some(base) = base {
        annotations
            .entry(BASE_DIGEST.to_owned())
            .or_insert_with(|| base.digest.clone());
    }
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(configuration.described(MediaType::ImageConfig))
        .layers(all)
        .annotations(annotations)
        .build();
    document(&manifest.expect("all required fields are set"))
}

/// Returns an image's own index: its manifests by platform.
pub fn platforms(image: &Image, manifests: &[(Platform, Blob)]) -> Vec<u8> {
    let described = manifests.iter().map(|(of_image, manifest)| {
        let mut descriptor = manifest.described(MediaType::ImageManifest);
        descriptor.set_platform(Some(platform(of_image)));
        descriptor
    });
    document(&index_of(
        described.collect(),
        Some(annotations(&image.labels)),
    ))
}

/// Builds an index of manifests.
fn index_of(
    manifests: Vec<Descriptor>,
    annotations: Option<HashMap<String, String>>,
) -> ImageIndex {
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests);
    let index = match annotations {
        Some(annotations) => index.annotations(annotations),
        None => index,
    };
    index.build().expect("all required fields are set")
}

/// Returns the layout's `index.json`: one descriptor an image, which points to the image's own
/// index.
pub fn index(images: &[(&Image, Blob)]) -> Vec<u8> {
    let single = images.len() == 1;
    let described = images.iter().map(|(image, index)| {
        let mut descriptor = index.described(MediaType::ImageIndex);
        let annotations = [
            (REF_NAME, reference(image, single)),
            (IMAGE_NAME, full_name(image)),
            (OURS, "1".to_owned()),
        ];
        descriptor.set_annotations(Some(
            annotations
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        ));
        descriptor
    });
    document(&index_of(described.collect(), None))
}

/// Returns the name of an image in its layout, the part after `oci:DIR:`: the version for a single
/// image, since many tools take a tag there; `name:version` if there are several.
pub fn reference(image: &Image, single: bool) -> String {
    if single {
        image.tag()
    } else {
        short_name(image)
    }
}

/// Returns `name:version`.
fn short_name(image: &Image) -> String {
    format!("{}:{}", image.name, image.tag())
}

/// Returns the name with Docker's default registry: `docker.io/library/name:version`.
fn full_name(image: &Image) -> String {
    format!("docker.io/library/{}", short_name(image))
}

/// Returns the contents of the `oci-layout` file.
pub fn marker() -> Vec<u8> {
    document(
        &OciLayoutBuilder::default()
            .image_layout_version(LAYOUT_VERSION)
            .build()
            .expect("all required fields are set"),
    )
}

/// Returns true if xpkg wrote every image of an `index.json`, and there is at least one.
pub fn is_ours(index: &[u8]) -> bool {
    let ours = |descriptor: &Descriptor| {
        descriptor
            .annotations()
            .as_ref()
            .is_some_and(|annotations| annotations.contains_key(OURS))
    };
    serde_json::from_slice::<ImageIndex>(index)
        .is_ok_and(|index| !index.manifests().is_empty() && index.manifests().iter().all(ours))
}

/// An image of one platform in the `manifest.json` of `docker load`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Loaded {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// One platform of an image, by its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The platform of the image.
    pub platform: Platform,
    /// The configuration's blob.
    pub configuration: Blob,
    /// SHA-256 of every layer, the base's first.
    pub layers: Vec<String>,
}

/// Returns the `manifest.json` of an archive, as `docker save` of Docker 25 and later writes it
/// beside a layout. Every version of Docker loads the archive by it, and podman needs it for several
/// images. The format has no platforms: the image's name goes to the platform that most machines can
/// run, and the tags of the others end with their platform.
pub fn docker_manifest(images: &[(&Image, Vec<Parts>)]) -> Vec<u8> {
    const FIRST: &[&str] = &["amd64", "arm64"];
    let blob = |sha256: &str| format!("{BLOBS}/{sha256}");
    let loaded = images.iter().flat_map(|(image, parts)| {
        let mut parts: Vec<&Parts> = parts.iter().collect();
        let rank = |architecture: &str| {
            FIRST
                .iter()
                .position(|first| *first == architecture)
                .unwrap_or(FIRST.len())
        };
        parts.sort_by_key(|parts| rank(&parts.platform.architecture));
        parts.into_iter().enumerate().map(move |(number, parts)| {
            let Platform {
                os: _,
                architecture,
                variant,
            } = &parts.platform;
            let variant = variant.as_deref().unwrap_or_default();
            let suffix = if number == 0 {
                String::new()
            } else {
                format!("-{architecture}{variant}")
            };
            Loaded {
                config: blob(&parts.configuration.sha256),
                repo_tags: vec![format!("{}{suffix}", short_name(image))],
                layers: parts.layers.iter().map(|sha256| blob(sha256)).collect(),
            }
        })
    });
    document(&loaded.collect::<Vec<_>>())
}

/// Returns the name of an image in its layout.
pub fn reference_name(image: &Descriptor) -> Option<&str> {
    image
        .annotations()
        .as_ref()?
        .get(REF_NAME)
        .map(String::as_str)
}

/// Converts a media type to OCI's name. A layout may contain Docker's types, whose documents and
/// layers have the same format. `None`: not a part of an image, such as an attestation.
pub fn media_type(given: &MediaType) -> Option<MediaType> {
    const PLAIN: &str = "application/vnd.docker.image.rootfs.diff.tar";
    const ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
    use MediaType::{
        ImageConfig, ImageIndex, ImageLayer, ImageLayerGzip, ImageLayerZstd, ImageManifest,
    };
    let known = [
        ImageIndex,
        ImageManifest,
        ImageConfig,
        ImageLayer,
        ImageLayerGzip,
        ImageLayerZstd,
    ];
    match given.as_ref() {
        PLAIN => Some(ImageLayer),
        ZSTD => Some(ImageLayerZstd),
        name => known.into_iter().find(|known| {
            known == given || known.to_docker_v2s2().is_ok_and(|docker| docker == name)
        }),
    }
}

/// Returns true if an image of a platform is one for `requested`. A missing variant is the usual
/// one: `arm64` equals `arm64/v8`, `amd64` equals `amd64/v1`.
pub fn is_for(os: &Os, architecture: &Arch, variant: Option<&str>, requested: &Platform) -> bool {
    let usual = match requested.architecture.as_str() {
        "arm64" => "v8",
        "amd64" => "v1",
        "arm" => "v7",
        _ => "",
    };
    let normalized = |variant: Option<&str>| {
        variant
            .filter(|variant| !variant.is_empty())
            .unwrap_or(usual)
            .to_owned()
    };
    os.to_string() == requested.os
        && architecture.to_string() == requested.architecture
        && normalized(variant) == normalized(requested.variant.as_deref())
}

/// Returns the label of a platform: `linux/arm/v7`.
pub fn platform_label(os: &Os, architecture: &Arch, variant: Option<&str>) -> String {
    Platform {
        os: os.to_string(),
        architecture: architecture.to_string(),
        variant: variant.map(str::to_owned),
    }
    .label()
}
