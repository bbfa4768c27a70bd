//! Versions of macOS, as the oldest one that a program starts on.

use std::fmt;

use crate::target::arch::Arch;

/// Version of macOS. A third number, which no name of a release has, is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MacOs {
    /// First number: 10 up to Catalina, one more each year since.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

/// First version on Apple silicon.
const FIRST_ON_ARM: MacOs = MacOs {
    major: 11,
    minor: 0,
};

impl MacOs {
    /// Parses `11`, `11.0` or `10.15.7`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next().unwrap_or(Ok(0)).ok()?;
        let is_version =
            numbers.next().is_none_or(|third| third.is_ok()) && numbers.next().is_none();
        is_version.then_some(Self { major, minor })
    }

    /// Returns the oldest version that a program for this processor can be for, if it must start on
    /// this one: a universal file for 10.9 has code for arm64, too.
    #[must_use]
    pub fn on(self, arch: Option<&Arch>) -> Self {
        let is_arm = arch.is_some_and(|arch| arch.prefix == "aarch64");
        if is_arm { self.max(FIRST_ON_ARM) } else { self }
    }
}

impl fmt::Display for MacOs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_two_numbers_that_count() {
        let shown = |text| MacOs::parse(text).map(|version| version.to_string());
        for (text, expected) in [
            ("11.0", Some("11.0")),
            ("11", Some("11.0")),
            ("10.15.7", Some("10.15")),
            ("10.15.7.1", None),
            ("10.x", None),
            ("", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
        assert!(MacOs::parse("10.15") < MacOs::parse("11.0"));
    }

    #[test]
    fn apple_silicon_begins_with_macos_11() {
        let on = |text, prefix| {
            MacOs::parse(text)
                .unwrap()
                .on(Arch::of_prefix(prefix))
                .to_string()
        };
        assert_eq!(on("10.9", "aarch64"), "11.0");
        assert_eq!(on("13.0", "aarch64"), "13.0");
        assert_eq!(on("10.9", "x86_64"), "10.9");
    }
}
