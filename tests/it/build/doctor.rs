//! `doctor`: one screen for a healthy machine, a way out for each other.

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, tool};

#[test]
fn a_healthy_machine_is_one_screen() {
    let project = Project::of("hello")
        .with("aarch64-linux-gnu-gcc")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc");
    check!(
        project.xpkg(&format!("doctor --target {X86_MUSL},{ARM_GNU},{HOST}")),
        str![[r#"
exit 0
--- stdout
rustc      [VERSION], host x86_64-unknown-linux-gnu
compilers
  aarch64-linux-gnu-gcc     aarch64-linux-gnu  gcc version [VERSION]  6 probes ok
  cc, x86_64-linux-gnu-gcc  x86_64-linux-gnu   gcc version [VERSION]  7 probes ok
  x86_64-linux-musl-gcc     x86_64-linux-gnu   gcc version [VERSION]  7 probes ok
workspace  [ROOT]
targets
  x86_64-unknown-linux-musl  ready  rust-lld: the target's graph contains no C, and Rust includes musl
  aarch64-unknown-linux-gnu  ready  gcc: it compiles for `aarch64-linux-gnu`
  x86_64-unknown-linux-gnu   ready  native: the target is the host's own triple

"#]]
    );
}

#[test]
fn outside_a_workspace_the_machine_alone_is_looked_at() {
    check!(
        Project::empty().xpkg("doctor"),
        str![[r#"
exit 0
--- stdout
rustc      [VERSION], host x86_64-unknown-linux-gnu
compilers
  cc  x86_64-linux-gnu  gcc version [VERSION]  7 probes ok

"#]]
    );
    let named = Project::empty().xpkg("doctor --manifest-path nowhere/Cargo.toml");
    assert_eq!(named.code, Some(1), "{}", named.stdout);
}

#[test]
fn a_target_that_is_not_ready_fails_with_its_way_out() {
    check!(
        Project::of("hello").xpkg(&format!("doctor --target {ARM_GNU},{ARM_MUSL}")),
        str![[r#"
exit 1
--- stdout
rustc      [VERSION], host x86_64-unknown-linux-gnu
compilers
  cc  x86_64-linux-gnu  gcc version [VERSION]  7 probes ok
workspace  [ROOT]
targets
  aarch64-unknown-linux-gnu   not ready
  aarch64-unknown-linux-musl  ready  rust-lld: the target's graph contains no C, and Rust includes musl

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
fn a_host_without_a_c_compiler_builds_no_build_script() {
    let project = Project::of("hello").without("cc");
    project.write("build.rs", "fn main() {}\n");
    let command = format!("doctor --target {ARM_MUSL}");
    check!(
        project.xpkg(&command),
        str![[r#"
exit 1
--- stdout
rustc      [VERSION], host x86_64-unknown-linux-gnu
compilers
workspace  [ROOT]
targets
  aarch64-unknown-linux-musl  not ready  rust-lld: the target's graph contains no C, and Rust includes musl

error[no-host-cc]: the host has no `cc`, which rustc needs to link build scripts and proc macros
  help: install a C compiler (`apt-get install gcc libc6-dev`)

"#]]
    );
    // Another linker of the host.
    let linker = [("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "ld")];
    project.xpkg_with(&linker, &command).ok();
    // A proc macro is linked, too.
    std::fs::remove_file(project.path("build.rs")).unwrap();
    project.xpkg(&command).ok();
    project.append("Cargo.toml", "[dependencies]\nmake = { path = \"make\" }\n");
    project.write(
        "make/Cargo.toml",
        "[package]\nname = \"make\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n",
    );
    project.write("make/src/lib.rs", "");
    let run = project.xpkg(&command);
    assert!(run.stdout.contains("error[no-host-cc]"), "{}", run.stdout);
}

/// `build` needs none.
#[test]
fn a_host_without_a_c_compiler_is_ready_where_nothing_runs_there() {
    let project = Project::of("hello").without("cc");
    check!(
        project.xpkg(&format!("doctor --target {ARM_MUSL}")),
        str![[r#"
exit 0
--- stdout
rustc      [VERSION], host x86_64-unknown-linux-gnu
compilers
workspace  [ROOT]
targets
  aarch64-unknown-linux-musl  ready  rust-lld: the target's graph contains no C, and Rust includes musl

"#]]
    );
    project.xpkg(&format!("build -q --target {ARM_MUSL}")).ok();
}

#[test]
fn a_tool_that_the_graph_calls_is_looked_for() {
    let project = Project::of("hello");
    project.append(
        "Cargo.toml",
        "[build-dependencies]\nprost-build = { path = \"prost-build\" }\n",
    );
    project.write(
        "prost-build/Cargo.toml",
        "[package]\nname = \"prost-build\"\nversion = \"0.14.0\"\nedition = \"2024\"\n",
    );
    project.write("prost-build/src/lib.rs", "");
    check!(
        project.xpkg(&format!("doctor --target {ARM_MUSL}")),
        str![[r#"
exit 1
--- stdout
rustc      [VERSION], host x86_64-unknown-linux-gnu
compilers
  cc  x86_64-linux-gnu  gcc version [VERSION]  7 probes ok
workspace  [ROOT]
tool       protoc: missing (for prost-build 0.14.0)
targets
  aarch64-unknown-linux-musl  not ready  rust-lld: the target's graph contains no C, and Rust includes musl

error[tool-missing]: `protoc` not found; prost-build 0.14.0 calls it
  help: install it: `apt-get install protobuf-compiler`

"#]]
    );
    let project = project.fake("protoc", "out libprotoc 31.1\n");
    let run = project.xpkg(&format!("doctor --target {ARM_MUSL}")).ok();
    assert!(
        run.stdout
            .contains("tool       protoc: libprotoc 31.1 (for prost-build 0.14.0)\n"),
        "{}",
        run.stdout
    );
    // Found through its variable, but for another machine.
    let foreign = tool("aarch64-linux-gnu-gcc");
    let strange = project.path("protoc-arm");
    std::fs::write(&strange, arm_program(&std::fs::read(foreign).unwrap())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&strange, mode).unwrap();
    let run = project
        .env("PROTOC", strange.to_str().unwrap())
        .xpkg(&format!("doctor --target {ARM_MUSL}"));
    assert!(
        run.stdout.contains(
            "protoc-arm` is for EM_AARCH64 and cannot run on this host; prost-build 0.14.0 calls it"
        ),
        "{}",
        run.stdout
    );
}

/// A program's bytes with another machine in the header.
fn arm_program(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[18..20].copy_from_slice(&183u16.to_le_bytes());
    bytes
}

#[test]
fn a_missing_standard_library_is_a_warning_that_fix_mends() {
    let sysroot = tempfile::tempdir().unwrap();
    let toolchain = sysroot.path().join("toolchains/mine");
    let libdir = toolchain.join(format!("lib/rustlib/{X86_MUSL}/lib"));
    let lld = toolchain.join(format!("lib/rustlib/{HOST}/bin/rust-lld"));
    std::fs::create_dir_all(lld.parent().unwrap()).unwrap();
    std::fs::write(lld, "").unwrap();
    let script = format!(
        "on --target out {}\non --target out target_os=\"linux\"\non --target out \
         target_feature=\"crt-static\"\non --target exit 0\non target-list out {}\non target-list out {X86_MUSL}\non target-list out unix\non \
         target-list exit 0\nexec {}\n",
        libdir.display(),
        toolchain.display(),
        tool("rustc").display()
    );
    let installs = format!(
        "on list exit 0\ntouch {0}/libcore-1.rlib\ntouch {0}/self-contained/crt1.o\n",
        libdir.display()
    );
    let project = Project::of("hello")
        .fake("rustc", &script)
        .fake("rustup", &installs);
    let run = project.xpkg(&format!("doctor --target {X86_MUSL}")).ok();
    let warning = "  ready with warnings  rust-lld: the target's graph contains no C, and Rust \
                   includes musl\n    warning: the standard library is not installed";
    assert!(run.stdout.contains(warning), "{}", run.stdout);
    let run = project
        .xpkg(&format!("doctor --fix --target {X86_MUSL}"))
        .ok();
    assert!(
        run.stderr
            .contains("  Installing the standard library for `x86_64-unknown-linux-musl` (rustup)"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("  ready  rust-lld: "), "{}", run.stdout);
}

#[test]
fn json_is_for_programs() {
    let run =
        Project::of("hello").xpkg(&format!("doctor --message-format json --target {ARM_GNU}"));
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.code, Some(1));
    assert_eq!(document["targets"][0]["state"], "not-ready");
    assert_eq!(document["targets"][0]["problems"][0]["code"], "no-linker");
    assert_eq!(
        document["compilers"][0]["report"]["answers"][0]["baseline"]["verdict"],
        "ok"
    );
}

#[test]
fn the_pin_of_the_toolchain_is_named() {
    let project = Project::of("hello");
    project.write("rust-toolchain.toml", "[toolchain]\nchannel = \"stable\"\n");
    let run = project.xpkg("doctor").ok();
    assert!(
        run.stdout.contains(&format!(
            "pinned by  {}/rust-toolchain.toml\n",
            project.root.display()
        )),
        "{}",
        run.stdout
    );
}

#[test]
fn what_hides_a_compiler_from_the_eye_does_not_hide_it_from_a_shell() {
    let project = Project::of("hello");
    std::fs::create_dir_all(project.path("shadow/cc")).unwrap();
    let path = format!(
        "{}:{}",
        project.path("shadow").display(),
        project.bin.display()
    );
    project
        .xpkg_with(&[("PATH", &path)], &format!("doctor --target {ARM_MUSL}"))
        .ok();
}

#[test]
fn targets_need_a_workspace_to_be_held_against() {
    let run = Project::empty().xpkg("doctor --target nonsense");
    assert!(
        run.code == Some(1) && run.stdout.contains("error[workspace-unreadable]"),
        "{}",
        run.stdout
    );
}
