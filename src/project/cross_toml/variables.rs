//! The variables of cross that are not imported, each with the reason.
//!
//! Source: <https://github.com/cross-rs/cross/blob/main/docs/environment_variables.md>.

use crate::problem::nearest;
use crate::project::cross_toml::file::{At, KEYS};
use crate::project::cross_toml::source::{CrossSources, Unmapped};

/// Variable that names cross's container engine. xpkg follows it, too.
pub const ENGINE: &str = "CROSS_CONTAINER_ENGINE";

/// Variables that are read elsewhere.
const READ: &[&str] = &["CROSS_CONFIG", ENGINE];

const ASKED: &str = "xpkg asks the engine";
const SHARED: &str = "the engine must see this machine's files under the same paths, and xpkg \
                      checks that it does";
const TOOLCHAIN: &str = "xpkg uses the toolchain that cargo runs with";

/// Variables that have no counterpart in xpkg, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("CROSS_BUILD_OPTS", "flags for the engine are not passed on"),
    (
        "CROSS_BUILD_PROGRESS",
        "the engine's own variable is `BUILDKIT_PROGRESS`",
    ),
    (
        "CROSS_COMPATIBILITY_VERSION",
        "xpkg follows cross's current behavior",
    ),
    ("CROSS_CONTAINER_ENGINE_NO_BUILDKIT", ASKED),
    ("CROSS_CONTAINER_GID", "programs in a container run as you"),
    ("CROSS_CONTAINER_IN_CONTAINER", SHARED),
    (
        "CROSS_CONTAINER_OPTS",
        "flags for the engine are not passed on: set `passthrough` for variables and `volumes` for \
         directories",
    ),
    ("CROSS_CONTAINER_UID", "programs in a container run as you"),
    ("CROSS_CONTAINER_USER_NAMESPACE", ASKED),
    ("CROSS_CUSTOM_TOOLCHAIN", TOOLCHAIN),
    ("CROSS_CUSTOM_TOOLCHAIN_COMPAT", TOOLCHAIN),
    ("CROSS_DEBUG", "use `-v`"),
    ("CROSS_DOCKER_IN_DOCKER", SHARED),
    ("CROSS_NO_WARNINGS", "xpkg stops at errors alone"),
    ("CROSS_REMOTE", SHARED),
    ("CROSS_REMOTE_COPY_CACHE", SHARED),
    ("CROSS_REMOTE_COPY_FULL_TARGET_DIR", SHARED),
    ("CROSS_REMOTE_COPY_REGISTRY", SHARED),
    ("CROSS_REMOTE_SKIP_BUILD_ARTIFACTS", SHARED),
    ("CROSS_ROOTLESS_CONTAINER_ENGINE", ASKED),
    ("CROSS_UNSTABLE_ENABLE_DOCTESTS", "xpkg runs no tests"),
];

/// Prefixes of cross's own variables. Other `CROSS_*` variables belong to other programs:
/// `CROSS_COMPILE`, for example.
const PREFIXES: &[&str] = &["CROSS_CONTAINER_", "CROSS_CUSTOM_", "CROSS_REMOTE_"];

/// Returns the reports on all variables that are not imported.
pub fn unmapped(sources: &CrossSources) -> Vec<Unmapped> {
    let names = sources.variables.keys();
    names
        .filter_map(|name| report(name, &sources.triples))
        .collect()
}

fn report(name: &str, triples: &[String]) -> Option<Unmapped> {
    let unmapped = |triple: Option<&str>, reason: String| {
        Some(Unmapped {
            key: name.to_owned(),
            place: "the environment".to_owned(),
            triple: triple.map(str::to_owned),
            reason,
            superseded_by: None,
        })
    };
    let unknown = |triple: Option<&str>, known: Vec<String>| {
        let hint = nearest(name, known.iter().map(String::as_str))
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        unmapped(triple, format!("cross has no such variable{hint}"))
    };
    if READ.contains(&name) {
        return None;
    }
    if let Some((_, reason)) = UNSUPPORTED.iter().find(|(known, _)| *known == name) {
        return unmapped(None, (*reason).to_owned());
    }
    if name.starts_with("CROSS_BUILD_") {
        let known = names(At::Build);
        return if known.iter().any(|known| known == name) {
            None
        } else {
            let general = UNSUPPORTED.iter().map(|(known, _)| (*known).to_owned());
            unknown(None, known.into_iter().chain(general).collect())
        };
    }
    if name.starts_with("CROSS_TARGET_") {
        let prefix = |triple: &&String| name.starts_with(&At::Target(triple).variable(""));
        // One triple may begin with another: `x86_64-unknown-linux-gnu`, `…-gnu-asan`.
        let triple = triples
            .iter()
            .filter(prefix)
            .max_by_key(|triple| triple.len());
        return match triple {
            Some(triple) => {
                let known = names(At::Target(triple));
                if known.iter().any(|known| known == name) {
                    None
                } else {
                    unknown(Some(triple), known)
                }
            }
            None if triples.is_empty() => None,
            None => unmapped(None, "it has no triple of rustc's in its name".to_owned()),
        };
    }
    if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        let known = UNSUPPORTED.iter().map(|(known, _)| *known);
        return unknown(
            None,
            known
                .chain(READ.iter().copied())
                .map(str::to_owned)
                .collect(),
        );
    }
    None
}

/// Returns the names of the variables for the keys of a table.
fn names(table: At<'_>) -> Vec<String> {
    KEYS.iter()
        .filter(|key| table.has(key) && !key.2.is_empty())
        .map(|key| table.variable(key.2))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_of_cross_is_read_or_reported() {
        let triples = ["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnuasan"];
        let triples = triples.map(str::to_owned).to_vec();
        for (name, expected) in [
            ("CROSS_CONTAINER_ENGINE", ""),
            ("CROSS_CONFIG", ""),
            ("CROSS_COMPILE", ""),
            ("CROSS_BUILD_PRE_BUILD", ""),
            ("CROSS_BUILD_STD", ""),
            ("CROSS_BUILD_TARGET", ""),
            ("CROSS_TARGET_X86_64_UNKNOWN_LINUX_GNU_IMAGE", ""),
            ("CROSS_TARGET_X86_64_UNKNOWN_LINUX_GNUASAN_IMAGE", ""),
            (
                "CROSS_CONTAINER_OPTS",
                "flags for the engine are not passed on: set `passthrough` for variables and \
                 `volumes` for directories",
            ),
            ("CROSS_BUILD_OPTS", "flags for the engine are not passed on"),
            (
                "CROSS_BUILD_OPT",
                "cross has no such variable; did you mean `CROSS_BUILD_OPTS`?",
            ),
            (
                "CROSS_BUILD_PASSTHROUGH",
                "cross has no such variable; did you mean `CROSS_BUILD_ENV_PASSTHROUGH`?",
            ),
            (
                "CROSS_TARGET_X86_64_UNKNOWN_LINUX_GNU_IMGAE",
                "cross has no such variable; did you mean \
                 `CROSS_TARGET_X86_64_UNKNOWN_LINUX_GNU_IMAGE`?",
            ),
            (
                "CROSS_TARGET_X86_64_IMAGE",
                "it has no triple of rustc's in its name",
            ),
            (
                "CROSS_CONTAINER_ENGIN",
                "cross has no such variable; did you mean `CROSS_CONTAINER_ENGINE`?",
            ),
        ] {
            let found = report(name, &triples).map(|report| report.reason);
            assert_eq!(found.unwrap_or_default(), expected, "{name}");
        }
        let own = report("CROSS_TARGET_X86_64_UNKNOWN_LINUX_GNU_ZZZ", &triples);
        assert_eq!(
            own.and_then(|own| own.triple).as_deref(),
            Some("x86_64-unknown-linux-gnu")
        );
    }
}
