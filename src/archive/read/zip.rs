//! zip: stored and deflated entries as the central directory lists them, each compared with its
//! local header.
//!
//! Source: PKWARE, APPNOTE.TXT.

use std::io::{BufReader, Read, Seek};

use rawzip::extra_fields::{ExtraFieldId, ExtraFields};
use rawzip::{CompressionMethod, CreatorSystem, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder};

use crate::archive::entry::EntryKind;
use crate::archive::read::file::PIECE;
use crate::archive::read::unpacking::{
    Bounded, EntryName, StopReason, Unpacking, error_chain, too_large, unfit,
};

/// Maximum bytes of a central directory record: name, extra field and comment have 16-bit lengths.
pub const LONGEST_RECORD: usize = 46 + 3 * 0xffff;

/// Mask of the Unix file type (`S_IFMT`) in the upper half of the external attributes.
const KIND: u32 = 0o170_000;

const PIPE: u32 = 0o010_000;

const CHARACTER: u32 = 0o020_000;

const BLOCK: u32 = 0o060_000;

const LINK: u32 = 0o120_000;

const SOCKET: u32 = 0o140_000;

/// Central directory record of one entry.
struct Record {
    path: Vec<u8>,
    method: CompressionMethod,
    encrypted: bool,
    crc: u32,
    /// Unix mode; `None` if the entry was created on another system or has no mode.
    unix: Option<u32>,
    /// Location of the entry's data.
    way: ZipArchiveEntryWayfinder,
    /// A Unicode Path field of the central directory gives another name.
    other_name: bool,
}

/// State shared by all entries of one archive.
struct Run {
    /// Bytes left of `allowed`.
    left: u64,
    /// Maximum unpacked bytes of the archive.
    allowed: u64,
    /// Byte ranges of the entries' contents, to find overlaps.
    spans: Vec<(u64, u64)>,
    /// Buffer for name and extra field of a local header.
    local: Vec<u8>,
}

/// Returns a name in an entry's Unicode Path fields (APPNOTE.TXT 4.6.9) that is not the header's:
/// Info-ZIP's `unzip` writes that file instead. The field's version and its checksum of the
/// header's name are ignored, as some programs do.
fn other_name(mut fields: ExtraFields, path: &[u8]) -> bool {
    fields.any(|(id, value)| {
        id == ExtraFieldId::INFO_ZIP_UNICODE_PATH && value.get(5..) != Some(path)
    })
}

/// Reads all entries of a zip file of `length` bytes.
///
/// # Errors
/// The archive is damaged, contradicts itself or exceeds a limit.
pub fn read(
    file: impl Read + Seek,
    length: u64,
    allowed: u64,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    let mut buffer = vec![0; LONGEST_RECORD];
    let archive =
        ZipArchive::from_seekable(file, &mut buffer).map_err(|error| error_chain(&error))?;
    if archive.end_offset() != length {
        return Err("data follows its end, so two readers may see different archives".to_owned());
    }
    let mut run = Run {
        left: allowed,
        allowed,
        spans: Vec::new(),
        local: vec![0; 2 * 0xffff],
    };
    let mut found: u64 = 0;
    let mut records = archive.entries(&mut buffer);
    while let Some(record) = records.next_entry().map_err(|error| error_chain(&error))? {
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
            other_name: other_name(record.extra_fields(), record.file_path().as_bytes()),
        };
        let name = into.entry_name(&record.path);
        let what = read_entry(&archive, &record, &name, &mut run, into).unwrap_or_else(unfit);
        let full = matches!(&what, EntryKind::Unread { why, .. } if *why == too_large(allowed));
        into.push(name, what)?;
        if full {
            return Err(too_large(allowed));
        }
    }
    if found != archive.entries_hint() {
        return Err(format!(
            "its end record declares {} entries, but it has {found}",
            archive.entries_hint()
        ));
    }
    run.spans.sort_unstable();
    if run.spans.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err("two of its entries overlap".to_owned());
    }
    Ok(())
}

/// Reads one entry.
///
/// # Errors
/// The entry cannot be read, with the reason as a clause. Following entries may still be readable.
fn read_entry<R: ReaderAt>(
    archive: &ZipArchive<R>,
    record: &Record,
    name: &EntryName,
    run: &mut Run,
    into: &mut Unpacking,
) -> Result<EntryKind, String> {
    let entry = archive
        .get_entry(record.way)
        .map_err(|error| error_chain(&error))?;
    let span = entry.compressed_data_range();
    if span.1 > archive.directory_offset() {
        return Err("its contents overlap the archive's central directory".to_owned());
    }
    run.spans.push(span);
    let local = entry
        .local_header(&mut run.local)
        .map_err(|error| error_chain(&error))?;
    if local.file_path().as_bytes() != record.path {
        return Err("its two headers give different names".to_owned());
    }
    if record.other_name || other_name(local.extra_fields(), &record.path) {
        return Err(
            "its Unicode Path field gives another name, which some programs unpack".to_owned(),
        );
    }
    let (packed, size) = (
        record.way.compressed_size_hint(),
        record.way.uncompressed_size_hint(),
    );
    let declared = (
        local.crc32(),
        local.compressed_size_hint(),
        local.uncompressed_size_hint(),
    );
    // If a data descriptor follows the contents, the local header may leave the values out.
    let has_descriptor = local.flags().has_data_descriptor();
    if local.compression_method() != record.method
        || !has_descriptor && declared != (record.crc, packed, size)
    {
        return Err("its two headers contradict each other".to_owned());
    }
    if record.encrypted || local.flags().is_encrypted() {
        return Err("it is encrypted".to_owned());
    }
    let descriptor = entry
        .reader()
        .data_descriptor()
        .map_err(|error| error_chain(&error))?;
    if descriptor.is_some_and(|descriptor| descriptor.crc32() != record.crc) {
        return Err("its header and its descriptor contradict each other".to_owned());
    }
    if record.path.ends_with(b"/") {
        return if size == 0 {
            Ok(EntryKind::Directory)
        } else {
            Err("its path ends with a slash like a directory's, but it has contents".to_owned())
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
        let mut bounded = Bounded::with_left(
            entry.verifying_reader(bytes),
            run.left,
            run.allowed,
            into.pool,
        );
        let what = contents(&mut bounded, record, name, into);
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
                return Err("its compressed contents are shorter than declared".to_owned());
            }
            Ok(what)
        }
        other => Err(format!("its compression method is not supported ({other})")),
    }
}

/// Reads the contents of a regular file or a symbolic link.
fn contents<R: Read>(
    bytes: &mut Bounded<'_, R>,
    record: &Record,
    name: &EntryName,
    into: &mut Unpacking,
) -> Result<EntryKind, String> {
    if record.unix.map(|mode| mode & KIND) == Some(LINK) {
        let mut target = Vec::new();
        let most = into.limits.path as u64;
        bytes
            .take(most + 1)
            .read_to_end(&mut target)
            .map_err(|error| error_chain(&error))?;
        if target.len() as u64 > most {
            return Err("it is a link to a path that is longer than any system allows".to_owned());
        }
        return Ok(EntryKind::Link(
            String::from_utf8_lossy(&target).into_owned(),
        ));
    }
    let mode = record.unix.map(|mode| mode & 0o7777);
    let declared = record.way.uncompressed_size_hint();
    Ok(into.file(&name.path, mode, declared, bytes))
}
