//! Runs in images beside each other, after a killed one, and on a machine that has less than the
//! last time.

use std::io::BufReader;
use std::process::Stdio;

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, Project, said_until, until};
use crate::toolchain::image::engines::{Engine, on_each_engine};

/// A project whose build script waits for a file that a variable names.
fn waiting(engine: &Engine) -> Project {
    let project = engine.configured(
        "hello",
        &engine.by_digest("gcc12:1"),
        "passthrough = [\"AWAITED\"]\n",
    );
    project.write(
        "build.rs",
        "fn main() {\n    println!(\"cargo::rerun-if-env-changed=AWAITED\");\n    let awaited = \
         std::env::var(\"AWAITED\");\n    while awaited.as_ref().is_ok_and(|path| \
         !std::path::Path::new(path).exists()) {\n        \
         std::thread::sleep(std::time::Duration::from_millis(20));\n    }\n}\n",
    );
    project
}

/// Waits until the build script waits.
fn running(engine: &Engine, project: &Project) {
    let waits = |about: String| {
        let name = about
            .split(' ')
            .next()
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned();
        let top = engine.command().args(["top", &name]).output().unwrap();
        String::from_utf8_lossy(&top.stdout).contains("build-script-build")
    };
    until("the build script runs", || {
        engine
            .containers(project)
            .into_iter()
            .any(waits)
            .then_some(())
    });
}

#[test]
fn two_runs_at_once_take_turns() {
    on_each_engine(|engine| {
        let project = waiting(engine);
        project.xpkg("plan").ok();
        let mut first = project.command("build -q --out-dir one");
        let mut first = first
            .env("AWAITED", project.path("go"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        running(engine, &project);
        let mut second = project
            .command("build --out-dir two")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(second.stderr.take().unwrap());
        said_until("    Blocking waiting for another run in", &mut said);
        project.write("go", "");
        assert!(first.wait().unwrap().success());
        said_until("      Staged 1 bin in ", &mut said);
        assert!(second.wait().unwrap().success());
        for tree in ["one", "two"] {
            assert!(
                project
                    .path(&format!("{tree}/{ARM_GNU}/hello/hello"))
                    .is_file()
            );
        }
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn what_a_killed_run_left_behind_does_not_stop_the_next() {
    on_each_engine(|engine| {
        let project = waiting(engine);
        project.xpkg("plan").ok();
        let mut first = project.command("build -q");
        let mut first = first
            .env("AWAITED", "/never")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        running(engine, &project);
        first.kill().unwrap();
        first.wait().unwrap();
        let second = project.xpkg("build").ok();
        assert!(
            second.stderr.contains("    Removing the container `xpkg-"),
            "{}",
            second.stderr
        );
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn proxies_of_this_machine_stay_here() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        let project = project
            .env("HTTPS_PROXY", "http://user:s3cret@proxy.example:1")
            .env("http_proxy", "http://user:s3cret@proxy.example:1");
        let config = project.path("docker-config");
        project.write(
            "docker-config/config.json",
            "{\"proxies\":{\"default\":{\"httpProxy\":\"http://user:s3cret@proxy.example:1\"}}}",
        );
        let project = project.env("DOCKER_CONFIG", config.to_str().unwrap());
        project.write(
            "build.rs",
            "fn main() {\n    let secret = std::env::vars().any(|(_, value)| \
             value.contains(\"s3cret\"));\n    println!(\"cargo::warning=secret: {secret}\");\n}\n",
        );
        let run = project.xpkg("build").ok();
        assert!(run.stderr.contains("secret: false"), "{}", run.stderr);
        assert!(!project.read("target/xpkg/manifest.json").contains("s3cret"));
    });
}

#[test]
fn secrets_stay_here_by_whatever_name_a_mount_shows_them() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        // A home of cargo's that is a link into the sources, a file by `--config`, the
        // configuration of a path dependency.
        project.write(
            "inside/credentials.toml",
            "[registry]\ntoken = \"s3cret\"\n",
        );
        project.write("inside/config.toml", "[registry]\ntoken = \"s3cret\"\n");
        project.write(
            "../more.toml",
            "[registry]\ntoken = \"s3cret\"\n\n[env]\nMORE = \"more\"\n",
        );
        project.write(
            "../beside/Cargo.toml",
            "[package]\nname = \"beside\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\npath = \
             \"lib.rs\"\n",
        );
        project.write("../beside/lib.rs", "");
        project.write(
            "../beside/.cargo/config.toml",
            "[registry]\ntoken = \"s3cret\"\n",
        );
        // Never compiled, and read all the same.
        project.append(
            "Cargo.toml",
            "\n[target.'cfg(windows)'.dependencies]\nbeside = { path = \"../beside\" }\n",
        );
        let home = project.path("home");
        std::os::unix::fs::symlink(project.path("inside"), &home).unwrap();
        let base = project.root.parent().unwrap().to_str().unwrap().to_owned();
        let places = [
            "work/inside/credentials.toml",
            "work/inside/config.toml",
            "work/home/credentials.toml",
            "more.toml",
            "beside/.cargo/config.toml",
        ];
        let list: Vec<String> = places
            .iter()
            .map(|place| format!("{base}/{place}"))
            .collect();
        project.write(
            "build.rs",
            &format!(
                "fn main() {{\n    for place in {list:?} {{\n        let text = \
                 std::fs::read_to_string(place).unwrap_or_default();\n        \
                 println!(\"cargo::warning={{place}}: {{}}\", text.contains(\"s3cret\"));\n    \
                 }}\n    println!(\"cargo::warning=MORE: {{:?}}\", std::env::var(\"MORE\"));\n}}\n"
            ),
        );
        let project = project.env("CARGO_HOME", home.to_str().unwrap());
        let run = project
            .xpkg(&format!("build --config {base}/more.toml"))
            .ok();
        assert!(!run.stderr.contains(": true"), "{}", run.stderr);
        assert_eq!(
            run.stderr.matches(": false").count(),
            places.len(),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("MORE: Ok(\"more\")"), "{}", run.stderr);
    });
}

#[test]
fn a_home_of_cargos_that_is_new_is_filled_before_it_is_shown() {
    on_each_engine(|engine| {
        let project = engine.configured("with-c", &engine.by_digest("gcc12:1"), "");
        project.xpkg("plan").ok();
        let home = project.path("../new-home");
        let project = project.env("CARGO_HOME", home.to_str().unwrap());
        project.xpkg("build -q").ok();
    });
}

#[test]
fn what_a_dockerfile_copies_is_its_input_and_no_more() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        let table = "dockerfile = { file = \"docker/Dockerfile\", context = \".\" }\n";
        let project = engine.configured("hello", &engine.tag("gcc12:1"), table);
        project.write(
            "docker/Dockerfile",
            "ARG XPKG_BASE_IMAGE\nFROM $XPKG_BASE_IMAGE\nCOPY data.txt /data.txt\n",
        );
        project.write("data.txt", "one\n");
        project.xpkg("image pin -q").ok();
        project.xpkg("build -q --out-dir dist").ok();
        // What pin and build have written is no input.
        project.xpkg("build -q --out-dir dist").ok();
        project.write("docker/Dockerfile", "FROM debian:12\n");
        check!(
            engine.text(&project.xpkg("image pin")),
            str![[r#"
exit 1
--- stderr
     Pulling 127.0.0.1:5055/xpkg/gcc12:1
error[image-not-pinned]: `[ROOT]/docker/Dockerfile` starts from an image that is not pinned
  from: debian:12
  help: start from the pinned image, `ARG XPKG_BASE_IMAGE` and `FROM $XPKG_BASE_IMAGE`, or with `name@sha256:…`

"#]]
        );
    });
}

#[test]
fn a_compiler_that_is_passed_is_the_one_that_is_judged() {
    on_each_engine(|engine| {
        let project = engine.configured(
            "with-c",
            &engine.by_digest("gcc12:1"),
            "passthrough = [\"CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc-12\", \
             \"CFLAGS=-O1\"]\n",
        );
        let plan: serde_json::Value =
            serde_json::from_str(&project.xpkg("plan --message-format json").ok().stdout).unwrap();
        let toolchain = &plan["targets"][0]["toolchain"];
        assert_eq!(
            toolchain["c_compiler"]["program"],
            "aarch64-linux-gnu-gcc-12"
        );
        assert_eq!(toolchain["report"]["compiler"], "aarch64-linux-gnu-gcc-12");
        let flags = toolchain["report"]["flags"].to_string();
        assert!(flags.contains("-O1"), "{flags}");
    });
}
