//! wasm-bindgen for the tests, of the version that the fixture has.

use std::path::PathBuf;

use crate::command::{Go as _, cargo, root};

/// Version of the crate in fixtures/bindgen.
const VERSION: &str = "=0.2.130";

/// Compiles wasm-bindgen beside the system, without optimization: it reads one small file.
pub fn run() -> Result<(), String> {
    let place: PathBuf = root().join("target/toolchains/wasm-bindgen");
    cargo(&[
        "install",
        "wasm-bindgen-cli",
        "--debug",
        "--quiet",
        "--version",
        VERSION,
        "--root",
    ])
    .arg(place)
    .go()
}
