//! Codes of what the operating system refuses.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_TOOLCHAIN, INTERRUPTED, FILE_ACCESS, PROCESS_FAILED];

pub const NO_TOOLCHAIN: Code = code(&CodeInfo {
    name: "no-toolchain",
    title: "cargo or rustc cannot be started",
    cause: "xpkg asks `cargo` and `rustc` for everything it knows of a workspace, and one of \
            them is not on PATH or does not start.",
    detection: "`cargo metadata` and `rustc -vV` are started in the workspace's directory.",
    fix: "Install Rust with rustup, and see that its `bin` directory is on PATH.",
    source: "README, Quick start",
    waivable: false,
});

pub const INTERRUPTED: Code = code(&CodeInfo {
    name: "interrupted",
    title: "the run was interrupted",
    cause: "Ctrl-C, or a signal that asks to end. Children were ended, temporary files are gone, \
            the previous tree stands.",
    detection: "SIGINT, SIGTERM or SIGHUP; the exit code is 128 and the signal's number (130, \
                143).",
    fix: "Run it again.",
    source: "README, Tasks",
    waivable: false,
});

pub const FILE_ACCESS: Code = code(&CodeInfo {
    name: "file-access",
    title: "a file or directory cannot be read or written",
    cause: "The operating system refused; its words stand in the message.",
    detection: "Every file operation.",
    fix: "Mend permissions or space at the path of the message.",
    source: "README, Codes",
    waivable: false,
});

pub const PROCESS_FAILED: Code = code(&CodeInfo {
    name: "process-failed",
    title: "a program that xpkg asked did not answer",
    cause: "rustc, rustup or another tool could not be started or ended with an error.",
    detection: "Its exit code.",
    fix: "Run the line of the message by hand.",
    source: "README, Codes",
    waivable: false,
});
