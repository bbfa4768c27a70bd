//! What GNU readelf says of an ELF file, in the shape of [`Binary`]. Read off its text, by rules of
//! this file's own: the library that inspects has no part in it.

use std::path::Path;
use std::process::Command;

use cargo_xpkg::inspect::binary::{
    Binary, EndianName, FloatAbiName, Floor, FormatName, Linkage, Relro,
};
use cargo_xpkg::inspect::system::SystemName;
use cargo_xpkg::target::level::{ArmFp, ArmSimd, ArmVersion, ElfAbi, Level, RiscvFloat, X86Isa};
use serde_json::Value;

use crate::support::tool;

/// What readelf calls a processor, and its name in the specification.
const MACHINES: &[(&str, &str)] = &[
    ("Advanced Micro Devices X86-64", "EM_X86_64"),
    ("AArch64", "EM_AARCH64"),
    ("ARM", "EM_ARM"),
    ("IBM S/390", "EM_S390"),
    ("Intel 80386", "EM_386"),
    ("PowerPC64", "EM_PPC64"),
    ("RISC-V", "EM_RISCV"),
];

const ARM_VERSIONS: &[(&str, ArmVersion)] = &[
    ("v5TE", ArmVersion::V5te),
    ("v6", ArmVersion::V6),
    ("v6K", ArmVersion::V6k),
    ("v6KZ", ArmVersion::V6kz),
    ("v6T2", ArmVersion::V6t2),
    ("v7", ArmVersion::V7),
    ("v8", ArmVersion::V8),
];

const ARM_FP: &[(&str, ArmFp)] = &[
    ("VFPv2", ArmFp::Vfpv2),
    ("VFPv3", ArmFp::Vfpv3),
    ("VFPv3-D16", ArmFp::Vfpv3D16),
    ("VFPv4", ArmFp::Vfpv4),
    ("FP for ARMv8", ArmFp::Armv8),
];

const ARM_SIMD: &[(&str, ArmSimd)] = &[
    ("NEONv1", ArmSimd::Neonv1),
    ("NEONv1 with Fused-MAC", ArmSimd::Neonv1Fma),
    ("NEON for ARMv8", ArmSimd::Armv8),
];

/// Owner of a note, what readelf says of EI_OSABI, loaders.
#[rustfmt::skip]
const SYSTEMS: &[(&str, &str, &[&str], SystemName)] = &[
    ("FreeBSD", "UNIX - FreeBSD", &["/libexec/ld-elf"],                                   SystemName::FreeBsd),
    ("NetBSD",  "UNIX - NetBSD",  &["/usr/libexec/ld.elf_so"],                            SystemName::NetBsd),
    ("OpenBSD", "UNIX - OpenBSD", &["/usr/libexec/ld.so"],                                SystemName::OpenBsd),
    ("Android", "?",              &["/system/bin/"],                                      SystemName::Android),
    ("Solaris", "UNIX - Solaris", &["/lib/amd64/"],                                       SystemName::Solaris),
    ("?",       "?",              &["/lib/ld", "/lib64/ld", "/lib32/ld", "/libx32/ld"],   SystemName::Linux),
];

const X86_ISAS: &[(&str, X86Isa)] = &[
    ("x86-64-baseline", X86Isa::V1),
    ("x86-64-v2", X86Isa::V2),
    ("x86-64-v3", X86Isa::V3),
    ("x86-64-v4", X86Isa::V4),
];

/// One field of which two say different things.
#[derive(Debug)]
pub struct Difference {
    pub field: String,
    pub inspect: Value,
    pub said: Value,
}

/// Every field that differs.
pub fn differences(file: &Path, binary: &Binary) -> Vec<Difference> {
    between_values(binary, &said_of(file))
}

/// Every field of which the facts and what was said differ.
pub fn between_values(binary: &Binary, said: &Binary) -> Vec<Difference> {
    let (inspect, said) = (
        serde_json::to_value(binary).unwrap(),
        serde_json::to_value(said).unwrap(),
    );
    let fields = inspect
        .as_object()
        .unwrap()
        .iter()
        .filter(|(field, value)| said[field.as_str()] != **value);
    fields
        .map(|(field, value)| Difference {
            field: field.clone(),
            inspect: value.clone(),
            said: said[field].clone(),
        })
        .collect()
}

fn said_of(file: &Path) -> Binary {
    let mut readelf = Command::new(tool("readelf"));
    readelf
        .args([
            "--wide",
            "-h",
            "-l",
            "-d",
            "-V",
            "-S",
            "-n",
            "-A",
            "--dyn-syms",
            "-p",
            ".comment",
        ])
        .arg(file)
        .env("LC_ALL", "C");
    let output = readelf.output().unwrap();
    Said {
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
    .binary()
}

struct Said {
    text: String,
}

impl Said {
    fn binary(&self) -> Binary {
        let kind = format!("ET_{}", self.header("Type:").split(' ').next().unwrap());
        let interpreter = self.between("[Requesting program interpreter: ", "]");
        let (needed, flags_1) = (
            self.listed("(NEEDED)"),
            self.dynamic("(FLAGS_1)").collect::<String>(),
        );
        let flags: String = self.dynamic("(FLAGS)").collect();
        let loaded = interpreter.is_some() || !needed.is_empty();
        let shaped_as_library = kind == "ET_DYN";
        // readelf says `Position-Independent Executable file` by the flag alone, which old linkers
        // do not set.
        let pie = interpreter.is_some()
            || flags_1.contains("PIE")
            || !loaded
                && self.header("Entry point address:") != "0x0"
                && self.dynamic("(SONAME)").next().is_none();
        let now = flags_1.contains("NOW")
            || flags.contains("BIND_NOW")
            || self.dynamic("(BIND_NOW)").next().is_some();
        let floor = self.highest("GLIBC_");
        let system = self.system(interpreter.as_deref());
        Binary {
            format: FormatName::Elf,
            machine: named(MACHINES, self.header("Machine:")).to_owned(),
            class: self
                .header("Class:")
                .strip_prefix("ELF")
                .unwrap()
                .parse()
                .unwrap(),
            endian: if self.header("Data:").contains("little endian") {
                EndianName::Little
            } else {
                EndianName::Big
            },
            executable: kind == "ET_EXEC" || shaped_as_library && pie,
            linkage: match (loaded, shaped_as_library) {
                (true, _) => Linkage::Dynamic,
                (false, true) => Linkage::StaticPie,
                (false, false) => Linkage::Static,
            },
            needed,
            rpath: self.listed("(RPATH)"),
            runpath: self.listed("(RUNPATH)"),
            glibc_floor: floor.map(|(version, index)| Floor {
                version,
                symbol: self.symbol(&index),
            }),
            glibc_private: self.versions().any(|(name, _)| name == "GLIBC_PRIVATE"),
            glibcxx: self.highest("GLIBCXX_").map(|(version, _)| version),
            cxxabi: self.highest("CXXABI_").map(|(version, _)| version),
            gcc_abi: self.highest("GCC_").map(|(version, _)| version),
            float_abi: match self.header("Flags:") {
                flags if flags.contains("soft-float ABI") => FloatAbiName::Soft,
                flags
                    if ["hard-float ABI", "single-float ABI", "double-float ABI"]
                        .iter()
                        .any(|abi| flags.contains(abi)) =>
                {
                    FloatAbiName::Hard
                }
                // An object file tells it by its attributes alone.
                _ if self.text.contains("Tag_ABI_VFP_args: VFP registers") => FloatAbiName::Hard,
                _ => FloatAbiName::Unspecified,
            },
            level: self.level(),
            relro: match (self.segment("GNU_RELRO"), now || !loaded) {
                (None, _) if system == Some(SystemName::Solaris) => None,
                (None, _) => Some(Relro::None),
                (Some(_), false) => Some(Relro::Partial),
                (Some(_), true) => Some(Relro::Full),
            },
            nx: match self.segment("GNU_STACK") {
                Some(line) => Some(!line.contains("RWE")),
                None => (!Self::has_safe_stack(system)).then_some(false),
            },
            pie: Some(shaped_as_library && pie),
            text_relocations: Some(
                flags.contains("TEXTREL") || self.dynamic("(TEXTREL)").next().is_some(),
            ),
            build_id: self.between("Build ID: ", "\n"),
            stripped: Some(!self.sections().any(|section| section[1] == "SYMTAB")),
            // Of a section that is loaded, readelf prints `A` among the flags.
            debug_info: Some(self.sections().any(|section| {
                (section[0].starts_with(".debug_") || section[0].starts_with(".zdebug_"))
                    && !section[6].contains('A')
            })),
            auditable: self.sections().any(|section| section[0] == ".dep-v0"),
            compilers: self.comments(),
            system,
            pe: None,
            mach_o: None,
            slices: Vec::new(),
            interpreter,
            kind,
        }
    }

    fn header(&self, name: &str) -> &str {
        let line = self
            .text
            .lines()
            .find_map(|line| line.strip_prefix("  ")?.strip_prefix(name));
        line.unwrap_or_else(|| panic!("readelf tells no {name}\n{}", self.text))
            .trim()
    }

    fn between(&self, before: &str, after: &str) -> Option<String> {
        Some(
            self.text
                .split_once(before)?
                .1
                .split_once(after)?
                .0
                .to_owned(),
        )
    }

    /// What stands behind a tag of the dynamic section.
    fn dynamic<'s>(&'s self, tag: &'s str) -> impl Iterator<Item = &'s str> {
        self.text
            .lines()
            .filter(|line| line.starts_with(" 0x"))
            .filter_map(move |line| Some(line.split_once(tag)?.1))
    }

    fn listed(&self, tag: &str) -> Vec<String> {
        self.dynamic(tag)
            .map(|rest| {
                rest.split_once('[')
                    .unwrap()
                    .1
                    .strip_suffix(']')
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    fn segment(&self, name: &str) -> Option<&str> {
        self.text.lines().find(|line| {
            line.starts_with("  ")
                && line.split_whitespace().next() == Some(name)
                && line.contains(" 0x")
        })
    }

    /// Name, type, address, offset, size, entry size and flags of each section.
    fn sections(&self) -> impl Iterator<Item = Vec<&str>> {
        // `  [ 1] .interp  PROGBITS  00000318 000318 00001c 00  A  0  0  1`; a section without
        // flags has three words less behind.
        self.text.lines().filter_map(|line| {
            let (number, rest) = line.trim_start().strip_prefix('[')?.split_once("] ")?;
            number.trim().parse::<u32>().ok()?;
            let mut words: Vec<&str> = rest.split_whitespace().collect();
            if words.len() == 9 {
                words.insert(6, "");
            }
            (words.len() == 10).then_some(words)
        })
    }

    /// Name and index of each version that is asked for and not flagged weak.
    fn versions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.lines().filter_map(|line| {
            let (name, rest) = line.split_once("  Name: ")?.1.split_once("  Flags: ")?;
            let (flags, index) = rest.split_once("  Version: ")?;
            (line.starts_with("  0x") && !flags.contains("WEAK")).then_some((name, index.trim()))
        })
    }

    /// The first of the highest, and its index.
    fn highest(&self, prefix: &str) -> Option<(String, String)> {
        let mut best: Option<(Vec<u32>, (String, String))> = None;
        for (name, index) in self.versions() {
            let number = if name == "GLIBC_ABI_DT_RELR" {
                "GLIBC_2.36"
            } else {
                name
            };
            let Some(number) = number.strip_prefix(prefix) else {
                continue;
            };
            let Ok(parts) = number
                .split('.')
                .map(str::parse)
                .collect::<Result<Vec<u32>, _>>()
            else {
                continue;
            };
            if best.as_ref().is_none_or(|(highest, _)| parts > *highest) {
                let index = if name == "GLIBC_ABI_DT_RELR" {
                    name
                } else {
                    index
                };
                best = Some((parts, (number.to_owned(), index.to_owned())));
            }
        }
        best.map(|(_, best)| best)
    }

    /// By the owner of a note, by the header, or by the loader.
    fn system(&self, interpreter: Option<&str>) -> Option<SystemName> {
        let osabi = self.header("OS/ABI:");
        let is_owner = |line: &str, name: &str| {
            let rest = line.strip_prefix("  ").and_then(|it| it.strip_prefix(name));
            rest.is_some_and(|rest| rest.starts_with([' ', '\t']) && rest.contains("0x"))
        };
        let row = SYSTEMS.iter().find(|(owner, of_header, loaders, _)| {
            self.text.lines().any(|line| is_owner(line, owner))
                || osabi == *of_header
                || interpreter.is_some_and(|path| loaders.iter().any(|it| path.starts_with(it)))
        });
        let is_linux = self.text.contains("OS: Linux,");
        row.map(|row| row.3)
            .or(is_linux.then_some(SystemName::Linux))
    }

    /// True if programs of the system need not ask for a stack that is not executable.
    fn has_safe_stack(system: Option<SystemName>) -> bool {
        use SystemName::{NetBsd, OpenBsd, Solaris};
        matches!(system, Some(NetBsd | OpenBsd | Solaris))
    }

    fn level(&self) -> Option<Level> {
        let attribute = |name: &str| self.between(&format!("  {name}: "), "\n");
        let flags = self.header("Flags:");
        match self.header("Machine:") {
            "ARM" => Some(Level::Arm {
                version: named(ARM_VERSIONS, &attribute("Tag_CPU_arch")?),
                fp: attribute("Tag_FP_arch").map(|fp| named(ARM_FP, &fp)),
                simd: attribute("Tag_Advanced_SIMD_arch").map(|simd| named(ARM_SIMD, &simd)),
            }),
            "RISC-V" => {
                let isa = attribute("Tag_RISCV_arch").unwrap_or_default();
                let isa = isa.trim_matches('"').trim_start_matches("rv64");
                // No file of debug symbols, and none in Go, has this section.
                let names = isa.split('_').filter(|name| !name.is_empty()).map(|name| {
                    let (name, _) = name.rsplit_once('p').unwrap();
                    name.trim_end_matches(|letter: char| letter.is_ascii_digit())
                });
                let compressed = flags.contains("RVC").then_some("c");
                Some(Level::Riscv {
                    extensions: names.chain(compressed).map(str::to_owned).collect(),
                    float: match flags {
                        flags if flags.contains("double-float ABI") => RiscvFloat::Double,
                        flags if flags.contains("single-float ABI") => RiscvFloat::Single,
                        _ => RiscvFloat::Soft,
                    },
                })
            }
            "PowerPC64" if flags.contains("abiv1") => Some(Level::Powerpc64 { abi: ElfAbi::V1 }),
            "PowerPC64" if flags.contains("abiv2") => Some(Level::Powerpc64 { abi: ElfAbi::V2 }),
            "Intel 80386" | "Advanced Micro Devices X86-64" => {
                let needed = self.between("x86 ISA needed: ", "\n")?;
                Some(Level::X86 {
                    isa: named(X86_ISAS, needed.rsplit(", ").next().unwrap()),
                })
            }
            _ => None,
        }
    }

    /// The first symbol by name that asks for the version of this index: `     3: 0… 0 FUNC GLOBAL
    /// DEFAULT UND free@GLIBC_2.17 (2)`.
    fn symbol(&self, index: &str) -> Option<String> {
        if index.starts_with("GLIBC_") {
            return Some(index.to_owned());
        }
        let asks = format!(" ({index})");
        let names = self.text.lines().filter_map(|line| {
            Some(
                line.strip_suffix(&asks)?
                    .rsplit_once(' ')?
                    .1
                    .split_once('@')?
                    .0,
            )
        });
        names.min().map(str::to_owned)
    }

    fn comments(&self) -> Vec<String> {
        let lines = self
            .text
            .split_once("String dump of section '.comment':\n")
            .map_or("", |(_, rest)| rest)
            .lines();
        let mut found: Vec<String> = lines
            .map_while(|line| Some(line.strip_prefix("  [")?.split_once("]  ")?.1.to_owned()))
            .filter(|text| !text.is_empty())
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

fn named<T: Copy>(table: &[(&str, T)], key: &str) -> T {
    table
        .iter()
        .find(|(name, _)| *name == key)
        .unwrap_or_else(|| panic!("readelf says `{key}`: add it to its table here"))
        .1
}
