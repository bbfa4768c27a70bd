//! Compilers that a variable names with words, as the SDKs of Yocto do: the same words are in
//! probes, in CMake's file and in the manifest.

use crate::support::{ARM_GNU, Project, X86_MUSL, starter};

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
