//! The table of probes.

use crate::problem::code::Code;
use crate::toolchain::probe::definition::Probe;
use crate::toolchain::probe::{
    assembler_old, assembler_wrong, gcc_95189, gold, isoc23, linker_absent, lto_objects, old_c,
    relr_unread, rust_release, time64,
};

/// All probes, in the order of reports.
pub const PROBES: &[Probe] = &[
    gcc_95189::PROBE,
    assembler_wrong::PROBE,
    assembler_old::PROBE,
    lto_objects::PROBE,
    isoc23::PROBE,
    time64::PROBE,
    old_c::PROBE,
    linker_absent::PROBE,
    relr_unread::PROBE,
    gold::PROBE,
    rust_release::PROBE,
];

/// The codes of the probes, in their order.
pub const CODES: &[Code] = &codes();

const fn codes() -> [Code; PROBES.len()] {
    let mut codes = [PROBES[0].code; PROBES.len()];
    let mut index = 0;
    while index < PROBES.len() {
        codes[index] = PROBES[index].code;
        index += 1;
    }
    codes
}

/// Returns the probe that an answer belongs to.
pub fn find(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| probe.code.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::probe::definition::Question;

    /// The sources are compiled as one file, and by hand, one by one.
    #[test]
    fn every_source_says_how_to_compile_it_by_hand() {
        for probe in PROBES {
            if let Question::Object(question) = &probe.question {
                for source in [Some(question.source), question.run_source]
                    .into_iter()
                    .flatten()
                {
                    let head = source.split("*/").next().unwrap();
                    assert!(
                        head.starts_with("/*") && head.contains(".c"),
                        "{}: {head}",
                        probe.code.name()
                    );
                }
            }
        }
    }
}
