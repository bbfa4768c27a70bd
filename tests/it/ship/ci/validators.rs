//! What CI systems say of the rendered legs and of the guide's examples, by their schemas and by
//! actionlint.

use std::path::PathBuf;
use std::process::Command;

use cargo_xpkg::guide;

use super::matrix::hello;
use super::workflow::{WHOLE, configured};
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

/// A file that `ci init` writes, with all jobs that it can have.
fn written(system: &str, path: &str) -> String {
    let project = configured(WHOLE);
    project.xpkg(&format!("ci init -q --for {system}")).ok();
    project.read(path)
}

#[test]
fn github_takes_the_workflow() {
    let test = "github_takes_the_workflow";
    let example = example(".github/workflows/xpkg.yml");
    let workflow = written("github", ".github/workflows/xpkg.yml");
    let forgejo = written("forgejo", ".forgejo/workflows/xpkg.yml");
    for workflow in [&example, &workflow, &forgejo] {
        holds(test, "vendor.github-workflows", &[], workflow);
        let timeout = "custom.github-workflows-require-timeout";
        holds(test, timeout, &[], workflow);
    }
    let Some(validators) = validators(test) else {
        return;
    };
    // It passes each `run:` to shellcheck, which must be on PATH.
    tool("shellcheck");
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
    // It knows neither the labels of a Forgejo nor the addresses of its actions.
    let forgejo = forgejo.replace("https://data.forgejo.org/", "");
    let forgejo = forgejo.replace("runs-on: \"docker\"", "runs-on: ubuntu-24.04");
    for workflow in [&example, &workflow, &forgejo] {
        let (is_clean, said) = lint(workflow);
        assert!(is_clean, "{said}");
    }
    // It can fail.
    for (from, to) in [
        ("plan.outputs.matrix", "plan.outputs.matix"),
        ("\"$TREE/manifest.json\"", "$TREE/manifest.json"),
    ] {
        let (is_clean, said) = lint(&workflow.replace(from, to));
        assert!(
            !is_clean && said.contains("matix") | said.contains("SC2086"),
            "{said}"
        );
    }
}

#[test]
fn the_script_that_installs_the_tool_is_one_of_every_shell() {
    let of = |config: &str, system: &str| {
        let project = configured(config);
        project.xpkg(&format!("ci init -q --for {system}")).ok();
        project.read(&format!(".{system}/xpkg-tool.sh"))
    };
    for script in [
        of(WHOLE, "github"),
        of(WHOLE, "gitlab"),
        of(WHOLE, "forgejo"),
        of("", "github"),
        of("[ci.tool]\ninstalled = true\n", "github"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("xpkg-tool.sh");
        std::fs::write(&file, &script).unwrap();
        let mut command = Command::new(tool("shellcheck"));
        let output = command.arg("--norc").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{script}");
    }
}

/// What others could exploit, as zizmor finds it.
#[test]
fn nobody_can_use_the_workflow_of_github_for_his_own_ends() {
    let test = "nobody_can_use_the_workflow_of_github_for_his_own_ends";
    let zizmor = repository().join("target/toolchains/zizmor/bin/zizmor");
    if !zizmor.is_file() {
        skipped(test, "no zizmor: run `cargo xtask setup`");
        return;
    }
    let audit = |text: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(".github/workflows/xpkg.yml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        // `cargo xpkg publish` is taken for `cargo publish`, which is informational.
        let output = Command::new(&zizmor)
            .args(["--offline", "--no-progress", "--min-severity", "low"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    };
    let workflow = written("github", ".github/workflows/xpkg.yml");
    let (is_clean, said) = audit(&workflow);
    assert!(is_clean, "{said}");
    // It can fail.
    let (is_clean, said) = audit(&workflow.replace("persist-credentials: false", "lfs: false"));
    assert!(!is_clean && said.contains("artipacked"), "{said}");
}

#[test]
fn gitlab_takes_the_pipelines() {
    let test = "gitlab_takes_the_pipelines";
    for text in [
        example(".gitlab-ci.yml"),
        example(".gitlab/xpkg.yml"),
        rendered("gitlab"),
        written("gitlab", ".gitlab-ci.yml"),
        written("gitlab", ".gitlab/xpkg-legs.yml"),
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
