//! Formats a release as a table.

use crate::problem::text::size;
use crate::ship::release::archive::{Contents, members};
use crate::ship::release::document::requirements;
use crate::ship::release::model::{Build, Release};
use crate::ship::release::planned::Planned;
use crate::tree::release::{Document, FileRecord};
use crate::ui::table::{add_row, lines, plain_table};

/// Formats the files of a release: archives with what they need and hold, then all others. Before
/// it is written, files have no size, and all others are `planned`; before it is built, needs are
/// unknown.
pub fn release(release: &Release, document: &Document, planned: &[Planned]) -> String {
    let mut table = plain_table();
    table.set_header(["file", "size", "needs", "contents"]);
    let written = |path: &str| document.files.iter().find(|file| file.path == path);
    for build in &release.builds {
        for (name, _) in build.archives() {
            let bytes = written(&name).map(|file| size(file.size));
            let is_known = build.bins.iter().all(|bin| bin.binary.is_some());
            let needs = is_known.then(|| requirements(build).label());
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
    for Planned { path, kind } in planned {
        let kind = (*kind).to_owned();
        add_row(
            &mut table,
            [path.clone(), String::new(), String::new(), kind],
        );
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
