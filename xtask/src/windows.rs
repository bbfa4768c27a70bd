//! The unit tests on Windows, as far as wine is one: compiled by mingw-w64, run under wine.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Go as _, alone, cargo, root};
use crate::{setup, wine};

const TARGET: &str = "x86_64-pc-windows-gnu";

pub fn run(args: &[String]) -> Result<(), String> {
    setup::packages(&[("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64")])?;
    setup::targets(&[TARGET])?;
    wine::run()?;
    let _alone = alone();
    let home = root().join("target/wine");
    std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let variables = |command: &mut Command| {
        command
            .env("HOME", &home)
            .env("WINEPREFIX", home.join("prefix"))
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree=;mshtml=;winemenubuilder.exe=");
    };
    // The program that makes the prefix does not find itself in it, and fails.
    if !home.join("prefix/system.reg").exists() {
        let mut first = Command::new(wine::PROGRAM);
        variables(first.args(["cmd", "/c", "exit"]));
        let _ = first.status();
    }
    let program = built()?;
    let mut tests = Command::new(wine::PROGRAM);
    variables(tests.arg(program).args(args).current_dir(root()));
    tests.go()
}

/// Compiles the tests without TLS, and returns their program.
fn built() -> Result<PathBuf, String> {
    let output = cargo(&[
        "test",
        "--lib",
        "--no-run",
        "--locked",
        "--no-default-features",
        "--target",
        TARGET,
        "--message-format",
        "json-render-diagnostics",
    ])
    .env(
        "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
        "x86_64-w64-mingw32-gcc",
    )
    .stderr(std::process::Stdio::inherit())
    .output()
    .map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let program = text.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    });
    program
        .map(PathBuf::from)
        .filter(|_| output.status.success())
        .ok_or_else(|| "the tests do not compile for Windows".to_owned())
}
