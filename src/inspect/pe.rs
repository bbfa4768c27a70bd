//! PE: the headers as goblin reads them, and the names of imported DLLs.
//!
//! Those are read here: goblin keeps every imported symbol of every DLL, and where a small file has
//! all DLLs share one table of symbols, that is more than any memory holds. Source: Microsoft, PE
//! Format, "The .idata Section".

use goblin::pe::characteristic::is_dll;
use goblin::pe::header::{Header, machine_to_str};
use goblin::pe::options::ParseOptions;
use goblin::pe::section_table::SectionTable;
use goblin::pe::utils::find_offset;

use crate::inspect::binary::{Binary, FormatName, Linkage};

/// The name of a COFF machine, as goblin has it.
pub fn machine(machine: u16) -> String {
    format!("IMAGE_FILE_MACHINE_{}", machine_to_str(machine))
}

/// The PE signature and the COFF header after it, in bytes.
const BEFORE_OPTIONAL: usize = 4 + 20;

const MAGIC_64: u16 = 0x20b;

/// One row of the import directory, and where in it the address of the name is.
const ROW: usize = 20;

const NAME: usize = 12;

/// What no program comes near: the loader's own bound for sections is 96.
const MOST_SECTIONS: u16 = 1024;

const MOST_LIBRARIES: usize = 4096;

const LONGEST_NAME: usize = 256;

pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    let unreadable =
        |error: goblin::error::Error| format!("its PE headers cannot be read: {error}");
    let header = Header::parse(bytes).map_err(unreadable)?;
    let coff = &header.coff_header;
    if coff.number_of_sections > MOST_SECTIONS {
        return Err("its PE headers claim more than a program has".to_owned());
    }
    let mut at = (header.dos_header.pe_pointer as usize)
        .saturating_add(BEFORE_OPTIONAL + usize::from(coff.size_of_optional_header));
    let sections = coff.sections(bytes, &mut at).map_err(unreadable)?;
    let machine = machine(coff.machine);
    let is_lib = is_dll(coff.characteristics);
    let kind = if is_lib { "DLL" } else { "EXE" }.to_owned();
    let is_64 = header
        .optional_header
        .as_ref()
        .is_some_and(|optional| optional.standard_fields.magic == MAGIC_64);
    let table = header.optional_header.as_ref().and_then(|optional| {
        let table = optional.data_directories.get_import_table()?;
        Some((
            table.virtual_address as usize,
            optional.windows_fields.file_alignment,
        ))
    });
    let needed = match table {
        Some((table, alignment)) => libraries(bytes, table, &sections, alignment)?,
        None => Vec::new(),
    };
    Ok(Binary {
        linkage: if needed.is_empty() {
            Linkage::Static
        } else {
            Linkage::Dynamic
        },
        needed,
        debug_info: sections
            .iter()
            .any(|section| section.name().is_ok_and(|name| name.starts_with(".debug_"))),
        ..Binary::plain(
            FormatName::Pe,
            machine,
            if is_64 { 64 } else { 32 },
            kind,
            !is_lib,
        )
    })
}

/// The DLLs of the import directory, sorted, each once.
fn libraries(
    bytes: &[u8],
    table: usize,
    sections: &[SectionTable],
    alignment: u32,
) -> Result<Vec<String>, String> {
    let place =
        |address: usize| find_offset(address, sections, alignment, &ParseOptions::default());
    let unreadable = || "its PE headers cannot be read: the import directory is damaged".to_owned();
    let start = place(table).ok_or_else(unreadable)?;
    let mut needed = Vec::new();
    for number in 0..MOST_LIBRARIES {
        let row = start
            .checked_add(number * ROW)
            .and_then(|at| bytes.get(at..at.checked_add(ROW)?))
            .ok_or_else(unreadable)?;
        // A row of zeros ends the directory.
        if row.iter().all(|byte| *byte == 0) {
            needed.sort();
            needed.dedup();
            return Ok(needed);
        }
        let address = row[NAME..NAME + 4]
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | usize::from(*byte));
        let name = place(address)
            .and_then(|at| bytes.get(at..))
            .ok_or_else(unreadable)?;
        let name = name[..name.len().min(LONGEST_NAME)]
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        needed.push(String::from_utf8_lossy(name).into_owned());
    }
    Err("its PE headers name more libraries than a program has".to_owned())
}
