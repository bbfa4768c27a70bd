//! The definition of a probe: one compiler bug, and how it is detected.

use crate::problem::code::Code;
use crate::toolchain::probe::report::Verdict;

/// One compiler bug and how it is detected.
pub struct Probe {
    /// The code of its findings; its name keys the answers in reports.
    pub code: Code,
    /// Name of the bug in messages: `GCC bug 95189`.
    pub title: &'static str,
    /// The translation unit that shows the bug.
    pub question: Question,
    /// Breaks the tie where the object is inconclusive: returns true for affected GCC versions.
    pub by_version: fn([u32; 3]) -> bool,
    /// Packages whose C must not be miscompiled: the probe blocks where one is in the graph, and
    /// warns elsewhere.
    pub security_sensitive: &'static [&'static str],
    /// Compiler flag that avoids the bug, for the user to set.
    pub workaround_flag: &'static str,
    /// Wrong behavior of an affected program; like the next four fields, a row of the manual's
    /// table.
    pub symptom: &'static str,
    /// The compiler's mistake.
    pub cause: &'static str,
    /// Affected and unaffected versions.
    pub versions: &'static str,
    /// Evidence that the probe reads.
    pub proof: &'static str,
    /// Bug reports.
    pub sources: &'static str,
}

/// The test case of a probe: a translation unit that is compiled to an object without headers,
/// libraries or a linker, from which the verdict is read.
pub struct Question {
    /// C source of the object.
    pub source: &'static str,
    /// Flags of the baseline, "is the compiler affected?".
    pub baseline_flags: &'static [&'static str],
    /// Flags that come last, in the baseline and with the flags of the build.
    pub last_flags: &'static [&'static str],
    /// Reads the verdict from the bytes of the object.
    pub read: fn(&[u8]) -> Verdict,
    /// C source of a program that confirms the verdict where it can be linked and run: exit code
    /// 0 means correct, [`EXIT_AFFECTED`] affected.
    pub run_source: &'static str,
}

/// Exit code of a run-time probe that found the bug.
pub const EXIT_AFFECTED: i32 = 10;
