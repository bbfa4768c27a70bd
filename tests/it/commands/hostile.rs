//! Names from outside, made to control a terminal or to pass for a line of xpkg's own, through
//! every command and format.

use crate::support::{HOST, Project, Run, X86_MUSL};

/// A name that clears the screen, hides what follows, reverses it, and begins a line of its own.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}[8m\u{202e}\r\nerror[forged]: y";

/// The same for a TOML string and a JSON string.
const ESCAPED: &str = "x\\u001b[2J\\u001b[8m\\u202e\\r\\nerror[forged]: y";

/// Nothing of a run's output may control a terminal or forge a line.
#[track_caller]
fn is_text(run: &Run) {
    let output = format!("{}{}", run.stdout, run.stderr);
    for c in output.chars() {
        let is_control = c.is_control() && c != '\n' && c != '\t';
        assert!(
            !is_control && !('\u{202a}'..='\u{202e}').contains(&c),
            "{c:?} in:\n{output:?}"
        );
    }
    // What clap says of an argument begins with its own word, and quotes it.
    assert!(
        run.code == Some(2) || !output.lines().any(|line| line.starts_with("error[forged]")),
        "{output:?}"
    );
}

/// The same, and the name must have been shown.
#[track_caller]
fn shows_text(run: &Run) {
    is_text(run);
    let output = format!("{}{}", run.stdout, run.stderr);
    assert!(
        output.contains("[2J") || output.contains("%5B2J"),
        "{output:?}"
    );
}

/// A project in a directory whose name is hostile, as far as cargo takes it.
fn project() -> Project {
    let mut project = Project::of("hello");
    let root = project.root.with_file_name("we\u{1b}[2Jird\u{202e}\r");
    std::fs::rename(&project.root, &root).unwrap();
    project.root = root;
    project
}

#[test]
fn a_hostile_directory_is_printed_as_text() {
    let project = project();
    for args in [
        "build -q",
        "build -q --message-format json",
        "plan",
        "plan --message-format json",
        "doctor",
        "doctor --message-format json",
        "env",
        "env --message-format json",
        "show",
        "show --message-format json",
        "verify",
        "verify --message-format json",
        "verify --message-format sarif",
        "docker",
        "docker --message-format json",
        "image list",
        "clean",
        "clean --message-format json",
        "show",
        "plan --target none",
        "verify nowhere",
    ] {
        is_text(&project.xpkg(args));
    }
}

#[test]
fn a_hostile_directory_can_be_pasted() {
    let project = project();
    project.write("xpkg.toml", &format!("[target.{X86_MUSL}]\n"));
    let run = project
        .xpkg(&format!("plan --target {X86_MUSL} --message-format json"))
        .ok();
    let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let line = plan["targets"][0]["calls"][0]["invocation"]["line"]
        .as_str()
        .unwrap();
    let directory = line.split(" && ").next().unwrap();
    let mut shell = std::process::Command::new("/bin/sh");
    let there = shell
        .args(["-c", &format!("{directory} && pwd")])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(there.stdout).unwrap(),
        format!("{}\n", project.root.display()),
        "{directory}"
    );
}

#[test]
fn hostile_configuration_is_printed_as_text() {
    for (file, text, args) in [
        ("xpkg.toml", format!("\"{ESCAPED}\" = 1\n"), "plan"),
        ("xpkg.toml", format!("[target.\"{ESCAPED}\"]\n"), "plan"),
        ("xpkg.toml", format!("targets = [\"{ESCAPED}\"]\n"), "plan"),
        ("xpkg.toml", format!("layout = \"{ESCAPED}\"\n"), "plan"),
        (
            "xpkg.toml",
            format!("[target.{X86_MUSL}]\nimage = \"{ESCAPED}\"\n"),
            "plan --target x86_64-unknown-linux-musl",
        ),
        (
            "Cross.toml",
            format!("[target.{X86_MUSL}]\n\"{ESCAPED}\" = 1\n"),
            "plan --target x86_64-unknown-linux-musl",
        ),
        (
            ".cargo/config.toml",
            format!("[target.{HOST}]\nlinker = \"{ESCAPED}\"\n"),
            "plan",
        ),
    ] {
        for format in ["human", "json"] {
            let project = Project::of("hello");
            project.write(file, &text);
            let run = project.xpkg(&format!("{args} --message-format {format}"));
            shows_text(&run);
        }
    }
}

#[test]
fn hostile_arguments_are_printed_as_text() {
    let project = Project::of("hello");
    for option in ["--target", "--bin", "--package", "--features", "--linker"] {
        let quoted = shlex::try_quote(HOSTILE).unwrap();
        for command in ["plan", "doctor"] {
            let run = project.xpkg(&format!("{command} -q {option} {quoted}"));
            assert_ne!(run.code, Some(0), "{option}");
            is_text(&run);
        }
    }
}

#[test]
fn hostile_tools_are_printed_as_text() {
    let gcc = format!(
        "err Target: aarch64-linux-gnu\nerr gcc version 12.2.0 ({})\n",
        HOSTILE.replace('\n', "")
    );
    let project = Project::of("with-c").fake("aarch64-linux-gnu-gcc", &gcc);
    for args in [
        "doctor --target aarch64-unknown-linux-gnu",
        "plan --target aarch64-unknown-linux-gnu",
        "doctor --target aarch64-unknown-linux-gnu --message-format json",
    ] {
        shows_text(&project.xpkg(args));
    }
}

#[test]
fn hostile_files_are_printed_as_text() {
    let project = Project::empty();
    std::fs::create_dir(project.path("dist")).unwrap();
    std::fs::copy("/bin/true", project.path("dist").join(HOSTILE)).unwrap();
    for format in ["human", "json", "sarif"] {
        let summary = project.path(format);
        let run = project.xpkg_with(
            &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())],
            &format!("verify dist --policy strict --target {X86_MUSL} --message-format {format}"),
        );
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        shows_text(&run);
        let summary = std::fs::read_to_string(summary).unwrap();
        assert!(
            !summary.contains(['\u{1b}', '\r', '\u{202e}'])
                && !summary
                    .lines()
                    .any(|line| line.starts_with("error[forged]")),
            "{summary:?}"
        );
    }
}

#[test]
fn a_hostile_manifest_is_printed_as_text() {
    let project = Project::of("hello");
    project.xpkg("build -q --out-dir tree").ok();
    let json = project.read("tree/manifest.json");
    for field in ["package", "bin", "profile", "version", "target", "path"] {
        let mut manifest: serde_json::Value = serde_json::from_str(&json).unwrap();
        manifest["artifacts"][0][field] = HOSTILE.into();
        project.write("tree/manifest.json", &manifest.to_string());
        for args in [
            "show --out-dir tree",
            "show --out-dir tree --message-format json",
            "verify tree",
            "verify tree --message-format sarif",
            "docker --from tree",
        ] {
            let run = project.xpkg(args);
            is_text(&run);
        }
    }
}
