//! Is it for the target's machine, and can it be started?

use crate::inspect::binary::{Binary, FormatName, Linkage, word};
use crate::inspect::wasm::MACHINE;
use crate::inspect::{elf, macho, pe};
use crate::target::arch::{Arch, FloatAbi};
use crate::target::system::{Format, Libc, Os};
use crate::verify::expected::Expected;
use crate::verify::rules::context::{RuleInput, Violation, is_library, violation};
use crate::verify::rules::policy::PolicyName;

fn format_of(os: Os) -> Format {
    match os {
        Os::Darwin => Format::MachO,
        Os::Windows => Format::Pe,
        Os::Wasi | Os::None => Format::Wasm,
        Os::Linux => Format::Elf,
    }
}

pub fn machine(case: &RuleInput) -> Option<Violation> {
    let Expected {
        arch, os, float, ..
    } = case.expected?;
    let (binary, format) = (case.binary, format_of(*os));
    let wanted = machine_name(arch, format);
    let fits = is_for(binary, arch, format, *float);
    if fits {
        return None;
    }
    let said =
        |format: &str, machine: &str, bits: u8| format!("{format} for {machine} ({bits} bit)");
    violation(
        said(&word(&binary.format), &binary.machine, binary.class),
        said(
            &format!("{format:?}")
                .to_lowercase()
                .replace("macho", "mach-o"),
            &wanted,
            arch.bits,
        ),
        "build it for its target, or move it to where its own target's files stand",
    )
}

pub fn executable(case: &RuleInput) -> Option<Violation> {
    // An object file for others to link is no mistake where it says what it is.
    let object =
        case.binary.kind == "ET_REL" && case.file.mode.is_none_or(|mode| mode & 0o111 == 0);
    let refused = !case.binary.executable && !is_library(case.binary) && !object;
    refused.then(|| {
        violation(
            format!("type {}", case.binary.kind),
            "a program that can be started",
            "look for linker arguments such as `-r`",
        )
    })?
}

pub fn mode(case: &RuleInput) -> Option<Violation> {
    let mode = case.file.mode?;
    if mode & 0o7000 != 0 {
        return violation(
            format!("mode {mode:04o}"),
            "no setuid, setgid or sticky bit",
            "`chmod a-s` it: who installs it decides that",
        );
    }
    // A group that may write is the habit of many systems.
    let others = if case.policy.name == PolicyName::Strict {
        0o022
    } else {
        0o002
    };
    if mode & others != 0 {
        return violation(
            format!("mode {mode:04o}"),
            "nobody but its owner may write it",
            "`chmod go-w` it",
        );
    }
    let started = case.binary.executable
        && case.binary.format != FormatName::Wasm
        && case.binary.format != FormatName::Pe;
    (started && mode & 0o111 != 0o111).then(|| {
        violation(
            format!("mode {mode:04o}"),
            "everyone may start it",
            "`chmod a+x` it",
        )
    })?
}

pub fn static_musl(case: &RuleInput) -> Option<Violation> {
    let musl = case.expected?.libc == Some(Libc::Musl)
        && case.binary.linkage == Linkage::Dynamic
        && !is_library(case.binary);
    let interpreter = case
        .binary
        .interpreter
        .iter()
        .map(|path| format!("the interpreter `{path}`"));
    let needed = case
        .binary
        .needed
        .iter()
        .map(|library| format!("`{library}`"));
    let asks: Vec<String> = interpreter.chain(needed).collect();
    musl.then(|| {
        violation(
            format!("asks for {}", asks.join(", ")),
            "a static program",
            "link it with Rust's own musl: `cargo xpkg build`",
        )
    })?
}

/// What a format calls a processor.
pub fn machine_name(arch: &Arch, format: Format) -> String {
    match format {
        Format::Elf => elf::machine(arch.elf),
        Format::MachO => macho::machine(arch.macho),
        Format::Pe => pe::machine(arch.coff),
        Format::Wasm => MACHINE.to_owned(),
    }
}

/// Whether a file is for this processor, in this format and with floats passed so.
pub fn is_for(binary: &Binary, arch: &Arch, format: Format, float: FloatAbi) -> bool {
    binary.format.is(format)
        && binary.machine == machine_name(arch, format)
        && binary.class == arch.bits
        && binary.endian.is(arch.endian)
        && binary.float_abi.serves(float)
}
