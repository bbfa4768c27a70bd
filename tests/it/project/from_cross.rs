//! The configuration of cross: all of it is read or named.

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, Project, Run, X86_MUSL};

/// What a plan for a target says besides the plan.
fn planned(project: &Project, target: &str) -> Run {
    let mut run = project.xpkg(&format!("plan --target {target}"));
    run.stdout.clear();
    run
}

#[test]
fn what_is_dropped_is_named_at_its_own_line() {
    let project = Project::of("hello")
        .env("CROSS_CONTAINER_OPTS", "--env A=1")
        .env("CROSS_BUILD_PASSTHROUGH", "A")
        .env("CROSS_COMPILE", "aarch64-linux-gnu-");
    project.append(
        "Cargo.toml",
        "\n[package.metadata.cross.build]\npre-build = [\"true\"]\n\
         [package.metadata.cross.target.'cfg(unix)']\nimage = \"a\"\n",
    );
    project.write("cross.toml", "[build]\nzig = true\n");
    check!(
        planned(&project, X86_MUSL),
        str![[r#"
exit 0
--- stderr
    Skipping `CROSS_BUILD_PASSTHROUGH` of `the environment`: cross has no such variable; did you mean `CROSS_BUILD_ENV_PASSTHROUGH`?
    Skipping `CROSS_CONTAINER_OPTS` of `the environment`: flags for the engine are not passed on: set `passthrough` for variables and `volumes` for directories
    Skipping `build.pre-build` of `[ROOT]/Cargo.toml:10`: used in an image alone; `x86_64-unknown-linux-musl` has none, and xpkg has none of its own: set `image = "ghcr.io/cross-rs/x86_64-unknown-linux-musl:<version>"` in `[target.x86_64-unknown-linux-musl]` of Cross.toml, or in xpkg's configuration
    Skipping `cross.toml` of `[ROOT]`: cross reads `Cross.toml` in the workspace's root: rename it to `Cross.toml`
    Skipping `target.cfg(unix)` of `[ROOT]/Cargo.toml:11`: cross names targets by their triples alone: write a table for each

"#]]
    );
}

#[test]
fn the_table_of_a_member_is_read() {
    let project = Project::of("chat");
    project.append(
        "bot-server/Cargo.toml",
        &format!("\n[package.metadata.cross.target.{ARM_GNU}]\nimage = \"r.example/x:1\"\n"),
    );
    check!(
        planned(&project, ARM_GNU),
        str![[r#"
exit 1
--- stderr
   Importing `image` from `[ROOT]/bot-server/Cargo.toml:14` for aarch64-unknown-linux-gnu
error[image-not-pinned]: the image `r.example/x:1` of `aarch64-unknown-linux-gnu` has no digest in `xpkg.lock`
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target aarch64-unknown-linux-gnu`

"#]]
    );
}

#[test]
fn a_dockerfile_names_its_own_image() {
    let project = Project::of("hello");
    let check = |cross_toml: &str, dockerfile: &str, expected: snapbox::data::Inline| {
        project.write("Cross.toml", cross_toml);
        project.write("ci/Dockerfile", dockerfile);
        check!(planned(&project, X86_MUSL), expected);
    };
    let cross_toml =
        "[build]\ndockerfile = \"ci/Dockerfile\"\n[build.env]\npassthrough = [\"A\"]\n";
    check(
        cross_toml,
        "FROM r.example/x:1\nRUN true\n",
        str![[r#"
exit 1
--- stderr
   Importing `dockerfile` from `[ROOT]/Cross.toml:2`, `passthrough` from `[ROOT]/Cross.toml:4` for x86_64-unknown-linux-musl
error[image-not-pinned]: the image `r.example/x:1` of `x86_64-unknown-linux-musl` has no digest in `xpkg.lock`
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target x86_64-unknown-linux-musl`

"#]],
    );
    check(
        cross_toml,
        "FROM scratch\n",
        str![[r#"
exit 1
--- stderr
error[config-invalid]: `ci/Dockerfile` starts from `scratch`, and the target's table names no image
  help: start it with the name of an image, or name one: `image = "registry/name:tag"`

"#]],
    );
    check(
        cross_toml,
        "ARG CROSS_BASE_IMAGE\nFROM $CROSS_BASE_IMAGE\n",
        str![[r#"
exit 0
--- stderr
    Skipping `build.dockerfile` of `[ROOT]/Cross.toml:2`: used in an image alone; the Dockerfile starts from `$CROSS_BASE_IMAGE`, cross's own, and xpkg has none of its own: set `image = "ghcr.io/cross-rs/x86_64-unknown-linux-musl:<version>"` in `[target.x86_64-unknown-linux-musl]` of Cross.toml, or in xpkg's configuration
    Skipping `build.env.passthrough` of `[ROOT]/Cross.toml:4`: used in an image alone; the Dockerfile starts from `$CROSS_BASE_IMAGE`, cross's own, and xpkg has none of its own: set `image = "ghcr.io/cross-rs/x86_64-unknown-linux-musl:<version>"` in `[target.x86_64-unknown-linux-musl]` of Cross.toml, or in xpkg's configuration

"#]],
    );
    // The same in xpkg's own configuration.
    project.write(
        "xpkg.toml",
        &format!("[target.{X86_MUSL}]\ndockerfile = \"ci/Dockerfile\"\n"),
    );
    check(
        "",
        "FROM r.example/x:1\n",
        str![[r#"
exit 1
--- stderr
error[image-not-pinned]: the image `r.example/x:1` of `x86_64-unknown-linux-musl` has no digest in `xpkg.lock`
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target x86_64-unknown-linux-musl`

"#]],
    );
    check(
        "",
        "FROM $XPKG_BASE_IMAGE\n",
        str![[r#"
exit 1
--- stderr
error[config-invalid]: `dockerfile` needs an image, and the target's table names none
  help: name one: `image = "registry/name:tag"`, or start a `dockerfile` from one

"#]],
    );
    check(
        "",
        "ARG BASE\nFROM ${BASE}\n",
        str![[r#"
exit 1
--- stderr
error[config-invalid]: `ci/Dockerfile` starts from `${BASE}`, and the target's table names no image
  help: start it with the name of an image, or name one: `image = "registry/name:tag"`

"#]],
    );
}

#[test]
fn the_engine_of_cross_is_the_engine() {
    let project = Project::of("hello")
        .env("CROSS_CONTAINER_ENGINE", "podmann")
        .env(
            "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE",
            "r.example/x:1",
        );
    let run = project.xpkg(&format!("image pin --target {ARM_GNU}"));
    check!(
        run,
        str![[r#"
exit 1
--- stderr
   Importing `image` from `CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE` for aarch64-unknown-linux-gnu
error[no-engine]: the container engine `podmann`, which `CROSS_CONTAINER_ENGINE` names, does not answer
  tried: podmann: it is not on PATH
  help: unset `CROSS_CONTAINER_ENGINE` to use the first of docker and podman that answers

"#]]
    );
}
