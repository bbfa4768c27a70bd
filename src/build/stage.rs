//! Artifacts -> a hashed, inspected tree that takes the old one's place in one step.
//!
//! The new tree is built beside the old one. What is unchanged is linked, not written again; when
//! nothing changed at all, nothing is exchanged. Nothing gets in that was not inspected.

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::build::compile::{ARTIFACT_MISSING, BuiltBin};
use crate::host::codes::FILE_ACCESS;
use crate::host::files::PathKind;
use crate::host::lock::{FileLock, lock_path};
use crate::host::machine::Host;
use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::look::{TREE_CHANGED, foreign, read, strangers};
use crate::tree::manifest::{Artifact, Manifest, Waiver};
use crate::verify::rules::table;
use crate::{digest, inspect};

/// The tree as a run finds it, with its lock held.
pub struct ExistingTree {
    pub out_dir: Utf8PathBuf,
    pub manifest: Option<Manifest>,
    /// The bytes of both manifest files, to see whether anything changed.
    written: Option<(String, String)>,
    _lock: FileLock,
}

/// Locks the tree, reads its manifest, and refuses what xpkg did not make.
pub fn open(host: &Host, out_dir: &Utf8Path) -> Result<ExistingTree> {
    let Some(parent) = out_dir.parent() else {
        return Err(
            Problem::new(FILE_ACCESS, format!("`{out_dir}` cannot be an out-dir"))
                .help("name a directory below another"),
        );
    };
    host.create_dir_all(parent).map_err(elsewhere)?;
    let lock = host
        .lock(&lock_path(out_dir), &format!("on `{out_dir}`"))
        .map_err(elsewhere)?;
    clear_leftovers(host, out_dir, parent)?;
    let standing = read(host, out_dir)?;
    let (manifest, written) = standing.unzip();
    if host.exists(out_dir) {
        if !host.is_dir(out_dir) {
            return Err(foreign(out_dir, &["a file".to_owned()]));
        }
        let untracked = strangers(&host.walk(out_dir)?, manifest.as_ref());
        if !untracked.is_empty() {
            return Err(foreign(out_dir, &untracked));
        }
    }
    Ok(ExistingTree {
        out_dir: out_dir.to_owned(),
        manifest,
        written,
        _lock: lock,
    })
}

/// The way out of a place that cannot be written.
fn elsewhere(problem: Problem) -> Problem {
    match problem.code {
        FILE_ACCESS => problem.help("name a directory that can be written: `--out-dir DIR`"),
        _ => problem,
    }
}

/// What the name of a tree in the making begins with.
fn making_prefix(out_dir: &Utf8Path) -> String {
    format!(".{}.new-", out_dir.file_name().unwrap_or_default())
}

/// Removes what a killed run left beside the tree: an unfinished tree, or the one that it had just
/// replaced. The lock is held, so nobody works in it.
fn clear_leftovers(host: &Host, out_dir: &Utf8Path, parent: &Utf8Path) -> Result<()> {
    let prefix = making_prefix(out_dir);
    for leftover in host
        .names(parent)
        .into_iter()
        .filter(|name| name.starts_with(&prefix))
        .map(|name| parent.join(name))
    {
        // A tree that was exchanged out may hold a stranger's file, which the killed run had no
        // time to see.
        if let Ok(Some((manifest, _))) = read(host, &leftover) {
            let untracked = strangers(&host.walk(&leftover)?, Some(&manifest));
            if !untracked.is_empty() {
                return Err(foreign(&leftover, &untracked));
            }
        }
        host.remove_dir_all(&leftover)?;
    }
    Ok(())
}

/// A tree in the making.
pub struct Staging<'a> {
    host: &'a Host,
    standing: &'a ExistingTree,
    temp: tempfile::TempDir,
    root: Utf8PathBuf,
    /// Something in it is not in the old tree.
    fresh: bool,
}

/// What a run says of each file.
pub struct Provenance<'a> {
    pub profile: &'a str,
    pub accept: &'a [Code],
}

pub fn begin<'a>(host: &'a Host, standing: &'a ExistingTree) -> Result<Staging<'a>> {
    let parent = standing.out_dir.parent().unwrap_or(Utf8Path::new("/"));
    let temp = host.temp_dir(parent, &making_prefix(&standing.out_dir))?;
    let root = Utf8PathBuf::from_path_buf(temp.path().to_owned()).map_err(|path| {
        Problem::new(
            FILE_ACCESS,
            format!("the path `{}` is not UTF-8", path.display()),
        )
    })?;
    host.check_exchange(&standing.out_dir, &root)?;
    Ok(Staging {
        host,
        standing,
        temp,
        root,
        fresh: false,
    })
}

impl Staging<'_> {
    /// Takes the files of one call, before another call can replace them: each read once, hashed,
    /// inspected, judged. Who built them is entered later, when all is built.
    pub fn take(
        &mut self,
        made: &[BuiltBin],
        provenance: &Provenance,
    ) -> Result<Vec<Artifact>, Vec<Problem>> {
        let taken: Vec<Result<One, Vec<Problem>>> = made
            .par_iter()
            .map(|made| self.take_one(made, provenance))
            .collect();
        let mut artifacts = Vec::new();
        let mut problems = Vec::new();
        for one in taken {
            match one {
                Ok(One { artifact, fresh }) => {
                    self.fresh |= fresh;
                    artifacts.push(artifact);
                }
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(artifacts)
        } else {
            Err(problems)
        }
    }

    fn take_one(&self, made: &BuiltBin, provenance: &Provenance) -> Result<One, Vec<Problem>> {
        let BuiltBin {
            output,
            file,
            features,
        } = made;
        let name = format!(
            "bin `{}` of package `{}`",
            output.bin.bin, output.bin.package
        );
        if !self.host.exists(file) {
            let problem = Problem::new(
                ARTIFACT_MISSING,
                format!("{name}: cargo reports `{file}`, and nothing is there"),
            );
            let problem = problem.note(
                "cause",
                ["the linker ended well but wrote nothing".to_owned()],
            );
            return Err(vec![problem.help(
                "`cargo xpkg plan` shows which linker it was and why it was chosen",
            )]);
        }
        let bytes = self.host.read(file).map_err(|problem| vec![problem])?;
        let (binary, findings) = match inspect::inspect(&bytes) {
            Ok(binary) => {
                let findings = table::check_built(&name, &binary, &output.target);
                (Some(binary), findings)
            }
            Err(error) => (None, vec![table::unreadable(&name, &error)]),
        };
        let (waived, refused): (Vec<Problem>, Vec<Problem>) = findings
            .into_iter()
            .partition(|finding| provenance.accept.contains(&finding.code));
        if !refused.is_empty() {
            return Err(refused
                .into_iter()
                .map(|finding| finding.note("file", [file.to_string()]))
                .collect());
        }
        let artifact = Artifact {
            path: output.path.clone(),
            target: output.target.triple().to_owned(),
            package: output.bin.package.clone(),
            version: output.bin.version.clone(),
            bin: output.bin.bin.clone(),
            profile: provenance.profile.to_owned(),
            features: features.clone(),
            built_by: String::new(),
            size: bytes.len() as u64,
            mode: "0755".to_owned(),
            sha256: digest::sha256(&bytes),
            binary,
            waivers: waived
                .into_iter()
                .map(|finding| Waiver {
                    code: finding.code.name().to_owned(),
                    message: finding.message,
                })
                .collect(),
        };
        let fresh = self
            .put(&artifact, &bytes)
            .map_err(|problem| vec![problem])?;
        Ok(One { artifact, fresh })
    }

    /// Links the old tree's file where it is the same, else writes a new one. Tells whether it is
    /// new.
    fn put(&self, artifact: &Artifact, bytes: &[u8]) -> Result<bool> {
        let to = self.place(&artifact.path)?;
        let old = self
            .standing
            .manifest
            .iter()
            .flat_map(|manifest| &manifest.artifacts);
        let same = old
            .into_iter()
            .any(|old| old.path == artifact.path && old.sha256 == artifact.sha256);
        let staged = self.standing.out_dir.join(&artifact.path);
        // The bytes are at hand: comparing them is a third of the cost of another digest.
        if same && self.host.is_program(&staged) && self.host.holds(&staged, bytes) {
            self.host.hard_link(&staged, &to)?;
            return Ok(false);
        }
        self.host.write_program(&to, bytes)?;
        Ok(true)
    }

    fn place(&self, path: &str) -> Result<Utf8PathBuf> {
        let to = self.root.join(path);
        self.host
            .create_dir_all(to.parent().unwrap_or(&self.root))?;
        Ok(to)
    }

    /// Whether the old tree's file is still what its manifest says.
    fn still(&self, artifact: &Artifact) -> bool {
        let path = self.standing.out_dir.join(&artifact.path);
        self.host.is_program(&path)
            && self
                .host
                .hash(&path)
                .is_ok_and(|(digest, size)| digest == artifact.sha256 && size == artifact.size)
    }

    /// Links what this run did not select.
    pub fn keep(&self, kept: &[Artifact]) -> Result<(), Vec<Problem>> {
        let problems: Vec<Problem> = kept
            .par_iter()
            .filter_map(|artifact| self.keep_one(artifact).err())
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn keep_one(&self, artifact: &Artifact) -> Result<()> {
        let from = self.standing.out_dir.join(&artifact.path);
        if !self.still(artifact) {
            return Err(Problem::new(
                TREE_CHANGED,
                format!("`{from}` is not what its manifest says"),
            )
            .help(format!(
                "build its target again (`--target {}`), or remove the tree: `cargo xpkg clean`",
                artifact.target
            )));
        }
        self.host.hard_link(&from, &self.place(&artifact.path)?)
    }

    /// Writes the manifests and puts the tree in its place. Tells whether anything changed.
    pub fn finish(self, manifest: &Manifest) -> Result<bool> {
        let Self {
            host,
            standing,
            temp,
            root,
            fresh,
        } = self;
        let (json, text) = (manifest.json(), manifest.text());
        if !fresh
            && standing
                .written
                .as_ref()
                .is_some_and(|(old_json, old_text)| *old_json == json && *old_text == text)
        {
            return Ok(false);
        }
        host.write(&root.join(TEXT_NAME), text.as_bytes())?;
        host.write(&root.join(JSON_NAME), json.as_bytes())?;
        host.exchange(&root, &standing.out_dir)?;
        // What stands at `root` now is the old tree, if there was one; it goes with `temp`. A file
        // that someone else put there while we compiled does not: the old tree comes back with it.
        if host.exists(&root) {
            let untracked = strangers(&host.walk(&root)?, standing.manifest.as_ref());
            if !untracked.is_empty() {
                host.exchange(&root, &standing.out_dir)?;
                return Err(foreign(&standing.out_dir, &untracked));
            }
        }
        drop(temp);
        Ok(true)
    }
}

struct One {
    artifact: Artifact,
    fresh: bool,
}

/// Removes what the manifest lists, then directories that are empty. Returns what was removed and
/// which files are left.
pub fn remove(host: &Host, out_dir: &Utf8Path) -> Result<(Vec<String>, Vec<String>)> {
    if !host.is_dir(out_dir) {
        return Ok((Vec::new(), Vec::new()));
    }
    let Some((manifest, _)) = read(host, out_dir)? else {
        return Ok((Vec::new(), files(host, out_dir)?));
    };
    let listed = manifest
        .artifacts
        .iter()
        .map(|artifact| artifact.path.as_str());
    let mut removed = Vec::new();
    // The manifests go last: a run that is cut short can be repeated.
    for path in listed.chain([TEXT_NAME, JSON_NAME]) {
        let file = out_dir.join(path);
        if host.exists(&file) {
            host.remove_file(&file)?;
            removed.push(path.to_owned());
        }
    }
    let found = host.walk(out_dir)?;
    for (path, _) in found
        .iter()
        .rev()
        .filter(|(_, entry)| **entry == PathKind::Directory)
    {
        host.remove_empty_dir(&out_dir.join(path));
    }
    host.remove_empty_dir(out_dir);
    Ok((removed, files(host, out_dir)?))
}

fn files(host: &Host, out_dir: &Utf8Path) -> Result<Vec<String>> {
    if !host.exists(out_dir) {
        return Ok(Vec::new());
    }
    Ok(host
        .walk(out_dir)?
        .into_iter()
        .filter(|(_, entry)| *entry != PathKind::Directory)
        .map(|(path, _)| path)
        .collect())
}
