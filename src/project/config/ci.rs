//! Configuration of `matrix`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What CI runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct CiConfig {
    /// Targets of a kind of run, by its name: `pr`, `main`.
    pub sets: BTreeMap<String, SetConfig>,
    /// Labels of runners for each CI system, by triple or platform of the target, or `default`.
    pub runners: BTreeMap<CiSystem, BTreeMap<String, Labels>>,
}

/// The targets of a set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a list of targets, or `\"all\"`")]
pub enum SetConfig {
    /// `"all"`.
    All(All),
    /// Some targets, each with or without a glibc floor.
    Targets(Vec<String>),
}

/// The word for all configured targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum All {
    /// `all`.
    #[serde(rename = "all")]
    All,
}

/// Labels that choose a runner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a label, or a list of labels")]
pub enum Labels {
    /// One label.
    One(String),
    /// Labels that a runner must all have.
    Several(Vec<String>),
}

impl Labels {
    /// Returns the labels.
    pub fn list(&self) -> Vec<String> {
        match self {
            Self::One(label) => vec![label.clone()],
            Self::Several(labels) => labels.clone(),
        }
    }
}

/// A CI system that chooses runners by labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CiSystem {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
    /// Forgejo Actions.
    Forgejo,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    Circleci,
    /// Azure Pipelines.
    Azure,
}

impl CiSystem {
    /// Returns the name as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
            Self::Buildkite => "buildkite",
            Self::Circleci => "circleci",
            Self::Azure => "azure",
        }
    }

    /// Returns the name as its maker writes it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Github => "GitHub Actions",
            Self::Gitlab => "GitLab",
            Self::Forgejo => "Forgejo",
            Self::Buildkite => "Buildkite",
            Self::Circleci => "CircleCI",
            Self::Azure => "Azure Pipelines",
        }
    }
}
