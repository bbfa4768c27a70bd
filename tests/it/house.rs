//! The house keeps its order: imports run downward, only files whose names say so touch the
//! machine, no files import each other in a circle, dependencies say why they are there.
//!
//! Every check works on sources as values, so that a planted violation shows that it can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::repository;

/// The wings from top to bottom. A file imports from its own wing and from lower ones.
const FLOORS: &[&[&str]] = &[
    &["main", "lib"],
    &["commands"],
    &["ui"],
    &["ship"],
    &["build"],
    &["verify"],
    &["tree"],
    &["toolchain"],
    &["project", "archive"],
    &["inspect"],
    &["host"],
    &["guide"],
    &["target", "invocation", "digest", "variables"],
    &["problem"],
];

/// Names of files, and of folders, that may use `crate::host`; so may the commands.
const IMPURE_FILES: &[&str] = &["look", "run", "write", "compile", "stage"];

/// What asks the machine without `crate::host`.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env::",
    "std::process",
    "std::net",
    "SystemTime",
    "Instant",
    "std::thread",
    // Methods of paths that ask the file system.
    ".exists()",
    ".is_file()",
    ".is_dir()",
    ".is_symlink()",
    ".read_dir",
    ".read_link",
    ".canonicalize",
    ".metadata()",
    ".symlink_metadata",
];

/// Sources of one crate: path below `src`, with `/`, to text without comments and unit tests.
pub type Sources = BTreeMap<String, String>;

/// Reads every `.rs` file below a directory.
fn read(directory: &Path) -> Sources {
    let mut sources = Sources::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(directory).unwrap();
            let below = below.to_str().unwrap().replace('\\', "/");
            sources.insert(below, std::fs::read_to_string(&path).unwrap());
        }
    }
    sources
}

/// The crate's own sources, or xtask's.
pub fn house(directory: &str) -> Sources {
    let sources = read(&repository().join(directory));
    let sources = sources
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests.rs"));
    sources.map(|(path, text)| (path, code(&text))).collect()
}

/// A source without comments, and without the unit tests at its end.
fn code(text: &str) -> String {
    let tests =
        regex::Regex::new(r"#\[cfg\(test\)\]\n(?:pub(?:\(crate\))? )?mod tests \{").unwrap();
    let text = tests.split(text).next().unwrap_or_default();
    let lines = text.lines();
    let lines = lines.map(|line| match line.trim_start().starts_with("//") {
        true => "",
        false => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `toolchain/zig/mod.rs` -> `["toolchain", "zig"]`; the crate's root has no name.
fn module(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] {
        parts.pop();
    }
    parts
}

/// The paths of a `use` tree: `a::{b, c::{self, d}}` -> `a::b`, `a::c`, `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![path.trim_end_matches("::self").to_owned()];
    };
    let (prefix, rest) = (&tree[..open], &tree[open + 1..tree.rfind('}').unwrap()]);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in rest.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&rest[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&rest[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    let whole = |part: &str| match part.trim() {
        "self" => vec![prefix.trim_end_matches("::").to_owned()],
        part => expand(&format!("{prefix}{part}")),
    };
    parts.flat_map(whole).collect()
}

/// Every path that a source names from `crate`, `self`, `super` or a module that it declares.
fn named(own: &[String], text: &str) -> BTreeSet<Vec<String>> {
    let mut paths: Vec<String> = Vec::new();
    let mut rest = String::new();
    // `use` declarations, whole; all else as it is.
    for statement in text.split_inclusive(';') {
        match statement.find("use ").filter(|at| {
            let before = statement[..*at].chars().next_back();
            before.is_none_or(|letter| letter.is_whitespace())
        }) {
            Some(at) if !statement[at..].contains('"') => {
                rest.push_str(&statement[..at]);
                paths.extend(expand(statement[at + 4..].trim_end_matches(';')));
            }
            _ => rest.push_str(statement),
        }
    }
    let path = regex::Regex::new(r"\b(?:crate|self|super)(?:::\w+)+").unwrap();
    paths.extend(path.find_iter(&rest).map(|found| found.as_str().to_owned()));
    let declared = regex::Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);").unwrap();
    let declared: BTreeSet<&str> = declared
        .captures_iter(text)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    let absolute = |path: &String| {
        let mut parts: Vec<&str> = path.split("::").collect();
        let mut base = own.to_vec();
        match parts[0] {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop();
                while parts.get(1) == Some(&"super") {
                    parts.remove(0);
                    base.pop();
                }
            }
            first if declared.contains(first) => parts.insert(0, "self"),
            _ => return None,
        }
        base.extend(parts[1..].iter().map(ToString::to_string));
        Some(base)
    };
    paths.iter().filter_map(absolute).collect()
}

/// File -> the files that it imports from.
fn imports(sources: &Sources) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut files: BTreeMap<Vec<String>, &str> = sources
        .keys()
        .map(|path| (module(path), path.as_str()))
        .collect();
    // A program without a library has its root in `main.rs`.
    if let Some((main, _)) = sources.get_key_value("main.rs") {
        files.entry(Vec::new()).or_insert(main);
    }
    let of = |path: &str, text: &str| {
        let own = module(path);
        let file = |named: &Vec<String>| {
            (0..=named.len())
                .rev()
                .find_map(|end| files.get(&named[..end]))
                .copied()
        };
        named(&own, text)
            .iter()
            .filter_map(file)
            .filter(|file| *file != path)
            .collect()
    };
    sources
        .iter()
        .map(|(path, text)| (path.as_str(), of(path, text)))
        .collect()
}

/// The wing that a file is in.
fn wing(path: &str) -> &str {
    path.split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs")
}

fn floor(path: &str) -> usize {
    let wing = wing(path);
    FLOORS
        .iter()
        .position(|wings| wings.contains(&wing))
        .unwrap_or_else(|| panic!("`{wing}` has no floor: add it to tests/it/house.rs"))
}

/// Imports from a higher wing.
fn upward(sources: &Sources) -> Vec<String> {
    let imports = imports(sources);
    let pairs = imports
        .iter()
        .flat_map(|(from, to)| to.iter().map(move |to| (*from, *to)));
    let up = pairs.filter(|(from, to)| floor(to) < floor(from));
    up.map(|(from, to)| format!("{from} imports from {to}, which is above it"))
        .collect()
}

/// Returns true if a file may use the machine.
fn may_touch(path: &str) -> bool {
    let named = |part: &str| IMPURE_FILES.contains(&part.trim_end_matches(".rs"));
    ["host", "commands", "main", "lib"].contains(&wing(path)) || path.split('/').any(named)
}

/// Files that touch the machine and whose names do not say so.
fn impure(sources: &Sources) -> Vec<String> {
    let pure = sources.iter().filter(|(path, _)| !may_touch(path));
    let of = |(path, text): (&String, &String)| {
        let words = IMPURE.iter().filter(|word| text.contains(**word));
        let words = words.map(|word| format!("{path}: {word}"));
        let host = named(&module(path), text)
            .into_iter()
            .any(|named| named[0] == "host");
        words
            .chain(host.then(|| format!("{path}: crate::host")))
            .collect::<Vec<_>>()
    };
    pure.flat_map(of).collect()
}

/// Files that import each other in a circle, as one of its ways: `a -> b -> a`.
fn circles(sources: &Sources) -> Vec<String> {
    let imports = imports(sources);
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in imports.keys() {
        // Depth first; what is on the way is a circle once it is met again.
        let mut way: Vec<(&str, Vec<&str>)> =
            vec![(start, imports[start].iter().copied().collect())];
        while let Some((at, open)) = way.last_mut() {
            let Some(next) = open.pop() else {
                done.insert(at);
                way.pop();
                continue;
            };
            if let Some(first) = way.iter().position(|(file, _)| *file == next) {
                let files = way[first..].iter().map(|(file, _)| *file).chain([next]);
                found.push(files.collect::<Vec<_>>().join(" -> "));
            } else if !done.contains(next) {
                way.push((next, imports[next].iter().copied().collect()));
            }
        }
    }
    found
}

/// The house with one more file in it, or with other text in one.
fn planted(path: &str, text: &str) -> Sources {
    let mut sources = house("src");
    sources.entry(path.to_owned()).or_default().push_str(text);
    sources
}

#[test]
fn imports_run_downward() {
    assert_eq!(upward(&house("src")), [""; 0]);
    let planted = planted(
        "target/planted.rs",
        "use crate::{build::plan::Plan, problem::Problem};\n",
    );
    assert_eq!(
        upward(&planted),
        ["target/planted.rs imports from build/plan.rs, which is above it"]
    );
}

#[test]
fn only_files_named_so_touch_the_machine() {
    assert_eq!(impure(&house("src")), [""; 0]);
    let host = planted(
        "verify/planted.rs",
        "use super::super::host::machine::Host;\n",
    );
    assert_eq!(impure(&host), ["verify/planted.rs: crate::host"]);
    let files = planted(
        "verify/planted.rs",
        "fn there(path: &Path) -> bool { path.is_file() }\n",
    );
    assert_eq!(impure(&files), ["verify/planted.rs: .is_file()"]);
    let allowed = planted(
        "verify/look/planted.rs",
        "use crate::host::machine::Host;\n",
    );
    assert_eq!(impure(&allowed), [""; 0]);
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_eq!(circles(&house("src")), [""; 0]);
    assert_eq!(circles(&house("xtask/src")), [""; 0]);
    let mut planted = planted("target/a.rs", "use super::b::B;\n");
    planted.insert(
        "target/b.rs".to_owned(),
        "use self::inner::C;\npub mod inner;\n".to_owned(),
    );
    planted.insert(
        "target/b/inner.rs".to_owned(),
        "use crate::target::a;\n".to_owned(),
    );
    assert_eq!(
        circles(&planted),
        ["target/a.rs -> target/b.rs -> target/b/inner.rs -> target/a.rs"]
    );
}

#[test]
fn a_process_is_started_in_one_place() {
    let sources = house("src");
    let starts = sources
        .iter()
        .filter(|(_, text)| text.contains("Command::new("));
    assert_eq!(
        starts.map(|(path, _)| path).collect::<Vec<_>>(),
        ["host/process.rs"]
    );
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let text = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let mut before = "";
    let mut table = "";
    for line in text.lines() {
        if line.starts_with('[') {
            table = line;
        } else if table.contains("dependencies") && line.contains(" = ") {
            assert!(
                before.starts_with("# "),
                "`{line}` does not say why it is there"
            );
        }
        before = line;
    }
}

/// Returns the names of the codes that a source declares: `code(&CodeInfo { name: "…"`.
fn declared_codes(text: &str) -> Vec<String> {
    text.split(": Code = code(&CodeInfo {")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("name: \"")?.1.split_once('"')?.0.to_owned()))
        .collect()
}

#[test]
fn every_code_that_is_declared_is_in_the_list_of_all() {
    let planted = "pub const A: Code = code(&CodeInfo {\n    name: \"a\",\n";
    assert_eq!(declared_codes(planted), ["a"]);
    let mut directories = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut declared = std::collections::BTreeSet::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                declared.extend(declared_codes(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    let all = cargo_xpkg::commands::codes::all().map(|code| code.name().to_owned());
    assert_eq!(declared, all.collect());
}
