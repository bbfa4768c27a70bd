//! Looks for the tools that build scripts of the graph call.

use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::inspect;
use crate::invocation::Invocation;
use crate::project::build_tools::{BUILD_TOOLS, BuildTool, Find, RequiredTool, ToolFound};
use crate::toolchain::look::levels;
use crate::toolchain::probe::run::LIMIT;

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
    let variable = |name: &str| {
        configured
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .or_else(|| host.var(name))
    };
    let mut found = ToolFound {
        want: want.clone(),
        path: None,
        version: None,
        machine: None,
    };
    let need = BUILD_TOOLS.iter().find(|need| need.id == want.tool)?;
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

/// Those of the tools that a build cannot do without whose file cannot run here: only the file is
/// looked at.
pub fn foreign_tools(
    host: &Host,
    wants: &[RequiredTool],
    configured: &[(String, String)],
) -> Vec<ToolFound> {
    let protoc = wants.iter().filter(|want| want.tool == "protoc");
    let found = protoc.filter_map(|want| {
        let named = configured
            .iter()
            .find(|(name, _)| name == "PROTOC")
            .map(|(_, value)| value.as_str())
            .or_else(|| host.var("PROTOC"));
        let (path, machine) = program_for(host, named.unwrap_or("protoc"));
        Some(ToolFound {
            want: want.clone(),
            path: Some(path?),
            version: None,
            machine: Some(machine?),
        })
    });
    found.collect()
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
