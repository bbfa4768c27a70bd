//! A platform triple, parsed once. One row a processor, one row a system: a new platform is a new
//! row.
//!
//! Pure. After [`Target::parse`] nobody looks at the triple's text again.

pub mod arch;
pub mod glibc;
pub mod system;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result, nearest};
use crate::target::arch::{ARCHES, Arch};
use crate::target::glibc::{FIRST_GLIBC, Glibc};
use crate::target::system::{Libc, SYSTEMS, System};

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
            let problem = Problem::new(UNKNOWN_TARGET, format!("rustc knows no target `{triple}`"));
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
                UNSUPPORTED_TARGET,
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
                Problem::new(UNKNOWN_TARGET, format!("`{text}` is no target: {why}"))
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

/// Codes that this file declares.
pub const CODES: &[Code] = &[UNKNOWN_TARGET, UNSUPPORTED_TARGET];

pub const UNKNOWN_TARGET: Code = code(&CodeInfo {
    name: "unknown-target",
    title: "rustc does not know the target",
    cause: "The triple is misspelt, or names a target of another compiler version.",
    detection: "`rustc --print target-list` does not hold it.",
    fix: "Use the nearest known triple, which the message names, or see `rustc --print \
          target-list`.",
    source: "README, Tasks",
    waivable: false,
});

pub const UNSUPPORTED_TARGET: Code = code(&CodeInfo {
    name: "unsupported-target",
    title: "xpkg has no row for the target",
    cause: "rustc knows the target, but xpkg does not know what a correct file for it looks \
            like, so it could not inspect what it stages.",
    detection: "The triple's processor or system has no row in xpkg's tables.",
    fix: "Build it with cargo directly, and ask for a row.",
    source: "README, What it does not do",
    waivable: false,
});

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
