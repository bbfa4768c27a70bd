//! The gate before a release, on trees with each failure made for real, and on archives of them.

mod audit;
mod containers;
mod levels;
mod lists;
mod names;
mod sarif;

use std::path::Path;
use std::process::Command;

use snapbox::str;

use crate::check;
use crate::support::{ARM_MUSL, HOST, Project, X86_MUSL, repository, skipped, tool};

/// A failure: its name in the guide, how it is made in a copy of the tree, flags of `verify`, and
/// the file that it is in.
struct Failure {
    name: &'static str,
    make: &'static str,
    /// The list is written anew after it, as who ships it would.
    listed_anew: bool,
    flags: &'static str,
    file: &'static str,
}

const fn failure(
    name: &'static str,
    make: &'static str,
    listed_anew: bool,
    flags: &'static str,
    file: &'static str,
) -> Failure {
    Failure {
        name,
        make,
        listed_anew,
        flags,
        file,
    }
}

const X86: &str = "x86_64-unknown-linux-musl/hello/hello";

#[rustfmt::skip]
const FAILURES: &[Failure] = &[
    failure("an arm64 file where an x86_64 one should be", "cp \
        aarch64-unknown-linux-musl/hello/hello x86_64-unknown-linux-musl/hello/hello", true, "", X86),
    failure("a dynamic \"musl\" bin", "cp ../gnu/hello x86_64-unknown-linux-musl/hello/hello", true, "", X86),
    failure("glibc 2.34 where 2.17 was promised", "mkdir x86_64-unknown-linux-gnu && cp \
        ../gnu/hello x86_64-unknown-linux-gnu/", true, "--target \
        x86_64-unknown-linux-gnu.2.17,x86_64-unknown-linux-musl,aarch64-unknown-linux-musl", "x86_64-unknown-linux-gnu/hello"),
    failure("a loader of Nix's", "mkdir x86_64-unknown-linux-gnu && cp ../nix/hello \
                                  x86_64-unknown-linux-gnu/", true, "", "x86_64-unknown-linux-gnu/hello"),
    failure("an RPATH into the builder's home", "mkdir x86_64-unknown-linux-gnu && cp \
        ../rpath/hello x86_64-unknown-linux-gnu/", true, "", "x86_64-unknown-linux-gnu/hello"),
    failure("an executable stack", "mkdir x86_64-unknown-linux-gnu && cp ../stack/hello \
                                    x86_64-unknown-linux-gnu/", true, "", "x86_64-unknown-linux-gnu/hello"),
    failure("a flipped bit", "printf '\\377' | dd of=x86_64-unknown-linux-musl/hello/hello bs=1 \
                              seek=4096 conv=notrunc 2>/dev/null", false, "", X86),
    failure("a file cut short", "truncate -s 3000 x86_64-unknown-linux-musl/hello/hello", true, "", X86),
    failure("a missing file", "rm x86_64-unknown-linux-musl/hello/hello", false, "", X86),
    failure("an extra file", "echo key >x86_64-unknown-linux-musl/hello/id_rsa", false, "", "x86_64-unknown-linux-musl/hello/id_rsa"),
    failure("a link out of the tree", "mv x86_64-unknown-linux-musl/hello/hello ../moved && ln -s \
                                       ../../../moved x86_64-unknown-linux-musl/hello/hello", false, "", X86),
    failure("a program that nobody may start", "chmod 644 x86_64-unknown-linux-musl/hello/hello", false, "", X86),
    failure("one program under two names", "cp x86_64-unknown-linux-musl/hello/hello \
        x86_64-unknown-linux-musl/hello/other", true, "", "x86_64-unknown-linux-musl/hello/other"),
    failure("names that differ by case alone", "cp ../gnu/hello \
        x86_64-unknown-linux-musl/hello/Hello", true, "", "x86_64-unknown-linux-musl/hello/hello"),
];

/// Archives that nobody should unpack: name in the guide, how it is made, the file that it is in.
const ARCHIVES: &[(&str, &str, &str)] = &[
    (
        "an archive that unpacks to a thousand times its size",
        "mkdir x86_64 && head -c 100000000 /dev/zero >x86_64/app && tar czf bad.tar.gz x86_64",
        "",
    ),
    (
        "an archive that writes beside its directory",
        "mkdir x86_64 && cp tree/x86_64-unknown-linux-musl/hello/hello x86_64/app && tar czPf \
         bad.tar.gz x86_64/../x86_64/app",
        "x86_64/../x86_64/app",
    ),
];

/// A tree of two musl targets, and beside it programs that nobody should ship.
fn trees() -> Project {
    let project = Project::of("hello").with("sh");
    project
        .xpkg(&format!(
            "build -q --target {X86_MUSL},{ARM_MUSL} --out-dir tree"
        ))
        .ok();
    for (name, flag) in [
        ("gnu", ""),
        (
            "nix",
            "-Clink-arg=-Wl,--dynamic-linker=/nix/store/x/lib/ld-linux-x86-64.so.2",
        ),
        ("rpath", "-Clink-arg=-Wl,-rpath,/home/ci/lib"),
        ("stack", "-Clink-arg=-Wl,-z,execstack"),
    ] {
        project
            .xpkg_with(
                &[("RUSTFLAGS", flag)],
                &format!("build -q --target {HOST} --out-dir out-{name}"),
            )
            .ok();
        std::fs::create_dir(project.path(name)).unwrap();
        std::fs::copy(
            project.path(&format!("out-{name}/{HOST}/hello/hello")),
            project.path(&format!("{name}/hello")),
        )
        .unwrap();
    }
    project
}

fn shell(directory: &Path, line: &str) -> (bool, String) {
    let output = Command::new("/bin/sh")
        .args(["-c", line])
        .current_dir(directory)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

/// A row of the guide's table: what three tools say of a failure.
fn row(project: &Project, failure: &Failure) -> String {
    let work = project.path("work");
    let _ = std::fs::remove_dir_all(&work);
    let _ = std::fs::remove_file(project.path("moved"));
    assert!(shell(&project.root, "cp -a tree work").0);
    let (made, said) = shell(&work, failure.make);
    assert!(made, "{}: {said}", failure.name);
    if failure.listed_anew {
        let list = "rm manifest.json MANIFEST.txt && find . -type f | sed 's|^./||' | LC_ALL=C \
                    sort | xargs sha256sum >../list && mv ../list MANIFEST.txt";
        assert!(shell(&work, list).0);
    }
    let json = project.xpkg(&format!(
        "verify work --message-format json {}",
        failure.flags
    ));
    assert_eq!(json.code, Some(1), "{}: {}", failure.name, json.stdout);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let here = findings
        .iter()
        .filter(|finding| finding["path"] == failure.file);
    let says: Vec<String> = here
        .map(|finding| {
            format!(
                "`{}`: {}",
                finding["code"].as_str().unwrap(),
                finding["found"].as_str().unwrap()
            )
        })
        .collect();
    assert!(!says.is_empty(), "{}: {findings:?}", failure.name);
    let (fine, sums) = shell(
        &work,
        "sha256sum -c MANIFEST.txt 2>&1 | grep -v ': OK$'; sha256sum --status -c MANIFEST.txt",
    );
    let sums = if fine {
        "all OK".to_owned()
    } else {
        sums.lines().next().unwrap_or_default().to_owned()
    };
    let (_, ldd) = shell(&work, &format!("ldd {} 2>&1", failure.file));
    let ldd = match ldd.lines().next().unwrap_or_default().trim() {
        line if line.contains("=>") || line.contains("vdso") => {
            "lists libraries, exit 0".to_owned()
        }
        line => line.rsplit(": ").next().unwrap_or(line).to_owned(),
    };
    format!(
        "| {} | {} | {} | {} |",
        failure.name,
        says.join("; ").replace('|', "\\|"),
        sums,
        ldd
    )
}

/// Lines above the table of failures in the guide.
const FAILURES_HEAD: &str = "<!-- failures -->\n\n| made for real | `cargo xpkg verify` | `sha256sum -c` | \
                             `ldd` |\n|---|---|---|---|\n";

#[test]
fn the_guides_table_of_failures_is_what_is_said() {
    let project = trees();
    check!(
        project.xpkg("verify tree"),
        str![[r#"
exit 0
--- stdout
file                                    target                           size  linkage     glibc  sha256
aarch64-unknown-linux-musl/hello/hello  aarch64-unknown-linux-musl [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-musl/hello/hello   x86_64-unknown-linux-musl [SIZE]  static-pie  -      [DIGEST]

passed: `tree`, policy `default`, listed by `manifest.json`: 2 programs, 2 of 2 files compared, 0 findings, 0 accepted, 0 not checked

"#]]
    );
    let mut rows: Vec<String> = FAILURES
        .iter()
        .map(|failure| row(&project, failure))
        .collect();
    for (name, make, file) in ARCHIVES {
        let (made, said) = shell(&project.root, &format!("rm -rf x86_64 bad.tar.gz; {make}"));
        assert!(made, "{name}: {said}");
        let report = project.xpkg("verify bad.tar.gz --message-format json");
        let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        let path = (!file.is_empty()).then_some(*file);
        let here = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["path"].as_str() == path);
        let says: Vec<String> = here
            .map(|finding| {
                format!(
                    "`{}`: {}",
                    finding["code"].as_str().unwrap(),
                    finding["found"].as_str().unwrap()
                )
            })
            .collect();
        assert!(!says.is_empty(), "{name}: {report}");
        rows.push(format!("| {name} | {} | - | - |", says.join("; ")));
    }
    let table = regex::Regex::new(r"[0-9a-f]{12}…")
        .unwrap()
        .replace_all(&rows.join("\n"), "…")
        .into_owned();
    let _held = crate::commands::guide::held();
    let readme = repository().join("src/guide/verify.md");
    let text = std::fs::read_to_string(&readme).unwrap();
    let (before, rest) = text
        .split_once(FAILURES_HEAD)
        .unwrap_or_else(|| panic!("the page has no table of failures"));
    let (shown, after) = rest.split_once("\n\n").unwrap();
    if std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite") {
        std::fs::write(
            &readme,
            format!("{before}{FAILURES_HEAD}{table}\n\n{after}"),
        )
        .unwrap();
    } else {
        assert_eq!(shown, table);
    }
}

#[test]
fn archives_are_judged_without_being_unpacked() {
    let project = trees();
    let pack = "cp -a tree app-1.0 && tar czf app.tar.gz app-1.0 && tar cf - app-1.0 | zstd -q \
                >app.tar.zst && python3 -c 'import shutil; shutil.make_archive(\"app\", \"zip\", \
                \".\", \"app-1.0\")'";
    let (packed, said) = shell(&project.root, pack);
    assert!(packed, "{said}");
    for archive in ["app.tar.gz", "app.tar.zst", "app.zip"] {
        let run = project.xpkg(&format!("verify {archive} --message-format json"));
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(
            (
                run.code,
                report["findings"].as_array().unwrap().len(),
                report["files"].as_array().unwrap().len()
            ),
            (Some(0), 0, 2),
            "{archive}: {}",
            run.stdout
        );
        assert_eq!(report["listed_by"], "app-1.0/manifest.json");
    }
    // One file in it is another: found, and nothing is written beside it.
    assert!(
        shell(
            &project.root,
            &format!("cp gnu/hello app-1.0/{X86} && tar czf bad.tar.gz app-1.0")
        )
        .0
    );
    let run = project.xpkg("verify bad.tar.gz");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.contains("digest-mismatch") && run.stdout.contains("not-static"),
        "{}",
        run.stdout
    );
}

#[test]
fn programs_are_started_only_when_that_is_asked_for() {
    let project = trees().with("qemu-aarch64-static");
    let run = project
        .xpkg("verify tree --run --expect-version 'hello 0.1.0' --message-format json")
        .ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let ran: Vec<&str> = report["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|file| file["ran"].as_str())
        .collect();
    assert_eq!(ran, ["--version", "--version"]);
    let run = project.xpkg("verify tree --run --expect-version 9.9");
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("version-unexpected"), "{}", run.stdout);
    // Without an emulator it is skipped by name, and not counted as passed.
    let project = project.without("qemu-aarch64-static");
    let run = project.xpkg("verify tree --run --message-format json").ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        report["skipped"][0]["path"],
        format!("{ARM_MUSL}/hello/hello")
    );
    // What crashes is a finding.
    let _ = tool("cc");
    std::fs::write(
        project.path("crash.c"),
        "int main(void) { __builtin_trap(); }",
    )
    .unwrap();
    assert!(
        shell(
            &project.root,
            "mkdir x86_64 && cc -static -o x86_64/crash crash.c"
        )
        .0
    );
    let run = project.xpkg("verify x86_64 --run");
    assert!(
        run.stdout.contains("run-failed") && run.stdout.contains("it was killed by a signal"),
        "{}",
        run.stdout
    );
}

/// A tree of one program that tries to get out, and prints what it could do.
fn nosy() -> Project {
    let project = Project::of("hello");
    let outside = project.path("outside");
    project.write(
        "src/main.rs",
        &format!(
            "use std::os::unix::net::UnixStream;\nfn main() {{\n    let home = \
             std::fs::write({outside:?}, \"x\").is_ok();\n    let own = std::env::current_exe()\
             .and_then(|it| std::fs::write(it.with_extension(\"x\"), \"x\")).is_ok();\n    let \
             here = std::fs::write(\"here\", \"x\").is_ok();\n    let net = \
             std::net::TcpStream::connect((\"127.0.0.1\", \
             std::env::args().nth(1).unwrap().parse().unwrap())).is_ok();\n    let socket = \
             UnixStream::connect(std::env::args().nth(2).unwrap()).is_ok();\n    let again = \
             std::process::Command::new(\"mount\").args([\"-o\", \"remount,bind,rw\", \
             \"/\"]).output().is_ok_and(|it| it.status.success());\n    let device = \
             std::fs::OpenOptions::new().write(true).open(\"/dev/kmsg\").is_ok();\n    let seven = \
             std::fs::read_link(\"/proc/self/fd/7\").is_ok();\n    std::fs::write(\"/dev/null\", \
             \"x\").unwrap();\n    println!(\"{{home}} {{own}} {{here}} {{net}} {{socket}} \
             {{again}} {{device}} {{seven}}\");\n}}\n"
        ),
    );
    project.xpkg("build -q --out-dir tree").ok();
    project
}

#[test]
fn a_verified_program_runs_behind_a_fence() {
    let project = nosy();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = tempfile::tempdir().unwrap();
    let socket = socket.path().join("s");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let args = |could: &str| {
        format!(
            "verify tree --run --expect-version '{could}' --message-format json -- {port} {}",
            socket.display()
        )
    };
    let fence = |run: &crate::support::Run| {
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()["fence"].clone()
    };
    // Without a tool the programs run as they are, and the report says so.
    let run = project.xpkg(&args("true true true true true")).ok();
    assert_eq!(
        fence(&run),
        serde_json::json!({"tool": null, "why": "no `bwrap` is on PATH, no `unshare` is on PATH"})
    );
    let table = project.xpkg("verify tree --run -- 1 none");
    assert!(
        table.stdout.contains(
            "\nprograms ran without a fence: no `bwrap` is on PATH, no `unshare` is on PATH\n"
        ),
        "{}",
        table.stdout
    );
    for name in ["unshare", "bwrap"] {
        let Some(program) = ["/usr/bin", "/bin"]
            .map(|directory| std::path::Path::new(directory).join(name))
            .into_iter()
            .find(|program| program.is_file())
        else {
            skipped(
                "a_verified_program_runs_behind_a_fence",
                &format!("no {name}"),
            );
            continue;
        };
        let project = nosy().with_tool(name, &program);
        let run = project.xpkg(&args("false false true false false false false false"));
        let found = fence(&run);
        if found["tool"].is_null() {
            skipped("a_verified_program_runs_behind_a_fence", &found.to_string());
            continue;
        }
        assert_eq!(
            (run.code, found["tool"].as_str()),
            (Some(0), Some(name)),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn a_signal_of_a_fenced_program_is_told_as_one() {
    let project = Project::of("hello").with("unshare");
    project.write("src/main.rs", "fn main() { std::process::abort(); }\n");
    project.xpkg("build -q --out-dir tree").ok();
    let run = project.xpkg("verify tree --run");
    assert!(
        run.stdout.contains("run-failed") && run.stdout.contains("it was killed by a signal"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_program_that_is_not_the_listed_one_is_not_started() {
    let project = Project::of("hello");
    let mark = project.path("started");
    project.write(
        "src/main.rs",
        &format!("fn main() {{ std::fs::write({mark:?}, \"\").unwrap(); }}\n"),
    );
    project.xpkg("build -q --out-dir tree").ok();
    let program = project.path(&format!("tree/{HOST}/hello/hello"));
    let bytes = std::fs::read(&program).unwrap();
    let start = |why: &str, tree: &str| {
        let _ = std::fs::remove_file(&mark);
        let run = project.xpkg(&format!("verify {tree} --run --message-format json"));
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let skipped = report["skipped"].as_array().unwrap().iter();
        let skipped: Vec<&str> = skipped.filter_map(|it| it["why"].as_str()).collect();
        assert!(skipped.contains(&why), "{why}: {}", run.stdout);
        assert!(!mark.exists(), "{why}");
    };
    std::fs::write(&program, [bytes.as_slice(), b"more"].concat()).unwrap();
    start("it has the finding `digest-mismatch`", "tree");
    std::fs::write(&program, &bytes).unwrap();
    std::fs::write(project.path("tree/SHA256SUMS"), "no list\n").unwrap();
    start("it has the finding `list-unreadable`", "tree");
    std::fs::remove_file(project.path("tree/SHA256SUMS")).unwrap();
    std::fs::create_dir_all(project.path("other/aarch64-unknown-linux-gnu")).unwrap();
    std::fs::copy(
        &program,
        project.path("other/aarch64-unknown-linux-gnu/hello"),
    )
    .unwrap();
    start("it has the finding `wrong-machine`", "other");
    // What is accepted is started.
    std::fs::write(&program, [bytes.as_slice(), b"more"].concat()).unwrap();
    project
        .xpkg("verify tree --run --accept digest-mismatch --reason 'signed afterwards'")
        .ok();
    assert!(mark.exists());
}

#[test]
fn commits_of_two_runs_in_one_tree_are_told() {
    let project = Project::of("clash");
    let first = project.commit();
    project.xpkg("build -q").ok();
    project.write("note.txt", "two\n");
    project
        .shell(
            "git add -A && git -c user.name=t -c user.email=t@t.invalid commit -qm two \
                   --no-gpg-sign",
        )
        .ok();
    let name = project.json("target/xpkg/manifest.json")["artifacts"][0]["package"]
        .as_str()
        .unwrap()
        .to_owned();
    project.xpkg(&format!("build -q -p {name}")).ok();
    let run = project.xpkg("verify");
    assert!(
        run.stdout.contains("commits-differ") && run.stdout.contains(&first[..12]),
        "{}",
        run.stdout
    );
    let run = project
        .xpkg(
            "verify --accept commits-differ --reason 'a fix of one service' --message-format json",
        )
        .ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["accepted"][0]["reason"], "a fix of one service");
}

#[test]
fn the_configurations_policy_holds_for_the_workspaces_tree() {
    let project = Project::of("hello");
    project.append(
        "Cargo.toml",
        "\n[package.metadata.xpkg.policy]\nbase = 'strict'\nrules = { home-leak = false }\n",
    );
    project.xpkg("build -q").ok();
    let run = project.xpkg("verify --message-format json");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (
            report["policy"].as_str(),
            report["findings"][0]["code"].as_str()
        ),
        (Some("strict"), Some("not-stripped")),
        "{}",
        run.stdout
    );
    project.append("Cargo.toml", "glibc = 'new'\n");
    project.write(
        "Cargo.toml",
        &project
            .read("Cargo.toml")
            .replace("home-leak", "home-leaks"),
    );
    check!(
        project.xpkg("verify"),
        str![[r#"
exit 1
--- stderr
error[no-such-code]: unknown rule `home-leaks` in the configured policy
  help: available rules: `wrong-machine`, `not-executable`, `not-library`, `mode-unfit`, `not-static`, `cpu-level`, `interpreter-unfit`, `above-glibc-floor`, `private-glibc`, `library-unfit`, `rpath-set`, `executable-stack`, `text-relocations`, `not-pie`, `data-executable`, `relro-partial`, `not-stripped`, `home-leak`, `signature-invalid`, `above-macos-floor`, `library-twice`, `import-unfit`, `build-id-twice`, `same-file-twice`, `commits-differ` and `target-unknown`
error[config-invalid]: invalid glibc version `new` in the configured policy
  help: write it as `2.31`

"#]]
    );
}

#[test]
fn wrong_input_says_the_way_out() {
    let outside = Project::empty().xpkg("verify");
    assert!(
        outside
            .stderr
            .contains("\n  help: or name the path to verify: `cargo xpkg verify PATH`\n"),
        "{}",
        outside.stderr
    );
    let project = Project::of("hello");
    check!(
        project.xpkg("verify"),
        str![[r#"
exit 1
--- stderr
error[no-tree]: there is no staged tree at `[ROOT]/target/xpkg`
  help: run `cargo xpkg build`, or name the path to verify: `cargo xpkg verify PATH`

"#]]
    );
    check!(
        project.xpkg("verify nowhere"),
        str![[r#"
exit 1
--- stderr
error[file-access]: cannot read `nowhere`: No such file or directory (os error 2)

"#]]
    );
    check!(
        project.xpkg("verify . --policy stric --accept file-unlisted"),
        str![[r#"
exit 1
--- stderr
error[no-such-code]: there is no policy `stric`
  help: did you mean `strict`?
error[no-reason]: `--accept file-unlisted` needs `--reason`
  help: say why the finding is accepted: `--reason TEXT`

"#]]
    );
    check!(
        project.xpkg("verify . --accept nothing --reason x"),
        str![[r#"
exit 1
--- stderr
error[no-such-code]: `--accept nothing`: there is no code `nothing`
  help: each finding starts with its code; `--explain CODE` explains it

"#]]
    );
}

#[test]
fn the_summary_of_a_step_is_written_where_github_wants_it() {
    let project = Project::of("hello").env("GITHUB_STEP_SUMMARY", "summary.md");
    project.xpkg("build -q").ok();
    project.write("summary.md", "before\n");
    project.xpkg("verify").ok();
    assert!(project.read("summary.md").starts_with("before\n"));
    assert!(project.read("summary.md").contains("hello"));
    let sarif = project.xpkg("verify --message-format sarif").ok();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&sarif.stdout).unwrap()["version"],
        "2.1.0"
    );
}

/// xpkg's own lists vouch for nothing but what xpkg wrote into both of them, whatever else they
/// say.
#[test]
fn a_manifest_cannot_excuse_what_was_done_to_its_tree() {
    let project = trees();
    let manifest = project.read("tree/manifest.json");
    let text = project.read("tree/MANIFEST.txt");
    let finds = |code: &str| {
        let run = project.xpkg("verify tree --message-format json");
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let codes: Vec<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|finding| finding["code"].as_str())
            .collect();
        assert!(
            run.code == Some(1) && codes.contains(&code),
            "{code}: {codes:?}"
        );
    };
    let arm = std::fs::read(project.path(&format!("tree/{ARM_MUSL}/hello/hello"))).unwrap();
    let x86 = std::fs::read(project.path(&format!("tree/{X86}"))).unwrap();
    std::fs::write(project.path(&format!("tree/{X86}")), arm).unwrap();
    let waivers = ["digest-mismatch", "wrong-machine", "same-file-twice"]
        .map(|code| serde_json::json!({ "code": code, "message": "fine" }));
    let mut excused: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    for artifact in excused["artifacts"].as_array_mut().unwrap() {
        artifact["waivers"] = serde_json::json!(waivers);
    }
    project.write("tree/manifest.json", &excused.to_string());
    finds("wrong-machine");
    finds("digest-mismatch");
    std::fs::write(project.path(&format!("tree/{X86}")), x86).unwrap();
    project.write("tree/manifest.json", &manifest);
    // A file more, and a line more in one of the lists.
    project.write("tree/x86_64-unknown-linux-musl/hello/more.txt", "abc");
    let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  \
                x86_64-unknown-linux-musl/hello/more.txt\n";
    project.write("tree/MANIFEST.txt", &format!("{text}{line}"));
    finds("list-unreadable");
    finds("file-unlisted");
    project.write("tree/MANIFEST.txt", &text);
    project.write("tree/SHA256SUMS", line);
    finds("file-unlisted");
    std::fs::remove_file(project.path("tree/SHA256SUMS")).unwrap();
    std::fs::remove_file(project.path("tree/x86_64-unknown-linux-musl/hello/more.txt")).unwrap();
    project.xpkg("verify tree").ok();
    std::fs::remove_file(project.path("tree/MANIFEST.txt")).unwrap();
    finds("list-unreadable");
}

#[test]
fn what_cannot_be_started_is_a_finding_and_the_report_stands() {
    let project = trees();
    assert!(shell(&project.root, &format!("chmod 644 tree/{X86}")).0);
    let run = project.xpkg("verify tree --run --message-format json");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let codes: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    assert_eq!(codes, ["mode-unfit", "run-failed"], "{}", run.stdout);
    // A version is a word of its own.
    assert!(shell(&project.root, &format!("chmod 755 tree/{X86}")).0);
    assert_eq!(
        project.xpkg("verify tree --run --expect-version 1.0").code,
        Some(1)
    );
    // A name as a whole is as good as a part of a path.
    assert!(
        shell(
            &project.root,
            &format!(
                "mkdir app && cp tree/{X86} app/hello && tar czf \
                                       app-1.0-x86_64-unknown-linux-musl.tar.gz app"
            )
        )
        .0
    );
    project
        .xpkg("verify app-1.0-x86_64-unknown-linux-musl.tar.gz")
        .ok();
    assert!(
        shell(
            &project.root,
            "mv app-1.0-x86_64-unknown-linux-musl.tar.gz app-1.0-aarch64-unknown-linux-musl.tar.gz"
        )
        .0
    );
    assert!(
        project
            .xpkg("verify app-1.0-aarch64-unknown-linux-musl.tar.gz")
            .stdout
            .contains("wrong-machine")
    );
}

#[test]
fn a_list_that_was_taken_away_is_a_finding_where_one_is_required() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    project.xpkg("verify --require-list").ok();
    for list in ["manifest.json", "MANIFEST.txt"] {
        std::fs::remove_file(project.path("target/xpkg").join(list)).unwrap();
    }
    project.xpkg("verify").ok();
    let run = project.xpkg("verify --require-list");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.contains("list-missing"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    // One file cannot have a list.
    let file = format!("target/xpkg/{HOST}/hello/hello");
    let run = project.xpkg(&format!("verify {file} --require-list --target {HOST}"));
    assert_eq!(run.code, Some(1), "{}", run.stdout);
}
