//! Formats the cross images of a workspace.

use std::fmt::Write as _;

use crate::problem::style::{CAUTION, GOOD, STRONG};
use crate::problem::text::printable;
use crate::toolchain::image::lockfile::{PinState, PinStatus, Seen};

/// Formats the images of a workspace, each with its pin and its facts.
pub fn images(pins: &[PinStatus]) -> String {
    let mut text = String::new();
    for PinStatus {
        target,
        reference,
        digest,
        state,
        why,
        seen,
    } in pins
    {
        let style = if *state == PinState::Pinned {
            GOOD
        } else {
            CAUTION
        };
        let _ = writeln!(
            text,
            "{STRONG}{target}{STRONG:#}  {style}{}{style:#}",
            state.label()
        );
        let mut row =
            |label: &str, value: &str| _ = writeln!(text, "  {label:<9} {}", printable(value));
        row("image", reference);
        if let Some(digest) = digest {
            row("digest", digest);
        }
        for (label, value) in seen.iter().flat_map(Seen::rows) {
            row(label, &value);
        }
        if let Some(why) = why {
            row("note", why);
        }
    }
    text
}
