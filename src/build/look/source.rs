//! Asks git for the commit of the sources.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest;
use crate::host::lock::is_left_lock;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::reproducible::SOURCE_DATE_EPOCH;
use crate::project::workspace::Workspace;
use crate::tree::look;
use crate::tree::source::{self, COMMIT_UNKNOWN, GIT_LIMIT, Source, git_refusal};

/// Commit of the sources, and what the user must know about it.
pub struct FoundSource {
    source: Source,
    /// Reasons why git told no commit: texts of warnings with the code `commit-unknown`.
    warnings: Vec<String>,
}

impl FoundSource {
    /// Reports the warnings.
    fn reported(self, host: &Host) -> Source {
        for text in &self.warnings {
            host.shell.warning(COMMIT_UNKNOWN.name(), text);
        }
        self.source
    }
}

/// Returns the digest of Cargo.lock; `None` if there is none.
fn lock_digest(host: &Host, workspace: &Workspace) -> Option<String> {
    let lock = workspace.root.join("Cargo.lock");
    let digest = host.is_file(&lock).then(|| host.hash(&lock).ok());
    digest.flatten().map(|(digest, _)| digest)
}

/// Returns the commit of the checkout that contains the workspace, and whether the checkout has
/// changes. Files below `generated` are ignored: xpkg and cargo write them. Reports why git told no
/// commit.
pub fn source(host: &Host, workspace: &Workspace, generated: &[&Utf8Path]) -> Source {
    find(host, workspace, generated).reported(host)
}

/// Returns the sources after a build, which may have written Cargo.lock and generated sources. What
/// was found while it ran is right if it did neither.
pub fn source_after(
    host: &Host,
    workspace: &Workspace,
    generated: &[&Utf8Path],
    found: FoundSource,
    has_compiled: bool,
) -> Source {
    let is_current =
        !has_compiled && found.source.cargo_lock_sha256 == lock_digest(host, workspace);
    let found = if is_current {
        found
    } else {
        find(host, workspace, generated)
    };
    found.reported(host)
}

/// Does the same as [`source`] and reports nothing yet.
pub fn find(host: &Host, workspace: &Workspace, generated: &[&Utf8Path]) -> FoundSource {
    let mut source = Source {
        repository: workspace.repository.clone(),
        cargo_lock_sha256: lock_digest(host, workspace),
        ..Source::default()
    };
    let mut warnings = Vec::new();
    let mut git = |args: &[&str]| {
        let question = source::git(&workspace.root).args(args.iter().copied());
        let output = match host.capture_bounded(&question, GIT_LIMIT) {
            Ok(output) => output,
            Err(problem) => {
                let is_checkout = host.interrupted().is_none() && is_in_checkout(host, workspace);
                let why = match host.find("git") {
                    Some(_) => problem.message,
                    None => "`git` is not on PATH".to_owned(),
                };
                let warning = format!("the manifest has no commit: {why}");
                warnings.extend(is_checkout.then_some(warning));
                return None;
            }
        };
        if output.timed_out {
            let seconds = GIT_LIMIT.as_secs();
            warnings.push(format!(
                "the manifest has no commit: git did not answer in {seconds} s"
            ));
        } else if !output.success()
            && let Some(refusal) = git_refusal(&output.stderr)
        {
            warnings.push(format!("the manifest has no commit: {refusal}"));
        }
        output.success().then_some(output.stdout)
    };
    // If all of `generated` is below the workspace, pathspecs can be relative to it, and git need
    // not be asked for the root of the checkout.
    let is_below = generated
        .iter()
        .all(|path| path.starts_with(&workspace.root));
    let top = if is_below {
        Some(workspace.root.to_string())
    } else {
        git(&["rev-parse", "--show-toplevel"])
    };
    let Some(top) = top else {
        return FoundSource { source, warnings };
    };
    let top = Utf8Path::new(top.trim_end());
    let magic = if is_below {
        "exclude,literal"
    } else {
        "top,exclude,literal"
    };
    let excludes = generated
        .iter()
        .filter_map(|path| path.strip_prefix(top).ok())
        .map(|path| format!(":({magic}){path}"));
    let pathspec: Vec<String> = std::iter::once(":(top)".to_owned())
        .chain(excludes)
        .collect();
    let status = [
        "--no-optional-locks",
        "status",
        "--porcelain=v2",
        "--branch",
        "--",
    ]
    .into_iter()
    .chain(pathspec.iter().map(String::as_str))
    .collect::<Vec<_>>();
    if let Some(status) = git(&status) {
        source.commit = status
            .lines()
            .find_map(|line| line.strip_prefix("# branch.oid "))
            .filter(|commit| commit.len() >= 40)
            .map(str::to_owned);
        let mut changes = status.lines().filter(|line| !line.starts_with('#'));
        let is_tracked = |line: &str| !line.starts_with("? ");
        source.dirty = Some(match (changes.clone().next(), changes.any(is_tracked)) {
            (None, _) => false,
            (Some(_), true) => true,
            // Only untracked files, of which some may be xpkg's own.
            (Some(_), false) => has_others(host, &workspace.root, &pathspec),
        });
    }
    FoundSource { source, warnings }
}

/// Returns true if the workspace is in a directory that git calls a checkout.
fn is_in_checkout(host: &Host, workspace: &Workspace) -> bool {
    let mut above = workspace.root.ancestors();
    above.any(|directory| host.exists(&directory.join(".git")))
}

/// Returns true if git finds untracked files that xpkg has not written, or has not written as they are:
/// trees, releases, and lock files of killed runs.
fn has_others(host: &Host, root: &Utf8Path, pathspec: &[String]) -> bool {
    let top = answer(host, root, &["rev-parse", "--show-toplevel"], &[]);
    let question = [
        "ls-files",
        "-z",
        "--others",
        "--exclude-standard",
        "--full-name",
        "--",
    ];
    let (Some(top), Some(files)) = (top, answer(host, root, &question, pathspec)) else {
        return true;
    };
    let top = Utf8Path::new(top.trim_end());
    let mut written = BTreeMap::new();
    let mut files = files.split('\0').filter(|file| !file.is_empty());
    files.any(|file| !is_own(host, top, Utf8Path::new(file), &mut written))
}

/// Returns true for a file that xpkg has written to a directory of the checkout, as it is. `written` keeps
/// what it has written to each.
fn is_own(
    host: &Host,
    top: &Utf8Path,
    file: &Utf8Path,
    written: &mut BTreeMap<Utf8PathBuf, BTreeMap<String, String>>,
) -> bool {
    let path = top.join(file);
    if host.link_text(&path).is_some() || !host.is_file(&path) {
        return false;
    }
    if is_left_lock(&path) {
        return true;
    }
    file.ancestors().skip(1).any(|directory| {
        let known = written
            .entry(directory.to_owned())
            .or_insert_with(|| look::written(host, &top.join(directory)));
        let below = file.strip_prefix(directory).unwrap_or(file);
        let digest = known.get(below.as_str());
        digest.is_some_and(|digest| host.hash(&path).is_ok_and(|(found, _)| found == *digest))
    })
}

/// Returns the state of the sources of local packages: the commit of each checkout that has some, and
/// a digest of what was changed there since, whether it is staged or not. `None` if not all of it is
/// known: a package that is in no checkout or ignored by git, a changed submodule.
pub fn contents(host: &Host, manifests: &[&Utf8Path], generated: &[&Utf8Path]) -> Option<String> {
    let mut checkouts: BTreeMap<Utf8PathBuf, BTreeSet<String>> = BTreeMap::new();
    for manifest in manifests {
        let manifest = host.resolve(manifest);
        let mut above = manifest.ancestors().skip(1);
        let top = above.find(|directory| host.exists(&directory.join(".git")))?;
        let below = manifest.strip_prefix(top).ok()?.to_string();
        checkouts.entry(top.to_owned()).or_default().insert(below);
    }
    // One that is a link itself is excluded, not what it leads to.
    let place = |path: &&Utf8Path| Some(host.resolve(path.parent()?).join(path.file_name()?));
    let generated: Vec<Utf8PathBuf> = generated.iter().filter_map(place).collect();
    let states = checkouts.iter().map(|(top, manifests)| {
        let found = checkout(host, top, &generated)?;
        is_known(host, top, manifests)?.then_some(found)
    });
    Some(states.collect::<Option<Vec<String>>>()?.join(" "))
}

/// Returns the time that the user has set for all that is written, in seconds since 1970.
///
/// # Errors
/// `config-invalid`: it is no number.
///
/// Source: <https://reproducible-builds.org/specs/source-date-epoch/>
pub fn source_date_epoch(host: &Host) -> Result<Option<u64>> {
    let Some(text) = host.var(SOURCE_DATE_EPOCH) else {
        return Ok(None);
    };
    let seconds = text.parse().map_err(|_| {
        let message = format!("`{SOURCE_DATE_EPOCH}={text}` is not a number of seconds");
        Problem::new(CONFIG_INVALID, message).help(
            "set it to seconds since 1970: `export SOURCE_DATE_EPOCH=\"$(git log -1 \
             --format=%ct)\"`",
        )
    })?;
    Ok(Some(seconds))
}

/// Returns the time of a commit, in seconds since 1970; `None` if it is unknown.
pub fn commit_time(host: &Host, directory: &Utf8Path, commit: &str) -> Option<u64> {
    let question = [
        "show",
        "--no-patch",
        "--no-show-signature",
        "--format=%ct",
        // Digits that were checked, or a name of ours, so it is no option; `--` says that it is no
        // path.
        commit,
        "--",
    ];
    let output = answer(host, directory, &question, &[])?;
    output.trim().parse().ok()
}

/// Returns git's answer; `None` if it fails.
fn answer(host: &Host, top: &Utf8Path, args: &[&str], paths: &[String]) -> Option<String> {
    let question = source::git(top).args(args.iter().copied());
    let question = question.args(paths.iter().map(String::as_str));
    let output = host.capture_bounded(&question, GIT_LIMIT).ok()?;
    (output.success() && !output.timed_out).then_some(output.stdout)
}

/// Returns true if git ignores none of these files; `None` if it does not say.
fn is_known(host: &Host, top: &Utf8Path, files: &BTreeSet<String>) -> Option<bool> {
    let question = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
    ];
    let paths: Vec<String> = files
        .iter()
        .map(|path| format!(":(top,literal){path}"))
        .collect();
    let found = answer(host, top, &question, &paths)?;
    let found: BTreeSet<&str> = found.split('\0').filter(|path| !path.is_empty()).collect();
    Some(found.len() == files.len())
}

/// Returns the commit of a checkout, and a digest of what was changed since.
fn checkout(host: &Host, top: &Utf8Path, generated: &[Utf8PathBuf]) -> Option<String> {
    let excludes: Vec<String> = generated
        .iter()
        .filter_map(|path| path.strip_prefix(top).ok())
        .map(|path| format!(":(top,exclude,literal){path}"))
        .collect();
    let commit = answer(host, top, &["rev-parse", "--verify", "HEAD"], &[])?;
    // Whatever the user's configuration of git says about untracked files and submodules.
    let question = [
        "--no-optional-locks",
        "status",
        "-z",
        "--porcelain=v1",
        "--no-renames",
        "--untracked-files=all",
        "--ignore-submodules=none",
        "--",
        ":(top)",
    ];
    let status = answer(host, top, &question, &excludes)?;
    let mut changes = String::new();
    for entry in status.split('\0').filter(|entry| !entry.is_empty()) {
        let (code, path) = entry.split_at_checked(3)?;
        changes += &format!("{path} {}\n", content(host, code, &top.join(path))?);
    }
    let commit = commit.trim_end();
    Some(match changes.as_str() {
        "" => commit.to_owned(),
        changes => format!("{commit}+{}", &digest::sha256(changes.as_bytes())[..16]),
    })
}

/// Returns a digest of a changed file, and the text of a link. `None` for what is no file, such as a
/// submodule, and for a name that is not UTF-8.
fn content(host: &Host, code: &str, path: &Utf8Path) -> Option<String> {
    if !host.exists(path) {
        return code.contains('D').then(String::new);
    }
    let link = host.link_text(path).unwrap_or_default();
    if !link.is_empty() && !host.exists(&host.resolve(path)) {
        return Some(link);
    }
    let (digest, _) = host.hash(path).ok()?;
    Some(format!("{link} {digest}"))
}
