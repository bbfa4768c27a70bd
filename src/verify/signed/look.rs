//! Verifies the signatures of the lists that a subject was checked against.

use std::io::Write as _;

use camino::Utf8Path;

use crate::archive::entry::{Artifacts, Entry};
use crate::digest::{self, Algorithm};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::text::printable;
use crate::problem::{Problem, Result};
use crate::tree::release::{Document, NAME};
use crate::tree::signature::{NAMESPACE, comment};
use crate::verify::finding::finding;
use crate::verify::listing::lines::{self, Strength};
use crate::verify::report::{Report, Signed};
use crate::verify::signed::{
    LIST_SIGNATURE_INVALID, LIST_SIGNATURE_MISSING, Signer, check_minisign,
};

/// Largest size of a key in bytes.
const LONGEST_KEY: u64 = 64 * 1024;

/// Name of the signer for ssh-keygen, which needs one.
const PRINCIPAL: &str = "signer";

/// Returns the key that `--signed-by` passes, as its text or as a file outside the subject.
///
/// # Errors
/// `list-signature-invalid`, `file-access`.
pub fn signer(host: &Host, text: &str, subject: &Utf8Path) -> Result<Signer> {
    let path = host.absolute(Utf8Path::new(text));
    if host.is_file(&path) {
        // Who changes the files can change the key beside them.
        let subject = host.resolve(&host.absolute(subject));
        if host.resolve(&path).starts_with(&subject) {
            let message = format!("`--signed-by {text}` is a key among the files to verify");
            return Err(Problem::new(LIST_SIGNATURE_INVALID, message)
                .help("pass a key that you have from elsewhere: `--signed-by KEY`"));
        }
        return Signer::parse(&host.read_small_text(&path, LONGEST_KEY)?, text);
    }
    Signer::parse(text, text)
        .map_err(|problem| problem.note("file", [format!("there is no `{path}`")]))
}

/// Checks that each list is signed by the key, or is in one that is, and adds the findings.
///
/// # Errors
/// ssh-keygen is missing, or a signal came.
pub fn check(host: &Host, subject: &Artifacts, signer: &Signer, report: &mut Report) -> Result<()> {
    let kind = signer.kind();
    let end = kind.file_name().trim_start_matches("SHA256SUMS");
    let contents = |path: &str| {
        let mut files = subject.entries.iter().filter_map(Entry::file);
        files.find(|(name, _)| *name == path)?.1.list.as_deref()
    };
    let mut covered: Vec<(String, String)> = Vec::new();
    let mut unsigned: Vec<&String> = Vec::new();
    let mut findings = Vec::new();
    for list in &report.lists {
        let place = format!("{list}{end}");
        let (Some(text), Some(signature)) = (contents(list), contents(&place)) else {
            unsigned.push(list);
            continue;
        };
        let base = list.rsplit_once('/').map_or("", |(base, _)| base);
        let outcome = match signer {
            Signer::Minisign(key) => {
                check_minisign(key, &String::from_utf8_lossy(signature), text).map(Some)
            }
            Signer::Ssh(key) => check_ssh(host, key, signature, text)?.map(|()| None),
        };
        let outcome = outcome.and_then(|said| match (said, document(&contents, base)) {
            (Some(said), Some(wanted)) if said != wanted => Err(format!(
                "a signature of `{}`, and this is `{wanted}`",
                printable(&said)
            )),
            (said, _) => Ok(said),
        });
        // Also of one that is not by the key: that is one finding, not one for each list.
        let lines = lines::parse(text, list).unwrap_or_default().lines;
        let digests = lines
            .into_iter()
            .filter(|line| line.strength == Strength::Checked(Algorithm::Sha256));
        covered.extend(digests.filter_map(|line| Some((joined(base, &line.path?), line.digest))));
        match outcome {
            Ok(comment) => {
                report.skipped.retain(|skipped| skipped.path != place);
                report.signed.push(Signed {
                    list: list.clone(),
                    kind,
                    comment,
                });
            }
            Err(found) => findings.push(finding(
                LIST_SIGNATURE_INVALID,
                &place,
                found,
                format!("a signature of `{list}` by the key"),
                "get the files from where the signer publishes them",
            )),
        }
    }
    for list in unsigned {
        // By its digest: any text can be given the name of a file that the key has signed.
        let digest = contents(list).map(digest::sha256);
        let is_covered =
            |(path, wanted): &(String, String)| path == list && digest.as_ref() == Some(wanted);
        if covered.iter().any(is_covered) {
            continue;
        }
        findings.push(finding(
            LIST_SIGNATURE_MISSING,
            list,
            "no signature beside it",
            format!("`{list}{end}`"),
            "sign the release: `cargo xpkg release --sign KIND:FILE`",
        ));
    }
    if report.lists.is_empty() {
        let text = "no list, so nothing that could be signed";
        findings.push(finding(
            LIST_SIGNATURE_MISSING,
            "",
            text,
            "a signed list",
            "sign the release: `cargo xpkg release --sign KIND:FILE`",
        ));
    }
    report.findings.extend(findings);
    Ok(())
}

/// Joins a directory of the subject and a path.
fn joined(base: &str, path: &str) -> String {
    if base.is_empty() {
        path.to_owned()
    } else {
        format!("{base}/{path}")
    }
}

/// Returns the comment of the release in a directory; `None` if there is no document.
fn document<'a>(contents: &impl Fn(&str) -> Option<&'a [u8]>, base: &str) -> Option<String> {
    let path = joined(base, NAME);
    let text = str::from_utf8(contents(&path)?).ok()?;
    let document = Document::parse(text, &path).ok()?;
    Some(comment(&document.name, &document.version))
}

/// Checks that a signature is by a key. `Err` is a noun phrase: what it is instead.
///
/// # Errors
/// ssh-keygen is missing, or a signal came.
pub fn is_by(
    host: &Host,
    signer: &Signer,
    signature: &[u8],
    signed: &[u8],
) -> Result<Result<(), String>> {
    match signer {
        Signer::Minisign(key) => {
            Ok(check_minisign(key, &String::from_utf8_lossy(signature), signed).map(drop))
        }
        Signer::Ssh(key) => check_ssh(host, key, signature, signed),
    }
}

/// Checks a signature of SSH: `Err` is a noun phrase.
fn check_ssh(
    host: &Host,
    key: &str,
    signature: &[u8],
    signed: &[u8],
) -> Result<Result<(), String>> {
    const PROGRAM: &str = "ssh-keygen";
    if host.find(PROGRAM).is_none() {
        let message = format!("`{PROGRAM}` is not on PATH, which verifies signatures of SSH");
        return Err(Problem::new(LIST_SIGNATURE_INVALID, message)
            .help("install it: `apt-get install openssh-client`"));
    }
    let scratch = host.scratch()?;
    let place = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("."));
    let allowed = format!("{PRINCIPAL} namespaces=\"{NAMESPACE}\" {key}\n");
    for (name, bytes) in [("allowed", allowed.as_bytes()), ("signature", signature)] {
        host.create(&place.join(name))?
            .write_all(bytes)
            .map_err(|error| {
                let message = format!("cannot write `{place}/{name}`: {error}");
                Problem::new(crate::host::codes::FILE_ACCESS, message)
            })?;
    }
    let call = Invocation::new(PROGRAM, place).args([
        "-q",
        "-Y",
        "verify",
        "-f",
        "allowed",
        "-I",
        PRINCIPAL,
        "-n",
        NAMESPACE,
        "-s",
        "signature",
    ]);
    let ended = host.stream_fed(&call, signed, |_| ())?;
    Ok(if ended == Some(0) {
        Ok(())
    } else {
        Err("another key's or another file's signature".to_owned())
    })
}
