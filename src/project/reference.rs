//! References to images.

use oci_spec::distribution::Reference as Parsed;
use serde::Serialize;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};

/// An image as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// As it was written.
    pub written: String,
    /// With registry and repository, without tag and digest: `docker.io/library/debian`.
    pub name: String,
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: String| {
            Problem::new(
                IMAGE_INVALID,
                format!("`{text}` is no reference to an image: {why}"),
            )
            .help("write `registry/name:tag`, or `registry/name@sha256:…` with 64 hex digits")
        };
        let parsed = Parsed::try_from(text).map_err(|error| invalid(error.to_string()))?;
        let digest = parsed.digest().map(str::to_owned);
        if digest.as_ref().is_some_and(|digest| !is_digest(digest)) {
            return Err(invalid(
                "its digest is not `sha256:` and 64 hex digits".to_owned(),
            ));
        }
        Ok(Self {
            written: text.to_owned(),
            name: format!("{}/{}", parsed.registry(), parsed.repository()),
            tag: parsed.tag().map(str::to_owned),
            digest,
        })
    }

    /// What an engine is told where the tag counts. A reference with neither tag nor digest means
    /// `latest`.
    pub fn by_tag(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => self.by_digest(digest),
            (None, tag) => format!("{}:{}", self.name, tag.as_deref().unwrap_or("latest")),
        }
    }

    /// What an engine is told where only the content counts: without the tag, which podman refuses
    /// beside a digest.
    pub fn by_digest(&self, digest: &str) -> String {
        format!("{}@{digest}", self.name)
    }
}

/// `sha256:` and 64 lower-case hex digits.
pub fn is_digest(text: &str) -> bool {
    let hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[IMAGE_INVALID];

pub const IMAGE_INVALID: Code = code(&CodeInfo {
    name: "image-invalid",
    title: "what is configured is no reference to an image",
    cause: "`image` has upper-case letters, spaces, or a digest that is not `sha256:` and 64 hex \
            digits.",
    detection: "It is read by the grammar of the OCI's distribution specification.",
    fix: "Write `registry/name:tag`, or `registry/name@sha256:…`.",
    source: "README, Cross images",
    waivable: false,
});
