//! Stages from the lockfile to the release: run, killed, begun again, and told why they are stale.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use snapbox::str;

use crate::check;
use crate::support::{ARM_MUSL, Project, Run, X86_MUSL, normal};

fn hello() -> Project {
    let project = Project::of("hello");
    project.write(".gitignore", "/target\n");
    project.commit();
    project
}

/// Runs `pipeline` for two targets.
fn pipeline(project: &Project, more: &str) -> Run {
    project.xpkg(&arguments(more))
}

fn arguments(more: &str) -> String {
    format!("pipeline --target {X86_MUSL},{ARM_MUSL} {more}")
}

/// The states of the stages, without times.
fn states(project: &Project) -> String {
    let status = pipeline(project, "--status --message-format json").ok();
    let document: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let lines = document["statuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|status| {
            let state = &status["state"];
            format!(
                "{} {} {} {}\n",
                status["stage"].as_str().unwrap(),
                status["target"].as_str().unwrap_or("-"),
                state["state"].as_str().unwrap(),
                state["why"].as_str().unwrap_or("-")
            )
        });
    lines.collect()
}

/// A run without the times of its table.
fn timeless(mut run: Run) -> Run {
    let time = regex::Regex::new(r"\d+\.\d s").unwrap();
    run.stdout = time.replace_all(&run.stdout, "[TIME]").into_owned();
    run
}

/// Files of the release, with their bytes.
fn release(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let place = "target/xpkg-release/0.1.0";
    let files = project.files(place).into_iter();
    files
        .map(|file| {
            let bytes = std::fs::read(project.path(&format!("{place}/{file}"))).unwrap();
            (file, bytes)
        })
        .collect()
}

#[test]
fn stages_run_once_and_say_why_they_are_stale() {
    let project = hello();
    let first = pipeline(&project, "").ok();
    check!(
        timeless(first),
        str![[r#"
exit 0
--- stdout
stage    target                      time   end
fetch                                [TIME]  done
gate     aarch64-unknown-linux-musl  [TIME]  done
gate     x86_64-unknown-linux-musl   [TIME]  done
compile  aarch64-unknown-linux-musl  [TIME]  done
compile  x86_64-unknown-linux-musl   [TIME]  done
inspect  aarch64-unknown-linux-musl  [TIME]  done
inspect  x86_64-unknown-linux-musl   [TIME]  done
stage                                [TIME]  done
verify                               [TIME]  done
docker                               [TIME]  done
release                              [TIME]  done
--- stderr
     Linking x86_64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
     Linking aarch64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 2 bins in [ROOT]/target/xpkg
    Verified [ROOT]/target/xpkg
       Wrote 1 image in [ROOT]/target/xpkg-docker
       Wrote release 0.1.0: 9 files in [ROOT]/target/xpkg-release/0.1.0
      Passed 11 stages

"#]]
    );
    assert_eq!(
        states(&project),
        format!(
            "fetch - done -\ngate {X86_MUSL} done -\ngate {ARM_MUSL} done -\ncompile {X86_MUSL} done \
             -\ncompile {ARM_MUSL} done -\ninspect {X86_MUSL} done -\ninspect {ARM_MUSL} done -\n\
             stage - done -\nverify - done -\ndocker - done -\nrelease - done -\npublish - never -\n"
        )
    );
    let again = pipeline(&project, "--from verify").ok();
    check!(
        timeless(again),
        str![[r#"
exit 0
--- stdout
stage    target  time   end
verify           [TIME]  done
docker           [TIME]  done
release          [TIME]  done
--- stderr
    Verified [ROOT]/target/xpkg
   Unchanged 1 image in [ROOT]/target/xpkg-docker
   Unchanged release 0.1.0: 9 files in [ROOT]/target/xpkg-release/0.1.0
      Passed 3 stages

"#]]
    );
    // A source was changed: what is made from it is stale, and nothing goes on from there.
    project.append("src/main.rs", "// more\n");
    check!(
        pipeline(&project, "--from release"),
        str![[r#"
exit 1
--- stderr
error[stage-stale]: `--from release`: the stage `compile` of `x86_64-unknown-linux-musl` is not up to date
  state: stale: source
  help: begin with it: `cargo xpkg pipeline --from compile`

"#]]
    );
    assert!(states(&project).contains(&format!("compile {X86_MUSL} stale source\n")));
    project.commit();
    pipeline(&project, "--until verify").ok();
    assert!(states(&project).contains("release - stale tree, source\n"));
    pipeline(&project, "--from docker").ok();
    // The tree was tampered with.
    let bin = format!("target/xpkg/{X86_MUSL}/hello/hello");
    let mut bytes = std::fs::read(project.path(&bin)).unwrap();
    bytes.push(0);
    // The context has a link to the same file.
    std::fs::remove_file(project.path(&bin)).unwrap();
    std::fs::write(project.path(&bin), bytes).unwrap();
    check!(
        pipeline(&project, "--from docker"),
        str![[r#"
exit 1
--- stderr
error[stage-stale]: `--from docker`: the stage `compile` of `x86_64-unknown-linux-musl` is not up to date
  state: stale: `target/xpkg/x86_64-unknown-linux-musl/hello/hello` was changed or removed
  help: begin with it: `cargo xpkg pipeline --from compile`

"#]]
    );
    pipeline(&project, "--from compile").ok();
    let compiled = pipeline(&project, &format!("--force compile={X86_MUSL}")).ok();
    assert_eq!(compiled.stderr.matches("Compiling hello").count(), 1);
    assert!(!states(&project).contains("stale"), "{}", states(&project));
}

#[test]
fn a_target_that_fails_leaves_the_others() {
    let project = hello();
    let source = project.read("src/main.rs");
    let broken = "#[cfg(target_arch = \"aarch64\")]\ncompile_error!(\"not here\");\n";
    project.append("src/main.rs", broken);
    project.commit();
    let failed = pipeline(&project, "--summary target/s.html");
    assert_eq!(failed.code, Some(101));
    check!(
        timeless(failed),
        str![[r#"
exit 101
--- stdout
stage    target                      time   end
fetch                                [TIME]  done
gate     aarch64-unknown-linux-musl  [TIME]  done
gate     x86_64-unknown-linux-musl   [TIME]  done
compile  aarch64-unknown-linux-musl  [TIME]  failed: exit code 101
compile  x86_64-unknown-linux-musl   [TIME]  done
inspect  aarch64-unknown-linux-musl  -      not run
inspect  x86_64-unknown-linux-musl   [TIME]  done
stage                                [TIME]  done
verify                               -      not run
docker                               -      not run
release                              -      not run
--- stderr
     Linking x86_64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
     Linking aarch64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
   Compiling hello v0.1.0 ([ROOT])
error: not here
  --> src/main.rs:20:1
   |
20 | compile_error!("not here");
   | ^^^^^^^^^^^^^^^^^^^^^^^^^^

error: could not compile `hello` (bin "hello") due to 1 previous error
      Staged 1 bin in [ROOT]/target/xpkg
       Built x86_64-unknown-linux-musl
      Failed aarch64-unknown-linux-musl: cargo exited with 101; its earlier bins are kept
      Failed in compile: 7 of 11 stages were run

"#]]
    );
    let page = project.read("target/s.html");
    assert!(page.contains("<p class=\"failed\">failed in compile</p>"));
    assert!(page.contains("failed: exit code 101"));
    assert!(states(&project).contains(&format!("compile {ARM_MUSL} failed exit code 101\n")));
    project.write("src/main.rs", &source);
    project.commit();
    pipeline(&project, "--summary target/s.md").ok();
    let summary = project.read("target/s.md");
    assert!(summary.starts_with("**passed**: "), "{summary}");
    // The base is the tree before, which had one bin.
    let new = summary.lines().filter(|line| line.contains("| new |"));
    assert_eq!(new.count(), 1, "{summary}");
}

#[test]
fn killed_at_any_moment_it_goes_on() {
    let project = hello();
    let began = Instant::now();
    pipeline(&project, "").ok();
    let whole = began.elapsed();
    let expected = release(&project);
    let mut killed = 0;
    for step in 1..=5 {
        for place in [
            "xpkg",
            "xpkg-docker",
            "xpkg-release",
            "xpkg-cache/stages.json",
        ] {
            let place = project.path(&format!("target/{place}"));
            let _ = std::fs::remove_dir_all(&place);
            let _ = std::fs::remove_file(&place);
        }
        let mut run = project
            .command(&arguments("--force compile"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * step / 5);
        killed += usize::from(run.try_wait().unwrap().is_none());
        run.kill().unwrap();
        run.wait().unwrap();
        // Its cargo may hold the lock for a moment.
        std::thread::sleep(Duration::from_millis(50));
        pipeline(&project, "").ok();
        assert_eq!(release(&project), expected, "step {step}");
        assert!(!states(&project).contains("stale"));
    }
    assert!(killed >= 2, "{killed} of 5 were killed");
}

#[test]
fn what_cannot_be_run_is_refused() {
    let project = hello();
    check!(
        pipeline(&project, "--from release --until verify"),
        str![[r#"
exit 1
--- stderr
error[pipeline-invalid]: `--from release` is after `--until verify`
  help: pass a later end: `--until release`

"#]]
    );
    check!(
        pipeline(&project, "--force compile=x86_64-unknown-linux-gnu"),
        str![[r#"
exit 1
--- stderr
error[pipeline-invalid]: `--force compile=x86_64-unknown-linux-gnu`: the run has no such target
  help: the targets are x86_64-unknown-linux-musl, aarch64-unknown-linux-musl

"#]]
    );
    check!(
        pipeline(&project, "--force publish"),
        str![[r#"
exit 1
--- stderr
error[pipeline-invalid]: `--force publish`: the stage is not run
  help: pass a later end: `--until publish`

"#]]
    );
    check!(
        pipeline(&project, "--force link"),
        str![[r#"
exit 2
--- stderr
error: invalid value 'link' for '--force <STAGE[=TARGET]>': there is no stage `link`; the stages are fetch, gate, compile, inspect, stage, verify, docker, release, publish

For more information, try '--help'.

"#]]
    );
    check!(
        pipeline(&project, "--from docker"),
        str![[r#"
exit 1
--- stderr
error[stage-stale]: `--from docker`: the stage `fetch` is not up to date
  state: never run
  help: begin with it: `cargo xpkg pipeline --from fetch`

"#]]
    );
    check!(
        pipeline(&project, "--base src --summary target/s.md"),
        str![[r#"
exit 1
--- stderr
error[pipeline-invalid]: `--base [ROOT]/src` has no manifest.json
  help: pass a staged tree: `--base target/xpkg`

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
}

#[test]
fn a_store_that_is_not_there_is_tried_again_and_a_wrong_one_is_not() {
    let project = hello();
    pipeline(&project, "").ok();
    let wrong = pipeline(
        &project,
        "--from publish --until publish --retry 2 --to ftp://store --channel main",
    );
    assert!(!wrong.stderr.contains("Retrying"), "{}", wrong.stderr);
    let to = format!(
        "--to file://{} --channel main",
        project.path("target/site").display()
    );
    pipeline(
        &project,
        &format!("--from publish --until publish --retry 2 {to}"),
    )
    .ok();
    assert!(project.path("target/site/main/latest.json").exists());
    let states = pipeline(&project, &format!("--status {to}")).ok();
    let last = normal(states.stdout.lines().last().unwrap());
    assert!(
        last.starts_with("publish") && last.ends_with("done"),
        "{last}"
    );
}

#[test]
fn every_change_of_a_source_is_seen() {
    let project = Project::of("hello");
    let files = project.files("");
    for file in &files {
        let text = project.read(file);
        project.write(&format!("app/{file}"), &text);
        std::fs::remove_file(project.path(file)).unwrap();
    }
    project.write("lib/src/lib.rs", "");
    let manifest = "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    project.write("lib/Cargo.toml", &format!("{manifest}\n[workspace]\n"));
    project.append(
        "app/Cargo.toml",
        "\n[dependencies]\nlib = { path = \"../lib\" }\n",
    );
    project.write(".gitignore", "target\n");
    let run = |more: &str| {
        let run = project.xpkg_in("app", &format!("pipeline --target {X86_MUSL} {more}"));
        run.ok().stdout
    };
    let is_stale = |change: &str| {
        let status = run("--status");
        let compile = status.lines().find(|line| line.starts_with("compile"));
        match compile.unwrap().rsplit_once("  ").unwrap().1 {
            "done" => false,
            "stale: source" => true,
            state => panic!("{change}: {state}"),
        }
    };
    run("--until fetch");
    project.commit();
    project.write("app/notes", "");
    project.append("lib/src/lib.rs", "// one\n");
    run("--until stage");
    assert!(!is_stale("none"));
    // Outside of the workspace, beside a change in it.
    project.append("lib/src/lib.rs", "// two\n");
    assert!(is_stale("outside"));
    // What is staged does not count as modified.
    project.append("app/src/main.rs", "// one\n");
    project.shell("git add -A").ok();
    run("--until stage");
    assert!(!is_stale("none"));
    project.append("app/src/main.rs", "// two\n");
    project.shell("git add -A").ok();
    assert!(is_stale("staged"));
    // In the directory of another checkout, and in none.
    for (ignored, git) in [
        ("lib\n", "git -C lib init -q && git -C lib add -A"),
        ("lib\n", ":"),
    ] {
        project.append(".gitignore", ignored);
        project.shell("git rm -rq --cached lib; git add -A").ok();
        project.shell(git).ok();
        run("--until stage");
        assert!(is_stale("without a commit"));
        std::fs::remove_dir_all(project.path("lib/.git")).unwrap_or_default();
    }
}

#[test]
fn a_stage_is_done_for_what_it_was_asked() {
    let project = hello();
    let to = format!("--to file://{}", project.path("target/site").display());
    let run = |more: &str| project.xpkg(&format!("pipeline --target {X86_MUSL} {more}"));
    let state = |stage: &str, more: &str| {
        let status = run(&format!("--status {to} {more}")).ok().stdout;
        let line = status.lines().skip(1).find(|line| line.starts_with(stage));
        let (_, state) = line.unwrap().rsplit_once("  ").unwrap();
        state.to_owned()
    };
    // The tree is that of a release, wherever the run ends.
    run("--until verify").ok();
    run(&format!("--from docker --until publish {to}")).ok();
    let files = project.files("target/xpkg-release/0.1.0");
    assert!(
        files.iter().any(|file| file.ends_with(".cdx.json")),
        "{files:?}"
    );
    assert_eq!(state("publish", ""), "done");
    // The channel is the branch.
    project.shell("git checkout -q -b next").ok();
    assert_eq!(state("publish", ""), "stale: destination");
    assert_eq!(state("release", "--sign minisign:key"), "stale: sign");
    let unsigned = run(&format!(
        "--from publish --until publish --sign minisign:key {to}"
    ));
    assert!(
        unsigned.stderr.contains("state: stale: sign"),
        "{}",
        unsigned.stderr
    );
    let all = format!("--status --target {ARM_MUSL}");
    let all = run(&all).ok().stdout;
    assert!(all.contains("stale: targets"), "{all}");
    assert_eq!(state("stage", "--out-dir target/other"), "stale: options");
    let archive = files.iter().find(|file| file.ends_with(".tar.gz")).unwrap();
    let archive = format!("target/xpkg-release/0.1.0/{archive}");
    std::fs::remove_file(project.path(&archive)).unwrap();
    assert_eq!(
        state("release", ""),
        format!("stale: `{archive}` was changed or removed")
    );
}

#[test]
fn a_failure_is_recorded_and_told_once() {
    let project = hello();
    let run = |more: &str| project.xpkg(&format!("pipeline --target {X86_MUSL} {more}"));
    run("--until verify").ok();
    project.append("src/main.rs", "// more\n");
    let dirty = run("--message-format json");
    assert_eq!(dirty.code, Some(1));
    let document: serde_json::Value = serde_json::from_str(&dirty.stdout).unwrap();
    assert_eq!(document["problems"][0]["code"], "release-dirty");
    assert_eq!(
        document["summary"]["stages"][7]["end"]["failed"],
        "release-dirty"
    );
    // The summary is written wherever it is wanted, and its failure does not hide another one.
    run("--until stage --summary target/new/place/s.md").ok();
    assert!(
        project
            .read("target/new/place/s.md")
            .starts_with("**passed**")
    );
    project.append("src/main.rs", "#[more\n");
    let failed = run("--until stage --summary src");
    assert_eq!(failed.code, Some(101), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("error[file-access]"),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stdout.contains("failed: exit code 101"),
        "{}",
        failed.stdout
    );
    // Before cargo is started, too.
    project.write("target/xpkg/mine", "");
    let failed = run("--until stage --summary target/s.md");
    assert!(
        project
            .read("target/s.md")
            .starts_with("**failed in compile**")
    );
    assert!(
        failed.stdout.contains("failed: tree-foreign"),
        "{}",
        failed.stdout
    );
    std::fs::remove_file(project.path("target/xpkg/mine")).unwrap();
    // Without a plan, too.
    let manifest = project.read("Cargo.toml");
    project.append(
        "Cargo.toml",
        "\n[dependencies]\ngone = { git = \"file:///gone\" }\n",
    );
    assert_eq!(run("--until stage").code, Some(101));
    project.write("Cargo.toml", &manifest);
    let status = run("--status").ok().stdout;
    let fetch = normal(status.lines().nth(1).unwrap());
    assert!(fetch.ends_with("failed: exit code 101"), "{status}");
    // Damaged records are none.
    for file in ["stages.json", &format!("used-{X86_MUSL}-release.json")] {
        let file = project.path(&format!("target/xpkg-cache/{file}"));
        std::fs::write(file, b"\xff").unwrap();
    }
    let status = run("--status").ok().stdout;
    assert_eq!(status.matches("never run").count(), 9, "{status}");
}

#[test]
fn a_changed_toolchain_fails_the_gate_of_its_target() {
    let project = hello();
    let targets = format!("{X86_MUSL},{ARM_MUSL}");
    project
        .xpkg(&format!("lock -q --toolchains --target {targets}"))
        .ok();
    let text = project.read("xpkg.lock");
    let library = format!("\"lib/rustlib/{ARM_MUSL}/lib\" = \"sha256:");
    let at = text.find(&library).unwrap() + library.len();
    let other = format!("{}{}{}", &text[..at], "0".repeat(64), &text[at + 64..]);
    project.write("xpkg.lock", &other);
    let run = pipeline(&project, "--locked --until stage --message-format json");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let stages = document["summary"]["stages"].as_array().unwrap().iter();
    let failed: Vec<String> = stages
        .filter(|stage| stage["end"]["failed"] != serde_json::Value::Null)
        .map(|stage| format!("{} {}", stage["stage"], stage["target"]))
        .collect();
    assert_eq!(failed, [format!("\"gate\" \"{ARM_MUSL}\"")]);
    let problems = document["problems"].as_array().unwrap();
    let codes: Vec<&str> = problems
        .iter()
        .map(|problem| problem["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["toolchain-changed"]);
    let run = pipeline(&project, "--locked --from compile --until stage");
    assert!(run.stderr.contains("error["), "{}", run.stderr);
}
