//! Inspection of Mach-O files, parsed by goblin.

use goblin::mach::constants::cputype::{CPU_TYPE_ARM64, CPU_TYPE_X86_64};
use goblin::mach::header::{MH_EXECUTE, MH_PIE, filetype_to_str};
use goblin::mach::{Mach, MachO};

use crate::inspect::binary::{Binary, EndianName, FormatName, Linkage};

/// Maximum number of load commands, far beyond any real program. goblin reads a string to its end
/// for each command, and all commands may refer to one long string.
const MOST_COMMANDS: u32 = 1024;

const MOST_SECTIONS: usize = 4096;

/// Maximum total bytes of the names of libraries and their directories.
const LONGEST_NAMES: usize = 1024 * 1024;

/// Reads the facts of a Mach-O file.
///
/// # Errors
/// The file is not a readable Mach-O file of one processor, with the reason as a clause.
pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    if commands(bytes) > MOST_COMMANDS {
        return Err("its Mach-O headers claim more than a program has".to_owned());
    }
    match Mach::parse(bytes)
        .map_err(|error| format!("its Mach-O headers cannot be read: {error}"))?
    {
        Mach::Binary(macho)
            if macho
                .libs
                .iter()
                .chain(&macho.rpaths)
                .map(|text| text.len())
                .sum::<usize>()
                > LONGEST_NAMES =>
        {
            Err("its Mach-O headers name more libraries than a program has".to_owned())
        }
        Mach::Binary(macho) => Ok(single(&macho)),
        Mach::Fat(_) => {
            Err("it is a universal Mach-O; a bin of one target has one processor".to_owned())
        }
    }
}

/// Returns `ncmds` of a Mach-O file of one processor; 0 for any other file.
fn commands(bytes: &[u8]) -> u32 {
    match bytes {
        [
            0xce | 0xcf,
            0xfa,
            0xed,
            0xfe,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            a,
            b,
            c,
            d,
            ..,
        ] => u32::from_le_bytes([*a, *b, *c, *d]),
        [
            0xfe,
            0xed,
            0xfa,
            0xce | 0xcf,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            a,
            b,
            c,
            d,
            ..,
        ] => u32::from_be_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}

/// Returns the name of a cputype in `mach/machine.h`.
pub fn machine(cputype: u32) -> String {
    match cputype {
        CPU_TYPE_X86_64 => "CPU_TYPE_X86_64".to_owned(),
        CPU_TYPE_ARM64 => "CPU_TYPE_ARM64".to_owned(),
        other => format!("{other:#x}"),
    }
}

/// Collects the facts of a Mach-O file of one processor.
fn single(macho: &MachO) -> Binary {
    let machine = machine(macho.header.cputype);
    let kind = format!("MH_{}", filetype_to_str(macho.header.filetype));
    // goblin lists the file itself first.
    let needed: Vec<String> = macho
        .libs
        .iter()
        .filter(|lib| **lib != "self")
        .map(|lib| (*lib).to_owned())
        .collect();
    // The segment named by the section: in an object file all sections are in one unnamed segment.
    let sections = macho
        .segments
        .iter()
        .flat_map(|segment| segment.into_iter().take(MOST_SECTIONS))
        .take(MOST_SECTIONS);
    let mut sections = sections.take_while(Result::is_ok).flatten();
    let debug_info =
        sections.any(|(section, _)| section.segname().is_ok_and(|name| name == "__DWARF"));
    Binary {
        endian: if macho.little_endian {
            EndianName::Little
        } else {
            EndianName::Big
        },
        linkage: if needed.is_empty() {
            Linkage::Static
        } else {
            Linkage::Dynamic
        },
        needed,
        rpath: macho.rpaths.iter().map(|path| (*path).to_owned()).collect(),
        pie: macho.header.flags & MH_PIE != 0,
        debug_info,
        ..Binary::plain(
            FormatName::MachO,
            machine,
            if macho.is_64 { 64 } else { 32 },
            kind,
            macho.header.filetype == MH_EXECUTE,
        )
    }
}
