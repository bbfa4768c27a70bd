//! Inspection of Mach-O files, of one processor and universal, parsed by goblin.
//!
//! A universal file is a table of slices, each a whole file of one processor. Source:
//! `mach-o/fat.h`, `mach-o/loader.h`.

use goblin::mach::constants::cputype::{
    CPU_TYPE_ARM, CPU_TYPE_ARM64, CPU_TYPE_ARM64_32, CPU_TYPE_POWERPC, CPU_TYPE_POWERPC64,
    CPU_TYPE_X86, CPU_TYPE_X86_64,
};
use goblin::mach::header::{
    MH_ALLOW_STACK_EXECUTION, MH_DSYM, MH_EXECUTE, MH_NO_HEAP_EXECUTION, MH_PIE, filetype_to_str,
};
use goblin::mach::load_command::{CommandVariant, SymtabCommand};
use goblin::mach::{MachO as Parsed, segment};

use crate::inspect::binary::{Binary, EndianName, FormatName, Linkage, MachO};
use crate::inspect::field::{big, hex, little};
use crate::inspect::signature;
use crate::inspect::system::{self, SystemName};

/// Maximum number of load commands, far beyond any real program. goblin reads a string to its end
/// for each command, and all commands may refer to one long string.
const MOST_COMMANDS: u64 = 1024;

const MOST_SECTIONS: usize = 4096;

/// Maximum total bytes of the names of libraries and their directories.
const LONGEST_NAMES: usize = 1024 * 1024;

/// Maximum number of slices; Apple's systems have had a dozen processors.
const MOST_SLICES: u64 = 32;

/// Magic of a universal file whose offsets have 32 bits, and of one with 64 bits.
const FAT_32: u64 = 0xcafe_babe;
const FAT_64: u64 = 0xcafe_babf;

/// Reads the facts of a Mach-O file, or of each slice of a universal one.
///
/// # Errors
/// The file is not a readable Mach-O file, with the reason as a clause.
pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    match big(bytes, 0, 4) {
        Some(magic @ (FAT_32 | FAT_64)) => universal(bytes, magic == FAT_64),
        _ => single(bytes),
    }
}

/// Returns true for a file of debug symbols alone, or a universal one whose first slice is one:
/// `dsymutil` splits them off a program.
pub fn is_debug_symbols(bytes: &[u8]) -> bool {
    let slice = match big(bytes, 0, 4) {
        Some(FAT_32) => big(bytes, 16, 4),
        Some(FAT_64) => big(bytes, 16, 8),
        _ => Some(0),
    };
    let kind = slice
        .and_then(|offset| bytes.get(usize::try_from(offset).ok()?..))
        .and_then(|slice| match slice.first()? {
            0xfe => big(slice, 12, 4),
            _ => little(slice, 12, 4),
        });
    kind == Some(MH_DSYM.into())
}

/// Reads the facts of each slice, and merges them.
fn universal(bytes: &[u8], is_64: bool) -> Result<Binary, String> {
    const HEADER: usize = 8;
    let cut = || "it is a universal Mach-O whose table of slices is cut off".to_owned();
    let count = big(bytes, 4, 4).ok_or_else(cut)?;
    if count == 0 {
        return Err("it is a universal Mach-O without slices".to_owned());
    }
    if count > MOST_SLICES {
        return Err("its Mach-O headers claim more than a program has".to_owned());
    }
    let (row, width) = if is_64 { (32, 8) } else { (20, 4) };
    let table = HEADER + row * count as usize;
    let mut slices = Vec::new();
    let mut taken: Vec<(usize, usize)> = vec![(0, table)];
    for index in 0..count as usize {
        let at = HEADER + row * index;
        let number = |at: usize, width: usize| big(bytes, at, width).ok_or_else(cut);
        let machine = machine(number(at, 4)? as u32);
        let offset = number(at + 8, width)?;
        let end = offset.checked_add(number(at + 8 + width, width)?);
        let range = usize::try_from(offset)
            .ok()
            .zip(end.and_then(|end| usize::try_from(end).ok()));
        let slice = range.and_then(|(start, end)| Some((start, end, bytes.get(start..end)?)));
        let Some((start, end, slice)) = slice else {
            return Err(format!("its slice for {machine} is cut off"));
        };
        // Slices that share bytes would be read as often as the table names them.
        if taken.iter().any(|(from, to)| start < *to && end > *from) {
            return Err(format!("its slice for {machine} overlaps another part"));
        }
        taken.push((start, end));
        let facts = match slice {
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => {
                single(slice)
            }
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => {
                Err("it is a static library".to_owned())
            }
            _ => Err("it is no Mach-O".to_owned()),
        };
        let facts = facts.map_err(|why| format!("its slice for {machine}: {why}"))?;
        if facts.machine != machine {
            let found = facts.machine;
            return Err(format!("its slice for {machine} is for {found}"));
        }
        slices.push(facts);
    }
    merge(slices).ok_or_else(cut)
}

/// Merges the facts of slices: those that all share, and the entries of all their lists.
fn merge(slices: Vec<Binary>) -> Option<Binary> {
    fn shared<T: Clone + PartialEq>(slices: &[Binary], fact: impl Fn(&Binary) -> T) -> Option<T> {
        let first = fact(slices.first()?);
        slices
            .iter()
            .all(|slice| fact(slice) == first)
            .then_some(first)
    }
    fn all(slices: &[Binary], list: impl Fn(&Binary) -> &Vec<String>) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for entry in slices.iter().flat_map(list) {
            if !found.contains(entry) {
                found.push(entry.clone());
            }
        }
        found
    }
    let first = slices.first()?;
    let machines: Vec<&str> = slices.iter().map(|slice| slice.machine.as_str()).collect();
    let is_dynamic = slices.iter().any(|slice| slice.linkage == Linkage::Dynamic);
    Some(Binary {
        endian: first.endian,
        system: shared(&slices, |slice| slice.system).flatten(),
        linkage: if is_dynamic {
            Linkage::Dynamic
        } else {
            Linkage::Static
        },
        needed: all(&slices, |slice| &slice.needed),
        rpath: all(&slices, |slice| &slice.rpath),
        nx: shared(&slices, |slice| slice.nx).flatten(),
        pie: shared(&slices, |slice| slice.pie).flatten(),
        build_id: shared(&slices, |slice| slice.build_id.clone()).flatten(),
        stripped: shared(&slices, |slice| slice.stripped).flatten(),
        debug_info: shared(&slices, |slice| slice.debug_info).flatten(),
        auditable: slices.iter().all(|slice| slice.auditable),
        mach_o: shared(&slices, |slice| slice.mach_o.clone()).flatten(),
        ..Binary::plain(
            FormatName::MachO,
            machines.join(", "),
            slices.iter().map(|slice| slice.class).max()?,
            shared(&slices, |slice| slice.kind.clone()).unwrap_or_else(|| "mixed".to_owned()),
            slices.iter().all(|slice| slice.executable),
        )
    })
    .map(|merged| Binary { slices, ..merged })
}

/// Returns the name of a cputype in `mach/machine.h`.
pub fn machine(cputype: u32) -> String {
    match cputype {
        CPU_TYPE_X86 => "CPU_TYPE_X86".to_owned(),
        CPU_TYPE_X86_64 => "CPU_TYPE_X86_64".to_owned(),
        CPU_TYPE_ARM => "CPU_TYPE_ARM".to_owned(),
        CPU_TYPE_ARM64 => "CPU_TYPE_ARM64".to_owned(),
        CPU_TYPE_ARM64_32 => "CPU_TYPE_ARM64_32".to_owned(),
        CPU_TYPE_POWERPC => "CPU_TYPE_POWERPC".to_owned(),
        CPU_TYPE_POWERPC64 => "CPU_TYPE_POWERPC64".to_owned(),
        other => format!("{other:#x}"),
    }
}

/// Reads the facts of a Mach-O file of one processor.
fn single(bytes: &[u8]) -> Result<Binary, String> {
    let is_little = matches!(bytes.first(), Some(0xce | 0xcf));
    let commands = if is_little {
        little(bytes, 16, 4)
    } else {
        big(bytes, 16, 4)
    };
    if commands.is_some_and(|commands| commands > MOST_COMMANDS) {
        return Err("its Mach-O headers claim more than a program has".to_owned());
    }
    let macho = Parsed::parse(bytes, 0)
        .map_err(|error| format!("its Mach-O headers cannot be read: {error}"))?;
    let texts = macho.libs.iter().chain(&macho.rpaths);
    if texts.map(|text| text.len()).sum::<usize>() > LONGEST_NAMES {
        return Err("its Mach-O headers name more libraries than a program has".to_owned());
    }
    Ok(facts(&macho, bytes))
}

/// Collects the facts of a Mach-O file of one processor.
fn facts(macho: &Parsed, bytes: &[u8]) -> Binary {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    // goblin lists the file itself first.
    let needed: Vec<String> = owned(macho.libs.get(1..).unwrap_or_default());
    // The segment named by the section: in an object file all sections are in one unnamed segment.
    let sections = macho
        .segments
        .iter()
        .flat_map(|segment| segment.into_iter().take(MOST_SECTIONS))
        .take(MOST_SECTIONS);
    let names: Vec<(String, String)> = sections
        .take_while(Result::is_ok)
        .flatten()
        .map(|(section, _)| {
            let name = |name: goblin::error::Result<&str>| name.unwrap_or_default().to_owned();
            (name(section.segname()), name(section.name()))
        })
        .collect();
    let commands = Commands::read(macho);
    let is_executable = macho.header.filetype == MH_EXECUTE;
    let flags = macho.header.flags;
    Binary {
        endian: if macho.little_endian {
            EndianName::Little
        } else {
            EndianName::Big
        },
        system: commands.system,
        linkage: if needed.is_empty() {
            Linkage::Static
        } else {
            Linkage::Dynamic
        },
        needed,
        rpath: owned(&macho.rpaths),
        nx: Some(flags & MH_ALLOW_STACK_EXECUTION == 0 && !macho.segments.iter().any(is_wx)),
        // The flag is defined for executables.
        pie: is_executable.then_some(flags & MH_PIE != 0),
        build_id: commands.uuid,
        stripped: Some(
            commands
                .symbols
                .is_none_or(|table| !has_own_symbols(macho, bytes, &table)),
        ),
        debug_info: Some(names.iter().any(|(segment, _)| segment == "__DWARF")),
        auditable: names.iter().any(|(_, name)| name == ".dep-v0"),
        mach_o: Some(MachO {
            minos: commands.minos,
            sdk: commands.sdk,
            install_name: macho.name.map(str::to_owned),
            no_heap_execution: flags & MH_NO_HEAP_EXECUTION != 0,
            signature: commands
                .signature
                .map(|(offset, size)| signature::read(bytes, offset, size)),
        }),
        ..Binary::plain(
            FormatName::MachO,
            machine(macho.header.cputype),
            if macho.is_64 { 64 } else { 32 },
            format!("MH_{}", filetype_to_str(macho.header.filetype)),
            is_executable,
        )
    }
}

/// Returns true for a segment that is writable and executable as it is loaded.
fn is_wx(segment: &segment::Segment) -> bool {
    const WRITE: u32 = 2;
    const EXECUTE: u32 = 4;
    segment.initprot & (WRITE | EXECUTE) == WRITE | EXECUTE
}

/// What the load commands tell. Of commands that may occur once only the first counts.
#[derive(Default)]
struct Commands {
    system: Option<SystemName>,
    minos: Option<String>,
    sdk: Option<String>,
    uuid: Option<String>,
    /// Offset and size.
    signature: Option<(u32, u32)>,
    symbols: Option<SymtabCommand>,
}

impl Commands {
    fn read(macho: &Parsed) -> Self {
        let mut found = Self::default();
        for command in &macho.load_commands {
            match &command.command {
                CommandVariant::BuildVersion(build) => {
                    let system = system::of_platform(build.platform);
                    found.versions(system, build.minos, build.sdk);
                }
                CommandVariant::VersionMinMacosx(old) => {
                    found.versions(Some(SystemName::MacOs), old.version, old.sdk);
                }
                CommandVariant::VersionMinIphoneos(old) => {
                    found.versions(Some(SystemName::Ios), old.version, old.sdk);
                }
                CommandVariant::VersionMinTvos(old) => {
                    found.versions(Some(SystemName::TvOs), old.version, old.sdk);
                }
                CommandVariant::VersionMinWatchos(old) => {
                    found.versions(Some(SystemName::WatchOs), old.version, old.sdk);
                }
                CommandVariant::Uuid(uuid) => {
                    found.uuid.get_or_insert_with(|| hex(&uuid.uuid));
                }
                CommandVariant::CodeSignature(data) => {
                    found.signature.get_or_insert((data.dataoff, data.datasize));
                }
                CommandVariant::Symtab(table) => {
                    found.symbols.get_or_insert(*table);
                }
                _ => {}
            }
        }
        found
    }

    fn versions(&mut self, system: Option<SystemName>, minos: u32, sdk: u32) {
        if self.minos.is_none() {
            self.system = system;
            self.minos = Some(version(minos));
            self.sdk = Some(version(sdk)).filter(|_| sdk != 0);
        }
    }
}

/// Formats a version, which has 16, 8 and 8 bits for its parts: `10.12`, `11.0.1`.
fn version(packed: u32) -> String {
    let (major, minor, patch) = (packed >> 16, packed >> 8 & 0xff, packed & 0xff);
    match patch {
        0 => format!("{major}.{minor}"),
        _ => format!("{major}.{minor}.{patch}"),
    }
}

/// Returns true if the table has a symbol that neither the loader nor another file needs: a local
/// one, or a debugging one. Apple's `strip` leaves one of the latter as its mark, N_OPT.
fn has_own_symbols(macho: &Parsed, bytes: &[u8], table: &SymtabCommand) -> bool {
    const STAB: u8 = 0xe0;
    const TYPE: u8 = 0x0e;
    const EXTERNAL: u8 = 1;
    const OPT: u8 = 0x3c;
    let size = if macho.is_64 { 16 } else { 12 };
    let rows = bytes.get(table.symoff as usize..).unwrap_or_default();
    rows.chunks_exact(size)
        .take(table.nsyms as usize)
        .map(|row| row[4])
        .any(|kind| match kind & STAB {
            0 => kind & EXTERNAL == 0 && kind & TYPE != 0,
            _ => kind != OPT,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a program of one processor with a library, `minos` 11.0 and a UUID.
    fn slice(cputype: u32, flags: u32) -> Vec<u8> {
        let words =
            |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|it| it.to_le_bytes()).collect() };
        let commands = [
            words(&[0xc, 56, 24, 0, 0, 0]),
            b"/usr/lib/libSystem.B.dylib\0\0\0\0\0\0".to_vec(),
            words(&[0x32, 24, 1, 0xb_0000, 0xe_0200, 0]),
            words(&[0x1b, 24, 1, 2, 3, 4]),
        ];
        let size = commands.iter().map(Vec::len).sum::<usize>() as u32;
        let header = words(&[0xfeed_facf, cputype, 0, 2, 3, size, flags, 0]);
        [header, commands.concat()].concat()
    }

    fn fat(slices: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = 0xcafe_babe_u32.to_be_bytes().to_vec();
        bytes.extend((slices.len() as u32).to_be_bytes());
        let mut offset = 8 + 20 * slices.len();
        for (cputype, slice) in slices {
            let row = [*cputype, 0, offset as u32, slice.len() as u32, 0];
            bytes.extend(row.iter().flat_map(|word| word.to_be_bytes()));
            offset += slice.len();
        }
        bytes.extend(slices.iter().flat_map(|(_, slice)| slice));
        bytes
    }

    const INTEL: u32 = CPU_TYPE_X86_64;
    const ARM: u32 = CPU_TYPE_ARM64;

    #[test]
    fn facts_are_those_of_the_load_commands() {
        let binary = inspect(&slice(ARM, MH_PIE)).unwrap();
        assert_eq!(
            (binary.system, binary.pie, binary.nx, binary.stripped),
            (Some(SystemName::MacOs), Some(true), Some(true), Some(true))
        );
        assert_eq!(
            binary.build_id.as_deref(),
            Some("01000000020000000300000004000000")
        );
        assert_eq!(binary.needed, ["/usr/lib/libSystem.B.dylib"]);
        let facts = MachO {
            minos: Some("11.0".to_owned()),
            sdk: Some("14.2".to_owned()),
            install_name: None,
            no_heap_execution: false,
            signature: None,
        };
        assert_eq!(binary.mach_o, Some(facts));
        assert_eq!(
            inspect(&slice(INTEL, MH_ALLOW_STACK_EXECUTION)).unwrap().nx,
            Some(false)
        );
    }

    #[test]
    fn a_universal_file_has_the_facts_of_each_slice() {
        let file = fat(&[(INTEL, slice(INTEL, 0)), (ARM, slice(ARM, MH_PIE))]);
        let binary = inspect(&file).unwrap();
        assert_eq!(binary.machine, "CPU_TYPE_X86_64, CPU_TYPE_ARM64");
        assert_eq!((binary.pie, binary.nx), (None, Some(true)));
        let machines: Vec<&str> = binary.slices.iter().map(|it| it.machine.as_str()).collect();
        assert_eq!(machines, ["CPU_TYPE_X86_64", "CPU_TYPE_ARM64"]);
        let pie: Vec<Option<bool>> = binary.slices.iter().map(|slice| slice.pie).collect();
        assert_eq!(pie, [Some(false), Some(true)]);
    }

    #[test]
    fn universal_files_that_contradict_themselves_are_refused() {
        let check =
            |bytes: &[u8], expected: &str| assert_eq!(inspect(bytes).unwrap_err(), expected);
        let good = fat(&[(INTEL, slice(INTEL, 0)), (ARM, slice(ARM, MH_PIE))]);
        check(
            &fat(&[(ARM, slice(INTEL, 0))]),
            "its slice for CPU_TYPE_ARM64 is for CPU_TYPE_X86_64",
        );
        check(
            &fat(&[(ARM, b"!<arch>\n".to_vec())]),
            "its slice for CPU_TYPE_ARM64: it is a static library",
        );
        check(
            &fat(&[(ARM, good.clone())]),
            "its slice for CPU_TYPE_ARM64: it is no Mach-O",
        );
        check(&fat(&[]), "it is a universal Mach-O without slices");
        check(
            &good[..good.len() - 1],
            "its slice for CPU_TYPE_ARM64 is cut off",
        );
        check(&good[..40], "its slice for CPU_TYPE_X86_64 is cut off");
        check(
            &good[..7],
            "it is a universal Mach-O whose table of slices is cut off",
        );
        let mut many = good.clone();
        many[7] = 33;
        check(&many, "its Mach-O headers claim more than a program has");
        let mut twice = good;
        twice.copy_within(16..24, 36);
        check(&twice, "its slice for CPU_TYPE_ARM64 overlaps another part");
    }

    #[test]
    fn debug_symbols_without_their_program_are_none() {
        let mut symbols = slice(ARM, 0);
        assert!(crate::inspect::inspect(&symbols).is_ok());
        symbols[12] = 10;
        for file in [symbols.clone(), fat(&[(ARM, symbols)])] {
            let why = crate::inspect::inspect(&file).unwrap_err();
            assert_eq!(why.to_string(), "it has debug symbols, but no code");
        }
    }

    #[test]
    fn symbols_that_no_loader_needs_are_seen() {
        let table = |kinds: &[u8]| {
            let mut bytes = slice(ARM, 0);
            let at = bytes.len() as u32;
            for kind in kinds {
                bytes.extend([0, 0, 0, 0, *kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
            let parsed = Parsed::parse(&bytes, 0).unwrap();
            let table = SymtabCommand {
                cmd: 2,
                cmdsize: 24,
                symoff: at,
                nsyms: kinds.len() as u32,
                stroff: at,
                strsize: 0,
            };
            has_own_symbols(&parsed, &bytes, &table)
        };
        // Undefined, defined external, the mark of Apple's strip.
        assert!(!table(&[0x01, 0x0f, 0x3c]));
        // A local symbol; N_OSO, which names an object file of the builder.
        assert!(table(&[0x0e]));
        assert!(table(&[0x66]));
    }
}
