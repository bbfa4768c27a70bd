//! The loader, the C library and the other libraries that a program asks for.

use crate::inspect::binary::FormatName;
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::glibc::Glibc;
use crate::target::system::Libc;
use crate::verify::rules::context::RuleScope::{Always, Made};
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};
use crate::verify::rules::policy::PolicyName;

/// The loader of each platform: its file in PT_INTERP.
#[rustfmt::skip]
const LOADERS: &[(&str, &str, &str)] = &[
    // arch       glibc                                   musl
    ("x86_64",      "/lib64/ld-linux-x86-64.so.2",        "/lib/ld-musl-x86_64.so.1"),
    ("aarch64",     "/lib/ld-linux-aarch64.so.1",         "/lib/ld-musl-aarch64.so.1"),
    ("armv7",       "/lib/ld-linux-armhf.so.3",           "/lib/ld-musl-armhf.so.1"),
    ("thumbv7neon", "/lib/ld-linux-armhf.so.3",           "/lib/ld-musl-armhf.so.1"),
    ("i686",        "/lib/ld-linux.so.2",                 "/lib/ld-musl-i386.so.1"),
    ("i586",        "/lib/ld-linux.so.2",                 "/lib/ld-musl-i386.so.1"),
    ("riscv64gc",   "/lib/ld-linux-riscv64-lp64d.so.1",   "/lib/ld-musl-riscv64.so.1"),
    ("powerpc64le", "/lib64/ld64.so.2",                   "/lib/ld-musl-powerpc64le.so.1"),
    ("s390x",       "/lib/ld64.so.1",                     "/lib/ld-musl-s390x.so.1"),
    ("loongarch64", "/lib64/ld-linux-loongarch-lp64d.so.1", "/lib/ld-musl-loongarch64.so.1"),
];

fn interpreter(case: &RuleInput) -> Option<Violation> {
    let asked = case.binary.interpreter.as_ref()?;
    let expected = case.expected?;
    let (_, glibc, musl) = LOADERS
        .iter()
        .find(|(prefix, ..)| *prefix == expected.arch.prefix)?;
    let allowed: Vec<&str> = match expected.libc {
        Some(Libc::Gnu) => vec![glibc],
        Some(Libc::Musl) => vec![musl],
        _ => vec![glibc, musl],
    };
    let help = "link it with the target's own toolchain, not with one of Nix's or another libc's";
    (!allowed.contains(&asked.as_str()))
        .then(|| violation(format!("`{asked}`"), allowed.join(" or "), help))?
}

/// The floor of `portable-linux`: the oldest that Rust's own standard library starts on.
const PORTABLE_FLOOR: Glibc = Glibc {
    major: 2,
    minor: 17,
    patch: 0,
};

fn floor(case: &RuleInput) -> Option<Violation> {
    let found = case.binary.glibc_floor.as_ref()?;
    let configured = case
        .policy
        .config
        .glibc
        .as_ref()
        .and_then(|text| Glibc::parse(text));
    let portable = (case.policy.name == PolicyName::PortableLinux).then_some(PORTABLE_FLOOR);
    let asked = case
        .expected
        .and_then(|expected| expected.floor)
        .or(configured)
        .or(portable)?;
    let needs = Glibc::parse(&found.version)?;
    let symbol = found
        .symbol
        .as_ref()
        .map(|symbol| format!(" (for `{symbol}`)"))
        .unwrap_or_default();
    let help = "link it for that glibc: `cargo xpkg build --target TRIPLE.GLIBC`";
    (needs > asked).then(|| {
        violation(
            format!("needs glibc {needs}{symbol}"),
            format!("glibc {asked} or older"),
            help,
        )
    })?
}

fn private_glibc(case: &RuleInput) -> Option<Violation> {
    let help = "find the static library that brings them in";
    case.binary.glibc_private.then(|| {
        violation(
            "`GLIBC_PRIVATE` symbols",
            "none: they hold for one build of glibc",
            help,
        )
    })?
}

/// Libraries that come with every glibc, and the one that comes with every gcc.
const SYSTEM: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libgcc_s.so.1",
];

fn libraries(case: &RuleInput) -> Option<Violation> {
    if case.binary.format != FormatName::Elf {
        return None;
    }
    let allowed = |library: &&String| {
        SYSTEM.contains(&library.as_str())
            || library.starts_with("ld-linux")
            || library.starts_with("ld64.so")
            || library.as_str() == "libc.so"
            || case.policy.config.libraries.contains(library)
    };
    let others: Vec<String> = case
        .binary
        .needed
        .iter()
        .filter(|library| !allowed(library))
        .map(|library| format!("`{library}`"))
        .collect();
    let help = "link it statically (a `vendored` or `bundled` feature), or allow it: `policy = { \
                libraries = [\"…\"] }`";
    (!others.is_empty()).then(|| {
        violation(
            format!("needs {}", others.join(", ")),
            "only libraries that every system has",
            help,
        )
    })?
}

const OLDER_GLIBC: &str = "link against an older glibc, or raise the floor";
const FIND_LIBRARY: &str = "find the static library that brings them in";

/// Rules of this family, in the order in which they are checked.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: INTERPRETER_UNFIT, check: interpreter,       at_build: None,                default: Always, strict: Always, portable: Always },
    Rule { code: ABOVE_FLOOR,       check: floor,             at_build: Some(OLDER_GLIBC),   default: Always, strict: Always, portable: Always },
    Rule { code: PRIVATE_GLIBC,     check: private_glibc,     at_build: Some(FIND_LIBRARY),  default: Always, strict: Always, portable: Always },
    Rule { code: LIBRARY_UNFIT,     check: libraries,         at_build: None,                default: Made,   strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[ABOVE_FLOOR, PRIVATE_GLIBC, INTERPRETER_UNFIT, LIBRARY_UNFIT];

pub const ABOVE_FLOOR: Code = code(&CodeInfo {
    name: "above-glibc-floor",
    title: "the bin needs a newer glibc than was asked for",
    cause: "A symbol that the file imports first appeared in a later glibc than the floor.",
    detection: "The highest `GLIBC_x.y` in `.gnu.version_r` that is not weak.",
    fix: "Link against an older glibc, or raise the floor.",
    source: "LSB core specification, Symbol Versioning",
    waivable: true,
});

pub const PRIVATE_GLIBC: Code = code(&CodeInfo {
    name: "private-glibc",
    title: "the bin uses glibc's private symbols",
    cause: "The file imports from `GLIBC_PRIVATE`, which holds for exactly one build of glibc.",
    detection: "`.gnu.version_r` names it.",
    fix: "Find the library that does so; it was linked statically from glibc's own parts.",
    source: "LSB core specification, Symbol Versioning",
    waivable: true,
});

pub const INTERPRETER_UNFIT: Code = code(&CodeInfo {
    name: "interpreter-unfit",
    title: "a program asks for another loader than its target has",
    cause: "PT_INTERP names a file that is not there on the systems it is for (a path of Nix, of \
            another libc).",
    detection: "PT_INTERP is held against the table of the target.",
    fix: "Link it with the target's own toolchain.",
    source: "facts of the psABIs; glibc, sysdeps",
    waivable: false,
});

pub const LIBRARY_UNFIT: Code = code(&CodeInfo {
    name: "library-unfit",
    title: "a program needs a library that its target may not have",
    cause: "DT_NEEDED names a library that is not among those which every system of the kind has.",
    detection: "DT_NEEDED is held against the policy's list.",
    fix: "Link it statically (a `vendored` feature), or allow it in the policy.",
    source: "auditwheel, manylinux policies",
    waivable: false,
});
