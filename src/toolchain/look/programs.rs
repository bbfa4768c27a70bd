//! Programs on PATH, and emulators.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::cache;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::target::Target;
use crate::target::arch::Arch;
use crate::target::level::Level;
use crate::target::system::Os;
use crate::toolchain::gcc;
use crate::toolchain::look::levels::joined;
use crate::toolchain::look::runtimes;
use crate::toolchain::probe::look::subject::{LARGEST, LIMIT};
use crate::toolchain::program::Program;
use crate::toolchain::starter::{SHELL, Starter};
use crate::{digest, inspect};

/// What starts a program of the target here: nothing, an emulator or a runtime; `None` where nothing
/// can.
pub fn runner(host: &Host, target: &Target, host_triple: &str) -> Option<Vec<String>> {
    if let Some(runtime) = runtimes::of(target.system.os) {
        runtimes::find(host, runtime).ok()?;
        let words = [runtime.program].into_iter();
        let words = words.chain(runtime.arguments.iter().copied());
        return Some(words.map(str::to_owned).collect());
    }
    if target.system.os != Os::Linux {
        return None;
    }
    if target.same_arch(host_triple) {
        return Some(Vec::new());
    }
    emulator(host, target.arch).map(|name| vec![name])
}

/// qemu's user emulation of a processor, as it is on PATH.
pub fn emulator(host: &Host, arch: &Arch) -> Option<String> {
    let names = [
        format!("qemu-{}-static", arch.qemu()),
        format!("qemu-{}", arch.qemu()),
    ];
    names.into_iter().find(|name| host.find(name).is_some())
}

/// Returns the SHA-256 of a program, cached by the identity of its file; `None` if it cannot be read.
pub fn digest(host: &Host, path: &Utf8Path) -> Option<String> {
    let cache_file = cache::place(host, "digests", &host.identity(path)?);
    if let Some(digest) = cache::read(host, cache_file.as_deref()) {
        return Some(digest);
    }
    let (digest, _) = host.hash(&host.real_path(path)?).ok()?;
    cache::keep(host, cache_file.as_deref(), &digest);
    Some(digest)
}

/// Largest size of a script that starts a compiler, and of a file that it names, in bytes.
const LARGEST_SCRIPT: u64 = 64 * 1024;

/// Returns a text of everything that determines what a compiler of its own name says: its identity, and
/// if it is a script, what it starts. `None` if that is unknown: a `ccache` and most scripts stand for
/// another compiler that may change.
fn identity(host: &Host, path: &Utf8Path) -> Option<String> {
    let is_compiler = |path: &Utf8Path| {
        host.real_name(path)
            .is_some_and(|name| gcc::is_compiler_name(&name))
    };
    let identity = host.identity(path).filter(|_| is_compiler(path))?;
    if !host.is_script(path) {
        return Some(identity);
    }
    let read = |path: &Utf8Path| host.read_small_text(path, LARGEST_SCRIPT).ok();
    let script = read(path)?;
    let starter = Starter::parse(&script)?;
    let chosen = starter.variable.as_deref().and_then(|name| host.var(name));
    let started = host.find(chosen.unwrap_or(&starter.program))?;
    if host.is_script(&started) || !is_compiler(&started) {
        return None;
    }
    let shell = host.identity(Utf8Path::new(SHELL))?;
    let mut text = format!(
        "{identity}\n{script}\n{shell}\n{started} {}",
        host.identity(&started)?
    );
    // Among its arguments are files of specs, which decide what gcc does.
    for argument in starter.arguments.iter().filter(|word| word.contains('/')) {
        let file = Some(Utf8Path::new(argument)).filter(|file| file.is_absolute())?;
        let specs = read(file).filter(|specs| !specs.contains("%include"))?;
        text.push_str(&format!("\n{file} {}", digest::sha256(specs.as_bytes())));
    }
    Some(text)
}

/// A program on PATH; a compiler or a linker also says what it is. What a compiler of its own name
/// says is kept as long as it is the same.
pub fn program(host: &Host, root: &Utf8Path, path: Utf8PathBuf, name: String) -> (String, Program) {
    if ["++", "ar", "ranlib", "-lib"]
        .iter()
        .any(|end| name.ends_with(end))
    {
        return (
            name.clone(),
            Program {
                program: name,
                path: Some(path),
                version: None,
                machine: None,
            },
        );
    }
    let key = identity(host, &path).map(|identity| format!("{name}\n{path}\n{identity}"));
    let kept = key.and_then(|key| cache::place(host, "programs", &key));
    if let Some(program) = cache::read(host, kept.as_deref())
        .filter(|kept: &Program| kept.program == name && kept.path.as_ref() == Some(&path))
    {
        return (name, program);
    }
    let output = host
        .capture_untrusted(
            &Invocation::new(&name, root).arg("-v").env("LC_ALL", "C"),
            LIMIT,
        )
        .ok();
    let said = output.map(|output| output.stderr).unwrap_or_default();
    let program = Program::said(&name, Some(path), &said);
    if program.machine.is_some() {
        cache::keep(host, kept.as_deref(), &program);
    }
    (name, program)
}

/// What the GNU compilers on PATH find of their C libraries.
#[derive(Default)]
pub struct StartFiles {
    /// Compilers that find no start file.
    pub lacking: BTreeSet<String>,
    /// Levels of processors that the start files of the others need.
    pub levels: BTreeMap<String, Level>,
}

/// Asks the GNU compilers among these programs for their start files. A compiler that does not
/// answer does not lack one: it is judged by its other answers.
pub fn start_files(
    host: &Host,
    root: &Utf8Path,
    programs: &BTreeMap<String, Program>,
) -> StartFiles {
    let is_gcc = |program: &&Program| {
        let is_for_linux = |machine: &String| machine.contains("linux");
        program.machine.as_ref().is_some_and(is_for_linux)
            && program
                .version
                .as_ref()
                .is_some_and(|version| version.contains("gcc version"))
    };
    let mut found = StartFiles::default();
    thread::scope(|threads| {
        let asked: Vec<_> = programs
            .values()
            .filter(is_gcc)
            .map(|program| {
                let asked = threads.spawn(|| start_file(host, root, program, None));
                (program.program.clone(), asked)
            })
            .collect();
        for (program, asked) in asked {
            match joined(asked) {
                StartFile::Missing => _ = found.lacking.insert(program),
                StartFile::Found(file) => found
                    .levels
                    .extend(level_of(host, &file).map(|level| (program, level))),
                StartFile::Unknown => {}
            }
        }
    });
    found
}

/// Returns the level of processor that an object file needs, if it says so.
pub fn level_of(host: &Host, file: &Utf8Path) -> Option<Level> {
    let bytes = host.read_small(file, LARGEST).ok()?;
    inspect::inspect(&bytes).ok()?.level
}

/// Answer of a compiler that was asked for its start file.
enum StartFile {
    Missing,
    Found(Utf8PathBuf),
    Unknown,
}

/// Returns true if the host's own compiler finds its start file with this argument.
pub fn is_multilib(
    host: &Host,
    root: &Utf8Path,
    programs: &BTreeMap<String, Program>,
    argument: Option<&str>,
) -> bool {
    let program = programs.get(gcc::HOSTS_OWN);
    let answer = program
        .zip(argument)
        .map(|(program, argument)| start_file(host, root, program, Some(argument)));
    matches!(answer, Some(StartFile::Found(_)))
}

/// Asks a compiler for its start file, with an argument if one chooses the target; without one it
/// prints the bare name. A found file is cached as long as it exists.
fn start_file(
    host: &Host,
    root: &Utf8Path,
    program: &Program,
    argument: Option<&str>,
) -> StartFile {
    let key = program
        .path
        .as_ref()
        .and_then(|path| host.identity(path))
        .map(|identity| {
            let argument = argument.unwrap_or_default();
            format!(
                "{}\n{identity}\n{}{argument}",
                program.program,
                gcc::START_FILE
            )
        });
    let kept = key.and_then(|key| cache::place(host, "programs", &key));
    let file: Option<Utf8PathBuf> = cache::read(host, kept.as_deref());
    if let Some(file) = file.filter(|file| host.is_file(file)) {
        return StartFile::Found(file);
    }
    let question = Invocation::new(&program.program, root)
        .args(argument)
        .arg(format!("-print-file-name={}", gcc::START_FILE));
    let Ok(output) = host.capture_bounded(&question, LIMIT) else {
        return StartFile::Unknown;
    };
    let file = Utf8Path::new(output.stdout.trim());
    if host.is_file(file) {
        cache::keep(host, kept.as_deref(), &file);
        return StartFile::Found(file.to_owned());
    }
    if output.success() && file == gcc::START_FILE {
        StartFile::Missing
    } else {
        StartFile::Unknown
    }
}
