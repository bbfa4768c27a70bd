//! The directory of a release: whose files are in it, and when that is found.

use crate::ship::release::{DIRECTORY, hello, on_a_system};
use crate::support::{ARM_MUSL, Project, X86_MUSL, normal, skipped};

/// Runs a command that must fail with one error. Returns it, with the place of the project replaced.
#[track_caller]
fn refused(project: &Project, command: &str) -> String {
    let run = project.xpkg(command);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let at = run.stderr.find("error[").unwrap();
    run.stderr[at..].replace(project.root.to_str().unwrap(), "[ROOT]")
}

#[test]
fn what_does_not_pass_is_named_by_a_path_that_stays() {
    let project = hello();
    project.write("junk.tar", "junk\n");
    assert_eq!(
        refused(&project, "release --from junk.tar"),
        "error[archive-unfit]: `[ROOT]/junk.tar` does not pass verification, so it is not released\n  \
         found: archive-unfit: it does not contain a tar: failed to read entire block, expected a \
         readable entry\n  help: see all findings: `cargo xpkg verify [ROOT]/junk.tar`\n"
    );
    // A tar that passes by the default policy, and not by the configured one.
    project
        .xpkg(&format!("build -q --target {X86_MUSL},{ARM_MUSL}"))
        .ok();
    on_a_system(&project, "tar -cf tree.tar -C target/xpkg .");
    project.write("xpkg.toml", "[policy]\nbase = \"strict\"\n");
    let stderr = refused(&project, "release --from tree.tar");
    let help = "help: see all findings: `cargo xpkg verify [ROOT]/tree.tar`";
    assert!(stderr.contains(help), "{stderr}");
    // A finished release is gone with its findings: it includes a program for another machine.
    let include = format!("target/xpkg/{ARM_MUSL}/hello/hello");
    let settings = format!("[release]\ninclude = {{ \"{include}\" = \"extra/\" }}\n");
    project.write("xpkg.toml", &settings);
    let stderr = refused(&project, &format!("release --no-build --target {X86_MUSL}"));
    let expected = format!(
        "error[wrong-machine]: the release does not pass verification, so `[ROOT]/{DIRECTORY}` is \
         not written\n  found: wrong-machine: hello-0.1.0-{X86_MUSL}.tar.gz!/"
    );
    assert!(stderr.starts_with(&expected), "{stderr}");
    let help =
        "\n  help: change the files that archives include, or the policy, and repeat the run\n";
    assert!(stderr.ends_with(help), "{stderr}");
}

#[test]
fn a_directory_that_is_no_tree_is_refused_with_what_to_pass() {
    let project = hello();
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    on_a_system(
        &project,
        "cp -a target/xpkg none && rm none/manifest.json none/MANIFEST.txt",
    );
    for command in ["release", "docker"] {
        assert_eq!(
            refused(&project, &format!("{command} --from none")),
            "error[no-tree]: `[ROOT]/none` (from `--from`) has no `manifest.json`\n  help: pass the \
             whole directory that `cargo xpkg build` staged, or a tar of it\n"
        );
    }
}
#[test]
fn files_of_others_are_found_before_the_build_and_in_a_dry_run() {
    let project = hello();
    project.write(&format!("{DIRECTORY}/notes"), "mine\n");
    let expected = format!(
        "error[release-foreign]: `[ROOT]/{DIRECTORY}` contains files that xpkg did not create\n  \
         untracked: notes\n  help: move it away, or choose another directory: `--release-dir DIR`\n"
    );
    for flags in ["", "--dry-run"] {
        let command = format!("release --target {X86_MUSL} {flags}");
        assert_eq!(refused(&project, &command), expected);
        assert!(!project.path("target/xpkg").exists());
    }
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    for flags in [
        "--no-build",
        "--no-build --dry-run",
        "--from target/xpkg --dry-run",
    ] {
        assert_eq!(refused(&project, &format!("release {flags}")), expected);
    }
    let inside = format!("release --target {X86_MUSL} --dry-run --release-dir target/xpkg/a");
    assert!(refused(&project, &inside).contains("overlaps with the staged tree"));
}

#[test]
fn files_that_were_changed_since_are_kept() {
    let project = hello();
    let command = format!("release -q --target {X86_MUSL}");
    project.xpkg(&command).ok();
    for (name, from, to) in [
        ("install.sh", "hello", "hallo"),
        ("release.json", "\"cargo-xpkg\"", "\"other\""),
        ("SHA256SUMS", "hello", "hallo"),
    ] {
        let path = format!("{DIRECTORY}/{name}");
        let whole = project.read(&path);
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole);
        project.write(&path, &changed);
        assert_eq!(
            refused(&project, &command),
            format!(
                "error[release-foreign]: `[ROOT]/{DIRECTORY}` contains files that were changed since \
                 xpkg wrote them\n  changed: {name}\n  help: move it away, or choose another \
                 directory: `--release-dir DIR`\n"
            )
        );
        assert_eq!(project.read(&path), changed);
        project.write(&path, &whole);
    }
    // What is missing is no loss.
    std::fs::remove_file(project.path(&format!("{DIRECTORY}/install.sh"))).unwrap();
    project.xpkg(&command).ok();
    assert!(project.path(&format!("{DIRECTORY}/install.sh")).exists());
}

#[test]
fn a_mode_that_was_changed_is_written_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = hello();
    project
        .xpkg(&format!("release -q --target {X86_MUSL}"))
        .ok();
    let script = project.path(&format!("{DIRECTORY}/install.sh"));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o644)).unwrap();
    let again = project.xpkg("release --no-build").ok();
    assert!(
        again.stderr.contains("Wrote release 0.1.0"),
        "{}",
        again.stderr
    );
    let mode = std::fs::metadata(&script).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn a_directory_without_a_name_is_a_usage_error() {
    let project = hello();
    for (command, flag) in [
        ("release", "--release-dir <DIR>"),
        ("release", "--from <PATH>"),
        ("docker", "--context <DIR>"),
        ("build", "--out-dir <DIR>"),
    ] {
        let name = flag.split(' ').next().unwrap();
        let run = project.xpkg(&format!("{command} {name} ''"));
        assert_eq!(run.code, Some(2));
        assert_eq!(
            run.stderr.lines().next().unwrap(),
            format!("error: a value is required for '{flag}' but none was supplied")
        );
    }
}

#[test]
fn a_full_disk_is_named_by_what_was_written() {
    const NAME: &str = "a_full_disk_is_named_by_what_was_written";
    let project = hello();
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    std::fs::create_dir(project.path("small")).unwrap();
    for suffix in ["tar.gz", "zip"] {
        project.write(
            "xpkg.toml",
            &format!("[release]\narchives = [\"{suffix}\"]\n"),
        );
        let line = format!(
            "/usr/bin/mount -t tmpfs -o size=64k none small && {} release -q --no-build \
             --release-dir small/out",
            env!("CARGO_BIN_EXE_cargo-xpkg")
        );
        let run = project.shell(&format!("/usr/bin/unshare --mount /bin/sh -c '{line}'"));
        if run.stderr.contains("unshare failed") {
            return skipped(NAME, "no mount namespaces here");
        }
        let stderr = normal(&run.stderr);
        let start = format!(
            "error[file-access]: cannot write `{}/small/.out.new-",
            project.root.display()
        );
        let end =
            format!("/hello-0.1.0-{X86_MUSL}.{suffix}`: No space left on device (os error 28)\n");
        assert!(
            stderr.starts_with(&start) && stderr.ends_with(&end),
            "{stderr}"
        );
    }
}
