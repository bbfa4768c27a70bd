//! SARIF is held to the schema that OASIS gives it, and to what GitHub wants beyond that.

use cargo_xpkg::archive::entry::ArtifactsKind;
use cargo_xpkg::commands::codes;
use cargo_xpkg::problem::code::Code;
use cargo_xpkg::verify::finding::Finding;
use cargo_xpkg::verify::report::{Accepted, DigestCount, Report, Skipped};
use cargo_xpkg::verify::sarif::sarif;
use serde_json::{Value, json};

use crate::support::{repository, skipped};

/// The schema as serde-sarif's package has it, where cargo has put that package.
fn schema() -> Option<Value> {
    // Without a platform's filter cargo tells every package of the lock.
    let flags = ["--locked", "--offline"].map(str::to_owned);
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(repository())
        .other_options(flags)
        .exec()
        .ok()?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "serde-sarif")?;
    let text =
        std::fs::read_to_string(package.manifest_path.parent()?.join("src/schema.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    // Its pattern of a language is no regular expression of ECMA 262 (`]?` closes nothing); we
    // write no language.
    for holder in ["run", "toolComponent"] {
        schema["definitions"][holder]["properties"]["language"]
            .as_object_mut()
            .unwrap()
            .remove("pattern");
    }
    Some(schema)
}

/// Every code, by names made to break out.
fn report() -> Report {
    let names = [
        "arm/app",
        "a b\n\u{1b}|`<script>",
        "//host/{0}[x](https://evil.example)",
        "\u{1f980}:\u{202e}",
        "",
    ];
    let finding = |(number, code): (usize, Code)| Finding {
        code,
        path: (number % 7 != 0).then(|| names[number % names.len()].to_owned()),
        target: (number % 2 == 0).then(|| names[number % names.len()].to_owned()),
        found: names[(number + 1) % names.len()].to_owned(),
        expected: names[(number + 2) % names.len()].to_owned(),
        help: names[(number + 3) % names.len()].to_owned(),
        advisory: None,
    };
    let findings: Vec<Finding> = codes::all().enumerate().map(finding).collect();
    Report {
        schema_version: 1,
        subject: "/tmp/a tree".to_owned(),
        kind: ArtifactsKind::Archive,
        policy: "default".to_owned(),
        listed_by: None,
        lists: Vec::new(),
        signed: Vec::new(),
        digests: DigestCount::default(),
        files: Vec::new(),
        accepted: findings
            .iter()
            .take(3)
            .map(|f| Accepted {
                finding: f.clone(),
                reason: "said so".to_owned(),
            })
            .collect(),
        skipped: names
            .iter()
            .map(|name| Skipped {
                path: (*name).to_owned(),
                what: "run".to_owned(),
                why: (*name).to_owned(),
            })
            .collect(),
        fence: None,
        audit: None,
        findings,
    }
}

#[test]
fn the_schema_of_sarif_holds() {
    let Some(schema) = schema() else {
        assert_ne!(
            std::env::var("XPKG_SKIP").as_deref(),
            Ok("never"),
            "serde-sarif's package is not there: `cargo fetch --locked`"
        );
        skipped(
            "sarif::the_schema_of_sarif_holds",
            "serde-sarif's package is not there: `cargo fetch --locked`",
        );
        return;
    };
    assert_eq!(
        schema["title"],
        "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    );
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let log: Value = serde_json::from_str(&sarif(&report())).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&log)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    // A schema that takes anything would hold, too.
    for (place, wrong) in [
        ("/runs/0/results/0/level", json!("fatal")),
        (
            "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri",
            json!("a b"),
        ),
        (
            "/runs/0/results/0/suppressions",
            json!([{ "kind": "external", "surprise": true }]),
        ),
        ("/runs/0/invocations/0", json!({})),
    ] {
        let mut other = log.clone();
        *other.pointer_mut(place).unwrap() = wrong;
        assert!(!validator.is_valid(&other), "{place}");
    }
}

/// docs.github.com, "SARIF support for code scanning": a file over one result without these is
/// refused whole.
#[test]
fn github_finds_what_it_wants() {
    let log: Value = serde_json::from_str(&sarif(&report())).unwrap();
    let run = &log["runs"][0];
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    for result in run["results"].as_array().unwrap() {
        let place = &result["locations"][0]["physicalLocation"];
        assert!(
            text(&result["message"]["text"]) && text(&place["artifactLocation"]["uri"]),
            "{result}"
        );
        assert_eq!(place["region"]["startLine"], 1);
        assert!(
            text(&result["partialFingerprints"]["primaryLocationLineHash"]),
            "{result}"
        );
    }
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), codes::all().count());
    for rule in rules {
        assert!(
            ["shortDescription", "fullDescription", "help"]
                .iter()
                .all(|part| text(&rule[part]["text"])),
            "{rule}"
        );
    }
}
