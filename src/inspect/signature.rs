//! Apple's code signature of a Mach-O file: present or not, and the hashes of the pages it covers.
//!
//! macOS on Apple silicon does not start a program without one, and kills a program whose page has
//! another hash as soon as it reads the page. Certificates are not examined: only Apple's systems
//! know whom they trust.
//!
//! Source: xnu, osfmk/kern/cs_blobs.h and bsd/kern/ubc_subr.c.

use std::collections::BTreeSet;

use crate::digest::{Algorithm, Hashers};
use crate::inspect::binary::{Signature, SignatureState};
use crate::inspect::field::{big, hex};

/// Magic of the blob that holds all others.
const SUPER_BLOB: u64 = 0xfade_0cc0;

const CODE_DIRECTORY: u64 = 0xfade_0c02;

/// Slots of code directories: the first, and those of other hashes.
const FIRST_DIRECTORY: u64 = 0;
const OTHER_DIRECTORIES: std::ops::Range<u64> = 0x1000..0x1005;

/// Slot of the certificates with their signature (CMS).
const CMS: u64 = 0x10000;

/// Bytes of a blob's magic and length; an ad-hoc signature may have an empty CMS blob.
const BLOB_HEADER: u64 = 8;

const MOST_BLOBS: u64 = 64;

/// Flags of a code directory.
const AD_HOC: u64 = 0x2;
const RUNTIME: u64 = 0x10000;
const LINKER_SIGNED: u64 = 0x20000;

/// Version of code directories since which sizes of 64 bits are possible.
const WITH_LIMIT_64: u64 = 0x20300;

/// Binary logarithms of a page's size that are taken for one; the systems use 12 and 14. Smaller pages
/// would take longer to compare than they are worth.
const PAGE_BITS: std::ops::RangeInclusive<u64> = 12..=30;

/// Reads the signature at `offset`, of `size` bytes, and hashes the pages.
pub fn read(bytes: &[u8], offset: u32, size: u32) -> Signature {
    let blob = (offset as usize)
        .checked_add(size as usize)
        .and_then(|end| bytes.get(offset as usize..end));
    let damaged = Signature {
        ad_hoc: false,
        certificate: false,
        linker_signed: false,
        hardened_runtime: false,
        state: SignatureState::Damaged,
        pages: 0,
        bad_pages: 0,
    };
    blob.and_then(|blob| super_blob(bytes, blob, u64::from(offset)))
        .unwrap_or(damaged)
}

fn super_blob(bytes: &[u8], blob: &[u8], code_end: u64) -> Option<Signature> {
    if big(blob, 0, 4)? != SUPER_BLOB {
        return None;
    }
    let count = big(blob, 8, 4).filter(|count| *count <= MOST_BLOBS)? as usize;
    let mut directories = Vec::new();
    let mut certificate = false;
    let mut slots = BTreeSet::new();
    for index in 0..count {
        let slot = big(blob, 12 + 8 * index, 4)?;
        // A slot that occurs often would have the file hashed as often.
        if !slots.insert(slot) {
            return None;
        }
        let inner = blob.get(big(blob, 16 + 8 * index, 4)? as usize..)?;
        let length = big(inner, 4, 4)?;
        let inner = inner.get(..length as usize)?;
        if slot == FIRST_DIRECTORY || OTHER_DIRECTORIES.contains(&slot) {
            directories.push(directory(bytes, inner, code_end)?);
        }
        certificate |= slot == CMS && length > BLOB_HEADER;
    }
    let first = directories.first()?;
    // The system takes the strongest hash; a file that one of them contradicts was changed.
    let worst = directories.iter().max_by_key(|it| it.state.rank())?;
    Some(Signature {
        ad_hoc: first.flags & AD_HOC != 0,
        certificate,
        linker_signed: first.flags & LINKER_SIGNED != 0,
        hardened_runtime: first.flags & RUNTIME != 0,
        state: worst.state,
        pages: worst.pages,
        bad_pages: worst.bad_pages,
    })
}

struct Directory {
    flags: u64,
    state: SignatureState,
    pages: u64,
    bad_pages: u64,
}

/// Reads one code directory and compares the hash of every page. Pages do not overlap, so a
/// directory costs one pass over the file at most.
fn directory(bytes: &[u8], blob: &[u8], code_end: u64) -> Option<Directory> {
    if big(blob, 0, 4)? != CODE_DIRECTORY {
        return None;
    }
    let word = |at: usize| big(blob, at, 4);
    let (version, flags) = (word(8)?, word(12)?);
    let (hashes, pages) = (word(16)? as usize, word(28)?);
    let limit = match word(32)? {
        0 if version >= WITH_LIMIT_64 => big(blob, 56, 8)?,
        limit => limit,
    };
    let (hash_size, hash_type) = (big(blob, 36, 1)? as usize, big(blob, 37, 1)?);
    // 0 is one page of any size.
    let page_bits = big(blob, 39, 1).filter(|bits| *bits == 0 || PAGE_BITS.contains(bits))?;
    let page_size = if page_bits == 0 {
        limit.max(1)
    } else {
        1 << page_bits
    };
    let algorithm = match (hash_type, hash_size) {
        (1, 20) => Algorithm::Sha1,
        // The third is cut to 20 bytes.
        (2, 32) | (3, 20) => Algorithm::Sha256,
        (4, 48) => Algorithm::Sha384,
        _ => {
            return Some(Directory {
                flags,
                state: SignatureState::UnknownHash,
                pages,
                bad_pages: 0,
            });
        }
    };
    if limit > bytes.len() as u64 || pages > limit.div_ceil(page_size) {
        return None;
    }
    let mut bad_pages = 0;
    for page in 0..pages {
        let (start, end) = (page * page_size, ((page + 1) * page_size).min(limit));
        let at = hashes.checked_add(page as usize * hash_size)?;
        let expected = hex(blob.get(at..at.checked_add(hash_size)?)?);
        let mut hashers = Hashers::new(&[algorithm]);
        hashers.update(&bytes[start as usize..end as usize]);
        let digests = hashers.finish();
        let is_same = digests
            .iter()
            .all(|(_, digest)| digest.get(..expected.len()) == Some(&expected));
        bad_pages += u64::from(!is_same);
    }
    let is_whole = limit == code_end && pages == limit.div_ceil(page_size);
    Some(Directory {
        flags,
        state: match (bad_pages, is_whole) {
            (0, true) => SignatureState::Intact,
            (0, false) => SignatureState::Incomplete,
            _ => SignatureState::Changed,
        },
        pages,
        bad_pages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file of `code` and its signature by SHA-256 of pages of 4096 bytes, and the
    /// signature's offset and size.
    fn signed(code: &[u8], flags: u32) -> (Vec<u8>, u32, u32) {
        let pages: Vec<&[u8]> = code.chunks(4096).collect();
        let words = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        let length = 44 + 32 * pages.len() as u32;
        let mut directory = words(&[
            0xfade_0c02,
            length,
            0x20100,
            flags,
            44,
            0,
            0,
            pages.len() as u32,
            code.len() as u32,
        ]);
        directory.extend([32, 2, 0, 12, 0, 0, 0, 0]);
        for page in pages {
            let digest = crate::digest::sha256(page);
            let byte = |at: usize| u8::from_str_radix(&digest[at..at + 2], 16).unwrap();
            directory.extend((0..64).step_by(2).map(byte));
        }
        let blob = [words(&[0xfade_0cc0, 20 + length, 1, 0, 20]), directory].concat();
        let size = blob.len() as u32;
        ([code.to_vec(), blob].concat(), code.len() as u32, size)
    }

    #[test]
    fn a_byte_that_was_changed_after_signing_is_found_in_its_page() {
        let (mut file, offset, size) = signed(&[7; 10_000], 0x20002);
        let expected = Signature {
            ad_hoc: true,
            certificate: false,
            linker_signed: true,
            hardened_runtime: false,
            state: SignatureState::Intact,
            pages: 3,
            bad_pages: 0,
        };
        assert_eq!(read(&file, offset, size), expected);
        file[5000] = 8;
        let changed = Signature {
            state: SignatureState::Changed,
            bad_pages: 1,
            ..expected
        };
        assert_eq!(read(&file, offset, size), changed);
    }

    #[test]
    fn code_after_the_last_page_is_not_covered() {
        let (file, offset, size) = signed(&[7; 8192], 2);
        let moved = [&file[..8192], &[0; 16], &file[8192..]].concat();
        let state = read(&moved, offset + 16, size).state;
        assert_eq!(state, SignatureState::Incomplete);
    }

    #[test]
    fn a_signature_that_costs_more_than_one_does_is_not_compared() {
        let (mut file, offset, size) = signed(&[7; 5000], 2);
        let pages_at = offset as usize + 20 + 39;
        file[pages_at] = 1;
        let state = |file: &[u8]| read(file, offset, size).state;
        assert_eq!(state(&file), SignatureState::Damaged);
        file[pages_at] = 12;
        assert_eq!(state(&file), SignatureState::Intact);
        // Two entries of the index for one directory, which begins after them.
        let blob = &file[offset as usize..];
        let twice = [
            &blob[..8],
            &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 28],
            &blob[20..],
        ]
        .concat();
        let twice = [&file[..offset as usize], &twice].concat();
        let state = |size| read(&twice, offset, size).state;
        assert_eq!(state(size + 8), SignatureState::Damaged);
    }

    #[test]
    fn damaged_signatures_end_without_a_panic() {
        let (file, offset, size) = signed(&[7; 5000], 2);
        for length in offset as usize..file.len() {
            let state = read(&file[..length], offset, size).state;
            assert_eq!(state, SignatureState::Damaged, "{length}");
        }
        let mut file = file;
        for at in offset as usize..file.len() {
            let right = file[at];
            for wrong in [0, 0xff, right ^ 1] {
                file[at] = wrong;
                let _ = read(&file, offset, size);
            }
            file[at] = right;
        }
        assert_eq!(
            read(&file, u32::MAX, u32::MAX).state,
            SignatureState::Damaged
        );
    }
}
