//! Sources, tools and accepted findings of builds, as their records have them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::tree::manifest::{ImageRecord, ProgramRecord, TargetRecord, Waiver};
use crate::tree::provenance::{Material, Note, is_address};
use crate::tree::source::Source;

/// Characters that stay as they are in a package URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the notes of the findings about compilers that records accept, with the programs that
/// they have built.
pub fn notes(records: &[TargetRecord], built_by: &BTreeMap<String, String>) -> Vec<Note> {
    let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for record in records {
        for Waiver { code, message } in &record.waivers {
            let names = built_by.iter().filter(|(_, id)| **id == record.id);
            let names = names.map(|(name, _)| name.clone());
            let key = (code.clone(), message.clone());
            found.entry(key).or_default().extend(names);
        }
    }
    let note = |((code, message), subjects): ((String, String), BTreeSet<String>)| Note {
        code,
        message,
        subjects: subjects.into_iter().collect(),
    };
    found.into_iter().map(note).collect()
}

/// Returns the sources and tools of records, each once, sorted. A tool without a digest has a
/// package URL and its version line.
pub fn materials(records: &[TargetRecord]) -> Vec<Material> {
    let found: BTreeSet<Material> = records.iter().flat_map(of_record).collect();
    found.into_iter().collect()
}

fn of_record(record: &TargetRecord) -> Vec<Material> {
    let Source {
        repository,
        commit,
        dirty,
        cargo_lock_sha256,
    } = &record.source;
    let mut all = Vec::new();
    if let Some(commit) = commit {
        let address = repository.as_ref().filter(|address| is_address(address));
        let is_dirty = (*dirty == Some(true)).then(|| ("dirty".to_owned(), "true".to_owned()));
        all.push(Material {
            name: "source".to_owned(),
            uri: address.map(|address| format!("git+{address}@{commit}")),
            digest: BTreeMap::from([("gitCommit".to_owned(), commit.clone())]),
            annotations: is_dirty.into_iter().collect(),
        });
    }
    if let Some(digest) = cargo_lock_sha256 {
        all.push(Material {
            name: "Cargo.lock".to_owned(),
            uri: None,
            digest: sha256(digest),
            annotations: BTreeMap::new(),
        });
    }
    let rustc = &record.rustc;
    let known = [
        ("host", Some(&rustc.host)),
        ("commit", rustc.commit_hash.as_ref()),
    ];
    all.push(tool("rustc", "rustc", Some(&rustc.release), known));
    let toolchain = &record.toolchain;
    let target = &record.target;
    let program = |role: &str, program: &ProgramRecord| {
        let ProgramRecord {
            program,
            version,
            machine,
        } = program;
        let known = [
            ("version", version.as_ref()),
            ("machine", machine.as_ref()),
            ("target", Some(target)),
        ];
        tool(role, program, None, known)
    };
    let programs = [
        ("linker", Some(&toolchain.linker)),
        ("C compiler", toolchain.c_compiler.as_ref()),
    ];
    let programs = programs.into_iter();
    all.extend(programs.filter_map(|(role, known)| Some(program(role, known?))));
    if let Some(report) = &record.host_probes {
        let known = [("version", report.version.as_ref())];
        all.push(tool(
            "C compiler of build scripts",
            &report.compiler,
            None,
            known,
        ));
    }
    if let Some(image) = &toolchain.image {
        all.extend(images(image));
    }
    all
}

/// Returns the image of a record, and the one that was built on it.
fn images(image: &ImageRecord) -> Vec<Material> {
    let ImageRecord {
        reference,
        digest,
        platform,
        derived,
    } = image;
    let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    let name = reference.split('@').next().unwrap_or(reference);
    let base = Material {
        name: "cross image".to_owned(),
        uri: Some(format!("docker://{name}@{digest}")),
        digest: sha256(&hex(digest)),
        annotations: BTreeMap::from([("platform".to_owned(), platform.clone())]),
    };
    let derived = derived.as_ref().map(|derived| Material {
        name: "cross image built on it".to_owned(),
        uri: None,
        digest: sha256(&hex(&derived.id)),
        annotations: BTreeMap::from([
            ("base".to_owned(), digest.clone()),
            ("inputs".to_owned(), derived.inputs.clone()),
        ]),
    });
    std::iter::once(base).chain(derived).collect()
}

fn sha256(digest: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), digest.to_owned())])
}

/// Returns a program by its name and version.
fn tool<const N: usize>(
    role: &str,
    program: &str,
    version: Option<&String>,
    known: [(&str, Option<&String>); N],
) -> Material {
    let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let at = version.map(|version| format!("@{}", encoded(version)));
    let uri = format!("pkg:generic/{}{}", encoded(program), at.unwrap_or_default());
    let known = known.into_iter();
    let known = known.filter_map(|(key, value)| Some((key.to_owned(), value?.clone())));
    Material {
        name: role.to_owned(),
        uri: Some(uri),
        digest: BTreeMap::new(),
        annotations: known.collect(),
    }
}
