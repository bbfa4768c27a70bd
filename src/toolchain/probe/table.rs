//! Every probe.

use crate::toolchain::probe::definition::Probe;
use crate::toolchain::probe::gcc_95189::GCC_95189;

/// Every probe.
pub const PROBES: &[Probe] = &[GCC_95189];
