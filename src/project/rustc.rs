//! The Rust compiler that the workspace uses.

use camino::Utf8PathBuf;

/// The Rust compiler that the workspace uses, from `rustc -vV` and `rustc --print sysroot`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rustc {
    /// `release:` line: the version.
    pub release: String,
    /// `commit-hash:` line; `None` if it is `unknown`.
    pub commit_hash: Option<String>,
    /// `host:` line: the host's triple.
    pub host: String,
    /// Root of the toolchain.
    pub sysroot: Utf8PathBuf,
    /// rustup's name of the toolchain; `None` if rustup does not manage it.
    pub rustup: Option<String>,
    /// True if the toolchain includes `rust-lld`.
    pub lld: bool,
}
