//! Paths of the configuration that lead out of the workspace: only with the user's word.

use std::os::unix::fs::symlink;

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, Project};

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A project whose target has an image, pinned, with these settings.
fn with_image(settings: &str) -> Project {
    let project = Project::of("hello");
    project.write("../outside/Dockerfile", "FROM $XPKG_BASE_IMAGE\n");
    project.write("../outside/prepare.sh", "#!/bin/sh\n");
    project.write("inside/Dockerfile", "FROM $XPKG_BASE_IMAGE\nCOPY x /\n");
    symlink("../outside", project.path("link")).unwrap();
    let base = project.root.parent().unwrap().to_str().unwrap().to_owned();
    project.write(
        "xpkg.toml",
        &format!(
            "targets = [\"{ARM_GNU}\"]\n[target.{ARM_GNU}]\nlinker = \"image\"\nimage = \
             \"localhost/x:1\"\n{}\n",
            settings.replace("BASE", &base)
        ),
    );
    project.write(
        "xpkg.lock",
        &format!(
            "version = 1\n[[image]]\ntarget = \"{ARM_GNU}\"\nreference = \"localhost/x:1\"\ndigest \
             = \"{DIGEST}\"\n[image.seen]\nplatform = \"linux/amd64\"\ncreated = \"\"\n"
        ),
    );
    project
}

/// Checks the problem of these settings, that the flag solves it, and that a similar path in the
/// flag does not.
fn outside(settings: &str, expected: &str) {
    let project = with_image(settings);
    let base = project.root.parent().unwrap().to_str().unwrap().to_owned();
    for args in [
        "plan",
        "build",
        "doctor",
        "plan --allow-outside ../out --allow-outside .",
    ] {
        let run = project.xpkg(args);
        let said = format!("{}{}", run.stdout, run.stderr).replace(&base, "[BASE]");
        assert!(said.contains(expected), "{settings}: {args}: {said}");
    }
    let path = expected.split('`').nth_back(1).unwrap();
    let path = path.replace("[BASE]", &base);
    let allowed = project.xpkg(&format!("plan --allow-outside {path}"));
    assert!(
        !allowed.stderr.contains("outside-workspace"),
        "{settings}: {}",
        allowed.stderr
    );
}

#[test]
fn nothing_outside_is_mounted_or_copied_into_a_cross_image() {
    for (settings, expected) in [
        ("volumes = [\"V=/\"]", "the volume `V=/` leads to `/`"),
        (
            "volumes = [\"V=../outside\"]",
            "the volume `V=../outside` leads to `[BASE]/outside`",
        ),
        (
            "volumes = [\"V=link\"]",
            "the volume `V=link` leads to `[BASE]/outside`",
        ),
        (
            "dockerfile = \"../outside/Dockerfile\"",
            "`dockerfile` leads to `[BASE]/outside/Dockerfile`",
        ),
        (
            "dockerfile = \"link/Dockerfile\"",
            "`dockerfile` leads to `[BASE]/outside/Dockerfile`",
        ),
        (
            "dockerfile = { file = \"inside/Dockerfile\", context = \"BASE/outside\" }",
            "the context of `dockerfile` leads to `[BASE]/outside`",
        ),
        (
            "pre-build = \"link/prepare.sh\"",
            "`pre-build` leads to `[BASE]/outside/prepare.sh`",
        ),
    ] {
        outside(settings, expected);
    }
}

#[test]
fn a_volume_of_the_environment_is_the_users_own_word() {
    let project = with_image("volumes = [\"V\"]").env("V", "/");
    let run = project.xpkg("plan");
    assert!(!run.stderr.contains("outside-workspace"), "{}", run.stderr);
}

#[test]
fn no_image_is_based_on_a_layout_outside_unless_the_user_names_it() {
    let project = Project::of("hello");
    project.write("../outside/index.json", "{}");
    project.write(
        "xpkg.toml",
        "targets = [\"x86_64-unknown-linux-musl\"]\n[[docker]]\nname = \"hello\"\nbase = \
         \"oci:../outside:tag\"\n",
    );
    check!(
        project.xpkg("docker --context context"),
        str![[r#"
exit 1
--- stderr
error[outside-workspace]: `base` of `hello` leads to `[BASE]/outside`, which is outside the workspace
  help: move it into the workspace, or allow it if you trust this configuration: `--allow-outside [BASE]/outside`

"#]]
    );
    let run = project.xpkg("docker --context context --allow-outside ../outside");
    assert!(run.stderr.contains("error[base-unfit]"), "{}", run.stderr);
    // As it is the user who names it, no flag is asked for.
    project.write("xpkg.toml", "targets = [\"x86_64-unknown-linux-musl\"]\n");
    let run = project.xpkg("docker --context context --base oci:../outside");
    assert!(run.stderr.contains("error[base-unfit]"), "{}", run.stderr);
}

#[test]
fn nothing_outside_is_copied_into_an_image_unless_it_is_allowed() {
    let project = Project::of("hello");
    project.write("../outside/secret", "the user's");
    symlink("../outside/secret", project.path("link")).unwrap();
    let base = project.root.parent().unwrap().to_str().unwrap().to_owned();
    project.write(
        "xpkg.toml",
        &format!(
            "targets = [\"x86_64-unknown-linux-musl\"]\n[[docker]]\nname = \"hello\"\nfiles = {{ \
             link = \"/a\", \"../outside\" = \"/b\", \"{base}/outside/secret\" = \"/c\", \
             \"Cargo.toml\" = \"/d\" }}\n"
        ),
    );
    let refused = str![[r#"
exit 1
--- stderr
error[outside-workspace]: `[BASE]/outside/secret` of `files` leads to `[BASE]/outside/secret`, which is outside the workspace
  help: move it into the workspace, or allow it if you trust this configuration: `--allow-outside [BASE]/outside/secret`
error[outside-workspace]: `../outside` of `files` leads to `[BASE]/outside`, which is outside the workspace
  help: move it into the workspace, or allow it if you trust this configuration: `--allow-outside [BASE]/outside`
error[outside-workspace]: `link` of `files` leads to `[BASE]/outside/secret`, which is outside the workspace
  help: move it into the workspace, or allow it if you trust this configuration: `--allow-outside [BASE]/outside/secret`

"#]];
    // Before anything is compiled.
    check!(project.xpkg("docker --context context"), refused.clone());
    assert!(!project.path("target/xpkg").exists());
    project.xpkg("build -q").ok();
    for args in [
        "docker --no-build --context context",
        "docker --from target/xpkg --oci oci",
    ] {
        check!(project.xpkg(args), refused.clone());
    }
    project
        .xpkg("docker -q --context context --allow-outside ../outside")
        .ok();
    let context = project.files("context");
    let copied = |file: &str| context.iter().filter(|path| path.ends_with(file)).count();
    assert_eq!(copied("secret") + copied("1"), 2, "{context:?}");
}

#[test]
fn an_out_dir_that_the_configuration_alone_puts_outside_is_refused() {
    let project = Project::of("hello");
    project.write("xpkg.toml", "out-dir = \"../victim/target/xpkg\"\n");
    for command in ["build", "plan", "docker", "clean"] {
        let run = project.xpkg(command);
        assert!(
            run.stderr
                .contains("error[outside-workspace]: `out-dir` of the configuration leads to `"),
            "{command}: {}",
            run.stderr
        );
    }
    project
        .xpkg("build -q --out-dir ../victim/target/xpkg")
        .ok();
}

#[test]
fn the_cache_is_no_out_dir() {
    let project = Project::of("hello");
    for directory in ["target/xpkg-cache", "target/xpkg-cache/tools/x"] {
        let run = project.xpkg(&format!("build --out-dir {directory}"));
        assert!(
            run.stderr
                .contains("cannot be the out-dir: it is xpkg's cache"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_file_without_an_end_is_not_read_whole() {
    for file in ["xpkg.toml", "Cross.toml", "xpkg.lock"] {
        let project = Project::of("hello");
        let large = std::fs::File::create(project.path("large")).unwrap();
        large.set_len(100 << 20).unwrap();
        symlink("large", project.path(file)).unwrap();
        let command = if file == "xpkg.lock" {
            project.append(
                "Cargo.toml",
                "\n[package.metadata.xpkg.target.aarch64-unknown-linux-gnu]\nimage = \"a/b:1\"\n",
            );
            "image list"
        } else {
            "plan"
        };
        let run = project.xpkg(command);
        assert!(
            run.stderr.contains(&format!("{file}`: it is larger than")),
            "{file}: {}",
            run.stderr
        );
    }
}
