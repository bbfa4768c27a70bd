//! Formats a release as a table.

use comfy_table::Table;

use crate::problem::text::size;
use crate::ship::release::archive::{Contents, members};
use crate::ship::release::model::{Build, Release};
use crate::ship::release::planned::{PlannedFile, PlannedKind, ReleasePlan, known_requirements};
use crate::tree::release::{Document, FileKind, FileRecord};
use crate::ui::table::{add_row, lines, plain_table};

/// Formats the files of a release: archives with what they need and hold, then all others.
pub fn release(release: &Release, document: &Document) -> String {
    let mut table = header();
    let written = |path: &str| document.files.iter().find(|file| file.path == path);
    for build in &release.builds {
        for (name, _) in build.archives() {
            let bytes = written(&name).map(|file| size(file.size));
            let needs = known_requirements(build).map(|needs| needs.label());
            add_row(
                &mut table,
                [
                    name,
                    bytes.unwrap_or_default(),
                    needs.unwrap_or_default(),
                    contents(build),
                ],
            );
        }
    }
    let is_other = |file: &&FileRecord| {
        !document
            .builds
            .iter()
            .any(|build| build.archives.contains(&file.path))
    };
    for file in document.files.iter().filter(is_other) {
        let kind = file.kind.name().to_owned();
        add_row(
            &mut table,
            [file.path.clone(), size(file.size), String::new(), kind],
        );
    }
    lines(&table)
}

/// Formats the files of a release that is not written: they have no size, and before the build, needs
/// are unknown.
pub fn planned(release: &Release, plan: &ReleasePlan) -> String {
    let mut table = header();
    for build in &release.builds {
        let needs = known_requirements(build).map(|needs| needs.label());
        for (name, _) in build.archives() {
            let needs = needs.clone().unwrap_or_default();
            add_row(&mut table, [name, String::new(), needs, contents(build)]);
        }
    }
    let is_other = |file: &&PlannedFile| file.kind != PlannedKind::File(FileKind::Archive);
    for PlannedFile { path, kind } in plan.files.iter().filter(is_other) {
        let kind = kind.name().to_owned();
        add_row(
            &mut table,
            [path.clone(), String::new(), String::new(), kind],
        );
    }
    lines(&table)
}

/// Returns a table without rows.
fn header() -> Table {
    let mut table = plain_table();
    table.set_header(["file", "size", "needs", "contents"]);
    table
}

/// Formats the names of the files in the archives of a build.
fn contents(build: &Build) -> String {
    let start = format!("{}/", build.stem);
    let names: Vec<String> = members(build)
        .into_iter()
        .filter(|(_, contents)| *contents != Contents::Directory)
        .map(|(path, _)| path.trim_start_matches(&start).to_owned())
        .collect();
    names.join(", ")
}
