//! A bug of compilers and how it is found.

use crate::toolchain::probe::report::Verdict;

/// A bug of compilers and how it is found.
pub struct Probe {
    /// As it stands in reports: `gcc-95189`.
    pub id: &'static str,
    pub title: &'static str,
    /// What is compiled, to an object only: no header, no library, no linker.
    pub source: &'static str,
    /// Flags of the first question, "is the compiler affected?".
    pub clean_flags: &'static [&'static str],
    /// Flags that come last in both questions.
    pub last_flags: &'static [&'static str],
    /// Reads the verdict off the object.
    pub read: fn(&[u8]) -> Verdict,
    /// A program that seconds the verdict where it can be linked and started: exit code 0 is right,
    /// [`EXIT_AFFECTED`] wrong.
    pub run_source: &'static str,
    /// Breaks the tie where the object tells nothing.
    pub by_version: fn([u32; 3]) -> bool,
    /// Packages whose C must not be compiled wrong: the probe blocks where one is in the graph, and
    /// warns elsewhere.
    pub secrets: &'static [&'static str],
    /// A flag that switches the bug off, for the user to set.
    pub way_out_flag: &'static str,
    pub symptom: &'static str,
    pub cause: &'static str,
    pub versions: &'static str,
    pub proof: &'static str,
    pub sources: &'static str,
}

/// Exit code of a run-time probe that met the bug.
pub const EXIT_AFFECTED: i32 = 10;
