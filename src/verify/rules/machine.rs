//! Is it for the target's machine, and can it be started?

use crate::inspect::binary::{Binary, FormatName, Linkage, json_name};
use crate::inspect::wasm::MACHINE;
use crate::inspect::{elf, macho, pe};
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::arch::{Arch, FloatAbi};
use crate::target::system::{Format, Libc, Os};
use crate::verify::expected::Expected;
use crate::verify::rules::context::RuleScope::Always;
use crate::verify::rules::context::{Rule, RuleInput, SEE_PLAN, Violation, is_library, violation};
use crate::verify::rules::policy::PolicyName;

fn format_of(os: Os) -> Format {
    match os {
        Os::Darwin => Format::MachO,
        Os::Windows => Format::Pe,
        Os::Wasi | Os::None => Format::Wasm,
        Os::Linux => Format::Elf,
    }
}

fn machine(case: &RuleInput) -> Option<Violation> {
    let Expected {
        arch, os, float, ..
    } = case.expected?;
    let (binary, format) = (case.binary, format_of(*os));
    let wanted = machine_name(arch, format);
    let fits = is_for(binary, arch, format, *float);
    if fits {
        return None;
    }
    let float_name = |name: &str| match name {
        "unspecified" => String::new(),
        name => format!(", {name}-float"),
    };
    violation(
        format!(
            "{} for {} ({} bit, {} endian{})",
            json_name(&binary.format),
            binary.machine,
            binary.class,
            json_name(&binary.endian),
            float_name(&json_name(&binary.float_abi)),
        ),
        format!(
            "{} for {wanted} ({} bit, {} endian{})",
            format!("{format:?}")
                .to_lowercase()
                .replace("macho", "mach-o"),
            arch.bits,
            format!("{:?}", arch.endian).to_lowercase(),
            float_name(&format!("{float:?}").to_lowercase()),
        ),
        "build it for its target, or move it to where its own target's files stand",
    )
}

fn executable(case: &RuleInput) -> Option<Violation> {
    // An object file for others to link is no mistake where it says what it is.
    let object = !case.is_bin
        && case.binary.kind == "ET_REL"
        && case.mode.is_none_or(|mode| mode & 0o111 == 0);
    let refused = !case.binary.executable && !is_library(case) && !object;
    refused.then(|| {
        violation(
            format!("type {}", case.binary.kind),
            "a program that can be started",
            "look for linker arguments such as `-r`",
        )
    })?
}

fn mode(case: &RuleInput) -> Option<Violation> {
    let mode = case.mode?;
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

fn static_musl(case: &RuleInput) -> Option<Violation> {
    let musl = case.expected?.libc == Some(Libc::Musl)
        && case.binary.linkage == Linkage::Dynamic
        && !is_library(case);
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

const SEE_ARGUMENTS: &str =
    "look for linker arguments such as `-r` or `-shared` in RUSTFLAGS and build scripts";
const LET_XPKG: &str = "let xpkg choose the linker, or pass `--accept not-static` if a dynamic \
                        musl bin is what you want";

/// Rules of this family, in the order in which they are checked.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: WRONG_MACHINE,     check: machine,           at_build: Some(SEE_PLAN),      default: Always, strict: Always, portable: Always },
    Rule { code: NOT_EXECUTABLE,    check: executable,        at_build: Some(SEE_ARGUMENTS), default: Always, strict: Always, portable: Always },
    Rule { code: MODE_UNFIT,        check: mode,              at_build: None,                default: Always, strict: Always, portable: Always },
    Rule { code: NOT_STATIC,        check: static_musl,       at_build: Some(LET_XPKG),      default: Always, strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    UNREADABLE_BINARY,
    WRONG_MACHINE,
    NOT_EXECUTABLE,
    NOT_STATIC,
    MODE_UNFIT,
];

pub const UNREADABLE_BINARY: Code = code(&CodeInfo {
    name: "unreadable-binary",
    title: "the file cannot be read as a program",
    cause: "The linker wrote a file that is none of ELF, Mach-O, PE or wasm, or one whose \
            headers contradict each other.",
    detection: "goblin refuses it.",
    fix: "Look at the linker: `cargo xpkg plan` shows which one was used and why.",
    source: "README, The staged tree",
    waivable: true,
});

pub const WRONG_MACHINE: Code = code(&CodeInfo {
    name: "wrong-machine",
    title: "the file is for another machine than the target",
    cause: "Format, processor, word size, byte order or float ABI of the file are not those of \
            the triple. The usual cause is a linker or an object of the host.",
    detection: "The file's header is compared with the target's row.",
    fix: "Look at the linker: `cargo xpkg plan` shows which one was used and why.",
    source: "System V gABI, ELF header",
    waivable: true,
});

pub const NOT_EXECUTABLE: Code = code(&CodeInfo {
    name: "not-executable",
    title: "the file is not a program",
    cause: "The file is an object, a library or a core, not an executable.",
    detection: "The type in the file's header.",
    fix: "Look for linker arguments such as `-r` or `-shared` in RUSTFLAGS and build scripts.",
    source: "README, The staged tree",
    waivable: true,
});

pub const NOT_STATIC: Code = code(&CodeInfo {
    name: "not-static",
    title: "a musl bin is not static",
    cause: "The file asks for an interpreter or for shared libraries, so it does not run on a \
            machine without musl. `musl-gcc` as linker does this, and the result crashes \
            (rust-lang/rust#95926); so does `-C target-feature=-crt-static`, where it may be \
            meant.",
    detection: "PT_INTERP or DT_NEEDED in a file for a musl target.",
    fix: "Let xpkg choose the linker, or pass `--accept not-static` when a dynamic musl bin is \
          what you want.",
    source: "rust-lang/rust#95926",
    waivable: true,
});

pub const MODE_UNFIT: Code = code(&CodeInfo {
    name: "mode-unfit",
    title: "a file has other permissions than it should",
    cause: "A program that may not be started, or a file that everyone may write.",
    detection: "Permission bits, where the manifest lists them and where there are any.",
    fix: "`chmod 0755` the file.",
    source: "README, Verifying a release",
    waivable: false,
});
