//! The pipelines of GitLab CI/CD: one that plans, and the child pipeline of the legs. Pure.
//!
//! Jobs of a child pipeline hand their trees to each other, and not to the pipeline that started it,
//! so that all that follows the legs is in the child.
//!
//! Sources: GitLab Docs, CI/CD YAML syntax reference, Downstream pipelines, OpenID Connect in AWS.

use crate::ship::ci::assigned::{list, scalar};
use crate::ship::ci::workflow::forge::Forge;
use crate::ship::ci::workflow::settings::{Credentials, Workflow};

/// Path of the file that the child pipeline has beside the legs.
pub const LEGS: &str = ".gitlab/xpkg-legs.yml";

const HEAD: &str = "# Written by `cargo xpkg ci init --for gitlab` from the configuration of xpkg. \
                    Change that, and write this file again.\n";

/// Returns the pipeline that plans the legs and starts the child pipeline.
pub fn pipeline(workflow: &Workflow) -> String {
    let choice = match (workflow.sets.pr, workflow.sets.main) {
        (false, false) => "",
        _ => "      if test -n \"${XPKG_SET:-}\"; then set -- \"$@\" --set \"$XPKG_SET\"; fi\n",
    };
    let lists = match workflow.release_flags.as_str() {
        "" => String::new(),
        flags => {
            format!("      if test -n \"${{CI_COMMIT_TAG:-}}\"; then set -- \"$@\" {flags}; fi\n")
        }
    };
    format!(
        "{HEAD}xpkg-plan:
  stage: build
{}{}  timeout: 20 minutes
  interruptible: true
  before_script:
    - . ./{}
  script:
    - cargo xpkg ci check --for gitlab
    - |
      set -- --locked
{choice}{lists}      legs=$(cargo xpkg matrix --for gitlab \"$@\")
      printf '%s\\n' \"$legs\" > xpkg-legs.yml
  artifacts:
    paths: [xpkg-legs.yml]
    expire_in: 1 day
xpkg-legs:
  stage: test
  needs: [xpkg-plan]
{}  trigger:
    include:
      - local: {LEGS}
      - artifact: xpkg-legs.yml
        job: xpkg-plan
    strategy: depend
",
        machine(workflow),
        rules(workflow),
        Forge::Gitlab.tool_path(),
        rules(workflow),
    )
}

/// Returns the lines that choose a job's runner and image.
fn machine(workflow: &Workflow) -> String {
    let tags = list(workflow.labels.iter().map(|label| scalar(label)));
    let mut text = String::new();
    if !workflow.labels.is_empty() {
        text += &format!("  tags: {tags}\n");
    }
    if let Some(image) = &workflow.image {
        text += &format!("  image: {}\n", scalar(image));
    }
    text
}

/// Returns the rules of the jobs of the first pipeline. The set of targets is passed to the child.
fn rules(workflow: &Workflow) -> String {
    let variables = |is_set: bool, name: &str| {
        if is_set {
            format!("      variables:\n        XPKG_SET: {name}\n")
        } else {
            String::new()
        }
    };
    let main = variables(workflow.sets.main, "main");
    let mut text =
        "  rules:\n    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"\n".to_owned();
    text += &variables(workflow.sets.pr, "pr");
    let refs = [
        ("CI_COMMIT_BRANCH", &workflow.branches),
        ("CI_COMMIT_TAG", &workflow.tags),
    ];
    for (variable, patterns) in refs {
        for pattern in patterns {
            text += &format!("    - if: ${variable} =~ {}\n{main}", expression(pattern));
        }
    }
    text
}

/// Returns the regular expression of a pattern: as on GitHub, `*` is any characters but `/`, and `**`
/// all.
pub fn expression(pattern: &str) -> String {
    let escaped = pattern.replace('/', r"\/").replace('.', r"\.");
    let parts: Vec<String> = escaped
        .split("**")
        .map(|part| part.replace('*', r"[^\/]*"))
        .collect();
    format!("/^{}$/", parts.join(".*"))
}

/// Returns the file that the child pipeline has beside the legs.
pub fn legs(workflow: &Workflow) -> String {
    let Workflow {
        forge: _,
        path: _,
        branches: _,
        tags: _,
        sets,
        labels: _,
        minutes,
        setup,
        tool: _,
        release_flags: _,
        docker,
        registry,
        attest: _,
        publish,
        image,
        services,
    } = workflow;
    let tool = Forge::Gitlab.tool_path();
    let image = image
        .as_ref()
        .map(|image| format!("  image: {}\n", scalar(image)))
        .unwrap_or_default();
    let setup: String = setup
        .iter()
        .map(|line| format!("        {line}\n"))
        .collect();
    let mut stages = vec!["build", "merge", "verify"];
    if *docker {
        stages.push("docker");
    }
    stages.push("release");
    if registry.is_some() {
        stages.push("push");
    }
    if publish.is_some() {
        stages.push("publish");
    }
    let choice = if sets.pr || sets.main {
        "      if test -n \"${XPKG_SET:-}\"; then set -- \"$@\" --set \"$XPKG_SET\"; fi\n"
    } else {
        ""
    };
    let machine = machine_of_child(workflow);
    let mut text = format!(
        "{HEAD}workflow:
  rules:
    - when: always
stages: [{}]
default:
{image}  timeout: {minutes} minutes
  interruptible: true
  before_script:
    - . ./{tool}
    - |
      if test -n \"${{XPKG_LEG:-}}\"; then
        if command -v rustup; then rustup target add \"${{XPKG_TARGET%%.[0-9]*}}\"; fi
{setup}      fi
xpkg-merge:
  stage: merge
{machine}  timeout: 20 minutes
  script:
    - |
      set -- --locked
{choice}      expected=$(cargo xpkg matrix --for json \"$@\")
      mkdir -p target
      printf '%s\\n' \"$expected\" > target/xpkg-expected.json
      cargo xpkg merge target/xpkg-legs/* --expect target/xpkg-expected.json --out-dir target/xpkg-merged
  artifacts:
    paths: [target/xpkg-merged]
    expire_in: 7 days
xpkg-verify:
  stage: verify
{machine}  timeout: 20 minutes
  needs: [xpkg-merge]
  script:
    - cargo xpkg verify target/xpkg-merged
",
        stages.join(", "),
    );
    let services = services_of(services);
    let mut before = "xpkg-verify";
    if *docker {
        text += &format!(
            "xpkg-docker:
  stage: docker
{machine}{services}  timeout: 30 minutes
  needs: [xpkg-merge, xpkg-verify]
  script:
    - |
{CONTEXT}      docker buildx bake --set '*.output=type=cacheonly'
"
        );
        before = "xpkg-docker";
    }
    text += &format!(
        "xpkg-release:
  stage: release
{machine}{ON_TAG}  timeout: 30 minutes
  needs: [xpkg-merge, {before}]
  script:
    - cargo xpkg release --from target/xpkg-merged --tag \"$CI_COMMIT_TAG\" --release-dir target/xpkg-files
  artifacts:
    paths: [target/xpkg-files]
    expire_in: 30 days
"
    );
    let mut before = "xpkg-release";
    if let Some(registry) = registry {
        text += &format!(
            "xpkg-push:
  stage: push
{machine}{ON_TAG}{services}  timeout: 30 minutes
  needs: [xpkg-merge, xpkg-release]
  variables:
    REGISTRY: {}
  script:
    - |
{LOGIN}{CONTEXT}      TAG=\"sha-$CI_COMMIT_SHA\" docker buildx bake --push
",
            scalar(registry)
        );
        before = "xpkg-push";
    }
    if let Some(publication) = publish {
        text += &published(&machine, &publication.credentials, before);
    }
    text
}

/// Returns the lines that choose the runner of a job of the child pipeline, whose image is the
/// default.
fn machine_of_child(workflow: &Workflow) -> String {
    let without_image = Workflow {
        image: None,
        ..workflow.clone()
    };
    machine(&without_image)
}

/// Returns the lines of a job's services.
fn services_of(services: &[String]) -> String {
    if services.is_empty() {
        return String::new();
    }
    let services = services.iter().map(|service| scalar(service));
    format!("  services: {}\n", list(services))
}

/// Returns the job that publishes.
fn published(machine: &str, credentials: &Credentials, before: &str) -> String {
    let (more, token) = match credentials {
        // Its key is in variables of the project, which every job has.
        Credentials::None | Credentials::Key => (String::new(), ""),
        Credentials::Role(role) => (
            format!(
                "  id_tokens:
    XPKG_TOKEN:
      aud: sts.amazonaws.com
  variables:
    AWS_ROLE_ARN: {}
",
                scalar(role)
            ),
            TOKEN,
        ),
    };
    let needs = if before == "xpkg-release" {
        "xpkg-release".to_owned()
    } else {
        format!("xpkg-release, {before}")
    };
    format!(
        "xpkg-publish:
  stage: publish
{machine}{ON_TAG}  timeout: 30 minutes
  needs: [{needs}]
  interruptible: false
  resource_group: xpkg-publish
{more}  script:
    - |
{token}      cargo xpkg publish target/xpkg-files
"
    )
}

/// Rules of the jobs that a tag starts.
const ON_TAG: &str = "  rules:\n    - if: $CI_COMMIT_TAG\n";

/// Lines that write the context of the images and start a builder for all platforms.
const CONTEXT: &str =
    "      cargo xpkg docker --from target/xpkg-merged --context target/xpkg-context
      cd target/xpkg-context
      docker buildx create --use
";

/// Lines that log in at the registry: GitLab's own has a user for each job.
const LOGIN: &str = r#"      host=${REGISTRY%%/*}
      if test "$host" = "${CI_REGISTRY:-}"; then
        REGISTRY_USER=$CI_REGISTRY_USER
        REGISTRY_PASSWORD=$CI_REGISTRY_PASSWORD
      fi
      echo "$REGISTRY_PASSWORD" | docker login --username "$REGISTRY_USER" --password-stdin "$host"
"#;

/// Lines that write the token of GitLab that AWS takes.
const TOKEN: &str = r#"      AWS_WEB_IDENTITY_TOKEN_FILE=$(mktemp)
      export AWS_WEB_IDENTITY_TOKEN_FILE
      printf '%s' "$XPKG_TOKEN" > "$AWS_WEB_IDENTITY_TOKEN_FILE"
"#;
