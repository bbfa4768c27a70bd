//! A registry of cargo: packed from a shadow, served, and installed from by cargo itself.

use std::path::Path;

use crate::ship::release::installers::served;
use crate::support::{Project, X86_MUSL, tool};

/// A workspace of a program and a library that it depends on by path, without a version.
pub fn workspace(url: &str) -> Project {
    workspace_at(url, "1.2.3")
}

pub fn workspace_at(url: &str, version: &str) -> Project {
    let project = Project::empty();
    let manifest = "[workspace]\nresolver = \"3\"\nmembers = [\"greeter\", \"greeting\", \"other\"]\n\
         [workspace.package]\nversion = \"1.2.3\"\nedition = \"2024\"\n\
         [workspace.dependencies]\ngreeting = { path = \"greeting\" }\n";
    project.write("Cargo.toml", &manifest.replace("1.2.3", version));
    project.write(
        "greeter/Cargo.toml",
        "[package]\nname = \"greeter\"\nversion.workspace = true\nedition.workspace = true\n\
         publish = false\nrust-version = \"1.85\"\nreadme = \"../README.md\"\n\
         [dependencies]\ngreeting.workspace = true\n",
    );
    project.write(
        "greeter/src/main.rs",
        "fn main() { println!(\"{}\", greeting::TEXT); }\n",
    );
    project.write(
        "greeting/Cargo.toml",
        "[package]\nname = \"greeting\"\nversion.workspace = true\nedition.workspace = true\n",
    );
    project.write(
        "greeting/src/lib.rs",
        "pub const TEXT: &str = include_str!(\"text\");\n",
    );
    project.write("greeting/src/text", "hello from a registry");
    project.write(
        "other/Cargo.toml",
        "[package]\nname = \"other\"\nversion.workspace = true\nedition.workspace = true\n",
    );
    project.write("other/src/lib.rs", "");
    project.write("README.md", "# greeter\n");
    project.write(".gitignore", "/target\n/greeter/.env\n");
    project.write("greeter/.env", "TOKEN=secret\n");
    project.write(
        "xpkg.toml",
        &format!("[release.registry]\nurl = \"{url}\"\n"),
    );
    project
        .shell("cargo generate-lockfile --offline --quiet")
        .ok();
    project.commit();
    project
}

/// Names of the members of a package.
fn members(project: &Project, path: &str) -> Vec<String> {
    let line = format!("PATH=\"$PATH:/usr/bin:/bin\" tar -tzf {path}");
    let listed = project.shell(&line).ok().stdout;
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn cargo_installs_a_program_and_its_sibling_from_the_registry() {
    let place = tempfile::tempdir().unwrap();
    let url = served(place.path().to_owned());
    let project = workspace_at(&format!("{url}/registry/"), "1.2.3-rc.1+b5");
    project
        .xpkg(&format!("release -q --target {X86_MUSL} --release-dir out"))
        .ok();
    let files: Vec<String> = project.files("out/registry");
    assert_eq!(
        files,
        [
            "crates/greeter-1.2.3-rc.1+b5.crate",
            "crates/greeting-1.2.3-rc.1+b5.crate",
            "index/config.json",
            "index/gr/ee/greeter",
            "index/gr/ee/greeting",
        ]
    );
    assert_eq!(
        project.read("out/registry/index/config.json"),
        format!("{{\"dl\":\"{url}/registry/crates/{{crate}}-{{version}}.crate\"}}\n")
    );
    let line: serde_json::Value =
        serde_json::from_str(&project.read("out/registry/index/gr/ee/greeter")).unwrap();
    assert_eq!(line["rust_version"], "1.85.0");
    assert_eq!(line["yanked"], false);
    assert_eq!(line["deps"][0]["registry"], serde_json::Value::Null);
    // What git ignores stays here, and what lies above the package comes along.
    assert_eq!(
        members(&project, "out/registry/crates/greeter-1.2.3-rc.1+b5.crate"),
        [
            "greeter-1.2.3-rc.1+b5/Cargo.lock",
            "greeter-1.2.3-rc.1+b5/Cargo.toml",
            "greeter-1.2.3-rc.1+b5/Cargo.toml.orig",
            "greeter-1.2.3-rc.1+b5/README.md",
            "greeter-1.2.3-rc.1+b5/src/main.rs",
        ]
    );
    // The user's files are as they were.
    assert_eq!(
        project.shell("git status --porcelain").ok().stdout,
        "?? out/\n"
    );
    std::fs::rename(project.path("out/registry"), place.path().join("registry")).unwrap();
    // An empty home: nothing but the registry has the packages.
    let home = project.path("home");
    std::fs::create_dir(&home).unwrap();
    // The command of the page, as it is shown.
    let page = project.read("out/index.html");
    let command = page.split("<pre>cargo ").nth(1).unwrap();
    let command = command.split("</pre>").next().unwrap();
    assert_eq!(
        command,
        format!("install --locked --index sparse+{url}/registry/index/ greeter@1.2.3-rc.1+b5")
    );
    let line = format!(
        "CARGO_HOME={home} {cargo} {command} --quiet --root installed && ./installed/bin/greeter",
        home = home.display(),
        cargo = tool("cargo").display(),
    );
    let installed = project.shell(&line).ok();
    assert_eq!(installed.stdout, "hello from a registry\n");
}

#[test]
fn the_same_sources_give_the_same_packages() {
    let build = || {
        let project = workspace("https://get.example/stable/registry");
        project
            .xpkg(&format!("release -q --target {X86_MUSL} --release-dir out"))
            .ok();
        let digests = |name: &String| {
            let bytes = std::fs::read(project.path("out/registry").join(name)).unwrap();
            (name.clone(), bytes)
        };
        let files = project.files("out/registry");
        files.iter().map(digests).collect::<Vec<_>>()
    };
    assert!(build() == build());
}

#[test]
fn a_line_that_cargo_would_skip_is_found() {
    let project = workspace("https://get.example/stable/registry");
    project
        .xpkg(&format!("release -q --target {X86_MUSL} --release-dir out"))
        .ok();
    let verified = project.xpkg("verify out").ok();
    assert!(
        verified.stdout.contains(" 0 findings"),
        "{}",
        verified.stdout
    );
    let path = "out/registry/index/gr/ee/greeter";
    let line = project.read(path);
    for (from, to, expected) in [
        (
            "\"v\":2",
            "\"v\":3",
            "line 1: `v` is 3, and cargo reads 1 and 2",
        ),
        (
            "\"greeting\"",
            "\"greetings\"",
            "line 1: `greetings` is not in this registry",
        ),
        ("\"yanked\":false", "\"yanked\":0", "line 1: invalid type"),
    ] {
        project.write(path, &line.replace(from, to));
        let run = project.xpkg("verify out");
        assert!(
            run.stdout.contains("index-unfit") && run.stdout.contains(expected),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn packages_of_another_commit_or_without_a_file_are_refused() {
    let project = workspace("https://get.example/stable/registry");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    project.append("README.md", "more\n");
    project
        .shell("git -c user.name=t -c user.email=t@t.invalid commit -qam two --no-gpg-sign")
        .ok();
    let run = project.xpkg("release --no-build --release-dir out");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains(
            "error[release-invalid]: the packages of the registry would be of another commit than \
             the trees"
        ),
        "{}",
        run.stderr
    );
    // The package leaves out what it compiles.
    project.append("greeting/Cargo.toml", "exclude = [\"src/text\"]\n");
    let run = project.xpkg(&format!(
        "release --target {X86_MUSL} --allow-dirty --release-dir out"
    ));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("error[registry-failed]"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("couldn't read"), "{}", run.stderr);
    assert!(!Path::new(&project.path("out")).exists());
    let run = {
        project.write("xpkg.toml", "[release.registry]\nurl = \"get.example\"\n");
        project.xpkg(&format!(
            "release --target {X86_MUSL} --allow-dirty --release-dir out"
        ))
    };
    assert!(
        run.stderr
            .contains("`url` of the registry is `get.example`: it is no address"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_cargo_would_not_pack_is_found_before_the_build() {
    let project = workspace("https://get.example/stable/registry");
    let settings = project.read("xpkg.toml");
    let manifest = project.read("greeting/Cargo.toml");
    let refused = |flags: &str| {
        let command = format!("release --target {X86_MUSL} --allow-dirty {flags}");
        let run = project.xpkg(&command);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(!project.path("target/xpkg").exists());
        let at = run.stderr.find("error[").unwrap();
        run.stderr[at..].lines().next().unwrap().to_owned()
    };
    for flags in ["", "--dry-run"] {
        project.write("greeting/Cargo.toml.orig", "");
        assert_eq!(
            refused(flags),
            "error[registry-failed]: cargo does not list the files of `greeting`"
        );
        std::fs::remove_file(project.path("greeting/Cargo.toml.orig")).unwrap();
        let outside = "[dependencies]\nelsewhere = { path = \"../../elsewhere\" }\n";
        project.append("greeting/Cargo.toml", outside);
        let elsewhere = "[package]\nname = \"elsewhere\"\nversion = \"1.0.0\"\n[workspace]\n";
        project.write("../elsewhere/Cargo.toml", elsewhere);
        project.write("../elsewhere/src/lib.rs", "");
        assert_eq!(
            refused(flags),
            format!(
                "error[release-invalid]: `{}/Cargo.toml` depends on `elsewhere` by a path outside \
                 the workspace, so users of the registry could not get it",
                project.path("greeting").display()
            )
        );
        project.write("greeting/Cargo.toml", &manifest);
        project.write("xpkg.toml", "[release.registry]\nurl = \"get.example\"\n");
        assert_eq!(
            refused(flags),
            "error[release-invalid]: `url` of the registry is `get.example`: it is no address"
        );
        project.write("xpkg.toml", &settings);
    }
}

/// What real workspaces have: sources that are replaced, patches, tests that depend on siblings.
#[test]
fn the_users_configuration_patches_and_tests_do_not_get_in_the_way() {
    let project = workspace("https://get.example/stable/registry");
    // Dependencies that only the vendored sources have: their names are free elsewhere.
    for name in ["xpkg-vendored", "xpkg-patched"] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n");
        project.write(&format!("vendor/{name}/Cargo.toml"), &manifest);
        project.write(&format!("vendor/{name}/src/lib.rs"), "");
        let sums = "{\"files\":{},\"package\":null}";
        project.write(&format!("vendor/{name}/.cargo-checksum.json"), sums);
    }
    let config = "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \
                  \"vendor\"\n";
    project.write(".cargo/config.toml", config);
    project.append(
        "greeter/Cargo.toml",
        "xpkg-vendored = \"1\"\nxpkg-patched = \"1\"\n",
    );
    project.append(
        "greeting/Cargo.toml",
        "[dev-dependencies]\nother = { path = \"../other\" }\n",
    );
    project.write(
        "patched/Cargo.toml",
        "[package]\nname = \"xpkg-patched\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n",
    );
    project.write("patched/src/lib.rs", "");
    project.append(
        "Cargo.toml",
        "[patch.crates-io]\nxpkg-patched = { path = \"patched\" }\n",
    );
    project.append("xpkg.toml", "verify = false\n");
    let command = format!("release -q --target {X86_MUSL} --allow-dirty --release-dir out");
    project.xpkg(&command).ok();
    let line: serde_json::Value =
        serde_json::from_str(&project.read("out/registry/index/gr/ee/greeter")).unwrap();
    let names: Vec<&str> = line["deps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dependency| dependency["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["greeting", "xpkg-patched", "xpkg-vendored"]);
    assert!(
        !project
            .read("out/registry/index/gr/ee/greeting")
            .contains("other")
    );
}

#[test]
fn two_runs_at_once_do_not_take_each_others_packages() {
    let project = workspace("https://get.example/stable/registry");
    project.append("xpkg.toml", "verify = false\n");
    project
        .xpkg(&format!("build -q --target {X86_MUSL} --auditable"))
        .ok();
    let runs: Vec<_> = (0..4)
        .map(|number| {
            let command = format!(
                "release -q --no-build --allow-dirty --release-dir target/release-{number}"
            );
            project
                .command(&command)
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
