//! Attestations beside files: their subjects are compared, their signatures are not.
//!
//! Pure. Who signed one, only the tools of its signer can say: certificates, logs and time stamps are
//! not read here. Sources: in-toto Statement v1, DSSE, Sigstore bundle v0.3, GitHub's API.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::archive::entry::{Entry, EntryKind};
use crate::problem::code::{Code, CodeInfo, code};
use crate::tree::fields::{excerpt, is_hex};
use crate::verify::finding::{Finding, finding};
use crate::verify::listing::directory;
use crate::verify::paths::head;

/// Type of the payload of an envelope with a statement.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Largest depth of envelopes in bundles in answers.
const DEEPEST: usize = 4;

/// File that an attestation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Subject {
    /// Name; `None` for the file that the attestation is beside.
    name: Option<String>,
    sha256: String,
}

/// Compares the subjects of an attestation with the files of its directory. Returns what is said of
/// it, as a clause; `None` if it has no subjects that are understood.
pub fn compare(
    path: &str,
    bytes: &[u8],
    entries: &BTreeMap<&str, &Entry>,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let subjects = subjects(str::from_utf8(bytes).ok()?)?;
    let digest = |path: &str| match &entries.get(path)?.what {
        EntryKind::File(file) => Some(file.sha256.as_str()),
        _ => None,
    };
    let (base, mut here) = (directory(path), 0);
    for Subject { name, sha256 } in &subjects {
        let file = match name {
            Some(name) => format!("{base}{name}"),
            None => about(path)?.to_owned(),
        };
        match digest(&file) {
            Some(found) if found == sha256 => here += 1,
            Some(found) => findings.push(finding(
                ATTESTATION_MISMATCH,
                path,
                format!("`{}` with digest {}…", excerpt(&file), head(sha256)),
                format!("{}…, that of the file", head(found)),
                "get the file and its attestation from where they are published",
            )),
            None => {}
        }
    }
    Some(format!(
        "it is an attestation of {here} of the files here ({} in all), whose digests were compared; \
         its signature, certificate and log entry were not checked",
        subjects.len()
    ))
}

/// Returns the path of the file that a bundle is beside: `app.tar.gz` of `app.tar.gz.sigstore.json`.
fn about(path: &str) -> Option<&str> {
    const ENDS: &[&str] = &[".sigstore.json", ".sigstore", ".bundle.json", ".bundle"];
    ENDS.iter().find_map(|end| path.strip_suffix(end))
}

/// Returns the subjects of a document, or of lines of documents; `None` if one is not understood.
fn subjects(text: &str) -> Option<Vec<Subject>> {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return of_value(&value, DEEPEST);
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let each = lines.map(|line| of_value(&serde_json::from_str(line).ok()?, DEEPEST));
    let all: Option<Vec<Vec<Subject>>> = each.collect();
    all.map(|all| all.into_iter().flatten().collect())
}

fn of_value(value: &Value, depth: usize) -> Option<Vec<Subject>> {
    let depth = depth.checked_sub(1)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if text("_type").is_some_and(|kind| kind.starts_with("https://in-toto.io/Statement/")) {
        return of_statement(value);
    }
    if let Some(payload) = text("payload") {
        if text("payloadType") != Some(IN_TOTO) {
            return None;
        }
        let bytes = STANDARD.decode(payload).ok()?;
        return of_value(&serde_json::from_slice(&bytes).ok()?, depth);
    }
    if let Some(envelope) = value.get("dsseEnvelope") {
        return of_value(envelope, depth);
    }
    if let Some(digest) = value.pointer("/messageSignature/messageDigest") {
        let is_sha256 = digest.get("algorithm").and_then(Value::as_str) == Some("SHA2_256");
        let bytes = STANDARD.decode(digest.get("digest")?.as_str()?).ok()?;
        let sha256: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        return (is_sha256 && bytes.len() == 32).then(|| vec![Subject { name: None, sha256 }]);
    }
    let all = value.get("attestations")?.as_array()?.iter();
    let all: Option<Vec<Vec<Subject>>> =
        all.map(|one| of_value(one.get("bundle")?, depth)).collect();
    all.map(|all| all.into_iter().flatten().collect())
}

fn of_statement(statement: &Value) -> Option<Vec<Subject>> {
    let subjects = statement.get("subject")?.as_array()?.iter();
    let subject = |subject: &Value| {
        let sha256 = subject.pointer("/digest/sha256")?.as_str()?;
        is_hex(sha256, 64).then(|| Subject {
            name: Some(
                subject
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
            ),
            sha256: sha256.to_owned(),
        })
    };
    let subjects: Option<Vec<Subject>> = subjects.map(subject).collect();
    subjects.filter(|subjects| !subjects.is_empty())
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[ATTESTATION_MISMATCH];

/// Code of an attestation of other bytes.
pub const ATTESTATION_MISMATCH: Code = code(&CodeInfo {
    name: "attestation-mismatch",
    title: "an attestation is about another file than the one here",
    cause: "The file was changed or replaced, or the attestation is of another release.",
    detection: "Subjects of in-toto statements, plain, in DSSE envelopes and in Sigstore bundles, and \
                the digest of a bundle beside one file, are compared with the files of those names. \
                Signatures, certificates and log entries are not checked.",
    fix: "Get both from where they are published, and let the signer's tool verify them: `gh \
          attestation verify`, `cosign verify-blob-attestation`.",
    page: "verify",
    sources: &["in-toto Statement v1", "Sigstore bundle v0.3"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn statement() -> String {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"a","digest":{{"sha256":"{SUM}"}}}}],"predicateType":"x"}}"#
        )
    }

    #[test]
    fn subjects_are_read_from_every_wrapping() {
        let envelope = format!(
            r#"{{"payloadType":"{IN_TOTO}","payload":"{}","signatures":[{{"sig":"AA"}}]}}"#,
            STANDARD.encode(statement())
        );
        let bundle = format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{envelope}}}"#
        );
        let answer = format!(r#"{{"attestations":[{{"bundle":{bundle}}},{{"bundle":{bundle}}}]}}"#);
        let lines = format!("{bundle}\n\n{envelope}\n");
        let message = format!(
            r#"{{"messageSignature":{{"messageDigest":{{"algorithm":"SHA2_256","digest":"{}"}}}}}}"#,
            STANDARD.encode([0xba; 32])
        );
        let names = |text: &str| -> Option<Vec<String>> {
            let subjects = subjects(text)?;
            let name = |subject: Subject| {
                format!(
                    "{} {}",
                    subject.name.unwrap_or_else(|| "-".to_owned()),
                    &subject.sha256[..4]
                )
            };
            Some(subjects.into_iter().map(name).collect())
        };
        let one = Some(vec!["a ba78".to_owned()]);
        let two = Some(vec!["a ba78".to_owned(), "a ba78".to_owned()]);
        for (text, expected) in [
            (statement(), one.clone()),
            (envelope.clone(), one.clone()),
            (bundle.clone(), one),
            (answer, two.clone()),
            (lines, two),
            (message, Some(vec!["- baba".to_owned()])),
            (statement().replace(SUM, "00"), None),
            (statement().replace("sha256", "sha512"), None),
            (envelope.replace(IN_TOTO, "text/plain"), None),
            (envelope.replace("\"payload\":\"", "\"payload\":\"!"), None),
            (format!("{bundle}\nx"), None),
            ("{}".to_owned(), None),
        ] {
            assert_eq!(names(&text), expected, "{text}");
        }
    }
}
