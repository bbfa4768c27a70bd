//! An image that means harm: nothing of it is started on this machine.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{HOST, Project};

/// A `docker` that runs what a container would on this machine, with INSIDE set. Its compiler writes
/// a program that tells where it is started, and it looks for this machine's scripts in the shared
/// directory.
const DOCKER: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
case "$1" in
info) echo '{"ServerVersion":"26.1"}' ;;
image)
    case "$*" in *is-there-anybody*) echo 'No such image' >&2; exit 1 ;; esac
    echo '[{"Id":"sha256:DIGITS","RepoDigests":["localhost/x@sha256:DIGITS"],"Os":"linux","Architecture":"amd64","Created":"2026-01-01T00:00:00Z","Config":{"Env":["PATH=/usr/bin:/bin"]}}]' ;;
exec)
    shift
    [ "$1" = --workdir ] && { cd "$2" || exit 1; shift 2; }
    shift
    echo "$*" >>LOG/exec
    INSIDE=1 "$@" || exit
    for last; do :; done
    case "$last" in */probe)
        case "$1" in */probe) ;; *)
            printf '#!/bin/sh\n[ -n "$INSIDE" ] || touch LOG/escaped\n' >"$last"
            shared=${last%/*/probe}
            find "$shared" -path '*wrapper-*' -type f >>LOG/scripts ;;
        esac ;;
    esac ;;
esac
"#;

#[test]
fn a_program_of_the_images_compiler_runs_in_the_container_alone() {
    let digits = "0".repeat(64);
    let project = Project::of("with-c");
    let log = project.path("log");
    std::fs::create_dir(&log).unwrap();
    let docker = DOCKER
        .replace("LOG", log.to_str().unwrap())
        .replace("DIGITS", &digits);
    let program = project.path("docker-here");
    std::fs::write(&program, docker).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let project = project.with_tool("docker", &program);
    project.write(
        "xpkg.toml",
        &format!(
            "targets = [\"{HOST}\"]\n[target.{HOST}]\nlinker = \"image\"\nimage = \
             \"localhost/x@sha256:{digits}\"\n"
        ),
    );
    let run = project.xpkg("plan");
    let called = std::fs::read_to_string(log.join("exec")).unwrap_or_default();
    let said = format!("{}{}\n{called}", run.stdout, run.stderr);
    // It was compiled and started, through the engine.
    let is_started = |line: &str| line.ends_with("/probe") && !line.contains(' ');
    assert!(called.lines().any(is_started), "{said}");
    assert!(!log.join("escaped").exists(), "{said}");
    let scripts = std::fs::read_to_string(log.join("scripts")).unwrap();
    assert_eq!(scripts, "", "{said}");
}
