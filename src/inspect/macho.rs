//! Mach-O, as goblin reads it.

use goblin::mach::constants::cputype::{CPU_TYPE_ARM64, CPU_TYPE_X86_64};
use goblin::mach::header::{MH_EXECUTE, MH_PIE, filetype_to_str};
use goblin::mach::{Mach, MachO};

use super::{Binary, EndianName, FormatName, Linkage};

pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    match Mach::parse(bytes).map_err(|error| format!("its Mach-O headers cannot be read: {error}"))? {
        Mach::Binary(macho) => Ok(single(&macho)),
        Mach::Fat(_) => Err("it is a universal Mach-O; a bin of one target has one processor".to_owned()),
    }
}

/// The name of a cputype, as `mach/machine.h` has it.
pub fn machine(cputype: u32) -> String {
    match cputype {
        CPU_TYPE_X86_64 => "CPU_TYPE_X86_64".to_owned(),
        CPU_TYPE_ARM64 => "CPU_TYPE_ARM64".to_owned(),
        other => format!("{other:#x}"),
    }
}

fn single(macho: &MachO) -> Binary {
    let machine = machine(macho.header.cputype);
    let kind = format!("MH_{}", filetype_to_str(macho.header.filetype));
    // goblin lists the file itself first.
    let needed: Vec<String> = macho.libs.iter().filter(|lib| **lib != "self").map(|lib| (*lib).to_owned()).collect();
    Binary {
        endian: if macho.little_endian { EndianName::Little } else { EndianName::Big },
        linkage: if needed.is_empty() { Linkage::Static } else { Linkage::Dynamic },
        needed,
        rpath: macho.rpaths.iter().map(|path| (*path).to_owned()).collect(),
        pie: macho.header.flags & MH_PIE != 0,
        ..Binary::plain(FormatName::MachO, machine, if macho.is_64 { 64 } else { 32 }, kind, macho.header.filetype == MH_EXECUTE)
    }
}
