//! `xpkg.lock`: the cross images of a workspace, each by digest, with what was found in it. Made to
//! be committed.
//!
//! Pure: it is given the file's text. Sorted by target, without times, so that equal pins are equal
//! bytes.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::config::parse;
use crate::project::reference;

/// The file's name, beside the workspace's Cargo.toml.
pub const NAME: &str = "xpkg.lock";

/// The version of the shape that this program writes and reads.
pub const VERSION: u32 = 1;

const HEADER: &str =
    "# Cross images by digest, written by `cargo xpkg image`. Commit it; do not edit it by hand.\n";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lockfile {
    pub version: u32,
    /// One for each target, sorted by its triple.
    #[serde(default, rename = "image")]
    pub images: Vec<Pin>,
}

/// One target's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pin {
    /// The bare triple.
    pub target: String,
    /// As the configuration writes it.
    pub reference: String,
    /// What the reference meant when it was pinned: `sha256:…`.
    pub digest: String,
    /// What was made of it, where the configuration has a `pre-build` or a `dockerfile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derived>,
    pub seen: Seen,
}

/// An image that was built upon another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// `sha256:…` of all that went in.
    pub inputs: String,
    /// The ID of what came out where it was pinned. Another machine builds another from the same
    /// inputs, since the network is one of them.
    pub id: String,
}

/// What was found in an image: what a person compares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Seen {
    /// `linux/amd64`.
    pub platform: String,
    /// When the image was made, as it says itself (RFC 3339).
    pub created: String,
    /// The system inside, by its os-release.
    pub os: Option<String>,
    /// The target's compiler, in its own words.
    pub compiler: Option<String>,
    /// The target's C library that it compiles for: `glibc 2.36`.
    pub libc: Option<String>,
    /// The compiler of build scripts, in its own words.
    pub host_compiler: Option<String>,
    /// Probe -> verdict on the target's compiler, then on the host's where that is another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<String, String>,
}

/// Where a target's image stands between configuration, lock, machine and registry.
#[derive(Debug, Serialize)]
pub struct PinStatus {
    pub target: String,
    pub reference: String,
    pub digest: Option<String>,
    /// `pinned`, `not pinned`, `moved`.
    pub state: &'static str,
    /// What is wrong with it, or why it could not be told.
    pub why: Option<String>,
    pub seen: Option<Seen>,
}

impl Default for Lockfile {
    fn default() -> Self {
        Self {
            version: VERSION,
            images: Vec::new(),
        }
    }
}

impl Lockfile {
    /// Reads the file's text; `path` is what the error calls it.
    pub fn parse(path: &Utf8Path, text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let help = format!(
            "take it from version control again, or remove it and run `cargo xpkg image pin`: \
             `git checkout -- {NAME}`"
        );
        let unreadable = |error: &toml::de::Error| {
            Problem::new(
                LOCK_UNREADABLE,
                format!(
                    "`{NAME}` cannot be read: {}",
                    error.message().lines().next().unwrap_or_default()
                ),
            )
            .note("at", [parse::place(path, text, error)])
            .help(&help)
        };
        let Version { version } = toml::from_str(text).map_err(|error| unreadable(&error))?;
        if version != VERSION {
            return Err(Problem::new(
                LOCK_UNREADABLE,
                format!("`{NAME}` has version {version}, this xpkg reads {VERSION}"),
            )
            .note("at", [path.to_string()])
            .help("use the xpkg that wrote it: `cargo install cargo-xpkg`"));
        }
        let lock: Self = toml::from_str(text).map_err(|error| unreadable(&error))?;
        let twice = lock.images.iter().enumerate().find(|(index, pin)| {
            lock.images[..*index]
                .iter()
                .any(|other| other.target == pin.target)
        });
        if let Some((_, pin)) = twice {
            return Err(Problem::new(
                LOCK_UNREADABLE,
                format!("`{NAME}` has two images for `{}`", pin.target),
            )
            .note("at", [path.to_string()])
            .help(help));
        }
        match lock
            .images
            .iter()
            .find(|pin| !reference::is_digest(&pin.digest))
        {
            Some(pin) => Err(Problem::new(
                LOCK_UNREADABLE,
                format!("`{NAME}` cannot be read: `{}` is no digest", pin.digest),
            )
            .note("at", [format!("{path}, target `{}`", pin.target)])
            .help(help)),
            None => Ok(lock),
        }
    }

    pub fn text(&self) -> String {
        format!(
            "{HEADER}{}",
            toml::to_string(self).expect("a lock is plain data")
        )
    }

    pub fn pin(&self, target: &str) -> Option<&Pin> {
        self.images.iter().find(|pin| pin.target == target)
    }

    /// The lock with these pins in the place of what their targets had, and without those of
    /// targets that no longer have an image.
    pub fn with(&self, pins: Vec<Pin>, targets: &[&str]) -> Self {
        let old = self
            .images
            .iter()
            .filter(|old| !pins.iter().any(|pin| pin.target == old.target));
        let old: Vec<Pin> = old
            .filter(|old| targets.contains(&old.target.as_str()))
            .cloned()
            .collect();
        let mut images: Vec<Pin> = old.into_iter().chain(pins).collect();
        images.sort_by(|a, b| a.target.cmp(&b.target));
        Self {
            version: VERSION,
            images,
        }
    }
}

impl Seen {
    /// Label and value of each, for people.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let Self {
            platform,
            created,
            os,
            compiler,
            libc,
            host_compiler,
            probes,
        } = self;
        let or = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".to_owned());
        let probes = probes
            .iter()
            .map(|(probe, verdict)| format!("{probe} {verdict}"))
            .collect::<Vec<_>>()
            .join(", ");
        vec![
            ("platform", platform.clone()),
            ("created", created.clone()),
            ("os", or(os)),
            ("compiler", or(compiler)),
            ("libc", or(libc)),
            ("host cc", or(host_compiler)),
            (
                "probes",
                if probes.is_empty() {
                    "none".to_owned()
                } else {
                    probes
                },
            ),
        ]
    }
}

impl Pin {
    /// A line for each thing that is known of it.
    pub fn rows(&self) -> Vec<String> {
        let first = [("digest", self.digest.clone())];
        first
            .into_iter()
            .chain(self.seen.rows())
            .map(|(label, value)| format!("{label:<9} {value}"))
            .collect()
    }

    /// Old against new, a line for each that differs: `compiler  gcc 9 -> gcc 12`.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let derived = |pin: &Self| {
            pin.derived.as_ref().map_or_else(
                || "none".to_owned(),
                |derived| format!("{} of {}", derived.id, derived.inputs),
            )
        };
        let rows = |pin: &Self| {
            let first = [
                ("reference", pin.reference.clone()),
                ("digest", pin.digest.clone()),
                ("derived", derived(pin)),
            ];
            first.into_iter().chain(pin.seen.rows()).collect::<Vec<_>>()
        };
        let pairs = rows(self)
            .into_iter()
            .zip(rows(new))
            .filter(|(old, new)| old != new);
        pairs
            .map(|((label, old), (_, new))| format!("{label:<9} {old} -> {new}"))
            .collect()
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[IMAGE_NOT_PINNED, LOCK_UNREADABLE, LOCK_CHANGED];

pub const IMAGE_NOT_PINNED: Code = code(&CodeInfo {
    name: "image-not-pinned",
    title: "the target's image has no digest",
    cause: "The configuration names an image by its tag, and `xpkg.lock` has no digest for it, \
            or one of another reference or other inputs. A tag moves, so xpkg builds by digest \
            only.",
    detection: "Reference and inputs of the configuration are compared with those in `xpkg.lock`.",
    fix: "Run `cargo xpkg image pin`, and commit `xpkg.lock`.",
    source: "README, Cross images",
    waivable: false,
});

pub const LOCK_UNREADABLE: Code = code(&CodeInfo {
    name: "lock-unreadable",
    title: "`xpkg.lock` cannot be read",
    cause: "The file is no TOML, has keys or digests that xpkg does not write, or was written by \
            a newer xpkg.",
    detection: "It is read strictly.",
    fix: "Take it from version control again, or remove it and pin anew: `cargo xpkg image pin`.",
    source: "README, Cross images",
    waivable: false,
});

pub const LOCK_CHANGED: Code = code(&CodeInfo {
    name: "lock-changed",
    title: "`xpkg.lock` would change",
    cause: "`--locked` was given, and the configuration or the registry says something else than \
            the file.",
    detection: "The new text is compared with the file's.",
    fix: "Run the command without `--locked`, look at the difference, and commit it.",
    source: "README, Cross images",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(target: &str, digit: &str, compiler: &str) -> Pin {
        Pin {
            target: target.to_owned(),
            reference: "r.example/x:1".to_owned(),
            digest: format!("sha256:{}", digit.repeat(64)),
            derived: None,
            seen: Seen {
                platform: "linux/amd64".to_owned(),
                compiler: Some(compiler.to_owned()),
                probes: [("gcc-95189".to_owned(), "ok".to_owned())].into(),
                ..Seen::default()
            },
        }
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let lock = Lockfile::default().with(
            vec![pin("b", "1", "gcc 12"), pin("a", "2", "gcc 9")],
            &["a", "b"],
        );
        let text = lock.text();
        assert_eq!(
            Lockfile::parse("xpkg.lock".into(), &text),
            Ok(lock.clone()),
            "{text}"
        );
        assert_eq!(
            lock.images
                .iter()
                .map(|pin| pin.target.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        let next = lock.with(vec![pin("a", "3", "gcc 12")], &["a"]);
        assert_eq!(
            next.images
                .iter()
                .map(|pin| pin.digest.as_bytes()[7])
                .collect::<Vec<_>>(),
            [b'3']
        );
        assert_eq!(
            lock.images[0].differences(&next.images[0]),
            [
                format!(
                    "digest    sha256:{} -> sha256:{}",
                    "2".repeat(64),
                    "3".repeat(64)
                ),
                "compiler  gcc 9 -> gcc 12".to_owned()
            ]
        );
    }

    #[test]
    fn a_lock_that_is_not_ours_is_refused() {
        let told = |text: &str| {
            Lockfile::parse("/w/xpkg.lock".into(), text)
                .map_or_else(|problem| problem.message, |_| "read".to_owned())
        };
        assert_eq!(told("version = 1\n"), "read");
        assert_eq!(
            told("version = 2\n[[image]]\nnew = 1\n"),
            "`xpkg.lock` has version 2, this xpkg reads 1"
        );
        assert!(told("version = \n").starts_with("`xpkg.lock` cannot be read: "));
        let mut broken = Lockfile::default().with(vec![pin("a", "1", "gcc")], &["a"]);
        broken.images[0].digest.pop();
        assert!(told(&broken.text()).ends_with("is no digest"));
    }
}
