//! The probes with real compilers, assemblers and linkers that are wrong for a build: the verdict,
//! the failure itself, and the workaround.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{ARM_GNU, HOST, Project, X86_MUSL, cross, repository, skipped, tool};
use crate::toolchain::zig;

/// A compiler that `cargo xtask setup` unpacked; without it the test is skipped, by name.
fn bullseye(name: &str, test: &str) -> Option<PathBuf> {
    let path = repository()
        .join("target/toolchains/bullseye/usr/bin")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(
        test,
        &format!("{name} is not there: `cargo xtask setup` says why"),
    );
    None
}

/// The baseline verdict of a probe in a plan.
fn verdict(project: &Project, line: &str, probe: &str) -> String {
    let run = project.xpkg(&format!("plan --message-format json {line}"));
    let plan: Value = serde_json::from_str(&run.stdout).unwrap();
    let answers = &plan["targets"][0]["toolchain"]["report"]["answers"];
    let answer = answers
        .as_array()
        .unwrap_or_else(|| panic!("{plan:#}"))
        .iter()
        .find(|answer| answer["probe"] == probe);
    answer
        .map_or("not asked", |answer| {
            answer["baseline"]["verdict"].as_str().unwrap()
        })
        .to_owned()
}

#[test]
fn gccs_lto_objects_do_not_reach_lld() {
    let flags = format!("CFLAGS_{}", X86_MUSL.replace('-', "_"));
    let project = Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar")
        .env(&flags, "-flto");
    let build = format!("build --target {X86_MUSL}");
    let stopped = project.xpkg(&build);
    assert_eq!(stopped.code, Some(1), "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains("error[lto-objects]: ")
            && stopped
                .stderr
                .contains(&format!("`export {flags}=\"${{{flags}:-}} -fno-lto\"`")),
        "{}",
        stopped.stderr
    );
    // The failure itself.
    let failed = project.xpkg(&format!("{build} --accept lto-objects"));
    assert!(
        failed.code != Some(0) && failed.stderr.contains("undefined symbol"),
        "{}",
        failed.stderr
    );
    // The workaround, and the other one.
    for flag in ["-flto -fno-lto", "-flto -ffat-lto-objects"] {
        let project = Project::of("with-c")
            .with("x86_64-linux-musl-gcc")
            .with("x86_64-linux-gnu-gcc")
            .with("ar")
            .env(&flags, flag);
        project.xpkg(&build).ok();
    }
}

#[test]
fn auto_takes_the_compiler_that_has_an_assembler() {
    const TEST: &str = "auto_takes_the_compiler_that_has_an_assembler";
    let (Some(gcc), Some(real)) = (
        cross("aarch64-linux-gnu-gcc", TEST),
        cross("aarch64-linux-gnu-gcc-12", TEST),
    ) else {
        return;
    };
    let wrong = tempfile::tempdir().unwrap();
    // This machine's assembler, where gcc looks first.
    std::os::unix::fs::symlink(tool("as"), wrong.path().join("as")).unwrap();
    let script = format!(
        "#!/bin/sh\nexec {} -B{}/ \"$@\"\n",
        gcc.display(),
        wrong.path().display()
    );
    let compiler = wrong.path().join("gcc");
    executable(&compiler, &script);
    let project = Project::of("with-c")
        .with_tool("aarch64-linux-gnu-gcc", &compiler)
        .with("aarch64-linux-gnu-ar");
    let plan = format!("plan --target {ARM_GNU}");
    let run = project.xpkg(&plan);
    assert!(
        run.code == Some(1)
            && run.stderr.contains("error[assembler-wrong]: ")
            && run.stderr.contains("as: unrecognized option '-EL'"),
        "{}",
        run.stderr
    );
    // The failure itself.
    let failed = project.xpkg(&format!(
        "build --target {ARM_GNU} --accept assembler-wrong"
    ));
    assert!(
        failed.code != Some(0) && failed.stderr.contains("unrecognized option '-EL'"),
        "{}",
        failed.stderr
    );
    let project = project.with_tool("aarch64-linux-gnu-gcc-12", &real);
    let run = project.xpkg(&plan).ok();
    assert!(
        run.stdout
            .contains("toolchain   gcc `aarch64-linux-gnu-gcc-12`"),
        "{}",
        run.stdout
    );
}

/// A cross compiler that is called with more arguments, and the same one as it is.
struct Compilers {
    wrong: PathBuf,
    right: PathBuf,
    place: tempfile::TempDir,
}

impl Compilers {
    /// The arguments may name the place by `$0`.
    fn new(arguments: &str, test: &str) -> Option<Self> {
        let gcc = cross("aarch64-linux-gnu-gcc", test)?;
        let right = cross("aarch64-linux-gnu-gcc-12", test)?;
        let place = tempfile::tempdir().unwrap();
        let wrong = place.path().join("gcc");
        let script = format!(
            "#!/bin/sh\nexec {} {} \"$@\"\n",
            gcc.display(),
            arguments.replace("$0", &place.path().display().to_string())
        );
        executable(&wrong, &script);
        Some(Self {
            wrong,
            right,
            place,
        })
    }

    /// Expects that the wrong one alone is refused, and the right one taken beside it.
    fn check(&self, project: Project, code: &str) {
        let project = project
            .with_tool("aarch64-linux-gnu-gcc", &self.wrong)
            .with("aarch64-linux-gnu-ar");
        let plan = format!("plan --target {ARM_GNU}");
        let run = project.xpkg(&plan);
        assert!(
            run.code == Some(1) && run.stderr.contains(&format!("error[{code}]: ")),
            "{}\n{}",
            run.stdout,
            run.stderr
        );
        let project = project.with_tool("aarch64-linux-gnu-gcc-12", &self.right);
        let run = project.xpkg(&plan).ok();
        assert!(
            run.stdout
                .contains("toolchain   gcc `aarch64-linux-gnu-gcc-12`"),
            "{}",
            run.stdout
        );
    }
}

/// The fixture with C as a package of another name.
fn named(name: &str, version: &str) -> Project {
    let project = Project::of("with-c");
    for file in ["Cargo.toml", "Cargo.lock"] {
        let text = project
            .read(file)
            .replacen("\"with-c\"", &format!("\"{name}\""), 1);
        let own = format!("\"{name}\"\nversion = ");
        let (before, after) = text.split_once(&own).unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        project.write(file, &format!("{before}{own}\"{version}\"\n{after}"));
    }
    project
}

#[test]
fn auto_takes_the_compiler_whose_default_is_not_c23() {
    const TEST: &str = "auto_takes_the_compiler_whose_default_is_not_c23";
    // As gcc 15 and later compile.
    let Some(compilers) = Compilers::new("-std=gnu2x", TEST) else {
        return;
    };
    compilers.check(named("onig_sys", "69.8.1"), "old-c");
    // Later versions of the package compile, and so does other C.
    for (name, version) in [("onig_sys", "69.9.1"), ("with-c", "0.1.0")] {
        let project = named(name, version)
            .with_tool("aarch64-linux-gnu-gcc", &compilers.wrong)
            .with("aarch64-linux-gnu-ar");
        project.xpkg(&format!("plan --target {ARM_GNU}")).ok();
    }
    // The workaround.
    let project = named("onig_sys", "69.8.1")
        .with_tool("aarch64-linux-gnu-gcc", &compilers.wrong)
        .with("aarch64-linux-gnu-ar")
        .env("CFLAGS_aarch64_unknown_linux_gnu", "-std=gnu17");
    project.xpkg(&format!("plan --target {ARM_GNU}")).ok();
}

/// An `ld` of binutils 2.35, as far as its version goes.
const OLD_LINKER: &str = r#"#!/bin/sh
case " $* " in
    *" -v "* | *" --version "*) echo "GNU ld (GNU Binutils for Debian) 2.35.2" ;;
    *) exec REAL "$@" ;;
esac
"#;

#[test]
fn auto_takes_the_compiler_whose_linker_reads_its_c_library() {
    const TEST: &str = "auto_takes_the_compiler_whose_linker_reads_its_c_library";
    let (Some(clang), Some(lld)) = (cross("clang", TEST), cross("ld.lld", TEST)) else {
        return;
    };
    let Some(compilers) = Compilers::new("-B$0/", TEST) else {
        return;
    };
    let place = compilers.place.path();
    let real = tool("aarch64-linux-gnu-ld");
    let script = OLD_LINKER.replace("REAL", &real.display().to_string());
    executable(&place.join("ld"), &script);
    // A C library with compact relative relocations.
    std::fs::write(place.join("libc.c"), "int x; int *y = &x;\n").unwrap();
    let made = std::process::Command::new(clang)
        .args([
            "--target=aarch64-linux-gnu",
            "-shared",
            "-nostdlib",
            "-fPIC",
        ])
        .arg(format!("-fuse-ld={}", lld.display()))
        .args([
            "-Wl,--pack-dyn-relocs=relr",
            "-Wl,-Bsymbolic",
            "libc.c",
            "-o",
            "libc.so.6",
        ])
        .current_dir(place)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    compilers.check(Project::of("with-c"), "relr-unread");
}

#[test]
fn headers_of_a_newer_glibc_do_not_compile_for_the_one_that_zig_links() {
    const TEST: &str = "headers_of_a_newer_glibc_do_not_compile_for_the_one_that_zig_links";
    // What the headers of glibc 2.38 do with `strtol`.
    let Some(compilers) = Compilers::new("-include $0/new.h", TEST) else {
        return;
    };
    let header = "#if !defined __ASSEMBLER__\nextern long strtol(const char *, char **, int) \
                  __asm__(\"__isoc23_strtol\");\n#endif\n";
    std::fs::write(compilers.place.path().join("new.h"), header).unwrap();
    let Some(project) = zig::project("with-c", TEST) else {
        return;
    };
    project.write(
        "c/compare.c",
        "#include <stdlib.h>\nint compare_text(const char *left, const char *right)\n{\n    return \
         (int)strtol(left, 0, 10) + (right == left);\n}\n",
    );
    let project = project.with("aarch64-linux-gnu-ar").env(
        "CC_aarch64_unknown_linux_gnu",
        compilers.wrong.to_str().unwrap(),
    );
    let target = format!("--target {ARM_GNU}.2.17 --linker zig");
    let run = project.xpkg(&format!("plan {target}"));
    assert!(
        run.code == Some(1) && run.stderr.contains("error[isoc23]: "),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
    // The failure itself.
    let failed = project.xpkg(&format!("build {target} --accept isoc23"));
    assert!(
        failed.code != Some(0) && failed.stderr.contains("__isoc23_strtol"),
        "{}",
        failed.stderr
    );
    // The workaround: zig compiles what it links.
    let project = project.unset("CC_aarch64_unknown_linux_gnu");
    project.xpkg(&format!("build {target}")).ok();
}

/// Writes a program.
fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// An assembler that rejects what binutils 2.26 rejects, in its words.
const OLD_ASSEMBLER: &str = r#"#!/bin/sh
for file; do :; done
if GREP -q vpclmulqdq "$file" 2>/dev/null; then
    echo "$file: Assembler messages:" >&2
    echo "$file:8: Error: operand type mismatch for \`vpclmulqdq'" >&2
    exit 1
fi
exec REAL "$@"
"#;

#[test]
fn an_assembler_that_is_older_than_ring_is_found_where_ring_is() {
    let old = tempfile::tempdir().unwrap();
    let real = tool("as");
    executable(
        &old.path().join("as"),
        &OLD_ASSEMBLER
            .replace("REAL", &real.display().to_string())
            .replace("GREP", &tool("grep").display().to_string()),
    );
    let flags = format!("CFLAGS_{}", HOST.replace('-', "_"));
    let with = |fixture: &str, directory: &Path| {
        Project::of(fixture).env(&flags, &format!("-B{}/", directory.display()))
    };
    let plan = format!("--target {HOST}");
    // The fixture's package has the name of aws-lc-sys.
    assert_eq!(
        verdict(
            &with("secrets", old.path()),
            &format!("{plan} --accept assembler-old"),
            "assembler-old"
        ),
        "ok",
        "the compiler's own flags do not name the directory"
    );
    let run = with("secrets", old.path()).xpkg(&format!("plan {plan}"));
    assert!(
        run.code == Some(1) && run.stderr.contains("error[assembler-old]: "),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
    // Without such a package nobody is stopped.
    let run = with("with-c", old.path())
        .xpkg(&format!("plan {plan}"))
        .ok();
    assert!(!run.stderr.contains("assembler-old"), "{}", run.stderr);
}

#[test]
fn a_linker_is_known_by_its_own_name() {
    let check = |flags: &str, probe: &str, expected: &str| {
        let project = Project::of("with-c")
            .with("ar")
            .with("ld.gold")
            .env("RUSTFLAGS", flags);
        let line = format!("--target {HOST} --accept linker-absent");
        assert_eq!(verdict(&project, &line, probe), expected, "{flags}");
    };
    check("", "gold", "ok");
    check("-Clink-arg=-fuse-ld=gold", "gold", "affected");
    check("-Clink-arg=-fuse-ld=gold", "linker-absent", "ok");
    check("-Clink-arg=-fuse-ld=mould", "linker-absent", "affected");
    let project = Project::of("with-c")
        .with("ar")
        .env("RUSTFLAGS", "-Clink-arg=-fuse-ld=mould");
    let plan = project.xpkg(&format!("plan --target {HOST}"));
    assert!(
        plan.code == Some(1) && plan.stderr.contains("error[linker-absent]: "),
        "{}",
        plan.stderr
    );
    // The failure itself.
    let failed = project.xpkg(&format!("build --target {HOST} --accept linker-absent"));
    assert!(
        failed.code != Some(0) && failed.stderr.contains("-fuse-ld=mould"),
        "{}",
        failed.stderr
    );
}

#[test]
fn c_with_times_that_rust_does_not_share_is_told() {
    const TEST: &str = "c_with_times_that_rust_does_not_share_is_told";
    let Some(gcc) = cross("arm-linux-gnueabihf-gcc", TEST) else {
        return;
    };
    let check = |flags: &str, expected: &str| {
        let place = tempfile::tempdir().unwrap();
        let compiler = place.path().join("gcc");
        // As Debian's own for 32-bit Arm is built since trixie.
        executable(
            &compiler,
            &format!("#!/bin/sh\nexec {} {flags} \"$@\"\n", gcc.display()),
        );
        let project = Project::empty().with_tool("arm-linux-gnueabihf-gcc", &compiler);
        let run = project.xpkg("doctor --compilers --message-format json");
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        let answers = found["compilers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["compiler"]["program"] == "arm-linux-gnueabihf-gcc")
            .unwrap()["report"]["answers"]
            .clone();
        let answer = answers
            .as_array()
            .unwrap()
            .iter()
            .find(|answer| answer["probe"] == "time64")
            .unwrap();
        assert_eq!(answer["baseline"]["verdict"], expected, "{flags}");
        if expected == "affected" {
            assert_eq!(answer["workaround"]["verdict"], "ok", "{answer}");
        }
    };
    check("", "ok");
    check("-D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64", "affected");
}

#[test]
fn what_a_failed_link_lacks_gives_away_its_cause() {
    let project = Project::of("with-c");
    project.write(
        "c/compare.c",
        "extern int open64(const char *, int, ...);\nint compare_text(const char *left, const \
         char *right)\n{\n    return open64(left, 0) + (right == left);\n}\n",
    );
    let project = project
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar");
    let run = project.xpkg(&format!("build --target {X86_MUSL}"));
    assert!(
        run.stderr
            .contains("error[symbol-missing]: rust-lld found no `open64`")
            && run
                .stderr
                .contains("help: use a later libc crate: `cargo update -p libc`"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_check_of_compilers_is_a_sarif_log_too() {
    const TEST: &str = "the_check_of_compilers_is_a_sarif_log_too";
    let Some(gcc) = bullseye("aarch64-linux-gnu-gcc-9", TEST) else {
        return;
    };
    let project = Project::empty().with_tool("aarch64-linux-gnu-gcc-9", &gcc);
    let run = project.xpkg("doctor --compilers --sarif");
    assert_eq!(run.code, Some(1));
    let log: Value = serde_json::from_str(&run.stdout).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "gcc-95189");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "aarch64-linux-gnu-gcc-9"
    );
    let rules = &log["runs"][0]["tool"]["driver"]["rules"];
    assert_eq!(rules[0]["id"], "gcc-95189");
}

#[test]
fn an_image_is_examined_for_one_target_by_an_engine() {
    let project = Project::of("hello");
    let line = format!("doctor --image registry.example/cross:1 --target {ARM_GNU}");
    let run = project.xpkg(&line);
    assert!(
        run.code == Some(1) && run.stderr.contains("error[no-engine]: "),
        "{}",
        run.stderr
    );
    let run = project.xpkg(&format!("{line} --target {HOST}"));
    assert!(
        run.code == Some(1) && run.stderr.contains("error[one-target]: "),
        "{}",
        run.stderr
    );
    assert_eq!(
        project.xpkg("doctor --image registry.example/cross:1").code,
        Some(2)
    );
}
