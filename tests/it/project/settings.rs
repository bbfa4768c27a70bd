//! What the configuration says of one target alone: profile, strip, rustflags, features, sysroot.

use snapbox::str;

use crate::check;
use crate::support::{
    ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, repository, skipped, starter, tool,
};

const MAIN: &str = r#"
fn main() {
    println!("own {}, yours {}, build {}, extra {}", cfg!(own), cfg!(yours), cfg!(build), cfg!(feature = "extra"));
}
"#;

const MANIFEST: &str = r#"
[features]
extra = []

[package.metadata.xpkg]
strip = "symbols"

[package.metadata.xpkg.target.aarch64-unknown-linux-musl]
profile = { lto = "off", codegen-units = 4 }
strip = "none"
rustflags = ["--cfg", "own"]
features = ["extra"]
"#;

fn project() -> Project {
    let project = Project::of("hello");
    project.append("Cargo.toml", MANIFEST);
    project.write("src/main.rs", MAIN);
    project.write(
        ".cargo/config.toml",
        "[build]\nrustflags = ['--cfg', 'build']\n",
    );
    project
}

fn said(project: &Project, target: &str) -> String {
    let output = starter(
        target,
        &project.path(&format!("target/xpkg/{target}/hello/hello")),
    )
    .output()
    .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn has_symbols(project: &Project, target: &str) -> bool {
    let file = project.path(&format!("target/xpkg/{target}/hello/hello"));
    let output = std::process::Command::new(tool("readelf"))
        .args(["-S", "-W"])
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .contains(".symtab")
}

#[test]
fn one_targets_settings_are_in_its_own_call_and_join_the_users() {
    let project = project();
    let targets = format!("{X86_MUSL},{ARM_MUSL}");
    let plan = project.xpkg(&format!("plan --target {targets}")).ok();
    let runs: Vec<&str> = plan
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  runs        cd "))
        .collect();
    let [other, own] = runs.as_slice() else {
        panic!("{runs:?}")
    };
    assert!(
        other.contains(r#" --config 'profile.release.strip="symbols"' "#)
            && !other.contains("RUSTFLAGS"),
        "{other}"
    );
    assert!(
        own.contains(
            r#" CARGO_ENCODED_RUSTFLAGS="$(printf '%s\037%s\037%s\037%s' --cfg build --cfg own)" "#
        ),
        "{own}"
    );
    assert!(own.contains(" --features extra "), "{own}");
    assert!(own.contains(r#" --config 'profile.release.codegen-units=4' --config 'profile.release.lto="off"' --config 'profile.release.strip="none"' "#), "{own}");

    project.xpkg(&format!("build -q --target {targets}")).ok();
    assert_eq!(
        said(&project, X86_MUSL),
        "own false, yours false, build true, extra false\n"
    );
    assert_eq!(
        said(&project, ARM_MUSL),
        "own true, yours false, build true, extra true\n"
    );
    assert_eq!(
        (
            has_symbols(&project, X86_MUSL),
            has_symbols(&project, ARM_MUSL)
        ),
        (false, true)
    );

    // What is printed does the same when it is pasted.
    project.shell(&format!("cd {own}")).ok();

    // By cargo's precedence RUSTFLAGS makes `[build]` void; ours stay.
    let yours = project.env("RUSTFLAGS", "--cfg yours");
    yours.xpkg(&format!("build -q --target {targets}")).ok();
    assert_eq!(
        said(&yours, X86_MUSL),
        "own false, yours true, build false, extra false\n"
    );
    assert_eq!(
        said(&yours, ARM_MUSL),
        "own true, yours true, build false, extra true\n"
    );
}

#[test]
fn what_is_typed_comes_before_what_is_configured() {
    let project = project();
    project
        .xpkg(&format!(
            "build -q --target {ARM_MUSL} --config profile.release.strip='\"symbols\"'"
        ))
        .ok();
    assert!(!has_symbols(&project, ARM_MUSL));
}

#[test]
fn flags_that_would_be_lost_are_refused() {
    check!(
        project().xpkg(&format!(
            "plan --target {ARM_MUSL} --config \"build.rustflags=['--cfg','typed']\""
        )),
        str![[r#"
exit 1
--- stderr
error[cargo-config]: `--config build.rustflags=['--cfg','typed']` sets `build.rustflags`, which xpkg controls and cannot read there
  help: set it in `.cargo/config.toml` of the workspace's root itself, or by `RUSTFLAGS`

"#]]
    );
}

#[test]
fn a_setting_that_cargo_has_not_is_an_error() {
    let project = Project::of("hello");
    project.append(
        "Cargo.toml",
        &format!("\n[package.metadata.xpkg.target.{HOST}]\nprofile = {{ codegen-unit = 1 }}\n"),
    );
    check!(
        project.xpkg("plan"),
        str![[r#"
exit 1
--- stderr
error[config-invalid]: unknown field `codegen-unit`, expected one of `codegen-units`, `debug`, `debug-assertions`, `incremental`, `lto`, `opt-level`, `overflow-checks`, `panic`, `rpath`, `split-debuginfo`, `strip` in xpkg's configuration
  at: [ROOT]/Cargo.toml:10:13
  help: did you mean `codegen-units`?

"#]]
    );
}

/// The sysroot that `cargo xtask setup` unpacked; without it the test is skipped, by name.
fn sysroot(test: &str) -> Option<String> {
    let path = repository().join("target/toolchains/bullseye-arm64");
    if !path.join("complete").exists() {
        assert_ne!(
            std::env::var("XPKG_SKIP").as_deref(),
            Ok("never"),
            "the sysroot is not there: `cargo xtask setup` says why"
        );
        skipped(
            test,
            "the sysroot is not there: `cargo xtask setup` says why",
        );
        return None;
    }
    Some(path.to_str().unwrap().to_owned())
}

/// A project with C, and clang with its own linker.
fn with_clang() -> Project {
    Project::of("with-c")
        .with("clang")
        .with("clang++")
        .with("ld.lld")
        .with("ar")
}

#[test]
fn clang_takes_a_sysroot_with_an_older_glibc_and_lld() {
    let Some(sysroot) = sysroot("clang_takes_a_sysroot_with_an_older_glibc_and_lld") else {
        return;
    };
    let project = with_clang();
    project.append(
        "Cargo.toml",
        &format!(
            "\n[package.metadata.xpkg.target.{ARM_GNU}]\nglibc = '2.31'\nsysroot = '{sysroot}'\n"
        ),
    );
    let run = project.xpkg(&format!("build --target {ARM_GNU}")).ok();
    let lld = "finds C library and lld with `--target=aarch64-linux-gnu --sysroot=";
    assert!(
        run.stderr.contains(lld) && run.stderr.contains(", and its glibc is 2.31"),
        "{}",
        run.stderr
    );
    let manifest = project.json("target/xpkg/manifest.json");
    assert_eq!(
        manifest["targets"][0]["toolchain"]["probes"]["facts"]["glibc"],
        serde_json::json!([2, 31])
    );
    let program = project.path(&format!("target/xpkg/{ARM_GNU}/with-c/with-c"));
    let said = std::process::Command::new(tool("qemu-aarch64-static"))
        .args(["-L", &sysroot])
        .arg(program)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(said.stdout).unwrap(),
        "with-c: same 6, other -1\n"
    );
}

/// What `sysroot` names decides the bytes of a program, and is locked as the compiler is.
#[test]
fn a_sysroot_is_locked_with_the_compiler() {
    let Some(sysroot) = sysroot("a_sysroot_is_locked_with_the_compiler") else {
        return;
    };
    let project = with_clang();
    project.append(
        "Cargo.toml",
        &format!("\n[package.metadata.xpkg.target.{ARM_GNU}]\nsysroot = 'old'\n"),
    );
    project.shell(&format!("/bin/cp -r {sysroot} old")).ok();
    let lock = format!("lock --toolchains --linker clang --target {ARM_GNU}");
    project.xpkg(&lock).ok();
    let text = project.read("xpkg.lock");
    let table =
        "role = \"sysroot\"\nprogram = \"old\"\n\n[toolchain.tool.files]\nfiles = \"sha256:";
    assert!(text.contains(table), "{text}");
    project.xpkg(&format!("{lock} --locked")).ok();
    let is_refused = |what: &str| {
        let run = project.xpkg(&format!("{lock} --locked"));
        let line = "sysroot: `files` is sha256:";
        let is_told = run.code == Some(1) && run.stderr.contains(line);
        assert!(is_told, "{what}: {}", run.stderr);
    };
    project.write("old/usr/include/new.h", "");
    is_refused("a file more");
    std::fs::remove_file(project.path("old/usr/include/new.h")).unwrap();
    // A link to a directory of the sysroot itself is the same wherever that is.
    let usr = project.path("old/usr").canonicalize().unwrap();
    std::os::unix::fs::symlink(&usr, project.path("old/all")).unwrap();
    project.xpkg(&lock).ok();
    std::fs::remove_file(project.path("old/all")).unwrap();
    std::os::unix::fs::symlink("usr", project.path("old/all")).unwrap();
    project.xpkg(&format!("{lock} --locked")).ok();
    // The same files behind links, as a store of packages has them, are the same; others are not.
    let store = tempfile::tempdir().unwrap();
    let store = store.path().canonicalize().unwrap();
    for (of, file) in [("stdio.h", "stdio.h"), ("rpc", "rpc/netdb.h")] {
        let link = project.path(&format!("old/usr/include/{of}"));
        let copy = format!("/bin/cp -r {0} {1}", link.display(), store.display());
        project.shell(&copy).ok();
        project
            .shell(&format!("/bin/rm -r {}", link.display()))
            .ok();
        std::os::unix::fs::symlink(store.join(of), &link).unwrap();
        project.xpkg(&format!("{lock} --locked")).ok();
        let file = store.join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n")).unwrap();
        is_refused(of);
        std::fs::write(&file, text).unwrap();
    }
}

/// Names of scripts have a digest of their text, in which a sysroot of the checkout has the path of that.
#[test]
fn a_sysroot_in_the_workspace_is_the_same_in_each_checkout() {
    let Some(sysroot) = sysroot("a_sysroot_in_the_workspace_is_the_same_in_each_checkout") else {
        return;
    };
    let target = tempfile::tempdir().unwrap();
    let checkout = || {
        let project = with_clang().env("CARGO_TARGET_DIR", target.path().to_str().unwrap());
        project.append(
            "Cargo.toml",
            &format!("\n[package.metadata.xpkg.target.{ARM_GNU}]\nsysroot = 'sr'\n"),
        );
        project.shell(&format!("/bin/cp -r {sysroot} sr")).ok();
        project
    };
    let (one, two) = (checkout(), checkout());
    let run = format!("--linker clang --target {ARM_GNU}");
    one.xpkg(&format!("lock --toolchains {run}")).ok();
    let text = one.read("xpkg.lock");
    assert!(text.contains("role = \"C compiler\""), "{text}");
    two.write("xpkg.lock", &text);
    two.xpkg(&format!("lock --toolchains --locked {run}")).ok();
    // They share a target directory, and each has a script with its own path.
    let plan = format!("plan --message-format json {run}");
    let names = [&one, &two].map(|project| {
        let plan = project.xpkg(&plan).ok().stdout;
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        plan["targets"][0]["toolchain"]["linker"]["program"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    assert_eq!(names[0], names[1]);
    let tools = std::fs::read_dir(target.path().join("xpkg-cache/tools")).unwrap();
    let scripts = tools.map(|entry| entry.unwrap().path().join("bin").join(&names[0]));
    let mut texts: Vec<String> = scripts
        .filter_map(|script| std::fs::read_to_string(script).ok())
        .collect();
    texts.sort();
    let mut roots = [&one, &two].map(|project| project.path("sr").display().to_string());
    roots.sort();
    let all = texts.concat();
    assert_eq!(texts.len(), 2, "{all}");
    for root in roots {
        assert!(all.contains(&format!("--sysroot={root}")), "{all}");
    }
}

/// Debian's own cross compiler has its C library built in and passes over a sysroot: the floor
/// finds that out.
#[test]
fn a_sysroot_that_the_compiler_passes_over_is_found_out() {
    let Some(sysroot) = sysroot("a_sysroot_that_the_compiler_passes_over_is_found_out") else {
        return;
    };
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar");
    project.append(
        "Cargo.toml",
        &format!(
            "\n[package.metadata.xpkg.target.{ARM_GNU}]\nglibc = '2.31'\nsysroot = '{sysroot}'\n"
        ),
    );
    let run = project.xpkg(&format!("plan --target {ARM_GNU}"));
    assert!(
        run.stderr.contains(
            "\n         gcc      links against glibc 2.36, above the floor of 2.31: each program \
                 that it links needs 2.34 to start\n"
        ),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("\n         zig      does not support a sysroot, but `/"),
        "{}",
        run.stderr
    );
    let run = project.xpkg(&format!("build -q --target {ARM_GNU} --linker gcc"));
    assert!(
        run.stderr
            .starts_with("error[linker-unfit]: `gcc` (from `--linker`) cannot link for `"),
        "{}",
        run.stderr
    );
}
