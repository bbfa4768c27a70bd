//! Cache of facts about the machine, in `~/.cache/cargo-xpkg`. It may be deleted at any time, and a
//! cache that cannot be written is ignored.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest;
use crate::host::machine::Host;

/// Returns the digest of a key, for file names: 32 lower-case hex digits. It differs between
/// versions of xpkg.
pub fn digest(key: &str) -> String {
    digest::sha256(format!("{}\n{key}", env!("CARGO_PKG_VERSION")).as_bytes())
        .chars()
        .take(32)
        .collect()
}

/// Returns the path of a cached value; `None` if there is no home directory.
pub fn place(host: &Host, kind: &str, key: &str) -> Option<Utf8PathBuf> {
    Some(
        host.cache_dir()?
            .join(kind)
            .join(format!("{}.json", digest(key))),
    )
}

/// Reads a cached value; `None` if there is none or it cannot be parsed.
pub fn read<T: DeserializeOwned>(host: &Host, path: Option<&Utf8Path>) -> Option<T> {
    serde_json::from_str(&host.read_text(path?).ok()?).ok()
}

/// Writes a value to the cache. Failures are ignored.
pub fn keep(host: &Host, path: Option<&Utf8Path>, value: &impl Serialize) {
    let Some(path) = path else { return };
    let text = serde_json::to_string(value).expect("cached values are plain data");
    let directory = path.parent().unwrap_or(Utf8Path::new("/"));
    let _ = host
        .create_dir_all(directory)
        .and_then(|()| host.replace(path, text.as_bytes()));
}
