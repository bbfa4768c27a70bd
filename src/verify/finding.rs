//! A finding: one violation of a rule by one file.

use serde::Serialize;

use crate::problem::code::Code;
use crate::problem::text::printable;

/// Violation of a rule by a file, or by the whole subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Code of the rule.
    pub code: Code,
    /// Path below the subject; `None` for the whole subject.
    pub path: Option<String>,
    /// Target of the program, if it matters for the rule.
    pub target: Option<String>,
    /// Actual state, as a noun phrase.
    pub found: String,
    /// Required state, as a noun phrase.
    pub expected: String,
    /// Suggested fix.
    pub help: String,
    /// Identifier of the advisory of RustSec (`RUSTSEC-2026-0001`) that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisory: Option<String>,
}

/// Returns a finding as one line, `FOUND, expected EXPECTED`. Either half may be missing.
pub fn clause(finding: &Finding) -> String {
    let (found, expected) = (printable(&finding.found), printable(&finding.expected));
    match (found.is_empty(), expected.is_empty()) {
        (_, true) => found,
        (true, false) => format!("expected {expected}"),
        (false, false) => format!("{found}, expected {expected}"),
    }
}

/// Returns a finding without a target. An empty path means the whole subject.
pub fn finding(
    code: Code,
    path: &str,
    found: impl Into<String>,
    expected: impl Into<String>,
    help: &str,
) -> Finding {
    let path = (!path.is_empty()).then(|| path.to_owned());
    Finding {
        code,
        path,
        target: None,
        found: found.into(),
        expected: expected.into(),
        help: help.to_owned(),
        advisory: None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::archive::entry::ArtifactsKind;
    use crate::problem::code::Code;
    use crate::verify::integrity::PATH_TWICE;
    use crate::verify::listing::LIST_UNREADABLE;
    use crate::verify::report::{Accepted, DigestCount, FileReport, Report, Skipped};
    use crate::verify::rules::hardening::{HOME_LEAK, NOT_STRIPPED};

    /// Names that an archive may contain, made to break out of a table, a terminal or a URI.
    pub(crate) const HOSTILE: &[&str] = &[
        "line\nbreak\r\n| x |",
        "\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J",
        "a|b\\|c\\",
        "`tick``s```",
        "<script>alert(1)</script></details></td><!-- -->",
        "![i](https://evil.example/x) [click](https://evil.example)",
        "**_bold_** ~~gone~~ $math$ @user #1 www.evil.example a@evil.example &lt;",
        "crab \u{1f980}/\u{10ffff}",
        "\u{202e}exe.txt\u{2066}\u{200b}\u{feff}\u{e0041}",
        "//evil.example/C:\\x?q#f",
        "../../etc/passwd",
        "{0} {{1}} %s %41",
        "\"quoted\" \u{0}",
        "",
    ];

    pub(crate) fn finding(code: Code, path: Option<&str>) -> Finding {
        Finding {
            code,
            path: path.map(str::to_owned),
            target: None,
            found: "debug sections".to_owned(),
            expected: "none".to_owned(),
            help: "`strip = \"symbols\"`".to_owned(),
            advisory: None,
        }
    }

    pub(crate) fn file(path: &str) -> FileReport {
        FileReport {
            path: path.to_owned(),
            size: 2048,
            sha256: "0123456789abcdef".repeat(4),
            target: None,
            binary: None,
            ran: None,
            runtime: None,
            is_packed: false,
            expected: None,
        }
    }

    /// Returns a report with at least one item of each kind.
    pub(crate) fn small() -> Report {
        Report {
            schema_version: 1,
            subject: "dist".to_owned(),
            kind: ArtifactsKind::Directory,
            policy: "default".to_owned(),
            listed_by: Some("manifest.json".to_owned()),
            lists: vec!["manifest.json".to_owned(), "SHA256SUMS".to_owned()],
            signed: vec![],
            digests: DigestCount {
                compared: 2,
                files: 3,
            },
            files: vec![file("arm/app"), file("x86/app")],
            findings: vec![
                finding(NOT_STRIPPED, Some("arm/app")),
                finding(LIST_UNREADABLE, None),
            ],
            accepted: vec![Accepted {
                finding: finding(HOME_LEAK, Some("x86/app")),
                reason: "a path of CI".to_owned(),
            }],
            skipped: vec![Skipped {
                path: "x86/app".to_owned(),
                what: "--run".to_owned(),
                why: "no qemu".to_owned(),
            }],
            fence: None,
            audit: None,
        }
    }

    /// Returns a report whose every text is from [`HOSTILE`].
    pub(crate) fn hostile() -> Report {
        let long = "\u{1f980}|<b>\n".repeat(20_000);
        let mut report = Report {
            findings: vec![],
            accepted: vec![],
            skipped: vec![],
            fence: None,
            audit: None,
            files: vec![],
            ..small()
        };
        for text in HOSTILE.iter().copied().chain([long.as_str()]) {
            let string = || text.to_owned();
            let finding = Finding {
                code: PATH_TWICE,
                path: Some(string()),
                target: Some(string()),
                found: string(),
                expected: string(),
                help: string(),
                advisory: Some(string()),
            };
            report.subject = string();
            report.policy = string();
            report.accepted.push(Accepted {
                finding: finding.clone(),
                reason: string(),
            });
            report.findings.push(finding);
            report.skipped.push(Skipped {
                path: string(),
                what: string(),
                why: string(),
            });
            report.files.push(FileReport {
                target: Some(string()),
                ran: Some(string()),
                runtime: Some(string()),
                ..file(text)
            });
        }
        report
    }

    #[test]
    fn what_is_printed_is_seen_and_stays_on_its_line() {
        assert_eq!(
            printable("a\nb\u{1b}[0m\u{202e}\u{9b}"),
            "a\\nb\\u{1b}[0m\\u{202e}\\u{9b}"
        );
        assert_eq!(
            printable("crab \u{1f980}, e\u{301}, `C:\\x`"),
            "crab \u{1f980}, e\u{301}, `C:\\x`"
        );
        for text in HOSTILE {
            assert!(!printable(text).chars().any(char::is_control), "{text:?}");
        }
    }

    #[test]
    fn a_clause_has_the_halves_that_there_are() {
        let whole = finding(NOT_STRIPPED, None);
        assert_eq!(clause(&whole), "debug sections, expected none");
        assert_eq!(
            clause(&Finding {
                found: String::new(),
                ..whole.clone()
            }),
            "expected none"
        );
        assert_eq!(
            clause(&Finding {
                expected: String::new(),
                ..whole
            }),
            "debug sections"
        );
    }
}
