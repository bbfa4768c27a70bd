//! SBOMs of a release: held to CycloneDX's own schema, and to the programs that they describe.

use serde_json::{Value, json};

use super::{DIRECTORY, hello};
use crate::support::{ARM_MUSL, Project, X86_MUSL, repository, skipped};

/// CycloneDX's schema as serde-cyclonedx's package has it, where cargo has put that package.
fn schema(test: &str) -> Option<Value> {
    // Without a platform's filter cargo tells every package of the lock.
    let flags = ["--locked", "--offline"].map(str::to_owned);
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(repository())
        .other_options(flags)
        .exec();
    let packages = metadata.map(|metadata| metadata.packages).ok();
    let package = packages.iter().flatten().find(|package| {
        package.name.as_str() == "serde-cyclonedx" && package.manifest_path.is_file()
    });
    let Some(package) = package else {
        let why = "serde-cyclonedx's package is not there: `cargo fetch --locked`";
        assert_ne!(std::env::var("XPKG_SKIP").as_deref(), Ok("never"), "{why}");
        skipped(test, why);
        return None;
    };
    let directory = package.manifest_path.parent().unwrap();
    let text = std::fs::read_to_string(directory.join("schemas/cyclonedx_1_6.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Returns what the schema says against a document. The schemas of SPDX's identifiers and of
/// signatures are files of their own, and no document here has either.
fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let nothing = json!({ "not": {}, "definitions": { "signature": { "not": {} } } });
    let registry = jsonschema::Registry::new()
        .add(
            "http://cyclonedx.org/schema/spdx.schema.json",
            nothing.clone(),
        )
        .unwrap()
        .add("http://cyclonedx.org/schema/jsf-0.82.schema.json", nothing)
        .unwrap()
        .prepare()
        .unwrap();
    let validator = jsonschema::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(schema)
        .unwrap();
    validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn name(target: &str) -> String {
    format!("{DIRECTORY}/hello-0.1.0-{target}.cdx.json")
}

/// hello with packages of the registry that every checkout has.
fn with_dependencies() -> Project {
    let project = hello();
    project.append(
        "Cargo.toml",
        "[[bin]]\nname = \"hello\"\npath = \"src/main.rs\"\n\
         [[bin]]\nname = \"other\"\npath = \"src/main.rs\"\n\
         [dependencies]\nmemchr = \"2\"\nlocal = { path = \"local\" }\n\
         [build-dependencies]\nshlex = \"2\"\n",
    );
    project.write("build.rs", "fn main() {}");
    project.write(
        "local/Cargo.toml",
        "[package]\nname = \"local\"\nversion = \"1.0.0+x\"\nedition = \"2024\"\nlicense = \"MIT/BSD-2-Clause\"\n",
    );
    project.write("local/src/lib.rs", "");
    project
}

#[test]
fn an_sbom_describes_the_programs_of_its_archive() {
    let project = with_dependencies();
    project.commit();
    let command = format!("release -q --offline --allow-dirty --target {X86_MUSL},{ARM_MUSL}");
    project
        .xpkg_with(&[("SOURCE_DATE_EPOCH", "1700000000")], &command)
        .ok();
    let document = project.json(&name(X86_MUSL));
    // What the schema cannot say: every reference is there once, and all are known.
    let mut known: Vec<&str> = [
        "/metadata/component",
        "/metadata/component/components/0",
        "/metadata/component/components/1",
    ]
    .iter()
    .map(|place| document.pointer(place).unwrap())
    .chain(document["components"].as_array().unwrap())
    .map(|component| component["bom-ref"].as_str().unwrap())
    .collect();
    known.sort_unstable();
    let dependencies = document["dependencies"].as_array().unwrap();
    let mut listed: Vec<&str> = dependencies
        .iter()
        .map(|dependency| dependency["ref"].as_str().unwrap())
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, known);
    let root = "pkg:cargo/hello@0.1.0#local";
    let of_root = dependencies
        .iter()
        .find(|dependency| dependency["ref"] == root);
    let [memchr, shlex] = ["memchr", "shlex"].map(|name| {
        let found = known
            .iter()
            .find(|known| known.starts_with(&format!("pkg:cargo/{name}@")));
        (*found.unwrap()).to_owned()
    });
    let local = "pkg:cargo/local@1.0.0%2Bx#local";
    assert_eq!(of_root.unwrap()["dependsOn"], json!([local, memchr, shlex]));
    let components: Vec<Value> = document["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| {
            let hash = component["hashes"][0]["content"].as_str().map(str::len);
            let license = &component["licenses"][0]["expression"];
            json!([
                component["name"],
                component["scope"],
                license,
                hash,
                component["properties"][0]["value"]
            ])
        })
        .collect();
    assert_eq!(
        components,
        [
            json!(["local", "required", "MIT OR BSD-2-Clause", null, "local"]),
            json!(["memchr", "required", "Unlicense OR MIT", 64, null]),
            json!(["shlex", "excluded", "MIT OR Apache-2.0", 64, null]),
        ]
    );
    let component = &document["metadata"]["component"];
    assert_eq!(component["purl"], "pkg:cargo/hello@0.1.0");
    assert_eq!(
        component["properties"][0],
        json!({ "name": "cargo-xpkg:target", "value": X86_MUSL })
    );
    assert_eq!(document["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let release = project.json(&format!("{DIRECTORY}/release.json"));
    let bins: Vec<Value> = release["builds"][1]["bins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| {
            json!([
                format!("file:{}", bin["name"].as_str().unwrap()),
                bin["sha256"]
            ])
        })
        .collect();
    let files: Vec<Value> = component["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| json!([file["bom-ref"], file["hashes"][0]["content"]]))
        .collect();
    assert_eq!(files, bins);
    let of_sbom = &release["files"][2];
    assert_eq!(of_sbom["path"], format!("hello-0.1.0-{X86_MUSL}.cdx.json"));
    assert_eq!(
        (&of_sbom["kind"], &of_sbom["target"]),
        (&json!("sbom"), &json!(X86_MUSL))
    );
    super::the_schema_holds(&release);
    let verified = project.xpkg(&format!("verify {DIRECTORY}")).ok();
    assert!(
        verified
            .stdout
            .contains("4 programs, 7 of 7 files compared, 0 findings"),
        "{}",
        verified.stdout
    );
    // No path of the machine, whichever separators.
    let text = project.read(&name(X86_MUSL));
    assert!(
        !text.contains(project.root.to_str().unwrap()) && !text.contains("file://"),
        "{text}"
    );
    let Some(schema) = schema("ship::release::sbom::an_sbom_describes_the_programs_of_its_archive")
    else {
        return;
    };
    assert_eq!(
        schema["$id"],
        "http://cyclonedx.org/schema/bom-1.6.schema.json"
    );
    for target in [X86_MUSL, ARM_MUSL] {
        assert_eq!(
            faults(&schema, &project.json(&name(target))),
            Vec::<String>::new()
        );
    }
    // A schema that takes anything would hold, too.
    for (place, wrong) in [
        ("/components/0/type", json!("crate")),
        ("/components/1/hashes/0/content", json!("00")),
        (
            "/components/0/licenses/0",
            json!({ "expression": "MIT", "license": { "name": "x" } }),
        ),
        ("/dependencies/0/ref", json!("")),
        ("/metadata/timestamp", json!("today")),
        ("/specVersion", json!(1.6)),
        ("/metadata/component/name", json!(null)),
    ] {
        let mut document = document.clone();
        *document.pointer_mut(place).unwrap() = wrong;
        assert_ne!(faults(&schema, &document), Vec::<String>::new(), "{place}");
    }
}

#[test]
fn an_sbom_of_other_programs_is_found() {
    let project = hello();
    let command = format!("release -q --target {X86_MUSL} --release-dir out");
    project.xpkg(&command).ok();
    // An SBOM and its archive are compared where nothing else of the release is, too.
    let others = [
        "SHA256SUMS",
        "index.html",
        "install.sh",
        "provenance.intoto.json",
        "release.json",
    ];
    for name in others {
        std::fs::remove_file(project.path("out").join(name)).unwrap();
    }
    let path = format!("out/hello-0.1.0-{X86_MUSL}.cdx.json");
    let document = project.json(&path);
    let hash = "/metadata/component/components/0/hashes/0/content";
    let digest = document.pointer(hash).unwrap().as_str().unwrap();
    let text = project.read(&path);
    let found = |text: &str| {
        project.write(&path, text);
        let run = project.xpkg("verify out --message-format json");
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let finding = |finding: &Value| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            format!("{} {}: {}", text("code"), text("path"), text("found"))
        };
        findings.iter().map(finding).collect::<Vec<_>>()
    };
    let name = format!("hello-0.1.0-{X86_MUSL}");
    let mismatch = |what: &str| vec![format!("sbom-mismatch {name}.cdx.json: {what}")];
    assert_eq!(found(&text), Vec::<String>::new());
    assert_eq!(
        found(&text.replace(digest, &"0".repeat(64))),
        mismatch(&format!(
            "another digest than that of `hello` in `{name}.tar.gz`"
        ))
    );
    assert_eq!(
        found(&text.replace(
            "\"name\": \"hello\",\n          \"hashes\"",
            "\"name\": \"bye\",\n          \"hashes\""
        )),
        mismatch(&format!(
            "a digest of `bye`, which `{name}.tar.gz` does not have"
        ))
    );
    assert_eq!(
        found("Not Found"),
        mismatch("no CycloneDX document that can be read: expected value at line 1 column 1")
    );
    // Another tool's has no programs.
    assert_eq!(
        found("{\"bomFormat\": \"CycloneDX\"}"),
        Vec::<String>::new()
    );
}

#[test]
fn the_same_trees_give_the_same_sboms() {
    let sbom = || {
        let project = with_dependencies();
        project.commit();
        let command = format!("release -q --offline --allow-dirty --target {X86_MUSL}");
        let run = project.xpkg_with(&[("SOURCE_DATE_EPOCH", "1700000000")], &command);
        run.ok();
        project.read(&name(X86_MUSL))
    };
    assert_eq!(sbom(), sbom());
}

/// Returns the lines that a release notes.
fn noted(stderr: &str) -> Vec<&str> {
    let lines = stderr.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("Noting "))
        .collect()
}

#[test]
fn a_build_without_lists_has_no_sbom_and_says_so() {
    let project = hello();
    project.write("xpkg.toml", "auditable = false\n");
    project.commit();
    let run = project
        .xpkg(&format!(
            "release --target {X86_MUSL},{ARM_MUSL},wasm32-wasip1"
        ))
        .ok();
    // A line for each reason.
    assert_eq!(
        noted(&run.stderr),
        [
            "no SBOM of hello for wasm32-wasip1: only ELF programs get the list of their packages",
            "no SBOM of hello for aarch64-unknown-linux-musl, x86_64-unknown-linux-musl: not all of its \
             programs have the list of their packages; `cargo xpkg build --auditable` adds it",
        ]
    );
    assert!(!project.path(&name(X86_MUSL)).exists());
    // What the note says.
    project
        .xpkg(&format!("build -q --auditable --target {X86_MUSL}"))
        .ok();
    let release = format!("release --no-build --target {X86_MUSL}");
    let run = project.xpkg(&release).ok();
    assert_eq!(
        noted(&run.stderr),
        [
            "programs for `x86_64-unknown-linux-musl` may have other bytes if another machine builds \
             them; `cargo xpkg build --reproducible` makes them the same",
        ]
    );
    let build = format!("build -q --auditable --reproducible --target {X86_MUSL}");
    project.xpkg(&build).ok();
    let run = project.xpkg(&release).ok();
    assert_eq!(noted(&run.stderr), Vec::<&str>::new());
    assert!(project.path(&name(X86_MUSL)).exists());
    // Trees are released where there is no workspace, too.
    let elsewhere = Project::empty();
    let tree = project.path("target/xpkg");
    let command = format!(
        "release --from {} --target {X86_MUSL} --release-dir out",
        tree.to_str().unwrap()
    );
    let time = ("SOURCE_DATE_EPOCH", "1700000000");
    let run = elsewhere.xpkg_with(&[time], &command).ok();
    assert_eq!(
        noted(&run.stderr),
        ["SBOMs without licenses and checksums of packages: there is no workspace here"]
    );
    let sbom = elsewhere.json(&format!("out/hello-0.1.0-{X86_MUSL}.cdx.json"));
    assert_eq!(sbom["metadata"]["component"]["name"], "hello");
}
