//! Rule about the oldest macOS that a program starts on.

use crate::inspect::binary::Binary;
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
    let help = "build it with `MACOSX_DEPLOYMENT_TARGET` set to that version; some linkers have a \
                newer default";
    (MacOs::parse(minos)? > promised).then(|| {
        violation(
            format!("needs macOS {minos}"),
            format!("macOS {promised} or older"),
            help,
        )
    })?
}

/// Returns the processor of a Mach-O file.
fn arch_of(binary: &Binary) -> Option<&'static Arch> {
    let is_of = |arch: &&Arch| arch.macho != 0 && macho::machine(arch.macho) == binary.machine;
    ARCHES.iter().find(is_of)
}

/// Rules of this family.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: ABOVE_MACOS_FLOOR, check: floor,             at_build: None,                default: Always, strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[ABOVE_MACOS_FLOOR];

/// Code of a program that needs a newer macOS than was promised.
pub const ABOVE_MACOS_FLOOR: Code = code(&CodeInfo {
    name: "above-macos-floor",
    title: "a program needs a newer macOS than was promised",
    cause: "It was linked for a newer macOS than the tag of its wheel names (`macosx_11_0_arm64`), or than \
            the policy allows, so it does not start on older ones. Without MACOSX_DEPLOYMENT_TARGET \
            some linkers take their own default: zig 0.17 takes 15.0.",
    detection: "`minos` of LC_BUILD_VERSION is compared with the tag, or with `macos` of the policy. On \
                Apple silicon 11.0 is the oldest.",
    fix: "Build it with `MACOSX_DEPLOYMENT_TARGET` set to the promised version, its libraries too.",
    page: "policies",
    sources: &["PEP 425", "Apple, mach-o/loader.h"],
    waivable: false,
});
