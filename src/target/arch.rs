//! Table of processors: one row each, with its name in every tool, format and registry.

use goblin::elf::header as elf;
use goblin::mach::constants::cputype::{CPU_TYPE_ARM64, CPU_TYPE_X86_64};
use goblin::pe::header::{COFF_MACHINE_ARM64, COFF_MACHINE_X86, COFF_MACHINE_X86_64};

use crate::target::arch::Endian::{Big, Little};

/// Byte order of a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Calling convention of floats, for targets whose ELF headers record it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatAbi {
    /// The header does not record it.
    Unspecified,
    /// Floats are passed in integer registers.
    Soft,
    /// Floats are passed in floating-point registers.
    Hard,
}

/// One processor.
#[derive(Debug, PartialEq, Eq)]
pub struct Arch {
    /// First part of the triple; a name of its own for x32, whose triples begin like those of x86-64.
    pub prefix: &'static str,
    /// rustc's `target_arch`; `{arch}` in a layout.
    pub name: &'static str,
    /// Prefix of GNU cross compilers' names.
    pub gnu: &'static str,
    /// Word size in bits, 32 or 64.
    pub bits: u8,
    /// Byte order.
    pub endian: Endian,
    /// ELF `e_machine`, <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>.
    pub elf: u16,
    /// COFF machine of Windows on this processor; 0 if there is none.
    pub coff: u16,
    /// Mach-O cputype of Apple's systems on this processor; 0 if there is none.
    pub macho: u32,
    /// Output of `uname -m`, which CMake uses, too.
    pub uname: &'static str,
    /// Architecture in OCI images,
    /// <https://github.com/opencontainers/image-spec/blob/main/image-index.md>.
    pub oci: &'static str,
    /// Variant in OCI images (`v7`), from the same source.
    pub variant: Option<&'static str>,
}

/// Creates one row of [`ARCHES`].
#[expect(clippy::too_many_arguments, reason = "a table's row")]
pub const fn arch(
    prefix: &'static str,
    name: &'static str,
    gnu: &'static str,
    bits: u8,
    endian: Endian,
    elf: u16,
    coff: u16,
    macho: u32,
    uname: &'static str,
    oci: &'static str,
    variant: Option<&'static str>,
) -> Arch {
    Arch {
        prefix,
        name,
        gnu,
        bits,
        endian,
        elf,
        coff,
        macho,
        uname,
        oci,
        variant,
    }
}

/// First part of the triple by which other tools, too, build one program for both processors of Macs.
pub const UNIVERSAL: &str = "universal2";

/// x86-64 with pointers of 32 bits.
pub const X32: &str = "x86_64x32";

/// All supported processors.
#[rustfmt::skip]
pub const ARCHES: &[Arch] = &[
    //   prefix         name           gnu            bits endian  e_machine          COFF
    // Mach-O           uname -m       oci        variant
    arch("x86_64",      "x86_64",      "x86_64",      64, Little, elf::EM_X86_64,    COFF_MACHINE_X86_64, CPU_TYPE_X86_64, "x86_64",      "amd64",   None),
    arch(X32,           "x86_64",      "x86_64",      32, Little, elf::EM_X86_64,    0,                   0,               "x86_64",      "amd64p32", None),
    arch("aarch64",     "aarch64",     "aarch64",     64, Little, elf::EM_AARCH64,   COFF_MACHINE_ARM64,  CPU_TYPE_ARM64,  "aarch64",     "arm64",   None),
    arch("armv7",       "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv7l",      "arm",     Some("v7")),
    arch("thumbv7neon", "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv7l",      "arm",     Some("v7")),
    arch("arm",         "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv6l",      "arm",     Some("v6")),
    arch("armv5te",     "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv5tel",    "arm",     Some("v5")),
    arch("i686",        "x86",         "i686",        32, Little, elf::EM_386,       COFF_MACHINE_X86,    0,               "i686",        "386",     None),
    arch("i586",        "x86",         "i586",        32, Little, elf::EM_386,       COFF_MACHINE_X86,    0,               "i586",        "386",     None),
    arch("riscv64gc",   "riscv64",     "riscv64",     64, Little, elf::EM_RISCV,     0,                   0,               "riscv64",     "riscv64", None),
    arch("riscv64a23",  "riscv64",     "riscv64",     64, Little, elf::EM_RISCV,     0,                   0,               "riscv64",     "riscv64", None),
    arch("powerpc64le", "powerpc64",   "powerpc64le", 64, Little, elf::EM_PPC64,     0,                   0,               "ppc64le",     "ppc64le", None),
    arch("powerpc64",   "powerpc64",   "powerpc64",   64, Big,    elf::EM_PPC64,     0,                   0,               "ppc64",       "ppc64",   None),
    arch("powerpc",     "powerpc",     "powerpc",     32, Big,    elf::EM_PPC,       0,                   0,               "ppc",         "ppc",     None),
    arch("s390x",       "s390x",       "s390x",       64, Big,    elf::EM_S390,      0,                   0,               "s390x",       "s390x",   None),
    arch("loongarch64", "loongarch64", "loongarch64", 64, Little, elf::EM_LOONGARCH, 0,                   0,               "loongarch64", "loong64", None),
    arch("sparc64",     "sparc64",     "sparc64",     64, Big,    elf::EM_SPARCV9,   0,                   0,               "sparc64",     "sparc64", None),
    arch("mips",        "mips",        "mips",        32, Big,    elf::EM_MIPS,      0,                   0,               "mips",        "mips",    None),
    arch("mipsel",      "mips",        "mipsel",      32, Little, elf::EM_MIPS,      0,                   0,               "mips",        "mipsle",  None),
    arch("mips64",      "mips64",      "mips64",      64, Big,    elf::EM_MIPS,      0,                   0,               "mips64",      "mips64",  None),
    arch("mips64el",    "mips64",      "mips64el",    64, Little, elf::EM_MIPS,      0,                   0,               "mips64",      "mips64le", None),
    arch("wasm32",      "wasm32",      "wasm32",      32, Little, elf::EM_NONE,      0,                   0,               "wasm32",      "wasm",    None),
    // Not a processor: Apple's files that hold a program for each of two.
    arch(UNIVERSAL,     "universal2",  "universal2",  64, Little, elf::EM_NONE,      0,                   0,               "universal2",  "universal2", None),
];

impl Arch {
    /// Returns the row of a triple's first part.
    pub fn of_prefix(prefix: &str) -> Option<&'static Self> {
        ARCHES.iter().find(|row| row.prefix == prefix)
    }

    /// Returns the row of an ELF file by the gABI's name of its machine, its word size in bits and
    /// its byte order.
    pub fn of_elf(machine: &str, class: u8, endian: Endian) -> Option<&'static Self> {
        ARCHES.iter().find(|row| {
            format!("EM_{}", elf::machine_to_str(row.elf)) == machine
                && row.bits == class
                && row.endian == endian
        })
    }

    /// Returns the suffix of QEMU's user emulator (`qemu-aarch64`) for this processor.
    pub fn qemu(&self) -> &'static str {
        match self.name {
            "x86" => "i386",
            "powerpc" | "powerpc64" => self.uname,
            "mips" | "mips64" => self.prefix,
            name => name,
        }
    }
}
