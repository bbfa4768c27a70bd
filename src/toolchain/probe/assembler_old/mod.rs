//! An assembler that is older than the instructions in ring and aws-lc.

use crate::problem::code::{Code, CodeInfo, code};
use crate::target::system::Format;
use crate::toolchain::probe::definition::{
    Asked, Graph, ObjectQuestion, Probe, Question, Subject, Weight, Workaround, no_version, version,
};
use crate::toolchain::probe::object::Object;
use crate::toolchain::probe::report::Verdict;

/// The probe: three instructions of the kind that these packages contain.
pub const PROBE: Probe = Probe {
    code: ASSEMBLER_OLD,
    title: "an assembler without VPCLMULQDQ for wide registers",
    subject: Subject::Assembler,
    question: Question::Object(ObjectQuestion {
        source: include_str!("bug.c"),
        read,
        rejected,
        run_source: None,
    }),
    applies,
    weight: Weight::Blocks,
    by_version: no_version,
    workaround: Workaround::Advice(
        "use clang or zig as the C compiler, whose assembler is inside, or binutils 2.30 or later",
    ),
    symptom: "`operand type mismatch for 'vpclmulqdq'`, `no such instruction` in ring and \
              aws-lc-sys",
    cause: "their assembly for AVX2 and AVX-512 is newer than the assembler",
    versions: "binutils 2.29 and earlier (Amazon Linux 2, CentOS 7, Ubuntu 16.04); not 2.30",
    proof: "three instructions are rejected, and a file without them is accepted",
    sources: "briansmith/ring#2461, briansmith/ring#2463, aws/aws-lc#428",
};

/// Packages with such assembly, and the first version that has it.
const PACKAGES: &[(&str, [u64; 3])] = &[
    ("aws-lc-fips-sys", [0, 0, 0]),
    ("aws-lc-sys", [0, 0, 0]),
    ("ring", [0, 17, 13]),
];

/// Returns true for an x86-64 ELF target with one of the packages.
fn applies(asked: &Asked) -> bool {
    let contains = |name: &str, number: &str| {
        let row = PACKAGES.iter().find(|(package, _)| *package == name);
        row.is_some_and(|(_, first)| version(number) >= *first)
    };
    asked.target.arch.name == "x86_64"
        && asked.target.system.format == Format::Elf
        // Without a graph the assembler is examined for itself.
        && (matches!(asked.graph, Graph::None) || asked.graph.has(contains))
}

/// Reads the object: the function behind the instructions is the control.
fn read(bytes: &[u8]) -> Verdict {
    match Object::parse(bytes) {
        Ok(object) if object.defines("xpkg_assembler_old") => Verdict::Ok,
        Ok(_) => Verdict::Inconclusive {
            why: "its object lacks the control `xpkg_assembler_old`".to_owned(),
        },
        Err(why) => Verdict::Inconclusive { why },
    }
}

/// Reads the assembler's message.
fn rejected(message: &str) -> Option<Verdict> {
    let parts = [
        "operand type mismatch for",
        "operand size mismatch for",
        "no such instruction",
        "is not supported on",
        "invalid instruction mnemonic",
    ];
    let names = ["vpclmulqdq", "vaesenc"];
    let indicates = parts.iter().any(|part| message.contains(part))
        && names.iter().any(|name| message.contains(name));
    indicates.then(|| Verdict::Affected {
        evidence: format!("its assembler rejects an instruction: {message}"),
    })
}

const ASSEMBLER_OLD: Code = code(&CodeInfo {
    name: "assembler-old",
    title: "the assembler does not know the instructions of ring and aws-lc",
    cause: "The assembly in ring 0.17.13 and later and in aws-lc-sys contains AVX instructions \
            that binutils 2.29 and earlier do not know.",
    detection: "Three such instructions are assembled if one of these packages is in the graph of \
                an x86-64 target.",
    fix: "Use clang or zig as the C compiler, or binutils 2.30 or later. Or continue with \
          `--accept assembler-old`.",
    page: "compiler-bugs",
    sources: &["briansmith/ring#2461", "aws/aws-lc#428"],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_an_old_assembler_is_known() {
        let affected = |message| matches!(rejected(message), Some(Verdict::Affected { .. }));
        // Of binutils 2.26.
        assert!(affected(
            "it exited with 1: probe.c:8: Error: operand type mismatch for `vpclmulqdq'"
        ));
        assert!(!affected(
            "it exited with 1: probe.c:8: Error: no such instruction: `add w0,w0,1'"
        ));
    }
}
