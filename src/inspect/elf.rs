//! ELF, as goblin reads it. Sources: the System V gABI; for versions, the LSB core specification, "Symbol Versioning".

use std::collections::BTreeSet;

use goblin::elf::dynamic::{DF_1_NOW, DF_1_PIE, DF_BIND_NOW};
use goblin::elf::header::{EM_ARM, EM_RISCV, ET_DYN, ET_EXEC, et_to_str, machine_to_str};
use goblin::elf::program_header::{PF_X, PT_GNU_RELRO, PT_GNU_STACK};
use goblin::elf::symver::VER_FLG_WEAK;
use goblin::elf::{Elf, note};

use super::{Binary, EndianName, FloatAbiName, Floor, FormatName, Linkage, Relro};
use crate::target::Glibc;

/// `e_flags` of ARM: <https://github.com/ARM-software/abi-aa/blob/main/aaelf32/aaelf32.rst>.
const EF_ARM_ABI_FLOAT_SOFT: u32 = 0x200;
const EF_ARM_ABI_FLOAT_HARD: u32 = 0x400;
/// `e_flags` of RISC-V: <https://github.com/riscv-non-isa/riscv-elf-psabi-doc/blob/master/riscv-elf.adoc>.
const EF_RISCV_FLOAT_ABI: u32 = 0x6;

/// The name of an `e_machine`, as the gABI has it.
pub fn machine(machine: u16) -> String {
    match machine_to_str(machine) {
        "MACHINE_UNKNOWN" => format!("{machine:#x}"),
        name => format!("EM_{name}"),
    }
}

pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    let elf = Elf::parse(bytes).map_err(|error| format!("its ELF headers cannot be read: {error}"))?;
    let machine = machine(elf.header.e_machine);
    let kind = format!("ET_{}", et_to_str(elf.header.e_type));
    let executable = elf.header.e_type == ET_EXEC || elf.header.e_type == ET_DYN && elf.entry != 0;
    let class = if elf.is_64 { 64 } else { 32 };
    let info = elf.dynamic.as_ref().map(|dynamic| &dynamic.info);
    let flags_1 = info.map_or(0, |info| info.flags_1);
    let now = info.is_some_and(|info| info.flags & DF_BIND_NOW != 0) || flags_1 & DF_1_NOW != 0;
    let has_relro = elf.program_headers.iter().any(|header| header.p_type == PT_GNU_RELRO);
    let dynamic = elf.interpreter.is_some() || !elf.libraries.is_empty();
    let shared_shape = elf.header.e_type == ET_DYN;
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let section = |name: &str| elf.section_headers.iter().any(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name));
    let (glibc_floor, glibc_private) = glibc(&elf, bytes);
    Ok(Binary {
        endian: if elf.little_endian { EndianName::Little } else { EndianName::Big },
        linkage: match (dynamic, shared_shape) {
            (true, _) => Linkage::Dynamic,
            (false, true) => Linkage::StaticPie,
            (false, false) => Linkage::Static,
        },
        interpreter: elf.interpreter.map(str::to_owned),
        needed: owned(&elf.libraries),
        rpath: owned(&elf.rpaths),
        runpath: owned(&elf.runpaths),
        glibc_floor,
        glibc_private,
        float_abi: float_abi(elf.header.e_machine, elf.header.e_flags),
        relro: match (has_relro, now || !dynamic) {
            (false, _) => Relro::None,
            (true, false) => Relro::Partial,
            (true, true) => Relro::Full,
        },
        nx: elf.program_headers.iter().any(|header| header.p_type == PT_GNU_STACK && header.p_flags & PF_X == 0),
        pie: shared_shape && (flags_1 & DF_1_PIE != 0 || elf.interpreter.is_some()),
        build_id: build_id(&elf, bytes),
        stripped: elf.syms.is_empty(),
        auditable: section(".dep-v0"),
        compilers: compilers(&elf, bytes),
        ..Binary::plain(FormatName::Elf, machine, class, kind, executable)
    })
}

/// What `.comment` of an object or a program says; nothing where it is no ELF file.
pub fn comments(bytes: &[u8]) -> Vec<String> {
    Elf::parse(bytes).map(|elf| compilers(&elf, bytes)).unwrap_or_default()
}

fn compilers(elf: &Elf, bytes: &[u8]) -> Vec<String> {
    let named = |header: &&goblin::elf::SectionHeader| elf.shdr_strtab.get_at(header.sh_name) == Some(".comment");
    let Some(range) = elf.section_headers.iter().find(named).and_then(|header| header.file_range()) else { return Vec::new() };
    let texts = bytes.get(range).unwrap_or_default().split(|byte| *byte == 0).filter(|text| !text.is_empty());
    let texts: BTreeSet<String> = texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect();
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
    let notes = elf.iter_note_headers(bytes).into_iter().chain(elf.iter_note_sections(bytes, Some(".note.gnu.build-id")));
    let id = notes.flatten().filter_map(Result::ok).find(|note| note.n_type == note::NT_GNU_BUILD_ID && note.name == "GNU")?;
    Some(id.desc.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The floor, and whether glibc's private symbols are used.
///
/// The loader refuses a file for each version in `.gnu.version_r` that its glibc lacks, unless the *version* is
/// flagged weak; that a *symbol* is weak does not help. So the versions are read, not the symbols.
fn glibc(elf: &Elf, bytes: &[u8]) -> (Option<Floor>, bool) {
    let mut highest: Option<(Glibc, Version)> = None;
    let mut private = false;
    for version in versions(elf, bytes).into_iter().filter(|version| version.flags & VER_FLG_WEAK == 0) {
        private |= version.name == "GLIBC_PRIVATE";
        // Not a version but a feature of the loader, which came with 2.36.
        let text = if version.name == DT_RELR { "2.36" } else { version.name.strip_prefix("GLIBC_").unwrap_or_default() };
        if let Some(number) = Glibc::parse(text)
            && highest.as_ref().is_none_or(|(known, _)| number > *known)
        {
            highest = Some((number, version));
        }
    }
    let floor = highest.map(|(number, version)| Floor {
        version: number.to_string(),
        symbol: if version.name == DT_RELR { Some(version.name) } else { symbol_of(elf, bytes, version.index) },
    });
    (floor, private)
}

const DT_RELR: &str = "GLIBC_ABI_DT_RELR";

/// A version that the file asks for.
struct Version {
    name: String,
    flags: u16,
    /// What `.gnu.version` has for the symbols of this version.
    index: u16,
}

/// DT_VERNEED, followed as the loader follows it: by the dynamic section, which cannot be stripped, not by section
/// headers, which can.
fn versions(elf: &Elf, bytes: &[u8]) -> Vec<Version> {
    let Some(info) = elf.dynamic.as_ref().map(|dynamic| &dynamic.info) else { return Vec::new() };
    let half = |at: usize| number(elf, bytes, at, 2).map(|value| value as u16);
    let word = |at: usize| number(elf, bytes, at, 4).map(|value| value as usize);
    let mut found = Vec::new();
    let mut need = info.verneed as usize;
    for _ in 0..info.verneednum {
        let (Some(count), Some(aux), Some(next)) = (half(need + 2), word(need + 8), word(need + 12)) else { break };
        let mut at = need + aux;
        for _ in 0..count {
            let (Some(flags), Some(index), Some(name), Some(next)) = (half(at + 4), half(at + 6), word(at + 8), word(at + 12)) else {
                break;
            };
            let name = elf.dynstrtab.get_at(name).unwrap_or_default().to_owned();
            found.push(Version { name, flags, index });
            at += next;
        }
        if next == 0 {
            break;
        }
        need += next;
    }
    found
}

/// The first symbol, by name, that asks for the version of this index.
fn symbol_of(elf: &Elf, bytes: &[u8], index: u16) -> Option<String> {
    let table = elf.dynamic.as_ref()?.info.versym as usize;
    let asks = |position: usize| number(elf, bytes, table + 2 * position, 2).is_some_and(|value| value as u16 & 0x7fff == index);
    let symbols = elf.dynsyms.iter().enumerate().filter(|(position, _)| asks(*position));
    symbols.filter_map(|(_, symbol)| elf.dynstrtab.get_at(symbol.st_name)).min().map(str::to_owned)
}

/// An unsigned number of two or four bytes in the file's byte order.
fn number(elf: &Elf, bytes: &[u8], at: usize, size: usize) -> Option<u32> {
    let part = bytes.get(at..at.checked_add(size)?)?;
    let digit = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
    Some(if elf.little_endian { part.iter().rev().fold(0, digit) } else { part.iter().fold(0, digit) })
}
