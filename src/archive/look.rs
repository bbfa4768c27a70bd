//! Reads a directory, a file or an archive into [`Artifacts`], each file once; an archive in a
//! directory twice, for its own digest and for its contents.
//!
//! An archive is read as a stream and never unpacked. Its headers are not trusted: everything that
//! grows with its claims has a bound in [`Limits`], and an entry that cannot be read is reported
//! with the reason ([`EntryKind::Unread`]). The checks are in `verify`.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use camino::Utf8Path;
use rayon::prelude::*;

use crate::archive::entry::{
    Artifacts, ArtifactsKind, Entry, EntryKind, File, Inside, LONGEST_LIST, Ownership,
};
use crate::archive::limits::Limits;
use crate::archive::list_name::is_kept;
use crate::archive::packing::{ARCHIVE_UNFIT, Compression, Packing};
use crate::archive::read::budget::Pool;
use crate::archive::read::file::{self, PIECE, ReadLimits};
use crate::archive::read::unpacking::Unpacking;
use crate::archive::read::{contents, member, tar};
use crate::host::codes::{FILE_ACCESS, INTERRUPTED};
use crate::host::entries::{DirEntry, FileType};
use crate::host::files::FileReader;
use crate::host::machine::Host;
use crate::host::shell::Bar;
use crate::problem::{Problem, Result};

/// Reads a directory, an archive or a file, and counts the bytes that it reads on `progress`.
///
/// # Errors
/// The path does not exist or cannot be opened, or a signal came. All else is an
/// [`EntryKind::Unread`] in the result.
pub fn read(host: &Host, path: &Utf8Path, limits: &Limits, progress: &Bar) -> Result<Artifacts> {
    let name = path.to_string();
    let pool = Pool::new(limits);
    let mut inside = Vec::new();
    let (kind, mut entries) = match host.file_type(path)? {
        FileType::Directory => {
            let entries;
            (entries, inside) = directory(host, path, limits, &pool, progress)?;
            (ArtifactsKind::Directory, entries)
        }
        FileType::File { size, mode } => open(host, path, (size, mode), limits, &pool, progress)?,
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
    // To its reader, a signal looks like a truncated file.
    host.check_interrupted()?;
    // Stable: entries with the same path stay in the archive's order.
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    inside.sort_by(|a: &Inside, b| a.path.cmp(&b.path));
    Ok(Artifacts {
        kind,
        name,
        entries,
        inside,
    })
}

/// Contents of a layer of an image.
pub struct Layer {
    /// Entries in the layer's order: a later one replaces an earlier one of the same path.
    pub entries: Vec<Entry>,
    /// Directories by path, with their owners.
    pub directories: BTreeMap<String, Ownership>,
}

/// Reads a layer of an image: a tar, plain or compressed with gzip or Zstandard. The bytes of files
/// for which `kept` returns true are kept in [`crate::archive::entry::File::list`].
///
/// # Errors
/// The file cannot be opened or read to its end, or a signal came.
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
    let pool = Pool::new(limits);
    let mut unpacking = Unpacking::keeping(limits, &pool, kept);
    // The media type names the compression, too, but only the first bytes are reliable.
    let compression = match Packing::of(&first, "layer.tar").unwrap_or(Packing::Tar) {
        Packing::Tar => Ok(None),
        Packing::Compressed(known @ (Compression::Gzip | Compression::Zstd)) => Ok(Some(known)),
        _ => Err("it is no tar, plain or compressed with gzip or Zstandard".to_owned()),
    };
    let outcome = compression.and_then(|compression| {
        let buffered = BufReader::with_capacity(PIECE, file);
        tar::read_stream(compression, buffered, limits.allowed(size), &mut unpacking)
    });
    host.check_interrupted()?;
    if let Err(why) = outcome {
        return Err(Problem::new(
            ARCHIVE_UNFIT,
            format!("cannot read `{path}`: {why}"),
        ));
    }
    let directories = unpacking.directories();
    Ok(Layer {
        entries: unpacking.finish(Ok(())),
        directories,
    })
}

/// Returns the contents of one file of an archive, of which no more than `size` bytes are read; `None`
/// if it has no such file.
///
/// # Errors
/// The archive cannot be read.
pub fn member(host: &Host, archive: &Utf8Path, path: &str, size: u64) -> Result<Option<Vec<u8>>> {
    let (file, first) = begin(host, archive)?;
    let unfit = |why: &str| {
        let message = format!("cannot read `{archive}`: {why}");
        Problem::new(ARCHIVE_UNFIT, message)
    };
    let packing = Packing::of(&first, archive.as_str()).ok_or_else(|| unfit("it is no archive"))?;
    member::member(file, packing, path, size).map_err(|why| unfit(&why))
}

/// Opens a file and returns its first 512 bytes, too.
fn begin<'a>(host: &'a Host, path: &Utf8Path) -> Result<(FileReader<'a>, Vec<u8>)> {
    let mut file = host.open_read(path)?;
    let mut first = Vec::new();
    Read::by_ref(&mut file)
        .take(Packing::FIRST)
        .read_to_end(&mut first)
        .map_err(|error| cannot(path, &error))?;
    file.rewind().map_err(|error| cannot(path, &error))?;
    Ok((file, first))
}

/// Returns the problem of a file that cannot be read.
pub fn cannot(path: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(FILE_ACCESS, format!("cannot read `{path}`: {error}"))
}

/// Returns the name of a file: the last component of its path.
pub fn own_name(path: &Utf8Path) -> String {
    path.file_name().unwrap_or(path.as_str()).to_owned()
}

/// Reader of a file that reports its progress.
struct ProgressReader<'a, R> {
    file: R,
    progress: &'a Bar,
}

impl<R: Read> Read for ProgressReader<'_, R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(piece)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for ProgressReader<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Reads everything below a directory, and the archives in it. Links are not followed. Files are
/// read on all cores, which together hold at most [`Limits::program`] bytes of programs in memory.
fn directory(
    host: &Host,
    root: &Utf8Path,
    limits: &Limits,
    pool: &Pool,
    progress: &Bar,
) -> Result<(Vec<Entry>, Vec<Inside>)> {
    let mut entries = Vec::new();
    let mut files = Vec::new();
    let mut pending = vec![String::new()];
    while let Some(below) = pending.pop() {
        let listed = match host.list(&root.join(&below)) {
            Ok(listed) => listed,
            Err(problem) if below.is_empty() || problem.code == INTERRUPTED => {
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
            is_utf8,
            file_type,
        } in listed
        {
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            let what = match file_type {
                _ if !is_utf8 => EntryKind::Unread {
                    code: FILE_ACCESS,
                    why: "its name is not UTF-8, so no list can name it".to_owned(),
                },
                Ok(FileType::Directory) => {
                    pending.push(path);
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
    // Sorted, so that the limit on lists does not depend on the file system's order.
    files.sort();
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, size, mode)| {
            let is_list = is_kept(&path) && size <= LONGEST_LIST;
            let list = if is_list && pool.lists.take(size) {
                size
            } else {
                0
            };
            let bounds = ReadLimits {
                program: limits.program,
                size,
                bound: size,
                list,
                like_list: 0,
                digests: &limits.digests,
                memory: &pool.memory,
            };
            (path, mode, bounds)
        })
        .collect();
    let read: Vec<_> = files
        .into_par_iter()
        .map_init(
            || vec![0; PIECE],
            |piece, (path, mode, mut bounds)| {
                // Only its first bytes tell that a file of another name is a list.
                bounds.like_list = pool.lists.left().min(LONGEST_LIST);
                let mut file = match host.open_read(&root.join(&path)) {
                    Ok(file) => file,
                    Err(problem) => return (path, unread(problem), None),
                };
                let inode = file.inode();
                let mut reader = ProgressReader {
                    file: &mut file,
                    progress,
                };
                let read = match file::read(&mut reader, mode, &bounds, piece) {
                    Ok(read) => File { inode, ..read },
                    Err(error) => {
                        let what = EntryKind::Unread {
                            code: FILE_ACCESS,
                            why: error.to_string(),
                        };
                        return (path, what, None);
                    }
                };
                if bounds.list == 0
                    && let Some(list) = &read.list
                {
                    pool.lists.take(list.len() as u64);
                }
                let name = root.join(&path);
                let inside = archive(&mut file, &name, &read, limits, pool);
                (path, EntryKind::File(read), inside)
            },
        )
        .collect();
    let mut inside = Vec::new();
    for (path, what, contents) in read {
        inside.extend(contents.map(|contents| Inside {
            path: path.clone(),
            contents,
        }));
        entries.push(Entry { path, what });
    }
    Ok((entries, inside))
}

/// Reads the contents of an archive in a directory; `None` for what is none that is read.
fn archive(
    file: &mut FileReader,
    path: &Utf8Path,
    read: &File,
    limits: &Limits,
    pool: &Pool,
) -> Option<Artifacts> {
    if read.binary.is_ok() {
        return None;
    }
    let mut first = Vec::new();
    let looked = file.rewind().and_then(|()| {
        Read::by_ref(file)
            .take(Packing::FIRST)
            .read_to_end(&mut first)?;
        file.rewind()
    });
    let name = own_name(path);
    let packing = Packing::of(&first, &name)?;
    if matches!(packing, Packing::Foreign(_)) {
        return None;
    }
    let mut entries = match looked {
        Ok(()) => contents::read(file, (packing, &name, read.size), limits, pool),
        Err(error) => vec![Entry {
            path: String::new(),
            what: unread(cannot(path, &error)),
        }],
    };
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Some(Artifacts {
        kind: packing.kind(&name),
        name: path.to_string(),
        entries,
        inside: Vec::new(),
    })
}

/// Returns the entry of what cannot be read.
fn unread(problem: Problem) -> EntryKind {
    EntryKind::Unread {
        code: problem.code,
        why: problem.message,
    }
}

/// Opens a file and reads it, as an archive if it is one.
fn open(
    host: &Host,
    path: &Utf8Path,
    (size, mode): (u64, Option<u32>),
    limits: &Limits,
    pool: &Pool,
    progress: &Bar,
) -> Result<(ArtifactsKind, Vec<Entry>)> {
    let (file, first) = begin(host, path)?;
    let name = own_name(path);
    let mut reader = ProgressReader { file, progress };
    let Some(packing) = Packing::of(&first, &name) else {
        let list = if is_kept(&name) { LONGEST_LIST } else { 0 };
        let read = file::read(
            &mut reader,
            mode,
            &ReadLimits {
                program: limits.program,
                size,
                bound: size,
                list,
                like_list: LONGEST_LIST,
                digests: &limits.digests,
                memory: &pool.memory,
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
    let entries = contents::read(reader, (packing, &name, size), limits, pool);
    Ok((packing.kind(&name), entries))
}
