//! SARIF 2.1.0, as GitHub's code scanning accepts it: each finding is a result, each code a rule.
//!
//! The structs are our own, a dozen of SARIF's hundred: serde-sarif generates all of them in a
//! build script, from the schema, with a dozen crates that nothing else here needs.
//! `tests/it/verify/sarif.rs` validates the text against that schema.
//!
//! GitHub's additions to the standard: docs.github.com, "SARIF support for code scanning".

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::problem::code::Code;
use crate::problem::text::printable;
use crate::verify::fence::Fence;
use crate::verify::finding::{Finding, clause};
use crate::verify::report::{Report, Skipped};

/// Maximum number of results in a run; GitHub rejects a run with more.
const MOST_RESULTS: usize = 25_000;

/// Characters of a URI's path that are percent-encoded: all but RFC 3986's unreserved characters
/// and the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    results: Vec<Result>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    full_description: Message,
    help: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    /// True if the check ran to its end, whatever it found.
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Result {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: Fingerprints,
    /// Empty, not absent, if the finding is not accepted: absent would mean unknown.
    suppressions: Vec<Suppression>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

/// Line of a result. A program has no lines, but GitHub rejects a result without one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

/// Identity of an alert across runs. Without it, GitHub would compute one from a line of source
/// code.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fingerprints {
    primary_location_line_hash: String,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    justification: String,
}

/// Returns the report as a SARIF log with one run.
pub fn sarif(report: &Report) -> String {
    let Report {
        schema_version: _,
        subject,
        kind: _,
        policy: _,
        listed_by: _,
        lists: _,
        signed: _,
        digests: _,
        files: _,
        findings,
        accepted,
        skipped,
        fence,
        audit: _,
    } = report;
    let unaccepted = findings.iter().map(|finding| (finding, None));
    let all: Vec<(&Finding, Option<&str>)> = unaccepted
        .chain(
            accepted
                .iter()
                .map(|a| (&a.finding, Some(a.reason.as_str()))),
        )
        .collect();
    log(subject, &all, skipped, fence.as_ref())
}

/// Returns findings that are not of a tree as a SARIF log with one run.
pub fn of_findings(subject: &str, findings: &[Finding], skipped: &[Skipped]) -> String {
    let all: Vec<_> = findings.iter().map(|finding| (finding, None)).collect();
    log(subject, &all, skipped, None)
}

/// Returns a log of findings, each with the reason for which it is accepted.
fn log(
    subject: &str,
    all: &[(&Finding, Option<&str>)],
    skipped: &[Skipped],
    fence: Option<&Fence>,
) -> String {
    let reported = &all[..all.len().min(MOST_RESULTS)];

    let mut codes: Vec<Code> = reported.iter().map(|(finding, _)| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();

    let mut seen = BTreeMap::new();
    let results = reported.iter().map(|(finding, reason)| Result {
        rule_id: finding.code.name(),
        rule_index: codes
            .binary_search(&finding.code)
            .expect("every result's code is in the list"),
        level: "error",
        message: message(&describe(finding)),
        locations: [finding.path.as_deref().map_or_else(
            || location(subject_uri(subject)),
            |path| location(relative_uri(path)),
        )],
        partial_fingerprints: fingerprints(finding, &mut seen),
        suppressions: reason
            .iter()
            .map(|reason| Suppression {
                kind: "external",
                justification: printable(reason),
            })
            .collect(),
    });
    let results = results.collect();

    let unchecked = skipped.iter().map(|skipped| Notification {
        level: "warning",
        message: message(&format!(
            "not checked: {}: {}",
            printable(&skipped.what),
            printable(&skipped.why)
        )),
        locations: vec![location(relative_uri(&skipped.path))],
    });
    let unfenced = fence.into_iter().filter(|fence| fence.tool.is_none());
    let unfenced = unfenced.map(|fence| Notification {
        level: "note",
        message: message(&printable(&fence.describe())),
        locations: Vec::new(),
    });
    let omitted = (all.len() > reported.len()).then(|| Notification {
        level: "warning",
        message: message(&format!(
            "{} more results are omitted: GitHub accepts {MOST_RESULTS}",
            all.len() - reported.len()
        )),
        locations: Vec::new(),
    });
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "cargo-xpkg",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: codes.into_iter().map(rule).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: true,
                tool_execution_notifications: omitted
                    .into_iter()
                    .chain(unchecked)
                    .chain(unfenced)
                    .collect(),
            }],
            results,
        }],
    };
    let mut text = serde_json::to_string_pretty(&log).expect("a log is plain data");
    text.push('\n');
    text
}

fn rule(code: Code) -> Rule {
    let info = code.info();
    Rule {
        id: info.name,
        short_description: message(info.title),
        full_description: message(info.cause),
        help: message(info.fix),
    }
}

/// Returns the message of a finding: title, clause, target and help.
fn describe(finding: &Finding) -> String {
    let target = finding
        .target
        .as_ref()
        .map(|target| format!(" (target {})", printable(target)))
        .unwrap_or_default();
    let help = if finding.help.is_empty() {
        String::new()
    } else {
        format!("\nhelp: {}", printable(&finding.help))
    };
    format!(
        "{}: {}{target}{help}",
        finding.code.info().title,
        clause(finding)
    )
}

/// Escapes a message. SARIF interprets placeholders (`{0}`) and links (`[text](address)`). Braces
/// are doubled (SARIF 2.1.0, 3.11.5); links are broken up by a space, as not every reader supports
/// the standard's backslashes (3.11.6).
fn message(text: &str) -> Message {
    Message {
        text: text
            .replace('{', "{{")
            .replace('}', "}}")
            .replace("](", "] ("),
    }
}

fn location(uri: String) -> Location {
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri },
            region: Region { start_line: 1 },
        },
    }
}

/// Returns a path below the subject as a relative URI reference.
fn relative_uri(path: &str) -> String {
    let encoded = utf8_percent_encode(path, ENCODED).to_string();
    match encoded.strip_prefix('/') {
        // An archive may contain `//host/x`, which would be a URI on another host.
        Some(rest) => format!("%2F{rest}"),
        // GitHub rejects the whole log if one URI is empty.
        None if encoded.is_empty() => ".".to_owned(),
        None => encoded,
    }
}

/// Returns the URI of the subject. The user passed its path, so an absolute one becomes `file://`.
fn subject_uri(subject: &str) -> String {
    if subject.starts_with('/') {
        format!("file://{}", relative_uri(subject).replacen("%2F", "/", 1))
    } else {
        relative_uri(subject)
    }
}

/// Returns the fingerprint of a finding: `CODE:PATH:NUMBER`, where the number counts findings with
/// the same code and path. It is the same in every run, on every machine: the subject is not part
/// of it, as it may be a temporary directory, nor is the message, which changes with the program.
fn fingerprints<'a>(
    finding: &'a Finding,
    seen: &mut BTreeMap<(Code, Option<&'a str>), usize>,
) -> Fingerprints {
    let path = finding.path.as_deref();
    let number = seen
        .entry((finding.code, path))
        .and_modify(|number| *number += 1)
        .or_insert(1);
    Fingerprints {
        primary_location_line_hash: format!(
            "{}:{}:{number}",
            finding.code.name(),
            path.map(relative_uri).unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::verify::finding::tests::{HOSTILE, finding, hostile, small};
    use crate::verify::integrity::FILE_UNLISTED;
    use crate::verify::rules::hardening::NOT_STRIPPED;
    use crate::verify::rules::libc::LIBRARY_UNFIT;

    fn run(report: &Report) -> Value {
        let mut log: Value = serde_json::from_str(&sarif(report)).unwrap();
        log["runs"][0].take()
    }

    #[test]
    fn a_finding_is_a_result_and_its_code_a_rule() {
        let run = run(&small());
        let driver = &run["tool"]["driver"];
        assert_eq!(
            (&driver["name"], &driver["version"]),
            (&json!("cargo-xpkg"), &json!(env!("CARGO_PKG_VERSION")))
        );
        let rules: Vec<&str> = driver["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["id"].as_str().unwrap())
            .collect();
        assert_eq!(rules, ["home-leak", "list-unreadable", "not-stripped"]);
        assert_eq!(
            driver["rules"][2]["shortDescription"]["text"],
            NOT_STRIPPED.info().title
        );
        assert_eq!(
            run["results"][0],
            json!({
                "ruleId": "not-stripped",
                "ruleIndex": 2,
                "level": "error",
                "message": { "text": "a program carries debug information or symbols: debug \
                                      sections, expected none\nhelp: `strip = \"symbols\"`" },
                "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "arm/app" }, "region": { "startLine": 1 } } }],
                "partialFingerprints": { "primaryLocationLineHash": "not-stripped:arm/app:1" },
                "suppressions": [],
            })
        );
        assert_eq!(
            run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "dist"
        );
        assert_eq!(
            run["results"][2]["suppressions"],
            json!([{ "kind": "external", "justification": "a path of CI" }])
        );
        let notes = &run["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(notes[0]["message"]["text"], "not checked: --run: no qemu");
    }

    #[test]
    fn a_rule_is_listed_once_and_its_results_refer_to_it() {
        let run = run(&hostile());
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 1);
        for result in run["results"].as_array().unwrap() {
            assert_eq!(
                rules[result["ruleIndex"].as_u64().unwrap() as usize]["id"],
                result["ruleId"]
            );
        }
    }

    #[test]
    fn every_path_is_a_relative_address() {
        let safe = |uri: &str| {
            uri.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b))
        };
        for path in HOSTILE {
            let uri = relative_uri(path);
            assert!(
                safe(&uri) && !uri.is_empty() && !uri.starts_with('/'),
                "{path:?}: {uri}"
            );
        }
        assert_eq!(
            relative_uri("a b/\u{e9}:\u{1f980}"),
            "a%20b/%C3%A9%3A%F0%9F%A6%80"
        );
        assert_eq!(relative_uri("//evil.example/x"), "%2F/evil.example/x");
        assert_eq!(
            (subject_uri("/tmp/a b"), subject_uri("dist.tar.gz")),
            ("file:///tmp/a%20b".to_owned(), "dist.tar.gz".to_owned())
        );
    }

    #[test]
    fn a_message_contains_no_link_and_no_placeholder() {
        for result in run(&hostile())["results"].as_array().unwrap() {
            let text = result["message"]["text"].as_str().unwrap();
            assert!(
                !text.contains("](")
                    && !text
                        .replace("{{", "")
                        .replace("}}", "")
                        .contains(['{', '}']),
                "{text}"
            );
            assert!(text.lines().count() <= 2, "{text}");
        }
    }

    #[test]
    fn fingerprints_differ_and_stay() {
        let library_unfit = || finding(LIBRARY_UNFIT, Some("a"));
        let mut report = Report {
            findings: vec![
                library_unfit(),
                library_unfit(),
                finding(LIBRARY_UNFIT, None),
            ],
            ..small()
        };
        let prints = |report: &Report| -> Vec<Value> {
            run(report)["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["partialFingerprints"]["primaryLocationLineHash"].clone())
                .collect()
        };
        assert_eq!(
            prints(&report)[..3],
            ["library-unfit:a:1", "library-unfit:a:2", "library-unfit::1"]
        );
        let before = prints(&report);
        report.subject = "/tmp/elsewhere".to_owned();
        report.findings[0].found = "another".to_owned();
        assert_eq!(prints(&report), before);
    }

    #[test]
    fn no_more_results_than_github_accepts() {
        let many = (0..30_000)
            .map(|number| finding(FILE_UNLISTED, Some(&number.to_string())))
            .collect();
        let run = run(&Report {
            findings: many,
            ..small()
        });
        assert_eq!(run["results"].as_array().unwrap().len(), MOST_RESULTS);
        let note = &run["invocations"][0]["toolExecutionNotifications"][0];
        assert_eq!(
            note["message"]["text"],
            "5001 more results are omitted: GitHub accepts 25000"
        );
    }

    #[test]
    fn nothing_found_is_a_log_too() {
        let run = run(&Report {
            findings: vec![],
            accepted: vec![],
            skipped: vec![],
            fence: None,
            audit: None,
            ..small()
        });
        assert_eq!(
            (&run["results"], &run["tool"]["driver"]["rules"]),
            (&json!([]), &json!([]))
        );
    }
}
