//! The kinds of linkers, and the user's choice of one.

use serde::{Deserialize, Serialize};

use crate::problem::code::{Code, CodeInfo, code};

/// The kind of a linker candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerKind {
    /// The host's own `cc`.
    Native,
    /// A GNU cross compiler.
    Gcc,
    /// clang with `--target`.
    Clang,
    /// Rust's own linker.
    RustLld,
    /// `zig cc`.
    Zig,
    /// The linker of a cross image.
    Image,
    /// The linker that cargo's own configuration or the user's rustflags name.
    Configured,
}

impl LinkerKind {
    /// Returns the name that `--linker` and reports use.
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

/// A value of `--linker` or `linker = "…"`. Any other value is a usage error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerChoice {
    /// Use the first candidate that works
    Auto,
    /// The host's own `cc`, for the host's own triple
    Native,
    /// A GNU cross compiler made for the target
    Gcc,
    /// clang with `--target`, where it finds the target's C library
    Clang,
    /// zig: C and C++ for musl, and for any glibc floor
    Zig,
    /// Rust's own linker with Rust's own musl
    RustLld,
    /// The pinned cross image of the target
    Image,
}

impl LinkerChoice {
    /// Returns the kind that is chosen; `None` for `auto`.
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

/// The codes that this file declares.
pub const CODES: &[Code] = &[LINKER_UNFIT];

pub const LINKER_UNFIT: Code = code(&CodeInfo {
    name: "linker-unfit",
    title: "the chosen linker cannot build for the target",
    cause: "A flag, a variable or a configuration chose a linker. The choice is binding: xpkg \
            does not fall back to another.",
    detection: "The chosen candidate was rejected; the message gives the reason.",
    fix: "Install what the message names, or choose another (`--linker auto` lets xpkg choose).",
    page: "linkers",
    sources: &[],
    waivable: false,
});
