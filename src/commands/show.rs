//! `show`: prints the manifest of the staged tree.

use crate::build::look::tree::find_tree;
use crate::commands::args::{MessageFormat, TreeArgs};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result};
use crate::tree::look::NO_TREE;
use crate::{tree, ui};

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg show",
    "cargo xpkg show --out-dir dist",
    "cargo xpkg show --message-format json",
];

/// Runs `show`.
///
/// # Errors
/// `no-tree`: nothing is staged.
pub fn run(host: &Host, args: TreeArgs) -> Result<(), Failure> {
    let out_dir = find_tree(host, &args.place.options())?.out_dir;
    let Some((manifest, _)) = tree::look::read(host, &out_dir)? else {
        return Err(
            Problem::new(NO_TREE, format!("there is no staged tree at `{out_dir}`"))
                .help("run `cargo xpkg build`, or name the tree with `--out-dir`")
                .into(),
        );
    };
    shell::data(&match args.message_format {
        MessageFormat::Human => ui::tree::tree(&manifest),
        MessageFormat::Json => manifest.json(),
    })?;
    Ok(())
}
