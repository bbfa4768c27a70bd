//! Files that belong to a release's lists: signatures, certificates, attestations and documents of
//! release tools. They need not be listed themselves.
//!
//! Pure. A name is no proof: a program that is called `app.sig` is no signature. Sources: RFC 4880
//! §4 (packets); minisign; cosign's bundles; in-toto's envelopes; GoReleaser and dist, the documents
//! that they write.

use serde_json::Value;

use crate::archive::list_name::ListName;
use crate::verify::listing::lines::{PGP_MESSAGE, UNTRUSTED, is_base64};

/// Returns what a file is by its contents, as a noun phrase; `None` if it is nothing that belongs
/// to a list.
pub fn kind(name: ListName, bytes: &[u8]) -> Option<&'static str> {
    match name {
        ListName::Companion(_) => signature(bytes)
            .or_else(|| certificate(bytes))
            .or_else(|| document(bytes)),
        ListName::Document => document(bytes),
        ListName::Manifest
        | ListName::Release
        | ListName::Installer
        | ListName::Index
        | ListName::ManifestText
        | ListName::Record
        | ListName::Sums
        | ListName::Sidecar(_) => None,
    }
}

fn trimmed(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().map(str::trim)
}

/// Returns true for a text between the lines of PEM or PGP's armor, and nothing around them.
fn is_armored(text: &str, label: &str) -> bool {
    text.starts_with(&format!("-----BEGIN {label}-----"))
        && text.ends_with(&format!("-----END {label}-----"))
}

fn signature(bytes: &[u8]) -> Option<&'static str> {
    if let Some(text) = trimmed(bytes) {
        let armored = ["PGP SIGNATURE", "PGP MESSAGE"];
        if armored.iter().any(|label| is_armored(text, label)) || text.starts_with(PGP_MESSAGE) {
            return Some("a PGP signature");
        }
        if is_armored(text, "SSH SIGNATURE") {
            return Some("an SSH signature");
        }
        if ["PKCS7", "CMS"].iter().any(|label| is_armored(text, label)) {
            return Some("a CMS signature");
        }
        let mut lines = text.lines();
        if lines.next().is_some_and(|line| line.starts_with(UNTRUSTED))
            && lines.next().is_some_and(is_base64)
        {
            return Some("a minisign signature");
        }
        // cosign's, and openssl's after base64: one line.
        const LONGEST: usize = 4096;
        return (is_base64(text) && text.len() <= LONGEST && !is_certificate(text))
            .then_some("a signature");
    }
    if is_pgp(bytes) {
        return Some("a PGP signature");
    }
    if is_der(bytes) {
        return Some("a DER signature");
    }
    // Ed25519, and RSA of 2048, 3072 and 4096 bits, as `openssl dgst -sign` writes them.
    let is_raw = matches!(bytes.len(), 64 | 256 | 384 | 512);
    (is_raw && str::from_utf8(bytes).is_err()).then_some("a signature")
}

/// Returns true for a certificate in base64 of its PEM, as cosign writes it.
fn is_certificate(text: &str) -> bool {
    text.starts_with("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0t")
}

fn certificate(bytes: &[u8]) -> Option<&'static str> {
    let text = trimmed(bytes)?;
    let is_pem = is_armored(text, "CERTIFICATE") && !text.contains("PRIVATE KEY");
    (is_pem || is_certificate(text) && text.lines().all(is_base64)).then_some("a certificate")
}

/// Returns true for one DER sequence that is as long as the file.
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, length, rest @ ..] if *length < 0x80 => rest.len() == usize::from(*length),
        [0x30, 0x81, length, rest @ ..] => rest.len() == usize::from(*length),
        [0x30, 0x82, high, low, rest @ ..] => {
            rest.len() == usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    }
}

/// Tags of PGP's packets: a signature, its announcement before the signed data, and compressed data
/// with both.
const SIGNATURE: u8 = 2;

const ONE_PASS: u8 = 4;

const COMPRESSED: u8 = 8;

/// Returns true for packets of PGP that are signatures up to the end of the file, or for a message
/// with a signature in it.
fn is_pgp(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((tag, after, length)) = packet(rest) {
        match tag {
            ONE_PASS | COMPRESSED => return true,
            SIGNATURE => {}
            _ => return false,
        }
        let Some((body, next)) = length.and_then(|length| after.split_at_checked(length)) else {
            return false;
        };
        // Versions of signature packets.
        if !matches!(body.first(), Some(3..=6)) {
            return false;
        }
        if next.is_empty() {
            return true;
        }
        rest = next;
    }
    false
}

/// Parses a packet's header: its tag, the bytes after it, and its length; `None` for a length that
/// the packet's parts tell.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], Option<usize>)> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let number = |digits: usize| {
        let (length, after) = rest.split_at_checked(digits)?;
        let length = length
            .iter()
            .fold(0_usize, |all, byte| (all << 8) | usize::from(*byte));
        Some((after, length))
    };
    if first & 0x40 == 0 {
        let tag = (first >> 2) & 0x0f;
        let digits = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return Some((tag, rest, None)),
        };
        let (after, length) = number(digits)?;
        return Some((tag, after, Some(length)));
    }
    let tag = first & 0x3f;
    match rest {
        [length @ ..192, after @ ..] => Some((tag, after, Some(usize::from(*length)))),
        [high @ 192..224, low, after @ ..] => {
            let length = ((usize::from(*high) - 192) << 8) + usize::from(*low) + 192;
            Some((tag, after, Some(length)))
        }
        [255, _, _, _, _, after @ ..] => {
            let length = rest[1..5]
                .iter()
                .fold(0_usize, |all, byte| (all << 8) | usize::from(*byte));
            Some((tag, after, Some(length)))
        }
        [_, after @ ..] => Some((tag, after, None)),
        [] => None,
    }
}

/// Returns the kind of a JSON document, or of lines of JSON.
fn document(bytes: &[u8]) -> Option<&'static str> {
    let text = trimmed(bytes)?;
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return if is_attestation(&value) {
            Some("an attestation")
        } else {
            is_release_metadata(&value).then_some("a document of a release tool")
        };
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_attested =
        |line: &str| serde_json::from_str(line).is_ok_and(|value| is_attestation(&value));
    (!text.is_empty() && lines.all(is_attested)).then_some("an attestation")
}

fn has(value: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| value.get(key).is_some())
}

fn begins(value: &Value, key: &str, text: &str) -> bool {
    value
        .get(key)
        .and_then(Value::as_str)
        .is_some_and(|value| value.starts_with(text))
}

/// Returns true for an in-toto statement, a DSSE envelope, a bundle of sigstore or cosign, or
/// several of them as GitHub's API returns them.
fn is_attestation(value: &Value) -> bool {
    has(value, &["payloadType", "payload", "signatures"])
        || begins(value, "_type", "https://in-toto.io/Statement/")
        || begins(value, "mediaType", "application/vnd.dev.sigstore.bundle")
        || has(value, &["base64Signature"])
            && (has(value, &["cert"]) || has(value, &["rekorBundle"]))
        || value.get("attestations").is_some_and(Value::is_array)
}

/// Returns true for GoReleaser's `artifacts.json` and `metadata.json`, and dist's
/// `dist-manifest.json`.
fn is_release_metadata(value: &Value) -> bool {
    let is_artifact = |value: &Value| has(value, &["name", "path", "type"]);
    let is_list = |items: &Vec<Value>| !items.is_empty() && items.iter().all(is_artifact);
    value.as_array().is_some_and(is_list)
        || has(value, &["project_name", "tag", "version"])
        || has(value, &["dist_version", "releases"])
        || has(value, &["dist_version", "artifacts"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, bytes: &[u8], expected: Option<&str>) {
        let name = crate::archive::list_name::list_name(path).unwrap();
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(kind(name, bytes), expected, "{path}: {shown}");
    }

    #[test]
    fn signatures_are_known_by_their_contents() {
        let base64 =
            "RUQ0000000000000000000000000000000000000000000000000000000000000000000000000=";
        let pgp = "-----BEGIN PGP SIGNATURE-----\n\niQ\n-----END PGP SIGNATURE-----\n";
        check("a.asc", pgp.as_bytes(), Some("a PGP signature"));
        check("a.asc", &pgp.as_bytes()[..40], None);
        check(
            "a.asc",
            b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n",
            Some("a PGP signature"),
        );
        check(
            "a.sig",
            b"-----BEGIN SSH SIGNATURE-----\nU1\n-----END SSH SIGNATURE-----",
            Some("an SSH signature"),
        );
        check(
            "a.minisig",
            format!("untrusted comment: x\n{base64}\ntrusted comment: y\n{base64}\n").as_bytes(),
            Some("a minisign signature"),
        );
        check("a.minisig", b"untrusted comment: x\n", None);
        check("a.sig", base64.as_bytes(), Some("a signature"));
        check("a.sig", b"\x30\x03abc", None);
        check("a.sig", b"\x30\x03\xff\x00\x01", Some("a DER signature"));
        check("a.sig", &[0xfe; 256], Some("a signature"));
        check("a.sig", &[0xfe; 255], None);
        // The new and the old form of a signature packet's header, and two in a row.
        let (new, old) = (b"\xc2\x04\x04\x00\x00\xff", b"\x88\x04\x04\x00\x00\xff");
        check("a.gpg", new, Some("a PGP signature"));
        check("a.gpg", old, Some("a PGP signature"));
        check(
            "a.sig",
            &[&new[..], &old[..]].concat(),
            Some("a PGP signature"),
        );
        check("a.gpg", &[&new[..], b"\xff\x00rest"].concat(), None);
        check("a.gpg", b"\xc2\x05\x04\x00\x00\xff", None);
        check("a.gpg", b"\xa3\x01\xff\xff\xff", Some("a PGP signature"));
    }

    #[test]
    fn a_name_alone_is_nothing() {
        for path in [
            "a.sig",
            "a.asc",
            "a.pem",
            "a.sigstore.json",
            "a.intoto.jsonl",
            "artifacts.json",
        ] {
            for bytes in [
                &b"\x7fELF\x02\x01\x01"[..],
                b"",
                b"text",
                b"{}",
                b"[]",
                b"{\"a\": 1}",
            ] {
                check(path, bytes, None);
            }
        }
        check(
            "a.pem",
            b"-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----\n",
            None,
        );
    }

    #[test]
    fn documents_are_known_by_their_keys() {
        let rows: &[(&str, &str, &str)] = &[
            (
                "a.pem",
                "-----BEGIN CERTIFICATE-----\nMI\n-----END CERTIFICATE-----\n",
                "a certificate",
            ),
            (
                "a.pem",
                "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUN0000000000000000000000000",
                "a certificate",
            ),
            (
                "a.sigstore.json",
                r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#,
                "an attestation",
            ),
            (
                "a.bundle",
                r#"{"base64Signature":"ME","cert":"LS0"}"#,
                "an attestation",
            ),
            (
                "multiple.intoto.jsonl",
                "{\"payloadType\":\"x\",\"payload\":\"\",\"signatures\":[]}\n{\"_type\":\"https://in-toto.io/Statement/v1\"}\n",
                "an attestation",
            ),
            (
                "artifacts.json",
                r#"[{"name":"a","path":"dist/a","type":"Archive"}]"#,
                "a document of a release tool",
            ),
            (
                "metadata.json",
                r#"{"project_name":"app","tag":"v1","previous_tag":"","version":"1"}"#,
                "a document of a release tool",
            ),
            (
                "dist-manifest.json",
                r#"{"dist_version":"0.34.0","announcement_tag":"v1","releases":[]}"#,
                "a document of a release tool",
            ),
        ];
        for (path, text, expected) in rows {
            check(path, text.as_bytes(), Some(expected));
        }
    }
}
