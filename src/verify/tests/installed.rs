//! Packages, wheels and packages of npm: names that are a target's, and what is meant to be in them.

use super::{entry, options};
use crate::archive::entry::{Artifacts, ArtifactsKind};
use crate::verify::judge::check_artifacts;
use crate::verify::rules::policy::PolicyName;

/// Returns findings and what was not checked of an archive or package of this name.
fn findings(policy: PolicyName, name: &str, lines: &[&str]) -> (Vec<String>, Vec<String>) {
    let is_package = [".deb", ".rpm"].iter().any(|end| name.ends_with(end));
    let subject = Artifacts {
        kind: if is_package {
            ArtifactsKind::Package
        } else {
            ArtifactsKind::Archive
        },
        name: name.to_owned(),
        entries: lines.iter().map(|line| entry(line)).collect(),
        inside: Vec::new(),
    };
    let report = check_artifacts(&subject, &options(policy, &[], &[]));
    let findings = report.findings.iter().map(|it| {
        let path = it.path.as_deref().unwrap_or("-");
        format!("{path} {}: {} / {}", it.code.name(), it.found, it.expected)
    });
    let skipped = report.skipped.iter().filter(|it| it.path != name);
    let skipped = skipped.map(|it| format!("{} {}: {}", it.path, it.what, it.why));
    (findings.collect(), skipped.collect())
}

fn check(name: &str, lines: &[&str], expected: &[&str], skipped: &[&str]) {
    let found = findings(PolicyName::Default, name, lines);
    let owned = |lines: &[&str]| lines.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(found, (owned(expected), owned(skipped)), "{name} {lines:?}");
}

fn passes(name: &str, lines: &[&str]) {
    check(name, lines, &[], &[]);
}

const AMD64: &str = "app_1.0-2_amd64.deb";

#[test]
fn programs_of_a_package_are_for_its_target_whatever_they_are_called() {
    for name in [
        "usr/bin/qemu-aarch64-static",
        "usr/bin/aarch64-linux-gnu-gcc-12",
        "usr/aarch64-linux-gnu/bin/ld",
        "usr/bin/x86_64-w64-mingw32-gcc-win32",
        "usr/bin/linux32",
        "usr/lib/llvm-14/bin/llvm-libtool-darwin",
        "usr/lib/postgresql/15/lib/utf8_and_win.so",
    ] {
        passes(AMD64, &[&format!("{name} x86")]);
    }
    passes(
        "gcc-12-aarch64-linux-gnu_12.2.0-14cross1_amd64.deb",
        &["usr/bin/cc x86"],
    );
    passes("app-1.0-1.x86_64.rpm", &["usr/bin/qemu-arm x86"]);
    check(
        AMD64,
        &["usr/bin/app arm"],
        &[
            "usr/bin/app wrong-machine: elf for EM_AARCH64 (64 bit, little endian) / elf for \
           EM_X86_64 (64 bit, little endian)",
        ],
        &[],
    );
    check(
        AMD64,
        &["usr/bin/app-arm64 arm"],
        &[
            "usr/bin/app-arm64 wrong-machine: a program for arm64 / amd64, as the archive's name says",
        ],
        &[],
    );
    check(
        AMD64,
        &["usr/lib/app/x.node arm mode=644"],
        &[
            "usr/lib/app/x.node wrong-machine: elf for EM_AARCH64 (64 bit, little endian) / elf for \
           EM_X86_64 (64 bit, little endian)",
        ],
        &[],
    );
}

#[test]
fn data_of_a_package_for_other_machines_is_not_checked_and_named() {
    let of =
        |machine: &str| format!("it is data for {machine}, not a program of the package's system");
    let line = |path: &str, machine: &str| format!("{path} the program: {}", of(machine));
    for (line_of, path, machine) in [
        (
            "arm mode=644 stack",
            "usr/share/qemu/firmware.img",
            "EM_AARCH64",
        ),
        (
            "arm object mode=644",
            "usr/lib/grub/arm64-efi/a.mod",
            "EM_AARCH64",
        ),
        (
            "x86 dll",
            "usr/lib/wine/x86_64-windows/a.dll",
            "IMAGE_FILE_MACHINE_X86_64",
        ),
        ("x86 mips library", "usr/lib32/liba.so.6", "EM_MIPS"),
    ] {
        let entry = format!("{path} {line_of}");
        check(
            AMD64,
            &[&entry, "usr/bin/app x86"],
            &[],
            &[&line(path, machine)],
        );
    }
    check(
        AMD64,
        &[
            "usr/a.o arm object mode=644",
            "usr/b.o arm object mode=644",
            "usr/bin/app x86",
        ],
        &[],
        &[
            "usr/a.o the program: it is data for EM_AARCH64, not a program of the package's system; 1 more \
           like this",
        ],
    );
    // i386 is beside amd64 in these.
    for path in [
        "lib32/libc.so.6",
        "usr/lib/gcc/x86_64-linux-gnu/12/32/crt1.o",
    ] {
        passes(AMD64, &[&format!("{path} x86 i386 library")]);
    }
    // A library for another processor is data where its path says so.
    passes(
        AMD64,
        &[
            "usr/aarch64-linux-gnu/lib/libc.so.6 arm library",
            "usr/bin/app x86",
        ],
    );
    check(
        "firmware_1.0_all.deb",
        &["usr/share/a.img arm mode=644"],
        &[
            "- nothing-checked: no program for the package's own machine, and no list / at least one of \
           them",
        ],
        &[&line("usr/share/a.img", "EM_AARCH64")],
    );
}

#[test]
fn a_package_sets_the_modes_that_it_is_meant_to_have() {
    let sudo = [
        "usr/bin/sudo x86 mode=4755",
        "usr/bin/wall script mode=2755",
    ];
    passes(AMD64, &sudo);
    let mode = "usr/bin/sudo mode-unfit: mode 4755 / no setuid, setgid or sticky bit";
    assert_eq!(
        findings(PolicyName::Strict, AMD64, &sudo[..1]).0[..1],
        [mode]
    );
    check(
        "app-linux-amd64.tar.gz",
        &sudo[..1],
        &["usr/bin/sudo mode-unfit: mode 4755 / no setuid, setgid or sticky bit"],
        &[],
    );
    passes(
        "app-linux-amd64.tar.gz",
        &["share/launcher.in x86 mode=644"],
    );
    check(
        AMD64,
        &["usr/bin/app x86 mode=644"],
        &["usr/bin/app mode-unfit: mode 0644 / executable by everyone"],
        &[],
    );
}

#[test]
fn a_package_has_one_program_under_two_names() {
    let same = ["bin/gunzip x86", "bin/gzip x86"];
    passes(AMD64, &same);
    check(
        "app-linux-amd64.tar.gz",
        &same,
        &["bin/gzip same-file-twice: the same bytes as `bin/gunzip` / a different program"],
        &[],
    );
    // These cannot have links.
    passes("a-1-py3-none-linux_x86_64.whl", &same);
    passes("app-linux-amd64.zip", &same);
    passes(
        "app-linux-x64-1.0.0.tgz",
        &["package/package.json", "package/a x86", "package/b x86"],
    );
}

#[test]
fn the_parts_of_glibc_need_each_other() {
    let parts = [
        "usr/lib/libc.so.6 x86 library",
        "usr/lib/libm.so.6 x86 library private sum=0",
    ];
    passes("libc6_2.36-9_amd64.deb", &parts);
    passes("libc-bin_2.36-9_amd64.deb", &["usr/bin/getent x86 private"]);
    check(
        "app_1_amd64.deb",
        &["usr/bin/app x86 private"],
        &[
            "usr/bin/app private-glibc: `GLIBC_PRIVATE` symbols / none: they are specific to one \
           build of glibc",
        ],
        &[],
    );
}

#[test]
fn klibc_has_a_loader_of_its_own() {
    let loader = "loader=/lib/klibc-XX6cASCB7KZyJWpIJW79y94XHBY.so";
    passes(AMD64, &[&format!("usr/lib/klibc/bin/cat x86 {loader}")]);
    check(
        "app-x86_64-unknown-linux-gnu.tar.gz",
        &[&format!("cat x86 {loader}")],
        &[
            "cat interpreter-unfit: `/lib/klibc-XX6cASCB7KZyJWpIJW79y94XHBY.so` / \
           /lib64/ld-linux-x86-64.so.2",
        ],
        &[],
    );
}

#[test]
fn lists_below_the_root_of_a_package_are_its_data() {
    check(
        AMD64,
        &[
            "usr/bin/app x86",
            "usr/share/app/app.conf",
            "usr/share/app/app.conf.md5sum text:ba7816bf8f01cfea414140de5dae2223  app.conf|",
            "usr/share/app/sums.txt text:go mod init|",
            "usr/share/doc/a.gz",
            "usr/share/lintian/overrides/binutils-aarch64-linux-gnu mode=644",
        ],
        &[],
        &["usr/share/app/app.conf.md5sum digests: they are data of the package"],
    );
}

#[test]
fn the_tag_of_a_wheel_beats_the_names_in_it() {
    let wheel = "pywin32-312-cp312-cp312-win_amd64.whl";
    passes(wheel, &["win32/api.pyd x86 dll"]);
    // Beside its own, a wheel may have programs that say what they are for.
    passes(
        wheel,
        &[
            "a/attach_linux_amd64.so x86 library",
            "a/api.pyd x86 dll sum=0",
        ],
    );
    check(
        wheel,
        &["a/api.pyd x86 library"],
        &[
            "a/api.pyd wrong-machine: elf for EM_X86_64 (64 bit, little endian) / pe for \
           IMAGE_FILE_MACHINE_X86_64 (64 bit, little endian)",
        ],
        &[],
    );
    passes(
        "pip-26.3-py3-none-any.whl",
        &["a/t64-arm.exe x86 dll machine=IMAGE_FILE_MACHINE_ARM64"],
    );
}

#[test]
fn musl_is_the_systems_own_library_outside_of_rusts_targets() {
    let program = "bin/app x86 loader=/lib/ld-musl-x86_64.so.1 needs=libc.musl-x86_64.so.1";
    passes("ninja-1.13-py3-none-musllinux_1_2_x86_64.whl", &[program]);
    passes("bun-linux-x64-musl.zip", &[program]);
    check(
        "app-x86_64-unknown-linux-musl.tar.gz",
        &[program],
        &[
            "bin/app not-static: needs the interpreter `/lib/ld-musl-x86_64.so.1`, \
           `libc.musl-x86_64.so.1` / a static program",
        ],
        &[],
    );
}

#[test]
fn the_tag_of_a_wheel_names_the_oldest_macos() {
    let wheel = |tag: &str| format!("a-1-py3-none-macosx_{tag}.whl");
    passes(&wheel("11_0_arm64"), &["a/app arm minos=11.0"]);
    check(
        &wheel("11_0_arm64"),
        &["a/app arm minos=15.0"],
        &["a/app above-macos-floor: needs macOS 15.0 / macOS 11.0 or older"],
        &[],
    );
    // On Apple silicon 11.0 is the oldest.
    let universal = wheel("10_9_universal2");
    passes(&universal, &["a/app arm minos=11.0"]);
    check(
        &universal,
        &["a/app x86 minos=10.13"],
        &["a/app above-macos-floor: needs macOS 10.13 / macOS 10.9 or older"],
        &[],
    );
    passes("app-macos-11-arm64.tar.gz", &["app arm minos=15.0"]);
}

#[test]
fn a_name_of_two_processors_is_a_universal_file() {
    let both = "universal=X86_64,ARM64 id=1";
    let mut signed = String::new();
    for (path, expected) in [
        ("prebuilds/darwin-x64+arm64/a.node", ""),
        (
            "prebuilds/linux-x64+arm/a.node",
            "prebuilds/linux-x64+arm/a.node target-unknown",
        ),
    ] {
        let (found, _) = findings(
            PolicyName::Default,
            "a.tgz",
            &[&format!("{path} x86 {both}")],
        );
        let codes = found.iter().map(|line| line.split(": ").next().unwrap());
        signed.clear();
        signed.extend(codes.filter(|line| !line.ends_with("signature-invalid")));
        assert_eq!(signed, expected, "{path}");
    }
}

#[test]
fn node_names_powerpc_without_its_byte_order() {
    let program = |path: &str| format!("{path} x86 machine=EM_PPC64 elfv2");
    passes(
        "esbuild-linux-ppc64-0.28.2.tgz",
        &["package/package.json", &program("package/bin/app")],
    );
    passes("d.tar.gz", &[&program("a/a.linux-ppc64-gnu.node")]);
    check(
        "app-linux-ppc64.tar.gz",
        &[&program("app")],
        &[
            "app wrong-machine: elf for EM_PPC64 (64 bit, little endian) / elf for EM_PPC64 (64 bit, \
           big endian)",
        ],
        &[],
    );
    passes(
        "app-linux-ppc64.tar.gz",
        &[&format!("{} big", program("app"))],
    );
    passes(
        "workerd-linux-64-1.20261117.1.tgz",
        &["package/bin/workerd x86"],
    );
}

#[test]
fn a_name_that_ends_in_wasm_names_its_processor() {
    passes("a.tgz", &["package/a.wasm wasm mode=644"]);
    check(
        "a.tgz",
        &["package/a.wasm x86"],
        &[
            "package/a.wasm wrong-machine: elf for EM_X86_64 (64 bit, little endian) / wasm for \
           wasm32 (32 bit, little endian)",
        ],
        &[],
    );
}

#[test]
fn snapshots_of_dart_are_elf_on_every_system() {
    passes(
        "sass-win32-x64.tgz",
        &["src/sass.snapshot x86 kind=Dart_snapshot mode=644"],
    );
    check(
        "sass-win32-x64.tgz",
        &["src/sass.snapshot arm kind=Dart_snapshot mode=644"],
        &[
            "src/sass.snapshot wrong-machine: elf for EM_AARCH64 (64 bit, little endian) / elf for \
           EM_X86_64 (64 bit, little endian)",
        ],
        &[],
    );
}

#[test]
fn an_empty_file_with_an_extension_is_data() {
    passes("app-linux-amd64.tar.gz", &["app x86", "cache.lock empty"]);
    check(
        "app-linux-amd64.tar.gz",
        &["app empty", "app.exe empty"],
        &[
            "app unreadable-binary: it is empty / a program",
            "app.exe unreadable-binary: it is empty / a program",
        ],
        &[],
    );
}
