//! Links of a subject, followed by their text alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::entry::{Artifacts, Entry, EntryKind};
use crate::problem::code::{Code, CodeInfo, code};
use crate::verify::finding::{Finding, finding};
use crate::verify::paths::unsafe_path;

/// The links of a subject, followed by their text alone.
pub struct Links<'a> {
    symbolic: BTreeMap<&'a str, &'a str>,
    /// Path of a link -> path of the file that it comes to.
    pub resolved: BTreeMap<&'a str, String>,
    /// The same the other way round.
    aliases: BTreeMap<String, Vec<&'a str>>,
    files: BTreeSet<&'a str>,
}

/// How many links one may lead through; Linux has the same.
const HOPS: usize = 40;

/// How deep a path may be that is followed.
const DEPTH: usize = 256;

impl<'a> Links<'a> {
    pub fn of(subject: &'a Artifacts) -> Self {
        let mut links = Self {
            symbolic: BTreeMap::new(),
            resolved: BTreeMap::new(),
            aliases: BTreeMap::new(),
            files: BTreeSet::new(),
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

    /// Where a path comes to, all links on its way followed; `None`: out of the tree, or round and
    /// round.
    fn follow(&self, path: &str) -> Option<String> {
        let mut open: Vec<&str> = path.split('/').rev().collect();
        let mut at: Vec<&str> = Vec::new();
        let mut hops = 0;
        while let Some(part) = open.pop() {
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
                if hops > HOPS || unsafe_path(to) == Some("is absolute") {
                    return None;
                }
                at.pop();
                open.extend(to.split('/').rev());
            }
        }
        Some(at.join("/"))
    }

    pub fn to(&self, file: &str) -> impl Iterator<Item = &'a str> {
        self.aliases.get(file).into_iter().flatten().copied()
    }

    /// What is wrong with an entry because of links.
    pub fn against(&self, entry: &Entry) -> Option<Finding> {
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
                    "a hard link to `{to}`, which is no file of the archive"
                )))
            }
            _ => None,
        }
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LINK_OUTSIDE];

pub const LINK_OUTSIDE: Code = code(&CodeInfo {
    name: "link-outside",
    title: "a link leads out of the tree",
    cause: "A symbolic link points to what is not in the tree: it breaks elsewhere, or shows \
            what should not be shown.",
    detection: "The target of each link is followed by its text alone.",
    fix: "Replace it by the file, or by a link inside the tree.",
    source: "README, Verifying a release",
    waivable: false,
});
