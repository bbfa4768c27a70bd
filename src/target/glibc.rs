//! Versions of glibc, and the oldest one of each processor.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::problem::Result;

/// Oldest glibc by [`Arch::name`], for processors that glibc supports only since that version, or
/// for which Rust requires it.
pub const FIRST_GLIBC: &[(&str, Glibc)] = &[
    (
        "aarch64",
        Glibc {
            major: 2,
            minor: 17,
            patch: 0,
        },
    ),
    (
        "powerpc64",
        Glibc {
            major: 2,
            minor: 17,
            patch: 0,
        },
    ),
    (
        "riscv64",
        Glibc {
            major: 2,
            minor: 27,
            patch: 0,
        },
    ),
    (
        "loongarch64",
        Glibc {
            major: 2,
            minor: 36,
            patch: 0,
        },
    ),
    // Rust's own standard library requires it.
    (
        "x86_64",
        Glibc {
            major: 2,
            minor: 17,
            patch: 0,
        },
    ),
];

/// A glibc version, `2.17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    /// `2` in `2.17`.
    pub major: u32,
    /// `17` in `2.17`.
    pub minor: u32,
    /// `1` in `2.3.1`; 0 if there is none.
    pub patch: u32,
}

impl Glibc {
    /// Parses two or three numbers separated by dots.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        let patch = match parts.next() {
            Some(part) => part?,
            None => 0,
        };
        parts.next().is_none().then_some(Self {
            major,
            minor,
            patch,
        })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(f, ".{}", self.patch)
        } else {
            Ok(())
        }
    }
}

impl Serialize for Glibc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
