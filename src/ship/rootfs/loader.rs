//! A program's dynamic loader: its kind, its files, and the directories that they list.
//!
//! Sources: ld.so(8), glibc's elf/dl-load.c, musl's ldso/dynlink.c.

use crate::ship::rootfs::path::plain;

/// A program as its loader sees it.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Path of the program in the root file system; `$ORIGIN` is its directory.
    pub place: &'a str,
    /// Path of the loader (PT_INTERP).
    pub loader: &'a str,
    /// DT_NEEDED, in the program's order.
    pub needed: &'a [String],
    /// DT_RPATH; each item may hold several directories, separated by `:`.
    pub rpath: &'a [String],
    /// DT_RUNPATH; DT_RPATH is ignored if it is set.
    pub runpath: &'a [String],
    /// LD_LIBRARY_PATH of the image; directories separated by `:` or `;`.
    pub library_path: &'a str,
    /// Debian's multiarch name of the target: `x86_64-linux-gnu`.
    pub multiarch: &'a str,
}

impl Program<'_> {
    /// Returns true if the loader is musl, which is the C library, too.
    pub fn is_musl(&self) -> bool {
        last(self.loader).starts_with(MUSL)
    }

    /// Returns true if a library is the loader itself and is not searched for: by its file name,
    /// and with musl by any name of libc, since musl has all of libc in one file.
    pub fn is_loader(&self, name: &str) -> bool {
        let is_libc = |rest: &str| {
            RESERVED.contains(&rest.split('.').next().unwrap_or(rest)) && rest.contains('.')
        };
        name == last(self.loader) || self.is_musl() && name.strip_prefix("lib").is_some_and(is_libc)
    }
}

/// Start of the file name of musl's loader: `ld-musl-x86_64.so.1`.
pub const MUSL: &str = "ld-musl-";

/// Libraries that musl's loader provides itself. Source: `reserved` in ldso/dynlink.c.
const RESERVED: &[&str] = &["c", "pthread", "rt", "m", "dl", "util", "xnet"];

/// Directories that musl searches without an `/etc/ld-musl-*.path` file.
pub const OF_MUSL: &[&str] = &["/lib", "/usr/local/lib", "/usr/lib"];

/// glibc's cache of libraries, written by ldconfig(8).
pub const CACHE: &str = "etc/ld.so.cache";

/// Returns true if a file is a loader, or is read by one for its search: its bytes are needed.
pub fn is_of_loader(path: &str) -> bool {
    let path = plain(path);
    let name = last(path);
    let is_loader = ["ld-", "ld.so.", "ld64.so."]
        .iter()
        .any(|first| name.starts_with(first))
        && name.contains(".so");
    path == CACHE || is_path_of_musl(path) || is_loader && !path.starts_with("etc/")
}

/// Returns true for musl's list of directories, `etc/ld-musl-x86_64.path`.
fn is_path_of_musl(path: &str) -> bool {
    path.strip_prefix("etc/")
        .is_some_and(|name| name.starts_with(MUSL) && name.ends_with(".path"))
}

/// Returns the absolute paths in a file that [`is_of_loader`]: files of glibc's cache, directories
/// of the others.
pub fn listed_paths(path: &str, bytes: &[u8]) -> Vec<String> {
    let path = plain(path);
    let texts = |separators: &'static [u8]| {
        let texts = bytes
            .split(|byte| separators.contains(byte))
            .filter_map(|text| str::from_utf8(text).ok());
        texts
            .filter(|text| text.starts_with('/'))
            .map(str::to_owned)
    };
    match path {
        CACHE => texts(b"\0").collect(),
        path if is_path_of_musl(path) => texts(b":\n").collect(),
        _ => built_in(bytes),
    }
}

/// Returns the directories that are compiled into glibc's loader: the first sequence of two or more
/// strings that begin and end with `/`, one of them below `/usr/`. Empty if there is none.
pub fn built_in(bytes: &[u8]) -> Vec<String> {
    let mut directories: Vec<String> = Vec::new();
    for text in bytes.split(|byte| *byte == 0) {
        let directory = str::from_utf8(text)
            .ok()
            .filter(|text| text.len() > 2 && text.starts_with('/') && text.ends_with('/'));
        match directory {
            Some(directory) => directories.push(directory.trim_end_matches('/').to_owned()),
            None if directories.len() > 1
                && directories
                    .iter()
                    .any(|directory| directory.starts_with("/usr/")) =>
            {
                return directories;
            }
            None => directories.clear(),
        }
    }
    Vec::new()
}

/// Returns the file name of a path.
pub fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
