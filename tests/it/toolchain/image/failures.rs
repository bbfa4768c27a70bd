//! Cross images that cannot be had or do not serve, engines that do not answer, and builds that are
//! ended from outside.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;
use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, Project, Run, until};
use crate::toolchain::image::engines::{Engine, Told, on_each_engine, table};

/// A run's text, without the engines' own words, which are theirs to change. Whether an image has
/// to be pulled is left to what ran before.
fn text(engine: &Engine, run: &Run) -> Told {
    let rules = [
        (
            r"(?m)^  cause: .*\n(         .*\n)*",
            "  cause: [ITS WORDS]\n",
        ),
        (r"(?m)^(     Pulling |time=|Error).*\n", ""),
    ];
    let text = rules.iter().fold(run.text(), |text, (pattern, to)| {
        Regex::new(pattern)
            .unwrap()
            .replace_all(&text, *to)
            .into_owned()
    });
    engine.told(&text)
}

#[test]
fn an_image_that_cannot_be_had_is_told_and_nothing_else_is_taken() {
    on_each_engine(|engine| {
        let unknown = format!("sha256:{}", "0".repeat(64));
        let project = engine
            .configured("hello", &engine.tag("gcc12:1"), "")
            .with("aarch64-linux-gnu-gcc");
        project.xpkg("image pin").ok();
        project.write(
            "xpkg.lock",
            &project
                .read("xpkg.lock")
                .replace(engine.digest("gcc12:1"), &unknown),
        );
        check!(
            text(engine, &project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
error[image-unavailable]: cannot pull the image `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`
  cause: [ITS WORDS]
  help: the registry does not have it (any more): correct the reference, or pin another: `cargo xpkg image update`

"#]]
        );
        assert!(!project.path("target/xpkg").exists());
        let project = engine.configured("hello", "127.0.0.1:1/none:1", "");
        check!(
            text(engine, &project.xpkg("image pin")),
            str![[r#"
exit 1
--- stderr
error[image-unavailable]: cannot pull the image `127.0.0.1:1/none:1`
  cause: [ITS WORDS]
  help: see whether the registry answers, and try again

"#]]
        );
    });
}

#[test]
fn an_image_that_does_not_serve_says_what_it_lacks() {
    on_each_engine(|engine| {
        engine.says(&format!("pull --quiet {}", engine.by_digest("bare:1")));
        let build = |image: &str| {
            engine
                .configured("hello", &engine.by_digest(image), "")
                .xpkg("build")
        };
        check!(
            text(engine, &build("foreign:1")),
            str![[r#"
exit 1
--- stderr
error[image-platform]: the image `127.0.0.1:5055/xpkg/foreign@sha256:[SHA256]` is for linux/arm64, and the toolchain here is `x86_64-unknown-linux-gnu`
  help: name an image for this machine's platform: it cross-compiles for the target from there

"#]]
        );
        check!(
            text(engine, &build("shell-less:1")),
            str![[r#"
exit 1
--- stderr
error[image-unfit]: the image `127.0.0.1:5055/xpkg/shell-less@sha256:[SHA256]` has no `/bin/sh`
  cause: [ITS WORDS]
  help: name an image with a shell: build scripts and `pre-build` call it

"#]]
        );
        check!(
            engine.text(&build("bare:1")),
            str![[r#"
exit 1
--- stderr
error[image-unfit]: the image `127.0.0.1:5055/xpkg/bare@sha256:[SHA256]` cannot build for `aarch64-unknown-linux-gnu`
  cause: `cc`, which links build scripts and proc macros, is not in the image
  help: add what is missing by `pre-build`, or name another image

"#]]
        );
        let project = engine.configured("hello", &engine.tag("bare:1"), "");
        check!(
            text(engine, &project.xpkg("image pin")),
            str![[r#"
exit 1
--- stderr
error[image-unfit]: the image `127.0.0.1:5055/xpkg/bare:1` cannot build for `aarch64-unknown-linux-gnu`
  cause: [ITS WORDS]
  help: add what is missing by `pre-build`, or name another image

"#]]
        );
        assert!(!project.path("xpkg.lock").exists());
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn a_wrong_compiler_in_an_image_does_not_compile_what_checks_secrets() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc9:1"), "");
        engine.says(&format!("pull --quiet {}", engine.by_digest("gcc9:1")));
        // Called as one that checks secrets, and one that compiles C.
        let package = "version = \"0.17.0\"\nedition = \"2024\"\n";
        project.append(
            "Cargo.toml",
            "\n[dependencies]\nring = { path = \"ring\" }\n",
        );
        project.write(
            "ring/Cargo.toml",
            &format!(
                "[package]\nname = \
                \"ring\"\n{package}[build-dependencies]\ncc = {{ path = \"../cc\" }}\n"
            ),
        );
        project.write("ring/src/lib.rs", "");
        project.write("ring/build.rs", "fn main() {}");
        project.write(
            "cc/Cargo.toml",
            "[package]\nname = \"cc\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
        );
        project.write("cc/src/lib.rs", "");
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
error[gcc-95189]: `image` (from xpkg's configuration) miscompiles C for `aarch64-unknown-linux-gnu`
  cause: `aarch64-linux-gnu-gcc` has GCC bug 95189 (the call of `xpkg_95189_reached` is gone from its object), and ring 0.17.0 is security-sensitive
  help: use an image with a compiler without the bug: all of GCC 9; 10.0 to 10.2 unless the distribution patched them; not 8, not 10.3 and later, never clang
  help: or use this workaround, which was tested and is recorded: `export CFLAGS_aarch64_unknown_linux_gnu="${CFLAGS_aarch64_unknown_linux_gnu:-} --param=builtin-string-cmp-inline-length=0"`

"#]]
        );
        assert!(!project.path("target/xpkg").exists());
        let run = project.xpkg("build --accept gcc-95189").ok();
        assert!(
            run.stderr.contains("warning[gcc-95189]: "),
            "{}",
            run.stderr
        );
        let record = &project.json("target/xpkg/manifest.json")["targets"][0];
        assert_eq!(record["waivers"][0]["code"], "gcc-95189");
        assert_eq!(
            record["toolchain"]["probes"]["answers"][0]["baseline"]["verdict"],
            "affected"
        );
    });
}

#[test]
fn the_linker_of_an_image_is_asked_for_its_name() {
    on_each_engine(|engine| {
        let project = engine.configured("with-c", &engine.by_digest("gcc9:1"), "");
        engine.says(&format!("pull --quiet {}", engine.by_digest("gcc9:1")));
        let finding = |project: &Project| {
            let plan = project.xpkg("plan").ok().stdout;
            let found = plan.lines().find(|line| line.contains("gold: "));
            found.map(|line| line.trim().to_owned())
        };
        assert_eq!(finding(&project), None);
        let flag = "-C link-arg=-fuse-ld=gold";
        let project = project.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", flag);
        assert_eq!(finding(&project).as_deref(), Some("gold: affected"));
    });
}

#[test]
fn a_protoc_of_an_image_that_is_too_old_is_named() {
    on_each_engine(|engine| {
        let image = engine.by_digest("gcc12:1");
        engine.says(&format!("pull --quiet {image}"));
        let project = engine.project("native");
        project.write(
            "xpkg.toml",
            &format!("targets = [\"{ARM_GNU}\"]\n\n[target.{ARM_GNU}]\nimage = \"{image}\"\n"),
        );
        let said = |word: &str| {
            let run = project.xpkg(&format!("{word} -p native-prost")).ok();
            let lines = run.stdout.lines().chain(run.stderr.lines());
            lines
                .map(str::trim)
                .find(|line| line.contains(" is protoc "))
                .map(str::to_owned)
        };
        assert_eq!(said("plan"), None);
        let order = project.read("prost/proto/order.proto");
        project.write(
            "prost/proto/order.proto",
            &order.replace("syntax = \"proto3\";", "edition = \"2023\";"),
        );
        let expected = format!(
            "too old    `/usr/bin/protoc` in the image `{image}` is protoc 3.21; `proto/order.proto` of \
             native-prost 0.1.0 has edition 2023, which 27.0 compiles first (use an image with a newer one, or \
             compile with protox, which needs none)"
        );
        assert_eq!(said("plan"), Some(expected));
        // And so it is.
        let built = project.xpkg("build -p native-prost");
        assert_eq!(built.code, Some(101), "{}", built.stderr);
        for part in [
            "warning[tool-old]: `/usr/bin/protoc` in the image",
            "edition",
        ] {
            assert!(built.stderr.contains(part), "{}", built.stderr);
        }
    });
}

#[test]
fn a_lock_that_is_not_ours_stops_the_run() {
    let project = Project::of("hello").env("XPKG_CONTAINER_ENGINE", "nosuch");
    project.append("Cargo.toml", &table("r.example/x:1", ""));
    project.write("xpkg.lock", "version = 1\n[[image]]\ntarget = 1\n");
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[lock-unreadable]: `xpkg.lock` cannot be read: invalid type: integer `1`, expected a string
  at: [ROOT]/xpkg.lock:3:10
  help: restore it from version control, or remove it and run `cargo xpkg image pin`: `git checkout -- xpkg.lock`

"#]]
    );
    project.write("xpkg.lock", "version = 2\n");
    check!(
        project.xpkg("image list"),
        str![[r#"
exit 1
--- stderr
error[lock-unreadable]: `xpkg.lock` has version 2, this xpkg reads 1
  at: [ROOT]/xpkg.lock
  help: use the xpkg that wrote it: `cargo install cargo-xpkg`

"#]]
    );
    for line in ["plan", "image pin", "image update", "image pull"] {
        assert!(
            project.xpkg(line).stderr.contains("error[lock-unreadable]"),
            "{line}"
        );
    }
}

#[test]
fn what_is_no_reference_and_what_is_not_configured_is_told() {
    let project = Project::of("hello").env("XPKG_CONTAINER_ENGINE", "nosuch");
    check!(
        project.xpkg("image pin"),
        str![[r#"
exit 1
--- stderr
error[image-not-pinned]: no target of this workspace has an image
  help: name one in xpkg's configuration: `[workspace.metadata.xpkg.target.TRIPLE]` with `image = "registry/name:tag"`

"#]]
    );
    check!(
        project.xpkg(&format!("image list --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[image-not-pinned]: the configuration names no image for `aarch64-unknown-linux-gnu`
  help: configure one: `[workspace.metadata.xpkg.target.aarch64-unknown-linux-gnu]` with `image = "registry/name:tag"`

"#]]
    );
    check!(
        project.xpkg(&format!("build --target {ARM_GNU} --linker image")),
        str![[r#"
exit 1
--- stderr
error[linker-unfit]: `image` (from `--linker`) cannot link for `aarch64-unknown-linux-gnu`
  cause: none is configured for this target
  help: set its image in xpkg's configuration: `[workspace.metadata.xpkg.target.aarch64-unknown-linux-gnu]` with `image = "name:tag"`, then `cargo xpkg image pin`

"#]]
    );
    project.append("Cargo.toml", &table("Registry/Name:1", ""));
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[image-invalid]: invalid image reference `Registry/Name:1`: invalid reference format
  help: write `registry/name:tag`, or `registry/name@sha256:…` with 64 hex digits

"#]]
    );
    check!(
        project.xpkg("image pin"),
        str![[r#"
exit 1
--- stderr
error[image-invalid]: invalid image reference `Registry/Name:1`: invalid reference format
  help: write `registry/name:tag`, or `registry/name@sha256:…` with 64 hex digits

"#]]
    );
}

#[test]
fn an_engine_that_does_not_answer_says_why() {
    let image = format!("r.example/x@sha256:{}", "0".repeat(64));
    let project = Project::of("hello");
    project.append("Cargo.toml", &table(&image, ""));
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[no-engine]: no container engine answers
  tried: docker: it is not on PATH
         podman: it is not on PATH
  help: install one: `apt-get install podman`

"#]]
    );
    check!(
        project.xpkg_with(&[("XPKG_CONTAINER_ENGINE", "nosuch")], "build"),
        str![[r#"
exit 1
--- stderr
error[no-engine]: the container engine `nosuch`, which `XPKG_CONTAINER_ENGINE` names, does not answer
  tried: nosuch: it is not on PATH
  help: unset `XPKG_CONTAINER_ENGINE` to use the first of docker and podman that answers

"#]]
    );
    let denied = "permission denied while trying to connect to the Docker daemon socket at \
                  unix:///var/run/docker.sock";
    let project = project.fake("docker", &format!("err {denied}\nexit 1\n"));
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[no-engine]: no container engine answers
  tried: docker: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock
         podman: it is not on PATH
  help: allow your user to use docker: `sudo usermod -aG docker "$USER"`, then log in again; or use podman, which needs no such permission
  help: install one: `apt-get install podman`

"#]]
    );
    let project = project.fake(
        "docker",
        "err Cannot connect to the Docker daemon at unix:///none. Is the \
                                docker daemon running?\nexit 1\n",
    );
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[no-engine]: no container engine answers
  tried: docker: Cannot connect to the Docker daemon at unix:///none. Is the docker daemon running?
         podman: it is not on PATH
  help: start docker's daemon (`systemctl start docker`), or set `DOCKER_HOST` to the address of one
  help: install one: `apt-get install podman`

"#]]
    );
    let project = project.fake("docker", "out what?\n").fake(
        "podman",
        "err Error: runtime \"crun\" not found\nexit 125\n",
    );
    check!(
        project.xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[no-engine]: no container engine answers
  tried: docker: it says nothing
         podman: runtime "crun" not found
  help: check the output of `docker info`
  help: check the output of `podman info`
  help: install one: `apt-get install podman`

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
}

#[test]
fn an_engine_whose_service_is_not_there_is_told_from_one_that_is_missing() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        let variable = if engine.program == "docker" {
            "DOCKER_HOST"
        } else {
            "CONTAINER_HOST"
        };
        let run = project.xpkg_with(&[(variable, "unix:///nonexistent")], "build");
        let help: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("error") || line.starts_with("  help: "))
            .collect();
        let way_out = match engine.program {
            "docker" => {
                "start docker's daemon (`systemctl start docker`), or set `DOCKER_HOST` to the \
                 address of one"
            }
            _ => {
                "podman's service is not running: unset `CONTAINER_HOST`, or start `podman system \
                 service`"
            }
        };
        assert_eq!(
            help,
            [
                format!(
                    "error[no-engine]: the container engine `{}`, which `XPKG_CONTAINER_ENGINE` \
                     names, does not answer",
                    engine.program
                ),
                format!("  help: {way_out}"),
                "  help: or unset `XPKG_CONTAINER_ENGINE` to use the first of docker and podman that \
                 answers"
                    .to_owned(),
            ],
            "{}",
            run.stderr
        );
        assert_eq!(run.code, Some(1));
    });
}

/// A project with a tree, whose next build does not end by itself.
fn never_ending(engine: &Engine) -> Project {
    let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
    project.xpkg("build -q").ok();
    let manifest = project.read("Cargo.toml").replace(
        "publish = false\n",
        "publish = false\nbuild = \"build.rs\"\n",
    );
    project.write("Cargo.toml", &manifest);
    project.write(
        "build.rs",
        "fn main() {\n    std::thread::sleep(std::time::Duration::from_secs(600));\n}\n",
    );
    project
}

/// Starts that build, and waits until its build script sleeps. Its container's name comes with it.
fn started(engine: &Engine, project: &Project) -> (std::process::Child, String) {
    let sleeping = || {
        let about = engine
            .containers(project)
            .into_iter()
            .find(|about| !about.contains("xpkg-look-"))?;
        let name = about.split(' ').next()?.trim_start_matches('/').to_owned();
        let top = engine.command().args(["top", &name]).output().unwrap();
        String::from_utf8_lossy(&top.stdout)
            .contains("build-script-build")
            .then_some(name)
    };
    let run = project
        .command("build")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    (run, until("the build script runs", sleeping))
}

#[test]
fn a_build_that_is_killed_from_outside_says_so_and_leaves_the_old_tree() {
    on_each_engine(|engine| {
        let project = never_ending(engine);
        let before = (
            project.files("target/xpkg"),
            project.read("target/xpkg/MANIFEST.txt"),
        );
        let (run, name) = started(engine, &project);
        engine.says(&format!("kill {name}"));
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let told: Vec<&str> = said
            .lines()
            .skip_while(|line| !line.starts_with("error["))
            .collect();
        check!(
            engine.told(&told.join("\n")),
            str![[r#"
error[container-killed]: the container was killed from outside (exit code 137)
  help: if memory ran out, try fewer jobs: `-j 1`
"#]]
        );
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(engine.containers(&project), [""; 0]);
        assert_eq!(
            (
                project.files("target/xpkg"),
                project.read("target/xpkg/MANIFEST.txt")
            ),
            before
        );
    });
}

#[test]
fn an_interruption_ends_the_container_and_leaves_the_old_tree() {
    on_each_engine(|engine| {
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let project = never_ending(engine);
            let before = (
                project.files("target/xpkg"),
                project.read("target/xpkg/MANIFEST.txt"),
            );
            let (run, _) = started(engine, &project);
            let began = Instant::now();
            Command::new("kill")
                .args([&format!("-{signal}"), &run.id().to_string()])
                .status()
                .unwrap();
            let output = run.wait_with_output().unwrap();
            assert!(
                began.elapsed() < Duration::from_secs(15),
                "{:?}",
                began.elapsed()
            );
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{said}");
            assert!(
                said.contains(&format!(
                    "error[interrupted]: interrupted by signal {}; no staged tree was changed",
                    code - 128
                )),
                "{said}"
            );
            // The engine may still be at it.
            until("the container is gone", || {
                engine.containers(&project).is_empty().then_some(())
            });
            assert_eq!(
                (
                    project.files("target/xpkg"),
                    project.read("target/xpkg/MANIFEST.txt")
                ),
                before
            );
        }
    });
}

/// The engine behind something that does not hand on all.
fn behind(engine: &Engine, project: &Project, script: &str) {
    let path = project.bin.join(engine.program);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(
        &path,
        script.replace("ENGINE", engine.path.to_str().unwrap()),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn an_engine_that_dies_under_a_build_is_told_from_cargo() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        behind(
            engine,
            &project,
            "#!/bin/sh\ncase \" $* \" in *' --package '*) echo 'Error: it is gone' >&2; exit \
             125;; esac\nexec ENGINE \"$@\"\n",
        );
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
     Linking aarch64-unknown-linux-gnu with image: `aarch64-linux-gnu-gcc` of `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`, `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER` in the image's environment (chosen by xpkg's configuration)
Error: it is gone
error[engine-failed]: [ENGINE] could not run the container; its output is above
  help: check if it answers: `[ENGINE] info`

"#]]
        );
        // cargo's own code is cargo's own.
        let project = engine.configured("broken", &engine.by_digest("gcc12:1"), "");
        let run = project.xpkg("build");
        assert!(
            run.code == Some(101) && !run.stderr.contains("error[engine"),
            "{}",
            run.stderr
        );
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn a_runtime_that_refuses_is_no_image_without_a_shell() {
    on_each_engine(|engine| {
        let project = engine
            .configured("hello", &engine.by_digest("gcc12:1"), "")
            .unset("XDG_CACHE_HOME");
        // As crun says it, by podman's exit code for a program that cannot be started.
        let refuses = "#!/bin/sh\ncase \" $* \" in *' --detach '*) echo 'Error: OCI runtime \
                       error: crun: cgroups in hybrid mode not supported, drop all controllers \
                       from cgroupv2' >&2; exit 126;; esac\nexec ENGINE \"$@\"\n";
        behind(engine, &project, refuses);
        let run = project.xpkg("build");
        let commands_aside: Vec<&str> = run
            .stderr
            .lines()
            // Whether the image was pulled before depends on the tests that ran before.
            .filter(|line| !line.starts_with("  command: ") && !line.contains("Pulling "))
            .collect();
        check!(
            engine.told(&crate::support::normal(&commands_aside.join("\n"))),
            str![[r#"
error[engine-failed]: [ENGINE] could not run the container
  cause: OCI runtime error: crun: cgroups in hybrid mode not supported, drop all controllers from cgroupv2
  help: see whether it runs the image at all: `[ENGINE] run --rm 127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256] true`
"#]]
        );
        assert_eq!((run.code, engine.containers(&project).len()), (Some(1), 0));
    });
}

#[test]
fn half_an_answer_is_none_and_is_not_kept() {
    on_each_engine(|engine| {
        let project = engine
            .configured("hello", &engine.by_digest("gcc12:1"), "")
            .unset("XDG_CACHE_HOME");
        // The container ends after so many lines of what a shell inside says.
        let cut = "#!/bin/sh\ncase $1 in exec) ENGINE \"$@\" | /usr/bin/head -n 3; echo 'Error: \
                   it is gone' >&2; exit 137;; esac\nexec ENGINE \"$@\"\n";
        behind(engine, &project, cut);
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
error[engine-failed]: the container of `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]` ended before it answered
  cause: it is gone
  help: see whether it answers, and try again: `[ENGINE] info`

"#]]
        );
        behind(engine, &project, "#!/bin/sh\nexec ENGINE \"$@\"\n");
        project.xpkg("build -q").ok();
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn an_engine_of_another_machine_is_found_out() {
    on_each_engine(|engine| {
        // No answer of an earlier run is at hand.
        let project = engine
            .configured("hello", &engine.by_digest("gcc12:1"), "")
            .unset("XDG_CACHE_HOME");
        // The directory has its name there, and other files.
        let other = "#!/bin/sh\nn=$#\nwhile [ $n -gt 0 ]; do\n  a=$1; shift; n=$((n-1))\n  case \
                     $a in *source=*/cargo-xpkg-*) \
                     a=type=bind,source=/usr/share,target=${a##*target=};; esac\n  set -- \"$@\" \
                     \"$a\"\ndone\nexec ENGINE \"$@\"\n";
        behind(engine, &project, other);
        check!(
            text(engine, &project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
error[engine-blind]: [ENGINE] does not see this machine's files
  cause: [ITS WORDS]
  help: use an engine of this machine: unset `DOCKER_HOST` and `CONTAINER_HOST`, `docker context use default`, or install podman
  help: or share the temporary directory, the workspace, CARGO_HOME and the toolchain with it under the same paths

"#]]
        );
        // Nothing of that name is there.
        behind(
            engine,
            &project,
            &other.replace("=/usr/share", "=/nonexistent"),
        );
        check!(
            text(engine, &project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
error[engine-blind]: [ENGINE] does not see this machine's files
  cause: [ITS WORDS]
  help: use an engine of this machine: unset `DOCKER_HOST` and `CONTAINER_HOST`, `docker context use default`, or install podman
  help: or share the temporary directory, the workspace, CARGO_HOME and the toolchain with it under the same paths

"#]]
        );
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}
