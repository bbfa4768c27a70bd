//! cpio in the format of SVR4 ("newc"), the payload of RPM's packages.
//!
//! Source: cpio(5) of libarchive.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::archive::entry::EntryKind;
use crate::archive::read::unpacking::{
    Bounded, EntryName, StopReason, Unpacking, error_chain, unfit,
};

/// Name of the last entry.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Mask of the file type (`S_IFMT`), and its values.
const KIND: u32 = 0o170_000;
const PIPE: u32 = 0o010_000;
const CHARACTER: u32 = 0o020_000;
const DIRECTORY: u32 = 0o040_000;
const BLOCK: u32 = 0o060_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const SOCKET: u32 = 0o140_000;

/// Header of one entry.
struct Header {
    /// Device and inode: several names of one file have the same.
    inode: (u32, u32, u32),
    mode: u32,
    /// Number of names of the file.
    names: u32,
    size: u32,
    name_size: u32,
}

/// Files with several names. The contents come with one of them, mostly the last.
#[derive(Default)]
struct Links {
    /// Names before the contents.
    pending: BTreeMap<(u32, u32, u32), Vec<(EntryName, u32)>>,
    /// Paths of the entries with contents.
    written: BTreeMap<(u32, u32, u32), String>,
    /// Number of all pending names.
    count: usize,
}

/// Reads all entries of a cpio.
///
/// # Errors
/// The archive is damaged or truncated, contradicts itself or exceeds a limit.
pub fn read<R: Read>(stream: &mut Bounded<'_, R>, into: &mut Unpacking) -> Result<(), StopReason> {
    let mut links = Links::default();
    loop {
        let header = Header::read(stream)?;
        let mut name = Vec::new();
        // One byte more than allowed, to detect a path that is too long, and the NUL at its end.
        if header.name_size as usize > into.limits.path + 2 {
            return Err("it has a path that is longer than any system allows".to_owned());
        }
        Read::by_ref(stream)
            .take(header.name_size.into())
            .read_to_end(&mut name)
            .map_err(|error| error_chain(&error))?;
        if name.len() < header.name_size as usize || name.pop() != Some(0) {
            return Err("it has a damaged path".to_owned());
        }
        skip_padding(stream, 110 + u64::from(header.name_size))?;
        if name == TRAILER {
            break;
        }
        let name = into.entry_name(&name);
        entry(stream, &header, name, &mut links, into)?;
        skip_padding(stream, header.size.into())?;
    }
    // A file without contents has the size 0 at each of its names.
    for names in links.pending.into_values() {
        let mut names = names.into_iter();
        let Some((first, mode)) = names.next() else {
            continue;
        };
        let path = first.path.clone();
        let what = into.file(&path, Some(mode), 0, &mut io::empty());
        into.push(first, what)?;
        for (name, _) in names {
            into.push(name, EntryKind::HardLink(path.clone()))?;
        }
    }
    // Reads to the end, so that checksums of the compression are checked.
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) if piece[..read].iter().any(|byte| *byte != 0) => {
                return Err("data follows its end".to_owned());
            }
            Ok(_) => {}
            Err(error) => return Err(error_chain(&error)),
        }
    }
}

/// Reads the contents of one entry.
fn entry<R: Read>(
    stream: &mut Bounded<'_, R>,
    header: &Header,
    name: EntryName,
    links: &mut Links,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    let size = u64::from(header.size);
    let mode = header.mode & 0o7777;
    let mut bytes = Read::by_ref(stream).take(size);
    let what = match header.mode & KIND {
        FILE if size == 0 && header.names > 1 => {
            let file = links.written.get(&header.inode).cloned();
            let Some(file) = file else {
                links.count += 1;
                if links.count > into.limits.entries {
                    return Err(format!("it has more than {} entries", into.limits.entries));
                }
                let pending = links.pending.entry(header.inode).or_default();
                pending.push((name, mode));
                return Ok(());
            };
            EntryKind::HardLink(file)
        }
        FILE => match into.file(&name.path, Some(mode), size, &mut bytes) {
            EntryKind::File(file) if file.size < size => {
                unfit(format!("it ends after {} of {size} bytes", file.size))
            }
            what => what,
        },
        LINK => {
            let mut target = Vec::new();
            Read::by_ref(&mut bytes)
                .take(into.limits.path as u64 + 1)
                .read_to_end(&mut target)
                .map_err(|error| error_chain(&error))?;
            if target.len() > into.limits.path {
                unfit("it is a link to a path that is longer than any system allows")
            } else {
                EntryKind::Link(String::from_utf8_lossy(&target).into_owned())
            }
        }
        _ if size != 0 => unfit("it is not a regular file, but has contents"),
        DIRECTORY => EntryKind::Directory,
        CHARACTER => EntryKind::Special("a character device"),
        BLOCK => EntryKind::Special("a block device"),
        PIPE => EntryKind::Special("a pipe"),
        SOCKET => EntryKind::Special("a socket"),
        kind => unfit(format!("its entry type is unknown ({kind:o})")),
    };
    io::copy(&mut bytes, &mut io::sink()).map_err(|error| error_chain(&error))?;
    let is_complete = bytes.limit() == 0;
    let path = name.path.clone();
    let is_file = matches!(what, EntryKind::File(_));
    into.push(name, what)?;
    if !is_complete {
        return Err("it is truncated within an entry".to_owned());
    }
    if is_file && header.names > 1 {
        let pending = links.pending.remove(&header.inode).unwrap_or_default();
        for (name, _) in pending {
            into.push(name, EntryKind::HardLink(path.clone()))?;
        }
        links.written.insert(header.inode, path);
    }
    Ok(())
}

impl Header {
    /// Reads the header of an entry: 13 numbers of 8 hex digits after the magic number.
    fn read(from: &mut impl Read) -> Result<Self, StopReason> {
        let mut magic = [0; 6];
        exact(from, &mut magic)?;
        match &magic {
            b"070701" => {}
            b"07070X" => {
                return Err(
                    "it is RPM's cpio for files above 4 GiB, which is not supported".to_owned(),
                );
            }
            b"070702" => {
                return Err("it is a cpio with checksums, which is not supported".to_owned());
            }
            _ => return Err("it does not contain a cpio of SVR4, or a damaged one".to_owned()),
        }
        let mut digits = [0; 104];
        exact(from, &mut digits)?;
        let mut numbers = [0; 13];
        for (number, digits) in numbers.iter_mut().zip(digits.chunks_exact(8)) {
            *number = str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .ok_or("it has a damaged header of an entry")?;
        }
        let [
            inode,
            mode,
            _,
            _,
            names,
            _,
            size,
            major,
            minor,
            _,
            _,
            name_size,
            _,
        ] = numbers;
        Ok(Self {
            inode: (major, minor, inode),
            mode,
            names,
            size,
            name_size,
        })
    }
}

/// Skips what pads a length to a multiple of 4.
fn skip_padding(from: &mut impl Read, length: u64) -> Result<(), StopReason> {
    let padding = (length.next_multiple_of(4) - length) as usize;
    exact(from, &mut [0; 4][..padding])
}

/// Fills a buffer.
fn exact(from: &mut impl Read, buffer: &mut [u8]) -> Result<(), StopReason> {
    from.read_exact(buffer).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            "it is truncated".to_owned()
        } else {
            error_chain(&error)
        }
    })
}
