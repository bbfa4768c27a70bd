//! Stages from the lockfile to the published release, each with a record of what it was made from.

pub mod decide;
pub mod look;
pub mod page;
pub mod record;
pub mod stage;
pub mod summary;
pub mod write;

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[STAGE_STALE, PIPELINE_INVALID];

/// An earlier stage that is not up to date.
pub const STAGE_STALE: Code = code(&CodeInfo {
    name: "stage-stale",
    title: "an earlier stage is not up to date",
    cause: "`--from` begins after a stage that has not run, has failed, or was run with other \
            inputs; or its output was changed since.",
    detection: "Each stage records the digests of its inputs and outputs in \
                `xpkg-cache/stages.json`; they are compared with what is there now.",
    fix: "Begin with that stage: `cargo xpkg pipeline --from compile`.",
    page: "pipeline",
    sources: &[],
    waivable: false,
});

/// Options of a pipeline that contradict each other.
pub const PIPELINE_INVALID: Code = code(&CodeInfo {
    name: "pipeline-invalid",
    title: "the stages cannot be run as asked",
    cause: "`--from` is after `--until`, or `--force` names a target that the run does not have, or \
            a stage that is not run.",
    detection: "The options are compared with the stages of the run.",
    fix: "The message names the option.",
    page: "pipeline",
    sources: &[],
    waivable: false,
});
