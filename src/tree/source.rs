//! Source that a tree is built from.

use std::time::Duration;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};

/// Commit and lockfile of the workspace. All fields are `None` if unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// URL of the repository.
    pub repository: Option<String>,
    /// Full hash of the commit.
    pub commit: Option<String>,
    /// True if the checkout has uncommitted changes. `None` outside a checkout.
    pub dirty: Option<bool>,
    /// SHA-256 of `Cargo.lock`.
    pub cargo_lock_sha256: Option<String>,
}

/// Returns a question to git, in English. A directory from elsewhere brings its own configuration of
/// git, which names programs: nothing is fetched, no file system monitor is asked, and a bare
/// repository within a checkout is none.
pub fn git(directory: &Utf8Path) -> Invocation {
    Invocation::new("git", directory)
        .args(["-c", "safe.bareRepository=explicit"])
        .args(["-c", "core.fsmonitor=false"])
        .env("GIT_ALLOW_PROTOCOL", "none")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
}

/// Time in which git answers; on a file system that is gone it never does.
pub const GIT_LIMIT: Duration = Duration::from_secs(30);

/// Returns what git says when it refuses to read a checkout, with the way out; `None` where there
/// is no checkout. `stderr` is git's, in English.
pub fn git_refusal(stderr: &str) -> Option<String> {
    let line = stderr
        .lines()
        .find_map(|line| line.strip_prefix("fatal: "))?;
    if line.starts_with("not a git repository") {
        return None;
    }
    // git prints the command itself, quoted for a shell.
    let way_out = stderr.lines().map(str::trim);
    let way_out = way_out
        .filter(|line| line.starts_with("git config --global --add safe.directory "))
        .map(|line| format!("; if you trust the checkout: `{line}`"))
        .next();
    Some(format!("git: {line}{}", way_out.unwrap_or_default()))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[COMMIT_UNKNOWN];

/// Code of a checkout that git does not read.
pub const COMMIT_UNKNOWN: Code = code(&CodeInfo {
    name: "commit-unknown",
    title: "git does not tell the commit of the checkout",
    cause: "git refuses to read a checkout that belongs to another user, as in containers, the \
            checkout is damaged, or git is not on PATH. The manifest, labels and dates of images have no commit then.",
    detection: "The error of `git status`; without git, a `.git` in a directory above.",
    fix: "Install git. If you trust the checkout, add it to git's `safe.directory`, with the command that the \
          warning shows.",
    page: "manifest",
    sources: &["git-config(1), safe.directory"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_its_way_out() {
        let dubious = "fatal: detected dubious ownership in repository at '/a b'\nTo add an \
                       exception for this directory, call:\n\n\tgit config --global --add \
                       safe.directory '/a b'\n";
        assert_eq!(
            git_refusal(dubious).as_deref(),
            Some(
                "git: detected dubious ownership in repository at '/a b'; if you trust the \
                 checkout: `git config --global --add safe.directory '/a b'`"
            )
        );
        assert_eq!(
            git_refusal("fatal: bad object HEAD\n").as_deref(),
            Some("git: bad object HEAD")
        );
        assert_eq!(
            git_refusal("fatal: not a git repository (or any of the parent directories): .git\n"),
            None
        );
        assert_eq!(git_refusal(""), None);
    }
}
