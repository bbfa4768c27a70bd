//! `merge`: every reason why legs are not joined.

use cargo_xpkg::digest::sha256;
use snapbox::str;

use super::legs::{Legs, Merged, copy};
use crate::check;
use crate::support::{ARM_MUSL, X86_MUSL};

#[test]
fn a_leg_that_is_missing_is_named_with_its_command() {
    let legs = Legs::new();
    check!(
        legs.merge_these(&format!("legs/{X86_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[leg-missing]: no tree is of the leg `aarch64-unknown-linux-musl`
  trees: [ROOT]/legs/x86_64-unknown-linux-musl: x86_64-unknown-linux-musl
  help: run the leg: `cargo xpkg build --target aarch64-unknown-linux-musl --out-dir target/xpkg-legs/aarch64-unknown-linux-musl --locked`

"#]]
    );
    assert!(!legs.project.path("merged").exists());
}

#[test]
fn a_leg_that_nobody_expects_is_rejected() {
    let legs = Legs::new();
    let list = legs.project.json("legs.json");
    let mut one = list.clone();
    one["legs"].as_array_mut().unwrap().pop();
    legs.project.write("legs.json", &one.to_string());
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-unexpected]: `[ROOT]/legs/aarch64-unknown-linux-musl` has targets that no leg builds
  unexpected: aarch64-unknown-linux-musl
  expected: x86_64-unknown-linux-musl
  help: leave the tree out, or write the list with all targets: `cargo xpkg matrix --for json`

"#]]
    );
}

#[test]
fn a_leg_with_other_programs_is_rejected() {
    let legs = Legs::new();
    legs.edit(
        "legs.json",
        "\"path\": \"x86_64-unknown-linux-musl/hello/hello\"",
        "\"path\": \"x86_64-unknown-linux-musl/hello/hallo\"",
    );
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-incomplete]: `[ROOT]/legs/x86_64-unknown-linux-musl` lacks programs of the leg `x86_64-unknown-linux-musl`
  missing: x86_64-unknown-linux-musl/hello/hallo
  help: run the leg again: `cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --locked`
error[leg-unexpected]: `[ROOT]/legs/x86_64-unknown-linux-musl` has programs that the leg `x86_64-unknown-linux-musl` does not build
  unexpected: x86_64-unknown-linux-musl/hello/hello
  help: run the leg again: `cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --locked`

"#]]
    );
}

#[test]
fn a_leg_of_another_commit_is_rejected() {
    let legs = Legs::new();
    let commit = legs.project.json("legs.json")["source"]["commit"].clone();
    legs.edit_leg(ARM_MUSL, commit.as_str().unwrap(), &"0a".repeat(20));
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-commit]: `[ROOT]/legs/aarch64-unknown-linux-musl`: the leg `aarch64-unknown-linux-musl` is of another commit than expected
  found: [COMMIT]
  expected: [COMMIT]
  help: build all legs at the commit of the list

"#]]
    );
}

#[test]
fn a_leg_with_uncommitted_changes_is_rejected_or_recorded() {
    let legs = Legs::new();
    legs.edit_leg(ARM_MUSL, "\"dirty\": false", "\"dirty\": true");
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-dirty]: uncommitted changes are in `aarch64-unknown-linux-musl`
  help: commit the files, or ignore them in `.gitignore`; to merge all the same: `--accept leg-dirty`

"#]]
    );
    check!(
        legs.merge("--accept leg-dirty"),
        str![[r#"
exit 0
--- stdout
target                      package  bin         size  linkage     glibc  sha256
aarch64-unknown-linux-musl  hello    hello [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-musl   hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
      Noting 2 manifests taken as carried: no digest was passed (`--leg NAME=DIGEST`)
      Noting 1 accepted finding in the manifest, as waivers
      Merged 2 legs: 2 files in [ROOT]/merged

"#]]
    );
    legs.project.xpkg("verify merged").ok();
    let manifest = legs.project.json("merged/manifest.json");
    crate::build::chat::the_schema_holds(&manifest);
    let waivers = |number: usize| manifest["targets"][number]["waivers"].clone();
    assert_eq!(waivers(0)[0]["code"], "leg-dirty");
    assert_eq!(waivers(1), serde_json::json!([]));
}

#[test]
fn a_leg_with_another_lockfile_is_rejected() {
    let legs = Legs::new();
    let lock = legs.project.json("legs.json")["source"]["cargo_lock_sha256"].clone();
    legs.edit_leg(ARM_MUSL, lock.as_str().unwrap(), &"0a".repeat(32));
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-lock]: `[ROOT]/legs/aarch64-unknown-linux-musl`: the leg `aarch64-unknown-linux-musl` has another Cargo.lock than expected
  found: [SHA256]
  expected: [SHA256]
  help: commit Cargo.lock, and pass `--locked` to `matrix`, for all legs

"#]]
    );
}

#[test]
fn legs_of_different_tools_are_rejected_or_recorded() {
    let legs = Legs::new();
    let manifest = legs.project.json(&format!("legs/{ARM_MUSL}/manifest.json"));
    let release = |release: &str| format!("\"release\": \"{release}\"");
    let old = manifest["targets"][0]["rustc"]["release"].as_str().unwrap();
    legs.edit_leg(ARM_MUSL, &release(old), &release("1.94.1"));
    legs.edit_leg(
        ARM_MUSL,
        "\"name\": \"cargo-xpkg\",\n    \"version\": \"",
        "\"name\": \"cargo-xpkg\",\n    \"version\": \"9.",
    );
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-tools]: legs were built by different tools: rustc [VERSION], rustc [VERSION], xpkg 0.1.0, xpkg 9.0.1.0
  found: rustc [VERSION], xpkg 9.0.1.0: aarch64-unknown-linux-musl
         rustc [VERSION], xpkg 0.1.0: x86_64-unknown-linux-musl
         xpkg 0.1.0: this one; 0.1.0: the list
  help: pin them on all machines (`rust-toolchain.toml`); to merge all the same: `--accept leg-tools`

"#]]
    );
    legs.merge("-q --accept leg-tools").0.ok();
    let manifest = legs.project.json("merged/manifest.json");
    for target in manifest["targets"].as_array().unwrap() {
        assert_eq!(target["waivers"][0]["code"], "leg-tools");
    }
}

#[test]
fn a_leg_with_other_settings_is_rejected() {
    let legs = Legs::new();
    legs.edit_leg(ARM_MUSL, "\"profile\": \"release\"", "\"profile\": \"dev\"");
    legs.edit_leg(
        X86_MUSL,
        "\"version\": \"0.1.0\",\n      \"bin\"",
        "\"version\": \"0.2.0\",\n      \"bin\"",
    );
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-settings]: `[ROOT]/legs/x86_64-unknown-linux-musl`: the leg `x86_64-unknown-linux-musl` was built with other settings than expected
  found: x86_64-unknown-linux-musl/hello/hello: bin `hello` of hello 0.2.0, expected bin `hello` of hello 0.1.0
  help: run the leg again: `cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --locked`
error[leg-settings]: `[ROOT]/legs/aarch64-unknown-linux-musl`: the leg `aarch64-unknown-linux-musl` was built with other settings than expected
  found: profile dev, expected release
  help: run the leg again: `cargo xpkg build --target aarch64-unknown-linux-musl --out-dir target/xpkg-legs/aarch64-unknown-linux-musl --locked`

"#]]
    );
}

#[test]
fn a_leg_that_was_run_again_must_be_the_same() {
    let legs = Legs::new();
    let again = format!("again/{ARM_MUSL}");
    copy(
        &legs.project.path(&format!("legs/{ARM_MUSL}")),
        &legs.project.path(&again),
    );
    check!(
        legs.merge(&again),
        str![[r#"
exit 0
--- stdout
target                      package  bin         size  linkage     glibc  sha256
aarch64-unknown-linux-musl  hello    hello [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-musl   hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
      Noting 2 trees of `aarch64-unknown-linux-musl` are the same
      Noting 2 manifests taken as carried: no digest was passed (`--leg NAME=DIGEST`)
      Merged 2 legs: 2 files in [ROOT]/merged

"#]]
    );
    legs.rebuild(&again, ARM_MUSL);
    check!(
        legs.merge(&again),
        str![[r#"
exit 1
--- stderr
error[leg-conflict]: 2 trees of the leg `aarch64-unknown-linux-musl` differ
  trees: [ROOT]/legs/aarch64-unknown-linux-musl
         [ROOT]/again/aarch64-unknown-linux-musl
  differing: aarch64-unknown-linux-musl/hello/hello
  help: pass only the tree of the run that counts

"#]]
    );
}

#[test]
fn a_tree_that_was_changed_on_its_way_is_rejected() {
    let legs = Legs::new();
    let arm = format!("legs/{ARM_MUSL}");
    let digest = sha256(
        legs.project
            .read(&format!("{arm}/manifest.json"))
            .as_bytes(),
    );
    let named = format!("--leg {ARM_MUSL}={digest}");
    check!(
        legs.merge(&format!("-q {named}")),
        str![[r#"
exit 0

"#]]
    );
    // With its manifest, so that only the digest shows it.
    legs.rebuild(&arm, ARM_MUSL);
    check!(
        legs.merge(&named),
        str![[r#"
exit 1
--- stderr
error[leg-digest]: the manifest of `[ROOT]/legs/aarch64-unknown-linux-musl` is not the one that `aarch64-unknown-linux-musl` wrote
  found: [SHA256]
  expected: [SHA256]
  help: find out who changed it; run the leg again: `cargo xpkg build --target aarch64-unknown-linux-musl --out-dir target/xpkg-legs/aarch64-unknown-linux-musl --locked`

"#]]
    );
    // Without.
    std::fs::write(
        legs.project.path(&format!("{arm}/{ARM_MUSL}/hello/hello")),
        "x",
    )
    .unwrap();
    check!(
        legs.merge(&named),
        str![[r#"
exit 1
--- stderr
error[digest-mismatch]: `[ROOT]/legs/aarch64-unknown-linux-musl` does not pass verification, so it is not merged
  found: digest-mismatch: aarch64-unknown-linux-musl/hello/hello: digest [DIGEST], [SIZE], expected [DIGEST], [SIZE]
         unreadable-binary: aarch64-unknown-linux-musl/hello/hello: it begins with [78], which is none of ELF, Mach-O, PE and wasm, expected a program
  help: see all findings: `cargo xpkg verify [ROOT]/legs/aarch64-unknown-linux-musl`

"#]]
    );
}

#[test]
fn two_legs_with_one_path_are_rejected() {
    let legs = Legs::new();
    for target in [X86_MUSL, ARM_MUSL] {
        let (leg, path) = (format!("legs/{target}"), format!("{target}/hello/hello"));
        for list in ["manifest.json", "MANIFEST.txt"] {
            legs.edit(&format!("{leg}/{list}"), &path, "bin/hello");
        }
        let root = legs.project.path(&leg);
        std::fs::create_dir(root.join("bin")).unwrap();
        std::fs::rename(root.join(&path), root.join("bin/hello")).unwrap();
    }
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[leg-incomplete]: `[ROOT]/legs/x86_64-unknown-linux-musl` lacks programs of the leg `x86_64-unknown-linux-musl`
  missing: x86_64-unknown-linux-musl/hello/hello
  help: run the leg again: `cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --locked`
error[leg-unexpected]: `[ROOT]/legs/x86_64-unknown-linux-musl` has programs that the leg `x86_64-unknown-linux-musl` does not build
  unexpected: bin/hello
  help: run the leg again: `cargo xpkg build --target x86_64-unknown-linux-musl --out-dir target/xpkg-legs/x86_64-unknown-linux-musl --locked`
error[leg-incomplete]: `[ROOT]/legs/aarch64-unknown-linux-musl` lacks programs of the leg `aarch64-unknown-linux-musl`
  missing: aarch64-unknown-linux-musl/hello/hello
  help: run the leg again: `cargo xpkg build --target aarch64-unknown-linux-musl --out-dir target/xpkg-legs/aarch64-unknown-linux-musl --locked`
error[leg-unexpected]: `[ROOT]/legs/aarch64-unknown-linux-musl` has programs that the leg `aarch64-unknown-linux-musl` does not build
  unexpected: bin/hello
  help: run the leg again: `cargo xpkg build --target aarch64-unknown-linux-musl --out-dir target/xpkg-legs/aarch64-unknown-linux-musl --locked`
error[path-clash]: the paths of two outputs clash: `bin/hello`
  both: bin `hello` of package `hello` for `aarch64-unknown-linux-musl`, in `[ROOT]/legs/aarch64-unknown-linux-musl`
        bin `hello` of package `hello` for `x86_64-unknown-linux-musl`, in `[ROOT]/legs/x86_64-unknown-linux-musl`
  help: add `{triple}` or `{package}` to `layout`, or `rename` one of them

"#]]
    );
}

#[test]
fn what_shows_only_between_legs_keeps_the_old_tree() {
    let legs = Legs::new();
    legs.merge("-q").0.ok();
    let before = legs.project.read("merged/manifest.json");
    // The program of one leg again, as that of another target.
    let gnu = "x86_64-unknown-linux-gnu";
    let leg = format!("legs/{gnu}");
    let from = legs.project.path(&format!("legs/{X86_MUSL}"));
    copy(&from, &legs.project.path(&leg));
    let root = legs.project.path(&leg);
    std::fs::rename(root.join(X86_MUSL), root.join(gnu)).unwrap();
    let manifest = format!("{leg}/manifest.json");
    let id = legs.project.json(&manifest)["targets"][0]["id"].clone();
    legs.edit(&manifest, id.as_str().unwrap(), &"0a".repeat(8));
    legs.edit(&manifest, X86_MUSL, gnu);
    legs.edit(&manifest, "\"libc\": \"musl\"", "\"libc\": \"gnu\"");
    legs.edit(&format!("{leg}/MANIFEST.txt"), X86_MUSL, gnu);
    legs.edit("legs.json", ARM_MUSL, gnu);
    legs.edit("legs.json", "linux/arm64", "linux/amd64");
    check!(
        legs.merge_these(&format!("legs/{X86_MUSL} {leg}")),
        str![[r#"
exit 1
--- stderr
      Noting 2 manifests taken as carried: no digest was passed (`--leg NAME=DIGEST`)
error[same-file-twice]: the joined tree does not pass verification, so it is not written
  found: same-file-twice: x86_64-unknown-linux-musl/hello/hello: the same bytes as `x86_64-unknown-linux-gnu/hello/hello`, expected a different program
  help: see what it means: `cargo xpkg --explain same-file-twice`

"#]]
    );
    assert_eq!(legs.project.read("merged/manifest.json"), before);
}

#[test]
fn what_cannot_be_merged_as_asked_is_rejected() {
    let legs = Legs::new();
    let project = &legs.project;
    check!(
        legs.merge("--accept leg-commit"),
        str![[r#"
exit 1
--- stderr
error[merge-invalid]: `--accept leg-commit`: `merge` accepts no such finding
  help: findings that can be accepted: `leg-dirty` and `leg-tools`

"#]]
    );
    check!(
        legs.merge(&format!("--leg {ARM_MUSL}=12")),
        str![[r#"
exit 2
--- stderr
error: invalid value 'aarch64-unknown-linux-musl=12' for '--leg <NAME=DIGEST>': the digest is not 64 lower-case hex digits

For more information, try '--help'.

"#]]
    );
    let digest = "0a".repeat(32);
    check!(
        legs.merge(&format!("--leg aarch64={digest}")),
        str![[r#"
exit 1
--- stderr
error[merge-invalid]: `--leg aarch64=…`: no such leg is expected
  help: the legs are `x86_64-unknown-linux-musl` and `aarch64-unknown-linux-musl`

"#]]
    );
    check!(
        legs.merge("nowhere"),
        str![[r#"
exit 1
--- stderr
error[no-tree]: `[ROOT]/nowhere` does not exist
  help: pass a staged tree, or a tar of one

"#]]
    );
    let inside = format!("merge legs/{X86_MUSL} --expect legs.json --out-dir legs");
    check!(
        Merged(project.xpkg(&inside)),
        str![[r#"
exit 1
--- stderr
error[merge-invalid]: the out-dir `[ROOT]/legs` overlaps with the leg `[ROOT]/legs/x86_64-unknown-linux-musl`
  help: choose another directory: `--out-dir DIR`

"#]]
    );
    project.write("merged/notes.txt", "mine");
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
      Noting 2 manifests taken as carried: no digest was passed (`--leg NAME=DIGEST`)
error[tree-foreign]: `[ROOT]/merged` contains files that xpkg did not create
  untracked: notes.txt
  help: move it away, or choose another `--out-dir`

"#]]
    );
    project.write("legs.json", "{\"include\":[]}");
    check!(
        legs.merge(""),
        str![[r#"
exit 1
--- stderr
error[legs-unreadable]: cannot read `[ROOT]/legs.json`: missing field `schema_version` at line 1 column 14
  help: write it on the machine that starts the legs: `cargo xpkg matrix --for json > legs.json`

"#]]
    );
}
