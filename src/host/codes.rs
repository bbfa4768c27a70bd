//! Codes of failures of the operating system.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    NO_TOOLCHAIN,
    INTERRUPTED,
    FILE_ACCESS,
    PROCESS_FAILED,
    VARIABLE_NOT_UTF8,
];

/// Code of a `cargo` or `rustc` that cannot be started.
pub const NO_TOOLCHAIN: Code = code(&CodeInfo {
    name: "no-toolchain",
    title: "cargo or rustc cannot be started",
    cause: "xpkg runs `cargo` and `rustc` to read the workspace, and one of them is not on PATH or \
            does not start.",
    detection: "`cargo metadata` and `rustc -vV` are started in the workspace's directory.",
    fix: "Install Rust with rustup, and make sure that its `bin` directory is on PATH.",
    page: "tutorial",
    sources: &[],
    waivable: false,
});

/// Code of a run that a signal ended.
pub const INTERRUPTED: Code = code(&CodeInfo {
    name: "interrupted",
    title: "the run was interrupted",
    cause: "Ctrl-C, or a signal to terminate. Child processes were terminated, temporary files \
            removed; the previous tree is unchanged.",
    detection: "SIGINT, SIGTERM or SIGHUP; the exit code is 128 plus the signal's number (130, \
                143).",
    fix: "Run it again.",
    page: "codes",
    sources: &[],
    waivable: false,
});

/// Code of a failed file operation.
pub const FILE_ACCESS: Code = code(&CodeInfo {
    name: "file-access",
    title: "a file or directory cannot be read or written",
    cause: "The operating system returned an error, which the message quotes.",
    detection: "Every file operation.",
    fix: "Check permissions and free space.",
    page: "codes",
    sources: &[],
    waivable: false,
});

/// Code of a program that cannot be started or that failed.
pub const PROCESS_FAILED: Code = code(&CodeInfo {
    name: "process-failed",
    title: "a program that xpkg runs failed",
    cause: "rustc, rustup or another tool could not be started or exited with an error.",
    detection: "Its exit code.",
    fix: "Run the command in the message by hand.",
    page: "codes",
    sources: &[],
    waivable: false,
});

/// Code of a variable that cannot be read.
pub const VARIABLE_NOT_UTF8: Code = code(&CodeInfo {
    name: "variable-not-utf8",
    title: "the value of a variable is not UTF-8",
    cause: "A variable that xpkg, cargo or compilers read (`CARGO_*`, `RUSTFLAGS`, `CC_*`, `XPKG_*`) has a \
            value that cannot be read as text, so what it asks for would not be followed.",
    detection: "The environment is read at the start.",
    fix: "Set it to a value in UTF-8, or remove it.",
    page: "configuration",
    sources: &[],
    waivable: false,
});
