//! Reads a directory, a file or an archive into [`Artifacts`], each file once.
//!
//! An archive is read as a stream and never unpacked. Its headers are not trusted: everything that
//! grows with its claims has a bound in [`Limits`], and an entry that cannot be read is reported
//! with the reason ([`EntryKind::Unread`]). The checks are in `verify`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8Path;
use rayon::prelude::*;

use crate::archive::entry::{
    Artifacts, ArtifactsKind, Entry, EntryKind, File, LONGEST_LIST, Ownership,
};
use crate::archive::limits::Limits;
use crate::archive::list_name::list_name;
use crate::archive::packing::{ARCHIVE_UNFIT, Packing};
use crate::archive::read::budget::Budget;
use crate::archive::read::file::{self, PIECE, ReadLimits};
use crate::archive::read::unpacking::{Bounded, StopReason, Unpacking, ZstdFrames};
use crate::archive::read::{tar, zip};
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
    let (kind, mut entries) = match host.file_type(path)? {
        FileType::Directory => (
            ArtifactsKind::Directory,
            directory(host, path, limits, progress)?,
        ),
        FileType::File { size, mode } => open(host, path, (size, mode), limits, progress)?,
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
    Ok(Artifacts {
        kind,
        name,
        entries,
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
    let mut unpacking = Unpacking::keeping(limits, kept);
    // The media type names the compression, too, but only the first bytes are reliable.
    let packing = Packing::of(&first, "layer.tar").unwrap_or(Packing::Tar);
    let outcome = match packing {
        Packing::Zip => Err("it is a zip".to_owned()),
        packing => stream(
            packing,
            BufReader::with_capacity(PIECE, file),
            limits.allowed(size),
            &mut unpacking,
        ),
    };
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

/// Opens a file and returns its first 512 bytes, too.
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

/// Returns the problem of a file that cannot be read.
pub fn cannot(path: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(FILE_ACCESS, format!("cannot read `{path}`: {error}"))
}

/// Reads a tar from a stream, plain or compressed, into `into`. At most `allowed` bytes are
/// unpacked.
///
/// # Errors
/// The reason why it was not read to its end; always for a zip, which is not a stream.
pub fn stream(
    packing: Packing,
    from: impl BufRead,
    allowed: u64,
    into: &mut Unpacking,
) -> Result<(), StopReason> {
    match packing {
        Packing::Tar => tar::read(&mut Bounded::new(from, allowed), into),
        Packing::Gzip => tar::read(
            &mut Bounded::new(flate2::bufread::MultiGzDecoder::new(from), allowed),
            into,
        ),
        Packing::Zstd => tar::read(&mut Bounded::new(ZstdFrames::new(from), allowed), into),
        Packing::Zip => Err("a zip is not a stream".to_owned()),
        Packing::Foreign(why) => Err(why.to_owned()),
    }
}

/// Returns the name of a file: the last component of its path.
pub fn own_name(path: &Utf8Path) -> String {
    path.file_name().unwrap_or(path.as_str()).to_owned()
}

/// Reader of a file that reports its progress.
struct ProgressReader<'a> {
    file: FileReader<'a>,
    progress: &'a Bar,
}

impl Read for ProgressReader<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(piece)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}

impl Seek for ProgressReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Reads everything below a directory. Links are not followed. Files are read on all cores, which
/// together hold at most [`Limits::program`] bytes of programs in memory.
fn directory(host: &Host, root: &Utf8Path, limits: &Limits, progress: &Bar) -> Result<Vec<Entry>> {
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
    let mut lists = limits.lists;
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, size, mode)| {
            let list = list_name(&path).is_some() && size <= lists.min(LONGEST_LIST);
            lists -= if list { size } else { 0 };
            (
                path,
                mode,
                ReadLimits {
                    // A file that grows meanwhile is not held beyond its share.
                    program: limits.program.min(size),
                    size,
                    list: if list { size } else { 0 },
                    like_list: 0,
                    digests: &limits.digests,
                },
            )
        })
        .collect();
    // Only its first bytes tell that a file of another name is a list.
    let left = AtomicU64::new(lists);
    // The workers together hold no more than one of them may.
    let budget = Budget::new(limits.program.max(LONGEST_LIST));
    let read = files.into_par_iter().map_init(
        || vec![0; PIECE],
        |piece, (path, mode, mut bounds)| {
            bounds.like_list = left.load(Ordering::Relaxed).min(LONGEST_LIST);
            let held = if bounds.size <= bounds.program.max(bounds.list) {
                bounds.size
            } else {
                0
            };
            let _share = budget.take(held);
            let what = match host.open_read(&root.join(&path)) {
                Ok(file) => {
                    let inode = file.inode();
                    let read =
                        file::read(&mut ProgressReader { file, progress }, mode, &bounds, piece);
                    if bounds.list == 0
                        && let Some(list) = read.as_ref().ok().and_then(|file| file.list.as_ref())
                    {
                        let length = list.len() as u64;
                        let take = |left: u64| Some(left.saturating_sub(length));
                        let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
                    }
                    read.map_or_else(
                        |error| EntryKind::Unread {
                            code: FILE_ACCESS,
                            why: error.to_string(),
                        },
                        |file| EntryKind::File(File { inode, ..file }),
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
    progress: &Bar,
) -> Result<(ArtifactsKind, Vec<Entry>)> {
    let (file, first) = begin(host, path)?;
    let name = own_name(path);
    let mut reader = ProgressReader { file, progress };
    let Some(packing) = Packing::of(&first, &name) else {
        let list = if list_name(&name).is_some() {
            LONGEST_LIST
        } else {
            0
        };
        let read = file::read(
            &mut reader,
            mode,
            &ReadLimits {
                program: limits.program,
                size,
                list,
                like_list: LONGEST_LIST,
                digests: &limits.digests,
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
    let buffered = BufReader::with_capacity(PIECE, reader);
    let outcome = match packing {
        Packing::Zip => zip::read(buffered.into_inner(), size, allowed, &mut unpacking),
        packing => stream(packing, buffered, allowed, &mut unpacking),
    };
    Ok((ArtifactsKind::Archive, unpacking.finish(outcome)))
}
