//! What CI systems say of the rendered legs and of the guide's examples, by their schemas and by
//! actionlint.

use std::path::PathBuf;
use std::process::Command;

use cargo_xpkg::guide;

use super::matrix::hello;
use crate::support::{repository, skipped, tool};

/// Where the validators are installed; without them the test is skipped, by name.
fn validators(test: &str) -> Option<PathBuf> {
    let place = repository().join("target/toolchains/ci");
    if place.is_dir() {
        return Some(place);
    }
    skipped(test, "no validators of CI systems: run `cargo xtask setup`");
    None
}

/// An example of the guide, by its first line: the name of its file.
fn example(name: &str) -> String {
    let page = guide::find("many-machines").unwrap().text;
    let head = format!("```yaml\n# {name}\n");
    let (_, block) = page.split_once(&head).unwrap_or_else(|| panic!("{name}"));
    block.split_once("```").unwrap().0.to_owned()
}

/// What `matrix` prints.
fn rendered(system: &str) -> String {
    let run = hello().xpkg(&format!("matrix --for {system} --set main --locked"));
    run.ok().stdout
}

/// Checks a file against a schema that the validator brings.
#[track_caller]
fn holds(test: &str, schema: &str, more: &[&str], text: &str) {
    let Some(validators) = validators(test) else {
        return;
    };
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let output = Command::new(tool("python3"))
        .args(["-m", "check_jsonschema", "--builtin-schema", schema])
        .args(more)
        .arg(file.path())
        .env("PYTHONPATH", validators)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{errors}\n{text}");
}

#[test]
fn github_takes_the_workflow() {
    let test = "github_takes_the_workflow";
    let workflow = example(".github/workflows/xpkg.yml");
    holds(test, "vendor.github-workflows", &[], &workflow);
    holds(
        test,
        "custom.github-workflows-require-timeout",
        &[],
        &workflow,
    );
    let Some(validators) = validators(test) else {
        return;
    };
    let lint = |text: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("xpkg.yml");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(tool("python3"));
        command.arg(validators.join("bin/actionlint"));
        let output = command
            .arg("-no-color")
            .arg(&file)
            .env("PYTHONPATH", &validators)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.success(),
            said + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (is_clean, said) = lint(&workflow);
    assert!(is_clean, "{said}");
    // It can fail.
    let (is_clean, said) = lint(&workflow.replace("plan.outputs.matrix", "plan.outputs.matix"));
    assert!(!is_clean && said.contains("matix"), "{said}");
}

#[test]
fn gitlab_takes_the_pipelines() {
    let test = "gitlab_takes_the_pipelines";
    for text in [
        example(".gitlab-ci.yml"),
        example(".gitlab/xpkg.yml"),
        rendered("gitlab"),
    ] {
        let more = ["--data-transform", "gitlab-ci"];
        holds(test, "vendor.gitlab-ci", &more, &text);
    }
}

#[test]
fn buildkite_takes_the_steps() {
    let test = "buildkite_takes_the_steps";
    for text in [
        example(".buildkite/pipeline.yml"),
        example(".buildkite/merge.yml"),
        rendered("buildkite"),
    ] {
        holds(test, "vendor.buildkite", &[], &text);
    }
}

#[test]
fn circleci_takes_the_jobs_with_the_workflow() {
    let text = example(".circleci/jobs.yml") + &rendered("circleci");
    let test = "circleci_takes_the_jobs_with_the_workflow";
    holds(test, "vendor.circle-ci", &[], &text);
}

#[test]
fn azure_takes_the_pipeline() {
    // The schema's patterns are not of the strict kind.
    let more = [
        "--regex-variant",
        "nonunicode",
        "--data-transform",
        "azure-pipelines",
    ];
    let text = example("azure-pipelines.yml");
    let test = "azure_takes_the_pipeline";
    holds(test, "vendor.azure-pipelines", &more, &text);
    let jobs: serde_json::Value = serde_json::from_str(&rendered("azure")).unwrap();
    for (name, variables) in jobs.as_object().unwrap() {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        let variables = variables.as_object().unwrap();
        assert!(variables.values().all(serde_json::Value::is_string));
    }
}
