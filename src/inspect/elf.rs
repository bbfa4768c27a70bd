//! ELF, as goblin reads it. Sources: the System V gABI; for versions, the LSB core specification, "Symbol Versioning".

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

pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    let elf = Elf::parse(bytes).map_err(|error| format!("its ELF headers cannot be read: {error}"))?;
    let machine = match machine_to_str(elf.header.e_machine) {
        "MACHINE_UNKNOWN" => format!("{:#x}", elf.header.e_machine),
        name => format!("EM_{name}"),
    };
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
    let (glibc_floor, glibc_private) = glibc(&elf);
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
        ..Binary::plain(FormatName::Elf, machine, class, kind, executable)
    })
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
fn glibc(elf: &Elf) -> (Option<Floor>, bool) {
    let mut highest: Option<(Glibc, u16, String)> = None;
    let mut private = false;
    for need in elf.verneed.iter().flat_map(|section| section.iter()) {
        for aux in need.iter().filter(|aux| aux.vna_flags & VER_FLG_WEAK == 0) {
            let name = elf.dynstrtab.get_at(aux.vna_name).unwrap_or_default();
            private |= name == "GLIBC_PRIVATE";
            // Not a version but a feature of the loader, which came with 2.36.
            let text = if name == "GLIBC_ABI_DT_RELR" { "2.36" } else { name.strip_prefix("GLIBC_").unwrap_or_default() };
            if let Some(version) = Glibc::parse(text)
                && highest.as_ref().is_none_or(|(known, ..)| version > *known)
            {
                highest = Some((version, aux.vna_other, name.to_owned()));
            }
        }
    }
    let floor = highest.map(|(version, index, name)| Floor {
        version: version.to_string(),
        symbol: if name == "GLIBC_ABI_DT_RELR" { Some(name) } else { symbol_of(elf, index) },
    });
    (floor, private)
}

/// The first symbol, by name, that asks for the version of this index.
fn symbol_of(elf: &Elf, index: u16) -> Option<String> {
    let versions = elf.versym.as_ref()?;
    let symbols = elf.dynsyms.iter().zip(versions.iter());
    let names = symbols.filter(|(_, version)| version.version() == index);
    names.filter_map(|(symbol, _)| elf.dynstrtab.get_at(symbol.st_name)).min().map(str::to_owned)
}
