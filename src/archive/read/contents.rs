//! Contents of one archive, whatever its format is.

use std::io::{BufRead, BufReader, Cursor, Read, Seek};

use crate::archive::entry::Entry;
use crate::archive::limits::Limits;
use crate::archive::packing::{Compression, MISNAMED, Packing, name_of_single, names_tar};
use crate::archive::read::budget::Pool;
use crate::archive::read::file::PIECE;
use crate::archive::read::unpacking::{Bounded, StopReason, Unpacking, error_chain};
use crate::archive::read::{deb, rpm, tar, zip};

/// Reads the entries of an archive of `size` bytes with this file name. If it cannot be read to its
/// end, an entry with an empty path gives the reason.
pub fn read(
    file: impl Read + Seek,
    (packing, name, size): (Packing, &str, u64),
    limits: &Limits,
    pool: &Pool,
) -> Vec<Entry> {
    let mut into = Unpacking::new(limits, pool, name);
    let allowed = limits.allowed(size);
    let buffered = BufReader::with_capacity(PIECE, file);
    let outcome = match packing {
        Packing::Zip => zip::read(buffered.into_inner(), size, allowed, &mut into),
        Packing::Tar => tar::read(&mut Bounded::new(buffered, allowed, pool), &mut into),
        Packing::Compressed(compression) => {
            compressed(compression, name, buffered, allowed, &mut into)
        }
        Packing::Deb => deb::read(buffered, allowed, &mut into),
        Packing::Rpm => rpm::read(buffered, allowed, &mut into),
        Packing::Foreign(why) => Err(why.to_owned()),
        Packing::Misnamed => Err(MISNAMED.to_owned()),
    };
    into.finish(outcome)
}

/// Reads a compressed file: a tar by its contents or its name, or one file.
fn compressed(
    compression: Compression,
    name: &str,
    from: impl BufRead,
    allowed: u64,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    let pool = into.pool;
    let _window = compression.window(pool);
    let mut decoder = compression.decoder(from);
    let mut first = Vec::new();
    Read::by_ref(&mut decoder)
        .take(Packing::FIRST)
        .read_to_end(&mut first)
        .map_err(|error| error_chain(&error))?;
    let is_tar = names_tar(name) || tar::is_header(&first);
    let mut stream = Bounded::new(Cursor::new(first).chain(decoder), allowed, pool);
    if is_tar {
        return tar::read(&mut stream, into);
    }
    let name = into.entry_name(name_of_single(name).as_bytes());
    // Nothing reliable tells its size.
    let what = into.file(&name.path, None, u64::MAX, &mut stream);
    into.push(name, what)
}
