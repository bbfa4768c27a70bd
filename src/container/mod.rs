//! Container engines, images and containers as values: what an engine says of itself and of an
//! image, how a reference is spelt, and the line that runs a program inside.
//!
//! Pure: `engine` asks and runs. What an engine says is given as its text.

pub mod inside;
pub mod recipe;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use oci_spec::distribution::Reference as Parsed;
use serde::{Deserialize, Serialize};

use crate::invocation::Invocation;
use crate::problem::{Code, Problem, Result};
use crate::target::Target;

/// The kinds of engines, in the order in which they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    Docker,
    Podman,
}

/// Programs that are looked for where XPKG_CONTAINER_ENGINE names none.
pub const ENGINES: &[&str] = &["docker", "podman"];

/// An engine that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub kind: EngineKind,
    /// As it is called.
    pub program: String,
    pub version: String,
    /// It runs as an ordinary user, and root inside is that user.
    pub rootless: bool,
    /// SELinux is its business; whether it enforces, the machine says.
    pub selinux: bool,
    /// By what way it is reached, where that is not this machine's usual one: `remote (tcp://…)`,
    /// `context farm`.
    pub by: Option<String>,
}

/// Why an engine does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineUnavailable {
    NotRunning,
    NoPermission,
    Broken,
}

impl EngineUnavailable {
    /// What an engine's last words mean. Words of docker 20 to 28 and podman 4 and 5.
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

    pub fn way_out(self, program: &str) -> String {
        let program = program.rsplit('/').next().unwrap_or(program);
        match (self, program) {
            (Self::NotRunning, "podman") => {
                "podman's service is not there: unset `CONTAINER_HOST`, or start `podman system \
                 service`"
                    .to_owned()
            }
            (Self::NotRunning, _) => {
                format!(
                    "start {program}'s daemon (`systemctl start {program}`), or set \
                         `DOCKER_HOST` to where one listens"
                )
            }
            (Self::NoPermission, _) => {
                format!(
                    "let yourself use {program}: `sudo usermod -aG {program} \"$USER\"`, then log \
                     in anew; or use podman, which needs no such right"
                )
            }
            (Self::Broken, _) => format!("see what `{program} info` says"),
        }
    }
}

/// What `docker info` and `podman info` print, as far as it is read.
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

#[derive(Deserialize)]
struct DockerClient {
    #[serde(rename = "Context")]
    context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodmanHost {
    security: Option<PodmanSecurity>,
    service_is_remote: Option<bool>,
    remote_socket: Option<PodmanSocket>,
}

#[derive(Deserialize)]
struct PodmanSocket {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodmanSecurity {
    rootless: Option<bool>,
    selinux_enabled: Option<bool>,
}

#[derive(Deserialize)]
struct PodmanVersion {
    #[serde(rename = "Version")]
    version: String,
}

impl Engine {
    /// Reads `info --format '{{json .}}'`: podman's answer has a `host`, whatever the program is
    /// called. `docker_host` is the variable of that name, which beats docker's contexts. `None`
    /// where no engine stands behind the client.
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

    /// `podman 4.3.1, rootless`.
    pub fn words(&self) -> String {
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

    pub fn call(&self, cwd: &Utf8Path) -> Invocation {
        Invocation::new(&self.program, cwd)
    }
}

/// What a client says of a daemon that does not answer: Debian's ends well all the same, and has
/// its words in the answer.
pub fn server_errors(info: &str) -> Option<String> {
    let info: Info = serde_json::from_str(info).ok()?;
    info.server_errors
        .filter(|errors| !errors.is_empty())
        .map(|errors| errors.join("; "))
}

/// An image as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// As it was written.
    pub written: String,
    /// With registry and repository, without tag and digest: `docker.io/library/debian`.
    pub name: String,
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: String| {
            Problem::new(
                Code::ImageInvalid,
                format!("`{text}` is no reference to an image: {why}"),
            )
            .help("write `registry/name:tag`, or `registry/name@sha256:…` with 64 hex digits")
        };
        let parsed = Parsed::try_from(text).map_err(|error| invalid(error.to_string()))?;
        let digest = parsed.digest().map(str::to_owned);
        if digest.as_ref().is_some_and(|digest| !is_digest(digest)) {
            return Err(invalid(
                "its digest is not `sha256:` and 64 hex digits".to_owned(),
            ));
        }
        Ok(Self {
            written: text.to_owned(),
            name: format!("{}/{}", parsed.registry(), parsed.repository()),
            tag: parsed.tag().map(str::to_owned),
            digest,
        })
    }

    /// What an engine is told where the tag counts. A reference with neither tag nor digest means
    /// `latest`.
    pub fn by_tag(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => self.by_digest(digest),
            (None, tag) => format!("{}:{}", self.name, tag.as_deref().unwrap_or("latest")),
        }
    }

    /// What an engine is told where only the content counts: without the tag, which podman refuses
    /// beside a digest.
    pub fn by_digest(&self, digest: &str) -> String {
        format!("{}@{digest}", self.name)
    }
}

/// `sha256:` and 64 lower-case hex digits.
pub fn is_digest(text: &str) -> bool {
    let hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}

/// What `image inspect` says, as far as it is read: docker's and podman's are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// `sha256:…` of its configuration: what a derived image is run by.
    pub id: String,
    /// Each with its repository: `name@sha256:…`.
    pub digests: Vec<String>,
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
    /// RFC 3339, of the image's own making.
    pub created: String,
    pub variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedText {
    id: String,
    repo_digests: Option<Vec<String>>,
    os: String,
    architecture: String,
    variant: Option<String>,
    created: Option<String>,
    config: Option<ConfigText>,
}

#[derive(Deserialize)]
struct ConfigText {
    #[serde(rename = "Env")]
    env: Option<Vec<String>>,
}

impl Inspected {
    /// Reads the JSON of `image inspect`, a list of one.
    pub fn read(text: &str) -> Option<Self> {
        let images: Vec<InspectedText> = serde_json::from_str(text).ok()?;
        let InspectedText {
            id,
            repo_digests,
            os,
            architecture,
            variant,
            created,
            config,
        } = images.into_iter().next()?;
        let variables = config.and_then(|config| config.env).unwrap_or_default();
        Some(Self {
            id: if id.starts_with("sha256:") {
                id
            } else {
                format!("sha256:{id}")
            },
            digests: repo_digests.unwrap_or_default(),
            os,
            architecture,
            variant: variant.filter(|variant| !variant.is_empty()),
            created: created.unwrap_or_default(),
            variables: variables
                .iter()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    pub fn platform(&self) -> String {
        let variant = self
            .variant
            .as_ref()
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }

    /// The digests under which this repository may know it: those of older tags among them, and
    /// with podman those of other repositories.
    pub fn digests_in(&self, name: &str) -> Vec<&str> {
        let parts = self
            .digests
            .iter()
            .filter_map(|entry| entry.rsplit_once('@'));
        parts
            .filter(|(repository, _)| same_repository(repository, name))
            .map(|(_, digest)| digest)
            .collect()
    }

    /// Whether this repository knows it under the digest.
    pub fn has_digest(&self, digest: &str) -> bool {
        self.digests
            .iter()
            .any(|entry| entry.ends_with(&format!("@{digest}")))
    }

    /// Whether its programs run on the host of this triple.
    pub fn runs_on(&self, host: &Target) -> bool {
        self.os == "linux" && self.architecture == host.arch.oci
    }
}

/// docker leaves out `docker.io/library/`.
fn same_repository(said: &str, name: &str) -> bool {
    let short = name.strip_prefix("docker.io/").unwrap_or(name);
    said == name || said == short || Some(said) == short.strip_prefix("library/")
}

/// A directory or file of this machine that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub from: Utf8PathBuf,
    pub at: Utf8PathBuf,
    pub writable: bool,
}

impl Mount {
    /// At its own path, to be read.
    pub fn reading(path: &Utf8Path) -> Self {
        Self {
            from: path.to_owned(),
            at: path.to_owned(),
            writable: false,
        }
    }

    /// At its own path, to be written.
    pub fn writing(path: &Utf8Path) -> Self {
        Self {
            writable: true,
            ..Self::reading(path)
        }
    }

    /// As the engines take it. Where SELinux enforces, the files get a label that containers may
    /// use, which only `-v` can say.
    fn words(&self, label: bool) -> [String; 2] {
        if label {
            let mode = if self.writable { "z" } else { "ro,z" };
            return [
                "--volume".to_owned(),
                format!("{}:{}:{mode}", self.from, self.at),
            ];
        }
        let mode = if self.writable { "" } else { ",readonly" };
        let field = |name: &str, path: &Utf8Path| csv_field(&format!("{name}={path}"));
        [
            "--mount".to_owned(),
            format!(
                "type=bind,{},{}{mode}",
                field("source", &self.from),
                field("target", &self.at)
            ),
        ]
    }
}

/// A field of what the engines read as a line of CSV.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A variable inside: with a value, or with that of the engine's own environment, which no line
/// shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedVar {
    pub name: String,
    pub value: Option<String>,
}

/// Variables with which an engine's own configuration would tell of this machine's proxies, and
/// their passwords.
const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// A container of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub engine: Engine,
    /// SELinux enforces here.
    pub label: bool,
    /// What the engine is told to run: by digest or by ID, never by tag.
    pub image: String,
    pub name: String,
    /// `uid:gid` inside: the caller, be it that root inside is the caller. An image's own user is a
    /// stranger here.
    pub user: String,
    pub mounts: Vec<Mount>,
    pub variables: Vec<ForwardedVar>,
    pub cwd: Utf8PathBuf,
}

impl Container {
    /// The line that runs a program: no network, nothing left behind, nothing fetched.
    pub fn run(&self, program: &str, args: impl IntoIterator<Item = String>) -> Invocation {
        self.started(&["--rm"], program, args)
    }

    /// The same, kept in the background with its input open, to be asked by [`Container::exec`].
    pub fn start(&self, program: &str, args: impl IntoIterator<Item = String>) -> Invocation {
        self.started(&["--rm", "--detach", "--interactive"], program, args)
    }

    fn started(
        &self,
        how: &[&str],
        program: &str,
        args: impl IntoIterator<Item = String>,
    ) -> Invocation {
        // podman hands on the proxies of its own environment; what docker's client is configured
        // with, variables must beat.
        let podman = self.engine.kind == EngineKind::Podman;
        let mut call = self
            .engine
            .call(&self.cwd)
            .arg("run")
            .args(how.iter().copied())
            .flag("--http-proxy=false", podman);
        for name in PROXIES
            .iter()
            .filter(|name| !podman && !self.variables.iter().any(|passed| passed.name == **name))
        {
            call = call.arg("--env").arg(format!("{name}="));
        }
        call = call.args([
            "--name",
            &self.name,
            "--network",
            "none",
            "--pull",
            "never",
            "--stop-timeout",
            "0",
            "--user",
            &self.user,
        ]);
        for mount in &self.mounts {
            call = call.args(mount.words(self.label));
        }
        for ForwardedVar { name, value } in &self.variables {
            call = call.arg("--env").arg(
                value
                    .as_ref()
                    .map_or_else(|| name.clone(), |value| format!("{name}={value}")),
            );
        }
        call.args([
            "--workdir",
            self.cwd.as_str(),
            "--entrypoint",
            program,
            &self.image,
        ])
        .args(args)
    }

    /// The words that run a program in it once it is started.
    pub fn exec(&self, directory: Option<&str>) -> Vec<String> {
        let directory = directory
            .map(|directory| vec!["--workdir".to_owned(), directory.to_owned()])
            .unwrap_or_default();
        [self.engine.program.clone(), "exec".to_owned()]
            .into_iter()
            .chain(directory)
            .chain([self.name.clone()])
            .collect()
    }

    /// The line that ends it, whatever it does, and leaves nothing of it.
    pub fn end(&self) -> Invocation {
        self.engine
            .call(Utf8Path::new("/"))
            .args(["rm", "--force", "--volumes", &self.name])
    }
}

/// What a container's exit code says where it is not its program's own.
pub fn ending(engine: &Engine, code: i32) -> Option<Problem> {
    let problem = |code, message: String| Some(Problem::new(code, message));
    match code {
        125 => problem(
            Code::EngineFailed,
            format!(
                "{} could not run the container; its own words \
            stand above",
                engine.words()
            ),
        )
        .map(|problem| problem.help(format!("see whether it answers: `{} info`", engine.program))),
        126 | 127 => problem(
            Code::ImageUnfit,
            "the toolchain's `cargo` cannot be started in the image; the engine's own words stand \
             above"
                .to_owned(),
        )
        .map(|problem| {
            problem.note(
                "cause",
                [
                    "Rust's own programs need glibc 2.17 or later, in a Linux of \
                                    the host's processor"
                        .to_owned(),
                ],
            )
        }),
        137 | 143 => problem(
            Code::ContainerKilled,
            format!(
                "the container was killed from \
            outside (exit code {code})"
            ),
        )
        .map(|problem| problem.help("if memory ran out, try fewer jobs: `-j 1`")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_says_what_it_is() {
        let by = |text: &str, place| {
            Engine::read("docker", text, place)
                .map(|engine| format!("{} {}", engine.words(), engine.selinux))
        };
        let read = |text: &str| by(text, None);
        assert_eq!(read(r#"{"ServerVersion":"","SecurityOptions":null}"#), None);
        assert_eq!(
            read(r#"{"ServerVersion":"20.10.24","SecurityOptions":["name=seccomp,profile=default","name=selinux","name=rootless"]}"#)
                .as_deref(),
            Some("docker 20.10.24, rootless true")
        );
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
        let labelled = container(true).run("cargo", []).to_string();
        assert!(
            labelled.contains("--volume '/my work, all:/my work, all:ro,z' --volume /t:/t:z"),
            "{labelled}"
        );
    }

    #[test]
    fn what_an_engine_ends_with_is_told_from_cargos_own() {
        let told = |code| ending(&container(false).engine, code).map(|problem| problem.code.name());
        assert_eq!(
            [1, 101, 125, 127, 137].map(told),
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
