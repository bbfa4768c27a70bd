//! The main job on a real multi-service workspace: six bins for three targets, inspected, started,
//! asked for their health.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::inspect::readelf::differences;
use crate::support::{ARM_GNU, ARM_MUSL, Project, X86_MUSL, starter, tool};
use crate::toolchain::image::engines::on_each_engine;

const BINS: &[(&str, &str)] = &[
    ("analytics-server", "analytics-server"),
    ("bot-server", "bot"),
    ("bot-server", "indexer"),
    ("chat-gateway", "chat-gateway"),
    ("chat-server", "chat-server"),
    ("notify-server", "notify-server"),
];
const TARGETS: &[&str] = &[ARM_GNU, ARM_MUSL, X86_MUSL];

#[test]
fn six_services_for_three_targets() {
    let _held = Project::chats_target();
    let project = Project::kept("chat")
        .unoptimized()
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar");
    let _ = std::fs::remove_dir_all(project.path("tree"));
    // The third target comes by configuration alone.
    let manifest = project
        .read("Cargo.toml")
        .replace("[\"x86_64", &format!("[\"{ARM_GNU}\", \"x86_64"));
    project.write("Cargo.toml", &manifest);

    let run = project.xpkg("build -v").ok();
    plan_and_build_agree(&project, &run.stderr);
    let mut expected: Vec<String> = TARGETS
        .iter()
        .flat_map(|target| {
            BINS.iter()
                .map(move |(package, bin)| format!("{target}/{package}/{bin}"))
        })
        .collect();
    expected.extend(["MANIFEST.txt".to_owned(), "manifest.json".to_owned()]);
    expected.sort();
    assert_eq!(project.files("tree"), expected);
    assert!(
        run.stderr
            .contains("    Skipping xtask (xtask): not a default member"),
        "{}",
        run.stderr
    );

    let tree = project.path("tree");
    for checker in [&["/usr/bin/sha256sum"][..], &["busybox", "sha256sum"]] {
        let program = if checker[0] == "busybox" {
            tool("busybox")
        } else {
            checker[0].into()
        };
        let status = Command::new(program)
            .args(&checker[1..])
            .args(["-c", "MANIFEST.txt"])
            .current_dir(&tree)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{checker:?}");
    }
    let manifest = project.json("tree/manifest.json");
    the_schema_holds(&manifest);
    for artifact in manifest["artifacts"].as_array().unwrap() {
        let (target, path) = (
            artifact["target"].as_str().unwrap(),
            tree.join(artifact["path"].as_str().unwrap()),
        );
        let differences = differences(
            &path,
            &serde_json::from_value(artifact["binary"].clone()).unwrap(),
        );
        assert!(differences.is_empty(), "{path:?}: {differences:#?}");
        let output = starter(target, &path).arg("--version").output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("{} 0.1.0\n", artifact["bin"].as_str().unwrap()),
            "{path:?}"
        );
    }
    for target in TARGETS {
        health(target, &tree.join(target).join("chat-server/chat-server"));
    }
}

#[test]
fn six_services_are_images_without_a_daemon() {
    on_each_engine(|engine| {
        let _held = Project::chats_target();
        let project = engine.with_engine(Project::kept_as("chat-oci", "chat").unoptimized());
        // What is compiled for `six_services_for_three_targets` is compiled.
        let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("kept/repository/fixtures/chat/target");
        let project = project.env("CARGO_TARGET_DIR", target.to_str().unwrap());
        let layout = |to: &str| {
            project
                .xpkg(&format!(
                    "docker -q --out-dir {to}-tree --oci {to} --target {X86_MUSL},{ARM_MUSL}"
                ))
                .ok()
        };
        layout("chat.tar");
        let first = std::fs::read(project.path("chat.tar")).unwrap();
        layout("again.tar");
        assert!(
            first == std::fs::read(project.path("again.tar")).unwrap(),
            "two runs differ"
        );
        let loaded = engine.says(&format!(
            "load --input {}",
            project.path("chat.tar").display()
        ));
        let names: Vec<&str> = loaded
            .lines()
            .filter_map(|line| line.strip_prefix("Loaded image: "))
            .collect();
        // containerd's store keeps an image of two platforms as one; before it each has a name of
        // its own.
        assert_eq!(
            names.len(),
            if engine.keeps_platforms() { 5 } else { 10 },
            "{loaded}"
        );
        let server = *names
            .iter()
            .find(|name| name.ends_with("chat-server:0.1.0"))
            .unwrap();
        let name = format!("xpkg-tests-chat-{}-{}", engine.name, std::process::id());
        let mut start = engine.command();
        start.args(["run", "--rm", "--name", &name, "--network", "host", server]);
        // The container goes with its client.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            answers("linux/amd64 in an image", start)
        }));
        let _ = engine.command().args(["rm", "--force", &name]).output();
        engine.says(&format!("rmi --force {}", names.join(" ")));
        ended.unwrap();
        // The other platform's bin is the one in its layer, byte for byte: the layout's writer
        // holds it to its digest.
        health(
            ARM_MUSL,
            &project.path(&format!("chat.tar-tree/{ARM_MUSL}/chat-server/chat-server")),
        );
    });
}

/// Every line that `plan` prints is a line that `build -v` ran, and the other way round.
fn plan_and_build_agree(project: &Project, talk: &str) {
    let plan: Value =
        serde_json::from_str(&project.xpkg("plan --message-format json").ok().stdout).unwrap();
    let calls = plan["targets"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|target| target["calls"].as_array().unwrap());
    let planned: Vec<&str> = calls
        .map(|call| call["invocation"]["line"].as_str().unwrap())
        .collect();
    let ran: Vec<&str> = talk
        .lines()
        .filter_map(|line| line.strip_prefix("     Running `")?.strip_suffix('`'))
        .collect();
    assert_eq!(planned, ran);
    assert_eq!(planned.len(), TARGETS.len());
}

/// The manifest is what its schema says, and the schema says enough to refuse another.
pub fn the_schema_holds(manifest: &Value) {
    let schema: Value =
        serde_json::from_str(include_str!("../../../src/tree/manifest.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(manifest)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    // A schema that takes anything would hold, too.
    let mut more = manifest.clone();
    more["artifacts"][0]["surprise"] = Value::Bool(true);
    assert!(!validator.is_valid(&more));
}

/// Starts a server and asks it for its health.
fn health(target: &str, program: &Path) {
    answers(target, starter(target, program));
}

/// The same, however it is started.
fn answers(target: &str, mut start: Command) {
    let mut server = start
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .unwrap_or_else(|| panic!("{target}: {line:?}"))
        .to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{target}: {answer}");
    assert!(
        answer.ends_with(r#"{"service":"chat-server","version":"0.1.0","status":"ok"}"#),
        "{target}: {answer}"
    );
}
