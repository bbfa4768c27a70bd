//! Completions in real shells, pages in a terminal and through a pipe, man pages for two readers.

use std::process::Command;

use cargo_xpkg::commands::completions::PROGRAM;

use crate::check;
use crate::support::{Project, repository, skipped, tool};
use snapbox::str;

/// A workspace in which shells find the program.
fn project(shells: &[&str]) -> Project {
    let project = shells
        .iter()
        .fold(Project::of("chat"), |project, shell| project.with(shell));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_cargo-xpkg"), project.bin.join(PROGRAM))
        .unwrap();
    project
}

/// Lines that are completed, and some of the candidates for their last word.
const LINES: &[(&str, &[&str])] = &[
    ("cargo-xpkg bui", &["build"]),
    ("cargo-xpkg build --targ", &["--target", "--target-dir"]),
    ("cargo xpkg bui", &["build"]),
    ("cargo xpkg build --linker rus", &["rust-lld"]),
    (
        "cargo xpkg build --target aarch64-unknown-linux-m",
        &["aarch64-unknown-linux-musl"],
    ),
    (
        "cargo xpkg build -p chat-",
        &["chat-server", "chat-gateway"],
    ),
    ("cargo xpkg build --bin ind", &["indexer"]),
    ("cargo-xpkg --explain not-p", &["not-pie"]),
    ("cargo xpkg build --accept not-s", &["not-static"]),
    ("cargo xpkg help cross-i", &["cross-images"]),
];

/// Asks a shell for candidates by a script that reads the line from its arguments.
fn completed_by(shell: &str, script: &str) {
    let project = project(&[shell, "sed", "rustup", "expr"]);
    for (line, expected) in LINES {
        let run = project.run(
            shell,
            "",
            &[
                "-c".to_owned(),
                script.to_owned(),
                shell.to_owned(),
                (*line).to_owned(),
            ],
        );
        let candidates: Vec<&str> = run.stdout.lines().map(str::trim).collect();
        assert_eq!(&candidates, expected, "{shell}: {line}\n{}", run.stderr);
    }
}

#[test]
fn bash_completes() {
    completed_by(
        "bash",
        r#"
source <(cargo-xpkg completions bash)
line=$1
read -ra COMP_WORDS <<< "$line"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9
spec=$(complete -p "${COMP_WORDS[0]}") || exit 1
function=$(sed -n 's/.* -F \([^ ]*\) .*/\1/p' <<< "$spec")
"$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#,
    );
}

#[test]
fn bash_leaves_the_rest_of_cargo_to_what_completed_it() {
    let project = project(&["bash", "sed"]);
    let script = r#"
before() { COMPREPLY=(before); }
complete -F before cargo
source <(cargo-xpkg completions bash)
source <(cargo-xpkg completions bash)
COMP_WORDS=(cargo bu) COMP_CWORD=1
_cargo_xpkg_of_cargo cargo bu cargo
printf '%s\n' "${COMPREPLY[@]}"
"#;
    let run = project.run("bash", "", &["-c".to_owned(), script.to_owned()]);
    assert_eq!(run.stdout, "before\n", "{}", run.stderr);
}

#[test]
fn fish_completes() {
    if !installed("fish", "fish_completes") {
        return;
    }
    completed_by(
        "fish",
        "cargo-xpkg completions fish | source; complete --do-complete $argv[2] | string split -f1 \
         \\t",
    );
}

#[test]
fn zsh_completes() {
    if !installed("zsh", "zsh_completes") {
        return;
    }
    let project = project(&["zsh", "sed", "rustup", "expr"]);
    // zsh completes in a terminal only: one of its own is typed at, and shows the candidates.
    let functions = project.path("functions");
    std::fs::create_dir_all(&functions).unwrap();
    let script = project.xpkg("completions zsh").ok().stdout;
    std::fs::write(functions.join("_cargo-xpkg"), script).unwrap();
    let cargo = Command::new(tool("rustc"))
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let cargo = String::from_utf8(cargo.stdout).unwrap();
    let cargo = format!("{}/share/zsh/site-functions", cargo.trim());
    let driver = repository().join("tests/it/commands/complete.zsh");
    for (line, expected) in LINES {
        let run = project.run(
            "zsh",
            "",
            &[
                "-f".to_owned(),
                driver.to_str().unwrap().to_owned(),
                format!("{}:{cargo}", functions.display()),
                (*line).to_owned(),
            ],
        );
        let mut candidates: Vec<&str> = run.stdout.lines().map(str::trim).collect();
        candidates.retain(|candidate| !candidate.is_empty());
        assert_eq!(&candidates, expected, "zsh: {line}\n{}", run.stderr);
    }
}

/// Whether a shell is installed; CI installs all.
fn installed(shell: &str, test: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).any(|directory| directory.join(shell).is_file());
    if !found {
        skipped(test, &format!("needs `{shell}`: run `cargo xtask setup`"));
    }
    found
}

#[test]
fn a_page_is_text_in_a_pipe_and_styled_in_a_pager() {
    let project = project(&["sh", "script", "cat", "head"]);
    let plain = project.xpkg("help docker").ok().stdout;
    assert!(plain.starts_with("Docker images\n\n"), "{plain}");
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(
        plain.ends_with("\nFlags: cargo xpkg docker --help\n"),
        "{plain}"
    );
    // `script` gives it a terminal; the pager marks what it gets.
    let program = env!("CARGO_BIN_EXE_cargo-xpkg");
    let paged =
        format!("TERM=xterm PAGER='echo paged; cat' script -qec '{program} help docker' /dev/null");
    let run = project.shell(&paged).ok();
    let styled = run.stdout.replace('\r', "");
    assert!(styled.starts_with("paged\n\u{1b}["), "{styled}");
    let text = anstream::adapter::strip_str(&styled).to_string();
    assert!(text.contains("Flags: cargo xpkg docker --help\n"), "{text}");
    // A pager that ends early, and one that is not there.
    let early = paged.replace("echo paged; cat", "head -n 1");
    assert_eq!(project.shell(&early).ok().stdout.lines().count(), 1);
    let none = paged.replace("echo paged; cat", "no-such-pager");
    let run = project.shell(&none);
    assert!(run.stdout.contains("no-such-pager"), "{}", run.stdout);
}

#[test]
fn help_lists_commands_and_topics_and_says_what_is_near() {
    let project = project(&[]);
    let all = project.xpkg("help").ok().stdout;
    for word in [
        "  build ",
        "  help ",
        "Topics (`cargo xpkg help TOPIC`):\n  tutorial ",
    ] {
        assert!(all.contains(word), "{word}: {all}");
    }
    let flags = project.xpkg("help image pin").ok().stdout;
    assert!(
        flags.starts_with("Pin images that have no digest yet"),
        "{flags}"
    );
    assert_eq!(flags, project.xpkg("image pin --help").ok().stdout);
    check!(
        project.xpkg("help dokcer"),
        str![[r#"
exit 1
--- stderr
error[no-such-topic]: there is no topic or command `dokcer`
  help: did you mean `cargo xpkg help docker`?

"#]]
    );
    check!(
        project.xpkg("help not-pie"),
        str![[r#"
exit 1
--- stderr
error[no-such-topic]: there is no topic or command `not-pie`
  help: it is a code: `cargo xpkg --explain not-pie` explains it

"#]]
    );
    check!(
        project.xpkg("help image pni"),
        str![[r#"
exit 1
--- stderr
error[no-such-topic]: there is no topic or command `image pni`
  help: see the topics and the commands: `cargo xpkg help`

"#]]
    );
}

#[test]
fn man_pages_are_read_without_a_warning() {
    let readers = ["man", "mandoc"];
    for reader in readers {
        if !installed(reader, "man_pages_are_read_without_a_warning") {
            return;
        }
    }
    let project = project(&[]);
    project.xpkg("man pages").ok();
    let mut number = 0;
    for section in ["man1", "man7"] {
        for page in std::fs::read_dir(project.path("pages").join(section)).unwrap() {
            let page = page.unwrap().path();
            let man = Command::new(tool("man"))
                .args(["--warnings", "--local-file"])
                .arg(&page)
                .env("MANWIDTH", "80")
                .output()
                .unwrap();
            let lint = Command::new(tool("mandoc"))
                .args(["-T", "lint"])
                .arg(&page)
                .output()
                .unwrap();
            let said = [man.stderr, lint.stdout, lint.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            // Of a row that is at the end of a sheet: a terminal has no sheets, and all is shown.
            let of_sheets = "table text block will not fit on one page";
            let said: Vec<&str> = said
                .lines()
                .filter(|line| !line.ends_with(of_sheets))
                .collect();
            assert_eq!(said, [""; 0], "{}", page.display());
            assert!(man.stdout.len() > 400, "{}", page.display());
            number += 1;
        }
    }
    assert!(number > 35, "{number}");
}
