//! Headers that rename functions to ones that only a newer glibc has.

use crate::problem::code::{Code, CodeInfo, code};
use crate::project::linker::LinkerKind;
use crate::target::glibc::Glibc;
use crate::target::system::Libc;
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, no_version,
};
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::report::Verdict;

/// The probe: the name that `strtol` gets.
pub const PROBE: Probe = Probe {
    code: ISOC23,
    title: "headers that need glibc 2.38",
    subject: Subject::Compiler,
    question: Question::Facts(verdict),
    applies,
    weight: Weight::Blocks,
    by_version: no_version,
    workaround: Workaround::Advice(
        "let the compiler of the C and the linker use one C library: unset `CC_<target>`, or \
         choose `--linker gcc`",
    ),
    symptom: "`undefined reference to '__isoc23_strtol'` (`sscanf`, `strtoull`, …)",
    cause: "since glibc 2.38 its headers rename these functions for GNU's C and C23; zig links \
            for an older glibc",
    versions: "headers of glibc 2.38 and later",
    proof: "the name by which an object imports `strtol`",
    sources: "xberg-io/xberg#588, foxglove/foxglove-sdk#638",
};

/// The first glibc that has the functions.
const FIRST: Glibc = Glibc {
    major: 2,
    minor: 38,
    patch: 0,
};

/// Returns true if zig links for an older glibc. Every other linker takes the C library of its
/// compiler, and the floor is a matter of the finished program.
fn applies(asked: &Asked) -> bool {
    asked.target.system.libc == Libc::Gnu
        && asked.linker == Some(LinkerKind::Zig)
        && asked.target.floor.is_some_and(|floor| floor < FIRST)
}

/// Reads the name.
fn verdict(facts: &CompilerFacts, _: &Asked) -> Verdict {
    if facts.isoc23 {
        Verdict::Affected {
            evidence: "its `strtol` is `__isoc23_strtol`".to_owned(),
        }
    } else {
        Verdict::Ok
    }
}

const ISOC23: Code = code(&CodeInfo {
    name: "isoc23",
    title: "C is compiled against a newer glibc than it is linked with",
    cause: "Since glibc 2.38 its headers rename `strtol`, `sscanf` and others to `__isoc23_…`. \
            Objects that are compiled with them cannot be linked with an older glibc.",
    detection: "The name by which an object that is compiled with the build's flags imports \
                `strtol`.",
    fix: "Let the C compiler and the linker use one C library. Or continue with `--accept isoc23`.",
    page: "compiler-bugs",
    sources: &["xberg-io/xberg#588"],
    waivable: true,
});
