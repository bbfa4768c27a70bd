//! Tables that fit the width of the terminal.

use comfy_table::{ContentArrangement, Table};

use crate::problem::text::printable;

/// Creates a table without borders that fits the width of the terminal.
pub fn plain_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    // Width 0: a terminal that does not report its width.
    if table.width() == Some(0) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// Adds a row. Its texts may come from outside: each cell stays one line, and cannot control the
/// terminal.
pub fn add_row(table: &mut Table, cells: impl IntoIterator<Item = String>) {
    table.add_row(cells.into_iter().map(|cell| printable(&cell)));
}

/// Formats a table as lines without trailing spaces.
pub fn lines(table: &Table) -> String {
    let mut table = table.clone();
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
