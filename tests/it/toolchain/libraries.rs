//! Libraries of the system: looked up for the target before the build, by the variables of the build.

use std::os::unix::fs::PermissionsExt as _;

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, HOST, Project, Run};

/// A workspace that depends on a package of this name, with a cross compiler and a pkg-config that
/// finds `NAME.pc` in `PKG_CONFIG_LIBDIR` alone, and keeps a log.
fn project(name: &str, manifest: &str) -> Project {
    let project = Project::of("hello")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar");
    project.append(
        "Cargo.toml",
        &format!("[dependencies]\n{name} = {{ path = \"{name}\" }}\n"),
    );
    project.write(
        &format!("{name}/Cargo.toml"),
        &format!(
            "[package]\nname = \"{name}\"\nversion = \"0.9.1\"\nedition = \"2024\"\n{manifest}"
        ),
    );
    project.write(&format!("{name}/src/lib.rs"), "");
    project.write(&format!("{name}/build.rs"), "fn main() {}");
    let script = project.bin.join("pkg-config");
    let log = project.path("asked");
    let text = format!(
        "#!/bin/sh\nfor name; do :; done\necho \"$*\" >> {}\nname=${{name%% *}}\n\
         if [ ! -f \"$PKG_CONFIG_LIBDIR/$name.pc\" ]; then\n  \
         echo \"Package $name was not found in the pkg-config search path.\" >&2\n  exit 1\nfi\n\
         if [ \"$1\" = --modversion ]; then echo 3.0.2; else echo \"-l$name\"; fi\n",
        log.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    project
}

/// The lines of a plan or a diagnosis that are about libraries.
#[track_caller]
fn line(run: Run, expected: &str) {
    let run = run.ok();
    assert!(
        run.stdout.contains(expected),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn a_library_without_which_the_build_fails() {
    let project = project(
        "openssl-sys",
        "links = \"openssl\"\n[features]\nvendored = []\n",
    );
    check!(
        project.xpkg(&format!("build --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[system-library-missing]: pkg-config does not find `openssl` for `aarch64-unknown-linux-gnu`, and openssl-sys 0.9.1 does not build without it
  cause: Package openssl was not found in the pkg-config search path.
  help: compile it with the program: `cargo add --package hello openssl-sys@0.9.1 --features vendored`
  help: or install it for the target: `dpkg --add-architecture arm64 && apt-get update && apt-get install libssl-dev:arm64`
  help: or build in an image that has it, or name a sysroot that has it: `cargo xpkg help linkers`

"#]]
    );
    assert!(!project.path("target").join(ARM_GNU).exists());
    assert_eq!(project.read("asked"), "--libs --cflags openssl\n");
    let doctor = project.xpkg(&format!("doctor --target {ARM_GNU}"));
    assert_eq!(doctor.code, Some(1));
    assert!(
        doctor.stdout.contains("error[system-library-missing]"),
        "{}",
        doctor.stdout
    );
    // In spite of it: recorded.
    let accept = format!("build --target {ARM_GNU} --accept system-library-missing");
    let run = project.xpkg(&accept).ok();
    assert!(
        run.stderr.contains("system-library-missing"),
        "{}",
        run.stderr
    );
    let waivers = &project.json("target/xpkg/manifest.json")["targets"][0]["waivers"];
    assert_eq!(waivers[0]["code"], "system-library-missing");
}

#[test]
fn what_settles_the_question() {
    let project = project(
        "openssl-sys",
        "links = \"openssl\"\n[features]\nvendored = []\n",
    );
    let plan = format!("plan --target {ARM_GNU}");
    let with = |name: &str, value: &str| project.xpkg_with(&[(name, value)], &plan);
    line(
        with("AARCH64_UNKNOWN_LINUX_GNU_OPENSSL_DIR", "/opt/ssl"),
        "  libraries   openssl-sys 0.9.1: `openssl` by `AARCH64_UNKNOWN_LINUX_GNU_OPENSSL_DIR`\n",
    );
    // pkg-config has the variables of the build.
    project.write("libraries/openssl.pc", "");
    let libraries = project.path("libraries");
    line(
        with(
            "PKG_CONFIG_LIBDIR_aarch64-unknown-linux-gnu",
            libraries.to_str().unwrap(),
        ),
        "  libraries   openssl-sys 0.9.1: openssl 3.0.2\n",
    );
    // cargo does not run the build script.
    project.write(
        ".cargo/config.toml",
        &format!("[target.{ARM_GNU}.openssl]\nrustc-link-lib = [\"ssl\"]\n"),
    );
    line(
        project.xpkg(&plan),
        "  libraries   openssl-sys 0.9.1: `links` is replaced in cargo's configuration\n",
    );
    std::fs::remove_dir_all(project.path(".cargo")).unwrap();
    // A feature compiles it, unless a variable forbids that.
    project.write(
        "Cargo.toml",
        &project.read("Cargo.toml").replace(
            "path = \"openssl-sys\"",
            "path = \"openssl-sys\", features = [\"vendored\"]",
        ),
    );
    line(
        project.xpkg(&plan),
        "  libraries   openssl-sys 0.9.1: no library of the system, by its feature `vendored`\n",
    );
    let forced = with("OPENSSL_NO_VENDOR", "1");
    assert!(
        forced
            .stderr
            .contains("  help: let it compile its own: `unset OPENSSL_NO_VENDOR`\n"),
        "{}",
        forced.stderr
    );
}

#[test]
fn what_the_linker_may_find_is_a_warning() {
    let project = project("pq-sys", "links = \"pq\"\n");
    line(
        project.xpkg(&format!("plan --target {ARM_GNU}")),
        "  libraries   pq-sys 0.9.1: `libpq` is likely missing\n",
    );
    line(
        project.xpkg(&format!("doctor --target {ARM_GNU}")),
        "    warning: system-library-missing: pkg-config does not find `libpq` for \
         `aarch64-unknown-linux-gnu`: pq-sys 0.9.1 lets the linker look for it\n",
    );
    // The host has its own.
    project.write("libraries/libpq.pc", "");
    let libraries = project.path("libraries");
    line(
        project.xpkg_with(
            &[("PKG_CONFIG_LIBDIR", libraries.to_str().unwrap())],
            &format!("plan --target {HOST}"),
        ),
        "  libraries   pq-sys 0.9.1: libpq 3.0.2\n",
    );
}

#[test]
fn what_cannot_be_known_is_one_line() {
    let project = project("strange-sys", "links = \"strange\"\n");
    line(
        project.xpkg(&format!("plan --target {ARM_GNU}")),
        "  libraries   not checked: strange-sys 0.9.1 (what it links is not known)\n",
    );
    line(
        project.xpkg(&format!("doctor --target {ARM_GNU}")),
        "  aarch64-unknown-linux-gnu  ready  gcc: it compiles for `aarch64-linux-gnu`\n    \
         note: not checked: strange-sys 0.9.1 (what it links is not known)\n",
    );
    assert!(!project.path("asked").exists());
}

#[test]
fn a_library_of_a_package_that_is_not_built() {
    // An optional dependency that no feature turns on.
    let project = project("openssl-sys", "links = \"openssl\"\n");
    project.write(
        "Cargo.toml",
        &project.read("Cargo.toml").replace(
            "path = \"openssl-sys\"",
            "path = \"openssl-sys\", optional = true",
        ),
    );
    let run = project.xpkg(&format!("plan --target {ARM_GNU}")).ok();
    assert!(!run.stdout.contains("libraries"), "{}", run.stdout);
    assert!(!project.path("asked").exists());
}

#[test]
fn a_build_script_that_downloads() {
    let project = project(
        "ort-sys",
        "[features]\ndefault = [\"download-binaries\"]\ndownload-binaries = []\n",
    );
    line(
        project.xpkg(&format!("doctor --target {ARM_GNU}")),
        "    warning: the build script of ort-sys 0.9.1 downloads binaries of ONNX Runtime\n",
    );
}
