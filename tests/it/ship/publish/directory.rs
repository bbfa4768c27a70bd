//! A directory as a store, which any static server serves.

use std::process::Command;

use snapbox::str;

use super::{Objects, index, machine, readable};
use crate::check;
use crate::ship::release::registry::workspace_at;
use crate::support::Project;

const TO: &str = "--to file://[SITE] --channel main";

/// Runs `publish` or `yank` at the directory `site`.
pub fn run(project: &Project, args: &str) -> crate::support::Run {
    let to = TO.replace("[SITE]", project.path("site").to_str().unwrap());
    let (command, rest) = args.split_once(' ').unwrap_or((args, ""));
    project.xpkg(&format!("{command} {to} {rest}"))
}

/// All objects of the directory `site`.
pub fn objects(project: &Project) -> Objects {
    let site = project.path("site");
    if !site.exists() {
        return Objects::new();
    }
    let files = project.files("site").into_iter();
    let own = files.filter(|path| !path.starts_with(".xpkg/"));
    own.map(|path| {
        let bytes = std::fs::read(site.join(&path)).unwrap();
        (path, bytes)
    })
    .collect()
}

#[test]
fn a_version_is_written_once_and_the_pointers_last() {
    let project = machine();
    let planned = run(&project, "publish releases/1.0.0 --dry-run");
    assert!(!project.path("site").exists());
    let published = run(&project, "publish releases/1.0.0").ok();
    assert_eq!(
        planned.ok().stdout.replace("would be put", "put"),
        published.stdout
    );
    check!(
        published,
        str![[r#"
exit 0
--- stdout
object                                                       size       fate
main/1.0.0/greeter-1.0.0-x86_64-unknown-linux-musl.cdx.json [SIZE]    put
main/1.0.0/greeter-1.0.0-x86_64-unknown-linux-musl.tar.gz [SIZE]  put
main/1.0.0/index.html [SIZE]    put
main/1.0.0/install.sh [SIZE]   put
main/1.0.0/provenance.intoto.json [SIZE]    put
main/1.0.0/registry/crates/greeter-1.0.0.crate [SIZE]      put
main/1.0.0/registry/crates/greeting-1.0.0.crate [SIZE]      put
main/1.0.0/registry/index/config.json [SIZE]       put
main/1.0.0/registry/index/gr/ee/greeter [SIZE]      put
main/1.0.0/registry/index/gr/ee/greeting [SIZE]      put
main/1.0.0/SHA256SUMS [SIZE]    put
main/1.0.0/release.json [SIZE]    put
main/registry/crates/greeter-1.0.0.crate [SIZE]      put
main/registry/crates/greeting-1.0.0.crate [SIZE]      put
main/registry/index/config.json [SIZE]       put
main/registry/index/gr/ee/greeter [SIZE]      put
main/registry/index/gr/ee/greeting [SIZE]      put
main/latest.json [SIZE]      put
main/latest/install.sh [SIZE]   put
main/index.html [SIZE]    put
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
   Published 1.0.0 in file://[ROOT]/site/main: 20 objects (20 put); latest is 1.0.0

"#]]
    );
    readable(&objects(&project));
}

#[test]
fn a_later_version_moves_the_pointers_and_an_older_one_does_not() {
    let project = machine();
    let latest = || project.json("site/main/latest.json")["version"].clone();
    let installer = || project.read("site/main/latest/install.sh");
    let script = |version: &str| project.read(&format!("releases/{version}/install.sh"));
    run(&project, "publish releases/1.1.0").ok();
    let older = run(&project, "publish releases/1.0.0").ok();
    assert!(older.stderr.contains(
        "     Noting the latest version stays 1.1.0: 1.0.0 is not later; `--move-latest` moves it \
         all the same\n"
    ), "{}", older.stderr);
    // A pre-release is none that users get unless they ask for it.
    run(&project, "publish releases/2.0.0-rc.1").ok();
    assert_eq!((latest(), installer()), ("1.1.0".into(), script("1.1.0")));
    let greeter = std::fs::read(project.path("site/main/registry/index/gr/ee/greeter")).unwrap();
    let versions: Vec<String> = index(&greeter)
        .into_iter()
        .map(|(version, _)| version)
        .collect();
    assert_eq!(versions, ["1.0.0", "1.1.0", "2.0.0-rc.1"]);
    run(&project, "publish releases/1.0.0 --move-latest").ok();
    assert_eq!((latest(), installer()), ("1.0.0".into(), script("1.0.0")));
    readable(&objects(&project));
    // Each is there, and is not written again.
    let again = run(&project, "publish releases/1.1.0 --message-format json").ok();
    let receipt: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    let fates = receipt["objects"].as_array().unwrap().iter();
    let swapped: Vec<&str> = fates
        .filter(|object| object["fate"] != "there")
        .map(|object| object["key"].as_str().unwrap())
        .collect();
    assert_eq!(
        swapped,
        [
            "main/latest.json",
            "main/latest/install.sh",
            "main/index.html"
        ]
    );
    assert_eq!(receipt["latest_before"], "1.0.0");
    assert_eq!(receipt["latest"], "1.1.0");
}

#[test]
fn a_version_with_other_files_is_refused() {
    let project = machine();
    run(&project, "publish releases/1.0.0").ok();
    let before = objects(&project);
    check!(
        run(&project, "publish releases/other"),
        str![[r#"
exit 1
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
error[version-immutable]: 1.0.0 is in the channel `main` already, with other files
  differs: main/1.0.0/SHA256SUMS
  help: raise the version in Cargo.toml, and release it

"#]]
    );
    assert_eq!(objects(&project), before);
    // One that was begun: no reader was led to it.
    std::fs::remove_file(project.path("site/main/latest.json")).unwrap();
    std::fs::remove_file(project.path("site/main/1.0.0/SHA256SUMS")).unwrap();
    std::fs::remove_dir_all(project.path("site/main/registry")).unwrap();
    check!(
        run(&project, "publish releases/other"),
        str![[r#"
exit 1
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
error[version-immutable]: 1.0.0 is in the channel `main` already, with other files
  differs: main/1.0.0/greeter-1.0.0-x86_64-unknown-linux-musl.cdx.json
           main/1.0.0/greeter-1.0.0-x86_64-unknown-linux-musl.tar.gz
           main/1.0.0/index.html
           main/1.0.0/install.sh
           main/1.0.0/provenance.intoto.json
           main/1.0.0/registry/crates/greeter-1.0.0.crate
           main/1.0.0/registry/crates/greeting-1.0.0.crate
           main/1.0.0/registry/index/gr/ee/greeter
           main/1.0.0/registry/index/gr/ee/greeting
           main/1.0.0/release.json
  state: its publication did not finish: no reader is led to it
  help: publish the release that was begun, or raise the version in Cargo.toml

"#]]
    );
    // A file that the release does not have.
    project.write("site/main/1.1.0/notes.txt", "a");
    check!(
        run(&project, "publish releases/1.1.0"),
        str![[r#"
exit 1
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
error[version-immutable]: 1.1.0 is in the channel `main` already, with other files
  not in the release: main/1.1.0/notes.txt
  state: its publication did not finish: no reader is led to it
  help: publish the release that was begun, or raise the version in Cargo.toml

"#]]
    );
    // A package of the registry alone.
    let project = machine();
    run(&project, "publish releases/1.0.0").ok();
    std::fs::remove_dir_all(project.path("site/main/1.0.0")).unwrap();
    std::fs::remove_file(project.path("site/main/latest.json")).unwrap();
    std::fs::remove_dir_all(project.path("site/main/registry/crates")).unwrap();
    check!(
        run(&project, "publish releases/other"),
        str![[r#"
exit 1
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
error[version-immutable]: greeter 1.0.0 is in the registry already, and it is another package
  index: file://[ROOT]/site/main/registry/index/gr/ee/greeter
  there: sha256 [SHA256]
  here: sha256 [SHA256]
  help: raise the version of `greeter` in its Cargo.toml
error[version-immutable]: greeting 1.0.0 is in the registry already, and it is another package
  index: file://[ROOT]/site/main/registry/index/gr/ee/greeting
  there: sha256 [SHA256]
  here: sha256 [SHA256]
  help: raise the version of `greeting` in its Cargo.toml

"#]]
    );
}

#[test]
fn what_is_at_the_store_and_not_understood_is_not_overwritten() {
    for (path, text) in [
        ("main/latest.json", "{\"schema_version\": 2}"),
        ("main/latest.json", "{}"),
        (
            "main/registry/index/gr/ee/greeter",
            "{\"name\":\"greeter\"}\n",
        ),
        (
            "main/registry/index/config.json",
            "{\"dl\":\"https://elsewhere\"}\n",
        ),
    ] {
        let project = machine();
        project.write(&format!("site/{path}"), text);
        let before = objects(&project);
        let refused = run(&project, "publish releases/1.0.0");
        assert_eq!(refused.code, Some(1), "{path}");
        assert_eq!(objects(&project), before);
    }
    let project = machine();
    run(&project, "publish releases/1.0.0").ok();
    let text = project
        .read("site/main/latest.json")
        .replace("greeter", "else");
    project.write("site/main/latest.json", &text);
    check!(
        run(&project, "publish releases/1.1.0"),
        str![[r#"
exit 1
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
error[channel-foreign]: `file://[ROOT]/site/main/latest.json` is of `else`, and the release is of `greeter`
  help: publish to another channel or below another prefix: `--channel NAME`

"#]]
    );
    // A link is not followed.
    let project = machine();
    std::fs::create_dir_all(project.path("site/main")).unwrap();
    std::fs::create_dir_all(project.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(project.path("elsewhere"), project.path("site/main/1.0.0")).unwrap();
    let refused = run(&project, "publish releases/1.0.0");
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert_eq!(project.files("elsewhere"), Vec::<String>::new());
}

#[test]
fn a_yanked_version_is_no_longer_the_latest_and_its_files_stay() {
    let project = machine();
    run(&project, "publish releases/1.0.0").ok();
    run(&project, "publish releases/1.1.0").ok();
    let to = format!(
        "--to file://{} --channel main",
        project.path("nowhere").display()
    );
    let missing = project.xpkg(&format!("yank 1.1.0 {to}"));
    assert!(
        missing
            .stderr
            .contains("error[version-unknown]: there is no `file://")
    );
    assert!(!project.path("nowhere").exists());
    let before = objects(&project);
    let planned = run(&project, "yank 1.1.0 --dry-run").ok();
    assert_eq!(objects(&project), before);
    let yanked = run(&project, "yank 1.1.0").ok();
    assert_eq!(
        planned.stdout.replace("would be swapped", "swapped"),
        yanked.stdout
    );
    check!(
        yanked,
        str![[r#"
exit 0
--- stdout
object                              size      fate
main/latest.json [SIZE]     swapped
main/registry/index/gr/ee/greeter [SIZE]     swapped
main/registry/index/gr/ee/greeting [SIZE]     swapped
main/latest/install.sh [SIZE]  swapped
main/index.html [SIZE]   swapped
--- stderr
      Yanked 1.1.0 in file://[ROOT]/site/main: 5 objects (5 swapped); latest is 1.0.0

"#]]
    );
    let after = objects(&project);
    let files = |objects: &Objects| objects.keys().cloned().collect::<Vec<String>>();
    assert_eq!(files(&after), files(&before));
    let greeter = &after["main/registry/index/gr/ee/greeter"];
    let expected = [("1.0.0".to_owned(), false), ("1.1.0".to_owned(), true)];
    assert_eq!(index(greeter), expected);
    assert_eq!(
        after["main/latest/install.sh"],
        after["main/1.0.0/install.sh"]
    );
    // Publishing it once more does not take that back.
    let again = run(&project, "publish releases/1.1.0").ok();
    assert!(
        again.stderr.contains("stays 1.0.0: 1.1.0 is yanked\n"),
        "{}",
        again.stderr
    );
    assert_eq!(objects(&project), after);
    // Without any version, the script says so.
    run(&project, "yank 1.0.0").ok();
    let output = Command::new("/bin/sh")
        .arg(project.path("site/main/latest/install.sh"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "there is no version of greeter to install\n"
    );
    run(&project, "yank 1.0.0 --undo").ok();
    run(&project, "yank 1.1.0 --undo").ok();
    assert_eq!(objects(&project), before);
    check!(
        run(&project, "yank 3.0.0"),
        str![[r#"
exit 1
--- stderr
error[version-unknown]: `file://[ROOT]/site/main/latest.json` has no version `3.0.0`
  versions: 1.1.0
            1.0.0

"#]]
    );
}

#[test]
fn the_command_that_follows_gets_the_pointers_and_its_failure_is_told_apart() {
    let project = machine();
    project.write(
        "Cargo.toml",
        "[package]\nname = \"site\"\nversion = \"0.0.0\"\nedition = \"2024\"\n",
    );
    project.write("src/lib.rs", "");
    project.write(
        "xpkg.toml",
        &format!(
            "[publish]\nto = \"file://{}\"\nchannel = \"main\"\n\
             after = [\"cdn\", \"purge\", \"{{channel}}@{{version}}\", \"{{paths}}\"]\n",
            project.path("site").display()
        ),
    );
    let project = project.fake("cdn", "out purging\nexit 7\n");
    let failed = project.xpkg("publish releases/1.0.0");
    check!(
        failed,
        str![[r#"
exit 3
--- stdout
object                                                       size       fate
main/1.0.0/greeter-1.0.0-x86_64-unknown-linux-musl.cdx.json [SIZE]    put
main/1.0.0/greeter-1.0.0-x86_64-unknown-linux-musl.tar.gz [SIZE]  put
main/1.0.0/index.html [SIZE]    put
main/1.0.0/install.sh [SIZE]   put
main/1.0.0/provenance.intoto.json [SIZE]    put
main/1.0.0/registry/crates/greeter-1.0.0.crate [SIZE]      put
main/1.0.0/registry/crates/greeting-1.0.0.crate [SIZE]      put
main/1.0.0/registry/index/config.json [SIZE]       put
main/1.0.0/registry/index/gr/ee/greeter [SIZE]      put
main/1.0.0/registry/index/gr/ee/greeting [SIZE]      put
main/1.0.0/SHA256SUMS [SIZE]    put
main/1.0.0/release.json [SIZE]    put
main/registry/crates/greeter-1.0.0.crate [SIZE]      put
main/registry/crates/greeting-1.0.0.crate [SIZE]      put
main/registry/index/config.json [SIZE]       put
main/registry/index/gr/ee/greeter [SIZE]      put
main/registry/index/gr/ee/greeting [SIZE]      put
main/latest.json [SIZE]      put
main/latest/install.sh [SIZE]   put
main/index.html [SIZE]    put
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
   Published 1.0.0 in file://[ROOT]/site/main: 20 objects (20 put); latest is 1.0.0
     Running cdn
purging
error[hook-failed]: 1.0.0 is published, and the command that follows failed
  cause: `cdn` exited with 7
  help: publish again: the command runs each time

"#]]
    );
    readable(&objects(&project));
    // It runs again, with the same paths: what the cache has may be older.
    let line = "cat >got.json; printf '%s\\n' \"$@\" >words";
    std::fs::remove_file(project.bin.join("cdn")).unwrap();
    let script = format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{line}\n");
    std::fs::write(project.bin.join("cdn"), script).unwrap();
    std::fs::set_permissions(
        project.bin.join("cdn"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let again = project
        .xpkg("publish releases/1.0.0 --message-format json")
        .ok();
    let paths = [
        "/main/registry/index/config.json",
        "/main/registry/index/gr/ee/greeter",
        "/main/registry/index/gr/ee/greeting",
        "/main/latest.json",
        "/main/latest/install.sh",
        "/main/index.html",
    ];
    assert_eq!(
        project.json("got.json"),
        serde_json::json!({"prefix": "", "channel": "main", "version": "1.0.0", "paths": paths})
    );
    assert_eq!(
        project.read("words"),
        format!("purge\nmain@1.0.0\n{}\n", paths.join("\n"))
    );
    let receipt: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(receipt["hook"][2], "main@1.0.0");
}

#[test]
fn what_is_missing_or_wrong_is_named_before_the_store_is_asked() {
    let project = machine();
    let site = project.path("site");
    let to = format!("--to file://{}", site.display());
    for (args, expected) in [
        ("publish".to_owned(), "there is no store to publish to"),
        (
            "publish --to /srv/site".to_owned(),
            "`/srv/site` is not the address of a store: it begins with neither `s3://` nor `file://`",
        ),
        (
            format!("publish {to}"),
            "there is no channel to publish to: no branch is checked out",
        ),
        (
            format!("publish {to} --channel a/b"),
            "`a/b` is not the name of a channel",
        ),
        (
            format!("publish {to} --channel main"),
            "there is no release here, and no workspace",
        ),
        (
            format!("publish nothing {to} --channel main"),
            "there is no release at `[ROOT]/nothing`: it has no `release.json`",
        ),
        (
            format!("publish releases/1.0.0 {to} --channel main --accept not-pie"),
            "`--accept not-pie`: no such finding is accepted here",
        ),
        (
            format!("publish releases/1.0.0 {to} --channel main --endpoint http://x"),
            "`--endpoint` is for a bucket, and `--to` names a directory",
        ),
        (
            format!("publish releases/1.0.0 {to} --channel stable"),
            "the address of the release is `http://127.0.0.1:9/main/1.0.0`, which does not end with `/stable/1.0.0`",
        ),
        (
            "publish releases/1.0.0 --to s3://get --channel main".to_owned(),
            "no region is set for S3",
        ),
    ] {
        let refused = project.xpkg(&args);
        assert_eq!(refused.code, Some(1), "{args}");
        let first = refused
            .text()
            .lines()
            .find(|line| line.contains("error["))
            .unwrap()
            .to_owned();
        let (_, message) = first.split_once("]: ").unwrap();
        assert_eq!(message, expected, "{args}");
        assert!(refused.stderr.contains("  help: "), "{args}");
        assert!(!site.exists());
    }
    // A release that was changed after it was written.
    let line = "PATH=/usr/bin:/bin; cp -rL releases/1.0.0 changed; echo x >>changed/install.sh";
    project.shell(line).ok();
    let refused = project.xpkg(&format!("publish changed {to} --channel main"));
    assert!(
        refused
            .stderr
            .contains("does not pass verification, so it is not published"),
        "{}",
        refused.stderr
    );
    // What a server maps.
    let accepted = format!("publish releases/1.0.0 {to} --channel stable --accept publish-url -q");
    project.xpkg(&accepted).ok();
}

#[test]
fn the_channel_is_the_branch_and_the_release_the_only_one() {
    let project = workspace_at("http://127.0.0.1:9/feature-x/registry", "1.0.0");
    let settings = format!(
        "[publish]\nto = \"file://{}/\"\n[release]\ninstallers = false\n",
        project.path("site").display()
    );
    project.write("xpkg.toml", &settings);
    project.write(".gitignore", "/target\n/site\n");
    project.shell("git checkout --quiet -b feature/X").ok();
    project.commit();
    let missing = project.xpkg("publish");
    assert!(
        missing.stderr.contains("there is no release in `"),
        "{}",
        missing.stderr
    );
    project.xpkg("release -q").ok();
    let published = project.xpkg("publish").ok();
    assert!(
        published.stderr.contains("site/feature-x: "),
        "{}",
        published.stderr
    );
    assert!(!project.path("site/feature-x/latest/install.sh").exists());
    project
        .xpkg("release -q --release-dir target/xpkg-release/second")
        .ok();
    let several = project.xpkg("publish");
    assert!(
        several.stderr.contains("has several releases"),
        "{}",
        several.stderr
    );
    // That of the workspace's version, not the last one.
    let help = format!(
        "help: pass the one to publish: `cargo xpkg publish {}`\n",
        project.path("target/xpkg-release/1.0.0").display()
    );
    assert!(several.stderr.ends_with(&help), "{}", several.stderr);
}
