//! What a workflow does, as the configuration says. Pure.

use camino::Utf8PathBuf;

use crate::problem::Problem;
use crate::project::asked::Asked;
use crate::project::config::Config;
use crate::project::config::ci::{CiConfig, GitlabConfig, JobImage};
use crate::project::config::publish::PublishConfig;
use crate::project::reference::Reference;
use crate::ship::ci::runners;
use crate::ship::ci::workflow::fault::{incomplete, is_plain};
use crate::ship::ci::workflow::forge::Forge;
use crate::ship::ci::workflow::tool::Tool;
use crate::ship::publish::address::Address;

/// Time limit of a leg in minutes.
const LEG_MINUTES: u32 = 60;

/// A workflow, before it is written for a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// System.
    pub forge: Forge,
    /// Path of the workflow.
    pub path: Utf8PathBuf,
    /// Branches whose pushes run it.
    pub branches: Vec<String>,
    /// Patterns of the tags that are released.
    pub tags: Vec<String>,
    /// True for sets of targets named `pr` and `main`.
    pub sets: Sets,
    /// Labels of the runner of all jobs that are no legs.
    pub labels: Vec<String>,
    /// Time limit of a leg in minutes.
    pub minutes: u32,
    /// Lines of shell to run before a leg is built.
    pub setup: Vec<String>,
    /// Installation of this program.
    pub tool: Tool,
    /// Flags of the legs of a tag, for what releases have by default.
    pub release_flags: String,
    /// Images are built.
    pub docker: bool,
    /// Registry that they are pushed to on a tag.
    pub registry: Option<String>,
    /// GitHub attests the files of a release.
    pub attest: bool,
    /// Publication on a tag.
    pub publish: Option<Publication>,
    /// Image of the jobs, on GitLab.
    pub image: Option<String>,
    /// Services of the jobs that build images, on GitLab.
    pub services: Vec<String>,
}

/// Sets of targets that the kinds of runs have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sets {
    /// True for a set `pr`.
    pub pr: bool,
    /// True for a set `main`.
    pub main: bool,
}

/// Publication of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Credentials of its job.
    pub credentials: Credentials,
}

/// Credentials of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None: a directory.
    None,
    /// A key in secrets of the CI system.
    Key,
    /// A role of AWS, by the token of the CI system.
    Role(String),
}

/// Decides what a workflow does.
///
/// # Errors
/// All problems: `ci-incomplete`, `ci-place`, `runner-unfit`.
pub fn settings(forge: Forge, config: &Config) -> Result<Workflow, Vec<Problem>> {
    let CiConfig {
        sets,
        runners: _,
        branches,
        tags,
        setup,
        timeout_minutes,
        registry,
        role,
        attest,
        tool,
        gitlab,
        files: _,
    } = &config.ci;
    let mut problems = runners::unknown_keys(&config.ci);
    let mut keep = |problem: Option<Problem>| problems.extend(problem);
    for (key, values) in [("branches", branches), ("tags", tags)] {
        keep(names_fault(key, values));
    }
    keep(setup_fault(setup));
    if *timeout_minutes == Some(0) {
        let message = "`ci.timeout-minutes` is 0, which no leg can keep".to_owned();
        keep(Some(incomplete(message, "give it at least 1")));
    }
    keep(registry.as_deref().and_then(registry_fault));
    keep(role.as_deref().and_then(|role| role_fault(role, forge)));
    keep(attest.then(|| attest_fault(forge)).flatten());
    let place = forge.path(&config.ci);
    keep(place.as_ref().err().cloned());
    let labels = runners::service_labels(&config.ci, forge.system());
    keep(labels.as_ref().err().cloned());
    keep(
        labels
            .as_ref()
            .ok()
            .and_then(|labels| labels_fault(forge, labels)),
    );
    let decided = Tool::of(tool);
    keep(decided.as_ref().err().cloned());
    let (image, faults) = image(forge, gitlab);
    problems.extend(faults);
    let publish = publication(&config.publish, role.as_ref());
    problems.extend(publish.as_ref().err().cloned());
    let (Ok(path), Ok(labels), Ok(tool), Ok(publish), []) =
        (place, labels, decided, publish, problems.as_slice())
    else {
        return Err(problems);
    };
    let or = |values: &[String], default: &str| match values {
        [] => vec![default.to_owned()],
        values => values.to_vec(),
    };
    Ok(Workflow {
        forge,
        path,
        branches: or(branches, "main"),
        tags: or(tags, "v*"),
        sets: Sets {
            pr: sets.contains_key("pr"),
            main: sets.contains_key("main"),
        },
        labels,
        minutes: timeout_minutes.unwrap_or(LEG_MINUTES),
        // The first line of a block tells YAML how far all of it is indented.
        setup: setup
            .iter()
            .map(|line| line.trim_start().to_owned())
            .collect(),
        tool,
        release_flags: release_flags(config),
        docker: !config.docker.is_empty() || registry.is_some(),
        registry: registry.clone(),
        attest: *attest,
        publish,
        image,
        services: gitlab.services.clone(),
    })
}

/// Returns the flags for what a release has by default: the legs of a tag are built before it.
fn release_flags(config: &Config) -> String {
    let flags = [
        ("--auditable", config.auditable),
        ("--reproducible", config.reproducible),
    ];
    let flags = flags
        .iter()
        .filter(|(_, configured)| Asked::IfConfigured.by_default().resolve(*configured))
        .map(|(flag, _)| *flag);
    flags.collect::<Vec<_>>().join(" ")
}

/// Returns the problem of patterns of branches or tags that one of the systems would misread.
fn names_fault(key: &str, values: &[String]) -> Option<Problem> {
    let wrong = values.iter().find(|value| !is_plain(value, "-_./*@"))?;
    let message = format!("`ci.{key}` has `{wrong}`, which not every CI system reads alike");
    let help =
        "use letters, digits and `-_./@`, with `*` for any characters but `/`, and `**` for all";
    Some(incomplete(message, help))
}

/// Returns the problem of a line in which the CI system, not the shell, would replace something.
fn setup_fault(setup: &[String]) -> Option<Problem> {
    let wrong = setup
        .iter()
        .find(|line| line.contains("${{") || line.contains(char::is_control))?;
    let message = format!(
        "`ci.setup` has the line {wrong:?}, which the CI system would change before a shell reads it"
    );
    let help =
        "put it into a script of the repository, and name that: `setup = [\"sh ci/setup.sh\"]`";
    Some(incomplete(message, help))
}

/// Returns the problem of labels that choose no runner.
fn labels_fault(forge: Forge, labels: &[String]) -> Option<Problem> {
    let is_optional = forge == Forge::Gitlab;
    if !labels.iter().any(String::is_empty) && (is_optional || !labels.is_empty()) {
        return None;
    }
    let name = forge.name();
    let message = format!("`ci.runners.{name}` has a default without a label");
    Some(incomplete(message, "name one: `default = \"docker\"`"))
}

/// Returns the problem of a registry.
fn registry_fault(registry: &str) -> Option<Problem> {
    let is_prefix = registry.ends_with('/')
        && !registry.starts_with('/')
        && is_plain(registry, "-_./:")
        && Reference::parse(&format!("{registry}a")).is_ok();
    if is_prefix {
        return None;
    }
    let message = format!("`ci.registry` is `{registry}`, which is no beginning of images' names");
    let help = "name the registry with a slash at the end: `registry = \"ghcr.io/acme/\"`";
    Some(incomplete(message, help))
}

/// Returns the problem of a role.
fn role_fault(role: &str, forge: Forge) -> Option<Problem> {
    if forge == Forge::Forgejo {
        let message = "`ci.role` is set, and jobs of Forgejo have no token that AWS takes";
        let help = "remove it: `publish` takes the secrets `AWS_ACCESS_KEY_ID` and \
                    `AWS_SECRET_ACCESS_KEY`";
        return Some(incomplete(message.to_owned(), help));
    }
    if role.starts_with("arn:") && is_plain(role, ":/-_+=,.@") {
        return None;
    }
    let message = format!("`ci.role` is `{role}`, which is no role of AWS");
    let help = "name it as AWS does: `role = \"arn:aws:iam::123456789012:role/release\"`";
    Some(incomplete(message, help))
}

/// Returns the problem of attestations by a system that has none.
fn attest_fault(forge: Forge) -> Option<Problem> {
    let name = match forge {
        Forge::Github => return None,
        Forge::Forgejo => "Forgejo",
        Forge::Gitlab => "GitLab",
    };
    let message = format!("`ci.attest` is set, and {name} has no action that attests");
    Some(incomplete(
        message,
        "remove it, and sign the release: `release --sign KIND:FILE`",
    ))
}

/// Returns the image of GitLab's jobs, with all problems of images.
fn image(forge: Forge, config: &GitlabConfig) -> (Option<String>, Vec<Problem>) {
    if forge != Forge::Gitlab {
        return (None, Vec::new());
    }
    let GitlabConfig { image, services } = config;
    let missing = || {
        let message = "GitLab's runners start jobs in an image, and none is configured".to_owned();
        let help = "name one with Rust and the linkers of the targets: \
                    `[workspace.metadata.xpkg.ci.gitlab]`, `image = \"NAME@sha256:…\"`; for runners \
                    that start no image, `image = false`";
        incomplete(message, help)
    };
    let (image, mut problems) = match image {
        Some(JobImage::Named(image)) => (Some(image.clone()), Vec::new()),
        Some(JobImage::Switch(false)) => (None, Vec::new()),
        Some(JobImage::Switch(true)) | None => (None, vec![missing()]),
    };
    problems.extend(image.iter().chain(services).filter_map(|image| {
        match Reference::parse(image) {
            Ok(reference) if reference.digest.is_some() => None,
            Ok(_) => {
                let message = format!("`{image}` of `ci.gitlab` has no digest, and a tag may move");
                let help = "name it by digest: `NAME@sha256:…`";
                Some(incomplete(message, help))
            }
            Err(problem) => Some(problem),
        }
    }));
    (image, problems)
}

/// Returns the publication on a tag, if a store is configured.
fn publication(
    config: &PublishConfig,
    role: Option<&String>,
) -> crate::problem::Result<Option<Publication>> {
    let Some(to) = &config.to else {
        return match role {
            None => Ok(None),
            Some(_) => Err(incomplete(
                "`ci.role` is set, and no store to publish to".to_owned(),
                "name one: `[workspace.metadata.xpkg.publish]`, `to = \"s3://BUCKET/PREFIX\"`",
            )),
        };
    };
    let address = Address::parse(to)?;
    if config.channel.is_none() {
        return Err(incomplete(
            "`publish.to` is set without a channel, and a tag has no branch to name one".to_owned(),
            "name it: `[workspace.metadata.xpkg.publish]`, `channel = \"stable\"`",
        ));
    }
    let credentials = match (address, role) {
        (Address::S3 { .. }, Some(role)) => Credentials::Role(role.clone()),
        (Address::S3 { .. }, None) => Credentials::Key,
        (Address::Directory(_), None) => Credentials::None,
        (Address::Directory(_), Some(_)) => {
            return Err(incomplete(
                "`ci.role` is set, and the store is a directory".to_owned(),
                "remove `role`",
            ));
        }
    };
    Ok(Some(Publication { credentials }))
}
