//! Levels of processors in objects and programs of real compilers, beside what readelf reads.

use std::path::Path;
use std::process::Command;

use cargo_xpkg::inspect::binary::Binary;
use cargo_xpkg::inspect::inspect;

use crate::inspect::readelf::differences;
use crate::support::cross;

const SOURCE: &str = "double twice(double it) { return it * 2; }
int main(int count, char **words) { (void)words; return twice(count) < 1; }
";

/// What a compiler makes with these flags, read.
fn made(compiler: &Path, flags: &str, name: &Path) -> Binary {
    let directory = name.parent().unwrap();
    std::fs::write(directory.join("source.c"), SOURCE).unwrap();
    let output = Command::new(compiler)
        .args(flags.split_whitespace())
        .args(["-o".as_ref(), name, "source.c".as_ref()])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{flags}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    inspect(&std::fs::read(name).unwrap()).unwrap()
}

#[test]
fn real_compilers_levels_are_those_that_readelf_reads() {
    let test = "real_compilers_levels_are_those_that_readelf_reads";
    // What -c makes is the flags' level, and a program is its C library's, too.
    for (name, flags, level) in [
        ("arm-linux-gnueabi-gcc", "-c", "ARMv5TE"),
        ("arm-linux-gnueabi-gcc", "-static", "ARMv5TE"),
        ("arm-linux-gnueabihf-gcc", "-c", "ARMv7"),
        (
            "arm-linux-gnueabihf-gcc",
            "-c -march=armv6+fp -marm",
            "ARMv6",
        ),
        ("arm-linux-gnueabihf-gcc", "-march=armv6+fp -marm", "ARMv7"),
        (
            "arm-linux-gnueabihf-gcc",
            "-static -march=armv6+fp -marm",
            "ARMv7",
        ),
        (
            "arm-linux-gnueabihf-gcc",
            "-c -march=armv6kz+fp -marm",
            "ARMv6KZ",
        ),
        ("arm-linux-gnueabihf-gcc", "-c -march=armv8-a+simd", "ARMv8"),
        ("powerpc64-linux-gnu-gcc", "", "the ABI ELFv1"),
        ("powerpc64le-linux-gnu-gcc", "", "the ABI ELFv2"),
        ("gcc", "-c", ""),
        // GCC marks neither code nor program.
        ("gcc", "-c -march=x86-64-v3", ""),
        ("gcc", "-Wl,-z,x86-64-v3", "x86-64-v3"),
        ("i686-linux-gnu-gcc", "-march=i586", ""),
    ] {
        let Some(compiler) = cross(name, test) else {
            continue;
        };
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("made");
        let binary = made(&compiler, flags, &file);
        let found = binary
            .level
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert_eq!(found, level, "{name} {flags}");
        let differing = differences(&file, &binary);
        let of_level = differing
            .iter()
            .find(|difference| difference.field == "level");
        assert!(of_level.is_none(), "{name} {flags}: {of_level:?}");
    }
}

#[test]
fn riscvs_extensions_are_those_of_the_compiler() {
    let test = "riscvs_extensions_are_those_of_the_compiler";
    let Some(compiler) = cross("riscv64-linux-gnu-gcc", test) else {
        return;
    };
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("made");
    for (flags, has, lacks) in [
        ("-c", "c", "zba"),
        ("-static", "zicsr", "v"),
        ("-c -march=rv64gc_zba_zbb", "zba", "v"),
        ("-c -march=rv64imafd", "d", "c"),
        ("-c -march=rv64imac -mabi=lp64", "a", "d"),
    ] {
        let binary = made(&compiler, flags, &file);
        let level = serde_json::to_value(&binary.level).unwrap();
        let names: Vec<&str> = level["extensions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        assert!(
            names.contains(&has) && !names.contains(&lacks),
            "{flags}: {names:?}"
        );
        let differing = differences(&file, &binary);
        let of_level = differing
            .iter()
            .find(|difference| difference.field == "level");
        assert!(of_level.is_none(), "{flags}: {of_level:?}");
    }
}
