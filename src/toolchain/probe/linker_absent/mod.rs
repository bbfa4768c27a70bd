//! A linker that the flags name, and that the compiler cannot call.

use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, everywhere, no_version,
};
use crate::toolchain::probe::linker::LinkerFacts;
use crate::toolchain::probe::report::Verdict;

/// The probe: one call of the linker.
pub const PROBE: Probe = Probe {
    code: LINKER_ABSENT,
    title: "a linker that the compiler cannot call",
    subject: Subject::Linker,
    question: Question::Link(verdict),
    applies: everywhere,
    weight: Weight::Blocks,
    by_version: no_version,
    workaround: Workaround::Advice("install the linker, or remove `-fuse-ld` from the rustflags"),
    symptom: "`unrecognized command line option '-fuse-ld=lld'`; `collect2: fatal error: cannot \
              find 'ld'`; `invalid linker name in argument`",
    cause: "the rustflags name a linker that is not installed, or that the compiler is too old to \
            know",
    versions: "`-fuse-ld=lld` since gcc 9, `-fuse-ld=mold` since gcc 12.1",
    proof: "the compiler's own error when it is told to ask its linker for the version",
    sources: "rust-lang/rust#140964, cross-rs/cross#1496",
};

/// Reads the answer.
fn verdict(facts: &LinkerFacts, _: &Asked) -> Verdict {
    if facts.program.is_some() {
        return Verdict::Ok;
    }
    let parts = [
        "-fuse-ld",
        "cannot find",
        "invalid linker name",
        "unable to execute",
    ];
    if parts.iter().any(|part| facts.message.contains(part)) {
        Verdict::Affected {
            evidence: format!("it cannot call its linker: {}", facts.message),
        }
    } else {
        Verdict::Inconclusive {
            why: format!("its linker did not say what it is: {}", facts.message),
        }
    }
}

const LINKER_ABSENT: Code = code(&CodeInfo {
    name: "linker-absent",
    title: "the C compiler cannot call its linker",
    cause: "The rustflags name a linker (`-C link-arg=-fuse-ld=…`) that is not installed, or that \
            this compiler does not know.",
    detection: "The compiler is told to ask its linker for the version, with the linker arguments \
                of the rustflags.",
    fix: "Install the linker, or remove the argument. Or continue with `--accept linker-absent`.",
    page: "compiler-bugs",
    sources: &["rust-lang/rust#140964", "cross-rs/cross#1496"],
    waivable: true,
});
