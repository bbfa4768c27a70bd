//! Provenance: held to what it says of the files, and to in-toto's own reader where it is there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{DIRECTORY, describe, hello, on_a_system};
use crate::support::{Project, X86_MUSL};

const NAME: &str = "provenance.intoto.json";

fn statement(project: &Project) -> Value {
    project.json(&format!("{DIRECTORY}/{NAME}"))
}

#[test]
fn a_release_says_how_its_files_were_made() {
    let project = hello();
    project.append(
        "Cargo.toml",
        "[features]\nextra = []\n[profile.small]\ninherits = \"release\"\n",
    );
    let commit = project.commit();
    let command =
        format!("release -q --target {X86_MUSL} --features extra --profile small --tag v0.1.0");
    project.xpkg(&command).ok();
    let whole = statement(&project);
    assert_eq!(whole["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(whole["predicateType"], "https://slsa.dev/provenance/v1");
    // Every file but the page, what is made of this, and itself; and the program in the archive.
    let line = format!(
        "cd {DIRECTORY} && mkdir ../in && tar -xzf *.tar.gz -C ../in && sha256sum *.cdx.json \
         *.tar.gz install.sh && cd ../in && sha256sum */hello"
    );
    let sums = on_a_system(&project, &line).stdout;
    let mut expected: BTreeMap<&str, &str> = BTreeMap::new();
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        expected.insert(name, digest);
    }
    let subjects = whole["subject"].as_array().unwrap().iter();
    let subjects: BTreeMap<&str, &str> = subjects
        .map(|subject| {
            let digest = subject["digest"]["sha256"].as_str().unwrap();
            (subject["name"].as_str().unwrap(), digest)
        })
        .collect();
    assert_eq!(subjects, expected);
    let definition = &whole["predicate"]["buildDefinition"];
    assert_eq!(
        definition["externalParameters"],
        json!({
            "name": "hello",
            "version": "0.1.0",
            "tag": "v0.1.0",
            "builds": [{
                "package": "hello",
                "version": "0.1.0",
                "target": X86_MUSL,
                "glibc": null,
                "programs": [{
                    "name": "hello",
                    "bin": "hello",
                    "profile": "small",
                    "features": ["extra"],
                }],
            }],
        })
    );
    let manifest = project.json("target/xpkg/manifest.json");
    assert_eq!(
        definition["internalParameters"]["records"],
        manifest["targets"]
    );
    let dependencies = definition["resolvedDependencies"].as_array().unwrap();
    let of = |name: &str| {
        let found = dependencies.iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {dependencies:?}"))
    };
    assert_eq!(of("source")["digest"]["gitCommit"], commit.as_str());
    let lock = on_a_system(&project, "sha256sum Cargo.lock").stdout;
    assert_eq!(of("Cargo.lock")["digest"]["sha256"], lock[..64]);
    let record = &manifest["targets"][0];
    assert_eq!(
        of("rustc")["uri"],
        format!(
            "pkg:generic/rustc@{}",
            record["rustc"]["release"].as_str().unwrap()
        )
    );
    assert_eq!(
        of("linker")["annotations"]["version"],
        record["toolchain"]["linker"]["version"]
    );
    assert_eq!(
        whole["predicate"]["runDetails"],
        json!({ "builder": {
            "id": "urn:cargo-xpkg:builder:self-asserted",
            "version": { "cargo-xpkg": env!("CARGO_PKG_VERSION") },
        } })
    );
    let text = project.read(&format!("{DIRECTORY}/{NAME}"));
    assert!(!text.contains(project.root.to_str().unwrap()), "{text}");
    super::the_schema_holds(&project.json(&format!("{DIRECTORY}/release.json")));
    project.xpkg(&format!("verify {DIRECTORY}")).ok();
    // A service that runs it is named, and is no builder: anybody can set these variables.
    let variables = [
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_URL", "https://lab.example/pipelines/7"),
    ];
    project.xpkg_with(&variables, "release -q --no-build").ok();
    assert_eq!(
        statement(&project)["predicate"]["runDetails"]["metadata"],
        json!({ "invocationId": "https://lab.example/pipelines/7" })
    );
    // Without it.
    project.write("xpkg.toml", "[release]\nprovenance = false\n");
    project.xpkg("release -q --no-build").ok();
    assert!(!project.files(DIRECTORY).contains(&NAME.to_owned()));
    project.xpkg(&format!("verify {DIRECTORY}")).ok();
}

/// The findings of `verify --reproduce` on the release in `out`: code and file.
fn found(project: &Project) -> Vec<String> {
    let run = project.xpkg("verify out --reproduce --message-format json");
    let report: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr));
    let findings = report["findings"].as_array().unwrap().iter();
    let line = |one: &Value| {
        let of = |name: &str| one[name].as_str().unwrap();
        format!("{} {}", of("code"), of("path"))
    };
    findings.map(line).collect()
}

/// Each release is whole, with the right sums; only that of the commit has other bytes.
#[test]
fn a_planted_difference_of_a_release_is_named_by_the_files_that_have_it() {
    let project = hello();
    project.write(".gitignore", "/target\n/out\n");
    describe(&project);
    project.write(
        "xpkg.toml",
        "[release]\narchives = [\"tar.gz\"]\nhomebrew = true\nurl = \"https://dl.example/hello\"\n\
         [release.deb]\nmaintainer = \"A <a@b.example>\"\n",
    );
    project.commit();
    let release = format!("release -q --target {X86_MUSL} --release-dir out");
    project.xpkg(&release).ok();
    let archive = format!("hello-0.1.0-{X86_MUSL}.tar.gz");
    let rows: &[(&str, &[&str])] = &[
        (
            "sed -i s/b.example/c.example/ xpkg.toml",
            &["hello_0.1.0-1_amd64.deb"],
        ),
        (
            "sed -i s/greets/waves/ Cargo.toml",
            &["hello_0.1.0-1_amd64.deb"],
        ),
        (
            "sed -i s/dl.example/evil.example/ xpkg.toml",
            &["hello.rb", "index.html", "install.sh"],
        ),
        ("chmod +x README.md", &[&archive]),
        (
            "echo more >LICENSE-MORE",
            &[&archive, "hello_0.1.0-1_amd64.deb"],
        ),
        ("true", &[]),
    ];
    for (line, expected) in rows {
        std::fs::remove_dir_all(project.path("out")).unwrap();
        on_a_system(&project, line);
        project
            .xpkg(&format!("{release} --no-build --allow-dirty"))
            .ok();
        on_a_system(&project, "git clean -q -f && git checkout --quiet .");
        project.xpkg("verify out").ok();
        let expected: Vec<String> = expected
            .iter()
            .map(|name| format!("not-reproduced {name}"))
            .collect();
        assert_eq!(found(&project), expected, "{line}");
    }
}

#[test]
fn a_release_is_built_and_packed_again() {
    let project = hello();
    let code = "fn main() { println!(\"{}\", option_env!(\"WHEN\").unwrap_or(\"\")); }\n";
    project.write("src/main.rs", code);
    project.write(".gitignore", "/target\n/out\n");
    let described = "[package]\ndescription = \"greets\"\n";
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &manifest.replacen("[package]\n", described, 1),
    );
    let settings = "[release]\narchives = [\"tar.gz\", \"zip\"]\n[release.deb]\nmaintainer = \"A <a@b.example>\"\n";
    project.write("xpkg.toml", settings);
    project.commit();
    let release = format!("release -q --target {X86_MUSL} --release-dir out");
    // The address of a pipeline is another each time.
    let pipeline = [
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_URL", "https://lab.example/1"),
    ];
    project.xpkg_with(&pipeline, &release).ok();
    let again = project.xpkg("verify out --reproduce").ok();
    assert!(
        again
            .stderr
            .contains("Released 7 files again, 0 differences"),
        "{}",
        again.stderr
    );
    // A file in the archives that the commit has otherwise.
    let line = "sed -i 's/hello/other/' README.md";
    on_a_system(&project, line);
    project
        .xpkg(&format!("{release} --no-build --allow-dirty"))
        .ok();
    on_a_system(&project, "git checkout --quiet README.md");
    let stem = format!("hello-0.1.0-{X86_MUSL}");
    assert_eq!(
        found(&project),
        [
            format!("not-reproduced {stem}.tar.gz"),
            format!("not-reproduced {stem}.zip")
        ]
    );
    // A program of another time: what is made of it is not named, too.
    project.xpkg_with(&[("WHEN", "today")], &release).ok();
    assert_eq!(found(&project), [format!("not-reproduced {stem}/hello")]);
    let run = project.xpkg("verify out --reproduce");
    let line = run.stdout.lines().find(|line| line.contains("/hello: "));
    let line = line.unwrap_or_else(|| panic!("{}", run.stdout));
    assert!(
        line.contains("today") && line.contains(" in .rodata"),
        "{line}"
    );
    // A zip is read, too, and what cannot be read loses no finding.
    let tar = format!("out/{stem}.tar.gz");
    let zip = std::fs::read(project.path(&format!("out/{stem}.zip"))).unwrap();
    for (bytes, expected) in [(zip.as_slice(), " in .rodata"), (b"nothing", "digest ")] {
        std::fs::write(project.path(&tar), bytes).unwrap();
        let run = project.xpkg("verify out --reproduce");
        let program = format!("  {stem}/hello: ");
        let line = run.stdout.lines().find(|line| line.starts_with(&program));
        let line = line.unwrap_or_else(|| panic!("{}\n{}", run.stdout, run.stderr));
        assert!(line.contains(expected), "{line}");
    }
    std::fs::remove_dir_all(project.path("out")).unwrap();
    // What does not say how it was built.
    project.write(
        "xpkg.toml",
        &settings.replace("[release]", "[release]\nprovenance = false"),
    );
    project
        .xpkg(&format!("{release} --no-build --allow-dirty"))
        .ok();
    let refused = project.xpkg("verify out --reproduce");
    let expected = "error[reproduce-unfit]: `out` has no provenance, which says how it was built\n";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}
