use crate::ship::rootfs::path::plain;

/// A program as its loader sees it.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Where it stands in the root file system.
    pub place: &'a str,
    /// PT_INTERP.
    pub loader: &'a str,
    pub needed: &'a [String],
    pub rpath: &'a [String],
    pub runpath: &'a [String],
    /// LD_LIBRARY_PATH.
    pub library_path: &'a str,
    /// Debian's name of its directories: `x86_64-linux-gnu`.
    pub multiarch: &'a str,
}

impl Program<'_> {
    /// Its loader is musl, which is the C library, too.
    pub fn is_musl(&self) -> bool {
        last(self.loader).starts_with(MUSL)
    }

    /// What glibc's loader is by itself, or musl, which has all of libc in one file: nobody looks
    /// for such a library.
    pub fn is_loader(&self, name: &str) -> bool {
        let of_libc = |rest: &str| {
            RESERVED.contains(&rest.split('.').next().unwrap_or(rest)) && rest.contains('.')
        };
        name == last(self.loader) || self.is_musl() && name.strip_prefix("lib").is_some_and(of_libc)
    }
}

/// How musl's loader is named.
pub const MUSL: &str = "ld-musl-";

/// Libraries that musl's loader takes itself for.
const RESERVED: &[&str] = &["c", "pthread", "rt", "m", "dl", "util", "xnet"];

/// Where musl looks where no file of it says otherwise.
pub const OF_MUSL: &[&str] = &["/lib", "/usr/local/lib", "/usr/lib"];

pub const CACHE: &str = "etc/ld.so.cache";

/// Whether a file's bytes count: a loader, or what a loader reads before it looks.
pub fn is_of_loader(path: &str) -> bool {
    let path = plain(path);
    let name = last(path);
    let is_loader = ["ld-", "ld.so.", "ld64.so."]
        .iter()
        .any(|first| name.starts_with(first))
        && name.contains(".so");
    path == CACHE || is_path_of_musl(path) || is_loader && !path.starts_with("etc/")
}

/// `etc/ld-musl-x86_64.path`.
fn is_path_of_musl(path: &str) -> bool {
    path.strip_prefix("etc/")
        .is_some_and(|name| name.starts_with(MUSL) && name.ends_with(".path"))
}

/// What a loader, or what it reads, tells: directories, or, in glibc's cache, files.
pub fn told(path: &str, bytes: &[u8]) -> Vec<String> {
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

/// The directories that are compiled into glibc's loader: one text after the other, `/lib/` and
/// `/usr/lib/` among them.
pub fn built_in(bytes: &[u8]) -> Vec<String> {
    let mut run: Vec<String> = Vec::new();
    for text in bytes.split(|byte| *byte == 0) {
        let directory = str::from_utf8(text)
            .ok()
            .filter(|text| text.len() > 2 && text.starts_with('/') && text.ends_with('/'));
        match directory {
            Some(directory) => run.push(directory.trim_end_matches('/').to_owned()),
            None if run.len() > 1 && run.iter().any(|directory| directory.starts_with("/usr/")) => {
                return run;
            }
            None => run.clear(),
        }
    }
    Vec::new()
}

pub fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
