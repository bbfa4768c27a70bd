//! zig, at one version, beside the system: about 100 MB to fetch, 440 MB on disk.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Go as _, root};

const VERSION: &str = "0.17.0";

/// The directory that holds `zig`, for a PATH.
pub fn directory() -> PathBuf {
    place().join("ziglang")
}

fn place() -> PathBuf {
    root().join("target/toolchains/zig")
}

pub fn run() -> Result<(), String> {
    let complete = place().join(format!("complete-{VERSION}"));
    if complete.exists() {
        return Ok(());
    }
    // Another version, or half of one.
    let _ = std::fs::remove_dir_all(place());
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--root-user-action=ignore",
        "--no-compile",
        "--target",
    ])
    .arg(place());
    pip.arg(format!("ziglang=={VERSION}"))
        .go()
        .map_err(|problem| {
            format!("zig cannot be had here; its tests are skipped by name: {problem}")
        })?;
    std::fs::write(&complete, "").map_err(|error| format!("{}: {error}", complete.display()))
}
