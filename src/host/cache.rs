//! Cache of facts about the machine, in `~/.cache/cargo-xpkg`. It may be deleted at any time, and a
//! cache that cannot be written is ignored.
//!
//! An entry decides whether a probe runs and which program is started, so it is believed only if
//! this user's xpkg has written it: the directory is the user's alone, and each entry has a seal, a
//! digest of the place, the value and a secret in that directory. A damaged entry, one that was
//! copied from another place, and one that a checkout brings in its target directory have none that
//! fits.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest;
use crate::host::machine::Host;
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};

/// Name of the file of the secret.
const SECRET: &str = "secret";

/// Largest size of an entry in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Returns the digest of a key, for file names: 32 lower-case hex digits. It differs between
/// versions of xpkg.
pub fn digest(key: &str) -> String {
    digest::sha256(format!("{}\n{key}", env!("CARGO_PKG_VERSION")).as_bytes())
        .chars()
        .take(32)
        .collect()
}

/// Returns the path of a cached value; `None` if there is no home directory, or the cache is not
/// the user's alone.
pub fn place(host: &Host, kind: &str, key: &str) -> Option<Utf8PathBuf> {
    secret(host)?;
    let directory = host.cache_dir()?.join(kind);
    Some(directory.join(format!("{}.json", digest(key))))
}

/// Reads a cached value; `None` if there is none, or none that this user's xpkg has written at this
/// place.
pub fn read<T: DeserializeOwned>(host: &Host, path: Option<&Utf8Path>) -> Option<T> {
    let path = path?;
    let text = host.read_small_text(path, LARGEST).ok()?;
    let (seal, value) = text.split_once('\n')?;
    if seal != self::seal(host, path, value)? {
        return None;
    }
    serde_json::from_str(value).ok()
}

/// Writes a value to the cache. Failures are ignored.
pub fn keep(host: &Host, path: Option<&Utf8Path>, value: &impl Serialize) {
    let Some(path) = path else { return };
    let value = serde_json::to_string(value).expect("cached values are plain data");
    let Some(seal) = seal(host, path, &value) else {
        return;
    };
    let directory = path.parent().unwrap_or(Utf8Path::new("/"));
    let _ = host
        .create_dir_all(directory)
        .and_then(|()| host.replace(path, format!("{seal}\n{value}").as_bytes()));
}

/// Returns the seal of a value at a place.
fn seal(host: &Host, path: &Utf8Path, value: &str) -> Option<String> {
    let secret = secret(host)?;
    // The digest of a digest: nobody can append to a value and its seal.
    let inner = digest::sha256(format!("{secret}\n{path}\n{value}").as_bytes());
    Some(digest::sha256(format!("{secret}\n{inner}").as_bytes()))
}

/// Returns the secret of this user's cache. A cache that is not the user's alone is reported once.
fn secret(host: &Host) -> Option<&str> {
    let secret = host.cache_secret.get_or_init(|| {
        let directory = host.cache_dir()?;
        match private(&directory) {
            Ok(true) => read_secret(host, &directory),
            Ok(false) => None,
            Err(problem) => {
                let help = problem.help.join(", ");
                let text = format!("{}; {help}", problem.message);
                host.shell.warning(problem.code.name(), &text);
                None
            }
        }
    });
    secret.as_deref()
}

/// Creates the cache's directory, and makes it the user's alone. Returns false if it cannot be
/// created.
///
/// # Errors
/// `cache-unsafe`: another user may have written to it.
pub fn private(directory: &Utf8Path) -> Result<bool, Problem> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if builder.create(directory).is_err() {
        return Ok(false);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let Ok(metadata) = fs::metadata(directory) else {
            return Ok(false);
        };
        let mode = metadata.permissions().mode() & 0o777;
        let quoted = crate::invocation::quote(directory.as_str());
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            let problem = Problem::new(
                CACHE_UNSAFE,
                format!("the cache `{directory}` belongs to another user, so it is not used"),
            );
            return Err(problem.help("choose another: `export XDG_CACHE_HOME=DIR`"));
        }
        if mode & 0o022 != 0 {
            let problem = Problem::new(
                CACHE_UNSAFE,
                format!("other users may write to the cache `{directory}`, so it is not used"),
            );
            return Err(problem.help(format!("remove it: `rm -r {quoted}`")));
        }
        if mode != 0o700
            && fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).is_err()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads the secret, and creates it if there is none.
fn read_secret(host: &Host, directory: &Utf8Path) -> Option<String> {
    const DIGITS: u64 = 64;
    let path = directory.join(SECRET);
    let is_secret = |text: &String| text.len() as u64 == DIGITS;
    let read = || host.read_small_text(&path, DIGITS).ok().filter(is_secret);
    if let Some(secret) = read() {
        return Some(secret);
    }
    // A damaged one; if another run has just repaired it, the next entries are asked for again.
    let _ = fs::remove_file(&path);
    let mut file = tempfile::NamedTempFile::new_in(directory).ok()?;
    io_write(&mut file, &random()).ok()?;
    // Another run may have been faster.
    let _ = file.persist_noclobber(&path);
    read()
}

fn io_write(file: &mut tempfile::NamedTempFile, text: &str) -> std::io::Result<()> {
    std::io::Write::write_all(file, text.as_bytes())
}

/// Returns 64 random hex digits, from the random keys of the standard library's hash maps, which
/// every system gives.
fn random() -> String {
    let words: Vec<String> = (0..8_u64)
        .map(|word| {
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(word);
            hasher.finish().to_string()
        })
        .collect();
    digest::sha256(words.join(" ").as_bytes())
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[CACHE_UNSAFE];

/// Code of a cache that another user may have written to.
pub const CACHE_UNSAFE: Code = code(&CodeInfo {
    name: "cache-unsafe",
    title: "the cache of answers is not the user's alone",
    cause: "Cached answers decide which probes run and which programs are started. The directory \
            belongs to another user, or others may write to it, so its answers may be theirs.",
    detection: "Owner and mode of `$XDG_CACHE_HOME/cargo-xpkg` or `~/.cache/cargo-xpkg`; xpkg creates \
                it with mode 0700. It is not used then: everything is asked again in each run.",
    fix: "Remove it, or choose another: `export XDG_CACHE_HOME=DIR`.",
    page: "compiler-bugs",
    sources: &["XDG Base Directory Specification"],
    waivable: false,
});
