//! Calls container engines: detects them, pulls, inspects and builds images, and runs programs in
//! containers. Command lines of containers are made in [`crate::toolchain::image::container`],
//! answers are parsed in [`crate::toolchain::image::engine`].

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::FILE_ACCESS;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::{self, Invocation};
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::cross_toml;
use crate::project::reference::Reference;
use crate::toolchain::image::container::{Container, IMAGE_UNFIT, Mount};
use crate::toolchain::image::engine::{
    self, ENGINE_FAILED, ENGINES, Engine, EngineKind, EngineUnavailable, IMAGE_UNAVAILABLE,
};
use crate::toolchain::image::inspected::Inspected;

/// Time limit of a query to an engine.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// Time without output after which a pull is stopped.
const SILENCE: Duration = Duration::from_secs(300);

/// Repository of derived images; they are on this machine only.
pub const DERIVED: &str = "localhost/cargo-xpkg/derived";

/// Variables that name the engine, in order of precedence: xpkg's and cross's.
pub const NAMING: &[&str] = &["XPKG_CONTAINER_ENGINE", cross_toml::variables::ENGINE];

/// Returns the engine that the user names, with the variable.
pub fn named(host: &Host) -> Option<(&'static str, &str)> {
    NAMING
        .iter()
        .find_map(|variable| Some((*variable, host.var(variable)?)))
}

/// Returns the engine that a variable names; without one, docker or podman, the first that answers.
///
/// # Errors
/// [`NO_ENGINE`] if none answers, with the reason of each.
pub fn detect(host: &Host) -> Result<Engine> {
    let named = named(host);
    let programs = searched(host);
    let (mut tried, mut helps) = (Vec::new(), Vec::new());
    for program in programs {
        if host.find(program).is_none() {
            tried.push(format!("{program}: it is not on PATH"));
            continue;
        }
        match ask(host, program) {
            Ok(engine) => return Ok(engine),
            Err((silence, words)) => {
                tried.push(format!("{program}: {words}"));
                helps.push(silence.workaround(program));
            }
        }
    }
    let or = if helps.is_empty() { "" } else { "or " };
    helps.push(match named {
        Some((variable, _)) => {
            format!("{or}unset `{variable}` to use the first of docker and podman that answers")
        }
        None => "install one: `apt-get install podman`".to_owned(),
    });
    let message = match named {
        Some((variable, named)) => {
            format!("the container engine `{named}`, which `{variable}` names, does not answer")
        }
        None => "no container engine answers".to_owned(),
    };
    Err(helps.into_iter().fold(
        Problem::new(NO_ENGINE, message).note("tried", tried),
        Problem::help,
    ))
}

/// Returns the programs that are searched for.
fn searched(host: &Host) -> Vec<&str> {
    named(host).map_or_else(|| ENGINES.to_vec(), |(_, named)| vec![named])
}

/// Returns true if a program is one of those that are searched for, and on PATH.
pub fn is_searched(host: &Host, program: &str) -> bool {
    searched(host).contains(&program) && host.find(program).is_some()
}

/// Queries a client about its engine. The error is the kind of failure and its text.
fn ask(host: &Host, program: &str) -> Result<Engine, (EngineUnavailable, String)> {
    let question = Invocation::new(program, host.cwd()).args(["info", "--format", "{{json .}}"]);
    let output = host
        .capture_bounded(&question, LIMIT)
        .map_err(|problem| (EngineUnavailable::Broken, problem.message))?;
    if output.timed_out {
        return Err((
            EngineUnavailable::Broken,
            format!("it did not answer within {} s", LIMIT.as_secs()),
        ));
    }
    let silent = engine::server_errors(&output.stdout);
    if let Some(engine) = Engine::read(
        program,
        &output.stdout,
        host.var("DOCKER_HOST").filter(|place| !place.is_empty()),
    )
    .filter(|_| silent.is_none())
    {
        return Ok(engine);
    }
    let words = silent.unwrap_or_else(|| last_line(&output.stderr));
    Err((EngineUnavailable::of(&words), words))
}

/// Returns true if a known engine still answers.
pub fn answers(host: &Host, engine: &Engine) -> bool {
    let question = engine.call(host.cwd()).args([
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        "xpkg/is-there-anybody",
    ]);
    host.capture_bounded(&question, LIMIT)
        .is_ok_and(|output| !output.timed_out && is_absent(&output.stderr))
}

/// Returns true if an engine's error says that it does not have the image.
fn is_absent(words: &str) -> bool {
    let words = words.to_lowercase();
    ["no such image", "image not known", "no such object"]
        .iter()
        .any(|needle| words.contains(needle))
}

/// Returns the last line of a client's error output, which names the error.
fn last_line(stderr: &str) -> String {
    let last = stderr
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.starts_with("See '") && !line.starts_with("Run '"));
    last.map_or_else(
        || "it says nothing".to_owned(),
        |line| {
            line.trim_start_matches("Error: ")
                .chars()
                .take(300)
                .collect()
        },
    )
}

/// Returns true if SELinux denies containers access to this machine's files.
pub fn enforces(host: &Host, engine: &Engine) -> bool {
    engine.selinux
        && host
            .read_text(Utf8Path::new("/sys/fs/selinux/enforce"))
            .is_ok_and(|text| text.trim() == "1")
}

/// Inspects an image; `None` if it is not on this machine.
pub fn inspect(host: &Host, engine: &Engine, image: &str) -> Result<Option<Inspected>> {
    let question = engine.call(host.cwd()).args(["image", "inspect", image]);
    let output = host.capture_bounded(&question, LIMIT)?;
    if output.success() {
        return match Inspected::read(&output.stdout) {
            Some(inspected) => Ok(Some(inspected)),
            None => Err(failed(
                engine,
                &question,
                "gives no usable answer about the image",
                &output.stderr,
            )),
        };
    }
    if is_absent(&output.stderr) {
        return Ok(None);
    }
    Err(failed(
        engine,
        &question,
        if output.timed_out {
            "did not answer"
        } else {
            "could not inspect the image"
        },
        &output.stderr,
    ))
}

/// Returns the problem of a call that failed, with its command line.
fn failed(engine: &Engine, question: &Invocation, what: &str, stderr: &str) -> Problem {
    Problem::new(ENGINE_FAILED, format!("{} {what}", engine.label()))
        .note("command", [question.to_string()])
        .cause(&last_line(stderr))
}

/// Pulls an image, with the engine's progress on stderr. Returns the digest if the engine prints
/// it: docker does, podman does not.
///
/// # Errors
/// [`IMAGE_UNAVAILABLE`] if the registry does not deliver the image.
pub fn pull(host: &Host, engine: &Engine, image: &str) -> Result<Option<String>> {
    let call = engine.call(host.cwd()).args(["pull", image]);
    let output = host.capture_unless_silent(&call, SILENCE, |line| host.shell.pass_on(line))?;
    if output.success() {
        let digest = output
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Digest: "));
        return Ok(digest.map(|digest| digest.trim().to_owned()));
    }
    let words = if output.timed_out {
        format!("no output for {} s", SILENCE.as_secs())
    } else {
        last_line(&output.stderr)
    };
    let lower = words.to_lowercase();
    let has = |needles: &[&str]| needles.iter().any(|needle| lower.contains(needle));
    let problem = Problem::new(
        IMAGE_UNAVAILABLE,
        format!("cannot pull the image `{image}`"),
    )
    .cause(&words);
    Err(if has(&["manifest unknown", "not found", "name unknown"]) {
        problem.help(
            "the registry does not have it (any more): correct the reference, or pin \
                      another: `cargo xpkg image update`",
        )
    } else if has(&["unauthorized", "denied", "authentication"]) {
        problem.help(format!(
            "log in to its registry: `{} login`",
            engine.program
        ))
    } else if has(NO_SPACE) {
        problem.help(free_space(engine))
    } else {
        problem.help("see whether the registry answers, and try again")
    })
}

/// Text of an engine whose disk is full.
const NO_SPACE: &[&str] = &["no space left on device"];

/// Returns the help for an engine whose disk is full.
pub fn free_space(engine: &Engine) -> String {
    format!(
        "if the engine's disk is full, remove what it does not use: `{} system prune`",
        engine.program
    )
}

/// Returns the problem of a pull that failed, with help for an image that was only built on this
/// machine, if the engine has one of this name.
pub fn built_here(host: &Host, engine: &Engine, image: &str, problem: Problem) -> Problem {
    if !inspect(host, engine, image).is_ok_and(|image| image.is_some()) {
        return problem;
    }
    let help = vec![
        format!(
            "if it was built on this machine, push it to a registry and name it there: `{} push \
             {image} REGISTRY/NAME:TAG`",
            engine.program
        ),
        "or let xpkg build it: `dockerfile = \"PATH\"` without `image`".to_owned(),
    ];
    Problem {
        help: help.into_iter().chain(problem.help).collect(),
        ..problem
    }
}

/// Returns the manifest of an image in its registry, to compare with another's; engines print it in
/// different forms.
pub fn manifest(
    host: &Host,
    engine: &Engine,
    reference: &Reference,
    image: &str,
) -> Result<String, String> {
    // Registries of this machine speak HTTP. docker's daemon accepts that, its client only with a
    // flag.
    let local = ["127.", "localhost"]
        .iter()
        .any(|prefix| reference.name.starts_with(prefix));
    let insecure = local && engine.kind == EngineKind::Docker;
    let question = engine
        .call(host.cwd())
        .args(["manifest", "inspect"])
        .flag("--insecure", insecure)
        .arg(image);
    let output = host
        .capture_bounded(&question, LIMIT)
        .map_err(|problem| problem.message)?;
    if output.success() {
        return Ok(output.stdout);
    }
    // podman 4 rejects a manifest of a single platform, and prints it only in that error.
    match output.stderr.split_once("parsing manifest blob ") {
        Some((_, blob)) => Ok(blob.to_owned()),
        None => Err(last_line(&output.stderr)),
    }
}

/// Removes the tag of an image, and the image if it has no other. Returns true if it did.
pub fn remove(host: &Host, program: &str, tag: &str) -> bool {
    // What it was built upon stays: podman would remove an image that is known by digest alone.
    let call = Invocation::new(program, host.cwd()).args(["image", "rm", "--no-prune", tag]);
    host.capture_bounded(&call, LIMIT)
        .is_ok_and(|output| output.success())
}

/// Returns true if a container of this name exists.
pub fn exists(host: &Host, container: &Container) -> bool {
    let question = container.engine.call(host.cwd()).args([
        "container",
        "inspect",
        "--format",
        "{{.Id}}",
        &container.name,
    ]);
    host.capture_bounded(&question, LIMIT)
        .is_ok_and(|output| output.success())
}

/// A running container that executes queries; it is removed when dropped.
pub struct Session<'a> {
    host: &'a Host,
    container: Container,
    /// Directory with the same path on this machine and in the container.
    scratch: tempfile::TempDir,
    /// Directory of this machine alone, for programs that it starts.
    programs: tempfile::TempDir,
}

impl<'a> Session<'a> {
    /// Starts a container. A shared temporary directory is added to its mounts, and our process ID
    /// to its name.
    ///
    /// # Errors
    /// [`IMAGE_UNFIT`] if the image has no shell, [`ENGINE_BLIND`] if the engine does not see the
    /// mounts, else [`ENGINE_FAILED`].
    pub fn start(host: &'a Host, container: Container) -> Result<Self> {
        let scratch = host.scratch()?;
        let directory = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).map_err(|path| {
            Problem::new(
                FILE_ACCESS,
                format!("the temporary directory `{}` is not UTF-8", path.display()),
            )
        })?;
        let mut container = Container {
            name: format!("{}-{}", container.name, std::process::id()),
            cwd: directory.clone(),
            ..container
        };
        container.mounts.push(Mount::writing(&directory));
        // An image without `sleep` waits for input that nobody closes; with it, a container that
        // is left behind ends after five minutes.
        let wait = "sleep 300 || read line".to_owned();
        let session = Self {
            host,
            container,
            scratch,
            programs: host.scratch()?,
        };
        let call = session.container.start("/bin/sh", ["-c".to_owned(), wait]);
        let output = host.capture_bounded(&call, LIMIT * 3)?;
        if output.success() {
            return Ok(session);
        }
        let words = last_line(&output.stderr);
        let missing_mount = [
            "bind source path does not exist",
            "statfs",
            "no such file or directory\": mount",
        ];
        let (engine, image) = (&session.container.engine, &session.container.image);
        // The exit code is not enough: a runtime that rejects every container also exits with
        // podman's 126.
        let lacks = ["no such file", "not found", "permission denied"]
            .iter()
            .any(|needle| words.to_lowercase().contains(needle));
        Err(
            if matches!(output.code, Some(126 | 127)) && lacks && words.contains("/bin/sh") {
                Problem::new(IMAGE_UNFIT, format!("the image `{image}` has no `/bin/sh`"))
                    .cause(&words)
                    .help("name an image with a shell: build scripts and `pre-build` call it")
            } else if missing_mount.iter().any(|needle| words.contains(needle)) {
                blind(engine, &words)
            } else {
                failed(engine, &call, "could not run the container", &output.stderr).help(format!(
                    "see whether it runs the image at all: `{} run --rm {image} true`",
                    engine.program
                ))
            },
        )
    }

    /// Returns the directory that this machine and the container share.
    pub fn directory(&self) -> &Utf8Path {
        Utf8Path::from_path(self.scratch.path()).unwrap_or(Utf8Path::new("/tmp"))
    }

    /// Runs a program in the container and captures its output.
    pub fn ask(&self, program: &str, args: impl IntoIterator<Item = String>) -> Result<Output> {
        let words = self.container.exec(None);
        let call = Invocation::new(&words[0], self.directory())
            .args(words[1..].iter().cloned())
            .arg(program)
            .args(args);
        self.host.capture_bounded(&call, LIMIT * 3)
    }

    /// Writes a wrapper script for a program of the container. It has the program's name and runs it
    /// in the directory that the script is called from. This machine starts it, so the container
    /// must not see it, let alone write to it.
    pub fn wrapper(&self, number: usize, program: &str) -> Result<Utf8PathBuf> {
        let name = program.rsplit('/').next().unwrap_or(program);
        let directory = Utf8Path::from_path(self.programs.path())
            .unwrap_or(Utf8Path::new("/tmp"))
            .join(format!("wrapper-{number}"));
        self.host.create_dir_all(&directory)?;
        let path = directory.join(name);
        let mut words = self.container.exec(Some("$PWD"));
        if let Some(path) = self.host.find(&words[0]) {
            words[0] = path.into_string();
        }
        let quoted = words.iter().map(|word| {
            if word == "$PWD" {
                "\"$PWD\"".to_owned()
            } else {
                invocation::quote(word)
            }
        });
        let line = quoted
            .chain([invocation::quote(program)])
            .collect::<Vec<_>>()
            .join(" ");
        self.host
            .write_program(&path, format!("#!/bin/sh\nexec {line} \"$@\"\n").as_bytes())?;
        Ok(path)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.host.end(&self.container.end());
    }
}

/// Returns the problem of a container that ended before it answered.
pub fn cut_short(engine: &Engine, image: &str, stderr: &str) -> Problem {
    Problem::new(
        ENGINE_FAILED,
        format!("the container of `{image}` ended before it answered"),
    )
    .cause(&last_line(stderr))
    .help(format!(
        "see whether it answers, and try again: `{} info`",
        engine.program
    ))
}

/// Returns the problem of an engine that mounts other files than this machine's.
pub fn blind(engine: &Engine, words: &str) -> Problem {
    Problem::new(
        ENGINE_BLIND,
        format!("{} does not see this machine's files", engine.label()),
    )
    .cause(words)
    .help(
        "use an engine of this machine: unset `DOCKER_HOST` and `CONTAINER_HOST`, `docker \
               context use default`, or install podman",
    )
    .help(
        "or share the temporary directory, the workspace, CARGO_HOME and the toolchain with \
               it under the same paths",
    )
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[NO_ENGINE, ENGINE_BLIND];

pub const NO_ENGINE: Code = code(&CodeInfo {
    name: "no-engine",
    title: "no container engine answers",
    cause: "A target needs an image, and neither docker nor podman is installed, running and \
            accessible.",
    detection: "`docker info`, then `podman info`, or only the one that `XPKG_CONTAINER_ENGINE` \
                or `CROSS_CONTAINER_ENGINE` names. The message distinguishes missing, not running and forbidden.",
    fix: "Follow the line of the message for the engine that you want. xpkg does not fall back \
          to a linker of this machine.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});

pub const ENGINE_BLIND: Code = code(&CodeInfo {
    name: "engine-blind",
    title: "the container engine does not see this machine's files",
    cause: "Sources and toolchain are mounted in the container. An engine on another machine, \
            or outside of the container that xpkg runs in, mounts its own directories at those \
            paths.",
    detection: "A file with a random name is written here and looked for inside; so is the \
                toolchain's `rustc`.",
    fix: "Use an engine of this machine (unset `DOCKER_HOST`, or podman), or share the \
          directories that the message names with it under the same paths.",
    page: "cross-images",
    sources: &["cross-rs/cross#273"],
    waivable: false,
});
