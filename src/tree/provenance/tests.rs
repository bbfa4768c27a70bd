//! Tests of provenance, as tables.

use serde_json::{Value, json};

use super::materials::{materials, notes};
use super::*;
use crate::target::Target;
use crate::tree::manifest::{ImageRecord, Platform, Waiver};
use crate::tree::release::{BinRecord, FileRecord, Requirements, SCHEMA_ID, SCHEMA_VERSION};
use crate::tree::source::Source;

const TARGET: &str = "x86_64-unknown-linux-musl";

fn record() -> TargetRecord {
    let target = Target::of_triple(TARGET).unwrap();
    let mut record = TargetRecord {
        id: "0a".repeat(8),
        ..TargetRecord::expected(&target)
    };
    record.source = Source {
        repository: Some("https://git.example/acme/chat".to_owned()),
        commit: Some("1b".repeat(20)),
        dirty: Some(true),
        cargo_lock_sha256: Some("2c".repeat(32)),
    };
    record.rustc.release = "1.95.0".to_owned();
    record.rustc.host = "x86_64-unknown-linux-gnu".to_owned();
    record.toolchain.linker.program = "a b/ld".to_owned();
    record.toolchain.image = Some(ImageRecord {
        reference: "cross.example/musl:1".to_owned(),
        digest: format!("sha256:{}", "3d".repeat(32)),
        platform: "linux/amd64".to_owned(),
        derived: None,
    });
    record.waivers = vec![Waiver {
        code: "gcc-95189".to_owned(),
        message: "it is affected".to_owned(),
    }];
    record
}

fn document() -> Document {
    let kinds = [
        ("chat-1.0.0.tar.gz", FileKind::Archive),
        ("index.html", FileKind::Page),
        (NAME, FileKind::Provenance),
    ];
    let file = |(path, kind): (&str, FileKind)| FileRecord {
        path: path.to_owned(),
        kind,
        package: None,
        target: None,
        format: None,
        size: 1,
        sha256: "4e".repeat(32),
    };
    Document {
        schema: SCHEMA_ID.to_owned(),
        schema_version: SCHEMA_VERSION,
        tool: crate::tree::manifest::Tool {
            name: String::new(),
            version: String::new(),
        },
        name: "chat".to_owned(),
        version: "1.0.0".to_owned(),
        tag: Some("v1.0.0".to_owned()),
        commit: Some("1b".repeat(20)),
        repository: None,
        url: None,
        packages: Vec::new(),
        builds: vec![BuildRecord {
            package: "chat".to_owned(),
            target: TARGET.to_owned(),
            platform: Platform::of(&Target::of_triple(TARGET).unwrap()),
            libc: "musl".to_owned(),
            requires: Requirements::default(),
            directory: "chat-1.0.0".to_owned(),
            bins: vec![BinRecord {
                name: "server".to_owned(),
                kind: crate::project::artifact_kind::ArtifactKind::Bin,
                size: 1,
                sha256: "5f".repeat(32),
            }],
            archives: vec!["chat-1.0.0.tar.gz".to_owned()],
        }],
        files: kinds.into_iter().map(file).collect(),
        signatures: Vec::new(),
    }
}

fn statement() -> Statement {
    let records = vec![record()];
    let name = "chat-1.0.0/server".to_owned();
    let built_by = BTreeMap::from([(name, record().id)]);
    let predicate = Predicate {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE.to_owned(),
            external_parameters: Asked {
                name: "chat".to_owned(),
                version: "1.0.0".to_owned(),
                tag: Some("v1.0.0".to_owned()),
                builds: vec![AskedBuild {
                    package: "chat".to_owned(),
                    version: "1.0.0".to_owned(),
                    target: TARGET.to_owned(),
                    glibc: None,
                    programs: vec![AskedProgram {
                        name: "server".to_owned(),
                        bin: "server".to_owned(),
                        profile: "release".to_owned(),
                        features: Vec::new(),
                    }],
                }],
            },
            resolved_dependencies: materials(&records),
            internal_parameters: Chosen {
                waivers: notes(&records, &built_by),
                records,
                built_by,
            },
        },
        run_details: RunDetails {
            builder: Builder {
                id: BUILDER.to_owned(),
                version: BTreeMap::new(),
            },
            metadata: Some(RunMetadata {
                invocation_id: "https://ci.example/1".to_owned(),
            }),
        },
    };
    Statement::new(subjects(&document()), predicate)
}

/// Fields that in-toto and SLSA require, those that this build type requires, and no other field.
#[test]
fn every_required_field_is_required_and_no_other_is_taken() {
    let text = statement().json();
    assert_eq!(Statement::parse(&text), Ok(statement()));
    let whole: Value = serde_json::from_str(&text).unwrap();
    let definition = "/predicate/buildDefinition";
    let required = [
        "/_type",
        "/subject",
        "/subject/0/name",
        "/subject/0/digest",
        "/subject/0/digest/sha256",
        "/predicateType",
        "/predicate",
        "/predicate/buildDefinition",
        "/predicate/buildDefinition/buildType",
        "/predicate/buildDefinition/externalParameters",
        "/predicate/buildDefinition/externalParameters/builds/0/target",
        "/predicate/buildDefinition/externalParameters/builds/0/programs/0/profile",
        "/predicate/buildDefinition/externalParameters/builds/0/programs/0/features",
        "/predicate/buildDefinition/internalParameters",
        "/predicate/buildDefinition/internalParameters/records/0/toolchain",
        "/predicate/buildDefinition/internalParameters/waivers/0/code",
        "/predicate/buildDefinition/resolvedDependencies",
        "/predicate/runDetails",
        "/predicate/runDetails/builder",
        "/predicate/runDetails/builder/id",
        "/predicate/runDetails/metadata/invocationId",
    ];
    for place in required {
        let (above, key) = place.rsplit_once('/').unwrap();
        let mut changed = whole.clone();
        let object = changed.pointer_mut(above).unwrap().as_object_mut().unwrap();
        assert!(object.remove(key).is_some(), "{place}");
        let why = Statement::parse(&changed.to_string()).unwrap_err();
        assert!(
            why.starts_with(&format!("missing field `{key}`")),
            "{place}: {why}"
        );
        let mut changed = whole.clone();
        let object = changed.pointer_mut(above).unwrap().as_object_mut().unwrap();
        object.insert("more".to_owned(), json!(1));
        assert!(Statement::parse(&changed.to_string()).is_err(), "{place}");
    }
    let zeros = "0".repeat(64);
    for (place, value, expected) in [
        (
            "/_type".to_owned(),
            json!("https://in-toto.io/Statement/v0.1"),
            "`_type` is `https://in-toto.io/Statement/v0.1`, not https://in-toto.io/Statement/v1",
        ),
        ("/subject".to_owned(), json!([]), "it has no subject"),
        (
            "/subject/1/name".to_owned(),
            json!("../x"),
            "the subject `../x` is not below it: it has a component `..`",
        ),
        (
            "/subject/1".to_owned(),
            json!({ "name": "chat-1.0.0.tar.gz", "digest": { "sha256": zeros } }),
            "the subject `chat-1.0.0.tar.gz` is listed twice",
        ),
        (
            "/subject/1/digest/sha256".to_owned(),
            json!("00"),
            "the digest of the subject `chat-1.0.0/server` is `00`, not 64 hex digits",
        ),
        (
            "/predicate/runDetails/builder/id".to_owned(),
            json!("https://github.com/actions/runner"),
            "`builder.id` is `https://github.com/actions/runner`, not \
             urn:cargo-xpkg:builder:self-asserted",
        ),
        (
            "/predicate/runDetails/metadata/invocationId".to_owned(),
            json!("javascript:x"),
            "`invocationId` is `javascript:x`, not an address",
        ),
        (
            format!("{definition}/resolvedDependencies/0"),
            json!({ "name": "x" }),
            "the dependency `x` has neither `uri` nor `digest`",
        ),
        (
            format!("{definition}/internalParameters/records/0/id"),
            json!("0b".repeat(8)),
            "`builtBy` of `chat-1.0.0/server` is `0a0a0a0a0a0a0a0a`, not a record of a subject",
        ),
        (
            format!("{definition}/internalParameters/waivers/0/subjects/0"),
            json!("other"),
            "a subject of the waiver `gcc-95189` is `other`, not one of the statement",
        ),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(&place).unwrap() = value;
        let found = Statement::parse(&changed.to_string());
        assert_eq!(found, Err(expected.to_owned()), "{place}");
    }
}

#[test]
fn sources_and_tools_are_dependencies() {
    let found = serde_json::to_value(materials(&[record(), record()])).unwrap();
    assert_eq!(
        found,
        json!([
            { "name": "Cargo.lock", "digest": { "sha256": "2c".repeat(32) } },
            {
                "name": "cross image",
                "uri": format!("docker://cross.example/musl:1@sha256:{}", "3d".repeat(32)),
                "digest": { "sha256": "3d".repeat(32) },
                "annotations": { "platform": "linux/amd64" },
            },
            {
                "name": "linker",
                "uri": "pkg:generic/a%20b%2Fld",
                "annotations": { "target": TARGET },
            },
            {
                "name": "rustc",
                "uri": "pkg:generic/rustc@1.95.0",
                "annotations": { "host": "x86_64-unknown-linux-gnu" },
            },
            {
                "name": "source",
                "uri": format!("git+https://git.example/acme/chat@{}", "1b".repeat(20)),
                "digest": { "gitCommit": "1b".repeat(20) },
                "annotations": { "dirty": "true" },
            },
        ])
    );
}

#[test]
fn what_is_not_of_the_release_or_contradicts_itself_is_named() {
    assert_eq!(statement().contradictions(&document()), []);
    let found = |change: fn(&mut Statement)| {
        let mut statement = statement();
        change(&mut statement);
        statement.contradictions(&document())
    };
    let pair = |found: &str, expected: &str| vec![(found.to_owned(), expected.to_owned())];
    assert_eq!(
        found(|statement| {
            statement
                .predicate
                .build_definition
                .external_parameters
                .version = "2.0.0".into();
        }),
        pair("`version`: 2.0.0", "1.0.0, by `release.json`")
    );
    assert_eq!(
        found(|statement| {
            statement
                .predicate
                .build_definition
                .external_parameters
                .builds
                .clear();
        }),
        pair(
            "the builds: ",
            &format!("chat for {TARGET} (server), by `release.json`")
        )
    );
    assert_eq!(
        found(|statement| statement.subject[0].digest.sha256 = "00".repeat(32)),
        pair(
            &format!(
                "the subject `chat-1.0.0.tar.gz`: digest {}",
                "00".repeat(32)
            ),
            &format!("digest {}, by `release.json`", "4e".repeat(32))
        )
    );
    assert_eq!(
        found(|statement| drop(statement.subject.pop())),
        pair(
            "the subject `chat-1.0.0/server`: none",
            &format!("digest {}, by `release.json`", "5f".repeat(32))
        )
    );
    assert_eq!(
        found(|statement| {
            let definition = &mut statement.predicate.build_definition;
            definition.resolved_dependencies.remove(0);
        }),
        pair(
            "no such dependency",
            &format!(
                "the dependency {{\"name\":\"Cargo.lock\",\"digest\":{{\"sha256\":\"{}\"}}}}, by its records",
                "2c".repeat(32)
            )
        )
    );
    assert_eq!(
        found(|statement| {
            let definition = &mut statement.predicate.build_definition;
            definition.internal_parameters.waivers.clear();
        }),
        pair("no waiver `gcc-95189`", "all of those in its records")
    );
    // Another commit is that of the records and of the dependency.
    let commits = found(|statement| {
        let definition = &mut statement.predicate.build_definition;
        definition.internal_parameters.records[0].source.commit = Some("9a".repeat(20));
    });
    assert_eq!(
        commits[0],
        (
            format!("the commit of the records: {}", "9a".repeat(20)),
            format!("{}, by `release.json`", "1b".repeat(20))
        )
    );
    assert_eq!(commits.len(), 3);
}
