//! The line that runs a program in an image.

use camino::{Utf8Path, Utf8PathBuf};

use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::image::engine::{ENGINE_FAILED, Engine, EngineKind};

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
pub const PROXIES: &[&str] = &[
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
            ENGINE_FAILED,
            format!(
                "{} could not run the container; its own words \
            stand above",
                engine.words()
            ),
        )
        .map(|problem| problem.help(format!("see whether it answers: `{} info`", engine.program))),
        126 | 127 => problem(
            IMAGE_UNFIT,
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
            CONTAINER_KILLED,
            format!(
                "the container was killed from \
            outside (exit code {code})"
            ),
        )
        .map(|problem| problem.help("if memory ran out, try fewer jobs: `-j 1`")),
        _ => None,
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[IMAGE_UNFIT, CONTAINER_KILLED];

pub const IMAGE_UNFIT: Code = code(&CodeInfo {
    name: "image-unfit",
    title: "the image lacks what a build needs",
    cause: "There is no `/bin/sh` in the image, no C compiler that links for the target, no `cc` \
            to link build scripts, or Rust's own programs do not start in it.",
    detection: "A shell inside is asked for the compilers that the image's own environment \
                names, and for the known names.",
    fix: "Add what is missing by `pre-build`, or name another image.",
    source: "README, Cross images",
    waivable: false,
});

pub const CONTAINER_KILLED: Code = code(&CodeInfo {
    name: "container-killed",
    title: "the container was killed from outside",
    cause: "Somebody, or a lack of memory, killed the container in which cargo ran.",
    detection: "It ended with 137 or 143, which cargo never does by itself.",
    fix: "Build again; with fewer jobs (`-j 1`) where memory ran out.",
    source: "README, Cross images",
    waivable: false,
});
