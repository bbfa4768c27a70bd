//! `lock --toolchains`, and `build --locked` with other tools.

use std::process::Command;

use crate::support::{ARM_MUSL, HOST, Project, X86_MUSL, cross, tool};
use crate::toolchain::gate::with_c_in_a_build_script;
use crate::toolchain::zig;

/// The first line of what a run says of a failure, and what it has found.
fn refused(project: &Project, command: &str) -> Vec<String> {
    let run = project.xpkg(command);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    let lines = run.stderr.lines().map(str::trim);
    let is_told = |line: &&str| {
        ["error", "found", "changes"]
            .iter()
            .any(|word| line.starts_with(word))
    };
    lines.filter(is_told).map(str::to_owned).collect()
}

#[test]
fn a_locked_build_takes_no_other_tools() {
    let project = Project::of("hello");
    let targets = format!("--target {X86_MUSL},{HOST}");
    let build = |flags: &str| project.xpkg(&format!("build -q {targets} {flags}"));
    // Without toolchains in the lock, `--locked` is cargo's.
    build("--locked").ok();
    let first = project.xpkg(&format!("lock --toolchains {targets}")).ok();
    assert!(
        first
            .stderr
            .contains(&format!("Pinning {X86_MUSL}: not pinned yet")),
        "{}",
        first.stderr
    );
    let text = project.read("xpkg.lock");
    let lock: toml::Table = text.parse().unwrap();
    let toolchains = lock["toolchain"].as_array().unwrap();
    let tools = |target: &str| -> Vec<(String, Vec<String>)> {
        let one = toolchains
            .iter()
            .find(|one| one["target"].as_str() == Some(target));
        let tools = one.unwrap()["tool"].as_array().unwrap().iter();
        let tool = |tool: &toml::Value| {
            let files = tool["files"].as_table().unwrap().keys().cloned().collect();
            (tool["role"].as_str().unwrap().to_owned(), files)
        };
        tools.map(tool).collect()
    };
    let musl = tools(X86_MUSL);
    let roles: Vec<&str> = musl.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["rustc", "standard library"]);
    assert!(musl[0].1.contains(&"bin/rustc".to_owned()), "{musl:?}");
    let gnu = tools(HOST);
    let (role, parts) = &gnu[2];
    assert_eq!(role, "linker");
    for part in ["collect2", "ld", "crt1.o", "libgcc.a"] {
        assert!(parts.contains(&part.to_owned()), "{parts:?}");
    }
    // The same again, and with it `--locked` builds.
    project
        .xpkg(&format!("lock --toolchains {targets} --locked"))
        .ok();
    assert_eq!(project.read("xpkg.lock"), text);
    build("--locked").ok();
    // A part that is another one.
    let linker = text.find("role = \"linker\"").unwrap();
    let at = linker + text[linker..].find("ld = \"sha256:").unwrap() + "ld = \"sha256:".len();
    let other = format!("{}{}{}", &text[..at], "0".repeat(64), &text[at + 64..]);
    project.write("xpkg.lock", &other);
    let digest = &text[at..at + 12];
    let line = format!("linker: `ld` is sha256:{digest}… here, locked: sha256:000000000000…");
    assert_eq!(
        refused(&project, &format!("build -q {targets} --locked")),
        [
            format!(
                "error[toolchain-changed]: the tools for `{HOST}` are not those in `xpkg.lock`"
            ),
            format!("found: {line}")
        ]
    );
    build("").ok();
    assert_eq!(
        refused(&project, &format!("lock --toolchains {targets} --locked")),
        [
            "error[lock-changed]: `xpkg.lock` would change, and `--locked` was given".to_owned(),
            format!("changes: {line}")
        ]
    );
    assert_eq!(project.read("xpkg.lock"), other);
    // The help works.
    project
        .xpkg(&format!("lock -q --toolchains --target {HOST}"))
        .ok();
    assert_eq!(project.read("xpkg.lock"), text);
    // A target that nobody has locked.
    let only = format!("\n[[toolchain]]\ntarget = \"{HOST}\"\n");
    let start = text.find("\n[[toolchain]]").unwrap();
    let rest = &text[start + 1..];
    let other = rest
        .find("\n[[toolchain]]")
        .map(|end| &rest[..end])
        .unwrap();
    let kept = if other.contains(HOST) {
        other
    } else {
        &rest[other.len()..]
    };
    assert!(kept.contains(only.trim()), "{kept}");
    project.write("xpkg.lock", &format!("version = 1\n{kept}\n"));
    assert_eq!(
        refused(&project, &format!("build -q --target {X86_MUSL} --locked")),
        [
            format!(
                "error[toolchain-changed]: the tools for `{X86_MUSL}` are not those in `xpkg.lock`"
            ),
            "found: `xpkg.lock` has none for this target".to_owned()
        ]
    );
    // It is parsed strictly.
    project.write(
        "xpkg.lock",
        &text.replace("role = \"rustc\"", "role = \"rustc\"\nnew = 1"),
    );
    assert!(refused(&project, "build -q --locked")[0].starts_with("error[lock-unreadable]"));
}

/// A compiler may be named with words: its parts count as those of one without.
#[test]
fn parts_of_compilers_with_words_are_locked() {
    let test = "locked::parts_of_compilers_with_words_are_locked";
    let Some(gcc) = cross("aarch64-linux-gnu-gcc", test) else {
        return;
    };
    let project = Project::of("with-c")
        .with("aarch64-linux-gnu-gcc")
        .with("aarch64-linux-gnu-ar")
        .fake("ccache", "exec \"$@\"")
        .env(
            "CC_aarch64_unknown_linux_gnu",
            "ccache aarch64-linux-gnu-gcc -g0",
        )
        .env(
            "CXX_aarch64_unknown_linux_gnu",
            "aarch64-linux-gnu-gcc -xc++",
        );
    let lock = "lock --toolchains --target aarch64-unknown-linux-gnu";
    project.xpkg(lock).ok();
    let lockfile: toml::Table = project.read("xpkg.lock").parse().unwrap();
    let tools = lockfile["toolchain"][0]["tool"].as_array().unwrap();
    let part = |role: &str, name: &str| {
        let tool = tools
            .iter()
            .find(|tool| tool["role"].as_str() == Some(role));
        let digest = tool.unwrap()["files"].get(name);
        digest.map(|digest| digest.as_str().unwrap().to_owned())
    };
    let said = Command::new(gcc)
        .arg("-print-prog-name=cc1")
        .output()
        .unwrap();
    let cc1 = String::from_utf8(said.stdout).unwrap();
    let sum = project
        .shell(&format!("/usr/bin/sha256sum {}", cc1.trim()))
        .ok()
        .stdout;
    let digest = format!("sha256:{}", &sum[..64]);
    for role in ["linker", "C compiler", "C++ compiler"] {
        assert_eq!(part(role, "cc1"), Some(digest.clone()), "{role}");
        for name in [
            "aarch64-linux-gnu-gcc",
            "ld",
            "crt1.o",
            "libc.a",
            "libc.so.6",
            "libm.a",
        ] {
            assert!(part(role, name).is_some(), "{role}: {name}");
        }
        assert_eq!(part(role, "ccache"), None, "{role}");
    }
    project.xpkg(&format!("{lock} --locked")).ok();
    let other = [(
        "CXX_aarch64_unknown_linux_gnu",
        "aarch64-linux-gnu-gcc -xc++ -O1",
    )];
    let run = project.xpkg_with(&other, &format!("{lock} --locked"));
    let line = "C++ compiler: `aarch64-linux-gnu-gcc -xc++ -O1` here, locked: `aarch64-linux-gnu-gcc -xc++`";
    assert!(
        run.code == Some(1) && run.stderr.contains(line),
        "{}",
        run.stderr
    );
}

/// zig compiles the C library of a program from its own `lib`, and build scripts write sources.
#[test]
fn zigs_library_and_the_compiler_of_build_scripts_are_locked() {
    let test = "zigs_library_and_the_compiler_of_build_scripts_are_locked";
    let (Some(project), Some(zig)) = (
        zig::project("hello", test).map(|it| it.with("gcc")),
        zig::zig(test),
    ) else {
        return;
    };
    with_c_in_a_build_script(&project);
    let lock = format!("lock --toolchains --linker zig --target {ARM_MUSL}");
    project.xpkg(&lock).ok();
    let text = project.read("xpkg.lock");
    let lockfile: toml::Table = text.parse().unwrap();
    let tools = lockfile["toolchain"][0]["tool"].as_array().unwrap();
    let of_role = |role: &str| -> Vec<&String> {
        let tool = tools
            .iter()
            .find(|tool| tool["role"].as_str() == Some(role));
        let files = tool.unwrap()["files"].as_table().unwrap();
        files.keys().collect()
    };
    assert_eq!(of_role("zig"), ["lib", "zig"]);
    let compiler = of_role("C compiler of build scripts");
    for part in ["cc1", "as", "crt1.o"] {
        assert!(compiler.iter().any(|name| *name == part), "{compiler:?}");
    }
    project.xpkg(&format!("{lock} --locked")).ok();
    // The same zig with another file in its `lib`, and another compiler of build scripts.
    let library = project.path("lib");
    let status = Command::new(tool("cp"))
        .args(["-r", "--link"])
        .arg(zig.with_file_name("lib"))
        .arg(&library)
        .status();
    assert!(status.unwrap().success());
    let source = library.join("libc/musl/src/stdio/vfprintf.c");
    let other = std::fs::read_to_string(&source).unwrap() + "\n";
    std::fs::remove_file(&source).unwrap();
    std::fs::write(&source, other).unwrap();
    let run = project.xpkg_with(
        &[("ZIG_LIB_DIR", library.to_str().unwrap())],
        &format!("{lock} --locked"),
    );
    assert!(
        run.stderr.contains("zig: `lib` is sha256:") && run.code == Some(1),
        "{}",
        run.stderr
    );
    let run = project.xpkg_with(&[("HOST_CC", "gcc")], &format!("{lock} --locked"));
    assert!(
        run.stderr
            .contains("C compiler of build scripts: `gcc` here, locked: `cc`")
            && run.code == Some(1),
        "{}",
        run.stderr
    );
}
