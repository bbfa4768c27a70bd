//! Installers, generated from the bytes of a release: `install.sh` for every Unix, `install.ps1` for
//! Windows. Pure.
//!
//! The scripts contain the digest of each archive and what its programs need, as read from them: a
//! machine gets the first build, in its own order of preference, that starts there.

use std::collections::BTreeSet;

use crate::invocation::quote;
use crate::problem::{Problem, Result};
use crate::ship::release::document::build_record;
use crate::ship::release::model::{Build, RELEASE_INVALID, Release};
use crate::ship::release::template::fill;
use crate::tree::installer::{Installer, is_word};
use crate::tree::release::{BuildRecord, FileRecord};
use crate::tree::signature::SignatureKind;

/// Directory that programs are installed in by default, below the home directory.
pub const DEFAULT_DIRECTORY: &str = ".local/bin";

/// Returns the text of `install.sh`; `None` if the release has no build for a Unix. `files` are the
/// archives.
pub fn sh(release: &Release, files: &[FileRecord]) -> Option<String> {
    let rows = rows(Installer::Sh, release, files);
    if rows.is_empty() {
        return None;
    }
    let name = &release.name;
    let url = release.url.as_deref().unwrap_or_default();
    let directory = release.install_directory.as_deref();
    let directory = directory.unwrap_or(DEFAULT_DIRECTORY);
    Some(fill(
        include_str!("install.sh"),
        &[
            ("NAME_QUOTED", &quote(name)),
            ("VERSION_QUOTED", &quote(&release.version)),
            ("URL_QUOTED", &quote(url)),
            ("DIR_QUOTED", &quote(directory)),
            (
                "MINISIGN_KEY_QUOTED",
                &quote(release.public_key(SignatureKind::Minisign)),
            ),
            (
                "SSH_KEY_QUOTED",
                &quote(release.public_key(SignatureKind::Ssh)),
            ),
            ("NAME", name),
            ("VERSION", &release.version),
            ("PREFIX", &prefix(name)),
            ("TABLE", &rows),
        ],
    ))
}

/// Returns the text of `install.ps1`; `None` if the release has no build for Windows. `files` are
/// the archives.
pub fn ps1(release: &Release, files: &[FileRecord]) -> Option<String> {
    let rows = rows(Installer::PowerShell, release, files);
    if rows.is_empty() {
        return None;
    }
    let name = &release.name;
    let directory = release.install_directory.as_deref();
    let directory = directory.unwrap_or(DEFAULT_DIRECTORY);
    Some(fill(
        include_str!("install.ps1"),
        &[
            ("NAME", name),
            ("VERSION", &release.version),
            ("URL", release.url.as_deref().unwrap_or_default()),
            ("DIR", &directory.replace('/', "\\")),
            ("MINISIGN_KEY", release.public_key(SignatureKind::Minisign)),
            ("SSH_KEY", release.public_key(SignatureKind::Ssh)),
            ("PREFIX", &prefix(name)),
            ("TABLE", &rows),
        ],
    ))
}

/// Returns the rows of a script's table, each with its end.
fn rows(script: Installer, release: &Release, files: &[FileRecord]) -> String {
    let builds: Vec<BuildRecord> = release.builds.iter().map(build_record).collect();
    let rows = script.rows(&builds, files);
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// Returns the start of the variables that an installer reads: `CHAT_SERVER`.
pub fn prefix(name: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    };
    let prefix: String = name.chars().map(letter).collect();
    match prefix.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("_{prefix}"),
        _ => prefix,
    }
}

/// Returns a problem for each name that the table of a script cannot hold.
pub fn problems(builds: &[Build]) -> Vec<Problem> {
    let words = builds.iter().flat_map(|build| {
        let bins = build.programs().map(|bin| bin.name.as_str());
        bins.chain([build.package.as_str()])
    });
    let words: BTreeSet<&str> = words.collect();
    words
        .into_iter()
        .filter_map(|word| check_word(word).err())
        .collect()
}

/// Checks that a name is one word for every shell.
fn check_word(word: &str) -> Result<()> {
    if is_word(word) {
        return Ok(());
    }
    Err(Problem::new(
        RELEASE_INVALID,
        format!("`{word}` cannot be installed by a script, which takes letters, digits, `.`, `_`, `+` and `-`"),
    )
    .help("`rename` the bin, or write no installers: `installers = false` in the configuration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_start_with_the_name() {
        assert_eq!(prefix("chat-server"), "CHAT_SERVER");
        assert_eq!(prefix("7zip.rs"), "_7ZIP_RS");
    }

    #[test]
    fn names_are_words_of_a_shell() {
        for word in ["chat-server", "a.b_c+1"] {
            check_word(word).unwrap();
        }
        for word in ["a b", "$x", "a,b", "-rf", "ä", ".hidden"] {
            check_word(word).unwrap_err();
        }
    }
}
