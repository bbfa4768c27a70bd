//! Facts of one program, as `manifest.json` records them.

use serde::{Deserialize, Serialize};

use crate::target::arch::{Endian, FloatAbi};
use crate::target::level::Level;
use crate::target::system::Format;

/// Facts of one program, written to `manifest.json` as `binary`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// Executable format: `elf`, `mach-o`, `pe` or `wasm`.
    pub format: FormatName,
    /// Processor, by its name in the format's specification (`EM_X86_64`).
    pub machine: String,
    /// Word size in bits, 32 or 64.
    pub class: u8,
    /// Byte order.
    pub endian: EndianName,
    /// File type in the format's own terms: `ET_DYN`, `MH_EXECUTE`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// True if the file can be started according to its type.
    pub executable: bool,
    /// Static or dynamic linkage.
    pub linkage: Linkage,
    /// Path of the dynamic loader, ELF's PT_INTERP.
    pub interpreter: Option<String>,
    /// Shared libraries that it needs, in the file's order.
    pub needed: Vec<String>,
    /// Entries of ELF's DT_RPATH or of Mach-O's LC_RPATH.
    pub rpath: Vec<String>,
    /// Entries of ELF's DT_RUNPATH.
    pub runpath: Vec<String>,
    /// Oldest glibc that the program starts with.
    pub glibc_floor: Option<Floor>,
    /// True if it imports symbols of version `GLIBC_PRIVATE`.
    pub glibc_private: bool,
    /// Highest `GLIBCXX_` version required of libstdc++, without the prefix (`3.4.30`), read like
    /// the glibc floor.
    pub glibcxx: Option<String>,
    /// Highest `CXXABI_` version, of the C++ runtime in libstdc++ (`1.3.13`).
    pub cxxabi: Option<String>,
    /// Highest `GCC_` version required of libgcc_s (`3.0`).
    pub gcc_abi: Option<String>,
    /// Calling convention of floats.
    pub float_abi: FloatAbiName,
    /// Level of processor that its code needs; `None` if the file does not record it.
    pub level: Option<Level>,
    /// Protection of the relocation tables.
    pub relro: Relro,
    /// True if it requests a non-executable stack. Without PT_GNU_STACK the kernel decides: the
    /// stack is executable on 32-bit x86 and Arm, before Linux 5.8 also on 64-bit x86 and Arm, and
    /// never on 64-bit PowerPC (the tables above `elf_read_implies_exec` in Linux).
    pub nx: bool,
    /// True if it is a position-independent executable.
    pub pie: bool,
    /// True if the loader has to write into its code (DT_TEXTREL, DF_TEXTREL).
    pub text_relocations: bool,
    /// Contents of `.note.gnu.build-id` in hex.
    pub build_id: Option<String>,
    /// True if it has no symbol table.
    pub stripped: bool,
    /// True if it contains sections of DWARF. A PDB beside a PE file does not count.
    pub debug_info: bool,
    /// True if it contains cargo-auditable's list of dependencies (`.dep-v0`).
    pub auditable: bool,
    /// Compilers and linkers that took part in it, from `.comment`, sorted.
    pub compilers: Vec<String>,
}

/// Highest glibc version required without VER_FLG_WEAK, and one symbol that requires it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Version, such as `2.34`.
    pub version: String,
    /// First symbol, by name, of this version.
    pub symbol: Option<String>,
}

/// Executable format, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormatName {
    /// Linux and most other Unix systems.
    #[serde(rename = "elf")]
    Elf,
    /// Apple's systems.
    #[serde(rename = "mach-o")]
    MachO,
    /// Windows.
    #[serde(rename = "pe")]
    Pe,
    /// WebAssembly.
    #[serde(rename = "wasm")]
    Wasm,
}

impl FormatName {
    /// Returns true if this is the target's format.
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

/// Byte order, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndianName {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl EndianName {
    /// Returns the byte order as a target has it.
    pub fn endian(self) -> Endian {
        match self {
            Self::Little => Endian::Little,
            Self::Big => Endian::Big,
        }
    }

    /// Returns true if this is the target's byte order.
    pub fn is(self, endian: Endian) -> bool {
        matches!(
            (self, endian),
            (Self::Little, Endian::Little) | (Self::Big, Endian::Big)
        )
    }
}

/// Calling convention of floats according to the ELF header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FloatAbiName {
    /// The header has no such flag.
    Unspecified,
    /// Floats are passed in integer registers.
    Soft,
    /// Floats are passed in floating-point registers.
    Hard,
}

impl FloatAbiName {
    /// Returns true if a file of this ABI runs on a target of ABI `float`. An unspecified ABI is
    /// compatible with any.
    pub fn serves(self, float: FloatAbi) -> bool {
        !matches!(
            (self, float),
            (Self::Soft, FloatAbi::Hard) | (Self::Hard, FloatAbi::Soft)
        )
    }
}

/// Linkage of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// No shared libraries, loaded at a fixed address.
    Static,
    /// No shared libraries, position-independent.
    StaticPie,
    /// Shared libraries or a dynamic loader.
    Dynamic,
}

impl Linkage {
    /// Returns the name that the manifest and tables show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::StaticPie => "static-pie",
            Self::Dynamic => "dynamic",
        }
    }
}

/// Part of the relocation tables that is read-only once the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relro {
    /// No part: there is no PT_GNU_RELRO.
    None,
    /// All but the PLT's table, which lazy binding writes to.
    Partial,
    /// The whole table: all symbols are bound at the start.
    Full,
}

impl Binary {
    /// Creates the facts of a binary of which only these are known. The other fields have the
    /// values for formats without such a concept.
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
            float_abi: FloatAbiName::Unspecified,
            level: None,
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

/// Returns the name that a value has in the manifest; empty if it is not serialized as a string.
pub fn json_name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
