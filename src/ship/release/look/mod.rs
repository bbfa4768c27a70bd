//! Looks for the files that archives include, for the commit of a tag, for what SBOMs are made of,
//! and for what is in the directory of a release.

/// Trees that a release is made of.
pub mod trees;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::digest;
use crate::host::entries::{FileType, PathKind};
use crate::host::machine::Host;
use crate::inspect::auditable::{PackageList, SECTION};
use crate::inspect::section::section;
use crate::invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::printable;
use crate::problem::{Problem, Result};
use crate::project::config::Config;
use crate::project::config::release::DebConfig;
use crate::project::graph;
use crate::project::look::access;
use crate::project::look::context::{CargoOptions, WORKSPACE_UNREADABLE, parse_metadata};
use crate::project::path_template::path_fault;
use crate::project::workspace::{Member, Workspace};
use crate::ship::release::include::{Include, Part, includes, installed};
use crate::ship::release::model::{
    Build, DebSettings, Included, IncludedFile, RELEASE_INVALID, Release, ReleasedBin,
};
use crate::ship::release::sbom::{Facts, PackageFacts};
use crate::ship::release::version::TAG_MISMATCH;
use crate::tree::fields::is_hex;
use crate::tree::look::{TREE_CHANGED, release_files};
use crate::tree::release::{Document, NAME};
use crate::tree::source::{GIT_LIMIT, git};

/// Returns the files to include, by package. A pattern is searched in the package's directory, then
/// in the workspace's root.
///
/// # Errors
/// All problems: `release-invalid`, `outside-workspace`, `file-access`.
pub fn included(
    host: &Host,
    workspace: &Workspace,
    config: &Config,
) -> Result<BTreeMap<String, Included>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut found = BTreeMap::new();
    let members = workspace.members.iter();
    let is_released = |member: &&Member| {
        let library = member.library.as_ref();
        !member.bins.is_empty() || library.is_some_and(|library| library.is_cdylib)
    };
    for member in members.filter(is_released) {
        let own = config.package.get(&member.name);
        let own = own.map(|package| &package.release);
        let home = member.manifest.parent().unwrap_or(&workspace.root);
        let search = Search {
            host,
            root: &workspace.root,
            home,
            target_dir: &workspace.target_dir,
        };
        let patterns = own.and_then(|own| own.include.as_ref());
        let files = includes(patterns.or(config.release.include.as_ref()))
            .and_then(|includes| search.files(&includes));
        let deb = DebConfig::merged(
            own.and_then(|own| own.deb.as_ref()),
            config.release.deb.as_ref(),
        );
        let deb = deb.map(|deb| search.deb(&deb)).transpose();
        match (files, deb) {
            (Ok(files), Ok(deb)) => {
                found.insert(member.name.clone(), Included { files, deb });
            }
            (files, deb) => {
                problems.extend(files.err().unwrap_or_default());
                problems.extend(deb.err().unwrap_or_default());
            }
        }
    }
    if problems.is_empty() {
        return Ok(found);
    }
    // A pattern of the workspace is wrong for each of its packages.
    let mut told: Vec<Problem> = Vec::new();
    for problem in problems {
        if !told.iter().any(|other| other.message == problem.message) {
            told.push(problem);
        }
    }
    Err(told)
}

/// Directories that patterns of a package are searched in.
struct Search<'a> {
    host: &'a Host,
    /// Root of the workspace.
    root: &'a Utf8Path,
    /// Directory of the package.
    home: &'a Utf8Path,
    /// cargo's target directory.
    target_dir: &'a Utf8Path,
}

impl Search<'_> {
    /// Returns the settings of packages of Debian, with their files.
    fn deb(&self, config: &DebConfig) -> Result<DebSettings, Vec<Problem>> {
        let DebConfig {
            maintainer,
            revision,
            section,
            depends,
            recommends,
            libraries,
            files,
            systemd,
        } = config.clone();
        let Some(maintainer) = maintainer else {
            let message = "a package of Debian needs a `maintainer`";
            return Err(vec![Problem::new(RELEASE_INVALID, message).help(
                "set it in `[workspace.metadata.xpkg.release.deb]`: `maintainer = \"Acme \
                 <release@acme.example>\"`",
            )]);
        };
        let places = files.unwrap_or_default();
        let units = systemd.unwrap_or_default().into_iter();
        let units = units.map(|pattern| (pattern, String::new())).collect();
        Ok(DebSettings {
            maintainer,
            revision: revision.unwrap_or_else(|| "1".to_owned()),
            section: section.unwrap_or_else(|| "utils".to_owned()),
            depends: depends.unwrap_or_default(),
            recommends: recommends.unwrap_or_default(),
            libraries: libraries.unwrap_or_default(),
            files: installed(&places).and_then(|includes| self.files(&includes))?,
            units: includes(Some(&units)).and_then(|includes| self.files(&includes))?,
        })
    }

    /// Returns the files that patterns match, sorted by place.
    fn files(&self, includes: &[Include]) -> Result<Vec<IncludedFile>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut found: Vec<IncludedFile> = Vec::new();
        for include in includes {
            match self.one(include) {
                Ok(files) => found.extend(files),
                Err(problem) => problems.push(problem),
            }
        }
        found.sort();
        // Two patterns may match one file.
        found.dedup();
        for pair in found.windows(2).filter(|pair| pair[0].to == pair[1].to) {
            problems.push(
                Problem::new(
                    RELEASE_INVALID,
                    format!("`include` has two files for `{}`", pair[0].to),
                )
                .note("files", pair.iter().map(|file| file.from.to_string()))
                .help("give one of them another place, or keep the directories below `**`"),
            );
        }
        if problems.is_empty() {
            Ok(found)
        } else {
            Err(problems)
        }
    }

    /// Returns the files of one pattern.
    fn one(&self, include: &Include) -> Result<Vec<IncludedFile>> {
        let Self {
            host, root, home, ..
        } = *self;
        let mut matched = Vec::new();
        let mut searched = home;
        for directory in [home, root] {
            searched = directory;
            self.search(directory, "", &include.parts, &mut matched)?;
            if !matched.is_empty() {
                break;
            }
        }
        if matched.is_empty() {
            if !include.required {
                return Ok(Vec::new());
            }
            let pattern = &include.pattern;
            let message =
                format!("`{pattern}` of `include` matches no file in `{home}` or `{root}`");
            return Err(Problem::new(RELEASE_INVALID, message)
                .help("create the file, or remove the pattern from `include`"));
        }
        matched.sort();
        let places = include.places(&matched)?;
        let mut faults = places.iter().filter_map(|to| Some((to, path_fault(to)?)));
        if let Some((path, fault)) = faults.next() {
            let message = format!(
                "`{}` of `include` gives a file the place `{}`: {fault}",
                include.pattern,
                printable(path)
            );
            return Err(Problem::new(RELEASE_INVALID, message).help("rename the file"));
        }
        let file = |(path, to): (&String, String)| {
            let from = searched.join(path);
            access::check(
                host,
                root,
                &from,
                &format!("`{}` of `include`", include.pattern),
            )?;
            let from = host.resolve(&from);
            let executable = host.mode(&from).is_some_and(|mode| mode & 0o111 != 0);
            Ok(IncludedFile {
                to,
                from,
                executable,
            })
        };
        matched.iter().zip(places).map(file).collect()
    }

    /// Adds the paths of regular files below `directory` that match the parts, relative to it. A link
    /// to a file is one; a link to a directory is not followed. What git and builds generate matches
    /// no pattern, only its own name.
    fn search(
        &self,
        directory: &Utf8Path,
        below: &str,
        parts: &[Part],
        found: &mut Vec<String>,
    ) -> Result<()> {
        let host = self.host;
        let Some((part, rest)) = parts.split_first() else {
            return Ok(());
        };
        let here = directory.join(below);
        let within = |name: &str| match below {
            "" => name.to_owned(),
            below => format!("{below}/{name}"),
        };
        if *part == Part::Any {
            self.search(directory, below, rest, found)?;
        }
        let mut names: Vec<(String, bool)> = Vec::new();
        match part {
            Part::Name(name) => {
                let path = here.join(name);
                names.push((name.clone(), host.is_dir(&path)));
            }
            Part::Pattern(_) | Part::Any if !host.is_dir(&here) => {}
            Part::Pattern(_) | Part::Any => {
                for entry in host.list(&here)? {
                    let is_directory = matches!(entry.file_type, Ok(FileType::Directory));
                    let is_match = match part {
                        Part::Pattern(pattern) => pattern.matches(&entry.name),
                        _ => is_directory && !entry.name.starts_with('.'),
                    };
                    if !is_match || self.is_generated(&here.join(&entry.name)) {
                        continue;
                    }
                    if !entry.is_utf8 {
                        let path = here.join(&entry.name);
                        let message =
                            format!("`{path}` matches `include`, and its name is not UTF-8");
                        return Err(Problem::new(RELEASE_INVALID, message)
                            .help("rename it, or write a pattern that does not match it"));
                    }
                    names.push((entry.name, is_directory));
                }
            }
        }
        for (name, is_directory) in names {
            let path = within(&name);
            match part {
                Part::Any => self.search(directory, &path, parts, found)?,
                _ if rest.is_empty() => {
                    let is_new = !found.contains(&path);
                    if is_new && host.is_file(&directory.join(&path)) {
                        found.push(path);
                    }
                }
                _ if is_directory => self.search(directory, &path, rest, found)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns true for `.git`, cargo's target directory, and any other directory that says that it is
    /// a cache: <https://bford.info/cachedir/>.
    fn is_generated(&self, path: &Utf8Path) -> bool {
        path.file_name() == Some(".git")
            || path == self.target_dir
            || self.host.is_file(&path.join("CACHEDIR.TAG"))
    }
}

/// Checks that the repository at `root`, if it has the tag of the release, has it at the commit that
/// the trees were built from.
///
/// # Errors
/// `tag-mismatch`.
pub fn check_tag_commit(host: &Host, root: &Utf8Path, release: &Release) -> Result<()> {
    let (Some(tag), Some(built)) = (&release.tag, &release.commit) else {
        return Ok(());
    };
    let question = git(root).args([
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &format!("refs/tags/{tag}^{{commit}}"),
    ]);
    let Ok(output) = host.capture_bounded(&question, GIT_LIMIT) else {
        return Ok(());
    };
    let tagged = output.stdout.trim();
    if !output.success() || tagged.is_empty() || tagged == built {
        return Ok(());
    }
    Err(Problem::new(
        TAG_MISMATCH,
        format!("the tag `{tag}` is not the commit that the trees were built from"),
    )
    .note("tag", [tagged.to_owned()])
    .note("trees", [built.clone()])
    .help(format!(
        "build at the tag: `git checkout {} && cargo xpkg build`",
        invocation::quote(tag)
    )))
}

/// Largest size of a Cargo.lock in bytes.
const LONGEST_LOCK: u64 = 64 * 1024 * 1024;

/// Returns the lists of packages in the bins of a build, in their order.
///
/// # Errors
/// `tree-changed`: a bin is not the one that was verified. `release-invalid`: its list cannot be
/// read.
pub fn lists(host: &Host, trees: &[Utf8PathBuf], build: &Build) -> Result<Vec<PackageList>> {
    let list = |bin: &ReleasedBin| {
        let path = trees[bin.tree].join(&bin.path);
        let bytes = host.read(&path)?;
        if digest::sha256(&bytes) != bin.sha256 {
            let message = format!("`{path}` was changed after it was verified");
            let problem = Problem::new(TREE_CHANGED, message);
            return Err(problem.help("build it again: `cargo xpkg build`"));
        }
        let unreadable = |why: String| {
            let message = format!("cannot read the list of packages in `{path}`: {why}");
            Problem::new(RELEASE_INVALID, message)
                .help("build it again: `cargo xpkg build --auditable`")
        };
        let found = section(&bytes, SECTION).map_err(|error| unreadable(error.to_string()))?;
        let found = found.ok_or_else(|| unreadable("there is none".to_owned()))?;
        PackageList::decode(found).map_err(|error| unreadable(error.to_string()))
    };
    build.bins.iter().map(list).collect()
}

/// Returns what cargo knows of the packages of the workspace's graph for these triples. `features`
/// are those that the bins were built with, as `package/feature`.
///
/// # Errors
/// cargo cannot resolve the graph, or Cargo.lock cannot be read.
pub fn package_facts(
    host: &Host,
    workspace: &Workspace,
    cargo: &CargoOptions,
    triples: &BTreeSet<String>,
    features: &BTreeSet<String>,
) -> Result<Facts> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<LockedPackage>,
    }
    #[derive(Deserialize)]
    struct LockedPackage {
        name: String,
        version: String,
        source: Option<String>,
        checksum: Option<String>,
    }
    let question = cargo
        .cargo(&workspace.root)
        .options("--filter-platform", triples)
        .options("--features", features);
    let metadata = parse_metadata(&question, &host.capture(&question)?)?;
    let path = workspace.root.join("Cargo.lock");
    let text = host.read_small_text(&path, LONGEST_LOCK)?;
    let lock: Lock = toml::from_str(&text).map_err(|error| {
        Problem::new(
            WORKSPACE_UNREADABLE,
            format!("cannot read `{path}`: {error}"),
        )
        .help("let cargo write it again: `cargo generate-lockfile`")
    })?;
    let checksums: BTreeMap<_, String> = lock
        .package
        .into_iter()
        .filter_map(|package| {
            let checksum = package.checksum.filter(|text| is_hex(text, 64))?;
            Some(((package.name, package.version, package.source?), checksum))
        })
        .collect();
    let facts = |package: &cargo_metadata::Package| {
        let (name, version) = (package.name.to_string(), package.version.to_string());
        let checksum = package.source.as_ref().and_then(|source| {
            let key = (name.clone(), version.clone(), source.repr.clone());
            checksums.get(&key).cloned()
        });
        let facts = PackageFacts {
            license: package.license.clone(),
            checksum,
        };
        ((name, version, graph::source(package)), facts)
    };
    Ok(metadata.packages.iter().map(facts).collect())
}

/// Returns the default directory of a release.
pub fn default_directory(target_dir: &Utf8Path, version: &str) -> Utf8PathBuf {
    target_dir.join("xpkg-release").join(version)
}

/// Largest size of a list of a release in bytes.
const LONGEST_DOCUMENT: u64 = 64 * 1024 * 1024;

/// Checks that nothing is lost if the directory of a release is replaced: its files are those that
/// `release.json` lists, as it lists them. `name` is its path in messages.
///
/// # Errors
/// `release-foreign`, and `release-unreadable`.
pub fn check_place(host: &Host, directory: &Utf8Path, name: &Utf8Path) -> Result<()> {
    if !host.exists(directory) {
        return Ok(());
    }
    let foreign = |message: String| {
        Problem::new(RELEASE_FOREIGN, message)
            .help("move it away, or choose another directory: `--release-dir DIR`")
    };
    if !host.is_dir(directory) {
        return Err(foreign(format!(
            "`{name}` is no directory, and a release is one"
        )));
    }
    const SHOWN: usize = 10;
    let entries = host.walk(directory)?;
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    if entries.get(NAME) == Some(&PathKind::File) {
        let text = host.read_small_text(&directory.join(NAME), LONGEST_DOCUMENT)?;
        let document = Document::parse(&text, name.join(NAME).as_str())?;
        known = release_files(host, directory, &text, document)?;
    }
    let is_untracked = |(path, kind): &(&String, &PathKind)| match kind {
        PathKind::Directory => false,
        PathKind::File => !known.contains_key(*path),
        PathKind::Other => true,
    };
    let untracked = entries.iter().filter(is_untracked);
    let untracked: Vec<String> = untracked.map(|(path, _)| path.clone()).collect();
    if !untracked.is_empty() {
        let message = format!("`{name}` contains files that xpkg did not create");
        return Err(foreign(message).note("untracked", untracked.into_iter().take(SHOWN)));
    }
    let mut changed = Vec::new();
    for (path, listed) in known {
        // What is missing is no loss.
        if entries.contains_key(&path) && Some(host.hash(&directory.join(&path))?.0) != listed {
            changed.push(path);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let message = format!("`{name}` contains files that were changed since xpkg wrote them");
    Err(foreign(message).note("changed", changed.into_iter().take(SHOWN)))
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[RELEASE_FOREIGN];

/// A directory with files of somebody else where a release is to be written.
pub const RELEASE_FOREIGN: Code = code(&CodeInfo {
    name: "release-foreign",
    title: "the directory of the release contains files that xpkg did not create",
    cause: "Somebody put files there, such as a signature, changed one, or it is another directory.",
    detection: "Every file but `release.json` and `SHA256SUMS` must be listed in `release.json` with its \
                digest, before the build and again before the directory is replaced.",
    fix: "Move them away, or choose another `--release-dir`.",
    page: "release",
    sources: &[],
    waivable: false,
});
