//! Runs wasm-bindgen over a staged library, and stages what it writes.

use camino::Utf8Path;

use crate::build::stage::Staging;
use crate::build::wasm_bindgen::Packages;
use crate::digest;
use crate::host::codes::PROCESS_FAILED;
use crate::host::entries::PathKind;
use crate::host::machine::Host;
use crate::inspect;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::project::artifact_kind::ArtifactKind;
use crate::tree::manifest::Artifact;

/// Makes the packages of a library that was just staged. Returns their files.
///
/// # Errors
/// wasm-bindgen fails, or its files cannot be staged.
pub fn make(
    host: &Host,
    staging: &mut Staging,
    packages: &Packages,
    library: &Artifact,
) -> Result<Vec<Artifact>> {
    let Packages {
        program,
        version: _,
        flavors,
        library: path,
    } = packages;
    let name = Utf8Path::new(path).file_stem().unwrap_or_default();
    let mut made = Vec::new();
    for (flavor, directory) in flavors {
        let scratch = host.scratch()?;
        let output = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
        let input = staging.path_of(path);
        let call = Invocation::new(program.as_str(), output).args([
            "--target",
            flavor.name(),
            "--out-dir",
            output.as_str(),
            "--out-name",
            name,
            input.as_str(),
        ]);
        host.shell.detail("Running", &format!("`{call}`"));
        let ended = host.capture(&call)?;
        if !ended.success() {
            let message = format!("wasm-bindgen cannot make a `{}` of `{path}`", flavor.name());
            return Err(Problem::new(PROCESS_FAILED, message)
                .note("command", [call.to_string()])
                .cause(&ended.stderr));
        }
        for (file, kind) in host.walk(output)? {
            if !matches!(kind, PathKind::File) {
                continue;
            }
            let bytes = host.read(&output.join(&file))?;
            let artifact = Artifact {
                path: format!("{directory}/{file}"),
                kind: ArtifactKind::WasmBindgen,
                size: bytes.len() as u64,
                sha256: digest::sha256(&bytes),
                binary: inspect::inspect(&bytes).ok(),
                waivers: Vec::new(),
                ..library.clone()
            };
            staging.add(&artifact, &bytes)?;
            made.push(artifact);
        }
    }
    Ok(made)
}
