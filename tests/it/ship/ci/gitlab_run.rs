//! The pipelines of `ci init --for gitlab`, run by gitlab-ci-local: two legs, their tree, a release
//! and its publication.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_xpkg::digest::sha256;

use crate::support::{ARM_MUSL, Project, X86_MUSL, repository, skipped, tool};

/// gitlab-ci-local; without it the test is skipped, by name.
fn runner(test: &str) -> Option<PathBuf> {
    let place = repository().join("target/toolchains/gitlab-ci-local");
    let runner = place.join("node_modules/.bin/gitlab-ci-local");
    if runner.is_file() {
        return Some(runner);
    }
    skipped(test, "no gitlab-ci-local: run `cargo xtask setup`");
    None
}

/// An archive with this program, as a release has it, and its SHA-256.
fn archive(project: &Project) -> (PathBuf, String) {
    let base = project.root.parent().unwrap();
    let name = "cargo-xpkg-x86_64-unknown-linux-musl";
    std::fs::create_dir(base.join(name)).unwrap();
    let program = base.join(name).join("cargo-xpkg");
    symlink(env!("CARGO_BIN_EXE_cargo-xpkg"), &program).unwrap();
    let path = base.join("tool.tar");
    let mut tar = Command::new(tool("tar"));
    tar.args(["--dereference", "-cf"]).arg(&path).arg("-C");
    assert!(tar.arg(base).arg(name).status().unwrap().success());
    let digest = sha256(&std::fs::read(&path).unwrap());
    (path, digest)
}

/// A checkout with two legs, whose release is published in a directory beside it.
fn checkout(archive: &Path, digest: &str, project: &Project) {
    let store = project.root.parent().unwrap().join("store");
    let config = format!(
        "targets = [\"{X86_MUSL}\", \"{ARM_MUSL}\"]\n\
         [publish]\nto = \"file://{}\"\nchannel = \"stable\"\n\
         [ci.gitlab]\nimage = false\n\
         [ci.tool.archives.\"linux/amd64\"]\nurl = \"file://{}\"\nsha256 = \"{digest}\"\n",
        store.display(),
        archive.display()
    );
    project.write("xpkg.toml", &config);
    project.write(
        ".gitignore",
        "/target\n/xpkg-legs.yml\n/child.yml\n/.gitlab-ci-local\n",
    );
    project.xpkg("ci init --for gitlab -q").ok();
    project.commit();
    project
        .shell("git remote add origin https://gitlab.example/a/hello.git && git tag v0.1.0")
        .ok();
}

/// Runs a pipeline; returns its exit code and what it printed.
fn run(runner: &Path, project: &Project, args: &[&str]) -> (bool, String) {
    // The pipeline's own tool comes from its archive: `cargo-xpkg` is not on PATH.
    let path = std::env::var("PATH").unwrap();
    let output = Command::new(runner)
        .args(["--force-shell-executor", "--shell-isolation"])
        .args(args)
        .current_dir(&project.root)
        .env("PATH", path)
        .env("HOME", project.root.parent().unwrap())
        .env("CARGO_HOME", cargo_home())
        .env("RUSTUP_HOME", rustup_home())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said + &errors)
}

fn cargo_home() -> String {
    let home = std::env::var("HOME").unwrap();
    std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"))
}

fn rustup_home() -> String {
    let home = std::env::var("HOME").unwrap();
    std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{home}/.rustup"))
}

#[test]
fn the_pipelines_of_gitlab_build_two_legs_and_publish_their_release() {
    let test = "the_pipelines_of_gitlab_build_two_legs_and_publish_their_release";
    let Some(runner) = runner(test) else { return };
    let project = Project::of("hello");
    let (archive, digest) = archive(&project);
    checkout(&archive, &digest, &project);
    let (is_ok, said) = run(&runner, &project, &["xpkg-plan"]);
    assert!(is_ok && said.contains("Checked 3 files"), "{said}");
    // It starts no child pipeline of a generated file, which is run as one of its own.
    let child = "include:\n  - local: .gitlab/xpkg-legs.yml\n  - local: xpkg-legs.yml\n";
    project.write("child.yml", child);
    let tag = ["--file", "child.yml", "--variable", "CI_COMMIT_TAG=v0.1.0"];
    let (is_ok, said) = run(&runner, &project, &tag);
    assert!(is_ok, "{said}");
    for job in [
        format!("xpkg-{X86_MUSL}"),
        format!("xpkg-{ARM_MUSL}"),
        "xpkg-merge".to_owned(),
        "xpkg-verify".to_owned(),
        "xpkg-release".to_owned(),
        "xpkg-publish".to_owned(),
    ] {
        assert!(said.contains(&format!(" PASS  {job}")), "{job}: {said}");
    }
    let manifest =
        std::fs::read(project.path(&format!("target/xpkg-legs/{X86_MUSL}/manifest.json")));
    let printed = format!(
        "{}  target/xpkg-legs/{X86_MUSL}",
        sha256(&manifest.unwrap())
    );
    assert!(said.contains(&printed), "{printed}: {said}");
    let latest = project.read("../store/stable/latest.json");
    assert!(latest.contains("\"0.1.0\""), "{latest}");
}

#[test]
fn a_tool_of_another_digest_runs_nothing() {
    let test = "a_tool_of_another_digest_runs_nothing";
    let Some(runner) = runner(test) else { return };
    let project = Project::of("hello");
    let (archive, digest) = archive(&project);
    checkout(&archive, &digest, &project);
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes.push(0);
    std::fs::write(&archive, bytes).unwrap();
    let (is_ok, said) = run(&runner, &project, &["xpkg-plan"]);
    assert!(!is_ok && said.contains("archive: FAILED"), "{said}");
    assert!(!said.contains("Checked"), "{said}");
}
