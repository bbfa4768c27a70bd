//! Writes the files of xpkg's own that a plan's variables name.

use crate::build::plan::Plan;
use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::workspace::Workspace;
use crate::toolchain;

/// Writes the files that the plan's variables name, and creates the directories that its containers
/// mount. `clean` removes all of them.
pub fn write_tools(host: &Host, workspace: &Workspace, plan: &Plan) -> Result<()> {
    let candidates = || {
        plan.targets
            .iter()
            .map(|target| &target.toolchain.candidate)
    };
    toolchain::write::write_tools(
        host,
        workspace,
        candidates().flat_map(|candidate| &candidate.files),
    )?;
    // An engine cannot mount a directory that does not exist.
    for image in candidates().filter_map(|candidate| candidate.image.as_ref()) {
        host.create_target_dir(&workspace.target_dir)?;
        host.create_dir_all(&image.target_dir)?;
    }
    Ok(())
}
