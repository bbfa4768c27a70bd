//! `docker --compose`: what is written, and what Compose itself reads of it.

use serde_json::{Value, json};
use snapbox::str;

use crate::check;
use crate::ship::docker::check_text;
use crate::support::{Project, X86_MUSL, skipped};
use crate::toolchain::image::engines::on_each_buildkit;

/// Two images with every setting that matters to Compose.
fn project() -> Project {
    let project = Project::of("hello");
    project.write(
        "xpkg.toml",
        r#"
[[docker]]
name = "hello"
ports = [8080, "53/udp"]
user = "1000:1000"
healthcheck = { command = ["/usr/local/bin/hello", "$HOME", "a \"b\""], interval = "1m30s", timeout = "500ms", retries = 2 }

[[docker]]
name = "hello.two"
bins = ["hello"]
ports = [8080]
read-only = false
"#,
    );
    project
}

#[test]
fn a_context_has_a_service_for_each_image() {
    let project = project();
    project
        .xpkg(&format!(
            "docker -q --target {X86_MUSL} --context dist --compose"
        ))
        .ok();
    check_text(
        &project.read("dist/compose.yaml"),
        str![[r##"
# Written by `cargo xpkg docker --compose`. Keep settings of your own in another directory.
services:
  "hello":
    image: "${REGISTRY:-}hello:${TAG:-latest}"
    build:
      context: "."
      dockerfile: "hello.Dockerfile"
    user: "1000:1000"
    read_only: true
    tmpfs:
      - "/tmp"
    ports:
      - "8080:8080"
      - "53:53/udp"
    healthcheck:
      test: ["CMD", "/usr/local/bin/hello", "$$HOME", "a \"b\""]
      interval: "90s"
      timeout: "500ms"
      retries: 2
  "hello.two":
    image: "${REGISTRY:-}hello.two:${TAG:-latest}"
    build:
      context: "."
      dockerfile: "hello.two.Dockerfile"
    user: "65532:65532"
    ports:
      - "8080"

"##]],
    );
    let dockerfile = project.read("dist/hello.Dockerfile");
    let line = dockerfile
        .lines()
        .find(|line| line.starts_with("HEALTHCHECK"));
    assert_eq!(
        line,
        Some(
            r#"HEALTHCHECK --interval=90s --timeout=500ms --retries=2 CMD ["/usr/local/bin/hello","$HOME","a \"b\""]"#
        )
    );
    // It goes where it is not asked for.
    project.xpkg("docker -q --no-build --context dist").ok();
    assert!(!project.path("dist/compose.yaml").exists());
    check!(
        project.xpkg("docker --no-build --compose --old-builder"),
        str![[r#"
exit 2
--- stderr
error: the argument '--compose' cannot be used with '--old-builder'

Usage: cargo xpkg docker --no-build --compose

For more information, try '--help'.

"#]]
    );
    project.xpkg("docker -q --no-build --oci layout").ok();
    let layout = project.read("layout/index.json");
    assert!(layout.contains("hello"), "{layout}");
}

#[test]
fn compose_reads_the_services() {
    on_each_buildkit(|engine| {
        let version = engine
            .command()
            .args(["compose", "version"])
            .output()
            .unwrap();
        if !version.status.success() {
            skipped(
                "compose_reads_the_services",
                "`docker compose` is not installed",
            );
            return;
        }
        let project = project();
        project
            .xpkg(&format!(
                "docker -q --target {X86_MUSL} --context dist --compose"
            ))
            .ok();
        let directory = project.path("dist");
        let directory = directory.to_str().unwrap();
        let config = engine.says(&format!(
            "compose --project-directory {directory} config --format json"
        ));
        let config: Value = serde_json::from_str(&config).unwrap();
        let hello = &config["services"]["hello"];
        assert_eq!(hello["user"], "1000:1000");
        assert_eq!(hello["read_only"], true);
        assert_eq!(hello["tmpfs"], json!(["/tmp"]));
        assert_eq!(hello["image"], "hello:latest");
        assert_eq!(hello["build"]["dockerfile"], "hello.Dockerfile");
        // Printed to be read again, so with variables that are escaped.
        assert_eq!(
            hello["healthcheck"],
            json!({
                "test": ["CMD", "/usr/local/bin/hello", "$$HOME", "a \"b\""],
                "interval": "1m30s", "timeout": "500ms", "retries": 2
            })
        );
        let ports: Vec<(&Value, &Value, &Value)> = hello["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| (&port["published"], &port["target"], &port["protocol"]))
            .collect();
        assert_eq!(
            ports,
            [
                (&json!("8080"), &json!(8080), &json!("tcp")),
                (&json!("53"), &json!(53), &json!("udp")),
            ]
        );
        let two = &config["services"]["hello.two"];
        assert_eq!(
            (&two["read_only"], &two["ports"][0]["published"]),
            (&Value::Null, &Value::Null)
        );
        // What was configured is what the image that it builds has.
        let tag = format!("xpkg-tests-compose-{}", std::process::id());
        project.write(
            "dist.override.yaml",
            &format!("services:\n  hello:\n    image: {tag}\n"),
        );
        let overriding = project.path("dist.override.yaml");
        engine.says(&format!(
            "compose --file {directory}/compose.yaml --file {} build hello",
            overriding.display()
        ));
        let check = engine.says(&format!(
            "image inspect --format '{{{{json .Config.Healthcheck}}}}' {tag}"
        ));
        let check: Value = serde_json::from_str(&check).unwrap();
        assert_eq!(
            check,
            json!({
                "Test": ["CMD", "/usr/local/bin/hello", "$HOME", "a \"b\""],
                "Interval": 90_000_000_000_u64, "Timeout": 500_000_000, "Retries": 2
            })
        );
        engine.says(&format!("rmi --force {tag}"));
    });
}
