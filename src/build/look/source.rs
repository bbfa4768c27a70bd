//! Asks git for the commit of the sources.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::project::workspace::Workspace;
use crate::tree::source::{self, COMMIT_UNKNOWN, GIT_LIMIT, Source, git_refusal};

/// Returns the commit of the checkout that contains the workspace, and whether the checkout has
/// changes. Files below `generated` are ignored: xpkg and cargo write them.
pub fn source(host: &Host, workspace: &Workspace, generated: &[&Utf8Path]) -> Source {
    let lock = workspace.root.join("Cargo.lock");
    let mut source = Source {
        repository: workspace.repository.clone(),
        cargo_lock_sha256: host
            .is_file(&lock)
            .then(|| host.hash(&lock).ok())
            .flatten()
            .map(|(digest, _)| digest),
        ..Source::default()
    };
    let git = |args: &[&str]| {
        let question = source::git(&workspace.root).args(args.iter().copied());
        let output = host.capture_bounded(&question, GIT_LIMIT).ok()?;
        if output.timed_out {
            let seconds = GIT_LIMIT.as_secs();
            let text = format!("the manifest has no commit: git did not answer in {seconds} s");
            host.shell.warning(COMMIT_UNKNOWN.name(), &text);
        } else if !output.success()
            && let Some(refusal) = git_refusal(&output.stderr)
        {
            let text = format!("the manifest has no commit: {refusal}");
            host.shell.warning(COMMIT_UNKNOWN.name(), &text);
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
    let Some(top) = top else { return source };
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
        source.dirty = Some(status.lines().any(|line| !line.starts_with('#')));
    }
    source
}
