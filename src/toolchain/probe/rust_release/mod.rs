//! Releases of Rust that miscompile, by their version: no small test decides cheaply.

use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, everywhere, no_version,
};
use crate::toolchain::probe::report::Verdict;

/// The probe: the version of rustc.
pub const PROBE: Probe = Probe {
    code: RUST_RELEASE,
    title: "a known miscompilation",
    subject: Subject::Rustc,
    question: Question::Release(verdict),
    applies: everywhere,
    weight: Weight::Warns,
    by_version: no_version,
    workaround: Workaround::Advice("use the point release that follows: `rustup update`"),
    symptom: "calls through a null pointer, wrong results, crashes of programs without `unsafe`",
    cause: "a mistake of rustc or LLVM that a point release of the same month mends",
    versions: "1.98.0 (vtables), 1.97.0 and 1.96.0 (optimized code), 1.57.0 for aarch64 \
               (unoptimized code); the mistake of 1.97.0 is in 1.87 and later, where it is rare",
    proof: "rustc's own version; nothing is compiled",
    sources: "rust-lang/rust#161441, rust-lang/rust#159035, anza-xyz/agave#13598, \
              rust-lang/rust#92786",
};

/// A release that was withdrawn by its point release.
struct BadRelease {
    /// Version.
    release: &'static str,
    /// Processor of the affected targets; `None`: all.
    arch: Option<&'static str>,
    /// Clause that says what is wrong.
    what: &'static str,
    /// Version without the mistake.
    fixed: &'static str,
}

/// The releases, newest first. Each is the subject of a point release's announcement, or of the
/// issue that is named.
#[rustfmt::skip]
const RELEASES: &[BadRelease] = &[
    // rust-lang/rust#161441
    BadRelease { release: "1.98.0", arch: None, fixed: "1.98.1",
                 what: "leaves slots of vtables empty, and calls through them" },
    // rust-lang/rust#159035
    BadRelease { release: "1.97.0", arch: None, fixed: "1.97.1",
                 what: "triggers a miscompilation of LLVM" },
    // blog.rust-lang.org, Rust 1.96.1
    BadRelease { release: "1.96.0", arch: None, fixed: "1.96.1",
                 what: "miscompiles some programs" },
    // rust-lang/rust#92786
    BadRelease { release: "1.57.0", arch: Some("aarch64"), fixed: "1.58.0",
                 what: "miscompiles unoptimized code for aarch64" },
];

/// Looks the release up.
fn verdict(release: &str, asked: &Asked) -> Verdict {
    let is_meant = |row: &&BadRelease| {
        row.release == release && row.arch.is_none_or(|arch| arch == asked.target.arch.name)
    };
    match RELEASES.iter().find(is_meant) {
        Some(BadRelease { what, fixed, .. }) => Verdict::Affected {
            evidence: format!("Rust {release} {what}; {fixed} does not"),
        },
        None => Verdict::Ok,
    }
}

const RUST_RELEASE: Code = code(&CodeInfo {
    name: "rust-release",
    title: "this release of Rust miscompiles some programs",
    cause: "A few releases of Rust contain a mistake that makes wrong programs of correct sources, \
            and were followed by a point release that mends it.",
    detection: "The version of rustc is looked up in a table of such releases.",
    fix: "Use the point release: `rustup update`.",
    page: "compiler-bugs",
    sources: &[
        "rust-lang/rust#161441",
        "rust-lang/rust#159035",
        "rust-lang/rust#92786",
    ],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::toolchain::probe::definition::Graph;

    #[test]
    fn only_the_named_releases_are_affected() {
        let check = |release: &str, triple: &str, expected: &str| {
            let target = Target::of_triple(triple).unwrap();
            let asked = Asked {
                target: &target,
                graph: Graph::None,
                linker: None,
                rustc: Some(release),
                rustflags: &[],
            };
            assert_eq!(verdict(release, &asked).name(), expected, "{release}");
        };
        check("1.98.0", "x86_64-unknown-linux-gnu", "affected");
        check("1.98.1", "x86_64-unknown-linux-gnu", "ok");
        check("1.98.0-nightly", "x86_64-unknown-linux-gnu", "ok");
        check("1.57.0", "x86_64-unknown-linux-gnu", "ok");
        check("1.57.0", "aarch64-unknown-linux-musl", "affected");
        check("1.95.0", "x86_64-unknown-linux-gnu", "ok");
    }
}
