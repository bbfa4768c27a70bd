//! README and the guide cannot lie: what they show is what the program prints, their tables are the
//! program's, their links lead somewhere.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cargo_xpkg::commands::{self, codes, command_line};
use cargo_xpkg::guide::page::{anchors, links};
use cargo_xpkg::guide::{self, TOPICS};
use cargo_xpkg::project::build_tools::{BUILD_TOOLS, Caller, Find};
use cargo_xpkg::project::system_libraries::{KNOWN_CRATES, Otherwise};
use cargo_xpkg::toolchain::environment::ENV_VARS;
use cargo_xpkg::toolchain::probe::catalogue::{CATALOGUE, Dealt};
use cargo_xpkg::toolchain::probe::definition::{Question, Subject, Weight, Workaround};
use cargo_xpkg::toolchain::probe::table::PROBES;
use cargo_xpkg::verify::rules::context::RuleScope;
use cargo_xpkg::verify::rules::table::{acceptable, rules};
use regex::Regex;

use crate::house;
use crate::support::{Project, normal, repository};

static FILES: Mutex<()> = Mutex::new(());

/// README or a page of the guide, and what `SNAPSHOTS=overwrite` makes of it.
struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    }

    /// The contents of the fenced blocks of a language.
    fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let Some(found) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let block = lines
                .by_ref()
                .take_while(|line| line.trim_start() != "```")
                .map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()))
                .collect::<String>();
            if found == language {
                blocks.push(block);
            }
        }
        blocks
    }

    /// Takes over what the program says, where that is asked for; else it must be what is there.
    fn replace(&mut self, shown: &str, printed: &str) {
        if std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite") {
            self.text = self.text.replace(shown, printed);
            std::fs::write(&self.path, &self.text).unwrap();
        } else {
            assert_eq!(printed, shown, "{}", self.name());
        }
    }
}

/// Held by who may rewrite a page.
pub fn held() -> MutexGuard<'static, ()> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn document(path: PathBuf) -> Document {
    let text = std::fs::read_to_string(&path).unwrap();
    Document { path, text }
}

fn readme() -> Document {
    document(repository().join("README.md"))
}

fn page(name: &str) -> Document {
    document(repository().join("src/guide").join(format!("{name}.md")))
}

fn documents() -> Vec<Document> {
    let pages = TOPICS.iter().map(|topic| page(topic.name));
    std::iter::once(readme()).chain(pages).collect()
}

/// A copy of the repository's fixtures, with a PATH that has what a fresh machine has, and
/// musl-tools.
fn machine() -> Project {
    let project = Project::repository().unoptimized();
    // Trees of an earlier run, by an earlier program.
    for fixture in ["chat", "hello"] {
        let _ = std::fs::remove_dir_all(project.path(&format!("fixtures/{fixture}/target/xpkg")));
    }
    let project = [
        "x86_64-linux-musl-gcc",
        "x86_64-linux-gnu-gcc",
        "sh",
        "sha256sum",
    ]
    .into_iter()
    .fold(project, Project::with);
    std::os::unix::fs::symlink(
        env!("CARGO_BIN_EXE_cargo-xpkg"),
        project.bin.join("cargo-xpkg"),
    )
    .unwrap();
    project
}

#[test]
fn every_command_prints_what_it_shows() {
    let _held = (held(), Project::chats_target());
    let project = machine();
    for mut document in documents() {
        for block in document.blocks("console") {
            let (command, shown) = block.split_once('\n').unwrap();
            let command = command.strip_prefix("$ ").unwrap();
            if command == "cargo xtask test" {
                continue;
            }
            let run = project.shell(&command.replace("cargo run --release --", "cargo xpkg"));
            // The data, or where there is none the problem: what stands on stderr before it is
            // progress.
            assert_eq!(
                run.code,
                Some(i32::from(shown.starts_with("error["))),
                "{}: {command}\n{}",
                document.name(),
                run.stderr
            );
            let printed = match run.stderr.find("error[") {
                Some(at) if run.stdout.is_empty() => run.stderr[at..].to_owned(),
                _ => run.stdout,
            };
            let printed = printed.replace(project.root.to_str().unwrap(), "[ROOT]");
            if !is_shown(&normal(shown), &normal(&printed)) {
                document.replace(shown, &printed);
            }
        }
    }
}

/// Whether a text is shown, in which a line `…` stands for any lines.
fn is_shown(shown: &str, text: &str) -> bool {
    let parts: Vec<&str> = shown.split("…\n").collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return shown == text;
    };
    let Some(mut rest) = text
        .strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(last))
    else {
        return false;
    };
    middle.iter().all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[test]
fn an_ellipsis_stands_for_lines() {
    for (shown, text, expected) in [
        ("a\nb\n", "a\nb\n", true),
        ("a\n", "a\nb\n", false),
        ("a\n…\nd\n", "a\nb\nc\nd\n", true),
        ("a\n…\n", "a\nb\n", true),
        ("a\n…\nc\n…\ne\n", "a\nb\nc\nd\ne\n", true),
        ("a\n…\nx\n…\ne\n", "a\nb\nc\nd\ne\n", false),
        ("…\nb\n", "a\nc\n", false),
    ] {
        assert_eq!(is_shown(shown, text), expected, "{shown}");
    }
}

/// The words of each `cargo xpkg …` in a line for a shell.
fn xpkg_lines(line: &str) -> Vec<Vec<String>> {
    if !line.contains("cargo xpkg") {
        return Vec::new();
    }
    let line = ["\"$(", ")\"", "$(", "<(", ")"]
        .iter()
        .fold(line.to_owned(), |line, mark| line.replace(mark, " ; "));
    let mut lines = Vec::new();
    let mut current: Option<Vec<String>> = None;
    let words = shlex::split(&line).unwrap_or_else(|| panic!("{line}"));
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let ends = [";", "&&", "||", "|", ">", ">>", "&"].contains(&word.as_str());
        match &mut current {
            Some(_) if ends => lines.extend(current.take()),
            Some(words) => words.push(word),
            None if word == "cargo" && words.next_if(|next| next == "xpkg").is_some() => {
                current = Some(vec!["cargo xpkg".to_owned()]);
            }
            None => {}
        }
    }
    lines.extend(current);
    lines
}

#[test]
fn every_line_to_type_is_a_command_line() {
    let _held = held();
    let mut number = 0;
    let mut parse = |line: &str, from: &str| {
        for words in xpkg_lines(line) {
            number += 1;
            let outcome = commands::command_line().try_get_matches_from(&words);
            let help = matches!(&outcome, Err(error) if error.exit_code() == 0);
            // A file tells which command wrote it by its name alone.
            let is_name = [
                "cargo xpkg ci init",
                "cargo xpkg docker --build-in-docker",
                "cargo xpkg image",
                "cargo xpkg lock",
            ]
            .contains(&words.join(" ").as_str());
            assert!(
                help || is_name || outcome.is_ok(),
                "{from}: {words:?}: {}",
                outcome.unwrap_err()
            );
        }
    };
    for document in documents() {
        for language in ["sh", "yaml", "dockerfile"] {
            for block in document.blocks(language) {
                let joined = block.replace("\\\n", " ");
                for line in joined.lines().filter(|line| !line.starts_with('#')) {
                    parse(line, &document.name());
                }
            }
        }
        // Also within a sentence, where it has arguments.
        for span in document.text.split('`').skip(1).step_by(2) {
            let span = span.replace('\n', " ");
            if span.starts_with("cargo xpkg ") && !span.contains('…') && !span.contains("COMMAND")
            {
                parse(&span, &document.name());
            }
        }
    }
    for (command, examples) in command_line::EXAMPLES {
        assert_eq!(examples.len(), 3, "{command}");
        for example in *examples {
            parse(example, command);
        }
    }
    for code in codes::all() {
        for span in code.info().fix.split('`').skip(1).step_by(2) {
            parse(span, code.name());
        }
    }
    // In messages and their help.
    let (joined, span) = (
        Regex::new(r"\\\n\s*").unwrap(),
        Regex::new("`(cargo xpkg [^`]*)`").unwrap(),
    );
    for (file, code) in house::house("src") {
        for line in span.captures_iter(&joined.replace_all(&code, "")) {
            parse(&filled_in(&line[1]), &file);
        }
    }
    assert!(number > 250, "{number}");
}

/// A line with an example for what a message fills in.
fn filled_in(line: &str) -> String {
    const EXAMPLES: &[(&str, &str)] = &[
        ("--for ", "github"),
        ("--from ", "compile"),
        ("--explain ", "not-static"),
        ("help ", "tree"),
        ("", "x86_64-unknown-linux-musl"),
    ];
    let mut filled = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let example = EXAMPLES.iter().find(|(end, _)| before.ends_with(end));
        filled.push_str(before);
        filled.push_str(example.map_or("", |(_, example)| example));
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    filled + rest
}

#[test]
fn lines_to_type_are_found() {
    let words = |line: &str| {
        xpkg_lines(line)
            .iter()
            .map(|words| words.join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(words("cargo build"), [""; 0]);
    assert_eq!(
        words("eval \"$(cargo xpkg env --target T)\""),
        ["cargo xpkg env --target T"]
    );
    assert_eq!(
        words("cargo xpkg man a > b && cargo xpkg show | head"),
        ["cargo xpkg man a", "cargo xpkg show"]
    );
}

#[test]
fn every_command_has_examples() {
    let command = commands::command_line();
    let commands: Vec<&str> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    let examples: Vec<&str> = command_line::EXAMPLES
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(commands, examples);
}

#[test]
fn every_toml_block_is_a_configuration_that_xpkg_takes() {
    let _held = held();
    let mut number = 0;
    for document in documents() {
        for block in document.blocks("toml") {
            let head = block.lines().find(|line| !line.is_empty()).unwrap();
            let project = Project::of("clash");
            if head == "# xpkg.toml" {
                project.write("xpkg.toml", &block);
            } else if head.starts_with("[workspace.metadata.xpkg")
                || head.starts_with("[[workspace.metadata.xpkg")
            {
                project.append("Cargo.toml", &format!("\n{block}"));
            } else if head.starts_with("[package.metadata.xpkg") {
                let block = block.replace("server =", "app =");
                project.append("alpha/Cargo.toml", &format!("\n{block}"));
            } else {
                let others = ["# Cargo.toml", "# .cargo/config.toml", "# Cross.toml"];
                assert!(others.contains(&head), "{}: {block}", document.name());
                toml::from_str::<toml::Table>(&block).unwrap();
                continue;
            }
            number += 1;
            // An unknown key or a wrong value is told whatever the linkers of this machine.
            let run = project.xpkg("plan --linker rust-lld --target x86_64-unknown-linux-musl");
            assert!(
                !run.stderr.contains("error[config-invalid]")
                    && !run.stderr.contains("error[config-twice]"),
                "{}: {block}\n{}",
                document.name(),
                run.stderr
            );
        }
    }
    assert!(number > 15, "{number}");
}

#[test]
fn every_link_leads_somewhere() {
    let _held = held();
    let stray = regex::Regex::new(r"\]\[[a-z-]+(#[a-z0-9-]+)?\]").unwrap();
    for document in documents() {
        let from_readme = document.name() == "README.md";
        for link in links(&document.text) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let text = match file {
                "" => document.text.clone(),
                file if from_readme => std::fs::read_to_string(repository().join(file))
                    .unwrap_or_else(|error| panic!("README.md: {link}: {error}")),
                file => {
                    let topic = file.strip_suffix(".md").and_then(guide::find);
                    let topic = topic.unwrap_or_else(|| panic!("{}: {link}", document.name()));
                    topic.text.to_owned()
                }
            };
            assert!(
                anchor.is_empty() || anchors(&text).iter().any(|known| known == anchor),
                "{}: {link}",
                document.name()
            );
        }
        // A reference without a definition is shown as it is written.
        for found in stray.find_iter(&document.text) {
            let label = &found.as_str()[1..];
            assert!(
                document.text.contains(&format!("\n{label}: ")),
                "{}: {label}",
                document.name()
            );
        }
    }
}

#[test]
fn links_between_pages_lead_to_modules_on_docs_rs() {
    let _held = held();
    let mut definitions = BTreeSet::new();
    for topic in TOPICS {
        for line in topic.text.lines() {
            let Some((label, target)) = line
                .strip_prefix('[')
                .and_then(|line| line.split_once("]: "))
            else {
                continue;
            };
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let Some(name) = file.strip_suffix(".md") else {
                continue;
            };
            let anchor = if anchor.is_empty() {
                String::new()
            } else {
                format!("#{anchor}")
            };
            assert_eq!(label, format!("{name}{anchor}"), "{}", topic.name);
            let module = name.replace('-', "_");
            definitions.insert(format!("[{label}]: ../{module}/index.html{anchor}\n"));
        }
    }
    let mut links = page("links");
    let shown = links.text.clone();
    let wanted: String = definitions.into_iter().collect();
    if shown.is_empty() {
        links.text = wanted.clone();
        links.replace(&wanted, &wanted);
    }
    let shown = links.text.clone();
    links.replace(&shown, &wanted);
}

#[test]
fn every_page_has_a_title_and_a_summary() {
    for topic in TOPICS {
        assert!(topic.text.starts_with("# "), "{}", topic.name);
        let summary = topic.summary();
        assert!(
            summary.ends_with('.') && summary.len() <= 100 && !summary.contains(']'),
            "{}: {summary}",
            topic.name
        );
    }
}

#[test]
fn no_page_shows_its_markup() {
    for topic in TOPICS {
        let shown = cargo_xpkg::ui::page::page(topic.text, None);
        for mark in ["|--", "<!--", "](", "```"] {
            assert!(!shown.contains(mark), "{}: {mark}", topic.name);
        }
    }
}

#[test]
fn every_code_names_a_page() {
    for code in codes::all() {
        let page = code.info().page;
        assert!(guide::find(page).is_some(), "{}: {page}", code.name());
    }
}

#[test]
fn readme_is_a_screen_for_visitors() {
    let readme = readme();
    assert!(readme.text.lines().count() <= 160);
    for line in readme.text.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
    for topic in TOPICS {
        assert!(
            readme
                .text
                .contains(&format!("(src/guide/{}.md", topic.name)),
            "{}",
            topic.name
        );
    }
}

#[test]
fn the_tables_are_the_programs() {
    let _held = held();
    let mut found = BTreeSet::new();
    for mut document in documents() {
        for part in document.text.clone().split("<!-- generated: ").skip(1) {
            let (name, rest) = part.split_once(" -->\n\n").unwrap();
            let (shown, _) = rest.split_once("\n<!-- end -->").unwrap();
            let table = match name {
                "acceptable" => acceptable_lines(),
                "codes" => codes_table(),
                "environment" => environment_table(),
                "policies" => policies_table(),
                "catalogue" => catalogue_table(),
                "probes" => probes_table(),
                "build-tools" => build_tools_table(),
                "system-libraries" => system_libraries_table(),
                _ => panic!("{}: no table `{name}`", document.name()),
            };
            document.replace(shown, &table);
            found.insert(name.to_owned());
        }
    }
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "acceptable",
            "build-tools",
            "catalogue",
            "codes",
            "environment",
            "policies",
            "probes",
            "system-libraries"
        ]
    );
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut table = line(&head.map(str::to_owned)) + &format!("|{}\n", "---|".repeat(N));
    table.extend(rows.map(|row| line(&row)));
    table
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Codes that `--accept` of a build takes, in lines of up to 100 columns.
fn acceptable_lines() -> String {
    let names: Vec<String> = acceptable().map(|it| code(it.name())).collect();
    let mut lines = vec![String::new()];
    for word in names.join(", ").split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() > 100 {
            lines.push(word.to_owned());
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

fn codes_table() -> String {
    let rows = codes::all().map(|it| [code(it.name()), it.info().title.to_owned()]);
    table(["code", "says"], rows)
}

fn environment_table() -> String {
    let rows = ENV_VARS
        .iter()
        .map(|it| [code(&it.pattern()), it.meaning.to_owned()]);
    table(["variable", "is"], rows)
}

fn policies_table() -> String {
    let scope = |scope| {
        match scope {
            RuleScope::Always => "all",
            RuleScope::Built => "xpkg's",
            RuleScope::Never => "-",
        }
        .to_owned()
    };
    let rows = rules().map(|rule| {
        [
            code(rule.code.name()),
            scope(rule.default),
            scope(rule.strict),
            scope(rule.portable),
        ]
    });
    table(["rule", "default", "strict", "portable-linux"], rows)
}

fn probes_table() -> String {
    let tables = PROBES.iter().map(|probe| {
        let name = code(probe.code.name());
        let weight = match probe.weight {
            Weight::BlocksWith { packages, because } => {
                let packages: Vec<String> = packages.iter().map(|it| code(it)).collect();
                format!(
                    "stops the run if a package that {because} is in the graph ({}); else a warning",
                    packages.join(", ")
                )
            }
            Weight::Blocks => "stops the run".to_owned(),
            Weight::Warns => "a warning".to_owned(),
        };
        let workaround = match (&probe.workaround, probe.subject) {
            (Workaround::Flag(flag), _) => format!(
                "another compiler, which `auto` selects by itself; `{flag}` in `CFLAGS_<target>`, \
                 or `--accept {}`, which the manifest records",
                probe.code.name()
            ),
            (Workaround::Advice(advice), Subject::Rustc) => (*advice).to_owned(),
            (Workaround::Advice(advice), _) => format!(
                "{advice}; or `--accept {}`, which the manifest records",
                probe.code.name()
            ),
        };
        let how = match probe.question {
            Question::Object(_) => "an object",
            Question::Facts(_) => "an object with the C library's headers",
            Question::Link(_) => "one call of the linker",
            Question::Release(_) => "nothing is run",
        };
        let rows = [
            ("examines", probe.subject.name()),
            ("symptom", probe.symptom),
            ("cause", probe.cause),
            ("versions", probe.versions),
            ("proof", probe.proof),
            ("needs", how),
            ("weight", &weight),
            ("workaround", &workaround),
            ("source", probe.sources),
        ];
        table(
            ["", &name],
            rows.into_iter()
                .map(|(name, text)| [name.to_owned(), text.to_owned()]),
        )
        .replace("|  |", "| |")
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn catalogue_table() -> String {
    let rows = CATALOGUE.iter().map(|row| {
        let dealt = match row.dealt {
            Dealt::Code(name) => code(name),
            Dealt::Codes(names) => {
                let names: Vec<String> = names.iter().map(|name| code(name)).collect();
                names.join(", ")
            }
            Dealt::Avoided(how) => format!("cannot happen: {how}"),
            Dealt::Open(why) => format!("not found: {why}"),
        };
        [row.what.to_owned(), dealt, row.source.to_owned()]
    });
    table(["what goes wrong", "in xpkg", "source"], rows)
}

#[test]
fn every_code_of_the_catalogue_exists_and_every_probe_is_in_it() {
    let named: Vec<&str> = CATALOGUE
        .iter()
        .flat_map(|row| match row.dealt {
            Dealt::Code(name) => vec![name],
            Dealt::Codes(names) => names.to_vec(),
            Dealt::Avoided(_) | Dealt::Open(_) => Vec::new(),
        })
        .collect();
    for name in &named {
        assert!(codes::find(name).is_some(), "{name}");
    }
    for probe in PROBES {
        let name = probe.code.name();
        assert!(named.contains(&name), "{name}");
    }
}

fn system_libraries_table() -> String {
    let rows = KNOWN_CRATES.iter().filter(|row| !row.libraries.is_empty());
    let rows = rows.map(|row| {
        let codes = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| code(name)).collect();
            names.join(", ")
        };
        let without = match row.otherwise {
            Otherwise::Fails if row.program.is_some() => "fails, or asks the host's program",
            Otherwise::Fails => "fails",
            Otherwise::Links => "lets the linker look",
            Otherwise::Builds => "compiles its own",
        };
        [
            format!("{} {}", row.name, row.read),
            codes(row.libraries),
            codes(row.only_with),
            codes(row.without),
            codes(row.variables),
            without.to_owned(),
        ]
    });
    let head = [
        "crate",
        "library",
        "with the features",
        "not with",
        "named by",
        "without it",
    ];
    table(head, rows)
}

fn build_tools_table() -> String {
    let rows = BUILD_TOOLS.iter().map(|tool| {
        let callers = match tool.caller {
            Caller::Itself => tool.crates.join(", "),
            Caller::Dependent => format!("packages that depend on {}", tool.crates.join(", ")),
        };
        let found = match tool.find {
            Find::Program { variable: None, .. } => "PATH".to_owned(),
            Find::Program {
                variable: Some(variable),
                ..
            } => format!("`{variable}`, PATH"),
            Find::Library { variable } => format!("`{variable}`, the system's directories"),
        };
        let [apt, ..] = tool.packages;
        let targets: Vec<String> = tool
            .targets
            .iter()
            .map(|begin| code(&format!("{begin}*")))
            .collect();
        let callers = match targets.as_slice() {
            [] => callers,
            targets => format!("{callers} for {}", targets.join(", ")),
        };
        [tool.id.to_owned(), callers, found, code(apt)]
    });
    table(["tool", "called by", "found by", "Debian's package"], rows)
}
