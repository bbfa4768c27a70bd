//! `xpkg.lock`: the cross images of a workspace by digest, with what was found in each. Meant to be
//! committed.
//!
//! Pure: the file's text is given. Sorted by target and without times, so that equal pins are equal
//! bytes.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result, text::list};
use crate::project::config::parse;
use crate::project::reference;
use crate::toolchain::locked::LockedToolchain;

/// Name of the file, beside the workspace's Cargo.toml.
pub const NAME: &str = "xpkg.lock";

/// Version of the file's format.
pub const VERSION: u32 = 1;

/// Comment at the top of the file.
const HEADER: &str =
    "# Cross images by digest, written by `cargo xpkg image`. Commit it; do not edit it by hand.\n";

/// The same of a file with toolchains.
const TOOLS_HEADER: &str = "# Cross images and toolchains by digest, written by `cargo xpkg image` \
     and `cargo xpkg lock`. Commit it; do not edit it by hand.\n";

/// The content of `xpkg.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lockfile {
    /// Version of the format.
    pub version: u32,
    /// One pin for each target, sorted by its triple.
    #[serde(default, rename = "image", skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Pin>,
    /// Tools of targets by content, sorted by triple.
    #[serde(default, rename = "toolchain", skip_serializing_if = "Vec::is_empty")]
    pub toolchains: Vec<LockedToolchain>,
}

/// The pinned image of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pin {
    /// Bare triple.
    pub target: String,
    /// Reference as the configuration writes it.
    pub reference: String,
    /// Digest of the reference when it was pinned: `sha256:…`.
    pub digest: String,
    /// Image built from it, if the configuration has a `pre-build` or a `dockerfile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derived>,
    /// Content of the image when it was pinned.
    pub seen: Seen,
}

/// An image that was built from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// `sha256:…` of everything the build depends on.
    pub inputs: String,
    /// ID of the result where it was pinned. Another machine builds another image from the same
    /// inputs, because they include the network.
    pub id: String,
}

/// Content of an image, for people to compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Seen {
    /// Platform: `linux/amd64`.
    pub platform: String,
    /// Creation time of the image (RFC 3339).
    pub created: String,
    /// System in the image, by its os-release.
    pub os: Option<String>,
    /// Version line of the target's compiler.
    pub compiler: Option<String>,
    /// C library that the target's compiler compiles for: `glibc 2.36`.
    pub libc: Option<String>,
    /// Version line of the compiler of build scripts.
    pub host_compiler: Option<String>,
    /// Verdicts by probe, on the target's compiler, then on the host's if that is another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<String, String>,
}

/// Status of a target's image: configuration, lock and registry compared.
#[derive(Debug, Serialize)]
pub struct PinStatus {
    /// The bare triple.
    pub target: String,
    /// Reference as the configuration writes it.
    pub reference: String,
    /// Digest that a build uses.
    pub digest: Option<String>,
    /// Result of the comparison.
    pub state: PinState,
    /// Reason why the image is not pinned, or why the registry could not be compared.
    pub why: Option<String>,
    /// Facts recorded when the image was pinned.
    pub seen: Option<Seen>,
}

/// State of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PinState {
    /// A build has a digest to use.
    Pinned,
    /// A build has no digest to use.
    #[serde(rename = "not pinned")]
    NotPinned,
    /// There is a digest, and the tag refers to another image now.
    Moved,
}

impl PinState {
    /// Returns the state as people and JSON see it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::NotPinned => "not pinned",
            Self::Moved => "moved",
        }
    }
}

impl Default for Lockfile {
    fn default() -> Self {
        Self {
            version: VERSION,
            images: Vec::new(),
            toolchains: Vec::new(),
        }
    }
}

impl Lockfile {
    /// Parses the file's text strictly; `path` is for the error message.
    ///
    /// # Errors
    ///
    /// Fails on unknown keys, on another version, on two pins of one target, and on malformed
    /// digests.
    pub fn parse(path: &Utf8Path, text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let has = |table: &str| text.lines().any(|line| line.trim() == table);
        // Both commands, if it has both: removing it loses all.
        let commands: &[&str] = match (has("[[image]]"), has("[[toolchain]]")) {
            (_, false) => &["cargo xpkg image pin"],
            (false, true) => &["cargo xpkg lock --toolchains"],
            (true, true) => &["cargo xpkg image pin", "cargo xpkg lock --toolchains"],
        };
        let help = format!(
            "restore it from version control, or remove it and run {}: `git checkout -- {NAME}`",
            list(commands.iter().copied())
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
        let twice = lock.toolchains.iter().enumerate().find(|(index, one)| {
            let mut before = lock.toolchains[..*index].iter();
            before.any(|other| other.target == one.target)
        });
        if let Some((_, one)) = twice {
            let message = format!("`{NAME}` has two toolchains for `{}`", one.target);
            return Err(Problem::new(LOCK_UNREADABLE, message)
                .note("at", [path.to_string()])
                .help(help));
        }
        let digests = lock.toolchains.iter().flat_map(|one| &one.tools);
        let mut digests = digests.flat_map(|tool| tool.files.values());
        if let Some(digest) = digests.find(|digest| !reference::is_digest(digest)) {
            let message = format!("`{NAME}` cannot be read: `{digest}` is not a digest");
            return Err(Problem::new(LOCK_UNREADABLE, message)
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
                format!("`{NAME}` cannot be read: `{}` is not a digest", pin.digest),
            )
            .note("at", [format!("{path}, target `{}`", pin.target)])
            .help(help)),
            None => Ok(lock),
        }
    }

    /// Formats the file.
    pub fn text(&self) -> String {
        let header = if self.toolchains.is_empty() {
            HEADER
        } else {
            TOOLS_HEADER
        };
        format!(
            "{header}{}",
            toml::to_string(self).expect("a lock is plain data")
        )
    }

    /// Returns the pin of a target.
    pub fn pin(&self, target: &str) -> Option<&Pin> {
        self.images.iter().find(|pin| pin.target == target)
    }

    /// Returns the lock with these pins in place of the same targets' old ones, and without pins of
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
            toolchains: self.toolchains.clone(),
        }
    }

    /// Returns the lock with these tools in place of the same targets' old ones.
    #[must_use]
    pub fn with_toolchains(&self, new: Vec<LockedToolchain>) -> Self {
        let is_old = |old: &&LockedToolchain| !new.iter().any(|new| new.target == old.target);
        let mut toolchains: Vec<_> = self.toolchains.iter().filter(is_old).cloned().collect();
        toolchains.extend(new);
        toolchains.sort_by(|a, b| a.target.cmp(&b.target));
        Self {
            toolchains,
            ..self.clone()
        }
    }
}

impl Seen {
    /// Returns the label and value of each field, for people.
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
    /// Returns a line for each known field.
    pub fn rows(&self) -> Vec<String> {
        let first = [("digest", self.digest.clone())];
        first
            .into_iter()
            .chain(self.seen.rows())
            .map(|(label, value)| format!("{label:<9} {value}"))
            .collect()
    }

    /// Returns a line for each field that differs from the new pin: `compiler  gcc 9 -> gcc 12`.
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
    page: "cross-images",
    sources: &[],
    waivable: false,
});

pub const LOCK_UNREADABLE: Code = code(&CodeInfo {
    name: "lock-unreadable",
    title: "`xpkg.lock` cannot be read",
    cause: "The file is not TOML, has keys or digests that xpkg does not write, or was written by \
            a newer xpkg.",
    detection: "The file is parsed strictly.",
    fix: "Restore it from version control, or remove it and pin again: `cargo xpkg image pin`.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});

pub const LOCK_CHANGED: Code = code(&CodeInfo {
    name: "lock-changed",
    title: "`xpkg.lock` would change",
    cause: "`--locked` was given, and the configuration or the registry differs from the file.",
    detection: "The new text is compared with the file's.",
    fix: "Run the command without `--locked`, check the difference, and commit it.",
    page: "cross-images",
    sources: &[],
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
        let message = |text: &str| {
            Lockfile::parse("/w/xpkg.lock".into(), text)
                .map_or_else(|problem| problem.message, |_| "read".to_owned())
        };
        assert_eq!(message("version = 1\n"), "read");
        assert_eq!(
            message("version = 2\n[[image]]\nnew = 1\n"),
            "`xpkg.lock` has version 2, this xpkg reads 1"
        );
        assert!(message("version = \n").starts_with("`xpkg.lock` cannot be read: "));
        let mut broken = Lockfile::default().with(vec![pin("a", "1", "gcc")], &["a"]);
        broken.images[0].digest.pop();
        assert!(message(&broken.text()).ends_with("is not a digest"));
    }

    #[test]
    fn the_help_names_what_makes_each_part_again() {
        let check = |tables: &str, expected: &str| {
            let text = format!("version = 1\n{tables}new = 1\n");
            let problem = Lockfile::parse("xpkg.lock".into(), &text).unwrap_err();
            let help = format!(
                "restore it from version control, or remove it and run {expected}: `git checkout \
                 -- xpkg.lock`"
            );
            assert_eq!(problem.help, [help]);
        };
        check("[[image]]\n", "`cargo xpkg image pin`");
        check("[[toolchain]]\n", "`cargo xpkg lock --toolchains`");
        check(
            "[[toolchain]]\n[[image]]\n",
            "`cargo xpkg image pin` and `cargo xpkg lock --toolchains`",
        );
    }
}
