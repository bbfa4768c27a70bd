//! Old compilers for the tests of the compiler gate, an old protoc, and a sysroot for another processor.
//!
//! Debian's bullseye has GCC 9.3.0 (affected by PR 95189) and 10.2.1-6 (its number says affected,
//! its code is fixed), glibc 2.31 and protoc 3.12.

use std::path::{Path, PathBuf};

use crate::debian::{self, Set};

const SUITE: &str = "bullseye";

/// One place below `target/toolchains`: Debian's name for the processor, what is unpacked, what is
/// done to it then.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    fn(&Path) -> Result<(), String>,
);

const SETS: &[Row] = &[
    (
        "bullseye",
        "amd64",
        &[
            "gcc-9",
            "cpp-9",
            "libgcc-9-dev",
            "gcc-9-aarch64-linux-gnu",
            "cpp-9-aarch64-linux-gnu",
            "libgcc-9-dev-arm64-cross",
            "gcc-10",
            "cpp-10",
            "libgcc-10-dev",
        ],
        borrow,
    ),
    (
        "bullseye-arm64",
        "arm64",
        &[
            "libc6",
            "libc6-dev",
            "linux-libc-dev",
            "libcrypt1",
            "libcrypt-dev",
            "libgcc-s1",
            "libgcc-10-dev",
            "libstdc++6",
            "libstdc++-10-dev",
        ],
        keep_inside,
    ),
    (
        "bullseye-protoc",
        "amd64",
        &["protobuf-compiler", "libprotoc23", "libprotobuf23"],
        |_| Ok(()),
    ),
];

pub fn run() -> Result<(), String> {
    SETS.iter().try_for_each(|(place, arch, packages, finish)| {
        let set = Set {
            place: format!("toolchains/{place}"),
            suite: SUITE,
            arch,
            packages: packages.to_vec(),
        };
        debian::unpack(&set, finish).map_err(|problem| {
            format!("old compilers cannot be had; their tests are skipped by name: {problem}")
        })
    })
}

/// Links of a sysroot that begin at the system's root are led back into it.
fn keep_inside(place: &Path) -> Result<(), String> {
    let mut open = vec![place.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?
            .flatten()
        {
            let path = entry.path();
            match path.read_link() {
                Ok(to) if to.is_absolute() => {
                    std::fs::remove_file(&path)
                        .map_err(|error| format!("{}: {error}", path.display()))?;
                    link(&place.join(to.strip_prefix("/").unwrap_or(&to)), &path)?;
                }
                Ok(_) => {}
                Err(_) if path.is_dir() => open.push(path),
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// What a cross compiler looks for beside itself comes from the system's cross packages: assembler,
/// linker, C library.
fn borrow(place: &Path) -> Result<(), String> {
    let beside = place.join("usr/aarch64-linux-gnu");
    std::fs::create_dir_all(beside.join("bin")).map_err(|error| error.to_string())?;
    for tool in ["as", "ld", "ar", "nm", "ranlib"] {
        link(
            &PathBuf::from(format!("/usr/bin/aarch64-linux-gnu-{tool}")),
            &beside.join("bin").join(tool),
        )?;
    }
    link(
        Path::new("/usr/aarch64-linux-gnu/include"),
        &beside.join("include"),
    )?;
    let libraries = beside.join("lib");
    std::fs::create_dir_all(&libraries).map_err(|error| error.to_string())?;
    for entry in std::fs::read_dir("/usr/aarch64-linux-gnu/lib")
        .map_err(|error| error.to_string())?
        .flatten()
    {
        link(&entry.path(), &libraries.join(entry.file_name()))?;
    }
    Ok(())
}

fn link(to: &Path, link: &Path) -> Result<(), String> {
    if link.symlink_metadata().is_ok() {
        return Ok(());
    }
    std::os::unix::fs::symlink(to, link).map_err(|error| format!("{}: {error}", link.display()))
}
