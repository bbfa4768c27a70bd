//! `--audit`: packages of programs and SBOMs against advisories that are made here.

use serde_json::Value;
use snapbox::str;

use crate::check;
use crate::support::{Project, Run, X86_MUSL};

/// A tree whose program has the list of its packages, and advisories about two of them.
fn project() -> Project {
    let project = Project::of("hello");
    project.append(
        "Cargo.toml",
        "[dependencies]\nmemchr = \"2\"\n[build-dependencies]\nshlex = \"2\"\n",
    );
    project.write("build.rs", "fn main() {}");
    let versions = "[versions]\npatched = [\">= 99.0.0\"]\n";
    advisory(
        &project,
        "memchr",
        1,
        &format!("aliases = [\"CVE-2026-1\"]\n{versions}"),
    );
    advisory(
        &project,
        "memchr",
        2,
        "[versions]\npatched = [\">= 1.0.0\"]\n",
    );
    advisory(
        &project,
        "memchr",
        3,
        &format!("withdrawn = \"2026-02-02\"\n{versions}"),
    );
    let windows = format!("[affected]\nos = [\"windows\"]\n{versions}");
    advisory(&project, "memchr", 4, &windows);
    let unmaintained = "informational = \"unmaintained\"\n[versions]\npatched = []\n";
    advisory(&project, "shlex", 5, unmaintained);
    project.write("db/crates/memchr/RUSTSEC-0000-0000.md", "a draft");
    project.write("db/README.md", "# Advisories\n");
    project
        .xpkg(&format!(
            "build -q --offline --auditable --target {X86_MUSL}"
        ))
        .ok();
    project
}

fn advisory(project: &Project, package: &str, number: u32, rest: &str) {
    let id = format!("RUSTSEC-2026-{number:04}");
    project.write(
        &format!("db/crates/{package}/{id}.md"),
        &format!(
            "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\ndate = \
             \"2026-01-0{number}\"\n{rest}```\n\n# Reads beyond the end\n\nDescription.\n"
        ),
    );
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr))
}

/// Returns code, path and advisory of each finding of a list.
fn lines(report: &Value, list: &str) -> Vec<String> {
    let findings = report[list].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |finding: &Value| {
        let [code, path, id] = ["code", "path", "advisory"].map(|key| text(&finding[key]));
        format!("{code} {path} {id}")
    };
    findings.map(line).collect()
}

#[test]
fn packages_with_advisories_are_found_in_programs() {
    let project = project();
    let program = format!("{X86_MUSL}/hello/hello");
    let found = project.xpkg("verify --audit db");
    check!(
        found,
        str![[r#"
exit 1
--- stdout
file                                   target                          size  linkage     glibc  sha256
x86_64-unknown-linux-musl/hello/hello  x86_64-unknown-linux-musl [SIZE]  static-pie  -      [DIGEST]

error[package-vulnerable]: a program contains a package with a known vulnerability
  x86_64-unknown-linux-musl/hello/hello: `memchr` 2.8.3: RUSTSEC-2026-0001 (CVE-2026-1): Reads beyond the end, expected >=99.0.0
  help: update it and build again: `cargo update memchr`

accepted[package-unmaintained]: a program contains a package that nobody maintains
  x86_64-unknown-linux-musl/hello/hello: `shlex` 2.0.1, which runs during the build: RUSTSEC-2026-0005: Reads beyond the end, expected another package: no version is patched
    reason: the advisory is informational; the policy `strict` demands more

audited: 3 packages of 1 list by 4 advisories of `db`, the newest of 2026-01-05

failed: `[ROOT]/target/xpkg`, policy `default`, listed by `manifest.json`: 1 program, 1 of 1 file compared, 1 finding, 1 accepted, 0 not checked

"#]]
    );
    let found = report(&project.xpkg("verify --audit db --message-format json"));
    let vulnerable = format!("package-vulnerable {program} RUSTSEC-2026-0001");
    let unmaintained = format!("package-unmaintained {program} RUSTSEC-2026-0005");
    assert_eq!(lines(&found, "findings"), [vulnerable.as_str()]);
    assert_eq!(lines(&found, "accepted"), [unmaintained.as_str()]);
    assert_eq!(found["audit"]["advisories"], 4);
    // By its identifier, and at one path.
    let accept = format!("--accept RUSTSEC-2026-0001={program} --reason unused");
    let accepted = project.xpkg(&format!("verify --audit db {accept} --message-format json"));
    let accepted = report(&accepted.ok());
    assert_eq!(
        lines(&accepted, "accepted"),
        [vulnerable.as_str(), &unmaintained]
    );
    assert_eq!(accepted["accepted"][0]["reason"], "unused");
    let elsewhere = "verify --audit db --accept RUSTSEC-2026-0001=other --reason unused";
    let refused = project.xpkg(elsewhere);
    assert_eq!(refused.code, Some(1));
    let unused = format!(
        "other: `--accept RUSTSEC-2026-0001`: there was no such finding there, but one at `{program}`"
    );
    assert!(refused.stdout.contains(&unused), "{}", refused.stdout);
    // What is information for others is a finding for the strict.
    let strict = "verify --audit db --policy strict --accept not-stripped --accept package-vulnerable \
                  --reason x --message-format json";
    let strict = report(&project.xpkg(strict));
    assert_eq!(lines(&strict, "findings"), [unmaintained.as_str()]);
    let sarif: Value = report(&project.xpkg("verify --audit db --message-format sarif"));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let ids: Vec<&str> = results
        .iter()
        .map(|one| one["ruleId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["package-vulnerable", "package-unmaintained"]);
    assert_eq!(results[0]["suppressions"].as_array().unwrap().len(), 0);
    assert_eq!(results[1]["suppressions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_program_without_a_list_needs_an_sbom() {
    let project = project();
    let all = |subject: &str| {
        let run = project.xpkg(&format!(
            "verify {subject} --audit db --message-format json"
        ));
        lines(&report(&run), "findings")
    };
    // In a release, programs are in archives, and their SBOMs say the same again.
    project
        .xpkg("release -q --offline --no-build --allow-dirty --release-dir out")
        .ok();
    let stem = format!("hello-0.1.0-{X86_MUSL}");
    assert_eq!(
        all("out"),
        [format!(
            "package-vulnerable {stem}.tar.gz!/{stem}/hello RUSTSEC-2026-0001"
        )]
    );
    project
        .xpkg(&format!(
            "build -q --offline --target {X86_MUSL} --out-dir plain"
        ))
        .ok();
    let line =
        format!("PATH=/usr/bin:/bin; mkdir bare && cp plain/{X86_MUSL}/hello/hello bare/app");
    project.shell(&line).ok();
    let target = format!("bare --target {X86_MUSL}");
    assert_eq!(all(&target), ["audit-incomplete app -"]);
    project
        .shell(&format!(
            "PATH=/usr/bin:/bin; cp out/{stem}.cdx.json bare/app.cdx.json"
        ))
        .ok();
    assert_eq!(
        all(&target),
        ["package-vulnerable app.cdx.json RUSTSEC-2026-0001"]
    );
    project.write("bare/app.cdx.json", "{}");
    assert_eq!(
        all(&target),
        ["audit-incomplete app -", "audit-incomplete app.cdx.json -"]
    );
}

#[test]
fn a_directory_that_is_no_database_is_refused() {
    let project = project();
    let refused = |database: &str| {
        let run = project.xpkg(&format!("verify --audit {database}"));
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        run.stderr.lines().next().unwrap().to_owned()
    };
    project.write("empty/crates/.gitkeep", "");
    assert_eq!(
        refused("empty"),
        "error[audit-database-unfit]: `empty` has no advisories"
    );
    assert_eq!(
        refused("src"),
        "error[audit-database-unfit]: `src` has no directory `crates`"
    );
    project.write("db/crates/memchr/RUSTSEC-2026-0009.toml", "");
    assert_eq!(
        refused("db"),
        "error[audit-database-unfit]: `db/crates/memchr/RUSTSEC-2026-0009.toml` is no advisory, which \
         is a file `ID.md`"
    );
    std::fs::remove_file(project.path("db/crates/memchr/RUSTSEC-2026-0009.toml")).unwrap();
    let text = project.read("db/crates/memchr/RUSTSEC-2026-0001.md");
    project.write("db/crates/memchr/RUSTSEC-2026-0009.md", &text);
    assert_eq!(
        refused("db"),
        "error[audit-database-unfit]: cannot read the advisory \
         `db/crates/memchr/RUSTSEC-2026-0009.md`: it has the identifier `RUSTSEC-2026-0001`"
    );
}
