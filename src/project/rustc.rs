//! The compiler that the workspace uses.

use camino::Utf8PathBuf;

/// The compiler that the workspace uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rustc {
    pub release: String,
    pub commit_hash: Option<String>,
    pub host: String,
    pub sysroot: Utf8PathBuf,
    /// rustup's name of the toolchain, where rustup manages it.
    pub rustup: Option<String>,
    /// `rust-lld` came with it.
    pub lld: bool,
}
