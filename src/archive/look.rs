//! What `verify` is pointed at -> [`Artifacts`]: a directory, a file or an archive, each thing in it
//! read once.
//!
//! An archive is read as a stream and never unpacked. What it says of itself is not believed:
//! everything that grows with its claims has a bound in [`Limits`], and what cannot be read is an
//! entry that says why, not a panic and not a silence. It judges nothing else: that is `verify`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use camino::Utf8Path;
use rayon::prelude::*;

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind, LONGEST_LIST, Ownership};
use crate::archive::limits::{Limits, may_list};
use crate::archive::packing::{ARCHIVE_UNFIT, Packing};
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
/// The path leads nowhere or cannot be opened, or a signal came. All else is an [`EntryKind::Unread`] in
/// the subject.
pub fn read(host: &Host, path: &Utf8Path, limits: &Limits, progress: &Bar) -> Result<Artifacts> {
    let name = path.to_string();
    let (kind, mut entries) = match host.thing(path)? {
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
/// `kept` names, the bytes are kept as [`crate::archive::entry::File::list`].
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

pub fn cannot(path: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(FILE_ACCESS, format!("cannot read `{path}`: {error}"))
}

/// Reads what is packed in a stream, whatever it is but a zip.
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
        Packing::Zip => Err("a zip is no stream".to_owned()),
        Packing::Foreign(why) => Err(why.to_owned()),
    }
}

pub fn own_name(path: &Utf8Path) -> String {
    path.file_name().unwrap_or(path.as_str()).to_owned()
}

/// A file as it is read from disk, and who wants to know how far it is.
struct Watched<'a> {
    file: FileReader<'a>,
    progress: &'a Bar,
}

impl Read for Watched<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(piece)?;
        self.progress.add(read as u64);
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
fn directory(host: &Host, root: &Utf8Path, limits: &Limits, progress: &Bar) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(below) = open.pop() {
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
                    code: FILE_ACCESS,
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
                            code: FILE_ACCESS,
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

fn unread(problem: Problem) -> EntryKind {
    EntryKind::Unread {
        code: problem.code,
        why: problem.message,
    }
}

/// Opens a file once and reads it as what it is.
fn open(
    host: &Host,
    path: &Utf8Path,
    (size, mode): (u64, Option<u32>),
    limits: &Limits,
    progress: &Bar,
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
