//! `show`: the staged tree, as its manifest tells it.

use crate::cli::{MessageFormat, TreeArgs};
use crate::host::Host;
use crate::problem::{Code, Failure, Problem, Result};
use crate::stage;
use crate::ui;

pub fn run(host: &Host, args: TreeArgs) -> Result<(), Failure> {
    let out_dir = super::find_tree(host, &args.place.options())?.out_dir;
    let Some((manifest, _)) = stage::read(host, &out_dir)? else {
        return Err(Problem::new(
            Code::NoTree,
            format!("there is no staged tree at `{out_dir}`"),
        )
        .help("run `cargo xpkg build`, or name the tree with `--out-dir`")
        .into());
    };
    ui::data(&match args.output.message_format {
        MessageFormat::Human => ui::tree(&manifest),
        MessageFormat::Json => manifest.json(),
    })?;
    Ok(())
}
