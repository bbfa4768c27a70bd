//! What users do with tools of their own: cargo, cargo-binstall, lintian.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cells::{self, told, write};
use crate::command::Go as _;
use crate::installs::chat::{ARM_GNU, VERSION, X86_GNU, X86_MUSL};
use crate::installs::place::place;
use crate::installs::served::{HOST, certificate};

/// The newest that Rust 1.95 compiles.
const BINSTALL: &str = "1.20.1";

/// Name of the target directory of `cargo install`.
const CARGO_TARGET: &str = "cargo-target";

/// Seconds until a tool counts as one that does not end.
const LIMIT: &str = "1800";

fn binstall_program() -> PathBuf {
    place("binstall").join("bin/cargo-binstall")
}

/// Compiles cargo-binstall, where that has not been done: without optimization and what is not needed
/// here. Its own resolver of names would not read the file of hosts.
pub fn binstall_made() -> Result<String, String> {
    if binstall_program().exists() {
        return Ok(BINSTALL.to_owned());
    }
    let place = place("binstall");
    cells::limited("3600")
        .args(["cargo", "install", "cargo-binstall", "--version", BINSTALL])
        .args("--locked --debug --no-default-features --features static,rustls".split(' '))
        .arg("--root")
        .arg(&place)
        .arg("--target-dir")
        .arg(place.join("target"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .go()?;
    let _ = std::fs::remove_dir_all(place.join("target"));
    Ok(BINSTALL.to_owned())
}

/// A package for a target by cargo-binstall, from the index of the registry: as it finds a release on
/// GitHub, by `repository` and the names alone, or by a template of addresses, as a package may have
/// it. `programs` are compared with the archive's.
pub fn by_binstall(
    release: &Path,
    index: &str,
    template: Option<&str>,
    (package, programs): (&str, &[&str]),
    target: &str,
) -> Result<String, String> {
    let hosts = place("hosts");
    write(&hosts, &format!("127.0.0.1 localhost {HOST}\n"))?;
    let home = fresh("binstall-home")?;
    let mut command = cells::limited(LIMIT);
    command
        .args(["unshare", "--mount", "sh", "-c"])
        .arg("mount --bind \"$0\" /etc/hosts && exec \"$@\"")
        .arg(hosts)
        .arg(binstall_program())
        .args("--no-confirm --disable-telemetry --no-discover-github-token".split(' '))
        .args([
            "--strategies",
            "crate-meta-data",
            "--index",
            index,
            "--targets",
            target,
        ])
        .arg("--root-certificates")
        .arg(certificate())
        .arg("--root")
        .arg(&home)
        .arg(package)
        .env("CARGO_HOME", &home);
    if let Some(template) = template {
        command.args(["--pkg-url", template]);
    }
    cells::without_cargo(&mut command);
    told(&mut command)?;
    let stem = format!("{package}-{VERSION}-{target}");
    for program in programs {
        let archived = Command::new("tar")
            .args(["-xzOf"])
            .arg(release.join(format!("{stem}.tar.gz")))
            .arg(format!("{stem}/{program}"))
            .output()
            .map_err(|error| format!("tar: {error}"))?;
        let installed = home.join("bin").join(program);
        let bytes = std::fs::read(&installed)
            .map_err(|error| format!("{}: {error}", installed.display()))?;
        if archived.stdout.is_empty() || archived.stdout != bytes {
            return Err(format!("{program} is not the one of the archive"));
        }
        // The roots start what loads a C library of another processor.
        if target != ARM_GNU {
            started(&installed, program, ![X86_GNU, X86_MUSL].contains(&target))?;
        }
    }
    Ok(String::new())
}

/// Empties the target directory that `cargo install` shares between the packages: for cargo, a package
/// of a registry never changes, so what an earlier release left would be taken for this one's.
pub fn cargo_ready() -> Result<String, String> {
    fresh(CARGO_TARGET)?;
    told(Command::new("cargo").arg("--version")).map(|version| version.trim().to_owned())
}

/// A package by `cargo install`, from an empty home.
pub fn by_cargo(url: &str, package: &str, programs: &[&str]) -> Result<String, String> {
    let home = fresh("cargo-home")?;
    // How the public registry is reached may be said in the user's home.
    for name in ["config.toml", "config"] {
        if let Some(own) = own_cargo_home() {
            let _ = std::fs::copy(own.join(name), home.join(name));
        }
    }
    let index = format!("sparse+{url}/registry/index/");
    let installed = fresh("cargo-installed")?;
    let mut command = cells::limited(LIMIT);
    command
        .args([
            "cargo", "install", "--locked", "--index", &index, package, "--root",
        ])
        .arg(&installed)
        // What the packages have in common is compiled once.
        .arg("--target-dir")
        .arg(place(CARGO_TARGET))
        .current_dir("/")
        .env("CARGO_HOME", &home);
    cells::without_cargo(&mut command);
    told(&mut command)?;
    for program in programs {
        started(&installed.join("bin").join(program), program, false)?;
    }
    Ok(String::new())
}

fn own_cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

/// A package of Debian by lintian: no errors.
pub fn by_lintian(deb: &Path) -> Result<String, String> {
    let said = told(
        Command::new("lintian")
            .args("--allow-root --fail-on none --display-level error".split(' '))
            .arg(deb),
    )?;
    match said.trim() {
        "" => Ok(String::new()),
        errors => Err(errors.replace('\n', "; ")),
    }
}

fn started(program: &Path, name: &str, is_foreign: bool) -> Result<(), String> {
    let mut command = cells::limited("60");
    if is_foreign {
        command.arg("qemu-aarch64-static");
    }
    let said = told(command.arg(program).arg("--version"))?;
    if said == format!("{name} {VERSION}\n") {
        Ok(())
    } else {
        Err(format!("{name} --version prints {said:?}"))
    }
}

fn fresh(name: &str) -> Result<PathBuf, String> {
    let directory = place(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).map_err(|error| format!("{name}: {error}"))?;
    Ok(directory)
}
