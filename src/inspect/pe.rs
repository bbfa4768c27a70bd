//! PE, as goblin reads it.

use goblin::pe::PE;
use goblin::pe::header::machine_to_str;

use super::{Binary, FormatName, Linkage};

/// The name of a COFF machine, as goblin has it.
pub fn machine(machine: u16) -> String {
    format!("IMAGE_FILE_MACHINE_{}", machine_to_str(machine))
}

pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    let pe = PE::parse(bytes).map_err(|error| format!("its PE headers cannot be read: {error}"))?;
    let machine = machine(pe.header.coff_header.machine);
    let kind = if pe.is_lib { "DLL" } else { "EXE" }.to_owned();
    let mut needed: Vec<String> = pe.libraries.iter().map(|library| (*library).to_owned()).collect();
    needed.dedup();
    Ok(Binary {
        linkage: if needed.is_empty() { Linkage::Static } else { Linkage::Dynamic },
        needed,
        ..Binary::plain(FormatName::Pe, machine, if pe.is_64 { 64 } else { 32 }, kind, !pe.is_lib)
    })
}
