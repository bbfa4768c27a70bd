//! What would reach a target's compile from the host is told before cargo starts: code, words, and
//! the way out.

use std::os::unix::fs::PermissionsExt as _;

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, HOST, Project, repository, skipped, tool};

fn project() -> Project {
    Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar")
}

#[test]
fn flags_of_the_hosts_processor() {
    let project = project().env("CFLAGS", "-O2 -mtune=generic");
    check!(
        project.xpkg(&format!("build --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[flags-leak]: `-mtune=generic` in `CFLAGS`, set in the environment, reaches the C of `aarch64-unknown-linux-gnu`
  help: set it for the host only: `export CFLAGS_x86_64_unknown_linux_gnu="$CFLAGS"; unset CFLAGS`

"#]]
    );
    assert!(!project.path("target").join(ARM_GNU).exists());
    // The way out, pasted.
    let build = format!(
        "{} build -q --target {ARM_GNU}",
        env!("CARGO_BIN_EXE_cargo-xpkg")
    );
    project
        .shell(&format!(
            "export CFLAGS_x86_64_unknown_linux_gnu=\"$CFLAGS\"; unset CFLAGS; {build}"
        ))
        .ok();
    // Or in spite of it: recorded.
    project
        .xpkg(&format!("build -q --target {ARM_GNU} --accept flags-leak"))
        .ok();
    let waivers = &project.json("target/xpkg/manifest.json")["targets"][0]["waivers"];
    assert_eq!(waivers[0]["code"], "flags-leak");
    // The host's own triple is what they are meant for.
    project.xpkg(&format!("plan --target {HOST}")).ok();
}

#[test]
fn the_hosts_libraries() {
    let name = "PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu";
    check!(
        project()
            .env(name, "/usr/lib/x86_64-linux-gnu/pkgconfig")
            .xpkg(&format!("plan --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[pkg-config-leak]: `PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu`, set in the environment, names `/usr/lib/x86_64-linux-gnu/pkgconfig`, whose libraries are the host's, not for `aarch64-unknown-linux-gnu`
  help: `unset PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu`: xpkg sets the directories of the target; or set them yourself

"#]]
    );
    // Without a target in its name it is the host's, and is kept from the others.
    let run = project()
        .env("PKG_CONFIG_PATH", "/usr/lib/x86_64-linux-gnu/pkgconfig")
        .xpkg(&format!("plan --target {ARM_GNU}"))
        .ok();
    assert!(
        run.stdout
            .contains("PKG_CONFIG_PATH_aarch64_unknown_linux_gnu=''"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .contains("ignored     `PKG_CONFIG_PATH=/usr/lib/x86_64-linux-gnu/pkgconfig`"),
        "{}",
        run.stdout
    );
}

#[test]
fn an_archiver_of_bsds_making() {
    let project = project();
    let script = project.bin.join("bsd-ar");
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\nexec {} --format=bsd \"$@\"\n",
            tool("llvm-ar-14").display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    check!(
        project
            .env("AR_aarch64_unknown_linux_gnu", "bsd-ar")
            .xpkg(&format!("plan --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[archive-format]: `bsd-ar`, named by `AR_aarch64_unknown_linux_gnu`, writes archives in BSD's format, which linkers for ELF do not index
  help: set another one: `export AR_aarch64_unknown_linux_gnu=llvm-ar` (`apt-get install llvm`), or GNU's `ar`

"#]]
    );
}

/// Debian 11's protoc, which compiles no `optional` in proto3; Debian 12's does.
#[test]
fn a_protoc_that_is_too_old_for_a_file_of_the_graph() {
    const TEST: &str = "a_protoc_that_is_too_old_for_a_file_of_the_graph";
    let place = repository().join("target/toolchains/bullseye-protoc/usr");
    if !place.join("bin/protoc").exists() {
        return skipped(
            TEST,
            "Debian 11's protoc is not there: `cargo xtask setup` says why",
        );
    }
    let project = Project::of("native").with("ar").with("sh");
    let order = project.path("prost/proto/order.proto");
    let text = std::fs::read_to_string(&order).unwrap();
    std::fs::write(
        &order,
        text + "message Note { optional string text = 1; }\n",
    )
    .unwrap();
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH={0}/lib/x86_64-linux-gnu exec {0}/bin/protoc \"$@\"\n",
        place.display()
    );
    let old = project.bin.join("protoc");
    std::fs::write(&old, script).unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    let too_old = format!(
        "`{}` is protoc 3.12; `proto/order.proto` of native-prost 0.1.0 has \
         `optional` in proto3, which 3.15 compiles first",
        old.display()
    );
    let planned = project.xpkg("plan -p native-prost").ok().stdout;
    assert!(
        planned.contains(&format!("too old    {too_old}")),
        "{planned}"
    );
    let built = project.xpkg("build -p native-prost");
    assert_eq!(built.code, Some(101));
    let warning = format!("warning[tool-old]: {too_old}");
    for said in [&*warning, "--experimental_allow_proto3_optional"] {
        assert!(built.stderr.contains(said), "{}", built.stderr);
    }

    // As the help says, with the old one still on PATH.
    let project = project.env("PROTOC", tool("protoc").to_str().unwrap());
    let built = project.xpkg("build -q -p native-prost").ok();
    assert!(!built.stderr.contains("tool-old"), "{}", built.stderr);
}

#[test]
fn a_protoc_for_another_machine() {
    let project = Project::of("native");
    let source = project.path("protoc.c");
    std::fs::write(&source, "int main(void) { return 0; }").unwrap();
    let compiled = std::process::Command::new(tool("aarch64-linux-gnu-gcc"))
        .arg(&source)
        .arg("-o")
        .arg(project.bin.join("protoc"))
        .status();
    assert!(compiled.unwrap().success());
    check!(
        project.xpkg("build -p native-prost"),
        str![[r#"
exit 1
--- stderr
error[tool-missing]: `[BASE]/bin/protoc` is for EM_AARCH64 and cannot run on this host; prost-build 0.14.4 calls it
  help: install it: `apt-get install protobuf-compiler`

"#]]
    );
    assert!(!project.path("target/release").exists());
}
