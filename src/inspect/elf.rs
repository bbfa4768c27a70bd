//! Inspection of ELF files, parsed by goblin.
//!
//! Sources: the System V gABI; for versions, the LSB core specification, "Symbol Versioning".

use std::collections::BTreeSet;

use goblin::container::Ctx;
use goblin::elf::dynamic::{DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DF_TEXTREL, DT_BIND_NOW, DT_TEXTREL};
use goblin::elf::header::{
    EI_OSABI, EM_ARM, EM_BPF, EM_RISCV, ET_DYN, ET_EXEC, et_to_str, machine_to_str,
};
use goblin::elf::program_header::{PF_X, PT_GNU_RELRO, PT_GNU_STACK};
use goblin::elf::section_header::{SHF_ALLOC, SHT_NOBITS, SHT_SYMTAB};
use goblin::elf::symver::VER_FLG_WEAK;
use goblin::elf::{Dynamic, Elf, ProgramHeader, SectionHeader, note};

use crate::inspect::InspectError;
use crate::inspect::auditable;
use crate::inspect::binary::{Binary, EndianName, FloatAbiName, Floor, FormatName, Linkage, Relro};
use crate::inspect::field::hex;
use crate::inspect::level;
use crate::inspect::system::{self, ElfHints, SystemName};

/// Float flags in `e_flags` of Arm:
/// <https://github.com/ARM-software/abi-aa/blob/main/aaelf32/aaelf32.rst>.
const EF_ARM_ABI_FLOAT_SOFT: u32 = 0x200;

const EF_ARM_ABI_FLOAT_HARD: u32 = 0x400;

/// Float ABI in `e_flags` of RISC-V:
/// <https://github.com/riscv-non-isa/riscv-elf-psabi-doc/blob/master/riscv-elf.adoc>.
const EF_RISCV_FLOAT_ABI: u32 = 0x6;

/// Returns the gABI's name of an `e_machine`.
pub fn machine(machine: u16) -> String {
    match machine_to_str(machine) {
        "MACHINE_UNKNOWN" | "EM_UNKNOWN" => format!("{machine:#x}"),
        name => format!("EM_{name}"),
    }
}

/// Maximum number of segments. This and the following limits are far beyond any real program; a
/// file made to exhaust memory or time exceeds them.
const MOST_SEGMENTS: usize = 1024;

const MOST_NAMES: usize = 8_000_000;

const MOST_NOTES: usize = 1000;

const MOST_VERSIONS: usize = 10_000;

/// Maximum bytes of a version's name.
const LONGEST_VERSION: usize = 256;

/// Maximum total bytes of the names of libraries and their directories.
const LONGEST_NAMES: usize = 1024 * 1024;

/// Maximum bytes of a build-id.
const LONGEST_ID: usize = 64;

/// Maximum bytes of `.comment` that are read.
const LONGEST_COMMENTS: usize = 64 * 1024;

/// Type of code that Dart compiled ahead of time. It is ELF on every system, and Dart loads it
/// itself.
pub const DART_SNAPSHOT: &str = "Dart snapshot";

/// Start of the names of all symbols that such a file exports.
const DART_SYMBOL: &str = "_kDart";

/// Returns true for code of Dart: it exports its symbols, and needs nothing.
fn is_dart(elf: &Elf) -> bool {
    let mut names = elf
        .dynsyms
        .iter()
        .skip(1)
        .map(|symbol| elf.dynstrtab.get_at(symbol.st_name).unwrap_or_default());
    elf.header.e_type == ET_DYN
        && elf.libraries.is_empty()
        && elf.dynsyms.len() > 1
        && names.all(|name| name.starts_with(DART_SYMBOL))
}

/// Reads the facts of an ELF file.
///
/// # Errors
/// The file is not a readable program.
pub fn inspect(bytes: &[u8]) -> Result<Binary, InspectError> {
    let unreadable = |error: goblin::error::Error| {
        InspectError::Damaged(format!("its ELF headers cannot be read: {error}"))
    };
    let too_much = |what: &str| InspectError::Damaged(format!("its ELF headers {what}"));
    if !is_bounded(bytes).map_err(unreadable)? {
        return Err(too_much("claim more than a program has"));
    }
    let elf = Elf::parse(bytes).map_err(unreadable)?;
    let texts = [&elf.libraries, &elf.rpaths, &elf.runpaths];
    if texts
        .into_iter()
        .flatten()
        .map(|text| text.len())
        .sum::<usize>()
        > LONGEST_NAMES
    {
        return Err(too_much("name more libraries than a program has"));
    }
    if elf.header.e_machine == EM_BPF {
        return Err(InspectError::Bpf);
    }
    let code = |header: &&SectionHeader| elf.shdr_strtab.get_at(header.sh_name) == Some(".text");
    // `objcopy --only-keep-debug` keeps all headers, and takes the contents of the code away.
    if let Some(code) = elf.section_headers.iter().find(code)
        && code.sh_type == SHT_NOBITS
    {
        return Err(InspectError::DebugSymbols);
    }
    let machine = machine(elf.header.e_machine);
    let kind = if is_dart(&elf) {
        DART_SNAPSHOT.to_owned()
    } else {
        format!("ET_{}", et_to_str(elf.header.e_type))
    };
    let class = if elf.is_64 { 64 } else { 32 };
    let info = elf.dynamic.as_ref().map(|dynamic| &dynamic.info);
    let (flags, flags_1) = info.map_or((0, 0), |info| (info.flags, info.flags_1));
    // Features with a flag today had their own tags before, and linkers still write either.
    let tagged = |tag: u64| {
        elf.dynamic
            .as_ref()
            .is_some_and(|dynamic| dynamic.dyns.iter().any(|entry| entry.d_tag == tag))
    };
    let now = flags & DF_BIND_NOW != 0 || flags_1 & DF_1_NOW != 0 || tagged(DT_BIND_NOW);
    let has_relro = elf
        .program_headers
        .iter()
        .any(|header| header.p_type == PT_GNU_RELRO);
    let is_dynamic = elf.interpreter.is_some() || !elf.libraries.is_empty();
    let is_et_dyn = elf.header.e_type == ET_DYN;
    // An entry point alone proves nothing: old linkers give shared libraries one, too, and set no
    // flag for static-pie programs.
    let declared = elf.interpreter.is_some() || flags_1 & DF_1_PIE != 0;
    let startable = declared || elf.entry != 0 && !is_dynamic && elf.soname.is_none();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let section = |name: &str| {
        elf.section_headers
            .iter()
            .any(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name))
    };
    let versions = versions(&elf, bytes);
    // The path ends at its first NUL; padding of the segment may follow.
    let interpreter = elf.interpreter.and_then(|padded| padded.split('\0').next());
    let system = system_of(&elf, bytes, interpreter, &versions);
    let number = |prefix: &str| highest(&versions, prefix).map(|(_, number)| number.to_owned());
    Ok(Binary {
        endian: if elf.little_endian {
            EndianName::Little
        } else {
            EndianName::Big
        },
        system,
        linkage: match (is_dynamic, is_et_dyn) {
            (true, _) => Linkage::Dynamic,
            (false, true) => Linkage::StaticPie,
            (false, false) => Linkage::Static,
        },
        interpreter: interpreter.map(str::to_owned),
        needed: owned(&elf.libraries),
        rpath: owned(&elf.rpaths),
        runpath: owned(&elf.runpaths),
        glibc_floor: glibc_floor(&elf, bytes, &versions),
        glibc_private: versions
            .iter()
            .any(|version| version.name == "GLIBC_PRIVATE"),
        glibcxx: number("GLIBCXX_"),
        cxxabi: number("CXXABI_"),
        gcc_abi: number("GCC_"),
        float_abi: match float_abi(elf.header.e_machine, elf.header.e_flags) {
            FloatAbiName::Unspecified if level::has_vfp_args(&elf, bytes) => FloatAbiName::Hard,
            float_abi => float_abi,
        },
        level: level::level(&elf, bytes).map_err(InspectError::Damaged)?,
        relro: match (has_relro, now || !is_dynamic) {
            // The loaders of Solaris and illumos know no such segment.
            (false, _) if is_solaris(system) => None,
            (false, _) => Some(Relro::None),
            (true, false) => Some(Relro::Partial),
            (true, true) => Some(Relro::Full),
        },
        nx: nx(&elf, system),
        pie: Some(is_et_dyn && startable),
        text_relocations: Some(flags & DF_TEXTREL != 0 || tagged(DT_TEXTREL)),
        build_id: build_id(&elf, bytes),
        stripped: Some(elf.syms.is_empty()),
        debug_info: Some(debug_info(&elf)),
        auditable: section(auditable::SECTION),
        compilers: compilers(&elf, bytes),
        ..Binary::plain(
            FormatName::Elf,
            machine,
            class,
            kind,
            elf.header.e_type == ET_EXEC || is_et_dyn && startable,
        )
    })
}

fn is_solaris(system: Option<SystemName>) -> bool {
    matches!(system, Some(SystemName::Solaris | SystemName::Illumos))
}

/// Returns the request of a stack that is not executable; `None` if it makes none, and its system
/// needs none.
fn nx(elf: &Elf, system: Option<SystemName>) -> Option<bool> {
    let mut segments = elf.program_headers.iter();
    match segments.find(|header| header.p_type == PT_GNU_STACK) {
        Some(stack) => Some(stack.p_flags & PF_X == 0),
        None => system
            .is_none_or(SystemName::may_execute_stack)
            .then_some(false),
    }
}

fn system_of(
    elf: &Elf,
    bytes: &[u8],
    interpreter: Option<&str>,
    versions: &[Version],
) -> Option<SystemName> {
    let notes = notes(elf, bytes);
    system::of_elf(&ElfHints {
        osabi: elf.header.e_ident[EI_OSABI],
        notes: notes
            .iter()
            .map(|note| (note.name, note.n_type, note.desc))
            .collect(),
        little_endian: elf.little_endian,
        segments: elf
            .program_headers
            .iter()
            .map(|header| header.p_type)
            .collect(),
        interpreter,
        versions: versions
            .iter()
            .map(|version| version.name.as_str())
            .collect(),
    })
}

/// Returns true if goblin can parse the file with a reasonable amount of memory and time.
///
/// goblin keeps a list of all strings of a string table, 24 bytes each, and reads that table again
/// for each symbol table, of which a small file may declare any number.
fn is_bounded(bytes: &[u8]) -> goblin::error::Result<bool> {
    let header = Elf::parse_header(bytes)?;
    let context = Ctx::new(header.container()?, header.endianness()?);
    let segments = ProgramHeader::parse(
        bytes,
        header.e_phoff as usize,
        header.e_phnum.into(),
        context,
    )?;
    let sections = SectionHeader::parse(
        bytes,
        header.e_shoff as usize,
        header.e_shnum.into(),
        context,
    )?;
    let symbols = sections
        .iter()
        .filter(|section| section.sh_type == SHT_SYMTAB)
        .map(|section| section.sh_link as usize);
    let names = sections
        .first()
        .map(|first| first.sh_link as usize)
        .into_iter()
        .chain([header.e_shstrndx.into()]);
    let tables = symbols
        .chain(names)
        .filter_map(|index| sections.get(index)?.file_range());
    let dynamic = Dynamic::parse(bytes, &segments, context)?.map(|dynamic| dynamic.info);
    let dynamic = dynamic.map(|info| info.strtab..info.strtab.saturating_add(info.strsz));
    let (mut read, mut texts) = (0_usize, 0_usize);
    for table in tables.chain(dynamic) {
        read = read.saturating_add(table.len());
        // Tables may overlap, and the section names may be read twice.
        if read > bytes.len().saturating_mul(4) {
            return Ok(false);
        }
        texts += memchr::memchr_iter(0, bytes.get(table).unwrap_or_default()).count();
    }
    Ok(segments.len() <= MOST_SEGMENTS && texts <= MOST_NAMES)
}

/// Returns the strings of `.comment` of an object or a program; empty for any other file.
pub fn comments(bytes: &[u8]) -> Vec<String> {
    if !is_bounded(bytes).unwrap_or(false) {
        return Vec::new();
    }
    Elf::parse(bytes)
        .map(|elf| compilers(&elf, bytes))
        .unwrap_or_default()
}

fn compilers(elf: &Elf, bytes: &[u8]) -> Vec<String> {
    let named = |header: &&goblin::elf::SectionHeader| {
        elf.shdr_strtab.get_at(header.sh_name) == Some(".comment")
    };
    let Some(range) = elf
        .section_headers
        .iter()
        .find(named)
        .and_then(|header| header.file_range())
    else {
        return Vec::new();
    };
    let section = bytes.get(range).unwrap_or_default();
    let texts = section[..section.len().min(LONGEST_COMMENTS)]
        .split(|byte| *byte == 0)
        .filter(|text| !text.is_empty());
    let texts: BTreeSet<String> = texts
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    texts.into_iter().collect()
}

fn float_abi(machine: u16, flags: u32) -> FloatAbiName {
    match machine {
        EM_ARM if flags & EF_ARM_ABI_FLOAT_HARD != 0 => FloatAbiName::Hard,
        EM_ARM if flags & EF_ARM_ABI_FLOAT_SOFT != 0 => FloatAbiName::Soft,
        EM_RISCV if flags & EF_RISCV_FLOAT_ABI != 0 => FloatAbiName::Hard,
        EM_RISCV => FloatAbiName::Soft,
        _ => FloatAbiName::Unspecified,
    }
}

/// Returns the notes of the segments, and of the sections: an object file has no segments, and
/// OpenBSD's linker leaves some notes out of them.
fn notes<'b>(elf: &Elf<'b>, bytes: &'b [u8]) -> Vec<note::Note<'b>> {
    let notes = elf
        .iter_note_headers(bytes)
        .into_iter()
        .chain(elf.iter_note_sections(bytes, None));
    let notes = notes.flatten().take(MOST_NOTES);
    notes.filter_map(Result::ok).collect()
}

fn build_id(elf: &Elf, bytes: &[u8]) -> Option<String> {
    let id = notes(elf, bytes).into_iter().find(|note| {
        note.n_type == note::NT_GNU_BUILD_ID && note.name == "GNU" && note.desc.len() <= LONGEST_ID
    })?;
    Some(hex(id.desc))
}

/// Returns true if the file has sections of DWARF. Loaded sections do not count:
/// `.debug_gdb_scripts` names a script, and remains when a program is stripped.
fn debug_info(elf: &Elf) -> bool {
    elf.section_headers
        .iter()
        .filter(|header| header.sh_flags & u64::from(SHF_ALLOC) == 0)
        .any(|header| {
            let name = elf.shdr_strtab.get_at(header.sh_name).unwrap_or_default();
            name.starts_with(".debug_") || name.starts_with(".zdebug_")
        })
}

fn glibc_floor(elf: &Elf, bytes: &[u8], versions: &[Version]) -> Option<Floor> {
    let (version, number) = highest(versions, "GLIBC_")?;
    let symbol = if version.name == DT_RELR {
        Some(DT_RELR.to_owned())
    } else {
        symbol_of(elf, bytes, version.index)
    };
    Some(Floor {
        version: number.to_owned(),
        symbol,
    })
}

/// Pseudo-version for a feature of the loader, introduced in glibc 2.36.
const DT_RELR: &str = "GLIBC_ABI_DT_RELR";

/// Returns the first of the highest versions named by this prefix and a number, with the number.
///
/// Other names with the prefix (`GLIBC_PRIVATE`, `CXXABI_FLOAT128`) are features without an order.
fn highest<'v>(versions: &'v [Version], prefix: &str) -> Option<(&'v Version, &'v str)> {
    let number = |version: &'v Version| match version.name.strip_prefix(prefix)? {
        "ABI_DT_RELR" => Some("2.36"),
        number => Some(number),
    };
    let parts = |number: &str| {
        number
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<Vec<u32>>>()
    };
    let numbered = versions
        .iter()
        .filter_map(|version| Some((parts(number(version)?)?, version, number(version)?)));
    let (_, version, number) =
        numbered.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some((version, number))
}

/// Symbol version that the file requires.
struct Version {
    name: String,
    /// Index of the version in `.gnu.version`.
    index: u16,
}

/// Reads the versions of DT_VERNEED that are not flagged weak.
///
/// The table is found as the loader finds it: by the dynamic section, which cannot be stripped, not
/// by section headers, which can. Each record gives the offset of the next, so a damaged chain
/// leads anywhere, or in circles; the number of records is limited.
///
/// The loader rejects a file if the library lacks one of these versions, unless the *version* is
/// flagged weak; a weak *symbol* does not help. So the versions are read, not the symbols.
fn versions(elf: &Elf, bytes: &[u8]) -> Vec<Version> {
    let Some(info) = elf.dynamic.as_ref().map(|dynamic| &dynamic.info) else {
        return Vec::new();
    };
    let half = |at: usize, field: usize| {
        number(elf, bytes, at.checked_add(field)?, 2).map(|value| value as u16)
    };
    let word = |at: usize, field: usize| {
        number(elf, bytes, at.checked_add(field)?, 4).map(|value| value as usize)
    };
    let mut found = Vec::new();
    let mut seen = 0;
    let mut need = info.verneed as usize;
    for _ in 0..info.verneednum {
        let (Some(count), Some(aux), Some(next)) = (half(need, 2), word(need, 8), word(need, 12))
        else {
            break;
        };
        let mut at = need.saturating_add(aux);
        for _ in 0..count {
            let (Some(flags), Some(index), Some(name), Some(next)) =
                (half(at, 4), half(at, 6), word(at, 8), word(at, 12))
            else {
                break;
            };
            seen += 1;
            if flags & VER_FLG_WEAK == 0 {
                let name = elf
                    .dynstrtab
                    .get_at(name)
                    .filter(|name| name.len() <= LONGEST_VERSION)
                    .unwrap_or_default()
                    .to_owned();
                found.push(Version { name, index });
            }
            if next == 0 || seen > MOST_VERSIONS {
                break;
            }
            at = at.saturating_add(next);
        }
        if next == 0 || seen > MOST_VERSIONS {
            break;
        }
        need = need.saturating_add(next);
    }
    found
}

/// Returns the first symbol, by name, of the version with this index.
fn symbol_of(elf: &Elf, bytes: &[u8], index: u16) -> Option<String> {
    let table = elf.dynamic.as_ref()?.info.versym as usize;
    let value = |position: usize| number(elf, bytes, table.checked_add(2 * position)?, 2);
    let has_version =
        |position: usize| value(position).is_some_and(|value| value as u16 & 0x7fff == index);
    let symbols = elf
        .dynsyms
        .iter()
        .enumerate()
        .filter(|(position, _)| has_version(*position));
    symbols
        .filter_map(|(_, symbol)| elf.dynstrtab.get_at(symbol.st_name))
        .min()
        .map(str::to_owned)
}

/// Reads an unsigned number of two or four bytes in the file's byte order.
fn number(elf: &Elf, bytes: &[u8], at: usize, size: usize) -> Option<u32> {
    let part = bytes.get(at..at.checked_add(size)?)?;
    let digit = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
    Some(if elf.little_endian {
        part.iter().rev().fold(0, digit)
    } else {
        part.iter().fold(0, digit)
    })
}
