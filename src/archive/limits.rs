//! Limits that protect `verify` from oversized and malicious inputs.

use crate::archive::entry::LONGEST_LIST;
use crate::digest::Algorithm;

/// Limits for reading one directory, file or archive. All sizes are in bytes. All archives of a
/// directory share them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest program that is inspected: inspection needs it in memory. Larger ones are only
    /// hashed.
    pub program: u64,
    /// Total unpacked size of all archives.
    pub unpacked: u64,
    /// Ratio of unpacked to packed size of an archive, checked above `ratio_from`.
    pub ratio: u64,
    /// Unpacked size up to which `ratio` is not checked.
    pub ratio_from: u64,
    /// Number of entries of all archives.
    pub entries: usize,
    /// Length of one path or of the target of one link.
    pub path: usize,
    /// Total length of all paths and link targets of all archives.
    pub paths: usize,
    /// Total size of the files that are kept in memory because they list others.
    pub lists: u64,
    /// Digests of each file beside SHA-256: those of the lists that it is compared with. They take
    /// time, so without a list there are none.
    pub digests: Vec<Algorithm>,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            program: 1024 * MIB,
            unpacked: 8 * 1024 * MIB,
            ratio: 200,
            ratio_from: 64 * MIB,
            entries: 200_000,
            // PATH_MAX of Linux.
            path: 4096,
            paths: 64 * 1024 * 1024,
            lists: 8 * LONGEST_LIST,
            digests: Vec::new(),
        }
    }
}

impl Limits {
    /// Returns the maximum unpacked size of an archive of `packed` bytes.
    pub fn allowed(&self, packed: u64) -> u64 {
        self.unpacked
            .min(self.ratio_from.max(packed.saturating_mul(self.ratio)))
    }
}
