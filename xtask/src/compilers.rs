//! Old compilers for the tests of the compiler gate, and a sysroot for another processor, unpacked beside the system:
//! its own packages are not touched.
//!
//! Debian's bullseye has GCC 9.3.0 (affected by PR 95189) and 10.2.1-6 (its number says affected, its code is fixed),
//! and glibc 2.31.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Go as _, root};

const SUITE: &str = "bullseye";

/// What is unpacked at one place.
struct Set {
    /// Below `target/toolchains`.
    place: &'static str,
    /// Debian's name for the processor.
    arch: &'static str,
    packages: &'static [&'static str],
    finish: fn(&Path) -> Result<(), String>,
}

const SETS: &[Set] = &[
    Set {
        place: "bullseye",
        arch: "amd64",
        packages: &[
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
        finish: borrow,
    },
    Set {
        place: "bullseye-arm64",
        arch: "arm64",
        packages: &[
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
        finish: keep_inside,
    },
];

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

pub fn run() -> Result<(), String> {
    SETS.iter().try_for_each(unpack)
}

fn unpack(set: &Set) -> Result<(), String> {
    let place = root().join("target/toolchains").join(set.place);
    if place.join("complete").exists() {
        return Ok(());
    }
    let work = root().join("target/toolchains/work");
    let _ = std::fs::remove_dir_all(&work);
    for directory in ["lists/partial", "cache/archives/partial", "packages"] {
        std::fs::create_dir_all(work.join(directory)).map_err(|error| format!("{}: {error}", work.display()))?;
    }
    let archive =
        archive().ok_or("no Debian archive is configured here, so old compilers cannot be had; their tests are skipped by name")?;
    let list = work.join("list");
    write(&list, &format!("deb [arch={} signed-by={KEYRING}] {archive} {SUITE} main\n", set.arch))?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        for (option, path) in
            [("Dir::Etc::sourcelist", &list), ("Dir::State::lists", &work.join("lists")), ("Dir::Cache", &work.join("cache"))]
        {
            apt.arg("-o").arg(format!("{option}={}", path.display()));
        }
        apt.args(["-o", "Dir::Etc::sourceparts=-", "-o", "APT::Sandbox::User=root", "--quiet"])
            .args(["-o", &format!("APT::Architectures::={}", set.arch)])
            .args(arguments)
            .current_dir(work.join("packages"));
        apt
    };
    apt(&["update"]).go()?;
    apt(&["download"]).args(set.packages.iter().map(|package| format!("{package}:{}", set.arch))).go()?;
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    for package in std::fs::read_dir(work.join("packages")).map_err(|error| error.to_string())? {
        let package = package.map_err(|error| error.to_string())?.path();
        Command::new("dpkg").arg("--extract").arg(package).arg(&place).go()?;
    }
    (set.finish)(&place)?;
    write(&place.join("complete"), "")?;
    let _ = std::fs::remove_dir_all(&work);
    Ok(())
}

/// Links of a sysroot that begin at the system's root are led back into it.
fn keep_inside(place: &Path) -> Result<(), String> {
    let mut open = vec![place.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?.flatten() {
            let path = entry.path();
            match path.read_link() {
                Ok(to) if to.is_absolute() => {
                    std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
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

/// What a cross compiler looks for beside itself comes from the system's cross packages: assembler, linker, C library.
fn borrow(place: &Path) -> Result<(), String> {
    let beside = place.join("usr/aarch64-linux-gnu");
    std::fs::create_dir_all(beside.join("bin")).map_err(|error| error.to_string())?;
    for tool in ["as", "ld", "ar", "nm", "ranlib"] {
        link(&PathBuf::from(format!("/usr/bin/aarch64-linux-gnu-{tool}")), &beside.join("bin").join(tool))?;
    }
    link(Path::new("/usr/aarch64-linux-gnu/include"), &beside.join("include"))?;
    let libraries = beside.join("lib");
    std::fs::create_dir_all(&libraries).map_err(|error| error.to_string())?;
    for entry in std::fs::read_dir("/usr/aarch64-linux-gnu/lib").map_err(|error| error.to_string())?.flatten() {
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

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The archive that this machine's own packages come from.
fn archive() -> Option<String> {
    let parts = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    let files = [PathBuf::from("/etc/apt/sources.list"), PathBuf::from("/etc/apt/sources.list.d/debian.sources")];
    files.into_iter().chain(parts).filter_map(|file| std::fs::read_to_string(file).ok()).find_map(|text| {
        text.lines().find_map(|line| {
            let word = match line.strip_prefix("URIs:") {
                Some(rest) => rest.split_whitespace().next(),
                None => line.strip_prefix("deb ").and_then(|rest| rest.split_whitespace().find(|word| word.contains("://"))),
            };
            word.filter(|word| word.trim_end_matches('/').ends_with("/debian")).map(str::to_owned)
        })
    })
}
