//! Signatures of lists: `verify --signed-by`.

pub mod look;

use minisign_verify::{PublicKey, Signature};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::printable;
use crate::problem::{Problem, Result};
use crate::tree::signature::SignatureKind;

/// A key that signatures must be by.
#[derive(Debug, Clone)]
pub enum Signer {
    /// Public key of minisign.
    Minisign(Box<PublicKey>),
    /// Public key of SSH: type, base64 and perhaps a comment.
    Ssh(String),
}

impl Signer {
    /// Parses a public key: a line of minisign, the text of its file, or a line of SSH; `name` is
    /// what the user passed.
    ///
    /// # Errors
    /// `list-signature-invalid`.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let line = lines
            .filter(|line| !line.is_empty() && !line.starts_with("untrusted comment:"))
            .find(|line| !line.starts_with('#'))
            .unwrap_or_default();
        let kinds = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
        if kinds.iter().any(|kind| line.starts_with(kind)) && line.split(' ').count() >= 2 {
            return Ok(Self::Ssh(line.to_owned()));
        }
        let key = PublicKey::from_base64(line).map_err(|_| {
            let message = format!("`--signed-by {}` is no public key", printable(name));
            Problem::new(LIST_SIGNATURE_INVALID, message).help(
                "pass a public key of minisign or SSH, or its file: `--signed-by minisign.pub`",
            )
        })?;
        Ok(Self::Minisign(Box::new(key)))
    }
}

impl Signer {
    /// Returns the kind of its signatures.
    pub fn kind(&self) -> SignatureKind {
        match self {
            Self::Minisign(_) => SignatureKind::Minisign,
            Self::Ssh(_) => SignatureKind::Ssh,
        }
    }
}

/// Checks a signature of minisign, and returns its trusted comment.
///
/// # Errors
/// A noun phrase: what is found instead.
pub fn check_minisign(key: &PublicKey, signature: &str, signed: &[u8]) -> Result<String, String> {
    let signature =
        Signature::decode(signature).map_err(|_| "what is no signature of minisign".to_owned())?;
    key.verify(signed, &signature, false)
        .map_err(|error| format!("another key's or another file's signature ({error})"))?;
    Ok(signature.trusted_comment().to_owned())
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[LIST_SIGNATURE_INVALID, LIST_SIGNATURE_MISSING];

/// A signature that is not by the key.
pub const LIST_SIGNATURE_INVALID: Code = code(&CodeInfo {
    name: "list-signature-invalid",
    title: "a list is not signed by the key, or is another version's",
    cause: "The list or its signature was changed, another key has signed it, or it is the list of \
            another version.",
    detection: "The signature beside the list is verified with the key of `--signed-by`; the trusted \
                comment of minisign must name the release and its version.",
    fix: "Get the files from where the signer publishes them, and the key from elsewhere.",
    page: "verify",
    sources: &["minisign", "ssh-keygen(1), -Y verify"],
    waivable: false,
});

/// A list without a signature.
pub const LIST_SIGNATURE_MISSING: Code = code(&CodeInfo {
    name: "list-signature-missing",
    title: "no list is signed, or a signature that a release has is gone",
    cause: "The release was not signed, or the signature was left out or removed.",
    detection: "`release.json` names the signatures of its release; with `--signed-by`, each list must \
                have one beside it, or be in one that has.",
    fix: "Sign the release: `cargo xpkg release --sign minisign:FILE`.",
    page: "verify",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    // minisign 0.11: `minisign -G -W`, `minisign -S -t 'chat 1.0.0'` of "text\n".
    const KEY: &str = "RWRDarlLK+MiBDoW5e1pmo0uIyLVCyZQqjAetW6wAqcQSYLitJ6oO2P1";
    const SIGNATURE: &str = "untrusted comment: signature of chat 1.0.0\n\
                             RURDarlLK+MiBDUk2WX8TtKtRrp3KFF49PSxRuufWq3iz5CfmsNl2CWEY6vYDCsYZ+p3S0l2c8UaSXgd7GT0+w27jpKuj5U35gs=\n\
                             trusted comment: chat 1.0.0\n\
                             hhVMPV6TPCrUVGO+7DW0QqkL7oUaKDuicPTWcdBJsIReaBX9SHrLw6t986mT6/Vcnk4BEMjz9E3bFjd2016mAA==";

    #[test]
    fn keys_are_lines_or_files() {
        let file = format!("untrusted comment: minisign public key\n{KEY}\n");
        for text in [KEY, &file] {
            assert!(matches!(Signer::parse(text, "x"), Ok(Signer::Minisign(_))));
        }
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB comment";
        assert!(matches!(Signer::parse(line, "x"), Ok(Signer::Ssh(_))));
        for text in [
            "",
            "RW",
            "ssh-ed25519",
            "-----BEGIN PGP PUBLIC KEY BLOCK-----",
        ] {
            let problem = Signer::parse(text, text).unwrap_err();
            assert_eq!(
                problem.message,
                format!("`--signed-by {text}` is no public key")
            );
        }
    }

    #[test]
    fn a_signature_is_of_one_key_one_text_and_one_comment() {
        let Ok(Signer::Minisign(key)) = Signer::parse(KEY, "x") else {
            panic!("it is a key");
        };
        let check = |signature: &str, text: &[u8]| check_minisign(&key, signature, text);
        assert_eq!(check(SIGNATURE, b"text\n"), Ok("chat 1.0.0".to_owned()));
        assert!(check(SIGNATURE, b"other\n").is_err());
        assert!(check(&SIGNATURE.replace("1.0.0", "1.0.1"), b"text\n").is_err());
        assert!(check("", b"text\n").is_err());
    }
}
