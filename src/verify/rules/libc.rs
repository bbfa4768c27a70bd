//! Rules about the loader, the C library and the other libraries that a program needs.

use crate::inspect::binary::FormatName;
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::arch;
use crate::target::arch::FloatAbi::{self, Hard, Soft, Unspecified};
use crate::target::glibc::Glibc;
use crate::target::system::{Libc, Os};
use crate::verify::rules::context::RuleScope::{Always, Built};
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};
use crate::verify::rules::libraries;
use crate::verify::rules::policy::PolicyName;

/// Paths of each platform's loaders, as in PT_INTERP: processors, float ABI, glibc's, musl's; empty
/// if there is none. Source: the psABIs; glibc, sysdeps; musl, arch.
#[rustfmt::skip]
const LOADERS: &[(&[&str], FloatAbi, &str, &str)] = &[
    (&["x86_64"],                   Unspecified, "/lib64/ld-linux-x86-64.so.2",           "/lib/ld-musl-x86_64.so.1"),
    (&[arch::X32],                  Unspecified, "/libx32/ld-linux-x32.so.2",            ""),
    (&["aarch64"],                  Unspecified, "/lib/ld-linux-aarch64.so.1",            "/lib/ld-musl-aarch64.so.1"),
    (ARM,                           Hard,        "/lib/ld-linux-armhf.so.3",              "/lib/ld-musl-armhf.so.1"),
    (ARM,                           Soft,        "/lib/ld-linux.so.3",                    "/lib/ld-musl-arm.so.1"),
    (&["i686", "i586"],             Unspecified, "/lib/ld-linux.so.2",                    "/lib/ld-musl-i386.so.1"),
    (&["riscv64gc", "riscv64a23"],  Unspecified, "/lib/ld-linux-riscv64-lp64d.so.1",      "/lib/ld-musl-riscv64.so.1"),
    (&["powerpc"],                  Unspecified, "/lib/ld.so.1",                          "/lib/ld-musl-powerpc.so.1"),
    (&["powerpc64"],                Unspecified, "/lib64/ld64.so.1",                      "/lib/ld-musl-powerpc64.so.1"),
    (&["powerpc64le"],              Unspecified, "/lib64/ld64.so.2",                      "/lib/ld-musl-powerpc64le.so.1"),
    (&["s390x"],                    Unspecified, "/lib/ld64.so.1",                        "/lib/ld-musl-s390x.so.1"),
    (&["sparc64"],                  Unspecified, "/lib64/ld-linux.so.2",                  ""),
    (&["loongarch64"],              Unspecified, "/lib64/ld-linux-loongarch-lp64d.so.1",  "/lib/ld-musl-loongarch64.so.1"),
];

/// Loaders of systems other than Linux. Source: FreeBSD, sys/kern/imgact_elf.c; NetBSD,
/// sys/kern/exec_elf.c and distrib; DragonFly, sys/kern/imgact_elf.c; OpenBSD, sys/kern/exec_elf.c;
/// bionic, linker.
#[rustfmt::skip]
const OTHER_LOADERS: &[(Os, &[&str])] = &[
    (Os::FreeBsd,   &["/libexec/ld-elf.so.1", "/usr/libexec/ld-elf.so.1"]),
    (Os::NetBsd,    &["/libexec/ld.elf_so", "/usr/libexec/ld.elf_so"]),
    (Os::OpenBsd,   &["/usr/libexec/ld.so"]),
    (Os::Dragonfly, &["/libexec/ld-elf.so.2", "/usr/libexec/ld-elf.so.2"]),
    (Os::Android,   &["/system/bin/linker64", "/system/bin/linker"]),
];

/// Start of the path of klibc's loader, whose name has a digest of its symbols. Source: klibc,
/// usr/klibc/Kbuild.
const KLIBC: &str = "/lib/klibc-";

const ARM: &[&str] = &["armv7", "thumbv7neon", "arm", "armv5te"];

/// Rule `interpreter-unfit`.
fn interpreter(input: &RuleInput) -> Option<Violation> {
    let interpreter = input.binary.interpreter.as_ref()?;
    let expected = input.expected?;
    let help = "link it with the target's own toolchain, not with Nix's or one for another libc";
    if expected.os != Os::Linux {
        let mut rows = OTHER_LOADERS.iter();
        let (_, loaders) = rows.find(|(os, _)| *os == expected.os)?;
        return (!loaders.contains(&interpreter.as_str()))
            .then(|| violation(format!("`{interpreter}`"), loaders.join(" or "), help))?;
    }
    let arch = expected.arch?;
    let is_of = |float: FloatAbi| {
        float == Unspecified || expected.float == Unspecified || float == expected.float
    };
    let rows = LOADERS
        .iter()
        .filter(|(prefixes, float, ..)| prefixes.contains(&arch.prefix) && is_of(*float));
    let allowed: Vec<&str> = rows
        .flat_map(|(_, _, glibc, musl)| match expected.libc {
            Some(Libc::Gnu) => vec![*glibc],
            Some(Libc::Musl) => vec![*musl],
            _ => vec![*glibc, *musl],
        })
        .filter(|loader| !loader.is_empty())
        .collect();
    let is_klibc = expected.libc.is_none() && interpreter.starts_with(KLIBC);
    (!allowed.is_empty() && !is_klibc && !allowed.contains(&interpreter.as_str()))
        .then(|| violation(format!("`{interpreter}`"), allowed.join(" or "), help))?
}

/// Floor of `portable-linux`: the oldest glibc that Rust's standard library supports.
const PORTABLE_FLOOR: Glibc = Glibc {
    major: 2,
    minor: 17,
    patch: 0,
};

/// Rule `above-glibc-floor`.
fn floor(input: &RuleInput) -> Option<Violation> {
    let found = input.binary.glibc_floor.as_ref()?;
    let configured = input
        .policy
        .config
        .glibc
        .as_ref()
        .and_then(|text| Glibc::parse(text));
    let portable = (input.policy.name == PolicyName::PortableLinux).then_some(PORTABLE_FLOOR);
    let floor = input
        .expected
        .and_then(|expected| expected.floor)
        .or(configured)
        .or(portable)?;
    let required = Glibc::parse(&found.version)?;
    let symbol = found
        .symbol
        .as_ref()
        .map(|symbol| format!(" (for `{symbol}`)"))
        .unwrap_or_default();
    let help = "link it for that glibc: `cargo xpkg build --target TRIPLE.GLIBC`";
    (required > floor).then(|| {
        violation(
            format!("needs glibc {required}{symbol}"),
            format!("glibc {floor} or older"),
            help,
        )
    })?
}

/// Rule `private-glibc`.
fn private_glibc(input: &RuleInput) -> Option<Violation> {
    let help = "find the static library that imports them";
    input.binary.glibc_private.then(|| {
        violation(
            "`GLIBC_PRIVATE` symbols",
            "none: they are specific to one build of glibc",
            help,
        )
    })?
}

/// Libraries that every system with glibc has: those of glibc, and libgcc_s.
const SYSTEM: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libanl.so.1",
    "libmvec.so.1",
    "libresolv.so.2",
    "libgcc_s.so.1",
];

/// Libraries of the base systems of BSDs that programs in Rust and C link. Source: FreeBSD 14,
/// lib/; NetBSD 10, distrib/sets/lists/base/shl.mi; std of Rust, its `#[link]`s.
#[rustfmt::skip]
const BASE_SYSTEMS: &[(Os, &[&str])] = &[
    (Os::FreeBsd, &["libc.so.7", "libm.so.5", "libthr.so.3", "libexecinfo.so.1", "libgcc_s.so.1", "libutil.so.9", "librt.so.1", "libdl.so.1",
        "libkvm.so.7", "libmemstat.so.3", "libprocstat.so.1", "libdevstat.so.7", "libc++.so.1", "libcxxrt.so.1", "libelf.so.2"]),
    (Os::NetBsd,  &["libc.so.12", "libm.so.0", "libpthread.so.1", "libexecinfo.so.0", "libgcc_s.so.1", "libutil.so.7", "librt.so.1",
        "libkvm.so.6", "libelf.so.2"]),
];

/// Rule `library-unfit`.
fn unfit_libraries(input: &RuleInput) -> Option<Violation> {
    if input.binary.format != FormatName::Elf {
        return libraries::check(input.binary, &input.policy.config.libraries);
    }
    let os = input.expected.map(|expected| expected.os);
    let base = BASE_SYSTEMS.iter().find(|(row, _)| Some(*row) == os);
    let allowed = |library: &&String| {
        base.is_some_and(|(_, base)| base.contains(&library.as_str()))
            || SYSTEM.contains(&library.as_str())
            || library.starts_with("ld-linux")
            || library.starts_with("ld64.so")
            || library.as_str() == "ld.so.1"
            || library.as_str() == "libc.so"
            || input.policy.config.libraries.contains(library)
    };
    let others: Vec<String> = input
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
const FIND_LIBRARY: &str = "find the static library that imports them";

/// Rules of this family, in the order in which they are checked.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: INTERPRETER_UNFIT, check: interpreter,       at_build: None,                default: Always, strict: Always, portable: Always },
    Rule { code: ABOVE_FLOOR,       check: floor,             at_build: Some(OLDER_GLIBC),   default: Always, strict: Always, portable: Always },
    Rule { code: PRIVATE_GLIBC,     check: private_glibc,     at_build: Some(FIND_LIBRARY),  default: Always, strict: Always, portable: Always },
    Rule { code: LIBRARY_UNFIT,     check: unfit_libraries,   at_build: None,                default: Built,  strict: Always, portable: Always },
];

/// Codes that this file declares.
pub const CODES: &[Code] = &[ABOVE_FLOOR, PRIVATE_GLIBC, INTERPRETER_UNFIT, LIBRARY_UNFIT];

/// Code of a program that needs a newer glibc than the floor.
pub const ABOVE_FLOOR: Code = code(&CodeInfo {
    name: "above-glibc-floor",
    title: "the bin needs a newer glibc than the floor",
    cause: "The file imports a symbol that was added in a later glibc than the floor.",
    detection: "The highest `GLIBC_x.y` in `.gnu.version_r` that is not weak.",
    fix: "Link against an older glibc, or raise the floor.",
    page: "glibc",
    sources: &["LSB core specification, Symbol Versioning"],
    waivable: true,
});

/// Code of a program that imports private symbols of glibc.
pub const PRIVATE_GLIBC: Code = code(&CodeInfo {
    name: "private-glibc",
    title: "the bin uses glibc's private symbols",
    cause: "The file imports from `GLIBC_PRIVATE`, which is specific to one build of glibc.",
    detection: "`.gnu.version_r` names it.",
    fix: "Find the static library that imports them; it was built from parts of glibc.",
    page: "glibc",
    sources: &["LSB core specification, Symbol Versioning"],
    waivable: true,
});

/// Code of a program whose loader is not the target's.
pub const INTERPRETER_UNFIT: Code = code(&CodeInfo {
    name: "interpreter-unfit",
    title: "a program needs a loader that its target does not have",
    cause: "PT_INTERP names a file that does not exist on the target's systems (a path of Nix, or \
            of another libc).",
    detection: "PT_INTERP is compared with the loader of the target.",
    fix: "Link it with the target's own toolchain.",
    page: "verify",
    sources: &["System V psABIs", "glibc, sysdeps"],
    waivable: false,
});

/// Code of a program that needs a library beyond those of every system.
pub const LIBRARY_UNFIT: Code = code(&CodeInfo {
    name: "library-unfit",
    title: "a program needs a library that its target may not have",
    cause: "The file names a library that not every system of the target has: the redistributable \
            of Visual C++ on Windows, one of Homebrew on macOS.",
    detection: "DT_NEEDED is compared with the policy's list, imports and delay imports of PE files \
                with Windows' own DLLs; dylibs must be below `/usr/lib` or `/System`.",
    fix: "Link it statically (a `vendored` feature), or allow it in the policy.",
    page: "verify",
    sources: &["auditwheel, manylinux policies"],
    waivable: false,
});
