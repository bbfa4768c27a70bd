//! Stages artifacts: a tree of hashed and inspected files that replaces the old one in one step.
//!
//! The new tree is made beside the old one. Unchanged files are linked at the end, not written again;
//! if nothing changed at all, nothing is linked or exchanged. Every file in it was inspected, with the
//! list of its packages where one was added.

use std::collections::{BTreeMap, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::build::auditable::Lists;
use crate::build::compile::{BuiltBin, TARGET_DIR_BUSY};
use crate::build::taken::{Taken, TakenFile};
use crate::host::machine::Host;
use crate::host::opened::Moment;
use crate::host::replacement::{self, Kind, LockedPlace, Replacement};
use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::project::c_package::CPackage;
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::tree::look::{TREE_CHANGED, foreign, read, untracked};
use crate::tree::manifest::{Artifact, Manifest, Waiver};
use crate::tree::staged::Output;
use crate::verify::expected::Expected;
use crate::verify::rules::{level, table};
use crate::{digest, inspect};

/// Out-dir, as a replaced place.
const OUT_DIR: Kind = Kind {
    name: "an out-dir",
    flag: "--out-dir",
};

/// The tree before a run. Its lock is held as long as this lives.
pub struct ExistingTree<'a> {
    place: LockedPlace<'a>,
    /// Manifest; `None` if there is no tree.
    pub manifest: Option<Manifest>,
    /// Texts of `manifest.json` and `MANIFEST.txt`, to detect changes.
    written: Option<(String, String)>,
}

/// Locks the tree and reads its manifest.
///
/// # Errors
/// `tree-foreign`: there are files that xpkg did not create.
pub fn open<'a>(host: &'a Host, out_dir: &Utf8Path) -> Result<ExistingTree<'a>> {
    let place = replacement::lock(host, out_dir, &OUT_DIR)?;
    place.sweep(|leftover| {
        let manifest = read(host, leftover)?.map(|(manifest, _)| manifest);
        reject_untracked(host, leftover, leftover, manifest.as_ref())
    })?;
    let (manifest, written) = read(host, out_dir)?.unzip();
    if host.exists(out_dir) {
        if !host.is_dir(out_dir) {
            return Err(foreign(out_dir, &["a file".to_owned()]));
        }
        reject_untracked(host, out_dir, out_dir, manifest.as_ref())?;
    }
    Ok(ExistingTree {
        place,
        manifest,
        written,
    })
}

/// Rejects a tree with files that its manifest does not list. `name` is its path in messages.
fn reject_untracked(
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

/// New tree that is not finished.
pub struct Staging<'a> {
    host: &'a Host,
    existing: &'a ExistingTree<'a>,
    /// Digests of the old tree's files, by their paths.
    old: HashMap<&'a str, &'a str>,
    new: Replacement<'a>,
    /// Moment of its beginning, by the clock of the tree's file system.
    began: Option<Moment>,
    /// Files of the old tree that the new one gets, too, by their paths. They are linked at the end, if
    /// anything changed: a link changes the identity of a file.
    links: BTreeMap<String, Held>,
    /// True if it contains a file that the old tree does not.
    is_changed: bool,
}

/// Facts of a run that are recorded with each file.
pub struct Provenance<'a> {
    /// Name of cargo's profile.
    pub profile: &'a str,
    /// Codes of findings that do not stop the run.
    pub accept: &'a [Code],
    /// Requirements of the programs, by triple.
    pub expected: Vec<(&'a str, Expected)>,
    /// Packages, by triple, that choose at run time among code for several levels of processors:
    /// what a program with one is marked with is not what it needs.
    pub dispatching: Vec<(&'a str, &'a CPackage)>,
    /// Lists of packages to add to programs, by triple.
    pub lists: Vec<(&'a str, &'a Lists)>,
}

impl<'a> Provenance<'a> {
    /// Returns the lists of packages for the programs of a target.
    fn lists_of(&self, triple: &str) -> Option<&'a Lists> {
        let mut lists = self.lists.iter();
        let (_, lists) = lists.find(|(target, _)| *target == triple)?;
        Some(lists)
    }
}

/// Begins a new tree beside the existing one.
pub fn begin<'a>(host: &'a Host, existing: &'a ExistingTree<'a>) -> Result<Staging<'a>> {
    let artifacts = existing.manifest.iter();
    let artifacts = artifacts.flat_map(|manifest| &manifest.artifacts);
    Ok(Staging {
        host,
        existing,
        old: artifacts
            .map(|artifact| (artifact.path.as_str(), artifact.sha256.as_str()))
            .collect(),
        new: existing.place.begin()?,
        began: existing.place.now(),
        links: BTreeMap::new(),
        is_changed: false,
    })
}

impl Staging<'_> {
    /// Takes the files of one call, before another call can replace them: each is read once,
    /// hashed, inspected and checked. `built_by` stays empty until all targets are built.
    ///
    /// What an earlier run found in a file that is the same is in `known`; what this one has found is
    /// added to `taken`.
    pub fn take(
        &mut self,
        bins: &[BuiltBin],
        provenance: &Provenance,
        known: &Taken,
        taken: &mut Taken,
    ) -> Result<Vec<Artifact>, Vec<Problem>> {
        let staged: Vec<Result<StagedFile, Vec<Problem>>> = bins
            .par_iter()
            .map(|bin| self.take_one(bin, provenance, known))
            .collect();
        let mut artifacts = Vec::new();
        let mut problems = Vec::new();
        for (file, bin) in staged.into_iter().zip(bins) {
            match file {
                Ok(StagedFile { artifact, held }) => {
                    self.add_staged(&artifact.path, held.clone());
                    // What is listed in a program is not in cargo's file.
                    let is_cargos = provenance.lists_of(&artifact.target).is_none();
                    if let (Some(identity), Some(binary), true) =
                        (&bin.identity, &artifact.binary, is_cargos)
                    {
                        let file = TakenFile {
                            identity: identity.clone(),
                            sha256: artifact.sha256.clone(),
                            size: artifact.size,
                            staged: held.and_then(|Held { identity }| identity),
                            binary: binary.clone(),
                        };
                        taken.add(&artifact.path, file);
                    }
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

    fn take_one(
        &self,
        bin: &BuiltBin,
        provenance: &Provenance,
        known: &Taken,
    ) -> Result<StagedFile, Vec<Problem>> {
        let BuiltBin {
            output,
            file,
            features,
            identity,
            beside: _,
        } = bin;
        let of_file = |problem: Problem| problem.note("file", [file.path().to_string()]);
        let all_of_file = |problems: Vec<Problem>| -> Vec<Problem> {
            problems.into_iter().map(of_file).collect()
        };
        let known = self
            .old
            .get(output.path.as_str())
            .and_then(|staged| known.find(&output.path, identity.as_deref(), staged));
        let lists = provenance.lists_of(output.target.triple());
        // Nothing has written to either file since they were compared. With a list to add, another file
        // than cargo's is staged.
        let is_cargos = !matches!(lists, Some(Lists::Packages(_)));
        let untouched = known.filter(|_| is_cargos);
        let untouched =
            untouched.and_then(|known| Some((known, self.untouched(known, &output.path)?)));
        if let Some((known, held)) = untouched {
            let artifact = check(output, features, &Contents::Known(known), provenance)
                .map_err(all_of_file)?;
            let held = Some(held);
            return Ok(StagedFile { artifact, held });
        }
        let name = output.bin.label();
        let read = file.read(self.host).map_err(|problem| vec![problem])?;
        let mut bytes = read.ok_or_else(|| vec![overwritten(&name, file.path())])?;
        if let Some(lists) = lists {
            bytes = lists
                .embed(&output.bin.package, &name, bytes)
                .map_err(|problem| vec![of_file(problem)])?;
        }
        // Both copies would have to be damaged in the same way.
        let held = known.and_then(|known| Some((known, self.held(&output.path, &bytes)?)));
        if let Some((known, held)) = held {
            let artifact = check(output, features, &Contents::Known(known), provenance)
                .map_err(all_of_file)?;
            let held = Some(held);
            return Ok(StagedFile { artifact, held });
        }
        let contents = Contents::Bytes(&bytes);
        let artifact = check(output, features, &contents, provenance).map_err(all_of_file)?;
        let held = self
            .put(&artifact, &bytes)
            .map_err(|problem| vec![problem])?;
        Ok(StagedFile { artifact, held })
    }

    /// Takes a file that was made of staged ones: it is inspected and checked as they were.
    pub fn take_bytes(
        &mut self,
        output: &Output,
        features: Vec<String>,
        bytes: Vec<u8>,
        provenance: &Provenance,
    ) -> Result<Artifact, Vec<Problem>> {
        let artifact = check(output, &features, &Contents::Bytes(&bytes), provenance)?;
        self.add(&artifact, &bytes)
            .map_err(|problem| vec![problem])?;
        Ok(artifact)
    }

    /// Returns the old tree's program at a path if it has these bytes. Comparing bytes, which are in
    /// memory, takes a third of the time of another digest.
    fn held(&self, path: &str, bytes: &[u8]) -> Option<Held> {
        let staged = self.existing.place.path().join(path);
        // Asked before the bytes are read: what writes to it later gives it another.
        let identity = self.host.settled_identity(&staged, self.began);
        let is_held = self.host.is_program(&staged) && self.host.holds(&staged, bytes);
        is_held.then_some(Held { identity })
    }

    /// Returns the old tree's program at a path if nothing has written to it since it had the bytes of
    /// the known file.
    fn untouched(&self, known: &TakenFile, path: &str) -> Option<Held> {
        let staged = self.existing.place.path().join(path);
        let identity = self.host.settled_identity(&staged, self.began)?;
        let is_untouched = known.staged.as_ref() == Some(&identity);
        (is_untouched && self.host.is_program(&staged)).then_some(Held {
            identity: Some(identity),
        })
    }

    /// Returns the old tree's file if it is the same, else writes a new one.
    fn put(&self, artifact: &Artifact, bytes: &[u8]) -> Result<Option<Held>> {
        let same = self.old.get(artifact.path.as_str()) == Some(&artifact.sha256.as_str());
        let held = same.then(|| self.held(&artifact.path, bytes)).flatten();
        if held.is_some() {
            return Ok(held);
        }
        let to = self.create_parent(&artifact.path)?;
        self.host.write_program(&to, bytes)?;
        Ok(None)
    }

    /// Remembers that a file is in the new tree: written, or held by the old tree and linked at the
    /// end.
    fn add_staged(&mut self, path: &str, held: Option<Held>) {
        match held {
            Some(held) => _ = self.links.insert(path.to_owned(), held),
            None => self.is_changed = true,
        }
    }

    /// Returns the path of a file that the new tree will have.
    pub fn path_of(&self, path: &str) -> Utf8PathBuf {
        match self.links.contains_key(path) {
            true => self.existing.place.path().join(path),
            false => self.new.root().join(path),
        }
    }

    /// Returns the path of a file in the new tree, and creates its directory.
    fn create_parent(&self, path: &str) -> Result<Utf8PathBuf> {
        let to = self.new.root().join(path);
        self.host
            .create_dir_all(to.parent().unwrap_or(self.new.root()))?;
        Ok(to)
    }

    /// Returns the paths beside the tree that exist during the run.
    pub fn temporary_paths(&self) -> [&Utf8Path; 2] {
        self.new.paths()
    }

    /// Returns true if the old tree's file still matches its manifest.
    fn is_unchanged(&self, artifact: &Artifact) -> bool {
        let path = self.existing.place.path().join(&artifact.path);
        self.host.is_program(&path)
            && self
                .host
                .hash(&path)
                .is_ok_and(|(digest, size)| digest == artifact.sha256 && size == artifact.size)
    }

    /// Keeps files of the old tree that this run does not build.
    ///
    /// # Errors
    /// `tree-changed`: files that no longer match the old manifest.
    pub fn keep(&mut self, retained: &[Artifact]) -> Result<(), Vec<Problem>> {
        let checked: Vec<Result<Held>> = retained
            .par_iter()
            .map(|artifact| self.check_kept(artifact))
            .collect();
        let mut problems = Vec::new();
        for (artifact, held) in retained.iter().zip(checked) {
            match held {
                Ok(held) => _ = self.links.insert(artifact.path.clone(), held),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// Returns a file of the old tree that still matches its manifest.
    fn check_kept(&self, artifact: &Artifact) -> Result<Held> {
        let from = self.existing.place.path().join(&artifact.path);
        let identity = self.host.settled_identity(&from, self.began);
        match self.is_unchanged(artifact) {
            true => Ok(Held { identity }),
            false => Err(Problem::new(
                TREE_CHANGED,
                format!("`{from}` differs from its manifest"),
            )
            .help(format!(
                "build its target again (`--target {}`), or remove the tree: `cargo xpkg clean`",
                artifact.target
            ))),
        }
    }

    /// Checks the files of the old tree that the new one has, too. What may have been written to since
    /// they were compared is read again.
    fn check_held(&self, manifest: &Manifest) -> Result<()> {
        let artifacts: HashMap<&str, &Artifact> = manifest
            .artifacts
            .iter()
            .map(|artifact| (artifact.path.as_str(), artifact))
            .collect();
        for (path, Held { identity }) in &self.links {
            let from = self.existing.place.path().join(path);
            let now = || self.host.settled_identity(&from, self.began);
            let is_untouched = identity.is_some() && now() == *identity;
            let artifact = artifacts.get(path.as_str());
            if !is_untouched && !artifact.is_some_and(|artifact| self.is_unchanged(artifact)) {
                let message = format!("`{from}` was written to during the run");
                return Err(Problem::new(TREE_CHANGED, message)
                    .help("end what writes to it, then repeat the run"));
            }
        }
        Ok(())
    }

    /// Takes a file that was built and inspected before. `bytes` are those of the manifest's digest.
    pub fn add(&mut self, artifact: &Artifact, bytes: &[u8]) -> Result<()> {
        let held = self.put(artifact, bytes)?;
        self.add_staged(&artifact.path, held);
        Ok(())
    }

    /// Writes the manifests and exchanges the trees. Returns true if anything changed.
    pub fn finish(self, manifest: &Manifest) -> Result<bool> {
        self.finish_checked(manifest, |_| Ok(()))
    }

    /// The same after `check` has passed, which gets the new tree. It is not called if nothing
    /// changed.
    ///
    /// # Errors
    /// Those of `check`, too: the old tree stays.
    pub fn finish_checked(
        self,
        manifest: &Manifest,
        check: impl FnOnce(&Utf8Path) -> Result<()>,
    ) -> Result<bool> {
        let (json, text) = (manifest.json(), manifest.text());
        let written = self.existing.written.as_ref();
        let is_written = written.is_some_and(|(old_json, old)| *old_json == json && *old == text);
        self.check_held(manifest)?;
        if !self.is_changed && is_written {
            return Ok(false);
        }
        for path in self.links.keys() {
            let from = self.existing.place.path().join(path);
            self.host.link_or_copy(&from, &self.create_parent(path)?)?;
        }
        let Self {
            host,
            existing,
            new,
            ..
        } = self;
        let root = new.root().to_owned();
        host.write(&root.join(TEXT_NAME), text.as_bytes())?;
        host.write(&root.join(JSON_NAME), json.as_bytes())?;
        check(&root)?;
        new.finish(&root, |old| {
            let (name, manifest) = (existing.place.path(), existing.manifest.as_ref());
            reject_untracked(host, old, name, manifest)
        })?;
        Ok(true)
    }
}

/// What is in a file.
enum Contents<'a> {
    /// What an earlier run found in the same bytes.
    Known(&'a TakenFile),
    /// Bytes that nobody has looked at.
    Bytes(&'a [u8]),
}

/// Inspects a file, unless it is known what is in it, and checks it. Returns its entry in the manifest.
fn check(
    output: &Output,
    features: &[String],
    contents: &Contents,
    provenance: &Provenance,
) -> Result<Artifact, Vec<Problem>> {
    let name = output.bin.label();
    let inspected = match contents {
        Contents::Known(known) => Ok(known.binary.clone()),
        Contents::Bytes(bytes) => inspect::inspect(bytes),
    };
    let (binary, findings) = match inspected {
        Ok(binary) => {
            let mut expected = provenance.expected.iter();
            let expected = expected.find(|(triple, _)| *triple == output.target.triple());
            let own = || Expected::from_target(&output.target);
            let expected = expected.map_or_else(own, |(_, expected)| expected.clone());
            let findings = table::check_built(&name, output.bin.kind, &binary, &expected);
            (Some(binary), findings)
        }
        Err(error) => (None, vec![table::unreadable(&name, &error)]),
    };
    let dispatching = provenance
        .dispatching
        .iter()
        .find(|(triple, _)| *triple == output.target.triple());
    let dispatching = dispatching.map(|(_, package)| *package);
    let (waived, problems): (Vec<Problem>, Vec<Problem>) = findings
        .into_iter()
        .map(|finding| level::explained(finding, dispatching))
        .partition(|finding| {
            provenance.accept.contains(&finding.code) || level::is_explained(finding, dispatching)
        });
    if !problems.is_empty() {
        return Err(problems);
    }
    let (sha256, size) = match contents {
        Contents::Known(known) => (known.sha256.clone(), known.size),
        Contents::Bytes(bytes) => (digest::sha256(bytes), bytes.len() as u64),
    };
    let artifact = Artifact {
        path: output.path.clone(),
        target: output.target.triple().to_owned(),
        package: output.bin.package.clone(),
        version: output.bin.version.clone(),
        bin: output.bin.bin.clone(),
        kind: output.bin.kind,
        profile: provenance.profile.to_owned(),
        features: features.to_vec(),
        built_by: String::new(),
        size,
        mode: "0755".to_owned(),
        sha256,
        binary,
        waivers: waived
            .into_iter()
            .map(|finding| Waiver {
                code: finding.code.name().to_owned(),
                message: finding.message,
            })
            .collect(),
    };
    Ok(artifact)
}

/// File in the new tree.
struct StagedFile {
    artifact: Artifact,
    /// File of the old tree with the same bytes; `None` if a new one was written.
    held: Option<Held>,
}

/// File of the old tree that the new one gets, too.
#[derive(Clone)]
struct Held {
    /// Its identity, if that tells what is written to it from now on.
    identity: Option<String>,
}

/// Returns the problem of a file that was written to after cargo reported it.
fn overwritten(name: &str, file: &Utf8Path) -> Problem {
    Problem::new(
        TARGET_DIR_BUSY,
        format!("{name}: `{file}` was written to while it was read"),
    )
    .help("end what writes to it, then repeat the run")
}
