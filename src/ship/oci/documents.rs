//! The documents of an OCI image layout, and the layers that they name.
//!
//! Pure: `layout` writes them. The types are oci-spec's; each document's keys are sorted, since its
//! maps have no order. Source: opencontainers/image-spec, image-layout.md, image-index.md,
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
use crate::ship::docker::image::{DOCKER_INVALID, Image};
use crate::tree::manifest::Platform;

/// Where programs are looked for, as Docker says it where nobody says otherwise.
pub const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The version of the layout, of the specification's 1.x.
const LAYOUT_VERSION: &str = "1.0.0";

/// The annotation by which tools find an image in a layout: `oci:DIR:REF`.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation by which `podman load` and `docker load` name an image.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// The annotation by which a layout is known as one that xpkg has written.
const OURS: &str = "io.crates.cargo-xpkg.layout";

pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// The files of a layout that are no blobs.
pub const LAYOUT_NAME: &str = "oci-layout";

pub const INDEX_NAME: &str = "index.json";

/// The directory of blobs, below the layout; each is named by its digest.
pub const BLOBS: &str = "blobs/sha256";

/// What `docker load` reads of an archive.
pub const DOCKER_NAME: &str = "manifest.json";

/// What a layout has by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blob {
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl Blob {
    pub fn described(&self, media: MediaType) -> Descriptor {
        Descriptor::new(media, self.size, self.digest())
    }

    pub fn digest(&self) -> Digest {
        format!("sha256:{}", self.sha256)
            .parse()
            .expect("64 hex digits are a digest")
    }
}

/// A layer of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerBlob {
    pub blob: Blob,
    /// SHA-256 of the tar before it was packed.
    pub unpacked: String,
    /// What is in it, for the image's history.
    pub what: String,
}

/// What an image is built upon, for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// `sha256:…` of its manifest.
    pub digest: String,
    pub layers: Vec<Descriptor>,
    pub configuration: BaseConfig,
}

/// The configuration of an image that others made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct BaseConfig {
    pub known: ImageConfiguration,
    /// What Docker writes beside OCI's keys, and what comes later: `Healthcheck`, `Shell`,
    /// `StopTimeout`. They are passed on, as a Dockerfile does. `OnBuild` is not: it is for the
    /// first build upon the base, which this one is, and here nothing runs.
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

/// A document that others made. Those who write Go may say `null` for a list of nothing, as
/// BuildKit does for no layers.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let mut document: Value = serde_json::from_slice(bytes)?;
    for list in ["/layers", "/manifests", "/rootfs/diff_ids"] {
        if let Some(list) = document.pointer_mut(list).filter(|list| list.is_null()) {
            *list = Value::Array(Vec::new());
        }
    }
    serde_json::from_value(document)
}

/// A time as RFC 3339 writes it, from seconds since 1970.
pub fn created(epoch: u64) -> Result<String> {
    let time = i64::try_from(epoch)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map(|time| time.to_string()).ok_or_else(|| {
        Problem::new(
            DOCKER_INVALID,
            format!("{epoch} seconds after 1970 is no time of an image"),
        )
        .help("set `SOURCE_DATE_EPOCH` to seconds, not to milliseconds")
    })
}

/// A document: keys sorted, no space.
fn document(value: &impl Serialize) -> Vec<u8> {
    let mut value = serde_json::to_value(value).expect("it is plain data");
    value.sort_all_objects();
    serde_json::to_vec(&value).expect("it is plain data")
}

fn annotations(labels: &BTreeMap<String, String>) -> HashMap<String, String> {
    labels
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn platform(platform: &Platform) -> OciPlatform {
    let mut made = OciPlatform::default();
    made.set_os(Os::from(platform.os.as_str()))
        .set_architecture(Arch::from(platform.architecture.as_str()))
        .set_variant(platform.variant.clone());
    made
}

/// The configuration of an image for one platform. What the base says stays where the image says
/// nothing else, as it does with a Dockerfile.
pub fn configuration(
    image: &Image,
    of: &Platform,
    upon: Option<&BaseImage>,
    layers: &[LayerBlob],
    created: &str,
) -> Vec<u8> {
    let mut config = upon
        .and_then(|upon| upon.configuration.known.config().clone())
        .unwrap_or_default();
    if let Some(entrypoint) = &image.entrypoint {
        // The arguments were those of another program.
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
    labels.extend(annotations(&image.labels));
    config.set_labels((!labels.is_empty()).then_some(labels));

    let mut diff_ids = upon
        .map(|upon| upon.configuration.known.rootfs().diff_ids().clone())
        .unwrap_or_default();
    diff_ids.extend(
        layers
            .iter()
            .map(|layer| format!("sha256:{}", layer.unpacked)),
    );
    let mut history = upon.map(history).unwrap_or_default();
    let step = |what: &str| HistoryBuilder::default().created(created).created_by(what);
    history.extend(
        layers
            .iter()
            .map(|layer| step(&layer.what).build().expect("no field is needed")),
    );
    let mut made = ImageConfiguration::default();
    made.set_created(Some(created.to_owned()))
        .set_os(Os::from(of.os.as_str()))
        .set_architecture(Arch::from(of.architecture.as_str()))
        .set_variant(of.variant.clone())
        .set_config(Some(config))
        .set_rootfs(
            RootFsBuilder::default()
                .typ("layers")
                .diff_ids(diff_ids)
                .build()
                .expect("no field is needed"),
        )
        .set_history(Some(history));
    let mut made = serde_json::to_value(&made).expect("it is plain data");
    if let (Some(config), Some(upon)) = (
        made.pointer_mut("/config").and_then(Value::as_object_mut),
        upon,
    ) {
        config.extend(upon.configuration.more.clone());
    }
    document(&made)
}

/// The base's own history; where it has none that fits its layers, one line a layer, since readers
/// count.
fn history(upon: &BaseImage) -> Vec<History> {
    let told = upon
        .configuration
        .known
        .history()
        .clone()
        .unwrap_or_default();
    if told
        .iter()
        .filter(|step| step.empty_layer() != Some(true))
        .count()
        == upon.layers.len()
    {
        return told;
    }
    let line = || {
        HistoryBuilder::default()
            .created_by("a layer of the base")
            .build()
            .expect("no field is needed")
    };
    upon.layers.iter().map(|_| line()).collect()
}

/// `8080` is `8080/tcp`.
fn exposed(port: &str) -> String {
    if port.contains('/') {
        port.to_owned()
    } else {
        format!("{port}/tcp")
    }
}

/// The manifest of an image for one platform.
pub fn manifest(
    image: &Image,
    configuration: &Blob,
    upon: Option<&BaseImage>,
    layers: &[LayerBlob],
) -> Vec<u8> {
    let mut all = upon.map(|upon| upon.layers.clone()).unwrap_or_default();
    all.extend(
        layers
            .iter()
            .map(|layer| layer.blob.described(MediaType::ImageLayerGzip)),
    );
    let mut annotations = annotations(&image.labels);
    if let Some(upon) = upon {
        annotations
            .entry(BASE_DIGEST.to_owned())
            .or_insert_with(|| upon.digest.clone());
    }
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(configuration.described(MediaType::ImageConfig))
        .layers(all)
        .annotations(annotations)
        .build();
    document(&manifest.expect("all that a manifest needs is there"))
}

/// An image's own index: its manifests by platform.
pub fn platforms(image: &Image, manifests: &[(Platform, Blob)]) -> Vec<u8> {
    let described = manifests.iter().map(|(of, manifest)| {
        let mut descriptor = manifest.described(MediaType::ImageManifest);
        descriptor.set_platform(Some(platform(of)));
        descriptor
    });
    document(&index_of(
        described.collect(),
        Some(annotations(&image.labels)),
    ))
}

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
    index.build().expect("all that an index needs is there")
}

/// The layout's `index.json`: one descriptor an image, which points to the image's own index.
pub fn index(images: &[(&Image, Blob)]) -> Vec<u8> {
    let lone = images.len() == 1;
    let described = images.iter().map(|(image, index)| {
        let mut descriptor = index.described(MediaType::ImageIndex);
        let said = [
            (REF_NAME, reference(image, lone)),
            (IMAGE_NAME, full_name(image)),
            (OURS, "1".to_owned()),
        ];
        descriptor.set_annotations(Some(
            said.into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        ));
        descriptor
    });
    document(&index_of(described.collect(), None))
}

/// What stands after `oci:DIR:`. An image that is alone is found by its version, as tools that know
/// tags only want it; of several each needs a name of its own.
pub fn reference(image: &Image, lone: bool) -> String {
    if lone { image.tag() } else { short_name(image) }
}

/// `name:version`.
fn short_name(image: &Image) -> String {
    format!("{}:{}", image.name, image.tag())
}

fn full_name(image: &Image) -> String {
    format!("docker.io/library/{}", short_name(image))
}

/// The file by which a directory is known as a layout.
pub fn marker() -> Vec<u8> {
    document(
        &OciLayoutBuilder::default()
            .image_layout_version(LAYOUT_VERSION)
            .build()
            .expect("all that it needs is there"),
    )
}

/// Whether an `index.json` is one that xpkg has written, every image in it.
pub fn is_ours(index: &[u8]) -> bool {
    let ours = |descriptor: &Descriptor| {
        descriptor
            .annotations()
            .as_ref()
            .is_some_and(|said| said.contains_key(OURS))
    };
    serde_json::from_slice::<ImageIndex>(index)
        .is_ok_and(|index| !index.manifests().is_empty() && index.manifests().iter().all(ours))
}

/// An image of one platform, as `docker load` takes it.
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
    pub platform: Platform,
    pub configuration: Blob,
    /// SHA-256 of every layer, the base's first.
    pub layers: Vec<String>,
}

/// The `manifest.json` of an archive, as `docker save` has written it beside a layout since Docker
/// 25: by it every docker loads the archive, and podman one with several images. It knows no
/// platforms: one has the image's name, that which most machines can start; each other one has its
/// platform in its tag, too.
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

/// The name that tools find an image of a layout by.
pub fn reference_name(image: &Descriptor) -> Option<&str> {
    image
        .annotations()
        .as_ref()?
        .get(REF_NAME)
        .map(String::as_str)
}

/// The media type by OCI's name. A layout may hold what was made for Docker, whose documents and
/// layers are the same. `None`: it is nothing that an image is made of.
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

/// Whether an image of one platform is an image for another: `arm64` is `arm64/v8`, `amd64` is
/// `amd64/v1`.
pub fn is_for(os: &Os, architecture: &Arch, variant: Option<&str>, wanted: &Platform) -> bool {
    let usual = match wanted.architecture.as_str() {
        "arm64" => "v8",
        "amd64" => "v1",
        "arm" => "v7",
        _ => "",
    };
    let plain = |variant: Option<&str>| {
        variant
            .filter(|variant| !variant.is_empty())
            .unwrap_or(usual)
            .to_owned()
    };
    os.to_string() == wanted.os
        && architecture.to_string() == wanted.architecture
        && plain(variant) == plain(wanted.variant.as_deref())
}

/// `linux/arm/v7`.
pub fn platform_words(os: &Os, architecture: &Arch, variant: Option<&str>) -> String {
    Platform {
        os: os.to_string(),
        architecture: architecture.to_string(),
        variant: variant.map(str::to_owned),
    }
    .label()
}
