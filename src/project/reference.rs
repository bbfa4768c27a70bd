//! Image references.

use oci_spec::distribution::Reference as Parsed;
use serde::Serialize;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};

/// A reference to a container image, as the user writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// Text as the user wrote it.
    pub written: String,
    /// Registry and repository, without tag and digest: `docker.io/library/debian`.
    pub name: String,
    /// Tag without the `:`.
    pub tag: Option<String>,
    /// Digest: `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Parses a reference by the grammar of the OCI distribution specification; a digest must be
    /// SHA-256.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: String| {
            Problem::new(
                IMAGE_INVALID,
                format!("invalid image reference `{text}`: {why}"),
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

    /// Returns the reference to use where the tag matters: by digest if one is set, else by tag.
    /// Without both, the tag is `latest`.
    pub fn by_tag(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => self.by_digest(digest),
            (None, tag) => format!("{}:{}", self.name, tag.as_deref().unwrap_or("latest")),
        }
    }

    /// Returns the reference to use where only the content matters. It has no tag: podman rejects a
    /// tag next to a digest.
    pub fn by_digest(&self, digest: &str) -> String {
        format!("{}@{digest}", self.name)
    }
}

/// Returns true if the text is `sha256:` and 64 lower-case hex digits.
pub fn is_digest(text: &str) -> bool {
    let hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[IMAGE_INVALID];

pub const IMAGE_INVALID: Code = code(&CodeInfo {
    name: "image-invalid",
    title: "invalid image reference",
    cause: "`image` has upper-case letters, spaces, or a digest that is not `sha256:` and 64 hex \
            digits.",
    detection: "The reference is parsed by the grammar of the OCI distribution specification.",
    fix: "Write `registry/name:tag`, or `registry/name@sha256:…`.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});
