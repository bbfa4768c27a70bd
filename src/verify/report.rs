//! The report of `verify`.

use serde::Serialize;

use crate::archive::entry::ArtifactsKind;
use crate::inspect::binary::Binary;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::count;
use crate::tree::signature::SignatureKind;
use crate::verify::expected::Expected;
use crate::verify::fence::Fence;
use crate::verify::finding::Finding;

/// Report of `verify`; also its JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of the document's schema: 1.
    pub schema_version: u32,
    /// Path that was checked, as the user passed it.
    pub subject: String,
    /// Directory, archive or file.
    pub kind: ArtifactsKind,
    /// Policy that was applied: `default`, `strict`, `portable-linux`.
    pub policy: String,
    /// Path of the list that the files were checked against; `None` if there is no list.
    pub listed_by: Option<String>,
    /// Paths of all such lists, the first one included.
    pub lists: Vec<String>,
    /// Lists whose signatures are by the key of `--signed-by`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signed: Vec<Signed>,
    /// How many files were compared with digests of the lists.
    pub digests: DigestCount,
    /// Programs, sorted by path.
    pub files: Vec<FileReport>,
    /// Findings that are not accepted, sorted by path and code.
    pub findings: Vec<Finding>,
    /// Findings that are accepted, by `--accept` or by the manifest.
    pub accepted: Vec<Accepted>,
    /// Checks that were not made; they do not count as passed.
    pub skipped: Vec<Skipped>,
    /// Fence around the programs that were started; `None` without `--run`.
    pub fence: Option<Fence>,
    /// What `--audit` compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
}

/// List with a signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// Path of the list.
    pub list: String,
    /// Kind of the signature.
    pub kind: SignatureKind,
    /// Trusted comment; `None` if the kind has none.
    pub comment: Option<String>,
}

/// What was compared with advisories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Directory of the advisories, as the user passed it.
    pub database: String,
    /// Number of its advisories.
    pub advisories: usize,
    /// Date of the newest one. An old database knows no new advisories.
    pub newest: String,
    /// Number of programs and SBOMs whose packages were looked up.
    pub lists: usize,
    /// Number of their packages, each version once.
    pub packages: usize,
}

impl Audit {
    /// Returns a sentence for people.
    pub fn describe(&self) -> String {
        let Self {
            database,
            advisories,
            newest,
            lists,
            packages,
        } = self;
        let plural = if *advisories == 1 { "y" } else { "ies" };
        format!(
            "audited: {} of {} by {advisories} advisor{plural} of `{database}`, the newest of {newest}",
            count(*packages, "package"),
            count(*lists, "list"),
        )
    }
}

/// Number of files that were compared with digests of lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DigestCount {
    /// Files that a list has a digest of.
    pub compared: usize,
    /// All files, without the lists and what belongs to them.
    pub files: usize,
}

/// Program of the subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Path below the subject; in an archive of a directory, `ARCHIVE!/PATH`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
    /// Target that it was checked against.
    pub target: Option<String>,
    /// Properties of the program; `None` if it could not be read.
    pub binary: Option<Box<Binary>>,
    /// Arguments that it was started with by `--run`, if it ended with exit code 0.
    pub ran: Option<String>,
    /// Version of the runtime that it was started with, for another system than this machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// It is in an archive, from which nothing is started.
    #[serde(skip)]
    pub is_packed: bool,
    /// Requirements of its target; `target` is their name.
    #[serde(skip)]
    pub expected: Option<Expected>,
}

/// Finding that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The finding; its fields are the document's.
    #[serde(flatten)]
    pub finding: Finding,
    /// Text of `--reason`, or a reference to the manifest.
    pub reason: String,
}

/// Check that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Path below the subject, or the subject.
    pub path: String,
    /// The check, as a noun phrase.
    pub what: String,
    /// The reason.
    pub why: String,
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[RUN_FAILED, VERSION_UNEXPECTED];

/// Code of a program that `--run` could not start, or that failed.
pub const RUN_FAILED: Code = code(&CodeInfo {
    name: "run-failed",
    title: "a program does not start",
    cause: "It crashed, did not exit in time, or exited with a code other than 0.",
    detection: "`--run` starts it, natively, under qemu or wine, or by a runtime.",
    fix: "Run the command in the message by hand.",
    page: "verify",
    sources: &[],
    waivable: false,
});

/// Code of a program whose output does not contain `--expect-version`.
pub const VERSION_UNEXPECTED: Code = code(&CodeInfo {
    name: "version-unexpected",
    title: "a program reports another version",
    cause: "Its output does not contain the text of `--expect-version`.",
    detection: "The output of the program that `--run` starts.",
    fix: "Build it at the right commit.",
    page: "verify",
    sources: &[],
    waivable: false,
});
