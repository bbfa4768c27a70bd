//! Inspection of WebAssembly modules: the magic and the version are the only platform facts.
//!
//! Source: <https://webassembly.github.io/spec/core/binary/modules.html#binary-module>.

use crate::inspect::binary::{Binary, FormatName};

/// Name used for the processor: the format has none.
pub const MACHINE: &str = "wasm32";

/// Reads the facts of a WebAssembly module.
///
/// # Errors
/// The module is truncated or of an unknown version, with the reason as a clause.
pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    match bytes.get(4..8) {
        Some([1, 0, 0, 0]) => Ok(Binary::plain(
            FormatName::Wasm,
            MACHINE.to_owned(),
            32,
            "module".to_owned(),
            true,
        )),
        Some(other) => Err(format!(
            "it is wasm of a version that xpkg does not know ({other:02x?})"
        )),
        None => Err("it is wasm, cut off after its magic".to_owned()),
    }
}
