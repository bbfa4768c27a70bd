//! Looks for wasm-bindgen on PATH, and for its crate in Cargo.lock.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::project::selection::Bin;
use crate::project::wasm_bindgen::{NAME, locked_versions, printed_version};
use crate::toolchain::facts::WasmBindgen;
use crate::toolchain::probe::look::subject::LIMIT;

/// Largest Cargo.lock that is read, in bytes.
const LARGEST_LOCK: u64 = 64 * 1024 * 1024;

/// Returns what is found; `None` if no library is to have a package for JavaScript.
pub fn find(host: &Host, root: &Utf8Path, bins: &[Bin]) -> Option<WasmBindgen> {
    bins.iter().find(|bin| !bin.flavors.is_empty())?;
    let lock = host.read_small_text(&root.join("Cargo.lock"), LARGEST_LOCK);
    let version = |path: &Utf8Path| {
        let question = Invocation::new(path.as_str(), root).arg("--version");
        let output = host.capture_untrusted(&question, LIMIT).ok()?;
        printed_version(&output.stdout).map(str::to_owned)
    };
    let program = host.find(NAME).map(|path| {
        let version = version(&path).unwrap_or_else(|| "unknown".to_owned());
        (path, version)
    });
    Some(WasmBindgen {
        locked: locked_versions(&lock.unwrap_or_default()),
        program,
    })
}
