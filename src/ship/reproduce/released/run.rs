//! Builds the programs of a release again, makes a second release of them, and compares both.

use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::look::member;
use crate::build::look::options;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result, text};
use crate::project::look::context;
use crate::ship::reproduce::released::{differences, is_same_statement, manifest};
use crate::ship::reproduce::run::{Checkout, compared, groups, is_same, rebuild};
use crate::ship::reproduce::{NOT_REPRODUCED, REPRODUCE_UNFIT};
use crate::tree::manifest::{Artifact, Manifest};
use crate::tree::provenance::{self, Statement};
use crate::tree::release::{Document, FileKind, NAME};
use crate::verify::finding::{Finding, finding};

/// Largest size of a document in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What a second release is made from.
pub struct Again<'a> {
    /// Trees with the programs that were built again.
    pub trees: &'a [Utf8PathBuf],
    /// Cargo.toml of the clone.
    pub manifest: &'a Utf8Path,
    /// Directory to write it to.
    pub place: &'a Utf8Path,
    /// Tag of the first one.
    pub tag: Option<&'a str>,
}

/// Builds the programs of a release again and has `release` make a second one of them. Returns a
/// finding for each file that differs.
///
/// # Errors
/// `reproduce-unfit`: it has no provenance, or cannot be built again here. Those of a build.
pub fn reproduce(
    host: &Host,
    directory: &Utf8Path,
    manifest_path: Option<PathBuf>,
    release: impl FnOnce(&Again) -> Result<(), Failure>,
) -> Result<Vec<Finding>, Failure> {
    let (document, statement) = read(host, &host.absolute(directory))?;
    let statement = statement.ok_or_else(|| {
        let message = format!("`{directory}` has no provenance, which says how it was built");
        Problem::new(REPRODUCE_UNFIT, message)
            .help("release it with its provenance: remove `provenance = false`")
    })?;
    let manifest = manifest(&document, &statement).map_err(|why| unfit(directory, &why))?;
    let groups = groups(&manifest)?;
    let options = options::cargo_options(host, None);
    let named = options::manifest_path(host, manifest_path)?;
    let project = context::workspace(host, &options, named.as_deref())?;
    let scratch = host.scratch()?;
    let scratch = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
    let checkout = Checkout::clone(host, &project.workspace, scratch)?;
    let mut trees = Vec::new();
    let mut manifests = Vec::new();
    for (at, (key, group)) in groups.iter().enumerate() {
        checkout.move_to(host, key.0)?;
        let place = scratch.join(format!("build-{at}"));
        manifests.push(rebuild(host, key, group, &checkout, &place)?);
        trees.push(place.join("tree"));
    }
    let place = scratch.join("release");
    release(&Again {
        trees: &trees,
        manifest: &checkout.workspace.join("Cargo.toml"),
        place: &place,
        tag: document.tag.as_deref(),
    })?;
    let (second, again) = read(host, &place)?;
    let differences = differences(&document, &second);
    let is_known = !differences.is_empty();
    let finding = |path: &str, found: String, expected: String| {
        finding(
            NOT_REPRODUCED,
            path,
            found,
            expected,
            "build the commit again, unpack both, and compare them with `diffoscope`",
        )
    };
    let mut findings = Vec::new();
    for (path, found, expected) in differences {
        // Where a program differs can be told.
        let mut artifacts = manifest.artifacts.iter();
        let artifact = artifacts.find(|artifact| artifact.path == path);
        let again = artifact.and_then(|artifact| {
            let is_of = |rebuilt: &&Manifest| {
                let mut others = rebuilt.artifacts.iter();
                others.any(|other| is_same(artifact, other))
            };
            let at = manifests.iter().position(|rebuilt| is_of(&rebuilt))?;
            Some((artifact, (trees[at].as_path(), &manifests[at])))
        });
        let told = match again {
            Some((artifact, again)) => {
                // An archive that cannot be read is no reason to lose the other findings; what is wrong
                // with it is a finding of `verify` itself.
                let mine = || program(host, directory, &document, artifact).or(Ok(None));
                compared(host, artifact, mine, again)?
            }
            None => None,
        };
        let of = |digest: String| format!("digest {digest}");
        findings.push(told.unwrap_or_else(|| {
            finding(
                &path,
                of(found),
                format!("{}, of the second release", of(expected)),
            )
        }));
    }
    if !is_known && !again.is_some_and(|again| is_same_statement(&statement, &again)) {
        let found = "another provenance than that of the second release".to_owned();
        findings.push(finding(
            provenance::NAME,
            found,
            "the same but for the run".to_owned(),
        ));
    }
    let count = text::count(document.files.len(), "file");
    let others = text::count(findings.len(), "difference");
    host.shell
        .status("Released", &format!("{count} again, {others}"));
    Ok(findings)
}

/// Reads a program out of the first archive of its build.
fn program(
    host: &Host,
    directory: &Utf8Path,
    document: &Document,
    artifact: &Artifact,
) -> Result<Option<Vec<u8>>> {
    let builds = document.builds.iter();
    let mut of_program = builds
        .filter(|build| (&build.package, &build.target) == (&artifact.package, &artifact.target));
    let archive = of_program.find_map(|build| build.archives.first());
    match archive {
        Some(archive) => {
            let archive = host.absolute(&directory.join(archive));
            member(host, &archive, &artifact.path, artifact.size)
        }
        None => Ok(None),
    }
}

fn unfit(directory: &Utf8Path, why: &str) -> Problem {
    let message = format!("`{directory}` cannot be built again: {why}");
    Problem::new(REPRODUCE_UNFIT, message)
        .help("see what is wrong with it: `cargo xpkg verify DIR`")
}

/// Reads the document of a release, and its provenance if it has one.
fn read(host: &Host, directory: &Utf8Path) -> Result<(Document, Option<Statement>), Problem> {
    let place = directory.join(NAME);
    let text = host.read_small_text(&place, LONGEST)?;
    let document = Document::parse(&text, place.as_str())?;
    let mut files = document.files.iter();
    let Some(file) = files.find(|file| file.kind == FileKind::Provenance) else {
        return Ok((document, None));
    };
    let text = host.read_small_text(&directory.join(&file.path), LONGEST)?;
    let statement = Statement::parse(&text).map_err(|why| unfit(directory, &why))?;
    Ok((document, Some(statement)))
}
