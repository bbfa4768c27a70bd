//! The root file system of an image: the entries of its layers, each laid over the one before, with
//! the owners of directories, the targets of links, and the C library.
//!
//! Pure: `archive::look` reads the layers. No file contents are kept, only facts: the version of a
//! glibc, and the directories that a loader searches.

pub mod libraries;
pub mod loader;
pub mod path;

use std::collections::BTreeMap;

use memchr::memmem;

use crate::archive::entry::{Entry, EntryKind, Ownership};
use crate::ship::rootfs::loader::{MUSL, Program};
use crate::ship::rootfs::path::{join, plain};
use crate::target::glibc::Glibc;

/// An entry of a root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory, with mode and owner.
    Directory(Ownership),
    /// A symbolic link, with its target.
    Link(String),
    /// A regular file.
    File(FileFacts),
    /// A special file, or a hard link whose target is unknown.
    Other,
}

/// Facts about a file, from its name and its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Version, of a glibc.
    glibc: Option<Glibc>,
    /// Paths that a loader or a file of a loader lists.
    paths: Vec<String>,
}

impl FileFacts {
    fn of(path: &str, bytes: Option<&[u8]>) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        Self {
            glibc: bytes.and_then(glibc_version).or_else(|| by_name(name)),
            paths: bytes
                .filter(|_| loader::is_of_loader(path))
                .map(|bytes| loader::listed_paths(path, bytes))
                .unwrap_or_default(),
        }
    }
}

/// A root file system. Paths do not begin with `/` or `./`.
#[derive(Debug, Clone, Default)]
pub struct Rootfs {
    nodes: BTreeMap<String, Node>,
}

/// Limit of links in one path, as in Linux (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Prefix of a whiteout, which deletes an entry of lower layers. Source: image-spec, layer.md.
const WHITEOUT: &str = ".wh.";

/// Name of an opaque whiteout, which deletes everything that lower layers have in its directory.
const OPAQUE_WHITEOUT: &str = ".wh..wh..opq";

/// Returns true if the bytes of a layer's file are needed: it may be glibc or a file of a loader.
pub fn counts(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == "libc.so.6" || by_name(name).is_some() || loader::is_of_loader(path)
}

/// Parses the version in the file name of a glibc before 2.34, `libc-2.31.so`.
fn by_name(name: &str) -> Option<Glibc> {
    Glibc::parse(name.strip_prefix("libc-")?.strip_suffix(".so")?)
}

/// Finds the version in the bytes of a glibc: `GNU C Library (Debian GLIBC 2.36-9) stable release
/// version 2.36.`
pub fn glibc_version(bytes: &[u8]) -> Option<Glibc> {
    const NAME: &[u8] = b"GNU C Library";
    const BEFORE_VERSION: &[u8] = b" release version ";
    const LONGEST: usize = 256;
    memmem::find_iter(bytes, NAME).find_map(|at| {
        let line = &bytes[at..bytes.len().min(at + LONGEST)];
        let version = &line[memmem::find(line, BEFORE_VERSION)? + BEFORE_VERSION.len()..];
        let end = version
            .iter()
            .position(|byte| !(byte.is_ascii_digit() || *byte == b'.'))
            .unwrap_or(version.len());
        Glibc::parse(str::from_utf8(&version[..end]).ok()?.trim_end_matches('.'))
    })
}

impl Rootfs {
    /// Lays a layer over the layers so far, as overlayfs does. A layer is extracted by itself: its
    /// entries follow links of the same layer, but not links of lower ones, which a directory
    /// replaces.
    pub fn lay(&mut self, entries: Vec<Entry>, directories: &BTreeMap<String, Ownership>) {
        let mut layer = Self::default();
        // Whiteouts: a directory, and a name in it or `None` for everything.
        let mut deleted: Vec<(String, Option<String>)> = Vec::new();
        for Entry { path, what } in entries {
            let owned = directories.get(&path).copied().unwrap_or(Ownership::PLAIN);
            let path = layer.place(plain(&path));
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if name == OPAQUE_WHITEOUT {
                deleted.push((directory.to_owned(), None));
                continue;
            }
            if let Some(name) = name.strip_prefix(WHITEOUT) {
                deleted.push((directory.to_owned(), Some(name.to_owned())));
                continue;
            }
            if path.is_empty() {
                continue;
            }
            let node = match what {
                EntryKind::Directory => Node::Directory(owned),
                EntryKind::Link(target) => Node::Link(target),
                EntryKind::HardLink(target) => {
                    let target = layer.place(plain(&target));
                    layer
                        .nodes
                        .get(&target)
                        .or_else(|| self.nodes.get(&target))
                        .cloned()
                        .unwrap_or(Node::Other)
                }
                EntryKind::File(file) => Node::File(FileFacts::of(&path, file.list.as_deref())),
                EntryKind::Special(_) | EntryKind::Unread { .. } => Node::Other,
            };
            layer.put(&path, node);
        }
        // Whiteouts apply to lower layers only, wherever they are in this layer: apply them before
        // its entries.
        for (directory, name) in deleted {
            match name {
                None => self.clear_below(&directory),
                Some(name) => self.remove(&join(&directory, &name)),
            }
            self.make_way(&directory);
        }
        for (path, node) in layer.nodes {
            self.make_way(path.rsplit_once('/').map_or("", |(directory, _)| directory));
            self.put(&path, node);
        }
    }

    /// Replaces non-directory ancestors of `directory`, and `directory` itself, by directories.
    fn make_way(&mut self, directory: &str) {
        let ends = directory
            .match_indices('/')
            .map(|(at, _)| at)
            .chain((!directory.is_empty()).then_some(directory.len()));
        for end in ends {
            if self
                .nodes
                .get(&directory[..end])
                .is_some_and(|node| !matches!(node, Node::Directory(_)))
            {
                self.nodes.insert(
                    directory[..end].to_owned(),
                    Node::Directory(Ownership::PLAIN),
                );
            }
        }
    }

    /// Removes an entry and everything below it.
    fn remove(&mut self, path: &str) {
        self.nodes.remove(path);
        self.clear_below(path);
    }

    /// Removes everything below a directory.
    fn clear_below(&mut self, path: &str) {
        let below = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let removed: Vec<String> = self
            .nodes
            .range(below.clone()..)
            .map(|(other, _)| other.clone())
            .take_while(|other| other.starts_with(&below))
            .collect();
        for path in removed {
            self.nodes.remove(&path);
        }
    }

    /// Resolves all links of a path, also of its last part. The result need not exist. `None` for a
    /// loop of links.
    fn follow(&self, path: &str) -> Option<String> {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut at = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = join(&at, &part);
            let Some(Node::Link(target)) = self.nodes.get(&next) else {
                at = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            if target.starts_with('/') {
                at.clear();
            }
            rest.extend(target.split('/').rev().map(str::to_owned));
        }
        Some(at)
    }

    /// Returns the path at which a file must be stored to be found at `path`: links of its
    /// directory are resolved.
    pub fn place(&self, path: &str) -> String {
        match path.rsplit_once('/') {
            Some((directory, name)) => self
                .follow(directory)
                .map_or_else(|| path.to_owned(), |directory| join(&directory, name)),
            None => path.to_owned(),
        }
    }

    /// Returns the path at which a directory must be stored to be found at `path`: a link at `path`
    /// itself is followed, too, instead of replaced.
    pub fn directory_place(&self, path: &str) -> String {
        let place = self.place(path);
        match self.nodes.get(&place) {
            Some(Node::Link(_)) => self.follow(&place).unwrap_or(place),
            _ => place,
        }
    }

    /// Returns true if exactly this path, without following links, is a directory: by its own entry
    /// or because entries are below it.
    pub fn is_directory(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let implied = || {
            self.nodes
                .range(below.clone()..)
                .next()
                .is_some_and(|(other, _)| other.starts_with(&below))
        };
        matches!(self.nodes.get(path), Some(Node::Directory(_))) || implied()
    }

    /// Returns true if exactly this path, without following links, is a file.
    pub fn is_file(&self, path: &str) -> bool {
        matches!(self.nodes.get(path), Some(Node::File(_) | Node::Other))
    }

    /// Returns mode and owner of a directory; the defaults of a new one if there is none.
    pub fn owned(&self, path: &str) -> Ownership {
        match self.nodes.get(path) {
            Some(Node::Directory(owned)) => *owned,
            _ => Ownership::PLAIN,
        }
    }

    /// Records a directory that a new layer adds.
    pub fn make(&mut self, path: &str, owned: Ownership) {
        self.nodes.insert(path.to_owned(), Node::Directory(owned));
    }

    /// Records a file that a new layer adds; `bytes` are needed if it [`counts`].
    pub fn put_file(&mut self, path: &str, bytes: Option<&[u8]>) {
        self.put(path, Node::File(FileFacts::of(path, bytes)));
    }

    /// Records a link that a new layer adds.
    pub fn put_link(&mut self, path: &str, target: &str) {
        self.put(path, Node::Link(target.to_owned()));
    }

    /// Replaces an entry; all but a directory hides what was below its path.
    fn put(&mut self, path: &str, node: Node) {
        if !matches!(node, Node::Directory(_)) {
            self.clear_below(path);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Returns true if a path, with its links followed, is a file.
    pub fn has_file(&self, path: &str) -> bool {
        self.follow(path)
            .is_some_and(|path| matches!(self.nodes.get(&path), Some(Node::File(_) | Node::Other)))
    }

    /// Returns the path of the glibc that a program loads, and its version if the file contains
    /// one. `None`: the program does not need glibc, or it is missing.
    pub fn glibc(&self, program: &Program) -> Option<(String, Option<Glibc>)> {
        const NAME: &str = "libc.so.6";
        let path = program
            .needed
            .iter()
            .find(|name| *name == NAME)
            .and_then(|name| self.library(name, program))?;
        let version = match self.nodes.get(&path) {
            Some(Node::File(facts)) => facts.glibc,
            _ => None,
        };
        Some((format!("/{path}"), version))
    }

    /// Returns the path of musl's loader if there is one: `/lib/ld-musl-x86_64.so.1`.
    pub fn musl(&self) -> Option<String> {
        let is_musl = |path: &&String| {
            path.rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with(MUSL))
        };
        self.nodes
            .keys()
            .find(is_musl)
            .map(|path| format!("/{path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::entry::File;
    use crate::inspect::InspectError;

    /// Parses entries: `path`, `path/`, `path -> target`, `path => hard link`, `path: bytes`.
    fn layer(lines: &[&str]) -> Vec<Entry> {
        let entry = |line: &&str| {
            let (path, what) = if let Some((path, target)) = line.split_once(" -> ") {
                (path, EntryKind::Link(target.to_owned()))
            } else if let Some((path, target)) = line.split_once(" => ") {
                (path, EntryKind::HardLink(target.to_owned()))
            } else if let Some(path) = line.strip_suffix('/') {
                (path, EntryKind::Directory)
            } else {
                let (path, bytes) = line.split_once(": ").unwrap_or((line, ""));
                let list = counts(path).then(|| bytes.as_bytes().to_vec());
                let binary = Err(InspectError::Empty);
                (
                    path,
                    EntryKind::File(File {
                        size: 0,
                        sha256: String::new(),
                        mode: None,
                        binary,
                        list,
                        homes: Vec::new(),
                        packages: None,
                        digests: Vec::new(),
                        inode: None,
                    }),
                )
            };
            Entry {
                path: path.to_owned(),
                what,
            }
        };
        lines.iter().map(entry).collect()
    }

    pub(super) fn rootfs(layers: &[&[&str]]) -> Rootfs {
        let mut rootfs = Rootfs::default();
        layers
            .iter()
            .for_each(|lines| rootfs.lay(layer(lines), &BTreeMap::new()));
        rootfs
    }

    pub(super) const NEW: &str =
        "GNU C Library (Debian GLIBC 2.36-9+deb12u4) stable release version 2.36.\nCopyright";
    const OLD: &str =
        "GNU C Library (GNU libc) stable release version 2.17, by Roland McGrath et al.";

    #[test]
    fn glibc_tells_its_version() {
        let check = |bytes: &str, expected: Option<&str>| {
            assert_eq!(
                glibc_version(bytes.as_bytes())
                    .map(|version| version.to_string())
                    .as_deref(),
                expected,
                "{bytes}"
            );
        };
        check(NEW, Some("2.36"));
        check(OLD, Some("2.17"));
        check(
            "\0\0GNU C Library (Ubuntu GLIBC 2.35-0ubuntu3.8) stable release version 2.35.\n\0",
            Some("2.35"),
        );
        check(
            "GNU C Library (GNU libc) development release version 2.36.9000.\n",
            Some("2.36.9000"),
        );
        check(
            "GNU C Library is mentioned; GNU C Library (x) stable release version 2.28.",
            Some("2.28"),
        );
        check("GNU C Library", None);
        check("stable release version 2.28.", None);
        check("", None);
    }

    #[test]
    fn the_glibc_of_layers_is_the_last_one() {
        let check = |layers: &[&[&str]], expected: Option<&str>| {
            let needed = ["libc.so.6".to_owned()];
            let program = Program {
                place: "/app",
                loader: "/lib64/ld.so",
                needed: &needed,
                rpath: &[],
                runpath: &[],
                library_path: "",
                multiarch: "x",
            };
            let found = rootfs(layers)
                .glibc(&program)
                .and_then(|(_, version)| version);
            assert_eq!(
                found.map(|version| version.to_string()).as_deref(),
                expected,
                "{layers:?}"
            );
        };
        let (new, old) = (
            format!("lib/x/libc.so.6: {NEW}"),
            format!("lib/x/libc.so.6: {OLD}"),
        );
        // A file outside the loader's search path is not the C library.
        check(
            &[&[&new, &format!("opt/sysroot/lib64/libc.so.6: {OLD}")]],
            Some("2.36"),
        );
        check(&[&[&format!("opt/sysroot/lib64/libc.so.6: {OLD}")]], None);
        check(&[&[&new]], Some("2.36"));
        check(&[&[&new], &[&old]], Some("2.17"));
        check(&[&[&new], &["lib/x/.wh.libc.so.6"]], None);
        // By an absolute path, too.
        check(&[&[&new], &["/lib/x/.wh.libc.so.6"]], None);
        check(&[&[&new], &["/.wh.lib"]], None);
        check(&[&[&new], &["/lib/x/.wh..wh..opq"]], None);
        let below_usr = format!("usr/{new}");
        let linked = &["lib -> usr/lib", &below_usr][..];
        check(&[linked], Some("2.36"));
        check(&[linked, &["/usr/lib/x/.wh.libc.so.6"]], None);
        check(&[linked, &[".wh.lib"]], Some("2.36"));
        // A directory replaces a link of a lower layer, even if it only has a whiteout; a link of
        // the same layer is followed.
        let elsewhere = format!("opt/x/x/libc.so.6: {NEW}");
        let only = &["lib -> opt/x", &elsewhere][..];
        check(&[only], Some("2.36"));
        check(&[only, &["lib/x/.wh.other"]], None);
        check(&[only, &["lib/"]], None);
        check(&[only, &["lib/y/file"]], None);
        check(&[only, &["opt/x/.wh.other"]], Some("2.36"));
        check(&[only, &[&old]], Some("2.17"));
        check(
            &[linked, &["lib -> opt", "lib/x/.wh.libc.so.6"]],
            Some("2.36"),
        );
        check(&[&["lib -> opt/x", &old, "opt/x/y"]], Some("2.17"));
        let of_layer = format!("opt/libc.so.6: {OLD}");
        check(
            &[&[
                "lib -> opt",
                &of_layer,
                "usr/lib/libc.so.6 => lib/libc.so.6",
            ]],
            Some("2.17"),
        );
        check(&[&[&new], &["lib/.wh.x"]], None);
        check(&[&[&new], &["lib/x/.wh..wh..opq"]], None);
        check(&[&[&new], &["lib/x/.wh..wh..opq", &old]], Some("2.17"));
        // A whiteout applies to lower layers, wherever it is in its own.
        check(&[&[&new], &[&old, "lib/x/.wh.libc.so.6"]], Some("2.17"));
        check(&[&[&new], &["lib -> elsewhere"]], None);
        check(
            &[&["lib/x/libc-2.31.so", "lib/x/libc.so.6 -> libc-2.31.so"]],
            Some("2.31"),
        );
        check(
            &[&[
                "lib/libc.so.6 -> /usr/lib/libc-2.28.so",
                &format!("usr/lib/libc-2.28.so: {OLD}"),
            ]],
            Some("2.17"),
        );
        check(
            &[
                &[&new, "lib64/libc.so.6 => lib/x/libc.so.6"],
                &["lib/.wh.x"],
            ],
            Some("2.36"),
        );
        check(&[&["lib/libc.so.6 -> libc.so.6"]], None);
        check(
            &[&["lib/libc.so.6: not glibc"], &["lib/ld-musl-x86_64.so.1"]],
            None,
        );
    }

    #[test]
    fn a_path_leads_where_its_links_lead() {
        let root = rootfs(&[&[
            "usr/",
            "usr/bin/",
            "bin -> usr/bin",
            "usr/bin/sh",
            "lib64 -> ../../usr/lib",
            "usr/lib/ld.so",
            "a -> b",
            "b -> a",
        ]]);
        let check = |path: &str, expected: &str| assert_eq!(root.place(path), expected);
        check("bin/app", "usr/bin/app");
        check("usr/local/bin/app", "usr/local/bin/app");
        check("bin", "bin");
        check("a/app", "a/app");
        let directory =
            |path: &str, expected: &str| assert_eq!(root.directory_place(path), expected);
        directory("bin", "usr/bin");
        directory("lib64", "usr/lib");
        directory("bin/new", "usr/bin/new");
        directory("a", "a");
        assert!(
            root.is_directory("usr")
                && root.is_directory("usr/lib")
                && !root.is_directory("bin")
                && !root.is_directory("us")
        );
        assert!(root.is_file("usr/bin/sh") && !root.is_file("usr/bin") && !root.is_file("bin"));
        assert!(root.has_file("/bin/sh") && root.has_file("/lib64/ld.so"));
        assert!(!root.has_file("/bin/bash") && !root.has_file("/usr/bin") && !root.has_file("/a"));
    }

    #[test]
    fn a_directory_stays_whose_it_is() {
        let owned = Ownership {
            mode: 0o1777,
            user: 0,
            group: 7,
        };
        let mut root = Rootfs::default();
        root.lay(
            layer(&["tmp/", "home/"]),
            &BTreeMap::from([("tmp".to_owned(), owned)]),
        );
        assert_eq!(
            (root.owned("tmp"), root.owned("home"), root.owned("none")),
            (owned, Ownership::PLAIN, Ownership::PLAIN)
        );
        assert_eq!(
            rootfs(&[&["lib/ld-musl-x86_64.so.1"]]).musl().as_deref(),
            Some("/lib/ld-musl-x86_64.so.1")
        );
    }
}
