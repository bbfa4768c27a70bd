//! `plan` and `env`: what would be done and why, in lines that can be pasted.

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL};

#[test]
fn a_plan_explains_every_choice() {
    check!(
        Project::of("hello").xpkg(&format!("plan --target {X86_MUSL},{ARM_MUSL}")),
        str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

x86_64-unknown-linux-musl
  toolchain   rust-lld: the target's graph contains no C, and Rust includes musl
  rejected    native: links for the host's triple only, `x86_64-unknown-linux-gnu`
              gcc: `x86_64-linux-musl-gcc` is not on PATH
              clang: would use the host's C library for x86_64-linux-musl: it needs a sysroot
  C           none in the target's graph
  std         installed
  environment PATH=[ROOT]/target/xpkg-cache/tools/bin:"$PATH"
              CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1
  runs        cd [ROOT] && PATH=[ROOT]/target/xpkg-cache/tools/bin:"$PATH" cargo build --message-format json-render-diagnostics --target x86_64-unknown-linux-musl --profile release --config 'target.x86_64-unknown-linux-musl.linker="rust-lld-1"' --package hello --bins
  stages      x86_64-unknown-linux-musl/hello/hello

aarch64-unknown-linux-musl
  toolchain   rust-lld: the target's graph contains no C, and Rust includes musl
  rejected    native: links for the host's triple only, `x86_64-unknown-linux-gnu`
              gcc: `aarch64-linux-musl-gcc` is not on PATH
              clang: would use the host's C library for aarch64-linux-musl: it needs a sysroot
  C           none in the target's graph
  std         installed
  environment PATH=[ROOT]/target/xpkg-cache/tools/bin:"$PATH"
              CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1
  runs        cd [ROOT] && PATH=[ROOT]/target/xpkg-cache/tools/bin:"$PATH" cargo build --message-format json-render-diagnostics --target aarch64-unknown-linux-musl --profile release --config 'target.aarch64-unknown-linux-musl.linker="rust-lld-1"' --package hello --bins
  stages      aarch64-unknown-linux-musl/hello/hello

"#]]
    );
}

#[test]
fn every_candidate_that_fell_stands_in_the_error() {
    check!(
        Project::of("hello").xpkg(&format!("plan --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `aarch64-unknown-linux-gnu`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-gnu-gcc` is not on PATH
         clang    `clang` is not on PATH
         rust-lld links for musl only: for gnu it needs a sysroot
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  help: install a cross compiler (`apt-get install gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)

"#]]
    );
}

#[test]
fn the_package_that_brings_c_is_named() {
    check!(
        Project::of("with-c")
            .with("x86_64-linux-musl-gcc")
            .with("x86_64-linux-gnu-gcc")
            .xpkg(&format!("plan --target {X86_MUSL}")),
        str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

x86_64-unknown-linux-musl
  toolchain   rust-lld: Rust includes musl, and `x86_64-linux-musl-gcc` (the host's gcc with musl's headers) compiles C
  compiler    x86_64-linux-musl-gcc (gcc version 12.2.0 (Debian 12.2.0-14+deb12u1))
              gcc-95189: ok at -O2, by running it ok, ok with this build's flags
  rejected    native: links for the host's triple only, `x86_64-unknown-linux-gnu`
              gcc: `x86_64-linux-musl-gcc` compiles for `x86_64-linux-gnu`, not for `x86_64-linux-musl`
              clang: would use the host's C library for x86_64-linux-musl: it needs a sysroot
  C           with-c 0.1.0 (by `cc`)
  std         installed
  environment PATH=[ROOT]/target/xpkg-cache/tools/bin:"$PATH"
              CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld-1
              CC_x86_64_unknown_linux_musl=x86_64-linux-musl-gcc
              CMAKE_TOOLCHAIN_FILE_x86_64_unknown_linux_musl=[ROOT]/target/xpkg-cache/tools/[KEY]/x86_64-unknown-linux-musl.cmake
              PKG_CONFIG_LIBDIR_x86_64_unknown_linux_musl=[ROOT]/target/xpkg-cache/tools/none
  runs        cd [ROOT] && PATH=[ROOT]/target/xpkg-cache/tools/bin:"$PATH" CC_x86_64_unknown_linux_musl=x86_64-linux-musl-gcc CMAKE_TOOLCHAIN_FILE_x86_64_unknown_linux_musl=[ROOT]/target/xpkg-cache/tools/[KEY]/x86_64-unknown-linux-musl.cmake PKG_CONFIG_LIBDIR_x86_64_unknown_linux_musl=[ROOT]/target/xpkg-cache/tools/none cargo build --message-format json-render-diagnostics --target x86_64-unknown-linux-musl --profile release --config 'target.x86_64-unknown-linux-musl.linker="rust-lld-1"' --package with-c --bins
  stages      x86_64-unknown-linux-musl/with-c/with-c

"#]]
    );
    check!(
        Project::of("with-c").xpkg(&format!("plan --target {ARM_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `aarch64-unknown-linux-musl`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-musl-gcc` is not on PATH
         clang    would use the host's C library for aarch64-linux-musl: it needs a sysroot
         rust-lld can link, but no C compiler for musl was found: `aarch64-linux-musl-gcc` is not on PATH
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  C in: with-c 0.1.0 (by `cc`)
  help: install zig (`pip install ziglang`)
  help: or set a musl cross compiler of your own in `CC_aarch64_unknown_linux_musl`
  help: or, if that C is never compiled for the target, set `c-dependencies = false` in xpkg's configuration

"#]]
    );
}

#[test]
fn bins_that_are_left_out_are_told_with_the_reason() {
    check!(
        Project::of("corners").xpkg("plan"),
        str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

x86_64-unknown-linux-gnu
  toolchain   native: the target is the host's own triple
  C           none in the target's graph
  std         installed
  environment nothing is set
  runs        cd [ROOT] && cargo build --message-format json-render-diagnostics --target x86_64-unknown-linux-gnu --profile release --package gated --package only-lib --package plain --package renamed --bins
  stages      x86_64-unknown-linux-gnu/gated/always
              x86_64-unknown-linux-gnu/plain/plain
              x86_64-unknown-linux-gnu/renamed/nice-name

left out
  extra (gated): needs `--features extra`
  skipped (skipped): `skip = true` in its `[package.metadata.xpkg]`
  tool (tool): not a default member (`--workspace` builds it)

"#]]
    );
}

#[test]
fn bins_of_one_name_are_built_in_calls_of_their_own() {
    check!(
        Project::of("clash").xpkg("plan"),
        str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

x86_64-unknown-linux-gnu
  toolchain   native: the target is the host's own triple
  C           none in the target's graph
  std         installed
  environment nothing is set
  runs        cd [ROOT] && cargo build --message-format json-render-diagnostics --target x86_64-unknown-linux-gnu --profile release --package alpha --package beta --bin solo
              cd [ROOT] && cargo build --message-format json-render-diagnostics --target x86_64-unknown-linux-gnu --profile release --package alpha --bin app
              cd [ROOT] && cargo build --message-format json-render-diagnostics --target x86_64-unknown-linux-gnu --profile release --package beta --bin app
  stages      x86_64-unknown-linux-gnu/alpha/solo
              x86_64-unknown-linux-gnu/alpha/app
              x86_64-unknown-linux-gnu/beta/app

"#]]
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let project = Project::of("clash");
    project.append(
        "Cargo.toml",
        "\n[workspace.metadata.xpkg]\nlayout = \"{arch}/{bin}\"\n",
    );
    check!(
        project.xpkg(&format!("plan --target {HOST},{ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `aarch64-unknown-linux-gnu`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-gnu-gcc` is not on PATH
         clang    `clang` is not on PATH
         rust-lld links for musl only: for gnu it needs a sysroot
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  help: install a cross compiler (`apt-get install gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)
error[path-clash]: the paths of two outputs clash: `x86_64/app`
  both: bin `app` of package `alpha` for `x86_64-unknown-linux-gnu`
        bin `app` of package `beta` for `x86_64-unknown-linux-gnu`
  help: add `{triple}` or `{package}` to `layout`, or `rename` one of them

"#]]
    );
}

#[test]
fn targets_come_from_the_first_place_that_names_any() {
    let targets = |project: &Project, args: &str| -> Vec<String> {
        let run = project
            .xpkg(&format!("plan --message-format json {args}"))
            .ok();
        let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        plan["targets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|target| target["target"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut project = Project::of("hello");
    assert_eq!(targets(&project, ""), [HOST]);
    project.write(
        ".cargo/config.toml",
        &format!("[build]\ntarget = \"{X86_MUSL}\"\n"),
    );
    assert_eq!(targets(&project, ""), [X86_MUSL]);
    project.append(
        "Cargo.toml",
        &format!("\n[package.metadata.xpkg]\ntargets = [\"{ARM_MUSL}\"]\n"),
    );
    assert_eq!(targets(&project, ""), [ARM_MUSL]);
    project = project.env("XPKG_TARGETS", &format!("{X86_MUSL} {ARM_MUSL}"));
    assert_eq!(targets(&project, ""), [X86_MUSL, ARM_MUSL]);
    assert_eq!(targets(&project, &format!("--target {HOST}")), [HOST]);
}

#[test]
fn the_environment_of_one_target_can_be_evaluated() {
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar");
    check!(
        project.xpkg(&format!("env --target {ARM_GNU}")),
        str![[r#"
exit 0
--- stdout
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar
export CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=[ROOT]/target/xpkg-cache/tools/[KEY]/aarch64-unknown-linux-gnu.cmake
export PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
export PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu=/

"#]]
    );
    check!(
        project.xpkg(&format!("env --target {ARM_GNU},{HOST}")),
        str![[r#"
exit 1
--- stderr
error[one-target]: `env` needs exactly one target
  requested: aarch64-unknown-linux-gnu
             x86_64-unknown-linux-gnu
  help: name one: `cargo xpkg env --target TRIPLE`

"#]]
    );
    let line = format!(
        "eval \"$({} env --target {ARM_GNU})\" && cargo build -q --target {ARM_GNU}",
        env!("CARGO_BIN_EXE_cargo-xpkg")
    );
    project.shell(&line).ok();
    assert!(
        project
            .path(&format!("target/{ARM_GNU}/debug/with-c"))
            .is_file()
    );
}

#[test]
fn what_the_user_has_set_is_shown_as_the_users_and_stays() {
    let project = Project::of("with-c").with("aarch64-linux-gnu-gcc");
    project.write(
        ".cargo/config.toml",
        &format!(
            "[target.{ARM_GNU}]\nlinker = \"aarch64-linux-gnu-gcc\"\n[env]\nTARGET_AR = \"my-ar\"\n"
        ),
    );
    check!(
        project.xpkg(&format!("plan --target {ARM_GNU}")),
        str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

aarch64-unknown-linux-gnu
  toolchain   `aarch64-linux-gnu-gcc`: `target.aarch64-unknown-linux-gnu.linker` in cargo's configuration
  compiler    aarch64-linux-gnu-gcc (gcc version 12.2.0 (Debian 12.2.0-14))
              gcc-95189: ok at -O2, ok with this build's flags
  C           with-c 0.1.0 (by `cc`)
  std         installed
  environment CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
              TARGET_AR=my-ar  # set by you
              CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=[ROOT]/target/xpkg-cache/tools/[KEY]/aarch64-unknown-linux-gnu.cmake
              PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
              PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu=/
  runs        cd [ROOT] && CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=[ROOT]/target/xpkg-cache/tools/[KEY]/aarch64-unknown-linux-gnu.cmake PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu=/ cargo build --message-format json-render-diagnostics --target aarch64-unknown-linux-gnu --profile release --package with-c --bins
  stages      aarch64-unknown-linux-gnu/with-c/with-c

"#]]
    );
}

#[test]
fn a_bare_variable_is_the_hosts_and_that_is_said() {
    let project = Project::of("hello").env("CC", "my-cc");
    let plan = project
        .xpkg(&format!("plan --target {ARM_MUSL}"))
        .ok()
        .stdout;
    assert!(
        plan.contains(
            "  ignored     `CC=my-cc` is for the host; for a target, use the variable with the \
             target in its name\n"
        ),
        "{plan}"
    );
    let plan = project.xpkg("plan").ok().stdout;
    assert!(
        plan.contains("  environment CC=my-cc  # set by you\n"),
        "{plan}"
    );
}

#[test]
fn a_choice_binds_or_fails() {
    let project = Project::of("hello").env("XPKG_LINKER", "gcc");
    check!(
        project.xpkg(&format!("plan --target {ARM_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[linker-unfit]: `gcc` (from `XPKG_LINKER`) cannot link for `aarch64-unknown-linux-musl`
  cause: `aarch64-linux-musl-gcc` is not on PATH
  help: remove the choice, and xpkg uses the first linker that works

"#]]
    );
    // An empty one is a setting of the environment, too.
    let name = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER";
    let plan = format!("plan --target {ARM_MUSL}");
    let run = Project::of("hello").xpkg_with(&[(name, "")], &plan);
    let help = format!("  help: correct or remove `{name}` in the environment\n");
    assert!(run.stderr.ends_with(&help), "{}", run.stderr);
    // The flag comes before the variable.
    project
        .xpkg(&format!("plan --linker auto --target {ARM_MUSL}"))
        .ok();
}

#[test]
fn a_tree_that_a_build_would_refuse_is_refused_in_the_plan() {
    let project = Project::of("hello");
    project.write("mine/notes", "");
    let run = |command: &str| {
        let run = project.xpkg(&format!("{command} --target {ARM_MUSL} --out-dir mine"));
        assert_eq!(run.code, Some(1), "{command}");
        run.stderr
    };
    let expected = "error[tree-foreign]: `[ROOT]/mine` contains files that xpkg did not create\n  \
                    untracked: notes\n  help: move it away, or choose another `--out-dir`\n";
    let expected = expected.replace("[ROOT]", project.root.to_str().unwrap());
    for command in ["plan", "release --dry-run"] {
        assert_eq!(run(command), expected, "{command}");
    }
    assert!(run("build -q").ends_with(&expected));
    std::fs::remove_file(project.path("mine/notes")).unwrap();
    let build = format!("build -q --target {ARM_MUSL} --out-dir mine");
    project.xpkg(&build).ok();
    project
        .xpkg(&format!("plan --target {ARM_MUSL} --out-dir mine"))
        .ok();
    project.write("mine/notes", "");
    assert_eq!(run("plan"), expected);
}

#[test]
fn configuration_that_xpkg_cannot_see_is_refused_by_name() {
    let project = Project::of("hello");
    let config = format!("target.{ARM_MUSL}.linker=\"x\"");
    check!(
        project.xpkg(&format!("plan --target {ARM_MUSL} --config '{config}'")),
        str![[r#"
exit 1
--- stderr
error[cargo-config]: `--config target.aarch64-unknown-linux-musl.linker="x"` sets `target.aarch64-unknown-linux-musl.linker`, which xpkg controls and cannot read there
  help: set it in `.cargo/config.toml` of the workspace's root itself, or by `--linker`, or by `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER`

"#]]
    );
    project.write(".cargo/config.toml", "include = [\"more.toml\"]\n");
    project.write(
        ".cargo/more.toml",
        &format!("[target.{ARM_MUSL}]\nlinker = \"x\"\n"),
    );
    check!(
        project.xpkg(&format!("plan --target {ARM_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[cargo-config]: `[ROOT]/.cargo/more.toml`, included by `[ROOT]/.cargo/config.toml` sets `target.aarch64-unknown-linux-musl.linker`, which xpkg controls and cannot read there
  help: set it in `.cargo/config.toml` of the workspace's root itself, or by `--linker`, or by `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER`

"#]]
    );
    project.xpkg(&format!("plan --target {X86_MUSL}")).ok();
}

/// cargo would refuse it, too, after zig had compiled its C library.
#[test]
fn a_package_that_needs_a_newer_rust_is_refused_in_the_plan() {
    let project = Project::of("hello");
    let manifest = project.read("Cargo.toml");
    let needing = |version: &str| {
        let line = format!("[package]\nrust-version = \"{version}\"\n");
        let lines = manifest
            .lines()
            .filter(|line| !line.starts_with("rust-version"));
        let text = lines.collect::<Vec<_>>().join("\n") + "\n";
        project.write("Cargo.toml", &text.replace("[package]\n", &line));
    };
    needing("1.999");
    let run = project.xpkg(&format!("plan --target {X86_MUSL}"));
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(
        run.stderr
            .starts_with("error[rust-too-old]: the toolchain is Rust 1.")
            && run.stderr.contains(
                ", and Rust 1.999.0 is needed\n  cause: hello 0.1.0 needs Rust 1.999.0\n  help: "
            ),
        "{}",
        run.stderr
    );
    needing("1.85.0");
    project.xpkg(&format!("plan --target {X86_MUSL}")).ok();
}
