//! Signatures of a release: files beside `SHA256SUMS`, the one file that is signed. Pure.

use serde::{Deserialize, Serialize};

/// Kind of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureKind {
    /// minisign's, with the name and the version of the release as its trusted comment.
    Minisign,
    /// That of `ssh-keygen -Y`, in the namespace [`NAMESPACE`].
    Ssh,
}

/// All kinds.
pub const KINDS: &[SignatureKind] = &[SignatureKind::Minisign, SignatureKind::Ssh];

/// Namespace of signatures by SSH keys: one of another namespace is none of a release.
pub const NAMESPACE: &str = "file";

impl SignatureKind {
    /// Returns the name in flags: `minisign`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minisign => "minisign",
            Self::Ssh => "ssh",
        }
    }

    /// Returns the name of the file beside `SHA256SUMS`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Minisign => "SHA256SUMS.minisig",
            Self::Ssh => "SHA256SUMS.sig",
        }
    }
}

/// Returns the trusted comment of a release: with it, the signature of another version is none of
/// this one.
pub fn comment(name: &str, version: &str) -> String {
    format!("{name} {version}")
}
