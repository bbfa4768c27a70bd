//! Links of a subject, resolved from their text without the file system.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind};
use crate::problem::code::{Code, CodeInfo, code};
use crate::verify::finding::{Finding, finding};
use crate::verify::paths::unsafe_path;

/// Links of a subject, resolved from their text without the file system.
pub struct Links<'a> {
    /// Path of a symbolic link -> its text.
    symbolic: BTreeMap<&'a str, &'a str>,
    /// Path of a link -> path of the file that it resolves to.
    pub resolved: BTreeMap<&'a str, String>,
    /// Path of a file -> paths of the links to it.
    aliases: BTreeMap<String, Vec<&'a str>>,
    files: BTreeSet<&'a str>,
    /// The root of the subject is `/`, so that an absolute link stays in it.
    is_rooted: bool,
}

/// Maximum number of links on the way to a file, as in Linux (MAXSYMLINKS).
const HOPS: usize = 40;

/// Maximum number of components of a path that is followed.
const DEPTH: usize = 256;

impl<'a> Links<'a> {
    /// Resolves all links of a subject.
    pub fn resolve(subject: &'a Artifacts) -> Self {
        let mut links = Self {
            symbolic: BTreeMap::new(),
            resolved: BTreeMap::new(),
            aliases: BTreeMap::new(),
            files: BTreeSet::new(),
            is_rooted: subject.kind == ArtifactsKind::Package,
        };
        for entry in &subject.entries {
            match &entry.what {
                EntryKind::Link(to) => _ = links.symbolic.insert(&entry.path, to),
                EntryKind::File(_) => _ = links.files.insert(&entry.path),
                _ => {}
            }
        }
        for entry in &subject.entries {
            let to = match &entry.what {
                EntryKind::Link(_) => links.follow(&entry.path),
                EntryKind::HardLink(to) => Some(to.trim_start_matches("./").to_owned()),
                _ => None,
            };
            if let Some(to) = to.filter(|to| links.files.contains(to.as_str())) {
                links
                    .aliases
                    .entry(to.clone())
                    .or_default()
                    .push(&entry.path);
                links.resolved.insert(&entry.path, to);
            }
        }
        links
    }

    /// Resolves a path and all links on its way. Returns `None` if it leads out of the tree or in a
    /// circle.
    fn follow(&self, path: &str) -> Option<String> {
        let mut pending: Vec<&str> = path.split('/').rev().collect();
        let mut at: Vec<&str> = Vec::new();
        let mut hops = 0;
        while let Some(part) = pending.pop() {
            match part {
                "" | "." => continue,
                ".." => _ = at.pop()?,
                part => at.push(part),
            }
            if at.len() > DEPTH {
                return None;
            }
            if let Some(to) = self.symbolic.get(at.join("/").as_str()) {
                hops += 1;
                let is_absolute = unsafe_path(to) == Some("is absolute");
                if hops > HOPS || is_absolute && !(self.is_rooted && to.starts_with('/')) {
                    return None;
                }
                if is_absolute {
                    at.clear();
                }
                at.pop();
                pending.extend(to.split('/').rev());
            }
        }
        Some(at.join("/"))
    }

    /// Returns the paths of the links to a file.
    pub fn aliases_of(&self, file: &str) -> impl Iterator<Item = &'a str> {
        self.aliases.get(file).into_iter().flatten().copied()
    }

    /// Checks that an entry is not below a link, and that a link stays in the tree.
    pub fn check(&self, entry: &Entry) -> Option<Finding> {
        let outside = |found: String| {
            finding(
                LINK_OUTSIDE,
                &entry.path,
                found,
                "a link that stays in the tree",
                "replace it by the file itself",
            )
        };
        let above = entry
            .path
            .match_indices('/')
            .map(|(at, _)| &entry.path[..at])
            .find(|above| self.symbolic.contains_key(above));
        if let Some(above) = above {
            return Some(outside(format!("a path through the link `{above}`")));
        }
        match &entry.what {
            EntryKind::Link(to) if self.follow(&entry.path).is_none() => {
                Some(outside(format!("a link to `{to}`")))
            }
            EntryKind::HardLink(to)
                if unsafe_path(to).is_some()
                    || !self.resolved.contains_key(entry.path.as_str()) =>
            {
                Some(outside(format!(
                    "a hard link to `{to}`, which is not a file of the archive"
                )))
            }
            _ => None,
        }
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LINK_OUTSIDE];

/// Code of a link that leads out of the tree.
pub const LINK_OUTSIDE: Code = code(&CodeInfo {
    name: "link-outside",
    title: "a link leads out of the tree",
    cause: "A link points outside the tree: it breaks on other machines, or exposes files that are \
            not part of the release.",
    detection: "Each link is resolved from its text, without the file system.",
    fix: "Replace it by the file, or by a link inside the tree.",
    page: "verify",
    sources: &[],
    waivable: false,
});
