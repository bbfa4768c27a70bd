//! `publish` and `yank`: releases at a store, read by those who follow its pointers.

mod directory;
mod faults;
mod kills;
mod servers;
mod stores;
mod users;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::ship::release::registry::workspace_at;
use crate::support::{Project, X86_MUSL};

/// Releases of one program: `1.0.0`, `1.1.0`, `2.0.0-rc.1`, and `other`, another 1.0.0.
fn releases() -> &'static Path {
    static RELEASES: OnceLock<PathBuf> = OnceLock::new();
    RELEASES.get_or_init(|| {
        let project = workspace_at("http://127.0.0.1:9/main/registry", "1.0.0");
        for (name, version, text) in [
            ("1.0.0", "1.0.0", "one"),
            ("other", "1.0.0", "another"),
            ("1.1.0", "1.1.0", "two"),
            ("2.0.0-rc.1", "2.0.0-rc.1", "three"),
        ] {
            release(&project, "http://127.0.0.1:9", version, text, name);
        }
        let kept = emptied("releases");
        let line = format!("PATH=/usr/bin:/bin cp -r out/. {}", kept.display());
        project.shell(&line).ok();
        kept
    })
}

/// Writes `out/NAME`, a release of a version for the channel `main` of an address.
fn release(project: &Project, address: &str, version: &str, text: &str, name: &str) {
    let manifest = project.read("Cargo.toml");
    let lines = manifest.lines().map(|line| match line.split_once(" = ") {
        Some(("version", _)) => format!("version = \"{version}\"\n"),
        _ => format!("{line}\n"),
    });
    project.write("Cargo.toml", &lines.collect::<String>());
    project.write("greeting/src/text", text);
    project.write(
        "xpkg.toml",
        &format!(
            "[release]\nurl = \"{address}/main/{{version}}\"\n[release.registry]\n\
             url = \"{address}/main/registry\"\nverify = false\n"
        ),
    );
    project.write(".gitignore", "/target\n/out\n/site\n");
    project
        .shell("cargo generate-lockfile --offline --quiet")
        .ok();
    project.commit();
    project
        .xpkg(&format!(
            "release -q --target {X86_MUSL} --release-dir out/{name}"
        ))
        .ok();
}

/// An empty directory of this process in the target directory. Those of processes that have ended
/// are removed.
fn emptied(name: &str) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("publish");
    std::fs::create_dir_all(&parent).unwrap();
    for entry in std::fs::read_dir(&parent).unwrap().map(Result::unwrap) {
        let left = entry.file_name().into_string().unwrap();
        let process = left.rsplit('-').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let place = parent.join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    place
}

/// A machine without a workspace, with the releases at `releases`.
fn machine() -> Project {
    let project = Project::empty();
    std::os::unix::fs::symlink(releases(), project.path("releases")).unwrap();
    project
}

/// All objects of a store with their bytes, but those of publishers themselves.
type Objects = BTreeMap<String, Vec<u8>>;

/// Checks what a reader finds who follows the pointers: one whole version that verifies, and an
/// installer and an index that are of whole versions.
#[track_caller]
fn readable(objects: &Objects) {
    let Some(latest) = objects.get("main/latest.json") else {
        return;
    };
    let latest: serde_json::Value = serde_json::from_slice(latest).unwrap();
    the_schema_holds(&latest);
    for entry in latest["versions"].as_array().unwrap() {
        let version = entry["version"].as_str().unwrap();
        let at = |path: &str| objects.get(&format!("main/{version}/{path}"));
        let sums = at("SHA256SUMS").unwrap();
        assert_eq!(entry["sums_sha256"], digest(sums));
        assert_eq!(entry["release_sha256"], digest(at("release.json").unwrap()));
        for line in std::str::from_utf8(sums).unwrap().lines() {
            let (listed, path) = line.split_once("  ").unwrap();
            assert_eq!(digest(at(path).unwrap()), listed, "{version}/{path}");
        }
    }
    for (key, bytes) in objects {
        if !key.starts_with("main/registry/index/") || key.ends_with("config.json") {
            continue;
        }
        for line in std::str::from_utf8(bytes).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |field: &str| line[field].as_str().unwrap().to_owned();
            let file = format!(
                "main/registry/crates/{}-{}.crate",
                text("name"),
                text("vers")
            );
            assert_eq!(digest(&objects[&file]), text("cksum"), "{file}");
        }
    }
    if let Some(installer) = objects.get("main/latest/install.sh") {
        let is_of_a_version = objects.iter().any(|(key, bytes)| {
            key.ends_with("/install.sh") && !key.starts_with("main/latest/") && bytes == installer
        });
        let text = std::str::from_utf8(installer).unwrap();
        assert!(is_of_a_version || text.contains("exit 1"), "{text}");
    }
}

/// SHA-256 in hex.
fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn the_schema_holds(document: &serde_json::Value) {
    let schema = include_str!("../../../../src/ship/publish/latest.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(document);
    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// Versions of the lines of a package's file in the index, with `yanked`.
fn index(text: &[u8]) -> Vec<(String, bool)> {
    let lines = std::str::from_utf8(text).unwrap().lines();
    lines
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let version = line["vers"].as_str().unwrap().to_owned();
            (version, line["yanked"].as_bool().unwrap())
        })
        .collect()
}
