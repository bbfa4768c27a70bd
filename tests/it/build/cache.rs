//! Caches of target directories: keys, and what a build of a fresh checkout finds in a pruned one.

use snapbox::str;

use crate::check;
use crate::support::{Project, X86_MUSL};

/// `with-c`, whose build script has dependencies, in git.
fn with_c() -> Project {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar");
    project.write(".gitignore", "/target\n");
    project.commit();
    project
}

fn build(project: &Project, more: &str) -> String {
    let run = project.xpkg(&format!("build -vv --target {X86_MUSL} {more}"));
    run.ok().stderr
}

#[test]
fn a_pruned_cache_has_what_a_fresh_checkout_uses() {
    let project = with_c();
    build(&project, "--config profile.release.build-override.debug=1");
    let used = project.files("target/release/deps");
    build(&project, "");
    let all = project.files("target/release/deps");
    let planned = project.xpkg("cache prune --dry-run").ok();
    assert_eq!(project.files("target/release/deps"), all);
    let pruned = project.xpkg("cache prune").ok();
    assert_eq!(planned.stdout, pruned.stdout);
    check!(
        pruned,
        str![[r#"
exit 0
--- stdout
directory                            before    after  removed
release [SIZE] [SIZE]       16
x86_64-unknown-linux-musl/release [SIZE] [SIZE]       12
--- stderr
      Pruned [ROOT]/target: [SIZE] before, [SIZE] after

"#]]
    );
    // Units of the settings before went, and so did those of the member.
    let left = project.files("target/release/deps");
    assert!(left.iter().all(|file| !used.contains(file)), "{left:?}");
    assert!(!left.is_empty());
    let of_target = project.files(&format!("target/{X86_MUSL}/release"));
    let locks = of_target.iter().filter(|file| !file.ends_with("lock"));
    assert_eq!(locks.count(), 0, "{of_target:?}");
    // Files of a checkout are newer than the cache.
    project.xpkg("clean").ok();
    for file in ["src/main.rs", "build.rs"] {
        project.write(file, &project.read(file));
    }
    let second = build(&project, "");
    for name in ["cc", "shlex"] {
        assert!(second.contains(&format!("Fresh {name} v")), "{second}");
    }
    assert!(second.contains("Compiling with-c v0.1.0"), "{second}");
    assert_eq!(second.matches("Compiling ").count(), 1, "{second}");
}

#[test]
fn nothing_is_removed_that_no_build_has_recorded() {
    let project = with_c();
    check!(
        project.xpkg("cache prune"),
        str![[r#"
exit 1
--- stderr
error[cache-unrecorded]: no build is recorded in `[ROOT]/target`
  help: build first: `cargo xpkg build`

"#]]
    );
    build(&project, "");
    let files = project.files("target");
    check!(
        project.xpkg("cache prune --target aarch64-unknown-linux-musl"),
        str![[r#"
exit 1
--- stderr
error[cache-unrecorded]: no build of `aarch64-unknown-linux-musl` is recorded in `[ROOT]/target`
  help: build first: `cargo xpkg build`

"#]]
    );
    // Of a cargo that lays its files out in another way.
    let record = format!("target/xpkg-cache/used-{X86_MUSL}-release.json");
    let text = project.read(&record);
    let other = "\"unknown\":\"/target/release/build/cc/0123456789abcdef/out/libcc.rlib\"";
    project.write(&record, &text.replace("\"unknown\":null", other));
    check!(
        project.xpkg("cache prune"),
        str![[r#"
exit 1
--- stderr
error[cache-layout]: `/target/release/build/cc/0123456789abcdef/out/libcc.rlib` is not where cargo's known layout has it
  help: do without pruning: the cache is larger, and serves as well

"#]]
    );
    // From a cache that somebody else could write to.
    project.write("examples/mine.rs", "");
    project.write(
        &record,
        &text.replace("\"units\":{", "\"units\":{\"..\":[],"),
    );
    check!(
        project.xpkg("cache prune"),
        str![[r#"
exit 1
--- stderr
error[cache-layout]: `..` is recorded, and not in `[ROOT]/target`
  help: record it again: `cargo xpkg build`
  help: do without pruning: the cache is larger, and serves as well

"#]]
    );
    assert!(project.path("examples/mine.rs").exists());
    // Of another version of xpkg.
    project.write(
        &record,
        &text.replace("\"schema_version\":1", "\"schema_version\":2"),
    );
    check!(
        project.xpkg("cache prune"),
        str![[r#"
exit 1
--- stderr
    Ignoring `used-x86_64-unknown-linux-musl-release.json`: no record of a build, or one of another version of xpkg
error[cache-unrecorded]: no build is recorded in `[ROOT]/target`
  help: build first: `cargo xpkg build`

"#]]
    );
    assert_eq!(project.files("target"), files);
    project.write(&record, &text);
    // Directories of other builds, and files of the user's, stay.
    project.write("target/debug/.fingerprint/x", "");
    project.write("target/release/notes.txt", "");
    check!(
        project.xpkg("cache prune"),
        str![[r#"
exit 0
--- stdout
directory                           before    after  removed
release [SIZE] [SIZE]        2
x86_64-unknown-linux-musl/release [SIZE] [SIZE]        7
--- stderr
     Keeping 1 path in release that cargo's layout does not explain: notes.txt
     Keeping debug, which no recorded build uses; remove it by hand
      Pruned [ROOT]/target: [SIZE] before, [SIZE] after

"#]]
    );
    assert!(project.path("target/debug/.fingerprint/x").exists());
    assert!(project.path("target/release/notes.txt").exists());
}

#[test]
fn a_key_moves_with_what_it_is_made_of() {
    let project = with_c();
    let key = |more: &str| {
        let run = project.xpkg(&format!("cache key --target {X86_MUSL} {more}"));
        run.ok().stdout
    };
    let first = key("");
    let prefix = |key: &str| key.rsplit_once('-').unwrap().0.to_owned();
    // A member's sources and version are not in it.
    project.append("src/main.rs", "// more\n");
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", &manifest.replace("0.1.0", "0.1.1"));
    assert_eq!(key(""), first);
    project.write("Cargo.toml", &manifest);
    build(&project, "");
    let explained = project.xpkg(&format!("cache key -v --target {X86_MUSL}"));
    let parts = explained.stderr.lines().filter_map(|line| {
        let part = line.trim_start().strip_prefix("Part ")?;
        Some(part.split_once(" = ")?.0)
    });
    assert_eq!(
        parts.collect::<Vec<_>>().join(" "),
        "target profile profile-settings packages features rustc rustflags linker c-compiler image \
         probes configuration lock"
    );
    assert!(
        explained
            .stderr
            .ends_with("       Moved nothing since the recorded build\n"),
        "{}",
        explained.stderr
    );
    for more in ["--profile dev", "--config profile.release.lto=true"] {
        assert_ne!(prefix(&key(more)), prefix(&first), "{more}");
    }
    // Recorded with another lockfile.
    let record = format!("target/xpkg-cache/used-{X86_MUSL}-release.json");
    let text = project.read(&record);
    let lock = text.split("\"lock\",\"value\":\"").nth(1).unwrap();
    project.write(&record, &text.replace(&lock[..16], "0123456789abcdef"));
    let other = project.xpkg(&format!("cache key -v --target {X86_MUSL}"));
    assert!(
        other
            .stderr
            .ends_with("       Moved lock, since the recorded build\n")
    );
    let outputs = project.xpkg(&format!("cache key --for github --target {X86_MUSL}"));
    assert_eq!(
        outputs.ok().stdout,
        format!(
            "key={}\nrestore-keys={}-\npath<<XPKG_END_OF_PATHS\ntarget/{X86_MUSL}/release\n\
             target/release\ntarget/xpkg-cache\nXPKG_END_OF_PATHS\n",
            first.trim_end(),
            prefix(&first)
        )
    );
    let json = project.xpkg(&format!(
        "cache key --message-format json --target {X86_MUSL}"
    ));
    let json: serde_json::Value = serde_json::from_str(&json.ok().stdout).unwrap();
    assert_eq!(json["key"], first.trim_end());
    assert_eq!(json["targets"][0]["target"], X86_MUSL);
    assert_eq!(json["directories"][2], "target/xpkg-cache");
}

#[test]
fn a_directory_of_its_own_for_intermediate_files_is_refused() {
    let project = with_c();
    let place = project.path("elsewhere");
    let variables = [("CARGO_BUILD_BUILD_DIR", place.to_str().unwrap())];
    for line in ["cache prune", "cache key --for github"] {
        check!(
            project.xpkg_with(&variables, line),
            str![[r#"
exit 1
--- stderr
error[cache-layout]: cargo's intermediate files are in `[ROOT]/elsewhere` (`build.build-dir`), not in the target directory
  help: remove `build.build-dir` from cargo's configuration, and `CARGO_BUILD_BUILD_DIR`

"#]]
        );
    }
}
