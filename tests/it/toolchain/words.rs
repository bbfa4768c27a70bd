//! Compilers that a variable names with words, as the SDKs of Yocto do: the same words are in
//! probes, in CMake's file and in the manifest.

use std::path::Path;

use crate::support::{ARM_GNU, HOST, Project, X86_MUSL, cross, starter};

/// clang as a compiler for musl, by words alone.
const CLANG: &str =
    "clang -nostdinc -isystem /usr/include/x86_64-linux-musl -target x86_64-linux-musl";

#[test]
fn a_compiler_is_probed_with_its_words() {
    let project = Project::of("with-c")
        .with("clang")
        .with("ar")
        .env("CC_x86_64-unknown-linux-musl", CLANG);
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    let output = starter(
        X86_MUSL,
        &project.path(&format!("target/xpkg/{X86_MUSL}/with-c/with-c")),
    )
    .output()
    .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "with-c: same 6, other -1\n"
    );
    let manifest = project.json("target/xpkg/manifest.json");
    let toolchain = &manifest["targets"][0]["toolchain"];
    assert_eq!(
        (
            toolchain["kind"].as_str(),
            toolchain["c_compiler"]["program"].as_str()
        ),
        (Some("rust-lld"), Some(CLANG))
    );
    // The manifest has a digest of the flags; the plan, themselves.
    let plan = project
        .xpkg(&format!("plan --target {X86_MUSL} --message-format json"))
        .ok();
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let flags = &plan["targets"][0]["toolchain"]["report"]["flags"];
    assert_eq!(
        flags.as_array().unwrap_or_else(|| panic!("{plan}"))[..5],
        [
            "-nostdinc",
            "-isystem",
            "/usr/include/x86_64-linux-musl",
            "-target",
            "x86_64-linux-musl"
        ]
        .map(serde_json::Value::from)
    );
    // Without them it is the host's.
    let run = project
        .env("CC_x86_64-unknown-linux-musl", "clang -O1")
        .xpkg(&format!("plan --target {X86_MUSL}"));
    assert!(
        run.stderr
            .contains("rust-lld `clang -O1` uses the headers of glibc 2.36"),
        "{}",
        run.stderr
    );
}

/// The environment of a Yocto SDK, which sets `CC` for host and target alike, and a build script
/// with C of its own. The SDK's compiler, which finds no C library by itself, is played by Debian's.
fn with_sdk(gcc: &Path) -> Project {
    let gcc = gcc.display();
    let project = Project::of("with-c")
        .with("cc")
        .with("ar")
        .env(
            "CC",
            "aarch64-poky-linux-gcc -mbranch-protection=standard --sysroot=/",
        )
        .env("OECORE_TARGET_SYSROOT", "/")
        .fake(
            "aarch64-poky-linux-gcc",
            &format!(
                "on --sysroot=/ exec {gcc}\non -v exec {gcc}\non -print-file-name=crt1.o out \
                 crt1.o\non -print-file-name=crt1.o exit 0\nexit 1\n"
            ),
        );
    project.append("Cargo.toml", "tables = { path = \"tables\" }\n");
    project.write(
        "tables/Cargo.toml",
        "[package]\nname = \"tables\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
         [build-dependencies]\ncc = \"1\"\n",
    );
    project.write("tables/src/lib.rs", "");
    project.write("tables/c/tables.c", "int tables(void) { return 1; }\n");
    project.write(
        "tables/build.rs",
        "fn main() { cc::Build::new().file(\"c/tables.c\").compile(\"tables\"); }\n",
    );
    project
}

#[test]
fn an_sdks_compiler_is_not_the_hosts() {
    let test = "an_sdks_compiler_is_not_the_hosts";
    let Some(gcc) = cross("aarch64-linux-gnu-gcc", test) else {
        return;
    };
    let project = with_sdk(&gcc);
    let plan = format!("plan --target {ARM_GNU}");
    let run = project.xpkg(&plan);
    for expected in [
        "gcc      `aarch64-poky-linux-gcc` has no C library: it finds no `crt1.o`\n",
        "help: set the sysroot that `OECORE_TARGET_SYSROOT` names: \
         `[workspace.metadata.xpkg.target.aarch64-unknown-linux-gnu]` with `sysroot = \"/\"`\n",
        "error[host-compiler-unfit]: the host's C compiler, `aarch64-poky-linux-gcc`, compiles for \
         `aarch64-linux-gnu`, not for `x86_64-unknown-linux-gnu`\n  C in: tables 1.0.0 (by `cc`)\n  \
         help: set the host's own compilers: `export HOST_CC=cc HOST_CXX=c++`\n",
    ] {
        assert!(run.stderr.contains(expected), "{expected}{}", run.stderr);
    }
    project.write(
        "xpkg.toml",
        &format!("[target.{ARM_GNU}]\nsysroot = \"/\"\n"),
    );
    let run = project.xpkg(&plan);
    assert!(
        run.stderr.starts_with("error[host-compiler-unfit]"),
        "{}",
        run.stderr
    );
    let host = [("HOST_CC", "cc"), ("HOST_CXX", "c++")];
    let build = format!("build -q --target {ARM_GNU}");
    project.xpkg_with(&host, &build).ok();
    // A target that is the host's own triple takes `CC`, too.
    let plan = format!("plan --target {HOST}");
    let run = project.xpkg_with(&host, &plan);
    assert!(
        run.stdout.contains("toolchain   native"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    let run = project.xpkg(&plan);
    for expected in [
        "tried: native   `aarch64-poky-linux-gcc -mbranch-protection=standard --sysroot=/` compiles \
         for `aarch64-linux-gnu`\n",
        "help: set a compiler for the target, which comes before `CC`: `export \
         CC_x86_64_unknown_linux_gnu=cc`\n",
    ] {
        assert!(run.stderr.contains(expected), "{expected}{}", run.stderr);
    }
    let own = [("CC_x86_64_unknown_linux_gnu", "cc")];
    project.xpkg_with(&own, &plan).ok();
}

/// What is installed does not help where a compiler was set.
#[test]
fn a_compiler_that_was_set_and_does_not_serve_is_corrected_or_removed() {
    let project = Project::of("with-c")
        .with("x86_64-linux-gnu-gcc")
        .with("x86_64-linux-musl-gcc")
        .with("aarch64-linux-gnu-gcc");
    let (musl, gnu) = (
        "CC_x86_64_unknown_linux_musl",
        "CC_x86_64_unknown_linux_gnu",
    );
    for (name, value, args) in [
        (musl, "nobody-cc", format!("--target {X86_MUSL}")),
        (musl, "cc", format!("--target {X86_MUSL}")),
        (
            musl,
            "aarch64-linux-gnu-gcc",
            format!("--target {X86_MUSL}"),
        ),
        (gnu, "aarch64-linux-gnu-gcc", format!("--target {HOST}")),
        ("CC", "nobody-cc", format!("--target {HOST}")),
    ] {
        let run = project.xpkg_with(&[(name, value)], &format!("plan {args}"));
        let help: Vec<&str> = run
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("  help: "))
            .collect();
        let correct = format!("correct or remove `{name}`, which is set in the environment");
        let no_c = "or, if that C is never compiled for the target, set `c-dependencies = false` in \
                    xpkg's configuration";
        assert_eq!(
            help,
            [correct.as_str(), no_c],
            "{name}={value}: {}",
            run.stderr
        );
        project.xpkg(&format!("plan {args}")).ok();
    }
    // A choice that binds is not what is wrong, either.
    let run = project.xpkg_with(&[("CC", "nobody-cc")], "plan --linker native");
    let help = "\n  help: correct or remove `CC`, which is set in the environment\n";
    assert!(run.stderr.ends_with(help), "{}", run.stderr);
}

#[test]
fn the_first_program_that_is_missing_is_named() {
    for (value, missing) in [
        (
            "ccache nobody-cc -O2",
            "names `nobody-cc`, which is not on PATH",
        ),
        ("sccache cc", "names `sccache`, which is not on PATH"),
        ("nobody-cc -O2", "names `nobody-cc`, which is not on PATH"),
        ("nobody-cc", "is not on PATH"),
    ] {
        let run = Project::of("with-c")
            .fake("ccache", "exit 1\n")
            .env("TARGET_CC", value)
            .xpkg(&format!("plan --target {X86_MUSL}"));
        let expected = format!("`TARGET_CC={value}`, set in the environment, {missing}\n");
        assert!(run.stderr.contains(&expected), "{value}: {}", run.stderr);
    }
}

#[test]
fn cmake_calls_the_compiler_with_its_words() {
    let words = "aarch64-linux-gnu-gcc -mbranch-protection=standard -DWORD=1";
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar")
        .with("cmake")
        .with("make")
        .fake("ccache", "exit 1\n")
        .env("CC_aarch64_unknown_linux_gnu", words)
        .env(
            "CXX_aarch64_unknown_linux_gnu",
            "ccache aarch64-linux-gnu-gcc -DX",
        );
    let run = project.xpkg(&format!("env --target {ARM_GNU}")).ok();
    let (_, file) = run
        .stdout
        .split_once("CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=")
        .unwrap();
    let file = file.lines().next().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    for line in [
        "set(CMAKE_C_COMPILER \"aarch64-linux-gnu-gcc\" \"-mbranch-protection=standard\" \
         \"-DWORD=1\")\n",
        "set(CMAKE_CXX_COMPILER_LAUNCHER \"ccache\")\nset(CMAKE_CXX_COMPILER \
         \"aarch64-linux-gnu-gcc\" \"-DX\")\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    // As the cmake crate calls it, which sets the flags itself.
    project.write(
        "cmake/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.10)\nproject(x C ASM)\nadd_library(x STATIC x.c y.S)\n",
    );
    let check = "#ifndef WORD\n#error without its words\n#endif\n";
    project.write("cmake/x.c", check);
    project.write("cmake/y.S", check);
    project
        .shell(&format!(
            "cmake -S cmake -B cmake/out -DCMAKE_TOOLCHAIN_FILE={file} -DCMAKE_C_FLAGS=-O1 \
             -DCMAKE_ASM_FLAGS=-O1 && cmake --build cmake/out"
        ))
        .ok();
}
