//! Sections of an ELF file: reads one by its name, and adds one that is not loaded.
//!
//! Pure, with a parser of its own, because a file is written by what it reads: offsets and widths of
//! the fields that goblin does not expose. Source: System V ABI, chapter 4, "Object Files".

use std::fmt;
use std::ops::Range;

/// Alignment of what is added to a file.
const ALIGNMENT: usize = 8;

/// First number of sections that the header cannot hold, SHN_LORESERVE.
const MOST_SECTIONS: usize = 0xff00;

/// SHT_PROGBITS: contents that the program defines.
const PROGBITS: u64 = 1;

/// SHT_STRTAB: strings.
const STRTAB: u64 = 3;

/// SHT_NOBITS: no contents in the file.
const NOBITS: u64 = 8;

/// SHF_ALLOC: the section is loaded.
const ALLOC: u64 = 2;

/// Reason why a section cannot be read or added. Displayed as a clause: `it has no section headers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionError {
    /// The file does not begin as an ELF file does.
    NotElf,
    /// The file has no section headers, or none with names.
    NoTable,
    /// The header table does not fit the file, and how.
    Damaged(&'static str),
    /// There is a section of this name.
    Exists,
    /// The header has no room for one more section, or for the offset of its contents.
    Full,
}

impl fmt::Display for SectionError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotElf => "it is not an ELF file",
            Self::NoTable => "it has no section headers",
            Self::Damaged(how) => how,
            Self::Exists => "it has a section of this name",
            Self::Full => "its header has no room for one more section",
        })
    }
}

/// Place of a field: offset and width in bytes.
type Field = (usize, usize);

/// Places of the fields of a class of ELF files.
#[derive(Debug)]
struct Class {
    /// Size of the file's header.
    header: usize,
    /// Offset of the table of section headers.
    e_shoff: Field,
    /// Size of an entry of the table.
    e_shentsize: Field,
    /// Number of the entries.
    e_shnum: Field,
    /// Index of the section with the names.
    e_shstrndx: Field,
    /// Size of a section header.
    entry: usize,
    /// Flags of a section.
    sh_flags: Field,
    /// Offset of its contents.
    sh_offset: Field,
    /// Size of its contents.
    sh_size: Field,
    /// Alignment of its contents.
    sh_addralign: Field,
}

/// Offset of a section's name in the names, in both classes.
const SH_NAME: Field = (0, 4);

/// Type of a section, in both classes.
const SH_TYPE: Field = (4, 4);

const CLASS_32: Class = Class {
    header: 52,
    e_shoff: (32, 4),
    e_shentsize: (46, 2),
    e_shnum: (48, 2),
    e_shstrndx: (50, 2),
    entry: 40,
    sh_flags: (8, 4),
    sh_offset: (16, 4),
    sh_size: (20, 4),
    sh_addralign: (32, 4),
};

const CLASS_64: Class = Class {
    header: 64,
    e_shoff: (40, 8),
    e_shentsize: (58, 2),
    e_shnum: (60, 2),
    e_shstrndx: (62, 2),
    entry: 64,
    sh_flags: (8, 8),
    sh_offset: (24, 8),
    sh_size: (32, 8),
    sh_addralign: (48, 8),
};

/// Table of section headers of a file.
struct Table {
    class: &'static Class,
    is_little: bool,
    /// Place of the table in the file.
    range: Range<usize>,
    /// Index of the section with the names.
    names_index: usize,
    /// Place of the names in the file.
    names: Range<usize>,
}

impl Table {
    fn parse(bytes: &[u8]) -> Result<Self, SectionError> {
        let class = match bytes {
            [0x7f, b'E', b'L', b'F', 1, ..] => &CLASS_32,
            [0x7f, b'E', b'L', b'F', 2, ..] => &CLASS_64,
            _ => return Err(SectionError::NotElf),
        };
        let is_little = match bytes.get(5) {
            Some(1) => true,
            Some(2) => false,
            _ => return Err(SectionError::NotElf),
        };
        if bytes.len() < class.header {
            return Err(SectionError::Damaged("its header is cut off"));
        }
        let field = |field| usize::try_from(get(bytes, 0, field, is_little)).unwrap_or(usize::MAX);
        let (start, count) = (field(class.e_shoff), field(class.e_shnum));
        let names_index = field(class.e_shstrndx);
        if start == 0 || count == 0 || names_index == 0 {
            return Err(SectionError::NoTable);
        }
        if field(class.e_shentsize) != class.entry {
            return Err(SectionError::Damaged(
                "its section headers have another size than the format's",
            ));
        }
        let end = start.checked_add(count * class.entry);
        let Some(end) = end.filter(|end| *end <= bytes.len() && start >= class.header) else {
            return Err(SectionError::Damaged(
                "its table of section headers is not within the file",
            ));
        };
        if names_index >= count {
            return Err(SectionError::Damaged(
                "the section with its names does not exist",
            ));
        }
        let mut table = Self {
            class,
            is_little,
            range: start..end,
            names_index,
            names: 0..0,
        };
        table.names = table.contents(bytes, names_index)?;
        let is_text = table.field(bytes, names_index, SH_TYPE) == STRTAB;
        let is_ended = bytes[table.names.clone()].last() == Some(&0);
        if !is_text || !is_ended {
            return Err(SectionError::Damaged(
                "the section with its names is no table of strings",
            ));
        }
        Ok(table)
    }

    /// Returns the number of sections.
    fn count(&self) -> usize {
        self.range.len() / self.class.entry
    }

    /// Reads a field of a section header.
    fn field(&self, bytes: &[u8], index: usize, field: Field) -> u64 {
        let at = self.range.start + index * self.class.entry;
        get(bytes, at, field, self.is_little)
    }

    /// Returns the place of a section's contents in the file.
    fn contents(&self, bytes: &[u8], index: usize) -> Result<Range<usize>, SectionError> {
        if self.field(bytes, index, SH_TYPE) == NOBITS {
            return Ok(0..0);
        }
        let field = |field| usize::try_from(self.field(bytes, index, field)).ok();
        let start = field(self.class.sh_offset);
        let size = field(self.class.sh_size);
        let range = start
            .zip(size)
            .and_then(|(start, size)| Some(start..start.checked_add(size)?));
        range
            .filter(|range| range.end <= bytes.len())
            .ok_or(SectionError::Damaged("a section is not within the file"))
    }

    /// Returns the index of the first section of this name.
    fn find(&self, bytes: &[u8], name: &str) -> Result<Option<usize>, SectionError> {
        let names = &bytes[self.names.clone()];
        for index in 0..self.count() {
            let at = usize::try_from(self.field(bytes, index, SH_NAME)).unwrap_or(usize::MAX);
            let rest = names.get(at..).filter(|rest| !rest.is_empty());
            let Some(rest) = rest else {
                return Err(SectionError::Damaged("a section has no name"));
            };
            let rest = rest.strip_prefix(name.as_bytes());
            if rest.is_some_and(|rest| rest.first() == Some(&0)) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }
}

/// Returns the contents of the first section of this name; `None` if there is none.
///
/// # Errors
/// The file has no table of sections that can be read.
pub fn section<'b>(bytes: &'b [u8], name: &str) -> Result<Option<&'b [u8]>, SectionError> {
    let table = Table::parse(bytes)?;
    let Some(index) = table.find(bytes, name)? else {
        return Ok(None);
    };
    Ok(Some(&bytes[table.contents(bytes, index)?]))
}

/// Adds a section that is not loaded, after all others. Everything in the file keeps its place: the
/// contents, the names and the header table are appended, and the header refers to the new table.
/// The old names and table become unused bytes, a few kilobytes.
///
/// # Errors
/// The file has no table of sections that can be read, one of this name, or no room for it.
pub fn with_section(
    mut bytes: Vec<u8>,
    name: &str,
    contents: &[u8],
) -> Result<Vec<u8>, SectionError> {
    let table = Table::parse(&bytes)?;
    if table.find(&bytes, name)?.is_some() {
        return Err(SectionError::Exists);
    }
    let Table {
        class,
        is_little,
        range,
        names_index,
        names,
    } = table;
    let count = range.len() / class.entry + 1;
    if count >= MOST_SECTIONS {
        return Err(SectionError::Full);
    }
    let names_entry = names_index * class.entry;
    let mut headers = bytes[range.clone()].to_vec();
    if get(&headers, names_entry, class.sh_flags, is_little) & ALLOC != 0 {
        return Err(SectionError::Damaged("its names of sections are loaded"));
    }
    let mut strings = bytes[names].to_vec();
    let name_at = strings.len();
    strings.extend(name.bytes().chain([0]));
    let contents_at = append(&mut bytes, contents);
    let strings_at = append(&mut bytes, &strings);
    for (field, value) in [
        (class.sh_offset, strings_at),
        (class.sh_size, strings.len()),
    ] {
        set(&mut headers, names_entry, field, is_little, value as u64);
    }
    let entry = headers.len();
    headers.resize(entry + class.entry, 0);
    for (field, value) in [
        (SH_NAME, name_at as u64),
        (SH_TYPE, PROGBITS),
        (class.sh_offset, contents_at as u64),
        (class.sh_size, contents.len() as u64),
        (class.sh_addralign, 1),
    ] {
        set(&mut headers, entry, field, is_little, value);
    }
    let headers_at = append(&mut bytes, &headers);
    let (_, width) = class.e_shoff;
    if width == 4 && u32::try_from(bytes.len()).is_err() {
        return Err(SectionError::Full);
    }
    set(&mut bytes, 0, class.e_shoff, is_little, headers_at as u64);
    set(&mut bytes, 0, class.e_shnum, is_little, count as u64);
    Ok(bytes)
}

/// Appends bytes at the next aligned offset, and returns that.
fn append(bytes: &mut Vec<u8>, more: &[u8]) -> usize {
    let at = bytes.len().next_multiple_of(ALIGNMENT);
    bytes.resize(at, 0);
    bytes.extend_from_slice(more);
    at
}

/// Reads a field that is within the bytes.
fn get(bytes: &[u8], at: usize, (offset, width): Field, is_little: bool) -> u64 {
    let part = &bytes[at + offset..at + offset + width];
    let digit = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if is_little {
        part.iter().rev().fold(0, digit)
    } else {
        part.iter().fold(0, digit)
    }
}

/// Writes a field that is within the bytes.
fn set(bytes: &mut [u8], at: usize, (offset, width): Field, is_little: bool, value: u64) {
    let part = &mut bytes[at + offset..at + offset + width];
    if is_little {
        part.copy_from_slice(&value.to_le_bytes()[..width]);
    } else {
        part.copy_from_slice(&value.to_be_bytes()[8 - width..]);
    }
}

#[cfg(test)]
mod tests {
    use goblin::elf::Elf;

    use super::*;

    /// Makes a program of one loaded segment, `.text` and the names, for a class and a byte order.
    fn program(bits: u8, is_little: bool) -> Vec<u8> {
        let class = if bits == 32 { &CLASS_32 } else { &CLASS_64 };
        let wide = if bits == 32 { 4 } else { 8 };
        let mut bytes = vec![0; class.header];
        bytes[..7].copy_from_slice(&[
            0x7f,
            b'E',
            b'L',
            b'F',
            if bits == 32 { 1 } else { 2 },
            if is_little { 1 } else { 2 },
            1,
        ]);
        let mut put = |field, value| set(&mut bytes, 0, field, is_little, value);
        // e_type (ET_EXEC), e_machine (EM_PPC, EM_PPC64), e_version, e_phoff.
        put((16, 2), 2);
        put((18, 2), if bits == 32 { 20 } else { 21 });
        put((20, 4), 1);
        put(
            if bits == 32 { (28, 4) } else { (32, 8) },
            class.header as u64,
        );
        let sizes = class.e_shentsize.0 - 6;
        // e_ehsize, e_phentsize, e_phnum, e_shentsize.
        put((sizes, 2), class.header as u64);
        let segment = if bits == 32 { 32 } else { 56 };
        put((sizes + 2, 2), segment);
        put((sizes + 4, 2), 1);
        put(class.e_shentsize, class.entry as u64);
        let segment_at = bytes.len();
        bytes.resize(segment_at + segment as usize, 0);
        let mut put = |field, value| set(&mut bytes, segment_at, field, is_little, value);
        put((0, 4), 1);
        let (p_offset, p_filesz) = if bits == 32 { (4, 16) } else { (8, 32) };
        let text_at = segment_at as u64 + segment;
        put((p_offset, wide), text_at);
        put((p_filesz, wide), 5);
        bytes.extend(b"code!");
        let names = b"\0.text\0.shstrtab\0";
        let names_at = bytes.len() as u64;
        bytes.extend(names);
        let table_at = bytes.len().next_multiple_of(4);
        bytes.resize(table_at + 3 * class.entry, 0);
        for (index, name, kind, at, size) in [
            (1, 1, PROGBITS, text_at, 5),
            (2, 7, STRTAB, names_at, names.len() as u64),
        ] {
            for (field, value) in [
                (SH_NAME, name),
                (SH_TYPE, kind),
                (class.sh_offset, at),
                (class.sh_size, size),
            ] {
                let at = table_at + index * class.entry;
                set(&mut bytes, at, field, is_little, value);
            }
        }
        set(&mut bytes, 0, class.e_shoff, is_little, table_at as u64);
        set(&mut bytes, 0, class.e_shnum, is_little, 3);
        set(&mut bytes, 0, class.e_shstrndx, is_little, 2);
        bytes
    }

    fn all() -> Vec<Vec<u8>> {
        [(32, true), (32, false), (64, true), (64, false)]
            .map(|(bits, is_little)| program(bits, is_little))
            .to_vec()
    }

    #[test]
    fn a_section_is_added_in_both_classes_and_byte_orders() {
        for old in all() {
            let new = with_section(old.clone(), ".dep-v0", b"list").unwrap();
            let elf = Elf::parse(&new).unwrap();
            let names: Vec<&str> = elf
                .section_headers
                .iter()
                .map(|section| elf.shdr_strtab.get_at(section.sh_name).unwrap())
                .collect();
            assert_eq!(names, ["", ".text", ".shstrtab", ".dep-v0"]);
            let added = &elf.section_headers[3];
            assert_eq!(&new[added.file_range().unwrap()], b"list");
            assert_eq!(
                (
                    added.sh_type,
                    added.sh_flags,
                    added.sh_addr,
                    added.sh_offset % 8
                ),
                (1, 0, 0, 0)
            );
            // Nothing has moved: only fields of the header differ.
            let class = if elf.is_64 { &CLASS_64 } else { &CLASS_32 };
            assert_eq!(new[class.header..old.len()], old[class.header..]);
            assert_eq!(new[..class.e_shoff.0], old[..class.e_shoff.0]);
            assert_eq!(
                elf.program_headers,
                Elf::parse(&old).unwrap().program_headers
            );
            assert_eq!(section(&new, ".dep-v0"), Ok(Some(&b"list"[..])));
            assert_eq!(section(&new, ".text"), Ok(Some(&b"code!"[..])));
            assert_eq!(section(&old, ".dep-v0"), Ok(None));
            assert_eq!(
                with_section(new, ".dep-v0", b"other"),
                Err(SectionError::Exists)
            );
        }
    }

    #[test]
    fn a_file_without_a_table_that_can_be_read_is_refused() {
        let changed = |at: Field, value: u64| {
            let mut bytes = program(64, true);
            set(&mut bytes, 0, at, true, value);
            with_section(bytes, ".dep-v0", b"list")
                .unwrap_err()
                .to_string()
        };
        let class = &CLASS_64;
        for (field, value, expected) in [
            ((0, 4), 0, "it is not an ELF file"),
            ((5, 1), 3, "it is not an ELF file"),
            (class.e_shoff, 0, "it has no section headers"),
            (class.e_shnum, 0, "it has no section headers"),
            (class.e_shstrndx, 0, "it has no section headers"),
            (
                class.e_shentsize,
                40,
                "its section headers have another size than the format's",
            ),
            (
                class.e_shoff,
                u64::MAX,
                "its table of section headers is not within the file",
            ),
            (
                class.e_shnum,
                4,
                "its table of section headers is not within the file",
            ),
            (
                class.e_shstrndx,
                0xffff,
                "the section with its names does not exist",
            ),
            (
                class.e_shstrndx,
                1,
                "the section with its names is no table of strings",
            ),
        ] {
            assert_eq!(changed(field, value), expected);
        }
        let cut = program(32, false)[..40].to_vec();
        assert_eq!(
            with_section(cut, ".dep-v0", b"").unwrap_err().to_string(),
            "its header is cut off"
        );
    }

    #[test]
    fn no_damage_leads_to_a_panic() {
        for bytes in all() {
            for at in 0..bytes.len() {
                for value in [0, 1, 2, 8, 0x7f, 0x80, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[at] = value;
                    let _ = section(&damaged, ".dep-v0");
                    let _ = with_section(damaged, ".dep-v0", b"list");
                }
                let _ = with_section(bytes[..at].to_vec(), ".dep-v0", b"list");
            }
        }
    }
}
