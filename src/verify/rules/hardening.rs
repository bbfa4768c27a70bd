//! Rules about hardening, and about data of the builder that a program contains.

use crate::inspect::binary::{FormatName, Linkage, Relro, json_name};
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::linker::LinkerKind;
use crate::target::system::Libc;
use crate::verify::rules::context::RuleScope::{Always, Built, Never};
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};

/// Rule `rpath-set`.
fn rpath(input: &RuleInput) -> Option<Violation> {
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

/// Rule `executable-stack`.
fn executable_stack(input: &RuleInput) -> Option<Violation> {
    // The stack of an object file is decided when it is linked.
    let elf = input.binary.format == FormatName::Elf && input.binary.kind != "ET_REL";
    let help = "find the assembler file without `.note.GNU-stack`, or link with `-z noexecstack`";
    (elf && !input.binary.nx).then(|| {
        violation(
            "an executable stack",
            "a stack that is not executable",
            help,
        )
    })?
}

/// Rule `text-relocations`.
fn text_relocations(input: &RuleInput) -> Option<Violation> {
    input.binary.text_relocations.then(|| {
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
    let is_elf = binary.format == FormatName::Elf && binary.executable && can_be_pie(input);
    let is_pie = binary.pie || binary.linkage == Linkage::StaticPie;
    (is_elf && !is_pie).then(|| {
        violation(
            format!("type {}", binary.kind),
            "PIE or static-pie",
            "build it without `relocation-model=static`",
        )
    })?
}

/// Rule `relro-partial`.
fn relro(input: &RuleInput) -> Option<Violation> {
    let binary = input.binary;
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

/// Rule `not-stripped`.
fn stripped(input: &RuleInput) -> Option<Violation> {
    let help = "`strip = \"symbols\"` in the profile, or in xpkg's configuration";
    match (input.binary.debug_info, input.binary.stripped) {
        (true, _) => violation("debug information", "none", help),
        (false, false) if input.binary.format == FormatName::Elf => {
            violation("a symbol table", "none", help)
        }
        _ => None,
    }
}

/// Rule `home-leak`.
fn home(input: &RuleInput) -> Option<Violation> {
    let homes = input.homes;
    let quoted: Vec<String> = homes.iter().map(|home| format!("`{home}`")).collect();
    let help = "`--remap-path-prefix` in rustflags, or build below a neutral directory";
    (!homes.is_empty()).then(|| {
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
    Rule { code: RELRO_PARTIAL,     check: relro,             at_build: None,                default: Built,  strict: Always, portable: Built },
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

/// Code of an RPATH or RUNPATH that is not relative to the program.
pub const RPATH_SET: Code = code(&CodeInfo {
    name: "rpath-set",
    title: "a program searches for libraries where it was built",
    cause: "RPATH or RUNPATH names a directory that is not relative to the program.",
    detection: "DT_RPATH and DT_RUNPATH are read; `$ORIGIN` is fine.",
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
    detection: "ET_DYN with DF_1_PIE, or static-pie. Targets and linkers that cannot make one \
                (aarch64-musl, zig for x86_64-musl) are exempt.",
    fix: "Build it with `-C relocation-model=pie`, rustc's default.",
    page: "policies",
    sources: &[],
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
    detection: "Sections of debug information, and under `strict` the symbol table.",
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
    detection: "The bytes are searched for directories below `/home`, `/root` and `/Users`.",
    fix: "`--remap-path-prefix`, or build below a neutral directory.",
    page: "reproducibility",
    sources: &["RFC 3127", "rust-lang/rust#97955"],
    waivable: false,
});
