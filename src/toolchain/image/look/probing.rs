//! Options of the probes in an image.

/// Options of the probes in an image, besides the compiler.
#[derive(Clone)]
pub struct ProbeOptions<'a> {
    /// Flags of rustc.
    pub rustflags: &'a [String],
    /// Variables of cargo's `[env]`.
    pub configured: &'a [(String, String)],
    /// Command prefix that runs the target's binaries on this machine; `None` if they cannot run.
    pub runner: Option<Vec<String>>,
}
