//! The system that a file was made for, as its own contents tell it.
//!
//! An ELF file tells it, from the strongest hint to the weakest: by a note that is named after the
//! system, by EI_OSABI, by the note of the GNU tools, by a segment of OpenBSD's own, by the path of
//! its loader. A static program for Linux usually has none of them.
//!
//! Sources: FreeBSD, sys/kern/imgact_elf.c; NetBSD, sys/kern/exec_elf.c; OpenBSD,
//! sys/kern/exec_elf.c; bionic, libc/arch-common/bionic/crtbrand.S; glibc, csu/abi-note.c; illumos,
//! usr/src/lib/libc/port/mapfile-vers.

use serde::{Deserialize, Serialize};

use crate::target::system::Os;

/// System of a file, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemName {
    /// Linux, other than Android.
    Linux,
    /// GNU Hurd.
    Hurd,
    /// FreeBSD.
    #[serde(rename = "freebsd")]
    FreeBsd,
    /// NetBSD.
    #[serde(rename = "netbsd")]
    NetBsd,
    /// OpenBSD.
    #[serde(rename = "openbsd")]
    OpenBsd,
    /// DragonFly BSD.
    Dragonfly,
    /// Android.
    Android,
    /// Solaris, or illumos where the file uses nothing that illumos alone has.
    Solaris,
    /// illumos.
    Illumos,
    /// macOS.
    #[serde(rename = "macos")]
    MacOs,
    /// iOS and iPadOS.
    Ios,
    /// tvOS.
    #[serde(rename = "tvos")]
    TvOs,
    /// watchOS.
    #[serde(rename = "watchos")]
    WatchOs,
    /// bridgeOS.
    #[serde(rename = "bridgeos")]
    BridgeOs,
    /// visionOS.
    #[serde(rename = "visionos")]
    VisionOs,
    /// macOS, for programs of iOS.
    MacCatalyst,
    /// Drivers of macOS.
    #[serde(rename = "driverkit")]
    DriverKit,
    /// Simulator of one of Apple's other systems.
    Simulator,
    /// Windows.
    Windows,
    /// Firmware with UEFI.
    Uefi,
    /// WASI.
    Wasi,
}

impl SystemName {
    /// Returns the operating system; `None` if it is none of a target's.
    pub fn os(self) -> Option<Os> {
        match self {
            Self::Linux => Some(Os::Linux),
            Self::FreeBsd => Some(Os::FreeBsd),
            Self::NetBsd => Some(Os::NetBsd),
            Self::OpenBsd => Some(Os::OpenBsd),
            Self::Dragonfly => Some(Os::Dragonfly),
            Self::Android => Some(Os::Android),
            Self::Solaris => Some(Os::Solaris),
            Self::Illumos => Some(Os::Illumos),
            Self::MacOs | Self::MacCatalyst => Some(Os::Darwin),
            Self::Ios => Some(Os::Ios),
            Self::Windows => Some(Os::Windows),
            Self::Wasi => Some(Os::Wasi),
            Self::Hurd
            | Self::TvOs
            | Self::WatchOs
            | Self::BridgeOs
            | Self::VisionOs
            | Self::DriverKit
            | Self::Simulator
            | Self::Uefi => None,
        }
    }

    /// Returns true if a program without a PT_GNU_STACK may get an executable stack.
    pub fn may_execute_stack(self) -> bool {
        !matches!(
            self,
            Self::NetBsd | Self::OpenBsd | Self::Solaris | Self::Illumos
        )
    }
}

/// Type of the note that tells the system, in the namespace of each.
const ABI_TAG: u32 = 1;

/// What an ELF file tells of its system.
pub struct ElfHints<'a> {
    /// EI_OSABI of the header.
    pub osabi: u8,
    /// Name, type and contents of notes.
    pub notes: Vec<(&'a str, u32, &'a [u8])>,
    /// True if the contents of notes have the least significant byte first.
    pub little_endian: bool,
    /// Types of the segments.
    pub segments: Vec<u32>,
    /// Path of the loader.
    pub interpreter: Option<&'a str>,
    /// Symbol versions that it requires.
    pub versions: Vec<&'a str>,
}

/// Segments of OpenBSD: PT_OPENBSD_RANDOMIZE, PT_OPENBSD_WXNEEDED, PT_OPENBSD_BOOTDATA,
/// PT_OPENBSD_MUTABLE, PT_OPENBSD_SYSCALLS.
const OPENBSD_SEGMENTS: &[u32] = &[
    0x65a3_dbe5,
    0x65a3_dbe6,
    0x65a3_dbe7,
    0x65a3_dbe9,
    0x65a4_1be6,
];

/// Starts of the loaders' paths.
#[rustfmt::skip]
const LOADERS: &[(&str, SystemName)] = &[
    ("/libexec/ld-elf.so.2",  SystemName::Dragonfly),
    ("/libexec/ld-elf",       SystemName::FreeBsd),
    ("/usr/libexec/ld-elf",   SystemName::FreeBsd),
    ("/libexec/ld.elf_so",    SystemName::NetBsd),
    ("/usr/libexec/ld.elf_so", SystemName::NetBsd),
    ("/usr/libexec/ld.so",    SystemName::OpenBsd),
    ("/system/bin/linker",    SystemName::Android),
    ("/usr/lib/ld.so.1",      SystemName::Solaris),
    ("/usr/lib/amd64/ld.so.1", SystemName::Solaris),
    ("/usr/lib/64/ld.so.1",   SystemName::Solaris),
    ("/usr/lib/sparcv9/ld.so.1", SystemName::Solaris),
    ("/lib/amd64/ld.so.1",    SystemName::Solaris),
    ("/lib/64/ld.so.1",       SystemName::Solaris),
    ("/lib/sparcv9/ld.so.1",  SystemName::Solaris),
    ("/lib/ld-linux",         SystemName::Linux),
    ("/lib32/ld-linux",       SystemName::Linux),
    ("/lib64/ld-linux",       SystemName::Linux),
    ("/libx32/ld-linux",      SystemName::Linux),
    ("/lib64/ld64.so",        SystemName::Linux),
    ("/lib/ld64.so",          SystemName::Linux),
    ("/lib/ld-musl-",         SystemName::Linux),
    ("/lib/ld-uClibc",        SystemName::Linux),
    ("/lib/klibc-",           SystemName::Linux),
];

/// Returns the system of an ELF file; `None` if nothing in it tells.
pub fn of_elf(hints: &ElfHints) -> Option<SystemName> {
    let system = by_note(hints)
        .or_else(|| by_osabi(hints.osabi))
        .or_else(|| gnu_note(hints))
        .or_else(|| {
            let is_openbsd = |kind: &u32| OPENBSD_SEGMENTS.contains(kind);
            hints
                .segments
                .iter()
                .any(is_openbsd)
                .then_some(SystemName::OpenBsd)
        })
        .or_else(|| {
            let path = hints.interpreter?;
            let mut rows = LOADERS.iter();
            rows.find(|(start, _)| path.starts_with(start))
                .map(|(_, system)| *system)
        })?;
    let is_illumos = hints
        .versions
        .iter()
        .any(|name| name.starts_with("ILLUMOS"));
    Some(match system {
        SystemName::Solaris if is_illumos => SystemName::Illumos,
        other => other,
    })
}

fn by_note(hints: &ElfHints) -> Option<SystemName> {
    let mut notes = hints.notes.iter();
    notes.find_map(|(name, kind, _)| match (*name, *kind) {
        ("FreeBSD", ABI_TAG) => Some(SystemName::FreeBsd),
        ("NetBSD", ABI_TAG) => Some(SystemName::NetBsd),
        ("OpenBSD", ABI_TAG) => Some(SystemName::OpenBsd),
        ("DragonFly", ABI_TAG) => Some(SystemName::Dragonfly),
        ("Android", ABI_TAG) => Some(SystemName::Android),
        _ => None,
    })
}

/// Returns the system of an EI_OSABI. 0 is any System V; 3 is written for Linux wherever GNU's
/// extensions are used, also for the Hurd, whose note is looked at first.
fn by_osabi(osabi: u8) -> Option<SystemName> {
    match osabi {
        2 => Some(SystemName::NetBsd),
        6 => Some(SystemName::Solaris),
        9 => Some(SystemName::FreeBsd),
        12 => Some(SystemName::OpenBsd),
        _ => None,
    }
}

fn gnu_note(hints: &ElfHints) -> Option<SystemName> {
    let mut notes = hints.notes.iter();
    let (_, _, contents) = notes.find(|(name, kind, _)| (*name, *kind) == ("GNU", ABI_TAG))?;
    let word: [u8; 4] = contents.get(..4)?.try_into().ok()?;
    let system = if hints.little_endian {
        u32::from_le_bytes(word)
    } else {
        u32::from_be_bytes(word)
    };
    match system {
        0 => Some(SystemName::Linux),
        1 => Some(SystemName::Hurd),
        2 => Some(SystemName::Solaris),
        3 => Some(SystemName::FreeBsd),
        4 => Some(SystemName::NetBsd),
        _ => None,
    }
}

/// Returns the system of Mach-O's platform in LC_BUILD_VERSION, `PLATFORM_*` in
/// `mach-o/loader.h`.
pub fn of_platform(platform: u32) -> Option<SystemName> {
    match platform {
        1 => Some(SystemName::MacOs),
        2 => Some(SystemName::Ios),
        3 => Some(SystemName::TvOs),
        4 => Some(SystemName::WatchOs),
        5 => Some(SystemName::BridgeOs),
        6 => Some(SystemName::MacCatalyst),
        7..=9 | 12 => Some(SystemName::Simulator),
        10 => Some(SystemName::DriverKit),
        11 => Some(SystemName::VisionOs),
        _ => None,
    }
}

/// Returns the system of a PE file's subsystem, `IMAGE_SUBSYSTEM_*` in Microsoft's PE format.
pub fn of_subsystem(subsystem: u16) -> Option<SystemName> {
    match subsystem {
        1..=3 | 8 | 16 => Some(SystemName::Windows),
        10..=13 => Some(SystemName::Uefi),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the system of an ELF file: EI_OSABI, name and first word of a note, loader.
    fn check(osabi: u8, note: &str, word: u8, loader: &str, expected: Option<SystemName>) {
        let contents = [word, 0, 0, 0];
        let hints = ElfHints {
            osabi,
            notes: vec![(note, ABI_TAG, &contents)],
            little_endian: true,
            segments: Vec::new(),
            interpreter: Some(loader).filter(|path| !path.is_empty()),
            versions: Vec::new(),
        };
        assert_eq!(of_elf(&hints), expected, "{osabi} {note} {loader}");
    }

    #[test]
    fn notes_name_the_system_before_the_header_and_the_loader_do() {
        use SystemName::*;
        check(0, "FreeBSD", 9, "/libexec/ld-elf.so.1", Some(FreeBsd));
        check(9, "", 0, "", Some(FreeBsd));
        check(0, "", 0, "/libexec/ld-elf.so.1", Some(FreeBsd));
        check(
            0,
            "DragonFly",
            9,
            "/usr/libexec/ld-elf.so.2",
            Some(Dragonfly),
        );
        check(0, "", 0, "/libexec/ld-elf.so.2", Some(Dragonfly));
        check(0, "NetBSD", 9, "", Some(NetBsd));
        check(0, "", 0, "/usr/libexec/ld.elf_so", Some(NetBsd));
        check(0, "OpenBSD", 0, "/usr/libexec/ld.so", Some(OpenBsd));
        check(0, "Android", 21, "/system/bin/linker64", Some(Android));
        check(6, "", 0, "/lib/64/ld.so.1", Some(Solaris));
        check(
            0,
            "GNU",
            0,
            "/nix/store/x/ld-linux-x86-64.so.2",
            Some(Linux),
        );
        check(3, "GNU", 1, "/lib/ld.so.1", Some(Hurd));
        check(0, "", 0, "/lib/ld-musl-x86_64.so.1", Some(Linux));
        check(0, "", 0, "", None);
        check(0, "Go", 0, "", None);
        // FreeBSD's Linux emulation runs what has Linux's note.
        check(3, "", 0, "/lib64/ld-linux-x86-64.so.2", Some(Linux));
    }

    #[test]
    fn illumos_is_told_by_its_own_symbol_versions() {
        let hints = |versions| ElfHints {
            osabi: 6,
            notes: Vec::new(),
            little_endian: true,
            segments: Vec::new(),
            interpreter: Some("/lib/64/ld.so.1"),
            versions,
        };
        let of = |versions| of_elf(&hints(versions));
        assert_eq!(
            of(vec!["SUNW_1.23", "ILLUMOS_0.8"]),
            Some(SystemName::Illumos)
        );
        assert_eq!(of(vec!["SUNW_1.23"]), Some(SystemName::Solaris));
    }

    #[test]
    fn segments_of_openbsd_tell_static_programs() {
        let hints = ElfHints {
            osabi: 0,
            notes: Vec::new(),
            little_endian: true,
            segments: vec![1, 0x65a3_dbe6],
            interpreter: None,
            versions: Vec::new(),
        };
        assert_eq!(of_elf(&hints), Some(SystemName::OpenBsd));
    }
}
