//! `docker --build-in-docker`: what is written, and what podman builds of it; BuildKit has tests of
//! its own.

use snapbox::str;

use crate::check;
use crate::ship::docker::check_text;
use crate::support::{ARM_GNU, Project, X86_MUSL};
use crate::toolchain::image::engines::on_each_engine;

const BOTH: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl";

#[test]
fn all_of_it_is_built_in_docker_with_the_compiler_at_home() {
    on_each_engine(|engine| {
        // `--mount` and `$BUILDPLATFORM` are BuildKit's and buildah's, not the old builder's.
        if engine.program != "podman" {
            return;
        }
        let project = engine.with_engine(Project::of("hello"));
        let sysroot = project
            .shell("rustc --print sysroot")
            .ok()
            .stdout
            .trim()
            .to_owned();
        let own = std::path::Path::new(env!("CARGO_BIN_EXE_cargo-xpkg"))
            .parent()
            .unwrap()
            .to_str()
            .unwrap();
        let tag = engine.own_tag("builder");
        let recipe = format!(
            "FROM {}\nENV \
             PATH=/rust/bin:/xpkg:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
             CARGO_HOME=/cargo\n",
            engine.by_digest("gcc12:1")
        );
        project.write("../builder/Dockerfile", &recipe);
        engine.says(&format!(
            "build --quiet --tag {tag} {}",
            project.path("../builder").display()
        ));
        engine.says(&format!(
            "push --digestfile {} {tag}",
            project.path("../digest").display()
        ));
        let builder = format!(
            "{}@{}",
            tag.rsplit_once(':').unwrap().0,
            project.read("../digest")
        );
        let told = |run: &crate::support::Run| {
            check_text(
                &run.text().replace(&builder, "[BUILDER]"),
                str![[r#"
exit 0
--- stderr
       Wrote [ROOT]/xpkg.Dockerfile
       Wrote [ROOT]/xpkg.Dockerfile.dockerignore

"#]],
            )
        };
        told(&project.xpkg(&format!(
            "docker --build-in-docker --builder {builder} --target {BOTH}"
        )));
        let image = format!("localhost/xpkg-tests-inside-{}:1", std::process::id());
        let alone = engine.alone();
        engine.says(&format!(
            "build --quiet --volume {sysroot}:/rust:ro --volume {own}:/xpkg:ro --platform \
             linux/amd64 --target hello --tag {image} --file {} {}",
            project.path("xpkg.Dockerfile").display(),
            project.root.display()
        ));
        assert_eq!(
            engine.says(&format!("run --rm --network none {image}")),
            "hello from x86_64 linux musl\n"
        );
        engine.says(&format!("rmi --force {image}"));
        drop(alone);

        // Changed by hand, it is not written over.
        project.append("xpkg.Dockerfile", "# mine\n");
        check!(
            project.xpkg(&format!(
                "docker --build-in-docker --builder {builder} --target {BOTH}"
            )),
            str![[r#"
exit 1
--- stderr
error[context-foreign]: `[ROOT]/xpkg.Dockerfile` is not as xpkg wrote it
  help: keep your own under another name, or write over it: `--force`

"#]]
        );
        check!(
            project.xpkg("docker --build-in-docker --builder r.example/rust:1"),
            str![[r#"
exit 1
--- stderr
error[base-unfit]: the builder `r.example/rust:1` has no digest
  cause: its tag may mean another image tomorrow
  help: write `r.example/rust@sha256:…`

"#]]
        );
    });
}

/// The lines of what is written for a build in Docker that begin so.
fn lines_inside(project: &Project, words: &str) -> String {
    let text = project.read("xpkg.Dockerfile");
    text.lines()
        .filter(|line| line.starts_with(words))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_build_in_docker_is_called_as_it_was_written() {
    let project = Project::of("chat");
    let builder = format!("r.example/rust@sha256:{}", "ab".repeat(32));
    project.write("more config.toml", "[env]\nOTHER = \"1\"\n");
    project
        .xpkg_with(
            &[("XPKG_LINKER", "zig")],
            &format!(
                "docker -q --build-in-docker --builder {builder} --target x86_64-unknown-linux-gnu.2.17,{ARM_GNU} --base r.example/cc@sha256:{} \
                 --workspace --exclude bot-server --bin chat-server --features chat-core/a,b --all-features --no-default-features --profile dev --jobs 3 \
                 --config 'env.WORDS=\"a b\"' --config 'more config.toml' --accept flags-leak",
                "cd".repeat(32)
            ),
        )
        .ok();
    check_text(
        &lines_inside(&project, "RUN"),
        str![[r#"
RUN test "$(cargo xpkg --version 2>/dev/null)" = "cargo xpkg 0.1.0" || cargo install cargo-xpkg --version 0.1.0 --locked --force
RUN ! command -v rustup || rustup target add x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
RUN mkdir -p analytics-server/src bot-server/src/bin chat-core/src chat-gateway/src chat-protos chat-protos/src chat-server/src notify-server/src xtask/src && touch analytics-server/src/main.rs bot-server/src/bin/bot.rs bot-server/src/bin/indexer.rs chat-core/src/lib.rs chat-gateway/src/main.rs chat-protos/build.rs chat-protos/src/lib.rs chat-server/src/main.rs notify-server/src/main.rs xtask/src/main.rs && cargo fetch --locked --config 'env.WORDS="a b"' --config 'more config.toml'
RUN --mount=type=cache,id=xpkg-analytics-server-bot-server-chat-core-chat-gateway-chat,target=/target,sharing=locked cp -R /given/. . && cargo xpkg docker --offline --locked --target x86_64-unknown-linux-gnu.2.17 --target aarch64-unknown-linux-gnu --base r.example/cc@sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd --linker zig --exclude bot-server --bin chat-server --features 'chat-core/a,b' --profile dev --jobs 3 --config 'env.WORDS="a b"' --config 'more config.toml' --accept flags-leak --workspace --all-features --no-default-features --target-dir /target --out-dir /tree --context /context

"#]],
    );
}

#[test]
fn a_build_in_docker_is_refused_what_it_would_not_see() {
    let project = Project::of("hello");
    let line = format!(
        "docker --build-in-docker --builder r.example/rust@sha256:{} --target {X86_MUSL}",
        "ab".repeat(32)
    );
    project.write(
        "../beside/Cargo.toml",
        "[package]\nname = \"beside\"\nversion = \"0.1.0\"\n",
    );
    project.write("../beside/src/lib.rs", "");
    project.write("../cargo.toml", "");
    std::fs::remove_file(project.path("Cargo.lock")).unwrap();
    check!(
        project.xpkg(&line),
        str![[r#"
exit 1
--- stderr
error[docker-invalid]: the workspace has no Cargo.lock, and a build in Docker takes the versions of one
  help: write it: `cargo generate-lockfile`

"#]]
    );
    assert!(!project.path("Cargo.lock").exists());
    project.append(
        "Cargo.toml",
        "\n[dependencies]\nbeside = { path = \"../beside\" }\n",
    );
    project.shell("cargo generate-lockfile").ok();
    project.write(
        ".cargo/config.toml",
        "[source.mine]\ndirectory = \"../vendor\"\n",
    );
    check!(
        project.xpkg(&line),
        str![[r#"
exit 1
--- stderr
error[docker-invalid]: the package `beside` stands outside the workspace, and a build in Docker sees nothing else
  there: [BASE]/beside
  help: move it below the workspace's root, or depend on it by registry or repository; `cargo xpkg docker` builds it here
error[docker-invalid]: the directory `../vendor`, which `.cargo/config.toml` names, stands outside the workspace, and a build in Docker sees nothing else
  help: move it below its root

"#]]
    );
    check!(
        project.xpkg(&format!("{line} --config ../cargo.toml")),
        str![[r#"
exit 1
--- stderr
error[docker-invalid]: the file `[BASE]/cargo.toml` of `--config` stands outside the workspace, and a build in Docker sees nothing else
  help: copy it below the workspace's root

"#]]
    );
    assert!(!project.path("xpkg.Dockerfile").exists());
}

#[test]
fn a_build_in_docker_takes_every_flag_or_refuses_it() {
    let project = Project::of("hello");
    let line = format!(
        "docker --build-in-docker --builder r.example/rust@sha256:{} --target {X86_MUSL}",
        "ab".repeat(32)
    );
    for flag in [
        "--context x",
        "--no-build",
        "--from x",
        "--old-builder",
        "--cache",
        "--oci x",
        "--out-dir x",
    ] {
        let run = project.xpkg(&format!("{line} {flag}"));
        assert_eq!(run.code, Some(2), "{flag}");
        assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
    }
    check!(
        project.xpkg(&format!("{line} -q --message-format json")),
        str![[r#"
exit 0
--- stdout
{
  "dockerfile": "[ROOT]/xpkg.Dockerfile",
  "images": [
    {
      "image": "hello",
      "stage": "hello"
    }
  ]
}

"#]]
    );
}

#[test]
fn a_dockerignore_that_starves_the_build_is_refused_by_rule() {
    let project = Project::of("hello");
    project.write(".dockerignore", "*\n!target/release/hello\n!Cargo.toml\n");
    let line = format!(
        "docker --build-in-docker --builder r.example/rust@sha256:{} --target {X86_MUSL}",
        "ab".repeat(32)
    );
    let run = project.xpkg(&line);
    check!(
        run,
        str![[r#"
exit 1
--- stderr
      Noting the rules of `.dockerignore` are copied; write this anew when they change
error[docker-invalid]: `.dockerignore` keeps from the builder what the build needs
  excluded: Cargo.lock, by `*`
            src/main.rs, by `*`
  help: send it: `printf '%s\n' '!Cargo.lock' '!src' >>[ROOT]/.dockerignore`

"#]]
    );
    assert!(!project.path("xpkg.Dockerfile").exists());
    // The help is tried.
    let (_, command) = run.stderr.split_once("send it: `").unwrap();
    let (command, _) = command.split_once("`\n").unwrap();
    project.shell(command).ok();
    project.xpkg(&line).ok();
}
