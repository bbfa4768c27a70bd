//! What `verify` is pointed at -> [`Artifacts`]: a directory, a file or an archive, each thing in it
//! read once.
//!
//! An archive is read as a stream and never unpacked. What it says of itself is not believed:
//! everything that grows with its claims has a bound in [`Limits`], and what cannot be read is an
//! entry that says why, not a panic and not a silence. It judges nothing else: that is `verify`.

mod file;
mod tar;
mod unpacking;
mod zip;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::host::{DirEntry, FileReader, FileType, Host};
use crate::problem::{Code, Problem, Result};
use crate::rootfs::Ownership;
use crate::verify::{Artifacts, ArtifactsKind, Entry, EntryKind, LISTS, LONGEST_LIST};
use file::{PIECE, ReadLimits};
use unpacking::{Bounded, Unpacking, ZstdFrames};

/// What one subject may ask of us. All sizes in bytes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A program larger than this is hashed and not looked into: it would have to be held whole.
    pub program: u64,
    /// All that an archive unpacks to.
    pub unpacked: u64,
    /// How many times its own size an archive may unpack to, once that is more than `ratio_from`.
    pub ratio: u64,
    pub ratio_from: u64,
    /// Entries of an archive.
    pub entries: usize,
    /// One path, or the target of one link.
    pub path: usize,
    /// All paths and targets of links of an archive together.
    pub paths: usize,
    /// All files together that are kept because they list others.
    pub lists: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            program: 1024 * MIB,
            unpacked: 8 * 1024 * MIB,
            ratio: 200,
            ratio_from: 64 * MIB,
            entries: 200_000,
            // PATH_MAX of Linux.
            path: 4096,
            paths: 64 * 1024 * 1024,
            lists: 8 * LONGEST_LIST,
        }
    }
}

impl Limits {
    /// What an archive of this size may unpack to.
    fn allowed(&self, packed: u64) -> u64 {
        self.unpacked
            .min(self.ratio_from.max(packed.saturating_mul(self.ratio)))
    }
}

/// Reads a subject. `progress` is called with the number of bytes that were just read from disk,
/// from any thread.
///
/// # Errors
/// The path leads nowhere or cannot be opened, or a signal came. All else is an [`EntryKind::Unread`] in
/// the subject.
pub fn read(
    host: &Host,
    path: &Utf8Path,
    limits: &Limits,
    progress: impl Fn(u64) + Sync,
) -> Result<Artifacts> {
    let name = path.to_string();
    let (kind, mut entries) = match host.thing(path)? {
        FileType::Directory => (
            ArtifactsKind::Directory,
            directory(host, path, limits, &progress)?,
        ),
        FileType::File { size, mode } => open(host, path, (size, mode), limits, &progress)?,
        FileType::Link(target) => (
            ArtifactsKind::File,
            vec![Entry {
                path: own_name(path),
                what: EntryKind::Link(target),
            }],
        ),
        FileType::Special(kind) => (
            ArtifactsKind::File,
            vec![Entry {
                path: own_name(path),
                what: EntryKind::Special(kind),
            }],
        ),
    };
    // A signal looks like a file that ends early to whoever was reading.
    host.check_interrupted()?;
    // Stable: what an archive has twice stays in the archive's order.
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Artifacts {
        kind,
        name,
        entries,
    })
}

/// A layer of an image.
pub struct Layer {
    /// In the layer's order, which counts: what comes later is laid over what came before.
    pub entries: Vec<Entry>,
    pub directories: BTreeMap<String, Ownership>,
}

/// Reads a layer of an image: a tar, as it is or packed with gzip or Zstandard. Of a file that
/// `kept` names, the bytes are kept as [`crate::verify::File::list`].
///
/// # Errors
/// It cannot be opened or read to its end, or a signal came.
pub fn layer(
    host: &Host,
    path: &Utf8Path,
    limits: &Limits,
    kept: fn(&str) -> bool,
) -> Result<Layer> {
    let (mut file, first) = begin(host, path)?;
    let size = file
        .seek(SeekFrom::End(0))
        .and_then(|size| file.rewind().map(|()| size))
        .map_err(|error| cannot(path, &error))?;
    let mut unpacking = Unpacking::keeping(limits, kept);
    // Its media type says how it is packed, too, but the first bytes cannot be wrong.
    let packing = Packing::of(&first, "layer.tar").unwrap_or(Packing::Tar);
    let ended = match packing {
        Packing::Zip => Err("it is a zip".to_owned()),
        packing => stream(
            packing,
            BufReader::with_capacity(PIECE, file),
            limits.allowed(size),
            &mut unpacking,
        ),
    };
    host.check_interrupted()?;
    if let Err(why) = ended {
        return Err(Problem::new(
            Code::ArchiveUnfit,
            format!("cannot read `{path}`: {why}"),
        ));
    }
    let directories = unpacking.directories();
    Ok(Layer {
        entries: unpacking.finish(Ok(())),
        directories,
    })
}

/// Opens a file and reads how it begins.
fn begin<'a>(host: &'a Host, path: &Utf8Path) -> Result<(FileReader<'a>, Vec<u8>)> {
    let mut file = host.open_read(path)?;
    let mut first = Vec::new();
    Read::by_ref(&mut file)
        .take(512)
        .read_to_end(&mut first)
        .map_err(|error| cannot(path, &error))?;
    file.rewind().map_err(|error| cannot(path, &error))?;
    Ok((file, first))
}

fn cannot(path: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(Code::FileAccess, format!("cannot read `{path}`: {error}"))
}

/// Reads what is packed in a stream, whatever it is but a zip.
fn stream(
    packing: Packing,
    from: impl BufRead,
    allowed: u64,
    into: &mut Unpacking,
) -> Result<(), unpacking::StopReason> {
    match packing {
        Packing::Tar => tar::read(&mut Bounded::new(from, allowed), into),
        Packing::Gzip => tar::read(
            &mut Bounded::new(flate2::bufread::MultiGzDecoder::new(from), allowed),
            into,
        ),
        Packing::Zstd => tar::read(&mut Bounded::new(ZstdFrames::new(from), allowed), into),
        Packing::Zip => Err("a zip is no stream".to_owned()),
        Packing::Foreign(why) => Err(why.to_owned()),
    }
}

fn own_name(path: &Utf8Path) -> String {
    path.file_name().unwrap_or(path.as_str()).to_owned()
}

/// A file as it is read from disk, and who wants to know how far it is.
struct Watched<'a> {
    file: FileReader<'a>,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Read for Watched<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(piece)?;
        (self.progress)(read as u64);
        Ok(read)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Below a directory: links are not followed, and files are read on all cores, each worker holding
/// one program at most.
fn directory(
    host: &Host,
    root: &Utf8Path,
    limits: &Limits,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(below) = open.pop() {
        let listed = match host.list(&root.join(&below)) {
            Ok(listed) => listed,
            Err(problem) if below.is_empty() || problem.code == Code::Interrupted => {
                return Err(problem);
            }
            Err(problem) => {
                entries.push(Entry {
                    path: below,
                    what: unread(problem),
                });
                continue;
            }
        };
        if !below.is_empty() {
            entries.push(Entry {
                path: below.clone(),
                what: EntryKind::Directory,
            });
        }
        for DirEntry {
            name,
            readable,
            thing,
        } in listed
        {
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            let what = match thing {
                _ if !readable => EntryKind::Unread {
                    code: Code::FileAccess,
                    why: "its name is not UTF-8, so no list can name it".to_owned(),
                },
                Ok(FileType::Directory) => {
                    open.push(path);
                    continue;
                }
                Ok(FileType::File { size, mode }) => {
                    files.push((path, size, mode));
                    continue;
                }
                Ok(FileType::Link(target)) => EntryKind::Link(target),
                Ok(FileType::Special(kind)) => EntryKind::Special(kind),
                Err(problem) => unread(problem),
            };
            entries.push(Entry { path, what });
        }
    }
    // In the order of paths, so that it does not hang on the file system which lists are kept.
    files.sort();
    let mut lists = limits.lists;
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, size, mode)| {
            let list = may_list(&path) && size <= lists.min(LONGEST_LIST);
            lists -= if list { size } else { 0 };
            (
                path,
                mode,
                ReadLimits {
                    program: limits.program,
                    size,
                    list: if list { size } else { 0 },
                },
            )
        })
        .collect();
    let read = files.into_par_iter().map_init(
        || vec![0; PIECE],
        |piece, (path, mode, holds)| {
            let what = match host.open_read(&root.join(&path)) {
                Ok(file) => {
                    let read = file::read(&mut Watched { file, progress }, mode, &holds, piece);
                    read.map_or_else(
                        |error| EntryKind::Unread {
                            code: Code::FileAccess,
                            why: error.to_string(),
                        },
                        EntryKind::File,
                    )
                }
                Err(problem) => unread(problem),
            };
            Entry { path, what }
        },
    );
    entries.par_extend(read);
    Ok(entries)
}

/// Unpacks an archive that has been read and judged: its files, below a directory. Returns where
/// its manifest stands.
pub fn unpack(host: &Host, path: &Utf8Path, to: &Utf8Path) -> Result<Utf8PathBuf> {
    let cannot = |error: io::Error| {
        Problem::new(Code::FileAccess, format!("cannot unpack `{path}`: {error}"))
    };
    let mut file = host.open_read(path)?;
    let mut first = Vec::new();
    Read::by_ref(&mut file)
        .take(512)
        .read_to_end(&mut first)
        .map_err(cannot)?;
    file.rewind().map_err(cannot)?;
    let buffered = BufReader::with_capacity(PIECE, file);
    let stream: Box<dyn Read> = match Packing::of(&first, &own_name(path)) {
        Some(Packing::Tar) => Box::new(buffered),
        Some(Packing::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        Some(Packing::Zstd) => Box::new(ZstdFrames::new(buffered)),
        _ => {
            return Err(
                Problem::new(Code::ArchiveUnfit, format!("`{path}` is no tar")).help(
                    "hand over the tree as a directory, or as `.tar`, `.tar.gz` or `.tar.zst`",
                ),
            );
        }
    };
    let mut archive = ::tar::Archive::new(stream);
    let mut found = None;
    for entry in archive.entries().map_err(cannot)? {
        let mut entry = entry.map_err(cannot)?;
        let name = entry.path().map_err(cannot)?.to_string_lossy().into_owned();
        if !entry.header().entry_type().is_file() {
            continue;
        }
        // Judged before: no way leads out of the directory.
        let place = to.join(name.trim_start_matches("./"));
        host.create_dir_all(place.parent().unwrap_or(to))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(cannot)?;
        host.write_program(&place, &bytes)?;
        if place.file_name() == Some(crate::manifest::JSON_NAME) {
            found = place.parent().map(Utf8Path::to_owned);
        }
    }
    found.ok_or_else(|| {
        Problem::new(
            Code::NoTree,
            format!("there is no `{}` in `{path}`", crate::manifest::JSON_NAME),
        )
        .help("pack the whole tree that `cargo xpkg build` has staged")
    })
}

/// Whether a file of this name lists others.
fn may_list(path: &str) -> bool {
    LISTS.contains(&path.rsplit('/').next().unwrap_or(path))
}

fn unread(problem: Problem) -> EntryKind {
    EntryKind::Unread {
        code: problem.code,
        why: problem.message,
    }
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Tar,
    Gzip,
    Zstd,
    Zip,
    /// Named or packed like an archive that is not read here, and the clause that says so.
    Foreign(&'static str),
}

impl Packing {
    /// By the first bytes; by the name only where these say nothing. `None`: a file like any other.
    fn of(first: &[u8], name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or one that is to be skipped, as parallel packers write.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ if first.get(257..262) == Some(b"ustar") || named(&[".tar"]) => Some(Self::Tar),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(Self::Foreign(
                "it is packed with xz, which is not read here",
            )),
            [b'B', b'Z', b'h', ..] => Some(Self::Foreign(
                "it is packed with bzip2, which is not read here",
            )),
            _ if named(&[".tar.gz", ".tgz", ".tar.zst", ".zip", ".tar.xz", ".tar.bz2"]) => Some(
                Self::Foreign("it is named like an archive and does not begin like one"),
            ),
            _ => None,
        }
    }
}

/// Opens a file once and reads it as what it is.
fn open(
    host: &Host,
    path: &Utf8Path,
    (size, mode): (u64, Option<u32>),
    limits: &Limits,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(ArtifactsKind, Vec<Entry>)> {
    let (file, first) = begin(host, path)?;
    let name = own_name(path);
    let mut watched = Watched { file, progress };
    let Some(packing) = Packing::of(&first, &name) else {
        let list = if may_list(&name) { LONGEST_LIST } else { 0 };
        let read = file::read(
            &mut watched,
            mode,
            &ReadLimits {
                program: limits.program,
                size,
                list,
            },
            &mut vec![0; PIECE],
        );
        return Ok((
            ArtifactsKind::File,
            vec![Entry {
                path: name,
                what: EntryKind::File(read.map_err(|error| cannot(path, &error))?),
            }],
        ));
    };
    let mut unpacking = Unpacking::new(limits);
    let allowed = limits.allowed(size);
    let buffered = BufReader::with_capacity(PIECE, watched);
    let ended = match packing {
        Packing::Zip => zip::read(buffered.into_inner(), size, allowed, &mut unpacking),
        packing => stream(packing, buffered, allowed, &mut unpacking),
    };
    Ok((ArtifactsKind::Archive, unpacking.finish(ended)))
}
