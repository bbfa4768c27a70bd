//! Windows programs under wine, for `verify --run`.

pub mod run;

use camino::Utf8Path;

use crate::inspect::binary::{Binary, FormatName};
use crate::target::arch::{ARCHES, Arch};
use crate::target::system::Format;
use crate::verify::rules::libraries;
use crate::verify::rules::machine::machine_name;

/// Names of the program, the usual one first.
pub const NAMES: [&str; 2] = ["wine", "wine64"];

/// First version with `bcryptprimitives.dll`, which every program of Rust 1.78 and newer imports.
const FIRST: (u32, u32) = (8, 13);

/// Exit code of wine if a DLL is missing: the last byte of STATUS_DLL_NOT_FOUND, 0xc0000135.
const DLL_NOT_FOUND: i32 = 53;

/// Directory below its home with its registry and its copy of Windows' DLLs.
const PREFIX: &str = "prefix";

/// A file that shows that its prefix is complete, and one that it starts programs for 32 bits.
const SYSTEM: &str = "prefix/drive_c/windows/system32/kernel32.dll";
const SYSTEM_32: &str = "prefix/drive_c/windows/syswow64/kernel32.dll";

/// Returns the reason against a wine that prints this version: `wine-8.0 (Debian 8.0~repack-4)`.
fn unfit(version: &str) -> Option<String> {
    let number = version.trim().strip_prefix("wine-").unwrap_or_default();
    let mut parts = number
        .split(|letter: char| !letter.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    let found = match (parts.next(), parts.next()) {
        (Some(major), minor) => (major, minor.unwrap_or(0)),
        (None, _) => return Some("`wine --version` prints no version".to_owned()),
    };
    let (major, minor) = FIRST;
    (found < FIRST).then(|| {
        format!(
            "wine is {}.{}, and programs in Rust need {major}.{minor} or newer: \
             `bcryptprimitives.dll`",
            found.0, found.1
        )
    })
}

/// Returns the variables of wine: all that it writes is below `home`.
fn variables(home: &Utf8Path) -> [(&'static str, String); 4] {
    [
        ("HOME", home.to_string()),
        ("WINEPREFIX", home.join(PREFIX).into_string()),
        ("WINEDEBUG", "-all".to_owned()),
        // Without these it would offer to download .NET and a browser, and write menus.
        (
            "WINEDLLOVERRIDES",
            "mscoree=;mshtml=;winemenubuilder.exe=".to_owned(),
        ),
    ]
}

/// Returns the processor of a Windows program; `None` for other files.
pub fn arch_of(binary: &Binary) -> Option<&'static Arch> {
    let is_of = |arch: &&Arch| machine_name(arch, Format::Pe) == binary.machine;
    ARCHES
        .iter()
        .filter(|_| binary.format == FormatName::Pe)
        .find(is_of)
}

/// Returns the DLLs that a program lacks, if its exit code says that it lacks one: those that are
/// neither Windows' own nor among the files beside it.
pub fn missing(code: i32, binary: &Binary, beside: &[String]) -> Vec<String> {
    let is_beside = |library: &str| beside.iter().any(|file| file.eq_ignore_ascii_case(library));
    let needed = binary.needed.iter().filter(|_| code == DLL_NOT_FOUND);
    needed
        .filter(|library| !libraries::is_windows(library) && !is_beside(library))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_wine_is_named() {
        assert_eq!(unfit("wine-10.0 (Debian 10.0~repack-6)\n"), None);
        assert_eq!(unfit("wine-8.13"), None);
        assert_eq!(unfit("wine-9.0-rc1"), None);
        assert_eq!(
            unfit("wine-8.0 (Debian 8.0~repack-4)").unwrap(),
            "wine is 8.0, and programs in Rust need 8.13 or newer: `bcryptprimitives.dll`"
        );
        assert!(unfit("").is_some());
        assert!(unfit("Wine, is not installed").is_some());
    }

    #[test]
    fn what_is_missing_is_neither_windows_nor_beside() {
        let mut binary = Binary::plain(
            FormatName::Pe,
            "IMAGE_FILE_MACHINE_X86_64".to_owned(),
            64,
            "EXE".to_owned(),
            true,
        );
        binary.needed = ["KERNEL32.dll", "Foo.dll", "libstdc++-6.dll"]
            .map(str::to_owned)
            .to_vec();
        let beside = ["foo.DLL".to_owned(), "app.exe".to_owned()];
        assert_eq!(missing(53, &binary, &beside), ["libstdc++-6.dll"]);
        assert_eq!(missing(1, &binary, &beside), [""; 0]);
        assert_eq!(arch_of(&binary).unwrap().prefix, "x86_64");
    }
}
