//! The target that a program is for: from a list, from a flag, or parsed from its path.

use crate::inspect::binary::{Binary, EndianName, FormatName};
use crate::inspect::{macho, system_of};
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::Target;
use crate::target::arch::{Arch, FloatAbi};
use crate::target::glibc::Glibc;
use crate::target::level::{self, Level};
use crate::target::macos::MacOs;
use crate::target::system::{Libc, Os};
use crate::tree::manifest::TargetRecord;
use crate::verify::words::meaning::Processor;
use crate::verify::words::{self, Promise};

/// Requirements of a program's target. Unknown properties are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Processor; `None` if the path does not name one.
    pub arch: Option<&'static Arch>,
    /// True if the file holds programs for several processors.
    pub universal: bool,
    /// Operating system.
    pub os: Os,
    /// C library; `None` if the path does not name one.
    pub libc: Option<Libc>,
    /// Float ABI of 32-bit ARM.
    pub float: FloatAbi,
    /// Highest glibc that it may need; `None` if there is no limit.
    pub floor: Option<Glibc>,
    /// Oldest macOS that it has to start on; `None` if there is no promise.
    pub macos: Option<MacOs>,
    /// Level of processor that it may need; `None` if the path leaves it open.
    pub level: Option<Level>,
    /// True if it is one of Rust's targets, whose programs for musl are static. Elsewhere musl is
    /// the system's own C library, as on Alpine.
    pub is_rusts: bool,
    /// Name in messages: the triple, or the parts of the path that name the target (`linux-arm64`).
    pub name: String,
}

impl Expected {
    /// Returns the requirements of a target.
    pub fn from_target(target: &Target) -> Self {
        Self {
            arch: Some(target.arch).filter(|_| !target.is_universal()),
            universal: target.is_universal(),
            os: target.system.os,
            libc: Some(target.system.libc),
            float: target.system.float,
            floor: target.floor,
            macos: None,
            level: target.level(),
            is_rusts: true,
            name: target.to_string(),
        }
    }

    /// Returns what the programs of a recorded build must meet.
    pub fn of_record(target: &Target, record: &TargetRecord) -> Self {
        Self {
            floor: record.glibc.as_deref().and_then(Glibc::parse),
            ..Self::from_target(target)
                .raised_to(record.level.as_ref())
                .starting_on(record.macos.as_deref().and_then(MacOs::parse))
        }
    }

    /// Returns the requirements with the level of processor that the rustflags of the build allow,
    /// if they raise it.
    #[must_use]
    pub fn raised_to(self, raised: Option<&Level>) -> Self {
        Self {
            level: raised.cloned().or(self.level),
            ..self
        }
    }

    /// Returns the requirements with the oldest macOS that the build was for, if it is known.
    #[must_use]
    pub fn starting_on(self, macos: Option<MacOs>) -> Self {
        Self {
            macos: macos.or(self.macos),
            ..self
        }
    }
}

impl Expected {
    /// Returns the requirements of each part of a universal program.
    #[must_use]
    pub fn of_part(&self) -> Self {
        Self {
            universal: false,
            ..self.clone()
        }
    }

    /// Returns the processor that QEMU has to emulate for code of this level only to run. `None`
    /// if the build raised the level: which processor was meant is not known.
    pub fn cpu(&self) -> Option<&'static str> {
        let arch = self.arch?;
        let own = level::of(arch, self.libc)?;
        level::cpu(arch).filter(|_| self.os == Os::Linux && self.level.as_ref() == Some(&own))
    }
}

/// Parses the target from a path: a triple in one of its components, or words such as
/// `linux-arm64`, `linux/amd64`, `darwin_x86_64`. If the path does not name the system, the program
/// itself decides.
///
/// Returns `None` for a path that names neither a system nor a processor, or contradicts itself.
pub fn from_path(path: &str, program: Option<&Binary>) -> Option<Expected> {
    let Promise {
        system,
        processor,
        libc,
        float,
        floor,
        macos,
        is_open,
        is_triple,
        words,
    } = words::promise(path)?;
    let has_all = || program.is_some_and(|program| has_slices(program, &words::processors(path)));
    let processor = match processor {
        None if words::names_processor(path) && !has_all() => return None,
        // `darwin-x64+arm64`
        None if words::names_processor(path) => Some(Processor::Universal),
        one => one,
    };
    let is_wasm = matches!(processor, Some(Processor::One(arch)) if arch.prefix == "wasm32");
    let own = || {
        let program = program.filter(|it| !is_wasm || it.format == FormatName::Wasm);
        program.and_then(system_of)
    };
    let os = system
        .or_else(own)
        .or_else(|| is_wasm.then_some(Os::Wasi))
        .unwrap_or_else(|| match program.map(|program| program.format) {
            Some(FormatName::MachO) => Os::Darwin,
            Some(FormatName::Pe) => Os::Windows,
            Some(FormatName::Wasm) => Os::Wasi,
            Some(FormatName::Elf) | None => Os::Linux,
        });
    let libc = libc.filter(|_| os == Os::Linux);
    let (arch, universal) = match processor {
        Some(Processor::One(arch)) => (Some(of_windows(arch, os)), false),
        Some(Processor::Universal) => (None, true),
        None => (None, false),
    };
    let level = arch
        .and_then(|arch| level::of(arch, libc))
        .filter(|_| !is_open && !names_x86_level(&path.to_lowercase()));
    Some(Expected {
        arch,
        universal,
        os,
        libc,
        float,
        floor,
        macos: macos.filter(|_| os == Os::Darwin),
        level,
        is_rusts: is_triple,
        name: words,
    })
}

/// Returns true if a universal file has a slice for each of these processors.
fn has_slices(program: &Binary, arches: &[&Arch]) -> bool {
    let has = |arch: &&Arch| {
        let machine = macho::machine(arch.macho);
        program.slices.iter().any(|slice| slice.machine == machine)
    };
    !program.slices.is_empty() && arches.iter().all(has)
}

/// Returns the processor of Windows that a name means: `arm` is arm64, since Windows has no programs
/// for 32-bit Arm.
fn of_windows(arch: &'static Arch, os: Os) -> &'static Arch {
    let is_arm = os == Os::Windows && arch.name == "arm";
    let arm64 = || Arch::of_prefix("aarch64");
    is_arm.then(arm64).flatten().unwrap_or(arch)
}

impl Expected {
    /// Returns the requirements as Node.js names processors: its `ppc64` is of either byte order.
    #[must_use]
    pub fn in_words_of_node(self, program: &Binary) -> Self {
        let is_open = self.name.split('-').any(|word| word == "ppc64");
        let little = Arch::of_prefix("powerpc64le")
            .filter(|_| is_open && program.endian == EndianName::Little);
        Self {
            arch: little.or(self.arch),
            level: little.map_or(self.level, |arch| level::of(arch, self.libc)),
            ..self
        }
    }
}

/// Returns true if a path names a level of x86-64, as in `x86_64-v3` and `amd64v2`. `v2.1` is a
/// version.
fn names_x86_level(path: &str) -> bool {
    let is_level = |(at, _): (usize, &str)| {
        let rest = path[at + 2..].trim_start_matches(['-', '_']);
        let mut letters = rest.chars();
        letters.next() == Some('v')
            && matches!(letters.next(), Some('2'..='4'))
            && letters
                .next()
                .is_none_or(|letter| !letter.is_alphanumeric() && letter != '.')
    };
    path.match_indices("64").any(is_level)
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[TARGET_UNKNOWN];

/// Code of a program whose target is not known.
pub const TARGET_UNKNOWN: Code = code(&CodeInfo {
    name: "target-unknown",
    title: "the target of a program is unknown",
    cause: "No list, no part of its path and no flag names its target, so it cannot be checked \
            against one.",
    detection: "The path is searched for triples and for names such as `x86_64`, `linux-arm64` and \
                `linux/amd64`.",
    fix: "Name it: `--target TRIPLE`.",
    page: "verify",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &str) {
        let found = from_path(path, None).map(|expected| {
            format!(
                "{} {} {}",
                expected.arch.map_or("?", |arch| arch.prefix),
                expected.os.name(),
                expected.libc.map_or("?", Libc::name)
            )
        });
        assert_eq!(found.as_deref().unwrap_or("nothing"), expected, "{path}");
    }

    #[test]
    fn targets_are_parsed_from_paths() {
        check("x86_64-unknown-linux-musl/app/app", "x86_64 linux musl");
        check(
            "dist/app-v1.2-aarch64-unknown-linux-gnu/app",
            "aarch64 linux gnu",
        );
        check("linux/amd64/app", "x86_64 linux ?");
        check("linux/arm/v7/app", "armv7 linux ?");
        check("bin/app-linux-arm64", "aarch64 linux ?");
        check("app_darwin_x86_64", "x86_64 darwin ?");
        check("darwin-aarch64/app", "aarch64 darwin ?");
        check("x86_64/app", "x86_64 linux ?");
        check("app-windows-x64.exe", "x86_64 windows ?");
        check("x86_64-pc-windows-msvc/app.exe", "x86_64 windows ?");
        check("musl/arm64/app", "aarch64 linux musl");
        check("charm/alarm", "nothing");
        check("app", "nothing");
        check("x86/app", "i686 linux ?");
        check("x86_64-unknown-linux-gnu/aarch64-app", "nothing");
        let floor = from_path("dist/x86_64-unknown-linux-gnu.2.17/app", None)
            .unwrap()
            .floor;
        assert_eq!(floor, Glibc::parse("2.17"));
        let floor = |path: &str| from_path(path, None).unwrap().floor;
        for path in [
            "app-1.0-x86_64-unknown-linux-gnu.2.17.tar.gz",
            "app-x86_64-unknown-linux-gnu.2.17.zip",
            "app-x86_64-unknown-linux-gnu.2.17/x86_64-unknown-linux-gnu/app",
            "x86_64-unknown-linux-gnu/app-x86_64-unknown-linux-gnu.2.17",
        ] {
            assert_eq!(floor(path), Glibc::parse("2.17"), "{path}");
        }
        assert_eq!(floor("app-x86_64-unknown-linux-gnu.tar.gz"), None);
        assert_eq!(floor("app-x86_64-unknown-linux-gnu.1.2.3.tar.gz"), None);
        assert_eq!(floor("app-x86_64-unknown-linux-musl.2.17.tar.gz"), None);
    }
}
