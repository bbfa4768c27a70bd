//! Where two builds of a program differ, as diffoscope sees it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use cargo_xpkg::ship::reproduce::difference::difference;

use crate::support::{Project, cross};

/// No build ID, and no symbols.
const BARE: &str = "-s -Wl,--build-id=none";

/// A pair of programs: name, section that differs first, flags and source with `@` where `1` and `2`
/// make them differ.
const PAIRS: &[(&str, &str, &str, &str)] = &[
    (
        "path",
        ".rodata",
        BARE,
        "int puts(const char *); int main(void) { return puts(\"/home/me@/app/main.c\"); }",
    ),
    (
        "date",
        ".rodata",
        BARE,
        "int puts(const char *); int main(void) { return puts(\"built 2026-01-0@\"); }",
    ),
    (
        "build-id",
        ".note.gnu.build-id",
        "-s -Wl,--build-id=0x0123456789abcde@",
        "int main(void) { return 0; }",
    ),
    (
        "data",
        ".data",
        BARE,
        "volatile int x = 0x111@; int main(void) { return x; }",
    ),
    ("code", ".text", BARE, "int main(void) { return @; }"),
    (
        "symbol",
        ".strtab",
        "-Wl,--build-id=none",
        "int _ZN1a17h0123456789abcde@E(void) { return 1; } int main(void) { return 0; }",
    ),
    (
        "debug",
        ".debug_line_str",
        "-g -Wl,--build-id=none -fdebug-prefix-map=$PWD=/build@",
        "int main(void) { return 0; }",
    ),
    (
        "rpath",
        ".dynstr",
        "-s -Wl,--build-id=none -Wl,-rpath,/opt/@",
        "int main(void) { return 0; }",
    ),
    (
        "list",
        ".dep-v0",
        BARE,
        "const char list[] __attribute__((section(\".dep-v0\"), used)) = \"abc@\"; int main(void) { return 0; }",
    ),
    (
        "comment",
        ".comment",
        BARE,
        "__asm__(\".ident \\\"compiler @\\\"\"); int main(void) { return 0; }",
    ),
];

#[test]
fn diffoscope_sees_the_difference_in_the_same_section() {
    let test = "diffoscope_sees_the_difference_in_the_same_section";
    let Some(diffoscope) = cross("diffoscope", test) else {
        return;
    };
    let project = Project::empty();
    for (name, _, flags, source) in PAIRS {
        for side in ["1", "2"] {
            project.write(&format!("{name}.c"), &source.replace('@', side));
            std::fs::create_dir_all(project.path(side)).unwrap();
            let line = format!("cc -O1 {flags} {name}.c -o {side}/{name}").replace('@', side);
            let compiled = Command::new("sh")
                .args(["-c", &line])
                .current_dir(&project.root)
                .output()
                .unwrap();
            assert!(compiled.status.success(), "{line}: {compiled:?}");
        }
    }
    let seen = seen_by(&diffoscope, &project.root);
    for (name, section, ..) in PAIRS {
        let read = |side: &str| std::fs::read(project.path(&format!("{side}/{name}"))).unwrap();
        let found = difference(&read("1"), &read("2")).unwrap();
        assert_eq!(found.section.as_deref(), Some(*section), "{name}");
        let sections = &seen[*name];
        assert!(
            sections.iter().any(|seen| seen == section),
            "{name}: diffoscope names {sections:?}"
        );
        // Nor does it see a section that xpkg does not name. Of the debug information it shows what
        // follows from the texts, too.
        for seen in sections.iter().filter(|_| *name != "debug") {
            assert!(
                seen == section || found.others.contains(seen),
                "{name}: {seen} is not in {found}"
            );
        }
    }
}

/// Returns the sections that diffoscope names for each file of the directories `1` and `2`.
fn seen_by(diffoscope: &Path, root: &Path) -> BTreeMap<String, Vec<String>> {
    let compared = Command::new(diffoscope)
        .args(["--json", "-", "1", "2"])
        .current_dir(root)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&compared.stdout)
        .unwrap_or_else(|error| panic!("{error}: {compared:?}"));
    let details = |of: &serde_json::Value| of["details"].as_array().cloned().unwrap_or_default();
    let mut seen = BTreeMap::new();
    for file in details(&report) {
        let name = file["source1"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap();
        let sections = details(&file).iter().filter_map(section).collect();
        seen.insert(name.to_owned(), sections);
    }
    seen
}

/// Returns the section that a command of diffoscope's reads; `None` if it reads the whole file.
fn section(detail: &serde_json::Value) -> Option<String> {
    let command = detail["source1"].as_str()?;
    let words = command.split(' ').find_map(|word| {
        ["--hex-dump=", "--string-dump=", "--section="]
            .iter()
            .find_map(|option| word.strip_prefix(option))
    });
    words.map(str::to_owned).or_else(|| {
        command
            .contains("--notes")
            .then(|| ".note.gnu.build-id".to_owned())
    })
}
