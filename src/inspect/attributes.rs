//! Attributes of an ELF file about its whole code, as Arm and RISC-V record them in one format.
//!
//! Source: <https://github.com/ARM-software/abi-aa/blob/main/addenda32/addenda32.rst>.

use std::ops::Range;

use goblin::elf::Elf;
use goblin::elf::header::EM_RISCV;

use crate::inspect::reader::Reader;

/// Type of the section with the attributes of Arm and of RISC-V, and of RISC-V's segment.
pub const ATTRIBUTES: u32 = 0x7000_0003;

/// One attribute of the whole file.
pub struct Attribute<'a> {
    /// Number of its meaning.
    pub tag: u64,
    /// Value.
    pub value: Value<'a>,
}

/// Value of an attribute.
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// A text without its NUL.
    Text(&'a [u8]),
}

/// Returns true if the attribute of this tag is a text on RISC-V.
pub fn is_odd(tag: u64) -> bool {
    tag % 2 == 1
}

/// Returns true if the attribute of this tag is a text on Arm. Below 32 only the names of
/// processors are.
pub fn is_arm_text(tag: u64) -> bool {
    matches!(tag, 4 | 5) || tag > 32 && is_odd(tag)
}

/// Tag of Arm with a number and a text.
const TAG_COMPATIBILITY: u64 = 32;

/// Tag of the subsection about the whole file.
const TAG_FILE: u64 = 1;

/// Returns the bytes of the attributes' section, or of the segment in a file without sections.
fn attributes_range(elf: &Elf) -> Option<Range<usize>> {
    let section = elf
        .section_headers
        .iter()
        .find(|header| header.sh_type == ATTRIBUTES)
        .and_then(|header| header.file_range());
    let segment = || {
        elf.program_headers
            .iter()
            .find(|header| header.p_type == ATTRIBUTES && elf.header.e_machine == EM_RISCV)
            .map(|header| header.file_range())
    };
    section.or_else(segment)
}

/// Reads the attributes of a vendor about the whole file.
pub fn attributes<'a>(
    elf: &Elf,
    bytes: &'a [u8],
    vendor: &str,
    is_text: fn(u64) -> bool,
) -> Result<Vec<Attribute<'a>>, String> {
    let Some(range) = attributes_range(elf) else {
        return Ok(Vec::new());
    };
    bytes
        .get(range)
        .and_then(|section| parse(section, elf.little_endian, vendor, is_text))
        .ok_or_else(|| "its attributes are damaged".to_owned())
}

/// Maximum number of attributes. There are some seventy tags.
pub const MOST_ATTRIBUTES: usize = 1000;

/// Parses a section of attributes; `None` if it is damaged.
fn parse<'a>(
    section: &'a [u8],
    little: bool,
    vendor: &str,
    is_text: fn(u64) -> bool,
) -> Option<Vec<Attribute<'a>>> {
    let mut found = Vec::new();
    let mut reader = Reader {
        rest: section,
        little,
    };
    // Another version of the format is not damage.
    if reader.take(1).is_none_or(|version| version != b"A") {
        return Some(found);
    }
    while !reader.rest.is_empty() {
        let size = reader.word()?;
        let mut of_vendor = reader.part((size as usize).checked_sub(4)?)?;
        if of_vendor.text()? != vendor.as_bytes() {
            continue;
        }
        while !of_vendor.rest.is_empty() {
            let before = of_vendor.rest.len();
            let scope = of_vendor.uleb()?;
            let size = of_vendor.word()? as usize;
            let header = before - of_vendor.rest.len();
            let mut part = of_vendor.part(size.checked_sub(header)?)?;
            while scope == TAG_FILE && !part.rest.is_empty() {
                let tag = part.uleb()?;
                if tag == TAG_COMPATIBILITY {
                    part.uleb()?;
                    part.text()?;
                    continue;
                }
                let value = if is_text(tag) {
                    Value::Text(part.text()?)
                } else {
                    Value::Number(part.uleb()?)
                };
                found.push(Attribute { tag, value });
                if found.len() > MOST_ATTRIBUTES {
                    return None;
                }
            }
        }
    }
    Some(found)
}

/// Returns the last number of a tag.
pub fn number(found: &[Attribute], tag: u64) -> Option<u64> {
    found
        .iter()
        .rev()
        .find_map(|attribute| match attribute.value {
            Value::Number(number) if attribute.tag == tag => Some(number),
            _ => None,
        })
}
