//! Universal programs, each joined from the programs of one bin for both processors of Macs.
//!
//! The parts are built, inspected and staged as any program is; what is joined is inspected again.

pub mod run;

use serde::Serialize;

use crate::problem::Result;
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
    /// The layout has no path for a program.
    pub fn new(outputs: &[&Output], settings: &Settings) -> Result<Self> {
        let target = Target::universal();
        let mut programs = Vec::new();
        let is_first = |output: &&&Output| output.target.triple() == SLICES[0];
        for first in outputs.iter().filter(is_first) {
            let of_slice = |slice: &&str| {
                let is_part =
                    |output: &&&Output| output.target.triple() == *slice && output.bin == first.bin;
                Some(outputs.iter().find(is_part)?.path.clone())
            };
            // A library may be for one of both targets only.
            let parts: Option<Vec<String>> = SLICES.iter().map(of_slice).collect();
            let Some(parts) = parts else { continue };
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
