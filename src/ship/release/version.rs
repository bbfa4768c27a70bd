//! Version and tag of a release. Pure.

use std::collections::BTreeSet;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::{list, printable};
use crate::problem::{Problem, Result, nearest};
use crate::ship::release::model::RELEASE_INVALID;
use crate::tree::fields::excerpt;

/// Returns the version of a release of these packages, names and versions: the one that they all
/// have, or that of the package that `version-of` names.
///
/// # Errors
/// `release-invalid`.
pub fn version<'a>(
    packages: &BTreeSet<(&'a str, &'a str)>,
    version_of: Option<&str>,
) -> Result<&'a str> {
    if let Some(name) = version_of {
        let found = packages.iter().find(|(package, _)| *package == name);
        return found.map(|(_, version)| *version).ok_or_else(|| {
            let problem = Problem::new(
                RELEASE_INVALID,
                format!("`version-of` names `{name}`, and the release has no bin of that package"),
            );
            let names = packages.iter().map(|(package, _)| *package);
            match nearest(name, names.clone()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.note("packages", names.map(str::to_owned)),
            }
        });
    }
    let versions: BTreeSet<&str> = packages.iter().map(|(_, version)| *version).collect();
    match versions.first() {
        Some(version) if versions.len() == 1 => Ok(version),
        _ => Err(Problem::new(
            RELEASE_INVALID,
            "the packages of the release have different versions",
        )
        .note(
            "versions",
            packages
                .iter()
                .map(|(package, version)| format!("{package} {version}")),
        )
        .help(format!(
            "release one at a time (`--package {}`), or set `version-of` in \
             `[workspace.metadata.xpkg.release]`",
            packages.first().map_or("NAME", |(package, _)| package)
        ))),
    }
}

/// Checks that a tag names the version: `1.4.0`, `v1.4.0`, or either after the name of a released
/// package and a separator (`chat-v1.4.0`, `chat/1.4.0`, `chat@1.4.0`). A prefix that is no
/// package's name is anybody's convention (`release-1.4.0`), unless it names another version.
///
/// `released` are the packages of the release, `others` the other members of the workspace.
///
/// # Errors
/// `tag-mismatch`, also for a tag that git does not take.
pub fn check_tag(tag: &str, version: &str, released: &[&str], others: &[&str]) -> Result<()> {
    let mismatch = |why: String| {
        let tag = excerpt(tag);
        Problem::new(TAG_MISMATCH, format!("the tag `{tag}` {why}")).help(format!(
            "pass the tag of this version (`--tag v{version}`), or set the version in Cargo.toml \
             and build again"
        ))
    };
    if let Some(fault) = ref_fault(tag) {
        return Err(mismatch(format!("is none that git takes: {fault}")));
    }
    let is_plain = |c: char| c.is_alphanumeric() || "-_./@+".contains(c);
    if let Some(odd) = tag.chars().find(|c| !is_plain(*c)) {
        let odd = printable(&odd.to_string());
        return Err(mismatch(format!(
            "cannot be written into commands and addresses: it has `{odd}`"
        )));
    }
    let Some(prefix) = tag.strip_suffix(version) else {
        return Err(mismatch(format!(
            "does not name the version {version} of the release"
        )));
    };
    let prefix = match prefix.strip_suffix('v') {
        Some(before) if before.is_empty() || before.ends_with(SEPARATORS) => before,
        _ => prefix,
    };
    if prefix.is_empty() {
        return Ok(());
    }
    let name = prefix.strip_suffix(SEPARATORS);
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(mismatch(format!(
            "does not name the version {version} of the release"
        )));
    };
    if let Some(other) = name.split(SEPARATORS).find(|word| is_version(word)) {
        return Err(mismatch(format!("names the version {other}, too")));
    }
    if !released.contains(&name) && others.contains(&name) {
        return Err(mismatch(format!(
            "is one of `{name}`, and the release is of {}",
            list(released.iter().copied())
        )));
    }
    Ok(())
}

/// Returns why git does not take a name for a tag, as a clause; `None` if it may. Source:
/// git-check-ref-format(1); `git tag` takes none that starts with `-`, either.
fn ref_fault(tag: &str) -> Option<&'static str> {
    let any = |test: fn(&str) -> bool| tag.split('/').any(test);
    let faults = [
        (tag.starts_with('-'), "it starts with `-`"),
        (tag.contains(".."), "it has `..`"),
        (any(str::is_empty), "it has an empty component"),
        (
            any(|part| part.starts_with('.')),
            "a component starts with `.`",
        ),
        (
            any(|part| part.ends_with(".lock")),
            "a component ends with `.lock`",
        ),
    ];
    faults
        .into_iter()
        .find_map(|(is_so, fault)| is_so.then_some(fault))
}

/// Returns true for a word like a version: `2.0`, `v2.0.0`.
fn is_version(word: &str) -> bool {
    let numbers = word.strip_prefix('v').unwrap_or(word).split('.');
    let is_number = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    numbers.clone().count() > 1 && numbers.take(2).all(is_number)
}

/// Characters between the name of a package and a version.
const SEPARATORS: [char; 4] = ['-', '/', '@', '_'];

/// Codes declared in this file.
pub const CODES: &[Code] = &[TAG_MISMATCH];

/// A tag of another version or commit.
pub const TAG_MISMATCH: Code = code(&CodeInfo {
    name: "tag-mismatch",
    title: "the tag is not one of this release",
    cause: "The tag was set before the version in Cargo.toml was raised, or the trees were built \
            from another commit than the tagged one.",
    detection: "`--tag` must be a tag that git takes, of letters, digits and `-_./@+`, and end with \
                cargo's version without another one before it, and the commit that the repository here has \
                for the tag, if it has the tag, must be the one in the trees' manifests.",
    fix: "Raise the version and move the tag, or build the trees at the tag.",
    page: "release",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_the_version_alone_or_with_a_package() {
        let rows = [
            ("1.4.0", Ok(())),
            ("v1.4.0", Ok(())),
            ("chat-v1.4.0", Ok(())),
            ("chat/1.4.0", Ok(())),
            ("chat@1.4.0", Ok(())),
            ("release-1.4.0", Ok(())),
            (
                "v1.4.1",
                Err("the tag `v1.4.1` does not name the version 1.4.0 of the release"),
            ),
            (
                "11.4.0",
                Err("the tag `11.4.0` does not name the version 1.4.0 of the release"),
            ),
            (
                "v1.4.0-rc.1",
                Err("the tag `v1.4.0-rc.1` does not name the version 1.4.0 of the release"),
            ),
            (
                "dev1.4.0",
                Err("the tag `dev1.4.0` does not name the version 1.4.0 of the release"),
            ),
            (
                "2.0.0-1.4.0",
                Err("the tag `2.0.0-1.4.0` names the version 2.0.0, too"),
            ),
            (
                "chat/v2.0-v1.4.0",
                Err("the tag `chat/v2.0-v1.4.0` names the version v2.0, too"),
            ),
            (
                "_1.4.0",
                Err("the tag `_1.4.0` does not name the version 1.4.0 of the release"),
            ),
            (
                "-v1.4.0",
                Err("the tag `-v1.4.0` is none that git takes: it starts with `-`"),
            ),
            (
                "a/../1.4.0",
                Err("the tag `a/../1.4.0` is none that git takes: it has `..`"),
            ),
            (
                "a//1.4.0",
                Err("the tag `a//1.4.0` is none that git takes: it has an empty component"),
            ),
            (
                "a.lock/1.4.0",
                Err("the tag `a.lock/1.4.0` is none that git takes: a component ends with `.lock`"),
            ),
            (
                ".a/1.4.0",
                Err("the tag `.a/1.4.0` is none that git takes: a component starts with `.`"),
            ),
            (
                "$(id)-1.4.0",
                Err(
                    "the tag `$(id)-1.4.0` cannot be written into commands and addresses: it has `$`",
                ),
            ),
            (
                "a\n-1.4.0",
                Err(
                    "the tag `a\\n-1.4.0` cannot be written into commands and addresses: it has `\\n`",
                ),
            ),
            (
                "bot-v1.4.0",
                Err("the tag `bot-v1.4.0` is one of `bot`, and the release is of `chat`"),
            ),
        ];
        for (tag, expected) in rows {
            let checked = check_tag(tag, "1.4.0", &["chat"], &["bot"]);
            let message = checked.as_ref().map_err(|problem| problem.message.as_str());
            assert_eq!(message, expected.as_ref().map_err(|text| *text), "{tag}");
        }
    }

    #[test]
    fn one_version_is_the_releases() {
        let same = BTreeSet::from([("a", "1.0.0"), ("b", "1.0.0")]);
        assert_eq!(version(&same, None).unwrap(), "1.0.0");
        let different = BTreeSet::from([("a", "1.0.0"), ("b", "2.0.0")]);
        assert_eq!(version(&different, Some("b")).unwrap(), "2.0.0");
        assert_eq!(
            version(&different, None).unwrap_err().message,
            "the packages of the release have different versions"
        );
        assert_eq!(
            version(&different, Some("c")).unwrap_err().message,
            "`version-of` names `c`, and the release has no bin of that package"
        );
    }
}
