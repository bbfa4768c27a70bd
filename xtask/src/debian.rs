//! Debian packages of another suite or processor, unpacked beside the system: its own packages are
//! not touched.

use std::io::stderr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Go as _, root};

pub const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is unpacked at one place.
pub struct Set {
    /// Below `target`.
    pub place: String,
    pub suite: &'static str,
    /// Debian's name for the processor.
    pub arch: &'static str,
    pub packages: Vec<&'static str>,
}

/// Fetches and unpacks a set, where that has not been done, and hands the place to `finish`.
pub fn unpack(set: &Set, finish: impl Fn(&Path) -> Result<(), String>) -> Result<(), String> {
    let place = root().join("target").join(&set.place);
    let (complete, wanted) = (
        place.join("complete"),
        format!("{} {}\n", set.suite, set.packages.join(" ")),
    );
    if std::fs::read_to_string(&complete).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    let work = place.with_extension("work");
    let packages = download(set, &work)?;
    // Another list, or half of one; it went only now, when there is something to put in its place.
    let _ = std::fs::remove_dir_all(&place);
    extract(&packages, &place)?;
    finish(&place)?;
    write(&complete, &wanted)?;
    let _ = std::fs::remove_dir_all(&work);
    Ok(())
}

/// Unpacks all packages of a directory at one place.
pub fn extract(packages: &Path, place: &Path) -> Result<(), String> {
    std::fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
    for package in std::fs::read_dir(packages).map_err(|error| error.to_string())? {
        let package = package.map_err(|error| error.to_string())?.path();
        Command::new("dpkg")
            .arg("--extract")
            .arg(package)
            .arg(place)
            .go()?;
    }
    Ok(())
}

/// Unpacks packages of a release with all that they depend on, as a system of its own below
/// `target/roots`, where that has not been done.
pub fn system(suite: &str, packages: &[&str]) -> Result<(), String> {
    let place = root().join("target/roots").join(suite);
    let (complete, wanted) = (place.join("complete"), format!("{}\n", packages.join(" ")));
    if std::fs::read_to_string(&complete).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    let work = place.with_extension("work");
    let _ = std::fs::remove_dir_all(&work);
    for directory in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(work.join(directory))
            .map_err(|error| format!("{}: {error}", work.display()))?;
    }
    let archive = archive().ok_or("no Debian archive is configured here")?;
    let list = work.join("list");
    let line = format!("deb [arch=amd64 signed-by={KEYRING}] {archive} {suite} main\n");
    write(&list, &line)?;
    // Nothing is installed there.
    write(&work.join("status"), "")?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        for (option, path) in [
            ("Dir::Etc::sourcelist", &list),
            ("Dir::State::lists", &work.join("lists")),
            ("Dir::Cache", &work.join("cache")),
            ("Dir::State::status", &work.join("status")),
        ] {
            apt.arg("-o").arg(format!("{option}={}", path.display()));
        }
        apt.args([
            "-o",
            "Dir::Etc::sourceparts=-",
            "-o",
            "APT::Sandbox::User=root",
        ])
        .args(["--quiet", "--yes", "--no-install-recommends"])
        .args(arguments)
        .stdout(stderr());
        apt
    };
    apt(&["update"]).go()?;
    apt(&["--download-only", "install"]).args(packages).go()?;
    let _ = std::fs::remove_dir_all(&place);
    let archives = work.join("cache/archives");
    for package in std::fs::read_dir(&archives).map_err(|error| error.to_string())? {
        let package = package.map_err(|error| error.to_string())?.path();
        if package
            .extension()
            .is_some_and(|extension| extension == "deb")
        {
            Command::new("dpkg")
                .arg("--extract")
                .arg(&package)
                .arg(&place)
                .go()?;
        }
    }
    // Releases before trixie have `/lib` beside `/usr/lib`.
    for directory in ["bin", "lib", "lib64", "sbin"] {
        let outer = place.join(directory);
        if outer.is_dir() && !outer.is_symlink() {
            let inner = place.join("usr").join(directory);
            std::fs::create_dir_all(&inner).map_err(|error| error.to_string())?;
            Command::new("cp")
                .arg("--archive")
                .arg("--no-clobber")
                .arg(outer.join("."))
                .arg(&inner)
                .go()?;
        }
    }
    write(&complete, &wanted)?;
    let _ = std::fs::remove_dir_all(&work);
    Ok(())
}

/// Fetches the packages of a set into a new working directory, and returns the one that they are in.
pub fn download(set: &Set, work: &Path) -> Result<PathBuf, String> {
    let _ = std::fs::remove_dir_all(work);
    for directory in ["lists/partial", "cache/archives/partial", "packages"] {
        std::fs::create_dir_all(work.join(directory))
            .map_err(|error| format!("{}: {error}", work.display()))?;
    }
    let archive = archive().ok_or(
        "no Debian archive is configured here, so packages of another \
                                   suite or processor cannot be had",
    )?;
    // A newer version that this machine has installed would be preferred.
    let status = work.join("status");
    write(&status, "")?;
    let list = work.join("list");
    write(
        &list,
        &format!(
            "deb [arch={} signed-by={KEYRING}] {archive} {} main\n",
            set.arch, set.suite
        ),
    )?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        for (option, path) in [
            ("Dir::Etc::sourcelist", &list),
            ("Dir::State::lists", &work.join("lists")),
            ("Dir::Cache", &work.join("cache")),
            ("Dir::State::status", &status),
        ] {
            apt.arg("-o").arg(format!("{option}={}", path.display()));
        }
        apt.args([
            "-o",
            "Dir::Etc::sourceparts=-",
            "-o",
            "APT::Sandbox::User=root",
            "--quiet",
        ])
        .args(["-o", &format!("APT::Architectures::={}", set.arch)])
        .args(arguments)
        .current_dir(work.join("packages"))
        // Talk; what a task says on stdout is data.
        .stdout(stderr());
        apt
    };
    apt(&["update"]).go()?;
    apt(&["download"])
        .args(
            set.packages
                .iter()
                .map(|package| format!("{package}:{}", set.arch)),
        )
        .go()?;
    Ok(work.join("packages"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The archive that this machine's own packages come from.
pub fn archive() -> Option<String> {
    let parts = std::fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let files = [
        PathBuf::from("/etc/apt/sources.list"),
        PathBuf::from("/etc/apt/sources.list.d/debian.sources"),
    ];
    files
        .into_iter()
        .chain(parts)
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .find_map(|text| {
            text.lines().find_map(|line| {
                let word = match line.strip_prefix("URIs:") {
                    Some(rest) => rest.split_whitespace().next(),
                    None => line
                        .strip_prefix("deb ")
                        .and_then(|rest| rest.split_whitespace().find(|word| word.contains("://"))),
                };
                word.filter(|word| word.trim_end_matches('/').ends_with("/debian"))
                    .map(str::to_owned)
            })
        })
}
