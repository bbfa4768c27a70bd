//! Summary of a run: its stages, its bins and how their sizes changed; as Markdown for the page of a
//! CI job. Pure.

use std::fmt::Write as _;

use serde::Serialize;

use crate::problem::text::{count, size};
use crate::ship::pipeline::record::End;
use crate::ship::pipeline::stage::Stage;
use crate::tree::manifest::{Artifact, Manifest};
use crate::verify::markdown::{cell, code, table};

/// Summary of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Name of the workspace.
    pub name: String,
    /// Commit that was built; `None` if it is unknown.
    pub commit: Option<String>,
    /// True if there were uncommitted changes.
    pub is_dirty: bool,
    /// Stages of the run, in their order.
    pub stages: Vec<Ran>,
    /// Bins of the staged tree; empty if none was staged.
    pub bins: Vec<Bin>,
    /// Paths that the base has and the tree does not.
    pub gone: Vec<String>,
    /// Parts of each target's cache key that moved since the build that the cache records.
    pub moved: Vec<(String, Vec<String>)>,
    /// Hits of the compiler cache, as a noun phrase; `None` without one.
    pub compiler_cache: Option<String>,
    /// Findings that did not stop the run.
    pub findings: Vec<Finding>,
}

/// Stage of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// Stage.
    pub stage: Stage,
    /// Target; `None` for a stage of all targets.
    pub target: Option<String>,
    /// How it ended; `None` if the run did not get to it.
    pub end: Option<End>,
    /// Milliseconds since the run began.
    pub began: u64,
    /// Milliseconds that it took.
    pub took: u64,
}

/// Bin of the staged tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bin {
    /// Path in the tree.
    pub path: String,
    /// Target triple.
    pub target: String,
    /// Size in bytes.
    pub size: u64,
    /// Size in the base in bytes; `None` if the base does not have it.
    pub before: Option<u64>,
    /// Linkage.
    pub linkage: String,
    /// Oldest glibc that it runs with; `None` without glibc.
    pub floor: Option<String>,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
}

/// Finding that did not stop the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of its code.
    pub code: String,
    /// Target or path that it is about; `None` for the host's compiler.
    pub of: Option<String>,
    /// Text.
    pub text: String,
}

/// Returns the bins of a manifest, compared with those of a base, and what the base alone has.
pub fn bins(manifest: &Manifest, base: Option<&Manifest>) -> (Vec<Bin>, Vec<String>) {
    let before = |path: &str| {
        let mut artifacts = base.iter().flat_map(|base| &base.artifacts);
        artifacts.find(|artifact| artifact.path == path)
    };
    let row = |artifact: &Artifact| {
        let binary = artifact.binary.as_ref();
        let floor = binary.and_then(|binary| binary.glibc_floor.as_ref());
        Bin {
            path: artifact.path.clone(),
            target: artifact.target.clone(),
            size: artifact.size,
            before: before(&artifact.path).map(|artifact| artifact.size),
            linkage: binary
                .map_or("unread", |binary| binary.linkage.name())
                .to_owned(),
            floor: floor.map(|floor| floor.version.clone()),
            sha256: artifact.sha256.clone(),
        }
    };
    let is_there = |path: &str| {
        let mut artifacts = manifest.artifacts.iter();
        artifacts.any(|artifact| artifact.path == path)
    };
    let base = base.iter().flat_map(|base| &base.artifacts);
    let gone = base.filter(|artifact| !is_there(&artifact.path));
    let gone = gone.map(|artifact| artifact.path.clone()).collect();
    (manifest.artifacts.iter().map(row).collect(), gone)
}

impl Bin {
    /// Returns the change of the size in words: `+1.2 KiB`, `new`, and nothing if there is none.
    pub fn change(&self) -> String {
        match self.before {
            None => "new".to_owned(),
            Some(before) if before == self.size => "=".to_owned(),
            Some(before) if before < self.size => format!("+{}", size(self.size - before)),
            Some(before) => format!("-{}", size(before - self.size)),
        }
    }
}

impl Ran {
    /// Returns how it ended in words.
    pub fn end_text(&self) -> String {
        match &self.end {
            None => "not run".to_owned(),
            Some(End::Done) => "done".to_owned(),
            Some(End::Failed(code)) => format!("failed: {code}"),
        }
    }
}

impl Summary {
    /// Returns the first stage that failed.
    pub fn failed(&self) -> Option<&Ran> {
        let mut stages = self.stages.iter();
        stages.find(|ran| matches!(ran.end, Some(End::Failed(_))))
    }

    /// Returns the verdict: `passed`, `failed in compile`.
    pub fn verdict(&self) -> String {
        match self.failed() {
            Some(ran) => format!("failed in {}", ran.stage.name()),
            None => "passed".to_owned(),
        }
    }

    /// Returns the commit as it is shown.
    pub fn commit_text(&self) -> String {
        let commit = self.commit.as_deref().unwrap_or("unknown commit");
        let dirty = if self.is_dirty {
            ", with uncommitted changes"
        } else {
            ""
        };
        format!("{commit}{dirty}")
    }
}

/// Formats milliseconds: `12.3 s`.
pub fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// Returns the summary as Markdown.
pub fn markdown(summary: &Summary) -> String {
    let Summary {
        name,
        commit: _,
        is_dirty: _,
        stages,
        bins,
        gone,
        moved,
        compiler_cache,
        findings,
    } = summary;
    let mut text = format!(
        "**{}**: {} at {}, {}\n",
        summary.verdict(),
        code(name),
        cell(&summary.commit_text()),
        count(bins.len(), "bin")
    );
    let rows = bins.iter().map(|bin| {
        vec![
            code(&bin.path),
            cell(&size(bin.size)),
            cell(&bin.change()),
            cell(&bin.linkage),
            bin.floor.as_deref().map_or_else(|| "-".to_owned(), cell),
            code(&bin.sha256),
        ]
    });
    text += &table(
        "Bins",
        &["bin", "size", "change", "linkage", "glibc", "sha256"],
        rows,
    );
    if !gone.is_empty() {
        let names: Vec<String> = gone.iter().map(|path| code(path)).collect();
        let _ = writeln!(text, "\nNo longer built: {}", names.join(", "));
    }
    let rows = stages.iter().map(|ran| {
        vec![
            ran.stage.name().to_owned(),
            ran.target.as_deref().map_or_else(String::new, code),
            cell(&ran.end_text()),
            match ran.end {
                Some(_) => cell(&seconds(ran.took)),
                None => String::new(),
            },
        ]
    });
    text += &table("Stages", &["stage", "target", "end", "time"], rows);
    let rows = findings.iter().map(|finding| {
        vec![
            code(&finding.code),
            finding.of.as_deref().map_or_else(String::new, code),
            cell(&finding.text),
        ]
    });
    text += &table("Findings", &["code", "of", "finding"], rows);
    if let Some(hits) = compiler_cache {
        let _ = writeln!(text, "\nCompiler cache: {}", cell(hits));
    }
    for (target, parts) in moved {
        let _ = writeln!(
            text,
            "\nThe cache of {} was of another key: {}",
            code(target),
            cell(&parts.join(", "))
        );
    }
    text
}
