//! Contents of one file of an archive, in memory.

use std::io::{self, BufReader, Read, Seek};

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive};
use tar::EntryType;

use crate::archive::packing::Packing;
use crate::archive::read::file::PIECE;
use crate::archive::read::unpacking::error_chain;
use crate::archive::read::zip::LONGEST_RECORD;

/// Returns the contents of the first file with this path, of which no more than `size` bytes are
/// read; `None` if the archive has none. Reads tars, plain or compressed, and zips.
///
/// # Errors
/// The archive is of another format, or damaged, as a clause.
pub fn member(
    file: impl Read + Seek,
    packing: Packing,
    path: &str,
    size: u64,
) -> Result<Option<Vec<u8>>, String> {
    let buffered = BufReader::with_capacity(PIECE, file);
    let failed = |error: io::Error| error_chain(&error);
    match packing {
        Packing::Tar => of_tar(buffered, path, size).map_err(failed),
        Packing::Compressed(compression) => {
            of_tar(compression.decoder(buffered), path, size).map_err(failed)
        }
        Packing::Zip => of_zip(buffered.into_inner(), path, size),
        _ => Err("it is neither a tar nor a zip".to_owned()),
    }
}

fn of_tar(stream: impl Read, path: &str, size: u64) -> io::Result<Option<Vec<u8>>> {
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries()? {
        let entry = entry?;
        let is_regular = entry.header().entry_type() == EntryType::Regular;
        if is_regular && *entry.path_bytes() == *path.as_bytes() {
            return bounded(entry, size).map(Some);
        }
    }
    Ok(None)
}

fn of_zip(file: impl Read + Seek, path: &str, size: u64) -> Result<Option<Vec<u8>>, String> {
    let damaged = |error: rawzip::Error| error_chain(&error);
    let mut buffer = vec![0; LONGEST_RECORD];
    let archive = ZipArchive::from_seekable(file, &mut buffer).map_err(damaged)?;
    let mut records = archive.entries(&mut buffer);
    while let Some(record) = records.next_entry().map_err(damaged)? {
        if record.file_path().as_bytes() != path.as_bytes() {
            continue;
        }
        let method = record.compression_method();
        let entry = archive.get_entry(record.wayfinder()).map_err(damaged)?;
        let packed = BufReader::with_capacity(PIECE, entry.reader());
        let contents = match method {
            CompressionMethod::STORE => bounded(packed, size),
            CompressionMethod::DEFLATE => bounded(DeflateDecoder::new(packed), size),
            other => return Err(format!("its compression method is not supported ({other})")),
        };
        return contents.map(Some).map_err(|error| error_chain(&error));
    }
    Ok(None)
}

/// Reads no more than this number of bytes.
fn bounded(from: impl Read, size: u64) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    from.take(size).read_to_end(&mut contents)?;
    Ok(contents)
}
