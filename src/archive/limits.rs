//! Bounds on what one subject may ask of us.

use crate::archive::entry::{LISTS, LONGEST_LIST};

/// What one subject may ask of us. All sizes in bytes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A program larger than this is hashed and not looked into: it would have to be held whole.
    pub program: u64,
    /// All that an archive unpacks to.
    pub unpacked: u64,
    /// How many times its own size an archive may unpack to, once that is more than `ratio_from`.
    pub ratio: u64,
    pub ratio_from: u64,
    /// Entries of an archive.
    pub entries: usize,
    /// One path, or the target of one link.
    pub path: usize,
    /// All paths and targets of links of an archive together.
    pub paths: usize,
    /// All files together that are kept because they list others.
    pub lists: u64,
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
        }
    }
}

impl Limits {
    /// What an archive of this size may unpack to.
    pub fn allowed(&self, packed: u64) -> u64 {
        self.unpacked
            .min(self.ratio_from.max(packed.saturating_mul(self.ratio)))
    }
}

/// Whether a file of this name lists others.
pub fn may_list(path: &str) -> bool {
    LISTS.contains(&path.rsplit('/').next().unwrap_or(path))
}
