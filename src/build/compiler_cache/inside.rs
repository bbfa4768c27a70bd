//! sccache in a container: what the container sees of it, and the script in which cargo runs. Pure.
//!
//! Client, server and compilers are all in the container, so that the image's compilers run. The
//! container has no network: the store is a directory, or redis by its socket.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::compiler_cache::codes::COMPILER_CACHE_IMAGE;
use crate::build::compiler_cache::{LOCAL_DISK, STORES, check_incremental, check_wrapper};
use crate::problem::Problem;
use crate::project::compiler_cache::WRAPPERS;
use crate::toolchain::image::container::{Container, ForwardedVar, Mount};
use crate::toolchain::image::facts::ImageFacts;

/// Path of sccache in a container. The `cc` crate knows it by its file name.
const PROGRAM: &str = "/opt/xpkg/sccache";

/// Path of the server's socket in a container.
const SOCKET: &str = "/tmp/xpkg-sccache";

/// Variable with the path of the file that gets the statistics.
pub const STATISTICS: &str = "XPKG_SCCACHE_STATISTICS";

/// Runs cargo with the script's arguments between start and end of a server. The end waits until
/// all is stored.
const AROUND_CARGO: &str = "\"$RUSTC_WRAPPER\" --start-server >/dev/null; cargo \"$@\"; code=$?; \
     \"$RUSTC_WRAPPER\" --show-stats --stats-format=json >>\"${XPKG_SCCACHE_STATISTICS:-/dev/null}\"; \
     \"$RUSTC_WRAPPER\" --stop-server >/dev/null; exit $code";

/// Prints sccache's version, starts its server, and prints the server's statistics.
pub const CHECK: &str = "\"$RUSTC_WRAPPER\" --version && \"$RUSTC_WRAPPER\" --start-server >&2 && \
     \"$RUSTC_WRAPPER\" --show-stats --stats-format=json";

/// How sccache is configured on this machine.
#[derive(Debug, Clone, Default)]
pub struct Configured<'a> {
    /// Its variables.
    pub variables: BTreeMap<&'a str, &'a str>,
    /// Its file, if that has any setting.
    pub file: Option<Utf8PathBuf>,
    /// Directory of its store, absolute: that of `SCCACHE_DIR`, or its default. `None` without a
    /// home.
    pub directory: Option<Utf8PathBuf>,
}

/// The reason why containers cannot use sccache as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// What the container cannot follow.
    pub why: String,
    /// How to configure it instead.
    pub help: String,
}

impl Unusable {
    /// Returns the reason that a variable has another value than text.
    pub fn not_utf8(name: &str) -> Self {
        Self {
            why: format!("the value of `{name}` is not UTF-8, and engines pass on nothing else"),
            help: format!("unset it: `unset {name}`"),
        }
    }
}

/// What a container gets for sccache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// sccache, and its store.
    mounts: Vec<Mount>,
    /// Variables by which it is called and configured.
    variables: Vec<ForwardedVar>,
    /// Directory that must exist: an engine mounts no other.
    pub directory: Option<Utf8PathBuf>,
    /// Sockets of redis that must exist.
    pub sockets: Vec<Utf8PathBuf>,
}

impl Inside {
    /// Returns what containers get, or the reason why they cannot use the configured store.
    pub fn new(program: &Utf8Path, configured: &Configured) -> Result<Self, Unusable> {
        let unusable = |why: String, help: String| Err(Unusable { why, help });
        let Configured {
            variables,
            file,
            directory,
        } = configured;
        if let Some(file) = file {
            return unusable(
                format!("`{file}` configures sccache, and in a container, its variables alone do"),
                "leave the file out, and set sccache's variables: `export SCCACHE_CONF=/dev/null`"
                    .to_owned(),
            );
        }
        if variables.contains_key(ERROR_LOG) {
            return unusable(
                format!("the container does not see the file of `{ERROR_LOG}`"),
                format!("unset it: `unset {ERROR_LOG}`"),
            );
        }
        let mut mounts = vec![Mount {
            at: PROGRAM.into(),
            ..Mount::reading(program)
        }];
        let named = STORES
            .iter()
            .filter(|store| store.location != LOCAL_DISK)
            .filter_map(|store| Some((store.variable, variables.get(store.variable)?)));
        let mut sockets = Vec::new();
        for (name, value) in named {
            let Some(socket) = socket(value) else {
                let help = match name {
                    REDIS => format!("{REDIS_SOCKET}, or in a directory: `unset {REDIS}`"),
                    other => format!("store in a directory: `unset {other}`"),
                };
                return unusable(
                    format!("the store of `{name}` is on a network, and the container has none"),
                    help,
                );
            };
            sockets.push(socket.to_owned());
        }
        let directory = directory
            .clone()
            .filter(|_| sockets.is_empty() || variables.contains_key("SCCACHE_DIR"));
        if sockets.is_empty() && directory.is_none() {
            return unusable(
                "there is no directory for its store: `HOME` is not set".to_owned(),
                "name one: `export SCCACHE_DIR=/var/cache/sccache`".to_owned(),
            );
        }
        let store = sockets.iter().chain(&directory);
        mounts.extend(store.map(|path| Mount::writing(path)));
        let set = |name: &str, value: &str| ForwardedVar {
            name: name.to_owned(),
            value: Some(value.to_owned()),
        };
        let mut ours: Vec<ForwardedVar> = WRAPPERS.iter().map(|name| set(name, PROGRAM)).collect();
        ours.extend([
            set("SCCACHE_SERVER_UDS", SOCKET),
            set("SCCACHE_IDLE_TIMEOUT", "0"),
            // Nor any file of the image's.
            set("SCCACHE_CONF", "/dev/null"),
        ]);
        ours.extend(
            directory
                .iter()
                .map(|path| set("SCCACHE_DIR", path.as_str())),
        );
        let is_ours = |name: &str| ours.iter().any(|variable| variable.name == name);
        let forwarded: Vec<String> = variables
            .keys()
            .filter(|name| !is_ours(name))
            .map(|name| (*name).to_owned())
            .chain([STATISTICS.to_owned()])
            .collect();
        // Their values, such as passwords, are not on the engine's command line.
        ours.extend(
            forwarded
                .into_iter()
                .map(|name| ForwardedVar { name, value: None }),
        );
        Ok(Self {
            mounts,
            variables: ours,
            directory,
            sockets,
        })
    }

    /// Returns the facts of an image whose containers get this.
    ///
    /// # Errors
    /// `compiler-cache-conflict`: the image itself, or `passthrough`, configures another wrapper.
    pub fn shown_in(&self, mut image: ImageFacts) -> Result<ImageFacts, Problem> {
        for (name, value) in &image.environment {
            let by = format!("`{name}` in the image `{}`", image.reference);
            if WRAPPERS.contains(&name.as_str()) {
                check_wrapper(&by, value)?;
            } else if name == "CARGO_INCREMENTAL" {
                check_incremental(&by, value)?;
            }
        }
        image.mounts.extend(self.mounts.iter().cloned());
        let is_ours = |name: &str| self.variables.iter().any(|variable| variable.name == name);
        image.passed.retain(|passed| !is_ours(&passed.name));
        image.passed.extend(self.variables.iter().cloned());
        Ok(image)
    }

    /// Returns a container like that of a build, which sees nothing but sccache and its store.
    pub fn alone(&self, container: &Container) -> Container {
        Container {
            mounts: self.mounts.clone(),
            ..container.clone()
        }
    }
}

/// Variable with the path of sccache's log.
const ERROR_LOG: &str = "SCCACHE_ERROR_LOG";

/// Variable with the address of redis.
const REDIS: &str = "SCCACHE_REDIS_ENDPOINT";

/// Advice to use the redis of this machine.
const REDIS_SOCKET: &str = "store in redis by its socket: \
                            `export SCCACHE_REDIS_ENDPOINT=unix://localhost/run/redis/redis.sock`";

/// Returns the path of a socket by its address: `unix://localhost/run/redis.sock`. sccache requires
/// a name of a host in it, and ignores it.
fn socket(address: &str) -> Option<&Utf8Path> {
    let rest = address
        .strip_prefix("unix://")
        .or_else(|| address.strip_prefix("redis+unix://"))?;
    let path = &rest[rest.find('/')?..];
    Some(Utf8Path::new(path.split('?').next().unwrap_or(path)))
}

/// Returns the arguments of the shell that runs cargo; those of cargo follow.
pub fn around_cargo() -> [String; 3] {
    ["-c", AROUND_CARGO, "sh"].map(str::to_owned)
}

/// Returns the problem of a target that is built in an image where sccache cannot be used.
pub fn unfit(target: &str, reference: &str, why: &str, help: &str) -> Problem {
    let message =
        format!("`{target}` is built in the image `{reference}`, where sccache cannot be used");
    Problem::new(COMPILER_CACHE_IMAGE, message)
        .note("cause", [why.to_owned()])
        .help(help)
        .help("or build it without: `--compiler-cache none`")
        .help("or choose tools of this machine: `--linker auto`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(variables: &[(&'static str, &'static str)], file: Option<&str>) -> String {
        let configured = Configured {
            variables: variables.iter().copied().collect(),
            file: file.map(Utf8PathBuf::from),
            directory: Some("/home/me/.cache/sccache".into()),
        };
        let inside = match Inside::new(Utf8Path::new("/bin/sccache"), &configured) {
            Ok(inside) => inside,
            Err(unusable) => return unusable.why,
        };
        let mounts = inside
            .mounts
            .iter()
            .skip(1)
            .map(|mount| mount.at.to_string());
        let forwarded = inside
            .variables
            .iter()
            .filter(|passed| passed.value.is_none());
        let forwarded = forwarded
            .filter(|passed| passed.name != STATISTICS)
            .map(|passed| passed.name.clone());
        mounts.chain(forwarded).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_container_gets_a_directory_or_a_socket_and_nothing_of_a_network() {
        for (variables, expected) in [
            ([].as_slice(), "/home/me/.cache/sccache"),
            (&[("SCCACHE_DIR", "x")], "/home/me/.cache/sccache"),
            (
                &[("SCCACHE_CACHE_SIZE", "5G")],
                "/home/me/.cache/sccache SCCACHE_CACHE_SIZE",
            ),
            (
                &[
                    (
                        "SCCACHE_REDIS_ENDPOINT",
                        "unix://localhost/run/redis.sock?db=1",
                    ),
                    ("SCCACHE_REDIS_PASSWORD", "secret"),
                ],
                "/run/redis.sock SCCACHE_REDIS_ENDPOINT SCCACHE_REDIS_PASSWORD",
            ),
            (
                &[("SCCACHE_REDIS", "redis+unix:///run/redis.sock")],
                "/run/redis.sock SCCACHE_REDIS",
            ),
            (
                &[("SCCACHE_REDIS_ENDPOINT", "redis://cache:6379")],
                "the store of `SCCACHE_REDIS_ENDPOINT` is on a network, and the container has none",
            ),
            (
                &[("SCCACHE_BUCKET", "b"), ("SCCACHE_DIR", "x")],
                "the store of `SCCACHE_BUCKET` is on a network, and the container has none",
            ),
            (
                &[("SCCACHE_ERROR_LOG", "/tmp/log")],
                "the container does not see the file of `SCCACHE_ERROR_LOG`",
            ),
        ] {
            assert_eq!(inside(variables, None), expected);
        }
        assert_eq!(
            inside(&[], Some("/home/me/.config/sccache/config")),
            "`/home/me/.config/sccache/config` configures sccache, and in a container, its \
             variables alone do"
        );
    }
}
