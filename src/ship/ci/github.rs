//! GitHub Actions and Forgejo Actions: one line for `fromJSON` in `strategy.matrix`. Pure.
//!
//! Source: GitHub Docs, Running variations of jobs in a workflow.

use serde::Serialize;

use crate::problem::{Problem, Result};
use crate::ship::ci::assigned::Assigned;
use crate::ship::ci::codes::MATRIX_LIMIT;

/// Largest output of a job in bytes; GitHub counts two for each unit of UTF-16.
const LARGEST: usize = 1 << 20;

#[derive(Serialize)]
struct Matrix<'a> {
    include: Vec<Entry<'a>>,
}

/// Variables of a job, as `matrix.NAME`.
#[derive(Serialize)]
struct Entry<'a> {
    leg: &'a str,
    target: &'a str,
    runner: Runner<'a>,
    args: String,
    tree: &'a str,
    artifact: &'a str,
    cache_prefix: &'a str,
}

/// Value of `runs-on`.
#[derive(Serialize)]
#[serde(untagged)]
enum Runner<'a> {
    One(&'a str),
    Several(&'a [String]),
}

/// Returns the matrix.
pub fn matrix(legs: &[Assigned]) -> String {
    let include = legs.iter().map(|Assigned { leg, labels }| Entry {
        leg: &leg.name,
        target: &leg.target,
        runner: match labels.as_slice() {
            [one] => Runner::One(one),
            several => Runner::Several(several),
        },
        args: leg.words(),
        tree: &leg.tree,
        artifact: &leg.artifact,
        cache_prefix: &leg.cache_prefix,
    });
    let matrix = Matrix {
        include: include.collect(),
    };
    serde_json::to_string(&matrix).expect("a matrix is plain data") + "\n"
}

/// Checks that the matrix fits into an output of a job.
///
/// # Errors
/// `matrix-limit`.
pub fn check_size(text: &str) -> Result<()> {
    let size = text.encode_utf16().count() * 2;
    if size <= LARGEST {
        return Ok(());
    }
    let message = format!(
        "GitHub Actions takes {LARGEST} bytes of an output, and the matrix has {size}, as UTF-16"
    );
    Err(Problem::new(MATRIX_LIMIT, message)
        .help("split the targets into sets, and run each by itself: `--set NAME`"))
}
