//! Bytes of a finished file -> [`Binary`]: what it is for and what it asks of the machine it will
//! run on.
//!
//! Pure, and it judges nothing: that is `policy`. One file a format.

pub mod binary;
pub mod elf;
pub mod macho;
pub mod pe;
pub mod wasm;

use crate::inspect::binary::Binary;

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

/// Reads a file. The error is a clause that says why it is no program.
///
/// goblin adds up what headers say without asking whether it fits (the entry of a Mach-O, for one)
/// and panics on some files that were damaged or made to that end. Such a file is unreadable and
/// nothing more: nothing of ours is left half done, since reading changes nothing.
pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    std::panic::catch_unwind(|| read(bytes))
        .unwrap_or_else(|_| Err("its headers are damaged beyond reading".to_owned()))
}

/// What `.comment` of an object or a program says; nothing where it is no ELF file.
pub fn comments(bytes: &[u8]) -> Vec<String> {
    std::panic::catch_unwind(|| elf::comments(bytes)).unwrap_or_default()
}

fn read(bytes: &[u8]) -> Result<Binary, String> {
    match bytes {
        [] => Err("it is empty".to_owned()),
        [0x7f, b'E', b'L', b'F', ..] => elf::inspect(bytes),
        [b'M', b'Z', ..] => pe::inspect(bytes),
        [0, b'a', b's', b'm', ..] => wasm::inspect(bytes),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
        | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => macho::inspect(bytes),
        [b'#', b'!', ..] => Err("it is a script".to_owned()),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => Err("it is a static library".to_owned()),
        _ => Err(format!(
            "it begins with {:02x?}, which is none of ELF, Mach-O, PE and wasm",
            &bytes[..bytes.len().min(4)]
        )),
    }
}
