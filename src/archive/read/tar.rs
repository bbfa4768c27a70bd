//! tar: the ustar of POSIX, its pax headers, and GNU's long names.
//!
//! Entries are read raw from the crate: its own handling of long names and pax headers has no limit
//! of size and does not report contradicting headers, which make an archive look different to
//! different readers. Source: POSIX, pax, "pax Interchange Format"; GNU tar, "Basic Tar Format".

use std::io::{BufRead, Read};

use ::tar::{Archive, Entry, EntryType, Header, PaxExtensions};

use crate::archive::entry::{EntryKind, Ownership};
use crate::archive::packing::Compression;
use crate::archive::read::unpacking::{Bounded, StopReason, Unpacking, error_chain, unfit};

/// Maximum bytes of a pax header.
const LONGEST_PAX: u64 = 1024 * 1024;

/// Values of the extension headers before an entry.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    /// A pax header of GNU's sparse formats was found.
    sparse: bool,
    /// A pax header gives the file capabilities, which make it run with rights of root.
    capability: bool,
    /// At least one extension header was found.
    any: bool,
}

/// Reads all entries of a tar, plain or compressed. At most `allowed` bytes are unpacked; returns
/// what is left of them.
///
/// # Errors
/// Those of [`read`].
pub fn read_stream(
    compression: Option<Compression>,
    from: impl BufRead,
    allowed: u64,
    into: &mut Unpacking,
) -> Result<u64, StopReason> {
    let pool = into.pool;
    let _window = compression.map(|compression| compression.window(pool));
    let from: Box<dyn Read + '_> = match compression {
        Some(compression) => compression.decoder(from),
        None => Box::new(from),
    };
    let mut stream = Bounded::new(from, allowed, pool);
    read(&mut stream, into)?;
    Ok(stream.left())
}

/// Returns true if a block is the header of an entry, by its checksum.
pub fn is_header(block: &[u8]) -> bool {
    if block.len() < 512 {
        return false;
    }
    let mut header = Header::from_byte_slice(&block[..512]).clone();
    let Ok(declared) = header.cksum() else {
        return false;
    };
    header.set_cksum();
    header.cksum().is_ok_and(|computed| computed == declared)
}

/// Reads all entries of a tar.
///
/// # Errors
/// The archive is damaged or truncated, contradicts itself or exceeds a limit.
pub fn read<R: Read>(stream: &mut Bounded<'_, R>, into: &mut Unpacking) -> Result<(), StopReason> {
    let mut archive = Archive::new(&mut *stream);
    entries(&mut archive, into)?;
    // Reads to the end, so that checksums of the compression are checked. Data after the end marker
    // is an error: a reader that ignores the marker would see other entries.
    let stream = archive.into_inner();
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) if piece[..read].iter().any(|byte| *byte != 0) => {
                return Err("data follows its end-of-archive marker".to_owned());
            }
            Ok(_) => {}
            Err(error) => return Err(error_chain(&error)),
        }
    }
    if stream.zeros < 512 {
        Err("it is truncated: it has no end-of-archive marker".to_owned())
    } else {
        Ok(())
    }
}

fn entries<R: Read>(archive: &mut Archive<R>, into: &mut Unpacking) -> Result<(), StopReason> {
    let mut ahead = Ahead::default();
    for (number, entry) in archive
        .entries()
        .map_err(|error| error_chain(&error))?
        .raw(true)
        .enumerate()
    {
        let mut entry = entry.map_err(|error| match number {
            0 => format!("it does not contain a tar: {}", error_chain(&error)),
            _ => error_chain(&error),
        })?;
        let header = entry.header().clone();
        let size = header.entry_size().map_err(|error| error_chain(&error))?;
        match header.entry_type() {
            EntryType::GNULongName => set(&mut ahead.path, long(&mut entry, into)?)?,
            EntryType::GNULongLink => set(&mut ahead.target, long(&mut entry, into)?)?,
            EntryType::XHeader => pax(&mut entry, size, &mut ahead)?,
            EntryType::XGlobalHeader => {
                // `git archive` writes its commit into one. Values that would apply to all entries
                // are not supported.
                let mut global = Ahead::default();
                pax(&mut entry, size, &mut global)?;
                if global.path.is_some()
                    || global.target.is_some()
                    || global.size.is_some()
                    || global.sparse
                {
                    return Err(
                        "a global header renames or resizes all following entries".to_owned()
                    );
                }
                continue;
            }
            _ => {
                read_entry(&mut entry, &header, size, std::mem::take(&mut ahead), into)?;
                continue;
            }
        }
        ahead.any = true;
    }
    if ahead.any {
        Err("it ends after a header of an entry that is missing".to_owned())
    } else {
        Ok(())
    }
}

fn read_entry<R: Read>(
    entry: &mut Entry<R>,
    header: &Header,
    size: u64,
    ahead: Ahead,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    let path = ahead
        .path
        .unwrap_or_else(|| header.path_bytes().into_owned());
    let name = into.entry_name(&path);
    // Readers differ in which of the two sizes they use, and so in where the next entry begins.
    if ahead.size.is_some_and(|declared| declared != size) {
        return Err(format!(
            "two headers of `{}` give different sizes",
            name.path
        ));
    }
    let mode = header.mode().ok().map(|mode| mode & 0o7777);
    let target = |into: &Unpacking| {
        let target = ahead
            .target
            .or_else(|| header.link_name_bytes().map(|bytes| bytes.into_owned()))
            .unwrap_or_default();
        if target.len() > into.limits.path {
            return unfit("it is a link to a path that is longer than any system allows");
        }
        EntryKind::Link(String::from_utf8_lossy(&target).into_owned())
    };
    let what = match header.entry_type() {
        // Its extra headers are at the position where raw reading expects the next entry.
        EntryType::GNUSparse => {
            return Err(format!(
                "`{}` is a sparse file, which is not supported",
                name.path
            ));
        }
        _ if ahead.sparse => unfit("it is a sparse file, which is not supported"),
        _ if ahead.capability && into.is_release() => unfit(
            "it has file capabilities, which run it with rights of root where they are unpacked",
        ),
        EntryType::Continuous if into.is_release() => {
            unfit("its entry type is `7`, a contiguous file, which not every program unpacks")
        }
        EntryType::Directory
            if into.is_release() && mode.is_some_and(|mode| mode & 0o4000 != 0) =>
        {
            unfit("it is a directory with the setuid bit")
        }
        // Old archives have no type for directories, only a trailing slash.
        EntryType::Regular if path.ends_with(b"/") && size == 0 => EntryKind::Directory,
        EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => {
            unfit("its path ends with a slash like a directory's, but it has contents")
        }
        EntryType::Regular | EntryType::Continuous => file(entry, size, &name.path, mode, into),
        _ if size != 0 => unfit("it is not a regular file, but has contents"),
        EntryType::Directory => EntryKind::Directory,
        EntryType::Symlink => target(into),
        EntryType::Link => match target(into) {
            EntryKind::Link(file) => EntryKind::HardLink(file),
            other => other,
        },
        EntryType::Char => EntryKind::Special("a character device"),
        EntryType::Block => EntryKind::Special("a block device"),
        EntryType::Fifo => EntryKind::Special("a pipe"),
        other => unfit(format!(
            "its entry type is unknown ({:?})",
            char::from(other.as_byte())
        )),
    };
    // Only for directories that are entries, too: their number and paths are limited.
    let owned = match (&what, name.wrong) {
        (EntryKind::Directory, None) => owned(header).map(|owned| (name.path.clone(), owned)),
        _ => None,
    };
    into.push(name, what)?;
    if let Some((path, owned)) = owned {
        into.owned(&path, owned);
    }
    Ok(())
}

/// Returns mode and owner of a directory; `None` if its header has no valid numbers.
fn owned(header: &Header) -> Option<Ownership> {
    Some(Ownership {
        mode: header.mode().ok()? & 0o7777,
        user: header.uid().ok()?,
        group: header.gid().ok()?,
    })
}

/// Reads a regular file and checks that it is complete.
fn file<R: Read>(
    entry: &mut Entry<R>,
    size: u64,
    path: &str,
    mode: Option<u32>,
    into: &mut Unpacking,
) -> EntryKind {
    match into.file(path, mode, size, entry) {
        EntryKind::File(file) if file.size < size => {
            unfit(format!("it ends after {} of {size} bytes", file.size))
        }
        what => what,
    }
}

/// Reads the path of a GNU long-name entry, which ends with a NUL byte.
fn long<R: Read>(entry: &mut Entry<R>, into: &Unpacking) -> Result<Vec<u8>, StopReason> {
    let mut path = Vec::new();
    // One byte more than allowed, to detect a path that is too long; the rest is skipped.
    let most = into.limits.path as u64 + 2;
    entry
        .take(most)
        .read_to_end(&mut path)
        .map_err(|error| error_chain(&error))?;
    if path.last() == Some(&0) {
        path.pop();
    }
    Ok(path)
}

/// Sets a value once; a second header with the same value is an error.
fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), StopReason> {
    match slot.replace(value) {
        Some(_) => Err("two headers give the same value of one entry".to_owned()),
        None => Ok(()),
    }
}

/// Reads a pax header into `ahead`.
fn pax<R: Read>(entry: &mut Entry<R>, size: u64, ahead: &mut Ahead) -> Result<(), StopReason> {
    if size > LONGEST_PAX {
        return Err(format!("it has a header of {size} bytes"));
    }
    let mut bytes = Vec::new();
    entry
        .read_to_end(&mut bytes)
        .map_err(|error| error_chain(&error))?;
    if (bytes.len() as u64) < size {
        return Err("it is truncated within a header".to_owned());
    }
    for record in PaxExtensions::new(&bytes) {
        let record = record.map_err(|_| "it has a damaged pax header".to_owned())?;
        let value = record.value_bytes();
        match record.key_bytes() {
            b"path" => set(&mut ahead.path, value.to_vec())?,
            b"linkpath" => set(&mut ahead.target, value.to_vec())?,
            b"size" => {
                let number = str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                set(
                    &mut ahead.size,
                    number.ok_or("a pax header gives a size that is not a number")?,
                )?;
            }
            key if key.starts_with(b"GNU.sparse.") => ahead.sparse = true,
            // star's and GNU's name of the attribute, and libarchive's.
            b"SCHILY.xattr.security.capability" | b"LIBARCHIVE.xattr.security.capability" => {
                ahead.capability = true;
            }
            _ => {}
        }
    }
    Ok(())
}
