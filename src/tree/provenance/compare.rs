//! A statement against the release that it is about, and against itself. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::fields::excerpt;
use crate::tree::manifest::TargetRecord;
use crate::tree::provenance::materials::{materials, notes};
use crate::tree::provenance::{
    AskedBuild, BuildDefinition, Material, Note, Statement, Subject, program_names, subjects,
};
use crate::tree::release::{BuildRecord, Document};

impl Statement {
    /// Returns how the statement is not that of a release, and how it contradicts itself: what is
    /// found and what is expected, as noun phrases.
    pub fn contradictions(&self, document: &Document) -> Vec<(String, String)> {
        let Self {
            subject, predicate, ..
        } = self;
        let BuildDefinition {
            build_type: _,
            external_parameters: asked,
            internal_parameters: chosen,
            resolved_dependencies,
        } = &predicate.build_definition;
        let digests = |subjects: &[Subject]| {
            let pairs = subjects.iter();
            let pairs = pairs.map(|subject| (subject.name.clone(), subject.digest.sha256.clone()));
            pairs.collect::<BTreeMap<String, String>>()
        };
        let mut rows = vec![
            ("`name`", asked.name.clone(), document.name.clone()),
            ("`version`", asked.version.clone(), document.version.clone()),
            ("`tag`", or_none(&asked.tag), or_none(&document.tag)),
            (
                "the builds",
                named(asked.builds.iter().map(AskedBuild::label)),
                named(document.builds.iter().map(build_label)),
            ),
        ];
        let commits: BTreeSet<String> = chosen
            .records
            .iter()
            .map(|record| or_none(&record.source.commit))
            .collect();
        rows.push((
            "the commit of the records",
            named(commits.into_iter()),
            or_none(&document.commit),
        ));
        let row = |(what, found, expected): (&str, String, String)| {
            let found_text = format!("{what}: {}", long(&found));
            (found != expected).then(|| {
                (
                    found_text,
                    format!("{}, by `release.json`", long(&expected)),
                )
            })
        };
        let mut found: Vec<(String, String)> = rows.into_iter().filter_map(row).collect();
        let (listed, expected) = (digests(subject), digests(&subjects(document)));
        for name in listed
            .keys()
            .chain(expected.keys())
            .collect::<BTreeSet<_>>()
        {
            let of = |all: &BTreeMap<String, String>| {
                let digest = all.get(name).map(|digest| format!("digest {digest}"));
                digest.unwrap_or_else(|| "none".to_owned())
            };
            let (listed, expected) = (of(&listed), of(&expected));
            if listed != expected {
                let found_text = format!("the subject `{}`: {listed}", excerpt(name));
                found.push((found_text, format!("{expected}, by `release.json`")));
            }
        }
        let wanted = materials(&chosen.records);
        let material = |material: &Material| serde_json::to_string(material).unwrap_or_default();
        for one in resolved_dependencies
            .iter()
            .filter(|one| !wanted.contains(one))
        {
            let found_text = format!("the dependency {}", long(&material(one)));
            found.push((found_text, "one that its records have".to_owned()));
        }
        for one in wanted
            .iter()
            .filter(|one| !resolved_dependencies.contains(one))
        {
            let expected = format!("the dependency {}, by its records", long(&material(one)));
            found.push(("no such dependency".to_owned(), expected));
        }
        let programs: BTreeSet<String> = document.builds.iter().flat_map(program_names).collect();
        for name in programs
            .iter()
            .filter(|name| !chosen.built_by.contains_key(*name))
        {
            let found_text = format!("no record of `{}`", excerpt(name));
            found.push((found_text, "the record of each program".to_owned()));
        }
        for note in notes(&chosen.records, &chosen.built_by) {
            if !chosen.waivers.contains(&note) {
                let found_text = format!("no waiver `{}`", note.code);
                found.push((found_text, "all of those in its records".to_owned()));
            }
        }
        found
    }

    /// Returns the waivers that are not those of its records: of programs, if they have such findings.
    pub fn waivers_of_programs(&self) -> Vec<&Note> {
        let chosen = &self.predicate.build_definition.internal_parameters;
        let of_records = notes(&chosen.records, &chosen.built_by);
        let waivers = chosen.waivers.iter();
        waivers.filter(|note| !of_records.contains(note)).collect()
    }

    /// Returns the record of the build of a program.
    pub fn record_of(&self, program: &str) -> Option<&TargetRecord> {
        let chosen = &self.predicate.build_definition.internal_parameters;
        let id = chosen.built_by.get(program)?;
        chosen.records.iter().find(|record| record.id == *id)
    }
}

impl AskedBuild {
    fn label(&self) -> String {
        let names: Vec<&str> = self.programs.iter().map(|bin| bin.name.as_str()).collect();
        format!(
            "{} for {} ({})",
            self.package,
            self.target,
            names.join(", ")
        )
    }
}

fn build_label(build: &BuildRecord) -> String {
    let names: Vec<&str> = build.bins.iter().map(|bin| bin.name.as_str()).collect();
    format!(
        "{} for {} ({})",
        build.package,
        build.target,
        names.join(", ")
    )
}

fn or_none(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "none".to_owned())
}

fn named(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join("; ")
}

/// Returns a text for a message, of which most is seen.
fn long(text: &str) -> String {
    const SHOWN: usize = 300;
    let more = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    text.chars().take(SHOWN).collect::<String>() + more
}
