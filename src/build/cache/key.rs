//! Key of a cache of cargo's target directory, and its parts. Pure.
//!
//! A part is a fact that makes the units of another build useless, without paths of the machine. The
//! lockfile comes last: a cache of another lockfile still has most units.

use serde::{Deserialize, Serialize};

use crate::build::plan::TargetPlan;
use crate::digest;
use crate::project::settings::Settings;
use crate::toolchain::facts::Facts;
use crate::toolchain::program::Program;

/// Version of the key, its first part. Raise it if caches of older versions must not be used.
const VERSION: &str = "xpkg1";

/// Number of hex digits of a digest in the key.
const DIGITS: usize = 16;

/// Name of the part that is not in the prefix.
const LOCK: &str = "lock";

/// A part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Name: `rustc`.
    pub name: String,
    /// Value, or a digest of it.
    pub value: String,
}

/// Key of the cache of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Key: `xpkg1-x86_64-unknown-linux-musl-0123456789abcdef-0123456789abcdef`.
    pub key: String,
    /// Beginning of the keys of caches that serve if none has the key: they have another lockfile.
    pub restore_prefix: String,
    /// Targets with their parts, in the order of the run.
    pub targets: Vec<TargetParts>,
}

/// Parts of the key that are a target's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetParts {
    /// Target triple, with its glibc floor if it has one.
    pub target: String,
    /// Parts, the lockfile last.
    pub parts: Vec<Part>,
}

/// Facts that a key is made from, beside the plan.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Facts about compilers and rustflags.
    pub facts: &'a Facts,
    /// Settings of the run.
    pub settings: &'a Settings,
    /// Names of the packages that are selected.
    pub packages: &'a [String],
    /// Digest of cargo's profiles.
    pub profiles: &'a str,
    /// Digest of cargo's configuration.
    pub configuration: &'a str,
    /// Text of Cargo.lock; `None` if there is none.
    pub lock: Option<&'a str>,
}

/// Returns the parts of a target.
pub fn parts(input: &Input, plan: &TargetPlan) -> Vec<Part> {
    let Input {
        facts,
        settings,
        packages,
        profiles,
        configuration,
        lock,
    } = *input;
    let target = &plan.target;
    let candidate = &plan.toolchain.candidate;
    let rustc = &facts.rustc;
    let selection = &settings.selection;
    let requests = settings.requests.iter();
    let overrides = requests
        .clone()
        .find(|request| request.target == *target)
        .map(|request| &request.overrides);
    let mut features: Vec<&str> = selection
        .features
        .iter()
        .chain(overrides.iter().flat_map(|overrides| &overrides.features))
        .map(String::as_str)
        .collect();
    features.extend(selection.all_features.then_some("all"));
    features.extend(selection.no_default_features.then_some("no-default"));
    features.sort_unstable();
    let mut packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    packages.sort_unstable();
    let profile = overrides.map(|overrides| format!("{profiles}\n{}", overrides.profile));
    let verdicts = plan.toolchain.report.iter().flat_map(|report| {
        let answers = report.answers.iter();
        answers.map(|answer| format!("{} {}", answer.probe, answer.baseline.name()))
    });
    let image = candidate.image.as_ref().map(|image| {
        let derived = image.derived.as_ref().map(|derived| derived.id.as_str());
        format!("{} {}", image.digest, derived.unwrap_or_default())
    });
    let compiler = candidate.c_compiler.as_ref().map(program);
    let part = |name: &str, value: String| Part {
        name: name.to_owned(),
        value,
    };
    vec![
        part("target", target.to_string()),
        part("profile", settings.cargo.profile.clone()),
        part("profile-settings", digest(&profile.unwrap_or_default())),
        part("packages", packages.join(" ")),
        part("features", features.join(" ")),
        part(
            "rustc",
            format!(
                "{} {} {}",
                rustc.release,
                rustc.commit_hash.as_deref().unwrap_or("unknown"),
                rustc.host
            ),
        ),
        part(
            "rustflags",
            digest(&facts.of(target).rustflags.join("\u{1f}")),
        ),
        part(
            "linker",
            format!("{} {}", candidate.kind.name(), program(&candidate.linker)),
        ),
        part("c-compiler", compiler.unwrap_or_default()),
        part("image", image.unwrap_or_default().trim().to_owned()),
        part("probes", verdicts.collect::<Vec<_>>().join(", ")),
        part("configuration", configuration.to_owned()),
        part(LOCK, digest(&lock.map(external).unwrap_or_default())),
    ]
}

/// Returns a program without its path: its name and its version.
fn program(program: &Program) -> String {
    let name = program.program.rsplit('/').next().unwrap_or_default();
    let version = program.version.as_deref().unwrap_or_default();
    format!("{name} {version}").trim().to_owned()
}

/// Returns the packages of a lockfile that come from elsewhere, one a line. Those of the workspace
/// are left out: another version of a member changes no dependency.
fn external(lock: &str) -> String {
    let lock: toml::Table = lock.parse().unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let mut lines: Vec<String> = packages
        .into_iter()
        .flatten()
        .filter(|package| package.get("source").is_some())
        .map(|package| {
            let field = |name: &str| package.get(name).and_then(toml::Value::as_str);
            ["name", "version", "source", "checksum"]
                .map(|name| field(name).unwrap_or_default())
                .join(" ")
        })
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Returns the first digits of the SHA-256 of a text; nothing of the empty one.
fn digest(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    digest::sha256(text.as_bytes())[..DIGITS].to_owned()
}

/// Returns the key of a job that builds these targets.
pub fn key(targets: Vec<TargetParts>) -> Key {
    let of = |is_lock: bool| {
        let parts = targets.iter().flat_map(|target| &target.parts);
        let lines = parts
            .filter(|part| (part.name == LOCK) == is_lock)
            .map(|Part { name, value }| format!("{name}={value}\n"));
        digest(&lines.collect::<String>())
    };
    let name = match targets.as_slice() {
        [one] => one.target.replace('.', "-"),
        several => format!("{}-targets", several.len()),
    };
    let restore_prefix = format!("{VERSION}-{name}-{}-", of(false));
    Key {
        key: format!("{restore_prefix}{}", of(true)),
        restore_prefix,
        targets,
    }
}

/// Returns the names of the parts that differ.
pub fn moved<'a>(before: &[Part], now: &'a [Part]) -> Vec<&'a str> {
    let differs = |part: &&Part| !before.contains(part);
    let names = now.iter().filter(differs);
    names.map(|part| part.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(target: &str, rustc: &str, lock: &str) -> TargetParts {
        let part = |name: &str, value: &str| Part {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        TargetParts {
            target: target.to_owned(),
            parts: vec![part("rustc", rustc), part("lock", lock)],
        }
    }

    #[test]
    fn the_lockfile_is_not_in_the_prefix() {
        let one = key(vec![of("x86_64-unknown-linux-gnu.2.17", "1.95.0", "a")]);
        let other = key(vec![of("x86_64-unknown-linux-gnu.2.17", "1.95.0", "b")]);
        assert_eq!(one.restore_prefix, other.restore_prefix);
        assert_ne!(one.key, other.key);
        assert!(one.key.starts_with("xpkg1-x86_64-unknown-linux-gnu-2-17-"));
        let newer = key(vec![of("x86_64-unknown-linux-gnu.2.17", "1.96.0", "a")]);
        assert_ne!(one.restore_prefix, newer.restore_prefix);
        let both = key(vec![of("a", "1.95.0", "a"), of("b", "1.95.0", "a")]);
        assert!(both.key.starts_with("xpkg1-2-targets-"));
    }

    #[test]
    fn versions_of_members_are_not_in_the_key() {
        let lock = |version: &str, checksum: &str| {
            format!(
                "[[package]]\nname = \"chat\"\nversion = \"{version}\"\n\n[[package]]\nname = \
                 \"ring\"\nversion = \"0.17.0\"\nsource = \"registry+https://example\"\nchecksum = \
                 \"{checksum}\"\n"
            )
        };
        assert_eq!(
            external(&lock("1.0.0", "aa")),
            "ring 0.17.0 registry+https://example aa"
        );
        assert_eq!(
            external(&lock("1.0.0", "aa")),
            external(&lock("2.0.0", "aa"))
        );
        assert_ne!(
            external(&lock("1.0.0", "aa")),
            external(&lock("1.0.0", "bb"))
        );
    }

    #[test]
    fn what_moved_is_named() {
        let before = of("a", "1.95.0", "a").parts;
        let now = of("a", "1.96.0", "a").parts;
        assert_eq!(moved(&before, &now), ["rustc"]);
        assert_eq!(moved(&[], &now), ["rustc", "lock"]);
        assert!(moved(&now, &now).is_empty());
    }
}
