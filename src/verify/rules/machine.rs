//! Rules about the machine that a program is for, and about its type, permissions and linkage.

use crate::inspect::binary::{Binary, FormatName, Linkage, json_name};
use crate::inspect::wasm::MACHINE;
use crate::inspect::{elf, macho, pe, system_of};
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::artifact_kind::ArtifactKind;
use crate::target::arch::{Arch, FloatAbi};
use crate::target::system::{Format, Libc, Os};
use crate::target::{SLICES, Target};
use crate::verify::expected::Expected;
use crate::verify::rules::context::RuleScope::Always;
use crate::verify::rules::context::{Rule, RuleInput, SEE_PLAN, Violation, is_library, violation};
use crate::verify::rules::policy::PolicyName;

/// Returns the file format of an operating system's programs; `None` for one that is not read.
fn format_of(os: Os) -> Option<Format> {
    Some(match os {
        Os::Darwin | Os::Ios => Format::MachO,
        Os::Windows => Format::Pe,
        Os::Wasi | Os::WasiP1 | Os::WasiP2 | Os::None | Os::Js => Format::Wasm,
        Os::Aix | Os::Plan9 => return None,
        Os::Linux
        | Os::Android
        | Os::FreeBsd
        | Os::NetBsd
        | Os::OpenBsd
        | Os::Dragonfly
        | Os::Solaris
        | Os::Illumos => Format::Elf,
    })
}

/// Returns the system that a program says it is for, if that is another one than `os`.
fn other_system(binary: &Binary, os: Os) -> Option<Os> {
    system_of(binary).filter(|found| !found.may_be(os))
}

/// Returns the processor of a part of a universal program, as its table names it.
fn part(triple: &str) -> Option<String> {
    Target::of_triple(triple).map(|target| macho::machine(target.arch.macho))
}

/// Rule `wrong-machine`.
fn machine(input: &RuleInput) -> Option<Violation> {
    let Expected {
        arch,
        universal,
        is_rusts,
        os,
        float,
        ..
    } = input.expected?;
    let binary = input.binary;
    let of_system = format!("a program for {}", os.name());
    let Some(format) = format_of(*os) else {
        let found = format!("{} for {}", json_name(&binary.format), binary.machine);
        return violation(found, of_system, MOVE);
    };
    // Dart loads its snapshots itself, which are ELF on every system.
    let is_snapshot = binary.kind == elf::DART_SNAPSHOT;
    let format = if is_snapshot { Format::Elf } else { format };
    if binary.format.is(format)
        && !is_snapshot
        && let Some(other) = other_system(binary, *os)
    {
        return violation(format!("a program for {}", other.name()), of_system, MOVE);
    }
    let Some(arch) = arch else {
        let is_of = binary.format.is(format);
        let found = format!("{} for {}", json_name(&binary.format), binary.machine);
        if is_of && *universal && *is_rusts {
            let parts: Vec<String> = SLICES.iter().filter_map(|slice| part(slice)).collect();
            let machines = binary.slices.iter().map(|slice| &slice.machine);
            let expected = format!("a file for {}", parts.join(" and for "));
            return (!machines.eq(&parts)).then(|| violation(found, expected, MOVE))?;
        }
        let expected = format!("{} for {}", format_name(format), os.name());
        return (!is_of).then(|| violation(found, expected, MOVE))?;
    };
    let machine_expected = machine_name(arch, format);
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
            "{} for {machine_expected} ({} bit, {} endian{})",
            format_name(format),
            arch.bits,
            format!("{:?}", arch.endian).to_lowercase(),
            float_name(&format!("{float:?}").to_lowercase()),
        ),
        MOVE,
    )
}

const MOVE: &str = "build it for its target, or move it to the directory of its own target";

/// Returns true if a program is for the machine and the system that are expected.
pub fn fits(binary: &Binary, expected: &Expected) -> bool {
    let Some(format) = format_of(expected.os) else {
        return false;
    };
    let is_for_one = |binary: &Binary| {
        let is_of = match expected.arch {
            Some(arch) => is_for(binary, arch, format, expected.float),
            None => binary.format.is(format),
        };
        is_of && other_system(binary, expected.os).is_none()
    };
    if binary.slices.is_empty() {
        is_for_one(binary)
    } else {
        binary.slices.iter().any(is_for_one)
    }
}

/// Returns the name of a format in messages.
fn format_name(format: Format) -> String {
    format!("{format:?}")
        .to_lowercase()
        .replace("macho", "mach-o")
}

/// Rule `not-executable`.
fn executable(input: &RuleInput) -> Option<Violation> {
    // An object file that is released for others to link is fine.
    let is_object = input.built.is_none()
        && ["ET_REL", "MH_OBJECT"].contains(&input.binary.kind.as_str())
        && input.mode.is_none_or(|mode| mode & 0o111 == 0);
    let is_rejected = !input.binary.executable && !is_library(input) && !is_object;
    let (found, help) = match input.binary.format {
        FormatName::Wasm => (
            format!("a {} that exports nothing to start", input.binary.kind),
            "build it for a system that starts programs: `--target wasm32-wasip1`, or as a library \
             (`crate-type = [\"cdylib\"]`)",
        ),
        _ => (
            format!("type {}", input.binary.kind),
            "look for linker arguments such as `-r`",
        ),
    };
    is_rejected.then(|| violation(found, "an executable", help))?
}

/// Rule `not-library`.
fn library(input: &RuleInput) -> Option<Violation> {
    let is_other = input.built == Some(ArtifactKind::Cdylib) && !is_library(input);
    let what = if input.binary.executable {
        "a program"
    } else {
        "a file"
    };
    is_other.then(|| {
        violation(
            format!("{what} of type {}", input.binary.kind),
            "a shared library",
            SEE_CRATE_TYPE,
        )
    })?
}

/// Rule `mode-unfit`.
fn mode(input: &RuleInput) -> Option<Violation> {
    let mode = input.mode?;
    if mode & 0o7000 != 0 {
        return violation(
            format!("mode {mode:04o}"),
            "no setuid, setgid or sticky bit",
            "`chmod a-s` it: such bits are set at installation",
        );
    }
    // Files that the group may write are usual on many systems (umask 0002).
    let others_writable = if input.policy.name == PolicyName::Strict {
        0o022
    } else {
        0o002
    };
    if mode & others_writable != 0 {
        return violation(
            format!("mode {mode:04o}"),
            "writable by its owner only",
            "`chmod go-w` it",
        );
    }
    let is_started = input.binary.executable
        && input.binary.format != FormatName::Wasm
        && input.binary.format != FormatName::Pe;
    (is_started && mode & 0o111 != 0o111).then(|| {
        violation(
            format!("mode {mode:04o}"),
            "executable by everyone",
            "`chmod a+x` it",
        )
    })?
}

/// Rule `not-static`.
fn static_musl(input: &RuleInput) -> Option<Violation> {
    let expected = input.expected?;
    let is_dynamic_musl = expected.libc == Some(Libc::Musl)
        && expected.is_rusts
        && input.binary.linkage == Linkage::Dynamic
        && !is_library(input);
    let interpreter = input
        .binary
        .interpreter
        .iter()
        .map(|path| format!("the interpreter `{path}`"));
    let needed = input
        .binary
        .needed
        .iter()
        .map(|library| format!("`{library}`"));
    let imports: Vec<String> = interpreter.chain(needed).collect();
    is_dynamic_musl.then(|| {
        violation(
            format!("needs {}", imports.join(", ")),
            "a static program",
            "link it with Rust's own musl: `cargo xpkg build`",
        )
    })?
}

/// Returns the name of a processor in a file format: `EM_X86_64`.
pub fn machine_name(arch: &Arch, format: Format) -> String {
    match format {
        Format::Elf => elf::machine(arch.elf),
        Format::MachO => macho::machine(arch.macho),
        Format::Pe => pe::machine(arch.coff),
        Format::Wasm => MACHINE.to_owned(),
    }
}

/// Returns true if a file is for this processor, in this format and with this float ABI.
pub fn is_for(binary: &Binary, arch: &Arch, format: Format, float: FloatAbi) -> bool {
    binary.format.is(format)
        && binary.machine == machine_name(arch, format)
        && binary.class == arch.bits
        && binary.endian.is(arch.endian)
        && binary.float_abi.serves(float)
}

const SEE_ARGUMENTS: &str = "look for linker arguments such as `-r` or `-shared` in RUSTFLAGS and build scripts; build \
     WebAssembly for `wasm32-wasip1`";
const SEE_CRATE_TYPE: &str = "look for linker arguments such as `-r` or `-pie` in RUSTFLAGS and build \
                              scripts";
const LET_XPKG: &str = "let xpkg choose the linker, or pass `--accept not-static` if you want a \
                        dynamic musl bin";

/// Rules of this family, in the order in which they are checked.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: WRONG_MACHINE,     check: machine,           at_build: Some(SEE_PLAN),      default: Always, strict: Always, portable: Always },
    Rule { code: NOT_EXECUTABLE,    check: executable,        at_build: Some(SEE_ARGUMENTS), default: Always, strict: Always, portable: Always },
    Rule { code: NOT_LIBRARY,       check: library,           at_build: Some(SEE_CRATE_TYPE), default: Always, strict: Always, portable: Always },
    Rule { code: MODE_UNFIT,        check: mode,              at_build: None,                default: Always, strict: Always, portable: Always },
    Rule { code: NOT_STATIC,        check: static_musl,       at_build: Some(LET_XPKG),      default: Always, strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    UNREADABLE_BINARY,
    WRONG_MACHINE,
    NOT_EXECUTABLE,
    NOT_LIBRARY,
    NOT_STATIC,
    MODE_UNFIT,
];

/// Code of a file that cannot be read as a program.
pub const UNREADABLE_BINARY: Code = code(&CodeInfo {
    name: "unreadable-binary",
    title: "the file cannot be read as a program",
    cause: "The linker wrote a file that is not ELF, Mach-O, PE or wasm, or one whose headers \
            contradict each other.",
    detection: "goblin rejects it.",
    fix: "Look at the linker: `cargo xpkg plan` shows which one was used and why.",
    page: "tree",
    sources: &[],
    waivable: true,
});

/// Code of a program for a different machine than its target.
pub const WRONG_MACHINE: Code = code(&CodeInfo {
    name: "wrong-machine",
    title: "the file is for a different machine than the target",
    cause: "Format, processor, word size, byte order or float ABI of the file are not those of \
            the triple. The usual cause is a linker or an object of the host.",
    detection: "The file's header is compared with the target.",
    fix: "Look at the linker: `cargo xpkg plan` shows which one was used and why.",
    page: "verify",
    sources: &["System V gABI, ELF header"],
    waivable: true,
});

/// Code of an object file, a library or a core where a program is required.
pub const NOT_EXECUTABLE: Code = code(&CodeInfo {
    name: "not-executable",
    title: "the file is not a program",
    cause: "The file is an object, a library or a core, not an executable; or it is WebAssembly \
            that no runtime starts, as every bin for wasm32-unknown-unknown is.",
    detection: "The type in the file's header; for WebAssembly the export `_start` of a module, or \
                `wasi:cli/run` of a component.",
    fix: "Look for linker arguments such as `-r` or `-shared` in RUSTFLAGS and build scripts. Build \
          WebAssembly for wasm32-wasip1.",
    page: "tree",
    sources: &["WASI, application ABI", "WASI 0.2, wasi:cli/run"],
    waivable: true,
});

/// Code of a program or an object where a shared library is required.
pub const NOT_LIBRARY: Code = code(&CodeInfo {
    name: "not-library",
    title: "the file is not a shared library",
    cause: "The manifest calls the file a `cdylib`, and it is a program, an object, or a module of \
            WebAssembly that starts by itself.",
    detection: "The type in the file's header; for WebAssembly the exports by which a program is \
                started.",
    fix: "Look for linker arguments such as `-r` or `-pie` in RUSTFLAGS and build scripts.",
    page: "webassembly",
    sources: &[],
    waivable: true,
});

/// Code of a dynamic bin for a musl target.
pub const NOT_STATIC: Code = code(&CodeInfo {
    name: "not-static",
    title: "a musl bin is not static",
    cause: "The file needs an interpreter or shared libraries, so it does not run on a machine \
            without musl. `musl-gcc` as linker does this, and the result crashes \
            (rust-lang/rust#95926); so does `-C target-feature=-crt-static`, which may be \
            intended.",
    detection: "PT_INTERP or DT_NEEDED in a file for a musl target.",
    fix: "Let xpkg choose the linker, or pass `--accept not-static` if you want a dynamic musl \
          bin.",
    page: "linkers",
    sources: &["rust-lang/rust#95926"],
    waivable: true,
});

/// Code of wrong permission bits.
pub const MODE_UNFIT: Code = code(&CodeInfo {
    name: "mode-unfit",
    title: "a file has wrong permissions",
    cause: "A program is not executable by everyone, or a file is writable by others.",
    detection: "Permission bits, compared with the manifest if it lists them.",
    fix: "`chmod 0755` the file.",
    page: "policies",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::system::SYSTEMS;

    #[test]
    fn the_format_of_a_system_is_that_of_its_row() {
        for row in SYSTEMS {
            assert_eq!(format_of(row.os), Some(row.format), "{}", row.suffix);
        }
    }
}
