//! Looks for what is published and where: the release, its addresses, the branch, and what readers
//! without credentials get.

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use crate::host::machine::Host;
use crate::invocation;
use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::project::look::context::ProjectContext;
use crate::ship::publish::address::slug;
use crate::ship::publish::codes::{PUBLISH_INVALID, PUBLISH_URL, STORE_HIDES_MISSING};
use crate::ship::publish::probe::run::hides;
use crate::tree::registry::{INDEX, parse_config};
use crate::tree::release::{Document, NAME};
use crate::tree::source::{GIT_LIMIT, git};

/// Largest size of a `release.json` in bytes.
const LONGEST_DOCUMENT: u64 = 64 << 20;

/// Returns the status of an address; a clause if it does not answer.
///
/// # Errors
/// `publish-invalid`: AWS_CA_BUNDLE cannot be used.
#[cfg(feature = "s3")]
pub fn public_status(host: &Host, url: &str) -> Result<Result<u16, String>> {
    use crate::host::http::{Request, Sent};
    let http = crate::ship::publish::s3::client::run::trusting(host)?;
    let request = Request {
        method: "GET",
        url,
        headers: &[],
    };
    let answer = http.send(&request, Sent::Nothing, 1 << 20);
    Ok(answer.map(|answer| answer.status))
}

/// Returns a clause: nothing is asked.
#[cfg(not(feature = "s3"))]
pub fn public_status(_: &Host, _: &str) -> Result<Result<u16, String>> {
    Ok(Err("this xpkg was installed without S3".to_owned()))
}

/// Returns the channel of the branch that is checked out.
///
/// # Errors
/// `publish-invalid`: no branch is checked out.
pub fn branch(host: &Host, project: Option<&ProjectContext>) -> Result<String> {
    let unknown = |why: &str| {
        Problem::new(
            PUBLISH_INVALID,
            format!("there is no channel to publish to: {why}"),
        )
        .help("pass one: `--channel NAME`")
    };
    let root = project.map_or(host.cwd(), |project| &project.workspace.root);
    // `--short` says `heads/main` where a tag is called `main`, too.
    let question = git(root).args(["symbolic-ref", "--quiet", "HEAD"]);
    let output = host
        .capture_bounded(&question, GIT_LIMIT)
        .map_err(|_| unknown("git does not tell the branch"))?;
    let branch = output.stdout.trim().strip_prefix("refs/heads/");
    let Some(branch) = branch.filter(|_| output.success()) else {
        return Err(unknown("no branch is checked out"));
    };
    let channel = slug(branch);
    if channel.is_empty() {
        let why = format!("the branch `{branch}` has no letter or digit of ASCII");
        return Err(unknown(&why));
    }
    Ok(channel)
}

/// Returns the directory of the release to publish.
///
/// # Errors
/// `publish-invalid`: there is none, or several.
pub fn release_directory(
    host: &Host,
    project: Option<&ProjectContext>,
    directory: Option<&Utf8Path>,
) -> Result<Utf8PathBuf> {
    let missing = |message: String| {
        Problem::new(PUBLISH_INVALID, message).help("write it: `cargo xpkg release`")
    };
    if let Some(directory) = directory {
        let directory = host.resolve(&host.absolute(directory));
        if host.is_file(&directory.join(NAME)) {
            return Ok(directory);
        }
        return Err(missing(format!(
            "there is no release at `{directory}`: it has no `{NAME}`"
        )));
    }
    let Some(project) = project else {
        return Err(
            missing("there is no release here, and no workspace".to_owned())
                .help("or pass its directory: `cargo xpkg publish DIR`"),
        );
    };
    let parent = host.resolve(&project.workspace.target_dir.join("xpkg-release"));
    let names = host.names(&parent).into_iter();
    let mut found: Vec<Utf8PathBuf> = names
        .filter(|name| !name.starts_with('.'))
        .map(|name| parent.join(name))
        .filter(|path| host.is_file(&path.join(NAME)))
        .collect();
    found.sort();
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(missing(format!("there is no release in `{parent}`"))),
        [first, ..] => {
            let message = format!("`{parent}` has several releases");
            let members = &project.workspace.members;
            let versions: Vec<&str> = members.iter().map(|one| one.version.as_str()).collect();
            let names: Vec<&str> = found.iter().filter_map(|path| path.file_name()).collect();
            let newest = newest(&names, &versions).map(|name| parent.join(name));
            let newest = newest.as_ref().unwrap_or(first);
            Err(Problem::new(PUBLISH_INVALID, message)
                .note("releases", found.iter().map(ToString::to_string))
                .help(format!(
                    "pass the one to publish: `cargo xpkg publish {}`",
                    invocation::quote(newest.as_str())
                )))
        }
    }
}

/// Returns the directory of the release that is likely meant, of these names: the highest version that
/// a package of the workspace has, else the highest of all. Other names come last.
fn newest<'a>(names: &[&'a str], versions: &[&str]) -> Option<&'a str> {
    let names = names.iter().copied();
    names.max_by_key(|name| (versions.contains(name), Version::parse(name).ok()))
}

/// Reads `release.json`.
///
/// # Errors
/// `release-unreadable`.
pub fn read_document(host: &Host, directory: &Utf8Path) -> Result<Document> {
    let path = directory.join(NAME);
    Document::parse(
        &host.read_small_text(&path, LONGEST_DOCUMENT)?,
        path.as_str(),
    )
}

/// Fails if the files will not be at the addresses that are written in them.
///
/// # Errors
/// `publish-url`.
pub fn check_addresses(
    host: &Host,
    channel: &str,
    directory: &Utf8Path,
    document: &Document,
    accepted: &[Code],
) -> Result<(), Vec<Problem>> {
    if accepted.contains(&PUBLISH_URL) {
        return Ok(());
    }
    let mut problems = Vec::new();
    let mut check = |what: &str, address: &str, end: String, key: &str| {
        if address.ends_with(&end) {
            return;
        }
        let message =
            format!("{what} of the release is `{address}`, which does not end with `{end}`");
        problems.push(Problem::new(PUBLISH_URL, message).help(format!(
            "set `{key}` and release again, or publish to the channel that it names: `--channel \
             NAME`; where a server maps the addresses: `--accept publish-url`"
        )));
    };
    if let Some(url) = &document.url {
        let end = format!("/{channel}/{}", document.version);
        check(
            "the address",
            url,
            end,
            &format!("url = \"https://HOST/{channel}/{{version}}\""),
        );
    }
    if let Some(url) = registry_url(host, directory).map_err(|problem| vec![problem])? {
        let end = format!("/{channel}/registry");
        check(
            "the registry's address",
            &url,
            end,
            &format!("url = \"https://HOST/{channel}/registry\""),
        );
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Returns the address of the registry of a release; `None` if it has none.
///
/// # Errors
/// `file-access`, `publish-invalid`.
pub fn registry_url(host: &Host, directory: &Utf8Path) -> Result<Option<String>> {
    let path = directory.join(INDEX).join("config.json");
    if !host.is_file(&path) {
        return Ok(None);
    }
    let text = host.read_small_text(&path, LONGEST_DOCUMENT)?;
    let url = parse_config(&text).map_err(|why| {
        let message = format!("cannot read `{path}`: {why}");
        Problem::new(PUBLISH_INVALID, message).help("write it again: `cargo xpkg release`")
    })?;
    Ok(Some(url))
}

/// Asks the address of the registry for what is not there, as cargo does.
///
/// # Errors
/// `store-hides-missing`.
pub fn check_public(host: &Host, directory: &Utf8Path, accepted: &[Code]) -> Result<Option<u16>> {
    let Some(url) = registry_url(host, directory)? else {
        return Ok(None);
    };
    let absent = format!("{url}/index/xp/kg/xpkg-absent-{}", host.nonce());
    match public_status(host, &absent)? {
        Ok(status) if matches!(status, 404 | 410 | 451) => Ok(Some(status)),
        Ok(403) if !accepted.contains(&STORE_HIDES_MISSING) => {
            Err(hides(&format!("`{url}` answers 403"), "readers"))
        }
        Ok(status) => {
            // Of 200, cargo takes the page for an index; of others, it stops.
            let line = format!("`{url}` answers {status} for what is not there, not 404");
            host.shell.status("Noting", &line);
            Ok(Some(status))
        }
        Err(why) => {
            let line = format!("what `{url}` answers to readers is not checked: {why}");
            host.shell.status("Noting", &line);
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_the_workspace_is_suggested_else_the_highest() {
        for (names, versions, expected) in [
            (
                &["1.1.0", "1.1.0-rc.1", "1.0.0"][..],
                &["1.1.0"][..],
                "1.1.0",
            ),
            (&["1.1.0", "1.1.0-rc.1"], &["0.3.0"], "1.1.0"),
            (&["1.10.0", "1.9.0"], &[], "1.10.0"),
            (&["1.10.0", "1.9.0"], &["1.9.0", "0.1.0"], "1.9.0"),
            (&["0.9.0", "nightly"], &[], "0.9.0"),
        ] {
            assert_eq!(newest(names, versions), Some(expected), "{names:?}");
        }
    }
}
