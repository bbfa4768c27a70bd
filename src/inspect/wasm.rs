//! Inspection of WebAssembly modules and components: the magic and the version are the only
//! platform facts.
//!
//! Sources: <https://webassembly.github.io/spec/core/binary/modules.html#binary-module>; WebAssembly
//! component model, Binary.md.

use crate::inspect::binary::{Binary, FormatName};

/// Name used for the processor: the format has none.
pub const MACHINE: &str = "wasm32";

/// Reads the facts of a WebAssembly module or component.
///
/// # Errors
/// The file is truncated or of an unknown version, with the reason as a clause.
pub fn inspect(bytes: &[u8]) -> Result<Binary, String> {
    let program = |kind: &str| {
        let format = FormatName::Wasm;
        Binary::plain(format, MACHINE.to_owned(), 32, kind.to_owned(), true)
    };
    match bytes.get(4..8) {
        Some([1, 0, 0, 0]) => Ok(program("module")),
        // The upper half tells components, as wasip2 has them, from modules.
        Some([0x0d, 0, 1, 0]) => Ok(program("component")),
        Some(other) => Err(format!(
            "it is wasm of a version that xpkg does not know ({other:02x?})"
        )),
        None => Err("it is wasm, cut off after its magic".to_owned()),
    }
}
