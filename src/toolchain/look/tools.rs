//! Looks for the tools that build scripts of the graph call.

use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::inspect;
use crate::invocation::Invocation;
use crate::project::build_tools::{self, BuildTool, Find, RequiredTool, ToolFound};
use crate::toolchain::look::levels;
use crate::toolchain::probe::look::subject::LIMIT;

/// Looks for each tool where the package that calls it would look; `configured` is cargo's `[env]`.
pub fn tools(
    host: &Host,
    wants: &[RequiredTool],
    configured: &[(String, String)],
) -> Vec<ToolFound> {
    thread::scope(|threads| {
        let asked: Vec<_> = wants
            .iter()
            .map(|want| threads.spawn(move || tool(host, want, configured)))
            .collect();
        asked.into_iter().filter_map(levels::joined).collect()
    })
}

/// `None`: a variable makes it needless.
fn tool(host: &Host, want: &RequiredTool, configured: &[(String, String)]) -> Option<ToolFound> {
    let variable = |name: &str| variable(host, configured, name);
    let mut found = ToolFound {
        want: want.clone(),
        path: None,
        version: None,
        machine: None,
    };
    let need = build_tools::row(want)?;
    if need.unless_set.iter().any(|name| variable(name).is_some()) {
        return None;
    }
    match need.find {
        Find::Program {
            argument,
            variable: name,
        } => {
            (found.path, found.machine) =
                program_for(host, name.and_then(variable).unwrap_or(need.id));
            if let Some(path) = &found.path {
                let answer = host
                    .capture_untrusted(
                        &Invocation::new(path.as_str(), host.cwd()).arg(argument),
                        LIMIT,
                    )
                    .ok();
                found.version = answer
                    .filter(|answer| answer.success())
                    .and_then(|answer| first_line(&answer.stdout));
            }
        }
        Find::Library { variable: name } => found.path = library(host, need, variable(name)),
    }
    Some(found)
}

/// Returns those of the tools that are not installed, and a protoc whose file may not run here. None
/// is started.
pub fn unusable_tools(
    host: &Host,
    wants: &[RequiredTool],
    configured: &[(String, String)],
) -> Vec<ToolFound> {
    let variable = |name: &str| variable(host, configured, name);
    wants
        .iter()
        .filter_map(|want| {
            let need = build_tools::row(want)?;
            if need.unless_set.iter().any(|name| variable(name).is_some()) {
                return None;
            }
            let (path, machine) = match need.find {
                Find::Program { variable: name, .. } => {
                    let program = name.and_then(variable).unwrap_or(need.id);
                    if want.tool == "protoc" {
                        program_for(host, program)
                    } else {
                        (host.find(program), None)
                    }
                }
                Find::Library { variable: name } => (library(host, need, variable(name)), None),
            };
            (path.is_none() || machine.is_some()).then(|| ToolFound {
                want: want.clone(),
                path,
                version: None,
                machine,
            })
        })
        .collect()
}

/// Returns the value of a variable: cargo's `[env]` comes before the environment.
fn variable<'a>(host: &'a Host, configured: &'a [(String, String)], name: &str) -> Option<&'a str> {
    configured
        .iter()
        .find(|(own, _)| own == name)
        .map(|(_, value)| value.as_str())
        .or_else(|| host.var(name))
}

/// Where a program is, and what its file is for.
fn program_for(host: &Host, name: &str) -> (Option<Utf8PathBuf>, Option<String>) {
    let path = host.find(name);
    let bytes = path.as_ref().and_then(|path| host.read(path).ok());
    (
        path,
        bytes
            .and_then(|bytes| inspect::inspect(&bytes).ok())
            .map(|binary| binary.machine),
    )
}

fn first_line(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

fn library(host: &Host, need: &BuildTool, named: Option<&str>) -> Option<Utf8PathBuf> {
    let mut directories: Vec<Utf8PathBuf> = named.map(Utf8PathBuf::from).into_iter().collect();
    for root in ["/usr/lib", "/usr/lib64", "/usr/local/lib"] {
        let root = Utf8Path::new(root);
        let below = host
            .names(root)
            .into_iter()
            .filter(|name| name.starts_with("llvm") || name.contains("-linux-"));
        directories.extend(below.flat_map(|name| [root.join(&name), root.join(&name).join("lib")]));
        directories.push(root.to_owned());
    }
    let shared =
        |name: &String| name.starts_with(need.id) && name.contains(".so") && !name.contains("cpp");
    directories.into_iter().find_map(|directory| {
        host.names(&directory)
            .into_iter()
            .find(shared)
            .map(|name| directory.join(name))
    })
}

/// os-release, where there is one.
pub fn os_release(host: &Host) -> Option<String> {
    host.read_text(Utf8Path::new("/etc/os-release")).ok()
}

/// What the kernel says of the processor.
pub fn cpu(host: &Host) -> Option<String> {
    host.read_text(Utf8Path::new("/proc/cpuinfo")).ok()
}
