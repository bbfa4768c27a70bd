//! Processors: one row each, with every name that a tool, a format or a registry has for it.

use goblin::elf::header as elf;
use goblin::mach::constants::cputype::{CPU_TYPE_ARM64, CPU_TYPE_X86_64};
use goblin::pe::header::{COFF_MACHINE_ARM64, COFF_MACHINE_X86, COFF_MACHINE_X86_64};

use crate::target::arch::Endian::{Big, Little};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endian {
    Little,
    Big,
}

/// Which calling convention floats take, where the file's header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatAbi {
    /// The header says nothing of it.
    Untold,
    Soft,
    Hard,
}

/// One processor.
#[derive(Debug, PartialEq, Eq)]
pub struct Arch {
    /// What the triple begins with.
    pub prefix: &'static str,
    /// `target_arch` as rustc has it; `{arch}` in a layout.
    pub name: &'static str,
    /// The word in front of GNU cross compilers' names.
    pub gnu: &'static str,
    pub bits: u8,
    pub endian: Endian,
    /// ELF `e_machine`, <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>.
    pub elf: u16,
    /// COFF's machine and Mach-O's cputype, for those processors that such systems have; else 0.
    pub coff: u16,
    pub macho: u32,
    /// `uname -m`, which is also CMake's word for it.
    pub uname: &'static str,
    /// OCI image-spec words,
    /// <https://github.com/opencontainers/image-spec/blob/main/image-index.md>.
    pub oci: &'static str,
    pub variant: Option<&'static str>,
}

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

#[rustfmt::skip]
pub const ARCHES: &[Arch] = &[
    //   prefix         name           gnu            bits endian  e_machine          COFF
    // Mach-O           uname -m       oci        variant
    arch("x86_64",      "x86_64",      "x86_64",      64, Little, elf::EM_X86_64,    COFF_MACHINE_X86_64, CPU_TYPE_X86_64, "x86_64",      "amd64",   None),
    arch("aarch64",     "aarch64",     "aarch64",     64, Little, elf::EM_AARCH64,   COFF_MACHINE_ARM64,  CPU_TYPE_ARM64,  "aarch64",     "arm64",   None),
    arch("armv7",       "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv7l",      "arm",     Some("v7")),
    arch("thumbv7neon", "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv7l",      "arm",     Some("v7")),
    arch("arm",         "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv6l",      "arm",     Some("v6")),
    arch("armv5te",     "arm",         "arm",         32, Little, elf::EM_ARM,       0,                   0,               "armv5tel",    "arm",     Some("v5")),
    arch("i686",        "x86",         "i686",        32, Little, elf::EM_386,       COFF_MACHINE_X86,    0,               "i686",        "386",     None),
    arch("i586",        "x86",         "i586",        32, Little, elf::EM_386,       COFF_MACHINE_X86,    0,               "i586",        "386",     None),
    arch("riscv64gc",   "riscv64",     "riscv64",     64, Little, elf::EM_RISCV,     0,                   0,               "riscv64",     "riscv64", None),
    arch("powerpc64le", "powerpc64",   "powerpc64le", 64, Little, elf::EM_PPC64,     0,                   0,               "ppc64le",     "ppc64le", None),
    arch("powerpc64",   "powerpc64",   "powerpc64",   64, Big,    elf::EM_PPC64,     0,                   0,               "ppc64",       "ppc64",   None),
    arch("s390x",       "s390x",       "s390x",       64, Big,    elf::EM_S390,      0,                   0,               "s390x",       "s390x",   None),
    arch("loongarch64", "loongarch64", "loongarch64", 64, Little, elf::EM_LOONGARCH, 0,                   0,               "loongarch64", "loong64", None),
    arch("wasm32",      "wasm32",      "wasm32",      32, Little, elf::EM_NONE,      0,                   0,               "wasm32",      "wasm",    None),
];

impl Arch {
    /// The row of a triple's first part.
    pub fn of_prefix(prefix: &str) -> Option<&'static Self> {
        ARCHES.iter().find(|row| row.prefix == prefix)
    }

    /// The row of an ELF file: its machine as the gABI names it, the bits of its words and their
    /// order.
    pub fn of_elf(machine: &str, class: u8, endian: Endian) -> Option<&'static Self> {
        ARCHES.iter().find(|row| {
            format!("EM_{}", elf::machine_to_str(row.elf)) == machine
                && row.bits == class
                && row.endian == endian
        })
    }

    /// What qemu's user emulation for it is named after.
    pub fn qemu(&self) -> &'static str {
        match self.name {
            "x86" => "i386",
            "powerpc64" => self.uname,
            name => name,
        }
    }
}
