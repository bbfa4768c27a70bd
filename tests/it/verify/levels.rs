//! Programs for newer processors than their target's: by what they say, and by starting them.

use std::path::Path;
use std::process::Command;

use crate::support::{Project, cross};

/// Compiles a static program into the directory of a triple.
fn made(project: &Project, compiler: &Path, flags: &str, source: &str, to: &str) {
    project.write("source.c", source);
    std::fs::create_dir_all(project.path(to).parent().unwrap()).unwrap();
    let output = Command::new(compiler)
        .args(flags.split_whitespace())
        .args(["-static", "-s", "-o", to, "source.c"])
        .current_dir(project.path(""))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{flags}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Codes of the findings of a run, with what was found.
fn findings(project: &Project, args: &str) -> Vec<String> {
    let run = project.xpkg(&format!("verify {args} --message-format json"));
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| format!("{}: {}", text(&finding["code"]), text(&finding["found"])))
        .collect()
}

const NOTHING: &str = "int main(void) { return 0; }";

#[test]
fn a_program_for_armv7_is_not_for_armv6() {
    let Some(gcc) = cross(
        "arm-linux-gnueabihf-gcc",
        "a_program_for_armv7_is_not_for_armv6",
    ) else {
        return;
    };
    let project = Project::empty();
    let flags = "-march=armv6+fp -marm";
    made(
        &project,
        &gcc,
        flags,
        NOTHING,
        "old/arm-unknown-linux-gnueabihf/app",
    );
    made(
        &project,
        &gcc,
        flags,
        NOTHING,
        "new/armv7-unknown-linux-gnueabihf/app",
    );
    made(&project, &gcc, flags, NOTHING, "vague/app-linux-arm");
    made(&project, &gcc, flags, NOTHING, "named/app-linux-armv6");
    let expected = ["cpu-level: code for ARMv7"];
    assert_eq!(findings(&project, "old"), expected);
    assert_eq!(findings(&project, "old --policy strict")[0], expected[0]);
    assert_eq!(findings(&project, "new"), [""; 0]);
    assert_eq!(findings(&project, "vague"), [""; 0]);
    assert_eq!(findings(&project, "named"), expected);
    let accepted = "old --accept cpu-level --reason 'for newer boards only'";
    assert_eq!(findings(&project, accepted), [""; 0]);
}

#[test]
fn a_marked_program_is_for_the_level_of_its_name_only() {
    let gcc = crate::support::tool("gcc");
    let project = Project::empty();
    let flags = "-Wl,-z,x86-64-v3";
    made(
        &project,
        &gcc,
        flags,
        NOTHING,
        "a/x86_64-unknown-linux-gnu/app",
    );
    made(&project, &gcc, flags, NOTHING, "b/app-linux-x86_64-v3");
    assert_eq!(findings(&project, "a"), ["cpu-level: code for x86-64-v3"]);
    assert_eq!(findings(&project, "b"), [""; 0]);
}

/// ARMv7's `movw r0, #0` as a number: the assembler does not know what it is.
const UNMARKED: &str = "int main(void) { int it; __asm__(\".inst 0xe3000000\\n mov %0, r0\" : \
                        \"=r\"(it) : : \"r0\"); return it; }";

#[test]
fn a_program_that_does_not_say_what_it_needs_fails_on_the_targets_processor() {
    let test = "a_program_that_does_not_say_what_it_needs_fails_on_the_targets_processor";
    let (Some(gcc), Some(qemu)) = (
        cross("arm-linux-gnueabi-gcc", test),
        cross("qemu-arm-static", test),
    ) else {
        return;
    };
    let project = Project::empty().with_tool("qemu-arm-static", &qemu);
    made(
        &project,
        &gcc,
        "",
        UNMARKED,
        "old/armv5te-unknown-linux-gnueabi/app",
    );
    made(
        &project,
        &gcc,
        "",
        UNMARKED,
        "new/armv7-unknown-linux-gnueabi/app",
    );
    made(
        &project,
        &gcc,
        "",
        NOTHING,
        "fine/armv5te-unknown-linux-gnueabi/app",
    );
    let found = findings(&project, "old --run");
    assert!(
        found.len() == 1 && found[0].starts_with("run-failed: "),
        "{found:?}"
    );
    assert_eq!(findings(&project, "new --run"), [""; 0]);
    assert_eq!(findings(&project, "fine --run"), [""; 0]);
}

#[test]
fn libraries_for_newer_processors_start_no_program() {
    let test = "libraries_for_newer_processors_start_no_program";
    let (Some(gcc), Some(qemu)) = (
        cross("arm-linux-gnueabihf-gcc", test),
        cross("qemu-arm-static", test),
    ) else {
        return;
    };
    let project = Project::empty().with_tool("qemu-arm-static", &qemu);
    project.write("source.c", NOTHING);
    let directory = project.path("arm-unknown-linux-gnueabihf");
    std::fs::create_dir(&directory).unwrap();
    let status = Command::new(gcc)
        .args(["-s", "-o"])
        .arg(directory.join("app"))
        .arg(project.path("source.c"))
        .status();
    assert!(status.unwrap().success());
    let run = project.xpkg("verify . --run --message-format json");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let skipped = report["skipped"].as_array().unwrap();
    let why = skipped
        .iter()
        .find(|skipped| skipped["what"] == "`--run`")
        .unwrap();
    assert_eq!(
        why["why"],
        "the libraries below /usr/arm-linux-gnueabihf are for ARMv7, and those of its target for \
         ARMv6"
    );
}
