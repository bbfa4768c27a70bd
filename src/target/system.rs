//! Systems: one row for everything that follows the processor in a triple.

use crate::target::arch::FloatAbi::{self, Hard, Soft, Untold};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    Linux,
    Darwin,
    Windows,
    Wasi,
    None,
}

impl Os {
    /// `{os}` in a layout, and OCI's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Darwin => "darwin",
            Self::Windows => "windows",
            Self::Wasi => "wasip1",
            Self::None => "none",
        }
    }
}

/// The C library that the target's programs stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    Gnu,
    Musl,
    /// The platform has just one.
    System,
}

impl Libc {
    /// `{libc}` in a layout.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gnu => "gnu",
            Self::Musl => "musl",
            Self::System => "system",
        }
    }
}

/// What a finished program's file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Elf,
    MachO,
    Pe,
    Wasm,
}

/// One system: all of the triple behind the processor.
#[derive(Debug, PartialEq, Eq)]
pub struct System {
    /// What the triple ends with.
    pub suffix: &'static str,
    pub os: Os,
    pub libc: Libc,
    pub format: Format,
    pub float: FloatAbi,
    /// What stands behind the processor in GNU cross compilers' names.
    pub gnu: &'static str,
    /// What cargo appends to a program's name.
    pub exe_suffix: &'static str,
}

pub const fn system(
    suffix: &'static str,
    os: Os,
    libc: Libc,
    format: Format,
    float: FloatAbi,
    gnu: &'static str,
    exe_suffix: &'static str,
) -> System {
    System {
        suffix,
        os,
        libc,
        format,
        float,
        gnu,
        exe_suffix,
    }
}

#[rustfmt::skip]
pub const SYSTEMS: &[System] = &[
    //     suffix                     os           libc          format         float   gnu                exe
    system("unknown-linux-gnu",       Os::Linux,   Libc::Gnu,    Format::Elf,   Untold, "linux-gnu",       ""),
    system("unknown-linux-musl",      Os::Linux,   Libc::Musl,   Format::Elf,   Untold, "linux-musl",      ""),
    system("unknown-linux-gnueabihf", Os::Linux,   Libc::Gnu,    Format::Elf,   Hard,   "linux-gnueabihf", ""),
    system("unknown-linux-musleabihf",Os::Linux,   Libc::Musl,   Format::Elf,   Hard,   "linux-musleabihf",""),
    system("unknown-linux-gnueabi",   Os::Linux,   Libc::Gnu,    Format::Elf,   Soft,   "linux-gnueabi",   ""),
    system("unknown-linux-musleabi",  Os::Linux,   Libc::Musl,   Format::Elf,   Soft,   "linux-musleabi",  ""),
    system("apple-darwin",            Os::Darwin,   Libc::System, Format::MachO, Untold, "apple-darwin",    ""),
    system("pc-windows-gnu",          Os::Windows, Libc::System, Format::Pe,    Untold, "w64-mingw32",     ".exe"),
    system("pc-windows-gnullvm",      Os::Windows, Libc::System, Format::Pe,    Untold, "w64-mingw32",     ".exe"),
    system("pc-windows-msvc",         Os::Windows, Libc::System, Format::Pe,    Untold, "windows-msvc",    ".exe"),
    system("wasip1",                  Os::Wasi,    Libc::System, Format::Wasm,  Untold, "wasi",            ".wasm"),
    system("unknown-unknown",         Os::None,    Libc::System, Format::Wasm,  Untold, "unknown",         ".wasm"),
];

impl System {
    /// What triples end with, the longest first: `unknown-linux-gnueabihf` before
    /// `unknown-linux-gnu`.
    pub fn suffixes() -> impl Iterator<Item = &'static str> {
        let mut suffixes: Vec<&'static str> = SYSTEMS.iter().map(|row| row.suffix).collect();
        suffixes.sort_by_key(|suffix| std::cmp::Reverse(suffix.len()));
        suffixes.into_iter()
    }
}
