//! Rules about the load commands of programs for macOS.

use std::collections::BTreeSet;

use crate::inspect::binary::{Binary, FormatName};
use crate::inspect::macho;
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::arch::{ARCHES, Arch};
use crate::target::macos::MacOs;
use crate::verify::rules::context::RuleScope::Always;
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};

/// Rule `above-macos-floor`.
fn floor(input: &RuleInput) -> Option<Violation> {
    let minos = input.binary.mach_o.as_ref()?.minos.as_ref()?;
    let configured = input.policy.config.macos.as_ref();
    let promised = input
        .expected
        .and_then(|expected| expected.macos)
        .or_else(|| configured.and_then(|text| MacOs::parse(text)))?
        .on(arch_of(input.binary));
    (MacOs::parse(minos)? > promised).then(|| {
        violation(
            format!("needs macOS {minos}"),
            format!("macOS {promised} or older"),
            SET_IT,
        )
    })?
}

const SET_IT: &str = "build it with `MACOSX_DEPLOYMENT_TARGET` set to that version; some linkers have a \
                      newer default";

/// Rule `library-twice`.
fn library_twice(input: &RuleInput) -> Option<Violation> {
    let binary = input.binary;
    if binary.format != FormatName::MachO || !binary.slices.is_empty() {
        return None;
    }
    let mut seen = BTreeSet::new();
    let twice = binary
        .needed
        .iter()
        .find(|library| !seen.insert(*library))?;
    violation(
        format!("needs `{twice}` twice"),
        "each library once",
        LINK_ONCE,
    )
}

const LINK_ONCE: &str = "look for a linker argument that repeats the library, in RUSTFLAGS and build \
                         scripts";

/// Returns the processor of a Mach-O file.
fn arch_of(binary: &Binary) -> Option<&'static Arch> {
    let is_of = |arch: &&Arch| arch.macho != 0 && macho::machine(arch.macho) == binary.machine;
    ARCHES.iter().find(is_of)
}

/// Rules of this family.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: ABOVE_MACOS_FLOOR, check: floor,             at_build: Some(SET_IT),        default: Always, strict: Always, portable: Always },
    Rule { code: LIBRARY_TWICE,     check: library_twice,     at_build: Some(LINK_ONCE),     default: Always, strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[ABOVE_MACOS_FLOOR, LIBRARY_TWICE];

/// Code of a program that needs a newer macOS than was promised.
pub const ABOVE_MACOS_FLOOR: Code = code(&CodeInfo {
    name: "above-macos-floor",
    title: "a program needs a newer macOS than was promised",
    cause: "It was linked for a newer macOS than the tag of its wheel names (`macosx_11_0_arm64`), or than \
            the policy allows, so it does not start on older ones. Without MACOSX_DEPLOYMENT_TARGET \
            some linkers take their own default: zig 0.17 takes 15.0.",
    detection: "`minos` of LC_BUILD_VERSION is compared with the tag, or with `macos` of the policy. On \
                Apple silicon 11.0 is the oldest. A tree of xpkg's records what it was built for.",
    fix: "Build it with `MACOSX_DEPLOYMENT_TARGET` set to the promised version, its libraries too.",
    page: "policies",
    sources: &["PEP 425", "Apple, mach-o/loader.h"],
    waivable: true,
});

/// Code of a program that lists a library twice.
pub const LIBRARY_TWICE: Code = code(&CodeInfo {
    name: "library-twice",
    title: "a program for macOS names a library twice",
    cause: "Two load commands name the same library, and dyld may refuse to start such a program.",
    detection: "The LC_LOAD_DYLIB and similar commands of each Mach-O file.",
    fix: "Remove the second mention from the linker's arguments.",
    page: "macos",
    sources: &["rust-cross/cargo-zigbuild#457"],
    waivable: true,
});
