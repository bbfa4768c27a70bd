//! Inspection of PE files: headers parsed by goblin, and the names of imported DLLs.
//!
//! The import directory is parsed here, because goblin keeps every imported symbol of every DLL: in
//! a small file all DLLs may share one table of symbols, and memory would be exhausted. Source:
//! Microsoft, PE Format, "The .idata Section".

use goblin::pe::characteristic::is_dll;
use goblin::pe::header::{Header, machine_to_str};
use goblin::pe::options::ParseOptions;
use goblin::pe::section_table::SectionTable;
use goblin::pe::utils::find_offset;

use crate::inspect::binary::{Binary, FormatName, Linkage};

/// Returns the name of a COFF machine, as goblin has it.
pub fn machine(machine: u16) -> String {
    format!("IMAGE_FILE_MACHINE_{}", machine_to_str(machine))
}

/// Bytes before the optional header: the PE signature and the COFF header.
const BEFORE_OPTIONAL: usize = 4 + 20;

/// Magic of the optional header of a 64-bit file (PE32+).
const MAGIC_64: u16 = 0x20b;

/// Bytes of one entry of the import directory.
const ROW: usize = 20;

/// Offset of the name's address within an entry.
const NAME: usize = 12;

/// Maximum number of sections, far beyond any real program: the loader's own limit is 96.
const MOST_SECTIONS: u16 = 1024;

const MOST_LIBRARIES: usize = 4096;

const LONGEST_NAME: usize = 256;

/// Reads the facts of a PE file.
///
/// # Errors
/// The file is not a readable PE file, with the reason as a clause.
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

/// Reads the names of the DLLs in the import directory, sorted and without duplicates.
fn libraries(
    bytes: &[u8],
    table: usize,
    sections: &[SectionTable],
    alignment: u32,
) -> Result<Vec<String>, String> {
    let offset =
        |address: usize| find_offset(address, sections, alignment, &ParseOptions::default());
    let unreadable = || "its PE headers cannot be read: the import directory is damaged".to_owned();
    let start = offset(table).ok_or_else(unreadable)?;
    let mut needed = Vec::new();
    for number in 0..MOST_LIBRARIES {
        let row = start
            .checked_add(number * ROW)
            .and_then(|at| bytes.get(at..at.checked_add(ROW)?))
            .ok_or_else(unreadable)?;
        // An entry of zeros ends the directory.
        if row.iter().all(|byte| *byte == 0) {
            needed.sort();
            needed.dedup();
            return Ok(needed);
        }
        let address = row[NAME..NAME + 4]
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | usize::from(*byte));
        let name = offset(address)
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
