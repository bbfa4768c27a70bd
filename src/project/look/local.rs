//! Asks cargo for every package of the graph whose sources are on this machine: members, path
//! dependencies, patches.

use cargo_metadata::Metadata;

use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::look::context::{CargoOptions, ProjectContext, parse_metadata};
use crate::project::workspace::Local;

/// Returns the local packages. Cargo.lock is not changed.
pub fn ask(host: &Host, project: &ProjectContext, options: &CargoOptions) -> Result<Vec<Local>> {
    let options = CargoOptions {
        locked: true,
        ..options.clone()
    };
    let question = options.cargo(&project.workspace.root).arg("--all-features");
    let metadata: Metadata = host
        .capture(&question)
        .and_then(|output| parse_metadata(&question, &output))?;
    Ok(Local::all(&metadata))
}
