//! zig with the real zig: floors held, arguments it does not know, what it compiles first, what it
//! strips.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_xpkg::toolchain::zig::arguments::{ARG_REWRITES, Action};
use snapbox::str;

use crate::check;
use crate::support::{
    ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, repository, skipped, starter, tool,
};

/// The zig that `cargo xtask setup` brought; without it the test is skipped, by name.
pub fn zig(test: &str) -> Option<PathBuf> {
    let path = repository().join("target/toolchains/zig/ziglang/zig");
    if !path.exists() {
        assert_ne!(
            std::env::var("XPKG_SKIP").as_deref(),
            Ok("never"),
            "zig is not there: `cargo xtask setup` says why"
        );
        skipped(test, "zig is not there: `cargo xtask setup` says why");
        return None;
    }
    Some(path)
}

/// A project with zig on PATH, which keeps what it compiles between the tests.
pub fn project(fixture: &str, test: &str) -> Option<Project> {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("zig-cache");
    let project = Project::of(fixture).with_tool("zig", &zig(test)?);
    Some(project.env("ZIG_GLOBAL_CACHE_DIR", cache.to_str().unwrap()))
}

/// What a staged bin says when it is started.
fn said(project: &Project, target: &str, path: &str) -> String {
    let output = starter(
        target,
        &project.path(&format!("target/xpkg/{target}/{path}")),
    )
    .output()
    .unwrap();
    assert!(output.status.success(), "{target}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The highest version of glibc that a staged bin asks for, by readelf; `None`: it asks for none.
fn glibc(project: &Project, path: &str) -> Option<(u32, u32)> {
    let output = Command::new(tool("readelf"))
        .arg("-V")
        .arg(project.path(&format!("target/xpkg/{path}")))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let versions = text.split("GLIBC_").skip(1).filter_map(|rest| {
        let mut parts = rest
            .split_whitespace()
            .next()?
            .split('.')
            .map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    });
    versions.max()
}

fn sections(project: &Project, path: &str) -> String {
    let output = Command::new(tool("readelf"))
        .args(["-S", "-W"])
        .arg(project.path(&format!("target/xpkg/{path}")))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn zig_compiles_c_and_links_for_musl_and_for_a_floor() {
    let Some(project) = project(
        "with-c",
        "zig_compiles_c_and_links_for_musl_and_for_a_floor",
    ) else {
        return;
    };
    let floor = format!("{ARM_GNU}.2.17");
    project
        .xpkg(&format!("build -q --target {ARM_MUSL},{floor}"))
        .ok();
    for target in [ARM_MUSL, ARM_GNU] {
        assert_eq!(
            said(&project, target, "with-c/with-c"),
            "with-c: same 6, other -1\n",
            "{target}"
        );
    }
    assert_eq!(glibc(&project, &format!("{ARM_MUSL}/with-c/with-c")), None);
    let found = glibc(&project, &format!("{ARM_GNU}/with-c/with-c")).unwrap();
    assert!(found <= (2, 17), "{found:?}");
    let manifest = project.json("target/xpkg/manifest.json");
    crate::build::chat::the_schema_holds(&manifest);
    for target in manifest["targets"].as_array().unwrap() {
        assert_eq!(
            (
                &target["toolchain"]["kind"],
                &target["toolchain"]["linker"]["version"]
            ),
            (&"zig".into(), &"zig 0.17.0".into())
        );
    }
    // Once more: nothing to compile, nothing to ask.
    let again = project
        .xpkg(&format!("build --target {ARM_MUSL},{floor}"))
        .ok();
    assert!(
        again.stderr.contains("Unchanged 2 bins"),
        "{}",
        again.stderr
    );
    // The wrappers are xpkg's own.
    project.xpkg("clean").ok();
    assert!(!project.path("target/xpkg-cache").exists());
}

#[test]
fn the_hosts_own_triple_can_have_a_floor() {
    let Some(project) = project("hello", "the_hosts_own_triple_can_have_a_floor") else {
        return;
    };
    project.xpkg(&format!("build -q --target {HOST}.2.17")).ok();
    assert_eq!(
        said(&project, HOST, "hello/hello"),
        "hello from x86_64 linux gnu\n"
    );
    let found = glibc(&project, &format!("{HOST}/hello/hello")).unwrap();
    assert!(found <= (2, 17), "{found:?}");
    // One that the host's own glibc keeps needs no zig.
    let run = project.xpkg(&format!("plan --target {HOST}.2.40")).ok();
    assert!(
        run.stdout
            .contains("native: the target is the host's own triple, and its glibc is 2.36"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_floor_that_zig_does_not_know_is_an_error() {
    let Some(project) = project("hello", "a_floor_that_zig_does_not_know_is_an_error") else {
        return;
    };
    check!(
        project.xpkg(&format!("build --target {ARM_GNU}.2.99")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `aarch64-unknown-linux-gnu.2.99`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-gnu-gcc` is not on PATH
         clang    `clang` is not on PATH
         rust-lld links for musl only: for gnu it needs a sysroot
         zig      zig 0.17.0 links for glibc 2.17 to 2.44, not for 2.99
         image    none is configured for this target
  help: or build on a system whose glibc is as old as the floor

"#]]
    );
}

/// The names of the libraries that zig keeps in a cache.
fn archives(cache: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(cache.join("o")).unwrap();
    let files = entries.flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap());
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".a")).collect()
}

#[test]
fn what_zig_compiles_first_is_announced_once() {
    let Some(project) = project("hello", "what_zig_compiles_first_is_announced_once") else {
        return;
    };
    let cold = project.path("zig-cache");
    let project = project.env("ZIG_GLOBAL_CACHE_DIR", cold.to_str().unwrap());
    let build = format!("build --target {HOST}.2.17");
    let announced = "   Preparing zig: glibc for x86_64-linux-gnu.2.17, some seconds of \
                     compiling, once on this machine\n";
    assert!(project.xpkg(&build).ok().stderr.contains(announced));
    assert!(!project.xpkg(&build).ok().stderr.contains("Preparing"));
    // What the link needs, and no library of a sanitizer.
    let compiled = archives(&cold);
    assert!(compiled.contains("libcompiler_rt.a"), "{compiled:?}");
    assert!(!compiled.contains("libubsan_rt.a"), "{compiled:?}");
    std::fs::remove_dir_all(&cold).unwrap();
    assert!(project.xpkg(&build).ok().stderr.contains(announced));
}

#[test]
fn debug_information_goes_and_symbols_stay_whatever_links() {
    let Some(project) = project(
        "hello",
        "debug_information_goes_and_symbols_stay_whatever_links",
    ) else {
        return;
    };
    let path = format!("{HOST}/hello/hello");
    for (flags, symbols, debug) in [
        ("", true, false),
        ("--config profile.release.strip='\"symbols\"'", false, false),
        ("--config profile.release.debug=1", true, true),
    ] {
        for target in [HOST.to_owned(), format!("{HOST}.2.17")] {
            project
                .xpkg(&format!("build -q --target {target} {flags}"))
                .ok();
            let sections = sections(&project, &path);
            assert_eq!(
                (
                    sections.contains(".symtab"),
                    sections.contains(".debug_info")
                ),
                (symbols, debug),
                "{target} {flags}\n{sections}"
            );
        }
    }
}

#[test]
fn an_argument_that_zig_does_not_know_is_named_with_the_way_round() {
    let Some(project) = project(
        "hello",
        "an_argument_that_zig_does_not_know_is_named_with_the_way_round",
    ) else {
        return;
    };
    let project = project.env("RUSTFLAGS", "-Clink-arg=-Wl,--export-dynamic-symbol=main");
    let run = project.xpkg(&format!("build -q --target {HOST}.2.17"));
    assert_eq!(run.code, Some(101));
    let told =
        "error[zig-argument]: zig does not know the linker argument `--export-dynamic-symbol`";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    // No other linker of this machine keeps the floor; `cc` serves without one.
    let help = "\n  help: or install a cross compiler for this target\n";
    assert!(run.stderr.ends_with(help), "{}", run.stderr);
    let run = project.xpkg(&format!("build -q --linker zig --target {HOST}"));
    let help = "\n  help: or choose another linker for this target: `--linker native`\n";
    assert!(run.stderr.ends_with(help), "{}", run.stderr);
    project
        .xpkg(&format!("build -q --linker native --target {HOST}"))
        .ok();
}

/// Every row at once, on the command line and in the file that rustc writes when that is too long.
#[test]
fn what_the_rows_take_out_does_not_stop_a_link() {
    let Some(project) = project("hello", "what_the_rows_take_out_does_not_stop_a_link") else {
        return;
    };
    let flags = |is_static: bool| {
        let rows = ARG_REWRITES.iter();
        let rows = rows.filter(|row| (row.action == Action::DropIfStatic) == is_static);
        let flags = rows.map(|row| format!("-Clink-arg=-Wl,{}", example(row.flag)));
        flags.collect::<Vec<String>>().join("\u{1f}")
    };
    let project = project.env("CARGO_ENCODED_RUSTFLAGS", &flags(true));
    project
        .xpkg(&format!("build -q --linker zig --target {X86_MUSL}"))
        .ok();
    assert_eq!(
        said(&project, X86_MUSL, "hello/hello"),
        "hello from x86_64 linux musl\n"
    );
    let run = project.xpkg(&format!("build -q --target {HOST}.2.17"));
    assert!(
        run.stderr.contains(
            "error[zig-argument]: zig does not know the linker argument `--dynamic-list`"
        ),
        "{}",
        run.stderr
    );
    let project = project.env("CARGO_ENCODED_RUSTFLAGS", &flags(false));
    project.xpkg(&format!("build -q --target {HOST}.2.17")).ok();
    project.write(
        "build.rs",
        r#"fn main() { for name in 0..40 { println!("cargo::rustc-link-arg=-L/{name}/a b{}", "/x".repeat(50_000)); } }"#,
    );
    project.xpkg(&format!("build -q --target {HOST}.2.17")).ok();
    assert_eq!(
        said(&project, HOST, "hello/hello"),
        "hello from x86_64 linux gnu\n"
    );
}

/// One source means the same by every compiler, at every level of optimization: what it defines,
/// and whether `assert()` is there.
#[test]
fn zig_keeps_the_assertions_that_gcc_keeps() {
    let Some(project) = project("hello", "zig_keeps_the_assertions_that_gcc_keeps") else {
        return;
    };
    let project = project.with("gcc");
    let run = project
        .xpkg(&format!("env --linker zig --target {X86_MUSL}"))
        .ok();
    let zig = run
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("export CC_x86_64_unknown_linux_musl="))
        .unwrap();
    let zig = project.path("target/xpkg-cache/tools/bin").join(zig);
    let zig = zig.to_str().unwrap();
    // These decide what sources do; others name the compiler.
    project.write(
        "what.c",
        "#ifdef NDEBUG\nndebug\n#endif\n#ifdef __OPTIMIZE__\noptimize\n#endif\n#ifdef \
         __OPTIMIZE_SIZE__\nsize\n#endif\n#ifdef __FAST_MATH__\nfast\n#endif\n#ifdef \
         _FORTIFY_SOURCE\nfortify\n#endif\n",
    );
    for level in [
        "-O0",
        "-O1",
        "-O2",
        "-O3",
        "-Os",
        "-O2 -DNDEBUG",
        "-DNDEBUG -O0",
    ] {
        let defined = |compiler: &str| {
            let line = format!("'{compiler}' {level} -E -P what.c");
            project
                .shell(&line)
                .ok()
                .stdout
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(defined(zig), defined("gcc"), "{level}");
    }
    let object = format!(
        "'{zig}' -O2 -c assert.c -o assert.o && grep -q __assert_fail assert.o && '{zig}' -O2 \
         -DNDEBUG -c assert.c -o no.o && ! grep -q __assert_fail no.o"
    );
    project.write(
        "assert.c",
        "#include <assert.h>\nint f(int x) { assert(x); return x; }\n",
    );
    project.with("grep").shell(&object).ok();
}

/// Each row is needed: zig itself refuses the argument, or strips what should stay.
#[test]
fn each_row_names_what_zig_does_not_take() {
    let Some(zig) = zig("each_row_names_what_zig_does_not_take") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("in.c"),
        "int main(void) { return 0; }",
    )
    .unwrap();
    let refused = |flag: &str| {
        let output = Command::new(&zig)
            .args([
                "cc",
                "-target",
                "x86_64-linux-gnu.2.28",
                "in.c",
                "-o",
                "out",
            ])
            .arg(format!("-Wl,{flag}"))
            .env(
                "ZIG_GLOBAL_CACHE_DIR",
                PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("zig-cache"),
            )
            .current_dir(directory.path())
            .output()
            .unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        !output.status.success() || words.contains("warning: ")
    };
    assert!(!refused("--as-needed"));
    let accepted: Vec<&str> = ARG_REWRITES
        .iter()
        .map(|row| row.flag)
        .filter(|flag| !refused(&example(flag)))
        .collect();
    assert_eq!(accepted, ["--strip-debug"]);
}

/// An argument that a row takes.
fn example(flag: &str) -> String {
    match (flag.strip_suffix('*'), flag.ends_with('=')) {
        (Some(beginning), _) if flag.contains("threads") => format!("{beginning}4"),
        (Some(beginning), _) => format!("{beginning}x86_64"),
        (None, true) => format!("{flag}2"),
        (None, false) => flag.to_owned(),
    }
}

/// The Python that runs: what is on PATH may be a script that chooses among several.
fn real_python() -> PathBuf {
    let asked = Command::new(tool("python3"))
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .unwrap();
    PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim())
}

#[test]
fn pipx_is_suggested_where_pip_refuses_to_install() {
    let plan = format!("plan --linker zig --target {ARM_MUSL}");
    for (managed, command) in [("True", "pipx"), ("False", "pip")] {
        let python = format!("out \nout {managed}\nout /usr/lib/python3\n");
        let run = Project::of("hello").fake("python3", &python).xpkg(&plan);
        assert_eq!(
            run.stderr,
            format!(
                "error[linker-unfit]: `zig` (from `--linker`) cannot link for `{ARM_MUSL}`\n  cause: \
                 not on PATH, and `python3 -m ziglang` failed\n  help: install zig: `{command} \
                 install ziglang`\n"
            )
        );
    }
}

/// The environment that pipx makes: a Python of its own, and a script that is linked from PATH.
#[test]
fn zig_is_found_through_the_program_of_pipx() {
    let Some(zig) = zig("zig_is_found_through_the_program_of_pipx") else {
        return;
    };
    let project = Project::of("hello");
    let python = real_python();
    let version = Command::new(&python)
        .args([
            "-c",
            "import sys; print('python%d.%d' % sys.version_info[:2])",
        ])
        .output()
        .unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let packages = format!("pipx/lib/{}/site-packages", version.trim());
    let home = python.parent().unwrap().to_str().unwrap();
    project.write("pipx/pyvenv.cfg", &format!("home = {home}\n"));
    project.write("pipx/bin/python-zig", "#!/bin/sh\nexit 1\n");
    std::fs::create_dir_all(project.path(&packages)).unwrap();
    let link = |to: &Path, at: &str| std::os::unix::fs::symlink(to, project.path(at)).unwrap();
    link(zig.parent().unwrap(), &format!("{packages}/ziglang"));
    link(&python, "pipx/bin/python");
    let program = project.path("pipx/bin/python-zig");
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let project = project.with_tool("python-zig", &program);
    let run = project
        .xpkg(&format!("plan --linker zig --target {ARM_MUSL}"))
        .ok();
    assert!(
        run.stdout.contains(
            "  toolchain   zig: it includes musl and compiles C and C++ for it \
             (chosen by `--linker`)\n"
        ),
        "{}",
        run.stdout
    );
}

#[test]
fn zig_is_found_through_python() {
    let Some(zig) = zig("zig_is_found_through_python") else {
        return;
    };
    let packages = zig
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let plan = format!("plan --linker zig --target {ARM_MUSL}");
    let python = real_python();
    let project = Project::of("hello").with_tool("python3", &python);
    assert_eq!(project.xpkg(&plan).code, Some(1));
    // What was not there a moment ago is seen when it comes.
    let project = project.env("PYTHONPATH", &packages);
    let run = project.xpkg(&plan).ok();
    assert!(
        run.stdout.contains(
            "  toolchain   zig: it includes musl and compiles C and C++ for it \
                             (chosen by `--linker`)\n"
        ),
        "{}",
        run.stdout
    );
    let doctor = project.xpkg("doctor").ok();
    let line = doctor
        .stdout
        .lines()
        .find(|line| line.starts_with("  zig "))
        .unwrap();
    assert!(
        line.contains("any Linux")
            && line.contains("zig 0.17.0 (")
            && line.ends_with("probed for each target"),
        "{line}"
    );
}

#[test]
fn cxx_for_musl_is_compiled_by_zig_and_c_by_the_gcc_for_musl() {
    let Some(project) = project(
        "native",
        "cxx_for_musl_is_compiled_by_zig_and_c_by_the_gcc_for_musl",
    ) else {
        return;
    };
    let project = [
        "x86_64-linux-musl-gcc",
        "x86_64-linux-gnu-gcc",
        "ar",
        "ranlib",
    ]
    .iter()
    .fold(project, |project, tool| project.with(tool));
    project
        .xpkg(&format!("build -q -p native-cpp --target {X86_MUSL}"))
        .ok();
    assert_eq!(
        said(&project, X86_MUSL, "native-cpp/cpp"),
        "cpp: half of 42 is 21, caught \"43 is odd\"\n"
    );
    let toolchain = &project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"];
    assert_eq!(
        (&toolchain["kind"], &toolchain["c_compiler"]["program"]),
        (&"zig".into(), &"x86_64-linux-musl-gcc".into())
    );
}

#[test]
fn a_zig_that_is_there_and_fails_says_so() {
    let project = Project::of("hello").fake("zig", "err no home for its cache\nexit 1\n");
    let run = project.xpkg(&format!("plan --target {ARM_GNU}"));
    assert!(
        run.stderr
            .contains("/bin/zig env` failed: no home for its cache"),
        "{}",
        run.stderr
    );
}

#[test]
fn each_zig_has_wrappers_of_its_own() {
    let Some(zig) = zig("each_zig_has_wrappers_of_its_own") else {
        return;
    };
    let project = Project::of("hello").with_tool("zig", &zig);
    let linker = |project: &Project| {
        let plan = project
            .xpkg(&format!(
                "plan --linker zig --target {ARM_MUSL} --message-format json"
            ))
            .ok();
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        plan["targets"][0]["toolchain"]["linker"]["program"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = linker(&project);
    // The same program at another place is the same zig, with the library beside it.
    let other = project.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(&zig, other.join("zig")).unwrap();
    std::os::unix::fs::symlink(zig.parent().unwrap().join("lib"), other.join("lib")).unwrap();
    let project = project.with_tool("zig", &other.join("zig"));
    assert_eq!(linker(&project), first);
    // Another program is another one, whatever version it prints.
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(other.join("zig"))
        .unwrap();
    std::io::Write::write_all(&mut file, b"\n").unwrap();
    drop(file);
    assert_ne!(linker(&project), first);
}

#[test]
fn the_hosts_own_compiler_does_not_compile_for_an_older_glibc() {
    let Some(project) = project(
        "with-c",
        "the_hosts_own_compiler_does_not_compile_for_an_older_glibc",
    ) else {
        return;
    };
    let project = project.with("gcc").with("ar").env("CC", "gcc");
    let run = project.xpkg(&format!("plan --target {HOST}.2.17")).ok();
    assert!(
        run.stdout.contains("ignored     `CC=gcc`"),
        "{}",
        run.stdout
    );
    project.xpkg(&format!("build -q --target {HOST}.2.17")).ok();
    assert!(glibc(&project, &format!("{HOST}/with-c/with-c")).unwrap() <= (2, 17));
    // Named for the target, it is taken, and falls.
    let run = project
        .env("CC_x86_64_unknown_linux_gnu", "gcc")
        .xpkg(&format!("plan --target {HOST}.2.17"));
    assert!(
        run.stderr
            .contains("zig      links against glibc 2.36, above the floor of 2.17"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_floor_that_the_processor_never_had_is_refused_before_compiling() {
    let Some(project) = project(
        "hello",
        "a_floor_that_the_processor_never_had_is_refused_before_compiling",
    ) else {
        return;
    };
    let run = project.xpkg("plan --target riscv64gc-unknown-linux-gnu.2.17");
    assert!(
        run.stderr
            .contains("links for glibc 2.27 to 2.44, not for 2.17"),
        "{}",
        run.stderr
    );
}

/// zig's run-time library cannot ask the processor; gcc's can, and needs no later glibc.
#[test]
fn c_that_asks_the_processor_is_told_whose_library_answers() {
    let Some(project) = project(
        "with-c",
        "c_that_asks_the_processor_is_told_whose_library_answers",
    ) else {
        return;
    };
    project.write(
        "c/compare.c",
        "int compare_text(const char *left, const char *right)\n{\n    (void)left;\n    \
         __builtin_cpu_init();\n    return __builtin_cpu_supports(\"sse2\") && right[5] == 'C' ? 0 : \
         1;\n}\n",
    );
    let target = format!("{HOST}.2.17");
    let build = format!("build --linker zig --target {target}");
    let run = project.xpkg(&build);
    let told = run
        .stderr
        .find("error[symbol-missing]")
        .map(|at| &run.stderr[at..]);
    assert_eq!(
        told,
        Some(
            "error[symbol-missing]: zig found no `__cpu_indicator_init`, `__cpu_model`\n  cause: C of the \
             graph asks for extensions of the processor at run time (`__builtin_cpu_supports`, \
             `target_clones`), which gcc's run-time library answers; zig and Rust have none\n  target: \
             x86_64-unknown-linux-gnu.2.17\n  help: link gcc's: `rustflags = [\"-Clink-arg=FILE\"]` \
             for the target, where FILE is what `gcc -print-libgcc-file-name` prints\n"
        ),
        "{}",
        run.stderr
    );
    let library = Command::new(tool("gcc"))
        .arg("-print-libgcc-file-name")
        .output()
        .unwrap();
    let library = String::from_utf8(library.stdout).unwrap();
    project.append(
        "Cargo.toml",
        &format!(
            "[workspace.metadata.xpkg.target.{HOST}]\nrustflags = [\"-Clink-arg={}\"]\n",
            library.trim()
        ),
    );
    project.xpkg(&build).ok();
    assert_eq!(
        said(&project, HOST, "with-c/with-c"),
        "with-c: same 0, other 1\n"
    );
}
