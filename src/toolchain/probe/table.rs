//! The table of probes.

use crate::problem::code::Code;
use crate::toolchain::probe::definition::Probe;
use crate::toolchain::probe::gcc_95189;

/// All probes.
pub const PROBES: &[Probe] = &[gcc_95189::PROBE];

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
