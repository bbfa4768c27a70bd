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
    let targets = "wasm32-wasip1,wasm32-wasip1-threads,wasm32-wasip2";
    project.xpkg(&format!("build -q --target {targets}")).ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let of = |list: &str, target: &str| {
        let mut rows = manifest[list].as_array().unwrap().iter();
        rows.find(|row| row["target"] == target).unwrap().clone()
    };
    for (target, os, kind, import) in [
        (
            "wasm32-wasip1",
            "wasip1",
            "module",
            "wasi_snapshot_preview1",
        ),
        ("wasm32-wasip1-threads", "wasip1", "module", "env"),
        ("wasm32-wasip2", "wasip2", "component", "wasi:cli/"),
    ] {
        let binary = &of("artifacts", target)["binary"];
        assert_eq!(
            (&binary["type"], &binary["executable"]),
            (&kind.into(), &true.into())
        );
        let first = binary["needed"][0].as_str().unwrap();
        assert!(first.starts_with(import), "{target}: {first}");
        assert_eq!(of("targets", target)["platform"]["os"], os, "{target}");
    }
    project.xpkg("verify").ok();
    // A module is not what a runtime of WASI 0.2 starts.
    let staged = |target: &str| project.path(&format!("target/xpkg/{target}/hello/hello.wasm"));
    std::fs::create_dir_all(project.path("release/wasm32-wasip2")).unwrap();
    let released = project.path("release/wasm32-wasip2/hello.wasm");
    std::fs::copy(staged("wasm32-wasip1"), released).unwrap();
    check!(
        project.xpkg("verify release"),
        str![[r#"
exit 1
--- stdout
file                      target             size  linkage  glibc  sha256
wasm32-wasip2/hello.wasm  wasm32-wasip2 [SIZE]  static   -      [DIGEST]

error[wrong-machine]: the file is for a different machine than the target
  wasm32-wasip2/hello.wasm: a program for wasip1, expected a program for wasip2
  help: build it for its target, or move it to the directory of its own target

not checked
  release: digests: no manifest.json, SHA256SUMS or other list of checksums was found

failed: `release`, policy `default`, listed by nothing: 1 program, 0 of 1 file compared, 1 finding, 0 accepted, 1 not checked

"#]]
    );
}
