//! Walks files and directories of this machine for an image, for layouts and contexts alike.
//!
//! Files get the mode 0644, or 0755 if any execute bit is set, and directories 0755, so that the
//! umask of a checkout has no effect on the image. Links are kept as written, since their targets
//! are paths of the image.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::{FILE_ACCESS, INTERRUPTED};
use crate::host::entries::{DirEntry, FileType};
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::docker::image::{DOCKER_INVALID, Image};

/// A file, directory or link for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Path relative to the source, with `/`; empty for the source itself.
    pub path: String,
    /// Type and contents.
    pub what: ExtraKind,
}

/// The type of an [`Extra`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtraKind {
    /// A directory.
    Directory,
    /// A symbolic link, with its target as written.
    Link(String),
    /// A regular file.
    File {
        /// Path on this machine.
        from: Utf8PathBuf,
        /// Size in bytes.
        size: u64,
        /// True if any execute bit is set.
        executable: bool,
    },
}

/// Returns a file, or a directory and everything below it except the top-level names in `without`;
/// parents come before their children.
///
/// # Errors
/// `from` does not exist, or an entry cannot be put into an image: a special file, a name that is
/// not UTF-8 or that is a whiteout.
pub fn extras(host: &Host, from: &Utf8Path, without: &[&str]) -> Result<Vec<Extra>> {
    if !host.is_file(from) && !host.is_dir(from) && !host.exists(from) {
        return Err(Problem::new(
            FILE_ACCESS,
            format!("`{from}`, which an image needs, does not exist"),
        )
        .help("paths in `files` are relative to the workspace's root"));
    }
    let mut found = Vec::new();
    // A link that is the source itself is followed: the user means its target.
    walk(
        host,
        from,
        String::new(),
        host.file_type(from),
        without,
        &mut found,
    )?;
    Ok(found)
}

fn walk(
    host: &Host,
    from: &Utf8Path,
    path: String,
    thing: Result<FileType>,
    without: &[&str],
    found: &mut Vec<Extra>,
) -> Result<()> {
    let what = match thing? {
        FileType::Directory => ExtraKind::Directory,
        FileType::Link(target) => ExtraKind::Link(target),
        FileType::File { size, mode } => {
            let executable = mode.is_some_and(|mode| mode & 0o111 != 0);
            ExtraKind::File {
                from: from.to_owned(),
                size,
                executable,
            }
        }
        FileType::Special(what) => {
            return Err(
                unfit(from, &format!("it is {what}")).help("remove it from the image's `files`")
            );
        }
    };
    let is_directory = what == ExtraKind::Directory;
    found.push(Extra {
        path: path.clone(),
        what,
    });
    if !is_directory {
        return Ok(());
    }
    let mut listed = host.list(from)?;
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    for DirEntry {
        name,
        is_utf8,
        file_type,
    } in listed
        .into_iter()
        .filter(|listed| !without.contains(&listed.name.as_str()))
    {
        let below = from.join(&name);
        if !is_utf8 || name.starts_with(".wh.") {
            // A layer deletes files of lower layers by such names (image-spec, layer.md,
            // whiteouts).
            let why = if is_utf8 {
                "would delete a file of the base"
            } else {
                "is not UTF-8"
            };
            return Err(unfit(&below, &format!("its name {why}"))
                .help("rename it, or remove it from the image's `files`"));
        }
        let path = if path.is_empty() {
            name
        } else {
            format!("{path}/{name}")
        };
        walk(host, &below, path, file_type, &[], found)?;
    }
    Ok(())
}

fn unfit(path: &Utf8Path, why: &str) -> Problem {
    Problem::new(
        DOCKER_INVALID,
        format!("`{path}` cannot be put into an image: {why}"),
    )
}

/// Paths of the CA bundle: Debian and Alpine, Fedora, openSUSE, macOS. The first one is its path in
/// images, too.
pub const CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Directory of the time zones, on this machine and in images.
pub const ZONES: &str = "/usr/share/zoneinfo";

/// Copies of all zones: without and with leap seconds. Images do not need them.
const OTHER_ZONES: &[&str] = &["posix", "right"];

/// Returns the CA bundle of this machine, or the one that SSL_CERT_FILE names.
///
/// # Errors
/// `docker-invalid`: no bundle, or an empty one.
pub fn certificates(host: &Host, image: &Image) -> Result<Vec<Extra>> {
    let image = &image.name;
    let help = "install them (`apt-get install ca-certificates`), or name a bundle: \
                `SSL_CERT_FILE=PATH`";
    // No fallback from SSL_CERT_FILE: other certificates would be trusted silently.
    let (from, named) = match host.var("SSL_CERT_FILE") {
        Some(named) => (Some(host.absolute(Utf8Path::new(named))), "SSL_CERT_FILE="),
        None => (
            CERTIFICATES
                .iter()
                .map(Utf8PathBuf::from)
                .find(|path| host.is_file(path)),
            "",
        ),
    };
    let Some(from) = from else {
        let problem = Problem::new(
            DOCKER_INVALID,
            format!("the image `{image}` needs CA certificates, and this machine has none"),
        );
        return Err(problem
            .note("looked for", CERTIFICATES.iter().map(ToString::to_string))
            .help(help));
    };
    let why = match host.file_type(&from) {
        Ok(FileType::File { size: 1.., .. }) => return extras(host, &from, &[]),
        Ok(FileType::File { .. }) => "is empty",
        Err(problem) if problem.code == INTERRUPTED => return Err(problem),
        _ => "is not a file",
    };
    Err(Problem::new(
        DOCKER_INVALID,
        format!("the image `{image}` needs CA certificates, and `{named}{from}` {why}"),
    )
    .help(help))
}

/// Returns the time zones of this machine, or those in the directory that TZDIR names.
///
/// # Errors
/// `docker-invalid`: no directory, or one without files.
pub fn zones(host: &Host, image: &Image) -> Result<Vec<Extra>> {
    let image = &image.name;
    let (directory, named) = match host.var("TZDIR") {
        Some(named) => (host.absolute(Utf8Path::new(named)), "TZDIR="),
        None => (Utf8PathBuf::from(ZONES), ""),
    };
    let problem = |why: &str| {
        Problem::new(
            DOCKER_INVALID,
            format!("the image `{image}` needs time zones, and {why}"),
        )
        .help("install them (`apt-get install tzdata`), or name their directory: `TZDIR=PATH`")
    };
    if !host.is_dir(&directory) {
        return Err(problem(&format!("`{named}{directory}` is not a directory")));
    }
    let found = extras(host, &directory, OTHER_ZONES)?;
    let has_files = found
        .iter()
        .any(|extra| matches!(extra.what, ExtraKind::File { .. }));
    if has_files {
        Ok(found)
    } else {
        Err(problem(&format!("`{named}{directory}` contains none")))
    }
}
