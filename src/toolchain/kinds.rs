//! The kinds that `auto` tries, in its order.

use crate::problem::Result;
use crate::project::linker::LinkerKind;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::image::candidates;
use crate::toolchain::{clang, gcc, lld, native, wasm, zig};

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
        candidates: rust_lld,
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

/// Returns the candidates of Rust's own linkers: what C needs beside them is another thing for
/// WebAssembly than for musl.
fn rust_lld(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    if wasm::serves(case.target) {
        wasm::candidates(case)
    } else {
        lld::candidates(case)
    }
}
