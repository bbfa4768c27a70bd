//! `latest.json`: the versions of a channel, and which one is the latest. Pure.
//!
//! One object holds both, so that readers see one state of the channel, and two publishers at once
//! exchange one thing. `src/ship/publish/latest.schema.json` describes it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::problem::{Problem, Result};
use crate::ship::publish::codes::{CHANNEL_FOREIGN, CHANNEL_UNREADABLE, VERSION_UNKNOWN};
use crate::tree::fields::{self, is_component, is_hex, must};

/// Version of the format that this program writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Identifier of that format, `$id` of its JSON Schema.
pub const SCHEMA_ID: &str = "urn:cargo-xpkg:latest:1";

/// Contents of `latest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// [`SCHEMA_ID`].
    #[serde(rename = "$schema")]
    pub schema: String,
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Name of the releases.
    pub name: String,
    /// Latest version; `None` if all are yanked.
    pub version: Option<String>,
    /// All versions, the highest first.
    pub versions: Vec<Entry>,
}

/// Version of a channel. Its files are in the directory of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version.
    pub version: String,
    /// SHA-256 of its `release.json`.
    pub release_sha256: String,
    /// SHA-256 of its `SHA256SUMS`, which has the digests of all its files.
    pub sums_sha256: String,
    /// True if it must not be chosen.
    pub yanked: bool,
}

/// What becomes of the latest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Latest {
    /// The new version is the latest.
    Moved,
    /// The one of before stays; `None` if there was none.
    Stays(Option<String>),
}

/// Returns the rank of a version: releases before pre-releases, then by precedence. It is an order
/// of all versions, so that publishers at once agree.
fn rank(version: &str) -> Option<(bool, Version)> {
    let version = Version::parse(version).ok()?;
    Some((version.pre.is_empty(), version))
}

impl Channel {
    /// Creates a channel without versions.
    pub fn new(name: &str) -> Self {
        Self {
            schema: SCHEMA_ID.to_owned(),
            schema_version: SCHEMA_VERSION,
            name: name.to_owned(),
            version: None,
            versions: Vec::new(),
        }
    }

    /// Parses a `latest.json`; `place` is its address in messages.
    ///
    /// # Errors
    /// `channel-unreadable`.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self> {
        let unreadable = |why: String| {
            Problem::new(CHANNEL_UNREADABLE, format!("cannot read `{place}`: {why}"))
                .help("publish to another channel: `--channel NAME`")
        };
        let text = std::str::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
        let channel: Self = fields::parse(text, SCHEMA_VERSION).map_err(unreadable)?;
        channel.validate().map_err(unreadable)?;
        Ok(channel)
    }

    fn validate(&self) -> Result<(), String> {
        let Self {
            schema,
            schema_version: _,
            name,
            version,
            versions,
        } = self;
        must(schema == SCHEMA_ID, "`$schema`", schema, SCHEMA_ID)?;
        must(is_component(name), "`name`", name, "a name")?;
        let mut listed = BTreeSet::new();
        for entry in versions {
            let Entry {
                version,
                release_sha256,
                sums_sha256,
                yanked: _,
            } = entry;
            if !listed.insert(version) {
                return Err(format!("`{}` is listed twice", fields::excerpt(version)));
            }
            let is_version = rank(version).is_some();
            must(is_version, "`version`", version, "a version")?;
            for digest in [release_sha256, sums_sha256] {
                let place = format!("a digest of `{version}`");
                must(is_hex(digest, 64), &place, digest, "64 hex digits")?;
            }
        }
        if let Some(latest) = version {
            let is_listed = versions
                .iter()
                .any(|entry| entry.version == *latest && !entry.yanked);
            must(
                is_listed,
                "`version`",
                latest,
                "a version of `versions` that is not yanked",
            )?;
        }
        Ok(())
    }

    /// Returns the text.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a channel is plain data");
        fields::visible(&text) + "\n"
    }

    /// Returns the entry of a version.
    pub fn entry(&self, version: &str) -> Option<&Entry> {
        self.versions.iter().find(|entry| entry.version == version)
    }

    /// Fails unless the channel is of releases of this name.
    ///
    /// # Errors
    /// `channel-foreign`.
    pub fn check_name(&self, name: &str, place: &str) -> Result<()> {
        if self.name == name {
            return Ok(());
        }
        let message = format!(
            "`{place}` is of `{}`, and the release is of `{name}`",
            self.name
        );
        Err(Problem::new(CHANNEL_FOREIGN, message)
            .help("publish to another channel or below another prefix: `--channel NAME`"))
    }

    /// Adds a version that is completely at the store, and makes it the latest if it is later than
    /// that, or if `is_forced`. One that is yanked stays so.
    pub fn add(&mut self, new: Entry, is_forced: bool) -> Latest {
        let version = new.version.clone();
        let is_yanked = self.entry(&version).is_some_and(|entry| entry.yanked);
        if self.entry(&version).is_none() {
            self.versions.push(new);
            self.versions
                .sort_by_cached_key(|entry| Reverse(Version::parse(&entry.version).ok()));
        }
        let is_later = match &self.version {
            None => true,
            Some(latest) => rank(&version) >= rank(latest),
        };
        if !is_yanked && (is_later || is_forced) {
            self.version = Some(version);
            return Latest::Moved;
        }
        Latest::Stays(self.version.clone())
    }

    /// Yanks a version, or takes that back. The latest version is then the highest one that is
    /// left; after taking it back only if it is later than the latest.
    ///
    /// # Errors
    /// `version-unknown`.
    pub fn yank(&mut self, version: &str, is_yanked: bool, place: &str) -> Result<()> {
        let Some(entry) = self
            .versions
            .iter_mut()
            .find(|entry| entry.version == version)
        else {
            let message = format!("`{place}` has no version `{version}`");
            let known: Vec<String> = self
                .versions
                .iter()
                .map(|entry| entry.version.clone())
                .collect();
            let problem = Problem::new(VERSION_UNKNOWN, message);
            return Err(match known.as_slice() {
                [] => problem,
                known => problem.note("versions", known.iter().cloned()),
            });
        };
        if entry.yanked == is_yanked {
            return Ok(());
        }
        entry.yanked = is_yanked;
        let is_latest = self.version.as_deref() == Some(version);
        if is_yanked && is_latest {
            let left = self.versions.iter().filter(|entry| !entry.yanked);
            let highest = left.max_by_key(|entry| rank(&entry.version));
            self.version = highest.map(|entry| entry.version.clone());
        } else if !is_yanked
            && self
                .version
                .as_deref()
                .is_none_or(|latest| rank(version) > rank(latest))
        {
            self.version = Some(version.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: &str) -> Entry {
        Entry {
            version: version.to_owned(),
            release_sha256: "0a".repeat(32),
            sums_sha256: "0b".repeat(32),
            yanked: false,
        }
    }

    fn channel(versions: &[&str]) -> Channel {
        let mut channel = Channel::new("chat");
        for version in versions {
            channel.add(entry(version), false);
        }
        channel
    }

    #[test]
    fn the_latest_version_does_not_depend_on_the_order() {
        for (versions, expected) in [
            (["1.0.0", "1.1.0", "1.0.1"], "1.1.0"),
            (["1.0.0", "2.0.0-rc.1", "1.0.1"], "1.0.1"),
            (["2.0.0-rc.1", "2.0.0-rc.10", "2.0.0-rc.2"], "2.0.0-rc.10"),
            (["1.0.0+b", "1.0.0", "1.0.0+a"], "1.0.0+b"),
        ] {
            let [a, b, c] = versions;
            let orders = [
                [a, b, c],
                [a, c, b],
                [b, a, c],
                [b, c, a],
                [c, a, b],
                [c, b, a],
            ];
            let texts: Vec<String> = orders.iter().map(|order| channel(order).json()).collect();
            assert!(texts.iter().all(|text| *text == texts[0]));
            assert_eq!(channel(&versions).version.as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_older_version_becomes_the_latest_only_if_asked() {
        let mut channel = channel(&["2.0.0"]);
        let stays = Latest::Stays(Some("2.0.0".to_owned()));
        assert_eq!(channel.add(entry("1.9.0"), false), stays);
        assert_eq!(channel.add(entry("1.9.0"), true), Latest::Moved);
        assert_eq!(channel.version.as_deref(), Some("1.9.0"));
        assert_eq!(channel.add(entry("2.0.0"), false), Latest::Moved);
    }

    #[test]
    fn a_yanked_version_is_not_the_latest() {
        let place = "s3://get/main/latest.json";
        let mut channel = channel(&["1.0.0", "1.1.0", "2.0.0-rc.1"]);
        channel.yank("1.1.0", true, place).unwrap();
        assert_eq!(channel.version.as_deref(), Some("1.0.0"));
        let stays = Latest::Stays(Some("1.0.0".to_owned()));
        assert_eq!(channel.add(entry("1.1.0"), true), stays);
        channel.yank("1.0.0", true, place).unwrap();
        assert_eq!(channel.version.as_deref(), Some("2.0.0-rc.1"));
        channel.yank("2.0.0-rc.1", true, place).unwrap();
        assert_eq!(channel.version, None);
        assert_eq!(
            Channel::parse(channel.json().as_bytes(), place),
            Ok(channel.clone())
        );
        channel.yank("1.0.0", false, place).unwrap();
        assert_eq!(channel.version.as_deref(), Some("1.0.0"));
        let problem = channel.yank("3.0.0", true, place).unwrap_err();
        assert_eq!(
            problem.message,
            "`s3://get/main/latest.json` has no version `3.0.0`"
        );
    }

    #[test]
    fn every_field_has_its_form() {
        let text = channel(&["1.0.0"]).json();
        for (from, to, expected) in [
            (
                "latest:1",
                "latest:2",
                "`$schema` is `urn:cargo-xpkg:latest:2`, not urn:cargo-xpkg:latest:1",
            ),
            ("\"chat\"", "\"a/b\"", "`name` is `a/b`, not a name"),
            (
                "\"version\": \"1.0.0\",\n  \"versions\"",
                "\"version\": \"1.0.1\",\n  \"versions\"",
                "`version` is `1.0.1`, not a version of `versions` that is not yanked",
            ),
            ("0a0a", "0A0A", "a digest of `1.0.0` is `0A0A"),
        ] {
            let problem = Channel::parse(text.replacen(from, to, 1).as_bytes(), "x").unwrap_err();
            let start = format!("cannot read `x`: {expected}");
            assert!(problem.message.starts_with(&start), "{}", problem.message);
        }
    }
}
