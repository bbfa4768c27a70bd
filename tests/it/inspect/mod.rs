//! Inspection by the loader's road: what can be stripped off a file does not change what it asks
//! for.

mod levels;
mod llvm;
pub mod readelf;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_xpkg::inspect::binary::{Binary, Relro, SignatureState};
use cargo_xpkg::inspect::system::SystemName;
use cargo_xpkg::inspect::{InspectError, inspect, is_program};

use crate::inspect::readelf::{Difference, differences};
use crate::support::{Project, tool};

fn host_program() -> Vec<u8> {
    std::fs::read(env!("CARGO_BIN_EXE_cargo-xpkg")).unwrap()
}

#[test]
fn the_floor_is_read_without_section_headers() {
    let mut bytes = host_program();
    let whole = inspect(&bytes).unwrap();
    // e_shoff, e_shnum and e_shstrndx of a 64-bit header.
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
    let bare = inspect(&bytes).unwrap();
    assert!(whole.glibc_floor.is_some());
    let facts = |binary: &Binary| {
        (
            binary.glibc_floor.clone(),
            binary.needed.clone(),
            binary.interpreter.clone(),
            binary.pie,
        )
    };
    assert_eq!(facts(&bare), facts(&whole));
}

#[test]
fn the_interpreter_ends_where_its_name_ends() {
    let mut bytes = host_program();
    let whole = inspect(&bytes).unwrap().interpreter.unwrap();
    let at = bytes
        .windows(whole.len())
        .position(|window| window == whole.as_bytes())
        .unwrap();
    // Debian's libc.so.6 for s390x pads the segment so.
    bytes[at + whole.len() - 2..at + whole.len()].fill(0);
    assert_eq!(
        inspect(&bytes).unwrap().interpreter.as_deref(),
        Some(&whole[..whole.len() - 2])
    );
}

#[test]
fn a_version_that_is_flagged_weak_raises_no_floor() {
    let mut bytes = host_program();
    let floor = |bytes: &[u8]| {
        inspect(bytes)
            .unwrap()
            .glibc_floor
            .map(|floor| floor.version)
    };
    let highest = floor(&bytes).unwrap();
    // An entry of the table begins with its name's hash; the flags follow. In one of two libraries'
    // lists, or in both.
    let hash = |hash: u32, byte: u8| {
        let next = (hash << 4).wrapping_add(u32::from(byte));
        (next ^ (next >> 24 & 0xf0)) & 0x0fff_ffff
    };
    let hash = format!("GLIBC_{highest}")
        .bytes()
        .fold(0, hash)
        .to_le_bytes();
    let found: Vec<usize> = bytes
        .windows(6)
        .enumerate()
        .filter(|(_, it)| it[..4] == hash && it[4..] == [0, 0])
        .map(|(at, _)| at)
        .collect();
    for at in found {
        bytes[at + 4] = 2;
    }
    assert_ne!(floor(&bytes), Some(highest));
}

#[test]
fn what_is_no_program_is_refused_in_words() {
    let check = |bytes: &[u8], expected: &str| {
        let why = inspect(bytes).unwrap_err().to_string();
        assert!(why.starts_with(expected), "{why}");
    };
    check(b"", "it is empty");
    check(b"#!/bin/sh\n", "it is a script");
    check(b"!<arch>\n", "it is a static library");
    check(b"hello", "it begins with [68, 65, 6c, 6c]");
    check(&host_program()[..100], "its ELF headers cannot be read");
    check(b"\0asm\x02\0\0\0", "it is wasm of a version");
    check(
        b"\0asm\x01\0\0\0\x01\x7f",
        "its wasm sections cannot be read",
    );
    // wasip2's.
    assert_eq!(inspect(b"\0asm\x0d\0\x01\0").unwrap().kind, "component");
    // Java 1.1 and 21; a universal Mach-O file of two slices has the same magic.
    check(b"\xca\xfe\xba\xbe\0\x03\0\x2d", "it is a Java class");
    check(b"\xca\xfe\xba\xbe\0\0\0\x41", "it is a Java class");
    assert!(
        !inspect(b"\xca\xfe\xba\xbe\0\0\0\x02")
            .unwrap_err()
            .to_string()
            .contains("Java")
    );
    let mut bpf = vec![0; 64];
    bpf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bpf[16..21].copy_from_slice(&[1, 0, 247, 0, 1]);
    bpf[52] = 64;
    check(&bpf, "it is a BPF object");
}

/// Compiles fixtures/hello for a WebAssembly target with cargo alone.
fn wasm(target: &str) -> Vec<u8> {
    let project = Project::of("hello");
    let built = Command::new(tool("cargo"))
        .args(["build", "--quiet", "--release", "--target", target])
        .arg("--target-dir")
        .arg(project.path("wasm"))
        .current_dir(&project.root)
        .status()
        .unwrap();
    assert!(built.success(), "{target}");
    std::fs::read(project.path(&format!("wasm/{target}/release/hello.wasm"))).unwrap()
}

#[test]
fn what_starts_wasm_is_read_from_its_exports() {
    for (target, kind, executable, imports) in [
        ("wasm32-unknown-unknown", "module", false, ""),
        ("wasm32-wasip1", "module", true, "wasi_snapshot_preview1"),
        ("wasm32-wasip2", "component", true, "wasi:cli/environment"),
    ] {
        let binary = inspect(&wasm(target)).unwrap();
        assert_eq!(
            (binary.machine.as_str(), binary.kind.as_str()),
            ("wasm32", kind)
        );
        assert_eq!(binary.executable, executable, "{target}");
        let first = binary.needed.first().map_or("", String::as_str);
        assert!(first.starts_with(imports), "{:?}", binary.needed);
    }
}

#[test]
fn every_cut_of_a_file_ends_without_a_panic() {
    let bytes = host_program();
    for length in (0..4096).chain((4096..bytes.len()).step_by(bytes.len() / 50)) {
        let _ = inspect(&bytes[..length]);
    }
}

/// Compiles and links one source with these flags and inspects what comes out, which readelf must
/// see alike.
fn made(compiler: &str, flags: &str, source: &str) -> Binary {
    let temp = tempfile::tempdir().unwrap();
    let (from, to) = (
        temp.path().join(if compiler == "g++" {
            "source.cc"
        } else {
            "source.c"
        }),
        temp.path().join("made"),
    );
    std::fs::write(&from, source).unwrap();
    let output = Command::new(tool(compiler))
        .arg(&from)
        .arg("-o")
        .arg(&to)
        .args(flags.split_whitespace())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{flags}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let binary = inspect(&std::fs::read(&to).unwrap()).unwrap();
    let differences = differences(&to, &binary);
    assert!(differences.is_empty(), "{flags}: {differences:#?}");
    binary
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

const NOTHING: &str = "int main(void) { return 0; }";

#[test]
fn what_the_linker_was_told_is_read_off_the_file() {
    let check = |flags: &str, source: &str, holds: fn(&Binary) -> bool| {
        let binary = made("cc", flags, source);
        assert!(holds(&binary), "{flags}: {binary:#?}");
    };
    check("-s -Wl,-z,relro,-z,now", NOTHING, |it| {
        it.stripped == YES
            && it.relro == Some(Relro::Full)
            && it.nx == YES
            && it.pie == YES
            && it.executable
    });
    check("-Wl,-z,relro,-z,lazy", NOTHING, |it| {
        it.stripped == NO && it.relro == Some(Relro::Partial)
    });
    check("-Wl,-z,norelro", NOTHING, |it| {
        it.relro == Some(Relro::None)
    });
    check("-Wl,-z,relro,-z,now,--disable-new-dtags", NOTHING, |it| {
        it.relro == Some(Relro::Full)
    });
    check("-Wl,-z,execstack", NOTHING, |it| it.nx == NO);
    check("-no-pie -static", NOTHING, |it| {
        it.executable && it.pie == NO && it.glibc_floor.is_none()
    });
    check("-static-pie", NOTHING, |it| it.executable && it.pie == YES);
    check("-g", NOTHING, |it| it.debug_info == YES);
    check("", NOTHING, |it| {
        it.debug_info == NO && it.text_relocations == NO && it.glibcxx.is_none()
    });
    check("-Wl,-rpath,/one:/two", NOTHING, |it| {
        it.runpath == ["/one:/two"] && it.rpath.is_empty()
    });
    check("-Wl,-rpath,/one,--disable-new-dtags", NOTHING, |it| {
        it.rpath == ["/one"] && it.runpath.is_empty()
    });
    let writes_code = "int main(void) { return 0; } __asm__(\".text\\n.quad main\\n\");";
    check("-Wl,-z,notext", writes_code, |it| {
        it.text_relocations == YES
    });
    check("-Wl,-z,notext,--disable-new-dtags", writes_code, |it| {
        it.text_relocations == YES
    });
}

#[test]
fn the_system_is_that_of_the_note_or_the_loader() {
    let check = |flags: &str, source: &str, expected: SystemName| {
        assert_eq!(made("cc", flags, source).system, Some(expected), "{flags}");
    };
    check("", NOTHING, SystemName::Linux);
    for (loader, system) in [
        ("/libexec/ld-elf.so.1", SystemName::FreeBsd),
        ("/usr/libexec/ld.elf_so", SystemName::NetBsd),
        ("/usr/libexec/ld.so", SystemName::OpenBsd),
        ("/system/bin/linker64", SystemName::Android),
        ("/lib/amd64/ld.so.1", SystemName::Solaris),
        ("/lib/ld-musl-x86_64.so.1", SystemName::Linux),
    ] {
        let flags = format!("-nostartfiles -Wl,-e,main,--dynamic-linker,{loader}");
        check(&flags, NOTHING, system);
    }
    // A static program, of which the note alone tells.
    let note = "int main(void) { return 0; } __asm__(\".section .note.tag, \\\"a\\\", @note\\n.long 8, \
                4, 1\\n.asciz \\\"OpenBSD\\\"\\n.long 0\\n\");";
    check(
        "-nostartfiles -static -no-pie -Wl,-e,main",
        note,
        SystemName::OpenBsd,
    );
}

#[test]
fn debug_info_is_what_a_debugger_reads_not_what_a_program_loads() {
    // As rustc writes it, which strip leaves where it is.
    let script = "__asm__(\".pushsection .debug_gdb_scripts,\\\"aMS\\\",@progbits,1\\n.asciz \
                  \\\"x\\\"\\n.popsection\"); int main(void) { return 0; }";
    assert_eq!(made("cc", "-s", script).debug_info, NO);
    assert_eq!(made("cc", "-g -gz=zlib-gnu", NOTHING).debug_info, YES);
}

#[test]
fn debug_symbols_without_their_program_are_none() {
    let temp = tempfile::tempdir().unwrap();
    let run = |program: &str, words: &[&str]| {
        let mut command = Command::new(tool(program));
        assert!(
            command
                .args(words)
                .current_dir(temp.path())
                .status()
                .unwrap()
                .success(),
            "{words:?}"
        );
    };
    std::fs::write(temp.path().join("a.c"), NOTHING).unwrap();
    run("cc", &["-g", "a.c", "-o", "a"]);
    run("objcopy", &["--only-keep-debug", "a", "a.debug"]);
    let read = |name: &str| inspect(&std::fs::read(temp.path().join(name)).unwrap());
    assert!(read("a").is_ok());
    assert_eq!(
        read("a.debug").unwrap_err().to_string(),
        "it has debug symbols, but no code"
    );
}

#[test]
fn debug_info_is_seen_in_every_format() {
    let temp = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(
            Command::new(tool(words[0]))
                .args(&words[1..])
                .current_dir(temp.path())
                .status()
                .unwrap()
                .success(),
            "{line}"
        );
    };
    let read = |name: &str| inspect(&std::fs::read(temp.path().join(name)).unwrap()).unwrap();
    std::fs::write(
        temp.path().join("source.c"),
        "int start(void) { return 0; }",
    )
    .unwrap();
    for (flag, debug_info) in [("-g", true), ("-g0", false)] {
        run(&format!(
            "clang --target=x86_64-w64-windows-gnu {flag} -c source.c -o source.obj"
        ));
        run("ld.lld -m i386pep -e start source.obj -o source.exe");
        assert_eq!(read("source.exe").debug_info, Some(debug_info), "{flag}");
        run(&format!(
            "clang --target=arm64-apple-macos11 {flag} -c source.c -o source.o"
        ));
        assert_eq!(read("source.o").debug_info, Some(debug_info), "{flag}");
    }
}

#[test]
fn a_shared_library_with_an_entry_point_is_no_program() {
    // Linkers until binutils 2.36 gave each of them the start of its code.
    for flags in [
        "-Wl,--no-as-needed",
        "-nostdlib -Wl,-soname,libnothing.so.1",
    ] {
        let library = made("cc", &format!("-shared -fPIC -Wl,-e,main {flags}"), NOTHING);
        assert!(!library.executable && library.pie == NO, "{library:#?}");
    }
}

#[test]
fn what_cxx_asks_of_its_runtime_is_read_like_the_glibc_floor() {
    let throws = "#include <string>\nint main(int, char **a) { try { throw std::string(a[0]); } \
                  catch (std::string &s) { return s.size() == 0; } }";
    let binary = made("g++", "", throws);
    let told = [&binary.glibcxx, &binary.cxxabi, &binary.gcc_abi]
        .map(|version| version.as_deref().unwrap_or("nothing"));
    assert!(
        told[0].starts_with("3.4") && told[1].starts_with("1.3") && told[2].starts_with("3."),
        "{told:?}"
    );
    let binary = made("g++", "-static-libstdc++ -static-libgcc", throws);
    assert_eq!(
        [&binary.glibcxx, &binary.cxxabi, &binary.gcc_abi],
        [&None; 3]
    );
}

#[test]
fn no_byte_that_is_wrong_ends_in_a_panic() {
    let (temp, source) = (
        tempfile::tempdir().unwrap(),
        "#include <string>\nint main(int, char **a) { return std::string(a[0]).size() == 0; }",
    );
    let (from, to) = (temp.path().join("source.cc"), temp.path().join("made"));
    std::fs::write(&from, source).unwrap();
    assert!(
        Command::new(tool("g++"))
            .args(["-s", "-o"])
            .args([&to, &from])
            .status()
            .unwrap()
            .success()
    );
    let mut bytes = std::fs::read(&to).unwrap();
    for at in 0..bytes.len() {
        let right = bytes[at];
        if right == 0 && at % 8 != 7 {
            continue;
        }
        for wrong in [0xff, 0x7f, right ^ 1] {
            bytes[at] = wrong;
            let _ = inspect(&bytes);
        }
        bytes[at] = right;
    }
}

/// Every field of every ELF file below the directories of `XPKG_CORPUS`, which `cargo xtask corpus`
/// fills and sets, against readelf. Without it, of the programs of this test run.
#[test]
fn every_field_is_what_readelf_says() {
    let Some(corpus) = std::env::var_os("XPKG_CORPUS") else {
        for program in [
            env!("CARGO_BIN_EXE_cargo-xpkg"),
            env!("CARGO_BIN_EXE_fake-tool"),
        ] {
            let differences = differences(
                Path::new(program),
                &inspect(&std::fs::read(program).unwrap()).unwrap(),
            );
            assert!(differences.is_empty(), "{program}: {differences:#?}");
        }
        return;
    };
    let is_elf = |bytes: &[u8]| bytes.starts_with(b"\x7fELF");
    compare(&corpus, "readelf", is_elf, differences);
}

/// Every field of every PE, Mach-O and WebAssembly file below the directories of `XPKG_WHEELS`, which
/// `cargo xtask corpus wheels` fills and sets, against LLVM's tools. Without it, of what clang and
/// rustc make here.
#[test]
fn every_field_of_the_other_formats_is_what_llvm_says() {
    if let Some(corpus) = std::env::var_os("XPKG_WHEELS") {
        let is_one = |bytes: &[u8]| is_program(bytes) && !bytes.starts_with(b"\x7fELF");
        return compare(&corpus, "LLVM", is_one, llvm::differences);
    }
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name);
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = Command::new(tool(words[0]));
        let status = command.args(&words[1..]).current_dir(temp.path()).status();
        assert!(status.unwrap().success(), "{line}");
    };
    std::fs::write(path("a.c"), "int start(void) { return 0; }").unwrap();
    std::fs::write(path("a.tbd"), TBD).unwrap();
    run("clang --target=x86_64-w64-windows-gnu -g -c a.c -o a.obj");
    run("ld.lld -m i386pep -e start --disable-dynamicbase --disable-nxcompat a.obj -o fixed.exe");
    run("ld.lld -m i386pep -e start --dynamicbase --nxcompat --high-entropy-va a.obj -o free.exe");
    run("ld.lld -m i386pep -e start -shared a.obj -o a.dll");
    run("clang --target=arm64-apple-macos11 -c a.c -o arm.o");
    run("clang --target=x86_64-apple-macos10.12 -c a.c -o intel.o");
    let link = "-platform_version macos 11.0 12.1 -e _start a.tbd -rpath @loader_path/lib";
    run(&format!(
        "lld -flavor darwin -arch arm64 {link} arm.o -o arm"
    ));
    run(&format!(
        "lld -flavor darwin -arch x86_64 {link} intel.o -o intel"
    ));
    let slices = [(0x0100_000c, "arm"), (0x0100_0007, "intel")];
    let slices = slices.map(|(cputype, name)| (cputype, std::fs::read(path(name)).unwrap()));
    std::fs::write(path("universal"), universal(&slices)).unwrap();
    std::fs::write(path("a.wasm"), wasm("wasm32-wasip1")).unwrap();
    for name in [
        "fixed.exe",
        "free.exe",
        "a.dll",
        "arm",
        "intel",
        "universal",
        "a.wasm",
    ] {
        let binary = inspect(&std::fs::read(path(name)).unwrap()).unwrap();
        let differences = llvm::differences(&path(name), &binary);
        assert!(differences.is_empty(), "{name}: {differences:#?}");
    }
    // What a linker signs is intact, and a byte that was changed later is found.
    let state = |bytes: &[u8]| {
        let facts = inspect(bytes).unwrap().mach_o.unwrap();
        facts.signature.map(|signature| signature.state)
    };
    let mut signed = std::fs::read(path("arm")).unwrap();
    assert_eq!(state(&signed), Some(SignatureState::Intact));
    let at = signed.len() / 2;
    signed[at] ^= 1;
    assert_eq!(state(&signed), Some(SignatureState::Changed));
}

/// Puts slices into a universal file, at multiples of a page.
fn universal(slices: &[(u32, Vec<u8>)]) -> Vec<u8> {
    const PAGE: usize = 0x4000;
    let mut table = [0xcafe_babe, slices.len() as u32].to_vec();
    let mut contents = Vec::new();
    for (cputype, slice) in slices {
        let offset = PAGE + contents.len();
        // As in the slice's own header, which has the other byte order.
        let subtype = u32::from_le_bytes(slice[8..12].try_into().unwrap());
        table.extend([*cputype, subtype, offset as u32, slice.len() as u32, 14]);
        contents.extend(slice);
        contents.resize(contents.len().next_multiple_of(PAGE), 0);
    }
    let mut bytes: Vec<u8> = table.iter().flat_map(|word| word.to_be_bytes()).collect();
    bytes.resize(PAGE, 0);
    [bytes, contents].concat()
}

/// Stub of macOS' C library, for ld64.lld.
const TBD: &str = "--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ dyld_stub_binder ]
...
";

/// Compares every field of the files below the directories, and prints how many were compared.
fn compare(
    corpus: &OsStr,
    tool: &str,
    is_one: impl Fn(&[u8]) -> bool,
    differences: impl Fn(&Path, &Binary) -> Vec<Difference>,
) {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut differing = 0;
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>9}",
        "of", "programs", "others", "fields", "differing"
    );
    for directory in std::env::split_paths(corpus) {
        let (mut programs, mut others, mut fields, mut wrong) = (0, 0, 0, Vec::new());
        for file in files(&directory, &is_one) {
            let name = file.strip_prefix(&directory).unwrap().display().to_string();
            let binary = match inspect(&std::fs::read(&file).unwrap()) {
                Ok(binary) => binary,
                // libc6-dbg has nothing else.
                Err(InspectError::DebugSymbols) if name.ends_with(".debug") => {
                    others += 1;
                    continue;
                }
                Err(why) => {
                    wrong.push(format!("{name}: {why}"));
                    continue;
                }
            };
            *if binary.executable {
                &mut programs
            } else {
                &mut others
            } += 1;
            let slices = if binary.slices.is_empty() {
                std::slice::from_ref(&binary)
            } else {
                &binary.slices
            };
            for slice in slices {
                let object = serde_json::to_value(slice).unwrap();
                for (field, value) in object.as_object().unwrap() {
                    // Facts of one format count one by one.
                    let parts = value.as_object().map_or(1, serde_json::Map::len);
                    fields += parts;
                    values
                        .entry(field.clone())
                        .or_default()
                        .insert(value.to_string());
                }
            }
            let differences = differences(&file, &binary).into_iter();
            wrong.extend(differences.map(|it| {
                format!(
                    "{name}: {} is {}, {tool} says {}",
                    it.field, it.inspect, it.said
                )
            }));
        }
        assert!(fields > 0, "`{}` holds no such file", directory.display());
        println!(
            "{:<24} {programs:>8} {others:>8} {fields:>8} {:>9}",
            directory.file_name().unwrap().display(),
            wrong.len()
        );
        println!("{}", wrong.join("\n"));
        differing += wrong.len();
    }
    // A field that was the same in every file was not put to the test.
    let values: Vec<String> = values
        .iter()
        .map(|(field, values)| format!("{field} {}", values.len()))
        .collect();
    println!("different values: {}", values.join(", "));
    assert_eq!(differing, 0, "fields differ from what {tool} says");
}

fn files(directory: &Path, is_one: &impl Fn(&[u8]) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in sorted(directory)
        .into_iter()
        .filter(|path| !path.is_symlink())
    {
        if path.is_dir() {
            found.extend(files(&path, is_one));
        } else if path.is_file() && is_one(&std::fs::read(&path).unwrap()) {
            found.push(path);
        }
    }
    found
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

/// A table of strings that is nothing but ends of strings: goblin keeps 24 bytes for each.
#[test]
fn a_program_that_claims_too_much_is_refused() {
    let mut bytes = crate::archive::mutants::elf(&[]);
    let number = |bytes: &[u8], at: usize, width: usize| {
        bytes[at..at + width]
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, count) = (number(&bytes, 0x28, 8), number(&bytes, 0x3c, 2));
    let headers = (0..count).map(|index| table + 64 * index);
    let symbols = headers
        .clone()
        .find(|at| number(&bytes, at + 4, 4) == 2)
        .unwrap();
    let strings = table + 64 * number(&bytes, symbols + 40, 4);
    let (start, length) = (bytes.len() as u64, 9_000_000_u64);
    bytes.resize((start + length) as usize, 0);
    bytes[strings + 24..strings + 32].copy_from_slice(&start.to_le_bytes());
    bytes[strings + 32..strings + 40].copy_from_slice(&length.to_le_bytes());
    assert_eq!(
        inspect(&bytes).unwrap_err().to_string(),
        "its ELF headers claim more than a program has"
    );
    let many = [
        &[0xcf, 0xfa, 0xed, 0xfe][..],
        &[0; 12],
        &[0, 0, 1, 0],
        &[0; 100],
    ]
    .concat();
    assert_eq!(
        inspect(&many).unwrap_err().to_string(),
        "its Mach-O headers claim more than a program has"
    );
}
