//! The index of a channel's registry, which has the lines of all its versions. Pure.

use semver::Version;

use crate::problem::{Problem, Result};
use crate::ship::publish::codes::{INDEX_UNREADABLE, VERSION_IMMUTABLE};
use crate::tree::registry::IndexLine;

/// Parses a file of the index; `place` is its address in messages.
///
/// # Errors
/// `index-unreadable`: cargo skips a line that it does not understand in silence; it is never
/// written again without us knowing what it says.
pub fn parse(bytes: &[u8], place: &str) -> Result<Vec<IndexLine>> {
    let unreadable = |why: String| {
        let message = format!("cannot read `{place}`: {why}");
        Problem::new(INDEX_UNREADABLE, message).help("publish to another channel: `--channel NAME`")
    };
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            let parsed = IndexLine::parse(line);
            parsed.map_err(|why| unreadable(format!("line {}: {why}", at + 1)))
        })
        .collect()
}

/// Returns a file with one more line; `None` if the line is there. A line that is yanked stays so.
///
/// # Errors
/// `version-immutable`: another line of that version is there. Users of cargo keep the package that
/// they have downloaded, whatever the index says.
pub fn with(mut lines: Vec<IndexLine>, new: &IndexLine, place: &str) -> Result<Option<String>> {
    if let Some(line) = lines.iter().find(|line| line.vers == new.vers) {
        let same = IndexLine {
            yanked: new.yanked,
            ..line.clone()
        };
        if same == *new {
            return Ok(None);
        }
        let message = format!(
            "{} {} is in the registry already, and it is another package",
            new.name, new.vers
        );
        return Err(Problem::new(VERSION_IMMUTABLE, message)
            .note("index", [place.to_owned()])
            .note("there", [format!("sha256 {}", line.cksum)])
            .note("here", [format!("sha256 {}", new.cksum)])
            .help(format!(
                "raise the version of `{}` in its Cargo.toml",
                new.name
            )));
    }
    lines.push(new.clone());
    Ok(Some(text(lines)))
}

/// Returns true if a version is there, and is yanked.
pub fn is_yanked(lines: &[IndexLine], version: &str) -> bool {
    let mut lines = lines.iter();
    lines.any(|line| line.vers == version && line.yanked)
}

/// Returns a file in which a version is yanked, or not; `None` if it is so already, or if there is no
/// such version.
pub fn yanked(mut lines: Vec<IndexLine>, version: &str, is_yanked: bool) -> Option<String> {
    let line = lines.iter_mut().find(|line| line.vers == version)?;
    if line.yanked == is_yanked {
        return None;
    }
    line.yanked = is_yanked;
    Some(text(lines))
}

/// Returns the text of a file. The order is that of the versions, so that it does not depend on
/// that of the publishers.
fn text(mut lines: Vec<IndexLine>) -> String {
    lines.sort_by_cached_key(|line| Version::parse(&line.vers).ok());
    lines.iter().map(IndexLine::text).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn line(version: &str, digit: &str) -> IndexLine {
        IndexLine {
            name: "chat".to_owned(),
            vers: version.to_owned(),
            deps: Vec::new(),
            cksum: digit.repeat(64),
            features: BTreeMap::new(),
            yanked: false,
            links: None,
            rust_version: None,
            v: 2,
        }
    }

    #[test]
    fn lines_are_added_by_version_and_never_changed() {
        let first = with(Vec::new(), &line("1.10.0", "a"), "x")
            .unwrap()
            .unwrap();
        let both = with(
            parse(first.as_bytes(), "x").unwrap(),
            &line("1.9.0", "b"),
            "x",
        );
        let both = both.unwrap().unwrap();
        let lines = parse(both.as_bytes(), "x").unwrap();
        assert_eq!(lines, [line("1.9.0", "b"), line("1.10.0", "a")]);
        assert_eq!(with(lines.clone(), &line("1.9.0", "b"), "x").unwrap(), None);
        let problem = with(lines.clone(), &line("1.9.0", "c"), "x").unwrap_err();
        assert_eq!(
            problem.message,
            "chat 1.9.0 is in the registry already, and it is another package"
        );
        let yanked_text = yanked(lines.clone(), "1.9.0", true).unwrap();
        let lines = parse(yanked_text.as_bytes(), "x").unwrap();
        assert!(lines[0].yanked && !lines[1].yanked);
        // A publisher that comes again does not take it back.
        assert_eq!(with(lines.clone(), &line("1.9.0", "b"), "x").unwrap(), None);
        assert_eq!(yanked(lines.clone(), "1.9.0", true), None);
        assert_eq!(yanked(lines, "1.9.0", false), Some(both));
    }

    #[test]
    fn what_is_not_understood_is_not_written_again() {
        let text = format!("{}{{\"name\":\"chat\"}}\n", line("1.0.0", "a").text());
        assert_eq!(
            parse(text.as_bytes(), "x").unwrap_err().message,
            "cannot read `x`: line 2: missing field `vers` at line 1 column 15"
        );
    }
}
