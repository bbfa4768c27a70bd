//! Lines for a POSIX shell, one for each leg: for GNU parallel, job arrays and ssh. Pure.

use crate::ship::ci::legs::{Leg, Legs};

/// Returns the lines.
pub fn lines(legs: &Legs) -> String {
    let lines = legs.legs.iter().map(Leg::command);
    lines.map(|line| line + "\n").collect()
}
