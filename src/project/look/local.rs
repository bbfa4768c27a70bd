//! Asks cargo for every package of the graph that stands on this machine: members, path
//! dependencies, patches.

use cargo_metadata::Metadata;

use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::look::context::{CargoOptions, ProjectContext, parse_metadata};
use crate::project::workspace::Local;

/// Cargo.lock is taken as it is.
pub fn ask(host: &Host, found: &ProjectContext, asking: &CargoOptions) -> Result<Vec<Local>> {
    let asking = CargoOptions {
        locked: true,
        ..asking.clone()
    };
    let question = asking.cargo(&found.workspace.root).arg("--all-features");
    let metadata: Metadata = host
        .capture(&question)
        .and_then(|output| parse_metadata(&question, &output))?;
    Ok(Local::all(&metadata))
}
