//! Nothing lost: killed at every step, interrupted, out of space, on odd file systems.

use std::io::BufReader;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use snapbox::str;

use crate::check;
use crate::support::{HOST, Project, X86_MUSL, said_until, skipped, until};

/// A project whose two profiles are compiled, so that changing between them stages without
/// compiling.
fn two_faces() -> Project {
    let project = Project::of("corners");
    for profile in ["dev", "release"] {
        project.xpkg(&format!("build -q --profile {profile}")).ok();
    }
    project
}

/// The tree must be whole: every file as MANIFEST.txt says, none more, and the two manifests
/// agreeing.
fn whole(project: &Project, when: &str) -> String {
    let check =
        project.shell("cd target/xpkg && /usr/bin/sha256sum --check --strict --quiet MANIFEST.txt");
    assert_eq!(
        check.code,
        Some(0),
        "{when}: {}{}",
        check.stdout,
        check.stderr
    );
    let text = project.read("target/xpkg/MANIFEST.txt");
    let mut listed: Vec<String> = text
        .lines()
        .map(|line| line.split_once("  ").unwrap().1.to_owned())
        .collect();
    listed.extend(["MANIFEST.txt".to_owned(), "manifest.json".to_owned()]);
    listed.sort();
    assert_eq!(project.files("target/xpkg"), listed, "{when}");
    assert_eq!(
        project.json("target/xpkg/manifest.json")["artifacts"]
            .as_array()
            .unwrap()
            .len(),
        listed.len() - 2,
        "{when}"
    );
    text
}

/// Nothing of a killed run may be left once the next one ended.
fn swept(project: &Project, when: &str) {
    let left: Vec<String> = project
        .files("target")
        .into_iter()
        .filter(|file| file.starts_with(".xpkg.new-"))
        .collect();
    assert!(left.is_empty(), "{when}: {left:?}");
}

#[test]
fn a_fault_at_every_file_operation_leaves_the_old_tree_or_the_new_one() {
    let project = two_faces();
    let faces = ["dev", "release"].map(|profile| {
        project.xpkg(&format!("build -q --profile {profile}")).ok();
        whole(&project, profile)
    });
    assert_ne!(faces[0], faces[1]);
    // Whatever the fault, the tree is one of the two, and the next run sweeps up and does its work.
    let strike = |kind: &str, at: usize| {
        let profile = ["dev", "release"][at % 2];
        let when = format!("{kind} at {at}");
        let run = project.xpkg_with(
            &[("XPKG_FAULT", &format!("{kind}:{at}"))],
            &format!("build -q --profile {profile}"),
        );
        assert!(faces.contains(&whole(&project, &when)), "{when}");
        project.xpkg(&format!("build -q --profile {profile}")).ok();
        assert_eq!(whole(&project, &when), faces[at % 2]);
        swept(&project, &when);
        run.code
    };
    // A run that ends well met no fault: it has fewer operations than that.
    let operations = (1..400).find(|at| strike("kill", *at) == Some(0)).unwrap() - 1;
    assert!(operations > 20);
    // Every fifth one fails here, by turns of both profiles; each of them in `cargo xtask kills`.
    let step = if std::env::var_os("XPKG_KILLS").is_some() {
        1
    } else {
        5
    };
    let failed = (1..=operations)
        .step_by(step)
        .filter(|at| strike("fail", *at) != Some(0))
        .count();
    assert!(failed > 20 / step);
    eprintln!(
        "{operations} file operations, each killed at, and failed in steps of {step}; {failed} of the \
         failures ended the run"
    );
}

#[test]
fn killed_at_any_moment_leaves_a_whole_tree() {
    let project = two_faces();
    let faces = ["dev", "release"].map(|profile| {
        project.xpkg(&format!("build -q --profile {profile}")).ok();
        whole(&project, profile)
    });
    let wanted: u32 = std::env::var("XPKG_KILLS")
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(25);
    let (mut killed, mut rounds) = (0, 0);
    while killed < wanted {
        let mut run = project.command(&format!(
            "build -q --profile {}",
            ["dev", "release"][rounds as usize % 2]
        ));
        let mut run = run
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        // Spread over the run by a step that has no common measure with it.
        std::thread::sleep(Duration::from_micros(u64::from(rounds * 7919 % 200) * 1000));
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", run.id())])
            .stderr(Stdio::null())
            .status();
        killed += u32::from(run.wait().unwrap().signal() == Some(9));
        assert!(
            faces.contains(&whole(&project, &format!("round {rounds}"))),
            "round {rounds}"
        );
        rounds += 1;
        assert!(
            rounds < wanted * 4,
            "only {killed} of {rounds} runs could be killed"
        );
    }
    project.xpkg("build -q").ok();
    swept(&project, "the end");
    eprintln!("{killed} of {rounds} runs killed, no half tree");
}

/// Processes whose command line holds this text.
fn running(text: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path().join("cmdline"));
    let lines = processes
        .filter_map(|path| std::fs::read(path).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}

#[test]
fn a_signal_ends_what_was_started_and_leaves_the_tree() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let project = Project::of("hello");
        project.xpkg("build -q").ok();
        let before = whole(&project, "before");
        let project = project
            .fake("wrapper", "on hello sleep 600\nrun\n")
            .env("RUSTC_WRAPPER", "wrapper")
            .env("RUSTFLAGS", "-Copt-level=1");
        let mut run = project
            .command("build")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let root = project.root.display().to_string();
        until("the compiler runs", || {
            let compiles = running("--crate-name hello")
                .iter()
                .any(|line| line.contains("opt-level=1") && line.contains(&root));
            compiles.then_some(())
        });
        let began = Instant::now();
        let send = || {
            Command::new("kill")
                .args([&format!("-{signal}"), &run.id().to_string()])
                .status()
                .unwrap()
        };
        send();
        // Once more does not make it worse.
        std::thread::sleep(Duration::from_millis(5));
        send();
        let status = run.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{signal}");
        // The compiler would have taken ten minutes.
        assert!(began.elapsed() < Duration::from_secs(40));
        let mut said = String::new();
        std::io::Read::read_to_string(&mut run.stderr.take().unwrap(), &mut said).unwrap();
        let number = code - 128;
        assert!(
            said.contains(&format!(
                "error[interrupted]: interrupted by signal {number}; no staged tree was changed"
            )),
            "{said}"
        );
        until("what was started has ended", || {
            running(&root).is_empty().then_some(())
        });
        swept(&project, signal);
        assert_eq!(whole(&project, signal), before);
    }
}

#[test]
fn the_second_of_two_runs_waits_and_a_dead_ones_lock_does_not_block() {
    let project = Project::of("hello");
    let go = project.path("go");
    let script = format!(
        "on hello touch {}\non hello await {}\nrun\n",
        project.path("compiles").display(),
        go.display()
    );
    let project = project
        .fake("wrapper", &script)
        .env("RUSTC_WRAPPER", "wrapper");
    let mut first = project.command("build -q").spawn().unwrap();
    until("the first run compiles", || {
        project.path("compiles").exists().then_some(())
    });
    let mut second = project
        .command(&format!("build --target {X86_MUSL}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap());
    said_until(
        &format!(
            "    Blocking waiting for another run on `{}/target/xpkg`",
            project.root.display()
        ),
        &mut said,
    );
    std::fs::write(go, "").unwrap();
    assert!(first.wait().unwrap().success());
    said_until("      Staged 2 bins in ", &mut said);
    assert!(second.wait().unwrap().success());
    assert_eq!(project.files("target/xpkg").len(), 4);
    // A lock file that nobody holds.
    assert!(!project.path("target/.xpkg.lock").exists());
    project.write("target/.xpkg.lock", "");
    assert!(
        !project
            .xpkg("build")
            .ok()
            .stderr
            .contains("Blocking waiting for another")
    );
}

#[test]
fn with_keep_going_what_succeeded_is_staged_and_what_failed_keeps_what_it_had() {
    let project = Project::of("hello");
    project
        .xpkg(&format!("build -q --target {HOST},{X86_MUSL}"))
        .ok();
    let before = whole(&project, "before");
    // From now on it compiles for the host only.
    project.append(
        "src/main.rs",
        "\n#[cfg(target_env = \"musl\")]\ncompile_error!(\"not for musl\");\n#[used]\nstatic \
         MORE: [u8; 4096] = [7; 4096];\n",
    );
    let stopped = project.xpkg(&format!("build --target {X86_MUSL},{HOST}"));
    assert_eq!(
        (stopped.code, whole(&project, "stopped")),
        (Some(101), before.clone())
    );
    let run = project.xpkg(&format!("build --keep-going --target {X86_MUSL},{HOST}"));
    let tail: Vec<&str> = run.stderr.lines().rev().take(3).collect();
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    assert!(tail[2].starts_with("      Staged 2 bins in "), "{tail:?}");
    assert_eq!(
        tail[1],
        format!("      Failed {X86_MUSL}: cargo exited with 101; its earlier bins are kept")
    );
    assert_eq!(tail[0], format!("       Built {HOST}"));
    let after = whole(&project, "after");
    let line = |text: &str, target: &str| {
        text.lines()
            .find(|line| line.contains(target))
            .unwrap()
            .to_owned()
    };
    assert_eq!(line(&after, X86_MUSL), line(&before, X86_MUSL));
    assert_ne!(line(&after, HOST), line(&before, HOST));
}

#[test]
fn an_out_dir_that_cannot_be_a_tree_is_refused_before_compiling() {
    let project = Project::of("hello");
    check!(
        project.xpkg("plan --out-dir ."),
        str![[r#"
exit 1
--- stderr
error[out-dir-unfit]: `[ROOT]` cannot be the out-dir: it contains the workspace
  help: choose a directory that contains nothing else: `--out-dir dist`

"#]]
    );
    check!(
        project.xpkg("plan --out-dir src/bins"),
        str![[r#"
exit 1
--- stderr
error[out-dir-unfit]: `[ROOT]/src/bins` cannot be the out-dir: it is among the sources of package `hello`
  help: choose a directory that contains nothing else: `--out-dir dist`

"#]]
    );
    check!(
        project.xpkg("plan --out-dir target"),
        str![[r#"
exit 1
--- stderr
error[out-dir-unfit]: `[ROOT]/target` cannot be the out-dir: it contains cargo's target directory
  help: choose a directory that contains nothing else: `--out-dir dist`

"#]]
    );
    project.write("dist", "a file");
    check!(
        project.xpkg("build -q --out-dir dist"),
        str![[r#"
exit 1
--- stderr
error[tree-foreign]: `[ROOT]/dist` contains files that xpkg did not create
  untracked: a file
  help: move it away, or choose another `--out-dir`

"#]]
    );
    assert!(!project.path("target").join(HOST).exists());
    assert_eq!(project.read("dist"), "a file");
}

#[test]
fn a_mount_point_is_told_before_compiling() {
    let project = Project::of("hello");
    std::fs::create_dir(project.path("dist")).unwrap();
    // In a mount namespace of its own, so that the machine's mounts stay as they are.
    let line = format!(
        "/usr/bin/mount -t tmpfs none dist && {} build --out-dir dist",
        env!("CARGO_BIN_EXE_cargo-xpkg")
    );
    let run = project.shell(&format!("/usr/bin/unshare --mount /bin/sh -c '{line}'"));
    if run.stderr.contains("unshare failed") {
        skipped(
            "a_mount_point_is_told_before_compiling",
            "no mount namespaces here",
        );
        return;
    }
    check!(
        run,
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[cannot-exchange]: cannot exchange `[ROOT]/dist` with the new one: Device or resource busy (os error 16)
  help: choose another writable place, or one level deeper: `--out-dir [ROOT]/dist/xpkg`

"#]]
    );
    assert!(!project.path("target").join(HOST).exists());
}

#[test]
fn a_full_disk_leaves_the_old_tree() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    let own = env!("CARGO_BIN_EXE_cargo-xpkg");
    // The first tree fits into the small file system, the second beside it does not.
    let line = format!(
        "/usr/bin/mount -t tmpfs -o size=800k none small && {own} build -q --out-dir small/tree \
         && {own} build -q --profile dev --out-dir small/tree; echo code $?; cd small/tree && \
         /usr/bin/sha256sum -c MANIFEST.txt && /bin/ls -A .."
    );
    std::fs::create_dir(project.path("small")).unwrap();
    project.xpkg("build -q --profile dev --out-dir other").ok();
    let run = project.shell(&format!("/usr/bin/unshare --mount /bin/sh -c '{line}'"));
    if run.stderr.contains("unshare failed") {
        skipped(
            "a_full_disk_leaves_the_old_tree",
            "no mount namespaces here",
        );
        return;
    }
    check!(
        run,
        str![[r#"
exit 0
--- stdout
code 1
x86_64-unknown-linux-gnu/hello/hello: OK
tree
--- stderr
error[file-access]: cannot write `[ROOT]/small/.tree.new-[TEMP]/x86_64-unknown-linux-gnu/hello/hello`: No space left on device (os error 28)

"#]]
    );
}
