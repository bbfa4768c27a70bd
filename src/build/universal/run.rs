//! Joins staged programs to universal ones, and stages those.

use fat_macho::FatWriter;

use crate::build::stage::{Provenance, Staging};
use crate::build::universal::{Joined, Universal};
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::tree::manifest::Artifact;
use crate::verify::rules::machine::WRONG_MACHINE;

/// Joins the programs of a run that was built. `built` are the files of its targets.
///
/// # Errors
/// All problems of the joined files: they are inspected as those that cargo built.
pub fn join(
    host: &Host,
    universal: &Universal,
    built: &[Artifact],
    staging: &mut Staging,
    provenance: &Provenance,
) -> Result<Vec<Artifact>, Vec<Problem>> {
    let mut joined = Vec::new();
    let mut problems = Vec::new();
    for program in &universal.programs {
        let Joined { output, parts } = program;
        let of_path = |part: &String| built.iter().find(|artifact| artifact.path == *part);
        // The parts of a target that failed are not there, and the failure is reported.
        let Some(first) = parts.first().and_then(of_path) else {
            continue;
        };
        if !parts.iter().all(|part| of_path(part).is_some()) {
            continue;
        }
        let bytes = together(host, staging, program).map_err(|problem| vec![problem])?;
        match staging.take_bytes(output, first.features.clone(), bytes, provenance) {
            Ok(artifact) => joined.push(artifact),
            Err(found) => problems.extend(found),
        }
    }
    match problems.is_empty() {
        true => Ok(joined),
        false => Err(problems),
    }
}

/// Returns the bytes of a universal program.
fn together(host: &Host, staging: &Staging, program: &Joined) -> Result<Vec<u8>> {
    let unfit = |why: String| {
        let name = program.output.bin.label();
        Problem::new(WRONG_MACHINE, format!("{name} cannot be joined: {why}"))
            .note("parts", program.parts.clone())
    };
    let mut writer = FatWriter::new();
    for part in &program.parts {
        let bytes = host.read(&staging.path_of(part))?;
        writer
            .add(bytes)
            .map_err(|error| unfit(error.to_string()))?;
    }
    let mut bytes = Vec::new();
    writer
        .write_to(&mut bytes)
        .map_err(|error| unfit(error.to_string()))?;
    Ok(bytes)
}
