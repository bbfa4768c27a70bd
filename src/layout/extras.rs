//! What a file or a directory of this machine is in an image: the one walk and the one rule for
//! layouts and contexts.
//!
//! Files are 0644, or 0755 where anybody may start them, directories 0755: what a checkout's umask
//! left says nothing of the image. Links stay links, as they are written, since it is the image in
//! which they lead somewhere.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::{DirEntry, FileType, Host};
use crate::problem::{Code, Problem, Result};

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
            Code::FileAccess,
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
        Code::DockerInvalid,
        format!("`{path}` cannot stand in an image: {why}"),
    )
}
