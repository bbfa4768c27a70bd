//! Values that words give to a property of a name, and which of several holds.

use crate::target::arch::FloatAbi;
use crate::target::glibc::Glibc;
use crate::target::macos::MacOs;
use crate::target::system::{Libc, Os};
use crate::verify::words::meaning::{Meaning, Processor};

/// Value of a property of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    Nothing,
    One(T),
    /// Words of the same certainty contradict each other.
    Several,
}

impl<T> Found<T> {
    pub fn one(self) -> Option<T> {
        match self {
            Self::One(value) => Some(value),
            Self::Nothing | Self::Several => None,
        }
    }
}

/// Returns the value of a property from the most certain words that have one.
pub fn first_of<T: Specific>(
    levels: &[Vec<Meaning>],
    wanted: impl Fn(Meaning) -> Option<T>,
) -> Found<T> {
    for level in levels {
        let mut values = level.iter().filter_map(|meaning| wanted(*meaning));
        let Some(first) = values.next() else {
            continue;
        };
        return values
            .try_fold(first, T::more_specific)
            .map_or(Found::Several, Found::One);
    }
    Found::Nothing
}

/// Values of which one may include another.
pub trait Specific: Copy + PartialEq {
    /// Returns the value that both together mean; `None` if they contradict each other.
    fn more_specific(self, other: Self) -> Option<Self> {
        (self == other).then_some(self)
    }
}

impl Specific for Os {
    fn more_specific(self, other: Self) -> Option<Self> {
        match (self, other) {
            // `aarch64-linux-android`
            (Self::Linux, Self::Android) | (Self::Android, Self::Linux) => Some(Self::Android),
            (Self::Wasi, version) if version.may_be(self) => Some(version),
            (version, Self::Wasi) if version.may_be(other) => Some(version),
            _ => (self == other).then_some(self),
        }
    }
}

impl Specific for Processor {
    fn more_specific(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Universal, _) | (_, Self::Universal) => Some(Self::Universal),
            // `arm` beside `armv7`, `x86` beside `i386`: one family, of which one word says more.
            (Self::One(first), Self::One(second)) if first.name == second.name => {
                let is_general = first.prefix == "arm" || first.prefix == "i686";
                Some(if is_general { other } else { self })
            }
            _ => (self == other).then_some(self),
        }
    }
}

impl Specific for Libc {}

impl Specific for FloatAbi {}

impl Specific for Glibc {
    /// Of `manylinux_2_17` and `manylinux2014` the older one holds.
    fn more_specific(self, other: Self) -> Option<Self> {
        Some(self.min(other))
    }
}

impl Specific for MacOs {
    /// A wheel with several tags is installed on the oldest of them.
    fn more_specific(self, other: Self) -> Option<Self> {
        Some(self.min(other))
    }
}
