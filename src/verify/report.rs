//! What `verify` reports.

use serde::Serialize;

use crate::archive::entry::ArtifactsKind;
use crate::inspect::binary::Binary;
use crate::problem::code::{Code, CodeInfo, code};
use crate::verify::finding::Finding;

/// Everything that `verify` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Of this document's shape: 1.
    pub schema_version: u32,
    pub subject: String,
    pub kind: ArtifactsKind,
    /// The policy that it was held to: `default`, `strict`, `portable-linux`.
    pub policy: String,
    /// The file that lists the others, by its path; `None`: nothing lists them.
    pub listed_by: Option<String>,
    /// Every program, by path.
    pub files: Vec<FileReport>,
    /// What stands against a release, by path and code.
    pub findings: Vec<Finding>,
    /// What was let pass by someone's word.
    pub accepted: Vec<Accepted>,
    /// What was not checked, and why; it does not count as passed.
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    pub path: String,
    pub size: u64,
    pub sha256: String,
    /// The triple that it is held to.
    pub target: Option<String>,
    pub binary: Option<Box<Binary>>,
    /// What came of starting it, where that was asked for: `ran`, or `None`.
    pub ran: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    #[serde(flatten)]
    pub finding: Finding,
    /// `--reason`.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub path: String,
    pub what: String,
    pub why: String,
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[RUN_FAILED, VERSION_UNEXPECTED];

pub const RUN_FAILED: Code = code(&CodeInfo {
    name: "run-failed",
    title: "a program does not start",
    cause: "It crashed, did not end in time, or ended with another code than 0.",
    detection: "`--run` starts it, natively or under qemu.",
    fix: "Start it by hand with the line of the message.",
    source: "README, Verifying a release",
    waivable: false,
});

pub const VERSION_UNEXPECTED: Code = code(&CodeInfo {
    name: "version-unexpected",
    title: "a program says another version",
    cause: "What it prints does not hold the text of `--expect-version`.",
    detection: "`--run` reads what it prints.",
    fix: "Build it at the right commit.",
    source: "README, Verifying a release",
    waivable: false,
});
