//! Rules about hardening, and about data of the builder that a program contains.

use crate::inspect::binary::{Binary, FormatName, Linkage, Pe, Relro, json_name};
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::linker::LinkerKind;
use crate::target::system::{Libc, Os};
use crate::verify::rules::context::RuleScope::{Always, Built, Never};
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};

/// Rule `rpath-set`.
fn rpath(input: &RuleInput) -> Option<Violation> {
    if input.binary.format == FormatName::MachO {
        return apple_rpath(input.binary);
    }
    let directories = input
        .binary
        .rpath
        .iter()
        .chain(&input.binary.runpath)
        .flat_map(|list| list.split(':'));
    let absolute: Vec<String> = directories
        .filter(|path| !path.starts_with("$ORIGIN") && !path.starts_with("${ORIGIN}"))
        .map(|path| format!("`{path}`"))
        .collect();
    (!absolute.is_empty()).then(|| {
        violation(
            format!("search path {}", absolute.join(", ")),
            "no RPATH other than `$ORIGIN`",
            "link it without `-rpath`",
        )
    })?
}

/// Checks the LC_RPATHs of a Mach-O file: each is one directory, relative to the file, to the program
/// that loads it, or below those of macOS' own libraries.
fn apple_rpath(binary: &Binary) -> Option<Violation> {
    const FINE: &[&str] = &["@loader_path", "@executable_path", "/usr/lib/", "/System/"];
    let is_fine =
        |path: &str| path == "/usr/lib" || FINE.iter().any(|start| path.starts_with(start));
    let others: Vec<String> = binary
        .rpath
        .iter()
        .filter(|path| !is_fine(path))
        .map(|path| format!("`{path}`"))
        .collect();
    (!others.is_empty()).then(|| {
        violation(
            format!("search path {}", others.join(", ")),
            "no LC_RPATH other than `@loader_path` and `@executable_path`",
            "link it without `-rpath`, or remove it: `install_name_tool -delete_rpath`",
        )
    })?
}

/// Rule `executable-stack`.
fn executable_stack(input: &RuleInput) -> Option<Violation> {
    // The stack of an object file is decided when it is linked.
    let elf = input.binary.format == FormatName::Elf && input.binary.kind != "ET_REL";
    let help = "find the assembler file without `.note.GNU-stack`, or link with `-z noexecstack`";
    (elf && input.binary.nx == Some(false)).then(|| {
        violation(
            "an executable stack",
            "a stack that is not executable",
            help,
        )
    })?
}

/// Rule `text-relocations`.
fn text_relocations(input: &RuleInput) -> Option<Violation> {
    (input.binary.text_relocations == Some(true)).then(|| {
        violation(
            "DT_TEXTREL",
            "position-independent code",
            "compile its C with `-fPIC`",
        )
    })?
}

/// Returns true if the target and the linker can make position-independent programs (the
/// guide's page `policies`).
fn can_be_pie(input: &RuleInput) -> bool {
    let Some(expected) = input.expected else {
        return true;
    };
    match (expected.libc, input.linked_by) {
        (Some(Libc::Musl), Some(LinkerKind::Zig)) => false,
        (Some(Libc::Musl), _) => expected.arch.is_some_and(|arch| arch.prefix == "x86_64"),
        _ => true,
    }
}

/// Rule `not-pie`.
fn pie(input: &RuleInput) -> Option<Violation> {
    let binary = input.binary;
    if let Some(pe) = &binary.pe {
        return aslr(binary.class, pe);
    }
    let help = "build it without `relocation-model=static`";
    let is_pie = binary.pie? || binary.linkage == Linkage::StaticPie;
    if is_pie || !binary.executable {
        return None;
    }
    match binary.format {
        FormatName::MachO => violation("a program without MH_PIE", "MH_PIE", help),
        _ if can_be_pie(input) => {
            violation(format!("type {}", binary.kind), "PIE or static-pie", help)
        }
        _ => None,
    }
}

/// Checks what Windows needs to choose the address of a program or a DLL.
fn aslr(class: u8, pe: &Pe) -> Option<Violation> {
    let asked = [
        ("DYNAMIC_BASE", pe.dynamic_base),
        ("relocations", pe.relocations),
        ("HIGH_ENTROPY_VA", pe.high_entropy_va || class != 64),
    ];
    let missing: Vec<&str> = asked
        .into_iter()
        .filter(|(_, has)| !has)
        .map(|(name, _)| name)
        .collect();
    let expected = if class == 64 {
        "DYNAMIC_BASE with relocations, and HIGH_ENTROPY_VA"
    } else {
        "DYNAMIC_BASE with relocations"
    };
    (!missing.is_empty()).then(|| {
        violation(
            format!("no {}", missing.join(", no ")),
            expected,
            "link it without `/DYNAMICBASE:NO`, `/FIXED` and `/HIGHENTROPYVA:NO`, with GNU's ld by \
             `--dynamicbase --high-entropy-va`",
        )
    })?
}

/// Rule `data-executable`.
fn data_executable(input: &RuleInput) -> Option<Violation> {
    let binary = input.binary;
    match (binary.format, binary.nx) {
        (FormatName::Pe, Some(false)) => violation(
            "no NX_COMPAT",
            "NX_COMPAT",
            "link it without `/NXCOMPAT:NO`, with GNU's ld by `--nxcompat`",
        ),
        (FormatName::MachO, Some(false)) => violation(
            "an executable stack, or a segment that is writable and executable",
            "data that cannot be executed",
            "link it without `-allow_stack_execute` and `-segprot`",
        ),
        // The stack of ELF has a rule of its own.
        _ => None,
    }
}

/// Rule `relro-partial`.
fn relro(input: &RuleInput) -> Option<Violation> {
    let binary = input.binary;
    let dynamic = binary.format == FormatName::Elf && binary.linkage == Linkage::Dynamic;
    // zig 0.17 makes none for NetBSD, whatever rustc asks.
    let os = input.expected.map(|expected| expected.os);
    if os == Some(Os::NetBsd) && input.linked_by == Some(LinkerKind::Zig) {
        return None;
    }
    let help = "link it with `-z relro -z now`, rustc's default";
    let relro = binary.relro.filter(|relro| *relro != Relro::Full)?;
    dynamic
        .then(|| violation(format!("{} RELRO", json_name(&relro)), "full RELRO", help))
        .flatten()
}

/// Rule `not-stripped`.
fn stripped(input: &RuleInput) -> Option<Violation> {
    let help = "`strip = \"symbols\"` in the profile, or in xpkg's configuration";
    match (input.binary.debug_info, input.binary.stripped) {
        (Some(true), _) => violation("debug information", "none", help),
        (_, Some(false)) if input.binary.format != FormatName::Wasm => {
            violation("a symbol table", "none", help)
        }
        _ => None,
    }
}

/// Rule `home-leak`.
fn home(input: &RuleInput) -> Option<Violation> {
    let mut paths: Vec<&String> = input.homes.iter().collect();
    let remap = "`--remap-path-prefix` in rustflags, or build below a neutral directory";
    let pdb = "`-C link-arg=/PDBALTPATH:%_PDB%` in rustflags, which leaves the name alone";
    let help = if paths.is_empty() { pdb } else { remap };
    // Microsoft's linker writes where it put the PDB, on any drive.
    let is_known = |pdb: &String| input.homes.iter().any(|home| pdb.starts_with(home));
    let pdb = input.binary.pe.as_ref().and_then(|pe| pe.pdb.as_ref());
    paths.extend(pdb.filter(|pdb| pdb.contains(['\\', '/']) && !is_known(pdb)));
    let quoted: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    (!quoted.is_empty()).then(|| {
        violation(
            format!("names {}", quoted.join(", ")),
            "no path of the builder's home",
            help,
        )
    })?
}

/// Rules of this family, in the order in which they are checked.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: RPATH_SET,         check: rpath,             at_build: None,                default: Always, strict: Always, portable: Always },
    Rule { code: EXECUTABLE_STACK,  check: executable_stack,  at_build: None,                default: Always, strict: Always, portable: Always },
    Rule { code: TEXT_RELOCATIONS,  check: text_relocations,  at_build: None,                default: Always, strict: Always, portable: Always },
    Rule { code: NOT_PIE,           check: pie,               at_build: None,                default: Built,  strict: Always, portable: Built },
    Rule { code: DATA_EXECUTABLE,   check: data_executable,   at_build: None,                default: Built,  strict: Always, portable: Built },
    Rule { code: RELRO_PARTIAL,     check: relro,             at_build: None,                default: Built,  strict: Always, portable: Built },
    Rule { code: NOT_STRIPPED,      check: stripped,          at_build: None,                default: Never,  strict: Always, portable: Never },
    Rule { code: HOME_LEAK,         check: home,              at_build: None,                default: Never,  strict: Always, portable: Never },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    RPATH_SET,
    NOT_PIE,
    DATA_EXECUTABLE,
    RELRO_PARTIAL,
    EXECUTABLE_STACK,
    TEXT_RELOCATIONS,
    NOT_STRIPPED,
    HOME_LEAK,
];

/// Code of an RPATH or RUNPATH that is not relative to the program.
pub const RPATH_SET: Code = code(&CodeInfo {
    name: "rpath-set",
    title: "a program searches for libraries where it was built",
    cause: "RPATH or RUNPATH names a directory that is not relative to the program.",
    detection: "DT_RPATH, DT_RUNPATH and LC_RPATH are read; `$ORIGIN`, `@loader_path` and \
                `@executable_path` are fine, and on macOS the system's own directories.",
    fix: "Link without `-rpath`.",
    page: "verify",
    sources: &["ld(1)"],
    waivable: false,
});

/// Code of a program that is not position-independent.
pub const NOT_PIE: Code = code(&CodeInfo {
    name: "not-pie",
    title: "a program is not position-independent",
    cause: "Its addresses are the same at every start, which helps an attacker.",
    detection: "ELF: ET_DYN with DF_1_PIE, or static-pie. Mach-O: MH_PIE. PE: DYNAMIC_BASE with \
                relocations, and HIGH_ENTROPY_VA of 64-bit files. Targets and linkers that cannot make one \
                (aarch64-musl, zig for x86_64-musl) are exempt.",
    fix: "Build it with `-C relocation-model=pie`, rustc's default.",
    page: "policies",
    sources: &[],
    waivable: false,
});

/// Code of a program of Windows or macOS whose data may be executed.
pub const DATA_EXECUTABLE: Code = code(&CodeInfo {
    name: "data-executable",
    title: "a program's data can be executed",
    cause: "Whoever can write into its data can run code.",
    detection: "PE: NX_COMPAT. Mach-O: MH_ALLOW_STACK_EXECUTION, and segments that are writable and \
                executable.",
    fix: "Link without the flag that allows it: `/NXCOMPAT:NO`, `-allow_stack_execute`.",
    page: "policies",
    sources: &["Microsoft, PE Format", "xnu, mach-o/loader.h"],
    waivable: false,
});

/// Code of a dynamic program without full RELRO.
pub const RELRO_PARTIAL: Code = code(&CodeInfo {
    name: "relro-partial",
    title: "address tables stay writable",
    cause: "Without full RELRO, the tables through which functions are called can be overwritten.",
    detection: "PT_GNU_RELRO and DT_BIND_NOW.",
    fix: "Link with `-z relro -z now`, rustc's default.",
    page: "verify",
    sources: &["rust-lang/rust, hardening"],
    waivable: false,
});

/// Code of a program with an executable stack.
pub const EXECUTABLE_STACK: Code = code(&CodeInfo {
    name: "executable-stack",
    title: "the stack is executable",
    cause: "One assembly object without `.note.GNU-stack` makes the whole program's stack \
            executable.",
    detection: "PT_GNU_STACK.",
    fix: "Find the object, or link with `-z noexecstack`.",
    page: "verify",
    sources: &["ld(1)"],
    waivable: false,
});

/// Code of a program with text relocations.
pub const TEXT_RELOCATIONS: Code = code(&CodeInfo {
    name: "text-relocations",
    title: "the loader must write to code",
    cause: "Some of the linked code is not position-independent.",
    detection: "DT_TEXTREL and DF_TEXTREL.",
    fix: "Compile it with `-fPIC`.",
    page: "verify",
    sources: &["ld(1)"],
    waivable: false,
});

/// Code of a program with debug information or symbols.
pub const NOT_STRIPPED: Code = code(&CodeInfo {
    name: "not-stripped",
    title: "a program carries debug information or symbols",
    cause: "They make it larger, and reveal details of its source code.",
    detection: "Sections of debug information and the symbol table; of Mach-O files the symbols \
                that no loader needs.",
    fix: "`strip = \"symbols\"` in the profile or in xpkg's configuration.",
    page: "verify",
    sources: &["cargo, Profiles"],
    waivable: false,
});

/// Code of a program that contains paths of its builder's home.
pub const HOME_LEAK: Code = code(&CodeInfo {
    name: "home-leak",
    title: "a program contains paths of its builder's home",
    cause: "Panic messages and debug information contain paths of sources and of the registry.",
    detection: "The bytes are searched for directories below `/home`, `/root`, `/Users` and \
                `C:\\Users` of any drive; the path of a PE file's PDB must be a name alone.",
    fix: "`--remap-path-prefix`, or build below a neutral directory.",
    page: "reproducibility",
    sources: &["RFC 3127", "rust-lang/rust#97955"],
    waivable: false,
});
