//! Programs of what is installed on one target: packages of a system, and wheels of Python.
//!
//! The name of a package ends with its target, and its programs are for that one, whatever their
//! paths are called: `qemu-aarch64`, `x86_64-w64-mingw32-gcc`, `win32/api.pyd`. Beside them, a
//! package may have files for other machines as its data: firmware, boot loaders, what a cross
//! compiler links. These are not checked, and the report says so.
//!
//! Pure.

use std::collections::BTreeMap;

use crate::archive::entry::{Artifacts, ArtifactsKind, File};
use crate::inspect::binary::{Binary, FormatName};
use crate::target::system::Os;
use crate::verify::expected::{self, Expected};
use crate::verify::report::Skipped;
use crate::verify::rules::machine;

/// What a program in a subject has to be for.
#[derive(Debug, PartialEq, Eq)]
pub enum Role {
    /// The target of the package or wheel.
    Own(Expected),
    /// What its path says, as in any archive.
    ByPath,
    /// Nothing: it is data for another machine.
    Data,
}

/// Returns the role of a program.
pub fn role(subject: &Artifacts, path: &str, file: &File, binary: &Binary) -> Role {
    if !is_installed(subject) {
        return Role::ByPath;
    }
    let name = own_name(subject);
    let target = target_of(name);
    let names = target.as_deref().into_iter().chain([name]);
    let mut promises = names.filter_map(|name| expected::from_path(name, Some(binary)));
    // `all` of a package is no processor.
    let promised = promises.find(|expected| {
        expected.arch.is_some() || expected.universal && expected.os == Os::Darwin
    });
    let second = promised
        .as_ref()
        .and_then(|own| of_second_abi(own, path, binary));
    let mut own = promised.into_iter().chain(second);
    match own.find(|expected| machine::fits(binary, expected)) {
        Some(own) => Role::Own(own),
        None if is_data(subject, path, file, binary) => Role::Data,
        None => Role::ByPath,
    }
}

/// Returns true if the name of the subject binds a program whose own path says otherwise.
pub fn binds(subject: &Artifacts, path: &str) -> bool {
    !is_installed(subject) || is_started(path)
}

/// Returns true for a package or a wheel.
fn is_installed(subject: &Artifacts) -> bool {
    let is_wheel = own_name(subject).ends_with(".whl");
    subject.kind == ArtifactsKind::Package || subject.kind.is_packed() && is_wheel
}

/// Returns the name of the subject's file.
fn own_name(subject: &Artifacts) -> &str {
    subject.name.rsplit('/').next().unwrap_or_default()
}

/// Ends of names, what separates the target before them, and the system that it leaves out.
const FORMS: &[(&str, char, &str)] = &[
    (".deb", '_', "linux-"),
    (".rpm", '.', "linux-"),
    (".pkg.tar.zst", '-', "linux-"),
    (".pkg.tar.xz", '-', "linux-"),
    (".pkg.tar.gz", '-', "linux-"),
    (".xbps", '.', "linux-"),
    (".whl", '-', ""),
];

/// Returns the target that ends a package's name: `linux-amd64` of
/// `gcc-aarch64-linux-gnu_12_amd64.deb`, `win_amd64` of `app-1-py3-none-win_amd64.whl`.
fn target_of(name: &str) -> Option<String> {
    FORMS.iter().find_map(|(end, separator, system)| {
        let stem = name.strip_suffix(end)?;
        Some(format!("{system}{}", &stem[stem.rfind(*separator)? + 1..]))
    })
}

/// Directories in which a shell finds programs.
const STARTED: &[&str] = &["bin", "sbin", "games"];

/// Returns true for a path in a directory of programs that are started by their names.
fn is_started(path: &str) -> bool {
    let mut parents = path.rsplit('/').skip(1);
    parents.next().is_some_and(|last| STARTED.contains(&last))
}

/// Directories of another ABI of the package's processor: x32 beside amd64, n32 of MIPS.
const SECOND_ABI: &[&str] = &[
    "lib32", "libx32", "libo32", "libn32", "32", "x32", "o32", "n32",
];

/// Returns the requirements of a program for i386 in a package of amd64.
fn of_second_abi(own: &Expected, path: &str, binary: &Binary) -> Option<Expected> {
    let is_amd64 = own.arch.is_some_and(|arch| arch.prefix == "x86_64");
    let is_second = path.split('/').any(|part| part == "lib32" || part == "32");
    (is_amd64 && is_second)
        .then(|| expected::from_path("linux-i386", Some(binary)))
        .flatten()
}

/// Returns true for a program that the system of a package cannot start, and is not meant to: of
/// another format, or neither executable nor a shared library.
fn is_data(subject: &Artifacts, path: &str, file: &File, binary: &Binary) -> bool {
    if subject.kind != ArtifactsKind::Package || is_started(path) {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_library =
        [".so", ".node"].iter().any(|end| name.ends_with(end)) || name.contains(".so.");
    let is_executable = file.mode.is_none_or(|mode| mode & 0o111 != 0);
    let is_second = path.split('/').any(|part| SECOND_ABI.contains(&part));
    binary.format != FormatName::Elf || is_second || !is_executable && !is_library
}

/// What was not checked of a program that is data.
pub const PROGRAM: &str = "the program";

/// Returns what is said of the programs that are data for other machines, a line for each machine.
pub fn unchecked(data: &[(&str, &Binary)]) -> Vec<Skipped> {
    let mut machines: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (path, binary) in data {
        machines.entry(&binary.machine).or_insert((path, 0)).1 += 1;
    }
    let lines = machines.into_iter().map(|(machine, (path, number))| {
        let more = match number {
            1 => String::new(),
            _ => format!("; {} more like this", number - 1),
        };
        Skipped {
            path: path.to_owned(),
            what: PROGRAM.to_owned(),
            why: format!("it is data for {machine}, not a program of the package's system{more}"),
        }
    });
    lines.collect()
}

/// Returns true for a package of npm: an archive with a `package.json` in its only directory.
pub fn is_of_npm(subject: &Artifacts) -> bool {
    let mut paths = subject.entries.iter().map(|entry| entry.path.as_str());
    subject.kind == ArtifactsKind::Archive
        && paths.any(|path| {
            path.split_once('/')
                .is_some_and(|(_, name)| name == "package.json")
        })
}

/// Returns true if one program may have several names as copies: in a package its users know them
/// (`gzip`, `gunzip` and `zcat` of klibc), and a wheel, a package of npm or a zip for Windows cannot
/// have links.
pub fn may_copy(subject: &Artifacts) -> bool {
    let is_zip = subject.kind == ArtifactsKind::Archive && own_name(subject).ends_with(".zip");
    is_installed(subject) || is_zip || is_of_npm(subject)
}

/// Packages of glibc itself, of which each needs the others in the same version.
const GLIBC: &[&str] = &["glibc", "libc-bin", "libc-dev-bin", "nscd"];

/// Returns true if the subject is a part of glibc, whose parts need each other's private symbols.
pub fn is_glibc(subject: &Artifacts) -> bool {
    let mut paths = subject.entries.iter().map(|entry| entry.path.as_str());
    let is_libc = |path: &str| path.rsplit('/').next() == Some("libc.so.6");
    let is_of_glibc = |prefix: &str| {
        let rest = own_name(subject).strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(['_', '-']))
    };
    subject.kind == ArtifactsKind::Package
        && (paths.any(is_libc) || GLIBC.iter().any(|prefix| is_of_glibc(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_a_package_ends_its_name() {
        for (name, expected) in [
            (
                "gcc-12-aarch64-linux-gnu_12.2.0-14cross1_amd64.deb",
                Some("linux-amd64"),
            ),
            ("libc6-arm64-cross_2.36_all.deb", Some("linux-all")),
            ("app-1.0-1.x86_64.rpm", Some("linux-x86_64")),
            ("app-1.0-1-aarch64.pkg.tar.zst", Some("linux-aarch64")),
            ("cmake-3.22-py3-none-win_amd64.whl", Some("win_amd64")),
            ("app.deb", None),
            ("app-linux-amd64.tar.gz", None),
        ] {
            assert_eq!(target_of(name).as_deref(), expected, "{name}");
        }
    }
}
