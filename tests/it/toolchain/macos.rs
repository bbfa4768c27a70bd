//! macOS and BSDs by zig, from Linux: what links, and what its files say.

use std::process::Command;

use serde_json::Value;
use snapbox::str;

use crate::check;
use crate::support::{Project, tool};
use crate::toolchain::zig;

const ARM: &str = "aarch64-apple-darwin";
const INTEL: &str = "x86_64-apple-darwin";
const BOTH: &str = "universal2-apple-darwin";

/// The record and the only file of a target in the tree's manifest.
fn built<'a>(manifest: &'a Value, target: &str) -> (&'a Value, &'a Value) {
    let of = |list: &'a Value| {
        let mut entries = list.as_array().unwrap().iter();
        entries.find(|entry| entry["target"] == target).unwrap()
    };
    (of(&manifest["targets"]), of(&manifest["artifacts"]))
}

/// The codes that `verify` reports of a path.
fn codes(project: &Project, path: &str) -> Vec<String> {
    let run = project.xpkg(&format!("verify {path} --message-format json"));
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

/// Copies a staged program out of its tree, edited.
fn edited(project: &Project, target: &str, edit: impl Fn(&mut Vec<u8>)) -> String {
    let mut bytes =
        std::fs::read(project.path(&format!("target/xpkg/{target}/with-c/with-c"))).unwrap();
    edit(&mut bytes);
    let to = format!("edited/{target}/with-c");
    std::fs::create_dir_all(project.path(&to).parent().unwrap()).unwrap();
    std::fs::write(project.path(&to), bytes).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.path(&to), mode).unwrap();
    format!("edited/{target}")
}

#[test]
fn a_library_for_one_processor_is_not_joined() {
    let test = "a_library_for_one_processor_is_not_joined";
    let Some(project) = zig::project("hello", test) else {
        return;
    };
    project.write("src/lib.rs", "");
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &format!(
            "{manifest}\n[lib]\nname = \"of_hello\"\ncrate-type = [\"cdylib\"]\n\n\
             [package.metadata.xpkg]\ncdylib = [\"{ARM}\"]\n"
        ),
    );
    check!(
        project.xpkg(&format!("plan --target {BOTH}")),
        str![[r#"
exit 1
--- stderr
error[nothing-for-target]: cdylib `of_hello` of package `hello` is for `aarch64-apple-darwin` only, and cannot be joined
  help: name both targets in `cdylib` of its package: `x86_64-apple-darwin` and `aarch64-apple-darwin`

"#]]
    );
    // As the help says.
    let manifest = project.read("Cargo.toml");
    let both = format!("[\"{ARM}\", \"{INTEL}\"]");
    project.write(
        "Cargo.toml",
        &manifest.replace(&format!("[\"{ARM}\"]"), &both),
    );
    project.xpkg(&format!("build -q --target {BOTH}")).ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let files = manifest["artifacts"].as_array().unwrap().iter();
    let joined: Vec<&str> = files
        .filter(|file| file["target"] == BOTH)
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        joined,
        [
            "universal2-apple-darwin/hello/hello",
            "universal2-apple-darwin/hello/libof_hello.dylib"
        ]
    );
    project.xpkg("verify").ok();
}

#[test]
fn zig_links_c_for_macos_from_rustcs_oldest_on() {
    let Some(project) = zig::project("with-c", "zig_links_c_for_macos_from_rustcs_oldest_on")
    else {
        return;
    };
    let run = project.xpkg(&format!("build --target {BOTH}")).ok();
    // rustc's own `rust-objcopy` strips them.
    assert!(!run.stderr.contains("stripping"), "{}", run.stderr);
    let manifest = project.json("target/xpkg/manifest.json");
    crate::build::chat::the_schema_holds(&manifest);
    for (target, oldest, is_signed) in [(ARM, "11.0", true), (INTEL, "10.12", false)] {
        let (record, artifact) = built(&manifest, target);
        let binary = &artifact["binary"];
        assert_eq!(record["macos"], oldest, "{target}");
        assert_eq!(record["toolchain"]["kind"], "zig");
        assert_eq!(binary["mach_o"]["minos"], oldest, "{target}");
        assert_eq!(binary["system"], "macos");
        assert_eq!(binary["type"], "MH_EXECUTE");
        assert_eq!(binary["pie"], true);
        assert_eq!(binary["rpath"], Value::from(Vec::<String>::new()));
        assert_eq!(
            binary["needed"],
            Value::from(vec!["/usr/lib/libSystem.B.dylib"])
        );
        let signature = &binary["mach_o"]["signature"];
        assert_eq!(signature["state"] == "intact", is_signed, "{target}");
        assert_eq!(signature["ad_hoc"] == true, is_signed, "{target}");
    }
    project.xpkg("verify").ok();
    // A Mac with Apple silicon kills what was changed after it was signed.
    assert_eq!(codes(&project, &edited(&project, ARM, |_| ())), [""; 0]);
    let change = |bytes: &mut Vec<u8>| bytes[4096] ^= 1;
    assert_eq!(
        codes(&project, &edited(&project, ARM, change)),
        ["signature-invalid"]
    );
    assert_eq!(codes(&project, &edited(&project, INTEL, change)), [""; 0]);
    // One file for both processors has both, byte by byte.
    let (record, artifact) = built(&manifest, BOTH);
    let slices = [INTEL, ARM].map(|target| built(&manifest, target).0["id"].clone());
    assert_eq!(record["slices"], Value::from(slices.to_vec()));
    assert_eq!(record["platform"]["architecture"], "universal2");
    assert_eq!(
        artifact["binary"]["machine"],
        "CPU_TYPE_X86_64, CPU_TYPE_ARM64"
    );
    let staged = |target: &str| project.path(&format!("target/xpkg/{target}/with-c/with-c"));
    let lipo = |args: &[&str], file: &str| {
        let mut lipo = Command::new(tool("llvm-lipo-14"));
        let run = lipo.arg(staged(file)).args(args).output().unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stdout).unwrap()
    };
    assert_eq!(lipo(&["-archs"], BOTH), "x86_64 arm64 \n");
    for (target, part) in [(INTEL, "x86_64"), (ARM, "arm64")] {
        let out = project.path(part).display().to_string();
        lipo(&["-thin", part, "-output", &out], BOTH);
        let part = std::fs::read(project.path(part)).unwrap();
        assert_eq!(part, std::fs::read(staged(target)).unwrap(), "{target}");
    }
    assert_eq!(codes(&project, &edited(&project, BOTH, |_| ())), [""; 0]);
    let last = |bytes: &mut Vec<u8>| {
        let at = bytes.len() - 8192;
        bytes[at] ^= 1;
    };
    assert_eq!(
        codes(&project, &edited(&project, BOTH, last)),
        ["signature-invalid"]
    );
    let only_arm = std::fs::read(staged(ARM)).unwrap();
    assert_eq!(
        codes(
            &project,
            &edited(&project, BOTH, |bytes| bytes.clone_from(&only_arm))
        ),
        ["wrong-machine"]
    );
    // The tree remembers what it was built for.
    let text = project.read("target/xpkg/manifest.json");
    project.write(
        "target/xpkg/manifest.json",
        &text.replace("\"macos\": \"10.12\"", "\"macos\": \"10.11\""),
    );
    let run = project.xpkg("verify");
    assert!(
        run.stdout.contains("above-macos-floor") && run.stdout.contains("needs macOS 10.12"),
        "{}",
        run.stdout
    );
    project.write("target/xpkg/manifest.json", &text);
    // What has not changed is not written again.
    let run = project.xpkg(&format!("build --target {BOTH}")).ok();
    assert!(run.stderr.contains("Unchanged 3 bins"), "{}", run.stderr);
    // zig leaves one where it is asked for its version.
    assert!(!project.path("a.o").exists());
}

#[test]
fn the_users_deployment_target_is_followed() {
    let Some(project) = zig::project("hello", "the_users_deployment_target_is_followed") else {
        return;
    };
    let plan = |version: &str| {
        let variables = [("MACOSX_DEPLOYMENT_TARGET", version)];
        project.xpkg_with(&variables, &format!("plan --target {ARM}"))
    };
    let run = plan("12.3").ok();
    for line in [
        "  oldest      starts on macOS 12.3 and later\n",
        "              MACOSX_DEPLOYMENT_TARGET=12.3  # set by you\n",
        "-zigcc-aarch64-macos.12.3-none\n",
    ] {
        assert!(run.stdout.contains(line), "{line}{}", run.stdout);
    }
    let run = plan("10.7").ok();
    let line = "  oldest      starts on macOS 11.0 and later: rustc does not link for \
                `MACOSX_DEPLOYMENT_TARGET=10.7`\n";
    assert!(run.stdout.contains(line), "{}", run.stdout);
    check!(
        plan("new"),
        str![[r#"
exit 1
--- stderr
error[process-failed]: `MACOSX_DEPLOYMENT_TARGET=new`, set in the environment, is not a version of macOS
  cause: error: failed to parse deployment target specified in MACOSX_DEPLOYMENT_TARGET: invalid digit found in string
         
         error: aborting due to 1 previous error
  help: set a version, such as `11.0`, or remove it

"#]]
    );
    // Other systems do not have the variable.
    let run = project
        .xpkg_with(
            &[("MACOSX_DEPLOYMENT_TARGET", "12.3")],
            "plan --target x86_64-unknown-linux-musl",
        )
        .ok();
    assert!(!run.stdout.contains("DEPLOYMENT"), "{}", run.stdout);
}

/// Makes `hello` call a framework on macOS, in a module of its own.
fn with_framework(project: &Project) {
    project.append(
        "src/main.rs",
        "\n#[cfg(target_vendor = \"apple\")]\nmod apple;\n",
    );
    project.write(
        "src/apple.rs",
        "#[link(name = \"CoreFoundation\", kind = \"framework\")]\nunsafe extern \"C\" {\n    fn \
         CFAbsoluteTimeGetCurrent() -> f64;\n}\n\n#[unsafe(no_mangle)]\npub extern \"C\" fn \
         seconds() -> f64 {\n    unsafe { CFAbsoluteTimeGetCurrent() }\n}\n\n#[used]\nstatic \
         USED: extern \"C\" fn() -> f64 = seconds;\n",
    );
}

#[test]
fn a_framework_is_found_before_the_build_and_linked_with_an_sdk() {
    let Some(project) = zig::project(
        "hello",
        "a_framework_is_found_before_the_build_and_linked_with_an_sdk",
    ) else {
        return;
    };
    project.xpkg(&format!("plan --target {ARM}")).ok();
    with_framework(&project);
    check!(
        project.xpkg(&format!("plan --target {ARM}")),
        str![[r#"
exit 1
--- stderr
error[sdk-missing]: no linker found for `aarch64-apple-darwin`: its packages need Apple's SDK
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-apple-darwin-gcc` is not on PATH
         clang    is used for Linux only, not for darwin
         rust-lld links for musl only
         zig      links without an SDK, but packages need CoreFoundation (hello 0.1.0)
         image    none is configured for this target
  help: set Apple's SDK in xpkg's configuration, `[workspace.metadata.xpkg.target.aarch64-apple-darwin]` with `sysroot = "…/MacOSX.sdk"`, or build on a Mac
  help: or, if they are not linked: `--accept sdk-missing`

"#]]
    );
    let run = project
        .xpkg(&format!("plan --target {ARM} --accept sdk-missing"))
        .ok();
    let told = "sdk-missing: links without an SDK, but packages need CoreFoundation";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    project.xpkg("plan --target x86_64-unknown-linux-musl").ok();
    project.append(
        "Cargo.toml",
        &format!("\n[workspace.metadata.xpkg.target.{ARM}]\nsysroot = \"MacOSX.sdk\"\n"),
    );
    let run = project.xpkg(&format!("plan --target {ARM}"));
    let told = "MacOSX.sdk` is no SDK of Apple's: it has no SDKSettings.json\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    let help = "  help: set `sysroot` to the directory of an SDK for macOS: `…/MacOSX.sdk`\n";
    assert!(run.stderr.ends_with(help), "{}", run.stderr);
    let settings = |name: &str| {
        project.write(
            "MacOSX.sdk/SDKSettings.json",
            &format!("{{\"CanonicalName\": \"{name}15.5\", \"Version\": \"15.5\"}}"),
        );
    };
    settings("iphoneos");
    let run = project.xpkg(&format!("plan --target {ARM}"));
    let told = "MacOSX.sdk` is an SDK for `iphoneos15.5`, not for macOS\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    settings("macosx");
    let run = project.xpkg(&format!("plan --target {ARM}")).ok();
    let told = "compiles C and C++ for it, and links with the SDK of macOS 15.5\n";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    // As in an SDK, libraries are described by text.
    let run = project.xpkg(&format!("build -q --target {ARM}"));
    let told = "error[sdk-missing]: zig found no `CoreFoundation`, which Apple's SDK has\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    project.write(
        "MacOSX.sdk/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation.tbd",
        "--- !tapi-tbd\ntbd-version: 4\ntargets: [ x86_64-macos, arm64-macos ]\ninstall-name: \
         '/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation'\n\
         exports:\n  - targets: [ x86_64-macos, arm64-macos ]\n    symbols: [ \
         _CFAbsoluteTimeGetCurrent ]\n...\n",
    );
    project.xpkg(&format!("build -q --target {ARM}")).ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let (_, artifact) = built(&manifest, ARM);
    let needed = artifact["binary"]["needed"].to_string();
    assert!(
        needed.contains("/CoreFoundation.framework/Versions/A/CoreFoundation"),
        "{needed}"
    );
    project.xpkg("verify").ok();
}

#[test]
fn zig_links_c_for_bsds() {
    let Some(project) = zig::project("with-c", "zig_links_c_for_bsds") else {
        return;
    };
    let targets = [
        (
            "x86_64-unknown-freebsd",
            "freebsd",
            "/libexec/ld-elf.so.1",
            "libc.so.7",
        ),
        (
            "x86_64-unknown-netbsd",
            "netbsd",
            "/libexec/ld.elf_so",
            "libc.so.12",
        ),
    ];
    let list = targets.map(|(target, ..)| target).join(",");
    project.xpkg(&format!("build -q --target {list}")).ok();
    let manifest = project.json("target/xpkg/manifest.json");
    crate::build::chat::the_schema_holds(&manifest);
    for (target, system, loader, libc) in targets {
        let (record, artifact) = built(&manifest, target);
        let binary = &artifact["binary"];
        assert_eq!(record["toolchain"]["kind"], "zig", "{target}");
        assert_eq!(binary["system"], system);
        assert_eq!(binary["interpreter"], loader, "{target}");
        let needed = binary["needed"].to_string();
        assert!(
            needed.contains(&format!("\"{libc}\"")),
            "{target}: {needed}"
        );
    }
    project.xpkg("verify").ok();
}

#[test]
fn androids_ndk_is_used_where_a_variable_names_it() {
    let project = Project::of("hello").with("rustup");
    let plan = "plan --target aarch64-linux-android";
    let refused = project.xpkg(plan);
    let help = "  help: install Android's NDK, and set `ANDROID_NDK_HOME` to its directory\n";
    assert!(refused.stderr.contains(help), "{}", refused.stderr);
    let ndk = project.path("ndk");
    let project = project.env("ANDROID_NDK_HOME", ndk.to_str().unwrap());
    let refused = project.xpkg(plan);
    let told = "/ndk` is no NDK: it has no `toolchains/llvm/prebuilt`\n";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    let bin = "ndk/toolchains/llvm/prebuilt/linux-x86_64/bin";
    for name in [
        "aarch64-linux-android35-clang",
        "aarch64-linux-android24-clang",
    ] {
        project.write(&format!("{bin}/{name}"), "#!/bin/sh\nexit 1\n");
    }
    project.write("ndk/source.properties", "Pkg.Revision = 27.0.1\n");
    let run = project.xpkg(plan).ok();
    let told = "  toolchain   clang: `aarch64-linux-android24-clang` of NDK 27.0.1 links for Android \
                API 24 and later\n";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    let run = project.xpkg("plan --target x86_64-linux-android");
    let told = "has no compiler `x86_64-linux-android21-clang`, nor for a later API\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}
