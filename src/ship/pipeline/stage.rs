//! The stages, in their order. Pure.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A stage. Docs of the variants would turn up in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::enum_variant_names,
    reason = "a stage is called `stage`, as its command is"
)]
pub enum Stage {
    Fetch,
    Gate,
    Compile,
    Inspect,
    Stage,
    Verify,
    Docker,
    Release,
    Publish,
}

/// Row of the table of stages.
struct Row {
    stage: Stage,
    name: &'static str,
    /// True if each target has a record of its own.
    of_target: bool,
    /// True if one command runs it together with the stage before.
    with_previous: bool,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { stage: Stage::Fetch,   name: "fetch",   of_target: false, with_previous: false },
    Row { stage: Stage::Gate,    name: "gate",    of_target: true,  with_previous: false },
    Row { stage: Stage::Compile, name: "compile", of_target: true,  with_previous: false },
    Row { stage: Stage::Inspect, name: "inspect", of_target: true,  with_previous: true },
    Row { stage: Stage::Stage,   name: "stage",   of_target: false, with_previous: true },
    Row { stage: Stage::Verify,  name: "verify",  of_target: false, with_previous: false },
    Row { stage: Stage::Docker,  name: "docker",  of_target: false, with_previous: false },
    Row { stage: Stage::Release, name: "release", of_target: false, with_previous: false },
    Row { stage: Stage::Publish, name: "publish", of_target: false, with_previous: false },
];

impl Stage {
    /// Returns all stages in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.stage)
    }

    /// Returns the row of the stage.
    fn row(self) -> &'static Row {
        let row = ROWS.iter().find(|row| row.stage == self);
        row.expect("every stage has a row")
    }

    /// Returns the name in flags.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns true if each target has a record of its own.
    pub fn is_of_target(self) -> bool {
        self.row().of_target
    }

    /// Returns the stage that begins the command which runs this one: `compile` for `stage`.
    pub fn begins_with(self) -> Self {
        let before = ROWS.iter().take_while(|row| row.stage != self);
        let first = before
            .chain([self.row()])
            .filter(|row| !row.with_previous)
            .last();
        first.map_or(self, |row| row.stage)
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        let row = ROWS.iter().find(|row| row.name == name)?;
        Some(row.stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_in_the_order_of_their_table() {
        let stages: Vec<Stage> = Stage::all().collect();
        let mut sorted = stages.clone();
        sorted.sort_unstable();
        assert_eq!(stages, sorted);
        for stage in stages {
            assert_eq!(Stage::parse(stage.name()), Some(stage));
        }
        assert_eq!(Stage::Stage.begins_with(), Stage::Compile);
        assert_eq!(Stage::Verify.begins_with(), Stage::Verify);
    }
}
