//! What `doctor` asks of the machine beyond what a build needs: every compiler on PATH, the tools
//! that the graph calls.

use std::collections::BTreeMap;
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use super::compilers::{self, LIMIT, ProbeTarget};
use super::{program, starter};
use crate::doctor::CompilerHealth;
use crate::facts::{Program, RequiredTool, ToolFound};
use crate::host::Host;
use crate::inspect;
use crate::invocation::Invocation;
use crate::needs::{BUILD_TOOLS, BuildTool, Find};
use crate::target::Target;
use crate::toolchain;

/// Every C compiler on PATH, once, with what the probes say of it at a release's level.
pub fn compilers(host: &Host, host_triple: &str) -> Vec<CompilerHealth> {
    let root = host.cwd();
    let names = host
        .on_path()
        .into_iter()
        .filter(|name| toolchain::is_compiler_name(name));
    // As a shell would find them: a directory or a file that cannot be started does not hide what
    // comes later.
    let there: Vec<(String, Utf8PathBuf)> = names
        .filter_map(|name| host.find(&name).map(|path| (name, path)))
        .collect();
    thread::scope(|threads| {
        let asked: Vec<_> = there
            .into_iter()
            .map(|(name, path)| threads.spawn(move || program(host, root, path, name).1))
            .collect();
        // One compiler may have many names; one wrapper may stand for many compilers, and then says
        // different things.
        let mut same: BTreeMap<[Option<String>; 3], Vec<Program>> = BTreeMap::new();
        for compiler in asked.into_iter().map(super::joined) {
            let identity = compiler.path.as_ref().and_then(|path| host.identity(path));
            same.entry([identity, compiler.version.clone(), compiler.machine.clone()])
                .or_default()
                .push(compiler);
        }
        let asked: Vec<_> = same
            .into_values()
            .map(|mut names| {
                threads.spawn(move || {
                    // The plainest name first.
                    names.sort_by_key(|compiler| {
                        (
                            compiler.program != "cc",
                            compiler.program.len(),
                            compiler.program.clone(),
                        )
                    });
                    let compiler = names.remove(0);
                    probed(
                        host,
                        root,
                        host_triple,
                        compiler,
                        names.into_iter().map(|compiler| compiler.program).collect(),
                    )
                })
            })
            .collect();
        let mut found: Vec<CompilerHealth> = asked.into_iter().map(super::joined).collect();
        found.sort_by(|a, b| a.compiler.program.cmp(&b.compiler.program));
        found
    })
}

fn probed(
    host: &Host,
    root: &Utf8Path,
    host_triple: &str,
    compiler: Program,
    aliases: Vec<String>,
) -> CompilerHealth {
    let machine = compiler.machine.clone().unwrap_or_default();
    // clang says `x86_64-pc-linux-gnu` where a gcc says `x86_64-linux-gnu`.
    let target = Target::of_machine(&machine)
        .or_else(|| Target::of_machine(&machine.replacen("-pc-", "-", 1)));
    let report = target.map(|target| {
        let asked = ProbeTarget {
            root,
            sysroot: None,
            target: target.triple(),
            host: host_triple,
            variables: vec![(format!("CC_{}", target.lower()), compiler.program.clone())],
            levels: vec!["3".to_owned()],
            rustflags: &[],
            version: compiler.version.clone(),
            path: compiler.path.as_deref(),
            starter: starter(host, &target, host_triple),
            apart: None,
        };
        compilers::report(host, &asked)
    });
    CompilerHealth {
        compiler,
        aliases,
        report,
    }
}

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
        asked.into_iter().filter_map(super::joined).collect()
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
                    .capture_bounded(
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

/// The file that pins the toolchain of a directory.
pub fn pin(host: &Host, root: &Utf8Path) -> Option<Utf8PathBuf> {
    root.ancestors()
        .flat_map(|directory| {
            ["rust-toolchain.toml", "rust-toolchain"].map(|name| directory.join(name))
        })
        .find(|path| host.is_file(path))
}
