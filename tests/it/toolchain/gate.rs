//! The compiler gate with real compilers, right and wrong ones, and with what only pretends to be
//! one.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_xpkg::toolchain::probe::definition::{EXIT_AFFECTED, ObjectQuestion, Question};
use cargo_xpkg::toolchain::probe::facts::{CompilerFacts, FACTS_OBJECT};
use cargo_xpkg::toolchain::probe::report::Verdict;
use cargo_xpkg::toolchain::probe::table;
use snapbox::str;

use crate::build::chat::the_schema_holds;
use crate::check;
use crate::support::{
    ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, repository, skipped, starter, tool,
};

/// A compiler that `cargo xtask setup` unpacked; without it the test is skipped, by name.
fn old(name: &str, test: &str) -> Option<PathBuf> {
    let path = repository()
        .join("target/toolchains/bullseye/usr/bin")
        .join(name);
    if !path.exists() {
        assert_ne!(
            std::env::var("XPKG_SKIP").as_deref(),
            Ok("never"),
            "{name} is not there: `cargo xtask setup` says why"
        );
        skipped(
            test,
            &format!("{name} is not there: `cargo xtask setup` says why"),
        );
        return None;
    }
    Some(path)
}

/// The question of GCC bug 95189.
fn question() -> &'static ObjectQuestion {
    match &table::find("gcc-95189").unwrap().question {
        Question::Object(question) => question,
        _ => panic!("gcc-95189 is not asked by an object"),
    }
}

/// Compiles a source, and says what the probe reads off the object.
fn by_object(compiler: &Path, flags: &[&str]) -> Verdict {
    let probe = question();
    match compiled(compiler, flags, probe.source, "-c") {
        Some(object) => (probe.read)(&std::fs::read(object.path().join("out")).unwrap()),
        None => panic!("{compiler:?} {flags:?} does not compile the probe"),
    }
}

fn compiled(compiler: &Path, flags: &[&str], source: &str, how: &str) -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in.c"), source).unwrap();
    let status = Command::new(compiler)
        .args(flags)
        .args([how, "in.c", "-o", "out"])
        .current_dir(directory.path())
        .stderr(std::process::Stdio::null())
        .status();
    status.unwrap().success().then_some(directory)
}

/// The truth: what the compiler's program does.
fn by_running(compiler: &Path, flags: &[&str], emulator: Option<&str>) -> bool {
    let directory = compiled(compiler, flags, question().run_source.unwrap(), "-static").unwrap();
    let program = directory.path().join("out");
    let mut command = match emulator {
        Some(emulator) => Command::new(tool(emulator)),
        None => Command::new(&program),
    };
    let code = if emulator.is_some() {
        command.arg(&program)
    } else {
        &mut command
    }
    .status()
    .unwrap()
    .code();
    assert!([Some(0), Some(EXIT_AFFECTED)].contains(&code), "{code:?}");
    code == Some(EXIT_AFFECTED)
}

#[test]
fn no_verdict_is_false_in_the_matrix_of_compilers_levels_and_flags() {
    const TEST: &str = "no_verdict_is_false_in_the_matrix_of_compilers_levels_and_flags";
    let (Some(gcc_9), Some(gcc_9_arm), Some(gcc_10)) = (
        old("x86_64-linux-gnu-gcc-9", TEST),
        old("aarch64-linux-gnu-gcc-9", TEST),
        old("x86_64-linux-gnu-gcc-10", TEST),
    ) else {
        return;
    };
    let arm = Some("qemu-aarch64-static");
    // Compiler, its emulator, whether it has the bug.
    let compilers = [
        (gcc_9, None, true),
        (gcc_9_arm, arm, true),
        (gcc_10, None, false),
        (tool("gcc"), None, false),
        (tool("aarch64-linux-gnu-gcc"), arm, false),
        (tool("x86_64-linux-musl-gcc"), None, false),
        (tool("clang"), None, false),
    ];
    // Flags, and whether the bug can bite with them.
    let flags: [(&[&str], bool); 14] = [
        (&["-O0"], false),
        (&["-O1"], false),
        (&["-Og"], false),
        (&["-Os"], false),
        (&["-O2"], true),
        (&["-O3"], true),
        (&["-Ofast"], true),
        (&["-O2", "-fPIC", "-ffunction-sections"], true),
        (&["-O2", "-g", "-fstack-protector-strong"], true),
        (&["-O2", "-D_FORTIFY_SOURCE=2"], true),
        (&["-O2", "-fno-builtin"], false),
        (&["-O2", "-ffreestanding"], false),
        (&["-O2", "-fno-builtin-memcmp"], false),
        (
            &["-O2", "--param=builtin-string-cmp-inline-length=0"],
            false,
        ),
    ];
    let mut table = String::new();
    for (compiler, emulator, has_bug) in &compilers {
        for (flags, can_bite) in &flags {
            let param = flags.iter().any(|flag| flag.starts_with("--param"));
            if param && compiler.ends_with("clang") {
                continue;
            }
            let all: Vec<&str> = flags.iter().copied().chain(["-fno-lto"]).collect();
            let (object, run) = (
                by_object(compiler, &all),
                by_running(compiler, &all, *emulator),
            );
            let expected = *has_bug && *can_bite;
            table += &format!(
                "{} {flags:?}: {} by object, bitten {run} by running\n",
                compiler.display(),
                object.name()
            );
            assert_eq!(
                matches!(object, Verdict::Affected { .. }),
                expected,
                "{table}"
            );
            assert_eq!(matches!(object, Verdict::Ok), !expected, "{table}");
            assert_eq!(run, expected, "{table}");
        }
    }
}

#[test]
fn lto_would_hide_the_bug_and_is_told() {
    let Some(gcc) = old(
        "x86_64-linux-gnu-gcc-9",
        "lto_would_hide_the_bug_and_is_told",
    ) else {
        return;
    };
    assert!(matches!(
        by_object(&gcc, &["-O2", "-flto"]),
        Verdict::Inconclusive { .. }
    ));
    assert!(matches!(
        by_object(&gcc, &["-O2", "-flto", "-fno-lto"]),
        Verdict::Affected { .. }
    ));
}

#[test]
fn one_compile_tells_what_a_compiler_is() {
    let facts = |compiler: &str, flags: &[&str]| {
        let directory = compiled(&tool(compiler), flags, FACTS_OBJECT, "-c").unwrap();
        CompilerFacts::read(&std::fs::read(directory.path().join("out")).unwrap()).unwrap()
    };
    let gcc = facts("gcc", &["-O2"]);
    assert_eq!(
        (
            gcc.machine.as_str(),
            gcc.clang,
            gcc.glibc.is_some(),
            gcc.pointer,
            gcc.lto
        ),
        ("EM_X86_64", 0, true, 8, false)
    );
    let arm = facts("aarch64-linux-gnu-gcc", &["-O2"]);
    assert_eq!(
        (arm.machine.as_str(), arm.outline_atomics),
        ("EM_AARCH64", true)
    );
    assert!(!facts("aarch64-linux-gnu-gcc", &["-O2", "-mno-outline-atomics"]).outline_atomics);
    assert_eq!(facts("x86_64-linux-musl-gcc", &["-O2"]).glibc, None);
    let clang = facts("clang", &["-O2"]);
    assert!(clang.clang > 0 && clang.gcc == [4, 2, 1]);
    assert!(facts("gcc", &["-O2", "-flto"]).lto);
    assert!(facts("gcc", &["-O0", "-fsanitize=undefined"]).ubsan);
}

/// A project whose C checks secrets, with bullseye's gcc 9 as the cross compiler.
fn secrets(test: &str) -> Option<Project> {
    let gcc = old("aarch64-linux-gnu-gcc-9", test)?;
    let project = Project::of("secrets");
    std::os::unix::fs::symlink(gcc, project.bin.join("aarch64-linux-gnu-gcc")).unwrap();
    Some(project)
}

#[test]
fn a_wrong_cross_compiler_does_not_compile_what_checks_secrets() {
    let Some(project) = secrets("a_wrong_cross_compiler_does_not_compile_what_checks_secrets")
    else {
        return;
    };
    check!(
        project.xpkg(&format!("build --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[gcc-95189]: no C compiler without a known bug found for `aarch64-unknown-linux-gnu`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-gnu-gcc` has GCC bug 95189 (the call of `xpkg_95189_reached` is gone from its object), and aws-lc-sys 0.47.0 is security-sensitive
         clang    `clang` is not on PATH
         rust-lld links for musl only: for gnu it needs a sysroot
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  C in: aws-lc-sys 0.47.0 (by `cc`)
        aws-lc-sys 0.47.0 (by `cmake`)
  help: install a compiler without the bug: all of GCC 9; 10.0 to 10.2 unless the distribution patched them; not 8, not 10.3 and later, never clang
  help: or use this workaround, which was tested and is recorded: `export CFLAGS_aarch64_unknown_linux_gnu="${CFLAGS_aarch64_unknown_linux_gnu:-} --param=builtin-string-cmp-inline-length=0"`
  help: install a cross compiler (`apt-get install gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
    check!(
        project.xpkg(&format!("plan --linker gcc --target {ARM_GNU}")),
        str![[r#"
exit 1
--- stderr
error[gcc-95189]: `gcc` (from `--linker`) miscompiles C for `aarch64-unknown-linux-gnu`
  cause: `aarch64-linux-gnu-gcc` has GCC bug 95189 (the call of `xpkg_95189_reached` is gone from its object), and aws-lc-sys 0.47.0 is security-sensitive
  help: install a compiler without the bug: all of GCC 9; 10.0 to 10.2 unless the distribution patched them; not 8, not 10.3 and later, never clang
  help: or use this workaround, which was tested and is recorded: `export CFLAGS_aarch64_unknown_linux_gnu="${CFLAGS_aarch64_unknown_linux_gnu:-} --param=builtin-string-cmp-inline-length=0"`

"#]]
    );
}

#[test]
fn what_checks_secrets_is_built_by_the_right_compiler_and_runs() {
    let Some(gcc) = old(
        "aarch64-linux-gnu-gcc-9",
        "what_checks_secrets_is_built_by_the_right_compiler_and_runs",
    ) else {
        return;
    };
    let project = Project::kept("secrets")
        .with("aarch64-linux-gnu-gcc-12")
        .with("aarch64-linux-gnu-ar")
        .with("qemu-aarch64-static");
    std::os::unix::fs::symlink(gcc, project.bin.join("aarch64-linux-gnu-gcc")).unwrap();
    let _ = std::fs::remove_dir_all(project.path("tree"));
    let run = project.xpkg(&format!("build --target {ARM_GNU}")).ok();
    assert!(
        run.stderr.contains(
            "    Refusing gcc for aarch64-unknown-linux-gnu: \
                             `aarch64-linux-gnu-gcc` has GCC bug 95189"
        ),
        "{}",
        run.stderr
    );
    let record = project.json("tree/manifest.json");
    assert_eq!(
        record["targets"][0]["toolchain"]["c_compiler"]["program"],
        "aarch64-linux-gnu-gcc-12"
    );
    the_schema_holds(&record);
    let output = starter(
        ARM_GNU,
        &project.path(&format!("tree/{ARM_GNU}/secrets/secrets")),
    )
    .output()
    .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "secrets: right true, wrong false\n"
    );
}

#[test]
fn another_compiler_that_is_here_is_advised_first() {
    let Some(project) = secrets("another_compiler_that_is_here_is_advised_first") else {
        return;
    };
    let project = project
        .env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
            "aarch64-linux-gnu-gcc",
        )
        .with("aarch64-linux-gnu-gcc-12");
    let run = project.xpkg(&format!("plan --target {ARM_GNU}"));
    let help: Vec<&str> = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("  help: "))
        .collect();
    assert_eq!(
        help[0],
        "  help: remove the choice: `aarch64-linux-gnu-gcc-12` is installed and passes its probes",
        "{}",
        run.stderr
    );
}

#[test]
fn the_next_compiler_that_passes_is_taken_and_that_is_said() {
    let Some(project) = secrets("the_next_compiler_that_passes_is_taken_and_that_is_said") else {
        return;
    };
    let project = project
        .with("aarch64-linux-gnu-gcc-12")
        .with("aarch64-linux-gnu-ar")
        .with("qemu-aarch64-static");
    check!(
        project.xpkg(&format!("plan --target {ARM_GNU}")),
        str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

aarch64-unknown-linux-gnu
  toolchain   gcc `aarch64-linux-gnu-gcc-12`: it compiles for `aarch64-linux-gnu`
  compiler    aarch64-linux-gnu-gcc-12 (gcc version 12.2.0 (Debian 12.2.0-14))
              gcc-95189: ok at -O2, by running it ok, ok with this build's flags
  rejected    native: links for the host's triple only, `x86_64-unknown-linux-gnu`
              gcc: `aarch64-linux-gnu-gcc` has GCC bug 95189 (the call of `xpkg_95189_reached` is gone from its object), and aws-lc-sys 0.47.0 is security-sensitive
  C           aws-lc-sys 0.47.0 (by `cc`), aws-lc-sys 0.47.0 (by `cmake`)
  std         installed
  environment CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc-12
              CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc-12
              AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar
              CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=[ROOT]/target/xpkg-cache/tools/[KEY]/aarch64-unknown-linux-gnu.cmake
              PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
              PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu=/
  runs        cd [ROOT] && CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc-12 AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=[ROOT]/target/xpkg-cache/tools/[KEY]/aarch64-unknown-linux-gnu.cmake PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu=/ cargo build --message-format json-render-diagnostics --target aarch64-unknown-linux-gnu --profile release --config 'target.aarch64-unknown-linux-gnu.linker="aarch64-linux-gnu-gcc-12"' --package secrets --bins
  stages      aarch64-unknown-linux-gnu/secrets/secrets

"#]]
    );
}

#[test]
fn a_workaround_flag_of_the_users_is_taken_and_recorded() {
    let Some(gcc) = old(
        "aarch64-linux-gnu-gcc-9",
        "a_workaround_flag_of_the_users_is_taken_and_recorded",
    ) else {
        return;
    };
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-ar")
        .with("aarch64-linux-gnu-ld");
    std::os::unix::fs::symlink(gcc, project.bin.join("aarch64-linux-gnu-gcc")).unwrap();
    // Its C checks no secrets: a warning, and the build goes on.
    let run = project.xpkg(&format!("build --target {ARM_GNU}")).ok();
    assert!(
        run.stderr
            .contains("warning[gcc-95189]: `aarch64-linux-gnu-gcc` has GCC bug 95189 ("),
        "{}",
        run.stderr
    );
    assert_eq!(
        project.json("target/xpkg/manifest.json")["targets"][0]["waivers"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let project = project.env(
        "CFLAGS_aarch64_unknown_linux_gnu",
        "--param=builtin-string-cmp-inline-length=0",
    );
    let run = project.xpkg(&format!("build --target {ARM_GNU}")).ok();
    assert!(
        run.stderr
            .contains("GCC bug 95189, which the flags of this build avoid"),
        "{}",
        run.stderr
    );
    let record = &project.json("target/xpkg/manifest.json")["targets"][0];
    assert_eq!(record["waivers"][0]["code"], "gcc-95189");
    let answer = &record["toolchain"]["probes"]["answers"][0];
    assert_eq!(
        (
            answer["baseline"]["verdict"].as_str(),
            answer["with_build_flags"]["3"]["verdict"].as_str()
        ),
        (Some("affected"), Some("ok"))
    );
}

#[test]
fn who_accepts_the_finding_goes_on_and_it_is_recorded() {
    let Some(project) = secrets("who_accepts_the_finding_goes_on_and_it_is_recorded") else {
        return;
    };
    let plan = project.xpkg(&format!(
        "build --accept gcc-95189 --locked --offline --target {ARM_GNU} --config build.jobs=0"
    ));
    // cargo refuses the jobs; that it was asked at all shows that the gate let it pass.
    assert!(
        plan.stderr.contains("warning[gcc-95189]") && plan.stderr.contains("     Linking"),
        "{}",
        plan.stderr
    );
}

#[test]
fn dev_profile_compiles_c_where_the_bug_does_not_bite() {
    let Some(project) = secrets("dev_profile_compiles_c_where_the_bug_does_not_bite") else {
        return;
    };
    let plan = project
        .xpkg(&format!("plan --profile dev --target {ARM_GNU}"))
        .ok();
    assert!(
        plan.stdout.contains("gcc-95189: affected at -O2"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("ok with this build's flags"),
        "{}",
        plan.stdout
    );
}

/// Whether `plan` with these variables and arguments is stopped by the bug.
fn stopped(project: &Project, variables: &[(&str, &str)], args: &str) -> bool {
    let run = project.xpkg_with(variables, &format!("plan --target {ARM_GNU} {args}"));
    let stopped = run.stderr.contains("error[gcc-95189]");
    assert_eq!(stopped, run.code == Some(1), "{}{}", run.stdout, run.stderr);
    stopped
}

#[test]
fn the_level_is_the_one_at_which_cargo_has_c_compiled() {
    let Some(project) = secrets("the_level_is_the_one_at_which_cargo_has_c_compiled") else {
        return;
    };
    let (sys, own) = ("aws-lc-sys", "secrets");
    assert!(!stopped(&project, &[], "--profile dev"));
    assert!(stopped(
        &project,
        &[("CARGO_PROFILE_DEV_OPT_LEVEL", "3")],
        "--profile dev"
    ));
    assert!(stopped(
        &project,
        &[],
        "--profile dev --config profile.dev.opt-level=0 --config profile.dev.opt-level=3"
    ));
    assert!(!stopped(
        &project,
        &[],
        "--profile dev --config profile.dev.opt-level=3 --config profile.dev.opt-level=0"
    ));
    assert!(stopped(
        &project,
        &[],
        &format!("--profile dev --config profile.dev.package.{sys}.opt-level=2")
    ));
    assert!(!stopped(
        &project,
        &[],
        &format!("--profile dev --config profile.dev.package.{own}.opt-level=2")
    ));
    assert!(!stopped(
        &project,
        &[],
        "--config 'profile.release.package.\"*\".opt-level=1'"
    ));
}

#[test]
fn flags_that_make_the_probe_fail_do_not_clear_a_wrong_compiler() {
    let Some(project) = secrets("flags_that_make_the_probe_fail_do_not_clear_a_wrong_compiler")
    else {
        return;
    };
    for flags in [
        "-Werror -Wmissing-prototypes -Wmissing-declarations",
        "-include nothing-of-this-name.h",
        "-S",
        "-flto",
    ] {
        assert!(
            stopped(&project, &[("CFLAGS_aarch64_unknown_linux_gnu", flags)], ""),
            "{flags}"
        );
    }
    assert!(!stopped(
        &project,
        &[("CFLAGS_aarch64_unknown_linux_gnu", "-fno-builtin")],
        ""
    ));
}

#[test]
fn a_cache_in_front_of_a_compiler_does_not_hide_it() {
    let Some(project) = secrets("a_cache_in_front_of_a_compiler_does_not_hide_it") else {
        return;
    };
    let project = project.fake("ccache", "run\n");
    assert!(stopped(
        &project,
        &[(
            "CC_aarch64_unknown_linux_gnu",
            "ccache aarch64-linux-gnu-gcc"
        )],
        ""
    ));
}

#[test]
fn what_is_accepted_counts_only_where_nothing_passes_without() {
    let Some(project) = secrets("what_is_accepted_counts_only_where_nothing_passes_without") else {
        return;
    };
    let line = format!("plan --accept gcc-95189 --target {ARM_GNU}");
    let plan = project.xpkg(&line).ok().stdout;
    assert!(
        plan.contains("  toolchain   gcc `aarch64-linux-gnu-gcc`"),
        "{plan}"
    );
    let plan = project
        .with("aarch64-linux-gnu-gcc-12")
        .xpkg(&line)
        .ok()
        .stdout;
    assert!(
        plan.contains("  toolchain   gcc `aarch64-linux-gnu-gcc-12`"),
        "{plan}"
    );
}

/// Adds a build script that stands on C, by a crate that is called as one that checks secrets.
pub fn with_c_in_a_build_script(project: &Project) {
    project.append(
        "Cargo.toml",
        "[build-dependencies]\nring = { path = \"ring\" }\n",
    );
    project.write(
        "ring/Cargo.toml",
        "[package]\nname = \"ring\"\nversion = \"0.17.0\"\nedition = \
         \"2024\"\n[build-dependencies]\ncc = { path = \"../cc\" }\n",
    );
    project.write("ring/src/lib.rs", "");
    project.write("ring/build.rs", "fn main() {}");
    project.write(
        "cc/Cargo.toml",
        "[package]\nname = \"cc\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
    );
    project.write("cc/src/lib.rs", "");
}

#[test]
fn the_hosts_own_compiler_passes_the_same_gate() {
    let Some(gcc) = old(
        "x86_64-linux-gnu-gcc-9",
        "the_hosts_own_compiler_passes_the_same_gate",
    ) else {
        return;
    };
    let project = Project::of("hello");
    with_c_in_a_build_script(&project);
    let variables = [("HOST_CC", gcc.to_str().unwrap())];
    // Build scripts are compiled at level 0 unless someone says otherwise.
    let plan = project
        .xpkg_with(&variables, &format!("plan --target {ARM_MUSL}"))
        .ok()
        .stdout;
    assert!(
        plan.contains("host cc    gcc-95189: the host's `"),
        "{plan}"
    );
    let line = format!(
        "plan --target {ARM_MUSL} --config profile.release.build-override.opt-level=2 --config \
         'profile.release.package.\"*\".opt-level=2'"
    );
    let line = line.replace(
        "--config 'profile.release.package.\"*\".opt-level=2'",
        "--config profile.release.package.ring.opt-level=2",
    );
    let run = project.xpkg_with(&variables, &line);
    assert!(
        run.stderr.contains("error[gcc-95189]: the host's `") && run.code == Some(1),
        "{}",
        run.stderr
    );
    let built = project.xpkg_with(
        &variables,
        &line.replace("plan", "build -q --accept gcc-95189"),
    );
    let record = &built.ok().root_json("target/xpkg/manifest.json")["targets"][0];
    assert_eq!(record["waivers"][0]["code"], "gcc-95189");
    assert_eq!(
        record["host_probes"]["answers"][0]["baseline"]["verdict"],
        "affected"
    );
}

#[test]
fn headers_of_glibc_do_not_serve_musl_whatever_the_flags() {
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .env("CC_aarch64_unknown_linux_musl", "aarch64-linux-gnu-gcc");
    for flags in ["-flto", "-Werror -Wmissing-prototypes"] {
        let run = project.xpkg_with(&[("CFLAGS", flags)], &format!("plan --target {ARM_MUSL}"));
        assert!(
            run.stderr.contains("uses the headers of glibc"),
            "{flags}: {}{}",
            run.stdout,
            run.stderr
        );
    }
}

#[test]
fn headers_of_glibc_do_not_serve_musl() {
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .env("CC_aarch64_unknown_linux_musl", "aarch64-linux-gnu-gcc");
    check!(
        project.xpkg(&format!("plan --target {ARM_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `aarch64-unknown-linux-musl`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-musl-gcc` is not on PATH
         clang    would use the host's C library for aarch64-linux-musl: it needs a sysroot
         rust-lld `aarch64-linux-gnu-gcc` uses the headers of glibc 2.36, but the target's C library is musl
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  C in: with-c 0.1.0 (by `cc`)
  help: correct or remove `CC_aarch64_unknown_linux_musl`, which is set in the environment
  help: or, if that C is never compiled for the target, set `c-dependencies = false` in xpkg's configuration

"#]]
    );
}

/// A fake that says of itself what a gcc 12 for aarch64 says, and otherwise does what the script
/// says.
fn pretender(script: &str) -> Project {
    let itself = "on -v err Target: aarch64-linux-gnu\non -v err gcc version 12.2.0 \
                  (Pretender)\non -v exit 0\n";
    Project::of("with-c").fake("aarch64-linux-gnu-gcc", &format!("{itself}{script}"))
}

/// What `plan` says of the probe for such a compiler.
fn told(script: &str) -> String {
    let run = pretender(script).xpkg(&format!("plan --target {ARM_GNU}"));
    let lines = run.stdout.lines().chain(run.stderr.lines()).map(str::trim);
    let line = lines
        .filter(|line| line.contains("aarch64-linux-gnu-gcc` "))
        .map(str::to_owned)
        .next();
    line.unwrap_or_else(|| panic!("{}{}", run.stdout, run.stderr))
}

const INCONCLUSIVE: &str =
    "gcc-95189: `aarch64-linux-gnu-gcc` could not be probed for GCC bug 95189: ";

#[test]
fn what_only_pretends_to_be_a_compiler_is_told_and_bounded() {
    let real = tool("gcc").display().to_string();
    assert_eq!(
        told("on -c exit 0\n"),
        format!("{INCONCLUSIVE}it succeeded but did not write an object")
    );
    assert_eq!(
        told("on -c err error: no licence\non -c exit 3\n"),
        format!("{INCONCLUSIVE}it exited with 3: error: no licence")
    );
    assert_eq!(told("on -c crash\n"), format!("{INCONCLUSIVE}it crashed"));
    assert_eq!(
        told("on -c flood 20\non -c exit 1\n"),
        format!(
            "{INCONCLUSIVE}`aarch64-linux-gnu-gcc` wrote more than 16 MiB, of which xpkg would read \
             a part"
        )
    );
    assert_eq!(
        told(&format!(
            "on -c give {}\n",
            repository().join("README.md").display()
        )),
        format!("{INCONCLUSIVE}its output is not an object file")
    );
    // It compiles well, but for another machine than it says.
    assert_eq!(
        told(&format!("exec {real}\n")),
        "gcc      `aarch64-linux-gnu-gcc` writes objects for EM_X86_64, not for EM_AARCH64"
    );
}

#[test]
fn a_compiler_that_hangs_is_ended() {
    let project = pretender("on -c sleep 600\n");
    let began = std::time::Instant::now();
    let run = project.xpkg(&format!("plan --target {ARM_GNU}")).ok();
    assert!(
        run.stdout.contains("it did not finish within 5 s"),
        "{}",
        run.stdout
    );
    assert!(began.elapsed().as_secs() < 60);
    let mute = Project::of("with-c").fake("aarch64-linux-gnu-gcc", "sleep 600\n");
    let run = mute.xpkg(&format!("plan --target {ARM_GNU}"));
    assert!(
        run.stderr
            .contains("the target of `aarch64-linux-gnu-gcc` is unknown (`-v` failed)"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_probe_that_was_not_run_in_time_is_told_and_run_again() {
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .fake("qemu-aarch64", "sleep 600\n");
    let line = |project: &Project| {
        let run = project.xpkg(&format!("plan --target {ARM_GNU}")).ok();
        run.stdout
            .lines()
            .find(|line| line.contains("gcc-95189"))
            .map(|line| line.trim().to_owned())
            .unwrap()
    };
    assert_eq!(
        line(&project),
        "gcc-95189: ok at -O2, by running it inconclusive, ok with this build's flags"
    );
    // To whoever looks, it is the same emulator.
    std::fs::write(
        project.bin.join("qemu-aarch64.script"),
        format!("exec {}\n", tool("qemu-aarch64-static").display()),
    )
    .unwrap();
    assert_eq!(
        line(&project),
        "gcc-95189: ok at -O2, by running it ok, ok with this build's flags"
    );
}

#[test]
fn a_directory_is_no_compiler() {
    let project = Project::of("with-c");
    std::fs::create_dir(project.bin.join("aarch64-linux-gnu-gcc")).unwrap();
    let run = project.xpkg(&format!("plan --target {ARM_GNU}"));
    assert!(
        run.stderr
            .contains("gcc      `aarch64-linux-gnu-gcc` is not on PATH"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_version_that_lies_does_not_clear_a_wrong_compiler() {
    let Some(gcc) = old(
        "aarch64-linux-gnu-gcc-9",
        "a_version_that_lies_does_not_clear_a_wrong_compiler",
    ) else {
        return;
    };
    let run = pretender(&format!("exec {}\n", gcc.display()))
        .xpkg(&format!("plan --target {ARM_GNU}"))
        .ok();
    assert!(
        run.stdout
            .contains("(gcc version 12.2.0 (Pretender))\n              gcc-95189: affected at -O2"),
        "{}",
        run.stdout
    );
}

#[test]
fn answers_are_kept_and_a_damaged_cache_is_none() {
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar");
    let cache = project
        .root
        .parent()
        .unwrap()
        .join(".cache/cargo-xpkg/probes");
    let plan = || {
        project
            .xpkg(&format!("plan --target {X86_MUSL}"))
            .ok()
            .stdout
    };
    let first = plan();
    let files = || -> Vec<PathBuf> {
        std::fs::read_dir(&cache)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    };
    assert_eq!(files().len(), 1);
    // An answer that is read is not written again.
    let inode = || std::fs::metadata(&files()[0]).unwrap().ino();
    let written = inode();
    assert_eq!((plan(), inode()), (first.clone(), written));
    for damage in ["", "{", "{\"compiler\":1}"] {
        std::fs::write(&files()[0], damage).unwrap();
        assert_eq!(plan(), first);
    }
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, "a file where the cache should be").unwrap();
    assert_eq!(plan(), first);
    // Another flag is another question.
    std::fs::remove_file(&cache).unwrap();
    plan();
    let more = Project::env(project, "CFLAGS", "-DMORE");
    more.xpkg(&format!("plan --target {X86_MUSL}")).ok();
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 2);
}

#[test]
fn a_graph_without_c_asks_no_compiler() {
    let project = Project::of("hello").fake(
        "aarch64-linux-gnu-gcc",
        "on -v err Target: aarch64-linux-gnu\non -v exit 0\nexit 9\n",
    );
    let plan = project
        .xpkg(&format!("plan --target {ARM_GNU},{HOST}"))
        .ok();
    assert!(!plan.stdout.contains("gcc-95189"), "{}", plan.stdout);
    assert!(
        !project
            .root
            .parent()
            .unwrap()
            .join(".cache/cargo-xpkg/probes")
            .exists()
    );
}

#[test]
fn doctor_checks_all_compilers_of_a_machine_without_a_project() {
    const TEST: &str = "doctor_checks_all_compilers_of_a_machine_without_a_project";
    let Some(gcc_9) = old("aarch64-linux-gnu-gcc-9", TEST) else {
        return;
    };
    let project = Project::empty()
        .with("clang")
        .with_tool("aarch64-linux-gnu-gcc-9", &gcc_9)
        .fake(
            "broken-gcc",
            "err Target: riscv64-linux-gnu\nerr gcc version 1.0.0 ()\nexit 1\n",
        );
    let run = project.xpkg("doctor --compilers");
    check!(
        run,
        str![[r#"
exit 1
--- stdout
aarch64-linux-gnu-gcc-9  aarch64-linux-gnu    gcc version [VERSION]  gcc-95189 affected, 5 ok
broken-gcc               riscv64-linux-gnu    gcc version [VERSION]  gcc-95189 inconclusive
cc                       x86_64-linux-gnu     gcc version [VERSION]  7 probes ok
clang                    x86_64-pc-linux-gnu  Debian clang version [VERSION]  7 probes ok
rustc [VERSION]: 1 probe ok

affected[gcc-95189]: `aarch64-linux-gnu-gcc-9`: the call of `xpkg_95189_reached` is gone from its object
  help: see what it means and what avoids it: `cargo xpkg --explain gcc-95189`

inconclusive[gcc-95189]: `broken-gcc`: it exited with 1: gcc version 1.0.0 ()
  help: see what it means and what avoids it: `cargo xpkg --explain gcc-95189`

"#]]
    );
    let json = project.xpkg("doctor --compilers --message-format json");
    assert_eq!(json.code, Some(1));
    let check: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let first = &check["compilers"][0];
    assert_eq!(first["compiler"]["program"], "aarch64-linux-gnu-gcc-9");
    assert_eq!(first["report"]["answers"][0]["probe"], "gcc-95189");
    assert_eq!(
        first["report"]["answers"][0]["baseline"]["verdict"],
        "affected"
    );
    let project = project
        .without("aarch64-linux-gnu-gcc-9")
        .without("broken-gcc");
    project.xpkg("doctor --compilers").ok();
}
