//! What LLVM's tools say of PE, Mach-O and WebAssembly files, in the shape of [`Binary`]. Read off
//! their text, by rules of this file's own: the library that inspects has no part in it.
//!
//! No tool of LLVM's checks the hashes of a code signature, so that a signature is compared by
//! whether it is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cargo_xpkg::inspect::binary::{Binary, EndianName, FormatName, Linkage, MachO, Pe};
use cargo_xpkg::inspect::system::SystemName;

use crate::inspect::readelf::{Difference, between_values};
use crate::support::tool;

/// Every field that differs.
pub fn differences(file: &Path, binary: &Binary) -> Vec<Difference> {
    let said = match binary.format {
        FormatName::Pe => pe(file),
        FormatName::MachO if binary.slices.is_empty() => macho(file, None, binary),
        FormatName::MachO => {
            let slices = binary.slices.iter().flat_map(|slice| {
                let said = macho(file, Some(&slice.machine), slice);
                between_values(slice, &said)
            });
            return slices.collect();
        }
        FormatName::Wasm => wasm(file),
        FormatName::Elf => unreachable!("readelf reads these"),
    };
    between_values(binary, &said)
}

fn text(program: &str, arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(tool(program));
    let output = command.args(arguments).arg(file).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The value of the first line `name: value`, or `name value`.
fn first<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    all(text, name).next()
}

fn all<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .filter_map(move |line| line.trim_start().strip_prefix(name))
        .filter_map(|rest| rest.strip_prefix([':', ' ']))
        .map(str::trim)
}

/// The text from a line to the next one that closes it.
fn blocks<'t>(text: &'t str, open: &'t str) -> impl Iterator<Item = &'t str> {
    let parts = text.split(open).skip(1);
    parts.map(|part| part.split("\n}").next().unwrap())
}

fn sorted(names: BTreeSet<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn pe(file: &Path) -> Binary {
    let text = text(
        "llvm-readobj",
        &[
            "--file-headers",
            "--sections",
            "--coff-imports",
            "--coff-debug-directory",
        ],
        file,
    );
    let machine = match first(&text, "Machine").unwrap() {
        "IMAGE_FILE_MACHINE_AMD64 (0x8664)" => "X86_64",
        "IMAGE_FILE_MACHINE_I386 (0x14C)" => "X86",
        "IMAGE_FILE_MACHINE_ARM64 (0xAA64)" => "ARM64",
        other => panic!("{other}"),
    };
    let has = |name: &str| text.contains(&format!("{name} (0x"));
    let dll = has("IMAGE_FILE_DLL");
    let flag = |name: &str| has(&format!("IMAGE_DLL_CHARACTERISTICS_{name}"));
    let names = |open| blocks(&text, open).filter_map(|block| first(block, "Name"));
    let needed = sorted(names("\nImport {").collect());
    let delay_needed = sorted(names("\nDelayImport {").collect());
    // `Name: .text (2E 74 65 78 74 00 00 00)`
    let sections: Vec<&str> = text
        .split("\n  Section {")
        .skip(1)
        .filter_map(|block| first(block, "Name")?.split(" (").next())
        .collect();
    let guid = first(&text, "PDBGUID").map(|guid| {
        let digits = guid.chars().filter(char::is_ascii_hexdigit);
        digits.collect::<String>().to_lowercase()
    });
    let relocations = !has("IMAGE_FILE_RELOCS_STRIPPED");
    let subsystem = first(&text, "Subsystem").unwrap();
    Binary {
        system: subsystem.contains("WINDOWS").then_some(SystemName::Windows),
        linkage: linkage(needed.len() + delay_needed.len()),
        needed,
        nx: Some(flag("NX_COMPAT")),
        pie: Some(flag("DYNAMIC_BASE") && relocations),
        stripped: Some(first(&text, "SymbolCount") == Some("0")),
        debug_info: Some(sections.iter().any(|name| name.starts_with(".debug_"))),
        auditable: sections.contains(&".dep-v0"),
        build_id: guid,
        pe: Some(Pe {
            subsystem: subsystem.split(' ').next().unwrap().to_owned(),
            dynamic_base: flag("DYNAMIC_BASE"),
            relocations,
            high_entropy_va: flag("HIGH_ENTROPY_VA"),
            nx_compat: flag("NX_COMPAT"),
            guard_cf: flag("GUARD_CF"),
            force_integrity: flag("FORCE_INTEGRITY"),
            delay_needed,
            pdb: first(&text, "PDBFileName")
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            signed: first(&text, "CertificateTableSize").is_some_and(|size| size != "0x0"),
        }),
        ..Binary::plain(
            FormatName::Pe,
            format!("IMAGE_FILE_MACHINE_{machine}"),
            if text.contains("  Magic: 0x20B\n") {
                64
            } else {
                32
            },
            if dll { "DLL" } else { "EXE" }.to_owned(),
            !dll,
        )
    }
}

fn linkage(libraries: usize) -> Linkage {
    match libraries {
        0 => Linkage::Static,
        _ => Linkage::Dynamic,
    }
}

/// Names of processors: in our facts, in llvm-objdump's header, for its `--arch`.
const MACHINES: &[(&str, &str, &str)] = &[
    ("CPU_TYPE_X86", "I386", "i386"),
    ("CPU_TYPE_X86_64", "X86_64", "x86_64"),
    ("CPU_TYPE_ARM64", "ARM64", "arm64"),
    ("CPU_TYPE_POWERPC", "PPC", "ppc"),
];

const LIBRARIES: &[&str] = &[
    "LC_LOAD_DYLIB",
    "LC_LOAD_WEAK_DYLIB",
    "LC_REEXPORT_DYLIB",
    "LC_LOAD_UPWARD_DYLIB",
];

/// Reads a file of one processor, or the slice of `machine`. `inspected` is where its signature is
/// from, if it has one.
fn macho(file: &Path, machine: Option<&str>, inspected: &Binary) -> Binary {
    let arch = machine.map(|machine| {
        let row = MACHINES.iter().find(|(name, ..)| *name == machine);
        format!("--arch={}", row.unwrap().2)
    });
    let arch: Vec<&str> = arch.iter().map(String::as_str).collect();
    let arguments = [&["--macho", "--private-headers"], &arch[..]].concat();
    let text_of = text("llvm-objdump", &arguments, file);
    // `MH_MAGIC_64  ARM64  ALL  0x00  EXECUTE  19  2512  NOUNDEFS DYLDLINK PIE`
    let header = text_of
        .lines()
        .find(|line| line.trim_start().starts_with("MH_MAGIC"))
        .unwrap();
    let words: Vec<&str> = header.split_whitespace().collect();
    let is_64 = words[0] == "MH_MAGIC_64";
    let machine = MACHINES.iter().find(|(_, name, _)| *name == words[1]);
    let flags = &words[7..];
    let executable = words[4] == "EXECUTE";
    let commands: Vec<&str> = text_of.split("\nLoad command ").skip(1).collect();
    let named = |name: &'static str| {
        let is = move |block: &&&str| first(block, "cmd") == Some(name);
        commands.iter().filter(is).copied()
    };
    // `name /usr/lib/libSystem.B.dylib (offset 24)`
    let path = |block: &str, field: &str| {
        let value = first(block, field).unwrap();
        value.rsplit_once(" (offset").unwrap().0.to_owned()
    };
    let needed: Vec<String> = commands
        .iter()
        .filter(|block| LIBRARIES.contains(&first(block, "cmd").unwrap()))
        .map(|block| path(block, "name"))
        .collect();
    let build = named("LC_BUILD_VERSION").next();
    let old = named("LC_VERSION_MIN_MACOSX").next();
    let version = |block: &str, field: &str| {
        first(block, field)
            .filter(|version| *version != "n/a")
            .map(str::to_owned)
    };
    let sections: Vec<(&str, &str)> = commands
        .iter()
        .flat_map(|block| block.split("\nSection\n").skip(1))
        .map(|section| {
            let name = |field| first(section, field).unwrap_or_default();
            (name("segname"), name("sectname"))
        })
        .collect();
    let nm_arguments = [&["--debug-syms"], &arch[..]].concat();
    let symbols = text("llvm-nm", &nm_arguments, file);
    let signature = inspected.mach_o.as_ref().unwrap().signature.clone();
    Binary {
        endian: if words[1] == "PPC" {
            EndianName::Big
        } else {
            EndianName::Little
        },
        system: (old.is_some() || build.is_some_and(|it| first(it, "platform") == Some("macos")))
            .then_some(SystemName::MacOs),
        linkage: linkage(needed.len()),
        needed,
        rpath: named("LC_RPATH").map(|block| path(block, "path")).collect(),
        nx: Some(
            !flags.contains(&"ALLOW_STACK_EXECUTION") && !all(&text_of, "initprot").any(is_wx),
        ),
        pie: executable.then(|| flags.contains(&"PIE")),
        build_id: named("LC_UUID").next().map(|block| {
            first(block, "uuid")
                .unwrap()
                .replace('-', "")
                .to_lowercase()
        }),
        stripped: Some(!symbols.lines().any(is_own_symbol)),
        debug_info: Some(sections.iter().any(|(segment, _)| *segment == "__DWARF")),
        auditable: sections.iter().any(|(_, name)| *name == ".dep-v0"),
        mach_o: Some(MachO {
            minos: build
                .and_then(|it| version(it, "minos"))
                .or(old.and_then(|it| version(it, "version"))),
            sdk: build.or(old).and_then(|it| version(it, "sdk")),
            install_name: named("LC_ID_DYLIB").next().map(|it| path(it, "name")),
            no_heap_execution: flags.contains(&"NO_HEAP_EXECUTION"),
            signature: named("LC_CODE_SIGNATURE")
                .next()
                .map(|_| signature.expect("a signature that was not read")),
        }),
        ..Binary::plain(
            FormatName::MachO,
            machine.map_or(words[1], |row| row.0).to_owned(),
            if is_64 { 64 } else { 32 },
            format!("MH_{}", words[4]),
            executable,
        )
    }
}

/// `rwx`
fn is_wx(protection: &str) -> bool {
    protection.contains('w') && protection.contains('x')
}

/// A line of nm for a symbol that is local (a small letter), or of debugging (`-`), other than the
/// mark of Apple's strip: `0000000005614542 - 00 0000   OPT radr://5614542`.
fn is_own_symbol(line: &str) -> bool {
    let mut words = line.split_whitespace().peekable();
    if words
        .peek()
        .is_some_and(|word| word.len() >= 8 && word.chars().all(|it| it.is_ascii_hexdigit()))
    {
        words.next();
    }
    match words.next() {
        Some("-") => !line.contains(" OPT "),
        Some(letter) => letter.len() == 1 && letter.chars().all(|it| it.is_ascii_lowercase()),
        None => false,
    }
}

fn wasm(file: &Path) -> Binary {
    let text = text("obj2yaml", &[], file);
    let sections: Vec<&str> = text.split("\n  - Type: ").skip(1).collect();
    let of = |kind: &'static str| {
        let is = move |section: &&&str| section.split_whitespace().next() == Some(kind);
        sections.iter().filter(is).copied()
    };
    let custom: Vec<&str> = of("CUSTOM").filter_map(|it| first(it, "Name")).collect();
    let modules: BTreeSet<&str> = of("IMPORT").flat_map(|it| all(it, "- Module")).collect();
    let exports: Vec<&str> = of("EXPORT").flat_map(|it| all(it, "- Name")).collect();
    let is_wasi = modules.iter().any(|name| name.starts_with("wasi_"));
    Binary {
        system: is_wasi.then_some(SystemName::Wasi),
        needed: sorted(modules),
        stripped: Some(!custom.contains(&"name")),
        debug_info: Some(custom.iter().any(|name| name.starts_with(".debug_"))),
        auditable: custom.contains(&".dep-v0"),
        ..Binary::plain(
            FormatName::Wasm,
            "wasm32".to_owned(),
            32,
            "module".to_owned(),
            exports.contains(&"_start"),
        )
    }
}
