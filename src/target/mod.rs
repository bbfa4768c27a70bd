//! Target triples, parsed once against a table of processors and a table of systems.
//!
//! A new platform is a row in [`arch::ARCHES`] or [`system::SYSTEMS`]. Then look at
//! [`glibc::FIRST_GLIBC`], the levels of [`level`], [`Target::same_arch`] and [`Target::debian_arch`] here, and in `verify` at
//! the loaders of `rules::libc` and the words of `expected`.
//!
//! Pure. After [`Target::parse`] the triple's text is not parsed again.

pub mod arch;
pub mod glibc;
pub mod level;
pub mod macos;
pub mod system;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result, nearest};
use crate::target::arch::{ARCHES, Arch};
use crate::target::glibc::{FIRST_GLIBC, Glibc};
use crate::target::level::Level;
use crate::target::system::{Format, GNUX32, Libc, SYSTEMS, System};

/// Other words for a processor in the names of compilers: Debian's, musl.cc's, Fedora's, Gentoo's,
/// Nix's, Rust's.
const GNU_ALIASES: &[(&str, &[&str])] = &[
    ("x86_64", &["amd64"]),
    ("aarch64", &["arm64"]),
    (
        "arm",
        &[
            "armel", "armhf", "armv5l", "armv5te", "armv5tel", "armv6", "armv6l", "armv6hl",
            "armv7", "armv7a", "armv7l", "armv7hl", "armv7hnl",
        ],
    ),
    ("riscv64", &["riscv64gc"]),
    ("powerpc", &["ppc"]),
    ("powerpc64", &["ppc64"]),
    ("powerpc64le", &["ppc64le"]),
];

/// Processors, in OCI's notation, among which arguments of one GNU compiler choose (`-m32`).
const FAMILIES: &[&[&str]] = &[
    &["amd64", "amd64p32", "386"],
    &["ppc64le", "ppc64", "ppc"],
    &["mips", "mipsle", "mips64", "mips64le"],
];
/// Target whose programs hold those of [`SLICES`].
pub const UNIVERSAL: &str = "universal2-apple-darwin";

/// Targets of the programs in a universal one, in the order of a universal file.
pub const SLICES: [&str; 2] = ["x86_64-apple-darwin", "aarch64-apple-darwin"];

/// Target triple with its platform facts and an optional glibc floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    triple: String,
    /// Row of the processor.
    pub arch: &'static Arch,
    /// Row of the system.
    pub system: &'static System,
    /// glibc floor: the highest glibc version that a finished binary may require.
    pub floor: Option<Glibc>,
}

impl Target {
    /// Parses `TRIPLE[.GLIBC]`. `known` are the triples of `rustc --print target-list`.
    ///
    /// # Errors
    /// `unknown-target` if rustc does not know the triple or the glibc floor is invalid,
    /// `unsupported-target` if a table has no row for it.
    pub fn parse(text: &str, known: &[String]) -> Result<Self> {
        if text.ends_with(".json") {
            let problem = Problem::new(
                UNSUPPORTED_TARGET,
                format!(
                    "`{text}` is a target specification, and xpkg does not support targets that \
                     rustc does not know by name"
                ),
            );
            return Err(problem.help(format!(
                "build it with cargo itself: `cargo build --release --target {}`",
                text
            )));
        }
        let (triple, floor) = Self::split(text);
        // The one target that is none of rustc's.
        if triple != UNIVERSAL && !known.iter().any(|name| name == triple) {
            let problem = Problem::new(
                UNKNOWN_TARGET,
                format!("rustc does not know the target `{triple}`"),
            );
            // The most common mistake is to leave out the vendor, as GNU triples do.
            let vendored = triple.replacen('-', "-unknown-", 1);
            let near = known
                .iter()
                .find(|name| **name == vendored)
                .map(String::as_str);
            return Err(
                match near.or_else(|| nearest(triple, known.iter().map(String::as_str))) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("`rustc --print target-list` lists all targets"),
                },
            );
        }
        let mut target = Self::lookup(triple).ok_or_else(|| {
            Problem::new(
                UNSUPPORTED_TARGET,
                format!(
                    "xpkg does not support `{triple}`: it cannot inspect files for this platform"
                ),
            )
            .help(format!(
                "build it with cargo itself: `cargo build --release --target {triple}`"
            ))
        })?;
        if let Some(floor) = floor {
            let invalid = |why: &str| {
                Problem::new(UNKNOWN_TARGET, format!("invalid target `{text}`: {why}"))
                    .help("a glibc floor is written `x86_64-unknown-linux-gnu.2.17`")
            };
            if target.system.libc != Libc::Gnu {
                return Err(invalid("only a gnu triple has a glibc floor"));
            }
            target.floor = Some(
                Glibc::parse(floor)
                    .ok_or_else(|| invalid(&format!("`{floor}` is not a glibc version")))?,
            );
        }
        Ok(target)
    }

    /// Splits `TRIPLE[.GLIBC]` into the bare triple and the glibc floor. A dot in the name of the
    /// processor, before the first hyphen, belongs to the triple (`thumbv8m.main-none-eabi`).
    pub fn split(text: &str) -> (&str, Option<&str>) {
        let processor = text.find('-').unwrap_or(text.len());
        match text[processor..].split_once('.') {
            Some((rest, floor)) => (&text[..processor + rest.len()], Some(floor)),
            None => (text, None),
        }
    }

    /// Looks up the rows of a triple, without asking rustc if it knows the triple.
    fn lookup(triple: &str) -> Option<Self> {
        let (prefix, suffix) = triple.split_once('-')?;
        let system = SYSTEMS.iter().find(|row| row.suffix == suffix)?;
        let name = match (prefix, suffix) {
            (arch::UNIVERSAL, _) if triple != UNIVERSAL => return None,
            (arch::X32, _) => return None,
            ("x86_64", GNUX32) => arch::X32,
            (prefix, _) => prefix,
        };
        let arch = ARCHES.iter().find(|row| row.prefix == name)?;
        Some(Self {
            triple: triple.to_owned(),
            arch,
            system,
            floor: None,
        })
    }

    /// Returns the first target that a compiler of this `machine` (`Target:` of its `-v`) compiles
    /// for.
    pub fn of_machine(machine: &str) -> Option<Self> {
        let rows = ARCHES
            .iter()
            .flat_map(|arch| SYSTEMS.iter().map(move |system| (arch, system)));
        let mut targets = rows.filter_map(|(arch, system)| {
            Self::lookup(&format!("{}-{}", arch.prefix, system.suffix))
        });
        targets.find(|target| target.same_libc(machine))
    }

    /// Returns the target of a triple that rustc printed, if it is supported.
    pub fn of_triple(triple: &str) -> Option<Self> {
        Self::lookup(triple)
    }

    /// Returns the oldest glibc that a program for this processor can require, if it is limited.
    pub fn first_glibc(&self) -> Option<Glibc> {
        FIRST_GLIBC
            .iter()
            .find(|(arch, _)| *arch == self.arch.name)
            .map(|(_, first)| *first)
    }

    /// Returns the level of processor that the target promises; `None` if its files do not record
    /// theirs.
    pub fn level(&self) -> Option<Level> {
        let is_elf = self.system.format == Format::Elf;
        level::of(self.arch, Some(self.system.libc)).filter(|_| is_elf)
    }

    /// Returns the target of universal programs.
    pub fn universal() -> Self {
        Self::lookup(UNIVERSAL).expect("its rows are in the tables")
    }

    /// Returns true if its programs hold those of [`SLICES`].
    pub fn is_universal(&self) -> bool {
        self.triple == UNIVERSAL
    }

    /// Returns true if its programs hold those of the target with a triple.
    pub fn holds(&self, triple: &str) -> bool {
        self.is_universal() && SLICES.contains(&triple)
    }

    /// Returns the bare triple, as cargo and rustc take it.
    pub fn triple(&self) -> &str {
        &self.triple
    }

    /// Returns the triple as part of variable names that cc-rs reads: `aarch64_unknown_linux_musl`.
    pub fn lower(&self) -> String {
        self.triple.replace('-', "_")
    }

    /// Returns the triple as part of variable names that cargo reads: `AARCH64_UNKNOWN_LINUX_MUSL`.
    pub fn upper(&self) -> String {
        self.lower().to_uppercase()
    }

    /// Returns the platform in OCI's notation (`linux/arm/v7`); `{platform}` in a layout.
    pub fn platform(&self) -> String {
        let base = format!("{}/{}", self.system.os.name(), self.arch.oci);
        match self.arch.variant {
            Some(variant) => format!("{base}/{variant}"),
            None => base,
        }
    }

    /// Returns Debian's name of the processor, which cross passes to `pre-build` commands.
    pub fn debian_arch(&self) -> &'static str {
        match self.arch.oci {
            "386" => "i386",
            "amd64p32" => "x32",
            "ppc64le" => "ppc64el",
            "ppc" => "powerpc",
            "arm" if self.gnu_name().ends_with("hf") => "armhf",
            "arm" => "armel",
            oci => oci,
        }
    }

    /// Returns the prefix of a GNU cross toolchain for this target: `aarch64-linux-gnu`.
    pub fn gnu_name(&self) -> String {
        format!("{}-{}", self.arch.gnu, self.system.gnu)
    }

    /// Returns Debian's multiarch name, which directories of libraries have: `i386-linux-gnu`.
    ///
    /// Source: <https://wiki.debian.org/Multiarch/Tuples>
    pub fn multiarch(&self) -> String {
        let arch = if self.arch.name == "x86" {
            "i386"
        } else {
            self.arch.gnu
        };
        format!("{arch}-{}", self.system.gnu)
    }

    /// Returns the prefix of Debian's cross toolchain, in whose directory below `/usr` its C library
    /// is: one of i686 serves i586 as well.
    pub fn debian_prefix(&self) -> String {
        let arch = if self.arch.name == "x86" {
            "i686"
        } else {
            self.arch.gnu
        };
        format!("{arch}-{}", self.system.gnu)
    }

    /// Returns true if a compiler of this `machine` (`Target:` of its `-v`) compiles for this
    /// processor.
    pub fn same_arch(&self, machine: &str) -> bool {
        let cpu = machine.split('-').next().unwrap_or_default();
        if self.arch.name == "x86" {
            return ["i386", "i486", "i586", "i686"].contains(&cpu);
        }
        let gnu = GNU_ALIASES
            .iter()
            .find(|(_, aliases)| aliases.contains(&cpu))
            .map_or(cpu, |(gnu, _)| *gnu);
        gnu == self.arch.gnu
    }

    /// Returns true if a GNU compiler of this `machine` may compile for this processor, by its
    /// arguments if not by itself.
    pub fn same_family(&self, machine: &str) -> bool {
        let others = FAMILIES
            .iter()
            .filter(|family| family.contains(&self.arch.oci))
            .flat_map(|family| ARCHES.iter().filter(|row| family.contains(&row.oci)));
        let mut others = others.map(|arch| Self {
            arch,
            ..self.clone()
        });
        self.same_arch(machine) || others.any(|other| other.same_arch(machine))
    }

    /// Returns true if a compiler of this `machine` compiles for this processor and C library.
    pub fn same_libc(&self, machine: &str) -> bool {
        // On Fedora and SUSE, `x86_64-redhat-linux` means glibc.
        let implied_glibc = self.system.gnu == "linux-gnu" && machine.ends_with("-linux");
        // clang's name for it.
        let is_mingw = self.system.gnu == "w64-mingw32" && machine.ends_with("-windows-gnu");
        let is_same = machine.ends_with(self.system.gnu) || implied_glibc || is_mingw;
        self.same_arch(machine) && is_same
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

/// Codes declared in this file.
pub const CODES: &[Code] = &[UNKNOWN_TARGET, UNSUPPORTED_TARGET];

/// A target that rustc does not know, or an invalid glibc floor.
pub const UNKNOWN_TARGET: Code = code(&CodeInfo {
    name: "unknown-target",
    title: "rustc does not know the target",
    cause: "The triple is misspelled, or it is a target of another compiler version.",
    detection: "`rustc --print target-list` does not list it.",
    fix: "Use the nearest known triple, which the help line suggests, or see `rustc --print \
          target-list`.",
    page: "configuration",
    sources: &[],
    waivable: false,
});

/// A target that rustc knows and xpkg does not.
pub const UNSUPPORTED_TARGET: Code = code(&CodeInfo {
    name: "unsupported-target",
    title: "xpkg does not support the target",
    cause: "rustc knows the target, but xpkg does not know what a correct file for it looks \
            like, so it could not inspect what it stages.",
    detection: "The triple's processor or system has no row in xpkg's tables.",
    fix: "Build it with cargo directly, and request support for it in an issue.",
    page: "linkers",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Triples for tests that run without rustc.
    fn known() -> Vec<String> {
        [
            "aarch64-unknown-linux-musl",
            "x86_64-unknown-linux-gnu",
            "x86_64-unknown-linux-gnux32",
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
    fn a_floor_comes_after_the_triple() {
        for (text, triple, floor) in [
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu", None),
            (
                "x86_64-unknown-linux-gnu.2.17",
                "x86_64-unknown-linux-gnu",
                Some("2.17"),
            ),
            ("thumbv8m.main-none-eabi", "thumbv8m.main-none-eabi", None),
            (
                "x86_64-unknown-linux-gnu.",
                "x86_64-unknown-linux-gnu",
                Some(""),
            ),
            ("nonsense.2", "nonsense.2", None),
            ("", "", None),
        ] {
            assert_eq!(Target::split(text), (triple, floor));
        }
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
        check(
            "x86_64-unknown-linux-gnux32",
            "x86_64-unknown-linux-gnux32 linux/amd64p32 x86_64-linux-gnux32",
        );
        check(
            "universal2-apple-darwin",
            "universal2-apple-darwin darwin/universal2 universal2-apple-darwin",
        );
    }

    #[test]
    fn an_invalid_target_is_rejected_with_the_nearest() {
        check(
            "aarch64-linux-musl",
            "unknown-target: rustc does not know the target `aarch64-linux-musl` (did you mean \
             `aarch64-unknown-linux-musl`?)",
        );
        check(
            "aarch64-unknown-linux-musl.2.17",
            "unknown-target: invalid target `aarch64-unknown-linux-musl.2.17`: only a gnu triple \
             has a glibc floor (a glibc floor is written `x86_64-unknown-linux-gnu.2.17`)",
        );
        check(
            "x86_64-unknown-linux-gnu.new",
            "unknown-target: invalid target `x86_64-unknown-linux-gnu.new`: `new` is not a glibc \
             version (a glibc floor is written `x86_64-unknown-linux-gnu.2.17`)",
        );
        check(
            "universal2-unknown-linux-musl",
            "unknown-target: rustc does not know the target `universal2-unknown-linux-musl` (did you \
             mean `aarch64-unknown-linux-musl`?)",
        );
        check(
            "universal2-apple-darwin.11.0",
            "unknown-target: invalid target `universal2-apple-darwin.11.0`: only a gnu triple has a \
             glibc floor (a glibc floor is written `x86_64-unknown-linux-gnu.2.17`)",
        );
        check(
            "avr-none",
            "unsupported-target: xpkg does not support `avr-none`: it cannot inspect files for \
             this platform (build it with cargo itself: `cargo build --release --target avr-none`)",
        );
    }

    #[test]
    fn a_compilers_machine_is_compared_by_parts() {
        let target = |triple: &str| Target::lookup(triple).unwrap();
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
        assert!(!target("powerpc64-unknown-linux-gnu").same_arch("ppc64le-suse-linux"));
        assert!(target("powerpc64le-unknown-linux-gnu").same_libc("powerpc64le-suse-linux"));
        assert!(target("armv7-unknown-linux-musleabihf").same_libc("armv7l-linux-musleabihf"));
        assert!(target("i586-unknown-linux-gnu").same_libc("i686-linux-gnu"));
        assert!(target("x86_64-unknown-linux-gnux32").same_libc("x86_64-linux-gnux32"));
        assert!(!target("x86_64-unknown-linux-gnu").same_libc("x86_64-linux-gnux32"));
        assert!(!target("x86_64-unknown-linux-gnux32").same_libc("x86_64-linux-gnu"));
        let of_machine = |machine| Target::of_machine(machine).unwrap().triple;
        assert_eq!(
            of_machine("x86_64-linux-gnux32"),
            "x86_64-unknown-linux-gnux32"
        );
        assert_eq!(of_machine("x86_64-linux-gnu"), "x86_64-unknown-linux-gnu");
        assert!(!target("powerpc-unknown-linux-gnu").same_arch("powerpc64-linux-gnu"));
        assert!(target("powerpc-unknown-linux-gnu").same_family("powerpc64-linux-gnu"));
        assert!(target("i686-unknown-linux-gnu").same_family("x86_64-linux-gnu"));
        assert!(target("x86_64-unknown-linux-gnu").same_family("amd64-linux-gnu"));
        assert!(!target("x86_64-unknown-linux-gnu").same_family("aarch64-poky-linux"));
    }

    #[test]
    fn debian_names_directories_and_toolchains_in_two_ways() {
        let check = |triple: &str, expected: [&str; 3]| {
            let target = Target::of_triple(triple).unwrap();
            let names = [
                target.gnu_name(),
                target.multiarch(),
                target.debian_prefix(),
            ];
            assert_eq!(names, expected);
        };
        let i686 = "i686-linux-gnu";
        check("i686-unknown-linux-gnu", [i686, "i386-linux-gnu", i686]);
        check(
            "i586-unknown-linux-gnu",
            ["i586-linux-gnu", "i386-linux-gnu", i686],
        );
        check(
            "i686-unknown-linux-musl",
            ["i686-linux-musl", "i386-linux-musl", "i686-linux-musl"],
        );
        check("armv7-unknown-linux-gnueabihf", ["arm-linux-gnueabihf"; 3]);
        check("riscv64gc-unknown-linux-gnu", ["riscv64-linux-gnu"; 3]);
        check(
            "powerpc64le-unknown-linux-gnu",
            ["powerpc64le-linux-gnu"; 3],
        );
    }
}
