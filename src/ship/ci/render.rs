//! Renders the legs of a run for a CI system, within the system's limits. Pure.

use crate::problem::{Problem, Result};
use crate::project::config::ci::{CiConfig, CiSystem};
use crate::ship::ci::assigned::Assigned;
use crate::ship::ci::codes::{MATRIX_LIMIT, RUNNER_UNFIT};
use crate::ship::ci::legs::{Leg, Legs};
use crate::ship::ci::runners;
use crate::ship::ci::{azure, buildkite, circleci, github, gitlab};
use crate::target::Target;

/// Form of a runner's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Exactly one.
    One,
    /// One or more.
    Several,
    /// Any number.
    Any,
    /// Any number of `KEY=VALUE`.
    Pairs,
}

/// What a system takes.
struct Limits {
    system: CiSystem,
    /// Largest number of jobs in a run, unless it depends on the user's plan or server.
    jobs: Option<usize>,
    labels: Form,
    /// Text that the system replaces in every value, and that it has no escape for.
    replaced: Option<&'static str>,
}

/// Sources: GitHub Docs, Actions limits (a matrix); ray-project/rayci#483 (an upload of Buildkite);
/// Azure Pipelines documentation, Jobs and Define variables.
#[rustfmt::skip]
const LIMITS: &[Limits] = &[
    Limits { system: CiSystem::Github,    jobs: Some(256), labels: Form::Several, replaced: None },
    Limits { system: CiSystem::Gitlab,    jobs: None,      labels: Form::Any,     replaced: None },
    Limits { system: CiSystem::Forgejo,   jobs: None,      labels: Form::Several, replaced: None },
    Limits { system: CiSystem::Buildkite, jobs: Some(500), labels: Form::Pairs,   replaced: None },
    Limits { system: CiSystem::Circleci,  jobs: None,      labels: Form::One,     replaced: None },
    Limits { system: CiSystem::Azure,     jobs: Some(256), labels: Form::One,     replaced: Some("$(") },
];

/// Returns the legs as the system takes them.
///
/// # Errors
/// `runner-unfit`, `matrix-limit` and `config-invalid`, of all legs.
pub fn render(system: CiSystem, legs: &Legs, config: &CiConfig) -> Result<String, Vec<Problem>> {
    let limits = LIMITS.iter().find(|limits| limits.system == system);
    let limits = limits.expect("every system has a row");
    let mut problems = runners::unknown_keys(config);
    let mut assigned = Vec::new();
    for leg in &legs.legs {
        match assign(limits, leg, config) {
            Ok(leg) => assigned.push(leg),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(too_many(limits, legs.legs.len()));
    if !problems.is_empty() {
        return Err(problems);
    }
    let text = match system {
        CiSystem::Github | CiSystem::Forgejo => github::matrix(&assigned),
        CiSystem::Gitlab => gitlab::child_pipeline(&assigned),
        CiSystem::Buildkite => buildkite::steps(&assigned),
        CiSystem::Circleci => circleci::workflows(&assigned),
        CiSystem::Azure => azure::matrix(&assigned),
    };
    match system {
        CiSystem::Github => github::check_size(&text).map_err(|problem| vec![problem])?,
        CiSystem::Azure => azure::check_names(&assigned)?,
        CiSystem::Gitlab | CiSystem::Forgejo | CiSystem::Buildkite | CiSystem::Circleci => {}
    }
    Ok(text)
}

/// Finds the labels of a leg's runner, and checks what the system would replace.
fn assign<'a>(limits: &Limits, leg: &'a Leg, config: &CiConfig) -> Result<Assigned<'a>> {
    let Limits {
        system,
        jobs: _,
        labels: form,
        replaced,
    } = limits;
    let target = Target::of_triple(leg.triple()).expect("a leg has a known target");
    let labels = runners::labels(config, *system, &target, leg.native)?;
    let is_pair = |label: &String| {
        label
            .split_once('=')
            .is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
    };
    let (fits, wanted, example) = match form {
        Form::One => (labels.len() == 1, "one label", "large"),
        Form::Several => (!labels.is_empty(), "a label", "large"),
        Form::Any => (true, "labels", "large"),
        Form::Pairs => (
            labels.iter().all(is_pair),
            "labels `KEY=VALUE`",
            "queue=large",
        ),
    };
    let title = system.title();
    if !fits || labels.iter().any(String::is_empty) {
        let listed: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let message = format!("{title} takes {wanted} of a runner for `{}`", leg.target);
        return Err(Problem::new(RUNNER_UNFIT, message)
            .note("configured", [format!("[{}]", listed.join(", "))])
            .help(runners::help(*system, example)));
    }
    if let Some(text) = replaced {
        let words = leg.words();
        let mut values = [&words, &leg.tree].into_iter().chain(&labels);
        if let Some(value) = values.find(|value| value.contains(text)) {
            let message = format!("{title} would replace `{text}` in `{value}`");
            return Err(Problem::new(MATRIX_LIMIT, message)
                .help("set the value in a file instead, such as `.cargo/config.toml`"));
        }
    }
    Ok(Assigned { leg, labels })
}

/// Returns the problem of more legs than a run takes.
fn too_many(limits: &Limits, number: usize) -> Option<Problem> {
    let most = limits.jobs.filter(|most| number > *most)?;
    let title = limits.system.title();
    let message = format!("{title} takes {most} jobs in a run, and there are {number} legs");
    Some(
        Problem::new(MATRIX_LIMIT, message)
            .help("split the targets into sets, and run each by itself: `--set NAME`"),
    )
}
