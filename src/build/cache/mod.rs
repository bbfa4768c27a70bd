//! cargo's target directory as a cache that moves between machines: its key, and the units in it
//! that the next build uses.

pub mod key;
pub mod look;
pub mod prune;
pub mod used;
pub mod write;

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[CACHE_UNRECORDED, CACHE_LAYOUT];

/// A cache of which no build is recorded.
pub const CACHE_UNRECORDED: Code = code(&CodeInfo {
    name: "cache-unrecorded",
    title: "no build has recorded what it used of the target directory",
    cause: "Nothing was built with xpkg in this target directory, or its record was removed: by \
            `clean`, or because `xpkg-cache` was not restored with the rest.",
    detection: "Each build records its units in `xpkg-cache/used-….json`; without a record, no file \
                is known to be unused.",
    fix: "Build first: `cargo xpkg build`.",
    page: "caches",
    sources: &[],
    waivable: false,
});

/// A target directory that cargo laid out in another way.
pub const CACHE_LAYOUT: Code = code(&CodeInfo {
    name: "cache-layout",
    title: "cargo's layout of the target directory is unknown",
    cause: "This cargo writes its files in another layout than those that xpkg knows \
            (`-Zbuild-dir-new-layout`), `build.build-dir` of its configuration names another \
            directory for them, or the record was changed.",
    detection: "A file of a dependency in cargo's messages is neither in `deps` nor in \
                `build/NAME-HASH`.",
    fix: "Do without pruning, and report it.",
    page: "caches",
    sources: &["cargo, Build cache"],
    waivable: false,
});
