//! A compiler for newer processors than the target's, and flags for this machine's processor.

use snapbox::str;

use crate::check;
use crate::support::{HOST, Project, cross};

const ARMV6: &str = "arm-unknown-linux-gnueabihf";

/// A project for ARMv6 with Debian's compiler, whose C library is for ARMv7.
fn debians(test: &str) -> Option<Project> {
    let gcc = cross("arm-linux-gnueabihf-gcc", test)?;
    // rustup could bring the standard library.
    let project = Project::of("hello").fake("rustup", "exit 1\n");
    Some(project.with_tool("arm-linux-gnueabihf-gcc", &gcc))
}

#[test]
fn debians_armhf_is_refused_for_armv6() {
    let Some(project) = debians("debians_armhf_is_refused_for_armv6") else {
        return;
    };
    let run = project.xpkg(&format!("plan --target {ARMV6}"));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains(
            "error[cpu-level]: no linker found for the processors of `arm-unknown-linux-gnueabihf`"
        ) && run.stderr.contains(
            "gcc      `arm-linux-gnueabihf-gcc` links a C library for ARMv7, but the target \
             promises ARMv6 only; compiler flags do not change that"
        ),
        "{}",
        run.stderr
    );
    // Flags for its objects leave its C library as it is.
    let flagged = project.xpkg_with(
        &[(
            "CFLAGS_arm_unknown_linux_gnueabihf",
            "-march=armv6 -marm -mfpu=vfp",
        )],
        &format!("plan --target {ARMV6}"),
    );
    assert_eq!(flagged.stderr, run.stderr);
    // A choice binds or fails, also the one of cargo's configuration.
    for by in ["--linker gcc", ""] {
        let run = project.xpkg_with(
            &[(
                "CARGO_TARGET_ARM_UNKNOWN_LINUX_GNUEABIHF_LINKER",
                "arm-linux-gnueabihf-gcc",
            )],
            &format!("plan --target {ARMV6} {by}"),
        );
        assert!(
            run.code == Some(1) && run.stderr.contains("error[cpu-level]: `"),
            "{by}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_compiler_for_newer_processors_serves_where_they_are_meant() {
    let Some(project) = debians("a_compiler_for_newer_processors_serves_where_they_are_meant")
    else {
        return;
    };
    let toolchain = |variables: &[(&str, &str)], args: &str| {
        let args = format!("plan --message-format json {args}");
        let run = project.xpkg_with(variables, &args).ok();
        let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let target = &plan["targets"][0];
        (
            target["toolchain"]["linker"]["program"]
                .as_str()
                .unwrap()
                .to_owned(),
            target["toolchain"]["findings"][0]["code"]
                .as_str()
                .map(str::to_owned),
            target["raised"].clone(),
        )
    };
    let gcc = "arm-linux-gnueabihf-gcc".to_owned();
    let armv7 = serde_json::json!({"arch": "arm", "version": "v7", "fp": null, "simd": null});
    let none = serde_json::Value::Null;
    assert_eq!(
        toolchain(&[], "--target armv7-unknown-linux-gnueabihf"),
        (gcc.clone(), None, none.clone())
    );
    let rustflags = "CARGO_TARGET_ARM_UNKNOWN_LINUX_GNUEABIHF_RUSTFLAGS";
    for flags in ["-C target-cpu=cortex-a7", "-Ctarget-feature=+v7"] {
        assert_eq!(
            toolchain(&[(rustflags, flags)], &format!("--target {ARMV6}")),
            (gcc.clone(), None, armv7.clone()),
            "{flags}"
        );
    }
    // Or in spite of it, which is recorded.
    assert_eq!(
        toolchain(&[], &format!("--target {ARMV6} --accept cpu-level")),
        (gcc, Some("cpu-level".to_owned()), none)
    );
}

#[test]
fn rust_for_this_machines_processor_is_told_in_the_plan() {
    let project = Project::of("hello").env("RUSTFLAGS", "-C target-cpu=native");
    let args = format!("plan --target {HOST}");
    let refused = project.xpkg(&args);
    check!(
        refused,
        str![[r#"
exit 1
--- stderr
error[native-cpu]: `-C target-cpu=native`, in the rustflags in force, makes programs for `x86_64-unknown-linux-gnu` that may run on this machine's processor only
  help: remove it, or name the oldest processor that is to run them: `rustc --print target-cpus --target x86_64-unknown-linux-gnu` lists all

"#]]
    );
    project.xpkg(&format!("{args} --accept native-cpu")).ok();
    let project = project.unset("RUSTFLAGS");
    project.xpkg(&args).ok();
    // In cargo's configuration, and in xpkg's.
    project.write(
        ".cargo/config.toml",
        "[build]\nrustflags = ['-Ctarget-cpu=native']\n",
    );
    assert_eq!(project.xpkg(&args).code, Some(1));
    project.write(
        ".cargo/config.toml",
        "[target.'cfg(target_os = \"linux\")']\nrustflags = ['-C', 'target-cpu=native']\n",
    );
    assert!(project.xpkg(&args).stderr.contains("error[native-cpu]"));
    // In a profile, which is unstable: cargo itself says no.
    project.write(
        ".cargo/config.toml",
        "[unstable]\nprofile-rustflags = true\n[profile.release]\nrustflags = \
         ['-Ctarget-cpu=native']\n",
    );
    let run = project.xpkg(&args);
    assert!(
        run.stderr.contains("error[native-cpu]") && run.stderr.contains("of the profile"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_bin_above_its_target_is_not_staged_unless_the_rustflags_raise_it() {
    // rustc links with lld, which writes no such mark.
    let marked = "-C linker-features=-lld -C link-arg=-Wl,-z,x86-64-v3";
    let project = Project::of("hello").env("RUSTFLAGS", marked);
    let args = format!("build -q --target {HOST}");
    let refused = project.xpkg(&args);
    assert_eq!(refused.code, Some(1));
    let expected = "error[cpu-level]: bin `hello` of package `hello`: code for x86-64-v3, expected \
                    code for x86-64-v1 (SSE2) (target `x86_64-unknown-linux-gnu`)";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    assert!(!project.path("target/xpkg/manifest.json").exists());
    // The flags say that newer processors are meant: the tree tells, and verify knows.
    let project = project.env("RUSTFLAGS", &format!("{marked} -C target-cpu=x86-64-v3"));
    let plan = project.xpkg(&format!("plan --target {HOST}")).ok();
    assert!(
        plan.stdout
            .contains("  processor   x86-64-v3, by the rustflags\n"),
        "{}",
        plan.stdout
    );
    project.xpkg(&args).ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let level = serde_json::json!({"arch": "x86", "isa": "v3"});
    assert_eq!(manifest["targets"][0]["level"], level);
    assert_eq!(manifest["artifacts"][0]["binary"]["level"], level);
    project.xpkg("verify").ok();
    // In spite of it, which verify reads from the manifest.
    let project = project.env("RUSTFLAGS", marked);
    project.xpkg(&format!("{args} --accept cpu-level")).ok();
    let manifest = project.json("target/xpkg/manifest.json");
    assert_eq!(manifest["artifacts"][0]["waivers"][0]["code"], "cpu-level");
    assert!(manifest["targets"][0].get("level").is_none());
    let passed = project.xpkg("verify").ok();
    assert!(passed.stdout.contains("cpu-level"), "{}", passed.stdout);
}

#[test]
fn c_for_newer_processors_is_refused_where_a_graph_contains_c() {
    let test = "c_for_newer_processors_is_refused_where_a_graph_contains_c";
    let Some(gcc) = cross("arm-linux-gnueabi-gcc", test) else {
        return;
    };
    let project = |fixture: &str| {
        Project::of(fixture)
            .fake("rustup", "exit 1\n")
            .with_tool("arm-linux-gnueabi-gcc", &gcc)
            .env("CFLAGS_arm_unknown_linux_gnueabi", "-march=armv7-a")
    };
    let args = "plan --target arm-unknown-linux-gnueabi";
    let refused = project("with-c").xpkg(args);
    let expected = "`arm-linux-gnueabi-gcc` compiles for ARMv7, but the target promises ARMv6 \
                    only; `CFLAGS_arm_unknown_linux_gnueabi` decides that";
    assert!(
        refused.stderr.contains("error[cpu-level]") && refused.stderr.contains(expected),
        "{}",
        refused.stderr
    );
    // The way out that it names, and a graph without C.
    let flags = "CFLAGS_arm_unknown_linux_gnueabi";
    project("with-c").env(flags, "-march=armv6").xpkg(args).ok();
    project("with-c").unset(flags).xpkg(args).ok();
    project("hello").xpkg(args).ok();
}

#[test]
fn a_static_program_is_started_on_the_oldest_processor_of_its_target() {
    let test = "a_static_program_is_started_on_the_oldest_processor_of_its_target";
    let Some(qemu) = cross("qemu-arm-static", test) else {
        return;
    };
    let project = Project::of("hello")
        .fake("rustup", "exit 1\n")
        .with_tool("qemu-arm-static", &qemu);
    let runner = |target: &str, rustflags: &str| {
        let variable = format!("CARGO_TARGET_{}", target.to_uppercase().replace('-', "_"));
        let args = format!("env --target {target} --message-format json");
        let run = project.xpkg_with(&[(&format!("{variable}_RUSTFLAGS"), rustflags)], &args);
        let variables: serde_json::Value = serde_json::from_str(&run.ok().stdout).unwrap();
        let name = format!("{variable}_RUNNER");
        let runner = variables
            .as_array()
            .unwrap()
            .iter()
            .find(|variable| variable["name"] == name);
        runner.unwrap()["value"].as_str().unwrap().to_owned()
    };
    let armv6 = "arm-unknown-linux-musleabihf";
    assert_eq!(runner(armv6, ""), "qemu-arm-static -cpu arm1176");
    assert_eq!(
        runner("armv7-unknown-linux-musleabihf", ""),
        "qemu-arm-static -cpu cortex-a9,neon=off"
    );
    // Which processor is meant is not known.
    assert_eq!(runner(armv6, "-C target-cpu=cortex-a7"), "qemu-arm-static");
}
