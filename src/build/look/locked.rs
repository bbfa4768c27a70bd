//! Reads the tools of a plan by their content, for `xpkg.lock` and `--locked`.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::build::look::session::Session;
use crate::build::plan::{Plan, TargetPlan};
use crate::build::record::record;
use crate::digest;
use crate::host::codes::FILE_ACCESS;
use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::project::linker::LinkerKind;
use crate::project::workspace::tools_dir;
use crate::toolchain::facts::Zig;
use crate::toolchain::image::lockfile::NAME;
use crate::toolchain::image::look::store::read_lock;
use crate::toolchain::locked::{LockedTool, LockedToolchain, SCRIPT_COMPILER, TOOLCHAIN_CHANGED};
use crate::toolchain::look::programs;
use crate::toolchain::program::Program;
use crate::toolchain::words::{CUSTOM_LAUNCHER, ToolWords};
use crate::tree::source::Source;

/// Time limit of a question to a compiler.
const LIMIT: Duration = Duration::from_secs(20);

/// Programs that a C compiler starts.
const PARTS: &[&str] = &["as", "cc1", "cc1plus", "collect2", "ld"];

/// Files that a C compiler links into programs, or against whose symbol versions it links them.
const OBJECTS: &[&str] = &[
    "crt1.o",
    "crtbegin.o",
    "crtbeginS.o",
    "crtend.o",
    "crti.o",
    "crtn.o",
    "libc.a",
    "libc.so.6",
    "libgcc.a",
    "libgcc_eh.a",
    "libm.a",
    "libm.so.6",
    "libstdc++.a",
    "libstdc++.so",
    "rcrt1.o",
    "Scrt1.o",
];

/// Refuses tools that are not those of `xpkg.lock`, if it has any and `--locked` is given.
///
/// # Errors
/// `toolchain-changed`, one for each target; a file of a tool cannot be read.
pub fn check(host: &Host, session: &Session, plan: &Plan) -> Result<(), Vec<Problem>> {
    let options = &session.request.cargo_options;
    if !(options.locked || options.frozen) {
        return Ok(());
    }
    let single = |problem| vec![problem];
    let lock = read_lock(host, &session.request.project).map_err(single)?;
    if lock.toolchains.is_empty() {
        return Ok(());
    }
    let mut problems = Vec::new();
    for target in &plan.targets {
        let triple = target.target.triple();
        let lines = match lock.toolchains.iter().find(|known| known.target == triple) {
            None => vec![format!("`{NAME}` has none for this target")],
            Some(locked) => {
                locked.differences(&toolchain(host, session, plan, target).map_err(single)?)
            }
        };
        if !lines.is_empty() {
            let message = format!("the tools for `{triple}` are not those in `{NAME}`");
            problems.push(Problem::new(TOOLCHAIN_CHANGED, message).note("found", lines).help(
                format!(
                    "install those, or lock the ones here: `cargo xpkg lock --toolchains --target \
                     {triple}`"
                ),
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Returns the tools of a target by their content.
///
/// # Errors
/// A file of one cannot be read.
pub fn toolchain(
    host: &Host,
    session: &Session,
    plan: &Plan,
    target: &TargetPlan,
) -> Result<LockedToolchain> {
    let (facts, workspace) = (&session.facts, &session.request.project.workspace);
    let places = session.places(host);
    let named = record(facts, plan, target, &Source::default(), &places).toolchain;
    let (sysroot, triple) = (&facts.rustc.sysroot, target.target.triple());
    let rustlib = sysroot.join("lib/rustlib");
    let custom = facts.watched.get(CUSTOM_LAUNCHER);
    let reader = Reader {
        host,
        root: &workspace.root,
        own: tools_dir(workspace),
        launcher: custom.map(|setting| setting.value.as_str()),
    };
    let mut tools = vec![LockedTool {
        role: "rustc".to_owned(),
        program: "rustc".to_owned(),
        version: Some(facts.rustc.release.clone()),
        files: reader.rustc(sysroot, &facts.rustc.host)?,
    }];
    let library = rustlib.join(triple).join("lib");
    if host.is_dir(&library) {
        let name = format!("lib/rustlib/{triple}/lib");
        tools.push(LockedTool {
            role: "standard library".to_owned(),
            program: "std".to_owned(),
            version: None,
            files: BTreeMap::from([(name, reader.directory(&library)?)]),
        });
    }
    let candidate = &target.toolchain.candidate;
    // The pin of the image has its digest.
    if candidate.image.is_some() {
        return Ok(LockedToolchain {
            target: triple.to_owned(),
            tools,
        });
    }
    if candidate.kind == LinkerKind::Zig
        && let Some(zig) = &facts.zig
    {
        tools.push(LockedTool {
            role: "zig".to_owned(),
            program: "zig".to_owned(),
            version: Some(zig.version.to_string()),
            files: reader.zig(zig)?,
        });
    }
    let mut requests = session.request.settings.requests.iter();
    let request = requests.find(|request| request.target == target.target);
    if let Some(sysroot) = request.and_then(|request| request.sysroot.as_ref()) {
        tools.push(LockedTool {
            role: "sysroot".to_owned(),
            program: sysroot.file_name().unwrap_or_default().to_owned(),
            version: None,
            files: BTreeMap::from([("files".to_owned(), reader.large_directory(sysroot)?)]),
        });
    }
    let programs = [
        ("linker", Some(&candidate.linker), Some(&named.linker)),
        (
            "C compiler",
            candidate.c_compiler.as_ref(),
            named.c_compiler.as_ref(),
        ),
    ];
    for (role, program, named) in programs {
        let (Some(program), Some(named)) = (program, named) else {
            continue;
        };
        tools.extend(reader.tool(role, program, named.version.clone(), sysroot)?);
    }
    let cxx = [
        "CXX_".to_owned() + &triple.replace('-', "_"),
        format!("CXX_{triple}"),
    ];
    let is_cxx = |name: &str| name == "CXX" || cxx.iter().any(|cxx| cxx == name);
    let set = candidate
        .variables
        .iter()
        .find(|variable| is_cxx(&variable.name));
    if let Some(set) = set.filter(|_| candidate.c_compiler.is_some()) {
        // Whatever the user names as such is asked as a compiler.
        let program = Program {
            program: set.value.clone(),
            machine: Some(triple.to_owned()),
            ..Program::default()
        };
        tools.extend(reader.tool("C++ compiler", &program, None, sysroot)?);
    }
    // What it compiles may write sources, or compress and generate what is part of the program.
    if let Some(compiler) = &facts.host.compiler {
        let version = compiler.version.clone();
        tools.extend(reader.tool(SCRIPT_COMPILER, compiler, version, sysroot)?);
    }
    Ok(LockedToolchain {
        target: triple.to_owned(),
        tools,
    })
}

/// Reads the files of tools.
struct Reader<'a> {
    host: &'a Host,
    root: &'a Utf8Path,
    /// Directory of xpkg's own wrappers: what they start is read, not they.
    own: Utf8PathBuf,
    /// Launcher of compilers that the user names.
    launcher: Option<&'a str>,
}

impl Reader<'_> {
    fn file(&self, path: &Utf8Path) -> Result<String> {
        let digest = programs::digest(self.host, path)
            .ok_or_else(|| Problem::new(FILE_ACCESS, format!("cannot read `{path}`")))?;
        Ok(format!("sha256:{digest}"))
    }

    /// Returns the digest of the names and digests of all files below a directory.
    fn directory(&self, directory: &Utf8Path) -> Result<String> {
        let mut text = String::new();
        for (name, kind) in self.host.walk(directory)? {
            if kind != PathKind::Directory {
                text += &format!("{}  {name}\n", self.file(&directory.join(&name))?);
            }
        }
        Ok(format!("sha256:{}", digest::sha256(text.as_bytes())))
    }

    /// Returns the digest of the names and digests of all files below a directory of thousands of files,
    /// which are read on all cores, each time.
    fn large_directory(&self, directory: &Utf8Path) -> Result<String> {
        let files: Vec<String> = self
            .host
            .walk(directory)?
            .into_iter()
            .filter(|(_, kind)| *kind != PathKind::Directory)
            .map(|(name, _)| name)
            .collect();
        let lines: Result<Vec<String>> = files
            .par_iter()
            .map(|name| {
                let path = directory.join(name);
                // A link may lead to a directory, whose files are not listed.
                if let Some(to) = self.host.link_text(&path) {
                    return Ok(format!("link:{to}  {name}\n"));
                }
                let (digest, _) = self.host.hash(&path)?;
                Ok(format!("sha256:{digest}  {name}\n"))
            })
            .collect();
        Ok(format!(
            "sha256:{}",
            digest::sha256(lines?.concat().as_bytes())
        ))
    }

    /// Returns the files of zig: the program, and the sources and headers that it compiles C libraries
    /// and compiler-rt from.
    fn zig(&self, zig: &Zig) -> Result<BTreeMap<String, String>> {
        Ok(BTreeMap::from([
            ("zig".to_owned(), self.file(&zig.path)?),
            ("lib".to_owned(), self.large_directory(&zig.library)?),
        ]))
    }

    /// Returns the files of rustc: the program, its libraries, and its linkers.
    fn rustc(&self, sysroot: &Utf8Path, host: &str) -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for name in ["bin/rustc", "bin/rustc.exe"] {
            let path = sysroot.join(name);
            if self.host.is_file(&path) {
                files.insert(name.to_owned(), self.file(&path)?);
            }
        }
        for directory in ["lib", "bin"] {
            let place = sysroot.join(directory);
            for entry in self.host.list(&place)? {
                let is_library = [".so", ".dylib", ".dll"].iter().any(|end| {
                    let mut parts = entry.name.match_indices(end);
                    parts.any(|(at, _)| {
                        let rest = &entry.name[at + end.len()..];
                        rest.is_empty() || rest.starts_with('.') || rest.starts_with('-')
                    })
                });
                if is_library {
                    let path = place.join(&entry.name);
                    files.insert(format!("{directory}/{}", entry.name), self.file(&path)?);
                }
            }
        }
        let linkers = format!("lib/rustlib/{host}/bin");
        let place = sysroot.join(&linkers);
        if self.host.is_dir(&place) {
            files.insert(linkers, self.directory(&place)?);
        }
        Ok(files)
    }

    /// Returns a linker or a compiler with what it starts and links; `None` for one that is a part
    /// of another tool.
    fn tool(
        &self,
        role: &str,
        program: &Program,
        version: Option<String>,
        sysroot: &Utf8Path,
    ) -> Result<Option<LockedTool>> {
        let host = self.host;
        let is_program = |name: &str| host.find(name).is_some();
        let words = ToolWords::parse(&program.program, self.launcher, is_program);
        let path = program.path.clone().filter(|_| words.launcher.is_none());
        let Some(path) = path.or_else(|| host.find(&words.program)) else {
            return Ok(None);
        };
        if path.starts_with(&self.own) || path.starts_with(sysroot) {
            return Ok(None);
        }
        let mut files = BTreeMap::from([(
            path.file_name().unwrap_or_default().to_owned(),
            self.file(&path)?,
        )]);
        if program.machine.is_some() || version.is_some() {
            let asked = PARTS.iter().map(|name| (*name, "-print-prog-name"));
            let objects = OBJECTS.iter().map(|name| (*name, "-print-file-name"));
            for (name, flag) in asked.chain(objects) {
                if let Some(part) = self.part(&path, &words.args, flag, name)? {
                    files.insert(name.to_owned(), self.file(&part)?);
                }
            }
        }
        Ok(Some(LockedTool {
            role: role.to_owned(),
            program: program.program.clone(),
            version,
            files,
        }))
    }

    /// Asks a compiler, with the arguments of every call, for the path of a part; `None` if it has none
    /// of this name.
    fn part(
        &self,
        compiler: &Utf8Path,
        args: &[String],
        flag: &str,
        name: &str,
    ) -> Result<Option<Utf8PathBuf>> {
        let call = Invocation::new(compiler.as_str(), self.root)
            .args(args.iter().cloned())
            .arg(format!("{flag}={name}"))
            .env("LC_ALL", "C");
        let answer = self.host.capture_untrusted(&call, LIMIT)?;
        let said = Utf8PathBuf::from(answer.stdout.trim());
        // What it does not find, it answers with the name; a program of this name is that on PATH.
        let found = if said == name {
            Some(said)
                .filter(|_| flag == "-print-prog-name")
                .and_then(|name| self.host.find(name.as_str()))
        } else {
            Some(said).filter(|path| self.host.is_file(path))
        };
        Ok(found)
    }
}
