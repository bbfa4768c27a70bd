//! GCC bug 95189: `memcmp` against a constant stops at the first NUL, as a string comparison would.
//! <https://gcc.gnu.org/bugzilla/show_bug.cgi?id=95189>

use crate::toolchain::probe::definition::Probe;
use crate::toolchain::probe::object::Object;
use crate::toolchain::probe::report::Verdict;

pub const GCC_95189: Probe = Probe {
    id: "gcc-95189",
    title: "GCC bug 95189",
    source: include_str!("bug.c"),
    clean_flags: &["-O2"],
    // With LTO the object holds no machine code, and gcc 9 would look innocent. Warnings are not
    // the question.
    last_flags: &["-fno-lto", "-w"],
    read,
    run_source: include_str!("run.c"),
    by_version,
    secrets: &[
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
    // Not `-fno-builtin-memcmp`: that leaves explicit `__builtin_memcmp` calls wrong.
    way_out_flag: "--param=builtin-string-cmp-inline-length=0",
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

const SUBJECT: &str = "xpkg_95189_subject";

const REACHED: &str = "xpkg_95189_reached";

const CONTROL: &str = "xpkg_95189_control";

fn read(bytes: &[u8]) -> Verdict {
    let inconclusive = |why: String| Verdict::Inconclusive { why };
    let object = match Object::parse(bytes) {
        Ok(object) => object,
        Err(why) => return inconclusive(why),
    };
    if object.lto {
        return inconclusive("it writes LTO objects even with `-fno-lto`".to_owned());
    }
    if !object.defines(SUBJECT) || !object.wants(CONTROL) {
        return inconclusive(format!("its object lacks the control `{CONTROL}`"));
    }
    if object.wants(REACHED) {
        Verdict::Ok
    } else {
        Verdict::Affected {
            evidence: format!("the call of `{REACHED}` is gone from its object"),
        }
    }
}

/// What the number alone suggests. Wrong for patched compilers, so it only breaks a tie.
fn by_version([major, minor, _]: [u32; 3]) -> bool {
    major == 9 || major == 10 && minor < 3
}
