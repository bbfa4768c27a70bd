//! Kinds of linkers, and the choice of one.

use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};

/// A kind of candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerKind {
    Native,
    Gcc,
    Clang,
    RustLld,
    Zig,
    Image,
    /// What cargo's own configuration or the user's rustflags say.
    Configured,
}

impl LinkerKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Gcc => "gcc",
            Self::Clang => "clang",
            Self::RustLld => "rust-lld",
            Self::Zig => "zig",
            Self::Image => "image",
            Self::Configured => "configured",
        }
    }
}

/// `--linker` and `linker = "…"`. A value that is not here is a usage error, never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerChoice {
    /// Take the first candidate that holds
    Auto,
    /// The host's own `cc`, for the host's own triple
    Native,
    /// A GNU cross compiler made for the target
    Gcc,
    /// clang, where `--target` is all that it needs
    Clang,
    /// zig: C and C++ for musl, and for any glibc floor
    Zig,
    /// Rust's own linker with Rust's own musl
    RustLld,
    /// The pinned cross image of the target
    Image,
}

impl LinkerChoice {
    pub fn kind(self) -> Option<LinkerKind> {
        match self {
            Self::Auto => None,
            Self::Native => Some(LinkerKind::Native),
            Self::Gcc => Some(LinkerKind::Gcc),
            Self::Clang => Some(LinkerKind::Clang),
            Self::Zig => Some(LinkerKind::Zig),
            Self::RustLld => Some(LinkerKind::RustLld),
            Self::Image => Some(LinkerKind::Image),
        }
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LINKER_UNFIT];

pub const LINKER_UNFIT: Code = code(&CodeInfo {
    name: "linker-unfit",
    title: "the linker that was chosen cannot serve the target",
    cause: "A flag, a variable or a configuration chose a linker. Such a choice binds: xpkg \
            takes no other in its place.",
    detection: "The chosen candidate fell; the reason is in the message.",
    fix: "Install what the reason names, or choose another (`--linker auto` lets xpkg choose).",
    source: "README, How a linker is chosen",
    waivable: false,
});
