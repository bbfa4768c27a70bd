//! Formats the staged tree as a table.

use comfy_table::CellAlignment;

use crate::problem::text::printable;
use crate::problem::text::size;
use crate::target::Target;
use crate::tree::manifest::{Artifact, Manifest};
use crate::ui::table::{add_row, lines, plain_table};

/// Formats the files of a manifest as a table, and its cross images as lines below it.
pub fn tree(manifest: &Manifest) -> String {
    let mut table = plain_table();
    table.set_header([
        "target", "package", "bin", "size", "linkage", "glibc", "sha256",
    ]);
    for artifact in &manifest.artifacts {
        let binary = artifact.binary.as_ref();
        add_row(
            &mut table,
            [
                artifact.target.clone(),
                artifact.package.clone(),
                shown_bin(artifact),
                size(artifact.size),
                binary
                    .map_or("unread", |binary| binary.linkage.name())
                    .to_owned(),
                binary
                    .and_then(|binary| binary.glibc_floor.as_ref())
                    .map_or_else(|| "-".to_owned(), |floor| floor.version.clone()),
                artifact.sha256.chars().take(12).collect(),
            ],
        );
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut images: Vec<String> = Vec::new();
    for record in &manifest.targets {
        let Some(image) = &record.toolchain.image else {
            continue;
        };
        let digest = if image.reference.contains('@') {
            String::new()
        } else {
            format!(", {}", image.digest)
        };
        let derived = image
            .derived
            .as_ref()
            .map(|derived| format!(", derived image {}", derived.id))
            .unwrap_or_default();
        let line = format!(
            "{} was built in {}{digest}{derived}",
            record.target, image.reference
        );
        let line = printable(&line) + "\n";
        if !images.contains(&line) {
            images.push(line);
        }
    }
    lines(&table) + &images.concat()
}

/// Returns the name of a bin, followed by its staged name if that differs, and the kind of other
/// files.
fn shown_bin(artifact: &Artifact) -> String {
    let staged = artifact.path.rsplit('/').next().unwrap_or_default();
    let Artifact { bin, kind, .. } = artifact;
    if !kind.is_bin() {
        let usual = Target::of_triple(&artifact.target);
        let usual = usual.map(|target| kind.file_name(&target, bin));
        return match usual.as_deref() {
            Some(usual) if usual == staged => format!("{bin} ({})", kind.name()),
            _ => format!("{bin} ({}) as {staged}", kind.name()),
        };
    }
    let plain = staged
        .strip_suffix(".exe")
        .or_else(|| staged.strip_suffix(".wasm"))
        .unwrap_or(staged);
    if plain == artifact.bin {
        artifact.bin.clone()
    } else {
        format!("{} as {staged}", artifact.bin)
    }
}
