//! A value that the user has set, and where.

use serde::Serialize;

/// A value that the user has set, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The variable or key.
    pub name: String,
    pub value: String,
    pub place: SettingOrigin,
}

/// Where a user sets something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingOrigin {
    Environment,
    CargoConfiguration,
    Rustflags,
    /// The cross image's own environment.
    Image,
}

impl std::fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::CargoConfiguration => "cargo's configuration",
            Self::Rustflags => "the rustflags in force",
            Self::Image => "the image's environment",
        })
    }
}

/// Why a variable of the user's does not count for a foreign target.
pub fn passed_over(setting: &Setting) -> String {
    format!(
        "`{}={}` is the host's; a target's own name goes into the variable's",
        setting.name, setting.value
    )
}
