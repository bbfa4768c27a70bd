//! Whether lists of packages are added to programs. Pure.

/// Who asks for the lists of packages in programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Auditable {
    /// The configuration, or nobody.
    #[default]
    IfConfigured,
    /// The command, unless the configuration says `auditable = false`.
    UnlessConfigured,
    /// The flag.
    Always,
}

impl Auditable {
    /// Returns true if the lists are added, with this value of the configuration.
    pub fn resolve(self, configured: Option<bool>) -> bool {
        match self {
            Self::IfConfigured => configured.unwrap_or(false),
            Self::UnlessConfigured => configured.unwrap_or(true),
            Self::Always => true,
        }
    }
}
