//! cargo's configuration and rustup's pins as cargo and rustup read them, or named where they are
//! ignored.

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, HOST, Project, X86_MUSL, tool};

/// A workspace with a member in `member`.
fn workspace() -> Project {
    let project = Project::of("hello");
    project.append("Cargo.toml", "members = [\"member\"]\n");
    project.write(
        "member/Cargo.toml",
        "[package]\nname = \"member\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    project.write("member/src/main.rs", "fn main() {}");
    project
}

#[test]
fn files_below_the_root_are_named() {
    let project = workspace();
    // One that is installed, whatever it is called here.
    let active = std::process::Command::new(tool("rustup"))
        .args(["show", "active-toolchain"])
        .output()
        .unwrap();
    let active = String::from_utf8(active.stdout).unwrap();
    let channel = active.split_whitespace().next().unwrap().to_owned();
    project.write(
        "member/.cargo/config.toml",
        "[build]\ntarget = \"x86_64-unknown-linux-musl\"\n",
    );
    project.write(
        "member/rust-toolchain.toml",
        &format!("[toolchain]\nchannel = \"{channel}\"\n"),
    );
    let ignored = [
        "warning[config-ignored]: `ROOT/member/.cargo/config.toml` is ignored, because cargo runs \
         in the root of the workspace, `ROOT`: move it there\n",
        "warning[config-ignored]: `ROOT/member/rust-toolchain.toml` is ignored, because cargo runs \
         in the root of the workspace, `ROOT`: choose it: `cargo +CHANNEL xpkg …`\n",
    ]
    .map(|line| {
        line.replace("ROOT", project.root.to_str().unwrap())
            .replace("CHANNEL", &channel)
    });
    for command in ["plan", "doctor", "build"] {
        let run = project.xpkg_in("member", command).ok();
        for line in &ignored {
            assert!(run.stderr.contains(line), "{command}: {}", run.stderr);
        }
    }
    // They count for cargo there alone.
    let run = project.xpkg("plan").ok();
    assert_eq!(run.stderr, "");
    // Another toolchain is chosen.
    let run = project
        .env("RUSTUP_TOOLCHAIN", "stable")
        .xpkg_in("member", "plan")
        .ok();
    assert!(!run.stderr.contains("rust-toolchain"), "{}", run.stderr);
    assert!(run.stderr.contains("config.toml"), "{}", run.stderr);
}

/// What the help says works, also where xpkg joins rustflags with its own.
#[test]
fn an_ignored_file_is_used_as_the_help_says() {
    let project = workspace();
    let said = |text: &str| {
        project.write("member/.cargo/config.toml", text);
        project.xpkg_in("member", "plan").ok().stderr
    };
    let argument = "move it there, or name it with `--config`\n";
    let stderr = said("[profile.release]\nlto = true\n");
    assert!(stderr.ends_with(argument), "{stderr}");
    let flags = "[build]\nrustflags = [\"--cfg\", \"typed\"]\n";
    let stderr = said(flags);
    assert!(stderr.ends_with("`: move it there\n"), "{stderr}");
    check!(
        project.xpkg_in("member", "plan --reproducible --config .cargo/config.toml"),
        str![[r#"
exit 1
--- stderr
warning[config-ignored]: `[ROOT]/member/.cargo/config.toml` is ignored, because cargo runs in the root of the workspace, `[ROOT]`: move it there
error[cargo-config]: `--config [ROOT]/member/.cargo/config.toml` sets `build.rustflags`, which xpkg controls and cannot read there
  help: set it in `.cargo/config.toml` of the workspace's root itself, or by `RUSTFLAGS`

"#]]
    );
    std::fs::remove_file(project.path("member/.cargo/config.toml")).unwrap();
    let plan = |run: crate::support::Run| assert!(run.ok().stdout.contains("typed"));
    let flag = [("RUSTFLAGS", "--cfg typed")];
    plan(project.xpkg_with(&flag, "plan --reproducible"));
    project.write(".cargo/config.toml", flags);
    plan(project.xpkg_in("member", "plan --reproducible"));
}

#[test]
fn files_elsewhere_are_named() {
    let project = workspace();
    let elsewhere = project.root.parent().unwrap().join("elsewhere");
    std::fs::create_dir_all(elsewhere.join(".cargo")).unwrap();
    std::fs::write(elsewhere.join(".cargo/config"), "").unwrap();
    let run = project
        .xpkg_in("../elsewhere", "plan --manifest-path ../work/Cargo.toml")
        .ok();
    let line = format!("`{}/.cargo/config` is ignored", elsewhere.display());
    assert!(run.stderr.contains(&line), "{}", run.stderr);
}

#[test]
fn a_target_specification_is_named_by_its_key() {
    let project = Project::of("hello");
    project.write(".cargo/config.toml", "[build]\ntarget = \"my-os.json\"\n");
    project.write("my-os.json", "{}");
    check!(
        project.xpkg("plan"),
        str![[r#"
exit 1
--- stderr
error[unsupported-target]: `[ROOT]/my-os.json` is a target specification, and xpkg does not support targets that rustc does not know by name
  set by: `build.target` in cargo's configuration
  help: build it with cargo itself: `cargo build --release --target [ROOT]/my-os.json`

"#]]
    );
    // A name that rustc does not know, and a variable.
    project.write(".cargo/config.toml", "");
    check!(
        project.xpkg_with(&[("CARGO_BUILD_TARGET", "my-os")], "plan"),
        str![[r#"
exit 1
--- stderr
error[unknown-target]: rustc does not know the target `my-os`
  set by: `CARGO_BUILD_TARGET`
  help: `rustc --print target-list` lists all targets

"#]]
    );
}

#[test]
fn a_linker_of_a_platform_is_named_by_its_key() {
    let project = Project::of("hello");
    project.write(
        ".cargo/config.toml",
        "[target.'cfg(target_arch = \"aarch64\")']\nlinker = \"no-such-gcc\"\n",
    );
    let run = project.xpkg(&format!("plan --target {ARM_GNU}"));
    assert!(
        run.stderr
            .contains("`target.'cfg(target_arch = \"aarch64\")'.linker`"),
        "{}",
        run.stderr
    );
}

/// A project with a rustc of another release, in a sysroot of rustup's, and a rustup that knows one
/// target.
fn nightly(release: &str) -> (tempfile::TempDir, Project) {
    let temp = tempfile::tempdir().unwrap();
    let toolchain = temp.path().join("toolchains/mine");
    let lld = toolchain.join(format!("lib/rustlib/{HOST}/bin/rust-lld"));
    std::fs::create_dir_all(lld.parent().unwrap()).unwrap();
    std::fs::write(lld, "").unwrap();
    let own = toolchain.join(format!("lib/rustlib/{X86_MUSL}/lib/self-contained"));
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("crt1.o"), "").unwrap();
    let script = format!(
        "on -vV out rustc {release}\non -vV out release: {release}\non -vV out host: {HOST}\n\
         on -vV exit 0\n\
         on --target out {0}/lib/rustlib/{X86_MUSL}/lib\non --target out target_os=\"linux\"\n\
         on --target out target_feature=\"crt-static\"\non --target exit 0\n\
         on target-list out {0}\non target-list out {X86_MUSL}\non target-list out unix\n\
         on target-list exit 0\nexec {1}\n",
        toolchain.display(),
        tool("rustc").display()
    );
    let project = Project::of("hello")
        .fake("rustc", &script)
        .fake("rustup", "on list out some-other-target\n");
    (temp, project)
}

#[test]
fn a_standard_library_that_cargo_compiles_needs_its_source() {
    let (temp, project) = nightly("1.97.0-nightly");
    project.write(".cargo/config.toml", "[unstable]\nbuild-std = [\"std\"]\n");
    check!(
        project.xpkg(&format!("plan --target {X86_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[std-missing]: cargo is to compile the standard library (`build-std`), and its source is not installed
  help: run `rustup component add rust-src --toolchain mine`

"#]]
    );
    let source = temp
        .path()
        .join("toolchains/mine/lib/rustlib/src/rust/library");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("Cargo.lock"), "").unwrap();
    let run = project.xpkg(&format!("plan --target {X86_MUSL}")).ok();
    assert!(
        run.stdout
            .contains("  std         compiled by cargo (`build-std`)\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_standard_library_that_rustup_does_not_have() {
    // A stable cargo ignores the table.
    let (_temp, project) = nightly("1.95.0");
    project.write(".cargo/config.toml", "[unstable]\nbuild-std = [\"std\"]\n");
    check!(
        project.xpkg(&format!("plan --target {X86_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[std-missing]: rustup has no standard library for `x86_64-unknown-linux-musl`
  help: let cargo compile it: with a nightly toolchain and its `rust-src`, set `build-std = ["std", "panic_abort"]` below `[unstable]` in `.cargo/config.toml`

"#]]
    );
}

/// A member may be a link to a package elsewhere: cargo finds the workspace above the link.
#[test]
fn a_member_behind_a_link_is_of_the_workspace_that_names_it() {
    let project = Project::of("hello");
    let elsewhere = tempfile::tempdir().unwrap();
    let root = elsewhere.path().canonicalize().unwrap();
    let ws = root.join("ws");
    std::fs::create_dir_all(ws.join("crates")).unwrap();
    let manifest = "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n";
    std::fs::write(ws.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(
        ws.join("xpkg.toml"),
        format!("targets = [\"{X86_MUSL}\"]\n"),
    )
    .unwrap();
    let package = root.join("package");
    std::fs::create_dir_all(package.join("src")).unwrap();
    let manifest = "[package]\nname = \"linked\"\nedition = \"2024\"\n";
    std::fs::write(package.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(package.join("src/main.rs"), "fn main() {}\n").unwrap();
    std::os::unix::fs::symlink(&package, ws.join("crates/linked")).unwrap();
    // The workspace itself through a link.
    std::os::unix::fs::symlink(&ws, root.join("link")).unwrap();
    for manifest in [
        "ws/crates/linked/Cargo.toml",
        "link/Cargo.toml",
        "link/crates/linked/Cargo.toml",
    ] {
        let manifest = root.join(manifest);
        let line = format!("plan --manifest-path {}", manifest.display());
        let said = project.xpkg(&line).ok().stdout;
        let expected = format!("workspace  {}\n", ws.display());
        let target = format!("\n{X86_MUSL}\n");
        assert!(
            said.starts_with(&expected) && said.contains(&target),
            "{said}"
        );
    }
}

/// What a program was compiled with, by plain cargo and by xpkg, which joins the flags and passes them
/// on with its own.
#[test]
fn rustflags_are_those_of_cargo() {
    let project = Project::of("hello");
    project.write(
        "src/main.rs",
        "#![allow(unexpected_cfgs)]\nfn main() { println!(\"{:?}\", [cfg!(a), cfg!(b), cfg!(c), cfg!(d), \
         cfg!(e)]) }\n",
    );
    let check = |configuration: &str, variables: &[(&str, &str)], expected: &str| {
        project.write(".cargo/config.toml", configuration);
        let plain: String = variables
            .iter()
            .map(|(name, value)| format!("{name}='{value}' "))
            .collect();
        let cargo = "cargo run -q --release --target x86_64-unknown-linux-musl";
        let plain = project.shell(&format!("{plain}{cargo}")).ok().stdout;
        let line = format!("build -q --reproducible --target {X86_MUSL}");
        project.xpkg_with(variables, &line).ok();
        let program = project.path(&format!("target/xpkg/{X86_MUSL}/hello/hello"));
        let printed = std::process::Command::new(program).output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        assert_eq!(printed, plain, "{configuration}");
        let names = ["a", "b", "c", "d", "e"];
        let set = names.map(|name| expected.contains(name));
        assert_eq!(printed, format!("{set:?}\n"), "{configuration}");
    };
    // A variable and a file are joined.
    let build = "[build]\nrustflags = ['--cfg', 'a']\n";
    let variable = [("CARGO_BUILD_RUSTFLAGS", "--cfg b")];
    check(build, &variable, "ab");
    // Flags decide which `cfg(…)` apply, and cargo asks rustc about all of its crate types.
    let flags = "[target.x86_64-unknown-linux-musl]\nrustflags = ['-Ctarget-cpu=x86-64-v3']\n";
    let tables = "[target.'cfg(target_feature=\"avx2\")']\nrustflags = ['--cfg=a']\n\
                  [target.'cfg(debug_assertions)']\nrustflags = ['--cfg=b']\n\
                  [target.'cfg(target_feature=\"crt-static\")']\nrustflags = ['--cfg=c']\n\
                  [target.'cfg(not(target_feature=\"crt-static\"))']\nrustflags = ['--cfg=d']\n";
    check(&format!("{flags}{tables}"), &[], "abd");
    check(&format!("{build}{tables}"), &variable, "bd");
    let target = [
        (
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS",
            "--cfg e",
        ),
        variable[0],
    ];
    check(&format!("{build}{tables}"), &target, "bde");
    for (flags, expected) in [("--cfg c", "c"), ("", "")] {
        check(
            &format!("{build}{tables}"),
            &[("RUSTFLAGS", flags)],
            expected,
        );
    }
}

/// A linker of a table that applies by the rustflags.
#[test]
fn a_linker_by_cfg_is_the_one_that_cargo_takes() {
    let project = Project::of("hello");
    let plan = |configuration: &str| {
        project.write(".cargo/config.toml", configuration);
        project.xpkg(&format!("plan --target {X86_MUSL}"))
    };
    let flags = "[build]\nrustflags = ['-Ctarget-cpu=x86-64-v3']\n";
    let run = plan(&format!(
        "{flags}[target.'cfg(target_feature=\"avx2\")']\nlinker = 'none/such'\n"
    ));
    check!(
        run,
        str![[r#"
exit 1
--- stderr
error[linker-unfit]: `[ROOT]/none/such` (from `target.'cfg(target_feature="avx2")'.linker` in cargo's configuration) cannot link for `x86_64-unknown-linux-musl`
  cause: `[ROOT]/none/such` is not on PATH
  help: correct or remove `target.'cfg(target_feature="avx2")'.linker` in cargo's configuration

"#]]
    );
    plan("[target.'cfg(target_feature=\"avx2\")']\nlinker = 'none/such'\n").ok();
    let run = plan("[target.'cfg(unix)']\nlinker = 'a'\n[target.'cfg(all())']\nlinker = 'b'\n");
    check!(
        run,
        str![[r#"
exit 1
--- stderr
error[cargo-config]: `target.'cfg(all())'.linker` and `target.'cfg(unix)'.linker` in cargo's configuration both apply
  help: remove one of them

"#]]
    );
}

#[test]
fn rustflags_are_read_as_rustc_reads_them() {
    let project = Project::of("hello");
    let said = |flags: &str, args: &str| {
        let run = project.xpkg_with(
            &[("RUSTFLAGS", flags)],
            &format!("plan --target {X86_MUSL} {args}"),
        );
        run.stderr
    };
    for (flags, expected) in [
        ("-Ctarget_cpu=native", "error[native-cpu]"),
        (
            "-C link_self_contained=no",
            "the effective rustflags contain `-C link_self_contained=no`, which it does not support",
        ),
        (
            "-Clinker_flavor=gcc",
            "the effective rustflags contain `-Clinker_flavor=gcc`, which it does not support",
        ),
        (
            "-Clink-arg=-shared",
            "the effective rustflags contain `-Clink-arg=-shared`, which it does not support",
        ),
        (
            "@/flags",
            "error[cargo-config]: the rustflags for `x86_64-unknown-linux-musl` name a file of \
             arguments, `@/flags`, which xpkg does not read",
        ),
        (
            "-Ctarget-feature=-crt-static -Ctarget-feature=+crt-static",
            "",
        ),
        ("--remap-path-prefix=/my-crt-static/linker-flavor=/x", ""),
        ("-Crelocation_model=static -Clink_arg=-no-pie", ""),
    ] {
        let said = said(flags, "");
        let matches = said.contains(expected) && said.is_empty() == expected.is_empty();
        assert!(matches, "{flags}: {said}");
    }
    // In a place that xpkg does not read, what it decides by is refused.
    for key in [
        "-Ctarget_cpu=native",
        "-Clink-arg=-fuse-ld=mold",
        "-Ctarget-feature=+avx",
        "@/f",
    ] {
        let said = said("", &format!("--config \"build.rustflags=['{key}']\""));
        assert!(said.starts_with("error[cargo-config]"), "{key}: {said}");
    }
    assert_eq!(
        said("", "--config \"build.rustflags=['-Copt-level=2']\""),
        ""
    );
}

#[test]
fn a_path_that_cargo_replaces_is_refused() {
    let project = Project::of("hello");
    let path = "env.PATH = { value = '/usr/bin', force = FORCE }\n";
    project.write(".cargo/config.toml", &path.replace("FORCE", "false"));
    project.xpkg("plan").ok();
    project.write(".cargo/config.toml", &path.replace("FORCE", "true"));
    check!(
        project.xpkg("plan"),
        str![[r#"
exit 1
--- stderr
error[cargo-config]: cargo's configuration sets `env.PATH` with `force`, and xpkg adds directories to PATH
  help: remove `force`, or set PATH where cargo is started

"#]]
    );
}

/// cargo, too, looks for it from where it is started.
#[test]
fn a_linker_by_a_relative_path_is_found_from_the_current_directory() {
    let project = Project::of("hello").with("cc").env(
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
        "tools/../own-linker",
    );
    project.write("below/own-linker", "#!/bin/sh\nexec cc \"$@\"\n");
    let linker = project.path("below/own-linker");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&linker, mode).unwrap();
    std::fs::create_dir(project.path("below/tools")).unwrap();
    project
        .xpkg_in("below", &format!("build -q --target {HOST}"))
        .ok();
    let plain = project.run("cargo", "below", &["build".to_owned()]);
    assert_eq!(plain.code, Some(0), "{}", plain.stderr);
    let run = project.xpkg(&format!("build -q --target {HOST}"));
    assert!(run.stderr.contains("tools/../own-linker"), "{}", run.stderr);
    assert_ne!(run.code, Some(0));
}

/// cargo, too, resolves them against where it is started.
#[test]
fn directories_by_relative_paths_begin_at_the_current_directory() {
    let below = |project: Project| {
        std::fs::create_dir(project.path("below")).unwrap();
        project
    };
    let project = below(Project::of("hello"));
    let build = format!("build -q --target {X86_MUSL}");
    let with_argument = format!("{build} --config 'build.target-dir=\"by-argument\"'");
    project.xpkg_in("below", &with_argument).ok();
    let home = Project::of("hello").env("CARGO_HOME", "home");
    home.write(
        "below/home/config.toml",
        "[build]\ntarget-dir = \"by-home\"\n",
    );
    home.xpkg_in("below", &build).ok();
    let variable = Project::of("hello").env("CARGO_BUILD_BUILD_DIR", "by-variable");
    let variable = below(variable);
    variable.xpkg_in("below", &build).ok();
    for (project, name) in [
        (&project, "by-argument"),
        (&home, "by-home"),
        (&variable, "by-variable"),
    ] {
        let made = |directory: &str| project.path(directory).join(name).is_dir();
        assert_eq!((made("below"), made("")), (true, false), "{name}");
    }
}

/// A value that cannot be read would not be followed.
#[test]
fn a_variable_that_is_not_utf8_is_refused_by_name() {
    let project = Project::of("hello").with("sh").with("env");
    let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
    let plan = format!("{xpkg} xpkg plan --target {X86_MUSL}");
    let run = project.shell(&format!(
        "CC_x86_64_unknown_linux_musl=$(printf '\\377') {plan}"
    ));
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.stderr,
        "error[variable-not-utf8]: the value of the variable `CC_x86_64_unknown_linux_musl` is not \
         UTF-8\n  help: set it to one that is, or not at all: `unset CC_x86_64_unknown_linux_musl`\n"
    );
    project
        .shell(&format!("OTHER=$(printf '\\377') {plan}"))
        .ok();
}
