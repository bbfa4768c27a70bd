//! Packages for JavaScript, which wasm-bindgen makes of a finished library.
//!
//! wasm-bindgen reads a format that changes with each of its versions, so the program must have the
//! version of the crate in Cargo.lock.

pub mod look;
pub mod run;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::wasm_bindgen::{Flavor, NAME};
use crate::target::system::Os;
use crate::toolchain::facts::WasmBindgen;
use crate::tree::staged::Output;

/// The packages of one library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Packages {
    /// Path of the library in the tree.
    pub library: String,
    /// Path of wasm-bindgen.
    pub program: Utf8PathBuf,
    /// Its version, and that of the crate.
    pub version: String,
    /// Kinds of the packages, each with its directory in the tree.
    pub flavors: Vec<(Flavor, String)>,
}

/// Returns the packages that wasm-bindgen makes of a file: kinds, each with its directory in the tree.
pub fn directories(output: &Output) -> Vec<(Flavor, String)> {
    if output.bin.kind != ArtifactKind::Cdylib || output.target.system.os != Os::None {
        return Vec::new();
    }
    let stem = Utf8Path::new(&output.path).with_extension("");
    let flavors = output.bin.flavors.iter();
    flavors
        .map(|flavor| (*flavor, format!("{stem}-{}", flavor.name())))
        .collect()
}

/// Returns the packages of the libraries among these files.
///
/// # Errors
/// `wasm-bindgen-unfit`: the program is not on PATH, or of another version than the crate.
pub fn packages(outputs: &[Output], found: Option<&WasmBindgen>) -> Result<Vec<Packages>> {
    let libraries: Vec<&Output> = outputs
        .iter()
        .filter(|output| !directories(output).is_empty())
        .collect();
    if libraries.is_empty() {
        return Ok(Vec::new());
    }
    let nothing = WasmBindgen::default();
    let (program, version) = fitting(found.unwrap_or(&nothing))?;
    let of_library = |output: &&Output| Packages {
        library: output.path.clone(),
        program: program.to_owned(),
        version: version.to_owned(),
        flavors: directories(output),
    };
    Ok(libraries.iter().map(of_library).collect())
}

/// Returns the program of the version that is locked.
fn fitting(found: &WasmBindgen) -> Result<(&Utf8Path, &str)> {
    let unfit = |message: String| Problem::new(WASM_BINDGEN_UNFIT, message);
    let WasmBindgen { locked, program } = found;
    let [wanted] = locked.as_slice() else {
        let message = match locked.len() {
            0 => format!("no package of Cargo.lock is `{NAME}`, which `wasm-bindgen` asks for"),
            _ => format!(
                "Cargo.lock has several versions of `{NAME}`: {}",
                locked.join(", ")
            ),
        };
        return Err(unfit(message).help("depend on one version of the crate, or remove the key"));
    };
    let install = format!("cargo install wasm-bindgen-cli --version ={wanted} --locked");
    let message = match program {
        Some((path, version)) if version == wanted => return Ok((path, version)),
        Some((path, version)) => format!(
            "`{path}` is version {version}, and Cargo.lock has {wanted}: they read different formats"
        ),
        None => format!("`{NAME}` is not on PATH, and Cargo.lock has version {wanted}"),
    };
    Err(unfit(message).help(format!("install that version: `{install}`")))
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[WASM_BINDGEN_UNFIT];

/// wasm-bindgen that is not there, or not of the right version.
pub const WASM_BINDGEN_UNFIT: Code = code(&CodeInfo {
    name: "wasm-bindgen-unfit",
    title: "wasm-bindgen is missing, or of another version than the crate",
    cause: "The program and the crate share a format that changes with each version, so both must have \
            the same one.",
    detection: "`wasm-bindgen --version` is compared with Cargo.lock before anything is compiled.",
    fix: "Install the version that the message names: `cargo install wasm-bindgen-cli --version =V`.",
    page: "webassembly",
    sources: &["wasm-bindgen, guide, \"the version of wasm-bindgen-cli\""],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_has_the_version_of_the_lock_or_is_refused() {
        let check = |locked: &[&str], program: Option<&str>, expected: &str| {
            let found = WasmBindgen {
                locked: locked.iter().map(ToString::to_string).collect(),
                program: program.map(|version| ("/bin/wasm-bindgen".into(), version.to_owned())),
            };
            let said = match fitting(&found) {
                Ok((_, version)) => version.to_owned(),
                Err(problem) => problem.message,
            };
            assert_eq!(said, expected);
        };
        check(&["0.2.130"], Some("0.2.130"), "0.2.130");
        check(
            &["0.2.130"],
            Some("0.2.100"),
            "`/bin/wasm-bindgen` is version 0.2.100, and Cargo.lock has 0.2.130: they read different \
             formats",
        );
        check(
            &["0.2.130"],
            None,
            "`wasm-bindgen` is not on PATH, and Cargo.lock has version 0.2.130",
        );
        check(
            &[],
            Some("0.2.130"),
            "no package of Cargo.lock is `wasm-bindgen`, which `wasm-bindgen` asks for",
        );
        check(
            &["0.2.1", "0.2.2"],
            Some("0.2.2"),
            "Cargo.lock has several versions of `wasm-bindgen`: 0.2.1, 0.2.2",
        );
    }
}
