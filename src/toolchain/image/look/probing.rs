//! What a probe inside needs besides the compiler.

/// What a probe inside needs besides the compiler.
#[derive(Clone)]
pub struct ProbeOptions<'a> {
    pub rustflags: &'a [String],
    /// cargo's `[env]`.
    pub configured: &'a [(String, String)],
    /// What starts the target's programs here.
    pub runner: Option<Vec<String>>,
}
