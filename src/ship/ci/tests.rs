//! What each CI system gets, exactly, and what it does not take.

use crate::problem::Problem;
use crate::project::config::ci::{CiConfig, CiSystem};
use crate::ship::ci::legs::{Leg, LegFile, Legs, SCHEMA_ID, SCHEMA_VERSION};
use crate::ship::ci::lines::lines;
use crate::ship::ci::render::render;
use crate::target::Target;
use crate::tree::manifest::Tool;
use crate::tree::source::Source;

const BOTH: [&str; 2] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu.2.17",
];

fn leg(target: &str, more: &[&str]) -> Leg {
    let name = Target::split(target).0.to_owned();
    let tree = format!("target/xpkg-legs/{name}");
    let args = ["--target", target, "--out-dir", &tree];
    Leg {
        target: target.to_owned(),
        platform: Target::of_triple(&name).unwrap().platform(),
        native: false,
        args: args.iter().chain(more).map(ToString::to_string).collect(),
        tree,
        artifact: format!("xpkg-{name}"),
        cache_prefix: format!("xpkg-{name}-release-rustc1.95.0-"),
        files: vec![LegFile {
            path: format!("{name}/app/app"),
            package: "app".to_owned(),
            version: "1.0.0".to_owned(),
            bin: "app".to_owned(),
        }],
        packages: Vec::new(),
        name,
    }
}

fn legs(targets: &[&str], more: &[&str]) -> Legs {
    Legs {
        schema: SCHEMA_ID.to_owned(),
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: "cargo-xpkg".to_owned(),
            version: "1.0.0".to_owned(),
        },
        set: None,
        source: Source::default(),
        profile: "release".to_owned(),
        legs: targets.iter().map(|target| leg(target, more)).collect(),
    }
}

fn config(text: &str) -> CiConfig {
    toml::from_str(text).unwrap()
}

fn lines_of(problems: &[Problem]) -> Vec<String> {
    let line = |problem: &Problem| format!("{}: {}", problem.code.name(), problem.message);
    problems.iter().map(line).collect()
}

#[track_caller]
fn rendered(system: CiSystem, expected: &str) {
    let more = ["--config", "env.X=\"$A << $(b)\""];
    let legs = legs(&BOTH, &more);
    let text = render(system, &legs, &CiConfig::default()).unwrap();
    assert_eq!(text, expected);
}

#[test]
fn github_gets_one_line_for_its_matrix() {
    rendered(
        CiSystem::Github,
        concat!(
            r#"{"include":[{"leg":"x86_64-unknown-linux-musl","#,
            r#""target":"x86_64-unknown-linux-musl","runner":"ubuntu-24.04","#,
            r#""args":"--target x86_64-unknown-linux-musl --out-dir "#,
            r#"target/xpkg-legs/x86_64-unknown-linux-musl --config 'env.X=\"$A << $(b)\"'","#,
            r#""tree":"target/xpkg-legs/x86_64-unknown-linux-musl","#,
            r#""artifact":"xpkg-x86_64-unknown-linux-musl","#,
            r#""cache_prefix":"xpkg-x86_64-unknown-linux-musl-release-rustc1.95.0-"},"#,
            r#"{"leg":"aarch64-unknown-linux-gnu","#,
            r#""target":"aarch64-unknown-linux-gnu.2.17","runner":"ubuntu-24.04-arm","#,
            r#""args":"--target aarch64-unknown-linux-gnu.2.17 --out-dir "#,
            r#"target/xpkg-legs/aarch64-unknown-linux-gnu --config 'env.X=\"$A << $(b)\"'","#,
            r#""tree":"target/xpkg-legs/aarch64-unknown-linux-gnu","#,
            r#""artifact":"xpkg-aarch64-unknown-linux-gnu","#,
            r#""cache_prefix":"xpkg-aarch64-unknown-linux-gnu-release-rustc1.95.0-"}]}"#,
            "\n"
        ),
    );
}

#[test]
fn gitlab_gets_a_child_pipeline() {
    rendered(
        CiSystem::Gitlab,
        r#"# Written by `cargo xpkg matrix --for gitlab`: a job for each leg.
"xpkg-x86_64-unknown-linux-musl":
  stage: build
  tags: ["saas-linux-small-amd64"]
  variables:
    XPKG_LEG: "x86_64-unknown-linux-musl"
    XPKG_TARGET: "x86_64-unknown-linux-musl"
    XPKG_CACHE_PREFIX: "xpkg-x86_64-unknown-linux-musl-release-rustc1.95.0-"
  script:
    - "cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --config 'env.X=\"$A << $(b)\"'"
    - "sha256sum target/xpkg-legs/x86_64-unknown-linux-musl/manifest.json"
  artifacts:
    paths: ["target/xpkg-legs/x86_64-unknown-linux-musl/"]
    expire_in: 1 day

"xpkg-aarch64-unknown-linux-gnu":
  stage: build
  tags: ["saas-linux-small-arm64"]
  variables:
    XPKG_LEG: "aarch64-unknown-linux-gnu"
    XPKG_TARGET: "aarch64-unknown-linux-gnu.2.17"
    XPKG_CACHE_PREFIX: "xpkg-aarch64-unknown-linux-gnu-release-rustc1.95.0-"
  script:
    - "cargo xpkg build --target aarch64-unknown-linux-gnu.2.17 --out-dir target/xpkg-legs/aarch64-unknown-linux-gnu --config 'env.X=\"$A << $(b)\"'"
    - "sha256sum target/xpkg-legs/aarch64-unknown-linux-gnu/manifest.json"
  artifacts:
    paths: ["target/xpkg-legs/aarch64-unknown-linux-gnu/"]
    expire_in: 1 day
"#,
    );
}

#[test]
fn buildkite_gets_steps_in_a_group() {
    rendered(
        CiSystem::Buildkite,
        r#"# Written by `cargo xpkg matrix --for buildkite`: a step for each leg.
steps:
  - group: "xpkg"
    key: "xpkg-legs"
    steps:
      - label: "x86_64-unknown-linux-musl"
        key: "xpkg-x86_64-unknown-linux-musl"
        env:
          XPKG_LEG: "x86_64-unknown-linux-musl"
          XPKG_CACHE_PREFIX: "xpkg-x86_64-unknown-linux-musl-release-rustc1.95.0-"
        command: "cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --config 'env.X=\"$$A << $$(b)\"'"
        artifact_paths: ["target/xpkg-legs/x86_64-unknown-linux-musl/**/*"]
      - label: "aarch64-unknown-linux-gnu.2.17"
        key: "xpkg-aarch64-unknown-linux-gnu"
        env:
          XPKG_LEG: "aarch64-unknown-linux-gnu"
          XPKG_CACHE_PREFIX: "xpkg-aarch64-unknown-linux-gnu-release-rustc1.95.0-"
        command: "cargo xpkg build --target aarch64-unknown-linux-gnu.2.17 --out-dir target/xpkg-legs/aarch64-unknown-linux-gnu --config 'env.X=\"$$A << $$(b)\"'"
        artifact_paths: ["target/xpkg-legs/aarch64-unknown-linux-gnu/**/*"]
"#,
    );
}

#[test]
fn circleci_gets_a_workflow() {
    rendered(
        CiSystem::Circleci,
        r#"# Written by `cargo xpkg matrix --for circleci`: a job for each leg.
workflows:
  xpkg:
    jobs:
      - xpkg-leg:
          name: "xpkg-x86_64-unknown-linux-musl"
          leg: "x86_64-unknown-linux-musl"
          args: "--target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --config 'env.X=\"$A \\<< $(b)\"'"
          tree: "target/xpkg-legs/x86_64-unknown-linux-musl"
          cache_prefix: "xpkg-x86_64-unknown-linux-musl-release-rustc1.95.0-"
          resource_class: "medium"
      - xpkg-leg:
          name: "xpkg-aarch64-unknown-linux-gnu"
          leg: "aarch64-unknown-linux-gnu"
          args: "--target aarch64-unknown-linux-gnu.2.17 --out-dir target/xpkg-legs/aarch64-unknown-linux-gnu --config 'env.X=\"$A \\<< $(b)\"'"
          tree: "target/xpkg-legs/aarch64-unknown-linux-gnu"
          cache_prefix: "xpkg-aarch64-unknown-linux-gnu-release-rustc1.95.0-"
          resource_class: "arm.medium"
      - xpkg-merge:
          requires: ["xpkg-x86_64-unknown-linux-musl", "xpkg-aarch64-unknown-linux-gnu"]
"#,
    );
}

#[test]
fn azure_gets_an_object_with_names_of_its_alphabet() {
    let text = render(
        CiSystem::Azure,
        &legs(&BOTH[..1], &[]),
        &CiConfig::default(),
    )
    .unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"x86_64_unknown_linux_musl":{"leg":"x86_64-unknown-linux-musl","#,
            r#""runner":"ubuntu-24.04","args":"--target x86_64-unknown-linux-musl --out-dir "#,
            r#"target/xpkg-legs/x86_64-unknown-linux-musl","#,
            r#""tree":"target/xpkg-legs/x86_64-unknown-linux-musl","#,
            r#""artifact":"xpkg-x86_64-unknown-linux-musl","#,
            r#""cachePrefix":"xpkg-x86_64-unknown-linux-musl-release-rustc1.95.0-"}}"#,
            "\n"
        )
    );
}

#[test]
fn a_shell_gets_a_line_for_each_leg() {
    assert_eq!(
        lines(&legs(&BOTH, &["--package", "a b"])),
        "cargo xpkg build --target x86_64-unknown-linux-musl --out-dir \
         target/xpkg-legs/x86_64-unknown-linux-musl --package 'a b'\n\
         cargo xpkg build --target aarch64-unknown-linux-gnu.2.17 --out-dir \
         target/xpkg-legs/aarch64-unknown-linux-gnu --package 'a b'\n"
    );
}

/// Checks the values of the key `runner`, of both legs.
#[track_caller]
fn runners(text: &str, expected: [&str; 2]) {
    let text = render(CiSystem::Github, &legs(&BOTH, &[]), &config(text)).unwrap();
    let matrix: serde_json::Value = serde_json::from_str(&text).unwrap();
    let include = matrix["include"].as_array().unwrap();
    let found: Vec<String> = include
        .iter()
        .map(|leg| leg["runner"].to_string())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn labels_are_configured_by_triple_then_platform_then_default() {
    let hosted = r#""ubuntu-24.04""#;
    runners("", [hosted, r#""ubuntu-24.04-arm""#]);
    runners(
        "[runners.gitlab]\ndefault = \"x\"",
        [hosted, r#""ubuntu-24.04-arm""#],
    );
    runners(
        "[runners.github]\n\"linux/arm64\" = [\"self-hosted\", \"arm64\"]",
        [hosted, r#"["self-hosted","arm64"]"#],
    );
    runners("[runners.github]\ndefault = \"x\"", [r#""x""#, r#""x""#]);
    runners(
        "[runners.github]\ndefault = \"x\"\n\"linux/arm64\" = \"y\"\naarch64-unknown-linux-gnu = \
         \"z\"",
        [r#""x""#, r#""z""#],
    );
}

#[test]
fn what_nothing_on_linux_links_gets_a_runner_of_its_own_system() {
    let mut legs = legs(&["x86_64-pc-windows-msvc"], &[]);
    legs.legs[0].native = true;
    let runner = |text: &str| {
        let text = render(CiSystem::Github, &legs, &config(text)).unwrap();
        let matrix: serde_json::Value = serde_json::from_str(&text).unwrap();
        matrix["include"][0]["runner"].to_string()
    };
    assert_eq!(runner(""), r#""windows-2025""#);
    let own = "[runners.github]\nx86_64-pc-windows-msvc = \"own\"";
    assert_eq!(runner(own), r#""own""#);
    rejected(
        CiSystem::Gitlab,
        &legs,
        "",
        &[
            "runner-unfit: nothing on Linux links for `x86_64-pc-windows-msvc` without an SDK, and no \
           runner of GitLab for windows/amd64 is known",
        ],
    );
}

/// Checks what a system does not take.
#[track_caller]
fn rejected(system: CiSystem, legs: &Legs, text: &str, expected: &[&str]) {
    let problems = render(system, legs, &config(text)).unwrap_err();
    assert_eq!(lines_of(&problems), expected);
}

#[test]
fn what_a_system_does_not_take_is_rejected() {
    let one = legs(&BOTH[..1], &[]);
    rejected(
        CiSystem::Forgejo,
        &one,
        "",
        &[
            "runner-unfit: Forgejo has no runners of its own, and no label is configured for \
           `x86_64-unknown-linux-musl`",
        ],
    );
    rejected(
        CiSystem::Azure,
        &one,
        "[runners.azure]\ndefault = [\"a\", \"b\"]",
        &[
            "runner-unfit: Azure Pipelines takes one label of a runner for \
           `x86_64-unknown-linux-musl`",
        ],
    );
    rejected(
        CiSystem::Buildkite,
        &one,
        "[runners.buildkite]\ndefault = \"large\"",
        &[
            "runner-unfit: Buildkite takes labels `KEY=VALUE` of a runner for \
           `x86_64-unknown-linux-musl`",
        ],
    );
    rejected(
        CiSystem::Github,
        &one,
        "[runners.github]\ndefault = []\n\"linux/arm46\" = \"x\"",
        &[
            "config-invalid: `ci.runners.github` has labels for `linux/arm46`, which is no triple \
             and no platform",
            "runner-unfit: GitHub Actions takes a label of a runner for \
             `x86_64-unknown-linux-musl`",
        ],
    );
    rejected(
        CiSystem::Azure,
        &legs(&BOTH[..1], &["--config", "env.X=\"$(b)\""]),
        "",
        &[
            "matrix-limit: Azure Pipelines would replace `$(` in `--target \
           x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --config \
           'env.X=\"$(b)\"'`",
        ],
    );
}

#[test]
fn more_jobs_than_a_run_may_have_are_rejected() {
    // Of one target, which `matrix` itself never has twice.
    let many = |number: usize| legs(&vec![BOTH[0]; number], &[]);
    for (system, most) in [(CiSystem::Github, 256), (CiSystem::Buildkite, 500)] {
        assert!(render(system, &many(most), &CiConfig::default()).is_ok());
        let title = system.title();
        let expected = format!(
            "matrix-limit: {title} takes {most} jobs in a run, and there are {} legs",
            most + 1
        );
        rejected(system, &many(most + 1), "", &[&expected]);
    }
    let long = "x".repeat(600_000);
    rejected(
        CiSystem::Github,
        &legs(&BOTH[..1], &["--features", &long]),
        "",
        &[
            "matrix-limit: GitHub Actions takes 1048576 bytes of an output, and the matrix has \
           1200770, as UTF-16",
        ],
    );
}

#[test]
fn a_document_is_read_as_it_is_written_and_every_field_has_its_form() {
    let legs = legs(&BOTH, &[]);
    let text = legs.json();
    assert_eq!(Legs::parse(&text, "legs.json"), Ok(legs));
    for (from, to, expected) in [
        (
            "legs:1",
            "legs:2",
            "`$schema` is `urn:cargo-xpkg:legs:2`, not urn:cargo-xpkg:legs:1",
        ),
        (
            "\"name\": \"x86_64-unknown-linux-musl\"",
            "\"name\": \"../x\"",
            "the name of a leg is `../x`, not a name",
        ),
        (
            "\"target\": \"x86_64-unknown-linux-musl\"",
            "\"target\": \"x86_64-linux\"",
            "`x86_64-unknown-linux-musl` is for the unknown target `x86_64-linux`",
        ),
        (
            "linux/amd64",
            "linux/arm64",
            "`platform` of `x86_64-unknown-linux-musl` is `linux/arm64`, not linux/amd64",
        ),
        (
            "\"path\": \"x86_64-unknown-linux-musl/app/app\"",
            "\"path\": \"../app\"",
            "the path `../app` is not one below the tree: it has a component `..`",
        ),
        (
            "\"path\": \"x86_64-unknown-linux-musl/app/app\"",
            "\"path\": \"aarch64-unknown-linux-gnu/app/app\"",
            "the path `aarch64-unknown-linux-gnu/app/app` is listed twice",
        ),
    ] {
        let problem = Legs::parse(&text.replacen(from, to, 1), "legs.json").unwrap_err();
        let expected = format!("cannot read `legs.json`: {expected}");
        assert_eq!(problem.message, expected);
    }
    let problem = Legs::parse("{\"schema_version\": 1, \"include\": []}", "x").unwrap_err();
    assert!(
        problem
            .message
            .starts_with("cannot read `x`: unknown field `include`")
    );
    let mut empty = self::legs(&BOTH, &[]);
    empty.legs.clear();
    let problem = Legs::parse(&empty.json(), "x").unwrap_err();
    assert_eq!(
        problem.message,
        "cannot read `x`: it has no leg, so every tree would be complete"
    );
}
