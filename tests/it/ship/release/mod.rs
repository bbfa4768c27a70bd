//! `release`: from staged trees to the directory of a release, read by the tools that users have.

mod deb;
pub mod installers;
mod place;
mod provenance;
pub mod registry;
mod sbom;
mod sealed;
mod signed;
mod systems;

use crate::support::{ARM_MUSL, Project, Run, X86_MUSL};

const BOTH: &str = "x86_64-unknown-linux-musl,aarch64-unknown-linux-musl";
const DIRECTORY: &str = "target/xpkg-release/0.1.0";

/// A checkout of `hello` with the files that archives get.
fn hello() -> Project {
    let project = Project::of("hello");
    project.write("README.md", "# hello\n");
    project.write("LICENSE-MIT", "MIT\n");
    project.write(".gitignore", "/target\n");
    project
}

fn archive(target: &str, suffix: &str) -> String {
    format!("hello-0.1.0-{target}.{suffix}")
}

#[test]
fn a_release_holds_an_archive_for_each_target_with_sums() {
    let project = hello();
    let commit = project.commit();
    project
        .xpkg(&format!("release -q --target {BOTH} --tag v0.1.0"))
        .ok();
    let (arm, x86) = (archive(ARM_MUSL, "tar.gz"), archive(X86_MUSL, "tar.gz"));
    let (arm_sbom, x86_sbom) = (archive(ARM_MUSL, "cdx.json"), archive(X86_MUSL, "cdx.json"));
    assert_eq!(
        project.files(DIRECTORY),
        [
            "SHA256SUMS",
            arm_sbom.as_str(),
            arm.as_str(),
            x86_sbom.as_str(),
            x86.as_str(),
            "index.html",
            "install.sh",
            "provenance.intoto.json",
            "release.json"
        ]
    );
    let listed = on_a_system(
        &project,
        &format!("cd {DIRECTORY} && sha256sum -c SHA256SUMS"),
    );
    assert_eq!(
        listed.stdout,
        format!(
            "{arm_sbom}: OK\n{arm}: OK\n{x86_sbom}: OK\n{x86}: OK\nindex.html: OK\ninstall.sh: OK\n\
             provenance.intoto.json: OK\nrelease.json: OK\n"
        )
    );
    let members = on_a_system(
        &project,
        &format!("tar -tvzf {DIRECTORY}/{x86} | sed 's/  */ /g'"),
    );
    let modes: Vec<(&str, &str)> = members
        .stdout
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words[1], "0/0");
            (words[0], words[5])
        })
        .collect();
    let within = |name: &str| format!("hello-0.1.0-{X86_MUSL}/{name}");
    assert_eq!(
        modes,
        [
            ("drwxr-xr-x", within("").as_str()),
            ("-rw-r--r--", within("LICENSE-MIT").as_str()),
            ("-rw-r--r--", within("README.md").as_str()),
            ("-rwxr-xr-x", within("hello").as_str()),
        ]
    );
    let unpacked = on_a_system(
        &project,
        &format!("tar -xzf {DIRECTORY}/{x86} && ./hello-0.1.0-{X86_MUSL}/hello"),
    );
    assert!(!unpacked.stdout.is_empty());
    let document = project.json(&format!("{DIRECTORY}/release.json"));
    assert_eq!(document["commit"], commit.as_str());
    assert_eq!(document["tag"], "v0.1.0");
    assert_eq!(
        document["builds"][1]["bins"][0]["sha256"],
        project.json("target/xpkg/manifest.json")["artifacts"][1]["sha256"]
    );
    the_schema_holds(&document);
    let verified = project.xpkg(&format!("verify {DIRECTORY}")).ok();
    assert!(
        verified
            .stdout
            .contains("2 programs, 7 of 7 files compared, 0 findings"),
        "{}",
        verified.stdout
    );
}

#[test]
fn two_runs_in_two_places_write_the_same_bytes() {
    let one = hello();
    let settings =
        "[release]\narchives = [\"tar.gz\", \"tar.xz\", \"tar.zst\", \"zip\"]\nsidecars = true\n";
    one.write("xpkg.toml", settings);
    one.commit();
    let other = Project::empty();
    on_a_system(
        &other,
        &format!("git clone --quiet {} .", one.root.display()),
    );
    for project in [&one, &other] {
        project
            .xpkg(&format!("release -q --target {X86_MUSL}"))
            .ok();
    }
    let sums = one.read(&format!("{DIRECTORY}/SHA256SUMS"));
    assert_eq!(sums, other.read(&format!("{DIRECTORY}/SHA256SUMS")));
    assert_eq!(sums.lines().count(), 13);
    // Every format has the same contents, for the tools that users have.
    for (suffix, command) in [
        ("tar.xz", "tar -xJf"),
        ("tar.zst", "tar --zstd -xf"),
        ("zip", "unzip -q"),
    ] {
        let archive = archive(X86_MUSL, suffix);
        let line = format!(
            "mkdir {suffix} && cd {suffix} && {command} ../{DIRECTORY}/{archive} && \
             ./hello-0.1.0-{X86_MUSL}/hello"
        );
        on_a_system(&one, &line);
    }
    // A second run changes nothing.
    let again = one.xpkg("release --no-build");
    assert!(
        again.stderr.contains("Unchanged release 0.1.0"),
        "{}",
        again.stderr
    );
}

#[test]
fn a_dry_run_shows_the_files_and_writes_none() {
    let project = hello();
    project.write(
        "xpkg.toml",
        "[release]\narchives = [\"tar.gz\", \"zip\"]\ninclude = { \"README.md\" = \"docs/\" }\n",
    );
    let shown = project
        .xpkg(&format!("release --dry-run --target {X86_MUSL}"))
        .ok();
    let lines: Vec<String> = shown
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "file size needs contents".to_owned(),
            format!("{} docs/README.md, hello", archive(X86_MUSL, "tar.gz")),
            format!("{} docs/README.md, hello", archive(X86_MUSL, "zip")),
            format!("{} SBOM", archive(X86_MUSL, "cdx.json")),
            "index.html page".to_owned(),
            "install.sh installer".to_owned(),
            "provenance.intoto.json provenance".to_owned(),
            "release.json document".to_owned(),
            "SHA256SUMS checksums".to_owned(),
        ]
    );
    assert!(!project.path("target/xpkg").exists());
    assert!(!project.path(DIRECTORY).exists());
}

#[test]
fn a_dry_run_names_what_the_run_then_writes() {
    let project = hello();
    describe(&project);
    project.write(
        "xpkg.toml",
        "[release]\nurl = \"https://get.example/{version}\"\nsidecars = true\nhomebrew = true\n\
         [release.deb]\nmaintainer = \"A <a@b.example>\"\n",
    );
    let shown = project
        .xpkg(&format!("release --dry-run --target {BOTH}"))
        .ok();
    let mut shown: Vec<String> = shown
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    shown.sort();
    project.xpkg(&format!("release -q --target {BOTH}")).ok();
    assert_eq!(shown, project.files(DIRECTORY));
}

/// Nothing has a size or a digest yet, and before the build nobody knows what programs need.
#[test]
fn the_document_of_a_dry_run_has_what_is_known() {
    let project = hello();
    let commit = project.commit();
    let planned = |args: &str| {
        let command = format!("release --dry-run --message-format json {args}");
        let text = project.xpkg(&command).ok().stdout;
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let schema = include_str!("../../../../src/ship/release/release-plan.schema.json");
        holds(schema, &document);
        document
    };
    let first = planned(&format!("--target {X86_MUSL} --tag v0.1.0"));
    let file = |path: &str, kind: &str| serde_json::json!({ "path": path, "kind": kind });
    let (tar, sbom) = (archive(X86_MUSL, "tar.gz"), archive(X86_MUSL, "cdx.json"));
    assert_eq!(
        first["files"],
        serde_json::json!([
            file(&sbom, "sbom"),
            file(&tar, "archive"),
            file("index.html", "page"),
            file("install.sh", "installer"),
            file("provenance.intoto.json", "provenance"),
            file("release.json", "document"),
            file("SHA256SUMS", "checksums"),
        ])
    );
    assert_eq!(first["commit"], commit.as_str());
    assert_eq!(
        first["builds"][0],
        serde_json::json!({
            "package": "hello",
            "target": X86_MUSL,
            "platform": { "os": "linux", "architecture": "amd64", "variant": null },
            "libc": "musl",
            "directory": format!("hello-0.1.0-{X86_MUSL}"),
            "bins": [{ "name": "hello" }],
            "archives": [tar],
        })
    );
    project
        .xpkg(&format!("build -q --target {X86_MUSL} --auditable"))
        .ok();
    let second = planned("--no-build --tag v0.1.0");
    assert_eq!(second["files"], first["files"]);
    assert_eq!(
        second["builds"][0]["requires"],
        serde_json::json!({ "glibc": null, "interpreter": null, "libraries": [], "macos": null })
    );
}

#[test]
fn what_is_not_released_may_be_of_another_commit() {
    let project = hello();
    let first = project.commit();
    project.xpkg(&format!("build -q --target {BOTH}")).ok();
    project.write("NEWS", "two\n");
    let second = project.commit();
    project
        .xpkg(&format!("release -q --target {X86_MUSL}"))
        .ok();
    let refused = project.xpkg("release --no-build");
    assert_eq!(refused.code, Some(1));
    let root = project.root.to_str().unwrap();
    let of = |(commit, target): (String, &str)| format!("{} ({target})", &commit[..12]);
    let mut lines = [(first, ARM_MUSL), (second, X86_MUSL)].map(of);
    lines.sort();
    assert_eq!(
        refused.stderr.replace(root, "[ROOT]"),
        format!(
            "error[commits-differ]: `[ROOT]/target/xpkg` does not pass verification, so it is not \
             released\n  found: commits-differ: {}, expected one commit for the whole tree\n  \
             help: build all targets at one commit, or name those of one: `--target TRIPLE`\n  help: \
             see all findings: `cargo xpkg verify [ROOT]/target/xpkg`\n",
            lines.join("; ")
        )
    );
    for target in [X86_MUSL, ARM_MUSL] {
        for command in ["release --dry-run", "docker -q"] {
            project
                .xpkg(&format!("{command} --no-build --target {target}"))
                .ok();
        }
    }
}

#[test]
fn packages_without_an_archive_are_named() {
    let project = hello();
    project.write("xpkg.toml", "[release]\narchives = []\n");
    let note = format!(
        "      Noting no archive of hello for {X86_MUSL}: `archives` in the configuration names no \
         format\n"
    );
    for how in ["--dry-run", ""] {
        let run = project
            .xpkg(&format!("release --target {X86_MUSL} {how}"))
            .ok();
        assert!(run.stderr.contains(&note), "{}", run.stderr);
    }
}

#[test]
fn a_dry_run_stops_where_the_run_does() {
    let project = hello().with("minisign");
    project.commit();
    let line = "minisign -G -W -p target/key.pub -s target/key >/dev/null && git tag v0.1.0";
    on_a_system(&project, &format!("mkdir target && {line}"));
    let both = |args: &str| {
        let command = |how: &str| format!("release -q --target {X86_MUSL} {how} {args}");
        let [dry, run] = ["--dry-run", ""].map(|how| project.xpkg(&command(how)));
        assert_eq!(dry.code, Some(1), "{}", dry.stderr);
        assert_eq!(run.stderr, dry.stderr);
        assert!(!project.path("target/xpkg").exists());
        dry.stderr.replace(project.root.to_str().unwrap(), "[ROOT]")
    };
    assert_eq!(
        both("--sign minisign:nope"),
        "error[signing-failed]: there is no key at `[ROOT]/nope`\n  help: pass the file of a secret \
         key: `--sign minisign:FILE`\n"
    );
    assert_eq!(
        both("--sign ssh:target/key"),
        "error[signing-failed]: `ssh-keygen` is not on PATH\n  help: install it: `apt-get install \
         openssh-client`\n"
    );
    let command = format!("release --dry-run --target {X86_MUSL} --sign minisign:target/key");
    let shown = project.xpkg(&command).ok();
    let last = shown.stdout.lines().last().unwrap();
    let words: Vec<&str> = last.split_whitespace().collect();
    assert_eq!(words, ["SHA256SUMS.minisig", "signature"]);
    project.append("README.md", "more\n");
    assert_eq!(
        both(""),
        "error[release-dirty]: the workspace has uncommitted changes, so nobody could build the \
         release again\n  help: commit them, or release them as they are: `--allow-dirty`\n"
    );
    project.commit();
    let stderr = both("--tag v0.1.0");
    let expected =
        "error[tag-mismatch]: the tag `v0.1.0` is not the commit that the trees were built";
    assert!(stderr.starts_with(expected), "{stderr}");
}

#[test]
fn trees_of_other_machines_are_released_without_a_workspace() {
    let project = hello();
    project.commit();
    for target in [X86_MUSL, ARM_MUSL] {
        project
            .xpkg(&format!(
                "build -q --target {target} --out-dir target/tree-{target}"
            ))
            .ok();
    }
    on_a_system(
        &project,
        &format!("tar -czf target/arm.tar.gz -C target/tree-{ARM_MUSL} ."),
    );
    let elsewhere = Project::empty();
    let from = |name: &str| project.path(name).to_str().unwrap().to_owned();
    // CI services hand on directories without modes.
    let lost = format!("chmod 644 target/tree-{X86_MUSL}/{X86_MUSL}/hello/hello");
    on_a_system(&project, &lost);
    elsewhere
        .xpkg(&format!(
            "release -q --from {} --from {} --release-dir out",
            from(&format!("target/tree-{X86_MUSL}")),
            from("target/arm.tar.gz")
        ))
        .ok();
    assert_eq!(elsewhere.files("out").len(), 7);
    let unpacked = format!("tar -xzf out/{}", archive(X86_MUSL, "tar.gz"));
    on_a_system(
        &elsewhere,
        &format!("{unpacked} && ./hello-0.1.0-{X86_MUSL}/hello"),
    );
    let refused = elsewhere.xpkg(&format!(
        "release --from {} --target i686-unknown-linux-musl --release-dir other",
        from(&format!("target/tree-{X86_MUSL}"))
    ));
    assert_eq!(refused.code, Some(1));
    assert_eq!(
        refused.stderr.lines().next().unwrap(),
        "error[release-invalid]: the trees have no bin for the requested target \
         `i686-unknown-linux-musl`"
    );
    // A changed file of a tree never gets into an archive.
    std::fs::write(
        project.path(&format!("target/tree-{X86_MUSL}/{X86_MUSL}/hello/hello")),
        "x",
    )
    .unwrap();
    let refused = elsewhere.xpkg(&format!(
        "release --from {} --release-dir out",
        from(&format!("target/tree-{X86_MUSL}"))
    ));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("so it is not released"),
        "{}",
        refused.stderr
    );
    assert_eq!(elsewhere.files("out").len(), 7);
}

#[test]
fn mistakes_are_found_before_anything_is_compiled() {
    let project = hello();
    let commit = project.commit();
    let refused = |settings: &str, args: &str| {
        project.write("xpkg.toml", settings);
        let run = project.xpkg(&format!("release --target {X86_MUSL} {args}"));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(!project.path("target/xpkg").exists());
        run.stderr
    };
    let stderr = refused("", "--tag v0.2.0");
    assert_eq!(
        stderr,
        "error[tag-mismatch]: the tag `v0.2.0` does not name the version 0.1.0 of the release\n  \
         help: pass the tag of this version (`--tag v0.1.0`), or set the version in Cargo.toml and \
         build again\n"
    );
    let stderr = refused("[release]\ninclude = { \"man/*.1\" = \"\" }\n", "");
    assert!(
        stderr.starts_with("error[release-invalid]: `man/*.1` of `include` matches no file in `"),
        "{stderr}"
    );
    std::os::unix::fs::symlink("/etc/hostname", project.path("NOTICE")).unwrap();
    let stderr = refused("", "");
    assert!(
        stderr.starts_with("error[outside-workspace]: `NOTICE*` of `include`"),
        "{stderr}"
    );
    std::fs::remove_file(project.path("NOTICE")).unwrap();
    let stderr = refused("[policy]\nbase = \"stict\"\n", "");
    assert!(
        stderr.starts_with("error[no-such-code]: there is no policy `stict`"),
        "{stderr}"
    );
    let stderr = refused("[release]\nsidecars = true\n", "");
    assert_eq!(
        stderr,
        "error[release-dirty]: the workspace has uncommitted changes, so nobody could build the \
         release again\n  help: commit them, or release them as they are: `--allow-dirty`\n"
    );
    let stderr = refused("", "--release-dir target/xpkg/release");
    assert!(stderr.contains("overlaps with the staged tree"), "{stderr}");
    // The tag of the repository is another commit.
    project.write("xpkg.toml", "");
    project
        .shell(
            "git tag v0.1.0 && git add -A && git -c user.name=t -c user.email=t@t.invalid commit \
             -qm two --no-gpg-sign",
        )
        .ok();
    let refused = project.xpkg(&format!("release -q --target {X86_MUSL} --tag v0.1.0"));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.starts_with(
            "error[tag-mismatch]: the tag `v0.1.0` is not the commit that the trees were built from"
        ),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains(&commit), "{}", refused.stderr);
}

#[test]
fn files_that_an_archive_cannot_name_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = hello();
    project.write("xpkg.toml", "[release]\ninclude = { \"docs/*\" = \"\" }\n");
    std::fs::create_dir(project.path("docs")).unwrap();
    let refused = |name: &[u8]| {
        let path = project.path("docs").join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(&path, "").unwrap();
        let run = project.xpkg(&format!("release --dry-run --target {X86_MUSL}"));
        std::fs::remove_file(path).unwrap();
        assert_eq!(run.code, Some(1));
        run.stderr.lines().next().unwrap().to_owned()
    };
    assert!(refused(b"a\xff").ends_with("matches `include`, and its name is not UTF-8"));
    assert_eq!(
        refused(b"a\nb"),
        "error[release-invalid]: `docs/*` of `include` gives a file the place `a\\nb`: '\\n' is not \
         allowed in a path"
    );
}

#[test]
fn a_pattern_leaves_out_what_is_generated() {
    let project = hello();
    project.commit();
    for path in ["docs/a.md", "target/a.md", ".git/a.md", "fuzz/target/a.md"] {
        project.write(path, "text\n");
    }
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n";
    project.write("fuzz/target/CACHEDIR.TAG", tag);
    let included = |pattern: &str| {
        let settings = format!("[release]\ninclude = {{ \"{pattern}\" = \"x/\" }}\n");
        project.write("xpkg.toml", &settings);
        let command = format!("release --dry-run --allow-dirty --target {X86_MUSL}");
        let run = project.xpkg(&command).ok();
        let line = run.stdout.lines().nth(1).unwrap().to_owned();
        line.split_once("  ").unwrap().1.trim().to_owned()
    };
    assert_eq!(included("**/*.md"), "hello, x/README.md, x/docs/a.md");
    assert_eq!(included("*/a.md"), "hello, x/a.md");
    // A directory that is named is meant.
    assert_eq!(included("target/**/a.md"), "hello, x/a.md");
}

#[test]
fn files_of_others_in_the_directory_are_kept() {
    let project = hello();
    project
        .xpkg(&format!("release -q --target {X86_MUSL}"))
        .ok();
    project.write(&format!("{DIRECTORY}/SHA256SUMS.minisig"), "signed\n");
    let refused = project.xpkg(&format!("release --target {X86_MUSL}"));
    assert_eq!(refused.code, Some(1));
    let expected = format!(
        "error[release-foreign]: `{}` contains files that xpkg did not create\n  untracked: \
         SHA256SUMS.minisig\n  help: move it away, or choose another directory: `--release-dir DIR`\n",
        project.path(DIRECTORY).display()
    );
    assert!(refused.stderr.ends_with(&expected), "{}", refused.stderr);
    assert!(
        project
            .path(&format!("{DIRECTORY}/SHA256SUMS.minisig"))
            .exists()
    );
}

/// Runs a command line with the tools that a system has. It must end well.
#[track_caller]
/// Describes the package, which a `.deb` needs.
pub fn describe(project: &Project) {
    let manifest = project.read("Cargo.toml");
    let described = "[package]\ndescription = \"greets\"\n";
    project.write(
        "Cargo.toml",
        &manifest.replacen("[package]\n", described, 1),
    );
}

pub fn on_a_system(project: &Project, line: &str) -> Run {
    project
        .shell(&format!("PATH=\"$PATH:/usr/bin:/bin\" && {line}"))
        .ok()
}

pub fn the_schema_holds(document: &serde_json::Value) {
    holds(
        include_str!("../../../../src/tree/release.schema.json"),
        document,
    );
}

fn holds(schema: &str, document: &serde_json::Value) {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn a_byte_changed_anywhere_is_found() {
    let project = hello();
    project.write("xpkg.toml", "[release]\nsidecars = true\n");
    project
        .xpkg(&format!("release -q --target {BOTH} --release-dir out"))
        .ok();
    project.xpkg("verify out").ok();
    for name in project.files("out") {
        let path = project.path("out").join(&name);
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 4;
        std::fs::write(&path, &changed).unwrap();
        assert_eq!(
            project.xpkg("verify out").code,
            Some(1),
            "{name} was changed"
        );
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            project.xpkg("verify out").code,
            Some(1),
            "{name} was removed"
        );
        std::fs::write(&path, &whole).unwrap();
    }
    project.write("out/more", "more\n");
    let run = project.xpkg("verify out");
    assert!(run.stdout.contains("file-unlisted"), "{}", run.stdout);
    std::fs::remove_file(project.path("out/more")).unwrap();
    project.xpkg("verify out").ok();
}

/// Nothing has a digest of this list, and `sha256sum -c` takes each of these.
#[test]
fn a_changed_list_that_says_the_same_is_found() {
    let project = hello();
    project
        .xpkg(&format!("release -q --target {X86_MUSL} --release-dir out"))
        .ok();
    let sums = project.read("out/SHA256SUMS");
    let digit = sums.find(|c: char| ('a'..='f').contains(&c)).unwrap();
    let in_upper_case = sums[..=digit].to_uppercase() + &sums[digit + 1..];
    let last = sums.lines().count();
    for (changed, line) in [
        (in_upper_case, 1),
        (sums.replacen("  ", " *", 1), 1),
        (format!("{}\u{b}", sums.trim_end()), last),
        (sums.trim_end().to_owned(), last),
        (format!("{sums}\n"), last + 1),
    ] {
        project.write("out/SHA256SUMS", &changed);
        let run = project.xpkg("verify out");
        assert_eq!(run.code, Some(1), "{changed:?}");
        assert!(
            run.stdout.contains("list-unreadable")
                && run
                    .stdout
                    .contains(&format!("line {line} is not as xpkg writes it")),
            "{}",
            run.stdout
        );
    }
    project.write("out/SHA256SUMS", &sums);
    project.xpkg("verify out").ok();
}

#[test]
fn the_page_links_to_every_download_and_runs_nothing() {
    let project = hello();
    let manifest = project.read("Cargo.toml");
    let described = "[package]\ndescription = \"greets <everybody> & all\"\n";
    project.write(
        "Cargo.toml",
        &manifest.replacen("[package]\n", described, 1),
    );
    project.write(
        "xpkg.toml",
        "[release]\nurl = \"https://get.example/{version}\"\n",
    );
    project
        .xpkg(&format!("release -q --target {BOTH} --release-dir out"))
        .ok();
    let page = project.read("out/index.html");
    assert!(
        page.contains("<p>greets &lt;everybody&gt; &amp; all</p>"),
        "{page}"
    );
    assert!(page.contains("<pre>curl -fsSL https://get.example/0.1.0/install.sh | sh</pre>"));
    assert!(page.contains("<dt>Linux</dt>"));
    assert!(!page.contains("<script") && !page.contains("javascript:"));
    let links: Vec<&str> = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    for link in &links {
        assert!(project.path("out").join(link).exists(), "{link}");
    }
    for file in project
        .files("out")
        .iter()
        .filter(|file| *file != "index.html")
    {
        assert!(links.contains(&file.as_str()), "{file}");
    }
    for line in project
        .read("out/SHA256SUMS")
        .lines()
        .filter(|line| line.ends_with(".tar.gz"))
    {
        assert!(page.contains(line.split(' ').next().unwrap()));
    }
}
