//! Looks for wine, and makes the directory that it writes to.

use std::time::Duration;

use camino::Utf8Path;
use tempfile::TempDir;

use crate::host::codes::INTERRUPTED;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::Result;
use crate::target::arch::Arch;
use crate::verify::fence::{self, FenceTool};
use crate::verify::wine::{NAMES, SYSTEM, SYSTEM_32, unfit, variables};

/// Time limit of its first start, in which it copies Windows' DLLs.
const FIRST_LIMIT: Duration = Duration::from_mins(3);

/// wine, with a home of its own that goes with this value.
pub struct Wine {
    program: String,
    home: TempDir,
    starts_32_bits: bool,
}

impl Wine {
    /// Returns the directory that it writes to.
    pub fn home(&self) -> &Utf8Path {
        Utf8Path::from_path(self.home.path()).unwrap_or(Utf8Path::new("/"))
    }

    /// Returns the command that starts programs of a processor.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub fn command(&self, arch: &Arch) -> Result<Vec<String>, String> {
        let host = std::env::consts::ARCH;
        match arch.name {
            "x86" if host == "x86_64" && self.starts_32_bits => {}
            "x86" if host == "x86_64" => {
                return Err("the installed wine starts programs for 64 bits only".to_owned());
            }
            name if name == host => {}
            name => return Err(format!("wine does not start programs for {name} here")),
        }
        Ok(vec![self.program.clone()])
    }

    /// Returns an invocation with its variables.
    pub fn prepare(&self, invocation: Invocation) -> Invocation {
        with_variables(invocation, self.home())
    }
}

fn with_variables(invocation: Invocation, home: &Utf8Path) -> Invocation {
    let mut invocation = invocation;
    for (name, value) in variables(home) {
        invocation = invocation.env(name, &value);
    }
    invocation
}

/// Looks for a wine that starts programs in Rust, and lets it make its prefix behind the fence.
///
/// # Errors
/// A signal came, or there is no temporary directory. The inner error is the reason why there is
/// none.
pub fn wine(host: &Host, tool: Option<&FenceTool>) -> Result<Result<Wine, String>> {
    // A link may be in /tmp, which the fence hides.
    let found = NAMES.iter().find_map(|name| host.find(name));
    let Some(program) = found.and_then(|found| host.real_path(&found)) else {
        return Ok(Err(
            "it is for Windows, and no `wine` is on PATH (8.13 or newer)".to_owned(),
        ));
    };
    let home = host.scratch()?;
    let directory = Utf8Path::from_path(home.path()).unwrap_or(Utf8Path::new("/"));
    let call = |words: &[&str]| {
        let words: Vec<String> = std::iter::once(program.as_str())
            .chain(words.iter().copied())
            .map(str::to_owned)
            .collect();
        let words = match tool {
            Some(tool) => tool.wrap(directory, directory, &words, true),
            None => words,
        };
        with_variables(fence::invocation(directory, &words), directory)
    };
    let version = match host.capture_untrusted(&call(&["--version"]), FIRST_LIMIT) {
        Ok(output) => output.stdout,
        Err(problem) if problem.code == INTERRUPTED => return Err(problem),
        Err(problem) => return Ok(Err(problem.message)),
    };
    if let Some(reason) = unfit(&version) {
        return Ok(Err(reason));
    }
    host.shell.status("Preparing", "wine");
    // The program that makes the prefix does not find itself in it: its exit code says nothing.
    match host.try_untrusted(&call(&["cmd", "/c", "exit"]), FIRST_LIMIT) {
        Err(problem) if problem.code == INTERRUPTED => return Err(problem),
        _ => {}
    }
    if !host.is_file(&directory.join(SYSTEM)) {
        return Ok(Err("wine does not start here".to_owned()));
    }
    Ok(Ok(Wine {
        program: program.into_string(),
        starts_32_bits: host.is_file(&directory.join(SYSTEM_32)),
        home,
    }))
}
