//! A cross compiler without an assembler of its own: it calls the host's.

use crate::problem::code::{Code, CodeInfo, code};
use crate::toolchain::probe::definition::{
    ObjectQuestion, Probe, Question, Subject, Weight, Workaround, everywhere, no_version,
};
use crate::toolchain::probe::report::Verdict;

/// The probe: the smallest file that has to be assembled.
pub const PROBE: Probe = Probe {
    code: ASSEMBLER_WRONG,
    title: "another machine's assembler",
    subject: Subject::Assembler,
    question: Question::Object(ObjectQuestion {
        source: CONTROL_SOURCE,
        read: |_| Verdict::Ok,
        rejected,
        run_source: None,
    }),
    applies: everywhere,
    weight: Weight::Blocks,
    by_version: no_version,
    workaround: Workaround::Advice(
        "install the binutils of the compiler's own machine (`binutils-aarch64-linux-gnu`), or \
         name their directory with `-B` in `CFLAGS_<target>`",
    ),
    symptom: "`as: unrecognized option '-EL'`, `Error: no such instruction` for every C file",
    cause: "gcc searches its own directories for an assembler, then PATH, where `as` is this \
            machine's",
    versions: "every gcc cross compiler without the binutils of its machine; never clang, which \
               has its assembler inside",
    proof: "the smallest file cannot be assembled, and the assembler's message shows that it is \
            for another machine",
    sources: "measured with Debian's aarch64 gcc 9 without its binutils",
};

/// Source of the smallest file that needs an assembler.
pub const CONTROL_SOURCE: &str = include_str!("control.c");

/// Messages of GNU as for x86 about another machine's options and instructions, and of others
/// about x86's.
const MESSAGES: &[&str] = &[
    "as: unrecognized option",
    "as: invalid option",
    "Error: no such instruction",
    "Error: unknown mnemonic",
    "Error: unrecognized opcode",
    "Error: bad instruction",
    "Error: unknown pseudo-op",
    "Error: invalid default",
];

/// Reads the assembler's message.
fn rejected(message: &str) -> Option<Verdict> {
    let indicates = MESSAGES.iter().any(|part| message.contains(part));
    indicates.then(|| Verdict::Affected {
        evidence: format!("it cannot assemble the smallest file: {message}"),
    })
}

const ASSEMBLER_WRONG: Code = code(&CodeInfo {
    name: "assembler-wrong",
    title: "the C compiler calls another machine's assembler",
    cause: "A cross gcc without the binutils of its machine searches PATH for `as`, and finds the \
            host's, which rejects the options or the instructions.",
    detection: "The smallest file is compiled; the assembler's message shows the mistake.",
    fix: "Install the binutils of the compiler's machine (`apt-get install \
          binutils-aarch64-linux-gnu`), or name their directory with `-B` in `CFLAGS_<target>`. Or \
          continue with `--accept assembler-wrong`.",
    page: "compiler-bugs",
    sources: &[],
    waivable: true,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_about_the_machine_count() {
        let affected = |message| matches!(rejected(message), Some(Verdict::Affected { .. }));
        assert!(affected("it exited with 1: as: unrecognized option '-EL'"));
        assert!(affected(
            "it exited with 1: probe.s:9: Error: no such instruction: `add w0,w0,1'"
        ));
        assert!(!affected(
            "it exited with 1: probe.c:1:10: fatal error: cannot execute 'cc1'"
        ));
        assert!(!affected("it crashed"));
    }
}
