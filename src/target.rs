//! A platform triple, parsed once. One row a processor, one row a system: a new platform is a new
//! row.
//!
//! Pure. After [`Target::parse`] nobody looks at the triple's text again.

use std::fmt;

use goblin::elf::header as elf;
use goblin::mach::constants::cputype::{CPU_TYPE_ARM64, CPU_TYPE_X86_64};
use goblin::pe::header::{COFF_MACHINE_ARM64, COFF_MACHINE_X86, COFF_MACHINE_X86_64};
use serde::{Serialize, Serializer};

use crate::problem::{Code, Problem, Result, nearest};

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
const fn arch(
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

use Endian::{Big, Little};

#[rustfmt::skip]
const ARCHES: &[Arch] = &[
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

/// The first glibc, by [`Arch::name`], of processors that are younger than glibc itself or than
/// what Rust asks for.
const FIRST_GLIBC: &[(&str, Glibc)] = &[
    (
        "aarch64",
        Glibc {
            major: 2,
            minor: 17,
            patch: 0,
        },
    ),
    (
        "powerpc64",
        Glibc {
            major: 2,
            minor: 17,
            patch: 0,
        },
    ),
    (
        "riscv64",
        Glibc {
            major: 2,
            minor: 27,
            patch: 0,
        },
    ),
    (
        "loongarch64",
        Glibc {
            major: 2,
            minor: 36,
            patch: 0,
        },
    ),
    // Rust's own standard library starts on no older one.
    (
        "x86_64",
        Glibc {
            major: 2,
            minor: 17,
            patch: 0,
        },
    ),
];

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

const fn system(
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

use FloatAbi::{Hard, Soft, Untold};

#[rustfmt::skip]
const SYSTEMS: &[System] = &[
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

impl System {
    /// What triples end with, the longest first: `unknown-linux-gnueabihf` before
    /// `unknown-linux-gnu`.
    pub fn suffixes() -> impl Iterator<Item = &'static str> {
        let mut suffixes: Vec<&'static str> = SYSTEMS.iter().map(|row| row.suffix).collect();
        suffixes.sort_by_key(|suffix| std::cmp::Reverse(suffix.len()));
        suffixes.into_iter()
    }
}

/// A glibc version, `2.17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Glibc {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        let patch = match parts.next() {
            Some(part) => part?,
            None => 0,
        };
        parts.next().is_none().then_some(Self {
            major,
            minor,
            patch,
        })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(f, ".{}", self.patch)
        } else {
            Ok(())
        }
    }
}

impl Serialize for Glibc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A target of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    triple: String,
    pub arch: &'static Arch,
    pub system: &'static System,
    /// The highest glibc that a finished bin may ask for.
    pub floor: Option<Glibc>,
}

impl Target {
    /// Parses `TRIPLE[.GLIBC]`. `known` are rustc's own triples.
    pub fn parse(text: &str, known: &[String]) -> Result<Self> {
        // A few triples have a dot of their own (`thumbv8m.main-none-eabi`).
        let whole = known.iter().any(|name| name == text);
        let (triple, floor) = match text.split_once('.').filter(|_| !whole) {
            Some((triple, floor)) => (triple, Some(floor)),
            None => (text, None),
        };
        if !known.iter().any(|name| name == triple) {
            let problem = Problem::new(
                Code::UnknownTarget,
                format!("rustc knows no target `{triple}`"),
            );
            // The commonest slip is the vendor that GNU leaves out.
            let vendored = triple.replacen('-', "-unknown-", 1);
            let near = known
                .iter()
                .find(|name| **name == vendored)
                .map(String::as_str);
            return Err(
                match near.or_else(|| nearest(triple, known.iter().map(String::as_str))) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("`rustc --print target-list` names them all"),
                },
            );
        }
        let mut target = Self::rowed(triple).ok_or_else(|| {
            Problem::new(
                Code::UnsupportedTarget,
                format!(
                    "xpkg cannot inspect files for `{triple}`: it has no row for this platform"
                ),
            )
            .help(format!(
                "build it with cargo itself: `cargo build --release --target {triple}`"
            ))
        })?;
        if let Some(floor) = floor {
            let unfit = |why: &str| {
                Problem::new(Code::UnknownTarget, format!("`{text}` is no target: {why}"))
                    .help("a glibc floor is written `x86_64-unknown-linux-gnu.2.17`")
            };
            if target.system.libc != Libc::Gnu {
                return Err(unfit("only a gnu triple has a glibc floor"));
            }
            target.floor = Some(
                Glibc::parse(floor)
                    .ok_or_else(|| unfit(&format!("`{floor}` is no glibc version")))?,
            );
        }
        Ok(target)
    }

    /// The target of a triple that has its rows, whether rustc knows it or not.
    fn rowed(triple: &str) -> Option<Self> {
        let (prefix, suffix) = triple.split_once('-')?;
        let arch = ARCHES.iter().find(|row| row.prefix == prefix)?;
        let system = SYSTEMS.iter().find(|row| row.suffix == suffix)?;
        Some(Self {
            triple: triple.to_owned(),
            arch,
            system,
            floor: None,
        })
    }

    /// The triple that a compiler of this `machine` (`Target:` of its `-v`) compiles for.
    pub fn of_machine(machine: &str) -> Option<Self> {
        let rows = ARCHES
            .iter()
            .flat_map(|arch| SYSTEMS.iter().map(move |system| (arch, system)));
        let mut targets = rows.map(|(arch, system)| Self {
            triple: format!("{}-{}", arch.prefix, system.suffix),
            arch,
            system,
            floor: None,
        });
        targets.find(|target| target.same_libc(machine))
    }

    /// The target of a triple that rustc itself has named.
    pub fn of_triple(triple: &str) -> Option<Self> {
        Self::rowed(triple)
    }

    /// The oldest glibc that a program for this processor can ask for, where there is such a bound.
    pub fn first_glibc(&self) -> Option<Glibc> {
        FIRST_GLIBC
            .iter()
            .find(|(arch, _)| *arch == self.arch.name)
            .map(|(_, first)| *first)
    }

    /// The bare triple, as cargo and rustc take it.
    pub fn triple(&self) -> &str {
        &self.triple
    }

    /// The triple as a part of variable names that cc-rs reads: `aarch64_unknown_linux_musl`.
    pub fn lower(&self) -> String {
        self.triple.replace('-', "_")
    }

    /// The triple as a part of variable names that cargo reads: `AARCH64_UNKNOWN_LINUX_MUSL`.
    pub fn upper(&self) -> String {
        self.lower().to_uppercase()
    }

    /// `linux/arm/v7`: OCI's words, `{platform}` in a layout.
    pub fn platform(&self) -> String {
        let base = format!("{}/{}", self.system.os.name(), self.arch.oci);
        match self.arch.variant {
            Some(variant) => format!("{base}/{variant}"),
            None => base,
        }
    }

    /// Debian's word for the processor, as a `pre-build` of cross's expects it.
    pub fn debian_arch(&self) -> &'static str {
        match self.arch.oci {
            "386" => "i386",
            "ppc64le" => "ppc64el",
            "arm" if self.gnu_name().ends_with("hf") => "armhf",
            "arm" => "armel",
            oci => oci,
        }
    }

    /// What a GNU cross toolchain for this target is named after: `aarch64-linux-gnu`.
    pub fn gnu_name(&self) -> String {
        format!("{}-{}", self.arch.gnu, self.system.gnu)
    }

    /// Whether a compiler that calls itself `machine` (`Target:` of its `-v`) compiles for this
    /// processor.
    pub fn same_arch(&self, machine: &str) -> bool {
        let cpu = machine.split('-').next().unwrap_or_default();
        let alike = |cpu: &str| match cpu {
            "i386" | "i486" | "i586" | "i686" => "x86",
            "amd64" => "x86_64",
            "armv7l" | "armv7" | "armv6" | "armv7a" => "arm",
            _ => "",
        } == self.arch.name;
        cpu == self.arch.gnu
            || cpu == self.arch.name && self.arch.name == self.arch.gnu
            || alike(cpu)
    }

    /// Whether a compiler that calls itself `machine` has this target's C library, too.
    pub fn same_libc(&self, machine: &str) -> bool {
        // Fedora, SUSE: `x86_64-redhat-linux` means glibc.
        let unsaid = self.system.gnu == "linux-gnu" && machine.ends_with("-linux");
        self.same_arch(machine) && (machine.ends_with(self.system.gnu) || unsaid)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.triple)?;
        match self.floor {
            Some(floor) => write!(f, ".{floor}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target of a triple, for tests that have no rustc at hand.
    fn known() -> Vec<String> {
        [
            "aarch64-unknown-linux-musl",
            "x86_64-unknown-linux-gnu",
            "armv7-unknown-linux-gnueabihf",
            "avr-none",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn check(text: &str, expected: &str) {
        let found = match Target::parse(text, &known()) {
            Ok(target) => format!("{target} {} {}", target.platform(), target.gnu_name()),
            Err(problem) => format!(
                "{}: {} ({})",
                problem.code.name(),
                problem.message,
                problem.help.join("; ")
            ),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn triples_become_targets() {
        check(
            "aarch64-unknown-linux-musl",
            "aarch64-unknown-linux-musl linux/arm64 aarch64-linux-musl",
        );
        check(
            "armv7-unknown-linux-gnueabihf",
            "armv7-unknown-linux-gnueabihf linux/arm/v7 arm-linux-gnueabihf",
        );
        check(
            "x86_64-unknown-linux-gnu.2.17",
            "x86_64-unknown-linux-gnu.2.17 linux/amd64 x86_64-linux-gnu",
        );
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_nearest() {
        check(
            "aarch64-linux-musl",
            "unknown-target: rustc knows no target `aarch64-linux-musl` (did you mean \
             `aarch64-unknown-linux-musl`?)",
        );
        check(
            "aarch64-unknown-linux-musl.2.17",
            "unknown-target: `aarch64-unknown-linux-musl.2.17` is no target: only a gnu triple \
             has a glibc floor (a glibc floor is written `x86_64-unknown-linux-gnu.2.17`)",
        );
        check(
            "x86_64-unknown-linux-gnu.new",
            "unknown-target: `x86_64-unknown-linux-gnu.new` is no target: `new` is no glibc \
             version (a glibc floor is written `x86_64-unknown-linux-gnu.2.17`)",
        );
        check(
            "avr-none",
            "unsupported-target: xpkg cannot inspect files for `avr-none`: it has no row for this \
             platform (build it with cargo itself: `cargo build --release --target avr-none`)",
        );
    }

    #[test]
    fn a_compilers_machine_is_compared_by_parts() {
        let target = |triple: &str| Target::rowed(triple).unwrap();
        assert!(target("aarch64-unknown-linux-gnu").same_libc("aarch64-linux-gnu"));
        assert!(target("aarch64-unknown-linux-gnu").same_libc("aarch64-unknown-linux-gnu"));
        assert!(target("armv7-unknown-linux-gnueabihf").same_libc("arm-linux-gnueabihf"));
        assert!(!target("armv7-unknown-linux-gnueabihf").same_libc("arm-linux-gnueabi"));
        assert!(!target("x86_64-unknown-linux-musl").same_libc("x86_64-linux-gnu"));
        assert!(target("x86_64-unknown-linux-musl").same_arch("x86_64-linux-gnu"));
        assert!(!target("aarch64-unknown-linux-gnu").same_arch("x86_64-linux-gnu"));
        assert!(target("x86_64-unknown-linux-gnu").same_libc("x86_64-redhat-linux"));
        assert!(!target("x86_64-unknown-linux-musl").same_libc("x86_64-redhat-linux"));
        assert!(!target("powerpc64-unknown-linux-gnu").same_arch("powerpc64le-linux-gnu"));
    }
}
