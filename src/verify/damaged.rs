//! Files that should be programs and are none: damaged ones, and error pages under a program's name.
//!
//! Pure.

use crate::archive::entry::{ArtifactsKind, File};
use crate::archive::list_name::list_name;
use crate::inspect::InspectError;
use crate::verify::{expected, words};

/// Returns true if a file that is not a readable program is damaged, or should be a program.
pub fn is_damaged(kind: ArtifactsKind, path: &str, error: &InspectError, file: &File) -> bool {
    let executable = file.mode.is_some_and(|mode| mode & 0o111 != 0);
    // Archives of some systems set the executable bit everywhere, so a name with an extension
    // counts as data.
    let name = path.rsplit('/').next().unwrap_or_default();
    let no_extension = !name.contains('.') && !is_document(name);
    let names_target =
        || expected::from_path(path, None).is_some_and(|expected| expected.arch.is_some());
    match error {
        InspectError::Empty => {
            names_program(name) || no_extension && (executable || names_target())
        }
        InspectError::Script | InspectError::StaticLibrary | InspectError::DotNet => false,
        // A text that begins with a comment: a completion of a shell, a configuration.
        InspectError::Unknown(first) if first.starts_with(b"#") => false,
        InspectError::Unknown(_)
        | InspectError::JavaClass
        | InspectError::Bpf
        | InspectError::DebugSymbols => {
            // A package may have data that is named after another package, and it has modes.
            let is_named = executable || kind != ArtifactsKind::Package;
            is_named && names_program(name) || executable && no_extension && names_target()
        }
        InspectError::TooLarge(_) | InspectError::Damaged(_) => true,
    }
}

/// Returns true for a name that only a program has: it ends in `.exe`, or it has no extension and
/// names both a system and a processor (`app-1.2.3-x86_64-unknown-linux-musl`, `app_linux_amd64`).
fn names_program(name: &str) -> bool {
    let name = name.to_lowercase();
    if name.ends_with(".exe") {
        return true;
    }
    // `3` of a version is no extension, and neither is `arm64`.
    let has_extension = name.rsplit_once('.').is_some_and(|(_, end)| {
        let is_word = end.chars().all(|letter| letter.is_ascii_alphanumeric());
        let is_number = end.chars().all(|letter| letter.is_ascii_digit());
        is_word && !is_number && words::promise(end).is_none()
    });
    let is_list = list_name(&name).is_some();
    !has_extension
        && !is_document(&name)
        && !is_list
        && words::promise(&name)
            .is_some_and(|promise| promise.system.is_some() && promise.processor.is_some())
}

/// Returns true for the name of a document of a release. Zips, and trees from Windows, have the
/// executable bit at these, too.
fn is_document(name: &str) -> bool {
    const DOCUMENTS: &[&str] = &[
        "AUTHORS",
        "CHANGELOG",
        "CHANGES",
        "CONTRIBUTORS",
        "COPYING",
        "COPYRIGHT",
        "INSTALL",
        "LICENCE",
        "LICENSE",
        "NEWS",
        "NOTICE",
        "README",
        "THANKS",
        "TODO",
        "UNLICENSE",
        "VERSION",
    ];
    let first = name
        .split(['-', '_'])
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    DOCUMENTS.contains(&first.as_str())
}
