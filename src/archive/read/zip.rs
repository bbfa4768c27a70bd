//! zip: stored and deflated entries, as the central directory lists them, each held against its own
//! header.
//!
//! Source: PKWARE, APPNOTE.TXT.

use std::io::{BufReader, Read, Seek};

use rawzip::{CompressionMethod, CreatorSystem, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder};

use crate::archive::entry::EntryKind;
use crate::archive::read::file::PIECE;
use crate::archive::read::unpacking::{
    Bounded, EntryName, StopReason, Unpacking, too_large, unfit, words,
};

/// The longest record: names, extra fields and comments have 16 bits for their length each.
const LONGEST_RECORD: usize = 46 + 3 * 0xffff;

/// Kinds of file in the upper half of the external attributes, as Unix has them.
const KIND: u32 = 0o170_000;

const PIPE: u32 = 0o010_000;

const CHARACTER: u32 = 0o020_000;

const BLOCK: u32 = 0o060_000;

const LINK: u32 = 0o120_000;

const SOCKET: u32 = 0o140_000;

/// What the central directory says of one entry.
struct Record {
    path: Vec<u8>,
    method: CompressionMethod,
    encrypted: bool,
    crc: u32,
    /// Attributes of Unix, where it was written there.
    unix: Option<u32>,
    way: ZipArchiveEntryWayfinder,
}

/// What goes along from entry to entry.
struct Run {
    /// Bytes that may still be unpacked, and how many there were in all.
    left: u64,
    allowed: u64,
    /// Where contents lie.
    spans: Vec<(u64, u64)>,
    /// Room for the names in an entry's own header.
    local: Vec<u8>,
}

pub fn read(
    file: impl Read + Seek,
    length: u64,
    allowed: u64,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    let mut buffer = vec![0; LONGEST_RECORD];
    let archive = ZipArchive::from_seekable(file, &mut buffer).map_err(|error| words(&error))?;
    if archive.end_offset() != length {
        return Err(
            "there is more after its end, so that two readers may see two archives".to_owned(),
        );
    }
    let mut run = Run {
        left: allowed,
        allowed,
        spans: Vec::new(),
        local: vec![0; 2 * 0xffff],
    };
    let mut found: u64 = 0;
    let mut records = archive.entries(&mut buffer);
    while let Some(record) = records.next_entry().map_err(|error| words(&error))? {
        found += 1;
        let system = record.version_made_by().creator_system();
        let unix = matches!(system, CreatorSystem::UNIX | CreatorSystem::MACOS)
            .then(|| record.external_attributes() >> 16);
        let record = Record {
            path: record.file_path().as_bytes().to_vec(),
            method: record.compression_method(),
            encrypted: record.flags().is_encrypted() || record.flags().has_strong_encryption(),
            crc: record.crc32(),
            unix: unix.filter(|mode| *mode != 0),
            way: record.wayfinder(),
        };
        let named = into.named(&record.path);
        let what = one(&archive, &record, &named, &mut run, into).unwrap_or_else(unfit);
        let full = matches!(&what, EntryKind::Unread { why, .. } if *why == too_large(allowed));
        into.push(named, what)?;
        if full {
            return Err(too_large(allowed));
        }
    }
    if found != archive.entries_hint() {
        return Err(format!(
            "its end says that it has {} entries, and there are {found}",
            archive.entries_hint()
        ));
    }
    run.spans.sort_unstable();
    if run.spans.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err("two of its entries share their bytes".to_owned());
    }
    Ok(())
}

/// The error says why this entry cannot be read; the next may be.
fn one<R: ReaderAt>(
    archive: &ZipArchive<R>,
    record: &Record,
    named: &EntryName,
    run: &mut Run,
    into: &mut Unpacking,
) -> Result<EntryKind, String> {
    let entry = archive
        .get_entry(record.way)
        .map_err(|error| words(&error))?;
    let span = entry.compressed_data_range();
    if span.1 > archive.directory_offset() {
        return Err("its contents reach into the archive's directory".to_owned());
    }
    run.spans.push(span);
    let local = entry
        .local_header(&mut run.local)
        .map_err(|error| words(&error))?;
    if local.file_path().as_bytes() != record.path {
        return Err("its two headers give two names".to_owned());
    }
    let (packed, size) = (
        record.way.compressed_size_hint(),
        record.way.uncompressed_size_hint(),
    );
    let told = (
        local.crc32(),
        local.compressed_size_hint(),
        local.uncompressed_size_hint(),
    );
    // Where a descriptor follows the contents, the header before them may say nothing.
    let later = local.flags().has_data_descriptor();
    if local.compression_method() != record.method || !later && told != (record.crc, packed, size) {
        return Err("its two headers contradict each other".to_owned());
    }
    if record.encrypted || local.flags().is_encrypted() {
        return Err("it is encrypted".to_owned());
    }
    let descriptor = entry
        .reader()
        .data_descriptor()
        .map_err(|error| words(&error))?;
    if descriptor.is_some_and(|descriptor| descriptor.crc32() != record.crc) {
        return Err("its header and its descriptor contradict each other".to_owned());
    }
    if record.path.ends_with(b"/") {
        return if size == 0 {
            Ok(EntryKind::Directory)
        } else {
            Err("it is named like a directory and has contents".to_owned())
        };
    }
    let special = match record.unix.map(|mode| mode & KIND) {
        Some(PIPE) => Some("a pipe"),
        Some(CHARACTER) => Some("a character device"),
        Some(BLOCK) => Some("a block device"),
        Some(SOCKET) => Some("a socket"),
        _ => None,
    };
    if let Some(kind) = special {
        return Ok(EntryKind::Special(kind));
    }
    let mut packed_bytes = BufReader::with_capacity(
        PIECE.min(usize::try_from(packed).unwrap_or(PIECE)).max(1),
        entry.reader(),
    );
    let mut take = |bytes: &mut dyn Read| {
        let mut bounded = Bounded::with_left(entry.verifying_reader(bytes), run.left, run.allowed);
        let what = contents(&mut bounded, record, named, into);
        run.left = bounded.left();
        what
    };
    match record.method {
        CompressionMethod::STORE => take(&mut packed_bytes),
        CompressionMethod::DEFLATE => {
            let mut inflate = flate2::bufread::DeflateDecoder::new(packed_bytes);
            let what = take(&mut inflate)?;
            if matches!(what, EntryKind::File(_) | EntryKind::Link(_))
                && inflate.total_in() != packed
            {
                return Err("its packed contents are shorter than it says".to_owned());
            }
            Ok(what)
        }
        other => Err(format!(
            "it is packed in a way that is not read here ({other})"
        )),
    }
}

fn contents<R: Read>(
    bytes: &mut Bounded<R>,
    record: &Record,
    named: &EntryName,
    into: &mut Unpacking,
) -> Result<EntryKind, String> {
    if record.unix.map(|mode| mode & KIND) == Some(LINK) {
        let mut target = Vec::new();
        let most = into.limits.path as u64;
        bytes
            .take(most + 1)
            .read_to_end(&mut target)
            .map_err(|error| words(&error))?;
        if target.len() as u64 > most {
            return Err("it is a link to a path that is longer than any system allows".to_owned());
        }
        return Ok(EntryKind::Link(
            String::from_utf8_lossy(&target).into_owned(),
        ));
    }
    Ok(into.file(&named.path, record.unix.map(|mode| mode & 0o7777), bytes))
}
