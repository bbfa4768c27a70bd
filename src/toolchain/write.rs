//! Writes the generated tool files.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::workspace::Workspace;
use crate::toolchain::tools::ToolFile;

/// Writes generated tool files whose content differs. Unchanged files keep their times, because
/// cargo and CMake compare them.
pub fn write_tools<'a>(
    host: &Host,
    workspace: &Workspace,
    files: impl IntoIterator<Item = &'a ToolFile>,
) -> Result<()> {
    for file in files
        .into_iter()
        .filter(|file| !host.holds(&file.path, file.text.as_bytes()))
    {
        host.create_target_dir(&workspace.target_dir)?;
        host.create_dir_all(file.path.parent().unwrap_or(Utf8Path::new("/")))?;
        if file.program {
            host.replace_program(&file.path, file.text.as_bytes())?;
        } else {
            host.replace(&file.path, file.text.as_bytes())?;
        }
    }
    Ok(())
}
