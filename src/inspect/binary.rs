//! The facts of one program, as `manifest.json` records them.

use serde::{Deserialize, Serialize};

use crate::target::arch::{Endian, FloatAbi};
use crate::target::system::Format;

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
    pub fn plain(
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

/// The word that the manifest has for a value.
pub fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
