//! Bytes of a finished file -> [`Binary`]: what it is for and what it asks of the machine it will
//! run on.
//!
//! Pure, and it judges nothing: that is `policy`. One file a format.

mod elf;
mod macho;
mod pe;
mod wasm;

use serde::{Deserialize, Serialize};

use crate::target::{Endian, FloatAbi, Format};

pub use elf::machine as elf_machine;
pub use macho::machine as macho_machine;
pub use pe::machine as pe_machine;
pub use wasm::MACHINE as WASM_MACHINE;

/// The facts of one file. Written to manifest.json as `binary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// `elf`, `mach-o`, `pe` or `wasm`.
    pub format: FormatName,
    /// The name that the format's own specification has for the processor (`EM_X86_64`).
    pub machine: String,
    /// 32 or 64.
    pub class: u8,
    pub endian: EndianName,
    /// `ET_DYN`, `MH_EXECUTE`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// A program that can be started, by its type.
    pub executable: bool,
    pub linkage: Linkage,
    /// PT_INTERP.
    pub interpreter: Option<String>,
    /// Shared libraries it asks for, in the file's order.
    pub needed: Vec<String>,
    pub rpath: Vec<String>,
    pub runpath: Vec<String>,
    /// The oldest glibc it starts with.
    pub glibc_floor: Option<Floor>,
    /// It imports from `GLIBC_PRIVATE`.
    pub glibc_private: bool,
    /// The highest `GLIBCXX_` version asked of libstdc++, without that word (`3.4.30`), read like
    /// the glibc floor.
    pub glibcxx: Option<String>,
    /// The same of `CXXABI_`, the C++ runtime in libstdc++ (`1.3.13`).
    pub cxxabi: Option<String>,
    /// The same of `GCC_`, asked of libgcc_s (`3.0`).
    pub gcc_abi: Option<String>,
    pub float_abi: FloatAbiName,
    pub relro: Relro,
    /// It asks for a stack that is not executable. A file without PT_GNU_STACK does not ask, and
    /// what it gets is the kernel's affair: executable on 32-bit x86 and Arm, and before Linux 5.8
    /// on 64-bit x86 and Arm, too (the tables over `elf_read_implies_exec` in Linux), never on
    /// 64-bit PowerPC.
    pub nx: bool,
    pub pie: bool,
    /// The loader has to write into its code (DT_TEXTREL, DF_TEXTREL).
    pub text_relocations: bool,
    /// `.note.gnu.build-id` in hex.
    pub build_id: Option<String>,
    /// It has no symbol table.
    pub stripped: bool,
    /// It carries DWARF in sections of its own. A PDB beside a PE file does not count.
    pub debug_info: bool,
    /// It carries cargo-auditable's list of dependencies.
    pub auditable: bool,
    /// `.comment`: every compiler and linker that had a part in it, sorted.
    pub compilers: Vec<String>,
}

/// The highest glibc version asked for without VER_FLG_WEAK, and one symbol that asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// `2.34`
    pub version: String,
    pub symbol: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormatName {
    #[serde(rename = "elf")]
    Elf,
    #[serde(rename = "mach-o")]
    MachO,
    #[serde(rename = "pe")]
    Pe,
    #[serde(rename = "wasm")]
    Wasm,
}

impl FormatName {
    pub fn is(self, format: Format) -> bool {
        matches!(
            (self, format),
            (Self::Elf, Format::Elf)
                | (Self::MachO, Format::MachO)
                | (Self::Pe, Format::Pe)
                | (Self::Wasm, Format::Wasm)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndianName {
    Little,
    Big,
}

impl EndianName {
    pub fn endian(self) -> Endian {
        match self {
            Self::Little => Endian::Little,
            Self::Big => Endian::Big,
        }
    }

    pub fn is(self, endian: Endian) -> bool {
        matches!(
            (self, endian),
            (Self::Little, Endian::Little) | (Self::Big, Endian::Big)
        )
    }
}

/// What the header tells of floats' calling convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FloatAbiName {
    Untold,
    Soft,
    Hard,
}

impl FloatAbiName {
    /// Whether a file of this ABI does for a target of that one. A file that tells nothing
    /// contradicts nothing.
    pub fn serves(self, float: FloatAbi) -> bool {
        !matches!(
            (self, float),
            (Self::Soft, FloatAbi::Hard) | (Self::Hard, FloatAbi::Soft)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    Static,
    StaticPie,
    Dynamic,
}

impl Linkage {
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::StaticPie => "static-pie",
            Self::Dynamic => "dynamic",
        }
    }
}

/// How much of the relocation tables is read-only once the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relro {
    None,
    Partial,
    Full,
}

impl Binary {
    /// A binary of which only format, machine and size of words are known: what the other fields
    /// say where a format has no such thing.
    fn plain(
        format: FormatName,
        machine: String,
        class: u8,
        kind: String,
        executable: bool,
    ) -> Self {
        Self {
            format,
            machine,
            class,
            endian: EndianName::Little,
            kind,
            executable,
            linkage: Linkage::Static,
            interpreter: None,
            needed: Vec::new(),
            rpath: Vec::new(),
            runpath: Vec::new(),
            glibc_floor: None,
            glibc_private: false,
            glibcxx: None,
            cxxabi: None,
            gcc_abi: None,
            float_abi: FloatAbiName::Untold,
            relro: Relro::None,
            nx: true,
            pie: false,
            text_relocations: false,
            build_id: None,
            stripped: false,
            debug_info: false,
            auditable: false,
            compilers: Vec::new(),
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
