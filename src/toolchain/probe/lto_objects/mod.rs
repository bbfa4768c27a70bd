//! LTO objects for a linker that cannot read them: it ignores what they define.

use crate::problem::code::{Code, CodeInfo, code};
use crate::project::linker::LinkerKind;
use crate::toolchain::probe::definition::{
    Asked, Probe, Question, Subject, Weight, Workaround, everywhere, no_version, version,
};
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::linker::RustcsLld;
use crate::toolchain::probe::report::Verdict;

/// The probe: the object that reveals the facts.
pub const PROBE: Probe = Probe {
    code: LTO_OBJECTS,
    title: "LTO objects that the linker cannot read",
    subject: Subject::Compiler,
    question: Question::Facts(verdict),
    applies: everywhere,
    weight: Weight::Blocks,
    by_version: no_version,
    workaround: Workaround::Flag("-fno-lto"),
    symptom: "`undefined symbol` for every function of a C library with lld; `plugin needed to \
              handle lto object` with GNU ld",
    cause: "`-flto` in `CFLAGS` makes objects of intermediate code, in gcc's format or LLVM's; \
            a linker of the other family finds no symbols in them",
    versions: "every gcc with `-flto` and lld or zig, which is rustc's own choice for \
               `x86_64-unknown-linux-gnu` since 1.90; every clang with `-flto` and GNU ld",
    proof: "an object that is compiled with the build's flags contains intermediate code only",
    sources: "briansmith/ring#1444, rui314/mold#1112, rust-lang/cc-rs#1463",
};

/// Family of a linker, by what it can read.
enum Reads {
    /// gcc's intermediate code, through its plugin.
    Gcc,
    /// LLVM's bitcode.
    Llvm,
}

/// Compares the format of the objects with the linker.
fn verdict(facts: &CompilerFacts, asked: &Asked) -> Verdict {
    if !facts.lto {
        return Verdict::Ok;
    }
    let reads = match asked.linker {
        Some(LinkerKind::RustLld | LinkerKind::Zig) => Reads::Llvm,
        Some(LinkerKind::Native) if is_lld_the_default(asked) => Reads::Llvm,
        Some(LinkerKind::Gcc | LinkerKind::Native) => Reads::Gcc,
        Some(LinkerKind::Clang | LinkerKind::Image | LinkerKind::Configured) | None => {
            return Verdict::Inconclusive {
                why: "its flags make LTO objects, which not every linker can read".to_owned(),
            };
        }
    };
    match (facts.clang > 0, reads) {
        (true, Reads::Llvm) | (false, Reads::Gcc) => Verdict::Ok,
        (false, Reads::Llvm) => Verdict::Affected {
            evidence: "its objects contain gcc's intermediate code, and lld ignores it".to_owned(),
        },
        (true, Reads::Gcc) => Verdict::Affected {
            evidence: "its objects contain LLVM's bitcode, and GNU ld cannot read it".to_owned(),
        },
    }
}

/// Returns true if rustc links by lld without being told.
fn is_lld_the_default(asked: &Asked) -> bool {
    let by_default =
        |release| RustcsLld::by_default(asked.target, version(release), asked.rustflags);
    asked.rustc.and_then(by_default).is_some()
}

const LTO_OBJECTS: Code = code(&CodeInfo {
    name: "lto-objects",
    title: "the C compiler makes LTO objects that the linker cannot read",
    cause: "`-flto` in `CFLAGS` (Arch's makepkg sets it) makes objects of intermediate code. gcc's \
            can be read by gcc's own linker plugin only, clang's by LLVM's linkers. lld does not \
            even report gcc's: every function of the library is undefined.",
    detection: "A file is compiled with the flags of build scripts; its object contains no machine \
                code.",
    fix: "Add `-fno-lto`, or `-ffat-lto-objects`, to `CFLAGS_<target>`. Or continue with `--accept \
          lto-objects`.",
    page: "compiler-bugs",
    sources: &["briansmith/ring#1444", "rust-lang/cc-rs#1463"],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::toolchain::probe::definition::Graph;

    fn check(clang: u32, linker: Option<LinkerKind>, rustflags: &[&str], expected: &str) {
        let target = Target::of_triple("x86_64-unknown-linux-gnu").unwrap();
        let rustflags: Vec<String> = rustflags.iter().map(|flag| (*flag).to_owned()).collect();
        let asked = Asked {
            target: &target,
            graph: Graph::None,
            linker,
            rustc: Some("1.95.0"),
            rustflags: &rustflags,
        };
        let facts = CompilerFacts {
            clang,
            lto: true,
            ..CompilerFacts::default()
        };
        assert_eq!(verdict(&facts, &asked).name(), expected);
    }

    #[test]
    fn each_linker_reads_the_objects_of_its_family() {
        check(0, Some(LinkerKind::Gcc), &[], "ok");
        check(0, Some(LinkerKind::RustLld), &[], "affected");
        check(0, Some(LinkerKind::Zig), &[], "affected");
        check(0, Some(LinkerKind::Native), &[], "affected");
        check(
            0,
            Some(LinkerKind::Native),
            &["-Clinker-features=-lld"],
            "ok",
        );
        check(19, Some(LinkerKind::RustLld), &[], "ok");
        check(19, Some(LinkerKind::Gcc), &[], "affected");
        check(0, Some(LinkerKind::Configured), &[], "inconclusive");
        check(0, None, &[], "inconclusive");
    }
}
