//! WebAssembly: what a runtime starts, and what it does not.

use snapbox::str;

use crate::check;
use crate::support::Project;
use crate::toolchain::wasm::wasmtime;

#[test]
fn a_bin_that_nothing_starts_is_not_staged() {
    let project = Project::of("hello");
    check!(
        project.xpkg("build -q --target wasm32-unknown-unknown"),
        str![[r#"
exit 1
--- stderr
error[not-executable]: bin `hello` of package `hello`: nothing starts a bin for `wasm32-unknown-unknown`
  help: build it for a system that starts programs: `--target wasm32-wasip1`
  help: or build a library: `crate-type = ["cdylib"]` below `[lib]`, and `cdylib = true` below `[package.metadata.xpkg]`

"#]]
    );
    // Nothing was compiled for that.
    assert!(!project.path("target/wasm32-unknown-unknown").exists());
    // One that is wanted all the same is built, and its manifest says so.
    project
        .xpkg("build -q --target wasm32-unknown-unknown --accept not-executable")
        .ok();
    let manifest = project.json("target/xpkg/manifest.json");
    assert_eq!(
        manifest["artifacts"][0]["waivers"][0]["code"],
        "not-executable"
    );
}

#[test]
fn a_function_that_nothing_defines_is_found_before_a_runtime_finds_it() {
    let project = Project::of("hello");
    let source = project.read("src/main.rs");
    project.write(
        "src/main.rs",
        &source.replacen(
            "fn main() {",
            "#[link(wasm_import_module = \"env\")]\nunsafe extern \"C\" {\n    fn nowhere();\n}\n\n\
             fn main() {\n    if std::env::args().count() > 9 {\n        unsafe { nowhere() }\n    }\n",
            1,
        ),
    );
    check!(
        project.xpkg("build -q --target wasm32-wasip1"),
        str![[r#"
exit 1
--- stderr
error[import-unfit]: bin `hello` of package `hello`: imports from `env`, expected imports from `wasi_snapshot_preview1` only (target `wasm32-wasip1`)
  file: [ROOT]/target/wasm32-wasip1/release/hello.wasm
  help: look for a function that is declared and never defined (`extern "C"`), or for a library made for browsers, such as wasm-bindgen

"#]]
    );
    let Some(wasmtime) =
        wasmtime("a_function_that_nothing_defines_is_found_before_a_runtime_finds_it")
    else {
        return;
    };
    let project = project.with_tool("wasmtime", &wasmtime);
    project
        .xpkg("build -q --target wasm32-wasip1 --accept import-unfit")
        .ok();
    let run = project.xpkg("verify --run");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.contains("unknown import: `env::nowhere`"),
        "{}",
        run.stdout
    );
    // An archive of others has no record of that, and is judged by the file.
    std::fs::create_dir(project.path("dist")).unwrap();
    let staged = project.path("target/xpkg/wasm32-wasip1/hello/hello.wasm");
    std::fs::copy(staged, project.path("dist/hello-wasm32-wasip1.wasm")).unwrap();
    let run = project.xpkg("verify dist");
    assert!(run.stdout.contains("error[import-unfit]"), "{}", run.stdout);
}

#[test]
fn runtimes_start_what_is_for_them_and_are_named_where_they_are_missing() {
    let project = Project::of("hello");
    let targets = "wasm32-wasip1,wasm32-wasip2";
    project.xpkg(&format!("build -q --target {targets}")).ok();
    let run = project.xpkg("verify --run --message-format json").ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    for skipped in report["skipped"].as_array().unwrap() {
        let why = skipped["why"].as_str().unwrap();
        assert!(
            why.starts_with("no `wasmtime` is on PATH (`pip install"),
            "{why}"
        );
    }
    assert_eq!(report["skipped"].as_array().unwrap().len(), 2);
    // The command of the message prints the program that the package installs.
    let Some(wasmtime) =
        wasmtime("runtimes_start_what_is_for_them_and_are_named_where_they_are_missing")
    else {
        return;
    };
    let package = wasmtime
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .to_str()
        .unwrap();
    let said = std::process::Command::new("python3")
        .env("PYTHONPATH", package)
        .args(["-c", "import wasmtime_cli as w; print(w._binary_path())"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(said.stdout).unwrap().trim(),
        wasmtime.to_str().unwrap()
    );
    let old = project.fake("wasmtime", "out wasmtime-cli 0.40.1\n");
    let run = old.xpkg("verify --run").ok();
    assert!(
        run.stdout
            .contains("`wasmtime` 17.0 or later is needed, the first with WASI 0.2, and `"),
        "{}",
        run.stdout
    );
    let project = old.with_tool("wasmtime", &wasmtime);
    let run = project
        .xpkg("verify --run --expect-version 'hello 0.1.0'")
        .ok();
    assert_eq!(
        run.stdout.matches("--version by wasmtime 49.0.3").count(),
        2,
        "{}",
        run.stdout
    );
    // No directory of this machine is open to it.
    let run = project.xpkg("env --target wasm32-wasip1").ok();
    assert!(
        run.stdout
            .contains("CARGO_TARGET_WASM32_WASIP1_RUNNER='wasmtime run -C cache=n'"),
        "{}",
        run.stdout
    );
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
