//! Whether an addition to builds is made: lists of packages in programs, the same bytes on every
//! machine. Pure.

/// Who asks for the addition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asked {
    /// The configuration, or nobody.
    #[default]
    IfConfigured,
    /// The command, unless the configuration says `false`.
    UnlessConfigured,
    /// The flag.
    Always,
}

impl Asked {
    /// Returns what a flag says.
    pub fn by_flag(is_set: bool) -> Self {
        if is_set {
            Self::Always
        } else {
            Self::IfConfigured
        }
    }

    /// Returns what a command says that makes the addition by default.
    #[must_use]
    pub fn by_default(self) -> Self {
        match self {
            Self::IfConfigured => Self::UnlessConfigured,
            asked => asked,
        }
    }

    /// Returns true if the addition is made, with this value of the configuration.
    pub fn resolve(self, configured: Option<bool>) -> bool {
        match self {
            Self::IfConfigured => configured.unwrap_or(false),
            Self::UnlessConfigured => configured.unwrap_or(true),
            Self::Always => true,
        }
    }
}
