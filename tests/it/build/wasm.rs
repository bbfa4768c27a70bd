//! WebAssembly: what a runtime starts, and what it does not.

use snapbox::str;

use crate::check;
use crate::support::Project;

#[test]
fn a_bin_that_nothing_starts_is_not_staged() {
    let project = Project::of("hello");
    check!(
        project.xpkg("build -q --target wasm32-unknown-unknown"),
        str![[r#"
exit 1
--- stderr
error[not-executable]: bin `hello` of package `hello`: a module that exports nothing to start, expected an executable (target `wasm32-unknown-unknown`)
  file: [ROOT]/target/wasm32-unknown-unknown/release/hello.wasm
  help: look for linker arguments such as `-r` or `-shared` in RUSTFLAGS and build scripts; build WebAssembly for `wasm32-wasip1`

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
}

#[test]
fn a_bin_for_wasi_is_staged() {
    let project = Project::of("hello");
    project.xpkg("build -q --target wasm32-wasip1").ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let binary = &manifest["artifacts"][0]["binary"];
    assert_eq!(binary["type"], "module");
    assert_eq!(binary["executable"], true);
    assert_eq!(binary["needed"][0], "wasi_snapshot_preview1");
}
