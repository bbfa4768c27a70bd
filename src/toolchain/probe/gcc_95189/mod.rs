//! GCC bug 95189: `memcmp` against a constant stops at the first NUL, as a string comparison would.
//! <https://gcc.gnu.org/bugzilla/show_bug.cgi?id=95189>

use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::probe::definition::{
    ObjectQuestion, Probe, Question, Subject, Weight, Workaround, everywhere, no_rejection,
};
use crate::toolchain::probe::object::Object;
use crate::toolchain::probe::report::Verdict;

/// The probe: an object in which an affected compiler drops a call.
pub const PROBE: Probe = Probe {
    code: GCC_95189,
    title: "GCC bug 95189",
    subject: Subject::Compiler,
    question: Question::Object(ObjectQuestion {
        source: include_str!("bug.c"),
        read,
        rejected: no_rejection,
        run_source: Some(include_str!("run.c")),
    }),
    applies: everywhere,
    weight: Weight::BlocksWith {
        packages: &[
            "aws-lc-fips-sys",
            "aws-lc-sys",
            "blst",
            "boring-sys",
            "botan-src",
            "libsodium-sys",
            "libsodium-sys-stable",
            "mbedtls-sys-auto",
            "openssl-src",
            "openssl-sys",
            "ring",
            "s2n-tls-sys",
            "secp256k1-sys",
            "wolfssl-sys",
        ],
        because: "is security-sensitive",
    },
    by_version,
    // Not `-fno-builtin-memcmp`: that leaves explicit `__builtin_memcmp` calls wrong.
    workaround: Workaround::Flag("--param=builtin-string-cmp-inline-length=0"),
    symptom: "unequal bytes compare equal: a MAC, a signature or a padding check passes that must \
              fail",
    cause: "gcc expands `memcmp` against a constant inline as if it were `strcmp`: it stops at \
            the constant's first NUL",
    versions: "all of GCC 9; 10.0 to 10.2 unless the distribution patched them; not 8, not 10.3 \
               and later, never clang",
    proof: "an object compiled at -O2 from which a call has vanished that no correct compiler can \
            drop",
    sources: "gcc.gnu.org PR 95189; aws/aws-lc#177, aws/aws-lc-rs#1173, cross-rs/cross#1725",
};

/// Function with the comparison that an affected compiler gets wrong.
const SUBJECT: &str = "xpkg_95189_subject";

/// Function whose call a correct compiler cannot drop.
const REACHED: &str = "xpkg_95189_reached";

/// Function that is called after a comparison without a leading NUL. Every compiler keeps this
/// call, so it proves that the object was compiled as intended.
const CONTROL: &str = "xpkg_95189_control";

/// Reads the verdict: an affected compiler drops the call of [`REACHED`].
fn read(bytes: &[u8]) -> Verdict {
    let inconclusive = |why: String| Verdict::Inconclusive { why };
    let object = match Object::parse(bytes) {
        Ok(object) => object,
        Err(why) => return inconclusive(why),
    };
    if object.lto {
        return inconclusive("it writes LTO objects even with `-fno-lto`".to_owned());
    }
    if !object.defines(SUBJECT) || !object.imports(CONTROL) {
        return inconclusive(format!("its object lacks the control `{CONTROL}`"));
    }
    if object.imports(REACHED) {
        Verdict::Ok
    } else {
        Verdict::Affected {
            evidence: format!("the call of `{REACHED}` is gone from its object"),
        }
    }
}

/// Returns true for the versions that upstream released with the bug. Wrong for patched compilers,
/// so it only breaks a tie.
fn by_version([major, minor, _]: [u32; 3]) -> bool {
    major == 9 || major == 10 && minor < 3
}

const GCC_95189: Code = code(&CodeInfo {
    name: "gcc-95189",
    title: "the C compiler miscompiles byte comparisons (GCC bug 95189)",
    cause: "GCC 9, and 10.0 to 10.2 unless patched, expand `memcmp` against a constant as if it \
            were `strcmp`: it stops at the constant's first NUL, and unequal bytes compare equal. \
            A MAC or signature check then passes that must fail. aws-lc-sys tests for it on some \
            hosts only, and never when it is cross-compiled.",
    detection: "A small file is compiled at -O2, and with the flags that build scripts will use; \
                a correct compiler cannot drop the call that the bug drops. If its output can run \
                here, a run confirms the verdict. xpkg stops if security-sensitive C (aws-lc-sys, \
                ring, openssl-src, …) is compiled with -O2 or more, and warns for other C.",
    fix: "Use a compiler without the bug: GCC 10.3 or later, clang. Or set \
          `--param=builtin-string-cmp-inline-length=0` in `CFLAGS_<target>`: the manifest records \
          it. Not `-fno-builtin-memcmp`: it leaves explicit `__builtin_memcmp` calls wrong. Or \
          continue with `--accept gcc-95189`, which is recorded, too.",
    page: "compiler-bugs",
    sources: &[
        "gcc.gnu.org PR 95189",
        "aws/aws-lc#177",
        "cross-rs/cross#1725",
    ],
    waivable: true,
});
