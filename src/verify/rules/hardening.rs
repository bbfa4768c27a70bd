//! What hardens a program, and what it tells of its builder.

use crate::inspect::binary::{FormatName, Linkage, Relro, json_name};
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::linker::LinkerKind;
use crate::target::system::Libc;
use crate::verify::rules::context::RuleScope::{Always, Made, Never};
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};

fn rpath(case: &RuleInput) -> Option<Violation> {
    let directories = case
        .binary
        .rpath
        .iter()
        .chain(&case.binary.runpath)
        .flat_map(|list| list.split(':'));
    let fixed: Vec<String> = directories
        .filter(|path| !path.starts_with("$ORIGIN") && !path.starts_with("${ORIGIN}"))
        .map(|path| format!("`{path}`"))
        .collect();
    (!fixed.is_empty()).then(|| {
        violation(
            format!("looks into {}", fixed.join(", ")),
            "no RPATH but `$ORIGIN`",
            "link it without `-rpath`",
        )
    })?
}

fn executable_stack(case: &RuleInput) -> Option<Violation> {
    // An object file says nothing of the stack that it will have.
    let elf = case.binary.format == FormatName::Elf && case.binary.kind != "ET_REL";
    let help = "find the assembler file without `.note.GNU-stack`, or link with `-z noexecstack`";
    (elf && !case.binary.nx).then(|| violation("an executable stack", "one that is not", help))?
}

fn text_relocations(case: &RuleInput) -> Option<Violation> {
    case.binary.text_relocations.then(|| {
        violation(
            "DT_TEXTREL",
            "code that the loader does not write",
            "compile its C with `-fPIC`",
        )
    })?
}

/// Whether a program of this kind can be position-independent at all, as its linker makes it
/// (measured, README).
fn can_be_pie(case: &RuleInput) -> bool {
    let Some(expected) = case.expected else {
        return true;
    };
    match (expected.libc, case.linked_by) {
        (Some(Libc::Musl), Some(LinkerKind::Zig)) => false,
        (Some(Libc::Musl), _) => expected.arch.prefix == "x86_64",
        _ => true,
    }
}

fn pie(case: &RuleInput) -> Option<Violation> {
    let binary = case.binary;
    let linux = binary.format == FormatName::Elf && binary.executable && can_be_pie(case);
    let independent = binary.pie || binary.linkage == Linkage::StaticPie;
    (linux && !independent).then(|| {
        violation(
            format!("type {}", binary.kind),
            "PIE or static-pie",
            "build it without `relocation-model=static`",
        )
    })?
}

fn relro(case: &RuleInput) -> Option<Violation> {
    let binary = case.binary;
    let dynamic = binary.format == FormatName::Elf && binary.linkage == Linkage::Dynamic;
    let help = "link it with `-z relro -z now`, rustc's default";
    (dynamic && binary.relro != Relro::Full).then(|| {
        violation(
            format!("{} RELRO", json_name(&binary.relro)),
            "full RELRO",
            help,
        )
    })?
}

fn stripped(case: &RuleInput) -> Option<Violation> {
    let help = "`strip = \"symbols\"` in the profile, or in xpkg's configuration";
    match (case.binary.debug_info, case.binary.stripped) {
        (true, _) => violation("debug information", "none", help),
        (false, false) if case.binary.format == FormatName::Elf => {
            violation("a symbol table", "none", help)
        }
        _ => None,
    }
}

fn home(case: &RuleInput) -> Option<Violation> {
    let homes = case.homes;
    let named: Vec<String> = homes.iter().map(|home| format!("`{home}`")).collect();
    let help = "`--remap-path-prefix` in rustflags, or build below a neutral directory";
    (!homes.is_empty()).then(|| {
        violation(
            format!("names {}", named.join(", ")),
            "nothing of the builder's home",
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
    Rule { code: NOT_PIE,           check: pie,               at_build: None,                default: Made,   strict: Always, portable: Made },
    Rule { code: RELRO_PARTIAL,     check: relro,             at_build: None,                default: Made,   strict: Always, portable: Made },
    Rule { code: NOT_STRIPPED,      check: stripped,          at_build: None,                default: Never,  strict: Always, portable: Never },
    Rule { code: HOME_LEAK,         check: home,              at_build: None,                default: Never,  strict: Always, portable: Never },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    RPATH_SET,
    NOT_PIE,
    RELRO_PARTIAL,
    EXECUTABLE_STACK,
    TEXT_RELOCATIONS,
    NOT_STRIPPED,
    HOME_LEAK,
];

pub const RPATH_SET: Code = code(&CodeInfo {
    name: "rpath-set",
    title: "a program looks for libraries where it was built",
    cause: "RPATH or RUNPATH names a directory that is not relative to the program.",
    detection: "DT_RPATH and DT_RUNPATH are read; `$ORIGIN` is fine.",
    fix: "Link without `-rpath`.",
    source: "ld(1)",
    waivable: false,
});

pub const NOT_PIE: Code = code(&CodeInfo {
    name: "not-pie",
    title: "a program is not position-independent",
    cause: "Its addresses are the same at every start, which helps an attacker.",
    detection: "ET_DYN with DF_1_PIE, or static-pie. Targets and linkers that cannot make one \
                (aarch64-musl, zig for x86_64-musl) are not held to it.",
    fix: "Build it with `-C relocation-model=pie`, rustc's default.",
    source: "README, Verifying a release",
    waivable: false,
});

pub const RELRO_PARTIAL: Code = code(&CodeInfo {
    name: "relro-partial",
    title: "tables of addresses stay writable",
    cause: "Without full RELRO the tables through which functions are called can be overwritten.",
    detection: "PT_GNU_RELRO and DT_BIND_NOW.",
    fix: "Link with `-z relro -z now`, rustc's default.",
    source: "rust-lang/rust, hardening",
    waivable: false,
});

pub const EXECUTABLE_STACK: Code = code(&CodeInfo {
    name: "executable-stack",
    title: "the stack is executable",
    cause: "An object of assembler without `.note.GNU-stack` makes the whole program's stack \
            executable.",
    detection: "PT_GNU_STACK.",
    fix: "Find the object, or link with `-z noexecstack`.",
    source: "ld(1)",
    waivable: false,
});

pub const TEXT_RELOCATIONS: Code = code(&CodeInfo {
    name: "text-relocations",
    title: "the loader has to write into code",
    cause: "Code that was not compiled to be position-independent was linked in.",
    detection: "DT_TEXTREL and DF_TEXTREL.",
    fix: "Compile it with `-fPIC`.",
    source: "ld(1)",
    waivable: false,
});

pub const NOT_STRIPPED: Code = code(&CodeInfo {
    name: "not-stripped",
    title: "a program carries debug information or symbols",
    cause: "They make it larger, and tell of its sources.",
    detection: "Sections of debug information, and under `strict` the symbol table.",
    fix: "`strip = \"symbols\"` in the profile or in xpkg's configuration.",
    source: "cargo, Profiles",
    waivable: false,
});

pub const HOME_LEAK: Code = code(&CodeInfo {
    name: "home-leak",
    title: "a program names its builder's home",
    cause: "Paths of sources and of the registry stand in panics and in debug information.",
    detection: "The bytes are searched for directories below `/home`, `/root` and `/Users`.",
    fix: "`--remap-path-prefix`, or build below a neutral directory.",
    source: "RFC 3127; rust-lang/rust#97955",
    waivable: false,
});
