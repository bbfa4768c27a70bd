//! ELF, as goblin reads it. Sources: the System V gABI; for versions, the LSB core specification,
//! "Symbol Versioning".

use std::collections::BTreeSet;

use goblin::container::Ctx;
use goblin::elf::dynamic::{DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DF_TEXTREL, DT_BIND_NOW, DT_TEXTREL};
use goblin::elf::header::{EM_ARM, EM_RISCV, ET_DYN, ET_EXEC, et_to_str, machine_to_str};
use goblin::elf::program_header::{PF_X, PT_GNU_RELRO, PT_GNU_STACK};
use goblin::elf::section_header::{SHF_ALLOC, SHT_SYMTAB};
use goblin::elf::symver::VER_FLG_WEAK;
use goblin::elf::{Dynamic, Elf, ProgramHeader, SectionHeader, note};

use crate::inspect::binary::{Binary, EndianName, FloatAbiName, Floor, FormatName, Linkage, Relro};

/// `e_flags` of ARM: <https://github.com/ARM-software/abi-aa/blob/main/aaelf32/aaelf32.rst>.
const EF_ARM_ABI_FLOAT_SOFT: u32 = 0x200;

const EF_ARM_ABI_FLOAT_HARD: u32 = 0x400;

/// `e_flags` of RISC-V:
/// <https://github.com/riscv-non-isa/riscv-elf-psabi-doc/blob/master/riscv-elf.adoc>.
const EF_RISCV_FLOAT_ABI: u32 = 0x6;

/// The name of an `e_machine`, as the gABI has it.
pub fn machine(machine: u16) -> String {
    match machine_to_str(machine) {
        "MACHINE_UNKNOWN" => format!("{machine:#x}"),
        name => format!("EM_{name}"),
    }
}

/// What no program comes near, and what a file that was made to exhaust us would have to be beyond.
const MOST_SEGMENTS: usize = 1024;

const MOST_NAMES: usize = 8_000_000;

const MOST_NOTES: usize = 1000;

const MOST_VERSIONS: usize = 10_000;

/// Bytes of a version's name.
const LONGEST_VERSION: usize = 256;

/// Bytes of the names of libraries and their directories, all together.
const LONGEST_NAMES: usize = 1024 * 1024;

/// Bytes of a build-id, and of all texts of `.comment`.
const LONGEST_ID: usize = 64;

const LONGEST_COMMENTS: usize = 64 * 1024;

pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    let unreadable =
        |error: goblin::error::Error| format!("its ELF headers cannot be read: {error}");
    if !is_bounded(bytes).map_err(unreadable)? {
        return Err("its ELF headers claim more than a program has".to_owned());
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
        return Err("its ELF headers name more libraries than a program has".to_owned());
    }
    let machine = machine(elf.header.e_machine);
    let kind = format!("ET_{}", et_to_str(elf.header.e_type));
    let class = if elf.is_64 { 64 } else { 32 };
    let info = elf.dynamic.as_ref().map(|dynamic| &dynamic.info);
    let (flags, flags_1) = info.map_or((0, 0), |info| (info.flags, info.flags_1));
    // What has a flag today had a tag of its own before, and linkers still write either.
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
    let dynamic = elf.interpreter.is_some() || !elf.libraries.is_empty();
    let shared_shape = elf.header.e_type == ET_DYN;
    // Old linkers give shared libraries an entry point, too, and static-pie programs no flag.
    let told = elf.interpreter.is_some() || flags_1 & DF_1_PIE != 0;
    let startable = told || elf.entry != 0 && !dynamic && elf.soname.is_none();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let section = |name: &str| {
        elf.section_headers
            .iter()
            .any(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name))
    };
    let versions = versions(&elf, bytes);
    let number = |prefix: &str| highest(&versions, prefix).map(|(_, number)| number.to_owned());
    Ok(Binary {
        endian: if elf.little_endian {
            EndianName::Little
        } else {
            EndianName::Big
        },
        linkage: match (dynamic, shared_shape) {
            (true, _) => Linkage::Dynamic,
            (false, true) => Linkage::StaticPie,
            (false, false) => Linkage::Static,
        },
        // It ends at its first NUL; what pads the segment behind that is no part of the name.
        interpreter: elf
            .interpreter
            .and_then(|padded| padded.split('\0').next())
            .map(str::to_owned),
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
        float_abi: float_abi(elf.header.e_machine, elf.header.e_flags),
        relro: match (has_relro, now || !dynamic) {
            (false, _) => Relro::None,
            (true, false) => Relro::Partial,
            (true, true) => Relro::Full,
        },
        nx: elf
            .program_headers
            .iter()
            .any(|header| header.p_type == PT_GNU_STACK && header.p_flags & PF_X == 0),
        pie: shared_shape && startable,
        text_relocations: flags & DF_TEXTREL != 0 || tagged(DT_TEXTREL),
        build_id: build_id(&elf, bytes),
        stripped: elf.syms.is_empty(),
        debug_info: debug_info(&elf),
        auditable: section(".dep-v0"),
        compilers: compilers(&elf, bytes),
        ..Binary::plain(
            FormatName::Elf,
            machine,
            class,
            kind,
            elf.header.e_type == ET_EXEC || shared_shape && startable,
        )
    })
}

/// Whether goblin can be let at a file. It keeps a list of all texts of a table of strings, 24
/// bytes for each, and reads that table again for each table of symbols: a small file may claim as
/// much of them as it likes.
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
        // Two tables may be one, and the names of sections may be read twice.
        if read > bytes.len().saturating_mul(4) {
            return Ok(false);
        }
        texts += memchr::memchr_iter(0, bytes.get(table).unwrap_or_default()).count();
    }
    Ok(segments.len() <= MOST_SEGMENTS && texts <= MOST_NAMES)
}

/// What `.comment` of an object or a program says; nothing where it is no ELF file.
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
        _ => FloatAbiName::Untold,
    }
}

fn build_id(elf: &Elf, bytes: &[u8]) -> Option<String> {
    let notes = elf
        .iter_note_headers(bytes)
        .into_iter()
        .chain(elf.iter_note_sections(bytes, Some(".note.gnu.build-id")));
    let mut notes = notes.flatten().take(MOST_NOTES).filter_map(Result::ok);
    let id = notes.find(|note| {
        note.n_type == note::NT_GNU_BUILD_ID && note.name == "GNU" && note.desc.len() <= LONGEST_ID
    })?;
    Some(id.desc.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// DWARF. What is loaded is none: `.debug_gdb_scripts` names a script, and stays when a program is
/// stripped.
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

/// Not a version but a feature of the loader, which came with 2.36.
const DT_RELR: &str = "GLIBC_ABI_DT_RELR";

/// The first of the highest versions whose name is this prefix and a number, and the number. What
/// else is named so (`GLIBC_PRIVATE`, `CXXABI_FLOAT128`) stands for a feature and has no height.
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

/// A version that the file asks for.
struct Version {
    name: String,
    /// What `.gnu.version` has for the symbols of this version.
    index: u16,
}

/// DT_VERNEED without what is flagged weak, followed as the loader follows it: by the dynamic
/// section, which cannot be stripped, not by section headers, which can. Each record says how far
/// the next is away, so a damaged chain leads anywhere, or round and round.
///
/// The loader refuses a file for each of these that the library lacks, unless the *version* is
/// flagged weak; that a *symbol* is weak does not help. So the versions are read, not the symbols.
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

/// The first symbol, by name, that asks for the version of this index.
fn symbol_of(elf: &Elf, bytes: &[u8], index: u16) -> Option<String> {
    let table = elf.dynamic.as_ref()?.info.versym as usize;
    let value = |position: usize| number(elf, bytes, table.checked_add(2 * position)?, 2);
    let asks =
        |position: usize| value(position).is_some_and(|value| value as u16 & 0x7fff == index);
    let symbols = elf
        .dynsyms
        .iter()
        .enumerate()
        .filter(|(position, _)| asks(*position));
    symbols
        .filter_map(|(_, symbol)| elf.dynstrtab.get_at(symbol.st_name))
        .min()
        .map(str::to_owned)
}

/// An unsigned number of two or four bytes in the file's byte order.
fn number(elf: &Elf, bytes: &[u8], at: usize, size: usize) -> Option<u32> {
    let part = bytes.get(at..at.checked_add(size)?)?;
    let digit = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
    Some(if elf.little_endian {
        part.iter().rev().fold(0, digit)
    } else {
        part.iter().fold(0, digit)
    })
}
