//! WebAssembly: the magic and the version are all that tells one module's platform from another's.
//! Source: <https://webassembly.github.io/spec/core/binary/modules.html#binary-module>.

use crate::inspect::binary::{Binary, FormatName};

/// What stands for a processor.
pub const MACHINE: &str = "wasm32";

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
