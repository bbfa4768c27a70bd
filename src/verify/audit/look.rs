//! Reads a directory of advisories.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::host::entries::FileType;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::verify::audit::{AUDIT_DATABASE_UNFIT, Database, parse};

/// Directory of the advisories about packages; those about Rust itself are in another.
const CRATES: &str = "crates";

/// Largest size of an advisory in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Reads a database: a checkout of RustSec's, or a directory like it.
///
/// # Errors
/// `audit-database-unfit`: it is none, is empty, or an advisory cannot be parsed. `file-access`.
pub fn read(host: &Host, directory: &Utf8Path) -> Result<Database> {
    let root = host.absolute(directory);
    let unfit = |what: String| {
        Problem::new(AUDIT_DATABASE_UNFIT, what).help(
            "pass a checkout of the advisory database: `--audit advisory-db`, with `crates` in it",
        )
    };
    let crates = root.join(CRATES);
    if !host.is_dir(&crates) {
        return Err(unfit(format!("`{directory}` has no directory `{CRATES}`")));
    }
    let mut advisories = BTreeMap::new();
    for package in host.list(&crates)? {
        // Such as a `.gitkeep`.
        if package.file_type? != FileType::Directory || package.name.starts_with('.') {
            continue;
        }
        let place = crates.join(&package.name);
        for file in host.list(&place)? {
            let (name, path) = (&file.name, place.join(&file.name));
            if name.starts_with('.') {
                continue;
            }
            let shown = format!("{directory}/{CRATES}/{}/{name}", package.name);
            if !name.ends_with(".md") || !matches!(file.file_type?, FileType::File { .. }) {
                return Err(unfit(format!(
                    "`{shown}` is no advisory, which is a file `ID.md`"
                )));
            }
            // Drafts have no number yet.
            if name.starts_with("RUSTSEC-0000-0000") {
                continue;
            }
            let text = host.read_small_text(&path, LONGEST)?;
            let advisory = parse(&text, &package.name, name)
                .map_err(|why| unfit(format!("cannot read the advisory `{shown}`: {why}")))?;
            if !advisory.withdrawn() {
                let of_package: &mut Vec<_> = advisories.entry(package.name.clone()).or_default();
                of_package.push(advisory);
            }
        }
    }
    if advisories.is_empty() {
        return Err(unfit(format!("`{directory}` has no advisories")));
    }
    for of_package in advisories.values_mut() {
        of_package.sort_by(|a, b| a.id().as_str().cmp(b.id().as_str()));
    }
    Ok(Database {
        name: directory.to_string(),
        advisories,
    })
}
