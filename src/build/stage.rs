//! Artifacts -> a hashed, inspected tree that takes the old one's place in one step.
//!
//! The new tree is built beside the old one. What is unchanged is linked, not written again; when
//! nothing changed at all, nothing is exchanged. Nothing gets in that was not inspected.

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::build::compile::{ARTIFACT_MISSING, BuiltBin};
use crate::host::files::PathKind;
use crate::host::machine::Host;
use crate::host::replacement::{self, Kind, LockedPlace, Replacement};
use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::look::{TREE_CHANGED, foreign, read, untracked};
use crate::tree::manifest::{Artifact, Manifest, Waiver};
use crate::verify::rules::table;
use crate::{digest, inspect};

const OUT_DIR: Kind = Kind {
    name: "an out-dir",
    flag: "--out-dir",
    lock_stays: true,
};

/// The tree as a run finds it, with its lock held.
pub struct ExistingTree<'a> {
    place: LockedPlace<'a>,
    pub manifest: Option<Manifest>,
    /// The bytes of both manifest files, to see whether anything changed.
    written: Option<(String, String)>,
}

/// Locks the tree, reads its manifest, and refuses what xpkg did not make.
pub fn open<'a>(host: &'a Host, out_dir: &Utf8Path) -> Result<ExistingTree<'a>> {
    let place = replacement::lock(host, out_dir, &OUT_DIR)?;
    place.sweep(|leftover| match read(host, leftover) {
        Ok(Some((manifest, _))) => refuse_untracked(host, leftover, leftover, Some(&manifest)),
        // It was not finished.
        _ => Ok(()),
    })?;
    let (manifest, written) = read(host, out_dir)?.unzip();
    if host.exists(out_dir) {
        if !host.is_dir(out_dir) {
            return Err(foreign(out_dir, &["a file".to_owned()]));
        }
        refuse_untracked(host, out_dir, out_dir, manifest.as_ref())?;
    }
    Ok(ExistingTree {
        place,
        manifest,
        written,
    })
}

/// Refuses a tree with files that its manifest does not list. `name` is its path in messages.
fn refuse_untracked(
    host: &Host,
    tree: &Utf8Path,
    name: &Utf8Path,
    manifest: Option<&Manifest>,
) -> Result<()> {
    let untracked = untracked(&host.walk(tree)?, manifest);
    if untracked.is_empty() {
        Ok(())
    } else {
        Err(foreign(name, &untracked))
    }
}

/// A tree in the making.
pub struct Staging<'a> {
    host: &'a Host,
    existing: &'a ExistingTree<'a>,
    new: Replacement<'a>,
    /// Something in it is not in the old tree.
    fresh: bool,
}

/// What a run says of each file.
pub struct Provenance<'a> {
    pub profile: &'a str,
    pub accept: &'a [Code],
}

/// Begins a new tree beside the existing one.
pub fn begin<'a>(host: &'a Host, existing: &'a ExistingTree<'a>) -> Result<Staging<'a>> {
    Ok(Staging {
        host,
        existing,
        new: existing.place.begin()?,
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
            .existing
            .manifest
            .iter()
            .flat_map(|manifest| &manifest.artifacts);
        let same = old
            .into_iter()
            .any(|old| old.path == artifact.path && old.sha256 == artifact.sha256);
        let staged = self.existing.place.path().join(&artifact.path);
        // The bytes are at hand: comparing them is a third of the cost of another digest.
        if same && self.host.is_program(&staged) && self.host.holds(&staged, bytes) {
            self.host.hard_link(&staged, &to)?;
            return Ok(false);
        }
        self.host.write_program(&to, bytes)?;
        Ok(true)
    }

    fn place(&self, path: &str) -> Result<Utf8PathBuf> {
        let to = self.new.root().join(path);
        self.host
            .create_dir_all(to.parent().unwrap_or(self.new.root()))?;
        Ok(to)
    }

    /// Whether the old tree's file is still what its manifest says.
    fn still(&self, artifact: &Artifact) -> bool {
        let path = self.existing.place.path().join(&artifact.path);
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
        let from = self.existing.place.path().join(&artifact.path);
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
            existing,
            new,
            fresh,
        } = self;
        let (json, text) = (manifest.json(), manifest.text());
        let written = existing.written.as_ref();
        if !fresh && written.is_some_and(|(old_json, old)| *old_json == json && *old == text) {
            return Ok(false);
        }
        let root = new.root().to_owned();
        host.write(&root.join(TEXT_NAME), text.as_bytes())?;
        host.write(&root.join(JSON_NAME), json.as_bytes())?;
        new.finish(&root, |old| {
            let (name, manifest) = (existing.place.path(), existing.manifest.as_ref());
            refuse_untracked(host, old, name, manifest)
        })?;
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
