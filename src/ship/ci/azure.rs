//! Azure Pipelines: one line, an object with the variables of each job, for an output variable and
//! `strategy.matrix`. Pure.
//!
//! Source: Azure Pipelines documentation, Jobs, and YAML schema, `jobs.job.strategy`.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::problem::{Problem, Result};
use crate::ship::ci::assigned::Assigned;
use crate::ship::ci::codes::MATRIX_LIMIT;

/// Longest name of a job.
const LONGEST: usize = 100;

/// Variables of a job. They become variables of its environment, too, so none is `target`, which
/// makefiles read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    leg: &'a str,
    runner: String,
    args: String,
    tree: &'a str,
    artifact: &'a str,
    cache_prefix: &'a str,
}

/// Jobs by their names, in the order of the legs.
struct Jobs<'a>(&'a [Assigned<'a>]);

impl Serialize for Jobs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for assigned in self.0 {
            let Assigned { leg, labels } = assigned;
            let entry = Entry {
                leg: &leg.name,
                runner: labels.concat(),
                args: leg.words(),
                tree: &leg.tree,
                artifact: &leg.artifact,
                cache_prefix: &leg.cache_prefix,
            };
            map.serialize_entry(&name(assigned), &entry)?;
        }
        map.end()
    }
}

/// Returns the name of a leg's job: letters, digits and underscores.
fn name(Assigned { leg, .. }: &Assigned) -> String {
    leg.name.replace('-', "_")
}

/// Returns the matrix.
pub fn matrix(legs: &[Assigned]) -> String {
    serde_json::to_string(&Jobs(legs)).expect("a matrix is plain data") + "\n"
}

/// Checks that the names of the jobs are as Azure takes them, and different.
///
/// # Errors
/// `matrix-limit`: all problems.
pub fn check_names(legs: &[Assigned]) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for leg in legs {
        let name = name(leg);
        let fault = if name.len() > LONGEST {
            "is longer than 100 characters"
        } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            "does not begin with a letter"
        } else if names.contains(&name) {
            "is that of two legs"
        } else {
            names.push(name);
            continue;
        };
        let message = format!("the name `{name}` of a job {fault}, and Azure Pipelines rejects it");
        problems.push(
            Problem::new(MATRIX_LIMIT, message)
                .help("leave the target out with a set: `--set NAME`"),
        );
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}
