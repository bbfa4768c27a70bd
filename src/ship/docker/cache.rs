//! BuildKit's caches of a bake file: one for each image and architecture. A cache that several
//! platforms write holds the last one only (docker/buildx#1044). Pure.
//!
//! Source: Docker Docs, Cache storage backends.

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result, nearest};

/// Codes declared in this file.
pub const CODES: &[Code] = &[DOCKER_CACHE];

/// A cache that BuildKit would not find again.
pub const DOCKER_CACHE: Code = code(&CodeInfo {
    name: "docker-cache",
    title: "the cache of the bake file cannot be used",
    cause: "`--cache-to` or `--cache-from` names an unknown backend or key, lacks one that the \
            backend needs, or sets one that has to differ for each image and architecture: with one \
            name for several, the last one that is written replaces the others.",
    detection: "The keys are compared with a table of BuildKit's backends before anything is built.",
    fix: "Name the backend with its keys: `--cache-to s3,region=eu-central-1,bucket=NAME`.",
    page: "docker",
    sources: &["Docker Docs, Cache storage backends", "docker/buildx#1044"],
    waivable: false,
});

/// What a cache is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It is written.
    To,
    /// It is read.
    From,
}

impl Direction {
    /// Returns the flag.
    pub fn flag(self) -> &'static str {
        match self {
            Self::To => "--cache-to",
            Self::From => "--cache-from",
        }
    }
}

/// A cache of all images, without what is different for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    backend: &'static Backend,
    /// Keys and values that were given.
    given: Vec<(String, String)>,
}

/// A backend, and its keys.
#[derive(Debug, PartialEq, Eq)]
struct Backend {
    name: &'static str,
    /// Keys that must be given.
    needed: &'static [&'static str],
    /// Keys that may be given.
    optional: &'static [&'static str],
    /// Keys that may be given for a cache that is written, only.
    written: &'static [&'static str],
    /// Keys that are different for each image and architecture.
    own: &'static [&'static str],
}

#[rustfmt::skip]
const BACKENDS: &[Backend] = &[
    Backend {
        name: "registry", needed: &[], optional: &[],
        written: &["compression", "ignore-error", "image-manifest", "oci-mediatypes"],
        own: &["ref"],
    },
    Backend {
        name: "gha", needed: &[], optional: &["timeout"],
        written: &["ignore-error"],
        own: &["scope"],
    },
    Backend {
        name: "s3", needed: &["region", "bucket"],
        optional: &["endpoint_url", "prefix", "use_path_style"],
        written: &["ignore-error"],
        own: &["name"],
    },
    // The directory has one for each image and architecture.
    Backend {
        name: "local", needed: &[], optional: &["dest", "src"],
        written: &["compression", "ignore-error"],
        own: &[],
    },
];

/// Keys with credentials: the bake file is published with the context.
const CREDENTIALS: &[&str] = &[
    "access_key_id",
    "ghtoken",
    "secret_access_key",
    "session_token",
    "token",
];

/// Directory of local caches, from the context: inside it they would be a part of it.
const LOCAL: &str = "../xpkg-docker-cache";

impl Cache {
    /// Returns the cache beside the images, in their registry.
    pub fn registry() -> Self {
        Self {
            backend: &BACKENDS[0],
            given: Vec::new(),
        }
    }

    /// Parses `BACKEND[,KEY=VALUE…]`, or with `type=` before it, as `docker buildx` takes it.
    ///
    /// # Errors
    /// `docker-cache`.
    pub fn parse(text: &str, direction: Direction) -> Result<Self> {
        let flag = direction.flag();
        let wrong = |why: String| Problem::new(DOCKER_CACHE, format!("`{flag} {text}`: {why}"));
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let name = name.strip_prefix("type=").unwrap_or(name);
        let names = || BACKENDS.iter().map(|backend| backend.name);
        let Some(backend) = BACKENDS.iter().find(|backend| backend.name == name) else {
            let problem = wrong(format!("`{name}` is no backend"));
            return Err(match nearest(name, names()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("use `registry`, `gha`, `s3` or `local`"),
            });
        };
        let mut given: Vec<(String, String)> = Vec::new();
        for part in parts {
            let Some((key, value)) = part.split_once('=').filter(|(_, value)| !value.is_empty())
            else {
                return Err(wrong(format!("`{part}` is no `KEY=VALUE`")).help(format!(
                    "give a key and its value: `{flag} {name},KEY=VALUE`"
                )));
            };
            backend.check(key, direction, &wrong)?;
            if given.iter().any(|(other, _)| other == key) {
                return Err(wrong(format!("`{key}` is given twice")).help("give it once"));
            }
            if value.contains(|c: char| c == '"' || c.is_whitespace() || c.is_control()) {
                let why = format!("`{value}` has a quote or a space, which buildx would misread");
                return Err(wrong(why).help("use another name"));
            }
            given.push((key.to_owned(), value.to_owned()));
        }
        for key in backend.needed {
            if !given.iter().any(|(other, _)| other == key) {
                return Err(wrong(format!("`{name}` needs `{key}`"))
                    .help(format!("give it: `{flag} {text},{key}=VALUE`")));
            }
        }
        let cache = Self { backend, given };
        if backend.name == "local" && !is_outside(cache.directory()) {
            let directory = cache.directory();
            let why = format!("`{directory}` is in the context, which is compared with its record");
            return Err(wrong(why).help(format!(
                "name a directory outside of it: `{flag} local,{}={LOCAL}`",
                directory_key(direction)
            )));
        }
        Ok(cache)
    }

    /// Returns the cache to read of one that is written.
    pub fn read(&self) -> Self {
        let Self { backend, given } = self;
        let is_kept = |(key, _): &&(String, String)| !backend.written.contains(&key.as_str());
        Self {
            backend,
            given: given.iter().filter(is_kept).cloned().collect(),
        }
    }

    /// Returns the entry of an image's architecture, as bake takes it. `literal` escapes what bake
    /// would read as a template.
    pub fn entry(
        &self,
        image: &str,
        label: &str,
        direction: Direction,
        literal: fn(&str) -> String,
    ) -> String {
        let Self { backend, given } = self;
        let own = match backend.name {
            "registry" => format!("ref=${{REGISTRY}}{image}:cache-{label}"),
            "gha" => format!("scope={image}-{label}"),
            "s3" => format!("name={image}-{label}"),
            _ => format!(
                "{}={}/{image}-{label}",
                directory_key(direction),
                literal(self.directory())
            ),
        };
        let given = given
            .iter()
            .filter(|(key, _)| !is_directory(key))
            .map(|(key, value)| format!("{key}={}", literal(value)));
        let mode = (direction == Direction::To).then(|| "mode=max".to_owned());
        let parts: Vec<String> = [format!("type={}", backend.name), own]
            .into_iter()
            .chain(given)
            .chain(mode)
            .collect();
        parts.join(",")
    }

    /// Returns the directory of a local cache.
    fn directory(&self) -> &str {
        let given = self.given.iter().find(|(key, _)| is_directory(key));
        given.map_or(LOCAL, |(_, directory)| directory.trim_end_matches('/'))
    }
}

impl Backend {
    /// Checks that a key may be given.
    fn check(
        &self,
        key: &str,
        direction: Direction,
        wrong: &dyn Fn(String) -> Problem,
    ) -> Result<()> {
        let Self {
            name,
            needed,
            optional,
            written,
            own,
        } = self;
        if own.contains(&key) || key == "mode" {
            let why = format!("`{key}` is set by xpkg, for each image and architecture");
            return Err(wrong(why).help(format!("leave it out: `{} {name}`", direction.flag())));
        }
        if CREDENTIALS.contains(&key) {
            let why =
                format!("`{key}` would be in the bake file, which goes where the context goes");
            return Err(wrong(why)
                .help("set it in the environment of `docker buildx`: `AWS_ACCESS_KEY_ID`, …"));
        }
        let is_written = direction == Direction::To;
        let takes = |other: &str| !is_directory(other) || other == directory_key(direction);
        let known: Vec<&str> = needed
            .iter()
            .chain(*optional)
            .chain(written.iter().filter(|_| is_written))
            .copied()
            .filter(|key| takes(key))
            .collect();
        if known.contains(&key) {
            return Ok(());
        }
        let problem = wrong(format!("`{name}` takes no `{key}` here"));
        Err(match nearest(key, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => problem.help("it takes no keys"),
            None => problem.help(format!("it takes `{}`", known.join("`, `"))),
        })
    }
}

/// Returns true for the keys of a directory.
fn is_directory(key: &str) -> bool {
    matches!(key, "dest" | "src")
}

/// Returns the key of the directory of a local cache.
fn directory_key(direction: Direction) -> &'static str {
    match direction {
        Direction::To => "dest",
        Direction::From => "src",
    }
}

/// Returns true for a directory that is not in the one that it is named from.
fn is_outside(directory: &str) -> bool {
    directory.starts_with('/') || directory.split('/').next() == Some("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str, direction: Direction) -> String {
        let cache = Cache::parse(text, direction).unwrap();
        cache.entry("chat", "arm-v7", direction, |text| {
            text.replace("${", "$${")
        })
    }

    #[test]
    fn each_architecture_has_a_cache_of_its_own() {
        #[rustfmt::skip]
        let table = [
            ("registry", "type=registry,ref=${REGISTRY}chat:cache-arm-v7,mode=max"),
            ("type=registry,image-manifest=true",
             "type=registry,ref=${REGISTRY}chat:cache-arm-v7,image-manifest=true,mode=max"),
            ("gha", "type=gha,scope=chat-arm-v7,mode=max"),
            ("s3,region=eu-central-1,bucket=b,prefix=${p}/",
             "type=s3,name=chat-arm-v7,region=eu-central-1,bucket=b,prefix=$${p}/,mode=max"),
            ("local", "type=local,dest=../xpkg-docker-cache/chat-arm-v7,mode=max"),
            ("local,dest=/srv/cache/", "type=local,dest=/srv/cache/chat-arm-v7,mode=max"),
        ];
        for (text, expected) in table {
            assert_eq!(entry(text, Direction::To), expected, "{text}");
            // What is written is found by what reads.
            let to = Cache::parse(text, Direction::To).unwrap();
            let from = to.read().entry("chat", "arm-v7", Direction::From, |text| {
                text.replace("${", "$${")
            });
            let expected = expected
                .replace(",mode=max", "")
                .replace(",image-manifest=true", "")
                .replace("dest=", "src=");
            assert_eq!(from, expected, "{text}");
        }
        assert_eq!(
            entry("local,src=../c", Direction::From),
            "type=local,src=../c/chat-arm-v7"
        );
    }

    #[test]
    fn what_no_backend_takes_is_rejected() {
        #[rustfmt::skip]
        let table = [
            (Direction::To, "", "`` is no backend", "use `registry`, `gha`, `s3` or `local`"),
            (Direction::To, "regstry", "`regstry` is no backend", "did you mean `registry`?"),
            (Direction::To, "azblob", "`azblob` is no backend",
             "use `registry`, `gha`, `s3` or `local`"),
            (Direction::To, "gha,scope=x",
             "`scope` is set by xpkg, for each image and architecture",
             "leave it out: `--cache-to gha`"),
            (Direction::From, "registry,ref=x",
             "`ref` is set by xpkg, for each image and architecture",
             "leave it out: `--cache-from registry`"),
            (Direction::To, "gha,mode=min",
             "`mode` is set by xpkg, for each image and architecture",
             "leave it out: `--cache-to gha`"),
            (Direction::To, "s3,bucket=b", "`s3` needs `region`",
             "give it: `--cache-to s3,bucket=b,region=VALUE`"),
            (Direction::From, "s3,region=r", "`s3` needs `bucket`",
             "give it: `--cache-from s3,region=r,bucket=VALUE`"),
            (Direction::To, "s3,region=r,bucket=b,secret_access_key=x",
             "`secret_access_key` would be in the bake file, which goes where the context goes",
             "set it in the environment of `docker buildx`: `AWS_ACCESS_KEY_ID`, …"),
            (Direction::To, "s3,region=r,buket=b", "`s3` takes no `buket` here",
             "did you mean `bucket`?"),
            (Direction::From, "registry,image-manifest=true",
             "`registry` takes no `image-manifest` here", "it takes no keys"),
            (Direction::To, "local,src=../c", "`local` takes no `src` here",
             "it takes `dest`, `compression`, `ignore-error`"),
            (Direction::To, "local,dest=cache",
             "`cache` is in the context, which is compared with its record",
             "name a directory outside of it: `--cache-to local,dest=../xpkg-docker-cache`"),
            (Direction::To, "gha,x", "`x` is no `KEY=VALUE`",
             "give a key and its value: `--cache-to gha,KEY=VALUE`"),
            (Direction::To, "s3,region=r,region=r", "`region` is given twice", "give it once"),
            (Direction::To, "local,dest=../a b",
             "`../a b` has a quote or a space, which buildx would misread", "use another name"),
        ];
        for (direction, text, why, help) in table {
            let problem = Cache::parse(text, direction).unwrap_err();
            let flag = direction.flag();
            assert_eq!(problem.message, format!("`{flag} {text}`: {why}"));
            assert_eq!(problem.help, [help], "{text}");
        }
    }
}
