//! Tables of what `ci` decides.

use crate::problem::code::Code;
use crate::project::config::ci::{ToolArchive, ToolConfig};
use crate::ship::ci::workflow::codes::{CI_EDITED, CI_FOREIGN, CI_MISSING, CI_STALE};
use crate::ship::ci::workflow::decide::{Fate, WorkflowFile, fate, finding};
use crate::ship::ci::workflow::diff::diff;
use crate::ship::ci::workflow::forge::Forge;
use crate::ship::ci::workflow::gitlab::expression;
use crate::ship::ci::workflow::mark::{Origin, marked, origin};
use crate::ship::ci::workflow::tool::Tool;

#[test]
fn the_last_line_tells_who_wrote_a_file() {
    let text = marked("a: 1\n");
    let table = [
        (text.clone(), Origin::Written),
        (marked(""), Origin::Written),
        (text.replace('1', "2"), Origin::Edited),
        (format!("{text}b: 2\n"), Origin::Edited),
        (text.trim_end().to_owned(), Origin::Edited),
        (format!("{text}{text}"), Origin::Edited),
        ("a: 1\n".to_owned(), Origin::Foreign),
        (String::new(), Origin::Foreign),
    ];
    for (text, expected) in table {
        assert_eq!(origin(&text), expected, "{text}");
    }
}

/// What is there; what `init` does, and does with `--force`; what `check` says.
type Row = (Option<String>, Result<Fate, Code>, Fate, Option<Code>);

#[test]
fn what_is_there_decides_what_init_does_and_check_says() {
    let now = marked("a: 1\n");
    let edited = marked("a: 1\n").replace('1', "2");
    #[rustfmt::skip]
    let table: [Row; 6] = [
        (None,                            Ok(Fate::Write),  Fate::Write, Some(CI_MISSING)),
        (Some(now.clone()),               Ok(Fate::Keep),   Fate::Keep,  None),
        (Some(now.replace('\n', "\r\n")), Ok(Fate::Keep),   Fate::Keep,  None),
        (Some(marked("a: 0\n")),          Ok(Fate::Write),  Fate::Write, Some(CI_STALE)),
        (Some(edited),                    Err(CI_EDITED),   Fate::Write, Some(CI_EDITED)),
        (Some("a: 1\n".to_owned()),       Err(CI_FOREIGN),  Fate::Write, Some(CI_FOREIGN)),
    ];
    let file = WorkflowFile {
        path: ".github/workflows/xpkg.yml".into(),
        text: now,
    };
    for (found, decided, forced, expected) in table {
        let found = found.as_deref();
        let fate = |force| fate(&file, found, Forge::Github, force).map_err(|problem| problem.code);
        assert_eq!(fate(false), decided, "{found:?}");
        assert_eq!(fate(true), Ok(forced), "{found:?}");
        let said = finding(&file, found, Forge::Github).map(|problem| problem.code);
        assert_eq!(said, expected, "{found:?}");
    }
}

#[test]
fn a_difference_shows_what_changed_and_a_little_around_it() {
    let lines = |numbers: std::ops::Range<u32>| {
        numbers
            .map(|number| format!("{number}\n"))
            .collect::<String>()
    };
    let old = lines(0..20);
    assert_eq!(diff(&old, &old), ["…"]);
    assert_eq!(
        diff(&old, &old.replace("\n10\n", "\nten\n")),
        ["…", "  8", "  9", "- 10", "+ ten", "  11", "  12", "…"]
    );
    assert_eq!(
        diff(&old, &(old.clone() + "20\n")),
        ["…", "  18", "  19", "+ 20"]
    );
    assert_eq!(diff("", "a\n"), ["+ a"]);
    assert_eq!(diff("a\n", ""), ["- a"]);
    let long = diff("", &lines(0..50));
    assert_eq!(long.len(), 41);
    assert_eq!(long.last().unwrap(), "and 10 more lines");
}

#[test]
fn patterns_become_expressions_of_gitlab() {
    let table = [
        ("main", "/^main$/"),
        ("v*", r"/^v[^\/]*$/"),
        ("release/**", r"/^release\/.*$/"),
        ("release/1.x", r"/^release\/1\.x$/"),
        ("app@*", r"/^app@[^\/]*$/"),
    ];
    for (pattern, expected) in table {
        assert_eq!(expression(pattern), expected);
    }
}

#[test]
fn an_archive_of_the_tool_is_one_that_a_digest_names() {
    let digest = "0123456789abcdef".repeat(4);
    let of = |platform: &str, url: &str, sha256: &str| {
        Tool::of(&ToolConfig {
            installed: false,
            archives: [(
                platform.to_owned(),
                ToolArchive {
                    url: url.to_owned(),
                    sha256: sha256.to_owned(),
                },
            )]
            .into(),
        })
    };
    let url = "https://get.example/a.tar.gz?x=1";
    assert!(of("linux/arm64", url, &digest).is_ok());
    assert!(of("linux/arm64", "file:///srv/a.tar", &digest).is_ok());
    let message = |tool: crate::problem::Result<Tool>| tool.unwrap_err().message;
    for url in [
        "http://get.example/a",
        "https://get.example/$(id)",
        "https://get.example/'a",
        "https://get.example/a b",
        "https://get.example/${{ github.actor }}",
    ] {
        assert_eq!(
            message(of("linux/arm64", url, &digest)),
            format!("`ci.tool.archives` has the address `{url}`")
        );
    }
    assert_eq!(
        message(of("linux/arm64", url, &digest.to_uppercase())),
        format!(
            "`{}` of `ci.tool.archives` is no SHA-256",
            digest.to_uppercase()
        )
    );
    assert_eq!(
        message(of("linux/riscv64", url, &digest)),
        "`ci.tool.archives` has a key `linux/riscv64`, which is none of them"
    );
}
