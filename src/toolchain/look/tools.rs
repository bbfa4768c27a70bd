//! Looks for the tools that build scripts of the graph call.

use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::cache;
use crate::host::machine::Host;
use crate::inspect;
use crate::invocation::Invocation;
use crate::project::build_tools::{
    self, BuildTool, Find, PROTOC, RequiredTool, ToolFound, ToolNeed, ToolScript,
};
use crate::project::protobuf;
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
        needs: newest_need(host, want),
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
                found.version = version(host, path, argument);
            }
        }
        Find::Library { variable: name } => found.path = library(host, need, variable(name)),
    }
    Some(found)
}

/// Returns the first line of a tool's version.
fn version(host: &Host, path: &Utf8Path, argument: &str) -> Option<String> {
    let call = Invocation::new(path.as_str(), host.cwd()).arg(argument);
    let answer = host.capture_untrusted(&call, LIMIT).ok();
    answer
        .filter(|answer| answer.success())
        .and_then(|answer| first_line(&answer.stdout))
}

/// Returns the version of a protoc. It is kept as long as its file stays.
fn protoc_version(host: &Host, path: &Utf8Path) -> Option<String> {
    let key = host
        .identity(path)
        .map(|identity| format!("{path}\n{identity}\nversion"));
    let kept = key.and_then(|key| cache::place(host, "programs", &key));
    if let Some(version) = cache::read(host, kept.as_deref()) {
        return Some(version);
    }
    let version = version(host, path, "--version")?;
    cache::keep(host, kept.as_deref(), &version);
    Some(version)
}

/// Returns what needs the newest protoc, among the files that build scripts name.
fn newest_need(host: &Host, want: &RequiredTool) -> Option<ToolNeed> {
    let of_script = |script: &ToolScript| {
        let directory = script.path.parent().unwrap_or(&script.path).to_owned();
        let text = host.read_text(&script.path).unwrap_or_default();
        let named = protobuf::named_files(&text).into_iter();
        let files: Vec<Utf8PathBuf> = named
            .map(|name| directory.join(name))
            .flat_map(|place| proto_files(host, place))
            .collect();
        let package = format!("{} {}", script.package, script.version);
        let needs = files.into_iter().filter_map(move |file| {
            let need = protobuf::need(&host.read_text(&file).ok()?)?;
            Some(ToolNeed {
                need,
                file: relative(&file, &directory),
                package: package.clone(),
            })
        });
        needs.collect::<Vec<_>>()
    };
    let needs = want.scripts.iter().flat_map(of_script);
    needs.max_by_key(|need| need.need)
}

/// Returns a `.proto` file, or those of a directory.
fn proto_files(host: &Host, place: Utf8PathBuf) -> Vec<Utf8PathBuf> {
    let is_proto = |file: &Utf8PathBuf| file.extension() == Some("proto");
    if is_proto(&place) {
        return vec![place];
    }
    let names = host.names(&place).into_iter();
    names
        .map(|name| place.join(name))
        .filter(is_proto)
        .collect()
}

fn relative(file: &Utf8Path, directory: &Utf8Path) -> Utf8PathBuf {
    file.strip_prefix(directory).unwrap_or(file).to_owned()
}

/// Returns those of the tools that are not installed, and a protoc whose file may not run here or may
/// be too old. No other tool is started.
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
                    if want.tool == PROTOC {
                        program_for(host, program)
                    } else {
                        (host.find(program), None)
                    }
                }
                Find::Library { variable: name } => (library(host, need, variable(name)), None),
            };
            let needs = newest_need(host, want);
            let version = match (&path, &needs) {
                (Some(path), Some(_)) => protoc_version(host, path),
                _ => None,
            };
            (path.is_none() || machine.is_some() || needs.is_some()).then(|| ToolFound {
                want: want.clone(),
                path,
                version,
                machine,
                needs,
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
