//! `clean`: removes what xpkg made, never cargo's own output and never a stranger's file.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::build;
use crate::build::look::tree::{self, FoundTree};
use crate::commands::args::{MessageFormat, TreeArgs};
use crate::host::machine::Host;
use crate::host::{lock, shell};
use crate::problem::{Failure, Problem, Result, text};
use crate::ship::docker;
use crate::ship::docker::context::DEFAULT;
use crate::tree::look::TREE_FOREIGN;

#[derive(Serialize)]
struct Cleaned {
    out_dir: Utf8PathBuf,
    removed: Vec<String>,
}

pub fn run(host: &Host, args: TreeArgs) -> Result<(), Failure> {
    let FoundTree {
        out_dir,
        cache,
        policy: _,
    } = tree::find_tree(host, &args.place.options())?;
    let lock_path = lock::lock_path(&out_dir);
    let mut cleaned = Cleaned {
        out_dir: out_dir.clone(),
        removed: Vec::new(),
    };
    if out_dir.parent().is_some_and(|parent| host.is_dir(parent)) {
        let lock = host.lock(&lock_path, &format!("on `{out_dir}`"))?;
        let (removed, left) = build::stage::remove(host, &out_dir)?;
        cleaned.removed = removed;
        host.remove_file(&lock_path)?;
        drop(lock);
        if !left.is_empty() {
            host.shell.status(
                "Removed",
                &format!(
                    "{} in {out_dir}",
                    text::count(cleaned.removed.len(), "file")
                ),
            );
            return Err(Problem::new(
                TREE_FOREIGN,
                format!("`{out_dir}` holds what xpkg did not make; it stays"),
            )
            .note("there", left)
            .help("remove it by hand if it is not needed")
            .into());
        }
    }
    // The context at its default place, beside the cache.
    if let Some(context) = cache
        .as_ref()
        .and_then(|cache| cache.parent())
        .map(|target| target.join(DEFAULT))
    {
        match docker::write::remove(host, &context) {
            Ok(true) => host.shell.status("Removed", context.as_str()),
            Ok(false) => {}
            // Not as it was written: somebody's own work.
            Err(problem) => host.shell.warning(
                problem.code.name(),
                &format!("{}; it stays", problem.message),
            ),
        }
    }
    if let Some(cache) = cache.filter(|cache| host.is_dir(cache)) {
        host.remove_dir_all(&cache)?;
    }
    host.shell.status(
        "Removed",
        &format!(
            "{} in {out_dir}",
            text::count(cleaned.removed.len(), "file")
        ),
    );
    if args.message_format == MessageFormat::Json {
        shell::data(&shell::json(&cleaned))?;
    }
    Ok(())
}
