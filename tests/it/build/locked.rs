//! `lock --toolchains`, and `build --locked` with other tools.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{ARM_MUSL, HOST, Project, X86_MUSL, cross, tool};
use crate::toolchain::gate::with_c_in_a_build_script;
use crate::toolchain::zig;

/// The first line of what a run says of a failure, and what it has found.
fn refused(project: &Project, command: &str) -> Vec<String> {
    refused_with(project, &[], command)
}

/// The same with variables.
fn refused_with(project: &Project, variables: &[(&str, &str)], command: &str) -> Vec<String> {
    let run = project.xpkg_with(variables, command);
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
    let lld = format!("lib/rustlib/{HOST}/bin/gcc-ld/ld.lld");
    assert!(musl[0].1.contains(&lld), "{musl:?}");
    // No C is compiled, so no compiler of C has anything to do.
    let gnu = tools(HOST);
    let roles: Vec<&str> = gnu.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["rustc", "standard library", "linker"]);
    let (_, parts) = &gnu[2];
    for part in ["collect2", "crt1.o", "libgcc.a"] {
        assert!(parts.contains(&part.to_owned()), "{parts:?}");
    }
    // rustc's own lld links.
    assert!(!parts.contains(&"ld".to_owned()), "{parts:?}");
    // The same again, and with it `--locked` builds.
    project
        .xpkg(&format!("lock --toolchains {targets} --locked"))
        .ok();
    assert_eq!(project.read("xpkg.lock"), text);
    build("--locked").ok();
    project
        .xpkg_with(
            &[("CC_x86_64_unknown_linux_musl", "cc")],
            &format!("build -q --target {X86_MUSL} --locked"),
        )
        .ok();
    // A part that is another one.
    let linker = text.find("role = \"linker\"").unwrap();
    let entry = "collect2 = \"sha256:";
    let at = linker + text[linker..].find(entry).unwrap() + entry.len();
    let other = format!("{}{}{}", &text[..at], "0".repeat(64), &text[at + 64..]);
    project.write("xpkg.lock", &other);
    let digest = &text[at..at + 12];
    let line = format!("linker: `collect2` is sha256:{digest}… here, locked: sha256:000000000000…");
    for command in ["build -q", "plan"] {
        assert_eq!(
            refused(&project, &format!("{command} {targets} --locked")),
            [
                format!(
                    "error[toolchain-changed]: the tools for `{HOST}` are not those in `xpkg.lock`"
                ),
                format!("found: {line}")
            ],
            "{command}"
        );
    }
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
        .with_tool("ccache", &tool("env"))
        .env(
            "CXX_aarch64_unknown_linux_gnu",
            "aarch64-linux-gnu-gcc -xc++",
        );
    let root = project.root.to_str().unwrap().to_owned();
    let project = project.env(
        "CC_aarch64_unknown_linux_gnu",
        &format!("ccache aarch64-linux-gnu-gcc -I{root}/c -DTOKEN=s3cret"),
    );
    // It says that it compiles C++.
    let script = project.read("build.rs");
    project.write(
        "build.rs",
        &format!("{script}\nconst _: &str = \"cpp(true)\";\n"),
    );
    let lock = "lock --toolchains --target aarch64-unknown-linux-gnu";
    project.xpkg(lock).ok();
    let text = project.read("xpkg.lock");
    assert!(!text.contains(&root) && !text.contains("s3cret"), "{text}");
    let lockfile: toml::Table = text.parse().unwrap();
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
    assert_eq!(
        refused_with(&project, &other, &format!("{lock} --locked"))[1],
        "changes: C++ compiler: the arguments of `aarch64-linux-gnu-gcc` are others here"
    );
}

/// A part of a workspace may need fewer tools, and what it needs must be there.
#[test]
fn a_part_without_c_is_built_by_locked_tools() {
    let project = Project::of("hello").with("cc").with("c++").with("ar");
    let manifest = project.read("Cargo.toml");
    let members = "[workspace]\nmembers = [\"with\"]\n";
    project.write("Cargo.toml", &manifest.replace("[workspace]\n", members));
    let package = |name: &str, more: &str| {
        project.write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{more}"
            ),
        );
    };
    package("with", "[build-dependencies]\ncc = { path = \"../cc\" }\n");
    project.write("with/src/main.rs", "fn main() {}\n");
    project.write(
        "with/build.rs",
        "fn main() {\n    let _ = \"cpp(true)\";\n}\n",
    );
    package("cc", "");
    project.write("cc/src/lib.rs", "");
    let lock = format!("lock --toolchains --workspace --target {HOST}");
    project.xpkg(&lock).ok();
    let text = project.read("xpkg.lock");
    let lines = text.lines();
    let roles: Vec<&str> = lines
        .filter_map(|line| line.strip_prefix("role = "))
        .collect();
    let expected = [
        "rustc",
        "standard library",
        "linker",
        "C compiler",
        "C++ compiler",
    ];
    assert_eq!(roles, expected.map(|role| format!("\"{role}\"")));
    let part = format!("build -q --locked --target {HOST}");
    project.xpkg(&format!("{part} -p hello")).ok();
    project.xpkg(&format!("{part} -p with")).ok();
    // The record of the part keeps the rest.
    project
        .xpkg(&format!("lock -q --toolchains -p hello --target {HOST}"))
        .ok();
    assert_eq!(project.read("xpkg.lock"), text);
    // What the cc crate calls where nobody names a compiler.
    let project = project.without("c++").fake("c++", "exec /usr/bin/c++\n");
    let lines = refused(&project, &format!("{part} -p with"));
    assert!(
        lines[1].starts_with("found: C++ compiler: `c++` is sha256:"),
        "{lines:?}"
    );
    project.xpkg(&format!("{part} -p hello")).ok();
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
    let lines = |compiler: &str| {
        refused_with(
            &project,
            &[("HOST_CC", compiler)],
            &format!("{lock} --locked"),
        )
    };
    assert_eq!(
        lines("cc -O3")[1],
        "changes: C compiler of build scripts: the arguments of `cc` are others here"
    );
    assert_eq!(
        lines("no-such-compiler")[1],
        "changes: C compiler of build scripts: none here, locked: `cc`"
    );
}

/// A script in the project, with its path.
fn script(project: &Project, name: &str, text: &str) -> String {
    project.write(name, &format!("#!/bin/sh\n{text}"));
    let path = project.path(name);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The roles, programs and files of the one target that is locked.
fn locked(project: &Project) -> Vec<(String, String, Vec<String>)> {
    let lock: toml::Table = project.read("xpkg.lock").parse().unwrap();
    let tools = lock["toolchain"][0]["tool"].as_array().unwrap().iter();
    let text = |tool: &toml::Value, key: &str| tool[key].as_str().unwrap().to_owned();
    let files = |tool: &toml::Value| tool["files"].as_table().unwrap().keys().cloned().collect();
    tools
        .map(|tool| (text(tool, "role"), text(tool, "program"), files(tool)))
        .collect()
}

/// Rustflags choose the linker that a C compiler calls.
#[test]
fn the_linker_that_is_called_is_locked() {
    let project = Project::of("hello").with("ld.bfd");
    let linker = script(&project, "linker/ld", "exec /usr/bin/ld \"$@\"\n");
    let directory = Path::new(&linker).parent().unwrap().display();
    let project = project.env(
        "RUSTFLAGS",
        &format!("-Clinker-features=-lld -Clink-arg=-B{directory}"),
    );
    let build = format!("build -q --locked --target {HOST}");
    project
        .xpkg(&format!("lock -q --toolchains --target {HOST}"))
        .ok();
    project.xpkg(&build).ok();
    script(&project, "linker/ld", "exec /usr/bin/ld -O1 \"$@\"\n");
    let found = refused(&project, &build);
    assert!(
        found[1].starts_with("found: linker: `ld` is sha256:"),
        "{found:?}"
    );
    let lock = format!("lock -q --toolchains --target {HOST}");
    let linkers = |rustflags: &str| {
        project.xpkg_with(&[("RUSTFLAGS", rustflags)], &lock).ok();
        let files = locked(&project).remove(2).2.into_iter();
        let linkers = files.filter(|name| name.starts_with("ld"));
        linkers.collect::<Vec<String>>()
    };
    assert_eq!(linkers("-Clink-arg=-fuse-ld=bfd"), ["ld.bfd"]);
    assert_eq!(linkers(&format!("-Clink-arg=--ld-path={linker}")), ["ld"]);
    assert_eq!(linkers(""), [""; 0]);
}

/// The programs that cargo calls in place of rustc, or before it, decide what is compiled.
#[test]
fn what_calls_rustc_is_locked() {
    let project = Project::of("hello");
    let command = script(&project, "rust.sh", "exec rustc \"$@\"\n");
    let wrapper = script(&project, "wrap.sh", "exec \"$@\"\n");
    let cache = script(&project, "sccache", "exec \"$@\"\n");
    script(&project, "tools/member.sh", "exec \"$@\"\n");
    project.write(
        ".cargo/config.toml",
        "[build]\nrustc-workspace-wrapper = \"tools/member.sh\"\n",
    );
    let lock = format!("lock -q --toolchains --target {X86_MUSL}");
    let variables = [("RUSTC", command.as_str()), ("RUSTC_WRAPPER", &wrapper)];
    project.xpkg_with(&variables, &lock).ok();
    let rows = locked(&project);
    let rows: Vec<(&str, &str)> = rows
        .iter()
        .map(|(role, program, _)| (role.as_str(), program.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("rustc", "rustc"),
            ("standard library", "std"),
            ("rustc command", "<workspace>/rust.sh"),
            ("rustc wrapper", "<workspace>/wrap.sh"),
            ("rustc workspace wrapper", "<workspace>/tools/member.sh"),
        ]
    );
    let build = format!("build -q --locked --target {X86_MUSL}");
    project.xpkg_with(&variables, &build).ok();
    for (file, role) in [
        ("rust.sh", "rustc command"),
        ("wrap.sh", "rustc wrapper"),
        ("tools/member.sh", "rustc workspace wrapper"),
    ] {
        let text = project.read(file);
        let name = Path::new(file).file_name().unwrap().display();
        project.write(file, &format!("{text}# other\n"));
        let found = refused_with(&project, &variables, &build);
        assert!(
            found[1].starts_with(&format!("found: {role}: `{name}` is sha256:")),
            "{found:?}"
        );
        project.write(file, &text);
    }
    // A cache decides no byte.
    project
        .xpkg_with(&[("RUSTC_WRAPPER", cache.as_str())], &lock)
        .ok();
    let roles: Vec<String> = locked(&project).into_iter().map(|row| row.0).collect();
    assert_eq!(
        roles,
        ["rustc", "standard library", "rustc workspace wrapper"]
    );
}

/// rustup installs components beside what links.
#[test]
fn components_of_rustup_that_do_not_link_are_not_locked() {
    let project = Project::of("hello");
    let run = project.shell("rustc --print sysroot").ok();
    let sysroot = Path::new(run.stdout.trim());
    let host = format!("lib/rustlib/{HOST}");
    let copy = project.path("toolchain");
    for name in ["bin/rustc", "lib", &host] {
        let (from, to) = (sysroot.join(name), copy.join(name));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let mut copying = Command::new(tool("cp"));
        if name == "lib" {
            // Only the libraries of rustc.
            std::fs::create_dir_all(&to).unwrap();
            let files = std::fs::read_dir(&from)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            let libraries = files.filter(|path| path.is_file());
            copying.args(["-P", "--link"]).args(libraries).arg(&to);
        } else {
            copying.args(["-r", "--link"]).arg(&from).arg(&to);
        }
        assert!(copying.status().unwrap().success());
    }
    let rustc = copy.join("bin/rustc");
    let project = project.env("RUSTC", rustc.to_str().unwrap());
    let lock = format!("lock -q --toolchains --target {HOST}");
    project.xpkg(&lock).ok();
    let roles: Vec<String> = locked(&project).into_iter().map(|row| row.0).collect();
    assert_eq!(roles, ["rustc", "standard library", "linker"]);
    let tools = [
        format!("{host}/bin/llvm-nm"),
        format!("{host}/lib/libLLVM.so"),
    ];
    for file in &tools {
        project.write(&format!("toolchain/{file}"), "llvm");
    }
    let listed: String = tools.iter().map(|file| format!("file:{file}\n")).collect();
    project.write(
        &format!("toolchain/lib/rustlib/manifest-llvm-tools-{HOST}"),
        &listed,
    );
    let locked = format!("{lock} --locked");
    project.xpkg(&locked).ok();
    // A file of no component, and another linker.
    project.write(&format!("toolchain/{host}/lib/libother.rlib"), "other");
    let lld = copy.join(&host).join("bin/rust-lld");
    std::fs::remove_file(&lld).unwrap();
    std::fs::write(&lld, "other").unwrap();
    let found = refused(&project, &locked);
    assert!(
        found[1].starts_with(&format!("changes: rustc: `{host}/bin/rust-lld` is sha256:")),
        "{found:?}"
    );
    let run = project.xpkg(&locked);
    assert!(
        run.stderr
            .contains(&format!("standard library: `{host}/lib` is sha256:")),
        "{}",
        run.stderr
    );
}

/// A lock that several workspaces share stays one file.
#[test]
fn a_lock_behind_a_link_is_written_there() {
    let project = Project::of("hello");
    project.write("shared/xpkg.lock", "version = 1\n");
    let link = project.path("xpkg.lock");
    std::os::unix::fs::symlink("shared/xpkg.lock", &link).unwrap();
    let lock = format!("lock -q --toolchains --target {X86_MUSL}");
    project.xpkg(&lock).ok();
    assert_eq!(
        std::fs::read_link(&link).unwrap(),
        Path::new("shared/xpkg.lock")
    );
    assert!(project.read("shared/xpkg.lock").contains("[[toolchain]]"));
    assert_eq!(project.files("shared"), ["xpkg.lock"]);
    // A link to nothing is no lock.
    std::fs::remove_file(project.path("shared/xpkg.lock")).unwrap();
    let found = refused(&project, &lock);
    assert!(
        found[0].starts_with("error[file-access]: cannot read `"),
        "{found:?}"
    );
    assert!(link.is_symlink());
}
