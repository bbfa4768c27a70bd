//! Inspection of PE files: headers parsed by goblin, and what the data directories tell.
//!
//! The directories are parsed here, because goblin keeps every imported symbol of every DLL: in a
//! small file all DLLs may share one table of symbols, and memory would be exhausted. Source:
//! Microsoft, PE Format, "The .idata Section", "The Delay-Load Directory Table", "Debug Directory".

use goblin::pe::characteristic::{IMAGE_FILE_RELOCS_STRIPPED, is_dll};
use goblin::pe::data_directories::DataDirectory;
use goblin::pe::header::{COFF_MACHINE_X86, Header, machine_to_str};
use goblin::pe::options::ParseOptions;
use goblin::pe::section_table::SectionTable;
use goblin::pe::utils::find_offset;

use crate::inspect::binary::{Binary, FormatName, Linkage, Pe};
use crate::inspect::field::{hex, little, text};
use crate::inspect::system;

/// Returns the name of a COFF machine, as goblin has it.
pub fn machine(machine: u16) -> String {
    format!("IMAGE_FILE_MACHINE_{}", machine_to_str(machine))
}

/// Bytes before the optional header: the PE signature and the COFF header.
const BEFORE_OPTIONAL: usize = 4 + 20;

/// Magic of the optional header of a 64-bit file (PE32+).
const MAGIC_64: u16 = 0x20b;

/// Flags of `DllCharacteristics`.
const HIGH_ENTROPY_VA: u16 = 0x20;
const DYNAMIC_BASE: u16 = 0x40;
const FORCE_INTEGRITY: u16 = 0x80;
const NX_COMPAT: u16 = 0x100;
const GUARD_CF: u16 = 0x4000;

/// Names of the subsystems without `IMAGE_SUBSYSTEM_`.
const SUBSYSTEMS: &[(u16, &str)] = &[
    (0, "UNKNOWN"),
    (1, "NATIVE"),
    (2, "WINDOWS_GUI"),
    (3, "WINDOWS_CUI"),
    (5, "OS2_CUI"),
    (7, "POSIX_CUI"),
    (8, "NATIVE_WINDOWS"),
    (9, "WINDOWS_CE_GUI"),
    (10, "EFI_APPLICATION"),
    (11, "EFI_BOOT_SERVICE_DRIVER"),
    (12, "EFI_RUNTIME_DRIVER"),
    (13, "EFI_ROM"),
    (14, "XBOX"),
    (16, "WINDOWS_BOOT_APPLICATION"),
];

/// Maximum number of sections, far beyond any real program: the loader's own limit is 96.
const MOST_SECTIONS: u16 = 1024;

const MOST_LIBRARIES: usize = 4096;

const LONGEST_NAME: usize = 256;

/// Maximum bytes of the path of a PDB: Windows allows 32,767 characters, linkers write MAX_PATH.
const LONGEST_PATH: usize = 4096;

/// Maximum number of entries of the debug directory; linkers write six at most.
const MOST_DEBUG: usize = 64;

/// Flags of .NET's header: no native code, for 32-bit processors only, and only preferably so.
/// Source: ECMA-335, II.25.3.3.1; .NET, corhdr.h.
const IL_ONLY: u64 = 1;

const REQUIRES_32_BITS: u64 = 2;

const PREFERS_32_BITS: u64 = 0x2_0000;

/// Returns true for an assembly of .NET that is compiled where it is started. Its header says x86,
/// and it is for any processor.
pub fn is_for_dotnet(bytes: &[u8]) -> bool {
    const FLAGS: usize = 16;
    let flags = || {
        let header = Header::parse(bytes).ok()?;
        let coff = &header.coff_header;
        let optional = header.optional_header.as_ref()?;
        let table = optional.data_directories.get_clr_runtime_header()?;
        if coff.machine != COFF_MACHINE_X86 || coff.number_of_sections > MOST_SECTIONS {
            return None;
        }
        let mut at = (header.dos_header.pe_pointer as usize)
            .saturating_add(BEFORE_OPTIONAL + usize::from(coff.size_of_optional_header));
        let file = File {
            bytes,
            sections: &coff.sections(bytes, &mut at).ok()?,
            alignment: optional.windows_fields.file_alignment,
            image_base: optional.windows_fields.image_base,
        };
        let at = file.offset(table.virtual_address.into())?;
        little(bytes, at.checked_add(FLAGS)?, 4)
    };
    flags().is_some_and(|flags| {
        let is_for_32_bits = flags & REQUIRES_32_BITS != 0 && flags & PREFERS_32_BITS == 0;
        flags & IL_ONLY != 0 && !is_for_32_bits
    })
}

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
    let is_lib = is_dll(coff.characteristics);
    let plain = Binary {
        stripped: Some(coff.number_of_symbol_table == 0),
        debug_info: Some(
            sections
                .iter()
                .any(|section| section.name().is_ok_and(|name| name.starts_with(".debug_"))),
        ),
        auditable: sections
            .iter()
            .any(|section| section.name().is_ok_and(|name| name == ".dep-v0")),
        ..Binary::plain(
            FormatName::Pe,
            machine(coff.machine),
            32,
            if is_lib { "DLL" } else { "EXE" }.to_owned(),
            !is_lib,
        )
    };
    let Some(optional) = &header.optional_header else {
        return Ok(plain);
    };
    let windows = &optional.windows_fields;
    let file = File {
        bytes,
        sections: &sections,
        alignment: windows.file_alignment,
        image_base: windows.image_base,
    };
    let directories = &optional.data_directories;
    let needed = match directories.get_import_table() {
        Some(table) => file.libraries(table, &IMPORTS)?,
        None => Vec::new(),
    };
    let delay_needed = match directories.get_delay_import_descriptor() {
        Some(table) => file.libraries(table, &DELAY_IMPORTS)?,
        None => Vec::new(),
    };
    let debug = directories
        .get_debug_table()
        .and_then(|table| file.code_view(table));
    let (guid, pdb) = debug.unwrap_or_default();
    let has = |flag: u16| windows.dll_characteristics & flag != 0;
    let relocations = coff.characteristics & IMAGE_FILE_RELOCS_STRIPPED == 0;
    Ok(Binary {
        class: if optional.standard_fields.magic == MAGIC_64 {
            64
        } else {
            32
        },
        system: system::of_subsystem(windows.subsystem),
        linkage: if needed.is_empty() && delay_needed.is_empty() {
            Linkage::Static
        } else {
            Linkage::Dynamic
        },
        needed,
        nx: Some(has(NX_COMPAT)),
        pie: Some(has(DYNAMIC_BASE) && relocations),
        build_id: guid,
        pe: Some(Pe {
            subsystem: subsystem(windows.subsystem),
            dynamic_base: has(DYNAMIC_BASE),
            relocations,
            high_entropy_va: has(HIGH_ENTROPY_VA),
            nx_compat: has(NX_COMPAT),
            guard_cf: has(GUARD_CF),
            force_integrity: has(FORCE_INTEGRITY),
            delay_needed,
            pdb,
            signed: directories
                .get_certificate_table()
                .is_some_and(|table| is_signed(bytes, table)),
        }),
        ..plain
    })
}

/// Returns Microsoft's name of a subsystem.
fn subsystem(number: u16) -> String {
    match SUBSYSTEMS.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => format!("IMAGE_SUBSYSTEM_{name}"),
        None => format!("{number:#x}"),
    }
}

/// Returns true if the certificate table has contents. Its address is an offset in the file, unlike
/// those of all other directories.
fn is_signed(bytes: &[u8], table: &DataDirectory) -> bool {
    let (start, size) = (table.virtual_address as usize, table.size as usize);
    let whole = start
        .checked_add(size)
        .and_then(|end| bytes.get(start..end));
    size > 0 && whole.is_some()
}

/// Rows of a directory that names DLLs.
struct Rows {
    /// Name in messages.
    name: &'static str,
    /// Bytes of one row.
    size: usize,
    /// Offset of the name's address within a row.
    dll: usize,
    /// True if the first word of a row tells whether its addresses are relative.
    has_attributes: bool,
}

const IMPORTS: Rows = Rows {
    name: "import directory",
    size: 20,
    dll: 12,
    has_attributes: false,
};

const DELAY_IMPORTS: Rows = Rows {
    name: "delay import directory",
    size: 32,
    dll: 4,
    has_attributes: true,
};

/// A file, and what is needed to find an address in it.
struct File<'a> {
    bytes: &'a [u8],
    sections: &'a [SectionTable],
    alignment: u32,
    image_base: u64,
}

impl File<'_> {
    /// Returns the offset of a relative address.
    fn offset(&self, address: u64) -> Option<usize> {
        let address = usize::try_from(address).ok()?;
        find_offset(
            address,
            self.sections,
            self.alignment,
            &ParseOptions::default(),
        )
    }

    /// Reads the names of the DLLs in a directory, sorted and without duplicates.
    fn libraries(&self, table: &DataDirectory, rows: &Rows) -> Result<Vec<String>, String> {
        let damaged = || {
            format!(
                "its PE headers cannot be read: the {} is damaged",
                rows.name
            )
        };
        if table.virtual_address == 0 {
            return Ok(Vec::new());
        }
        let start = self.offset(table.virtual_address.into());
        let start = start.ok_or_else(damaged)?;
        let mut needed = Vec::new();
        for number in 0..MOST_LIBRARIES {
            let row = start
                .checked_add(number * rows.size)
                .and_then(|at| self.bytes.get(at..at.checked_add(rows.size)?))
                .ok_or_else(damaged)?;
            // An entry of zeros ends the directory.
            if row.iter().all(|byte| *byte == 0) {
                needed.sort();
                needed.dedup();
                return Ok(needed);
            }
            let mut address = little(row, rows.dll, 4).ok_or_else(damaged)?;
            // Visual C++ 6 wrote absolute addresses.
            let is_relative = !rows.has_attributes || row[0] & 1 == 1;
            if !is_relative {
                address = address.checked_sub(self.image_base).ok_or_else(damaged)?;
            }
            let name = self
                .offset(address)
                .and_then(|at| text(self.bytes, at, LONGEST_NAME))
                .ok_or_else(damaged)?;
            needed.push(name);
        }
        Err("its PE headers name more libraries than a program has".to_owned())
    }

    /// Reads the GUID and the path of the PDB from the debug directory; `None` if it names none, or
    /// is not in the file, as in some that were stripped.
    fn code_view(&self, table: &DataDirectory) -> Option<(Option<String>, Option<String>)> {
        const ROW: usize = 28;
        const CODE_VIEW: u64 = 2;
        const GUID: usize = 16;
        let start = self.offset(table.virtual_address.into())?;
        let count = (table.size as usize / ROW).min(MOST_DEBUG);
        for number in 0..count {
            let row = self.bytes.get(start.checked_add(number * ROW)?..)?;
            let (kind, at) = (little(row, 12, 4)?, little(row, 24, 4)? as usize);
            if kind != CODE_VIEW {
                continue;
            }
            let contents = self.bytes.get(at..)?;
            let (id, path) = match contents.get(..4)? {
                // Since Visual C++ 7: GUID, age, path.
                b"RSDS" => (Some(hex(contents.get(4..4 + GUID)?)), 24),
                // Visual C++ 6: offset, time, age, path.
                b"NB10" => (None, 16),
                _ => continue,
            };
            let path = text(contents, path, LONGEST_PATH).filter(|path| !path.is_empty());
            return Some((id, path));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offset of the optional header, of the data directories and of the section's contents, which
    /// are loaded at 0x1000.
    const OPTIONAL: usize = 0x98;
    const DIRECTORIES: usize = OPTIONAL + 112;
    const CONTENTS: usize = 0x200;

    fn put(bytes: &mut [u8], at: usize, part: &[u8]) {
        bytes[at..at + part.len()].copy_from_slice(part);
    }

    /// Sets a data directory: its address relative to the section, and its size.
    fn directory(bytes: &mut [u8], index: usize, at: u32, size: u32) {
        put(bytes, DIRECTORIES + 8 * index, &(0x1000 + at).to_le_bytes());
        put(bytes, DIRECTORIES + 8 * index + 4, &size.to_le_bytes());
    }

    #[test]
    fn assemblies_of_dotnet_are_for_any_processor() {
        let assembly = |machine: u16, flags: u32| {
            let mut bytes = exe(0, 0);
            put(&mut bytes, 0x84, &machine.to_le_bytes());
            directory(&mut bytes, 14, 0x180, 72);
            put(&mut bytes, CONTENTS + 0x180 + 16, &flags.to_le_bytes());
            is_for_dotnet(&bytes)
        };
        assert!(assembly(0x14c, 0x1));
        assert!(assembly(0x14c, 0x9));
        assert!(assembly(0x14c, 0x2_0003));
        // For 32 bits, with native code, for another processor, and no assembly at all.
        assert!(!assembly(0x14c, 0x3));
        assert!(!assembly(0x14c, 0));
        assert!(!assembly(0x8664, 0x1));
        assert!(!is_for_dotnet(&exe(0, 0)));
        assert!(!is_for_dotnet(b"MZ"));
    }

    /// Returns a program of 64 bits with an import, a delayed import and a PDB.
    fn exe(characteristics: u16, dll_characteristics: u16) -> Vec<u8> {
        let mut bytes = vec![0; 0x600];
        let it = &mut bytes;
        put(it, 0, b"MZ");
        put(it, 0x3c, &[0x80]);
        put(it, 0x80, b"PE\0\0\x64\x86\x01\0");
        put(it, 0x94, &[240, 0]);
        put(it, 0x96, &characteristics.to_le_bytes());
        put(it, OPTIONAL, &[0x0b, 0x02]);
        put(it, OPTIONAL + 24, &0x1_4000_0000_u64.to_le_bytes());
        put(it, OPTIONAL + 32, &[0, 0x10, 0, 0, 0, 2, 0, 0]);
        put(it, OPTIONAL + 68, &[3, 0]);
        put(it, OPTIONAL + 70, &dll_characteristics.to_le_bytes());
        put(it, OPTIONAL + 108, &[16]);
        put(
            it,
            0x188,
            b".rdata\0\0\0\x04\0\0\0\x10\0\0\0\x04\0\0\0\x02\0\0",
        );
        directory(it, 1, 0, 40);
        put(it, CONTENTS + 12, &[0x80, 0x10]);
        put(it, CONTENTS + 0x80, b"KERNEL32.dll");
        directory(it, 13, 0x100, 64);
        put(it, CONTENTS + 0x100, &[1, 0, 0, 0, 0x90, 0x10]);
        put(it, CONTENTS + 0x90, b"bcrypt.dll");
        directory(it, 6, 0x200, 28);
        put(it, CONTENTS + 0x200 + 12, &[2]);
        put(it, CONTENTS + 0x200 + 24, &[0x40, 4]);
        put(it, 0x440, b"RSDS\x01\x02\x03\x04\x05\x06\x07\x08");
        put(it, 0x440 + 24, br"C:\build\app.pdb");
        bytes
    }

    const RUST: u16 = HIGH_ENTROPY_VA | DYNAMIC_BASE | NX_COMPAT;

    #[test]
    fn what_the_linker_was_told_is_read_off_the_headers() {
        let binary = inspect(&exe(0x22, RUST)).unwrap();
        let expected = Pe {
            subsystem: "IMAGE_SUBSYSTEM_WINDOWS_CUI".to_owned(),
            dynamic_base: true,
            relocations: true,
            high_entropy_va: true,
            nx_compat: true,
            guard_cf: false,
            force_integrity: false,
            delay_needed: vec!["bcrypt.dll".to_owned()],
            pdb: Some(r"C:\build\app.pdb".to_owned()),
            signed: false,
        };
        assert_eq!(binary.pe, Some(expected));
        assert_eq!(
            (binary.pie, binary.nx, binary.stripped),
            (Some(true), Some(true), Some(true))
        );
        assert_eq!((binary.class, binary.kind.as_str()), (64, "EXE"));
        assert_eq!(binary.needed, ["KERNEL32.dll"]);
        let guid = "01020304050607080000000000000000";
        assert_eq!(binary.build_id.as_deref(), Some(guid));
        assert_eq!(
            (binary.relro, binary.text_relocations),
            (None, None),
            "ELF alone has them"
        );
    }

    #[test]
    fn a_program_without_relocations_stays_at_its_address() {
        let binary = inspect(&exe(0x23, RUST)).unwrap();
        assert_eq!(binary.pie, Some(false));
        let binary = inspect(&exe(0x22, GUARD_CF | FORCE_INTEGRITY)).unwrap();
        let pe = binary.pe.unwrap();
        assert_eq!(
            (
                pe.dynamic_base,
                pe.nx_compat,
                pe.guard_cf,
                pe.force_integrity
            ),
            (false, false, true, true)
        );
        assert_eq!((binary.pie, binary.nx), (Some(false), Some(false)));
    }

    #[test]
    fn a_dll_is_no_program_and_a_signature_is_seen() {
        let mut bytes = exe(0x2022, RUST);
        // The address is an offset in the file.
        put(&mut bytes, DIRECTORIES + 8 * 4, &[0, 5, 0, 0, 8, 0, 0, 0]);
        let binary = inspect(&bytes).unwrap();
        assert_eq!((binary.kind.as_str(), binary.executable), ("DLL", false));
        assert!(binary.pe.unwrap().signed);
        put(&mut bytes, DIRECTORIES + 8 * 4, &[0, 7, 0, 0, 8, 0, 0, 0]);
        assert!(!inspect(&bytes).unwrap().pe.unwrap().signed);
    }

    #[test]
    fn damaged_directories_are_refused_or_left_out() {
        let mut bytes = exe(0x22, RUST);
        directory(&mut bytes, 13, 0x9000, 64);
        assert_eq!(
            inspect(&bytes).unwrap_err(),
            "its PE headers cannot be read: the delay import directory is damaged"
        );
        let mut bytes = exe(0x22, RUST);
        directory(&mut bytes, 6, 0x9000, 28);
        assert_eq!(inspect(&bytes).unwrap().pe.unwrap().pdb, None);
        // An address that lies before the program.
        let mut bytes = exe(0x22, RUST);
        bytes[CONTENTS + 0x100] = 0;
        assert!(inspect(&bytes).is_err());
    }

    #[test]
    fn every_cut_and_every_wrong_byte_ends_without_a_panic() {
        let mut bytes = exe(0x22, RUST);
        for length in 0..bytes.len() {
            let _ = crate::inspect::inspect(&bytes[..length]);
        }
        for at in 0..bytes.len() {
            let right = bytes[at];
            for wrong in [0xff, 0x7f, right ^ 1] {
                bytes[at] = wrong;
                let _ = crate::inspect::inspect(&bytes);
            }
            bytes[at] = right;
        }
    }
}
