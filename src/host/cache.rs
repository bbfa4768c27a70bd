//! Answers about the machine that are kept between runs, in `~/.cache/cargo-xpkg`. The cache may
//! vanish at any time, and one that cannot be written is none.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest;
use crate::host::machine::Host;

/// What a key comes to in a file's name.
pub fn digest(key: &str) -> String {
    digest::sha256(format!("{}\n{key}", env!("CARGO_PKG_VERSION")).as_bytes())
        .chars()
        .take(32)
        .collect()
}

/// Where the answer to a question of this kind and key is kept; `None` where there is no home.
pub fn place(host: &Host, kind: &str, key: &str) -> Option<Utf8PathBuf> {
    Some(
        host.cache_dir()?
            .join(kind)
            .join(format!("{}.json", digest(key))),
    )
}

pub fn read<T: DeserializeOwned>(host: &Host, path: Option<&Utf8Path>) -> Option<T> {
    serde_json::from_str(&host.read_text(path?).ok()?).ok()
}

pub fn keep(host: &Host, path: Option<&Utf8Path>, answer: &impl Serialize) {
    let Some(path) = path else { return };
    let text = serde_json::to_string(answer).expect("answers are plain data");
    let directory = path.parent().unwrap_or(Utf8Path::new("/"));
    let _ = host
        .create_dir_all(directory)
        .and_then(|()| host.replace(path, text.as_bytes()));
}
