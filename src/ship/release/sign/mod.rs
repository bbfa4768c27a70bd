//! Signatures of a release.

pub mod run;

use camino::Utf8PathBuf;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::tree::signature::{KINDS, SignatureKind};

/// A key to sign with: `minisign:FILE` or `ssh:FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Kind of the signature.
    pub kind: SignatureKind,
    /// File of the secret key; of an SSH key that an agent holds, of the public key.
    pub file: Utf8PathBuf,
}

impl SigningKey {
    /// Parses a value of `--sign`.
    ///
    /// # Errors
    /// `signing-failed`.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = || {
            let message = format!("`--sign {text}` is not a kind of signature and a key");
            Problem::new(SIGNING_FAILED, message)
                .help("pass a secret key: `--sign minisign:FILE` or `--sign ssh:FILE`")
        };
        let (name, file) = text.split_once(':').ok_or_else(invalid)?;
        let kind = KINDS
            .iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(invalid)?;
        if file.is_empty() {
            return Err(invalid());
        }
        Ok(Self {
            kind: *kind,
            file: file.into(),
        })
    }
}

/// Checks that there is one key of each kind: its signature has one file.
///
/// # Errors
/// `signing-failed`.
pub fn check_kinds(keys: &[SigningKey]) -> Result<()> {
    let twice = KINDS
        .iter()
        .find(|kind| keys.iter().filter(|key| key.kind == **kind).count() > 1);
    let Some(kind) = twice else {
        return Ok(());
    };
    let (name, file) = (kind.name(), kind.file_name());
    let message = format!("two keys of {name} would both sign into `{file}`");
    Err(Problem::new(SIGNING_FAILED, message)
        .help(format!("pass one key of each kind: `--sign {name}:FILE`")))
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[SIGNING_FAILED];

/// A release that cannot be signed.
pub const SIGNING_FAILED: Code = code(&CodeInfo {
    name: "signing-failed",
    title: "the release cannot be signed",
    cause: "minisign or ssh-keygen is missing, or does not accept the key or its password.",
    detection: "The program's exit code. The directory of the release is as it was.",
    fix: "See what the program says; the message quotes it.",
    page: "release",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_kind_and_a_file() {
        for (text, expected) in [
            ("minisign:key", Some((SignatureKind::Minisign, "key"))),
            (
                "ssh:/home/a/.ssh/id_ed25519",
                Some((SignatureKind::Ssh, "/home/a/.ssh/id_ed25519")),
            ),
            ("ssh:C:\\key", Some((SignatureKind::Ssh, "C:\\key"))),
            ("key", None),
            ("pgp:key", None),
            ("ssh:", None),
        ] {
            let parsed = SigningKey::parse(text).ok();
            let expected = expected.map(|(kind, file)| SigningKey {
                kind,
                file: file.into(),
            });
            assert_eq!(parsed, expected, "{text}");
        }
    }
}
