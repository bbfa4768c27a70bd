//! The kinds that `auto` tries, in its order.

use crate::problem::Result;
use crate::project::linker::LinkerKind;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::image::candidates;
use crate::toolchain::{clang, gcc, lld, native, zig};

/// A kind of linker that `auto` tries.
pub struct KindEntry {
    /// Name of the kind.
    pub kind: LinkerKind,
    /// Returns the candidates of this kind, best first, or the reason why there is none.
    pub candidates: fn(&TargetContext) -> Result<Vec<Candidate>, String>,
}

/// The kinds in `auto`'s order (the guide's page `linkers`).
pub const KINDS: &[KindEntry] = &[
    KindEntry {
        kind: LinkerKind::Native,
        candidates: native::candidates,
    },
    KindEntry {
        kind: LinkerKind::Gcc,
        candidates: gcc::candidates,
    },
    KindEntry {
        kind: LinkerKind::Clang,
        candidates: clang::candidates,
    },
    KindEntry {
        kind: LinkerKind::RustLld,
        candidates: lld::candidates,
    },
    KindEntry {
        kind: LinkerKind::Zig,
        candidates: zig::candidates,
    },
    KindEntry {
        kind: LinkerKind::Image,
        candidates: candidates::candidates,
    },
];
