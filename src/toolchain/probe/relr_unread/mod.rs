//! A linker that is older than the C library that it links: it does not know `.relr.dyn`.

use crate::problem::code::{Code, CodeInfo, code};
use crate::target::system::Format;
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, no_version,
};
use crate::toolchain::probe::linker::LinkerFacts;
use crate::toolchain::probe::report::Verdict;

/// The probe: the linker's version, and the sections of the C library that it would link.
pub const PROBE: Probe = Probe {
    code: RELR_UNREAD,
    title: "a C library that is too new for its linker",
    subject: Subject::Linker,
    question: Question::Link(verdict),
    applies: |asked: &Asked| asked.target.system.format == Format::Elf,
    weight: Weight::Blocks,
    by_version: no_version,
    workaround: Workaround::Advice(
        "use a newer binutils, lld (`-C link-arg=-fuse-ld=lld`), or a sysroot as old as the \
         compiler",
    ),
    symptom: "``unknown type [0x13] section `.relr.dyn'``, `skipping incompatible libc.so.6`, \
              `file in wrong format`",
    cause: "glibc of 2023 and later has compact relative relocations, whose section type old GNU \
            ld does not know",
    versions: "GNU ld 2.35.2 cannot, 2.40 can (both measured); `-z pack-relative-relocs` came \
               with 2.38",
    proof: "the linker's version, and `.relr.dyn` in the `libc.so.6` that the compiler finds",
    sources: "liyafe1997/kernel_xiaomi_sm8250_mod#16; measured",
};

/// Compares the linker with its C library.
fn verdict(facts: &LinkerFacts, _: &Asked) -> Verdict {
    if !(facts.relr && facts.is_before_relr()) {
        return Verdict::Ok;
    }
    if facts.version.is_some_and(|version| version <= [2, 35]) {
        Verdict::Affected {
            evidence: format!(
                "its linker, `{}`, cannot read `.relr.dyn` of its C library",
                facts.message
            ),
        }
    } else {
        Verdict::Inconclusive {
            why: format!(
                "its C library has `.relr.dyn`, and it is unknown if `{}` can read it",
                facts.message
            ),
        }
    }
}

const RELR_UNREAD: Code = code(&CodeInfo {
    name: "relr-unread",
    title: "the linker is too old for its C library",
    cause: "glibc of 2023 and later has a section `.relr.dyn`, whose type old GNU ld does not \
            know: it skips the library, or rejects it.",
    detection: "The version of a GNU ld before 2.38, and the sections of the C library that its \
                compiler finds.",
    fix: "Use a newer linker, or a sysroot as old as the compiler. Or continue with `--accept \
          relr-unread`.",
    page: "compiler-bugs",
    sources: &["liyafe1997/kernel_xiaomi_sm8250_mod#16"],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::toolchain::probe::definition::Graph;

    #[test]
    fn the_linker_is_compared_with_its_library() {
        let target = Target::of_triple("x86_64-unknown-linux-gnu").unwrap();
        let asked = Asked {
            target: &target,
            graph: Graph::None,
            linker: None,
            rustc: None,
            rustflags: &[],
        };
        let check = |answer: &str, relr: bool, expected: &str| {
            let facts = LinkerFacts {
                relr,
                ..LinkerFacts::read(answer)
            };
            assert_eq!(verdict(&facts, &asked).name(), expected, "{answer}");
        };
        check("GNU ld (GNU Binutils for Debian) 2.35.2", true, "affected");
        check("GNU ld (GNU Binutils for Debian) 2.35.2", false, "ok");
        check("GNU ld version 2.37-1.fc35", true, "inconclusive");
        check("GNU ld (GNU Binutils for Debian) 2.40", true, "ok");
        check(
            "Debian LLD 11.0.1 (compatible with GNU linkers)",
            true,
            "ok",
        );
    }
}
