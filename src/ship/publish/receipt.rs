//! The document of `publish` and `yank`: what became of each object. Pure.

use serde::Serialize;

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It was written.
    Put,
    /// It was there with the same bytes.
    There,
    /// It was there, and was exchanged.
    Swapped,
    /// It would be written.
    WouldPut,
    /// It would be exchanged.
    WouldSwap,
}

impl Fate {
    /// Returns the word of tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::There => "already there",
            Self::Swapped => "swapped",
            Self::WouldPut => "would be put",
            Self::WouldSwap => "would be swapped",
        }
    }
}

/// Object of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Key, relative to the store's address.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
    /// What became of it.
    pub fate: Fate,
}

/// Result of the probe of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// True if conditions are kept.
    pub conditional: bool,
    /// True if keys can be listed.
    pub lists: bool,
    /// True if 403 is the answer for what is not there.
    pub hides_missing: bool,
    /// Seconds that the store's clock is ahead of this machine's.
    pub clock_skew: Option<i64>,
    /// Status of an absent key of the registry's index for readers without credentials; `None` if it
    /// was not asked, or did not answer.
    pub absent_status: Option<u16>,
}

/// Receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Address of the store.
    pub to: String,
    /// Address of its server; `None` for a directory.
    pub endpoint: Option<String>,
    /// Channel.
    pub channel: String,
    /// Version; `None` for a check of the store alone.
    pub version: Option<String>,
    /// True if nothing was written.
    pub dry_run: bool,
    /// Findings that were accepted.
    pub accepted: Vec<String>,
    /// What the store can do; `None` if it was not probed.
    pub probe: Option<Probed>,
    /// Latest version before; `None` if there was none.
    pub latest_before: Option<String>,
    /// Latest version after.
    pub latest: Option<String>,
    /// Objects, in the order of their writing.
    pub objects: Vec<Line>,
    /// Command that was run after; `None` if none is configured.
    pub hook: Option<Vec<String>>,
}

impl Receipt {
    /// Returns the number of objects with a fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.objects.iter().filter(|line| line.fate == fate).count()
    }
}
