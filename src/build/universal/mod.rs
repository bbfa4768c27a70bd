//! Universal programs, each joined from the programs of one bin for both processors of Macs.
//!
//! The parts are built, inspected and staged as any program is; what is joined is inspected again.

pub mod run;

use serde::Serialize;

use crate::build::outputs::NOTHING_FOR_TARGET;
use crate::problem::text::list;
use crate::problem::{Problem, Result};
use crate::project::settings::Settings;
use crate::target::{SLICES, Target};
use crate::tree::staged::Output;

/// Plan of the universal programs of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Universal {
    /// Universal target.
    pub target: Target,
    /// Programs to join.
    pub programs: Vec<Joined>,
}

/// Program that is joined from two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// Universal program, with its path in the tree.
    #[serde(flatten)]
    pub output: Output,
    /// Paths of its parts in the tree, in the order of [`SLICES`].
    pub parts: Vec<String>,
}

impl Universal {
    /// Makes the plan from the files of all targets.
    ///
    /// # Errors
    /// The layout has no path for a program, or a file is for one of both processors only.
    pub fn new(outputs: &[&Output], settings: &Settings) -> Result<Self> {
        let target = Target::universal();
        let mut programs = Vec::new();
        let of_slice = |slice: &str| -> Vec<&&Output> {
            let is_of = |output: &&&Output| output.target.triple() == slice;
            outputs.iter().filter(is_of).collect()
        };
        let [firsts, seconds] = SLICES.map(of_slice);
        let has_first = |second: &&&&Output| firsts.iter().any(|first| first.bin == second.bin);
        if let Some(second) = seconds.iter().find(|second| !has_first(second)) {
            return Err(alone(second));
        }
        for first in firsts {
            let of_slice = |slice: &&str| {
                let is_part =
                    |output: &&&Output| output.target.triple() == *slice && output.bin == first.bin;
                Some(outputs.iter().find(is_part)?.path.clone())
            };
            let parts: Option<Vec<String>> = SLICES.iter().map(of_slice).collect();
            let parts = parts.ok_or_else(|| alone(first))?;
            let profile = &settings.cargo.profile;
            programs.push(Joined {
                output: Output {
                    target: target.clone(),
                    bin: first.bin.clone(),
                    path: settings.layout.path(&target, &first.bin, profile)?,
                },
                parts,
            });
        }
        Ok(Self { target, programs })
    }

    /// Returns the joined programs, each with its path in the tree.
    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.programs.iter().map(|program| &program.output)
    }
}

/// Returns the problem of a file that one processor has and the other has not: `cdylib` may name
/// targets.
fn alone(output: &Output) -> Problem {
    let Output { target, bin, .. } = output;
    let message = format!(
        "{} is for `{target}` only, and cannot be joined",
        bin.label()
    );
    Problem::new(NOTHING_FOR_TARGET, message).help(format!(
        "name both targets in `cdylib` of its package: {}",
        list(SLICES)
    ))
}
