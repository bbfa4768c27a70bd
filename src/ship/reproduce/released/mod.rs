//! A release against a second one of the same commit. Pure.

pub mod run;

use std::collections::BTreeMap;

use crate::tree::manifest::{Artifact, Manifest, Waiver};
use crate::tree::provenance::{Note, Statement, program_name};
use crate::tree::release::{Document, FileKind, FileRecord};

/// Returns the manifest that the trees of a release had together, as its provenance tells.
///
/// # Errors
/// The reason as a clause: the provenance does not have a program.
pub fn manifest(document: &Document, statement: &Statement) -> Result<Manifest, String> {
    let definition = &statement.predicate.build_definition;
    let (asked, chosen) = (
        &definition.external_parameters,
        &definition.internal_parameters,
    );
    let mut artifacts = Vec::new();
    for build in &document.builds {
        for bin in &build.bins {
            let path = program_name(&build.directory, &bin.name);
            let missing = || format!("its provenance does not say how `{path}` was built");
            let of_build = asked
                .builds
                .iter()
                .find(|one| (&one.package, &one.target) == (&build.package, &build.target));
            let of_build = of_build.ok_or_else(missing)?;
            let mut programs = of_build.programs.iter();
            let program = programs
                .find(|one| one.name == bin.name)
                .ok_or_else(missing)?;
            let waiver = |note: &Note| Waiver {
                code: note.code.clone(),
                message: note.message.clone(),
            };
            let notes = chosen.waivers.iter();
            let notes = notes.filter(|note| note.subjects.contains(&path));
            artifacts.push(Artifact {
                target: build.target.clone(),
                package: build.package.clone(),
                version: of_build.version.clone(),
                bin: program.bin.clone(),
                kind: bin.kind,
                profile: program.profile.clone(),
                features: program.features.clone(),
                built_by: chosen.built_by.get(&path).ok_or_else(missing)?.clone(),
                size: bin.size,
                mode: "0755".to_owned(),
                sha256: bin.sha256.clone(),
                binary: None,
                waivers: notes.map(waiver).collect(),
                path,
            });
        }
    }
    Ok(Manifest::new(chosen.records.clone(), artifacts))
}

/// Returns what differs between two releases: path, digest in the first, digest in the second. What
/// is made of other files is not named beside them: archives beside programs, installers beside
/// archives.
pub fn differences(one: &Document, two: &Document) -> Vec<(String, String, String)> {
    let programs = |document: &Document| -> BTreeMap<String, String> {
        let bins = document.builds.iter().flat_map(|build| {
            let names = build.bins.iter();
            names.map(|bin| {
                (
                    program_name(&build.directory, &bin.name),
                    bin.sha256.clone(),
                )
            })
        });
        bins.collect()
    };
    let files = |document: &Document, is_of: fn(FileKind) -> bool| -> BTreeMap<String, String> {
        let files = document.files.iter().filter(|file| is_of(file.kind));
        let pair = |file: &FileRecord| (file.path.clone(), file.sha256.clone());
        files.map(pair).collect()
    };
    let packed = |kind: FileKind| {
        matches!(
            kind,
            FileKind::Archive | FileKind::Deb | FileKind::Crate | FileKind::Sbom
        )
    };
    // The provenance names the run, and is compared without it.
    let others = |kind: FileKind| {
        !matches!(
            kind,
            FileKind::Archive
                | FileKind::Deb
                | FileKind::Crate
                | FileKind::Sbom
                | FileKind::Provenance
        )
    };
    let layers = [
        (programs(one), programs(two)),
        (files(one, packed), files(two, packed)),
        (files(one, others), files(two, others)),
    ];
    let none = || "none".to_owned();
    for (one, two) in layers {
        let names = one
            .keys()
            .chain(two.keys().filter(|name| !one.contains_key(*name)));
        let differing = names.filter(|name| one.get(*name) != two.get(*name));
        let row = |name: &String| {
            let of = |all: &BTreeMap<String, String>| all.get(name).cloned().unwrap_or_else(none);
            (name.clone(), of(&one), of(&two))
        };
        let rows: Vec<(String, String, String)> = differing.map(row).collect();
        if !rows.is_empty() {
            return rows;
        }
    }
    Vec::new()
}

/// Returns true if two statements differ in the run alone.
pub fn is_same_statement(one: &Statement, two: &Statement) -> bool {
    let mut other = two.clone();
    other.predicate.run_details = one.predicate.run_details.clone();
    *one == other
}
