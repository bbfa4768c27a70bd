//! Programs of Debian's for seven processors, each field that `inspect` reads off them held against
//! GNU readelf.
//!
//! About 65 MB to fetch a processor; kept below target/corpus. The comparing is a test of
//! `tests/it/inspect/mod.rs`.

use crate::command::{Go as _, cargo, root};
use crate::debian::{self, Set};
use crate::setup;

/// Debian's name for each processor, and the suite: riscv64 came with trixie.
const ARCHES: &[(&str, &str)] = &[
    ("amd64", "bookworm"),
    ("arm64", "bookworm"),
    ("armhf", "bookworm"),
    ("i386", "bookworm"),
    ("ppc64el", "bookworm"),
    ("riscv64", "trixie"),
    ("s390x", "bookworm"),
];

/// In every suite and for every processor here. Beside C, programs in C++ (apt, groff, ninja), Go
/// (fzf, runc), Rust (ripgrep) and Haskell (shellcheck); static ones; klibc and musl; RUNPATH
/// (dovecot, systemd); libraries that can be started (libc6); what is not stripped: object files
/// (musl-dev), debug info without its program (libc6-dbg).
const PACKAGES: &[&str] = &[
    "apt",
    "bash",
    "bash-static",
    "busybox-static",
    "coreutils",
    "dash",
    "diffutils",
    "dovecot-core",
    "e2fsck-static",
    "elfutils",
    "file",
    "findutils",
    "fzf",
    "git",
    "grep",
    "groff-base",
    "gzip",
    "klibc-utils",
    "libc-bin",
    "libc6",
    "libc6-dbg",
    "libgcc-s1",
    "libstdc++6",
    "musl",
    "musl-dev",
    "ninja-build",
    "openssl",
    "perl-base",
    "procps",
    "ripgrep",
    "runc",
    "sash",
    "sed",
    "shellcheck",
    "squashfs-tools",
    "systemd",
    "tar",
    "util-linux",
    "xz-utils",
    "zsh-static",
];

/// What one suite or one processor alone has under this name: Python, gcc's compilers, and
/// hand-written assembler, whose stack is executable and whose code is relocated.
const MORE: &[(&str, &[&str])] = &[
    ("bookworm", &["cpp-12", "python3.11-minimal"]),
    (
        "trixie",
        &["cpp-14-riscv64-linux-gnu", "python3.13-minimal"],
    ),
    ("amd64", &["fasm"]),
    ("i386", &["fasm", "libpostproc56"]),
];

pub fn run(args: &[String]) -> Result<(), String> {
    if let Some(unknown) = args
        .iter()
        .find(|arg| !ARCHES.iter().any(|(arch, _)| arch == arg))
    {
        let known: Vec<&str> = ARCHES.iter().map(|(arch, _)| *arch).collect();
        return Err(format!(
            "corpus takes any of {}, not {unknown}",
            known.join(" ")
        ));
    }
    setup::packages(&[("readelf", "binutils"), ("cc", "gcc"), ("g++", "g++")])?;
    let chosen = ARCHES
        .iter()
        .filter(|(arch, _)| args.is_empty() || args.iter().any(|arg| arg == arch));
    let mut places = Vec::new();
    for (arch, suite) in chosen {
        let more = MORE
            .iter()
            .filter(|(of, _)| of == suite || of == arch)
            .flat_map(|(_, packages)| *packages);
        let packages = PACKAGES.iter().chain(more).copied().collect();
        let place = format!("corpus/{arch}");
        debian::unpack(
            &Set {
                place: place.clone(),
                suite,
                arch,
                packages,
            },
            |_| Ok(()),
        )?;
        places.push(root().join("target").join(place));
    }
    let mut test = cargo(&[
        "test",
        "--features",
        "test-fakes",
        "--test",
        "it",
        "every_field_is_what_readelf_says",
        "--",
        "--nocapture",
    ]);
    test.env(
        "XPKG_CORPUS",
        std::env::join_paths(places).map_err(|error| error.to_string())?,
    )
    .go()
}
