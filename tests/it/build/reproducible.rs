//! The same bytes in another directory, with another home of cargo, in another locale.

use crate::support::{HOST, Project, X86_MUSL, repository};

/// A program with code that its build script wrote, C that knows its file, and a panic of a
/// dependency's.
const MAIN: &str = r#"
include!(concat!(env!("OUT_DIR"), "/written.rs"));

unsafe extern "C" {
    safe fn place() -> *const std::ffi::c_char;
}

fn main() {
    let place = unsafe { std::ffi::CStr::from_ptr(place()) };
    println!("{} {:?} {}", written(3), place, option_env!("SOURCE_DATE_EPOCH").unwrap_or("-"));
}
"#;

const BUILD: &str = r#"
fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let text = "fn written(at: usize) -> u8 { let all = std::env::args().map(|_| 1).collect::<Vec<u8>>(); \
                all.get(at).copied().unwrap_or_else(|| all[0]) }";
    std::fs::write(format!("{out}/written.rs"), text).unwrap();
    let file = std::path::Path::new("c/place.c").canonicalize().unwrap();
    cc::Build::new().file(file).compile("place");
}
"#;

/// Makes two copies of the program, in directories of other lengths, each with its home of cargo.
fn copies() -> Project {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("cc")
        .with("ar");
    let fixture = repository().join("fixtures/with-c");
    let registry = std::env::var("CARGO_HOME").unwrap_or_else(|_| {
        let home = std::env::var("HOME").unwrap();
        format!("{home}/.cargo")
    });
    for place in ["one", "another/and/longer/place"] {
        for file in ["Cargo.toml", "Cargo.lock"] {
            let text = std::fs::read_to_string(fixture.join(file)).unwrap();
            project.write(&format!("{place}/app/{file}"), &text);
        }
        project.write(&format!("{place}/app/src/main.rs"), MAIN);
        project.write(&format!("{place}/app/build.rs"), BUILD);
        project.write(
            &format!("{place}/app/c/place.c"),
            "const char *place(void) { return __FILE__; }\n",
        );
        let home = project.path(&format!("{place}/home/.cargo"));
        std::fs::create_dir_all(&home).unwrap();
        std::os::unix::fs::symlink(format!("{registry}/registry"), home.join("registry")).unwrap();
    }
    project
}

/// Builds one of the copies, and returns both of its manifests.
fn manifests(project: &Project, place: &str, locale: &str, args: &str) -> [String; 2] {
    let home = project.path(&format!("{place}/home/.cargo"));
    let variables = [
        ("CARGO_HOME", home.to_str().unwrap()),
        ("LC_ALL", locale),
        ("CARGO_BUILD_JOBS", if locale == "C" { "1" } else { "2" }),
    ];
    let manifest = format!("{place}/app/Cargo.toml");
    let line = format!("build -q --locked --offline --manifest-path {manifest} {args}");
    project.xpkg_with(&variables, &line).ok();
    let tree = format!("{place}/app/target/xpkg");
    ["MANIFEST.txt", "manifest.json"].map(|file| project.read(&format!("{tree}/{file}")))
}

#[test]
fn programs_are_the_same_in_another_directory() {
    let project = copies();
    let [one, other] = ["one", "another/and/longer/place"];
    let targets = format!("--target {X86_MUSL},{HOST}");
    let args = format!("{targets} --reproducible");
    let first = manifests(&project, one, "C", &args);
    let second = manifests(&project, other, "en_US.UTF-8", &args);
    assert_eq!(first, second);
    assert!(first[1].contains("\"reproducible\": true"), "{}", first[1]);
    let program = project.path(&format!("{one}/app/target/xpkg/{HOST}/with-c/with-c"));
    let printed = std::process::Command::new(&program).output().unwrap();
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap(),
        "1 \"/build/c/place.c\" -\n"
    );
    // The workspace and cargo's home through a link, while C has the path behind it.
    let link = project.path("link");
    std::os::unix::fs::symlink(project.path(other), &link).unwrap();
    std::fs::remove_dir_all(project.path(other).join("app/target")).unwrap();
    // The flags name one directory more, which the record leaves out.
    assert_eq!(manifests(&project, "link", "C", &args), second);
    // What the flag is for.
    let first = manifests(&project, one, "C", &targets);
    let second = manifests(&project, other, "C", &targets);
    assert_ne!(first[0], second[0]);
    assert!(!first[1].contains("reproducible"), "{}", first[1]);
}

#[test]
fn flags_and_dates_of_the_user_have_precedence() {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar")
        .env("CFLAGS_x86_64-unknown-linux-musl", "-DMINE")
        .env("RUSTFLAGS", "--cfg mine");
    project.commit();
    let root = project.root.display();
    let plan = |variables: &[(&str, &str)], args: &str| {
        let line = format!("plan --target {X86_MUSL} {args}");
        project.xpkg_with(variables, &line).ok().stdout
    };
    let reproducible = plan(&[], "--reproducible");
    for expected in [
        "  bytes       the same on every machine: no directories of this one, the commit's time\n",
        &format!("CFLAGS_x86_64-unknown-linux-musl='-DMINE -ffile-prefix-map={root}=/build "),
        &format!("CXXFLAGS_x86_64_unknown_linux_musl='-ffile-prefix-map={root}=/build "),
        " '--remap-path-prefix=",
        "' --cfg mine)\"",
        "SOURCE_DATE_EPOCH=",
    ] {
        assert!(
            reproducible.contains(expected),
            "{expected}\n{reproducible}"
        );
    }
    project.write("xpkg.toml", "reproducible = true\n");
    assert_eq!(plan(&[], ""), reproducible);
    let dated = plan(&[("SOURCE_DATE_EPOCH", "1")], "");
    assert!(
        dated.contains("SOURCE_DATE_EPOCH=1  # set by you\n"),
        "{dated}"
    );
}

/// A program in a git checkout, built once.
fn committed(main: &str, build: &str, flag: &str) -> Project {
    let project = Project::of("hello").with("git").with("cc");
    project.write("src/main.rs", main);
    if !build.is_empty() {
        project.write("build.rs", build);
    }
    project.write(".gitignore", "/target/\n");
    project.commit();
    project
        .xpkg(&format!("build -q --locked --target {X86_MUSL} {flag}"))
        .ok();
    project
}

/// Builds the tree again, and returns the exit code with the line of the finding.
fn rebuilt(project: &Project) -> (Option<i32>, String) {
    let run = project.xpkg("verify --reproduce");
    let found: Vec<&str> = run
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("error[not-reproduced]"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .collect();
    match found.is_empty() {
        true => (run.code, run.stderr),
        false => (run.code, found.join("\n")),
    }
}

const PLACE: &str =
    "fn main() { println!(\"{}\", concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/data\")); }\n";

const HELLO: &str =
    "fn main() { println!(\"hello {}\", option_env!(\"WHEN\").unwrap_or(\"\")); }\n";

#[test]
fn a_second_build_says_what_differs() {
    let project = committed(HELLO, "", "--reproducible");
    let (code, said) = rebuilt(&project);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Rebuilt 1 program, 0 differ\n"), "{said}");

    let project = committed(PLACE, "", "--reproducible");
    let (code, said) = rebuilt(&project);
    assert_eq!(code, Some(1), "{said}");
    let root = project.root.display();
    for expected in [
        format!("  x86_64-unknown-linux-musl/hello/hello: `{root}/data` at 0x"),
        " in .rodata, a path (others: ".to_owned(),
        "/checkout/data`\n  help: its code or a build script asks for the directory \
         (`CARGO_MANIFEST_DIR`), which no flag changes"
            .to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected}\n{said}");
    }

    let clock = "fn main() {\n    let now = std::time::SystemTime::now();\n    let now = \
                 now.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();\n    \
                 println!(\"cargo::rustc-env=WHEN=2026-11-29 {:02}:{:02}:{:02}\", now / 1000 % 24, now \
                 / 24000 % 60, now / 7 % 60);\n}\n";
    let project = committed(HELLO, clock, "--reproducible");
    let (code, said) = rebuilt(&project);
    assert_eq!(code, Some(1), "{said}");
    for expected in [
        " in .rodata, a date, expected `",
        "help: make the build take `SOURCE_DATE_EPOCH`, which `--reproducible` sets, for now",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let accepted = "verify --reproduce --accept not-reproduced --reason clock";
    project.xpkg(accepted).ok();
}

#[test]
fn what_cannot_be_built_again_is_refused() {
    // Changed after the commit.
    let project = committed(HELLO, "", "--reproducible");
    let build = format!("build -q --locked --target {X86_MUSL}");
    project.write("src/main.rs", PLACE);
    project.xpkg(&build).ok();
    let refused = |project: &Project| {
        let run = project.xpkg("verify --reproduce");
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        run.stderr
    };
    assert_eq!(
        refused(&project),
        "error[reproduce-unfit]: `x86_64-unknown-linux-musl/hello/hello` cannot be built again: it \
         was built from uncommitted changes\n  help: commit them, and build it again: `cargo xpkg build \
         --reproducible`\n"
    );
    // Files that nobody staged.
    let run = project.xpkg("verify --reproduce target/xpkg/x86_64-unknown-linux-musl");
    let place = "target/xpkg/x86_64-unknown-linux-musl";
    assert_eq!(
        run.stderr,
        format!(
            "error[reproduce-unfit]: `{place}` is no staged tree: it has no `manifest.json`\n  help: \
             name a staged tree, an archive unpacked: `cargo xpkg verify --reproduce DIR`\n"
        )
    );
    // By other flags.
    let project = committed(HELLO, "", "--reproducible");
    let run = project.xpkg_with(&[("RUSTFLAGS", "--cfg other")], "verify --reproduce");
    assert_eq!(
        run.stderr,
        "error[reproduce-unfit]: the tools for `x86_64-unknown-linux-musl` are others here\n  found: \
         the rustflags were others\n  help: run it with the tools that built the \
         tree; `cargo xpkg plan` shows those here\n"
    );
    // With other settings of the profile, that the commit does not have.
    let variable = [("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")];
    let said = project.xpkg_with(&variable, "verify --reproduce").stderr;
    let expected = "  found: the settings of cargo's profile were others\n";
    assert!(said.contains(expected), "{said}");
    // The commit is in another checkout.
    std::fs::remove_dir_all(project.path(".git")).unwrap();
    project.commit();
    project
        .shell(
            "git -c user.name=t -c user.email=t@t.invalid commit -q --amend -m two --no-gpg-sign",
        )
        .ok();
    let said = refused(&project);
    assert!(
        said.starts_with("error[reproduce-unfit]: the recorded commit cannot be had: "),
        "{said}"
    );
}

/// A commit of another repository is not cloned; a `.gitmodules` without one is a file.
#[test]
fn a_commit_with_submodules_is_not_built_again() {
    let project = Project::of("hello");
    project.write(".gitignore", "/target\n");
    project.write(
        ".gitmodules",
        "[submodule \"sub\"]\n\tpath = sub\n\turl = ./sub\n",
    );
    let commit = project.commit();
    let build = format!("build -q --reproducible --target {X86_MUSL}");
    project.xpkg(&build).ok();
    let again = project.xpkg("verify --reproduce").ok();
    assert!(
        again.stderr.contains("Rebuilt 1 program, 0 differ"),
        "{}",
        again.stderr
    );
    std::fs::create_dir(project.path("sub")).unwrap();
    let link = format!(
        "git update-index --add --cacheinfo 160000,{commit},sub && git -c user.name=t -c \
         user.email=t@t.invalid commit -q -m two --no-gpg-sign"
    );
    project.shell(&link).ok();
    project.xpkg(&build).ok();
    assert_eq!(
        project.xpkg("verify --reproduce").stderr,
        "error[reproduce-unfit]: the commit has submodules, which are not cloned\n  found: sub\n  help: \
         build the commit elsewhere yourself, and compare `MANIFEST.txt`\n"
    );
}

/// Builds the programs of a tree again, which must be the same.
#[track_caller]
fn rebuilt_equal(project: &Project, count: usize) {
    let run = project.xpkg("verify --reproduce").ok();
    let s = if count == 1 { "" } else { "s" };
    let expected = format!("Rebuilt {count} program{s}, 0 differ");
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
}

/// Two programs and a package that both use. The features that one asks for are those of the other,
/// too, if one call of cargo builds both.
fn shared_features() -> Project {
    let project = Project::empty();
    project.write(".gitignore", "/target\n");
    project.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\", \"common\"]\n\
         [workspace.package]\nedition = \"2024\"\n",
    );
    let manifest = |name: &str, more: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition.workspace = true\n{more}"
        )
    };
    project.write(
        "common/Cargo.toml",
        &manifest("common", "[features]\nloud = []\n"),
    );
    project.write(
        "common/src/lib.rs",
        "pub fn word() -> &'static str { if cfg!(feature = \"loud\") { \"LOUD\" } else { \"quiet\" } }\n",
    );
    for (name, default) in [
        ("one", "default = [\"x\"]\nx = [\"common/loud\"]\n"),
        ("two", ""),
    ] {
        let more =
            format!("[dependencies]\ncommon = {{ path = \"../common\" }}\n[features]\n{default}");
        project.write(&format!("{name}/Cargo.toml"), &manifest(name, &more));
        project.write(
            &format!("{name}/src/main.rs"),
            "fn main() { println!(\"{}\", common::word()) }\n",
        );
    }
    project.shell("cargo generate-lockfile --offline").ok();
    project
}

#[test]
fn programs_are_built_again_by_the_calls_that_built_them() {
    let project = shared_features();
    project.commit();
    let build = |args: &str| {
        let line = format!("build -q --reproducible --target {X86_MUSL} {args}");
        project.xpkg(&line).ok();
    };
    let said = |name: &str| {
        let program = project.path(&format!("target/xpkg/{X86_MUSL}/{name}/{name}"));
        let printed = std::process::Command::new(program).output().unwrap();
        String::from_utf8(printed.stdout).unwrap()
    };
    // One call: the features of one are those of the other.
    build("");
    assert_eq!(
        (said("one"), said("two")),
        ("LOUD\n".into(), "LOUD\n".into())
    );
    rebuilt_equal(&project, 2);
    let selection =
        |at: usize| project.json("target/xpkg/manifest.json")["targets"][at]["selection"].clone();
    assert_eq!(
        selection(0),
        serde_json::json!({ "packages": ["common", "one", "two"] })
    );
    // Two calls, one of them with a list of packages.
    build("-p one --auditable");
    build("-p two --no-default-features");
    assert_eq!(
        (said("one"), said("two")),
        ("LOUD\n".into(), "quiet\n".into())
    );
    let mut selections = [selection(0), selection(1)];
    selections.sort_by_key(ToString::to_string);
    assert_eq!(
        selections,
        [
            serde_json::json!({ "auditable": true, "packages": ["one"] }),
            serde_json::json!({ "no_default_features": true, "packages": ["two"] }),
        ]
    );
    rebuilt_equal(&project, 2);
}

/// A linker that was asked for is that of its target alone.
#[test]
fn each_target_is_built_again_by_its_own_linker() {
    let project = Project::of("hello").with("x86_64-linux-gnu-gcc").with("cc");
    project.write(".gitignore", "/target\n");
    project.commit();
    project
        .xpkg(&format!("build -q --target {HOST} --linker native"))
        .ok();
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    rebuilt_equal(&project, 2);
}

/// cargo's directory of intermediate files (`build.build-dir`) may be one for all workspaces.
#[test]
fn a_second_build_takes_nothing_of_the_first() {
    let project = Project::empty();
    let clock = "fn main() { println!(\"cargo::rustc-env=NOW={:?}\", std::time::SystemTime::now()); \
                 println!(\"cargo::rerun-if-changed=build.rs\"); }\n";
    for (path, text) in [
        (
            "clock/Cargo.toml",
            "[package]\nname = \"clock\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        ),
        ("clock/build.rs", clock),
        ("clock/src/lib.rs", "pub const NOW: &str = env!(\"NOW\");\n"),
    ] {
        project.write(path, text);
    }
    let commit = "git init -q . && git add -A && git -c user.name=t -c user.email=t@t.invalid commit \
                  -qm one --no-gpg-sign";
    project.shell(&format!("cd clock && {commit}")).ok();
    let clock = project.path("clock");
    let manifest = format!(
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nclock = {{ \
         git = \"file://{}\" }}\n",
        clock.display()
    );
    project.write("app/Cargo.toml", &manifest);
    project.write(
        "app/src/main.rs",
        "fn main() { println!(\"{}\", clock::NOW) }\n",
    );
    project.write("app/.gitignore", "/target\n");
    let home = project.path("home");
    let shared = project.path("shared");
    let project = project
        .env("CARGO_HOME", home.to_str().unwrap())
        .env("CARGO_BUILD_BUILD_DIR", shared.to_str().unwrap());
    project
        .shell(&format!("cd app && cargo generate-lockfile -q && {commit}"))
        .ok();
    let at = "--manifest-path app/Cargo.toml";
    project
        .xpkg(&format!("build -q --target {X86_MUSL} {at}"))
        .ok();
    assert!(shared.join(X86_MUSL).exists());
    let run = project.xpkg(&format!("verify --reproduce app/target/xpkg {at}"));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("Rebuilt 1 program, 1 differ"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("a date"), "{}", run.stdout);
}

#[test]
fn the_directory_of_intermediate_files_has_a_name() {
    let project = Project::of("hello");
    project.write("build.rs", WRITES);
    project.write("src/main.rs", INCLUDES);
    let cache = project.path("cache");
    for directory in [None, Some(cache.to_str().unwrap())] {
        let variables: Vec<(&str, &str)> = directory
            .map(|directory| ("CARGO_BUILD_BUILD_DIR", directory))
            .into_iter()
            .collect();
        let line = format!("build -q --reproducible --target {X86_MUSL}");
        project.xpkg_with(&variables, &line).ok();
        let program = project.path(&format!("target/xpkg/{X86_MUSL}/hello/hello"));
        let printed = std::process::Command::new(program).output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        assert!(
            printed.starts_with(&format!("/build/target/{X86_MUSL}/release/build/hello-"))
                || printed.starts_with("/build/target/release/build/hello-"),
            "{printed}"
        );
    }
}

const WRITES: &str = "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
                      std::fs::write(format!(\"{out}/g.rs\"), \"fn place() -> &'static str { file!() \
                      }\").unwrap();\n}\n";
const INCLUDES: &str =
    "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\nfn main() { println!(\"{}\", place()) }\n";

/// Variables may name files of the workspace, and mean the same for its clone.
#[test]
fn a_flag_that_names_the_workspace_is_the_same_flag() {
    let project = Project::of("hello");
    project.write(".gitignore", "/target\n");
    project.write("native/.keep", "");
    project.commit();
    let flags = format!("-Lnative={}", project.path("native").display());
    let project = project.env("RUSTFLAGS", &flags);
    project
        .xpkg(&format!("build -q --reproducible --target {X86_MUSL}"))
        .ok();
    rebuilt_equal(&project, 1);
}

#[test]
fn what_a_clone_lacks_is_no_clones_problem() {
    let project = Project::of("hello");
    project.write(".gitignore", "/target\n/Cargo.lock\n/part\n");
    project.commit();
    let build = format!("build -q --target {X86_MUSL}");
    project.xpkg(&build).ok();
    assert_eq!(
        project.xpkg("verify --reproduce").stderr,
        "error[reproduce-unfit]: the commit has no `Cargo.lock`, which says what packages were built\n  \
         help: commit it, and build the tree again: `git add --force Cargo.lock && git commit --message \
         Cargo.lock`\n"
    );
    project.append("Cargo.toml", "[dependencies]\npart = { path = \"part\" }\n");
    project.write(
        "part/Cargo.toml",
        "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    project.write("part/src/lib.rs", "");
    project.write(".gitignore", "/target\n/part\n");
    project
        .shell("cargo metadata --format-version 1 --offline")
        .ok();
    std::fs::remove_dir_all(project.path(".git")).unwrap();
    project.commit();
    project.xpkg(&build).ok();
    let said = project.xpkg("verify --reproduce").stderr;
    assert!(
        said.starts_with(
            "error[reproduce-unfit]: cargo cannot read the workspace in a clone of its repository\n"
        ) && said.ends_with(
            "help: commit what the clone lacks: a path dependency outside of the repository, or a file \
             that git ignores\n"
        ),
        "{said}"
    );
}

/// `release` says the same.
#[test]
fn a_time_that_is_no_number_is_rejected_before_anything_is_compiled() {
    let project = Project::of("hello");
    let variables = [("SOURCE_DATE_EPOCH", "abc")];
    for command in ["build --reproducible", "plan --reproducible", "release"] {
        let run = project.xpkg_with(&variables, command);
        assert_eq!(
            run.stderr,
            "error[config-invalid]: `SOURCE_DATE_EPOCH=abc` is not a number of seconds\n  help: set it \
             to seconds since 1970: `export SOURCE_DATE_EPOCH=\"$(git log -1 --format=%ct)\"`\n",
            "{command}"
        );
    }
    project.xpkg_with(&variables, "plan").ok();
}

/// OpenSSL keeps the directory that its own `make install` would install it to.
#[test]
fn a_package_that_leaves_paths_in_programs_is_told_before_the_build() {
    let project = Project::of("hello").with("cc");
    project.append(
        "Cargo.toml",
        "[dependencies]\nopenssl-sys = { path = \"openssl-sys\", features = [\"vendored\"] }\n",
    );
    project.write(
        "openssl-sys/Cargo.toml",
        "[package]\nname = \"openssl-sys\"\nversion = \"0.9.118\"\nedition = \
         \"2024\"\n[features]\nvendored = []\n",
    );
    project.write("openssl-sys/src/lib.rs", "");
    project.write("openssl-sys/build.rs", "fn main() {}");
    let what = "not-reproducible: the build script of openssl-sys 0.9.118 compiles OpenSSL, which \
                keeps the directory that it is installed to in programs (`ENGINESDIR`, \
                `MODULESDIR`)\n";
    let warning = what.replacen("not-reproducible", "warning[not-reproducible]", 1);
    let warning = warning.replace('\n', &format!(" (target `{HOST}`)\n"));
    let build = format!("build --target {HOST}");
    let run = project.xpkg(&format!("{build} --reproducible")).ok();
    assert!(run.stderr.contains(&warning), "{}", run.stderr);
    let run = project.xpkg(&build).ok();
    assert!(!run.stderr.contains("not-reproducible"), "{}", run.stderr);
    let run = project.xpkg(&format!("plan --reproducible --target {HOST}"));
    let row = format!("the commit's time\n              but {what}");
    assert!(run.stdout.contains(&row), "{}", run.stdout);
    let told = |project: &Project, arguments: &str| {
        let run = project.xpkg(&format!("{arguments} --target {HOST}"));
        let lines = run.stdout.lines();
        lines.filter(|line| line.contains("ENGINESDIR")).count()
    };
    assert_eq!(told(&project, "doctor"), 0);
    project.append(
        "Cargo.toml",
        "[workspace.metadata.xpkg]\nreproducible = true\n",
    );
    assert_eq!(told(&project, "doctor"), 1);
    assert_eq!(told(&project, "plan"), 1);
    // The system's library is linked, and none compiled.
    let project = project
        .env("OPENSSL_NO_VENDOR", "1")
        .env("OPENSSL_DIR", "/nowhere");
    assert_eq!(told(&project, "plan"), 0);
}
