//! Formats the stages of a pipeline as tables.

use crate::ship::pipeline::decide::Status;
use crate::ship::pipeline::summary::{Summary, seconds};
use crate::ui::table::{add_row, lines, plain_table};

/// Formats the states of the stages.
pub fn statuses(statuses: &[Status]) -> String {
    let mut table = plain_table();
    table.set_header(["stage", "target", "time", "state"]);
    for status in statuses {
        add_row(
            &mut table,
            [
                status.stage.name().to_owned(),
                status.target.clone().unwrap_or_default(),
                status.took.map_or_else(|| "-".to_owned(), seconds),
                status.state.text(),
            ],
        );
    }
    lines(&table)
}

/// Formats how the stages of a run ended.
pub fn ran(summary: &Summary) -> String {
    let mut table = plain_table();
    table.set_header(["stage", "target", "time", "end"]);
    for ran in &summary.stages {
        let time = match ran.end {
            Some(_) => seconds(ran.took),
            None => "-".to_owned(),
        };
        add_row(
            &mut table,
            [
                ran.stage.name().to_owned(),
                ran.target.clone().unwrap_or_default(),
                time,
                ran.end_text(),
            ],
        );
    }
    lines(&table)
}
