//! What bad input gets: its code, its exact words, its exit code, and nothing half done.

use std::os::unix::ffi::OsStrExt as _;

use snapbox::str;

use crate::check;
use crate::support::{ARM_MUSL, HOST, Project, X86_MUSL, repository, skipped};

#[test]
fn targets() {
    check!(
        Project::of("hello").xpkg(&format!("build --target {HOST},{X86_MUSL} --target {HOST}")),
        str![[r#"
exit 1
--- stderr
error[target-twice]: the target `x86_64-unknown-linux-gnu` is requested twice
  help: name each triple once

"#]]
    );
    check!(
        Project::of("hello").xpkg("build --target x86_64-linux-musl,nonsense"),
        str![[r#"
exit 1
--- stderr
error[unknown-target]: rustc does not know the target `x86_64-linux-musl`
  help: did you mean `x86_64-unknown-linux-musl`?
error[unknown-target]: rustc does not know the target `nonsense`
  help: `rustc --print target-list` lists all targets

"#]]
    );
}

#[test]
fn rust_that_is_half_there() {
    check!(
        Project::of("hello").without("cargo").xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[no-toolchain]: cannot start `cargo`: No such file or directory (os error 2)
  help: install Rust with rustup, and make sure that `~/.cargo/bin` is on PATH

"#]]
    );
    check!(
        Project::of("hello").without("rustc").xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[no-toolchain]: cannot start `rustc`: No such file or directory (os error 2)
  help: install Rust with rustup, and make sure that `~/.cargo/bin` is on PATH

"#]]
    );
}

#[test]
fn manifest_paths() {
    let project = Project::of("hello");
    check!(
        project.xpkg("build --manifest-path src"),
        str![[r#"
exit 1
--- stderr
error[workspace-unreadable]: cargo cannot read the workspace
  cause: manifest path `[ROOT]/src` is a directory but expected a file
  help: cargo reports the same error: `cd [ROOT] && cargo metadata --format-version 1 --no-deps --manifest-path [ROOT]/src`

"#]]
    );
    check!(
        project.xpkg("build --manifest-path nowhere/Cargo.toml"),
        str![[r#"
exit 1
--- stderr
error[workspace-unreadable]: cargo cannot read the workspace
  cause: manifest path `[ROOT]/nowhere/Cargo.toml` does not exist
  help: cargo reports the same error: `cd [ROOT] && cargo metadata --format-version 1 --no-deps --manifest-path [ROOT]/nowhere/Cargo.toml`

"#]]
    );
    project.write("Cargo.toml", "[package\n");
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[workspace-unreadable]: cargo cannot read the workspace
  cause: unclosed table, expected `]`
          --> Cargo.toml:1:9
           |
         1 | [package
           |         ^
  help: cargo reports the same error: `cd [ROOT] && cargo metadata --format-version 1 --no-deps`

"#]]
    );
    let mut command = project.command("build --manifest-path");
    let output = command
        .arg(std::ffi::OsStr::from_bytes(b"odd\xff/Cargo.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.starts_with(
            "error[workspace-unreadable]: the path `odd\u{fffd}/Cargo.toml` is not UTF-8"
        ),
        "{said}"
    );
}

#[test]
fn selections() {
    let project = Project::of("corners");
    check!(
        project.xpkg("build -p only-lib"),
        str![[r#"
exit 1
--- stderr
error[no-bins]: the selected packages have no bin to build
  help: select others with `-p` or `--workspace`

"#]]
    );
    check!(
        project.xpkg("build -p plian"),
        str![[r#"
exit 1
--- stderr
error[unknown-package]: `-p plian`: the workspace has no such package
  help: did you mean `plain`?

"#]]
    );
    check!(
        project.xpkg("build --exclude nobody --bin plan"),
        str![[r#"
exit 1
--- stderr
error[unknown-package]: `--exclude nobody`: the workspace has no such package
  help: its packages are `gated`, `only-lib`, `plain`, `renamed`, `skipped` and `tool`

"#]]
    );
}

#[test]
fn configurations() {
    let with = |text: &str| {
        let project = Project::of("clash");
        project.append(
            "Cargo.toml",
            &format!("\n[workspace.metadata.xpkg]\n{text}\n"),
        );
        project
    };
    check!(
        with("layuot = \"x\"").xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[config-invalid]: unknown field `layuot`, expected one of `targets`, `out-dir`, `layout`, `linker`, `strip`, `c-dependencies`, `auditable`, `reproducible`, `compiler-cache`, `target`, `policy`, `docker`, `release`, `publish`, `ci` in xpkg's configuration
  at: [ROOT]/Cargo.toml:6:1
  help: did you mean `layout`?

"#]]
    );
    check!(
        with("targets = 1").xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[config-invalid]: invalid type: integer `1`, expected a sequence in xpkg's configuration
  at: [ROOT]/Cargo.toml:6:11
  help: see the keys and their types: `cargo xpkg help configuration`

"#]]
    );
    check!(
        with("layout = \"{bin}/{binn}\"").xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[layout-invalid]: invalid layout `{bin}/{binn}`: unknown field `binn`
  help: the valid fields are `triple`, `arch`, `os`, `libc`, `platform`, `package`, `version`, `bin` and `profile`
  help: did you mean `{bin}`?

"#]]
    );
    check!(
        with("layout = \"../{bin}\"").xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[layout-invalid]: invalid layout `../{bin}`: it has a component `..`
  help: the valid fields are `triple`, `arch`, `os`, `libc`, `platform`, `package`, `version`, `bin` and `profile`

"#]]
    );
    check!(
        with("layout = \"/{bin}\"").xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[layout-invalid]: invalid layout `/{bin}`: it has an empty component
  help: the valid fields are `triple`, `arch`, `os`, `libc`, `platform`, `package`, `version`, `bin` and `profile`

"#]]
    );
    let project = with("targets = []");
    project.write("xpkg.toml", "");
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[config-twice]: xpkg is configured twice: in `[workspace.metadata.xpkg]` of `[ROOT]/Cargo.toml` and in `[ROOT]/xpkg.toml`
  help: keep one of them

"#]]
    );
    let project = Project::of("clash");
    project.append(
        "alpha/Cargo.toml",
        "\n[package.metadata.xpkg]\nrename = { solo = \"App\", app = \"../app\" }\n",
    );
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[layout-invalid]: bin `app` of package `alpha` cannot be staged at `x86_64-unknown-linux-gnu/alpha/../app`: it has a component `..`
  help: give it another name with `rename` in its `[package.metadata.xpkg]`

"#]]
    );
    project.write(
        "alpha/Cargo.toml",
        &project.read("alpha/Cargo.toml").replace("../app", "app"),
    );
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[path-clash]: the paths of two outputs clash: `x86_64-unknown-linux-gnu/alpha/App` and `x86_64-unknown-linux-gnu/alpha/app`, the same path on a case-insensitive file system
  both: bin `solo` of package `alpha` for `x86_64-unknown-linux-gnu`
        bin `app` of package `alpha` for `x86_64-unknown-linux-gnu`
  help: add `{triple}` or `{package}` to `layout`, or `rename` one of them

"#]]
    );
}

/// hello for musl, linked by something that is no linker.
fn linked_by(script: &str) -> Project {
    Project::of("hello")
        .fake("odd-ld", script)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "odd-ld")
}

#[test]
fn linkers_that_write_something_else() {
    let run = linked_by("exit 0\n").xpkg(&format!("build --target {ARM_MUSL}"));
    check!(
        run,
        str![[r#"
exit 1
--- stderr
     Linking aarch64-unknown-linux-musl with `odd-ld`: `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER` in the environment
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
error[artifact-missing]: bin `hello` of package `hello`: cargo reports `[ROOT]/target/aarch64-unknown-linux-musl/release/hello`, which does not exist
  cause: the linker succeeded but wrote nothing
  help: `cargo xpkg plan` shows which linker it was and why it was chosen

"#]]
    );
    let project = linked_by("");
    project.write("garbage", "this is no program");
    project.write("empty", "");
    for file in ["garbage", "empty"] {
        let project = linked_by(&format!("give {}\n", project.path(file).display()));
        let run = project.xpkg(&format!("build --target {ARM_MUSL}"));
        assert_eq!(run.code, Some(1));
        let why = if file == "empty" {
            "it is empty"
        } else {
            "it begins with [74, 68, 69, 73], which is none of ELF, Mach-O, PE and wasm"
        };
        assert!(
            run.stderr.contains(&format!(
                "error[unreadable-binary]: bin `hello` of package `hello` is not a program: {why}\n"
            )),
            "{}",
            run.stderr
        );
        assert!(!project.path("target/xpkg").exists());
    }
}

#[test]
fn a_c_compiler_that_is_not_there() {
    let project = Project::of("with-c").env("CC_aarch64_unknown_linux_musl", "nobody-cc");
    check!(
        project.xpkg(&format!("build --target {ARM_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `aarch64-unknown-linux-musl`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-musl-gcc` is not on PATH
         clang    would use the host's C library for aarch64-linux-musl: it needs a sysroot
         rust-lld `CC_aarch64_unknown_linux_musl=nobody-cc`, set in the environment, is not on PATH
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  C in: with-c 0.1.0 (by `cc`)
  help: correct or remove `CC_aarch64_unknown_linux_musl`, which is set in the environment
  help: or, if that C is never compiled for the target, set `c-dependencies = false` in xpkg's configuration

"#]]
    );
}

#[test]
fn manifests_of_a_tree_that_do_not_hold() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    let (json, text) = (
        project.read("target/xpkg/manifest.json"),
        project.read("target/xpkg/MANIFEST.txt"),
    );
    project.write("target/xpkg/manifest.json", &json[..json.len() / 2]);
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[tree-unreadable]: cannot read `[ROOT]/target/xpkg/manifest.json`: EOF while parsing a string at line 61 column 14
  help: use the xpkg that wrote it, or remove the tree by hand and build again

"#]]
    );
    project.write(
        "target/xpkg/manifest.json",
        &json.replace("\"schema_version\": 1", "\"schema_version\": 7"),
    );
    check!(
        project.xpkg("show"),
        str![[r#"
exit 1
--- stderr
error[tree-unreadable]: cannot read `[ROOT]/target/xpkg/manifest.json`: it has schema version 7, this xpkg reads 1
  help: use the xpkg that wrote it, or remove the tree by hand and build again

"#]]
    );
    project.write("target/xpkg/manifest.json", &json);
    project.write(
        "target/xpkg/MANIFEST.txt",
        &text.replace("hello/hello", "hello/other"),
    );
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[tree-unreadable]: `MANIFEST.txt` and `manifest.json` in `[ROOT]/target/xpkg` disagree
  help: one of them was edited by hand: restore it, or remove the tree by hand and build again

"#]]
    );
    assert!(
        project
            .path(&format!("target/xpkg/{HOST}/hello/hello"))
            .is_file()
    );
}

#[test]
fn paths_that_are_hard_to_quote() {
    for name in [
        "with space",
        "with'quote",
        "with\"double",
        "with\nnewline",
        "with$dollar",
    ] {
        let project = Project::of("hello");
        let odd = project.path(name);
        for file in ["Cargo.toml", "Cargo.lock", "src/main.rs"] {
            project.write(&format!("{name}/{file}"), &project.read(file));
        }
        let run = project.xpkg_in(name, &format!("build -q --target {X86_MUSL}"));
        assert_eq!(run.code, Some(0), "{name:?}: {}", run.stderr);
        assert!(odd.join("target/xpkg/MANIFEST.txt").is_file(), "{name:?}");
        // What `plan` prints works when it is pasted.
        let plan = project
            .xpkg_in(
                name,
                &format!("plan --message-format json --target {X86_MUSL}"),
            )
            .ok();
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        project
            .shell(
                plan["targets"][0]["calls"][0]["invocation"]["line"]
                    .as_str()
                    .unwrap(),
            )
            .ok();
    }
}

#[test]
fn no_home_is_no_hindrance() {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar")
        .unset("HOME");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
}

/// Runs a line in a mount namespace of its own; `None`, and that is said, where there are none.
fn mounted(project: &Project, test: &str, line: &str) -> Option<crate::support::Run> {
    let line = line.replace("XPKG", env!("CARGO_BIN_EXE_cargo-xpkg"));
    let run = project.shell(&format!(
        "PATH=$PATH:/usr/bin:/bin unshare --mount /bin/sh -c '{line}'"
    ));
    if run.stderr.contains("unshare failed") {
        skipped(test, "no mount namespaces here");
        return None;
    }
    Some(run)
}

#[test]
fn a_workspace_that_cannot_be_written_builds_elsewhere() {
    let project = Project::of("hello");
    project.write("../elsewhere/.keep", "");
    let line = "mount --bind . . && mount -o remount,ro,bind . && cd . && cd $PWD && XPKG build \
                -q --target-dir ../elsewhere/target && ls ../elsewhere/target/xpkg && XPKG build";
    let Some(run) = mounted(
        &project,
        "a_workspace_that_cannot_be_written_builds_elsewhere",
        line,
    ) else {
        return;
    };
    check!(
        run,
        str![[r#"
exit 1
--- stdout
MANIFEST.txt
manifest.json
x86_64-unknown-linux-gnu
--- stderr
error[file-access]: cannot create `[ROOT]/target`: Read-only file system (os error 30)
  help: choose a writable directory: `--target-dir DIR`

"#]]
    );
}

#[test]
fn a_parent_that_cannot_be_written_is_told_before_compiling() {
    let project = Project::of("hello");
    std::fs::create_dir(project.path("closed")).unwrap();
    let line = "mount -t tmpfs -o ro none closed && XPKG build --out-dir closed/tree";
    let Some(run) = mounted(
        &project,
        "a_parent_that_cannot_be_written_is_told_before_compiling",
        line,
    ) else {
        return;
    };
    check!(
        run,
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[file-access]: cannot open `[ROOT]/closed/.tree.lock`: Read-only file system (os error 30)
  help: choose a writable directory: `--out-dir DIR`

"#]]
    );
    assert!(!project.path("target").join(HOST).exists());
}

#[test]
fn no_inodes_left_leaves_the_old_tree() {
    let project = Project::of("hello");
    std::fs::create_dir(project.path("few")).unwrap();
    let line = "mount -t tmpfs -o nr_inodes=13 none few && XPKG build -q --out-dir few/tree && \
                XPKG build -q --profile dev --out-dir few/tree; echo code $?; cd few/tree && \
                sha256sum -c MANIFEST.txt && ls -A ..";
    let Some(run) = mounted(&project, "no_inodes_left_leaves_the_old_tree", line) else {
        return;
    };
    check!(
        run,
        str![[r#"
exit 0
--- stdout
code 1
x86_64-unknown-linux-gnu/hello/hello: OK
tree
--- stderr
error[file-access]: cannot write `[ROOT]/few/.tree.new-[TEMP]/MANIFEST.txt`: No space left on device (os error 28)

"#]]
    );
}

#[test]
fn a_tree_in_the_lower_layer_of_an_overlay_is_told_before_compiling() {
    let project = Project::of("hello");
    project.xpkg("build -q --out-dir lower/tree").ok();
    for directory in ["space", "merged"] {
        std::fs::create_dir(project.path(directory)).unwrap();
    }
    let line = "mount -t tmpfs none space && mkdir space/upper space/work && mount -t overlay -o \
                lowerdir=lower,upperdir=space/upper,workdir=space/work none merged && XPKG build \
                --out-dir merged/tree; echo code $?; cd merged/tree && sha256sum -c MANIFEST.txt";
    let Some(run) = mounted(
        &project,
        "a_tree_in_the_lower_layer_of_an_overlay_is_told_before_compiling",
        line,
    ) else {
        return;
    };
    check!(
        run,
        str![[r#"
exit 0
--- stdout
code 1
x86_64-unknown-linux-gnu/hello/hello: OK
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[cannot-exchange]: cannot exchange `[ROOT]/merged/tree` with the new one: Invalid cross-device link (os error 18)
  help: choose another writable place, or one level deeper: `--out-dir [ROOT]/merged/tree/xpkg`

"#]]
    );
}

#[test]
fn another_file_system_holds_the_tree_as_well() {
    let project = Project::of("hello");
    std::fs::create_dir(project.path("other")).unwrap();
    let line = "mount -t tmpfs none other && XPKG build -q --out-dir other/tree && XPKG build -q \
                --profile dev --out-dir other/tree && cd other/tree && sha256sum -c MANIFEST.txt";
    let Some(run) = mounted(&project, "another_file_system_holds_the_tree_as_well", line) else {
        return;
    };
    run.ok();
}

#[test]
fn a_clock_before_1980_and_files_before_1970_change_nothing() {
    let project = Project::of("hello");
    let shim = repository().join("tests/it/commands/old-clock.c");
    project
        .shell(&format!(
            "cc -shared -fPIC -o old-clock.so {}",
            shim.display()
        ))
        .ok();
    let old = |command: &str| format!("LD_PRELOAD=$PWD/old-clock.so {command}");
    let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
    let lines = [
        "export PATH=$PATH:/usr/bin:/bin".to_owned(),
        old("date +%Y"),
        // A compiler of its own, so that the probes' cache is asked by its times, too.
        "cp /usr/bin/gcc bin-gcc && touch -d 1960-01-01 bin-gcc src/main.rs Cargo.toml Cargo.lock"
            .to_owned(),
        old(&format!(
            "CC=$PWD/bin-gcc {xpkg} build --target x86_64-unknown-linux-gnu -q"
        )),
        "(cd target/xpkg && sha256sum -c MANIFEST.txt && find . -type f -exec touch -d 1960-01-01 \
         {} +)"
            .to_owned(),
        old(&format!("CC=$PWD/bin-gcc {xpkg} build")),
        old(&format!("{xpkg} show")),
        old(&format!("{xpkg} doctor -q >doctor.txt")),
        old(&format!("{xpkg} clean")),
    ];
    let run = project.shell(&lines.join(" && "));
    check!(
        run,
        str![[r#"
exit 0
--- stdout
1975
x86_64-unknown-linux-gnu/hello/hello: OK
target                    package  bin         size  linkage  glibc  sha256
x86_64-unknown-linux-gnu  hello    hello [SIZE]  dynamic  2.34   [DIGEST]
target                    package  bin         size  linkage  glibc  sha256
x86_64-unknown-linux-gnu  hello    hello [SIZE]  dynamic  2.34   [DIGEST]
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
    Finished `release` profile [optimized] target(s) in [TIME]
   Unchanged 1 bin in [ROOT]/target/xpkg
     Removed 3 files in [ROOT]/target/xpkg

"#]]
    );
}
