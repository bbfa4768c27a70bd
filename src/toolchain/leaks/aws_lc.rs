//! Settings that break the build scripts of versions of aws-lc-sys.
//!
//! Pure.

use std::ops::RangeInclusive;

use crate::problem::code::{Code, CodeInfo, code};
use crate::project::c_package::CPackage;
use crate::project::setting::Setting;
use crate::toolchain::leaks::leak::{Leak, LeakInput, words};
use crate::toolchain::probe::report::Severity;

/// Minor versions of aws-lc-sys 0.x whose jitter entropy source must not be optimized, and whose
/// build uses the last `-O` on the command line.
const JITTER: RangeInclusive<u64> = 32..=38;

/// Finds an optimization level in `CFLAGS` that breaks aws-lc-sys.
pub fn jitter_entropy(case: &LeakInput) -> Option<Leak> {
    let (package, _) = packages(case).find(|(_, minor)| JITTER.contains(minor))?;
    if case
        .facts
        .watched
        .contains_key("AWS_LC_SYS_NO_JITTER_ENTROPY")
    {
        return None;
    }
    let optimizes = |word: &str| {
        word.strip_prefix("-O")
            .is_some_and(|level| level != "0" && level != "g")
    };
    let (setting, flag) = find(c_flags(case), optimizes)?;
    Some(Leak {
        code: JITTER_ENTROPY,
        severity: Severity::Block,
        message: format!(
            "`{flag}` in `{}`, set in {}, breaks {} {}: its jitter entropy source must not be \
             optimized",
            setting.name, setting.place, package.package, package.version
        ),
        help: "`export AWS_LC_SYS_NO_JITTER_ENTROPY=1`, or use a later aws-lc-sys (`cargo update \
               -p aws-lc-sys`)"
            .to_owned(),
    })
}

/// Minor versions of aws-lc-sys 0.x whose build script gives up if its test of the compiler does not
/// link, or does not run. Later ones warn.
const FATAL_TEST: RangeInclusive<u64> = 20..=42;

/// Those that compile and link the test with `CFLAGS`.
const TEST_WITH_C_FLAGS: RangeInclusive<u64> = 20..=41;

/// Those that link it with `LDFLAGS`.
const TEST_WITH_LINK_FLAGS: RangeInclusive<u64> = 34..=42;

/// Those that link it for every target, not only for the machine that builds.
const TEST_FOR_EVERY_TARGET: RangeInclusive<u64> = 20..=37;

/// Flags with which a compiler cannot link the test. Each was tried with gcc 12, for this machine and for
/// another, and with musl-gcc.
const NO_LINK: &[&str] = &["-nostdlib", "-nodefaultlibs", "-nolibc"];

/// Flags with which a compiler makes a file of the test that does not run, or none. Each was tried with
/// gcc 12.
const NO_RUN: &[&str] = &[
    "-nostartfiles",
    "-shared",
    "-r",
    "-c",
    "-S",
    "-E",
    "-fsyntax-only",
];

/// Finds a flag with which the build script's own test of the compiler ends as if the compiler had GCC
/// bug 95189, or does not link.
pub fn self_test(case: &LeakInput) -> Option<Leak> {
    let is_native = case.target.triple() == case.facts.rustc.host;
    packages(case).find_map(|(package, minor)| {
        if !FATAL_TEST.contains(&minor) || !(is_native || TEST_FOR_EVERY_TARGET.contains(&minor)) {
            return None;
        }
        let c_flags = c_flags(case).filter(|_| TEST_WITH_C_FLAGS.contains(&minor));
        let link_flags = case.facts.watched.get("LDFLAGS").into_iter();
        let link_flags = link_flags.filter(|_| TEST_WITH_LINK_FLAGS.contains(&minor));
        // For another machine, it is linked and not run.
        let is_fatal = |word: &str| NO_LINK.contains(&word) || is_native && NO_RUN.contains(&word);
        let (setting, flag) = find(c_flags.chain(link_flags), is_fatal)?;
        Some(Leak {
            code: AWS_LC_TEST,
            severity: Severity::Block,
            message: format!(
                "with `{flag}` in `{}`, set in {}, the test that {} {} makes of the compiler cannot \
                 pass: its build script fails, and may call a sound compiler broken",
                setting.name, setting.place, package.package, package.version
            ),
            help: "remove the flag, or use a later aws-lc-sys (`cargo update -p aws-lc-sys`)"
                .to_owned(),
        })
    })
}

/// Returns each aws-lc-sys 0.x of the graph with its minor version: several can be in one graph.
fn packages<'a>(case: &LeakInput<'a>) -> impl Iterator<Item = (&'a CPackage, u64)> {
    let packages = case.c.packages.iter();
    packages.filter_map(|package| {
        let mut parts = package.version.split('.').map(|part| part.parse().ok());
        let is_known = package.package == "aws-lc-sys" && parts.next()? == Some(0);
        Some((package, parts.next()??)).filter(|_| is_known)
    })
}

/// Returns the settings of flags for C that cc-rs reads for the target.
fn c_flags<'a>(case: &LeakInput<'a>) -> impl Iterator<Item = &'a Setting> {
    let settings = [
        case.facts.watched.get("CFLAGS"),
        case.target_facts.settings.get("CFLAGS"),
    ];
    settings.into_iter().flatten()
}

/// Returns the first flag that satisfies a condition, with its setting.
fn find<'a>(
    mut settings: impl Iterator<Item = &'a Setting>,
    is_sought: impl Fn(&str) -> bool,
) -> Option<(&'a Setting, &'a str)> {
    settings.find_map(|setting| Some((setting, words(setting).find(|word| is_sought(word))?)))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[JITTER_ENTROPY, AWS_LC_TEST];

pub const JITTER_ENTROPY: Code = code(&CodeInfo {
    name: "jitter-entropy",
    title: "flags would optimize what must not be optimized",
    cause: "aws-lc-sys 0.32 to 0.38 compiles its jitter entropy source with `-O0`; a `-O` in \
            `CFLAGS` comes after it, and the source refuses to compile with it.",
    detection: "The version of aws-lc-sys in the graph, and `-O` in `CFLAGS` or \
                `CFLAGS_<target>`.",
    fix: "Set `AWS_LC_SYS_NO_JITTER_ENTROPY=1`, or use a later aws-lc-sys. Or continue with \
          `--accept jitter-entropy`.",
    page: "compiler-bugs",
    sources: &["aws/aws-lc-rs#1097", "aws/aws-lc-rs#1154"],
    waivable: true,
});

pub const AWS_LC_TEST: Code = code(&CodeInfo {
    name: "aws-lc-test",
    title: "flags break the test that aws-lc-sys makes of the compiler",
    cause: "The build script of aws-lc-sys 0.20 to 0.42 compiles, links and runs a program that shows \
            GCC bug 95189. Flags with which no program can be linked or run fail it: with \
            `-nostartfiles` the program crashes, and the script reports a compiler bug that is not \
            there.",
    detection: "The version of aws-lc-sys in the graph, and such a flag in `CFLAGS`, \
                `CFLAGS_<target>` or `LDFLAGS`, by what each version reads. 0.38 and later test for \
                the machine that builds only.",
    fix: "Remove the flag, or use a later aws-lc-sys. Or continue with `--accept aws-lc-test`.",
    page: "compiler-bugs",
    sources: &[
        "aws/aws-lc-rs#1132",
        "aws/aws-lc-rs#1168",
        "aws/aws-lc-rs#1170",
    ],
    waivable: true,
});
