//! Trees that somebody made to do harm: nothing is written, removed or run because a manifest says
//! so.

use std::io::BufReader;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use snapbox::str;

use crate::check;
use crate::support::{HOST, Project, said_until, tool, until};

/// A project with a tree, and a file beside it that must not change.
fn victim() -> Project {
    let project = Project::of("hello");
    project.write("victim/b", "the user's");
    project.xpkg("build -q").ok();
    project
}

/// Sets a field of the manifest, and writes both lists as the tree's author would.
fn forge(project: &Project, pointer: &str, value: Value) {
    let mut manifest = project.json("target/xpkg/manifest.json");
    *manifest.pointer_mut(pointer).unwrap() = value;
    let artifact = &manifest["artifacts"][0];
    let line = format!(
        "{}  {}\n",
        artifact["sha256"].as_str().unwrap_or_default(),
        artifact["path"].as_str().unwrap_or_default()
    );
    project.write("target/xpkg/MANIFEST.txt", &line);
    project.write("target/xpkg/manifest.json", &manifest.to_string());
}

#[test]
fn every_reader_refuses_a_field_that_does_not_have_its_form() {
    let project = victim();
    let good = project.read("target/xpkg/manifest.json");
    let record = |field: &str| format!("/targets/0/{field}");
    let artifact = |field: &str| format!("/artifacts/0/{field}");
    let rows = [
        (
            artifact("path"),
            json!("../../victim/b"),
            "the path `../../victim/b` is not one below the tree: it has a component `..`",
        ),
        (
            artifact("path"),
            json!("/etc/passwd"),
            "the path `/etc/passwd` is not one below the tree: it has an empty component",
        ),
        (
            artifact("path"),
            json!("a\u{202e}b"),
            "`a\\u{202e}b` has characters that cannot be seen",
        ),
        (
            artifact("path"),
            json!("manifest.json"),
            "the path `manifest.json` is not one below the tree: the name is reserved for the manifest",
        ),
        (
            artifact("bin"),
            json!("../../../victim/b"),
            "`bin` of `x86_64-unknown-linux-gnu/hello/hello` is `../../../victim/b`, not a name",
        ),
        (
            artifact("package"),
            json!("../../victim"),
            "`package` of `x86_64-unknown-linux-gnu/hello/hello` is `../../victim`, not a name",
        ),
        (
            artifact("package"),
            json!(".."),
            "`package` of `x86_64-unknown-linux-gnu/hello/hello` is `..`, not a name",
        ),
        (
            artifact("version"),
            json!("1\n error[x]: forged"),
            "`1\\n error[x]: forged` has characters that cannot be seen",
        ),
        (
            artifact("version"),
            json!("../1"),
            "`version` of `x86_64-unknown-linux-gnu/hello/hello` is `../1`, not a version",
        ),
        (
            artifact("profile"),
            json!("--release"),
            "`profile` of `x86_64-unknown-linux-gnu/hello/hello` is `--release`, not a profile",
        ),
        (
            artifact("mode"),
            json!("4755"),
            "`mode` of `x86_64-unknown-linux-gnu/hello/hello` is `4755`, not a mode such as `0755`",
        ),
        (
            artifact("size"),
            json!(u64::MAX),
            "`size` of `x86_64-unknown-linux-gnu/hello/hello` is `18446744073709551615`, not a size",
        ),
        (
            artifact("sha256"),
            json!("AB"),
            "`sha256` of `x86_64-unknown-linux-gnu/hello/hello` is `AB`, not 64 hex digits",
        ),
        (
            artifact("target"),
            json!("x86_64-unknown-linux-musl"),
            "`x86_64-unknown-linux-gnu/hello/hello` is built by no record of its target",
        ),
        (
            record("target"),
            json!("../x"),
            "is for the unknown target `../x`",
        ),
        (
            record("platform/os"),
            json!("linux/../../.."),
            "is `linux/../../../amd64`, not `linux/amd64`, that of `x86_64-unknown-linux-gnu`",
        ),
        (
            record("platform/variant"),
            json!("../.."),
            "is `linux/amd64/../..`, not `linux/amd64`, that of `x86_64-unknown-linux-gnu`",
        ),
        (
            record("libc"),
            json!("musl"),
            "is `musl`, not `gnu`, that of `x86_64-unknown-linux-gnu`",
        ),
        (
            record("glibc"),
            json!("x"),
            "is `x`, not a glibc floor of its target",
        ),
        (
            record("id"),
            json!("../x"),
            "the `id` of a record is `../x`, not 16 hex digits",
        ),
        (
            record("source/commit"),
            json!("--output=victim/b"),
            "is `--output=victim/b`, not a commit",
        ),
        (
            record("source/commit"),
            json!("HEAD"),
            "is `HEAD`, not a commit",
        ),
        (
            record("source/cargo_lock_sha256"),
            json!(""),
            "is ``, not 64 hex digits",
        ),
        (
            record("rustc/release"),
            json!("-V"),
            "is `-V`, not a version",
        ),
        (record("rustc/host"), json!("a/b"), "is `a/b`, not a triple"),
        (
            record("source/repository"),
            json!("\u{1b}[2J"),
            "`\\u{1b}[2J` has characters that cannot be seen",
        ),
        (
            record("toolchain/variables"),
            json!({"A=B": "x"}),
            "is `A=B`, not a variable",
        ),
        (
            artifact("binary/level"),
            json!({"arch": "riscv", "extensions": ["i", "a b"], "float": "double"}),
            "`binary.level` of `x86_64-unknown-linux-gnu/hello/hello` is `a b`, not names of extensions",
        ),
        (
            "/$schema".to_owned(),
            json!("other"),
            "`$schema` is `other`, not urn:cargo-xpkg:manifest:1",
        ),
    ];
    for (pointer, value, expected) in rows {
        project.write("target/xpkg/manifest.json", &good);
        forge(&project, &pointer, value);
        for args in [
            "show",
            "clean",
            "build",
            "docker --no-build --context context",
            "docker --from target/xpkg --oci layout",
            "docker --from target/xpkg --context context",
        ] {
            let run = project.xpkg(args);
            let said = format!("{args}: {pointer}: {}", run.stderr);
            assert_eq!(run.code, Some(1), "{said}");
            assert!(run.stderr.contains(expected), "{said}");
        }
        let run = project.xpkg("verify target/xpkg");
        let said = format!("{pointer}: {}", run.stdout);
        assert_eq!(run.code, Some(1), "{said}");
        assert!(run.stdout.contains("list-unreadable"), "{said}");
        assert_eq!(project.read("victim/b"), "the user's", "{pointer}");
        assert!(project.path("target/xpkg").join(HOST).exists(), "{pointer}");
        assert!(!project.path("context").exists(), "{pointer}");
        assert!(!project.path("layout").exists(), "{pointer}");
    }
}

#[test]
fn records_and_paths_must_fit_each_other() {
    let project = victim();
    let good = project.json("target/xpkg/manifest.json");
    let refused = |manifest: &Value, expected: &str| {
        project.write("target/xpkg/manifest.json", &manifest.to_string());
        let run = project.xpkg("show");
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    let mut twice = good.clone();
    let record = good["targets"][0].clone();
    twice["targets"].as_array_mut().unwrap().push(record);
    refused(&twice, "` is listed twice");
    let mut below = good.clone();
    let mut artifact = good["artifacts"][0].clone();
    artifact["path"] = json!(format!("{HOST}/hello/hello/x"));
    below["artifacts"].as_array_mut().unwrap().push(artifact);
    refused(
        &below,
        "`x86_64-unknown-linux-gnu/hello/hello` is listed as a file, and \
         `x86_64-unknown-linux-gnu/hello/hello/x` below it",
    );
}

#[test]
fn clean_removes_nothing_behind_a_link() {
    let project = victim();
    // The victim's directory has the name of a directory of the tree.
    std::fs::remove_dir_all(project.path("target/xpkg").join(HOST)).unwrap();
    std::fs::create_dir(project.path("victim/hello")).unwrap();
    project.write("victim/hello/hello", "the user's");
    symlink(
        project.path("victim"),
        project.path("target/xpkg").join(HOST),
    )
    .unwrap();
    check!(
        project.xpkg("clean"),
        str![[r#"
exit 1
--- stderr
     Removed 2 files in [ROOT]/target/xpkg
error[tree-foreign]: `[ROOT]/target/xpkg` contains files that xpkg did not create; they are kept
  untracked: x86_64-unknown-linux-gnu
  help: remove them by hand if they are not needed

"#]]
    );
    assert_eq!(project.read("victim/hello/hello"), "the user's");
}

#[test]
fn clean_does_not_take_the_workspace_for_a_tree() {
    let project = victim();
    // A checkout that commits a manifest of its own sources.
    let source = std::fs::read(project.path("src/main.rs")).unwrap();
    forge(&project, "/artifacts/0/path", json!("src/main.rs"));
    for name in ["manifest.json", "MANIFEST.txt"] {
        project.write(name, &project.read(&format!("target/xpkg/{name}")));
    }
    project.write("xpkg.toml", "out-dir = \".\"\n");
    check!(
        project.xpkg("clean"),
        str![[r#"
exit 1
--- stderr
error[out-dir-unfit]: `[ROOT]` cannot be the out-dir: it contains the workspace
  help: choose a directory that contains nothing else: `--out-dir dist`

"#]]
    );
    assert_eq!(std::fs::read(project.path("src/main.rs")).unwrap(), source);
}

#[test]
fn a_pipe_in_place_of_a_manifest_does_not_block() {
    let project = victim();
    std::fs::remove_file(project.path("target/xpkg/manifest.json")).unwrap();
    let made = Command::new(tool("mkfifo"))
        .arg(project.path("target/xpkg/manifest.json"))
        .status()
        .unwrap();
    assert!(made.success());
    for args in ["show", "clean", "build"] {
        let run = project.xpkg(args);
        assert_eq!(run.code, Some(1), "{args}");
        assert!(
            run.stderr
                .contains("manifest.json`: it is a pipe, not a regular file"),
            "{args}: {}",
            run.stderr
        );
    }
}

#[test]
fn clean_does_not_take_the_wrappers_of_a_running_build_away() {
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
    project.write("target/xpkg-cache/tools/wrapper", "");
    let mut build = project.command("build -q --out-dir dist").spawn().unwrap();
    until("the build compiles", || {
        project.path("compiles").exists().then_some(())
    });
    let mut clean = project
        .command("clean")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(clean.stderr.take().unwrap());
    said_until(
        &format!(
            "    Blocking waiting for another run on `{}/target/xpkg-cache`",
            project.root.display()
        ),
        &mut said,
    );
    assert!(project.path("target/xpkg-cache/tools/wrapper").exists());
    std::fs::write(go, "").unwrap();
    assert!(build.wait().unwrap().success());
    assert!(clean.wait().unwrap().success());
    assert!(!project.path("target/xpkg-cache").exists());
    assert!(!project.path("target/.xpkg-cache.lock").exists());
}

#[test]
fn clean_does_not_remove_the_tree_of_another_project() {
    let other = victim();
    let tree = other.path("target/xpkg");
    let project = Project::of("hello");
    project.write("xpkg.toml", &format!("out-dir = \"{}\"\n", tree.display()));
    let run = project.xpkg("clean");
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.stderr,
        format!(
            "error[outside-workspace]: `out-dir` of the configuration leads to `{0}`, which is \
             outside the workspace\n  help: name it, if it is yours: `--out-dir {0}`\n",
            tree.display()
        )
    );
    assert!(tree.join("manifest.json").exists());
    // As the help says.
    project
        .xpkg(&format!("clean --out-dir {}", tree.display()))
        .ok();
    assert!(!tree.exists());
}

#[test]
fn a_users_file_with_the_name_of_a_lock_stays() {
    let project = victim();
    project
        .xpkg("build -q --target x86_64-unknown-linux-musl")
        .ok();
    project.write(".dist.lock", "the user's");
    project.write("target/.xpkg.lock", "the user's");
    project
        .xpkg("docker -q --context dist --no-build --target x86_64-unknown-linux-musl")
        .ok();
    project.xpkg("clean").ok();
    assert_eq!(project.read(".dist.lock"), "the user's");
    assert_eq!(project.read("target/.xpkg.lock"), "the user's");
}

#[test]
fn no_configuration_of_git_from_elsewhere_starts_a_program() {
    let project = Project::of("hello");
    let git = |line: &str| {
        let done = Command::new("sh")
            .args(["-c", line])
            .current_dir(&project.root)
            .status()
            .unwrap();
        assert!(done.success(), "{line}");
    };
    git("git init -q . && git add -A && git -c user.name=a -c user.email=a@b commit -qm a");
    project
        .xpkg("build -q --out-dir dist --target x86_64-unknown-linux-musl")
        .ok();
    // A directory of a checkout that is a bare repository, and one with a `.git` of its own: the
    // commit of the manifest is in neither, and would be fetched.
    let started = project.path("started");
    let dist = project.path("dist").display().to_string();
    for (name, place) in [("../bare", ""), ("../own", ".git/")] {
        let configuration = format!(
            "[core]\n\trepositoryformatversion = 1\n\tbare = {}\n\tsshCommand = touch {}; false\n\
             [extensions]\n\tpartialClone = origin\n[remote \"origin\"]\n\tpromisor = true\n\turl = \
             ssh://x.invalid/y\n",
            place.is_empty(),
            started.display()
        );
        for directory in ["objects", "refs"] {
            std::fs::create_dir_all(project.path(&format!("{name}/{place}{directory}"))).unwrap();
        }
        project.write(&format!("{name}/{place}HEAD"), "ref: refs/heads/main\n");
        project.write(&format!("{name}/{place}config"), &configuration);
        let run = project
            .xpkg_in(name, &format!("docker --from {dist} --oci out"))
            .ok();
        assert!(!started.exists(), "{name}: {}", run.stderr);
    }
}
