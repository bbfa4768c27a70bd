//! The command line that runs a program in an image.

use camino::{Utf8Path, Utf8PathBuf};

use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::image::engine::{ENGINE_FAILED, Engine, EngineKind};

/// A directory or file of this machine that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Path on this machine.
    pub from: Utf8PathBuf,
    /// Path in the container.
    pub at: Utf8PathBuf,
    /// True if the container may write to it.
    pub writable: bool,
}

impl Mount {
    /// Mounts a path at the same path, read-only.
    pub fn reading(path: &Utf8Path) -> Self {
        Self {
            from: path.to_owned(),
            at: path.to_owned(),
            writable: false,
        }
    }

    /// Mounts a path at the same path, writable.
    pub fn writing(path: &Utf8Path) -> Self {
        Self {
            writable: true,
            ..Self::reading(path)
        }
    }

    /// Returns the engine's arguments. If SELinux enforces, the files are relabeled for containers,
    /// which only `-v` supports.
    fn arguments(&self, label: bool) -> [String; 2] {
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

/// Quotes a field: the engines read `--mount` as a line of CSV.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A variable in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedVar {
    /// Name of the variable.
    pub name: String,
    /// Value; `None` forwards that of the engine's own environment, so that the command line does
    /// not show it.
    pub value: Option<String>,
}

/// Variables by which an engine's own configuration would reveal this machine's proxies and their
/// passwords.
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

/// A container for one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Engine that runs it.
    pub engine: Engine,
    /// True if SELinux enforces on this machine.
    pub label: bool,
    /// Image by digest or ID, never by tag.
    pub image: String,
    /// Name of the container.
    pub name: String,
    /// `uid:gid` in the container that means the caller: `0:0` for a rootless engine, whose root is
    /// the caller. The image's own user does not exist on this machine.
    pub user: String,
    /// Directories and files of this machine that it sees.
    pub mounts: Vec<Mount>,
    /// Variables in the container.
    pub variables: Vec<ForwardedVar>,
    /// Working directory, on this machine and in the container.
    pub cwd: Utf8PathBuf,
}

impl Container {
    /// Returns the command that runs a program, without network, without a pull, and with nothing
    /// left behind.
    pub fn run(&self, program: &str, args: impl IntoIterator<Item = String>) -> Invocation {
        self.started(&["--rm"], program, args)
    }

    /// Returns the command that starts a program in the background with its input open, for calls
    /// by [`Container::exec`].
    pub fn start(&self, program: &str, args: impl IntoIterator<Item = String>) -> Invocation {
        self.started(&["--rm", "--detach", "--interactive"], program, args)
    }

    /// Returns the command with these options of `run`.
    fn started(
        &self,
        how: &[&str],
        program: &str,
        args: impl IntoIterator<Item = String>,
    ) -> Invocation {
        // podman forwards the proxies of its own environment; those of docker's client
        // configuration are overridden by empty variables.
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
        ]);
        if self.engine.remaps_users {
            // Else the caller's user would be another one, who may not read the sources.
            call = call.args(["--userns", "host"]);
        }
        call = call.args(["--user", &self.user]);
        for mount in &self.mounts {
            call = call.args(mount.arguments(self.label));
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

    /// Returns the command prefix that runs a program in the started container.
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

    /// Returns the command that stops it in any state, and removes it with its volumes.
    pub fn end(&self) -> Invocation {
        self.engine
            .call(Utf8Path::new("/"))
            .args(["rm", "--force", "--volumes", &self.name])
    }
}

/// Returns the problem behind an exit code that is the container's and not its program's.
pub fn ending(engine: &Engine, code: i32) -> Option<Problem> {
    let problem = |code, message: String| Some(Problem::new(code, message));
    match code {
        125 => problem(
            ENGINE_FAILED,
            format!(
                "{} could not run the container; its output is above",
                engine.label()
            ),
        )
        .map(|problem| problem.help(format!("check if it answers: `{} info`", engine.program))),
        126 | 127 => problem(
            IMAGE_UNFIT,
            "the toolchain's `cargo` cannot be started in the image; the engine's output is above"
                .to_owned(),
        )
        .map(|problem| {
            problem.note(
                "cause",
                [
                    "Rust's own programs need glibc 2.17 or later, and a Linux for the host's \
                     processor"
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
    cause: "The image lacks `/bin/sh`, a C compiler that links for the target, or `cc` to link \
            build scripts, or Rust's own programs do not start in it.",
    detection: "A shell in the image searches for the compilers that the image's own environment \
                names, and for the known names.",
    fix: "Add what is missing with `pre-build`, or use another image.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});

pub const CONTAINER_KILLED: Code = code(&CodeInfo {
    name: "container-killed",
    title: "the container was killed from outside",
    cause: "A person, or the kernel for lack of memory, killed the container in which cargo ran.",
    detection: "It exited with 137 or 143, which cargo itself never does.",
    fix: "Build again, with fewer jobs (`-j 1`) if memory ran out.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});
