//! `.rpm`: a lead, two headers and a compressed cpio. The headers are read for the cpio's
//! compression and for the digests of header and payload, which are compared.
//!
//! Source: RPM, "RPM V4 Package format".

use std::io::{self, BufRead, BufReader, Read};

use crate::archive::packing::Compression;
use crate::archive::read::cpio;
use crate::archive::read::file::PIECE;
use crate::archive::read::unpacking::{Bounded, StopReason, Unpacking, error_chain};
use crate::digest::{Hasher, sha256};

/// Bytes of the lead.
const LEAD: usize = 96;

/// Maximum bytes of one header; RPM's own limit is 256 MiB.
const LONGEST_HEADER: u64 = 32 * 1024 * 1024;

/// Magic number and version of a header.
const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 1];

/// Tags of the signature header (`RPMSIGTAG_SHA256`) and of the header.
const SHA256_OF_HEADER: u32 = 273;
const PAYLOAD_FORMAT: u32 = 1124;
const PAYLOAD_COMPRESSOR: u32 = 1125;
const PAYLOAD_DIGEST: u32 = 5092;
const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;

/// Number of SHA-256 in RFC 4880, 9.4.
const SHA256: u32 = 8;

/// Types of values: `RPM_INT32_TYPE`, `RPM_STRING_TYPE`, `RPM_STRING_ARRAY_TYPE`.
const INT32: u32 = 4;
const STRINGS: [u32; 2] = [6, 8];

/// One of the two headers.
struct Header {
    /// All bytes, from the magic number on.
    bytes: Vec<u8>,
    /// Number of index entries.
    count: usize,
}

/// Reads all entries of a package.
///
/// # Errors
/// The package is damaged or truncated, contradicts itself or exceeds a limit.
pub fn read(mut from: impl BufRead, allowed: u64, into: &mut Unpacking) -> Result<(), StopReason> {
    let from = &mut from;
    let mut lead = [0; LEAD];
    exact(from, &mut lead)?;
    if !matches!(lead[4], 3 | 4) {
        return Err(format!("it is a package of RPM's format {}", lead[4]));
    }
    let signature = Header::read(from)?;
    let padding = signature.bytes.len().next_multiple_of(8) - signature.bytes.len();
    exact(from, &mut [0; 8][..padding])?;
    let header = Header::read(from)?;
    let declared = signature.string(SHA256_OF_HEADER);
    if declared.is_some_and(|declared| declared != sha256(&header.bytes)) {
        return Err("its header does not have the digest in its signature".to_owned());
    }
    if header
        .string(PAYLOAD_FORMAT)
        .is_some_and(|format| format != "cpio")
    {
        return Err("its payload is not a cpio, which is not supported".to_owned());
    }
    let compression = match header.string(PAYLOAD_COMPRESSOR).unwrap_or("gzip") {
        "gzip" => Some(Compression::Gzip),
        "xz" => Some(Compression::Xz),
        "zstd" => Some(Compression::Zstd),
        "bzip2" => Some(Compression::Bzip2),
        "none" => None,
        _ => return Err("the compression of its payload is not supported".to_owned()),
    };
    let algorithm = header.number(PAYLOAD_DIGEST_ALGORITHM).unwrap_or(SHA256);
    let declared = header
        .string(PAYLOAD_DIGEST)
        .filter(|_| algorithm == SHA256);
    let mut payload = Hashing {
        from,
        hasher: Hasher::default(),
    };
    unpack(compression, &mut payload, allowed, into)?;
    io::copy(&mut payload, &mut io::sink()).map_err(|error| error_chain(&error))?;
    if declared.is_some_and(|declared| declared != payload.hasher.finish()) {
        return Err("its payload does not have the digest in its header".to_owned());
    }
    Ok(())
}

/// Reads the payload.
fn unpack(
    compression: Option<Compression>,
    payload: impl Read,
    allowed: u64,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    let pool = into.pool;
    let buffered = BufReader::with_capacity(PIECE, payload);
    let Some(compression) = compression else {
        return cpio::read(&mut Bounded::new(buffered, allowed, pool), into);
    };
    let _window = compression.window(pool);
    let decoder = compression.decoder(buffered);
    cpio::read(&mut Bounded::new(decoder, allowed, pool), into)
}

impl Header {
    /// Reads a header.
    fn read(from: &mut impl Read) -> Result<Self, StopReason> {
        let mut intro = [0; 16];
        exact(from, &mut intro)?;
        if intro[..4] != MAGIC {
            return Err("it has a damaged header".to_owned());
        }
        let number = |at: usize| u64::from(word(&intro, at).unwrap_or_default());
        let (count, store) = (number(8), number(12));
        let length = 16 * count + store;
        if length > LONGEST_HEADER {
            return Err(format!("it has a header of {length} bytes"));
        }
        let mut bytes = intro.to_vec();
        from.take(length)
            .read_to_end(&mut bytes)
            .map_err(|error| error_chain(&error))?;
        if (bytes.len() as u64) < length + 16 {
            return Err("it is truncated within a header".to_owned());
        }
        // Within the limit on the length.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(Self { bytes, count })
    }

    /// Returns type and bytes of the first value of a tag, up to the header's end.
    fn value(&self, tag: u32) -> Option<(u32, &[u8])> {
        let (index, store) = self.bytes.get(16..)?.split_at_checked(16 * self.count)?;
        let entry = index
            .chunks_exact(16)
            .find(|entry| word(entry, 0) == Some(tag))?;
        let at = usize::try_from(word(entry, 8)?).ok()?;
        Some((word(entry, 4)?, store.get(at..)?))
    }

    /// Returns the text of a tag, or its first one.
    fn string(&self, tag: u32) -> Option<&str> {
        let (kind, bytes) = self.value(tag)?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        str::from_utf8(text)
            .ok()
            .filter(|_| STRINGS.contains(&kind))
    }

    /// Returns the number of a tag, or its first one.
    fn number(&self, tag: u32) -> Option<u32> {
        let (kind, bytes) = self.value(tag)?;
        word(bytes, 0).filter(|_| kind == INT32)
    }
}

/// Returns a number of 32 bits, big endian.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// Fills a buffer.
fn exact(from: &mut impl Read, buffer: &mut [u8]) -> Result<(), StopReason> {
    from.read_exact(buffer)
        .map_err(|_| "it is truncated within its headers".to_owned())
}

/// Reader that hashes what it returns.
struct Hashing<R> {
    from: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(piece)?;
        io::Write::write_all(&mut self.hasher, &piece[..read])?;
        Ok(read)
    }
}
