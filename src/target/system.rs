//! Table of systems: one row for each suffix after the processor in a triple.

use crate::target::arch::FloatAbi::{self, Hard, Soft, Unspecified};

/// Operating system of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    Darwin,
    /// Windows.
    Windows,
    /// WASI 0.1, which runs modules.
    WasiP1,
    /// WASI 0.2, which runs components.
    WasiP2,
    /// FreeBSD.
    FreeBsd,
    /// NetBSD.
    NetBsd,
    /// Android.
    Android,
    /// Solaris.
    Solaris,
    /// illumos.
    Illumos,
    /// WASI of an open version. This and the following have no row among the targets: they are read
    /// off names and files.
    Wasi,
    /// OpenBSD.
    OpenBsd,
    /// DragonFly BSD.
    Dragonfly,
    /// AIX.
    Aix,
    /// Plan 9.
    Plan9,
    /// iOS.
    Ios,
    /// JavaScript engines, which run WebAssembly.
    Js,
    /// No operating system.
    None,
}

impl Os {
    /// Returns the name in OCI images and of `{os}` in a layout.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Darwin => "darwin",
            Self::Windows => "windows",
            Self::WasiP1 => "wasip1",
            Self::WasiP2 => "wasip2",
            Self::Wasi => "wasi",
            Self::FreeBsd => "freebsd",
            Self::NetBsd => "netbsd",
            Self::OpenBsd => "openbsd",
            Self::Dragonfly => "dragonfly",
            Self::Android => "android",
            Self::Solaris => "solaris",
            Self::Illumos => "illumos",
            Self::Aix => "aix",
            Self::Plan9 => "plan9",
            Self::Ios => "ios",
            Self::Js => "js",
            Self::None => "none",
        }
    }

    /// Returns true if a file of one of the systems may be for the other: what Solaris and illumos
    /// both have does not tell them apart, a name may leave the version of WASI open, JavaScript
    /// engines offer WASI, and `wasm32-unknown-unknown` names no system.
    pub fn may_be(self, other: Self) -> bool {
        const OPEN: &[&[Os]] = &[
            &[Os::Solaris, Os::Illumos],
            &[Os::Wasi, Os::WasiP1],
            &[Os::Wasi, Os::WasiP2],
            &[Os::Js, Os::Wasi],
            &[Os::None, Os::Wasi],
            &[Os::Js, Os::WasiP1],
        ];
        let has_both = |pair: &&[Self]| pair.contains(&self) && pair.contains(&other);
        self == other || OPEN.iter().any(has_both)
    }
}

/// C library of a target's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Libc {
    /// glibc.
    Gnu,
    /// musl.
    Musl,
    /// The platform's only one.
    System,
}

impl Libc {
    /// Returns the name of `{libc}` in a layout.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gnu => "gnu",
            Self::Musl => "musl",
            Self::System => "system",
        }
    }
}

/// Executable format of a finished program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Linux and most other Unix systems.
    Elf,
    /// Apple's systems.
    MachO,
    /// Windows.
    Pe,
    /// WebAssembly.
    Wasm,
}

/// One system: the part of a triple after the processor.
#[derive(Debug, PartialEq, Eq)]
pub struct System {
    /// Suffix of the triple.
    pub suffix: &'static str,
    /// Operating system.
    pub os: Os,
    /// C library.
    pub libc: Libc,
    /// Executable format.
    pub format: Format,
    /// Calling convention of floats.
    pub float: FloatAbi,
    /// Suffix of GNU cross compilers' names, after the processor.
    pub gnu: &'static str,
    /// Extension that cargo appends to a program's name.
    pub exe_suffix: &'static str,
}

/// Creates one row of [`SYSTEMS`].
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

/// Linux for x86-64 with pointers of 32 bits.
pub const GNUX32: &str = "unknown-linux-gnux32";

/// All supported systems.
#[rustfmt::skip]
pub const SYSTEMS: &[System] = &[
    //     suffix                      os           libc          format         float        gnu                 exe
    system("unknown-linux-gnu",        Os::Linux,   Libc::Gnu,    Format::Elf,   Unspecified, "linux-gnu",        ""),
    system("unknown-linux-musl",       Os::Linux,   Libc::Musl,   Format::Elf,   Unspecified, "linux-musl",       ""),
    system("unknown-linux-gnueabihf",  Os::Linux,   Libc::Gnu,    Format::Elf,   Hard,        "linux-gnueabihf",  ""),
    system("unknown-linux-musleabihf", Os::Linux,   Libc::Musl,   Format::Elf,   Hard,        "linux-musleabihf", ""),
    system("unknown-linux-gnueabi",    Os::Linux,   Libc::Gnu,    Format::Elf,   Soft,        "linux-gnueabi",    ""),
    system("unknown-linux-musleabi",   Os::Linux,   Libc::Musl,   Format::Elf,   Soft,        "linux-musleabi",   ""),
    system("unknown-linux-gnuasan",    Os::Linux,   Libc::Gnu,    Format::Elf,   Unspecified, "linux-gnu",        ""),
    system(GNUX32,                     Os::Linux,   Libc::Gnu,    Format::Elf,   Unspecified, "linux-gnux32",     ""),
    system("unknown-linux-ohos",       Os::Linux,   Libc::System, Format::Elf,   Unspecified, "linux-ohos",       ""),
    system("apple-darwin",             Os::Darwin,  Libc::System, Format::MachO, Unspecified, "apple-darwin",     ""),
    system("unknown-freebsd",          Os::FreeBsd, Libc::System, Format::Elf,   Unspecified, "freebsd",          ""),
    system("unknown-netbsd",           Os::NetBsd,  Libc::System, Format::Elf,   Unspecified, "netbsd",           ""),
    system("linux-android",            Os::Android, Libc::System, Format::Elf,   Unspecified, "linux-android",    ""),
    system("linux-androideabi",        Os::Android, Libc::System, Format::Elf,   Unspecified, "linux-androideabi", ""),
    system("unknown-illumos",          Os::Illumos, Libc::System, Format::Elf,   Unspecified, "unknown-illumos",  ""),
    system("pc-solaris",               Os::Solaris, Libc::System, Format::Elf,   Unspecified, "pc-solaris2.11",   ""),
    system("pc-windows-gnu",           Os::Windows, Libc::System, Format::Pe,    Unspecified, "w64-mingw32",      ".exe"),
    system("pc-windows-gnullvm",       Os::Windows, Libc::System, Format::Pe,    Unspecified, "w64-mingw32",      ".exe"),
    system("pc-windows-msvc",          Os::Windows, Libc::System, Format::Pe,    Unspecified, "windows-msvc",     ".exe"),
    system("wasip1",                   Os::WasiP1,  Libc::System, Format::Wasm,  Unspecified, "wasi",             ".wasm"),
    system("wasip1-threads",           Os::WasiP1,  Libc::System, Format::Wasm,  Unspecified, "wasi-threads",     ".wasm"),
    system("wasip2",                   Os::WasiP2,  Libc::System, Format::Wasm,  Unspecified, "wasip2",           ".wasm"),
    system("unknown-unknown",          Os::None,    Libc::System, Format::Wasm,  Unspecified, "unknown",          ".wasm"),
];

impl System {
    /// Returns the suffixes of triples, the longest first: `unknown-linux-gnueabihf` before
    /// `unknown-linux-gnu`.
    pub fn suffixes() -> impl Iterator<Item = &'static str> {
        let mut suffixes: Vec<&'static str> = SYSTEMS.iter().map(|row| row.suffix).collect();
        suffixes.sort_by_key(|suffix| std::cmp::Reverse(suffix.len()));
        suffixes.into_iter()
    }
}
