//! `build`: from a workspace to an inspected tree.

mod auditable;
mod cache;
pub mod chat;
pub mod compiler_cache;
mod crash;
mod doctor;
mod leftovers;
mod library;
mod locked;
mod plan;
mod races;
mod reproducible;
mod wasm;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, tool};

#[test]
fn one_command_stages_an_inspected_tree() {
    let project = Project::of("hello");
    check!(
        project.xpkg(&format!("build --target {X86_MUSL} --target {ARM_MUSL}")),
        str![[r#"
exit 0
--- stdout
target                      package  bin         size  linkage     glibc  sha256
aarch64-unknown-linux-musl  hello    hello [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-musl   hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
     Linking x86_64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
     Linking aarch64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 2 bins in [ROOT]/target/xpkg

"#]]
    );
    assert_eq!(
        project.files("target/xpkg"),
        [
            "MANIFEST.txt",
            "aarch64-unknown-linux-musl/hello/hello",
            "manifest.json",
            "x86_64-unknown-linux-musl/hello/hello"
        ]
    );
    for file in project
        .files("target/xpkg")
        .iter()
        .filter(|file| file.ends_with("hello"))
    {
        let mode = project
            .path("target/xpkg")
            .join(file)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755, "{file}");
    }
    assert!(
        project
            .shell(&format!("./target/xpkg/{X86_MUSL}/hello/hello"))
            .ok()
            .stdout
            .starts_with("hello from x86_64 linux musl")
    );
}

#[test]
fn the_host_is_the_default_target_and_needs_nothing_set() {
    check!(
        Project::of("hello").xpkg("build"),
        str![[r#"
exit 0
--- stdout
target                    package  bin         size  linkage  glibc  sha256
x86_64-unknown-linux-gnu  hello    hello [SIZE]  dynamic  2.34   [DIGEST]
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 1 bin in [ROOT]/target/xpkg

"#]]
    );
}

#[test]
fn nothing_changed_means_nothing_written() {
    let project = Project::of("hello");
    let state = || -> Vec<(String, u64, i64)> {
        let entries = project.files("target/xpkg").into_iter();
        let metadata = entries.map(|file| {
            (
                project.path("target/xpkg").join(&file).metadata().unwrap(),
                file,
            )
        });
        metadata
            .map(|(metadata, file)| (file, metadata.ino(), metadata.mtime_nsec()))
            .collect()
    };
    project.xpkg("build").ok();
    let before = state();
    let again = project.xpkg("build").ok();
    assert!(
        again.stderr.contains("   Unchanged 1 bin in "),
        "{}",
        again.stderr
    );
    assert_eq!(state(), before);
    assert!(
        !project
            .files("target")
            .iter()
            .any(|file| file.starts_with(".xpkg.new"))
    );
}

/// Once both copies of a program were compared, neither is read: whatever writes to the staged one is
/// noticed all the same.
#[test]
fn a_staged_file_that_something_wrote_to_is_staged_anew() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::of("hello");
    let staged = project.path(&format!("target/xpkg/{HOST}/hello/hello"));
    let built = || {
        project.xpkg("build -q").ok();
        project.xpkg("build -q").ok();
        let taken = project.read(&format!("target/xpkg-cache/taken-{HOST}-release.json"));
        assert!(taken.contains(r#""staged":""#), "{taken}");
        let unchanged = project.xpkg("build").ok().stderr;
        assert!(unchanged.contains("   Unchanged 1 bin in "), "{unchanged}");
    };
    built();
    let (bytes, time) = (
        std::fs::read(&staged).unwrap(),
        staged.metadata().unwrap().modified().unwrap(),
    );
    let other: Vec<u8> = bytes.iter().rev().copied().collect();
    let set_time = |path: &std::path::Path| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    };
    let changes: [(&str, &dyn Fn()); 3] = [
        ("written in place, with its old time", &|| {
            std::fs::write(&staged, &other).unwrap();
            set_time(&staged);
        }),
        ("replaced by a file of the same size and time", &|| {
            let beside = project.path("beside");
            std::fs::write(&beside, &other).unwrap();
            std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)).unwrap();
            set_time(&beside);
            std::fs::rename(&beside, &staged).unwrap();
        }),
        ("no program any more", &|| {
            std::fs::set_permissions(&staged, std::fs::Permissions::from_mode(0o644)).unwrap();
        }),
    ];
    for (what, change) in changes {
        change();
        let run = project.xpkg("build").ok().stderr;
        assert!(run.contains("      Staged 1 bin in "), "{what}: {run}");
        assert_eq!(std::fs::read(&staged).unwrap(), bytes, "{what}");
        let mode = staged.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{what}");
        built();
    }
}

/// A staged file that is the same, and that something writes to before it is linked into the new tree.
#[test]
fn a_staged_file_that_something_writes_to_during_the_run_is_not_kept() {
    let project = Project::of("hello");
    let staged = project.path(&format!("target/xpkg/{HOST}/hello/hello"));
    let script = format!(
        "fn main() {{\n    println!(\"cargo::rerun-if-env-changed=NEW\");\n    let new = \
         std::env::var(\"NEW\");\n    if let (Ok(new), Ok(\"{X86_MUSL}\")) = (new, \
         std::env::var(\"TARGET\").as_deref()) {{\n        let shown = if new == \
         \"write the same\" {{ \"text\" }} else {{ &new }};\n        \
         println!(\"cargo::rustc-env=SHOWN={{shown}}\");\n        if \
         new.starts_with(\"write\") {{\n            std::fs::write({staged:?}, \
         \"other\").unwrap();\n        }}\n    }}\n}}\n"
    );
    project.write("build.rs", &script);
    let main =
        "fn main() {\n    println!(\"{}\", option_env!(\"SHOWN\").unwrap_or(\"none\"));\n}\n";
    project.write("src/main.rs", main);
    let line = format!("build -q --target {HOST},{X86_MUSL}");
    project.xpkg(&line).ok();
    let manifest = || project.read("target/xpkg/MANIFEST.txt");
    let first = manifest();
    project.xpkg_with(&[("NEW", "text")], &line).ok();
    let second = manifest();
    assert_ne!(first, second);
    let run = project.xpkg_with(&[("NEW", "write")], &line);
    check!(
        run,
        str![[r#"
exit 1
--- stderr
error[tree-changed]: `[ROOT]/target/xpkg/x86_64-unknown-linux-gnu/hello/hello` was written to during the run
  help: end what writes to it, then repeat the run

"#]]
    );
    assert_eq!(manifest(), second);
    // As the help says.
    project.xpkg_with(&[("NEW", "text")], &line).ok();
    project.xpkg("verify").ok();
    // The same where all programs are those of the old tree.
    let run = project.xpkg_with(&[("NEW", "write the same")], &line);
    let refused = "/hello/hello` was written to during the run";
    assert!(
        run.code == Some(1) && run.stderr.contains(refused),
        "{}",
        run.stderr
    );
    project.xpkg_with(&[("NEW", "text")], &line).ok();
    assert_eq!(manifest(), second);
    project.xpkg("verify").ok();
}

#[test]
fn another_directory_gives_the_same_manifest() {
    let manifest = |project: &Project| {
        project
            .xpkg(&format!("build -q --target {X86_MUSL},{ARM_MUSL}"))
            .ok();
        project.read("target/xpkg/MANIFEST.txt")
    };
    assert_eq!(
        manifest(&Project::of("hello")),
        manifest(&Project::of("hello"))
    );
}

#[test]
fn two_packages_with_one_bin_name_keep_their_own_programs() {
    let project = Project::of("clash");
    project.xpkg("build -q").ok();
    let says = |path: &str| {
        project
            .shell(&format!("./target/xpkg/{HOST}/{path}"))
            .ok()
            .stdout
    };
    assert_eq!(
        [says("alpha/app"), says("beta/app")],
        ["alpha's app\n", "beta's app\n"]
    );
    // A warm build takes another road through cargo: it links the file anew without compiling.
    project.xpkg("build -q").ok();
    assert_eq!(
        [says("alpha/app"), says("beta/app")],
        ["alpha's app\n", "beta's app\n"]
    );
    assert_eq!(
        project.files(&format!("target/xpkg/{HOST}")),
        ["alpha/app", "alpha/solo", "beta/app"]
    );
}

#[test]
fn two_outputs_on_one_path_are_refused_before_compiling() {
    let project = Project::of("clash");
    project.append(
        "Cargo.toml",
        "\n[workspace.metadata.xpkg]\nlayout = \"{triple}/{bin}\"\n",
    );
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[path-clash]: the paths of two outputs clash: `x86_64-unknown-linux-gnu/app`
  both: bin `app` of package `alpha` for `x86_64-unknown-linux-gnu`
        bin `app` of package `beta` for `x86_64-unknown-linux-gnu`
  help: add `{triple}` or `{package}` to `layout`, or `rename` one of them

"#]]
    );
    assert!(!project.path("target").join(HOST).exists());
}

#[test]
fn what_does_not_compile_leaves_cargo_the_word_and_its_code() {
    let run = Project::of("broken").xpkg("build");
    assert_eq!(run.code, Some(101));
    assert!(
        run.stderr.contains("error[E0308]: mismatched types"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("Staged"));
    assert_eq!(run.stdout, "");
}

#[test]
fn a_bin_may_be_renamed_and_a_package_skipped() {
    let project = Project::of("corners");
    let run = project.xpkg("build -q").ok();
    assert_eq!(run.text(), "exit 0\n");
    assert_eq!(
        project.files(&format!("target/xpkg/{HOST}")),
        ["gated/always", "plain/plain", "renamed/nice-name"]
    );
}

#[test]
fn a_narrowed_run_replaces_just_its_bins_and_a_whole_one_its_targets() {
    let project = Project::of("corners");
    project.xpkg("build -q --features gated/extra").ok();
    let all = [
        "gated/always",
        "gated/extra",
        "plain/plain",
        "renamed/nice-name",
    ];
    assert_eq!(project.files(&format!("target/xpkg/{HOST}")), all);
    project.xpkg("build -q -p plain").ok();
    assert_eq!(project.files(&format!("target/xpkg/{HOST}")), all);
    project
        .xpkg(&format!("build -q --target {X86_MUSL} --bin plain"))
        .ok();
    assert_eq!(project.files(&format!("target/xpkg/{HOST}")), all);
    assert_eq!(
        project.files(&format!("target/xpkg/{X86_MUSL}")),
        ["plain/plain"]
    );
    // A whole run of the target: the bin that it no longer builds disappears.
    project.xpkg("build -q").ok();
    assert_eq!(
        project.files(&format!("target/xpkg/{HOST}")),
        ["gated/always", "plain/plain", "renamed/nice-name"]
    );
    assert_eq!(
        project.files(&format!("target/xpkg/{X86_MUSL}")),
        ["plain/plain"]
    );
    let targets = project.json("target/xpkg/manifest.json")["targets"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(targets, 2);
}

#[test]
fn a_run_from_inside_a_member_is_the_workspaces() {
    let project = Project::of("corners");
    let run = project
        .xpkg_in("plain/src", "build -q --message-format json")
        .ok();
    let manifest: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(manifest["artifacts"].as_array().unwrap().len(), 3);
    assert_eq!(run.stdout, project.read("target/xpkg/manifest.json"));
    assert_eq!(run.stderr, "");
}

#[test]
fn a_kept_file_that_was_changed_since_is_told() {
    let project = Project::of("corners");
    project.xpkg("build -q").ok();
    let before = project.read("target/xpkg/MANIFEST.txt");
    std::fs::write(
        project.path(&format!("target/xpkg/{HOST}/plain/plain")),
        "changed",
    )
    .unwrap();
    check!(
        project.xpkg("build -p gated"),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
    Skipping extra (gated): needs `--features extra`
error[tree-changed]: `[ROOT]/target/xpkg/x86_64-unknown-linux-gnu/plain/plain` differs from its manifest
  help: build its target again (`--target x86_64-unknown-linux-gnu`), or remove the tree: `cargo xpkg clean`

"#]]
    );
    assert_eq!(project.read("target/xpkg/MANIFEST.txt"), before);
    // A run that selects it puts it right.
    project.xpkg("build -q").ok();
    project
        .shell("cd target/xpkg && /usr/bin/sha256sum --check --strict --quiet MANIFEST.txt")
        .ok();
}

#[test]
fn a_strangers_file_stops_the_run_and_stays() {
    let project = Project::of("hello");
    project.write("out/notes.txt", "mine");
    check!(
        project.xpkg("build --out-dir out"),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[tree-foreign]: `[ROOT]/out` contains files that xpkg did not create
  untracked: notes.txt
  help: move it away, or choose another `--out-dir`

"#]]
    );
    assert_eq!(project.files("out"), ["notes.txt"]);
    project.xpkg("build -q --out-dir other").ok();
    project.write(&format!("other/{HOST}/hello/notes.txt"), "mine");
    check!(
        project.xpkg("build --out-dir other"),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
error[tree-foreign]: `[ROOT]/other` contains files that xpkg did not create
  untracked: x86_64-unknown-linux-gnu/hello/notes.txt
  help: move it away, or choose another `--out-dir`

"#]]
    );
    assert_eq!(
        project.read(&format!("other/{HOST}/hello/notes.txt")),
        "mine"
    );
}

#[test]
fn a_linker_that_writes_another_machine_stages_nothing() {
    let project = Project::of("hello")
        .fake("odd-ld", "give /bin/true\n")
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "odd-ld");
    check!(
        project.xpkg(&format!("build --target {ARM_MUSL}")),
        str![[r#"
exit 1
--- stderr
     Linking aarch64-unknown-linux-musl with `odd-ld`: `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER` in the environment
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
error[wrong-machine]: bin `hello` of package `hello`: elf for EM_X86_64 (64 bit, little endian), expected elf for EM_AARCH64 (64 bit, little endian) (target `aarch64-unknown-linux-musl`)
  file: [ROOT]/target/aarch64-unknown-linux-musl/release/hello
  help: `cargo xpkg plan` shows which linker wrote it and why it was chosen

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
}

#[test]
fn a_dynamic_musl_bin_is_refused_and_can_be_accepted() {
    let script = format!("exec {}\n", tool("x86_64-linux-musl-gcc").display());
    let project = Project::of("hello")
        .with("x86_64-linux-gnu-gcc")
        .fake("odd-cc", &script);
    let project = project.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER", "odd-cc");
    check!(
        project.xpkg(&format!("build --target {X86_MUSL}")),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-musl with `odd-cc`: `CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER` in the environment
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
error[not-static]: bin `hello` of package `hello`: needs the interpreter `/lib/ld-musl-x86_64.so.1`, expected a static program (target `x86_64-unknown-linux-musl`)
  file: [ROOT]/target/x86_64-unknown-linux-musl/release/hello
  help: let xpkg choose the linker, or pass `--accept not-static` if you want a dynamic musl bin

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
    project
        .xpkg(&format!("build -q --accept not-static --target {X86_MUSL}"))
        .ok();
    let artifact = &project.json("target/xpkg/manifest.json")["artifacts"][0];
    assert_eq!(artifact["waivers"][0]["code"], "not-static");
    check!(
        project.xpkg("build --accept no-linker"),
        str![[r#"
exit 1
--- stderr
error[no-such-code]: `--accept no-linker`: no such finding can be accepted
  help: findings that can be accepted: `gcc-95189`, `assembler-wrong`, `assembler-old`, `lto-objects`, `isoc23`, `time64`, `old-c`, `linker-absent`, `relr-unread`, `gold`, `rust-release`, `flags-leak`, `native-cpu`, `pkg-config-leak`, `archive-format`, `jitter-entropy`, `aws-lc-test`, `system-library-missing`, `sdk-missing`, `unreadable-binary`, `wrong-machine`, `not-executable`, `not-library`, `not-static`, `cpu-level`, `above-glibc-floor`, `private-glibc`, `signature-invalid`, `above-macos-floor`, `library-twice` and `import-unfit`

"#]]
    );
}

#[test]
fn a_finding_about_images_is_accepted_by_docker_alone() {
    check!(
        Project::of("hello").xpkg("build --accept base-unfit"),
        str![[r#"
exit 1
--- stderr
error[no-such-code]: `--accept base-unfit`: no such finding can be accepted
  help: it is a finding about images: `cargo xpkg docker --accept base-unfit`

"#]]
    );
}

#[test]
fn a_floor_is_held_against_the_finished_bin() {
    let project = Project::of("hello");
    project.append(
        "src/main.rs",
        "unsafe extern \"C\" {\n    fn arc4random() -> u32;\n}\n#[unsafe(no_mangle)]\npub static \
         KEPT: unsafe extern \"C\" fn() -> u32 = arc4random;\n",
    );
    let main = project.read("src/main.rs").replacen(
        "fn main() {",
        "fn main() {\n    let _ = unsafe { arc4random() };",
        1,
    );
    project.write("src/main.rs", &main);
    check!(
        project.xpkg(&format!("build --linker native --target {HOST}.2.35")),
        str![[r#"
exit 1
--- stderr
     Linking x86_64-unknown-linux-gnu.2.35 with native: the target is the host's own triple (chosen by `--linker`)
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
error[above-glibc-floor]: bin `hello` of package `hello`: needs glibc 2.36 (for `arc4random`), expected glibc 2.35 or older (target `x86_64-unknown-linux-gnu.2.35`)
  file: [ROOT]/target/x86_64-unknown-linux-gnu/release/hello
  help: link against an older glibc, or raise the floor

"#]]
    );
    // What no program can keep is an error before anything is compiled.
    for (choice, variable) in [
        ("--linker native", "X"),
        ("", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER"),
    ] {
        let run = project.xpkg_with(
            &[(variable, "cc")],
            &format!("build {choice} --target {HOST}.2.17"),
        );
        assert!(
            run.stderr.starts_with("error[linker-unfit]: ") && run.stderr.contains(
                "  cause: links against glibc 2.36, above the floor of 2.17: each program that it \
                 links needs 2.34 to start\n"
            ),
            "{}",
            run.stderr
        );
    }
    check!(
        project.xpkg(&format!("plan --target {HOST}.2.17")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `x86_64-unknown-linux-gnu.2.17`
  tried: native   links against glibc 2.36, above the floor of 2.17: each program that it links needs 2.34 to start
         gcc      `x86_64-linux-gnu-gcc` is not on PATH
         clang    `clang` is not on PATH
         rust-lld links for musl only: for gnu it needs a sysroot
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  help: install zig (`pip install ziglang`), which links for any glibc
  help: or build on a system whose glibc is as old as the floor

"#]]
    );
}

#[test]
fn a_missing_standard_library_comes_by_rustup_or_is_told() {
    const TARGET: &str = "x86_64-unknown-linux-musl";
    let sysroot = tempfile::tempdir().unwrap();
    let toolchain = sysroot.path().join("toolchains/mine");
    let libdir = toolchain.join(format!("lib/rustlib/{TARGET}/lib"));
    let rustc = |project: Project| {
        let real = tool("rustc");
        let script = format!(
            "on target-libdir out {}\non target-libdir out target_os=\"linux\"\non target-libdir \
             out target_feature=\"crt-static\"\non target-libdir exit 0\non target-list out {}\non target-list out {TARGET}\non target-list exit \
             0\nexec {}\n",
            libdir.display(),
            toolchain.display(),
            real.display()
        );
        project.fake("rustc", &script)
    };
    // Not managed by rustup.
    check!(
        rustc(Project::of("hello")).xpkg(&format!("plan --target {TARGET}")),
        str![[r#"
exit 1
--- stderr
error[std-missing]: the standard library for `x86_64-unknown-linux-musl` is not installed
  cause: rustup does not manage this toolchain
  help: install your distribution's Rust standard library for it, or use rustup: `rustup target add x86_64-unknown-linux-musl`
error[no-linker]: no linker found for `x86_64-unknown-linux-musl`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `x86_64-linux-musl-gcc` is not on PATH
         clang    would use the host's C library for x86_64-linux-musl: it needs a sysroot
         rust-lld this Rust toolchain has no `rust-lld`
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  help: use a Rust toolchain from rustup: it includes `rust-lld` and musl

"#]]
    );
    // Managed, but not to be fetched.
    let project = rustc(Project::of("hello")).fake(
        "rustup",
        &format!(
            "on list out {TARGET}\non list exit 0\nlog {}/log\ntouch {}/libcore-1.rlib\n",
            sysroot.path().display(),
            libdir.display()
        ),
    );
    check!(
        project.xpkg(&format!("plan --offline --target {TARGET}")),
        str![[r#"
exit 1
--- stderr
error[std-missing]: the standard library for `x86_64-unknown-linux-musl` is not installed
  cause: `--offline` or `--frozen` prevents its download
  help: run `rustup target add --toolchain mine x86_64-unknown-linux-musl`
error[no-linker]: no linker found for `x86_64-unknown-linux-musl`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `x86_64-linux-musl-gcc` is not on PATH
         clang    would use the host's C library for x86_64-linux-musl: it needs a sysroot
         rust-lld this Rust toolchain has no `rust-lld`
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  help: use a Rust toolchain from rustup: it includes `rust-lld` and musl

"#]]
    );
    // Managed: the plan says how, the run does it. (The faked compiler has no linker to go on
    // with.)
    let plan = project.xpkg(&format!("plan --linker rust-lld --target {TARGET}"));
    assert!(
        plan.stderr
            .contains("this Rust toolchain has no `rust-lld`"),
        "{}",
        plan.stderr
    );
    let lld = toolchain.join(format!("lib/rustlib/{HOST}/bin/rust-lld"));
    std::fs::create_dir_all(lld.parent().unwrap()).unwrap();
    std::fs::write(lld, "").unwrap();
    let plan = project.xpkg(&format!("plan --target {TARGET}")).ok();
    assert!(
        plan.stdout
            .contains("rustup target add --toolchain mine x86_64-unknown-linux-musl"),
        "{}",
        plan.stdout
    );
    // Nothing is installed for a toolchain that is not the locked one.
    let tool = "role = \"rustc\"\nprogram = \"rustc\"\n[toolchain.tool.files]\n";
    project.write(
        "xpkg.lock",
        &format!("version = 1\n[[toolchain]]\ntarget = \"{TARGET}\"\n[[toolchain.tool]]\n{tool}"),
    );
    let run = project.xpkg(&format!("build --locked --target {TARGET}"));
    assert!(
        run.stderr.contains("error[toolchain-changed]"),
        "{}",
        run.stderr
    );
    assert!(!sysroot.path().join("log").exists());
    std::fs::remove_file(project.path("xpkg.lock")).unwrap();
    let run = project.xpkg(&format!("build --target {TARGET}"));
    assert!(
        run.stderr.contains(
            "  Installing the standard library for `x86_64-unknown-linux-musl` (rustup)\n"
        ),
        "{}",
        run.stderr
    );
    let log = std::fs::read_to_string(sysroot.path().join("log")).unwrap();
    assert_eq!(
        log,
        "target add --toolchain mine x86_64-unknown-linux-musl\n"
    );
}

#[test]
fn the_users_flags_wrapper_and_directories_survive() {
    let project = Project::of("hello");
    let log = project.path("wrapper.log");
    let elsewhere = project.path("elsewhere").to_str().unwrap().to_owned();
    let project = project
        .fake("wrapper", &format!("log {}\nrun\n", log.display()))
        .env("RUSTC_WRAPPER", "wrapper")
        .env("RUSTFLAGS", "-Copt-level=1 --cfg=mine")
        .env("CARGO_TARGET_DIR", &elsewhere);
    let run = project.xpkg("build -v --message-format json").ok();
    assert!(
        project
            .path(&format!("elsewhere/xpkg/{HOST}/hello/hello"))
            .is_file(),
        "{}",
        run.stderr
    );
    assert!(!project.path("target").exists());
    let wrapped = project.read("wrapper.log");
    assert!(
        wrapped.contains("--crate-name hello") && wrapped.contains("-Copt-level=1 --cfg=mine"),
        "{wrapped}"
    );
    // What plain cargo would do with the same environment is done already: nothing is compiled
    // again.
    let cargo = project
        .shell(&format!("cargo build --release --target {HOST}"))
        .ok();
    assert!(!cargo.stderr.contains("Compiling"), "{}", cargo.stderr);
}

#[test]
fn a_commit_and_what_is_not_committed_are_recorded() {
    let project = Project::of("hello");
    let source = |project: &Project| {
        project.xpkg("build -q").ok();
        project.json("target/xpkg/manifest.json")["targets"][0]["source"].clone()
    };
    assert_eq!(source(&project)["commit"], serde_json::Value::Null);
    project.write(".gitignore", "");
    let commit = project.commit();
    assert_eq!(
        (
            source(&project)["commit"].as_str(),
            source(&project)["dirty"].as_bool()
        ),
        (Some(commit.as_str()), Some(false))
    );
    project.write("more.txt", "");
    assert_eq!(source(&project)["dirty"], true);
}

#[test]
fn sources_that_a_build_script_changes_are_changes() {
    let project = Project::of("hello");
    project.write(
        "build.rs",
        "fn main() {\n    println!(\"cargo::rerun-if-changed=input\");\n    \
         std::fs::copy(\"input\", \"generated.txt\").unwrap();\n}\n",
    );
    project.write("input", "one");
    project.write("generated.txt", "one");
    project.write(".gitignore", "/target\n/tree\n");
    project.commit();
    let dirty = || {
        project.xpkg("build -q --profile dev --out-dir tree").ok();
        project.json("tree/manifest.json")["targets"][0]["source"]["dirty"].clone()
    };
    assert_eq!(dirty(), false);
    // What git finds while cargo looks is only right if nothing is compiled.
    project.write("input", "two");
    project
        .shell("git -c user.name=t -c user.email=t@t.invalid commit -qam two --no-gpg-sign")
        .ok();
    assert_eq!(dirty(), true, "the script has written `two`");
    assert_eq!(dirty(), true, "and nothing is to do");
    project.write("generated.txt", "one");
    assert_eq!(dirty(), false);
}

#[test]
fn what_was_found_in_a_bin_counts_while_both_copies_are_the_same() {
    let project = Project::of("hello");
    let (built, staged) = (
        project.path(&format!("target/{HOST}/debug/hello")),
        project.path(&format!("tree/{HOST}/hello/hello")),
    );
    let kept = project.path(&format!("target/xpkg-cache/taken-{HOST}-dev.json"));
    let found = || std::fs::read_to_string(&kept).unwrap_or_default();
    let digest = || {
        project
            .xpkg(&format!(
                "build -q --profile dev --target {HOST} --out-dir tree"
            ))
            .ok();
        let artifact = &project.json("tree/manifest.json")["artifacts"][0];
        let bytes = std::fs::read(&staged).unwrap();
        assert_eq!(artifact["sha256"], cargo_xpkg::digest::sha256(&bytes));
        artifact["sha256"].as_str().unwrap().to_owned()
    };
    // Changes one byte of a text, and neither the size nor the time.
    let damage = |path: &std::path::Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.windows(6).position(|text| text == b"hello ").unwrap();
        bytes[at] = b'H';
        let time = std::fs::metadata(path).unwrap().modified().unwrap();
        let mut file = std::fs::File::options().write(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        file.set_modified(time).unwrap();
    };
    let first = digest();
    // Not of a bin that was just written.
    assert_eq!(digest(), first);
    let settled = found();
    assert!(settled.contains(&first), "{settled}");
    assert_eq!(digest(), first);
    assert_eq!(found(), settled);
    damage(&staged);
    assert_eq!(digest(), first, "the tree is repaired");
    damage(&built);
    let damaged = digest();
    assert_ne!(damaged, first, "cargo's file is read again");
    assert_eq!(digest(), damaged);
    assert!(found().contains(&damaged));
    // A forged record is none.
    std::fs::write(&kept, found().replace(&damaged, &first)).unwrap();
    assert_eq!(digest(), damaged);
}

#[test]
fn strip_is_the_same_for_every_linker() {
    let project = Project::of("hello");
    project.append(
        "Cargo.toml",
        "\n[package.metadata.xpkg]\nstrip = \"symbols\"\n",
    );
    project
        .xpkg(&format!("build -q --target {HOST},{X86_MUSL}"))
        .ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let stripped: Vec<bool> = manifest["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["binary"]["stripped"].as_bool().unwrap())
        .collect();
    assert_eq!(stripped, [true, true]);
}

/// Debug information in a file of its own: `hello.dwp` beside the bin.
#[test]
fn what_cargo_writes_beside_a_bin_is_told_and_not_staged() {
    let project = Project::of("hello").with("musl-gcc");
    project.append(
        "Cargo.toml",
        "\n[profile.release]\ndebug = 1\nsplit-debuginfo = \"packed\"\n",
    );
    let run = project.xpkg(&format!("build --target {HOST},{X86_MUSL}"));
    let noted: Vec<&str> = run
        .stderr
        .lines()
        .filter_map(|line| line.split_once("Noting ").map(|(_, noted)| noted))
        .collect();
    let expected = [HOST, X86_MUSL].map(|target| {
        let directory = project.path(&format!("target/{target}/release"));
        format!(
            "`hello.dwp`, outside of the tree, in {}",
            directory.display()
        )
    });
    assert_eq!(noted, expected);
    assert!(
        project
            .path("target/x86_64-unknown-linux-gnu/release/hello.dwp")
            .exists()
    );
}

#[test]
fn a_gnu_bin_tells_what_it_needs() {
    let project = Project::of("hello").with("aarch64-linux-gnu-gcc");
    project.xpkg(&format!("build -q --target {ARM_GNU}")).ok();
    let binary = project.json("target/xpkg/manifest.json")["artifacts"][0]["binary"].clone();
    assert_eq!(binary["interpreter"], "/lib/ld-linux-aarch64.so.1");
    assert_eq!(binary["linkage"], "dynamic");
    assert_eq!(binary["glibc_floor"]["version"], "2.34");
    assert_eq!(binary["glibc_floor"]["symbol"], "__libc_start_main");
}

#[test]
fn bins_that_stay_keep_the_record_they_were_built_by() {
    let project = Project::of("corners").with("gcc");
    project.xpkg("build -q").ok();
    project.xpkg("build -q -p gated --linker gcc").ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let kind_of = |bin: &str| {
        let artifact = manifest["artifacts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|artifact| artifact["bin"] == bin)
            .unwrap();
        let record = manifest["targets"]
            .as_array()
            .unwrap()
            .iter()
            .find(|record| record["id"] == artifact["built_by"])
            .unwrap();
        record["toolchain"]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!([kind_of("always"), kind_of("plain")], ["gcc", "native"]);
}

#[test]
fn a_strangers_file_that_comes_while_we_compile_stays() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    let notes = project.path("target/xpkg/notes.txt");
    let project = project.env("RUSTC_WRAPPER", "wrapper");
    let before = project.read("target/xpkg/MANIFEST.txt");
    let project = project.env("RUSTFLAGS", "-Copt-level=1");
    // The look before compiling runs rustc, too, but not the wrapper that cargo runs to compile.
    let script = format!(
        "on --crate-name=hello touch {0}\non hello touch {0}\nrun\n",
        notes.display()
    );
    let project = project.fake("wrapper", &script);
    let run = project.xpkg("build");
    assert!(
        run.stderr.contains("error[tree-foreign]") && run.code == Some(1),
        "{}",
        run.stderr
    );
    assert!(notes.is_file());
    assert_eq!(project.read("target/xpkg/MANIFEST.txt"), before);
}

#[test]
fn a_choice_binds_in_spite_of_cargos_configuration() {
    let project = Project::of("hello").env(
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
        "/nonexistent/ld",
    );
    assert!(project.xpkg("build").stderr.contains("error[linker-unfit]"));
    project.xpkg("build -q --linker native").ok();
    project.xpkg("build -q --linker auto").ok();
    let run = Project::of("hello")
        .with("gcc")
        .env("RUSTFLAGS", "--codegen linker=mine")
        .xpkg("build --linker gcc");
    assert!(
        run.stderr
            .contains("the effective rustflags contain `-C linker=mine`"),
        "{}",
        run.stderr
    );
}

#[test]
fn features_of_one_package_do_not_reach_the_call_of_another() {
    let project = Project::of("clash");
    project.append("alpha/Cargo.toml", "\n[features]\nmine = []\n");
    project.xpkg("build -q --features alpha/mine").ok();
    project.xpkg("build -q --features mine").ok();
}

#[test]
fn an_out_dir_behind_a_link_is_written_where_the_link_leads() {
    let project = Project::of("hello");
    std::fs::create_dir(project.path("real")).unwrap();
    std::os::unix::fs::symlink(project.path("real"), project.path("dist")).unwrap();
    project.xpkg("build -q --out-dir dist").ok();
    assert!(
        project
            .path("dist")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
    assert!(project.path("real/MANIFEST.txt").is_file());
}

#[test]
fn a_broken_mode_is_repaired() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    let bin = project.path(&format!("target/xpkg/{HOST}/hello/hello"));
    std::fs::set_permissions(&bin, std::fs::Permissions::from_mode(0o644)).unwrap();
    project.xpkg("build -q").ok();
    assert_eq!(bin.metadata().unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn a_relative_target_directory_means_where_the_user_stands() {
    let project = Project::of("corners").env("CARGO_TARGET_DIR", "out");
    project.xpkg_in("plain", "build -q").ok();
    assert!(project.path("plain/out/xpkg/MANIFEST.txt").is_file());
    assert!(project.path("plain/out/CACHEDIR.TAG").is_file());
    assert!(!project.path("out").exists());
}

#[test]
fn json_is_one_document_when_cargo_fails_too() {
    let run = Project::of("broken").xpkg("build --message-format json");
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (run.code, document["problems"][0]["code"].as_str()),
        (Some(101), Some("cargo-failed"))
    );
}

#[test]
fn a_checkout_that_git_refuses_is_told() {
    let project = Project::of("hello");
    project.commit();
    // Only root may give a file away.
    if std::os::unix::fs::chown(project.path("."), Some(65534), None).is_err() {
        crate::support::skipped("a_checkout_that_git_refuses_is_told", "not root");
        return;
    }
    let run = project.xpkg("build").ok();
    let root = project.root.display();
    let warning = format!(
        "warning[commit-unknown]: the manifest has no commit: git: detected dubious ownership in \
         repository at '{root}'; if you trust the checkout: `git config --global --add \
         safe.directory {root}`\n"
    );
    assert!(run.stderr.contains(&warning), "{}", run.stderr);
    let source = &project.json("target/xpkg/manifest.json")["targets"][0]["source"];
    assert_eq!(source["commit"], serde_json::Value::Null);
}

#[test]
fn a_checkout_without_git_is_told() {
    let project = Project::of("hello").without("git");
    let warning = "warning[commit-unknown]: the manifest has no commit: `git` is not on PATH\n";
    let build = format!("build --target {X86_MUSL}");
    let run = project.xpkg(&build).ok();
    assert!(!run.stderr.contains("commit-unknown"), "{}", run.stderr);
    std::fs::create_dir(project.path(".git")).unwrap();
    for command in [build, format!("release --target {X86_MUSL} --tag v0.1.0")] {
        let run = project.xpkg(&command).ok();
        assert!(run.stderr.contains(warning), "{command}: {}", run.stderr);
    }
}

#[test]
fn values_of_variables_stay_out_of_the_manifest() {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar")
        .env("CFLAGS_x86_64_unknown_linux_musl", "-DTOKEN=s3cret")
        .env("CFLAGS", "-DOTHER=s3cret");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    let text = project.read("target/xpkg/manifest.json");
    assert!(!text.contains("s3cret"), "{text}");
    let record = &project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"];
    let digest = |text: &str| cargo_xpkg::digest::sha256(text.as_bytes());
    assert_eq!(
        record["variables"]["CFLAGS_x86_64_unknown_linux_musl"],
        digest("-DTOKEN=s3cret")
    );
    crate::build::chat::the_schema_holds(&project.json("target/xpkg/manifest.json"));
}
