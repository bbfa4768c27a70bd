//! Files that the configuration adds to archives: patterns, and the places of what they match.
//! Pure.

use std::collections::BTreeMap;

use glob::Pattern;

use crate::problem::{Problem, Result};
use crate::project::path_template::path_fault;
use crate::ship::release::model::RELEASE_INVALID;

/// Patterns of files that every archive gets where nothing is configured, if they exist.
const DEFAULT: &[&str] = &[
    "README*",
    "LICENSE*",
    "LICENCE*",
    "UNLICENSE*",
    "COPYING*",
    "COPYRIGHT*",
    "NOTICE*",
    "CHANGELOG*",
];

/// Files to include.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Pattern as it is configured.
    pub pattern: String,
    /// Parts of the pattern between the slashes.
    pub parts: Vec<Part>,
    /// Place in the archive: empty for the top, a directory if it ends with `/`, else a file.
    pub to: String,
    /// True if it must match a file.
    pub required: bool,
}

/// Part of a pattern between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A name.
    Name(String),
    /// A pattern with `*`, `?` or `[…]`.
    Pattern(Pattern),
    /// `**`: any number of directories.
    Any,
}

/// Returns the files to include: what is configured, else those that users expect.
///
/// # Errors
/// `release-invalid`, for each invalid pattern or place.
pub fn includes(config: Option<&BTreeMap<String, String>>) -> Result<Vec<Include>, Vec<Problem>> {
    let Some(config) = config else {
        let default = |pattern: &&str| Include {
            pattern: (*pattern).to_owned(),
            parts: Pattern::new(pattern).map_or_else(|_| Vec::new(), |p| vec![Part::Pattern(p)]),
            to: String::new(),
            required: false,
        };
        return Ok(DEFAULT.iter().map(default).collect());
    };
    let mut problems = Vec::new();
    let mut found = Vec::new();
    for (pattern, to) in config {
        match include(pattern, to) {
            Ok(include) => found.push(include),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

/// Returns the files to install in a system: their places are absolute paths, and become relative
/// ones.
///
/// # Errors
/// `release-invalid`, for each invalid pattern or place.
pub fn installed(config: &BTreeMap<String, String>) -> Result<Vec<Include>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut places = BTreeMap::new();
    for (pattern, to) in config {
        match to.strip_prefix('/') {
            Some(place) if !place.is_empty() => {
                places.insert(pattern.clone(), place.to_owned());
            }
            _ => problems.push(
                Problem::new(
                    RELEASE_INVALID,
                    format!("`{pattern}` of `files` goes to `{to}`, which is no absolute path"),
                )
                .help("write a file or a directory: `\"app.toml\" = \"/etc/app/\"`"),
            ),
        }
    }
    if problems.is_empty() {
        includes(Some(&places))
    } else {
        Err(problems)
    }
}

fn include(pattern: &str, to: &str) -> Result<Include> {
    let invalid = |why: &str| {
        Problem::new(
            RELEASE_INVALID,
            format!("`include` has the invalid pattern `{pattern}`: {why}"),
        )
        .help("write it relative to the package or the workspace: `\"docs/*.md\" = \"docs/\"`")
    };
    let parts: Vec<Part> = pattern
        .split('/')
        .map(|part| match part {
            "" => Err(invalid("it has an empty component")),
            "." | ".." => Err(invalid("it has a component `.` or `..`")),
            "**" => Ok(Part::Any),
            part if part.contains(['*', '?', '[']) => Pattern::new(part)
                .map(Part::Pattern)
                .map_err(|error| invalid(error.msg)),
            part => Ok(Part::Name(part.to_owned())),
        })
        .collect::<Result<_>>()?;
    if parts.last() == Some(&Part::Any) {
        return Err(invalid("it ends with `**`, which matches directories"));
    }
    let place = to.strip_suffix('/').unwrap_or(to);
    if !to.is_empty()
        && let Some(fault) = path_fault(place)
    {
        return Err(Problem::new(
            RELEASE_INVALID,
            format!("`include` has the invalid place `{to}`: {fault}"),
        )
        .help("write a path in the archive's directory: `\"\"`, `\"docs/\"` or `\"README.txt\"`"));
    }
    Ok(Include {
        pattern: pattern.to_owned(),
        parts,
        to: to.to_owned(),
        required: true,
    })
}

impl Include {
    /// Returns the places of the matched files, which are relative to the directory that the
    /// pattern is searched in. Below `**` their directories are kept.
    ///
    /// # Errors
    /// `release-invalid`: several files for one place.
    pub fn places(&self, matched: &[String]) -> Result<Vec<String>> {
        if !self.to.is_empty() && !self.to.ends_with('/') {
            return match matched {
                [_] => Ok(vec![self.to.clone()]),
                _ => Err(Problem::new(
                    RELEASE_INVALID,
                    format!(
                        "`{}` of `include` matches {} files, and `{}` is the place of one",
                        self.pattern,
                        matched.len(),
                        self.to
                    ),
                )
                .note("matched", matched.iter().cloned())
                .help(format!("write it as a directory: `\"{}/\"`", self.to))),
            };
        }
        // What stands before the first `**` is where they are from, not where they go.
        let fixed = self.parts.iter().position(|part| *part == Part::Any);
        let place = |path: &String| {
            let parts: Vec<&str> = path.split('/').collect();
            let kept = fixed.unwrap_or(parts.len() - 1).min(parts.len() - 1);
            format!("{}{}", self.to, parts[kept..].join("/"))
        };
        Ok(matched.iter().map(place).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(pattern: &str, to: &str, matched: &[&str]) -> Result<Vec<String>, String> {
        let matched: Vec<String> = matched.iter().map(|path| (*path).to_owned()).collect();
        include(pattern, to)
            .and_then(|include| include.places(&matched))
            .map_err(|problem| problem.message)
    }

    #[test]
    fn files_go_to_their_places() {
        let ok = |paths: &[&str]| Ok(paths.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(placed("README.md", "", &["README.md"]), ok(&["README.md"]));
        assert_eq!(
            placed("README.md", "READ.txt", &["README.md"]),
            ok(&["READ.txt"])
        );
        assert_eq!(
            placed("doc/*.md", "docs/", &["doc/a.md", "doc/b.md"]),
            ok(&["docs/a.md", "docs/b.md"])
        );
        assert_eq!(
            placed("doc/**/*.md", "", &["doc/a.md", "doc/x/b.md"]),
            ok(&["a.md", "x/b.md"])
        );
        assert_eq!(
            placed("doc/*.md", "doc", &["doc/a.md", "doc/b.md"]),
            Err(
                "`doc/*.md` of `include` matches 2 files, and `doc` is the place of one".to_owned()
            )
        );
    }

    #[test]
    fn invalid_patterns_and_places_are_rejected() {
        for (pattern, to, expected) in [
            ("/etc/passwd", "", "it has an empty component"),
            ("../x", "", "it has a component `.` or `..`"),
            ("a/**", "", "it ends with `**`, which matches directories"),
            ("a[", "", "invalid range pattern"),
        ] {
            assert_eq!(
                placed(pattern, to, &[]),
                Err(format!(
                    "`include` has the invalid pattern `{pattern}`: {expected}"
                ))
            );
        }
        let message = placed("a", "../b", &[]).unwrap_err();
        assert!(
            message.starts_with("`include` has the invalid place `../b`"),
            "{message}"
        );
    }
}
