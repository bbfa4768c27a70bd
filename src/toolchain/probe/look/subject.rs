//! The compiler that is probed: how build scripts call it, and in which environment.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::target::Target;
use crate::toolchain::probe::definition::{Asked, Graph, Probe, Question};
use crate::toolchain::probe::table::PROBES;

/// Time limit of one compile, link or run.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Time limit in a container, which starts slowly on a busy machine.
const LIMIT_APART: Duration = Duration::from_secs(30);

/// Runs a call of a compiler. The client of an engine leaves processes behind on purpose.
pub fn capture(host: &Host, compiler: &ProbeTarget, call: &Invocation) -> Result<Output, String> {
    let ended = if compiler.apart.is_some() {
        host.capture_bounded(call, LIMIT_APART)
    } else {
        host.capture_untrusted(call, LIMIT)
    };
    ended.map_err(|problem| problem.message)
}

/// Returns the time limit of a call.
pub fn limit(compiler: &ProbeTarget) -> Duration {
    if compiler.apart.is_some() {
        LIMIT_APART
    } else {
        LIMIT
    }
}

/// Maximum size of a probe's object in bytes; typical ones have a few thousand.
pub const LARGEST: u64 = 1024 * 1024;

/// Prefixes of the variables that change which compiler and flags a build script uses.
const COMPILER_VARIABLES: &[&str] = &[
    "CC",
    "CFLAGS",
    "COMPILER_PATH",
    "CPATH",
    "CPPFLAGS",
    "CRATE_CC",
    "C_INCLUDE_PATH",
    "GCC_EXEC_PREFIX",
    "HOST_C",
    "LIBRARY_PATH",
    "PATH",
    "RUSTC_W",
    "TARGET_C",
];

/// A compiler to probe, in the environment that build scripts will see.
pub struct ProbeTarget<'a> {
    /// Directory in which it is called.
    pub root: &'a Utf8Path,
    /// Sysroot that is configured for it.
    pub sysroot: Option<&'a Utf8Path>,
    /// Triple that it compiles for.
    pub target: &'a str,
    /// Triple of this machine.
    pub host: &'a str,
    /// Variables that are added to the inherited environment.
    pub variables: Vec<(String, String)>,
    /// `opt-level`s at which C of this graph is compiled.
    pub levels: Vec<String>,
    /// Effective rustflags, from which cc-rs derives flags.
    pub rustflags: &'a [String],
    /// Version line: another version at the same path is another compiler.
    pub version: Option<String>,
    /// Full path, if known before the probe.
    pub path: Option<&'a Utf8Path>,
    /// Command prefix that runs its programs: empty for the host's, an emulator otherwise; `None`
    /// if they cannot run.
    pub runner: Option<Vec<String>>,
    /// Directory of xpkg's own programs that comes first in PATH.
    pub path_first: Option<&'a Utf8Path>,
    /// Set if it is in an image.
    pub apart: Option<ContainerCompiler<'a>>,
}

impl ProbeTarget<'_> {
    /// Returns the probes whose answers are kept with the compiler: they depend on nothing else.
    /// The others, and what the graph and the linker decide, are added later
    /// ([`crate::toolchain::probe::assess::complete`]).
    pub fn probes(&self) -> Vec<&'static Probe> {
        let Some(target) = Target::of_triple(self.target) else {
            return Vec::new();
        };
        let asked = Asked {
            target: &target,
            graph: Graph::Any,
            linker: None,
            rustc: None,
            rustflags: self.rustflags,
        };
        let probes = PROBES.iter().filter(|probe| {
            matches!(probe.question, Question::Object(_) | Question::Facts(_))
                && (probe.applies)(&asked)
        });
        probes.collect()
    }
}

/// A compiler in an image. This machine's environment does not reach it, and it is called through a
/// stand-in on this machine.
pub struct ContainerCompiler<'a> {
    /// Cache key: the image's digest and the compiler's name in it.
    pub identity: String,
    /// Variable from which build scripts read the compiler.
    pub variable: String,
    /// Name in the image.
    pub program: String,
    /// Starts the container and returns a directory that it shares with this machine, and the path
    /// of the compiler's stand-in.
    pub start: &'a Launcher<'a>,
    /// Runs a program in the container, by its path in the shared directory. What the image's
    /// compiler has written is never started on this machine.
    pub run: &'a InContainer<'a>,
    /// Reads a file of the image.
    pub read: &'a ImageReader<'a>,
}

/// The function in [`ContainerCompiler::start`].
type Launcher<'a> = dyn Fn() -> Result<(Utf8PathBuf, Utf8PathBuf), String> + 'a;

/// The function in [`ContainerCompiler::run`].
type InContainer<'a> = dyn Fn(&Utf8Path) -> Option<Output> + 'a;

/// The function in [`ContainerCompiler::read`].
type ImageReader<'a> = dyn Fn(&Utf8Path) -> Option<Vec<u8>> + 'a;

/// Returns true if a variable changes which compiler and flags a build script uses. `PATH` is
/// treated separately.
pub fn tells(name: &str) -> bool {
    COMPILER_VARIABLES
        .iter()
        .any(|prefix| name.starts_with(prefix))
        && name != "PATH"
}

/// Answer of the hidden subcommand `__compiler`: the command line of a compile, without files.
#[derive(Debug, Serialize, Deserialize)]
pub struct CommandLine {
    /// Compiler that cc-rs would call.
    pub program: String,
    /// Arguments that the user's variable names together with the compiler.
    pub words: Vec<String>,
    /// Further arguments, without input and output.
    pub args: Vec<String>,
    /// Variables that cc-rs would set.
    pub env: Vec<(String, String)>,
}

impl CommandLine {
    /// Returns all arguments of a compile.
    pub fn all_args(&self) -> Vec<String> {
        self.words.iter().chain(&self.args).cloned().collect()
    }

    /// Returns the arguments that select the machine, its headers and libraries, as opposed to
    /// what the compiler makes of a source.
    pub fn selecting_args(&self) -> Vec<String> {
        let mut selecting = Vec::new();
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--param" => _ = words.next(),
                word if ["-f", "-O", "--param="]
                    .iter()
                    .any(|code| word.starts_with(code)) => {}
                word => selecting.push(word.to_owned()),
            }
        }
        let selects = |arg: &str| arg.starts_with("--target=") || ["-m32", "-m64"].contains(&arg);
        selecting.extend(self.args.iter().filter(|arg| selects(arg)).cloned());
        selecting
    }
}

/// Runs the `cc` crate in a child process of ours, in the planned environment.
pub fn command_line(
    host: &Host,
    compiler: &ProbeTarget,
    variables: &[(String, String)],
    level: &str,
    scratch: &Utf8Path,
) -> Result<CommandLine, String> {
    let own_program = host
        .own_program()
        .ok_or("the path of this program is not known")?;
    // A stand-in needs a working directory that this machine and the container share, and zig, when
    // cc-rs asks it for its version, leaves an empty `a.o` in its own.
    let mut question = Invocation::new(own_program, scratch)
        .arg("__compiler")
        .args([compiler.target, compiler.host, level, scratch.as_str()])
        .env("CARGO_ENCODED_RUSTFLAGS", compiler.rustflags.join("\u{1f}"));
    question = with_environment(host, compiler, variables, question);
    let output = capture(host, compiler, &question)?;
    if output.timed_out {
        return Err(format!(
            "it did not finish within {} s",
            limit(compiler).as_secs()
        ));
    }
    if !output.success() {
        return Err(last_line(&output.stderr)
            .unwrap_or("cc-rs did not answer")
            .to_owned());
    }
    // cc-rs prints messages for cargo about a compiler that does not answer, even before our
    // document.
    let document = output
        .stdout
        .find('{')
        .map_or("", |start| &output.stdout[start..]);
    serde_json::from_str(document).map_err(|error| format!("cc-rs did not answer: {error}"))
}

/// Adds the environment that build scripts see.
pub fn with_environment(
    host: &Host,
    compiler: &ProbeTarget,
    variables: &[(String, String)],
    mut call: Invocation,
) -> Invocation {
    if compiler.apart.is_some() {
        call.env_clear = true;
        call.env.extend(
            host.vars()
                .filter(|(name, _)| !tells(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    }
    call.env.extend(variables.iter().cloned());
    call.path_first = compiler.path_first.map(Utf8Path::to_owned);
    call
}

/// Returns the last line that is not blank.
pub fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}
