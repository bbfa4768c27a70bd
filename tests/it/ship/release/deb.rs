//! Packages of Debian, read and installed by Debian's own tools.

use std::process::Command;

use crate::ship::release::on_a_system;
use crate::support::{ARM_MUSL, HOST, Project, X86_MUSL, skipped, tool};

const DIRECTORY: &str = "target/xpkg-release/0.1.0";

/// A project with a service and its configuration.
fn service() -> Project {
    let project = Project::of("hello");
    let manifest = project.read("Cargo.toml");
    let (start, rest) = manifest.split_once("[package]\n").unwrap();
    let described = "description = \"greets whoever starts it\"\nlicense = \"MIT OR Apache-2.0\"\n\
                     repository = \"https://forge.example/acme/hello\"\n";
    project.write(
        "Cargo.toml",
        &format!("{start}[package]\n{described}{rest}"),
    );
    project.write("LICENSE", "MIT\n");
    project.write("hello.toml", "answer = 42\n");
    project.write(
        "hello.service",
        "[Unit]\nDescription=hello\n[Service]\nExecStart=/usr/bin/hello\n[Install]\n\
         WantedBy=multi-user.target\n",
    );
    project.write(
        "xpkg.toml",
        "strip = \"symbols\"\n[release.deb]\nmaintainer = \"Acme <release@acme.example>\"\n\
         files = { \"hello.toml\" = \"/etc/hello/\" }\nsystemd = [\"hello.service\"]\n",
    );
    project
}

#[test]
fn a_package_says_what_its_programs_need() {
    let project = service();
    project.commit();
    project
        .xpkg(&format!("release -q --target {HOST},{X86_MUSL},{ARM_MUSL}"))
        .ok();
    let files = project.files(DIRECTORY);
    let debs: Vec<&String> = files.iter().filter(|file| file.ends_with(".deb")).collect();
    // One a processor: that of glibc, where there is one.
    assert_eq!(debs, ["hello_0.1.0-1_amd64.deb", "hello_0.1.0-1_arm64.deb"]);
    let field = |deb: &str, field: &str| {
        let line = format!("dpkg-deb --field {DIRECTORY}/{deb} {field}");
        on_a_system(&project, &line).stdout.trim_end().to_owned()
    };
    let depends = field(debs[0], "Depends");
    let manifest = project.json("target/xpkg/manifest.json");
    let artifacts = manifest["artifacts"].as_array().unwrap();
    let dynamic = artifacts
        .iter()
        .find(|artifact| artifact["target"] == HOST)
        .unwrap();
    let floor = dynamic["binary"]["glibc_floor"]["version"]
        .as_str()
        .unwrap();
    assert_eq!(depends, format!("libc6 (>= {floor}), libgcc-s1"));
    assert_eq!(field(debs[1], "Depends"), "");
    assert_eq!(
        field(
            debs[1],
            "Architecture Version Maintainer Homepage Description"
        ),
        "Architecture: arm64\nVersion: 0.1.0-1\nMaintainer: Acme <release@acme.example>\n\
         Homepage: https://forge.example/acme/hello\nDescription: greets whoever starts it\n \
         Its programs: hello."
    );
    if !std::path::Path::new("/usr/bin/lintian").exists() {
        return skipped(
            "a_package_says_what_its_programs_need",
            "`lintian` is not installed",
        );
    }
    for deb in debs {
        let report = Command::new(tool("lintian"))
            .args([
                "--fail-on",
                "none",
                "--allow-root",
                "--display-level",
                "error",
            ])
            .arg(project.path(DIRECTORY).join(deb))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&report.stdout), "", "{deb}");
    }
}

#[test]
fn dpkg_installs_and_removes_a_package_in_a_root_of_its_own() {
    const NAME: &str = "dpkg_installs_and_removes_a_package_in_a_root_of_its_own";
    let project = service();
    // No scripts: the root has no shell to run them.
    let config = project
        .read("xpkg.toml")
        .replace("systemd = [\"hello.service\"]\n", "");
    project.write("xpkg.toml", &config);
    let run = project.xpkg(&format!("release --target {X86_MUSL}")).ok();
    let line = "Noting all files are dated 1970-01-01";
    assert!(run.stderr.contains(line), "{}", run.stderr);
    project
        .shell(
            "PATH=/usr/bin:/bin mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates && \
                : >root/var/lib/dpkg/status",
        )
        .ok();
    let dpkg = |args: &str| {
        let root = project.path("root");
        let line = format!(
            "PATH=\"$PATH:/usr/sbin:/sbin:/usr/bin:/bin\" dpkg --root={} --log=/dev/null {args}",
            root.display()
        );
        project.shell(&line)
    };
    let installed = dpkg(&format!("-i {DIRECTORY}/hello_0.1.0-1_amd64.deb"));
    if installed.stderr.contains("superuser privilege") {
        return skipped(NAME, "dpkg needs root");
    }
    installed.ok();
    assert_eq!(dpkg("--verify hello").ok().stdout, "");
    let started = Command::new(project.path("root/usr/bin/hello"))
        .output()
        .unwrap();
    assert!(started.status.success());
    // What the administrator has changed stays, even after a removal.
    project.write("root/etc/hello/hello.toml", "answer = 41\n");
    dpkg("-r hello").ok();
    assert!(!project.path("root/usr/bin/hello").exists());
    assert_eq!(project.read("root/etc/hello/hello.toml"), "answer = 41\n");
    dpkg("-P hello").ok();
    assert!(!project.path("root/etc/hello").exists());
}

#[test]
fn scripts_of_units_are_plain_posix_scripts() {
    let project = service();
    project
        .xpkg(&format!("release -q --target {X86_MUSL}"))
        .ok();
    let line = format!("dpkg-deb --control {DIRECTORY}/hello_0.1.0-1_amd64.deb control");
    on_a_system(&project, &line);
    assert_eq!(
        project.files("control"),
        [
            "conffiles",
            "control",
            "md5sums",
            "postinst",
            "postrm",
            "prerm"
        ]
    );
    assert_eq!(project.read("control/conffiles"), "/etc/hello/hello.toml\n");
    for script in ["postinst", "postrm", "prerm"] {
        let path = format!("control/{script}");
        on_a_system(
            &project,
            &format!("dash -n {path} && shellcheck --shell=sh {path}"),
        );
    }
}

#[test]
fn a_package_without_what_debian_asks_for_is_refused() {
    let project = Project::of("hello");
    let refused = |config: &str| {
        project.write("xpkg.toml", config);
        let run = project.xpkg(&format!("release -q --target {X86_MUSL}"));
        assert_eq!(run.code, Some(1));
        run.stderr
    };
    assert_eq!(
        refused("[release.deb]\n"),
        "error[release-invalid]: a package of Debian needs a `maintainer`\n  help: set it in \
         `[workspace.metadata.xpkg.release.deb]`: `maintainer = \"Acme <release@acme.example>\"`\n"
    );
    assert_eq!(
        refused("[release.deb]\nmaintainer = \"A <a@b.example>\"\n"),
        "error[release-invalid]: the package `hello` has no description\n  help: set `description` \
         below `[package]` in its Cargo.toml: one line\n"
    );
    assert_eq!(
        refused(
            "[release.deb]\nmaintainer = \"A <a@b.example>\"\nfiles = { \"Cargo.toml\" = \"etc\" }\n"
        ),
        "error[release-invalid]: `Cargo.toml` of `files` goes to `etc`, which is no absolute \
         path\n  help: write a file or a directory: `\"app.toml\" = \"/etc/app/\"`\n"
    );
    assert!(!project.path(DIRECTORY).exists());
}
