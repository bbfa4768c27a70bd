//! Each kind of candidate with the real tools, its output started.

use std::process::Command;

use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, starter, tool};

/// Builds the fixture's one bin for `target`, starts it, and returns the kind that linked and what
/// the bin says.
fn build_and_start(project: &Project, bin: &str, target: &str, flags: &str) -> (String, String) {
    project
        .xpkg(&format!("build -q --target {target} {flags}"))
        .ok();
    let output = starter(
        target,
        &project.path(&format!("target/xpkg/{target}/{bin}/{bin}")),
    )
    .output()
    .unwrap();
    assert!(output.status.success(), "{target}: {output:?}");
    let kind = project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"]["kind"]
        .as_str()
        .unwrap()
        .to_owned();
    (kind, String::from_utf8(output.stdout).unwrap())
}

fn hello(tools: &[&str], target: &str, flags: &str, kind: &str) {
    let project = tools
        .iter()
        .fold(Project::of("hello"), |project, tool| project.with(tool));
    let (found, said) = build_and_start(&project, "hello", target, flags);
    assert_eq!(found, kind, "{target}");
    let libc = if target.ends_with("musl") {
        "musl"
    } else {
        "gnu"
    };
    assert_eq!(
        said,
        format!(
            "hello from {} linux {libc}\n",
            target.split('-').next().unwrap()
        )
    );
}

fn with_c(tools: &[&str], target: &str, kind: &str) {
    let project = tools
        .iter()
        .fold(Project::of("with-c"), |project, tool| project.with(tool));
    let (found, said) = build_and_start(&project, "with-c", target, "");
    assert_eq!(
        (found.as_str(), said.as_str()),
        (kind, "with-c: same 6, other -1\n"),
        "{target}"
    );
}

#[test]
fn musl_bins_need_no_compiler_for_the_target() {
    hello(&[], X86_MUSL, "", "rust-lld");
    hello(&[], ARM_MUSL, "", "rust-lld");
}

#[test]
fn native_links_with_the_hosts_cc() {
    hello(&[], HOST, "", "native");
    with_c(&["ar"], HOST, "native");
}

#[test]
fn gcc_links_for_the_libc_it_was_made_for() {
    hello(&["aarch64-linux-gnu-gcc"], ARM_GNU, "", "gcc");
    with_c(
        &["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar"],
        ARM_GNU,
        "gcc",
    );
    hello(&["gcc"], HOST, "--linker gcc", "gcc");
}

/// A `gcc` that compiles for i686 with `-m32`, as with Debian's gcc-multilib, which cannot be
/// installed beside the cross compilers.
#[test]
fn the_hosts_gcc_links_for_i686_where_it_has_its_libraries() {
    let real = [tool("gcc"), tool("i686-linux-gnu-gcc")].map(|path| path.display().to_string());
    let script = format!("on -m32 exec {}\nexec {}\n", real[1], real[0]);
    let project = Project::of("with-c").fake("gcc", &script).with("ar");
    let target = "i686-unknown-linux-gnu";
    let plan = project.xpkg(&format!("plan --target {target}")).ok().stdout;
    assert!(plan.contains("  toolchain   gcc `"), "{plan}");
    project.xpkg(&format!("build -q --target {target}")).ok();
    let record = &project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"];
    assert_eq!(record["kind"], "gcc");
    let output = Command::new(tool("qemu-i386-static"))
        .args(["-L", "/usr/i686-linux-gnu"])
        .arg(project.path(&format!("target/xpkg/{target}/with-c/with-c")))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "with-c: same 6, other -1\n"
    );
}

#[test]
fn clang_links_where_it_finds_what_it_needs() {
    // GNU tools for the target are no GNU compiler for it.
    hello(
        &["clang", "aarch64-linux-gnu-ld", "aarch64-linux-gnu-ar"],
        ARM_GNU,
        "",
        "clang",
    );
    hello(&["clang"], HOST, "--linker clang", "clang");
    with_c(&["clang", "aarch64-linux-gnu-ld", "ar"], ARM_GNU, "clang");
}

#[test]
fn a_wrapper_of_the_hosts_gcc_compiles_c_for_musl() {
    with_c(
        &["x86_64-linux-musl-gcc", "x86_64-linux-gnu-gcc", "ar"],
        X86_MUSL,
        "rust-lld",
    );
}

#[test]
fn the_environment_lets_cargo_test_start_what_is_foreign() {
    for (target, tools) in [
        (ARM_MUSL, &[][..]),
        (
            ARM_GNU,
            &["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar"][..],
        ),
    ] {
        let project = tools.iter().fold(
            Project::of("hello").with("qemu-aarch64-static"),
            |project, tool| project.with(tool),
        );
        project.append(
            "src/main.rs",
            "#[test]\nfn runs_there() { assert_eq!(ARCH, \"aarch64\"); }\n",
        );
        let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
        let run = project
            .shell(&format!(
                "eval \"$({xpkg} env --target {target})\" && cargo test -q --target {target}"
            ))
            .ok();
        assert!(
            run.stdout.contains("test result: ok. 1 passed"),
            "{}",
            run.stdout
        );
    }
}

/// What another build script of the graph has built is found by CMake, and the host's own libraries
/// are not.
#[test]
fn cmake_finds_what_the_graph_has_built_and_nothing_of_the_hosts() {
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar")
        .with("sh");
    project.write("built/include/built.h", "");
    project.write(
        "cmake/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.16)\nproject(p \
        C)\nfind_path(A built.h)\nfind_path(B sqlite3.h NO_CACHE)\nfind_path(C \
        zlib.h)\nmessage(STATUS \"built: ${A}\")\nif(C)\nmessage(FATAL_ERROR \"host: \
        ${C}\")\nendif()\n",
    );
    let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
    let line = format!(
        "eval \"$({xpkg} env --target {ARM_GNU})\" && export PATH=$PATH:/usr/bin:/bin \
         CMAKE_PREFIX_PATH=$PWD/built && cmake -S cmake -B out \
         -DCMAKE_TOOLCHAIN_FILE=$CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu"
    );
    let run = project.shell(&line).ok();
    let found = format!("-- built: {}", project.path("built/include").display());
    assert!(run.stdout.contains(&found), "{}", run.stdout);
}

#[test]
fn a_build_script_that_turns_to_cxx_is_seen() {
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar");
    let plan = format!("plan --target {ARM_GNU}");
    project.xpkg(&plan).ok();
    project.write(
        "build.rs",
        &project
            .read("build.rs")
            .replace("cc::Build::new()", "cc::Build::new().cpp(true)"),
    );
    let run = project.xpkg(&plan);
    assert!(
        run.stderr
            .contains("`aarch64-linux-gnu-g++` is not on PATH, and with-c 0.1.0 compiles C++"),
        "{}",
        run.stderr
    );
}

#[test]
fn features_of_one_target_bring_their_c_to_that_target_alone() {
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar")
        .with("ar");
    let manifest = project
        .read("Cargo.toml")
        .replace("cc = \"1\"", "cc = { version = \"1\", optional = true }");
    let own = |target: &str| {
        format!(
            "{manifest}\n[features]\nwithc = \
             [\"dep:cc\"]\n[package.metadata.xpkg.target.{target}]\nfeatures = [\"withc\"]\n"
        )
    };
    project.write("build.rs", "fn main() {}");
    project.write("src/main.rs", "fn main() {}");
    let holds = |target: &str| {
        let plan = project
            .xpkg(&format!(
                "plan --target {ARM_GNU},{HOST} --message-format json"
            ))
            .ok();
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        let of = plan["targets"]
            .as_array()
            .unwrap()
            .iter()
            .find(|planned| planned["target"] == target)
            .unwrap()
            .clone();
        of["c"]["present"].as_bool().unwrap()
    };
    for (with, without) in [(ARM_GNU, HOST), (HOST, ARM_GNU)] {
        project.write("Cargo.toml", &own(with));
        assert_eq!((holds(with), holds(without)), (true, false), "{with}");
    }
}

/// Debian's gcc only recommends the C library.
#[test]
fn a_cross_gcc_without_its_c_library_is_told_in_the_plan() {
    let answers = "on -v err Target: aarch64-linux-gnu\non -v err gcc version 12.2.0 (Debian)\non \
                   -v exit 0\non -print-file-name=crt1.o out crt1.o\n";
    let project = Project::of("hello").fake("aarch64-linux-gnu-gcc", answers);
    let run = project.xpkg(&format!("plan --target {ARM_GNU}"));
    let reason = "gcc      `aarch64-linux-gnu-gcc` has no C library: it finds no `crt1.o` (`apt-get \
                  install libc6-dev-arm64-cross`)\n";
    assert!(run.stderr.contains(reason), "{}", run.stderr);
    // Installed meanwhile.
    let file = project.path("crt1.o");
    std::fs::write(&file, "").unwrap();
    let answers = answers.replace("out crt1.o", &format!("out {}", file.display()));
    let run = project
        .fake("aarch64-linux-gnu-gcc", &answers)
        .xpkg(&format!("plan --target {ARM_GNU}"))
        .ok();
    assert!(
        run.stdout
            .contains("gcc `aarch64-linux-gnu-gcc`: it compiles for"),
        "{}",
        run.stdout
    );
}
