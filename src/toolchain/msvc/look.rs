//! Reads a directory with Microsoft's libraries.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::target::Target;
use crate::toolchain::facts::WindowsSdk;
use crate::toolchain::msvc::sdk::{HEADERS, LIBRARIES, arch_names, lacking};

/// Returns the directories below a root, as `xwin splat` lays them out. `crt_static` tells if
/// programs contain the C runtime.
///
/// # Errors
/// The reason why no program can be linked with it.
pub fn sdk(
    host: &Host,
    root: &Utf8Path,
    target: &Target,
    crt_static: bool,
) -> Result<WindowsSdk, String> {
    if !host.is_dir(root) {
        return Err(format!("there is no directory `{root}`"));
    }
    let names = arch_names(target);
    let mut libraries = Vec::new();
    for place in LIBRARIES {
        let below = root.join(place.directory);
        let directory = names
            .iter()
            .map(|name| below.join(name))
            .find(|directory| host.is_dir(directory));
        let directory = directory.ok_or_else(|| {
            let name = names.first().copied().unwrap_or_default();
            format!("there is no directory `{}`", below.join(name))
        })?;
        let library = if crt_static {
            place.contained
        } else {
            place.shared
        };
        if let Some(reason) = lacking(&directory, library, &host.names(&directory)) {
            return Err(reason);
        }
        libraries.push(directory);
    }
    let headers: Vec<_> = HEADERS.iter().map(|place| root.join(place)).collect();
    let missing = headers.iter().find(|directory| !host.is_dir(directory));
    Ok(WindowsSdk {
        without_headers: missing.map(|directory| format!("there is no directory `{directory}`")),
        libraries,
        headers,
    })
}
