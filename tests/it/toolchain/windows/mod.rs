//! Windows from Linux: mingw-w64, and rust-lld with libraries laid out as `xwin splat` does it.

use std::path::PathBuf;
use std::process::Command;

use snapbox::str;

use crate::check;
use crate::support::{Project, cross, skipped};

const GNU: &str = "x86_64-pc-windows-gnu";

const MSVC: &str = "x86_64-pc-windows-msvc";

/// The wine that `cargo xtask wine` brought; without it a part of the test is skipped, by name.
pub fn wine(test: &str) -> Option<PathBuf> {
    let path = PathBuf::from("/var/lib/xpkg-wine/wine");
    if !path.exists() {
        skipped(test, "wine is not there: `cargo xtask wine` brings it");
        return None;
    }
    Some(path)
}

/// A project with mingw-w64's compilers of a flavor on PATH.
fn mingw(project: Project, flavor: &str, test: &str) -> Option<Project> {
    let name = |tool: &str| format!("x86_64-w64-mingw32-{tool}{flavor}");
    for tool in ["gcc", "g++"] {
        cross(&name(tool), test)?;
    }
    Some(
        project
            .with(&name("gcc"))
            .with(&name("g++"))
            .with("x86_64-w64-mingw32-ar"),
    )
}

/// The DLLs that a staged bin imports.
fn imports(project: &Project) -> Vec<String> {
    let manifest = project.json("target/xpkg/manifest.json");
    let needed = &manifest["artifacts"][0]["binary"]["needed"];
    let mut needed: Vec<String> = serde_json::from_value(needed.clone()).unwrap();
    needed.retain(|library| !library.starts_with("api-ms-win-"));
    needed
}

/// What `verify --run` says of the staged tree, with wine on PATH.
fn verified(project: Project, test: &str, args: &str) -> Option<serde_json::Value> {
    let project = project.with("bwrap").with_tool("wine", &wine(test)?);
    let run = project.xpkg(&format!("verify --run --message-format json {args}"));
    Some(serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.text())))
}

#[test]
fn mingw_links_programs_with_c_that_wine_starts() {
    let test = "mingw_links_programs_with_c_that_wine_starts";
    let Some(project) = mingw(Project::of("with-c"), "", test) else {
        return;
    };
    let plan = project.xpkg(&format!("plan --target {GNU}")).ok();
    let toolchain = plan.stdout.lines().find(|line| line.contains("toolchain "));
    assert_eq!(
        toolchain.unwrap().trim(),
        "toolchain   gcc `x86_64-w64-mingw32-gcc`: it compiles for `x86_64-w64-mingw32`, threads of Windows (win32)"
    );
    project.xpkg(&format!("build -q --target {GNU}")).ok();
    let pe = &project.json("target/xpkg/manifest.json")["artifacts"][0]["binary"]["pe"];
    for flag in [
        "dynamic_base",
        "high_entropy_va",
        "nx_compat",
        "relocations",
    ] {
        assert_eq!(pe[flag], true, "{flag}: {pe}");
    }
    assert_eq!(pe["subsystem"], "IMAGE_SUBSYSTEM_WINDOWS_CUI");
    let Some(report) = verified(project, test, "") else {
        return;
    };
    assert_eq!(report["findings"].to_string(), "[]");
    assert_eq!(report["skipped"].to_string(), "[]");
    assert_eq!(report["files"][0]["ran"], "--version");
}

#[test]
fn cpp_needs_no_dll_of_the_compiler() {
    let test = "cpp_needs_no_dll_of_the_compiler";
    for flavor in ["", "-posix"] {
        let name = format!("mingw-cpp{flavor}");
        let Some(project) = mingw(Project::kept_as(&name, "native"), flavor, test) else {
            return;
        };
        let build = format!("build -q -p native-cpp --target {GNU}");
        project.xpkg(&build).ok();
        assert_eq!(
            imports(&project).join(" "),
            "KERNEL32.dll USERENV.dll WS2_32.dll bcryptprimitives.dll msvcrt.dll ntdll.dll"
        );
        let Some(report) = verified(project, test, "--expect-version 'cpp: half of 42 is 21'")
        else {
            return;
        };
        assert_eq!(report["findings"].to_string(), "[]", "{flavor}");
        assert_eq!(report["files"][0]["ran"], "--version", "{report}");
    }
}

#[test]
fn a_dll_of_the_compiler_is_found_before_and_at_the_start() {
    let test = "a_dll_of_the_compiler_is_found_before_and_at_the_start";
    let Some(project) = mingw(Project::kept_as("mingw-dll", "native"), "", test) else {
        return;
    };
    let project = project.env("CXXSTDLIB", "stdc++");
    let build = format!("build -q -p native-cpp --target {GNU}");
    project.xpkg(&build).ok();
    let Some(report) = verified(project, test, "") else {
        return;
    };
    let findings = report["findings"].as_array().unwrap();
    let found = |code: &str| {
        let finding = findings.iter().find(|finding| finding["code"] == code);
        let finding = finding.unwrap_or_else(|| panic!("no {code}: {report}"));
        (finding["found"].clone(), finding["help"].clone())
    };
    let (needs, help) = found("library-unfit");
    assert_eq!(needs, "needs `libstdc++-6.dll`");
    assert!(
        help.as_str().unwrap().contains("static:-bundle=stdc++"),
        "{help}"
    );
    assert_eq!(
        found("run-failed").0,
        "it exited with code 53, since a DLL is missing: `libstdc++-6.dll`"
    );
}

#[test]
fn an_old_wine_is_named_and_not_used() {
    let test = "an_old_wine_is_named_and_not_used";
    let Some(project) = mingw(Project::of("hello"), "", test) else {
        return;
    };
    project.xpkg(&format!("build -q --target {GNU}")).ok();
    let why = |project: &Project| {
        let run = project.xpkg("verify --run --message-format json").ok();
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        report["skipped"][0]["why"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        why(&project),
        "it is for Windows, and no `wine` is on PATH (8.13 or newer)"
    );
    let project = project.fake("wine", "out wine-8.0 (Debian 8.0~repack-4)");
    assert_eq!(
        why(&project),
        "wine is 8.0, and programs in Rust need 8.13 or newer: `bcryptprimitives.dll`"
    );
}

#[test]
fn without_a_compiler_its_package_is_named() {
    let project = Project::of("hello");
    check!(
        project.xpkg(&format!("plan --target {GNU}")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `x86_64-pc-windows-gnu`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `x86_64-w64-mingw32-gcc` is not on PATH
         clang    is used for Linux only, not for windows
         rust-lld links with Microsoft's libraries only, for windows-msvc
         zig      is used for pc-windows-gnullvm only, not for pc-windows-gnu
         image    none is configured for this target
  help: install a cross compiler (`apt-get install gcc-mingw-w64-x86-64`)
  help: or set a linker for it in `CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER`

"#]]
    );
    check!(
        project.xpkg("plan --target x86_64-pc-windows-gnullvm"),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `x86_64-pc-windows-gnullvm`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `x86_64-w64-mingw32-clang` is not on PATH
         clang    is used for Linux only, not for windows
         rust-lld links with Microsoft's libraries only, for windows-msvc
         zig      not on PATH, and `python3 -m ziglang` failed
         image    none is configured for this target
  help: install zig (`pip install ziglang`) or put llvm-mingw's `x86_64-w64-mingw32-clang` on PATH
  help: or set a linker for it in `CARGO_TARGET_X86_64_PC_WINDOWS_GNULLVM_LINKER`

"#]]
    );
}

#[test]
fn a_tool_of_some_targets_is_looked_for_with_them_only() {
    let test = "a_tool_of_some_targets_is_looked_for_with_them_only";
    let Some(project) = mingw(Project::of("hello"), "", test) else {
        return;
    };
    project.append(
        "Cargo.toml",
        "\n[dependencies]\naws-lc-sys = { path = \"aws-lc-sys\" }\n",
    );
    project.write(
        "aws-lc-sys/Cargo.toml",
        "[package]\nname = \"aws-lc-sys\"\nversion = \"0.47.0\"\nedition = \"2024\"\n\n[features]\nprebuilt-nasm = \
         []\n",
    );
    project.write("aws-lc-sys/src/lib.rs", "");
    let missing = |project: &Project, target: &str| {
        let run = project.xpkg(&format!("plan --target {target}")).ok();
        let line = run.stdout.lines().find(|line| line.starts_with("missing"));
        line.map(str::to_owned)
    };
    assert_eq!(missing(&project, "x86_64-unknown-linux-musl"), None);
    assert_eq!(
        missing(&project, GNU).as_deref(),
        Some(
            "missing    `nasm` not found; aws-lc-sys 0.47.0 calls it (install it: `apt-get install \
             nasm`)"
        )
    );
    let project = project.env("AWS_LC_SYS_PREBUILT_NASM", "1");
    assert_eq!(missing(&project, GNU), None);
    let project = project.unset("AWS_LC_SYS_PREBUILT_NASM");
    let project = project.fake("nasm", "out NASM version 2.16.01");
    assert_eq!(missing(&project, GNU), None);
}

/// A project with a sysroot for windows-msvc: Windows' own libraries are mingw-w64's under the names
/// of Microsoft's, and the C runtime is a stand-in.
fn with_sdk(fixture: &str, test: &str) -> Option<Project> {
    let project = Project::of(fixture);
    let (clang, archiver) = (cross("clang", test)?, cross("llvm-lib", test)?);
    let mingw = PathBuf::from("/usr/x86_64-w64-mingw32/lib");
    if !mingw.exists() {
        skipped(test, "mingw-w64's libraries are not there");
        return None;
    }
    let sdk = project.path("sdk");
    for directory in [
        "crt/include",
        "sdk/include/ucrt",
        "sdk/include/um",
        "sdk/include/shared",
    ] {
        std::fs::create_dir_all(sdk.join(directory)).unwrap();
    }
    let place = |directory: &str| {
        let place = sdk.join(directory).join("x86_64");
        std::fs::create_dir_all(&place).unwrap();
        place
    };
    let (crt, ucrt, um) = (place("crt/lib"), place("sdk/lib/ucrt"), place("sdk/lib/um"));
    let take = |name: &str, to: PathBuf| {
        std::fs::copy(mingw.join(format!("lib{name}.a")), to).unwrap();
    };
    for name in [
        "kernel32", "ntdll", "userenv", "ws2_32", "dbghelp", "advapi32",
    ] {
        take(name, um.join(format!("{name}.lib")));
    }
    take("msvcrt", ucrt.join("ucrt.lib"));
    take("msvcrt", ucrt.join("libucrt.lib"));
    // std and clang name these, and all that is needed of them is in the library above.
    for name in ["vcruntime", "oldnames"] {
        take("msvcrt", crt.join(format!("{name}.lib")));
    }
    std::fs::write(sdk.join("crt.c"), include_str!("crt.c")).unwrap();
    let object = sdk.join("crt.obj");
    let compiled = Command::new(clang)
        .args([
            "--target=x86_64-pc-windows-msvc",
            "-O1",
            "-ffreestanding",
            "-c",
        ])
        .arg(sdk.join("crt.c"))
        .arg("-o")
        .arg(&object)
        .status();
    assert!(compiled.unwrap().success());
    for name in ["msvcrt.lib", "libcmt.lib"] {
        let made = Command::new(&archiver)
            .arg(format!("/OUT:{}", crt.join(name).display()))
            .arg(&object)
            .status();
        assert!(made.unwrap().success());
    }
    project.append(
        "Cargo.toml",
        &format!("\n[package.metadata.xpkg.target.{MSVC}]\nsysroot = \"sdk\"\n"),
    );
    Some(project)
}

#[test]
fn rust_lld_links_for_msvc_with_a_given_sdk() {
    let test = "rust_lld_links_for_msvc_with_a_given_sdk";
    let Some(project) = with_sdk("hello", test) else {
        return;
    };
    check!(
        project.xpkg(&format!("plan --target {MSVC}")),
        str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

x86_64-pc-windows-msvc
  toolchain   rust-lld: links with the libraries below `[ROOT]/sdk`
  rejected    native: links for the host's triple only, `x86_64-unknown-linux-gnu`
              gcc: links with GNU's libraries, not with Microsoft's
              clang: is used for Linux only, not for windows
  C           none in the target's graph
  std         installed
  environment CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER=rust-lld
              LIB='[ROOT]/sdk/crt/lib/x86_64;[ROOT]/sdk/sdk/lib/ucrt/x86_64;[ROOT]/sdk/sdk/lib/um/x86_64'
  runs        cd [ROOT] && LIB='[ROOT]/sdk/crt/lib/x86_64;[ROOT]/sdk/sdk/lib/ucrt/x86_64;[ROOT]/sdk/sdk/lib/um/x86_64' cargo build --message-format json-render-diagnostics --target x86_64-pc-windows-msvc --profile release --config 'target.x86_64-pc-windows-msvc.linker="rust-lld"' --package hello --bins
  stages      x86_64-pc-windows-msvc/hello/hello.exe

"#]]
    );
    project.xpkg(&format!("build -q --target {MSVC}")).ok();
    assert_eq!(
        imports(&project).join(" "),
        "KERNEL32.dll USERENV.dll WS2_32.dll msvcrt.dll ntdll.dll"
    );
    let Some(report) = verified(project, test, "-- --help") else {
        return;
    };
    assert_eq!(report["findings"].to_string(), "[]");
    assert_eq!(report["files"][0]["ran"], "--help", "{report}");
}

#[test]
fn clang_compiles_c_for_msvc() {
    let test = "clang_compiles_c_for_msvc";
    let Some(project) = with_sdk("with-c", test) else {
        return;
    };
    let project = project.with("clang").with("llvm-lib");
    project.write(
        "sdk/crt/include/string.h",
        "int strcmp(const char *, const char *);\n",
    );
    project.xpkg(&format!("build -q --target {MSVC}")).ok();
    let Some(report) = verified(project, test, "--expect-version 'with-c: same 6, other -1'")
    else {
        return;
    };
    assert_eq!(report["findings"].to_string(), "[]");
    assert_eq!(report["files"][0]["ran"], "--version", "{report}");
}

#[test]
fn an_incomplete_sdk_is_refused_before_the_build() {
    let test = "an_incomplete_sdk_is_refused_before_the_build";
    let Some(project) = with_sdk("hello", test) else {
        return;
    };
    let why = |project: &Project| {
        let run = project.xpkg(&format!("plan --target {MSVC} --linker rust-lld"));
        let line = run.stderr.lines().find(|line| line.contains("cause: "));
        line.unwrap_or_else(|| panic!("{}", run.text()))
            .trim()
            .replace(project.root.to_str().unwrap(), "[ROOT]")
    };
    let um = "sdk/sdk/lib/um/x86_64";
    std::fs::rename(
        project.path(um).join("kernel32.lib"),
        project.path(um).join("kernel32.Lib"),
    )
    .unwrap();
    assert_eq!(
        why(&project),
        "cause: `[ROOT]/sdk/sdk/lib/um/x86_64` has `kernel32.Lib` and no `kernel32.lib`: the names \
         of its files must be in lower case, too, as `xwin splat` makes them"
    );
    std::fs::remove_dir_all(project.path(um)).unwrap();
    assert_eq!(
        why(&project),
        "cause: there is no directory `[ROOT]/sdk/sdk/lib/um/x86_64`"
    );
    std::fs::remove_file(project.path("sdk/crt/lib/x86_64/libcmt.lib")).unwrap();
    let project = project.env(
        "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_RUSTFLAGS",
        "-Ctarget-feature=+crt-static",
    );
    assert_eq!(
        why(&project),
        "cause: `[ROOT]/sdk/crt/lib/x86_64` has no `libcmt.lib`"
    );
}

#[test]
fn without_an_sdk_its_layout_is_named() {
    let project = Project::of("hello");
    check!(
        project.xpkg(&format!("plan --target {MSVC}")),
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `x86_64-pc-windows-msvc`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      links with GNU's libraries, not with Microsoft's
         clang    is used for Linux only, not for windows
         rust-lld needs Microsoft's libraries: no `sysroot` is configured
         zig      is used for pc-windows-gnullvm only, not for pc-windows-msvc
         image    none is configured for this target
  help: name the directory of Microsoft's libraries in xpkg's configuration: `[workspace.metadata.xpkg.target.x86_64-pc-windows-msvc]` with `sysroot = "DIR"`, as `xwin --accept-license splat --output DIR` makes it (`cargo xpkg help windows`)
  help: or set a linker for it in `CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER`

"#]]
    );
}
