//! What hardens a program, and what it tells of its builder.

use crate::inspect::binary::{FormatName, Linkage, Relro, word};
use crate::project::linker::LinkerKind;
use crate::target::system::Libc;
use crate::verify::rules::context::{RuleInput, Violation, violation};

pub fn rpath(case: &RuleInput) -> Option<Violation> {
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

pub fn executable_stack(case: &RuleInput) -> Option<Violation> {
    // An object file says nothing of the stack that it will have.
    let elf = case.binary.format == FormatName::Elf && case.binary.kind != "ET_REL";
    let help = "find the assembler file without `.note.GNU-stack`, or link with `-z noexecstack`";
    (elf && !case.binary.nx).then(|| violation("an executable stack", "one that is not", help))?
}

pub fn text_relocations(case: &RuleInput) -> Option<Violation> {
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

pub fn pie(case: &RuleInput) -> Option<Violation> {
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

pub fn relro(case: &RuleInput) -> Option<Violation> {
    let binary = case.binary;
    let dynamic = binary.format == FormatName::Elf && binary.linkage == Linkage::Dynamic;
    let help = "link it with `-z relro -z now`, rustc's default";
    (dynamic && binary.relro != Relro::Full)
        .then(|| violation(format!("{} RELRO", word(&binary.relro)), "full RELRO", help))?
}

pub fn stripped(case: &RuleInput) -> Option<Violation> {
    let help = "`strip = \"symbols\"` in the profile, or in xpkg's configuration";
    match (case.binary.debug_info, case.binary.stripped) {
        (true, _) => violation("debug information", "none", help),
        (false, false) if case.binary.format == FormatName::Elf => {
            violation("a symbol table", "none", help)
        }
        _ => None,
    }
}

pub fn home(case: &RuleInput) -> Option<Violation> {
    let homes = &case.file.homes;
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
