//! cargo's flags that select packages, bins and features.
//!
//! Pure.

/// The user's selection, from the flags of the same names.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Values of `--package`.
    pub packages: Vec<String>,
    /// `--workspace`.
    pub workspace: bool,
    /// Values of `--exclude`.
    pub exclude: Vec<String>,
    /// Values of `--bin`.
    pub bins: Vec<String>,
    /// Values of `--features`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
}

impl Selection {
    /// Returns true if the run builds only some bins, so that the tree's other bins stay.
    pub fn is_partial(&self) -> bool {
        !self.packages.is_empty() || !self.exclude.is_empty() || !self.bins.is_empty()
    }
}
