//! Decides which stages run, and tells why a stage is not up to date. Pure.

use serde::Serialize;

use crate::build::cache::key::{self, Part};
use crate::problem::{Problem, Result};
use crate::ship::pipeline::record::{End, Record, Records};
use crate::ship::pipeline::stage::Stage;
use crate::ship::pipeline::{PIPELINE_INVALID, STAGE_STALE};

/// What is known about a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Stage.
    pub stage: Stage,
    /// Target; `None` for a stage of all targets.
    pub target: Option<String>,
    /// State.
    pub state: State,
    /// Milliseconds that it took when it ran last; `None` if it never ran.
    pub took: Option<u64>,
}

/// State of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum State {
    /// It passed, from the same inputs, and its outputs are as it wrote them.
    Done,
    /// It has not run.
    Never,
    /// It failed, with this code.
    Failed(String),
    /// It ran with other inputs, or its output was changed: a noun phrase.
    Stale(String),
}

impl State {
    /// Returns the state in words.
    pub fn text(&self) -> String {
        match self {
            Self::Done => "done".to_owned(),
            Self::Never => "never run".to_owned(),
            Self::Failed(code) => format!("failed: {code}"),
            Self::Stale(why) => format!("stale: {why}"),
        }
    }
}

/// Name of an input that cannot be known: it counts as moved.
pub const UNKNOWN: &str = "unknown";

/// Returns the state of a stage with these inputs. `changed` is an output that is not as recorded.
pub fn state(record: Option<&Record>, inputs: &[Part], changed: Option<&str>) -> State {
    let Some(record) = record else {
        return State::Never;
    };
    if let End::Failed(code) = &record.end {
        return State::Failed(code.clone());
    }
    let mut moved: Vec<&str> = key::moved(&record.inputs, inputs);
    let unknown = inputs.iter().filter(|part| part.value == UNKNOWN);
    moved.extend(unknown.map(|part| part.name.as_str()));
    moved.dedup();
    if !moved.is_empty() {
        return State::Stale(moved.join(", "));
    }
    match changed {
        Some(path) => State::Stale(format!("`{path}` was changed or removed")),
        None => State::Done,
    }
}

/// Stages to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First stage.
    pub from: Stage,
    /// Last stage.
    pub until: Stage,
}

impl Range {
    /// Returns the stages that `--from` and `--until` select.
    ///
    /// # Errors
    /// `pipeline-invalid`.
    pub fn new(from: Option<Stage>, until: Stage) -> Result<Self> {
        let from = from.unwrap_or(Stage::Fetch);
        if from > until {
            let (from, until) = (from.name(), until.name());
            let message = format!("`--from {from}` is after `--until {until}`");
            return Err(Problem::new(PIPELINE_INVALID, message)
                .help(format!("pass a later end: `--until {from}`")));
        }
        Ok(Self { from, until })
    }

    /// Returns true if a stage is run.
    pub fn contains(self, stage: Stage) -> bool {
        // One command compiles, inspects and stages.
        self.from.begins_with() <= stage && stage <= self.until
    }
}

/// Checks that the stages before the first are up to date.
///
/// # Errors
/// `stage-stale`, for the first that is not.
pub fn check_earlier(statuses: &[Status], range: Range) -> Result<()> {
    let earlier = |status: &&Status| status.stage < range.from.begins_with();
    let stale = statuses
        .iter()
        .filter(earlier)
        .find(|status| status.state != State::Done);
    let Some(status) = stale else { return Ok(()) };
    let name = status.stage.name();
    let of = match &status.target {
        Some(target) => format!(" of `{target}`"),
        None => String::new(),
    };
    let message = format!(
        "`--from {}`: the stage `{name}`{of} is not up to date",
        range.from.name()
    );
    Err(Problem::new(STAGE_STALE, message)
        .note("state", [status.state.text()])
        .help(format!(
            "begin with it: `cargo xpkg pipeline --from {name}`"
        )))
}

/// A stage to run whatever its record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forced {
    /// Stage.
    pub stage: Stage,
    /// Target; `None` for all.
    pub target: Option<String>,
}

impl Forced {
    /// Parses a value of `--force`: `STAGE` or `STAGE=TARGET`.
    ///
    /// # Errors
    /// A clause about the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, target) = match text.split_once('=') {
            Some((name, target)) => (name, Some(target.to_owned())),
            None => (text, None),
        };
        let stage = Stage::parse(name).ok_or_else(|| {
            let names: Vec<&str> = Stage::all().map(Stage::name).collect();
            format!(
                "there is no stage `{name}`; the stages are {}",
                names.join(", ")
            )
        })?;
        if target.is_some() && !stage.is_of_target() {
            return Err(format!("the stage `{name}` is of all targets"));
        }
        Ok(Self { stage, target })
    }

    /// Checks that the run has the stage and the target.
    ///
    /// # Errors
    /// `pipeline-invalid`.
    pub fn check(&self, range: Range, targets: &[String]) -> Result<()> {
        let Self { stage, target } = self;
        let name = stage.name();
        if !range.contains(*stage) {
            let message = format!("`--force {name}`: the stage is not run");
            let help = if *stage > range.until {
                format!("pass a later end: `--until {name}`")
            } else {
                format!("begin with it: `--from {name}`")
            };
            return Err(Problem::new(PIPELINE_INVALID, message).help(help));
        }
        match target {
            Some(target) if !targets.contains(target) => {
                let message = format!("`--force {name}={target}`: the run has no such target");
                Err(Problem::new(PIPELINE_INVALID, message)
                    .help(format!("the targets are {}", targets.join(", "))))
            }
            _ => Ok(()),
        }
    }

    /// Returns true for a stage of a target.
    pub fn is(&self, stage: Stage, target: Option<&str>) -> bool {
        let is_of = self.target.is_none() || self.target.as_deref() == target;
        self.stage == stage && is_of
    }
}

/// Returns the statuses of all stages of the targets, in their order.
pub fn places(targets: &[String]) -> Vec<(Stage, Option<&str>)> {
    let mut places = Vec::new();
    for stage in Stage::all() {
        if stage.is_of_target() {
            places.extend(targets.iter().map(|target| (stage, Some(target.as_str()))));
        } else {
            places.push((stage, None));
        }
    }
    places
}

/// Returns the time that a stage took when it ran last.
pub fn took(records: &Records, stage: Stage, target: Option<&str>) -> Option<u64> {
    records.find(stage, target).map(|record| record.took)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, value: &str) -> Part {
        Part {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    fn record(stage: Stage, end: End, inputs: &[Part]) -> Record {
        Record {
            stage,
            target: None,
            inputs: inputs.to_vec(),
            outputs: Vec::new(),
            end,
            attempts: 1,
            began: 0,
            took: 7,
        }
    }

    #[test]
    fn a_state_says_why() {
        let now = [part("lock", "a"), part("rustc", "1")];
        let before = [part("lock", "b"), part("rustc", "1")];
        let source = [part("source", UNKNOWN)];
        let done = |inputs: &[Part]| Some(record(Stage::Verify, End::Done, inputs));
        for (record, inputs, changed, expected) in [
            (None, &now[..], None, "never run"),
            (done(&now), &now, None, "done"),
            (done(&before), &now, None, "stale: lock"),
            (
                done(&now),
                &now,
                Some("a/b"),
                "stale: `a/b` was changed or removed",
            ),
            (done(&source), &source, None, "stale: source"),
            (
                Some(record(
                    Stage::Verify,
                    End::Failed("digest-mismatch".to_owned()),
                    &now,
                )),
                &now,
                None,
                "failed: digest-mismatch",
            ),
        ] {
            assert_eq!(state(record.as_ref(), inputs, changed).text(), expected);
        }
    }

    #[test]
    fn a_range_begins_with_a_command_and_ends_after_it_began() {
        let range = Range::new(Some(Stage::Inspect), Stage::Release).unwrap();
        let stages: Vec<&str> = Stage::all()
            .filter(|stage| range.contains(*stage))
            .map(Stage::name)
            .collect();
        assert_eq!(
            stages,
            ["compile", "inspect", "stage", "verify", "docker", "release"]
        );
        let wrong = Range::new(Some(Stage::Release), Stage::Verify).unwrap_err();
        assert_eq!(wrong.message, "`--from release` is after `--until verify`");
    }

    #[test]
    fn an_earlier_stage_must_be_up_to_date() {
        let status = |stage, state| Status {
            stage,
            target: None,
            state,
            took: None,
        };
        let range = Range::new(Some(Stage::Verify), Stage::Release).unwrap();
        let statuses = [
            status(Stage::Fetch, State::Done),
            status(Stage::Stage, State::Stale("lock".to_owned())),
            status(Stage::Verify, State::Never),
        ];
        let problem = check_earlier(&statuses, range).unwrap_err();
        assert_eq!(
            problem.message,
            "`--from verify`: the stage `stage` is not up to date"
        );
        let range = Range::new(Some(Stage::Compile), Stage::Release).unwrap();
        check_earlier(&statuses, range).unwrap();
    }

    #[test]
    fn a_forced_stage_is_one_of_the_run() {
        let targets = ["a".to_owned()];
        let range = Range::new(Some(Stage::Compile), Stage::Verify).unwrap();
        for (text, expected) in [
            ("compile", Ok(())),
            ("compile=a", Ok(())),
            (
                "compile=b",
                Err("`--force compile=b`: the run has no such target"),
            ),
            ("release", Err("`--force release`: the stage is not run")),
            ("verify=a", Err("the stage `verify` is of all targets")),
            (
                "link",
                Err(
                    "there is no stage `link`; the stages are fetch, gate, compile, inspect, stage, \
                     verify, docker, release, publish",
                ),
            ),
        ] {
            let forced = Forced::parse(text).and_then(|forced| {
                let checked = forced.check(range, &targets);
                checked.map_err(|problem| problem.message)
            });
            assert_eq!(forced, expected.map_err(str::to_owned), "{text}");
        }
    }
}
