//! C of WebAssembly, with the real compilers, and the programs started by wasmtime.

use std::path::PathBuf;

use snapbox::str;

use crate::check;
use crate::support::{Project, repository, skipped, tool};
use crate::toolchain::zig::zig;

/// The wasmtime that `cargo xtask setup` brought; without it the test is skipped, by name.
pub fn wasmtime(test: &str) -> Option<PathBuf> {
    let path = repository().join("target/toolchains/wasmtime/wasmtime_cli/wasmtime");
    if !path.exists() {
        assert_ne!(
            std::env::var("XPKG_SKIP").as_deref(),
            Ok("never"),
            "wasmtime is not there: `cargo xtask setup` says why"
        );
        skipped(test, "wasmtime is not there: `cargo xtask setup` says why");
        return None;
    }
    Some(path)
}

const TARGETS: &str = "wasm32-wasip1,wasm32-wasip2";

/// Starts the staged programs, which print what C has compared.
fn c_runs(project: &Project) {
    let run = project
        .xpkg("verify --run --expect-version 'with-c: same 6, other -1' --message-format json")
        .ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(file["ran"], "--version", "{file}");
        assert_eq!(file["runtime"], "wasmtime 49.0.3", "{file}");
    }
}

/// Returns the line of a plan with this label.
fn line(project: &Project, target: &str, label: &str) -> String {
    let plan = project.xpkg(&format!("plan --target {target}")).ok().stdout;
    let mut lines = plan.lines().filter(|line| line.trim().starts_with(label));
    lines.next().unwrap().trim().to_owned()
}

#[test]
fn zig_compiles_c_for_wasi() {
    let test = "zig_compiles_c_for_wasi";
    let (Some(zig), Some(wasmtime)) = (zig(test), wasmtime(test)) else {
        return;
    };
    // clang and the host's headers are there, too, and are not taken.
    let project = Project::of("with-c")
        .with_tool("zig", &zig)
        .with_tool("wasmtime", &wasmtime)
        .with("clang");
    assert_eq!(
        line(&project, "wasm32-wasip2", "toolchain"),
        "toolchain   rust-lld: rustc links WebAssembly by itself, and zig 0.17.0 compiles C"
    );
    project.xpkg(&format!("build -q --target {TARGETS}")).ok();
    c_runs(&project);
}

#[test]
fn debians_clang_gets_the_headers_of_wasi_and_no_others() {
    let test = "debians_clang_gets_the_headers_of_wasi_and_no_others";
    let Some(wasmtime) = wasmtime(test) else {
        return;
    };
    if !std::path::Path::new("/usr/include/wasm32-wasi/stdio.h").exists() {
        return skipped(test, "wasi-libc is not installed");
    }
    let project = Project::of("with-c")
        .with("clang")
        .with("llvm-ar")
        .with_tool("wasmtime", &wasmtime);
    assert_eq!(
        line(&project, "wasm32-wasip1", "toolchain"),
        "toolchain   rust-lld: rustc links WebAssembly by itself, and `clang` with the headers of \
         the package `wasi-libc` compiles C"
    );
    project.xpkg(&format!("build -q --target {TARGETS}")).ok();
    c_runs(&project);
    // A header that only the host has is not found, whatever its directory is called.
    project.write("c/compare.c", "#include <sys/epoll.h>\n");
    let run = project.xpkg("build -q --target wasm32-wasip1");
    assert_eq!(run.code, Some(101));
    assert!(
        run.stderr.contains("'sys/epoll.h' file not found"),
        "{}",
        run.stderr
    );
    // The same compiler as cc-rs calls it by itself takes the host's.
    let project = project.env("CC_wasm32_wasip1", tool("clang").to_str().unwrap());
    project.write("c/compare.c", "#include <stdio.h>\n");
    let run = project.xpkg("build -q --target wasm32-wasip1");
    assert!(
        run.stderr
            .contains("'bits/libc-header-start.h' file not found"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_wasi_sdk_that_is_set_is_used_or_refused() {
    let test = "a_wasi_sdk_that_is_set_is_used_or_refused";
    let Some(wasmtime) = wasmtime(test) else {
        return;
    };
    if !std::path::Path::new("/usr/include/wasm32-wasi/stdio.h").exists() {
        return skipped(test, "wasi-libc is not installed");
    }
    let project = Project::of("with-c").with_tool("wasmtime", &wasmtime);
    // Laid out like a wasi-sdk, of Debian's parts.
    for (link, target) in [
        ("sdk/bin/clang", tool("clang")),
        ("sdk/bin/llvm-ar", tool("llvm-ar")),
        (
            "sdk/share/wasi-sysroot/include/wasm32-wasi",
            "/usr/include/wasm32-wasi".into(),
        ),
    ] {
        let link = project.path(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    let sdk = project.path("sdk").to_str().unwrap().to_owned();
    let project = project.env("WASI_SDK_PATH", &sdk);
    project.xpkg(&format!("build -q --target {TARGETS}")).ok();
    c_runs(&project);
    let project = project.env("WASI_SDK_PATH", "/nowhere");
    check!(
        project.xpkg("build -q --target wasm32-wasip1"),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `wasm32-wasip1`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `wasm32-wasi-gcc` is not on PATH
         clang    is used for Linux only, not for wasip1
         rust-lld can link, but no C compiler for it was found: `/nowhere/share/wasi-sysroot` (`WASI_SDK_PATH=/nowhere`) has no headers of WASI for `wasm32-wasip1`
         zig      includes no C library for wasip1
         image    none is configured for this target
  C in: with-c 0.1.0 (by `cc`)
  help: correct or remove `WASI_SDK_PATH=/nowhere`

"#]]
    );
}

#[test]
fn c_without_a_compiler_for_wasi_is_refused_before_the_build() {
    // What follows depends on whether the machine has wasi-libc, which needs clang as well.
    let project = Project::of("with-c");
    let run = project.xpkg("plan --target wasm32-wasip1-threads");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .contains("zig's C library for WASI has no threads"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("help: set `WASI_SDK_PATH` to the directory of a wasi-sdk"),
        "{}",
        run.stderr
    );
    let run = project.xpkg("plan --target wasm32-wasip2");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("zig: not on PATH"), "{}", run.stderr);
    assert!(
        run.stderr.contains("help: install zig (`pip"),
        "{}",
        run.stderr
    );
}
