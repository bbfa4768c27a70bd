//! Asks container engines, fetches and builds images, and runs what is to be asked inside. What is
//! asked and what an answer means is decided in `container`.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::FILE_ACCESS;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::{self, Invocation};
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::reference::Reference;
use crate::toolchain::image::container::{Container, IMAGE_UNFIT, Mount};
use crate::toolchain::image::engine::{
    self, ENGINE_FAILED, ENGINES, Engine, EngineKind, EngineUnavailable, IMAGE_UNAVAILABLE,
};
use crate::toolchain::image::inspected::Inspected;

/// How long an engine may take to say what it is, or what it has.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a registry may say nothing while an image comes.
const SILENCE: Duration = Duration::from_secs(300);

/// The repository, on this machine alone, of images that were built upon others.
pub const DERIVED: &str = "localhost/cargo-xpkg/derived";

/// The engine that XPKG_CONTAINER_ENGINE names, else docker, else podman: the first that answers.
pub fn detect(host: &Host) -> Result<Engine> {
    let named = host.var("XPKG_CONTAINER_ENGINE");
    let programs: Vec<&str> = named.map_or_else(|| ENGINES.to_vec(), |named| vec![named]);
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
                helps.push(silence.way_out(program));
            }
        }
    }
    let or = if helps.is_empty() { "" } else { "or " };
    helps.push(match named {
        Some(_) => format!(
            "{or}unset `XPKG_CONTAINER_ENGINE`, and the first of docker and podman \
                            that answers is taken"
        ),
        None => "install one: `apt-get install podman`".to_owned(),
    });
    let message = match named {
        Some(named) => format!(
            "the container engine `{named}`, which `XPKG_CONTAINER_ENGINE` names, does not answer"
        ),
        None => "no container engine answers".to_owned(),
    };
    Err(helps.into_iter().fold(
        Problem::new(NO_ENGINE, message).note("tried", tried),
        Problem::help,
    ))
}

fn ask(host: &Host, program: &str) -> Result<Engine, (EngineUnavailable, String)> {
    let question = Invocation::new(program, host.cwd()).args(["info", "--format", "{{json .}}"]);
    let said = host
        .capture_bounded(&question, LIMIT)
        .map_err(|problem| (EngineUnavailable::Broken, problem.message))?;
    if said.timed_out {
        return Err((
            EngineUnavailable::Broken,
            format!("it did not answer within {} s", LIMIT.as_secs()),
        ));
    }
    let silent = engine::server_errors(&said.stdout);
    if let Some(engine) = Engine::read(
        program,
        &said.stdout,
        host.var("DOCKER_HOST").filter(|place| !place.is_empty()),
    )
    .filter(|_| silent.is_none())
    {
        return Ok(engine);
    }
    let words = silent.unwrap_or_else(|| words(&said.stderr));
    Err((EngineUnavailable::of(&words), words))
}

/// Whether an engine that is known still answers.
pub fn answers(host: &Host, engine: &Engine) -> bool {
    let question = engine.call(host.cwd()).args([
        "image",
        "inspect",
        "--format",
        "{{.Id}}",
        "xpkg/is-there-anybody",
    ]);
    host.capture_bounded(&question, LIMIT)
        .is_ok_and(|said| !said.timed_out && is_absent(&said.stderr))
}

fn is_absent(words: &str) -> bool {
    let words = words.to_lowercase();
    ["no such image", "image not known", "no such object"]
        .iter()
        .any(|needle| words.contains(needle))
}

/// The last words of an engine's client, where what went wrong stands.
fn words(stderr: &str) -> String {
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

/// Whether SELinux keeps containers from this machine's files.
pub fn enforces(host: &Host, engine: &Engine) -> bool {
    engine.selinux
        && host
            .read_text(Utf8Path::new("/sys/fs/selinux/enforce"))
            .is_ok_and(|text| text.trim() == "1")
}

/// What an image of this name is; `None`: it is not on this machine.
pub fn inspect(host: &Host, engine: &Engine, image: &str) -> Result<Option<Inspected>> {
    let question = engine.call(host.cwd()).args(["image", "inspect", image]);
    let said = host.capture_bounded(&question, LIMIT)?;
    if said.success() {
        return match Inspected::read(&said.stdout) {
            Some(inspected) => Ok(Some(inspected)),
            None => Err(failed(
                engine,
                &question,
                "says nothing of use about the image",
                &said.stderr,
            )),
        };
    }
    if is_absent(&said.stderr) {
        return Ok(None);
    }
    Err(failed(
        engine,
        &question,
        if said.timed_out {
            "did not answer"
        } else {
            "could not be asked for the image"
        },
        &said.stderr,
    ))
}

fn failed(engine: &Engine, question: &Invocation, what: &str, stderr: &str) -> Problem {
    Problem::new(ENGINE_FAILED, format!("{} {what}", engine.words()))
        .note("command", [question.to_string()])
        .cause(&words(stderr))
}

/// Pulls an image, with the engine's progress on stderr. Returns the digest where the engine prints
/// it, as docker does.
pub fn pull(host: &Host, engine: &Engine, image: &str) -> Result<Option<String>> {
    let call = engine.call(host.cwd()).args(["pull", image]);
    let said = host.capture_unless_silent(&call, SILENCE, |line| host.shell.pass_on(line))?;
    if said.success() {
        let digest = said
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Digest: "));
        return Ok(digest.map(|digest| digest.trim().to_owned()));
    }
    let words = if said.timed_out {
        format!("nothing came for {} s", SILENCE.as_secs())
    } else {
        words(&said.stderr)
    };
    let lower = words.to_lowercase();
    let has = |needles: &[&str]| needles.iter().any(|needle| lower.contains(needle));
    let problem = Problem::new(
        IMAGE_UNAVAILABLE,
        format!("the image `{image}` cannot be had"),
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
    } else {
        problem.help("see whether the registry answers, and try again")
    })
}

/// The manifest of an image as its registry has it, not to be read: only to be held against
/// another's.
pub fn manifest(
    host: &Host,
    engine: &Engine,
    reference: &Reference,
    image: &str,
) -> Result<String, String> {
    // Registries of this machine speak HTTP; docker itself takes them for secure, its client does
    // not.
    let local = ["127.", "localhost"]
        .iter()
        .any(|own| reference.name.starts_with(own));
    let insecure = local && engine.kind == EngineKind::Docker;
    let question = engine
        .call(host.cwd())
        .args(["manifest", "inspect"])
        .flag("--insecure", insecure)
        .arg(image);
    let said = host
        .capture_bounded(&question, LIMIT)
        .map_err(|problem| problem.message)?;
    if said.success() {
        return Ok(said.stdout);
    }
    // podman 4 shows a manifest of one platform only in the words by which it refuses it.
    match said.stderr.split_once("parsing manifest blob ") {
        Some((_, blob)) => Ok(blob.to_owned()),
        None => Err(words(&said.stderr)),
    }
}

/// Builds an image upon another, with a network. The engine talks to the user while it does.
pub fn build(host: &Host, engine: &Engine, call: &Invocation) -> Result<()> {
    match host.stream(call, None, |line| host.shell.pass_on(line))? {
        Some(0) => Ok(()),
        _ => Err(Problem::new(
            IMAGE_BUILD,
            format!(
                "{} cannot build the image; its own words stand above",
                engine.words()
            ),
        )
        .note("command", [call.to_string()])
        .help("mend the command that failed, in `pre-build` or the `dockerfile`")),
    }
}

/// Whether a container of this name is there.
pub fn is_there(host: &Host, container: &Container) -> bool {
    let question = container.engine.call(host.cwd()).args([
        "container",
        "inspect",
        "--format",
        "{{.Id}}",
        &container.name,
    ]);
    host.capture_bounded(&question, LIMIT)
        .is_ok_and(|said| said.success())
}

/// A container that waits to be asked; dropped, nothing of it is left.
pub struct Session<'a> {
    host: &'a Host,
    container: Container,
    /// A directory that stands at the same path here and inside.
    scratch: tempfile::TempDir,
}

impl<'a> Session<'a> {
    /// Starts a container whose mounts hold all but the directory that it shares with us, and whose
    /// name is given its own ending.
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
        // The input that nobody closes keeps it; `sleep`, where there is one, keeps it no longer
        // than it can be of use.
        let wait = "sleep 300 || read line".to_owned();
        let session = Self {
            host,
            container,
            scratch,
        };
        let call = session.container.start("/bin/sh", ["-c".to_owned(), wait]);
        let said = host.capture_bounded(&call, LIMIT * 3)?;
        if said.success() {
            return Ok(session);
        }
        let words = words(&said.stderr);
        let blind = [
            "bind source path does not exist",
            "statfs",
            "no such file or directory\": mount",
        ];
        let (engine, image) = (&session.container.engine, &session.container.image);
        // The exit code alone says nothing: a runtime that refuses any container ends with podman's
        // 126, too.
        let lacks = ["no such file", "not found", "permission denied"]
            .iter()
            .any(|needle| words.to_lowercase().contains(needle));
        Err(
            if matches!(said.code, Some(126 | 127)) && lacks && words.contains("/bin/sh") {
                Problem::new(
                    IMAGE_UNFIT,
                    format!("there is no `/bin/sh` in the image `{image}`"),
                )
                .cause(&words)
                .help("name an image with a shell: build scripts and `pre-build` call it")
            } else if blind.iter().any(|needle| words.contains(needle)) {
                self::blind(engine, &words)
            } else {
                failed(engine, &call, "could not run the container", &said.stderr).help(format!(
                    "see whether it runs the image at all: `{} run --rm {image} true`",
                    engine.program
                ))
            },
        )
    }

    pub fn directory(&self) -> &Utf8Path {
        Utf8Path::from_path(self.scratch.path()).unwrap_or(Utf8Path::new("/tmp"))
    }

    /// Runs a program in it and catches its words.
    pub fn ask(&self, program: &str, args: impl IntoIterator<Item = String>) -> Result<Output> {
        let words = self.container.exec(None);
        let call = Invocation::new(&words[0], self.directory())
            .args(words[1..].iter().cloned())
            .arg(program)
            .args(args);
        self.host.capture_bounded(&call, LIMIT * 3)
    }

    /// A program of this machine, below our directory, that stands for one inside: under its name,
    /// in the directory that it is called from.
    pub fn stand_in(&self, number: usize, program: &str) -> Result<Utf8PathBuf> {
        let name = program.rsplit('/').next().unwrap_or(program);
        let directory = self.directory().join(format!("stand-in-{number}"));
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

/// A container that ended before it had answered.
pub fn cut_short(engine: &Engine, image: &str, stderr: &str) -> Problem {
    Problem::new(
        ENGINE_FAILED,
        format!("the container of `{image}` ended before it had answered"),
    )
    .cause(&words(stderr))
    .help(format!(
        "see whether it answers, and try again: `{} info`",
        engine.program
    ))
}

/// The engine's files are not ours.
pub fn blind(engine: &Engine, words: &str) -> Problem {
    Problem::new(
        ENGINE_BLIND,
        format!("{} does not see this machine's files", engine.words()),
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

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_ENGINE, ENGINE_BLIND, IMAGE_BUILD];

pub const NO_ENGINE: Code = code(&CodeInfo {
    name: "no-engine",
    title: "no container engine answers",
    cause: "A target is to be built in an image, and neither docker nor podman is here, runs, \
            and lets you use it.",
    detection: "`docker info`, then `podman info`, or only the one that `XPKG_CONTAINER_ENGINE` \
                names. Missing, not running and forbidden are told apart.",
    fix: "Follow the line of the message for the engine that you want. xpkg takes no linker of \
          this machine instead.",
    source: "README, Cross images",
    waivable: false,
});

pub const ENGINE_BLIND: Code = code(&CodeInfo {
    name: "engine-blind",
    title: "the container engine does not see this machine's files",
    cause: "xpkg hands sources and toolchain to the container as mounts. An engine on another \
            machine, or outside of the container that xpkg runs in, mounts its own directories of \
            those names.",
    detection: "A file with a random name is written here and looked for inside; so is the \
                toolchain's `rustc`.",
    fix: "Use an engine of this machine (unset `DOCKER_HOST`, or podman), or share the \
          directories that the message names with it under the same paths.",
    source: "README, Cross images; cross-rs/cross#273",
    waivable: false,
});

pub const IMAGE_BUILD: Code = code(&CodeInfo {
    name: "image-build",
    title: "a derived image cannot be built",
    cause: "A command of `pre-build` or of the `dockerfile` failed: its own words stand above \
            the message.",
    detection: "`docker build` or `podman build` ended with an error.",
    fix: "Mend the command that failed.",
    source: "README, Cross images",
    waivable: false,
});
