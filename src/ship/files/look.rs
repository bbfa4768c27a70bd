//! What a file or a directory of this machine is in an image: the one walk and the one rule for
//! layouts and contexts.
//!
//! Files are 0644, or 0755 where anybody may start them, directories 0755: what a checkout's umask
//! left says nothing of the image. Links stay links, as they are written, since it is the image in
//! which they lead somewhere.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::codes::{FILE_ACCESS, INTERRUPTED};
use crate::host::files::{DirEntry, FileType};
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::docker::image::{DOCKER_INVALID, Image};

/// One thing that an image gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Below the source, with `/`; empty for the source itself.
    pub path: String,
    pub what: ExtraKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtraKind {
    Directory,
    Link(String),
    File {
        from: Utf8PathBuf,
        /// Bytes.
        size: u64,
        executable: bool,
    },
}

/// A file, or a directory with all below it but what is named `without` at its top; parents before
/// their children.
///
/// # Errors
/// It is not there, or something of it cannot stand in an image.
pub fn extras(host: &Host, from: &Utf8Path, without: &[&str]) -> Result<Vec<Extra>> {
    if !host.is_file(from) && !host.is_dir(from) && !host.exists(from) {
        return Err(Problem::new(
            FILE_ACCESS,
            format!("`{from}`, which an image asks for, is not there"),
        )
        .help("`files` are named from the workspace's root"));
    }
    let mut found = Vec::new();
    // A link that is named itself is followed: what it leads to was meant.
    walk(
        host,
        from,
        String::new(),
        host.thing(from),
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
                unfit(from, &format!("it is {what}")).help("take it out of the image's `files`")
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
        readable,
        thing,
    } in listed
        .into_iter()
        .filter(|listed| !without.contains(&listed.name.as_str()))
    {
        let below = from.join(&name);
        if !readable || name.starts_with(".wh.") {
            // An image's layer says by such a name what is gone.
            let why = if readable {
                "means that something is gone"
            } else {
                "is not UTF-8"
            };
            return Err(unfit(&below, &format!("its name {why}"))
                .help("rename it, or take it out of the image's `files`"));
        }
        let path = if path.is_empty() {
            name
        } else {
            format!("{path}/{name}")
        };
        walk(host, &below, path, thing, &[], found)?;
    }
    Ok(())
}

fn unfit(path: &Utf8Path, why: &str) -> Problem {
    Problem::new(
        DOCKER_INVALID,
        format!("`{path}` cannot stand in an image: {why}"),
    )
}

/// Where systems have their CA certificates in one file: Debian and Alpine, Fedora, openSUSE,
/// macOS.
pub const CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub const ZONES: &str = "/usr/share/zoneinfo";

/// The same zones once more, with other seconds.
const OTHER_ZONES: &[&str] = &["posix", "right"];

/// The CA certificates of this machine, in one file.
pub fn certificates(host: &Host, image: &Image) -> Result<Vec<Extra>> {
    let image = &image.name;
    let help = "install them (`apt-get install ca-certificates`), or name a file of them: \
                `SSL_CERT_FILE=PATH`";
    // What was named is meant: others in its place would be trusted without a word.
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
            format!("the image `{image}` asks for CA certificates, and this machine has none"),
        );
        return Err(problem
            .note("looked for", CERTIFICATES.iter().map(ToString::to_string))
            .help(help));
    };
    let why = match host.thing(&from) {
        Ok(FileType::File { size: 1.., .. }) => return extras(host, &from, &[]),
        Ok(FileType::File { .. }) => "is empty",
        Err(problem) if problem.code == INTERRUPTED => return Err(problem),
        _ => "is no file",
    };
    Err(Problem::new(
        DOCKER_INVALID,
        format!("the image `{image}` asks for CA certificates, and `{named}{from}` {why}"),
    )
    .help(help))
}

/// The time zones of this machine: a directory and all of it.
pub fn zones(host: &Host, image: &Image) -> Result<Vec<Extra>> {
    let image = &image.name;
    let (directory, named) = match host.var("TZDIR") {
        Some(named) => (host.absolute(Utf8Path::new(named)), "TZDIR="),
        None => (Utf8PathBuf::from(ZONES), ""),
    };
    let problem = |why: &str| {
        Problem::new(
            DOCKER_INVALID,
            format!("the image `{image}` asks for time zones, and {why}"),
        )
        .help("install them (`apt-get install tzdata`), or name a directory of them: `TZDIR=PATH`")
    };
    if !host.is_dir(&directory) {
        return Err(problem(&format!("`{named}{directory}` is no directory")));
    }
    let found = extras(host, &directory, OTHER_ZONES)?;
    let any = found
        .iter()
        .any(|extra| matches!(extra.what, ExtraKind::File { .. }));
    if any {
        Ok(found)
    } else {
        Err(problem(&format!("`{named}{directory}` holds none")))
    }
}
