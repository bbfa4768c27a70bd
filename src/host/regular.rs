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
    open_with(path, File::options().read(true).to_owned(), false)
}

/// Opens a regular file to write it, and creates it if nothing is there. It is not truncated.
///
/// # Errors
/// Also for everything that is not a regular file.
pub fn open_to_write(path: &Utf8Path) -> io::Result<File> {
    let options = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .to_owned();
    open_with(path, options, false)
}

/// Opens a lock file like [`open_to_write`], without following a link: it could lead to a file of
/// somebody else's, which would be created or locked.
///
/// # Errors
/// Also for everything that is not a regular file.
pub fn open_lock(path: &Utf8Path) -> io::Result<File> {
    let options = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .to_owned();
    open_with(path, options, true)
}

/// Opens a regular file.
fn open_with(path: &Utf8Path, mut options: OpenOptions, no_follow: bool) -> io::Result<File> {
    // Looked at first, because opening a device may already act on it, and again when it is open,
    // because it may have been replaced.
    if let Ok(metadata) = std::fs::metadata(path) {
        check(&metadata)?;
    }
    // Opening a pipe that has replaced the file must not wait for its other end.
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let mut flags = OFlags::NONBLOCK;
        flags.set(OFlags::NOFOLLOW, no_follow);
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    #[cfg(not(unix))]
    let _ = no_follow;
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
