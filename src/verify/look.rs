//! Reading of a subject with the digests that its own lists have.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::archive;
use crate::archive::entry::Artifacts;
use crate::archive::limits::Limits;
use crate::host::machine::Host;
use crate::host::shell::Bar;
use crate::problem::Result;
use crate::verify::listing;

/// Reads a directory, an archive or a file for [`crate::verify::judge`].
///
/// Lists with other digests than SHA-256 are known only once all is read, so then it is read again.
/// Everything in the result is from the second time, as it may have changed.
///
/// # Errors
/// Those of [`archive::look::read`].
pub fn read(host: &Host, path: &Utf8Path, progress: &Bar) -> Result<Artifacts> {
    let subject = archive::look::read(host, path, &Limits::default(), progress)?;
    let inside = subject.inside.iter().map(|inside| &inside.contents);
    let lists = inside.chain([&subject]);
    let algorithms = lists.flat_map(|from| listing::find(from, &mut Vec::new()).algorithms());
    let digests: BTreeSet<_> = algorithms.collect();
    if digests.is_empty() {
        return Ok(subject);
    }
    let limits = Limits {
        digests: digests.into_iter().collect(),
        ..Limits::default()
    };
    archive::look::read(host, path, &limits, progress)
}
