//! The definition of a probe: one bug of compilers, and how it is found.

use crate::problem::code::Code;
use crate::toolchain::probe::report::Verdict;

/// One bug of compilers and how it is found.
pub struct Probe {
    /// The code of its findings; its name keys the answers in reports.
    pub code: Code,
    /// The bug as it is called in messages: `GCC bug 95189`.
    pub title: &'static str,
    pub question: Question,
    /// Breaks the tie where the object is inconclusive: returns true for affected GCC versions.
    pub by_version: fn([u32; 3]) -> bool,
    /// Packages whose C must not be miscompiled: the probe blocks where one is in the graph, and
    /// warns elsewhere.
    pub security_sensitive: &'static [&'static str],
    /// A flag that switches the bug off, for the user to set.
    pub workaround_flag: &'static str,
    /// Rows of the table in the manual: symptom, cause, affected versions, proof, sources.
    pub symptom: &'static str,
    pub cause: &'static str,
    pub versions: &'static str,
    pub proof: &'static str,
    pub sources: &'static str,
}

/// The question a probe puts to a compiler: a translation unit, compiled to an object without
/// headers, libraries or a linker, from which the verdict is read.
pub struct Question {
    /// C source of the object.
    pub source: &'static str,
    /// Flags of the baseline, "is the compiler affected?".
    pub baseline_flags: &'static [&'static str],
    /// Flags that come last, in the baseline and with the flags of the build.
    pub last_flags: &'static [&'static str],
    /// Reads the verdict off the bytes of the object.
    pub read: fn(&[u8]) -> Verdict,
    /// C source of a program that confirms the verdict where it can be linked and run: exit code
    /// 0 means correct, [`EXIT_AFFECTED`] affected.
    pub run_source: &'static str,
}

/// Exit code of a run-time probe that met the bug.
pub const EXIT_AFFECTED: i32 = 10;
