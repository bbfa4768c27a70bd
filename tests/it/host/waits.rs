//! Pipes in the place of files, file systems without locks, and signals in every state.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use snapbox::str;

use crate::check;
use crate::support::{HOST, Project, Run, said_until};

/// Makes a pipe in the place of a file.
fn pipe(project: &Project, path: &str) {
    let path = project.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(&path);
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Runs a command that must end by itself.
#[track_caller]
fn ends(project: &Project, args: &str) -> Run {
    let own = env!("CARGO_BIN_EXE_cargo-xpkg");
    let run = project.shell(&format!("/usr/bin/timeout -s KILL 60 {own} {args}"));
    assert_ne!(run.code, Some(137), "`{args}` did not end");
    run
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_by_name() {
    let cases = [
        ("target/.xpkg.lock", "build"),
        ("xpkg.toml", "plan"),
        ("Cross.toml", "plan"),
        ("xpkg.lock", "plan --target x86_64-unknown-linux-musl"),
        ("tree/manifest.json", "show --out-dir tree"),
        ("tree/manifest.json", "clean --out-dir tree"),
        ("tree/manifest.json", "verify tree"),
        ("tree/MANIFEST.txt", "verify tree"),
        ("tree/SHA256SUMS", "verify tree"),
        ("tree/manifest.json", "docker --from tree"),
        ("app.tar.gz", "verify app.tar.gz"),
        ("app.zip", "verify app.zip"),
    ];
    for (file, args) in cases {
        let project = Project::of("hello");
        project.append(
            "Cargo.toml",
            "\n[package.metadata.xpkg.target.x86_64-unknown-linux-musl]\nimage = \"a/b:1\"\n",
        );
        pipe(&project, file);
        let run = ends(&project, args);
        let said = format!("{}{}", run.stdout, run.stderr);
        let name = file.rsplit('/').next().unwrap();
        assert_eq!(run.code, Some(1), "{args} with {file}: {said}");
        assert!(
            said.contains(name) && (said.contains("a pipe") || said.contains("not create")),
            "{args} with {file}: {said}"
        );
    }
}

#[test]
fn a_pipe_in_the_place_of_a_lock_names_both() {
    let project = Project::of("hello");
    pipe(&project, "target/.xpkg.lock");
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[file-access]: cannot open `[ROOT]/target/.xpkg.lock`: it is a pipe, not a regular file
  help: choose a writable directory: `--out-dir DIR`

"#]]
    );
}

#[test]
fn a_link_in_the_place_of_a_lock_is_not_followed() {
    let project = Project::of("hello");
    project.write("victim", "text");
    let place = project.path(&format!("target/{HOST}/release"));
    std::fs::create_dir_all(&place).unwrap();
    for lock in [place.join(".xpkg-lock"), project.path("target/.xpkg.lock")] {
        let _ = std::fs::remove_file(&lock);
        std::os::unix::fs::symlink(project.path("victim"), &lock).unwrap();
        let run = project.xpkg("build -q");
        assert!(
            run.stderr.contains(&format!(
                "`{}`: it is a link, not a regular file",
                lock.display()
            )),
            "{}",
            run.stderr
        );
        std::fs::remove_file(&lock).unwrap();
    }
    assert_eq!(project.read("victim"), "text");
}

#[test]
fn a_file_system_without_locks_is_not_another_run() {
    let project = Project::of("hello").env("XPKG_FAULT", "unlockable:1");
    check!(
        project.xpkg("build --out-dir tree"),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[file-access]: cannot lock `[ROOT]/.tree.lock`: unsupported
  help: choose a writable directory: `--out-dir DIR`

"#]]
    );
}

/// Sends a signal, and returns the exit code and the time that it took.
fn ended_by(signal: &str, run: &mut std::process::Child) -> (Option<i32>, Duration) {
    let began = Instant::now();
    Command::new("kill")
        .args([&format!("-{signal}"), &run.id().to_string()])
        .status()
        .unwrap();
    (run.wait().unwrap().code(), began.elapsed())
}

#[test]
fn a_signal_ends_a_run_that_waits_for_a_lock() {
    let project = Project::of("hello");
    std::fs::create_dir_all(project.path("target")).unwrap();
    let lock = std::fs::File::create(project.path("target/.xpkg.lock")).unwrap();
    lock.lock().unwrap();
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut run = project
            .command("build")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = std::io::BufReader::new(run.stderr.take().unwrap());
        said_until("Blocking waiting for another run on", &mut stderr);
        let (ended, took) = ended_by(signal, &mut run);
        assert_eq!(ended, Some(code));
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

#[test]
fn a_signal_ends_a_run_whose_compiler_ignores_it() {
    let project = Project::of("with-c");
    let path = project.bin.join("wrapper");
    std::fs::write(
        &path,
        "#!/bin/sh\ncase \"$*\" in *build_script_build*) trap '' TERM INT; echo begun >&2; while :; do \
         /bin/sleep 0.1; done;; esac\nexec \"$@\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let project = project.env("RUSTC_WRAPPER", "wrapper");
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut run = project
            .command("build")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = std::io::BufReader::new(run.stderr.take().unwrap());
        said_until("Compiling", &mut stderr);
        std::thread::sleep(Duration::from_millis(300));
        let (ended, took) = ended_by(signal, &mut run);
        assert_eq!(ended, Some(code));
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

#[test]
fn a_summary_that_is_a_pipe_holds_no_run() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    let made = std::process::Command::new("mkfifo")
        .arg(project.path("summary"))
        .status()
        .unwrap();
    assert!(made.success());
    let summary = project.path("summary");
    let project = project.env("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    let run = project.xpkg("verify");
    assert!(
        run.stderr
            .contains("summary`: it is a pipe, not a regular file"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_git_that_hangs_holds_no_run() {
    let project = Project::of("hello");
    let git = project.bin.join("git");
    std::fs::remove_file(&git).unwrap();
    std::fs::write(&git, "#!/bin/sh\ntrap '' TERM\nexec /bin/sleep 300\n").unwrap();
    std::fs::set_permissions(&git, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = project.xpkg("build").ok();
    assert!(
        run.stderr.contains(
            "warning[commit-unknown]: the manifest has no commit: git did not answer in 30 s"
        ),
        "{}",
        run.stderr
    );
}
