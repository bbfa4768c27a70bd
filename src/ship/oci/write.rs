//! Images -> an OCI image layout, as a directory or in one tar: no engine, no root.
//!
//! It is written beside its place and put there in one step; where nothing changed, nothing is
//! written. Bins go from the staged tree through the packer into their blob in pieces, hashed on
//! the way, so that no file is ever held whole. The contents of `index.json` and of the other
//! documents are in [`documents`].

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;
use serde::Serialize;

use crate::archive::entry::Ownership;
use crate::archive::write::{Gzip, Layer, Member};
use crate::digest::Hasher;
use crate::host::codes::FILE_ACCESS;
use crate::host::entries::{FileType, PathKind};
use crate::host::files::FileWriter;
use crate::host::machine::Host;
use crate::host::replacement::{self, Kind};
use crate::problem::{Problem, Result};
use crate::ship::docker::context::CONTEXT_FOREIGN;
use crate::ship::docker::image::{BASE_UNFIT, Image, PlatformImage};
use crate::ship::oci::documents::{
    self, BLOBS, Blob, DOCKER_NAME, INDEX_NAME, LAYOUT_NAME, LayerBlob, Parts,
};
use crate::ship::oci::look::base::BaseLayout;
use crate::ship::oci::look::check::{from_registry, gathered, judged, lay, upon};
use crate::ship::oci::look::members::{self, Members, Source};
use crate::ship::rootfs::Rootfs;
use crate::tree::manifest::Platform;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    /// `false`: all of it was there.
    pub changed: bool,
    pub images: Vec<WrittenImage>,
    /// What is only told of the bases.
    #[serde(skip)]
    pub told: Vec<String>,
}

/// An image in the layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenImage {
    pub name: String,
    /// What stands after `oci:DIR:`.
    pub reference: String,
    /// `sha256:…` of its index.
    pub digest: String,
    pub platforms: Vec<WrittenPlatform>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenPlatform {
    /// `linux/arm64`.
    pub platform: String,
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// Bytes of all its layers as they are packed.
    pub size: u64,
}

/// Writes the images as one layout: a tar where `to` ends so, else a directory. `trees` are those
/// that [`docker::Placed`] counts, `epoch` is the time of all that is made, in seconds since 1970.
///
/// # Errors
/// All that is wrong with the images and the bases; nothing is written then. `to` holds what xpkg
/// did not write.
pub fn write(
    host: &Host,
    images: &[Image],
    trees: &[Utf8PathBuf],
    to: &Utf8Path,
    epoch: u64,
) -> Result<Written, Vec<Problem>> {
    let remote: Vec<Problem> = images.iter().filter_map(from_registry).collect();
    if !remote.is_empty() {
        return Err(remote);
    }
    let single = |problem| vec![problem];
    let created = documents::created(epoch).map_err(single)?;
    let tar = to.extension() == Some("tar");
    let place = replacement::lock(host, to, &LAYOUT).map_err(single)?;
    let sweep = place.sweep(|leftover| {
        let old = leftover.join(if tar { "archive" } else { "layout" });
        refuse_untracked(host, &old, &old, tar)
    });
    sweep.map_err(single)?;
    refuse_untracked(host, to, to, tar).map_err(single)?;
    let new = place.begin().map_err(single)?;
    let (root, archive) = (new.root().join("layout"), new.root().join("archive"));
    let making = Making {
        host,
        root: root.clone(),
        created,
        epoch,
        blobs: AtomicUsize::new(0),
    };
    host.create_dir_all(&root.join(BLOBS)).map_err(single)?;
    let made: Vec<MadeImage> = gathered(images.iter().map(|image| making.image(image, trees)))?;
    let indexes: Vec<(&Image, Blob)> = images
        .iter()
        .zip(&made)
        .map(|(image, made)| (image, made.index.clone()))
        .collect();
    let told = made.iter().flat_map(|made| &made.told).cloned().collect();
    let written = |changed| Written {
        changed,
        told,
        images: images
            .iter()
            .zip(&made)
            .map(|(image, made)| made.written(image, images.len() == 1))
            .collect(),
    };
    host.write(&root.join(LAYOUT_NAME), &documents::marker())
        .map_err(single)?;
    host.write(&root.join(INDEX_NAME), &documents::index(&indexes))
        .map_err(single)?;
    if tar {
        let parts = made.iter().map(|made| {
            made.platforms
                .iter()
                .map(|(parts, ..)| parts.clone())
                .collect()
        });
        let parts: Vec<(&Image, Vec<Parts>)> = images.iter().zip(parts).collect();
        host.write(&root.join(DOCKER_NAME), &documents::docker_manifest(&parts))
            .map_err(single)?;
        let digest = pack(host, &root, &archive, epoch).map_err(single)?;
        if host.is_file(to) && host.hash(to).map_err(single)? == digest {
            return Ok(written(false));
        }
        new.finish(&archive, |old| refuse_untracked(host, old, to, tar))
            .map_err(single)?;
        return Ok(written(true));
    }
    if host.same_files(&root, to).map_err(single)? {
        return Ok(written(false));
    }
    new.finish(&root, |old| refuse_untracked(host, old, to, tar))
        .map_err(single)?;
    Ok(written(true))
}

const LAYOUT: Kind = Kind {
    name: "an image layout",
    flag: "--oci",
};

/// Refuses to write over what xpkg did not write: ours holds nothing but a layout, and every image in
/// its index says so. `name` is its path in messages.
fn refuse_untracked(host: &Host, to: &Utf8Path, name: &Utf8Path, tar: bool) -> Result<()> {
    if !host.exists(to) {
        return Ok(());
    }
    let help = "move it away, or name another place";
    let (is_file, is_dir) = (host.is_file(to), host.is_dir(to));
    if if tar { !is_file } else { !is_dir } {
        let is = match (is_file, is_dir) {
            (true, _) => "a file",
            (_, true) => "a directory",
            _ if host.link_text(to).is_some() => "a link that leads nowhere",
            _ => "no plain file",
        };
        let named = if tar { "tar" } else { "directory" };
        return Err(Problem::new(
            CONTEXT_FOREIGN,
            format!("`{name}` is {is}, and the image layout would be a {named}"),
        )
        .help(help));
    }
    if tar {
        if is_our_tar(host, to)? {
            return Ok(());
        }
        return Err(Problem::new(
            CONTEXT_FOREIGN,
            format!("`{name}` is no image layout that xpkg has written"),
        )
        .help(help));
    }
    let entries = host.walk(to)?;
    let is_ours = |path: &str, entry: &PathKind| match path {
        "blobs" | BLOBS => *entry == PathKind::Directory,
        LAYOUT_NAME | INDEX_NAME => *entry == PathKind::File,
        path => {
            *entry == PathKind::File
                && path
                    .strip_prefix(BLOBS)
                    .is_some_and(|name| name.len() == 65 && !name[1..].contains('/'))
        }
    };
    let untracked: Vec<String> = entries
        .iter()
        .filter(|(path, entry)| !is_ours(path, entry))
        .map(|(path, _)| path.clone())
        .collect();
    if !untracked.is_empty() {
        const SHOWN: usize = 10;
        return Err(Problem::new(
            CONTEXT_FOREIGN,
            format!("`{name}` contains files that xpkg did not create"),
        )
        .note("untracked", untracked.into_iter().take(SHOWN))
        .help(help));
    }
    if entries.is_empty()
        || entries.contains_key(INDEX_NAME) && documents::is_ours(&host.read(&to.join(INDEX_NAME))?)
    {
        return Ok(());
    }
    Err(Problem::new(
        CONTEXT_FOREIGN,
        format!("`{name}` is an image layout that xpkg did not write"),
    )
    .help(help))
}

/// Whether a file is a tar of ours by its index. An empty one is anybody's, as an empty directory
/// is.
fn is_our_tar(host: &Host, path: &Utf8Path) -> Result<bool> {
    const LONGEST: u64 = 4 * 1024 * 1024;
    if matches!(host.file_type(path)?, FileType::File { size: 0, .. }) {
        return Ok(true);
    }
    let mut archive = tar::Archive::new(host.open_read(path)?);
    let found = archive.entries_with_seek().ok().and_then(|entries| {
        let mut index = entries
            .map_while(io::Result::ok)
            .find(|entry| *entry.path_bytes() == *INDEX_NAME.as_bytes())?;
        let mut bytes = Vec::new();
        index.by_ref().take(LONGEST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    });
    host.check_interrupted()?;
    Ok(found.is_some_and(|index| documents::is_ours(&index)))
}

/// Packs a directory into a tar. Returns its digest and size.
fn pack(host: &Host, root: &Utf8Path, to: &Utf8Path, epoch: u64) -> Result<(String, u64)> {
    let mut layer = Layer::new(host.create(to)?, epoch);
    for (path, entry) in host.walk(root)? {
        let from = root.join(&path);
        let put = match entry {
            PathKind::Directory => {
                layer.put(&path, &Member::Directory(Ownership::PLAIN), io::empty())
            }
            _ => {
                let FileType::File { size, .. } = host.file_type(&from)? else {
                    continue;
                };
                layer.put(
                    &path,
                    &Member::File {
                        size,
                        executable: false,
                    },
                    host.open_read(&from)?,
                )
            }
        };
        put.map_err(|error| cannot_copy(&from, to, &error))?;
    }
    layer
        .finish()
        .map_err(|error| cannot_write(to, &error))?
        .finish()
}

fn cannot_copy(from: &Utf8Path, to: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(
        FILE_ACCESS,
        format!("cannot copy `{from}` to `{to}`: {error}"),
    )
}

fn cannot_write(to: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(FILE_ACCESS, format!("cannot write `{to}`: {error}"))
}

/// A layout that is being made.
struct Making<'a> {
    host: &'a Host,
    root: Utf8PathBuf,
    created: String,
    epoch: u64,
    /// Blobs that were begun: each has a name of its own until its digest is known.
    blobs: AtomicUsize,
}

/// An image whose blobs are written.
struct MadeImage {
    index: Blob,
    /// With the manifest, and the bytes of all layers.
    platforms: Vec<(Parts, Blob, u64)>,
    told: Vec<String>,
}

impl MadeImage {
    fn written(&self, image: &Image, single: bool) -> WrittenImage {
        let platform = |(parts, manifest, size): &(Parts, Blob, u64)| WrittenPlatform {
            platform: parts.platform.label(),
            digest: manifest.digest().to_string(),
            size: *size,
        };
        WrittenImage {
            name: image.name.clone(),
            reference: documents::reference(image, single),
            digest: self.index.digest().to_string(),
            platforms: self.platforms.iter().map(platform).collect(),
        }
    }
}

impl Making<'_> {
    /// Writes an image's blobs, those of its platforms side by side.
    fn image(&self, image: &Image, trees: &[Utf8PathBuf]) -> Result<MadeImage, Vec<Problem>> {
        let made: Vec<Result<_, Vec<Problem>>> = image
            .platforms
            .par_iter()
            .map(|of| self.platform(image, of, trees))
            .collect();
        let (platforms, told): (Vec<(Parts, Blob, u64)>, Vec<_>) =
            gathered(made.into_iter())?.into_iter().unzip();
        let manifests: Vec<(Platform, Blob)> = platforms
            .iter()
            .map(|(parts, manifest, _)| (parts.platform.clone(), manifest.clone()))
            .collect();
        let index = self
            .document(&documents::platforms(image, &manifests))
            .map_err(|problem| vec![problem])?;
        Ok(MadeImage {
            index,
            platforms,
            told: told.concat(),
        })
    }

    /// One platform's blobs, and what is only told of its base.
    #[expect(
        clippy::type_complexity,
        reason = "the first of the two is a row of MadeImage"
    )]
    fn platform(
        &self,
        image: &Image,
        of: &PlatformImage,
        trees: &[Utf8PathBuf],
    ) -> Result<((Parts, Blob, u64), Vec<String>), Vec<Problem>> {
        let single = |problem| vec![problem];
        let (mut rootfs, base) = match upon(self.host, image, of)? {
            Some(base) => {
                let library_path = base.library_path().to_owned();
                let BaseLayout {
                    upon,
                    rootfs,
                    layers,
                    top: _,
                } = base;
                (rootfs, Some((upon, layers, library_path)))
            }
            None => (Rootfs::default(), None),
        };
        let mut told = Vec::new();
        let members = members::layers(self.host, image, of, trees, &mut rootfs)?;
        if let Some((_, _, library_path)) = &base {
            members
                .iter()
                .for_each(|members| lay(self.host, &mut rootfs, members));
            judged(image, of, &rootfs, library_path, &mut told)?;
        }
        let layers = members
            .iter()
            .map(|members| self.layer(members).map_err(single))
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = Vec::new();
        let mut size = 0;
        for (from, descriptor) in base.iter().flat_map(|(_, layers, _)| layers) {
            let blob = self.copy(from).map_err(single)?;
            if blob.digest() != *descriptor.digest() {
                return Err(single(Problem::new(
                    BASE_UNFIT,
                    format!("`{from}` changed while it was read"),
                )));
            }
            size += blob.size;
            all.push(blob.sha256);
        }
        size += layers.iter().map(|layer| layer.blob.size).sum::<u64>();
        all.extend(layers.iter().map(|layer| layer.blob.sha256.clone()));
        let upon = base.as_ref().map(|(upon, ..)| upon);
        let configuration = self
            .document(&documents::configuration(
                image,
                &of.platform,
                upon,
                &layers,
                &self.created,
            ))
            .map_err(single)?;
        let manifest = self
            .document(&documents::manifest(image, &configuration, upon, &layers))
            .map_err(single)?;
        Ok((
            (
                Parts {
                    platform: of.platform.clone(),
                    configuration,
                    layers: all,
                },
                manifest,
                size,
            ),
            told,
        ))
    }

    fn document(&self, bytes: &[u8]) -> Result<Blob> {
        let (mut file, path) = self.begin()?;
        file.write_all(bytes)
            .map_err(|error| cannot_write(&path, &error))?;
        self.end(file, &path)
    }

    /// Copies a blob as it is.
    fn copy(&self, from: &Utf8Path) -> Result<Blob> {
        let (mut file, path) = self.begin()?;
        io::copy(&mut self.host.open_read(from)?, &mut file)
            .map_err(|error| cannot_copy(from, &path, &error))?;
        self.end(file, &path)
    }

    fn layer(&self, members: &Members) -> Result<LayerBlob> {
        let (file, path) = self.begin()?;
        let mut layer = Layer::new(
            Hashed {
                with: Gzip::new(file),
                hasher: Hasher::default(),
            },
            self.epoch,
        );
        for (place, (member, source)) in &members.members {
            let cannot = |from: &Utf8Path, error: io::Error| cannot_copy(from, &path, &error);
            match source {
                Source::Nothing => layer
                    .put(place, member, io::empty())
                    .map_err(|error| cannot_write(&path, &error))?,
                Source::Text(text) => layer
                    .put(place, member, text.as_bytes())
                    .map_err(|error| cannot_write(&path, &error))?,
                Source::Disk(from) => layer
                    .put(place, member, self.host.open_read(from)?)
                    .map_err(|error| cannot(from, error))?,
                Source::Staged(from, sha256) => {
                    let mut read = Hashed {
                        with: self.host.open_read(from)?,
                        hasher: Hasher::default(),
                    };
                    layer
                        .put(place, member, &mut read)
                        .map_err(|error| cannot(from, error))?;
                    if read.hasher.finish() != *sha256 {
                        return Err(members::changed(from));
                    }
                }
            }
        }
        let finish = || -> io::Result<_> {
            let Hashed { with, hasher } = layer.finish()?;
            Ok((with.finish()?, hasher.finish()))
        };
        let (file, unpacked) = finish().map_err(|error| cannot_write(&path, &error))?;
        Ok(LayerBlob {
            blob: self.end(file, &path)?,
            unpacked,
            what: members.what.clone(),
        })
    }

    fn begin(&self) -> Result<(FileWriter<'_>, Utf8PathBuf)> {
        let path = self.root.join(BLOBS).join(format!(
            "new-{}",
            self.blobs.fetch_add(1, Ordering::Relaxed)
        ));
        Ok((self.host.create(&path)?, path))
    }

    /// Names a blob by its digest.
    fn end(&self, file: FileWriter, path: &Utf8Path) -> Result<Blob> {
        let (sha256, size) = file.finish()?;
        self.host
            .rename(path, &self.root.join(BLOBS).join(&sha256))?;
        Ok(Blob { sha256, size })
    }
}

/// Hashes what passes.
struct Hashed<T> {
    with: T,
    hasher: Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.with.write(bytes)?;
        self.hasher.write_all(&bytes[..written])?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with.flush()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.with.read(piece)?;
        self.hasher.write_all(&piece[..read])?;
        Ok(read)
    }
}
