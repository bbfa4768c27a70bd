//! Labels of the runners that build a target: configured ones, else those of hosted runners. Pure.

use crate::problem::{Problem, Result, nearest};
use crate::project::config::ci::{CiConfig, CiSystem};
use crate::project::config::parse::CONFIG_INVALID;
use crate::ship::ci::codes::RUNNER_UNFIT;
use crate::target::Target;
use crate::target::arch::ARCHES;
use crate::target::system::SYSTEMS;

/// Key of the labels for all targets that have none of their own.
const DEFAULT: &str = "default";

/// Hosted runners as of November 2026: system, platform of the target (empty for all others) and
/// labels. arm64 programs are built on arm64 where every project has such runners; all others are
/// cross compiled. Labels disappear with their images: that of ubuntu-20.04 broke every workflow
/// that named it.
///
/// Sources: GitHub Docs, GitHub-hosted runners reference; GitLab Docs, Hosted runners on Linux;
/// CircleCI Docs, Resource class overview; Azure Pipelines, Microsoft-hosted agents.
#[rustfmt::skip]
const HOSTED: &[(CiSystem, &str, &[&str])] = &[
    (CiSystem::Github,    "linux/arm64", &["ubuntu-24.04-arm"]),
    (CiSystem::Github,    "",            &["ubuntu-24.04"]),
    (CiSystem::Gitlab,    "linux/arm64", &["saas-linux-small-arm64"]),
    (CiSystem::Gitlab,    "",            &["saas-linux-small-amd64"]),
    // Agents are the user's: without labels, any agent of the default queue.
    (CiSystem::Buildkite, "",            &[]),
    (CiSystem::Circleci,  "linux/arm64", &["arm.medium"]),
    (CiSystem::Circleci,  "",            &["medium"]),
    // No hosted arm64.
    (CiSystem::Azure,     "",            &["ubuntu-24.04"]),
];

/// Hosted runners for targets that nothing on Linux links for. The others run Linux, in images.
///
/// Sources: GitHub Docs, GitHub-hosted runners reference; Azure Pipelines, Microsoft-hosted agents.
const NATIVE: &[(CiSystem, &str, &str)] = &[
    (CiSystem::Github, "windows/amd64", "windows-2025"),
    (CiSystem::Github, "windows/386", "windows-2025"),
    (CiSystem::Github, "windows/arm64", "windows-11-arm"),
    (CiSystem::Azure, "windows/amd64", "windows-2025"),
    (CiSystem::Azure, "windows/386", "windows-2025"),
];

/// Returns the labels of the runner for a target. One that is `native` needs its own system.
///
/// # Errors
/// `runner-unfit`: the system has no hosted runners, and none is configured.
pub fn labels(
    config: &CiConfig,
    system: CiSystem,
    target: &Target,
    native: bool,
) -> Result<Vec<String>> {
    let platform = target.platform();
    if let Some(own) = config.runners.get(&system) {
        let keys = [target.triple(), platform.as_str(), DEFAULT];
        if let Some(labels) = keys.iter().find_map(|key| own.get(*key)) {
            return Ok(labels.list());
        }
    }
    let title = system.title();
    if native {
        let mut rows = NATIVE.iter();
        let row = rows.find(|(of, runs, _)| *of == system && *runs == platform);
        return row.map(|(.., label)| vec![(*label).to_owned()]).ok_or_else(|| {
            let triple = target.triple();
            let message = format!(
                "nothing on Linux links for `{triple}` without an SDK, and no runner of {title} for \
                 {platform} is known"
            );
            Problem::new(RUNNER_UNFIT, message)
                .help(format!(
                    "name the label of your runner in Cargo.toml: \
                     `[workspace.metadata.xpkg.ci.runners.{}]`, `{triple} = \"windows\"`",
                    system.name()
                ))
                .help(format!(
                    "or name a copy of Microsoft's libraries: \
                     `[workspace.metadata.xpkg.target.{triple}]`, `sysroot = \"xwin\"`"
                ))
        });
    }
    let rows = || HOSTED.iter().filter(|(of, _, _)| *of == system);
    let row = rows()
        .find(|(_, of, _)| *of == platform)
        .or_else(|| rows().find(|(_, of, _)| of.is_empty()));
    match row {
        Some((_, _, labels)) => Ok(labels.iter().map(|label| (*label).to_owned()).collect()),
        None => {
            let message = format!(
                "{title} has no runners of its own, and no label is configured for `{}`",
                target.triple()
            );
            Err(Problem::new(RUNNER_UNFIT, message).help(help(system, "docker")))
        }
    }
}

/// Returns the labels of the runner for jobs that build no target: the configured default, else
/// those of the hosted runner for all targets.
///
/// # Errors
/// `runner-unfit`: the system has no hosted runners, and no default is configured.
pub fn service_labels(config: &CiConfig, system: CiSystem) -> Result<Vec<String>> {
    let own = config.runners.get(&system);
    if let Some(labels) = own.and_then(|own| own.get(DEFAULT)) {
        return Ok(labels.list());
    }
    let mut rows = HOSTED.iter();
    let row = rows.find(|(of, platform, _)| *of == system && platform.is_empty());
    if let Some((_, _, labels)) = row {
        return Ok(labels.iter().map(|label| (*label).to_owned()).collect());
    }
    let title = system.title();
    let message = format!("{title} has no runners of its own, and no default label is configured");
    Err(Problem::new(RUNNER_UNFIT, message).help(help(system, "docker")))
}

/// Returns the help that shows how a label is configured.
pub fn help(system: CiSystem, label: &str) -> String {
    format!(
        "name the label of your runners in Cargo.toml: `[workspace.metadata.xpkg.ci.runners.{}]`, \
         `default = \"{label}\"`",
        system.name()
    )
}

/// Returns a problem for each key of the configured runners that is of no target: its labels would
/// never be used.
pub fn unknown_keys(config: &CiConfig) -> Vec<Problem> {
    let platforms: Vec<String> = ARCHES
        .iter()
        .flat_map(|arch| SYSTEMS.iter().map(move |system| (arch, system)))
        .filter_map(|(arch, system)| {
            Target::of_triple(&format!("{}-{}", arch.prefix, system.suffix))
        })
        .map(|target| target.platform())
        .collect();
    let is_known = |key: &str| {
        key == DEFAULT
            || Target::of_triple(key).is_some()
            || platforms.iter().any(|platform| platform == key)
    };
    let keys = config
        .runners
        .iter()
        .flat_map(|(system, table)| table.keys().map(move |key| (system, key)));
    keys.filter(|(_, key)| !is_known(key))
        .map(|(system, key)| {
            let message = format!(
                "`ci.runners.{}` has labels for `{key}`, which is no triple and no platform",
                system.name()
            );
            let problem = Problem::new(CONFIG_INVALID, message);
            match nearest(key, platforms.iter().map(String::as_str).chain([DEFAULT])) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => {
                    problem.help("use a triple, a platform such as `linux/arm64`, or `default`")
                }
            }
        })
        .collect()
}
