//! C that is older than the standard that the compiler assumes.

use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, no_version, version,
};
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::report::Verdict;

/// The probe: the standard that the compiler assumes with the build's flags.
pub const PROBE: Probe = Probe {
    code: OLD_C,
    title: "a default of C23, which older C does not compile with",
    subject: Subject::Compiler,
    question: Question::Facts(verdict),
    applies: |asked: &Asked| asked.graph.has(is_old),
    weight: Weight::BlocksWith {
        packages: NAMES,
        because: "does not compile as C23",
    },
    by_version: no_version,
    workaround: Workaround::Flag("-std=gnu17"),
    symptom: "`incompatible pointer type`, `too many arguments to function`, `'bool' cannot be \
              defined via 'typedef'` in a build script that worked with the last compiler",
    cause: "gcc 15 compiles for C23 unless told otherwise: `()` means no arguments, and `bool` is a \
            keyword",
    versions: "gcc 15 and later",
    proof: "`__STDC_VERSION__` in an object that is compiled with the build's flags, and the \
            versions of packages that were seen to fail with it",
    sources: "gcc.gnu.org/gcc-15/porting_to.html; measured",
};

/// Names of [`PACKAGES`].
const NAMES: &[&str] = &["onig_sys"];

/// Packages whose C does not compile as C23, and the first version that does. Each was built with
/// gcc 16: by its default, and with `-std=gnu17`.
const PACKAGES: &[(&str, [u64; 3])] = &[("onig_sys", [69, 9, 0])];

/// Returns true if a package is in the table.
fn is_old(name: &str, number: &str) -> bool {
    PACKAGES
        .iter()
        .any(|(package, fixed)| *package == name && version(number) < *fixed)
}

/// Reads the standard.
fn verdict(facts: &CompilerFacts, _: &Asked) -> Verdict {
    if facts.standard >= 202_000 {
        Verdict::Affected {
            evidence: format!("its `__STDC_VERSION__` is {}", facts.standard),
        }
    } else {
        Verdict::Ok
    }
}

const OLD_C: Code = code(&CodeInfo {
    name: "old-c",
    title: "the C of a package is older than the compiler's default standard",
    cause: "gcc 15 and later compile for C23 unless told otherwise. Declarations without \
            arguments mean another thing there, and `bool` is a keyword: older C does not compile.",
    detection: "The standard that a file is compiled for with the flags of build scripts, and a \
                table of packages that fail with C23.",
    fix: "Use a later version of the package, or add `-std=gnu17` to `CFLAGS_<target>`. Or \
          continue with `--accept old-c`.",
    page: "compiler-bugs",
    sources: &["gcc.gnu.org/gcc-15/porting_to.html"],
    waivable: true,
});
