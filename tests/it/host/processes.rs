//! What a program leaves running does not hold the run that started it, and ends with it.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::support::{HOST, Project, until};

/// Writes a program on PATH: a shell script.
fn script(project: &Project, name: &str, text: &str) {
    let path = project.bin.join(name);
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Process IDs of `sleep` for this time.
fn sleepers(seconds: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| line.ends_with(format!("sleep\0{seconds}\0").as_bytes()))
        })
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

fn end_sleepers(seconds: &str) {
    for process in sleepers(seconds) {
        let _ = std::process::Command::new("kill").arg(process).status();
    }
}

#[test]
fn a_compiler_that_leaves_processes_behind_holds_no_run() {
    let project = Project::of("with-c");
    // The first stays in the process group, the second leaves it; both keep the pipes open.
    let left = "/bin/sleep 20001 &\n/usr/bin/setsid /bin/sleep 20002 &";
    script(
        &project,
        "aarch64-linux-gnu-gcc",
        // The second has to leave the group before the group is ended.
        &format!("{left}\n/bin/sleep 0.5\nexit 1"),
    );
    let began = Instant::now();
    let run = project.xpkg("plan --target aarch64-unknown-linux-gnu");
    assert!(began.elapsed() < Duration::from_secs(20), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("Ending what `aarch64-linux-gnu-gcc` left running: `sleep` ("),
        "{}",
        run.stderr
    );
    until("all have ended", || {
        (sleepers("20001").len() + sleepers("20002").len() == 0).then_some(())
    });
}

#[test]
fn a_compiler_that_answers_and_leaves_a_process_behind_is_heard() {
    let project = Project::of("hello");
    let rustc = crate::support::tool("rustc");
    script(
        &project,
        "rustc",
        &format!("/bin/sleep 20003 &\nexec {} \"$@\"", rustc.display()),
    );
    let began = Instant::now();
    project.xpkg("plan").ok();
    assert!(began.elapsed() < Duration::from_secs(20));
    end_sleepers("20003");
}

/// A package whose program leaves processes behind and ends well.
fn leaving(seconds: &str) -> Project {
    let project = Project::of("hello");
    project.write(
        "src/main.rs",
        &format!(
            "fn main() {{\n    for _ in 0..5 {{\n        \
             std::process::Command::new(\"setsid\").args([\"sleep\", \
             \"{seconds}\"]).spawn().unwrap();\n    }}\n    println!(\"hello 0.1.0\");\n}}\n"
        ),
    );
    project.xpkg("build -q --out-dir tree").ok();
    project
}

#[test]
fn a_verified_program_ends_with_all_that_it_started() {
    let project = leaving("20004");
    let began = Instant::now();
    project.xpkg("verify tree --run").ok();
    assert!(began.elapsed() < Duration::from_secs(9));
    assert_eq!(sleepers("20004"), [""; 0]);
}

#[test]
fn a_daemon_that_cargo_leaves_behind_holds_no_build() {
    let project = Project::of("hello");
    let cargo = crate::support::tool("cargo");
    script(
        &project,
        "cargo",
        &format!(
            "/usr/bin/setsid /bin/sleep 20005 &\nexec {} \"$@\"",
            cargo.display()
        ),
    );
    let began = Instant::now();
    // A compiler cache is such a daemon: it goes on.
    let mut run = project
        .command("build --out-dir tree")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert!(run.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_mins(1));
    assert!(project.path(&format!("tree/{HOST}/hello/hello")).is_file());
    assert!(!sleepers("20005").is_empty());
    end_sleepers("20005");
}
