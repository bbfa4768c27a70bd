//! Finds files of cargo and rustup that count where the user stands and are ignored: xpkg runs cargo
//! in the workspace's root.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::project::look::cargo_config::cargo_home;

/// Returns the files that cargo would read in the user's working directory and does not read in the
/// root of the workspace, the nearest first.
pub fn cargo_files(host: &Host, root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let home = cargo_home(host);
    let directories = directories(host, root)
        .map(|directory| directory.join(".cargo"))
        .filter(|directory| home.as_deref() != Some(directory.as_std_path()));
    directories
        .flat_map(|directory| ["config", "config.toml"].map(|name| directory.join(name)))
        .filter(|path| host.is_file(path))
        .collect()
}

/// A file that pins a toolchain for rustup.
pub struct ToolchainFile {
    /// Path of the file.
    pub path: Utf8PathBuf,
    /// Name of the toolchain, if the file names one.
    pub channel: Option<String>,
}

/// Returns the file that pins the toolchain for rustup in the user's working directory and not in
/// the root of the workspace; `None` if the user has chosen a toolchain.
///
/// Source: <https://rust-lang.github.io/rustup/overrides.html#the-toolchain-file>
pub fn toolchain_file(host: &Host, root: &Utf8Path) -> Option<ToolchainFile> {
    if host.var("RUSTUP_TOOLCHAIN").is_some() {
        return None;
    }
    let path = directories(host, root)
        .flat_map(|directory| {
            ["rust-toolchain", "rust-toolchain.toml"].map(|name| directory.join(name))
        })
        .find(|path| host.is_file(path))?;
    let text = host.read_text(&path).unwrap_or_default();
    Some(ToolchainFile {
        channel: channel(&text),
        path,
    })
}

/// Returns the toolchain that a file names: `toolchain.channel`, or the only line of an old file.
fn channel(text: &str) -> Option<String> {
    let old = text.trim();
    match text.parse::<toml::Table>() {
        Ok(table) => {
            let channel = table.get("toolchain")?.get("channel")?.as_str()?;
            Some(channel.to_owned())
        }
        Err(_) => (!old.is_empty() && !old.contains(char::is_whitespace)).then(|| old.to_owned()),
    }
}

/// Returns the working directory and its parents, without the root of the workspace and its own.
fn directories<'a>(host: &'a Host, root: &'a Utf8Path) -> impl Iterator<Item = &'a Utf8Path> {
    host.cwd()
        .ancestors()
        .filter(|directory| !root.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_named_in_a_table_or_in_a_line() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(channel(text).as_deref(), expected, "{text}");
        };
        check("[toolchain]\nchannel = \"1.80\"\n", Some("1.80"));
        check("nightly-2026-01-01\n", Some("nightly-2026-01-01"));
        check("[toolchain]\npath = \"/t\"\n", None);
        check("", None);
    }
}
