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

impl Rustc {
    /// Returns true if cargo follows unstable options with this toolchain. `bootstrap` is the value
    /// of `RUSTC_BOOTSTRAP`.
    ///
    /// Source: `nightly_features_allowed` of cargo 1.95.
    pub fn is_nightly(&self, bootstrap: Option<&str>) -> bool {
        let unstable = ["-nightly", "-dev"];
        unstable
            .iter()
            .any(|channel| self.release.contains(channel))
            || bootstrap == Some("1")
    }
}
