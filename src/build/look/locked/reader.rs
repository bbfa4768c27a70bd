//! Reads the files of tools, and asks compilers for what they start and link.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::build::look::session::Session;
use crate::build::record::Places;
use crate::digest;
use crate::host::codes::FILE_ACCESS;
use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::project::look::rustc::starts_only;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::facts::Zig;
use crate::toolchain::locked::{LockedTool, RUSTC_COMMAND, RUSTC_WORKSPACE_WRAPPER, RUSTC_WRAPPER};
use crate::toolchain::look::programs;
use crate::toolchain::probe::linker::{CalledLinker, RustcsLld, called};
use crate::toolchain::words::{ToolWords, is_launcher};

/// Time limit of a question to a compiler.
const LIMIT: Duration = Duration::from_secs(20);

/// Programs that a C compiler starts, beside its linker.
const PARTS: &[&str] = &["as", "cc1", "cc1plus", "collect2"];

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

/// Programs beside rustc that link, or change what was linked. rustup's components add others there.
const LINKERS: &[&str] = &["rust-lld", "rust-objcopy", "wasm-component-ld"];

/// Directories beside them whose programs link: names by which C compilers call `rust-lld`, and GNU's
/// linker for Windows.
const LINKER_DIRECTORIES: &[&str] = &["gcc-ld", "self-contained"];

/// Largest size of rustup's list of a component's files, in bytes.
const LONGEST_MANIFEST: u64 = 64 * 1024 * 1024;

/// A tool as it is called.
pub(super) struct Named {
    /// Name or path.
    pub(super) program: String,
    /// Full path, if known.
    pub(super) path: Option<Utf8PathBuf>,
    /// Arguments of every call.
    pub(super) arguments: Vec<String>,
    /// More of them, which are no part of the tool: of rustc, of rustflags, and of a script of xpkg's
    /// own, whose name has a digest of them.
    pub(super) others: Vec<String>,
    pub(super) version: Option<String>,
    /// True if it is asked for its parts.
    pub(super) is_compiler: bool,
}

impl Named {
    /// Returns a compiler that is named with words. What starts it decides no byte. `known` is a path that
    /// may be that of the compiler, which need not be on PATH (an NDK's).
    pub(super) fn compiler(
        words: ToolWords,
        known: Option<&Utf8Path>,
        version: Option<String>,
    ) -> Self {
        let name = Utf8Path::new(&words.program).file_name();
        let path = known.filter(|known| known.file_name() == name);
        Self {
            path: path.map(Utf8Path::to_owned),
            program: words.program,
            arguments: words.args,
            others: Vec::new(),
            version,
            is_compiler: true,
        }
    }

    /// Returns what a script of the candidate starts in place of the script.
    pub(super) fn started_by(self, candidate: &Candidate) -> Self {
        match candidate.started_by(&self.program) {
            Some(started) => Self {
                path: Some(started.path.clone()),
                others: started.arguments.clone(),
                ..self
            },
            None => self,
        }
    }
}

/// Reads the files of tools.
pub(super) struct Reader<'a> {
    pub(super) host: &'a Host,
    pub(super) root: &'a Utf8Path,
    /// Directory of xpkg's own wrappers: what they start is read, not they.
    pub(super) own: Utf8PathBuf,
    /// Directory of the Rust toolchain.
    pub(super) sysroot: &'a Utf8Path,
    pub(super) places: &'a Places,
}

impl Reader<'_> {
    fn file(&self, path: &Utf8Path) -> Result<String> {
        let digest = programs::digest(self.host, path)
            .ok_or_else(|| Problem::new(FILE_ACCESS, format!("cannot read `{path}`")))?;
        Ok(format!("sha256:{digest}"))
    }

    /// Returns the digest of the names and digests of all files below a directory, without these.
    fn directory_without(
        &self,
        directory: &Utf8Path,
        without: &BTreeSet<String>,
    ) -> Result<String> {
        let mut text = String::new();
        for (name, kind) in self.host.walk(directory)? {
            if kind != PathKind::Directory && !without.contains(&name) {
                text += &format!("{}  {name}\n", self.file(&directory.join(&name))?);
            }
        }
        Ok(format!("sha256:{}", digest::sha256(text.as_bytes())))
    }

    /// Returns the digest of the names and digests of all files below a directory of thousands of files,
    /// which are read on all cores, each time. A link counts as what it leads to.
    pub(super) fn large_directory(&self, directory: &Utf8Path) -> Result<String> {
        let mut seen = BTreeMap::new();
        let mut lines = Vec::new();
        self.below(directory, "", &mut seen, &mut lines)?;
        lines.sort_unstable();
        Ok(format!(
            "sha256:{}",
            digest::sha256(lines.concat().as_bytes())
        ))
    }

    /// Adds a line for each file below a directory, whose names begin with `prefix`. A link to a directory
    /// that was `seen` counts by the name of that one, and a link to nothing by its text.
    fn below(
        &self,
        directory: &Utf8Path,
        prefix: &str,
        seen: &mut BTreeMap<Utf8PathBuf, String>,
        lines: &mut Vec<String>,
    ) -> Result<()> {
        let mut files = Vec::new();
        let mut linked = Vec::new();
        let named = |path: &Utf8Path, name: String| Some((self.host.real_path(path)?, name));
        seen.extend(named(directory, prefix.to_owned()));
        for (name, kind) in self.host.walk(directory)? {
            let path = directory.join(&name);
            match kind {
                PathKind::Directory => seen.extend(named(&path, format!("{prefix}{name}"))),
                PathKind::Other if !self.host.is_file(&path) => linked.push((name, path)),
                _ => files.push((name, path)),
            }
        }
        let read: Result<Vec<String>> = files
            .par_iter()
            .map(|(name, path)| {
                let (digest, _) = self.host.hash(path)?;
                Ok(format!("sha256:{digest}  {prefix}{name}\n"))
            })
            .collect();
        lines.extend(read?);
        for (name, path) in linked {
            let real = self.host.real_path(&path);
            let real = real.filter(|real| self.host.is_dir(real));
            let text = match real {
                Some(real) => match seen.get(&real) {
                    Some(known) => known.clone(),
                    None => {
                        self.below(&real, &format!("{prefix}{name}/"), seen, lines)?;
                        continue;
                    }
                },
                None => self.host.link_text(&path).unwrap_or_default(),
            };
            lines.push(format!("link:{text}  {prefix}{name}\n"));
        }
        Ok(())
    }

    /// Returns the files of zig: the program, and the sources and headers that it compiles C libraries
    /// and compiler-rt from.
    pub(super) fn zig(&self, zig: &Zig) -> Result<BTreeMap<String, String>> {
        Ok(BTreeMap::from([
            ("zig".to_owned(), self.file(&zig.path)?),
            ("lib".to_owned(), self.large_directory(&zig.library)?),
        ]))
    }

    /// Returns the files of rustc: the program, its libraries, and its linkers.
    pub(super) fn rustc(&self, sysroot: &Utf8Path, host: &str) -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for name in ["bin/rustc", "bin/rustc.exe"] {
            let path = sysroot.join(name);
            if self.host.is_file(&path) {
                files.insert(name.to_owned(), self.file(&path)?);
            }
        }
        for directory in ["lib", "bin"] {
            let place = sysroot.join(directory);
            if !self.host.is_dir(&place) {
                continue;
            }
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
        for (name, kind) in self.walk(&place)? {
            let (first, rest) = name.split_once('/').unwrap_or((&name, ""));
            let is_linking = if rest.is_empty() {
                LINKERS.contains(&first.trim_end_matches(".exe"))
            } else {
                LINKER_DIRECTORIES.contains(&first)
            };
            if is_linking && kind != PathKind::Directory {
                let digest = self.file(&place.join(&name))?;
                files.insert(format!("{linkers}/{name}"), digest);
            }
        }
        Ok(files)
    }

    /// Returns the programs that cargo calls in place of rustc: the one that is configured, if it is another
    /// one, and its wrappers. Caches decide no byte.
    pub(super) fn rustc_callers(&self, session: &Session) -> Result<Vec<LockedTool>> {
        let build = &session.request.cargo_config.build;
        let wrapper = |program: &Option<PathBuf>| {
            let program = program.as_ref()?.to_str()?;
            let is_called = !program.is_empty() && !is_launcher(program, None);
            is_called.then(|| program.to_owned())
        };
        let rustc = build.rustc.as_ref().and_then(|program| program.to_str());
        let rustc = rustc.or(self.host.var("RUSTC")).unwrap_or("rustc");
        let is_another = self
            .host
            .find(rustc)
            .is_some_and(|path| !starts_only(self.host, &path, self.sysroot));
        let programs = [
            (RUSTC_COMMAND, is_another.then(|| rustc.to_owned())),
            (RUSTC_WRAPPER, wrapper(&build.rustc_wrapper)),
            (
                RUSTC_WORKSPACE_WRAPPER,
                wrapper(&build.rustc_workspace_wrapper),
            ),
        ];
        let mut tools = Vec::new();
        for (role, program) in programs {
            let Some(program) = program else {
                continue;
            };
            tools.extend(self.tool(
                role,
                &Named {
                    program,
                    path: None,
                    arguments: Vec::new(),
                    others: Vec::new(),
                    version: None,
                    is_compiler: false,
                },
            )?);
        }
        Ok(tools)
    }

    /// Returns the digest of a target's standard library: of all files in its directory that rustup has
    /// not installed with another component, such as `llvm-tools` or `rustc-dev`.
    pub(super) fn standard_library(&self, rustlib: &Utf8Path, triple: &str) -> Result<String> {
        let own = format!("manifest-rust-std-{triple}");
        let below = format!("lib/rustlib/{triple}/lib/");
        let mut others = BTreeSet::new();
        let manifests = self.host.names(rustlib).into_iter();
        for manifest in manifests.filter(|name| name.starts_with("manifest-") && *name != own) {
            let path = rustlib.join(&manifest);
            let text = self.host.read_small_text(&path, LONGEST_MANIFEST)?;
            let files = text.lines().filter_map(|line| line.strip_prefix("file:"));
            let here = files.filter_map(|file| file.strip_prefix(&below));
            others.extend(here.map(str::to_owned));
        }
        let directory = rustlib.join(triple).join("lib");
        self.directory_without(&directory, &others)
    }

    /// Lists what is below a directory; nothing if there is none.
    fn walk(&self, directory: &Utf8Path) -> Result<BTreeMap<String, PathKind>> {
        if self.host.is_dir(directory) {
            self.host.walk(directory)
        } else {
            Ok(BTreeMap::new())
        }
    }

    /// Returns the arguments by which rustc has a C compiler call lld; none if the toolchain does not
    /// have its own, as those of distributions.
    pub(super) fn lld_arguments(&self, lld: &RustcsLld, host: &str) -> Vec<String> {
        let own = self.sysroot.join(format!("lib/rustlib/{host}/bin/gcc-ld"));
        if !self.host.is_dir(&own) {
            return Vec::new();
        }
        let directory = lld.is_own.then(|| format!("-B{own}"));
        directory
            .into_iter()
            .chain(["-fuse-ld=lld".to_owned()])
            .collect()
    }

    /// Returns a linker or a compiler with what it starts and links; `None` for one that is a part
    /// of another tool.
    pub(super) fn tool(&self, role: &str, named: &Named) -> Result<Option<LockedTool>> {
        let found = || self.host.find(&named.program);
        let Some(path) = named.path.clone().or_else(found) else {
            return Ok(None);
        };
        if path.starts_with(&self.own) || path.starts_with(self.sysroot) {
            return Ok(None);
        }
        let mut files = BTreeMap::from([(
            path.file_name().unwrap_or_default().to_owned(),
            self.file(&path)?,
        )]);
        if named.is_compiler {
            let args = [named.arguments.as_slice(), &named.others].concat();
            let linker = match called(&args) {
                CalledLinker::Name(name) => Some(name),
                CalledLinker::Path(path) => {
                    let path = self.root.join(path);
                    let name = path.file_name().unwrap_or_default().to_owned();
                    files.insert(name, self.file(&path)?);
                    None
                }
            };
            let programs = PARTS.iter().copied().chain(linker.as_deref());
            let asked = programs.map(|name| (name, "-print-prog-name"));
            let objects = OBJECTS.iter().map(|name| (*name, "-print-file-name"));
            let questions: Vec<(&str, &str)> = asked.chain(objects).collect();
            let parts: Result<Vec<Option<(String, String)>>> = questions
                .par_iter()
                .map(|(name, flag)| {
                    let part = self.part(&path, &args, flag, name)?;
                    // What is rustc's own is among its files.
                    let part = part.filter(|part| !part.starts_with(self.sysroot));
                    let digest = part.map(|part| self.file(&part)).transpose()?;
                    Ok(digest.map(|digest| ((*name).to_owned(), digest)))
                })
                .collect();
            files.extend(parts?.into_iter().flatten());
        }
        let arguments = self.places.named(&named.arguments.join(" "));
        let arguments = Some(arguments).filter(|arguments| !arguments.is_empty());
        Ok(Some(LockedTool {
            role: role.to_owned(),
            program: self.places.named(&named.program),
            arguments: arguments.map(|text| format!("sha256:{}", digest::sha256(text.as_bytes()))),
            version: named.version.clone(),
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
            Some(self.root.join(said)).filter(|path| self.host.is_file(path))
        };
        Ok(found)
    }
}
