//! Configuration of `matrix` and of `ci`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
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
    /// Branches whose pushes run the workflow; `main` if empty.
    pub branches: Vec<String>,
    /// Patterns of the tags that are released; `v*` if empty.
    pub tags: Vec<String>,
    /// Lines of shell to run before a leg is built.
    pub setup: Vec<String>,
    /// Time limit of a leg in minutes.
    pub timeout_minutes: Option<u32>,
    /// Prefix of the images that are pushed: `ghcr.io/acme/`.
    pub registry: Option<String>,
    /// Role of AWS that `publish` takes by the token of the CI system.
    pub role: Option<String>,
    /// True if GitHub attests the files of a release.
    pub attest: bool,
    /// Installation of this program.
    pub tool: ToolConfig,
    /// Settings that only GitLab has.
    pub gitlab: GitlabConfig,
    /// Path of a system's workflow, relative to the workspace's root.
    pub files: BTreeMap<CiSystem, Utf8PathBuf>,
}

/// Installation of this program in the jobs; `cargo install` by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct ToolConfig {
    /// True if the runners or their image have it; only its version is checked.
    pub installed: bool,
    /// Archives to download, by platform of the runner: `linux/amd64`.
    pub archives: BTreeMap<String, ToolArchive>,
}

/// An archive with the program of this package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table with `url` and `sha256`"
)]
pub struct ToolArchive {
    /// Address of a tar.
    pub url: String,
    /// SHA-256 of that file, as 64 hex digits.
    pub sha256: String,
}

/// Settings of GitLab's jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of xpkg's configuration"
)]
pub struct GitlabConfig {
    /// Image of the jobs by digest, or `false` for runners that start none.
    pub image: Option<JobImage>,
    /// Images of the services of jobs that build images, by digest: a Docker daemon.
    pub services: Vec<String>,
}

/// Image that jobs run in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "an image by digest, or `false`")]
pub enum JobImage {
    /// `NAME@sha256:…`.
    Named(String),
    /// `false`: the runner's own system. `true` is rejected where it is used.
    Switch(bool),
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
