//! Reads which SDK of Apple's a directory is.

use camino::Utf8Path;
use serde::Deserialize;

use crate::host::machine::Host;
use crate::toolchain::facts::AppleSdk;

/// File in every SDK.
const SETTINGS: &str = "SDKSettings.json";

/// Fields of SDKSettings.json.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    /// Platform and version: `macosx15.5`.
    canonical_name: String,
    /// Version: `15.5`.
    version: String,
}

/// Reads the SDK for macOS in a directory.
///
/// # Errors
/// It is none, with the reason as a clause.
pub fn read(host: &Host, path: &Utf8Path) -> Result<AppleSdk, String> {
    let file = path.join(SETTINGS);
    if !host.is_file(&file) {
        return Err(format!(
            "`{path}` is no SDK of Apple's: it has no {SETTINGS}"
        ));
    }
    let unreadable = |why: String| format!("`{file}` cannot be read: {why}");
    let text = host
        .read_text(&file)
        .map_err(|problem| unreadable(problem.message))?;
    let settings: Settings =
        serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if !settings.canonical_name.starts_with("macosx") {
        return Err(format!(
            "`{path}` is an SDK for `{}`, not for macOS",
            settings.canonical_name
        ));
    }
    Ok(AppleSdk {
        path: path.to_owned(),
        version: settings.version,
    })
}
