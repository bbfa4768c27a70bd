//! Levels within one processor architecture: the instruction set and the ABI that code needs, and
//! those that a target offers. A target's level is a row of [`LEVELS`].
//!
//! Sources: rustc's target specifications; the AAELF32 addenda (`Tag_CPU_arch`); the x86-64 psABI,
//! "Micro-Architecture Levels"; the RISC-V psABI, "Attributes"; the 64-bit ELF V2 ABI of Power.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};
use crate::target::arch::{self, Arch};
use crate::target::system::Libc;

/// Level that code needs, or that a target offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "arch", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Level {
    /// 32-bit Arm.
    Arm {
        /// Version of the architecture.
        version: ArmVersion,
        /// Floating-point unit; `None` if the code needs none, or for a target.
        fp: Option<ArmFp>,
        /// Advanced SIMD (NEON); `None` if the code needs none, or for a target.
        simd: Option<ArmSimd>,
    },
    /// 32-bit and 64-bit x86.
    X86 {
        /// Instruction set.
        isa: X86Isa,
    },
    /// RISC-V.
    Riscv {
        /// Names of the extensions, in lower case without versions (`c`, `zicsr`).
        extensions: BTreeSet<String>,
        /// Widest float that is passed in a floating-point register.
        float: RiscvFloat,
    },
    /// 64-bit PowerPC.
    Powerpc64 {
        /// Calling convention.
        abi: ElfAbi,
    },
}

/// Version of 32-bit Arm, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArmVersion {
    /// Before version 4.
    PreV4,
    /// Version 4.
    V4,
    /// With Thumb.
    V4t,
    /// Version 5 with Thumb.
    V5t,
    /// With the DSP instructions.
    V5te,
    /// With Jazelle, which nothing uses.
    V5tej,
    /// Version 6.
    V6,
    /// With 64-bit atomics.
    V6k,
    /// With TrustZone: the ARM1176 of the first Raspberry Pi.
    V6kz,
    /// With Thumb-2.
    V6t2,
    /// Version 7.
    V7,
    /// Version 8.
    V8,
    /// Version 9, or later.
    V9,
    /// A microcontroller, which runs no Linux.
    Microcontroller,
}

impl ArmVersion {
    /// Returns the name of the architecture: `ARMv6KZ`.
    fn name(self) -> &'static str {
        match self {
            Self::PreV4 => "ARMv3",
            Self::V4 => "ARMv4",
            Self::V4t => "ARMv4T",
            Self::V5t => "ARMv5T",
            Self::V5te => "ARMv5TE",
            Self::V5tej => "ARMv5TEJ",
            Self::V6 => "ARMv6",
            Self::V6k => "ARMv6K",
            Self::V6kz => "ARMv6KZ",
            Self::V6t2 => "ARMv6T2",
            Self::V7 => "ARMv7",
            Self::V8 => "ARMv8",
            Self::V9 => "ARMv9",
            Self::Microcontroller => "an Arm microcontroller",
        }
    }

    /// Returns true if a processor of version `offered` runs code of this version.
    fn runs_on(self, offered: Self) -> bool {
        // Thumb-2 and 64-bit atomics came separately to version 6, and together in version 7.
        let rank = |version: Self| match version {
            Self::V5tej => Self::V5te as u8,
            version => version as u8,
        };
        match (self, offered) {
            (Self::V6k | Self::V6kz, Self::V6t2) => false,
            _ => rank(self) <= rank(offered),
        }
    }
}

/// Floating-point unit of 32-bit Arm; `-d16` has 16 registers instead of 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are Arm's")]
pub enum ArmFp {
    Vfpv1,
    Vfpv2,
    Vfpv3,
    #[serde(rename = "vfpv3-d16")]
    Vfpv3D16,
    Vfpv4,
    #[serde(rename = "vfpv4-d16")]
    Vfpv4D16,
    Armv8,
    #[serde(rename = "armv8-d16")]
    Armv8D16,
}

/// Advanced SIMD of 32-bit Arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are Arm's")]
pub enum ArmSimd {
    Neonv1,
    Neonv1Fma,
    Armv8,
    #[serde(rename = "armv8.1")]
    Armv81,
}

/// Instruction set of x86, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum X86Isa {
    /// The Pentium: without conditional moves, MMX and SSE.
    I586,
    /// The Pentium Pro: without SSE2.
    I686,
    /// x86-64, or 32-bit x86 with SSE2.
    V1,
    /// Up to SSE4.2.
    V2,
    /// Up to AVX2.
    V3,
    /// AVX-512.
    V4,
    /// A level without a name yet.
    Later,
}

impl X86Isa {
    /// Returns the name of the level.
    fn name(self) -> &'static str {
        match self {
            Self::I586 => "i586",
            Self::I686 => "i686",
            Self::V1 => "x86-64-v1 (SSE2)",
            Self::V2 => "x86-64-v2",
            Self::V3 => "x86-64-v3",
            Self::V4 => "x86-64-v4",
            Self::Later => "a level above x86-64-v4",
        }
    }
}

/// Widest float that RISC-V passes in a floating-point register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiscvFloat {
    /// None.
    Soft,
    /// 32 bits.
    Single,
    /// 64 bits.
    Double,
    /// 128 bits.
    Quad,
}

impl RiscvFloat {
    /// Returns the name of the ABI, as the psABI writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft-float",
            Self::Single => "single-float",
            Self::Double => "double-float",
            Self::Quad => "quad-float",
        }
    }
}

/// Calling convention of 64-bit PowerPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElfAbi {
    /// With function descriptors.
    #[serde(rename = "elfv1")]
    V1,
    /// Without.
    #[serde(rename = "elfv2")]
    V2,
}

impl ElfAbi {
    /// Returns the name of the ABI.
    fn name(self) -> &'static str {
        match self {
            Self::V1 => "ELFv1",
            Self::V2 => "ELFv2",
        }
    }
}

/// Difference between the level that code needs and the one that a target offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// Level of the code: `ARMv7`.
    pub needed: String,
    /// Level of the target: `ARMv6`.
    pub offered: String,
}

impl Level {
    /// Returns the difference if a target of this level does not run code that needs `needed`.
    /// Levels of two architectures are not compared, and the floating-point unit and NEON of Arm
    /// are not: C libraries contain code for several, and choose among it at start.
    pub fn shortfall(&self, needed: &Self) -> Option<Shortfall> {
        let differs = |needed: &str, offered: &str| Shortfall {
            needed: needed.to_owned(),
            offered: offered.to_owned(),
        };
        match (needed, self) {
            (Self::Arm { version, .. }, Self::Arm { version: has, .. }) => {
                (!version.runs_on(*has)).then(|| differs(version.name(), has.name()))
            }
            (Self::X86 { isa }, Self::X86 { isa: has }) => {
                (isa > has).then(|| differs(isa.name(), has.name()))
            }
            (Self::Powerpc64 { abi }, Self::Powerpc64 { abi: has }) => (abi != has).then(|| {
                let abi_of = |abi: &ElfAbi| format!("the ABI {}", abi.name());
                differs(&abi_of(abi), &abi_of(has))
            }),
            (
                Self::Riscv { extensions, float },
                Self::Riscv {
                    extensions: has,
                    float: has_float,
                },
            ) => {
                let above: Vec<&str> = extensions
                    .iter()
                    .map(String::as_str)
                    .filter(|name| !is_among(name, has))
                    .collect();
                if !above.is_empty() {
                    return Some(differs(
                        &format!("RISC-V with {}", above.join(", ")),
                        &format!("RISC-V with {}", listed(has)),
                    ));
                }
                let abi_of = |float: &RiscvFloat| format!("the {} ABI", float.name());
                (float != has_float).then(|| differs(&abi_of(float), &abi_of(has_float)))
            }
            _ => None,
        }
    }

    /// Returns this level, raised to what a compiler's target features allow. `features` are the
    /// values of rustc's `target_feature`.
    #[must_use]
    pub fn raised_by(&self, features: &[&str]) -> Self {
        let has = |name: &str| features.contains(&name);
        let all = |names: &[&str]| names.iter().all(|name| has(name));
        match self {
            Self::Arm { version, fp, simd } => {
                let steps = [
                    (has("v6"), ArmVersion::V6),
                    (has("v6k"), ArmVersion::V6k),
                    (all(&["v6k", "trustzone"]), ArmVersion::V6kz),
                    (has("v6t2"), ArmVersion::V6t2),
                    (has("v7"), ArmVersion::V7),
                    (has("v8"), ArmVersion::V8),
                ];
                let highest = steps.into_iter().rev().find(|(has, _)| *has);
                let raised = highest.map(|(_, version)| version);
                Self::Arm {
                    version: raised
                        .filter(|raised| version.runs_on(*raised))
                        .unwrap_or(*version),
                    fp: *fp,
                    simd: *simd,
                }
            }
            Self::X86 { isa } => {
                let steps = [
                    (all(&["sse", "sse2", "fxsr"]), X86Isa::V1),
                    (all(&["ssse3", "sse4.2", "popcnt"]), X86Isa::V2),
                    (all(&["avx2", "bmi1", "bmi2", "fma", "lzcnt"]), X86Isa::V3),
                    (all(&["avx512f", "avx512bw", "avx512vl"]), X86Isa::V4),
                ];
                let highest = steps.into_iter().rev().find(|(has, _)| *has);
                Self::X86 {
                    isa: highest.map_or(*isa, |(_, raised)| raised.max(*isa)),
                }
            }
            Self::Riscv { extensions, float } => Self::Riscv {
                extensions: extensions
                    .iter()
                    .cloned()
                    .chain(features.iter().map(|name| (*name).to_owned()))
                    .collect(),
                float: *float,
            },
            Self::Powerpc64 { abi } => Self::Powerpc64 { abi: *abi },
        }
    }
}

/// Extensions of RISC-V that are a part of another one, which an assembler lists beside it.
///
/// Source: the RISC-V ISA manual, chapters of M, A, B and C.
const PARTS: &[(&str, &[&str])] = &[
    ("zmmul", &["m"]),
    ("zaamo", &["a"]),
    ("zalrsc", &["a"]),
    ("zca", &["c"]),
    ("zcd", &["c", "d"]),
    ("zba", &["b"]),
    ("zbb", &["b"]),
    ("zbs", &["b"]),
];

/// Returns true if an extension of RISC-V, or one that it is a part of, is in the set.
fn is_among(name: &str, has: &BTreeSet<String>) -> bool {
    let is_part = |(part, whole): &(&str, &[&str])| {
        *part == name && whole.iter().all(|name| has.contains(*name))
    };
    has.contains(name) || PARTS.iter().any(is_part)
}

fn listed(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm { version, .. } => formatter.write_str(version.name()),
            Self::X86 { isa } => formatter.write_str(isa.name()),
            Self::Riscv { extensions, .. } => {
                write!(formatter, "RISC-V with {}", listed(extensions))
            }
            Self::Powerpc64 { abi } => write!(formatter, "the ABI {}", abi.name()),
        }
    }
}

/// Level of a family of targets.
struct LevelRow {
    /// First part of the triple.
    prefix: &'static str,
    /// C library, where the level depends on it.
    libc: Option<Libc>,
    level: fn() -> Level,
    /// Oldest processor of QEMU's user emulation that the target supports (`-cpu`), where its
    /// default is a newer one.
    cpu: Option<&'static str>,
}

const fn arm(version: ArmVersion) -> Level {
    Level::Arm {
        version,
        fp: None,
        simd: None,
    }
}

const fn x86(isa: X86Isa) -> Level {
    Level::X86 { isa }
}

/// Returns RV64GC with the double-float ABI. `zicntr` and `zihpm` are the counters that were a part
/// of `i` until 2019.
fn rv64gc() -> Level {
    let names = [
        "i", "m", "a", "f", "d", "c", "zicsr", "zifencei", "zicntr", "zihpm",
    ];
    Level::Riscv {
        extensions: names.map(str::to_owned).into(),
        float: RiscvFloat::Double,
    }
}

const fn power(abi: ElfAbi) -> Level {
    Level::Powerpc64 { abi }
}

/// The levels of all targets whose files record theirs.
#[rustfmt::skip]
const LEVELS: &[LevelRow] = &[
    LevelRow { prefix: "armv5te",     libc: None,             level: || arm(ArmVersion::V5te), cpu: Some("arm926") },
    LevelRow { prefix: "arm",         libc: None,             level: || arm(ArmVersion::V6),   cpu: Some("arm1176") },
    LevelRow { prefix: "armv7",       libc: None,             level: || arm(ArmVersion::V7),   cpu: Some("cortex-a9,neon=off") },
    LevelRow { prefix: "thumbv7neon", libc: None,             level: || arm(ArmVersion::V7),   cpu: Some("cortex-a9") },
    LevelRow { prefix: "i586",        libc: None,             level: || x86(X86Isa::I586),     cpu: Some("pentium") },
    LevelRow { prefix: "i686",        libc: None,             level: || x86(X86Isa::V1),       cpu: None },
    LevelRow { prefix: "x86_64",      libc: None,             level: || x86(X86Isa::V1),       cpu: None },
    LevelRow { prefix: arch::X32,     libc: None,             level: || x86(X86Isa::V1),       cpu: None },
    LevelRow { prefix: "riscv64gc",   libc: None,             level: rv64gc,                   cpu: Some("sifive-u54") },
    LevelRow { prefix: "powerpc64le", libc: None,             level: || power(ElfAbi::V2),     cpu: Some("power8") },
    LevelRow { prefix: "powerpc64",   libc: Some(Libc::Gnu),  level: || power(ElfAbi::V1),     cpu: Some("970") },
    LevelRow { prefix: "powerpc64",   libc: Some(Libc::Musl), level: || power(ElfAbi::V2),     cpu: Some("970") },
];

fn row(arch: &Arch, libc: Option<Libc>) -> Option<&'static LevelRow> {
    LEVELS
        .iter()
        .find(|row| row.prefix == arch.prefix && (row.libc.is_none() || row.libc == libc))
}

/// Returns the level of a target; `None` if its files do not record theirs, or if it depends on the
/// C library, which is unknown.
pub fn of(arch: &Arch, libc: Option<Libc>) -> Option<Level> {
    row(arch, libc).map(|row| (row.level)())
}

/// Returns the processor that QEMU's user emulation has to emulate for a target (`-cpu`).
pub fn cpu(arch: &Arch) -> Option<&'static str> {
    LEVELS.iter().find(|row| row.prefix == arch.prefix)?.cpu
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[CPU_LEVEL];

/// Code of a program, a compiler or a C library for newer processors than the target promises.
pub const CPU_LEVEL: Code = code(&CodeInfo {
    name: "cpu-level",
    title: "code for newer processors than the target promises",
    cause: "The file says that it contains code for a later instruction set, or for another ABI, \
            than those of the triple and the rustflags: on the target's older processors it dies \
            of an illegal instruction. The usual cause is a C library: Debian's \
            `arm-linux-gnueabihf-gcc` links start files, libgcc and glibc for ARMv7, whatever \
            `-march` says. Code that is only reached after a check of the processor is harmless, \
            and cannot be told from other code: ring and OpenSSL have such assembly for ARMv7.",
    detection: "`.ARM.attributes`, `.riscv.attributes`, `.note.gnu.property` or `e_flags` of the \
                program, of the start file that a compiler links, and of an object that it \
                compiles.",
    fix: "Link it with a toolchain for the target's processor: zig, or a cross image. Or say that \
          newer processors are meant: `-C target-cpu=…` in the rustflags, or the triple for them. \
          Or continue with `--accept cpu-level`.",
    page: "levels",
    sources: &["cross-rs/cross#1017", "rust-lang/rust#74517"],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::arch::ARCHES;

    fn check(prefix: &str, libc: Libc, needed: &Level, expected: Option<(&str, &str)>) {
        let offered = of(Arch::of_prefix(prefix).unwrap(), Some(libc)).unwrap();
        let found = offered.shortfall(needed);
        let found = found
            .as_ref()
            .map(|found| (found.needed.as_str(), found.offered.as_str()));
        assert_eq!(found, expected);
    }

    fn riscv(extensions: &[&str], float: RiscvFloat) -> Level {
        let Level::Riscv {
            extensions: mut all,
            ..
        } = rv64gc()
        else {
            unreachable!()
        };
        all.extend(extensions.iter().map(|name| (*name).to_owned()));
        Level::Riscv {
            extensions: all,
            float,
        }
    }

    #[test]
    fn every_row_is_of_a_processor() {
        for row in LEVELS {
            assert!(
                ARCHES.iter().any(|arch| arch.prefix == row.prefix),
                "{}",
                row.prefix
            );
        }
    }

    #[test]
    fn arm_code_runs_on_its_version_and_later_ones() {
        use ArmVersion::{V5te, V5tej, V6, V6k, V6kz, V6t2, V7, V8};
        check("arm", Libc::Gnu, &arm(V6), None);
        check("arm", Libc::Gnu, &arm(V5te), None);
        check("arm", Libc::Gnu, &arm(V7), Some(("ARMv7", "ARMv6")));
        check("arm", Libc::Gnu, &arm(V6k), Some(("ARMv6K", "ARMv6")));
        check("armv5te", Libc::Gnu, &arm(V5tej), None);
        check("armv5te", Libc::Gnu, &arm(V6), Some(("ARMv6", "ARMv5TE")));
        check("armv7", Libc::Musl, &arm(V6kz), None);
        check("armv7", Libc::Musl, &arm(V6t2), None);
        check("armv7", Libc::Musl, &arm(V8), Some(("ARMv8", "ARMv7")));
        assert!(!V6k.runs_on(V6t2) && !V6t2.runs_on(V6kz) && !V7.runs_on(V6t2));
        assert!(!ArmVersion::Microcontroller.runs_on(ArmVersion::V9));
    }

    #[test]
    fn x86_levels_are_ordered() {
        check(
            "i586",
            Libc::Gnu,
            &x86(X86Isa::V1),
            Some(("x86-64-v1 (SSE2)", "i586")),
        );
        check("i686", Libc::Gnu, &x86(X86Isa::V1), None);
        check(
            "x86_64",
            Libc::Gnu,
            &x86(X86Isa::V3),
            Some(("x86-64-v3", "x86-64-v1 (SSE2)")),
        );
    }

    #[test]
    fn riscv_extensions_and_abis_are_held_to_the_targets() {
        let parts = ["zmmul", "zca", "zcd", "zaamo", "zalrsc"];
        check(
            "riscv64gc",
            Libc::Gnu,
            &riscv(&parts, RiscvFloat::Double),
            None,
        );
        let listed = "RISC-V with a, c, d, f, i, m, zicntr, zicsr, zifencei, zihpm";
        check(
            "riscv64gc",
            Libc::Gnu,
            &riscv(&["v", "zba"], RiscvFloat::Double),
            Some(("RISC-V with v, zba", listed)),
        );
        check(
            "riscv64gc",
            Libc::Gnu,
            &riscv(&[], RiscvFloat::Soft),
            Some(("the soft-float ABI", "the double-float ABI")),
        );
    }

    #[test]
    fn the_abi_of_big_endian_power_follows_the_c_library() {
        let v1 = power(ElfAbi::V1);
        check("powerpc64", Libc::Gnu, &v1, None);
        check(
            "powerpc64",
            Libc::Musl,
            &v1,
            Some(("the ABI ELFv1", "the ABI ELFv2")),
        );
        check(
            "powerpc64le",
            Libc::Gnu,
            &v1,
            Some(("the ABI ELFv1", "the ABI ELFv2")),
        );
        assert_eq!(of(Arch::of_prefix("powerpc64").unwrap(), None), None);
    }

    #[test]
    fn features_raise_a_level_and_never_lower_it() {
        let raised = |level: Level, features: &[&str]| level.raised_by(features).to_string();
        assert_eq!(
            raised(arm(ArmVersion::V6), &["v5te", "v6", "v6k", "trustzone"]),
            "ARMv6KZ"
        );
        assert_eq!(
            raised(arm(ArmVersion::V6), &["v6", "v6k", "v6t2", "v7"]),
            "ARMv7"
        );
        assert_eq!(raised(arm(ArmVersion::V7), &["v6"]), "ARMv7");
        assert_eq!(
            raised(x86(X86Isa::I586), &["fxsr", "sse", "sse2"]),
            "x86-64-v1 (SSE2)"
        );
        assert_eq!(
            raised(x86(X86Isa::V1), &["ssse3", "sse4.2", "popcnt"]),
            "x86-64-v2"
        );
        assert_eq!(raised(x86(X86Isa::V1), &["avx2"]), "x86-64-v1 (SSE2)");
        let vector = rv64gc().raised_by(&["v"]);
        assert_eq!(vector.shortfall(&riscv(&["v"], RiscvFloat::Double)), None);
    }
}
