//! Shared libraries as artifacts: built, inspected, listed, released, and loaded by others.

use std::path::PathBuf;
use std::process::Command;

use snapbox::str;

use crate::check;
use crate::support::{HOST, Project, X86_MUSL, repository, skipped, tool};

/// Returns what a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool(program))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_library_is_staged_under_the_name_of_its_system_and_works() {
    let project = Project::of("library");
    let targets = format!("{HOST},wasm32-unknown-unknown,wasm32-wasip1");
    let run = project.xpkg(&format!("build --target {targets}")).ok();
    let summary = "Staged 2 bins and 3 libraries in ";
    assert!(run.stderr.contains(summary), "{}", run.stderr);
    let table = run.stdout;
    for row in [
        "a_library (cdylib)  ",
        "wasm32-unknown-unknown    a-library  a_library (cdylib)",
        "x86_64-unknown-linux-gnu  a-library  caller  ",
    ] {
        assert!(table.contains(row), "{row}: {table}");
    }
    let manifest = project.json("target/xpkg/manifest.json");
    crate::build::chat::the_schema_holds(&manifest);
    let rows = manifest["artifacts"].as_array().unwrap().iter();
    let rows: Vec<String> = rows
        .map(|row| {
            let of = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
            let (kind, file) = (of(&row["kind"]), of(&row["binary"]["type"]));
            format!("{} {kind} {file}", of(&row["path"]))
        })
        .collect();
    assert_eq!(
        rows,
        [
            "wasm32-unknown-unknown/a-library/a_library.wasm cdylib module",
            "wasm32-wasip1/a-library/a_library.wasm cdylib module",
            "wasm32-wasip1/a-library/caller.wasm - module",
            "x86_64-unknown-linux-gnu/a-library/caller - ET_DYN",
            "x86_64-unknown-linux-gnu/a-library/liba_library.so cdylib ET_DYN",
        ]
    );
    assert_eq!(project.xpkg("show").ok().stdout, table);
    project.xpkg("verify --run").ok();
    let staged = |path: &str| {
        let path = project.path(&format!("target/xpkg/{path}"));
        path.to_str().unwrap().to_owned()
    };
    let library = staged("x86_64-unknown-linux-gnu/a-library/liba_library.so");
    let load = "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).added(40, 2))";
    assert_eq!(said("python3", &["-c", load, &library]), "42\n");
    let module = staged("wasm32-unknown-unknown/a-library/a_library.wasm");
    let load = "WebAssembly.instantiate(require('fs').readFileSync(process.argv[1])).then(m => \
                console.log(m.instance.exports.added(40, 2)))";
    assert_eq!(said("node", &["-e", load, &module]), "42\n");
    // A program in its place is found, whatever its digest.
    let program = staged("x86_64-unknown-linux-gnu/a-library/caller");
    std::fs::copy(program, &library).unwrap();
    let run = project.xpkg("verify");
    assert_eq!(run.code, Some(1));
    for code in ["error[digest-mismatch]", "error[not-library]"] {
        assert!(run.stdout.contains(code), "{code}: {}", run.stdout);
    }
}

#[test]
fn a_library_for_static_musl_is_refused_by_name() {
    let project = Project::of("library");
    check!(
        project.xpkg(&format!("plan --target {X86_MUSL}")),
        str![[r#"
exit 1
--- stderr
error[cdylib-unsupported]: cdylib `a_library` of package `a-library`: rustc builds no shared library for `x86_64-unknown-linux-musl`, where musl is linked statically
  help: name the targets that have it, below `[package.metadata.xpkg]`: `cdylib = ["x86_64-unknown-linux-gnu"]`

"#]]
    );
    let manifest = project.read("Cargo.toml");
    let named = |value: &str| {
        project.write(
            "Cargo.toml",
            &manifest.replace("cdylib = true", &format!("cdylib = {value}")),
        );
    };
    // With the key of the message, the bin is built for musl alone.
    named("[\"x86_64-unknown-linux-gnu\"]");
    project
        .xpkg(&format!("build -q --target {X86_MUSL},{HOST}"))
        .ok();
    let tree = project.json("target/xpkg/manifest.json");
    assert_eq!(tree["artifacts"].as_array().unwrap().len(), 3);
    let plan = project.xpkg(&format!("plan --target {X86_MUSL}")).ok();
    let left_out = "left out    a_library (a-library): `cdylib` does not name \
                    `x86_64-unknown-linux-musl`";
    assert!(plan.stdout.contains(left_out), "{}", plan.stdout);
    // A bin that nothing starts is left out beside a library, and refused if it is all there is.
    named("[\"wasm32-unknown-unknown\"]");
    let plan = project.xpkg("plan --target wasm32-unknown-unknown").ok();
    assert!(
        plan.stdout.contains(
            "left out    caller (a-library): nothing starts a bin for `wasm32-unknown-unknown`"
        ),
        "{}",
        plan.stdout
    );
    let run = project.xpkg("plan --target wasm32-unknown-unknown --bin caller");
    assert!(
        run.stderr
            .starts_with("error[not-executable]: bin `caller`"),
        "{}",
        run.stderr
    );
    // Nothing at all.
    let run = project.xpkg(&format!("plan --target {HOST} --bin a_library"));
    assert!(
        run.stderr.starts_with(
            "error[nothing-for-target]: nothing is to be built for `x86_64-unknown-linux-gnu`"
        ),
        "{}",
        run.stderr
    );
}

#[test]
fn a_library_that_cargo_does_not_build_is_refused_by_name() {
    let project = Project::of("library");
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", &manifest.replace("\"cdylib\", ", ""));
    check!(
        project.xpkg("plan"),
        str![[r#"
exit 1
--- stderr
error[cdylib-missing]: `cdylib` is set for package `a-library`, whose library is not of that crate type
  help: add it to the package's Cargo.toml: `crate-type = ["cdylib"]` below `[lib]`

"#]]
    );
    let unknown = "cdylib = [\"wasm32-unknown-unkown\"]";
    project.write("Cargo.toml", &manifest.replace("cdylib = true", unknown));
    check!(
        project.xpkg("plan"),
        str![[r#"
exit 1
--- stderr
error[unknown-target]: `cdylib` of package `a-library` names `wasm32-unknown-unkown`, which rustc does not know
  help: did you mean `wasm32-unknown-unknown`?

"#]]
    );
}

#[test]
fn archives_contain_libraries_and_installers_and_images_do_not() {
    let project = Project::of("library");
    project.write(".gitignore", "/target\n/dist\n");
    project.append(
        "Cargo.toml",
        "\n[package.metadata.xpkg.release]\nurl = \"https://example.org/{tag}\"\n",
    );
    project.commit();
    let targets = format!("{HOST},wasm32-unknown-unknown");
    project
        .xpkg(&format!("release -q --target {targets} --tag v0.1.0"))
        .ok();
    let directory = "target/xpkg-release/0.1.0";
    let names = |target: &str| {
        let archive = format!("{directory}/a-library-0.1.0-{target}.tar.gz");
        let path = project.path(&archive);
        said("tar", &["tzf", path.to_str().unwrap()])
    };
    let (of_linux, of_wasm) = (names(HOST), names("wasm32-unknown-unknown"));
    assert!(of_linux.contains("/liba_library.so\n"), "{of_linux}");
    assert!(of_linux.contains("/caller\n"), "{of_linux}");
    assert!(of_wasm.contains("/a_library.wasm\n"), "{of_wasm}");
    let document = project.json(&format!("{directory}/release.json"));
    crate::ship::release::the_schema_holds(&document);
    let bins = &document["builds"][1]["bins"];
    assert!(bins[0].get("kind").is_none(), "{document}");
    assert_eq!(bins[1]["kind"], "cdylib", "{document}");
    // What is installed is what can be started.
    let installer = project.read(&format!("{directory}/install.sh"));
    assert!(installer.contains("caller"));
    assert!(!installer.contains("liba_library.so"));
    project.xpkg(&format!("verify {directory}")).ok();
    // `scratch` has no glibc for the bin; nothing is said of the library, which is in no image.
    let run = project.xpkg(&format!("docker --no-build --target {HOST} --context dist"));
    assert!(
        run.stderr
            .starts_with("error[base-unfit]: `x86_64-unknown-linux-gnu/a-library/caller`"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("liba_library"), "{}", run.stderr);
    // No image runs WebAssembly.
    let run = project.xpkg("docker --no-build --target wasm32-unknown-unknown --context dist");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains(
            "images hold programs for Linux, and `wasm32-unknown-unknown` is another system"
        ),
        "{}",
        run.stderr
    );
}

/// The wasm-bindgen that `cargo xtask wasm` compiled; without it the test is skipped, by name.
fn wasm_bindgen(test: &str) -> Option<PathBuf> {
    let path = repository().join("target/toolchains/wasm-bindgen/bin/wasm-bindgen");
    if !path.exists() {
        skipped(
            test,
            "wasm-bindgen is not there: `cargo xtask wasm` compiles it",
        );
        return None;
    }
    Some(path)
}

#[test]
fn a_package_for_javascript_is_made_of_a_library() {
    let Some(program) = wasm_bindgen("a_package_for_javascript_is_made_of_a_library") else {
        return;
    };
    let project = Project::of("bindgen")
        .with_tool("wasm-bindgen", &program)
        .with("sh");
    project.write(".gitignore", "/target\n");
    project.commit();
    let target = "wasm32-unknown-unknown";
    let plan = project.xpkg(&format!("plan --target {target}")).ok();
    let directory = format!("{target}/for-javascript/for_javascript-nodejs");
    assert!(
        plan.stdout
            .contains(&format!("{directory}: nodejs, by wasm-bindgen 0.2.130 (`")),
        "{}",
        plan.stdout
    );
    project.xpkg(&format!("build -q --target {target}")).ok();
    let load = "console.log(require(process.argv[1]).greet('node'))";
    let package = project.path(&format!("target/xpkg/{directory}/for_javascript.js"));
    assert_eq!(
        said("node", &["-e", load, package.to_str().unwrap()]),
        "hello node\n"
    );
    let manifest = project.json("target/xpkg/manifest.json");
    crate::build::chat::the_schema_holds(&manifest);
    let files = manifest["artifacts"].as_array().unwrap().iter();
    let files: Vec<(&str, &str)> = files
        .map(|file| {
            let path = file["path"].as_str().unwrap();
            let below = path.strip_prefix("wasm32-unknown-unknown/for-javascript/");
            (below.unwrap(), file["kind"].as_str().unwrap())
        })
        .collect();
    let of_kind =
        |flavor: &str, end: &str| (format!("for_javascript-{flavor}/{end}"), "wasm-bindgen");
    for (path, kind) in [
        of_kind("nodejs", "for_javascript.d.ts"),
        of_kind("nodejs", "for_javascript.js"),
        of_kind("nodejs", "for_javascript_bg.wasm"),
        of_kind("web", "for_javascript.js"),
        ("for_javascript.wasm".to_owned(), "cdylib"),
    ] {
        assert!(files.contains(&(path.as_str(), kind)), "{path}: {files:?}");
    }
    project.xpkg("verify").ok();
    // Nothing has changed, and nothing is written again.
    let again = project.xpkg(&format!("build --target {target}")).ok();
    assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
    // A leg of it is merged, and what is released has it all.
    let list = project
        .xpkg(&format!("matrix --for json --target {target}"))
        .ok();
    project.write("target/legs.json", &list.stdout);
    project
        .xpkg("merge -q target/xpkg --expect target/legs.json --out-dir target/merged")
        .ok();
    assert_eq!(
        project.read("target/merged/manifest.json"),
        project.read("target/xpkg/manifest.json")
    );
    project
        .xpkg("release -q --from target/merged --release-dir target/released")
        .ok();
    let name = format!("for-javascript-0.1.0-{target}");
    project
        .shell(&format!(
            "PATH=/usr/bin:/bin; tar -xzf target/released/{name}.tar.gz -C target"
        ))
        .ok();
    let released = project.path(&format!(
        "target/{name}/for_javascript-nodejs/for_javascript.js"
    ));
    assert_eq!(
        said("node", &["-e", load, released.to_str().unwrap()]),
        "hello node\n"
    );
    project.xpkg("verify target/released").ok();
    // One that lacks a package is incomplete.
    let without = list
        .stdout
        .replace("_javascript-web\"", "_javascript-deno\"");
    project.write("target/legs.json", &without);
    let run = project.xpkg("merge -q target/xpkg --expect target/legs.json --out-dir target/other");
    assert!(
        run.stderr.contains("error[leg-incomplete]") && run.stderr.contains("for_javascript-deno"),
        "{}",
        run.stderr
    );
    // A changed byte of a script is found as well as one of a module.
    std::fs::write(&package, "// nothing\n").unwrap();
    let run = project.xpkg("verify");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.contains("error[digest-mismatch]"),
        "{}",
        run.stdout
    );
}

#[test]
fn another_wasm_bindgen_than_that_of_the_lock_is_refused() {
    let project = Project::of("bindgen");
    let plan = |project: &Project| project.xpkg("plan --target wasm32-unknown-unknown");
    check!(
        plan(&project),
        str![[r#"
exit 1
--- stderr
error[wasm-bindgen-unfit]: `wasm-bindgen` is not on PATH, and Cargo.lock has version 0.2.130
  help: install that version: `cargo install wasm-bindgen-cli --version =0.2.130 --locked`

"#]]
    );
    let project = project.fake("wasm-bindgen", "out wasm-bindgen 0.2.100\n");
    let run = plan(&project);
    assert!(
        run.stderr.contains(
            "is version 0.2.100, and Cargo.lock has 0.2.130: they read different formats"
        ),
        "{}",
        run.stderr
    );
    // What is set and has nothing to be made of is a mistake.
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &manifest.replace("cdylib = [\"wasm32-unknown-unknown\"]\n", ""),
    );
    let run = plan(&project);
    assert!(
        run.stderr.contains(
            "error[cdylib-missing]: `wasm-bindgen` is set for package `for-javascript`, which has no \
             library for `wasm32-unknown-unknown`"
        ),
        "{}",
        run.stderr
    );
}
