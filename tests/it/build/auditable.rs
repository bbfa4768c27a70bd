//! cargo-auditable's list inside programs: which packages it has, that its own reader finds it, and
//! that the programs still run.

use std::path::{Path, PathBuf};
use std::process::Command;

use auditable_info::{Limits, audit_info_from_file};
use cargo_xpkg::inspect::auditable::{FORMAT, ListedPackage, PackageList, SECTION, Source, embed};
use cargo_xpkg::inspect::section::section;
use cargo_xpkg::inspect::{self, InspectError};
use serde_json::Value;
use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, ARM_MUSL, HOST, Project, X86_MUSL, cross, starter, tool};
use crate::toolchain::zig::zig;

/// Adds a library at `name` with these tables.
fn library(project: &Project, name: &str, tables: &str) {
    let manifest =
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{tables}");
    project.write(&format!("{name}/Cargo.toml"), &manifest);
    project.write(&format!("{name}/src/lib.rs"), "");
}

/// hello, which depends on libraries in all ways that cargo has.
fn hello() -> Project {
    let project = Project::of("hello");
    let manifest = project.read("Cargo.toml");
    let members = "[workspace]\nmembers = [\"other\"]";
    project.write("Cargo.toml", &manifest.replace("[workspace]", members));
    project.append(
        "Cargo.toml",
        "[dependencies]\n\
         both = { path = \"both\" }\n\
         macros = { path = \"macros\" }\n\
         optional = { path = \"optional\", optional = true }\n\
         runtime = { path = \"runtime\" }\n\
         [target.'cfg(windows)'.dependencies]\nwindows = { path = \"windows\" }\n\
         [target.'cfg(target_arch = \"aarch64\")'.dependencies]\narm = { path = \"arm\" }\n\
         [target.'cfg(target_arch = \"x86_64\")'.build-dependencies]\nx86 = { path = \"x86\" }\n\
         [build-dependencies]\nboth = { path = \"both\" }\nscript = { path = \"script\" }\n\
         [dev-dependencies]\ndev = { path = \"dev\" }\nruntime = { path = \"runtime\", features = [\"tested\"] }\n",
    );
    project.write("build.rs", "fn main() {}");
    for (name, tables) in [
        ("arm", ""),
        ("both", ""),
        ("dev", ""),
        ("extra", ""),
        (
            "macros",
            "[lib]\nproc-macro = true\n[dependencies]\nof-macros = { path = \"../of-macros\" }\n",
        ),
        ("of-macros", ""),
        ("of-script", ""),
        ("optional", ""),
        (
            "runtime",
            "[dependencies]\nboth = { path = \"../both\" }\nextra = { path = \"../extra\", optional = true }\n\
             tested = { path = \"../tested\", optional = true }\n",
        ),
        (
            "script",
            "[dependencies]\nof-script = { path = \"../of-script\" }\n",
        ),
        ("tested", ""),
        ("windows", ""),
        ("x86", ""),
    ] {
        library(&project, name, tables);
    }
    // Its features are unified with those of hello where both are built.
    library(
        &project,
        "other",
        "[dependencies]\nruntime = { path = \"../runtime\", features = [\"extra\"] }\n",
    );
    project
}

/// Returns the lists of a target in `plan`: `name` or `name (build)`, with dependencies.
fn listed(project: &Project, args: &str) -> Vec<String> {
    let run = project
        .xpkg(&format!("plan --auditable --message-format json {args}"))
        .ok();
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let packages = plan["targets"][0]["lists"]["packages"][0]["packages"]
        .as_array()
        .unwrap();
    let name = |index: &Value| {
        packages[index.as_u64().unwrap() as usize]["name"]
            .as_str()
            .unwrap()
    };
    let line = |package: &Value| {
        let kind = package["kind"].as_str().map(|kind| format!(" ({kind})"));
        let dependencies = package["dependencies"].as_array();
        let names: Vec<&str> = dependencies.into_iter().flatten().map(name).collect();
        assert_eq!(package["source"], "local");
        assert_eq!(
            package["root"].as_bool().unwrap_or(false),
            package["name"] == "hello"
        );
        format!(
            "{}{}: {}",
            package["name"].as_str().unwrap(),
            kind.unwrap_or_default(),
            names.join(" ")
        )
    };
    packages.iter().map(line).collect()
}

#[test]
fn the_list_has_what_the_bin_is_compiled_from_and_nothing_else() {
    let project = hello();
    let x86 = [
        "both: ",
        "hello: both macros runtime script x86",
        "macros (build): of-macros",
        "of-macros (build): ",
        "of-script (build): ",
        "runtime: both",
        "script (build): of-script",
        "x86 (build): ",
    ];
    assert_eq!(listed(&project, &format!("--target {X86_MUSL}")), x86);
    // The host compiles the build script for another processor, too.
    let arm = [
        "arm: ",
        "both: ",
        "hello: arm both macros runtime script x86",
        "macros (build): of-macros",
        "of-macros (build): ",
        "of-script (build): ",
        "runtime: both",
        "script (build): of-script",
        "x86 (build): ",
    ];
    assert_eq!(listed(&project, &format!("--target {ARM_MUSL}")), arm);
    // Features of the call, and of members that are built with it.
    let more = [
        "both: ",
        "extra: ",
        "hello: both macros optional runtime script x86",
        "macros (build): of-macros",
        "of-macros (build): ",
        "of-script (build): ",
        "optional: ",
        "runtime: both extra",
        "script (build): of-script",
        "x86 (build): ",
    ];
    let args = format!("--target {X86_MUSL} --workspace --features optional");
    assert_eq!(listed(&project, &args), more);
    // The answer is cached: of the same question it is the same.
    assert_eq!(listed(&project, &format!("--target {X86_MUSL}")), x86);
}

#[test]
fn plan_names_the_lists_and_targets_without() {
    let project = hello();
    let row = |args: &str| {
        let run = project.xpkg(&format!("plan {args}")).ok();
        let rows = run.stdout.lines().map(str::trim);
        let rows: Vec<String> = rows
            .filter_map(|line| line.strip_prefix("auditable "))
            .map(|line| line.trim().to_owned())
            .collect();
        rows.join("; ")
    };
    let musl = format!("--target {X86_MUSL}");
    assert_eq!(row(&musl), "");
    let expected = "hello: 8 packages, 5 of them for its build";
    assert_eq!(row(&format!("{musl} --auditable")), expected);
    let wasm = "--target wasm32-wasip1 --auditable";
    assert_eq!(row(wasm), "no list of packages: only ELF programs get one");
    project.write("xpkg.toml", "auditable = true\n");
    assert_eq!(row(&musl), expected);
}

/// Returns the names of the packages of a program, as cargo-auditable's own reader has them.
fn names(program: &Path) -> Vec<String> {
    let info = audit_info_from_file(program, Limits::default()).unwrap();
    info.packages
        .into_iter()
        .map(|package| package.name)
        .collect()
}

/// Returns what a program prints.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Strips a copy of a program by each tool, all of which must leave the list and a program that
/// runs.
fn survives(project: &Project, program: &Path, target: &str) {
    let before = (names(program), printed(&mut starter(target, program)));
    let strips = match target {
        HOST | X86_MUSL => vec!["strip", "strip --strip-all", "strip --strip-debug"],
        _ => vec![
            "aarch64-linux-gnu-strip",
            "aarch64-linux-gnu-strip --strip-all",
        ],
    };
    for line in strips {
        let stripped = project.path("stripped");
        let mut words = line.split(' ');
        let status = Command::new(tool(words.next().unwrap()))
            .args(words)
            .arg("-o")
            .args([&stripped, &program.to_owned()])
            .status();
        assert!(status.unwrap().success(), "{line}");
        let after = (names(&stripped), printed(&mut starter(target, &stripped)));
        assert_eq!(after, before, "{line}");
    }
}

#[test]
fn the_list_is_in_the_file_and_survives_strip() {
    let project = hello();
    project
        .xpkg(&format!("build -q --target {X86_MUSL},{ARM_MUSL},{HOST}"))
        .ok();
    // From now on, neither cargo's files nor the staged ones are read if nothing wrote to them.
    project
        .xpkg(&format!("build -q --target {X86_MUSL},{ARM_MUSL},{HOST}"))
        .ok();
    let text = project.read("target/xpkg/MANIFEST.txt");
    let plain = |target: &str| {
        let path = project.path(&format!("target/{target}/release/hello"));
        (std::fs::read(&path).unwrap(), path)
    };
    let staged = |target: &str| project.path(&format!("target/xpkg/{target}/hello/hello"));
    for target in [X86_MUSL, ARM_MUSL, HOST] {
        assert_eq!(std::fs::read(staged(target)).unwrap(), plain(target).0);
    }
    check!(
        project.xpkg(&format!(
            "build --auditable --target {X86_MUSL},{ARM_MUSL},{HOST}"
        )),
        str![[r#"
exit 0
--- stdout
target                      package  bin         size  linkage     glibc  sha256
aarch64-unknown-linux-musl  hello    hello [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-gnu    hello    hello [SIZE]  dynamic     2.34   [DIGEST]
x86_64-unknown-linux-musl   hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
     Linking x86_64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
     Linking aarch64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
    Finished `release` profile [optimized] target(s) in [TIME]
    Finished `release` profile [optimized] target(s) in [TIME]
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 3 bins in [ROOT]/target/xpkg

"#]]
    );
    assert_ne!(project.read("target/xpkg/MANIFEST.txt"), text);
    let manifest = project.json("target/xpkg/manifest.json");
    for (target, linked) in [(X86_MUSL, 8), (ARM_MUSL, 9), (HOST, 8)] {
        let (program, staged) = (plain(target).0, staged(target));
        assert_eq!(names(&staged).len(), linked, "{target}");
        let bytes = std::fs::read(&staged).unwrap();
        let artifact = manifest["artifacts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|artifact| artifact["target"] == target)
            .unwrap();
        assert_eq!(artifact["binary"]["auditable"], true);
        assert_eq!(artifact["size"], bytes.len());
        // All other facts are cargo's file's.
        let facts = |bytes: &[u8]| {
            let mut binary = inspect::inspect(bytes)?;
            binary.auditable = true;
            Ok::<_, InspectError>(binary)
        };
        assert_eq!(facts(&bytes), facts(&program));
        let json = PackageList::decode(section(&bytes, SECTION).unwrap().unwrap()).unwrap();
        let json = serde_json::to_string(&json).unwrap();
        assert!(!json.contains('/'), "{json}");
        survives(&project, &staged, target);
    }
    let again = project.xpkg(&format!(
        "build --auditable --target {X86_MUSL},{ARM_MUSL},{HOST}"
    ));
    assert!(
        again.stderr.contains("   Unchanged 3 bins in "),
        "{}",
        again.stderr
    );
    assert!(project.xpkg("verify target/xpkg").code == Some(0));
}

#[test]
fn programs_of_other_linkers_get_the_list_too() {
    let project = hello().with("aarch64-linux-gnu-gcc");
    project
        .xpkg(&format!(
            "build -q --auditable --linker gcc --target {ARM_GNU}"
        ))
        .ok();
    survives(
        &project,
        &project.path(&format!("target/xpkg/{ARM_GNU}/hello/hello")),
        ARM_GNU,
    );
    let test = "build::auditable::programs_of_other_linkers_get_the_list_too";
    let Some(zig) = zig(test) else {
        return;
    };
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("zig-cache");
    let project = hello()
        .with_tool("zig", &zig)
        .env("ZIG_GLOBAL_CACHE_DIR", cache.to_str().unwrap());
    for target in [X86_MUSL, ARM_MUSL] {
        project
            .xpkg(&format!(
                "build -q --auditable --linker zig --target {target}"
            ))
            .ok();
        let staged = project.path(&format!("target/xpkg/{target}/hello/hello"));
        survives(&project, &staged, target);
    }
}

/// A list of one package.
fn list(name: &str) -> PackageList {
    PackageList {
        packages: vec![ListedPackage {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            source: Source::Local,
            kind: cargo_xpkg::inspect::auditable::Kind::Runtime,
            dependencies: Vec::new(),
            root: true,
        }],
        format: FORMAT,
    }
}

#[test]
fn a_32_bit_program_gets_the_list_too() {
    let test = "build::auditable::a_32_bit_program_gets_the_list_too";
    let (Some(gcc), Some(strip), Some(qemu)) = (
        cross("arm-linux-gnueabihf-gcc", test),
        cross("arm-linux-gnueabihf-strip", test),
        cross("qemu-arm-static", test),
    ) else {
        return;
    };
    let project = Project::empty();
    project.write(
        "main.c",
        "#include <stdio.h>\nint main(void) { puts(\"started\"); }\n",
    );
    let program = project.path("program");
    let run = |tool: &PathBuf, args: &[&str]| {
        let mut command = Command::new(tool);
        printed(command.args(args).current_dir(&project.root))
    };
    for more in ["-static", "-pie", "-no-pie"] {
        run(&gcc, &["-o", "plain", "main.c", more]);
        let plain = std::fs::read(project.path("plain")).unwrap();
        std::fs::copy(project.path("plain"), &program).unwrap();
        std::fs::write(&program, embed(plain.clone(), &list("app")).unwrap()).unwrap();
        let started = || run(&qemu, &["-L", "/usr/arm-linux-gnueabihf", "./program"]);
        assert_eq!(
            (names(&program), started()),
            (vec!["app".to_owned()], "started\n".to_owned())
        );
        for args in [&["program"][..], &["--strip-all", "program"]] {
            run(&strip, args);
            assert_eq!(
                (names(&program), started()),
                (vec!["app".to_owned()], "started\n".to_owned())
            );
        }
    }
}

#[test]
fn a_list_that_is_there_stays_or_is_refused() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_fake-tool")).unwrap();
    let once = embed(program.clone(), &list("app")).unwrap();
    assert_eq!(once[64..program.len()], program[64..]);
    assert_eq!(embed(once.clone(), &list("app")).unwrap(), once);
    let other = embed(once, &list("other")).unwrap_err().to_string();
    assert_eq!(other, "it has a list of other packages");
    let wrong = embed(b"#!/bin/sh\n".to_vec(), &list("app")).unwrap_err();
    assert_eq!(wrong.to_string(), "it is not an ELF file");
    // Wherever the headers of a program are wrong, it ends with an error or a file.
    for at in 0..64 {
        for value in [0, 1, 0x80, 0xff] {
            let mut damaged = program.clone();
            damaged[at] = value;
            let _ = embed(damaged, &list("app"));
        }
    }
}

#[test]
fn a_program_without_sections_is_refused() {
    let project = Project::of("hello");
    // A linker without section headers.
    project.write(
        "bare-gcc",
        "#!/bin/sh\nPATH=/usr/bin:/bin\nout=\nfor word; do [ \"$last\" = -o ] && out=$word; last=$word; done\n\
         cc \"$@\" || exit\nllvm-objcopy --strip-sections \"$out\"\n",
    );
    let test = "build::auditable::a_program_without_sections_is_refused";
    if cross("llvm-objcopy", test).is_none() {
        return;
    }
    project.shell("PATH=/usr/bin:/bin chmod +x bare-gcc").ok();
    let linker = project.path("bare-gcc");
    let project = project.env(
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
        linker.to_str().unwrap(),
    );
    let run = project.xpkg("build --auditable");
    assert_eq!(run.code, Some(1));
    let error = run.stderr.split("error[").nth(1).unwrap();
    assert_eq!(
        error.lines().next().unwrap(),
        "auditable-unfit]: bin `hello` of package `hello` cannot get its list of packages: it has no \
         section headers"
    );
    assert!(!project.path("target/xpkg").exists());
}
