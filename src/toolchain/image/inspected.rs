//! What `image inspect` says of an image.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::target::Target;

/// What `image inspect` says, as far as it is read: docker's and podman's are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// `sha256:…` of its configuration: what a derived image is run by.
    pub id: String,
    /// Each with its repository: `name@sha256:…`.
    pub digests: Vec<String>,
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
    /// RFC 3339, of the image's own making.
    pub created: String,
    pub variables: BTreeMap<String, String>,
}

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

#[derive(Deserialize)]
struct ConfigText {
    #[serde(rename = "Env")]
    env: Option<Vec<String>>,
}

impl Inspected {
    /// Reads the JSON of `image inspect`, a list of one.
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

    pub fn platform(&self) -> String {
        let variant = self
            .variant
            .as_ref()
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }

    /// The digests under which this repository may know it: those of older tags among them, and
    /// with podman those of other repositories.
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

    /// Whether this repository knows it under the digest.
    pub fn has_digest(&self, digest: &str) -> bool {
        self.digests
            .iter()
            .any(|entry| entry.ends_with(&format!("@{digest}")))
    }

    /// Whether its programs run on the host of this triple.
    pub fn runs_on(&self, host: &Target) -> bool {
        self.os == "linux" && self.architecture == host.arch.oci
    }
}

/// docker leaves out `docker.io/library/`.
fn same_repository(said: &str, name: &str) -> bool {
    let short = name.strip_prefix("docker.io/").unwrap_or(name);
    said == name || said == short || Some(said) == short.strip_prefix("library/")
}
