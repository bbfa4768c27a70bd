//! Reads the facts of a finished file into [`Binary`]: its platform, and its requirements of the
//! machine that runs it.
//!
//! Pure, and without judgment: the rules of `verify` and of the build apply these facts. One file
//! per format.

pub mod attributes;
pub mod auditable;
pub mod binary;
pub mod elf;
mod field;
pub mod level;
pub mod macho;
pub mod pe;
mod reader;
pub mod section;
mod signature;
pub mod system;
pub mod wasm;

use std::fmt;

use crate::inspect::binary::Binary;
use crate::target::system::Os;

/// Reason why a file is not a program. Displayed as a clause: `it is a script`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InspectError {
    Empty,
    /// It begins with `#!`.
    Script,
    /// It begins with `!<arch>`.
    StaticLibrary,
    /// A class of Java, whose magic is that of a universal Mach-O file.
    JavaClass,
    /// An assembly of .NET for any processor, whose header says x86.
    DotNet,
    /// An ELF object for the kernel's own machine (EM_BPF).
    Bpf,
    /// A file without code, split off a program (`objcopy --only-keep-debug`, `dsymutil`).
    DebugSymbols,
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
            Self::JavaClass => formatter.write_str("it is a Java class"),
            Self::DotNet => formatter.write_str("it is an assembly of .NET for any processor"),
            Self::Bpf => formatter.write_str("it is a BPF object"),
            Self::DebugSymbols => formatter.write_str("it has debug symbols, but no code"),
            Self::Unknown(first) => write!(
                formatter,
                "it begins with {first:02x?}, which is none of ELF, Mach-O, PE and wasm"
            ),
            Self::TooLarge(size) => write!(
                formatter,
                "it is a program of {size} bytes, too large to inspect"
            ),
            Self::Damaged(how) => formatter.write_str(how),
        }
    }
}

/// Returns true if the first bytes of a file are the magic of a program; eight bytes suffice.
pub fn is_program(first: &[u8]) -> bool {
    !is_java(first)
        && matches!(
            first,
            [0x7f, b'E', b'L', b'F', ..]
                | [b'M', b'Z', ..]
                | [0, b'a', b's', b'm', ..]
                | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
                | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
                | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..]
        )
}

/// Returns true if the first bytes are those of a Java class. After the magic, it has its version
/// (45 or more since Java 1.0), and a universal Mach-O file its number of slices.
fn is_java(first: &[u8]) -> bool {
    const FIRST_VERSION: u8 = 45;
    matches!(first, [0xca, 0xfe, 0xba, 0xbe, _, _, high, low, ..] if *high > 0 || *low >= FIRST_VERSION)
}

/// Reads the facts of a program.
///
/// goblin adds up numbers from headers without checking for overflow (the entry of a Mach-O file,
/// for one) and panics on some damaged or malicious files. Such a panic is caught and reported as
/// an unreadable file; reading changes no state, so nothing is left inconsistent.
///
/// # Errors
/// The file is not a readable program.
pub fn inspect(bytes: &[u8]) -> Result<Binary, InspectError> {
    std::panic::catch_unwind(|| read(bytes)).unwrap_or_else(|_| {
        let how = "its headers are damaged beyond reading";
        Err(InspectError::Damaged(how.to_owned()))
    })
}

/// Returns the operating system that a program was made for; `None` if nothing in it tells, or if it
/// is none of a target's.
///
/// What Solaris and illumos both have is [`Os::Solaris`].
pub fn system_of(binary: &Binary) -> Option<Os> {
    match binary.system?.os()? {
        // Runtimes of WASI 0.2 turn modules of 0.1 into components, but run nothing else.
        Os::Wasi if binary.kind == wasm::COMPONENT => Some(Os::WasiP2),
        Os::Wasi => Some(Os::WasiP1),
        system => Some(system),
    }
}

/// Returns the strings of `.comment` of an object or a program; empty if it is not an ELF file.
pub fn comments(bytes: &[u8]) -> Vec<String> {
    std::panic::catch_unwind(|| elf::comments(bytes)).unwrap_or_default()
}

fn read(bytes: &[u8]) -> Result<Binary, InspectError> {
    let binary = match bytes {
        [] => return Err(InspectError::Empty),
        [0x7f, b'E', b'L', b'F', ..] => return elf::inspect(bytes),
        [b'M', b'Z', ..] if pe::is_for_dotnet(bytes) => return Err(InspectError::DotNet),
        [b'M', b'Z', ..] => pe::inspect(bytes),
        [0, b'a', b's', b'm', ..] => wasm::inspect(bytes),
        _ if is_java(bytes) => return Err(InspectError::JavaClass),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
        | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => {
            if macho::is_debug_symbols(bytes) {
                return Err(InspectError::DebugSymbols);
            }
            macho::inspect(bytes)
        }
        [b'#', b'!', ..] => return Err(InspectError::Script),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => return Err(InspectError::StaticLibrary),
        _ => return Err(InspectError::Unknown(bytes[..bytes.len().min(4)].to_vec())),
    };
    binary.map_err(InspectError::Damaged)
}
