//! C with a 64-bit `time_t` for a 32-bit target on which Rust's is 32 bits wide.

use crate::problem::code::{Code, CodeInfo, code};
use crate::target::system::Libc;
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, no_version,
};
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::report::Verdict;

/// The probe: the size of `time_t` with the build's flags.
pub const PROBE: Probe = Probe {
    code: TIME64,
    title: "a 64-bit `time_t`, which Rust's libc crate does not share",
    subject: Subject::Compiler,
    question: Question::Facts(verdict),
    applies,
    weight: Weight::Warns,
    by_version: no_version,
    workaround: Workaround::Flag("-U_TIME_BITS"),
    symptom: "C and Rust read different fields of one `struct timespec`: wrong times, overwritten \
              memory",
    cause: "Debian's and Ubuntu's compilers for 32-bit Arm define `_TIME_BITS=64`, and flags may; \
            the libc crate 0.2 keeps 32 bits on glibc",
    versions: "Debian trixie's and Ubuntu 24.04's gcc for armhf and armel; not i386",
    proof: "the size of `time_t` in an object that is compiled with the build's flags",
    sources: "rust-lang/libc#1848, wiki.debian.org/ReleaseGoals/64bit-time",
};

/// Returns true for 32-bit glibc. musl's own `time_t` is 64 bits wide since 1.2, and nothing can be
/// switched.
fn applies(asked: &Asked) -> bool {
    asked.target.arch.bits == 32 && asked.target.system.libc == Libc::Gnu
}

/// Compares the sizes.
fn verdict(facts: &CompilerFacts, _: &Asked) -> Verdict {
    if facts.time_t > 4 && facts.pointer == 4 {
        Verdict::Affected {
            evidence: format!("its `time_t` has {} bytes, Rust's has 4", facts.time_t),
        }
    } else {
        Verdict::Ok
    }
}

const TIME64: Code = code(&CodeInfo {
    name: "time64",
    title: "C and Rust disagree about the size of `time_t`",
    cause: "On 32-bit glibc the libc crate's `time_t` has 32 bits. C that is compiled with \
            `_TIME_BITS=64`, as Debian's compilers for 32-bit Arm do since trixie, has 64. \
            Structures with times that cross the border are read wrongly.",
    detection: "The size of `time_t` in a file that is compiled with the flags of build scripts.",
    fix: "Add `-U_TIME_BITS -U_FILE_OFFSET_BITS` to `CFLAGS_<target>`, or check that no times \
          cross the border. Or continue with `--accept time64`.",
    page: "compiler-bugs",
    sources: &["rust-lang/libc#1848"],
    waivable: true,
});
