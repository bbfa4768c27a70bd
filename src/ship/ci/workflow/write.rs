//! Reads and writes the files of a workflow.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::ci::workflow::codes::CI_PLACE;
use crate::ship::ci::workflow::decide::WorkflowFile;
use crate::ship::ci::workflow::forge::Forge;

/// Largest size of a file that is read, in bytes: that of a workflow of GitHub.
const LARGEST: u64 = 512 * 1024;

/// Returns the text of a file, if it is there.
///
/// # Errors
/// `file-access`, for a file that is no text, too.
pub fn read(host: &Host, root: &Utf8Path, path: &Utf8Path) -> Result<Option<String>> {
    let place = root.join(path);
    if !host.exists(&place) {
        return Ok(None);
    }
    host.read_small_text(&place, LARGEST).map(Some)
}

/// Writes a file in one step.
///
/// # Errors
/// `file-access`.
pub fn write(host: &Host, root: &Utf8Path, file: &WorkflowFile) -> Result<()> {
    let place = root.join(&file.path);
    if let Some(parent) = place.parent() {
        host.create_dir_all(parent)?;
    }
    host.replace_durably(&place, file.text.as_bytes())
}

/// Rejects a place that is a link, or below one: git keeps nothing behind it, and it may lead out of
/// the checkout.
///
/// # Errors
/// `ci-place`.
pub fn check_links(host: &Host, root: &Utf8Path, file: &WorkflowFile) -> Result<()> {
    let Some(link) = host.link_below(root, &file.path) else {
        return Ok(());
    };
    let message = format!("`{link}` is a link, and the workflow would be where it leads");
    Err(Problem::new(CI_PLACE, message).help(format!("remove the link: `rm {link}`")))
}

/// Rejects a workspace below the root of its repository, where no CI system would find the files.
///
/// # Errors
/// `ci-place`.
pub fn check_root(host: &Host, root: &Utf8Path, forge: Forge) -> Result<()> {
    let has_git = |directory: &&Utf8Path| host.exists(&directory.join(".git"));
    let Some(top) = root.ancestors().find(has_git).filter(|top| *top != root) else {
        return Ok(());
    };
    let message = format!("the workspace `{root}` is below the root of its repository, `{top}`");
    Err(Problem::new(CI_PLACE, message).help(format!(
        "print the files, and adapt them: `cargo xpkg ci init --for {} --print`",
        forge.name()
    )))
}
