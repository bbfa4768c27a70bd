//! Writes the records of stages.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::problem::Result;
use crate::ship::pipeline::look::RECORDS;
use crate::ship::pipeline::record::Records;

/// Writes the records into xpkg's cache, in one step.
pub fn records(host: &Host, cache: &Utf8Path, records: &Records) -> Result<()> {
    host.create_target_dir(cache.parent().unwrap_or(cache))?;
    host.create_dir_all(cache)?;
    host.replace(&cache.join(RECORDS), records.json().as_bytes())
}
