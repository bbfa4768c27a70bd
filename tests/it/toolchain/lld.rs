//! rust-lld behind xpkg's wrapper: what real programs ask of a link for musl, each started.

use crate::check;
use crate::support::{ARM_MUSL, Project, Run, X86_MUSL, starter};
use crate::toolchain::zig::zig;

/// A program whose build script prints these lines for cargo.
fn program(script: &[&str]) -> Project {
    let project = Project::of("hello");
    let lines: Vec<String> = script
        .iter()
        .map(|line| format!("    println!(\"{line}\");\n"))
        .collect();
    project.write("build.rs", &format!("fn main() {{\n{}}}\n", lines.concat()));
    project
}

/// Builds for a target, starts the program, and returns what it says.
fn built(project: &Project, target: &str, flags: &str) -> String {
    project
        .xpkg(&format!("build -q --target {target} {flags}"))
        .ok();
    let file = project.path(&format!("target/xpkg/{target}/hello/hello"));
    let output = starter(target, &file).output().unwrap();
    assert!(output.status.success(), "{target}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A build that fails, as people see its end: xpkg's own words.
fn own_words(run: &Run) -> String {
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let last = run
        .stderr
        .rfind("error[l")
        .unwrap_or_else(|| panic!("no words of xpkg's:\n{}", run.stderr));
    let cargo = run.stderr.rfind("could not compile").unwrap();
    assert!(cargo < last, "before cargo's:\n{}", run.stderr);
    run.stderr[last..].to_owned()
}

#[test]
fn libraries_that_musl_has_in_its_libc_need_no_file() {
    let project = program(&[
        "cargo:rustc-link-lib=dl",
        "cargo:rustc-link-lib=pthread",
        "cargo:rustc-link-lib=m",
        "cargo:rustc-link-lib=dylib=rt",
        "cargo:rustc-link-arg=-lutil",
        "cargo:rustc-link-arg=-lxnet",
        "cargo:rustc-link-arg=-lresolv",
        "cargo:rustc-link-arg=-lcrypt",
        "cargo:rustc-link-arg=-lgcc",
        "cargo:rustc-link-lib=gcc_eh",
    ]);
    // `dlopen` is called, as libloading does.
    project.append(
        "src/main.rs",
        "#[link(name = \"dl\")]\nunsafe extern \"C\" {\n    fn dlerror() -> *const u8;\n}\n#[unsafe(no_mangle)]\npub static KEPT: unsafe extern \"C\" fn() -> *const u8 = dlerror;\n",
    );
    for (target, said) in [
        (X86_MUSL, "hello from x86_64 linux musl\n"),
        (ARM_MUSL, "hello from aarch64 linux musl\n"),
    ] {
        assert_eq!(built(&project, target, ""), said);
    }
}

#[test]
fn arguments_for_a_compiler_driver_are_translated() {
    let project = program(&[
        "cargo:rustc-link-arg=-Wl,-export-dynamic",
        "cargo:rustc-link-arg=-Wl,-z,now,--build-id=0x12ab",
        "cargo:rustc-link-arg=-Xlinker",
        "cargo:rustc-link-arg=--no-undefined",
        "cargo:rustc-link-arg=-rdynamic",
        "cargo:rustc-link-arg=-pthread",
        "cargo:rustc-link-arg=-fuse-ld=lld",
        "cargo:rustc-link-arg=-nostartfiles",
        "cargo:rustc-link-arg=-Wl,--no-warn-rwx-segments",
        "cargo:rustc-link-arg=@more arguments",
    ]);
    project.write("more arguments", "-Wl,--as-needed -ldl\n'-fPIC' -pthread\n");
    let project = project.env(
        "RUSTFLAGS",
        "-Clink-arg=-Wl,--hash-style=gnu -Clink-arg=-pthread",
    );
    for (target, said) in [
        (X86_MUSL, "hello from x86_64 linux musl\n"),
        (ARM_MUSL, "hello from aarch64 linux musl\n"),
    ] {
        assert_eq!(built(&project, target, ""), said);
        // What the linker itself was told has arrived.
        let file = std::fs::read(project.path(&format!("target/xpkg/{target}/hello/hello")));
        let file = file.unwrap();
        let note = b"GNU\0\x12\xab";
        assert!(
            file.windows(note.len()).any(|bytes| bytes == note),
            "{target}"
        );
    }
}

#[test]
fn a_link_that_is_too_long_for_a_command_line_is_translated_too() {
    // rustc itself writes a response file where starting the linker fails.
    let long = "/a-directory-that-does-not-exist".repeat(40);
    let script = format!(
        "for i in 0..2000 {{ println!(\"cargo:rustc-link-arg=-L{long}/{{i}}\"); }}\nprintln!(\"cargo:rustc-link-arg=-pthread\"); println!(\"cargo:rustc-link-lib=dl\");"
    );
    let project = Project::of("hello");
    project.write("build.rs", &format!("fn main() {{ {script} }}\n"));
    assert_eq!(
        built(&project, X86_MUSL, ""),
        "hello from x86_64 linux musl\n"
    );
}

#[test]
fn an_argument_that_lld_cannot_follow_is_named_with_what_can() {
    let project = program(&["cargo:rustc-link-arg=-fuse-ld=mold"]);
    let run = project.xpkg(&format!("build -q --target {X86_MUSL}"));
    assert_eq!(
        own_words(&run),
        "error[lld-argument]: rust-lld cannot follow the linker argument `-fuse-ld=mold`
  cause: it names another linker
  target: x86_64-unknown-linux-musl
  help: remove it where it is set: `-C link-arg` in rustflags, `cargo:rustc-link-arg` in a build script, a `CFLAGS` variable
"
    );
    project.write("build.rs", "fn main() {}\n");
    assert_eq!(
        built(&project, X86_MUSL, ""),
        "hello from x86_64 linux musl\n"
    );
}

#[test]
fn an_argument_that_lld_does_not_know_is_named_with_what_can() {
    let test = "an_argument_that_lld_does_not_know_is_named_with_what_can";
    let Some(zig) = zig(test) else { return };
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/zig-cache");
    let project = program(&["cargo:rustc-link-arg=-ansi"])
        .with_tool("zig", &zig)
        .env("ZIG_GLOBAL_CACHE_DIR", cache);
    let run = project.xpkg(&format!("build -q --target {X86_MUSL}"));
    assert_eq!(
        own_words(&run),
        "error[lld-argument]: rust-lld does not know the linker argument `-ansi`
  target: x86_64-unknown-linux-musl
  help: remove it where it is set: `-C link-arg` in rustflags, `cargo:rustc-link-arg` in a build script, a `CFLAGS` variable
  help: or choose another linker for this target: `--linker zig`
"
    );
    assert_eq!(
        built(&project, X86_MUSL, "--linker zig"),
        "hello from x86_64 linux musl\n"
    );
}

#[test]
fn a_program_that_would_crash_at_start_is_not_linked() {
    let project = program(&["cargo:rustc-link-arg=-no-pie"]);
    let run = project.xpkg(&format!("build -q --target {X86_MUSL}"));
    assert_eq!(
        own_words(&run),
        "error[lld-argument]: rust-lld cannot follow the linker argument `-no-pie`
  cause: rustc chose the start file of a static PIE; `-C relocation-model=static` in the rustflags changes both
  target: x86_64-unknown-linux-musl
  help: remove it where it is set: `-C link-arg` in rustflags, `cargo:rustc-link-arg` in a build script, a `CFLAGS` variable
  help: or install zig (`cargo xpkg help zig`), and choose it: `--linker zig`
"
    );
    // The program is at a fixed address for aarch64 anyway.
    assert_eq!(
        built(&project, ARM_MUSL, ""),
        "hello from aarch64 linux musl\n"
    );
    let project = project.env("RUSTFLAGS", "-C relocation-model=static");
    assert_eq!(
        built(&project, X86_MUSL, ""),
        "hello from x86_64 linux musl\n"
    );
    for argument in ["-pie", "-static-pie"] {
        let project = program(&[&format!("cargo:rustc-link-arg={argument}")]);
        assert_eq!(
            built(&project, X86_MUSL, ""),
            "hello from x86_64 linux musl\n"
        );
        let run = project.xpkg(&format!("build -q --target {ARM_MUSL}"));
        let said = own_words(&run);
        let expected = format!(
            "error[lld-argument]: rust-lld cannot follow the linker argument `{argument}`\n  \
             cause: rustc chose the start file of a program at a fixed address\n"
        );
        assert!(said.starts_with(&expected), "{said}");
    }
}

/// The rustflags are known before the build.
#[test]
fn rustflags_that_would_make_a_program_crash_at_start_are_refused_in_the_plan() {
    let rejection = |target: &str, flags: &str| {
        let project = Project::of("hello").env("RUSTFLAGS", flags);
        let run = project.xpkg(&format!("plan --target {target}"));
        let line = run
            .stderr
            .lines()
            .find(|line| line.contains("rust-lld the"));
        line.map(|line| line.trim().to_owned())
    };
    let refused = |flag: &str| {
        Some(format!(
            "rust-lld the effective rustflags contain `{flag}`, which it does not support"
        ))
    };
    for (target, flags, expected) in [
        (
            X86_MUSL,
            "-Clink-arg=-no-pie",
            refused("-Clink-arg=-no-pie"),
        ),
        (X86_MUSL, "-C link-args=-pie", None),
        (X86_MUSL, "-Clink-arg=-static-pie", None),
        (
            X86_MUSL,
            "-Crelocation-model=static -Clink-arg=-no-pie",
            None,
        ),
        (
            X86_MUSL,
            "-C relocation-model=static -C link-arg=-static-pie",
            refused("-C link-arg=-static-pie"),
        ),
        (ARM_MUSL, "-Clink-arg=-no-pie", None),
        (ARM_MUSL, "-Clink-arg=-pie", refused("-Clink-arg=-pie")),
        (
            ARM_MUSL,
            "-Clink-args=-static-pie",
            refused("-Clink-args=-static-pie"),
        ),
    ] {
        assert_eq!(rejection(target, flags), expected, "{target} {flags}");
    }
}

#[test]
fn a_library_that_is_not_there_is_named_with_the_way_to_give_it() {
    let project = program(&["cargo:rustc-link-lib=answer"]);
    project.append(
        "src/main.rs",
        "unsafe extern \"C\" {\n    safe fn answer() -> i32;\n}\n#[test]\nfn t() {}\n",
    );
    let main = project.read("src/main.rs").replacen(
        "fn main() {",
        "fn main() {\n    assert_eq!(answer(), 42);",
        1,
    );
    project.write("src/main.rs", &main);
    let run = project.xpkg(&format!("build -q --target {X86_MUSL}"));
    assert_eq!(
        own_words(&run),
        "error[library-missing]: rust-lld found no library for `-lanswer`
  cause: a crate or a build script names it, and no directory of the link has it for this target
  target: x86_64-unknown-linux-musl
  help: use the crate's feature that builds the library with it (`vendored`, `bundled`, `static`), if it has one
  help: or name the directory of a `libanswer.a` for this target in the root's Cargo.toml: `[workspace.metadata.xpkg.target.x86_64-unknown-linux-musl]` with `rustflags = [\"-Lnative=DIR\"]`
"
    );
    // The help, done.
    let project = project.with("ar");
    project.write("answer.c", "int answer(void) { return 42; }\n");
    let directory = project.path("lib dir");
    std::fs::create_dir(&directory).unwrap();
    project
        .shell("cc -c answer.c -o answer.o && ar rcs 'lib dir/libanswer.a' answer.o")
        .ok();
    project.append(
        "Cargo.toml",
        &format!(
            "\n[workspace.metadata.xpkg.target.{X86_MUSL}]\nrustflags = [\"-Lnative={}\"]\n",
            directory.display()
        ),
    );
    assert_eq!(
        built(&project, X86_MUSL, ""),
        "hello from x86_64 linux musl\n"
    );
}

#[test]
fn a_run_time_library_of_a_compiler_is_zigs() {
    let test = "a_run_time_library_of_a_compiler_is_zigs";
    let Some(zig) = zig(test) else { return };
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/zig-cache");
    let project = program(&["cargo:rustc-link-lib=gcc_s"])
        .with_tool("zig", &zig)
        .env("ZIG_GLOBAL_CACHE_DIR", cache);
    let run = project.xpkg(&format!("build -q --target {X86_MUSL}"));
    assert_eq!(
        own_words(&run),
        "error[library-missing]: rust-lld found no library for `-lgcc_s`
  cause: a crate or a build script names it, and no directory of the link has it for this target
  target: x86_64-unknown-linux-musl
  help: or choose another linker for this target: `--linker zig`
"
    );
    assert_eq!(
        built(&project, X86_MUSL, "--linker zig"),
        "hello from x86_64 linux musl\n"
    );
}

/// Nothing of this machine is in what sccache hashes and the manifest records.
#[test]
fn the_linker_is_a_name_on_path() {
    let project = Project::of("hello");
    project.xpkg(&format!("build -q --target {X86_MUSL}")).ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let toolchain = &manifest["targets"][0]["toolchain"];
    assert_eq!(
        (
            toolchain["linker"]["program"].as_str(),
            &toolchain["variables"]
        ),
        (
            Some("rust-lld"),
            // The digest of `rust-lld-1`.
            &serde_json::json!({"CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER":
                "20ba48cf19603144f39b0754766d795f9428a76e4f11c6d819555477357008a0"})
        )
    );
}

/// The same link by plain cargo in the environment that `env` prints.
#[test]
fn the_environment_links_without_xpkg() {
    let project = program(&["cargo:rustc-link-lib=dl"]);
    let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
    let cargo = format!(
        "eval \"$({xpkg} env --target {X86_MUSL})\" && cargo build -q --target {X86_MUSL} && \
         target/{X86_MUSL}/debug/hello"
    );
    let run = project.shell(&cargo).ok();
    assert_eq!(run.stdout, "hello from x86_64 linux musl\n");
    let run = project.xpkg(&format!("env --target {X86_MUSL} --message-format json"));
    let variables: serde_json::Value = serde_json::from_str(&run.ok().stdout).unwrap();
    let path = format!(
        "{}:{}",
        project.path("target/xpkg-cache/tools/bin").display(),
        project.bin.display()
    );
    assert_eq!(variables[0]["name"], "PATH");
    assert_eq!(variables[0]["value"], path.as_str());
    // A refusal then is among the linker's own messages.
    project.write(
        "build.rs",
        "fn main() { println!(\"cargo:rustc-link-arg=-fuse-ld=mold\"); }\n",
    );
    let run = project.shell(&cargo);
    assert!(
        run.stderr.contains(
            "error[lld-argument]: rust-lld cannot follow the linker argument `-fuse-ld=mold`"
        ) && run.stderr.contains("help: remove it where it is set"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_shared_musl_is_refused_by_every_linker_that_has_none() {
    let test = "a_shared_musl_is_refused_by_every_linker_that_has_none";
    let Some(zig) = zig(test) else { return };
    let project = Project::of("hello")
        .with_tool("zig", &zig)
        .env("RUSTFLAGS", "-C target-feature=-crt-static");
    check!(
        project.xpkg(&format!("plan --target {X86_MUSL}")),
        "exit 1
--- stderr
error[no-linker]: no linker found for `x86_64-unknown-linux-musl`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `x86_64-linux-musl-gcc` is not on PATH
         clang    would use the host's C library for x86_64-linux-musl: it needs a sysroot
         rust-lld the effective rustflags contain `-C target-feature=-crt-static`, which it does not support
         zig      links musl statically only, but the effective rustflags contain `-C target-feature=-crt-static`
         image    none is configured for this target
  help: remove `-C target-feature=-crt-static` from the rustflags
  help: or put a cross compiler with a shared musl on PATH, as `x86_64-linux-musl-gcc`
"
    );
    let project = project.unset("RUSTFLAGS");
    project.xpkg(&format!("plan --target {X86_MUSL}")).ok();
    let project = project
        .env("RUSTFLAGS", "-C target-feature=-crt-static")
        .fake("x86_64-linux-musl-gcc", "err Target: x86_64-linux-musl\n");
    let run = project.xpkg(&format!("plan --target {X86_MUSL}")).ok();
    assert!(
        run.stdout
            .contains("gcc `x86_64-linux-musl-gcc`: it compiles for"),
        "{}",
        run.stdout
    );
}

/// Three targets of rustup's; rustc answers for them without their standard libraries.
#[test]
fn a_target_whose_musl_is_shared_by_default_is_refused_in_the_plan() {
    for target in [
        "powerpc64-unknown-linux-musl",
        "riscv64gc-unknown-linux-musl",
        "loongarch64-unknown-linux-musl",
    ] {
        // rustup could bring the standard library.
        let project = Project::of("hello").fake("rustup", "exit 1\n");
        let run = project.xpkg(&format!("plan --target {target}"));
        assert!(
            run.stderr.contains(
                "rust-lld Rust links this target's musl as a shared library by default, which \
                 Rust does not include\n"
            ),
            "{target}: {}",
            run.stderr
        );
        let (line, _) = run.stderr.split_once("`\n  help: or install zig").unwrap();
        let (_, line) = line.rsplit_once("link it statically: `").unwrap();
        let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
        let run = project.shell(&format!("{line}; {xpkg} plan --target {target}"));
        assert!(
            run.stdout.contains("toolchain   rust-lld: "),
            "{}",
            run.stderr
        );
    }
}
