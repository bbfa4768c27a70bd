//! Facts of one program, as `manifest.json` records them.

use serde::{Deserialize, Serialize};

use crate::inspect::system::SystemName;
use crate::target::arch::{Endian, FloatAbi};
use crate::target::level::Level;
use crate::target::system::Format;

/// Facts of one program, written to `manifest.json` as `binary`.
///
/// A property that the format does not have, or that the file does not tell, is `None`. Of a
/// universal Mach-O file these are the facts that all its slices share; of lists, all entries.
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
    /// System that it was made for, read from the file; `None` if nothing in it tells, as in most
    /// static programs for Linux.
    pub system: Option<SystemName>,
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
    /// Protection of the relocation tables of ELF.
    pub relro: Option<Relro>,
    /// True if it requests that its data cannot be executed.
    ///
    /// ELF: a PT_GNU_STACK that is not executable. Without one the kernel decides: Linux makes the
    /// stack executable on 32-bit x86 and Arm, before 5.8 also on 64-bit x86 and Arm, and never on
    /// 64-bit PowerPC (the tables above `elf_read_implies_exec` in Linux); NetBSD, OpenBSD and
    /// Solaris never do, so that there it is `None`. PE: NX_COMPAT. Mach-O: no executable stack
    /// is requested, and no segment is writable and executable.
    pub nx: Option<bool>,
    /// True if it can be loaded at any address: a position-independent executable of ELF or
    /// Mach-O (MH_PIE), a PE file with DYNAMIC_BASE and relocations.
    pub pie: Option<bool>,
    /// True if the loader has to write into the code of an ELF file (DT_TEXTREL, DF_TEXTREL).
    pub text_relocations: Option<bool>,
    /// Identity of one link in hex: `.note.gnu.build-id`, LC_UUID, the GUID of a PE file's PDB.
    pub build_id: Option<String>,
    /// True if it has no table of symbols beyond what the loader needs: of ELF, PE (COFF) or
    /// WebAssembly no table at all, of Mach-O no local and no debugging symbols.
    pub stripped: Option<bool>,
    /// True if it contains sections of DWARF. A PDB beside a PE file does not count.
    pub debug_info: Option<bool>,
    /// True if it contains cargo-auditable's list of dependencies (`.dep-v0`).
    pub auditable: bool,
    /// Compilers and linkers that took part in it, from `.comment`, sorted.
    pub compilers: Vec<String>,
    /// Facts that PE files alone have.
    pub pe: Option<Pe>,
    /// Facts that Mach-O files alone have.
    pub mach_o: Option<MachO>,
    /// Facts of each slice of a universal Mach-O file, in the file's order; empty for any other.
    pub slices: Vec<Binary>,
}

/// Facts that PE files alone have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pe {
    /// Subsystem by Microsoft's name (`IMAGE_SUBSYSTEM_WINDOWS_CUI`), or its number in hex.
    pub subsystem: String,
    /// DYNAMIC_BASE: it may be loaded at another address than the preferred one.
    pub dynamic_base: bool,
    /// True if it has the relocations for that.
    pub relocations: bool,
    /// HIGH_ENTROPY_VA: addresses above 4 GiB may be chosen.
    pub high_entropy_va: bool,
    /// NX_COMPAT: its data cannot be executed.
    pub nx_compat: bool,
    /// GUARD_CF: targets of indirect calls are checked.
    pub guard_cf: bool,
    /// FORCE_INTEGRITY: Windows checks its signature before it loads it.
    pub force_integrity: bool,
    /// DLLs that are loaded when one of their functions is called, sorted.
    pub delay_needed: Vec<String>,
    /// Path of its PDB, as the linker wrote it.
    pub pdb: Option<String>,
    /// True if it has an Authenticode signature. Whose, and whether it is valid, is not examined.
    pub signed: bool,
}

/// Facts that Mach-O files alone have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachO {
    /// Oldest version of its system that it starts on: `11.0`.
    pub minos: Option<String>,
    /// Version of the SDK that it was linked with.
    pub sdk: Option<String>,
    /// Name under which others link a library, LC_ID_DYLIB.
    pub install_name: Option<String>,
    /// MH_NO_HEAP_EXECUTION, which 32-bit programs need.
    pub no_heap_execution: bool,
    /// Code signature; `None` if there is none.
    pub signature: Option<Signature>,
}

/// Code signature of a Mach-O file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// True if it is the hashes alone, as a linker or `codesign -s -` writes them.
    pub ad_hoc: bool,
    /// True if somebody signed the hashes. The certificate is not examined.
    pub certificate: bool,
    /// True if the linker made it, which tools may replace without asking.
    pub linker_signed: bool,
    /// True if it asks for the hardened runtime.
    pub hardened_runtime: bool,
    /// Comparison of the hashes with the file.
    pub state: SignatureState,
    /// Number of pages with a hash.
    pub pages: u64,
    /// Number of pages whose hash is another.
    pub bad_pages: u64,
}

/// Comparison of the hashes of a code signature with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureState {
    /// Every page has its hash.
    Intact,
    /// The hash is none that xpkg computes, so the pages were not compared.
    UnknownHash,
    /// The hashes do not reach from the start of the file to the signature.
    Incomplete,
    /// A page has another hash: it was changed after signing.
    Changed,
    /// The signature cannot be read.
    Damaged,
}

impl SignatureState {
    /// Returns the position in the order from good to bad.
    pub fn rank(self) -> u8 {
        self as u8
    }
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
    /// values for formats without such a concept, and no property counts as read.
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
            system: None,
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
            relro: None,
            nx: None,
            pie: None,
            text_relocations: None,
            build_id: None,
            stripped: None,
            debug_info: None,
            auditable: false,
            compilers: Vec::new(),
            pe: None,
            mach_o: None,
            slices: Vec::new(),
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
