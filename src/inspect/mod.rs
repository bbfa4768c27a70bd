//! Bytes of a finished file -> [`Binary`]: what it is for and what it asks of the machine it will
//! run on.
//!
//! Pure, and it judges nothing: that is `policy`. One file a format.

pub mod binary;
pub mod elf;
pub mod macho;
pub mod pe;
pub mod wasm;

use std::fmt;

use crate::inspect::binary::Binary;

/// Reason why a file is not a program. Displayed as a clause: `it is a script`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InspectError {
    Empty,
    /// It begins with `#!`.
    Script,
    /// It begins with `!<arch>`.
    StaticLibrary,
    /// The first bytes, four at most, are of no format that is known.
    Unknown(Vec<u8>),
    /// A program of more bytes than are held in memory.
    TooLarge(u64),
    /// A program whose headers cannot be read, and how.
    Damaged(String),
}

impl fmt::Display for InspectError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("it is empty"),
            Self::Script => formatter.write_str("it is a script"),
            Self::StaticLibrary => formatter.write_str("it is a static library"),
            Self::Unknown(first) => write!(
                formatter,
                "it begins with {first:02x?}, which is none of ELF, Mach-O, PE and wasm"
            ),
            Self::TooLarge(size) => write!(
                formatter,
                "it is a program of {size} bytes, which is too large to be looked into"
            ),
            Self::Damaged(how) => formatter.write_str(how),
        }
    }
}

/// Whether a file that begins so says that it is a program; the first four bytes tell.
pub fn is_program(first: &[u8]) -> bool {
    matches!(
        first,
        [0x7f, b'E', b'L', b'F', ..]
            | [b'M', b'Z', ..]
            | [0, b'a', b's', b'm', ..]
            | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..]
    )
}

/// Reads a file.
///
/// goblin adds up what headers say without asking whether it fits (the entry of a Mach-O, for one)
/// and panics on some files that were damaged or made to that end. Such a file is unreadable and
/// nothing more: nothing of ours is left half done, since reading changes nothing.
pub fn inspect(bytes: &[u8]) -> Result<Binary, InspectError> {
    std::panic::catch_unwind(|| read(bytes)).unwrap_or_else(|_| {
        let how = "its headers are damaged beyond reading";
        Err(InspectError::Damaged(how.to_owned()))
    })
}

/// What `.comment` of an object or a program says; nothing where it is no ELF file.
pub fn comments(bytes: &[u8]) -> Vec<String> {
    std::panic::catch_unwind(|| elf::comments(bytes)).unwrap_or_default()
}

fn read(bytes: &[u8]) -> Result<Binary, InspectError> {
    let binary = match bytes {
        [] => return Err(InspectError::Empty),
        [0x7f, b'E', b'L', b'F', ..] => elf::inspect(bytes),
        [b'M', b'Z', ..] => pe::inspect(bytes),
        [0, b'a', b's', b'm', ..] => wasm::inspect(bytes),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
        | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => macho::inspect(bytes),
        [b'#', b'!', ..] => return Err(InspectError::Script),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => return Err(InspectError::StaticLibrary),
        _ => return Err(InspectError::Unknown(bytes[..bytes.len().min(4)].to_vec())),
    };
    binary.map_err(InspectError::Damaged)
}
