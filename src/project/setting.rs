//! A value that the user has set, and its origin.

use serde::Serialize;

/// A value that the user has set, and its origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Name of the variable, or key of the configuration.
    pub name: String,
    /// Value as the user set it.
    pub value: String,
    /// Origin of the value.
    pub place: SettingOrigin,
}

/// The origin of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingOrigin {
    /// An environment variable.
    Environment,
    /// cargo's own configuration.
    CargoConfiguration,
    /// The effective rustflags.
    Rustflags,
    /// The environment that the cross image sets.
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

/// Returns the message for an unscoped variable that is ignored for a foreign target.
pub fn ignored_message(setting: &Setting) -> String {
    format!(
        "`{}={}` is for the host; for a target, use the variable with the target in its name",
        setting.name, setting.value
    )
}
