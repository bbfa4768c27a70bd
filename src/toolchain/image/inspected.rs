//! The answer of `image inspect`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::target::Target;

/// Answer of `image inspect`, as far as it is read; docker's and podman's are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// ID, `sha256:…` of its configuration. A derived image is run by it.
    pub id: String,
    /// Digests with their repositories: `name@sha256:…`.
    pub digests: Vec<String>,
    /// Operating system in OCI's naming: `linux`.
    pub os: String,
    /// Processor in OCI's naming: `amd64`.
    pub architecture: String,
    /// Variant of the processor: `v7`.
    pub variant: Option<String>,
    /// Creation time of the image, RFC 3339.
    pub created: String,
    /// Environment variables that it sets.
    pub variables: BTreeMap<String, String>,
}

/// The JSON of one image.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedText {
    id: String,
    repo_digests: Option<Vec<String>>,
    os: String,
    architecture: String,
    variant: Option<String>,
    created: Option<String>,
    config: Option<ConfigText>,
}

/// The part of the JSON that containers inherit.
#[derive(Deserialize)]
struct ConfigText {
    #[serde(rename = "Env")]
    env: Option<Vec<String>>,
}

impl Inspected {
    /// Parses the JSON of `image inspect`, a list with one image.
    pub fn read(text: &str) -> Option<Self> {
        let images: Vec<InspectedText> = serde_json::from_str(text).ok()?;
        let InspectedText {
            id,
            repo_digests,
            os,
            architecture,
            variant,
            created,
            config,
        } = images.into_iter().next()?;
        let variables = config.and_then(|config| config.env).unwrap_or_default();
        Some(Self {
            id: if id.starts_with("sha256:") {
                id
            } else {
                format!("sha256:{id}")
            },
            digests: repo_digests.unwrap_or_default(),
            os,
            architecture,
            variant: variant.filter(|variant| !variant.is_empty()),
            created: created.unwrap_or_default(),
            variables: variables
                .iter()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// Formats the platform: `linux/arm/v7`.
    pub fn platform(&self) -> String {
        let variant = self
            .variant
            .as_ref()
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }

    /// Returns the digests under which this repository may know it. Digests of older tags are among
    /// them, and with podman those of other repositories.
    pub fn digests_in(&self, name: &str) -> Vec<&str> {
        let parts = self
            .digests
            .iter()
            .filter_map(|entry| entry.rsplit_once('@'));
        parts
            .filter(|(repository, _)| same_repository(repository, name))
            .map(|(_, digest)| digest)
            .collect()
    }

    /// Returns true if any repository knows it under the digest.
    pub fn has_digest(&self, digest: &str) -> bool {
        self.digests
            .iter()
            .any(|entry| entry.ends_with(&format!("@{digest}")))
    }

    /// Returns true if its programs run on the host of this triple.
    pub fn runs_on(&self, host: &Target) -> bool {
        self.os == "linux" && self.architecture == host.arch.oci
    }
}

/// Compares names of repositories; docker omits `docker.io/library/`.
fn same_repository(known: &str, name: &str) -> bool {
    let short = name.strip_prefix("docker.io/").unwrap_or(name);
    known == name || known == short || Some(known) == short.strip_prefix("library/")
}
