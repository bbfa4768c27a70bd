//! Bounds, interruptions, and what does not reach a container.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, Project, X86_MUSL, until};
use crate::toolchain::image::engines::{Engine, on_each_engine, target_table};

/// Writes a program: a shell script.
fn program(path: &std::path::Path, script: &str) {
    let _ = std::fs::remove_file(path);
    std::fs::write(path, format!("#!/bin/sh\n{script}")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Adds a build script.
fn build_script(project: &Project, body: &str) {
    let manifest = project.read("Cargo.toml").replace(
        "publish = false\n",
        "publish = false\nbuild = \"build.rs\"\n",
    );
    project.write("Cargo.toml", &manifest);
    project.write("build.rs", &format!("fn main() {{\n{body}\n}}\n"));
}

#[test]
fn a_pre_build_of_any_length_is_run_as_a_whole() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        let project = engine.configured(
            "hello",
            &engine.tag("gcc12:1"),
            "pre-build = \"ci/prepare.sh\"\n",
        );
        // podman's parser drops a line of 64 KiB and all below it.
        let long = format!(": '{}'\n", "long \u{fc} \\ \" ".repeat(20_000));
        project.write(
            "ci/prepare.sh",
            &format!("#!/bin/sh\nset -e\n{long}echo \"$1\" >/made-by-pre-build\n"),
        );
        build_script(
            &project,
            "    let made = std::fs::read_to_string(\"/made-by-pre-build\");\n    \
             println!(\"cargo::warning=made: {made:?}\");",
        );
        project.xpkg("image pin").ok();
        let run = project.xpkg("build").ok();
        let expected = format!("made: Ok(\"{ARM_GNU}\\n\")");
        assert!(run.stderr.contains(&expected), "{}", run.stderr);

        // What was built here goes with `clean`, and so does the record of it.
        let image = || {
            let lock = project.read("xpkg.lock");
            let (_, digits) = lock.split_once("inputs = \"sha256:").unwrap();
            let tag = format!("localhost/cargo-xpkg/derived:{}", &digits[..32]);
            let mut inspect = engine.command();
            inspect.args(["image", "inspect", &tag]);
            inspect.output().unwrap().status.success()
        };
        assert!(image());
        let run = project.xpkg("clean").ok();
        assert!(
            run.stderr
                .contains("Removed the image localhost/cargo-xpkg/derived:"),
            "{}",
            run.stderr
        );
        assert!(!image() && !project.path("target/xpkg-cache").exists());
    });
}

#[test]
fn an_image_with_a_long_description_is_pinned() {
    on_each_engine(|engine| {
        let tag = engine.own_tag("described");
        let context = tempfile::tempdir().unwrap();
        let labels: String = (0..60)
            .map(|number| format!("LABEL xpkg.tests.{number}={}\n", "x".repeat(3000)))
            .collect();
        let recipe = format!("FROM {}\n{labels}", engine.by_digest("gcc12:1"));
        std::fs::write(context.path().join("Dockerfile"), recipe).unwrap();
        engine.says(&format!(
            "build --quiet --tag {tag} {}",
            context.path().display()
        ));
        let project = engine.configured("hello", &tag, "");
        // Of this machine alone: what the registry says is not the matter.
        let run = project.xpkg("image pin");
        let help = format!(
            "  help: if it was built on this machine, push it to a registry and name it there: `{} \
             push {tag} REGISTRY/NAME:TAG`\n",
            engine.program
        );
        assert!(run.stderr.contains(&help), "{}", run.stderr);
        engine.says(&format!("push {tag}"));
        project.xpkg("image pin").ok();
        assert!(project.read("xpkg.lock").contains(&tag));
        // podman would take the image below with it, which other tests use.
        engine.says(&format!("rmi --no-prune {tag}"));
    });
}

#[test]
fn a_dockerfile_without_an_image_is_built_upon_its_own() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        let project = engine.project("hello");
        project.write(
            "Cross.toml",
            &format!("[target.{ARM_GNU}]\ndockerfile = \"ci/Dockerfile\"\n"),
        );
        project.write(
            "ci/Dockerfile",
            &format!("FROM {}\nRUN echo own >/own\n", engine.tag("gcc12:1")),
        );
        build_script(
            &project,
            "    println!(\"cargo::warning=own: {:?}\", std::fs::read_to_string(\"/own\"));",
        );
        project.xpkg(&format!("image pin --target {ARM_GNU}")).ok();
        let lock = project.read("xpkg.lock");
        assert!(
            lock.contains(&format!("reference = \"{}\"", engine.tag("gcc12:1")))
                && lock.contains(engine.digest("gcc12:1")),
            "{lock}"
        );
        let run = project.xpkg(&format!("build --target {ARM_GNU}")).ok();
        assert!(run.stderr.contains("own: Ok(\"own\\n\")"), "{}", run.stderr);
        project.xpkg("clean").ok();
    });
}

#[test]
fn pins_of_two_runs_at_once_both_stay() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.tag("gcc12:1"), "");
        let other = target_table(&engine.tag("gcc12:2"), "").replace(ARM_GNU, X86_MUSL);
        project.append(
            "Cargo.toml",
            &other.replace("image =", "linker = \"image\"\nimage ="),
        );
        // The second run is whole while the first one pulls.
        let script = format!(
            "if [ \"$1\" = pull ] && [ ! -e '{0}/second' ]; then\n    : >'{0}/second'\n    \
             '{1}' image pin --target {X86_MUSL} >'{0}/second' 2>&1 || exit 9\nfi\nexec '{2}' \"$@\"\n",
            project.root.parent().unwrap().display(),
            env!("CARGO_BIN_EXE_cargo-xpkg"),
            engine.path.display()
        );
        program(&project.bin.join(engine.program), &script);
        project.xpkg(&format!("image pin --target {ARM_GNU}")).ok();
        let lock = project.read("xpkg.lock");
        assert!(
            lock.contains(engine.digest("gcc12:1")) && lock.contains(engine.digest("gcc12:2")),
            "{lock}\n{}",
            project.read("../second")
        );
        assert_eq!(
            project
                .files("")
                .iter()
                .filter(|name| name.ends_with(".lock.lock"))
                .count(),
            0
        );
    });
}

#[test]
fn what_passthrough_does_not_pass_is_named() {
    on_each_engine(|engine| {
        let project = engine
            .configured(
                "hello",
                &engine.by_digest("gcc12:1"),
                "passthrough = [\"EMPTY\", \"HOME=/x\", \"PATH\", \"CARGO_HOME\", \"GIVEN=\", \
                 \"ODD\"]\n",
            )
            .env("EMPTY", "");
        build_script(
            &project,
            "    for name in [\"EMPTY\", \"GIVEN\", \"HOME\", \"ODD\"] {\n        \
             println!(\"cargo::warning={name}: {:?}\", std::env::var(name));\n    }",
        );
        let run = project.xpkg("build").ok();
        let said: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| line.contains("Masking") || line.contains("warning: hello"))
            .collect();
        check!(
            engine.told(&said.join("\n")),
            str![[r#"
     Masking `HOME` of `passthrough` (no home directory is shown, and programs get `/tmp`) in the image of aarch64-unknown-linux-gnu, because it refers to this machine
     Masking `PATH` of `passthrough` (it is the image's after the toolchain's: set it by `ENV PATH=…` in a `dockerfile`) in the image of aarch64-unknown-linux-gnu, because it refers to this machine
     Masking `CARGO_HOME` of `passthrough` (cargo's caches are mounted at their own path) in the image of aarch64-unknown-linux-gnu, because it refers to this machine
warning: hello@0.1.0: EMPTY: Ok("")
warning: hello@0.1.0: GIVEN: Ok("")
warning: hello@0.1.0: HOME: Ok("/tmp")
warning: hello@0.1.0: ODD: Err(NotPresent)
"#]]
        );
        let mut command = project.command("build");
        let output = command
            .env("ODD", OsStr::from_bytes(b"\xff"))
            .output()
            .unwrap();
        check!(
            engine.told(&String::from_utf8_lossy(&output.stderr)),
            str![[r#"
error[config-invalid]: the value of `ODD` is not UTF-8, and engines pass on nothing else
  help: set it to other letters, or unset it: `unset ODD`

"#]]
        );
    });
}

#[test]
fn what_a_link_leads_to_is_shown_or_named() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        project.write(
            "../lib/Cargo.toml",
            "[package]\nname = \"linked\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\npath = \
             \"lib.rs\"\n",
        );
        project.write("../lib/lib.rs", "");
        project.write("../models/one", "a model");
        symlink("../lib", project.path("lib")).unwrap();
        symlink("../models", project.path("models")).unwrap();
        project.append(
            "Cargo.toml",
            "\n[dependencies]\nlinked = { path = \"lib\" }\n",
        );
        project.write(
            "src/main.rs",
            "use linked as _;\nfn main() { println!(\"{}\", include_str!(\"../models/one\")) }\n",
        );
        let run = project.xpkg("build");
        assert_eq!(run.code, Some(101), "{}", run.stderr);
        let hints: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| line.trim_start().starts_with("Noting"))
            .collect();
        let base = project.root.parent().unwrap().to_str().unwrap();
        let root = project.root.to_str().unwrap();
        let shown = hints.join("\n").replace(root, "[ROOT]");
        check!(
            engine.told(&shown.replace(base, "[BASE]")),
            str![[r#"
      Noting it ran in a container: without network (`pre-build` has one), and with sources that cannot be written to (build scripts write to `OUT_DIR`)
      Noting the link `[ROOT]/models` leads to `[BASE]/models`, which the container does not see: add it to `volumes`, `"MODELS=[BASE]/models"`
"#]]
        );
        // The hint is tried.
        let (_, entry) = hints[1].rsplit_once("`volumes`, `").unwrap();
        let table = format!("volumes = [{}]\n", entry.trim_end_matches('`'));
        let manifest = project.read("Cargo.toml");
        let image = format!("image = \"{}\"\n", engine.by_digest("gcc12:1"));
        project.write(
            "Cargo.toml",
            &manifest.replace(&image, &format!("{image}{table}")),
        );
        project
            .xpkg(&format!("build --allow-outside {base}/models"))
            .ok();
    });
}

/// Containers of an engine, those of builds too.
fn containers(engine: &Engine) -> Vec<String> {
    let line = if engine.program == "podman" {
        "ps --all --external --quiet --no-trunc"
    } else {
        "ps --all --quiet --no-trunc"
    };
    let mut ids: Vec<String> = engine.says(line).lines().map(str::to_owned).collect();
    ids.sort();
    ids
}

#[test]
fn an_interruption_of_a_pre_build_leaves_nothing() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        let mark = format!("6{:05}", std::process::id() % 100_000);
        let project = engine.configured(
            "hello",
            &engine.tag("gcc12:1"),
            &format!("pre-build = [\"sleep {mark}\"]\n"),
        );
        let sleeping = || {
            let processes = std::fs::read_dir("/proc").unwrap().flatten();
            let lines =
                processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
            lines
                .filter(|line| *line == format!("sleep\0{mark}\0").as_bytes())
                .count()
        };
        let before = containers(engine);
        let run = project
            .command("image pin")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("the command sleeps", || (sleeping() > 0).then_some(()));
        // Other tests start containers at any time: only what is there now can be this run's.
        let mut during = containers(engine);
        during.retain(|container| !before.contains(container));
        Command::new("kill")
            .args(["-INT", &run.id().to_string()])
            .status()
            .unwrap();
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        until("the command is gone", || (sleeping() == 0).then_some(()));
        // What podman stores in a system of its own is not seen from here.
        if engine.name != "podman-trixie" {
            until("its containers are gone", || {
                let after = containers(engine);
                let gone = during.iter().all(|container| !after.contains(container));
                gone.then_some(())
            });
        }
        assert!(!project.path("xpkg.lock").exists());
    });
}

#[test]
fn an_answer_that_is_cut_is_an_error() {
    let project = Project::of("hello").env("XPKG_CONTAINER_ENGINE", "podman");
    program(
        &project.bin.join("podman"),
        "exec /usr/bin/head -c 17000000 /dev/zero\n",
    );
    project.append("Cargo.toml", &target_table("localhost/x:1", ""));
    check!(
        project.xpkg(&format!("image pin --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[no-engine]: the container engine `podman`, which `XPKG_CONTAINER_ENGINE` names, does not answer
  tried: podman: `podman` wrote more than [SIZE], of which xpkg would read a part
  help: check the output of `podman info`
  help: or unset `XPKG_CONTAINER_ENGINE` to use the first of docker and podman that answers

"#]]
    );
}

#[test]
fn a_line_that_builders_do_not_read_is_refused() {
    let project = Project::of("hello");
    project.append(
        "Cargo.toml",
        &target_table("localhost/x:1", "dockerfile = \"Dockerfile\"\n"),
    );
    project.write(
        "Dockerfile",
        &format!(
            "FROM $XPKG_BASE_IMAGE\nRUN : {}\nRUN true\n",
            "x".repeat(65_536)
        ),
    );
    project.write(
        "xpkg.lock",
        &format!(
            "version = 1\n[[image]]\ntarget = \"{ARM_GNU}\"\nreference = \"localhost/x:1\"\ndigest \
             = \"sha256:{}\"\n[image.seen]\nplatform = \"linux/amd64\"\ncreated = \"\"\n",
            "ab".repeat(32)
        ),
    );
    check!(
        project.xpkg(&format!("plan --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[config-invalid]: line 2 of `[ROOT]/Dockerfile` has [SIZE] or more, which builders do not read
  help: break it by `\` at the end of a line, or copy a script and run it

"#]]
    );
}
