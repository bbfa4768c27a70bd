//! Formats keys of caches as outputs of a step, and what was pruned as a table.

use camino::Utf8PathBuf;
use comfy_table::CellAlignment;

use crate::build::cache::key::Key;
use crate::build::cache::prune::Pruned;
use crate::problem::text::size;
use crate::ui::table::{add_row, lines, plain_table};

/// Mark of the end of an output with several lines.
const END: &str = "XPKG_END_OF_PATHS";

/// Formats a key as outputs of a step: `key`, `restore-keys` and `path`.
///
/// Source: GitHub Docs, Workflow commands, Setting an output parameter.
pub fn outputs(key: &Key, directories: &[Utf8PathBuf]) -> String {
    let paths: String = directories
        .iter()
        .map(|directory| format!("{directory}\n"))
        .collect();
    format!(
        "key={}\nrestore-keys={}\npath<<{END}\n{paths}{END}\n",
        key.key, key.restore_prefix
    )
}

/// Formats the directories of profiles with their sizes.
pub fn pruned(directories: &[Pruned]) -> String {
    let mut table = plain_table();
    table.set_header(["directory", "before", "after", "removed"]);
    for pruned in directories {
        add_row(
            &mut table,
            [
                pruned.directory.to_string(),
                size(pruned.before),
                size(pruned.after),
                pruned.removed.len().to_string(),
            ],
        );
    }
    for column in 1..=3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    lines(&table)
}
