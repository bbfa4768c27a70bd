//! Level of an ELF file's code: what the file itself says about the processor that it needs.
//!
//! - Arm: `.ARM.attributes`. GNU ld merges the attributes of all objects; lld keeps those of the
//!   first, so they are a lower bound there.
//! - RISC-V: `.riscv.attributes`, and the ABI in `e_flags`.
//! - x86: `.note.gnu.property`, which only code contains that was marked (`-z x86-64-v3`): neither
//!   rustc nor GCC mark what they compile, and lld drops the mark, so its absence proves nothing.
//! - PowerPC: the ABI in `e_flags`.
//! - Other processors record nothing.
//!
//! Sources: [`super::attributes`], <https://github.com/riscv-non-isa/riscv-elf-psabi-doc/blob/master/riscv-elf.adoc>,
//! <https://gitlab.com/x86-psABIs/Linux-ABI>.

use std::collections::BTreeSet;

use goblin::elf::Elf;
use goblin::elf::header::{EM_386, EM_ARM, EM_PPC64, EM_RISCV, EM_X86_64};

use crate::inspect::attributes::{Attribute, Value, attributes, is_arm_text, is_odd, number};
use crate::inspect::reader::Reader;
use crate::target::level::{ArmFp, ArmSimd, ArmVersion, ElfAbi, Level, RiscvFloat, X86Isa};

/// Segment with the note of properties, and the note's section and type.
const PT_GNU_PROPERTY: u32 = 0x6474_e553;

const PROPERTY_SECTION: &str = ".note.gnu.property";

const NT_GNU_PROPERTY_TYPE_0: u32 = 5;

/// Property with one bit for each x86-64 level that the code needs.
const X86_ISA_1_NEEDED: u32 = 0xc000_8002;

/// Bits of RISC-V's `e_flags`.
const EF_RISCV_RVC: u32 = 0x1;

const EF_RISCV_FLOAT: u32 = 0x6;

/// Bits of the ABI in `e_flags` of 64-bit PowerPC.
const EF_PPC64_ABI: u32 = 0x3;

/// Returns the level of a file's code; `None` if the file does not record it.
///
/// # Errors
/// The attributes are damaged, as a clause.
pub fn level(elf: &Elf, bytes: &[u8]) -> Result<Option<Level>, String> {
    Ok(match elf.header.e_machine {
        EM_ARM => arm(&attributes(elf, bytes, "aeabi", is_arm_text)?),
        EM_RISCV => Some(riscv(
            &attributes(elf, bytes, "riscv", is_odd)?,
            elf.header.e_flags,
        )?),
        EM_386 | EM_X86_64 => x86(elf, bytes),
        EM_PPC64 => match elf.header.e_flags & EF_PPC64_ABI {
            1 => Some(Level::Powerpc64 { abi: ElfAbi::V1 }),
            2 => Some(Level::Powerpc64 { abi: ElfAbi::V2 }),
            _ => None,
        },
        _ => None,
    })
}

/// Returns true if an Arm file says that it passes floats in floating-point registers
/// (`Tag_ABI_VFP_args`); programs that GNU ld before 2.23 linked say so only there.
pub fn has_vfp_args(elf: &Elf, bytes: &[u8]) -> bool {
    const TAG_ABI_VFP_ARGS: u64 = 28;
    elf.header.e_machine == EM_ARM
        && attributes(elf, bytes, "aeabi", is_arm_text)
            .is_ok_and(|found| number(&found, TAG_ABI_VFP_ARGS) == Some(1))
}

/// Returns the level in Arm's attributes. Their default, 0, is what is not said.
fn arm(found: &[Attribute]) -> Option<Level> {
    const TAG_CPU_ARCH: u64 = 6;
    const TAG_FP_ARCH: u64 = 10;
    const TAG_ADVANCED_SIMD_ARCH: u64 = 12;
    let version = match number(found, TAG_CPU_ARCH)? {
        0 => ArmVersion::PreV4,
        1 => ArmVersion::V4,
        2 => ArmVersion::V4t,
        3 => ArmVersion::V5t,
        4 => ArmVersion::V5te,
        5 => ArmVersion::V5tej,
        6 => ArmVersion::V6,
        7 => ArmVersion::V6kz,
        8 => ArmVersion::V6t2,
        9 => ArmVersion::V6k,
        10 => ArmVersion::V7,
        11 | 12 | 13 | 16 | 17 | 21 => ArmVersion::Microcontroller,
        // 18 to 20 are later revisions of version 8.
        14 | 15 | 18..=20 => ArmVersion::V8,
        _ => ArmVersion::V9,
    };
    let fp = match number(found, TAG_FP_ARCH).unwrap_or(0) {
        0 => None,
        1 => Some(ArmFp::Vfpv1),
        2 => Some(ArmFp::Vfpv2),
        3 => Some(ArmFp::Vfpv3),
        4 => Some(ArmFp::Vfpv3D16),
        5 => Some(ArmFp::Vfpv4),
        6 => Some(ArmFp::Vfpv4D16),
        8 => Some(ArmFp::Armv8D16),
        _ => Some(ArmFp::Armv8),
    };
    let simd = match number(found, TAG_ADVANCED_SIMD_ARCH).unwrap_or(0) {
        0 => None,
        1 => Some(ArmSimd::Neonv1),
        2 => Some(ArmSimd::Neonv1Fma),
        3 => Some(ArmSimd::Armv8),
        _ => Some(ArmSimd::Armv81),
    };
    Some(Level::Arm { version, fp, simd })
}

/// Returns the level of a RISC-V file. Its ABI is always known, its extensions are those of the
/// attributes.
fn riscv(found: &[Attribute], flags: u32) -> Result<Level, String> {
    const TAG_RISCV_ARCH: u64 = 5;
    let text = found
        .iter()
        .rev()
        .find_map(|attribute| match attribute.value {
            Value::Text(text) if attribute.tag == TAG_RISCV_ARCH => Some(text),
            _ => None,
        });
    let mut extensions = match text {
        Some(text) => std::str::from_utf8(text)
            .ok()
            .and_then(extensions)
            .ok_or("its RISC-V extensions cannot be read")?,
        None => BTreeSet::new(),
    };
    if flags & EF_RISCV_RVC != 0 {
        extensions.insert("c".to_owned());
    }
    let float = match flags & EF_RISCV_FLOAT {
        0 => RiscvFloat::Soft,
        2 => RiscvFloat::Single,
        4 => RiscvFloat::Double,
        _ => RiscvFloat::Quad,
    };
    Ok(Level::Riscv { extensions, float })
}

/// Parses the extensions of an ISA string (`rv64i2p1_m2p0_zicsr2p0`); `None` if it is not one.
fn extensions(isa: &str) -> Option<BTreeSet<String>> {
    let isa = isa.to_ascii_lowercase();
    let names = isa
        .strip_prefix("rv64")
        .or_else(|| isa.strip_prefix("rv32"))?;
    if !names
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    {
        return None;
    }
    let mut found = BTreeSet::new();
    for word in names.split('_').filter(|word| !word.is_empty()) {
        let mut rest = word;
        // Single letters may follow each other, each with a version of its own.
        while let Some(letter) = rest.chars().next() {
            if matches!(letter, 'z' | 's' | 'x') {
                found.insert(without_version(rest).to_owned());
                break;
            }
            if !letter.is_ascii_lowercase() {
                return None;
            }
            rest = after_version(&rest[1..]);
            match letter {
                'g' => {
                    found.extend(["i", "m", "a", "f", "d", "zicsr", "zifencei"].map(str::to_owned))
                }
                letter => _ = found.insert(letter.to_string()),
            }
        }
    }
    Some(found)
}

/// Cuts a version (`2p0`) from the end of an extension's name.
fn without_version(name: &str) -> &str {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let minor = name.trim_end_matches(is_digit);
    match minor
        .strip_suffix('p')
        .map(|rest| (rest, rest.trim_end_matches(is_digit)))
    {
        Some((rest, major)) if minor.len() < name.len() && major.len() < rest.len() => major,
        _ => minor,
    }
}

/// Cuts a version from the beginning.
fn after_version(text: &str) -> &str {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let after_major = text.trim_start_matches(is_digit);
    match after_major
        .strip_prefix('p')
        .map(|rest| (rest, rest.trim_start_matches(is_digit)))
    {
        // `p` without digits around it is the letter of an extension.
        Some((rest, minor)) if after_major.len() < text.len() && minor.len() < rest.len() => minor,
        _ => after_major,
    }
}

/// Returns the level that the file is marked with. A damaged note counts as none: the loader
/// ignores it, too.
fn x86(elf: &Elf, bytes: &[u8]) -> Option<Level> {
    let segment = elf
        .program_headers
        .iter()
        .find(|header| header.p_type == PT_GNU_PROPERTY)
        .map(|header| header.file_range());
    let section = || {
        let is_note = |name: usize| elf.shdr_strtab.get_at(name) == Some(PROPERTY_SECTION);
        elf.section_headers
            .iter()
            .find(|header| is_note(header.sh_name))
            .and_then(|header| header.file_range())
    };
    let notes = bytes.get(segment.or_else(section)?)?;
    let align = if elf.is_64 { 8 } else { 4 };
    let bits = needed(notes, elf.little_endian, align)?;
    let isa = match bits {
        0 => return None,
        1 => X86Isa::V1,
        2 | 3 => X86Isa::V2,
        4..=7 => X86Isa::V3,
        8..=15 => X86Isa::V4,
        _ => X86Isa::Later,
    };
    Some(Level::X86 { isa })
}

/// Returns the bits of [`X86_ISA_1_NEEDED`] in these notes.
fn needed(notes: &[u8], little: bool, align: usize) -> Option<u32> {
    let mut reader = Reader {
        rest: notes,
        little,
    };
    let mut bits = None;
    while !reader.rest.is_empty() {
        let (name, size, kind) = (reader.word()?, reader.word()? as usize, reader.word()?);
        let name = reader.take(name as usize)?;
        reader.skip_to(name.len(), 4)?;
        let mut properties = reader.part(size)?;
        reader.skip_to(size, align)?;
        if kind != NT_GNU_PROPERTY_TYPE_0 || name != b"GNU\0" {
            continue;
        }
        while !properties.rest.is_empty() {
            let (kind, size) = (properties.word()?, properties.word()? as usize);
            let mut value = properties.part(size)?;
            properties.skip_to(size, align)?;
            if kind == X86_ISA_1_NEEDED {
                bits = Some(bits.unwrap_or(0) | value.word()?);
            }
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::attributes::{ATTRIBUTES, MOST_ATTRIBUTES};
    use crate::inspect::{InspectError, inspect};

    /// Returns a little-endian ELF file with one section, or one segment, of this type.
    fn file(machine: u16, class: u8, flags: u32, kind: u32, contents: &[u8]) -> Vec<u8> {
        let is_64 = class == 2;
        let header_size: usize = if is_64 { 64 } else { 52 };
        let mut bytes = vec![0_u8; header_size];
        bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
        bytes[16..18].copy_from_slice(&2_u16.to_le_bytes());
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[20] = 1;
        let table = header_size + contents.len();
        let half = |bytes: &mut Vec<u8>, at: usize, value: usize| {
            bytes[at..at + 2].copy_from_slice(&u16::try_from(value).unwrap().to_le_bytes());
        };
        let word = |bytes: &mut Vec<u8>, at: usize, value: usize| {
            bytes[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_le_bytes());
        };
        let is_segment = kind == PT_GNU_PROPERTY;
        let (table_at, flags_at) = match (is_64, is_segment) {
            (true, true) => (32, 48),
            (true, false) => (40, 48),
            (false, true) => (28, 36),
            (false, false) => (32, 36),
        };
        word(&mut bytes, table_at, table);
        bytes[flags_at..flags_at + 4].copy_from_slice(&flags.to_le_bytes());
        half(&mut bytes, flags_at + 4, header_size);
        let (entry, count) = match (is_64, is_segment) {
            (true, true) => (56, flags_at + 6),
            (true, false) => (64, flags_at + 10),
            (false, true) => (32, flags_at + 6),
            (false, false) => (40, flags_at + 10),
        };
        half(&mut bytes, count, entry);
        half(&mut bytes, count + 2, if is_segment { 1 } else { 2 });
        bytes.extend(contents);
        // The first section is none.
        if !is_segment {
            bytes.extend(vec![0_u8; entry]);
        }
        let mut header = vec![0_u8; entry];
        let kind = kind as usize;
        match (is_64, is_segment) {
            (true, true) => {
                word(&mut header, 0, kind);
                word(&mut header, 8, header_size);
                word(&mut header, 32, contents.len());
            }
            (false, true) => {
                word(&mut header, 0, kind);
                word(&mut header, 4, header_size);
                word(&mut header, 16, contents.len());
            }
            (true, false) => {
                word(&mut header, 4, kind);
                word(&mut header, 24, header_size);
                word(&mut header, 32, contents.len());
            }
            (false, false) => {
                word(&mut header, 4, kind);
                word(&mut header, 16, header_size);
                word(&mut header, 20, contents.len());
            }
        }
        bytes.extend(header);
        bytes
    }

    /// Returns a section of attributes about the whole file.
    fn section(vendor: &str, attributes: &[u8]) -> Vec<u8> {
        let size = |size: usize| u32::try_from(size).unwrap().to_le_bytes();
        let mut whole = b"A".to_vec();
        whole.extend(size(4 + vendor.len() + 1 + 5 + attributes.len()));
        whole.extend(vendor.as_bytes());
        whole.push(0);
        whole.push(1);
        whole.extend(size(5 + attributes.len()));
        whole.extend(attributes);
        whole
    }

    fn read(bytes: &[u8]) -> Result<Option<Level>, InspectError> {
        inspect(bytes).map(|binary| binary.level)
    }

    /// `CPU_name`, `CPU_arch`, `CPU_arch_profile`, `FP_arch`, `Advanced_SIMD_arch`, compatibility
    /// and `ABI_VFP_args`, as GNU as writes them for ARMv7.
    const ARMV7: &[u8] = &[
        5, b'7', b'-', b'A', 0, 6, 10, 7, b'A', 10, 4, 12, 1, 32, 0, b'x', 0, 28, 1,
    ];

    #[test]
    fn arms_attributes_are_read() {
        let bytes = file(EM_ARM, 1, 0x0500_0000, ATTRIBUTES, &section("aeabi", ARMV7));
        let binary = inspect(&bytes).unwrap();
        assert_eq!(
            binary.level,
            Some(Level::Arm {
                version: ArmVersion::V7,
                fp: Some(ArmFp::Vfpv3D16),
                simd: Some(ArmSimd::Neonv1),
            })
        );
        assert_eq!(crate::inspect::binary::json_name(&binary.float_abi), "hard");
    }

    #[test]
    fn attributes_of_another_vendor_or_version_say_nothing() {
        let other = section("gnu", ARMV7);
        assert_eq!(read(&file(EM_ARM, 1, 0, ATTRIBUTES, &other)), Ok(None));
        let mut version = section("aeabi", ARMV7);
        version[0] = b'B';
        assert_eq!(read(&file(EM_ARM, 1, 0, ATTRIBUTES, &version)), Ok(None));
        assert_eq!(read(&file(EM_ARM, 1, 0, ATTRIBUTES, &[])), Ok(None));
    }

    #[test]
    fn truncated_attributes_are_damage_wherever_they_end() {
        let whole = section("aeabi", ARMV7);
        let damaged = Err(InspectError::Damaged(
            "its attributes are damaged".to_owned(),
        ));
        for end in 2..whole.len() {
            assert_eq!(
                read(&file(EM_ARM, 1, 0, ATTRIBUTES, &whole[..end])),
                damaged,
                "{end}"
            );
        }
        // Lengths that lie, in both directions, and a number without an end.
        for (at, value) in [(1, 0_u8), (1, 3), (1, 255), (4, 255), (12, 0), (12, 255)] {
            let mut lying = whole.clone();
            lying[at] = value;
            assert_eq!(
                read(&file(EM_ARM, 1, 0, ATTRIBUTES, &lying)),
                damaged,
                "{at} {value}"
            );
        }
        let endless = section("aeabi", &[0xff; 40]);
        assert_eq!(read(&file(EM_ARM, 1, 0, ATTRIBUTES, &endless)), damaged);
        let many = section("aeabi", &[6, 10].repeat(MOST_ATTRIBUTES + 1));
        assert_eq!(read(&file(EM_ARM, 1, 0, ATTRIBUTES, &many)), damaged);
    }

    #[test]
    fn a_section_beyond_the_end_of_the_file_is_damage() {
        let mut bytes = file(EM_ARM, 1, 0, ATTRIBUTES, &section("aeabi", ARMV7));
        let header = bytes.len() - 40;
        bytes[header + 20..header + 24].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read(&bytes), Err(InspectError::Damaged(_))));
    }

    fn isa(text: &str) -> Option<String> {
        let found = extensions(text)?;
        Some(found.into_iter().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn isa_strings_are_read() {
        assert_eq!(
            isa("rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0_zmmul1p0").unwrap(),
            "a c d f i m zicsr zifencei zmmul"
        );
        assert_eq!(isa("rv64imafdc").unwrap(), "a c d f i m");
        assert_eq!(isa("rv32i2p0m2p0a2p0").unwrap(), "a i m");
        assert_eq!(isa("RV64GCV").unwrap(), "a c d f i m v zicsr zifencei");
        assert_eq!(
            isa("rv64i_zvl128b1p0_xtheadba1p0").unwrap(),
            "i xtheadba zvl128b"
        );
        for unreadable in [
            "",
            "rv",
            "rv128i",
            "rv64i-m",
            "rv64i\u{1b}[31m",
            "armv7",
            "rv642",
        ] {
            assert_eq!(isa(unreadable), None, "{unreadable:?}");
        }
    }

    #[test]
    fn riscvs_abi_is_known_without_attributes() {
        let bytes = file(EM_RISCV, 2, 0x5, 0, &[]);
        assert_eq!(
            read(&bytes),
            Ok(Some(Level::Riscv {
                extensions: ["c".to_owned()].into(),
                float: RiscvFloat::Double,
            }))
        );
        let mut attribute = vec![5];
        attribute.extend(b"rv64i2p1_v1p0\0");
        let bytes = file(EM_RISCV, 2, 0, ATTRIBUTES, &section("riscv", &attribute));
        assert_eq!(
            read(&bytes),
            Ok(Some(Level::Riscv {
                extensions: ["i".to_owned(), "v".to_owned()].into(),
                float: RiscvFloat::Soft,
            }))
        );
        let bytes = file(EM_RISCV, 2, 0, ATTRIBUTES, &section("riscv", b"\x05junk\0"));
        let why = "its RISC-V extensions cannot be read";
        assert_eq!(read(&bytes), Err(InspectError::Damaged(why.to_owned())));
    }

    #[test]
    fn powers_abi_is_in_the_header() {
        let abi = |flags| read(&file(EM_PPC64, 2, flags, 0, &[])).unwrap();
        assert_eq!(abi(0), None);
        assert_eq!(abi(1), Some(Level::Powerpc64 { abi: ElfAbi::V1 }));
        assert_eq!(abi(2), Some(Level::Powerpc64 { abi: ElfAbi::V2 }));
    }

    /// Returns a note of properties, of which the last has these bits.
    fn properties(bits: u32, align: usize) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, value) in [(0xc000_0002_u32, 3), (X86_ISA_1_NEEDED, bits)] {
            list.extend(kind.to_le_bytes());
            list.extend(4_u32.to_le_bytes());
            list.extend(value.to_le_bytes());
            list.resize(list.len().next_multiple_of(align), 0);
        }
        let mut note = 4_u32.to_le_bytes().to_vec();
        note.extend(u32::try_from(list.len()).unwrap().to_le_bytes());
        note.extend(NT_GNU_PROPERTY_TYPE_0.to_le_bytes());
        note.extend(b"GNU\0");
        note.extend(list);
        note
    }

    #[test]
    fn x86_levels_are_marked_by_bits() {
        let isa = |bits, class: u8| {
            let machine = if class == 2 { EM_X86_64 } else { EM_386 };
            let note = properties(bits, if class == 2 { 8 } else { 4 });
            match read(&file(machine, class, 0, PT_GNU_PROPERTY, &note)).unwrap() {
                Some(Level::X86 { isa }) => Some(isa),
                None => None,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(isa(0, 2), None);
        assert_eq!(isa(1, 2), Some(X86Isa::V1));
        assert_eq!(isa(3, 2), Some(X86Isa::V2));
        assert_eq!(isa(7, 2), Some(X86Isa::V3));
        assert_eq!(isa(15, 2), Some(X86Isa::V4));
        assert_eq!(isa(0x80, 2), Some(X86Isa::Later));
        assert_eq!(isa(1, 1), Some(X86Isa::V1));
    }

    #[test]
    fn a_damaged_note_counts_as_none() {
        let note = properties(7, 8);
        // Its last four bytes are padding.
        for end in 0..note.len() - 4 {
            let bytes = file(EM_X86_64, 2, 0, PT_GNU_PROPERTY, &note[..end]);
            assert_eq!(read(&bytes), Ok(None), "{end}");
        }
        for at in [0, 4, 16, 20] {
            let mut lying = note.clone();
            lying[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            let bytes = file(EM_X86_64, 2, 0, PT_GNU_PROPERTY, &lying);
            // A property of an unknown type is skipped.
            let expected = if at == 16 {
                Some(Level::X86 { isa: X86Isa::V3 })
            } else {
                None
            };
            assert_eq!(read(&bytes), Ok(expected), "{at}");
        }
    }
}
