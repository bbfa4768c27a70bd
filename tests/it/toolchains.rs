//! Each kind of candidate with the real tools, its output started.

use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, starter};

/// Builds the fixture's one bin for `target`, starts it, and returns the kind that linked and what the bin says.
fn build_and_start(project: &Project, bin: &str, target: &str, flags: &str) -> (String, String) {
    project.xpkg(&format!("build -q --target {target} {flags}")).ok();
    let output = starter(target, &project.path(&format!("target/xpkg/{target}/{bin}/{bin}"))).output().unwrap();
    assert!(output.status.success(), "{target}: {output:?}");
    let kind = project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"]["kind"].as_str().unwrap().to_owned();
    (kind, String::from_utf8(output.stdout).unwrap())
}

fn hello(tools: &[&str], target: &str, flags: &str, kind: &str) {
    let project = tools.iter().fold(Project::of("hello"), |project, tool| project.with(tool));
    let (found, said) = build_and_start(&project, "hello", target, flags);
    assert_eq!(found, kind, "{target}");
    let libc = if target.ends_with("musl") { "musl" } else { "gnu" };
    assert_eq!(said, format!("hello from {} linux {libc}\n", target.split('-').next().unwrap()));
}

fn with_c(tools: &[&str], target: &str, kind: &str) {
    let project = tools.iter().fold(Project::of("with-c"), |project, tool| project.with(tool));
    let (found, said) = build_and_start(&project, "with-c", target, "");
    assert_eq!((found.as_str(), said.as_str()), (kind, "with-c: same 6, other -1\n"), "{target}");
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
    with_c(&["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar"], ARM_GNU, "gcc");
    hello(&["gcc"], HOST, "--linker gcc", "gcc");
}

#[test]
fn clang_links_where_it_finds_what_it_needs() {
    // GNU tools for the target are no GNU compiler for it.
    hello(&["clang", "aarch64-linux-gnu-ld", "aarch64-linux-gnu-ar"], ARM_GNU, "", "clang");
    hello(&["clang"], HOST, "--linker clang", "clang");
    with_c(&["clang", "aarch64-linux-gnu-ld", "ar"], ARM_GNU, "clang");
}

#[test]
fn a_wrapper_of_the_hosts_gcc_compiles_c_for_musl() {
    with_c(&["x86_64-linux-musl-gcc", "x86_64-linux-gnu-gcc", "ar"], X86_MUSL, "rust-lld");
}

#[test]
fn the_environment_lets_cargo_test_start_what_is_foreign() {
    for (target, tools) in [(ARM_MUSL, &[][..]), (ARM_GNU, &["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar"][..])] {
        let project = tools.iter().fold(Project::of("hello").with("qemu-aarch64-static"), |project, tool| project.with(tool));
        project.append("src/main.rs", "#[test]\nfn runs_there() { assert_eq!(ARCH, \"aarch64\"); }\n");
        let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
        let run = project.shell(&format!("eval \"$({xpkg} env --target {target})\" && cargo test -q --target {target}")).ok();
        assert!(run.stdout.contains("test result: ok. 1 passed"), "{}", run.stdout);
    }
}
