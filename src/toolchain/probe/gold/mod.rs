//! gold, which has left binutils and does not work with current Rust.

use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, everywhere, no_version,
};
use crate::toolchain::probe::linker::{LinkerFacts, LinkerProgram};
use crate::toolchain::probe::report::Verdict;

/// The probe: the linker's name.
pub const PROBE: Probe = Probe {
    code: GOLD,
    title: "the linker gold",
    subject: Subject::Linker,
    question: Question::Link(verdict),
    applies: everywhere,
    weight: Weight::Warns,
    by_version: no_version,
    workaround: Workaround::Advice(
        "remove `-fuse-ld=gold`, or link by lld: `-C link-arg=-fuse-ld=lld`",
    ),
    symptom: "`the gold linker is deprecated and has known bugs with Rust`; `internal error in \
              update_erratum_insn`; `nostart-stop-gc: unknown -z option`; lost sections",
    cause: "gold is not maintained, and was removed from binutils' release 2.44",
    versions: "every gold",
    proof: "the linker's own name, with the build's linker arguments",
    sources: "rust-lang/rust#141748, rust-lang/rust#139425, dfinity/ic#6752",
};

/// Reads the name.
fn verdict(facts: &LinkerFacts, _: &Asked) -> Verdict {
    if facts.program == Some(LinkerProgram::Gold) {
        Verdict::Affected {
            evidence: format!("its linker is `{}`", facts.message),
        }
    } else {
        Verdict::Ok
    }
}

const GOLD: Code = code(&CodeInfo {
    name: "gold",
    title: "the linker is gold",
    cause: "gold is not maintained; its bugs with Rust are known and stay.",
    detection: "The linker is asked for its name, with the linker arguments of the rustflags.",
    fix: "Remove `-fuse-ld=gold`, or use lld. Or continue with `--accept gold`.",
    page: "compiler-bugs",
    sources: &["rust-lang/rust#141748"],
    waivable: true,
});
