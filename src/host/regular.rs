//! Opening of regular files alone. A pipe, a socket or a device in the place of a file is an error:
//! opening or reading it could wait for ever.

use std::fs::{File, Metadata, OpenOptions};
use std::io;

use camino::Utf8Path;

/// Opens a regular file to read it. Links are followed.
///
/// # Errors
/// Also for everything that is not a regular file.
pub fn open(path: &Utf8Path) -> io::Result<File> {
    open_with(path, File::options().read(true), 0)
}

/// Opens a lock file, and creates it if nothing is there. Links are not followed: what lies in the
/// place of a lock file may be from outside.
///
/// # Errors
/// Also for everything that is not a regular file.
pub fn open_lock(path: &Utf8Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(io::Error::other("it is a link, not a regular file"));
    }
    open_with(
        path,
        File::options().create(true).truncate(false).write(true),
        NO_FOLLOW,
    )
}

/// Flag that makes opening a link an error.
#[cfg(unix)]
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
#[cfg(not(unix))]
const NO_FOLLOW: i32 = 0;

/// Opens a regular file to write it, and creates it if nothing is there. It is not truncated.
///
/// # Errors
/// Also for everything that is not a regular file.
pub fn open_to_write(path: &Utf8Path) -> io::Result<File> {
    open_with(
        path,
        File::options().create(true).truncate(false).write(true),
        0,
    )
}

/// Opens a regular file to append to it, and creates it if nothing is there.
///
/// # Errors
/// Also for everything that is not a regular file.
pub fn open_to_append(path: &Utf8Path) -> io::Result<File> {
    open_with(path, File::options().create(true).append(true), 0)
}

/// Opens a regular file.
fn open_with(path: &Utf8Path, options: &mut OpenOptions, flags: i32) -> io::Result<File> {
    // Looked at first, because opening a device may already act on it, and again when it is open,
    // because it may have been replaced.
    if let Ok(metadata) = std::fs::metadata(path) {
        check(&metadata)?;
    }
    // Opening a pipe that has replaced the file must not wait for its other end.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        options,
        flags | rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    #[cfg(not(unix))]
    let _ = flags;
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Checks that a file is regular. Directories have an error of the system.
fn check(metadata: &Metadata) -> io::Result<()> {
    match special(metadata) {
        Some(kind) => Err(io::Error::other(format!(
            "it is {kind}, not a regular file"
        ))),
        None => Ok(()),
    }
}

/// Returns the name of a pipe, a socket or a device: `a pipe`.
pub fn special(metadata: &Metadata) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = metadata.file_type();
        let kinds = [
            (kind.is_fifo(), "a pipe"),
            (kind.is_socket(), "a socket"),
            (kind.is_char_device(), "a character device"),
            (kind.is_block_device(), "a block device"),
        ];
        kinds.into_iter().find(|(is, _)| *is).map(|(_, name)| name)
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}
