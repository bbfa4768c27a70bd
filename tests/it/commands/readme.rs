//! The README cannot lie: what it shows is what the program prints, its tables are the program's.

use cargo_xpkg::commands::codes;
use cargo_xpkg::toolchain::environment::Spelling;
use cargo_xpkg::toolchain::probe::table::PROBES;

use crate::support::{Project, normal, repository};

/// A command and the output that stands under it.
struct Shown {
    command: String,
    output: String,
}

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).unwrap()
}

fn shown(text: &str) -> Vec<Shown> {
    let blocks = text
        .split("```console\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| {
            let (command, output) = block.split_once('\n').unwrap();
            Shown {
                command: command.strip_prefix("$ ").unwrap().to_owned(),
                output: output.to_owned(),
            }
        })
        .collect()
}

/// A copy of the repository's fixtures, with a PATH that has what a fresh machine has, and
/// musl-tools.
fn machine() -> Project {
    let project = Project::repository();
    // Trees of an earlier run, by an earlier program.
    for fixture in ["chat", "hello"] {
        let _ = std::fs::remove_dir_all(project.path(&format!("fixtures/{fixture}/target/xpkg")));
    }
    let project = ["x86_64-linux-musl-gcc", "x86_64-linux-gnu-gcc", "sh"]
        .into_iter()
        .fold(project, Project::with);
    std::os::unix::fs::symlink(
        env!("CARGO_BIN_EXE_cargo-xpkg"),
        project.bin.join("cargo-xpkg"),
    )
    .unwrap();
    project
}

/// Held by a test that may rewrite the file.
pub static README: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn every_command_prints_what_it_shows() {
    let _held = (
        README
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner),
        Project::chats_target(),
    );
    let project = machine();
    let (mut text, bless) = (
        readme(),
        std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite"),
    );
    for Shown { command, output } in shown(&text) {
        if command == "cargo xtask test" {
            continue;
        }
        let run = project.shell(&command.replace("cargo run --release --", "cargo xpkg"));
        // The data, or where there is none the problem: what stands on stderr before it is
        // progress.
        assert_eq!(
            run.code,
            Some(i32::from(output.starts_with("error["))),
            "{command}\n{}",
            run.stderr
        );
        let printed = match run.stderr.find("error[") {
            Some(at) if run.stdout.is_empty() => run.stderr[at..].to_owned(),
            _ => run.stdout,
        };
        let printed = printed.replace(project.root.to_str().unwrap(), "[ROOT]");
        if bless && normal(&printed) != normal(&output) {
            text = text.replace(
                &format!("$ {command}\n{output}```"),
                &format!("$ {command}\n{printed}```"),
            );
        } else {
            assert_eq!(
                normal(&printed),
                normal(&output),
                "{command}\n{}",
                run.stderr
            );
        }
    }
    blessed(&text, bless);
}

#[test]
fn the_table_of_codes_is_the_programs() {
    let _held = README
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (text, bless) = (
        readme(),
        std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite"),
    );
    const HEAD: &str = "| code | says |\n|---|---|\n";
    let (before, rest) = text.split_once(HEAD).unwrap();
    let end = rest
        .find("\n\n")
        .map_or(0, |end| if rest.starts_with('\n') { 0 } else { end + 1 });
    let table: String = codes::all()
        .map(|code| format!("| `{}` | {} |\n", code.name(), code.info().title))
        .collect();
    if bless && rest[..end] != table {
        blessed(&format!("{before}{HEAD}{table}{}", &rest[end..]), bless);
    } else {
        assert_eq!(&rest[..end], table);
    }
}

#[test]
fn the_table_of_each_probe_is_the_programs() {
    let _held = README
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = readme();
    for probe in PROBES {
        let name = probe.code.name();
        let table = table_of(&text, name).unwrap_or_else(|| panic!("no table of {name}"));
        let rows = [
            ("symptom", probe.symptom),
            ("cause", probe.cause),
            ("versions", probe.versions),
            ("proof", probe.proof),
            ("source", probe.sources),
        ];
        for (name, value) in rows {
            let row = table
                .lines()
                .find(|line| line.starts_with(&format!("| {name} | ")))
                .unwrap();
            assert!(
                row.starts_with(&format!("| {name} | {value}")),
                "{row}\n{value}"
            );
        }
        assert!(table.contains(probe.workaround_flag));
    }
}

/// Returns the table of the manual that is headed by a probe's name.
fn table_of<'a>(text: &'a str, probe: &str) -> Option<&'a str> {
    let (_, table) = text.split_once(&format!("| | `{probe}` |\n"))?;
    Some(table.split("\n\n").next().unwrap_or(table))
}

#[test]
fn each_probe_has_a_table_of_its_own() {
    let text = "| | `one` |\n|---|---|\n| cause | a |\n\n| | `two` |\n|---|---|\n| cause | b |\n";
    assert_eq!(table_of(text, "one"), Some("|---|---|\n| cause | a |"));
    assert_eq!(table_of(text, "two"), Some("|---|---|\n| cause | b |\n"));
    assert_eq!(table_of(text, "three"), None);
}

#[test]
fn every_toml_block_is_a_configuration_that_xpkg_takes() {
    let _held = README
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = readme();
    let blocks: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let (workspace, package): (Vec<&str>, Vec<&str>) = blocks
        .into_iter()
        .partition(|block| block.starts_with("[workspace.") || block.starts_with("[[workspace."));
    assert_eq!((workspace.len(), package.len()), (4, 1));
    let project = Project::of("clash");
    for block in workspace {
        project.append("Cargo.toml", &format!("\n{block}"));
    }
    project.append(
        "alpha/Cargo.toml",
        &format!("\n{}", package[0].replace("server =", "app =")),
    );
    project
        .xpkg("plan --linker auto --target x86_64-unknown-linux-musl")
        .ok();
}

fn blessed(text: &str, bless: bool) {
    if bless {
        std::fs::write(repository().join("README.md"), text).unwrap();
    }
}

#[test]
fn the_table_of_the_environment_is_the_programs() {
    let text = readme();
    let section = text
        .split("### The environment of a target")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let named: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let spelled = |row: &cargo_xpkg::toolchain::environment::EnvVar| match row.spelling {
        Spelling::Cargo => format!("CARGO_TARGET_<T>_{}", row.role),
        Spelling::Scoped | Spelling::Suffixed => format!("{}_<t>", row.role),
        Spelling::Prefixed => format!("<T>_{}", row.role),
        Spelling::Plain => row.role.to_owned(),
    };
    assert_eq!(
        named,
        cargo_xpkg::toolchain::environment::ENV_VARS
            .iter()
            .map(spelled)
            .collect::<Vec<_>>()
    );
}
