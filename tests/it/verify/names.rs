//! Names that promise something else than what is in them.

use crate::check;
use crate::support::Project;
use crate::verify::shell;
use snapbox::str;

/// A directory with this machine's program under a name.
fn named(name: &str) -> Project {
    let project = Project::empty();
    let place = project.path(name);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_fake-tool"), place).unwrap();
    project
}

/// Returns the findings of `verify`, a line each: code, and what was found.
fn findings(project: &Project, path: &str) -> String {
    let run = project.xpkg(&format!("verify --message-format json {path}"));
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!(
                "{}: {} / {}\n",
                finding["code"].as_str().unwrap(),
                finding["found"].as_str().unwrap(),
                finding["expected"].as_str().unwrap()
            )
        })
        .filter(|line| !line.starts_with("list-missing"))
        .collect()
}

#[test]
fn a_name_promises_a_system_and_a_processor() {
    for (name, expected) in [
        ("d/app-linux-x64", ""),
        ("d/windows-exporter-linux-amd64", ""),
        (
            "d/app-osx-arm64",
            "wrong-machine: elf for EM_X86_64 (64 bit, little endian) / mach-o for \
             CPU_TYPE_ARM64 (64 bit, little endian)\n",
        ),
        (
            "d/app-win64.exe",
            "wrong-machine: elf for EM_X86_64 (64 bit, little endian) / pe for \
             IMAGE_FILE_MACHINE_X86_64 (64 bit, little endian)\n",
        ),
        (
            "d/app.exe",
            "target-unknown: a program for EM_X86_64 / a target in its path, in a list or in \
             `--target`\nwrong-machine: elf for EM_X86_64 / pe for windows\n",
        ),
    ] {
        assert_eq!(findings(&named(name), "d"), expected, "{name}");
    }
}

#[test]
fn the_name_of_an_archive_is_a_promise_too() {
    let project = named("app-1.0-x86_64-unknown-linux-gnu/app");
    let pack = |name: &str| {
        let (packed, said) = shell(
            &project.root,
            &format!("tar -czf {name} app-1.0-x86_64-unknown-linux-gnu"),
        );
        assert!(packed, "{said}");
    };
    for (name, expected) in [
        ("app-1.0-x86_64-unknown-linux-gnu.tar.gz", ""),
        ("app_1.0_linux_amd64.tar.gz", ""),
        (
            "app-1.0-aarch64-unknown-linux-gnu.tar.gz",
            "wrong-machine: a program for x86_64-unknown-linux-gnu / aarch64-unknown-linux-gnu, as \
             the archive's name says\n",
        ),
    ] {
        pack(name);
        assert_eq!(findings(&project, name), expected, "{name}");
    }
}

#[test]
fn what_a_server_answered_is_no_program() {
    let project = Project::empty();
    for name in [
        "d/app.exe",
        "d/app-1.2.3-x86_64-unknown-linux-musl",
        "d/app_linux_amd64",
        "d/README",
        "d/app_linux_amd64.txt",
    ] {
        project.write(name, "Not Found");
    }
    check!(
        project.xpkg("verify d"),
        str![[r#"
exit 1
--- stdout

error[unreadable-binary]: the file cannot be read as a program
  app-1.2.3-x86_64-unknown-linux-musl: it begins with [4e, 6f, 74, 20], which is none of ELF, Mach-O, PE and wasm, expected a program
  app.exe: it begins with [4e, 6f, 74, 20], which is none of ELF, Mach-O, PE and wasm, expected a program
  app_linux_amd64: it begins with [4e, 6f, 74, 20], which is none of ELF, Mach-O, PE and wasm, expected a program
  help: build it again

not checked
  d: digests: no manifest.json, SHA256SUMS or other list of checksums was found

failed: `d`, policy `default`, listed by nothing: 0 programs, 0 of 5 files compared, 3 findings, 0 accepted, 1 not checked

"#]]
    );
}
