//! Figures about the sources of a checkout: sizes, comments, circles of imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::command::root;

/// Lines that a file may have before it is listed.
const LINES: usize = 600;

/// Columns that a line may have, in characters.
const COLUMNS: usize = 100;

/// Path below the checkout, with `/`, to the text of the file.
type Sources = BTreeMap<String, String>;

/// Prints the figures of a checkout: `[DIR] [--list]`.
pub fn run(args: &[String]) -> Result<(), String> {
    let (mut list, mut directory) = (false, None);
    for arg in args {
        match arg.as_str() {
            "--list" => list = true,
            flag if flag.starts_with('-') => return Err(format!("unknown flag `{flag}`")),
            path if directory.is_none() => directory = Some(PathBuf::from(path)),
            extra => return Err(format!("unexpected argument `{extra}`")),
        }
    }
    let sources = read(&directory.unwrap_or_else(root))?;
    let lines: Vec<&str> = sources.values().flat_map(|text| text.lines()).collect();

    row("files", sources.len());
    row("lines", lines.len());
    row("longest files", format!("over {LINES} lines"));
    let mut long: Vec<(usize, &String)> = sources
        .iter()
        .map(|(path, text)| (text.lines().count(), path))
        .filter(|(count, _)| *count > LINES)
        .collect();
    long.sort_by(|one, other| other.cmp(one));
    for (count, path) in long {
        let mark = if is_test(path) { " (unit tests)" } else { "" };
        println!("  {count:>5} {path}{mark}");
    }
    let wide = |line: &&&str| line.chars().count() > COLUMNS;
    let wide = lines.iter().filter(wide).count();
    row("columns", format!("{wide} lines over {COLUMNS}"));

    let doc = regex(r"^\s*//[/!] \S");
    let vague = regex(r"^\s*//[/!] (What|Whether|Where|Those|It|All that)\b");
    row(
        "doc lines that open without a noun or a verb",
        share(
            lines.iter().filter(|line| vague.is_match(line)).count(),
            lines.iter().filter(|line| doc.is_match(line)).count(),
        ),
    );
    let items = public(&sources);
    let documented = |kinds: &[Kind]| {
        let of = || items.iter().filter(|item| kinds.contains(&item.kind));
        share(of().filter(|item| item.documented).count(), of().count())
    };
    row(
        "public items documented",
        documented(&[Kind::Item, Kind::Field, Kind::Variant]),
    );
    row("  without fields and variants", documented(&[Kind::Item]));
    row("  fields", documented(&[Kind::Field]));
    row("  variants", documented(&[Kind::Variant]));
    if list {
        for item in items.iter().filter(|item| !item.documented) {
            println!("  {}:{}", item.path, item.line);
        }
    }
    let circles = circles(&sources);
    let caught = circles.iter().flatten().count();
    row(
        "circles of files",
        format!("{}, of {caught} files", circles.len()),
    );
    Ok(())
}

/// Prints one figure.
fn row(name: &str, figure: impl std::fmt::Display) {
    println!("{name:<45} {figure}");
}

/// Formats a part of a total, with its percentage.
fn share(part: usize, total: usize) -> String {
    let permille = (part * 1000 + total / 2) / total.max(1);
    format!("{part} of {total}, {}.{} %", permille / 10, permille % 10)
}

/// Compiles a pattern of this file.
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is constant")
}

/// Reads every `.rs` file below `src`.
fn read(checkout: &Path) -> Result<Sources, String> {
    let mut sources = Sources::new();
    let mut open = vec![checkout.join("src")];
    while let Some(path) = open.pop() {
        let problem = |error| format!("cannot read {}: {error}", path.display());
        if path.is_dir() {
            for entry in read_dir(&path).map_err(problem)? {
                open.push(entry.map_err(problem)?.path());
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(checkout).unwrap_or(&path);
            let below = below.to_string_lossy().replace('\\', "/");
            sources.insert(below, read_to_string(&path).map_err(problem)?);
        } else if !path.exists() {
            return Err(format!("there is no {}", path.display()));
        }
    }
    Ok(sources)
}

/// Returns true if a file holds nothing but unit tests.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
}

/// Iterates over the files without unit tests; the tests at the end of a file are cut off.
fn code(sources: &Sources) -> impl Iterator<Item = (&str, &str)> {
    let tests = regex(r"(?m)^#\[cfg\(test\)\]\n(?:pub(?:\([^)]*\))? )?mod \w+ \{");
    sources
        .iter()
        .filter(|(path, _)| !is_test(path))
        .map(move |(path, text)| {
            let end = tests.find(text).map_or(text.len(), |found| found.start());
            (path.as_str(), &text[..end])
        })
}

/// Kind of what is public.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Function, type, constant or module.
    Item,
    /// Field of a struct.
    Field,
    /// Variant of a public enum.
    Variant,
}

/// Public item, field or variant.
struct Item<'a> {
    kind: Kind,
    /// Path of the file below the checkout.
    path: &'a str,
    /// Line in the file, from 1.
    line: usize,
    /// True if a doc comment precedes it or begins the file of the module. A code is documented by
    /// its own title and cause.
    documented: bool,
}

/// Finds the public items, the public fields and the variants of public enums, as rustfmt lays
/// them out.
fn public(sources: &Sources) -> Vec<Item<'_>> {
    let item =
        regex(r"^\s*pub (?:(?:const|async|unsafe) fn|fn|struct|enum|trait|type|const|static|mod) ");
    let field = regex(r"^\s+pub \w+:");
    let module = regex(r"^\s*pub mod (\w+);");
    let variants = regex(r"^(\s*)pub enum [^}]*\{$");
    let variant = regex(r"^\s*[A-Z]\w*(?:,| =| \{|\()");
    let mut items = Vec::new();
    for (path, text) in code(sources) {
        // What precedes the line: a doc comment, `#[cfg(test)]`, an attribute that is still open.
        let (mut documented, mut test, mut attribute) = (false, false, false);
        // Indentation of the variants of the enum at hand, in columns.
        let mut inside: Option<usize> = None;
        for (number, line) in text.lines().enumerate() {
            let trimmed = line.trim_start();
            let indent = line.len() - trimmed.len();
            if attribute || trimmed.starts_with("#[") {
                attribute = !trimmed.ends_with(']');
                test |= trimmed == "#[cfg(test)]";
                continue;
            }
            if inside.is_some_and(|variants| indent < variants && trimmed.starts_with('}')) {
                inside = None;
            }
            let kind = if item.is_match(line) {
                Some(Kind::Item)
            } else if field.is_match(line) {
                Some(Kind::Field)
            } else if inside == Some(indent) && variant.is_match(line) {
                Some(Kind::Variant)
            } else {
                None
            };
            if let Some(kind) = kind.filter(|_| !test) {
                let module = module.captures(line);
                items.push(Item {
                    kind,
                    path,
                    line: number + 1,
                    documented: documented
                        || line.ends_with(": Code = code(&CodeInfo {")
                        || module.is_some_and(|module| has_header(sources, path, &module[1])),
                });
            }
            if let Some(found) = variants.captures(line) {
                inside = Some(found[1].len() + 4);
            }
            documented = trimmed.starts_with("///");
            test = false;
        }
    }
    items
}

/// Returns true if the file of a module begins with `//!`.
fn has_header(sources: &Sources, parent: &str, name: &str) -> bool {
    let below = ["/mod.rs", "/lib.rs", "/main.rs"]
        .iter()
        .find_map(|root| parent.strip_suffix(root))
        .unwrap_or_else(|| parent.trim_end_matches(".rs"));
    [
        format!("{below}/{name}.rs"),
        format!("{below}/{name}/mod.rs"),
    ]
    .iter()
    .filter_map(|path| sources.get(path))
    .any(|text| text.starts_with("//!"))
}

/// Splits a file's path into the names of its module; the crate's root has none.
fn module(path: &str) -> Vec<&str> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.trim_end_matches(".rs");
    let mut names: Vec<&str> = path.split('/').collect();
    if names == ["lib"] || names.last() == Some(&"mod") {
        names.pop();
    }
    names
}

/// Returns the paths of a `use` tree: `a::{b, c::{self, d}}` gives `a::b`, `a::c::self`, `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let (mut paths, mut prefixes, mut path) = (Vec::new(), vec![String::new()], String::new());
    for letter in tree.chars().chain([',']) {
        match letter {
            '{' => prefixes.push(path.clone()),
            ',' | '}' => {
                // Otherwise a brace or a last comma precedes.
                if !path.is_empty() && !path.ends_with("::") {
                    paths.push(path);
                }
                if letter == '}' {
                    prefixes.pop();
                }
                path = prefixes.last().cloned().unwrap_or_default();
            }
            letter if letter.is_whitespace() => {}
            letter => path.push(letter),
        }
    }
    paths
}

/// Maps every file to the files that it imports from, by the rules of `tests/it/house.rs`.
fn imports(sources: &Sources) -> BTreeMap<&str, BTreeSet<&str>> {
    let noise = regex(r"(?m)^\s*//.*$| as \w+");
    let path = regex(
        r#"(?mx) (?:^|\s) use\s ([^;"]+) ; | \b ((?:crate|self|super) (?:::\w+)+)
        | ^\s* (?:pub (?:\([^)]*\))? \s)? mod\s (\w+) ;"#,
    );
    let files = code(sources).map(|(path, _)| (module(path), path));
    let mut files: BTreeMap<Vec<&str>, &str> = files.collect();
    // A program without a library has its root in `main.rs`.
    if let Some((main, _)) = sources.get_key_value("src/main.rs") {
        files.entry(Vec::new()).or_insert(main);
    }
    let of = |own: &str, text: &str| {
        let text = noise.replace_all(text, "");
        let (mut paths, mut declared) = (Vec::new(), BTreeSet::new());
        for found in path.captures_iter(&text) {
            match (found.get(1).or(found.get(2)), found.get(3)) {
                (Some(tree), _) => paths.extend(expand(tree.as_str())),
                (_, Some(name)) => _ = declared.insert(name.as_str()),
                _ => {}
            }
        }
        let mut imported = BTreeSet::new();
        for path in &paths {
            let mut base = module(own);
            let mut names = path.split("::").peekable();
            match names.peek().copied() {
                Some("crate") => base.clear(),
                Some("self" | "super") => {}
                Some(first) if declared.contains(first) => {}
                _ => continue,
            }
            for name in names {
                match name {
                    "crate" | "self" => {}
                    "super" => _ = base.pop(),
                    name => base.push(name),
                }
            }
            imported.extend(
                (0..=base.len())
                    .rev()
                    .find_map(|end| files.get(&base[..end])),
            );
        }
        imported.remove(own);
        imported
    };
    code(sources)
        .map(|(path, text)| (path, of(path, text)))
        .collect()
}

/// Finds the sets of files that all import each other, directly or not: the strongly connected
/// components of more than one file.
fn circles<'a>(sources: &'a Sources) -> BTreeSet<BTreeSet<&'a str>> {
    let imports = imports(sources);
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports
        .iter()
        .map(|(file, direct)| {
            let mut reached = BTreeSet::new();
            let mut open: Vec<&str> = direct.iter().copied().collect();
            while let Some(next) = open.pop() {
                if reached.insert(next) {
                    open.extend(&imports[next]);
                }
            }
            (*file, reached)
        })
        .collect();
    let mutual = |(file, reaches): (_, &BTreeSet<&'a str>)| {
        let mutual = reaches.iter().copied();
        mutual
            .filter(|other| reached[other].contains(file))
            .collect()
    };
    let components = reached.iter().map(mutual);
    components
        .filter(|files: &BTreeSet<&str>| files.len() > 1)
        .collect()
}
