//! Systems that zig links for, and what it includes for each.

use crate::target::Target;
use crate::target::system::{Libc, Os};

/// A system that zig links for.
#[derive(Debug)]
pub struct ZigSystem {
    /// Operating system.
    os: Os,
    /// C library.
    libc: Libc,
    /// End of the only target's name that is served, where the system has several.
    only: Option<&'static str>,
    /// Name of the C library that zig includes.
    pub name: &'static str,
    /// Time of its first link for a target.
    pub first_link: &'static str,
    /// True if a sysroot is the system's SDK, which zig adds to what it includes; for the others it
    /// does not support one.
    pub takes_sdk: bool,
}

/// Creates one row of [`ZIG_SYSTEMS`].
const fn system(
    os: Os,
    libc: Libc,
    name: &'static str,
    first_link: &'static str,
    takes_sdk: bool,
) -> ZigSystem {
    ZigSystem {
        os,
        libc,
        only: None,
        name,
        first_link,
        takes_sdk,
    }
}

/// All systems that zig is used for.
#[rustfmt::skip]
pub const ZIG_SYSTEMS: &[ZigSystem] = &[
    //     system       C library     its name         first link                     SDK
    system(Os::Linux,   Libc::Gnu,    "glibc",         "some seconds of compiling",   false),
    system(Os::Linux,   Libc::Musl,   "musl",          "about a minute of compiling", false),
    system(Os::Darwin,  Libc::System, "libSystem",     "some seconds of compiling",   true),
    system(Os::FreeBsd, Libc::System, "FreeBSD's libc", "some seconds of compiling",  false),
    system(Os::NetBsd,  Libc::System, "NetBSD's libc", "some seconds of compiling",   false),
    // GNU's compiler links windows-gnu, whose standard library is built for its run-time library.
    ZigSystem {
        only: Some("pc-windows-gnullvm"),
        ..system(Os::Windows, Libc::System, "mingw-w64's UCRT and libunwind", "two minutes of compiling", false)
    },
];

/// Returns the row of a target's system; `None` if zig does not serve it.
pub fn of(target: &Target) -> Option<&'static ZigSystem> {
    ZIG_SYSTEMS.iter().find(|row| {
        row.os == target.system.os
            && row.libc == target.system.libc
            && row.only.is_none_or(|suffix| suffix == target.system.suffix)
    })
}

/// Returns the reason for a target whose system has no row.
pub fn unserved(target: &Target) -> String {
    let other = ZIG_SYSTEMS
        .iter()
        .find(|row| row.os == target.system.os)
        .and_then(|row| row.only);
    match other {
        Some(only) => format!("is used for {only} only, not for {}", target.system.suffix),
        None => format!("includes no C library for {}", target.system.suffix),
    }
}

/// Returns the name of a target in zig's list of C libraries, from the name by which zig is called:
/// `aarch64-macos-none` from `aarch64-macos.11.0-none`, `x86_64-freebsd-none` from
/// `x86_64-freebsd`.
pub fn listed(called: &str) -> String {
    let mut parts: Vec<&str> = called
        .split('-')
        .map(|part| part.split('.').next().unwrap_or_default())
        .collect();
    if parts.len() == 2 {
        parts.push("none");
    }
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_zigs_list() {
        for (called, expected) in [
            ("aarch64-linux-gnu.2.17", "aarch64-linux-gnu"),
            ("arm-linux-musleabihf", "arm-linux-musleabihf"),
            ("aarch64-macos.11.0-none", "aarch64-macos-none"),
            ("x86_64-freebsd", "x86_64-freebsd-none"),
        ] {
            assert_eq!(listed(called), expected);
        }
    }

    #[test]
    fn only_systems_whose_c_library_zig_includes_have_a_row() {
        let name = |triple: &str| of(&Target::of_triple(triple).unwrap()).map(|row| row.name);
        assert_eq!(name("aarch64-apple-darwin"), Some("libSystem"));
        assert_eq!(name("aarch64-unknown-linux-musl"), Some("musl"));
        assert_eq!(name("aarch64-unknown-linux-ohos"), None);
        assert_eq!(name("x86_64-pc-windows-msvc"), None);
        assert_eq!(name("x86_64-pc-windows-gnu"), None);
        assert_eq!(
            unserved(&Target::of_triple("x86_64-pc-windows-gnu").unwrap()),
            "is used for pc-windows-gnullvm only, not for pc-windows-gnu"
        );
        assert_eq!(
            name("x86_64-pc-windows-gnullvm"),
            Some("mingw-w64's UCRT and libunwind")
        );
    }
}
