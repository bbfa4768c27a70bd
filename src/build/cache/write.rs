//! Writes the record of a build, and removes what no build uses.

use camino::Utf8Path;

use crate::build::cache::prune::Pruned;
use crate::build::cache::used::Used;
use crate::build::taken::Taken;
use crate::host::cache;
use crate::host::machine::Host;
use crate::problem::Result;

/// Writes the record of a build, unless it is there.
pub fn record(host: &Host, cache: &Utf8Path, used: &Used) -> Result<()> {
    let (path, text) = (cache.join(used.file_name()), used.json());
    if host.is_file(&path) && host.holds(&path, text.as_bytes()) {
        return Ok(());
    }
    host.create_dir_all(cache)?;
    host.replace(&path, text.as_bytes())
}

/// Writes what a build found in its bins. A failure is ignored: the next one reads them again.
pub fn taken(host: &Host, cache: &Utf8Path, used: &Used, taken: &Taken) {
    let path = cache.join(used.taken_file_name());
    cache::keep(host, Some(&path), taken);
}

/// Removes what was decided about a profile's directory.
pub fn prune(host: &Host, directory: &Utf8Path, pruned: &Pruned) -> Result<()> {
    for path in &pruned.removed {
        let path = directory.join(path);
        if host.link_text(&path).is_none() && host.is_dir(&path) {
            host.remove_dir_all(&path)?;
        } else {
            host.remove_file(&path)?;
        }
    }
    Ok(())
}
