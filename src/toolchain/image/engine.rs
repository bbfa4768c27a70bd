//! Container engines: their answers to `info`, and the reasons why one does not answer.
//!
//! Pure: `look` queries the engine; its answers are given as text.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};

/// Kinds of engines, in search order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// Docker, and programs that answer like it.
    Docker,
    /// Podman, under any name.
    Podman,
}

/// Programs that are searched for if XPKG_CONTAINER_ENGINE is not set.
pub const ENGINES: &[&str] = &["docker", "podman"];

/// A running engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Kind of the engine, by its answer.
    pub kind: EngineKind,
    /// Name or path by which it is called.
    pub program: String,
    /// Version of the engine.
    pub version: String,
    /// True if it runs as an ordinary user, who is root in its containers.
    pub rootless: bool,
    /// True if its containers have users of their own (docker's `userns-remap`), unless the command
    /// line asks for this machine's.
    pub remaps_users: bool,
    /// True if it supports SELinux; only the machine knows if that enforces.
    pub selinux: bool,
    /// Connection, if it is not the default one of this machine: `remote (tcp://…)`, `context
    /// farm`.
    pub by: Option<String>,
}

/// Reason why an engine does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineUnavailable {
    /// Nothing listens at its address.
    NotRunning,
    /// The user may not use it.
    NoPermission,
    /// Any other failure.
    Broken,
}

impl EngineUnavailable {
    /// Classifies an engine's error message, by the messages of docker 20 to 28 and podman 4 and 5.
    pub fn of(words: &str) -> Self {
        let words = words.to_lowercase();
        let has = |needles: &[&str]| needles.iter().any(|needle| words.contains(needle));
        if has(&["permission denied"]) {
            Self::NoPermission
        } else if has(&[
            "cannot connect",
            "connection refused",
            "no such file or directory",
            "daemon running",
            "unable to connect",
        ]) {
            Self::NotRunning
        } else {
            Self::Broken
        }
    }

    /// Suggests a fix.
    pub fn workaround(self, program: &str) -> String {
        let program = program.rsplit('/').next().unwrap_or(program);
        match (self, program) {
            (Self::NotRunning, "podman") => {
                "podman's service is not running: unset `CONTAINER_HOST`, or start `podman system \
                 service`"
                    .to_owned()
            }
            (Self::NotRunning, _) => {
                format!(
                    "start {program}'s daemon (`systemctl start {program}`), or set \
                         `DOCKER_HOST` to the address of one"
                )
            }
            (Self::NoPermission, _) => {
                format!(
                    "allow your user to use {program}: `sudo usermod -aG {program} \"$USER\"`, \
                     then log in again; or use podman, which needs no such permission"
                )
            }
            (Self::Broken, _) => format!("check the output of `{program} info`"),
        }
    }
}

/// The JSON of `docker info` and `podman info`, as far as it is read.
#[derive(Deserialize)]
struct Info {
    #[serde(rename = "ServerVersion")]
    server_version: Option<String>,
    #[serde(rename = "SecurityOptions")]
    security_options: Option<Vec<String>>,
    #[serde(rename = "ServerErrors")]
    server_errors: Option<Vec<String>>,
    #[serde(rename = "ClientInfo")]
    client_info: Option<DockerClient>,
    host: Option<PodmanHost>,
    version: Option<PodmanVersion>,
}

/// docker's client.
#[derive(Deserialize)]
struct DockerClient {
    #[serde(rename = "Context")]
    context: Option<String>,
}

/// podman's description of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodmanHost {
    security: Option<PodmanSecurity>,
    service_is_remote: Option<bool>,
    remote_socket: Option<PodmanSocket>,
}

/// Address of a remote podman.
#[derive(Deserialize)]
struct PodmanSocket {
    path: String,
}

/// podman's privileges.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodmanSecurity {
    rootless: Option<bool>,
    selinux_enabled: Option<bool>,
}

/// podman's version.
#[derive(Deserialize)]
struct PodmanVersion {
    #[serde(rename = "Version")]
    version: String,
}

impl Engine {
    /// Parses `info --format '{{json .}}'`. podman's answer has a `host`, whatever the program is
    /// called. `docker_host` is the variable of that name, which overrides docker's contexts.
    /// `None` if no engine is behind the client.
    pub fn read(program: &str, info: &str, docker_host: Option<&str>) -> Option<Self> {
        let info: Info = serde_json::from_str(info).ok()?;
        if let Some(host) = info.host {
            let security = host.security.unwrap_or(PodmanSecurity {
                rootless: None,
                selinux_enabled: None,
            });
            let socket = host
                .remote_socket
                .filter(|_| host.service_is_remote == Some(true));
            return Some(Self {
                kind: EngineKind::Podman,
                program: program.to_owned(),
                version: info.version?.version,
                rootless: security.rootless.unwrap_or(false),
                remaps_users: false,
                selinux: security.selinux_enabled.unwrap_or(false),
                by: socket.map(|socket| format!("remote ({})", socket.path)),
            });
        }
        let options = info.security_options.unwrap_or_default();
        let has = |name: &str| {
            options
                .iter()
                .any(|option| option.split(',').any(|part| part == format!("name={name}")))
        };
        Some(Self {
            kind: EngineKind::Docker,
            program: program.to_owned(),
            version: info.server_version.filter(|version| !version.is_empty())?,
            rootless: has("rootless"),
            remaps_users: has("userns"),
            selinux: has("selinux"),
            by: match docker_host {
                Some(place) => Some(place)
                    .filter(|place| !place.starts_with("unix://"))
                    .map(|place| format!("remote ({place})")),
                None => {
                    let context = info.client_info.and_then(|client| client.context);
                    context
                        .filter(|context| context != "default")
                        .map(|context| format!("context {context}"))
                }
            },
        })
    }

    /// Formats `podman 4.3.1, rootless`.
    pub fn label(&self) -> String {
        let name = match self.kind {
            EngineKind::Docker => "docker",
            EngineKind::Podman => "podman",
        };
        let rootless = if self.rootless { ", rootless" } else { "" };
        let by = self
            .by
            .as_ref()
            .map(|by| format!(", {by}"))
            .unwrap_or_default();
        format!("{name} {}{rootless}{by}", self.version)
    }

    /// Returns a command of the engine without arguments.
    pub fn call(&self, cwd: &Utf8Path) -> Invocation {
        Invocation::new(&self.program, cwd)
    }
}

/// Returns the errors of an unreachable daemon. Debian's client still exits with 0 and puts them
/// into the JSON.
pub fn server_errors(info: &str) -> Option<String> {
    let info: Info = serde_json::from_str(info).ok()?;
    info.server_errors
        .filter(|errors| !errors.is_empty())
        .map(|errors| errors.join("; "))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[ENGINE_FAILED, IMAGE_UNAVAILABLE];

pub const ENGINE_FAILED: Code = code(&CodeInfo {
    name: "engine-failed",
    title: "the container engine failed",
    cause: "The engine could not start the container, or died while it ran: its output is above \
            the message.",
    detection: "Its client exited with 125, or reported an error instead of an answer.",
    fix: "Check the output of `docker info` or `podman info`, and run the printed command by hand.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});

pub const IMAGE_UNAVAILABLE: Code = code(&CodeInfo {
    name: "image-unavailable",
    title: "cannot pull the image",
    cause: "The registry does not answer, does not have the image or the digest, or denies \
            access: the engine's output is below the message.",
    detection: "`docker pull` or `podman pull` failed.",
    fix: "Log in (`docker login`), fix the reference, or pin another image: `cargo xpkg image \
          update`.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::reference::Reference;
    use crate::toolchain::image::container::{Container, ForwardedVar, Mount, PROXIES, ending};
    use crate::toolchain::image::inspected::Inspected;

    #[test]
    fn an_engine_says_what_it_is() {
        let by = |text: &str, place| {
            Engine::read("docker", text, place)
                .map(|engine| format!("{} {}", engine.label(), engine.selinux))
        };
        let read = |text: &str| by(text, None);
        assert_eq!(read(r#"{"ServerVersion":"","SecurityOptions":null}"#), None);
        assert_eq!(
            read(r#"{"ServerVersion":"20.10.24","SecurityOptions":["name=seccomp,profile=default","name=selinux","name=rootless"]}"#)
                .as_deref(),
            Some("docker 20.10.24, rootless true")
        );
        let remapped = r#"{"ServerVersion":"26","SecurityOptions":["name=userns"]}"#;
        assert!(Engine::read("docker", remapped, None).unwrap().remaps_users);
        let podman = r#"{"host":{"security":{"rootless":false,"selinuxEnabled":false},"serviceIsRemote":true},"version":{"Version":"4.3.1"}}"#;
        assert_eq!(read(podman).as_deref(), Some("podman 4.3.1 false"));
        let service = podman.replace("true}", r#"true,"remoteSocket":{"path":"unix:///s"}}"#);
        assert_eq!(
            read(&service).as_deref(),
            Some("podman 4.3.1, remote (unix:///s) false")
        );
        assert_eq!(
            read(&service.replace("true,", "false,")).as_deref(),
            Some("podman 4.3.1 false")
        );
        let docker = r#"{"ServerVersion":"28","ClientInfo":{"Context":"farm"}}"#;
        assert_eq!(
            read(docker).as_deref(),
            Some("docker 28, context farm false")
        );
        assert_eq!(
            read(&docker.replace("farm", "default")).as_deref(),
            Some("docker 28 false")
        );
        assert_eq!(
            by(docker, Some("unix:///s")).as_deref(),
            Some("docker 28 false")
        );
        assert_eq!(
            by(docker, Some("ssh://farm")).as_deref(),
            Some("docker 28, remote (ssh://farm) false")
        );
    }

    #[test]
    fn a_silent_engine_is_not_running_or_forbidden_or_broken() {
        let check = |words, expected| assert_eq!(EngineUnavailable::of(words), expected, "{words}");
        check(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker \
             daemon running?",
            EngineUnavailable::NotRunning,
        );
        check(
            "permission denied while trying to connect to the Docker daemon socket at \
             unix:///var/run/docker.sock",
            EngineUnavailable::NoPermission,
        );
        check(
            "error during connect: Get \"http://h:1/v1.24/info\": dial tcp: connect: connection \
             refused",
            EngineUnavailable::NotRunning,
        );
        check(
            "Error: runtime \"crun\" not found",
            EngineUnavailable::Broken,
        );
    }

    #[test]
    fn a_reference_is_read_or_refused() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let check = |text: &str, expected: &str| {
            let read = Reference::parse(text).map(|reference| {
                format!(
                    "{} | {}",
                    reference.by_tag(),
                    reference.by_digest("sha256:x")
                )
            });
            assert_eq!(
                read.unwrap_or_else(|problem| problem.code.name().to_owned()),
                expected,
                "{text}"
            );
        };
        check(
            "debian",
            "docker.io/library/debian:latest | docker.io/library/debian@sha256:x",
        );
        check(
            "127.0.0.1:5055/xpkg/gcc12:1",
            "127.0.0.1:5055/xpkg/gcc12:1 | 127.0.0.1:5055/xpkg/gcc12@sha256:x",
        );
        check(
            &format!("ghcr.io/a/b:1@{digest}"),
            &format!("ghcr.io/a/b@{digest} | ghcr.io/a/b@sha256:x"),
        );
        check("ghcr.io/A/b", "image-invalid");
        check("a b", "image-invalid");
        check("", "image-invalid");
        check("ghcr.io/a/b@sha256:12", "image-invalid");
    }

    #[test]
    fn an_image_is_read_as_both_engines_tell_of_it() {
        let docker = r#"[{"Id":"sha256:aa","RepoTags":["debian:12"],"RepoDigests":["debian@sha256:bb"],"Created":"2026-01-01T00:00:00Z","Config":{"Env":["PATH=/bin","A=b=c"]},"Architecture":"arm","Variant":"v7","Os":"linux"}]"#;
        let image = Inspected::read(docker).unwrap();
        assert_eq!(
            (
                image.platform().as_str(),
                image.digests_in("docker.io/library/debian")
            ),
            ("linux/arm/v7", vec!["sha256:bb"])
        );
        assert_eq!(image.variables["A"], "b=c");
        let podman = r#"[{"Id":"aa","RepoDigests":["127.0.0.1:5055/x@sha256:bb"],"Created":"2026-01-01T00:00:00Z","Config":{},"Architecture":"amd64","Os":"linux"}]"#;
        let image = Inspected::read(podman).unwrap();
        assert_eq!(
            (image.id.as_str(), image.digests_in("127.0.0.1:5055/x")),
            ("sha256:aa", vec!["sha256:bb"])
        );
        assert!(image.digests_in("x").is_empty());
        assert!(Inspected::read("[]").is_none());
    }

    fn container(label: bool) -> Container {
        let engine = Engine {
            kind: EngineKind::Docker,
            program: "docker".to_owned(),
            version: "28".to_owned(),
            rootless: false,
            remaps_users: false,
            selinux: label,
            by: None,
        };
        Container {
            engine,
            label,
            image: "x@sha256:aa".to_owned(),
            name: "xpkg-1".to_owned(),
            user: "1000:1000".to_owned(),
            mounts: vec![
                Mount::reading("/my work, all".into()),
                Mount::writing("/t".into()),
            ],
            variables: vec![
                ForwardedVar {
                    name: "A".to_owned(),
                    value: Some("b c".to_owned()),
                },
                ForwardedVar {
                    name: "SECRET".to_owned(),
                    value: None,
                },
            ],
            cwd: "/my work, all".into(),
        }
    }

    #[test]
    fn a_container_is_one_line() {
        let proxies = PROXIES
            .iter()
            .map(|name| format!("--env '{name}='"))
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(
            container(false)
                .run("cargo", ["build".to_owned()])
                .to_string()
                .replace(&proxies, "[PROXIES]"),
            "cd '/my work, all' && docker run --rm [PROXIES] --name xpkg-1 --network none --pull never --stop-timeout 0 --user 1000:1000 \
             --mount 'type=bind,\"source=/my work, all\",\"target=/my work, all\",readonly' --mount 'type=bind,source=/t,target=/t' \
             --env 'A=b c' --env SECRET --workdir '/my work, all' --entrypoint cargo x@sha256:aa build"
        );
        let mut remapped = container(false);
        remapped.engine.remaps_users = true;
        let remapped = remapped.run("cargo", []).to_string();
        assert!(
            remapped.contains(" --userns host --user 1000:1000 "),
            "{remapped}"
        );
        let labelled = container(true).run("cargo", []).to_string();
        assert!(
            labelled.contains("--volume '/my work, all:/my work, all:ro,z' --volume /t:/t:z"),
            "{labelled}"
        );
    }

    #[test]
    fn what_an_engine_ends_with_is_told_from_cargos_own() {
        let code = |code| ending(&container(false).engine, code).map(|problem| problem.code.name());
        assert_eq!(
            [1, 101, 125, 127, 137].map(code),
            [
                None,
                None,
                Some("engine-failed"),
                Some("image-unfit"),
                Some("container-killed")
            ]
        );
    }
}
