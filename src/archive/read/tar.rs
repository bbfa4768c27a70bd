//! tar: the ustar of POSIX, its pax headers, and GNU's long names.
//!
//! The crate gives entries raw: what it makes of long names and pax headers by itself it reads
//! without a bound, and it does not say where two of them contradict each other. Such archives look
//! different to each reader. Source: POSIX, pax, "pax Interchange Format"; GNU tar, "Basic Tar
//! Format".

use std::io::Read;

use ::tar::{Archive, Entry, EntryType, Header, PaxExtensions};

use crate::archive::entry::{EntryKind, Ownership};
use crate::archive::read::unpacking::{Bounded, StopReason, Unpacking, unfit, words};

/// Bytes that a pax header may have.
const LONGEST_PAX: u64 = 1024 * 1024;

/// What headers before an entry say of it.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
    any: bool,
}

pub fn read<R: Read>(stream: &mut Bounded<R>, into: &mut Unpacking) -> Result<(), StopReason> {
    let mut archive = Archive::new(&mut *stream);
    entries(&mut archive, into)?;
    // To the end, so that checksums of the packing are checked. A reader that goes on after the end
    // mark would see more than we did.
    let stream = archive.into_inner();
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) if piece[..read].iter().any(|byte| *byte != 0) => {
                return Err("there is more after its end mark".to_owned());
            }
            Ok(_) => {}
            Err(error) => return Err(words(&error)),
        }
    }
    if stream.zeros < 512 {
        Err("it has no end mark: it was cut short".to_owned())
    } else {
        Ok(())
    }
}

fn entries<R: Read>(archive: &mut Archive<R>, into: &mut Unpacking) -> Result<(), StopReason> {
    let mut ahead = Ahead::default();
    for (number, entry) in archive
        .entries()
        .map_err(|error| words(&error))?
        .raw(true)
        .enumerate()
    {
        let mut entry = entry.map_err(|error| match number {
            0 => format!("it holds no tar: {}", words(&error)),
            _ => words(&error),
        })?;
        let header = entry.header().clone();
        let size = header.entry_size().map_err(|error| words(&error))?;
        match header.entry_type() {
            EntryType::GNULongName => set(&mut ahead.path, long(&mut entry, into)?)?,
            EntryType::GNULongLink => set(&mut ahead.target, long(&mut entry, into)?)?,
            EntryType::XHeader => pax(&mut entry, size, &mut ahead)?,
            EntryType::XGlobalHeader => {
                // `git archive` writes its commit into one. What would hold for all entries is not
                // read here.
                let mut global = Ahead::default();
                pax(&mut entry, size, &mut global)?;
                if global.path.is_some()
                    || global.target.is_some()
                    || global.size.is_some()
                    || global.sparse
                {
                    return Err("a global header renames or resizes all that follows".to_owned());
                }
                continue;
            }
            _ => {
                one(&mut entry, &header, size, std::mem::take(&mut ahead), into)?;
                continue;
            }
        }
        ahead.any = true;
    }
    if ahead.any {
        Err("it ends after a header that belongs to what follows".to_owned())
    } else {
        Ok(())
    }
}

fn one<R: Read>(
    entry: &mut Entry<R>,
    header: &Header,
    size: u64,
    ahead: Ahead,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    let path = ahead
        .path
        .unwrap_or_else(|| header.path_bytes().into_owned());
    let named = into.named(&path);
    // Which of the two sizes counts differs from reader to reader, and with it what comes next.
    if ahead.size.is_some_and(|told| told != size) {
        return Err(format!("two headers of `{}` give two sizes", named.path));
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
        // Its extra headers stand where raw reading expects the next entry.
        EntryType::GNUSparse => {
            return Err(format!(
                "`{}` is a sparse file, which is not read here",
                named.path
            ));
        }
        _ if ahead.sparse => unfit("it is a sparse file, which is not read here"),
        // Old archives have no type for directories.
        EntryType::Regular if path.ends_with(b"/") && size == 0 => EntryKind::Directory,
        EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => {
            unfit("it is named like a directory and has contents")
        }
        EntryType::Regular | EntryType::Continuous => file(entry, size, &named.path, mode, into),
        _ if size != 0 => unfit("it is no file and has contents"),
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
            "it is of a kind that is not known here ({:?})",
            char::from(other.as_byte())
        )),
    };
    // Where it is also in the entries, whose number and paths have bounds.
    let owned = match (&what, named.wrong) {
        (EntryKind::Directory, None) => owned(header).map(|owned| (named.path.clone(), owned)),
        _ => None,
    };
    into.push(named, what)?;
    if let Some((path, owned)) = owned {
        into.owned(&path, owned);
    }
    Ok(())
}

fn owned(header: &Header) -> Option<Ownership> {
    Some(Ownership {
        mode: header.mode().ok()? & 0o7777,
        user: header.uid().ok()?,
        group: header.gid().ok()?,
    })
}

fn file<R: Read>(
    entry: &mut Entry<R>,
    size: u64,
    path: &str,
    mode: Option<u32>,
    into: &mut Unpacking,
) -> EntryKind {
    match into.file(path, mode, entry) {
        EntryKind::File(file) if file.size < size => {
            unfit(format!("it ends after {} of {size} bytes", file.size))
        }
        what => what,
    }
}

/// A path of GNU's kind, which a zero byte ends.
fn long<R: Read>(entry: &mut Entry<R>, into: &Unpacking) -> Result<Vec<u8>, StopReason> {
    let mut path = Vec::new();
    // One more than may be, so that it is seen to be too long; the rest is passed over.
    let most = into.limits.path as u64 + 2;
    entry
        .take(most)
        .read_to_end(&mut path)
        .map_err(|error| words(&error))?;
    if path.last() == Some(&0) {
        path.pop();
    }
    Ok(path)
}

fn set<T>(place: &mut Option<T>, value: T) -> Result<(), StopReason> {
    match place.replace(value) {
        Some(_) => Err("two headers name one entry".to_owned()),
        None => Ok(()),
    }
}

fn pax<R: Read>(entry: &mut Entry<R>, size: u64, ahead: &mut Ahead) -> Result<(), StopReason> {
    if size > LONGEST_PAX {
        return Err(format!("it has a header of {size} bytes"));
    }
    let mut bytes = Vec::new();
    entry
        .read_to_end(&mut bytes)
        .map_err(|error| words(&error))?;
    if (bytes.len() as u64) < size {
        return Err("it was cut short in a header".to_owned());
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
                    number.ok_or("a pax header gives a size that is no number")?,
                )?;
            }
            key if key.starts_with(b"GNU.sparse.") => ahead.sparse = true,
            _ => {}
        }
    }
    Ok(())
}
