//! The main job on a real multi-service workspace: six bins for three targets, inspected, started, asked for their health.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{ARM_GNU, ARM_MUSL, Project, X86_MUSL, starter, tool};

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
    let project = Project::kept("chat").with("aarch64-linux-gnu-gcc").with("aarch64-linux-gnu-ar");
    let _ = std::fs::remove_dir_all(project.path("tree"));
    // The third target comes by configuration alone.
    let manifest = project.read("Cargo.toml").replace("[\"x86_64", &format!("[\"{ARM_GNU}\", \"x86_64"));
    project.write("Cargo.toml", &manifest);

    let run = project.xpkg("build -v").ok();
    plan_and_build_agree(&project, &run.stderr);
    let mut expected: Vec<String> =
        TARGETS.iter().flat_map(|target| BINS.iter().map(move |(package, bin)| format!("{target}/{package}/{bin}"))).collect();
    expected.extend(["MANIFEST.txt".to_owned(), "manifest.json".to_owned()]);
    expected.sort();
    assert_eq!(project.files("tree"), expected);
    assert!(run.stderr.contains("    Skipping xtask (xtask): not a default member"), "{}", run.stderr);

    let tree = project.path("tree");
    for checker in [&["/usr/bin/sha256sum"][..], &["busybox", "sha256sum"]] {
        let program = if checker[0] == "busybox" { tool("busybox") } else { checker[0].into() };
        let status =
            Command::new(program).args(&checker[1..]).args(["-c", "MANIFEST.txt"]).current_dir(&tree).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{checker:?}");
    }
    let manifest = project.json("tree/manifest.json");
    the_schema_holds(&manifest);
    for artifact in manifest["artifacts"].as_array().unwrap() {
        readelf_agrees(&tree, artifact);
        let (target, path) = (artifact["target"].as_str().unwrap(), tree.join(artifact["path"].as_str().unwrap()));
        let output = starter(target, &path).arg("--version").output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{} 0.1.0\n", artifact["bin"].as_str().unwrap()), "{path:?}");
    }
    for target in TARGETS {
        health(target, &tree.join(target).join("chat-server/chat-server"));
    }
}

/// Every line that `plan` prints is a line that `build -v` ran, and the other way round.
fn plan_and_build_agree(project: &Project, talk: &str) {
    let plan: Value = serde_json::from_str(&project.xpkg("plan --message-format json").ok().stdout).unwrap();
    let calls = plan["targets"].as_array().unwrap().iter().flat_map(|target| target["calls"].as_array().unwrap());
    let planned: Vec<&str> = calls.map(|call| call["invocation"]["line"].as_str().unwrap()).collect();
    let ran: Vec<&str> = talk.lines().filter_map(|line| line.strip_prefix("     Running `")?.strip_suffix('`')).collect();
    assert_eq!(planned, ran);
    assert_eq!(planned.len(), TARGETS.len());
}

/// The manifest is what its schema says, and the schema says enough to refuse another.
pub fn the_schema_holds(manifest: &Value) {
    let schema: Value = serde_json::from_str(include_str!("../../src/manifest.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    // A schema that takes anything would hold, too.
    let mut more = manifest.clone();
    more["artifacts"][0]["surprise"] = Value::Bool(true);
    assert!(!validator.is_valid(&more));
}

/// GNU readelf's view of a file, compared field by field with the manifest's.
fn readelf_agrees(tree: &Path, artifact: &Value) {
    let path = tree.join(artifact["path"].as_str().unwrap());
    let binary = &artifact["binary"];
    let output =
        Command::new(tool("readelf")).args(["-W", "-h", "-l", "-d", "-V", "-S", "-n"]).arg(&path).env("LC_ALL", "C").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let machine = match binary["machine"].as_str().unwrap() {
        "EM_X86_64" => "Advanced Micro Devices X86-64",
        "EM_AARCH64" => "AArch64",
        other => panic!("{other}"),
    };
    assert_eq!(field("Machine:"), Some(machine), "{path:?}");
    assert_eq!(field("Class:"), Some(format!("ELF{}", binary["class"]).as_str()), "{path:?}");
    assert_eq!(field("Type:").unwrap().split(' ').next(), binary["type"].as_str().unwrap().strip_prefix("ET_"), "{path:?}");
    let interpreter = text.split("[Requesting program interpreter: ").nth(1).and_then(|rest| rest.split(']').next());
    assert_eq!(interpreter, binary["interpreter"].as_str(), "{path:?}");
    let listed = |tag: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.contains(tag))
            .filter_map(|line| Some(line.split('[').nth(1)?.split(']').next()?.to_owned()))
            .collect()
    };
    let strings =
        |name: &str| -> Vec<String> { binary[name].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect() };
    assert_eq!(listed("(NEEDED)"), strings("needed"), "{path:?}");
    assert_eq!(listed("(RPATH)"), strings("rpath"), "{path:?}");
    assert_eq!(listed("(RUNPATH)"), strings("runpath"), "{path:?}");
    let needs = text.lines().filter(|line| line.contains("Flags: none")).filter_map(|line| line.split("Name: GLIBC_").nth(1));
    let versions = needs.filter_map(|rest| rest.split_whitespace().next()?.split_once('.')?.1.parse::<u32>().ok());
    let floor = versions.max().map(|minor| format!("2.{minor}"));
    assert_eq!(floor.as_deref(), binary["glibc_floor"]["version"].as_str(), "{path:?}");
    assert_eq!(!text.contains(".symtab"), binary["stripped"].as_bool().unwrap(), "{path:?}");
    assert_eq!(text.split("Build ID: ").nth(1).and_then(|rest| rest.split_whitespace().next()), binary["build_id"].as_str(), "{path:?}");
    let stack = text.lines().find(|line| line.trim().starts_with("GNU_STACK")).unwrap();
    assert_eq!(!stack.contains("RWE"), binary["nx"].as_bool().unwrap(), "{path:?}");
    assert_eq!(text.contains("GNU_RELRO"), binary["relro"] != "none", "{path:?}");
    assert_eq!(text.contains("PIE"), binary["pie"].as_bool().unwrap(), "{path:?}");
}

/// Starts a server and asks it for its health.
fn health(target: &str, program: &Path) {
    let mut server = starter(target, program).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{target}: {line:?}")).to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{target}: {answer}");
    assert!(answer.ends_with(r#"{"service":"chat-server","version":"0.1.0","status":"ok"}"#), "{target}: {answer}");
}
