//! Decides the files of a workflow, and what is wrong with those that are there. Pure.

use camino::Utf8PathBuf;

use crate::problem::{Problem, Result};
use crate::project::config::Config;
use crate::ship::ci::workflow::codes::{CI_EDITED, CI_FOREIGN, CI_MISSING, CI_STALE};
use crate::ship::ci::workflow::diff::diff;
use crate::ship::ci::workflow::forge::Forge;
use crate::ship::ci::workflow::mark::{Origin, marked, normal, origin, unmarked};
use crate::ship::ci::workflow::settings::{Workflow, settings};
use crate::ship::ci::workflow::{github, gitlab};

/// A file of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFile {
    /// Path relative to the workspace's root.
    pub path: Utf8PathBuf,
    /// Text with the line that says who wrote it.
    pub text: String,
}

/// What `init` does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is written.
    Write,
    /// It is as it would be written.
    Keep,
}

/// Returns the files of a workflow.
///
/// # Errors
/// Those of [`settings`].
pub fn files(forge: Forge, config: &Config) -> Result<Vec<WorkflowFile>, Vec<Problem>> {
    let workflow = settings(forge, config)?;
    let script = (forge.tool_path(), tool(&workflow));
    let path = workflow.path.clone();
    let texts = match forge {
        Forge::Github | Forge::Forgejo => vec![(path, github::text(&workflow)), script],
        Forge::Gitlab => vec![
            (path, gitlab::pipeline(&workflow)),
            (gitlab::LEGS.into(), gitlab::legs(&workflow)),
            script,
        ],
    };
    let file = |(path, text): (Utf8PathBuf, String)| WorkflowFile {
        path,
        text: marked(&text),
    };
    Ok(texts.into_iter().map(file).collect())
}

/// Returns the script that installs this program.
fn tool(workflow: &Workflow) -> String {
    format!(
        "#!/bin/sh\n# Written by `cargo xpkg ci init --for {}`: installs cargo xpkg in a job.\n{}",
        workflow.forge.name(),
        workflow.tool.script()
    )
}

/// Returns what `init` does with a file, of which `found` is the text that is there.
///
/// # Errors
/// `ci-foreign` and `ci-edited` without `force`.
pub fn fate(file: &WorkflowFile, found: Option<&str>, forge: Forge, force: bool) -> Result<Fate> {
    let WorkflowFile { path, text } = file;
    let Some(found) = found.map(normal) else {
        return Ok(Fate::Write);
    };
    if found == *text {
        return Ok(Fate::Keep);
    }
    let name = forge.name();
    let overwrite = format!("overwrite it: `cargo xpkg ci init --for {name} --force`");
    match origin(&found) {
        Origin::Written => Ok(Fate::Write),
        _ if force => Ok(Fate::Write),
        Origin::Foreign => {
            let message = format!("`{path}` is there, and xpkg did not write it");
            Err(Problem::new(CI_FOREIGN, message)
                .help(format!(
                    "choose another path: `[workspace.metadata.xpkg.ci.files]`, `{name} = \"{}\"`",
                    other_path(forge)
                ))
                .help(format!("or {overwrite}")))
        }
        Origin::Edited => {
            let message = format!("`{path}` was edited after xpkg had written it");
            Err(Problem::new(CI_EDITED, message)
                .note("diff", diff(unmarked(&found), unmarked(text)))
                .help(format!("keep a copy, and {overwrite}")))
        }
    }
}

/// Returns a path for a workflow beside one that is there.
fn other_path(forge: Forge) -> &'static str {
    match forge {
        Forge::Github => ".github/workflows/xpkg-build.yml",
        Forge::Gitlab => ".gitlab/xpkg.yml",
        Forge::Forgejo => ".forgejo/workflows/xpkg-build.yml",
    }
}

/// Returns what is wrong with a file that is there, or is not.
pub fn finding(file: &WorkflowFile, found: Option<&str>, forge: Forge) -> Option<Problem> {
    let WorkflowFile { path, text } = file;
    let write = format!("write it: `cargo xpkg ci init --for {}`", forge.name());
    let Some(found) = found.map(normal) else {
        let message = format!("`{path}` is missing");
        return Some(Problem::new(CI_MISSING, message).help(write));
    };
    match origin(&found) {
        Origin::Written if found == *text => None,
        Origin::Written => {
            let message = format!("`{path}` is not what the configuration says now");
            Some(
                Problem::new(CI_STALE, message)
                    .note("diff", diff(unmarked(&found), unmarked(text)))
                    .help(write.replacen("write it", "write it again", 1)),
            )
        }
        Origin::Foreign | Origin::Edited => fate(file, Some(&found), forge, false).err(),
    }
}
