//! `clean`: removes the files that xpkg created, never cargo's output or untracked files.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::build::look::tree::{FoundTree, find_tree};
use crate::commands::args::{MessageFormat, TreeArgs};
use crate::host::entries::FileType;
use crate::host::machine::Host;
use crate::host::{lock, shell};
use crate::problem::{Failure, Problem, Result, text};
use crate::project::workspace;
use crate::ship::docker;
use crate::ship::docker::context::DEFAULT;
use crate::toolchain::image::look::derived;
use crate::tree;
use crate::tree::look::TREE_FOREIGN;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg clean",
    "cargo xpkg clean --out-dir dist",
    "cargo xpkg clean --message-format json",
];

/// The JSON document of `clean`.
#[derive(Serialize)]
struct Cleaned {
    out_dir: Utf8PathBuf,
    /// Removed files of the tree, relative to `out_dir`.
    removed: Vec<String>,
}

impl Cleaned {
    fn report(&self, host: &Host) {
        let files = text::count(self.removed.len(), "file");
        host.shell
            .status("Removed", &format!("{files} in {}", self.out_dir));
    }
}

/// Runs `clean`.
pub fn run(host: &Host, args: TreeArgs) -> Result<(), Failure> {
    let FoundTree {
        out_dir,
        cache,
        unfit,
        policy: _,
    } = find_tree(host, &args.place.options())?;
    if let Some(unfit) = unfit {
        return Err(unfit.into());
    }
    let cleaned = clean_tree(host, out_dir)?;
    // The cache is in cargo's target directory, and so is the default context.
    if let Some(target_dir) = cache.as_ref().and_then(|cache| cache.parent()) {
        clean_context(host, &target_dir.join(DEFAULT));
    }
    if let Some(cache) = cache.filter(|cache| host.is_dir(cache)) {
        // A build uses the wrappers in it until its end.
        let path = lock::lock_path(&cache);
        let lock = host.lock(&path, &format!("on `{cache}`"))?;
        for image in derived::remove(host, &cache) {
            host.shell.status("Removed", &format!("the image {image}"));
        }
        clean_cache(host, &cache)?;
        lock::remove_lock(&path);
        drop(lock);
    }
    cleaned.report(host);
    if args.message_format == MessageFormat::Json {
        shell::data(&shell::json(&cleaned))?;
    }
    Ok(())
}

/// Removes the files of the cache by their names. Others are kept, and reported.
fn clean_cache(host: &Host, cache: &Utf8Path) -> Result<()> {
    let mut kept = Vec::new();
    for entry in host.list(cache)? {
        let path = cache.join(&entry.name);
        if !entry.is_utf8 || !workspace::is_cache_entry(&entry.name) {
            kept.push(path);
        } else if entry.file_type? == FileType::Directory {
            host.remove_dir_all(&path)?;
        } else {
            host.remove_file(&path)?;
        }
    }
    for path in kept {
        let text = format!("`{path}` is not xpkg's: it was not removed");
        host.shell.warning(TREE_FOREIGN.name(), &text);
    }
    host.remove_empty_dir(cache);
    Ok(())
}

/// Removes the files of a staged tree.
///
/// # Errors
/// `tree-foreign`: untracked files are left.
fn clean_tree(host: &Host, out_dir: Utf8PathBuf) -> Result<Cleaned> {
    let mut cleaned = Cleaned {
        out_dir,
        removed: Vec::new(),
    };
    let out_dir = &cleaned.out_dir;
    // Without the parent there is no tree, and no place for its lock.
    if !out_dir.parent().is_some_and(|parent| host.is_dir(parent)) {
        return Ok(cleaned);
    }
    let lock_path = lock::lock_path(out_dir);
    let lock = host.temporary_lock(&lock_path, &format!("on `{out_dir}`"))?;
    let (removed, untracked) = tree::write::remove(host, out_dir)?;
    drop(lock);
    cleaned.removed = removed;
    if untracked.is_empty() {
        return Ok(cleaned);
    }
    cleaned.report(host);
    Err(Problem::new(
        TREE_FOREIGN,
        format!(
            "`{}` contains files that xpkg did not create; they are kept",
            cleaned.out_dir
        ),
    )
    .note("untracked", untracked)
    .help("remove them by hand if they are not needed"))
}

/// Removes a Docker context, unless it was changed since xpkg wrote it.
fn clean_context(host: &Host, context: &Utf8Path) {
    match docker::write::remove(host, context) {
        Ok(true) => host.shell.status("Removed", context.as_str()),
        Ok(false) => {}
        Err(problem) => host.shell.warning(
            problem.code.name(),
            &format!("{}; it is kept", problem.message),
        ),
    }
}
