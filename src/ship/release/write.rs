//! Writes the directory of a release beside its place, verifies it there, and exchanges it in one
//! step. What is there already with the same bytes stays.

use std::collections::BTreeSet;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use crate::archive::entry::Ownership;
use crate::archive::packing::Compression;
use crate::archive::write::deb::{ControlFiles, DataTar};
use crate::archive::write::stream::CompressedTar;
use crate::archive::write::zip::Zip;
use crate::archive::write::{Gzip, Member};
use crate::digest::Hasher;
use crate::host::below::Below;
use crate::host::codes::FILE_ACCESS;
use crate::host::entries::FileType;
use crate::host::files::{FileReader, FileWriter, cannot};
use crate::host::machine::Host;
use crate::host::replacement::{self, Kind};
use crate::problem::{Problem, Result};
use crate::project::config::release::ArchiveFormat;
use crate::ship::registry::run::{Packed, Registry};
use crate::ship::release::archive::{Contents, members};
use crate::ship::release::deb::{self, Deb};
use crate::ship::release::document::document;
use crate::ship::release::look::check_place;
use crate::ship::release::model::{Build, Release, ReleasedBin};
use crate::ship::release::page;
use crate::ship::release::sbom::Sbom;
use crate::ship::release::sign::SigningKey;
use crate::ship::release::sign::run::{check_key, sign};
use crate::ship::release::texts::{TextFile, texts};
use crate::ship::trees::look::{Origin, findings, line};
use crate::tree::look::TREE_CHANGED;
use crate::tree::provenance::{self, Predicate, Statement, subjects};
use crate::tree::registry::{CRATES, INDEX, config as config_text, path_of};
use crate::tree::release::{Document, FileKind, FileRecord, NAME, SUMS_NAME, sums};
use crate::tree::signature::comment;
use crate::verify::finding::Finding;
use crate::verify::rules::policy::Policy;

/// Directory of a release, as a replaced place.
const RELEASE: Kind = Kind {
    name: "a release",
    flag: "--release-dir",
};

/// Mode of the files of a release.
const MODE: u32 = 0o644;

/// Mode of a script.
const PROGRAM_MODE: u32 = 0o755;

/// A written release.
pub struct Written {
    /// Contents of `release.json`.
    pub document: Document,
    /// False if the directory had the same bytes.
    pub is_changed: bool,
}

/// What a release is written from.
pub struct Parts<'a> {
    /// The release.
    pub release: &'a Release,
    /// Directories that [`ReleasedBin::tree`] counts.
    pub trees: &'a [Utf8PathBuf],
    /// SBOMs of its builds.
    pub sboms: &'a [Sbom],
    /// How the files were made; `None` if that is not written.
    pub provenance: Option<&'a Predicate>,
    /// Packages of the registry, if there is one.
    pub registry: Option<&'a Registry>,
    /// Keys to sign it with.
    pub keys: &'a [SigningKey],
    /// Time of all that is made, in seconds since 1970.
    pub epoch: u64,
    /// What the finished release must pass.
    pub policy: &'a Policy,
}

/// Writes a release.
///
/// # Errors
/// All problems with the files; those of [`check_place`]; a finding of `verify`. The directory is as it was then.
pub fn write(host: &Host, parts: &Parts, directory: &Utf8Path) -> Result<Written, Vec<Problem>> {
    let Parts {
        release,
        trees,
        sboms,
        provenance,
        registry,
        keys,
        epoch,
        policy,
    } = *parts;
    let single = |problem| vec![problem];
    let place = replacement::lock(host, directory, &RELEASE).map_err(single)?;
    place
        .sweep(|leftover| check_place(host, leftover, leftover))
        .map_err(single)?;
    check_place(host, directory, directory).map_err(single)?;
    let new = place.begin().map_err(single)?;
    let root = new.root().to_owned();
    let below = host.below(&root).map_err(single)?;
    let packer = Packer {
        host,
        below: &below,
        trees,
        epoch,
    };
    let mut files = packer.archives(release)?;
    for text in texts(release, &files) {
        files.push(put_text(&below, text).map_err(single)?);
    }
    for deb in &deb::debs(release, epoch)? {
        files.push(packer.deb(deb).map_err(single)?);
    }
    if let Some(registry) = registry {
        files.extend(put_registry(host, &below, registry).map_err(single)?);
    }
    for sbom in sboms {
        files.push(put_sbom(&below, sbom).map_err(single)?);
    }
    if let Some(predicate) = provenance {
        files.push(put_provenance(&below, release, &files, predicate).map_err(single)?);
    }
    let page = page::page(
        release,
        &files,
        registry.map(|registry| registry.url.as_str()),
    );
    let page = TextFile {
        path: page::PAGE_NAME.to_owned(),
        kind: FileKind::Page,
        about: None,
        is_executable: false,
        text: page,
    };
    files.push(put_text(&below, page).map_err(single)?);
    let signatures = keys.iter().map(|key| key.kind).collect();
    let document = document(release, files, signatures);
    let json = put(&below, NAME, document.json().as_bytes()).map_err(single)?;
    let listed = document.files.iter();
    let listed = listed.map(|file| (file.path.as_str(), file.sha256.as_str()));
    let list = sums(listed.chain([(NAME, json.0.as_str())]));
    put(&below, SUMS_NAME, list.as_bytes()).map_err(single)?;
    for key in keys {
        let comment = comment(&release.name, &release.version);
        sign(host, &root, key, &comment).map_err(single)?;
    }
    for (kind, key) in &release.public_keys {
        check_key(host, &root, *kind, key).map_err(single)?;
    }
    let findings = findings(host, &root, Origin::Here, policy.clone(), None).map_err(single)?;
    unfit(&findings, directory).map_err(single)?;
    let is_changed = !host.same_files(&root, directory).map_err(single)?;
    if is_changed {
        new.finish(&root, |old| check_place(host, old, directory))
            .map_err(single)?;
    }
    Ok(Written {
        document,
        is_changed,
    })
}

/// Fails if a release has findings. What was written is removed, so all of them are listed.
///
/// # Errors
/// The code is that of the first finding.
fn unfit(findings: &[Finding], directory: &Utf8Path) -> Result<()> {
    const SHOWN: usize = 100;
    let Some(first) = findings.first() else {
        return Ok(());
    };
    let message =
        format!("the release does not pass verification, so `{directory}` is not written");
    Err(Problem::new(first.code, message)
        .note("found", findings.iter().take(SHOWN).map(line))
        .help("change the files that archives include, or the policy, and repeat the run"))
}

/// Writes the packages of a registry and its index.
fn put_registry(host: &Host, below: &Below, registry: &Registry) -> Result<Vec<FileRecord>> {
    let mut files = Vec::new();
    let mut add = |path: String, kind: FileKind, package: Option<&str>, put: (String, u64)| {
        files.push(FileRecord {
            path,
            kind,
            package: package.map(str::to_owned),
            target: None,
            format: None,
            size: put.1,
            sha256: put.0,
        });
    };
    let config = format!("{INDEX}/config.json");
    let text = config_text(&registry.url);
    let written = put(below, &config, text.as_bytes())?;
    add(config, FileKind::Index, None, written);
    for Packed { line, file } in &registry.packages {
        let path = format!("{CRATES}/{}", line.crate_name());
        let bytes = host.read(file)?;
        let written = put(below, &path, &bytes)?;
        if written.0 != line.cksum {
            let message = format!("`{file}` was changed after cargo wrote it");
            return Err(Problem::new(TREE_CHANGED, message).help("repeat the run"));
        }
        add(path, FileKind::Crate, Some(&line.name), written);
        let path = format!("{INDEX}/{}", path_of(&line.name));
        let written = put(below, &path, line.text().as_bytes())?;
        add(path, FileKind::Index, Some(&line.name), written);
    }
    Ok(files)
}

/// Writes a text.
fn put_text(below: &Below, file: TextFile) -> Result<FileRecord> {
    let TextFile {
        path,
        kind,
        about,
        is_executable,
        text,
    } = file;
    let mode = if is_executable { PROGRAM_MODE } else { MODE };
    let (sha256, size) = put_as(below, &path, text.as_bytes(), mode)?;
    let (package, target) = about.unzip();
    Ok(FileRecord {
        path,
        kind,
        package,
        target,
        format: None,
        size,
        sha256,
    })
}

/// Writes a file and returns its digest and size.
fn put(below: &Below, path: &str, bytes: &[u8]) -> Result<(String, u64)> {
    put_as(below, path, bytes, MODE)
}

/// Writes a file with a mode and returns its digest and size.
fn put_as(below: &Below, path: &str, bytes: &[u8], mode: u32) -> Result<(String, u64)> {
    let mut file = below.create(path)?;
    io::Write::write_all(&mut file, bytes).map_err(|error| below.cannot("write", path, &error))?;
    file.set_mode(mode)?;
    file.finish()
}

/// Writes an SBOM.
fn put_sbom(below: &Below, sbom: &Sbom) -> Result<FileRecord> {
    let Sbom {
        path,
        package,
        target,
        text,
    } = sbom;
    let (sha256, size) = put(below, path, text.as_bytes())?;
    Ok(FileRecord {
        path: path.clone(),
        kind: FileKind::Sbom,
        package: Some(package.clone()),
        target: Some(target.clone()),
        format: None,
        size,
        sha256,
    })
}

/// Writes the provenance of the files that are written.
fn put_provenance(
    below: &Below,
    release: &Release,
    files: &[FileRecord],
    predicate: &Predicate,
) -> Result<FileRecord> {
    let written = document(release, files.to_vec(), Vec::new());
    let statement = Statement::new(subjects(&written), predicate.clone());
    let (sha256, size) = put(below, provenance::NAME, statement.json().as_bytes())?;
    Ok(FileRecord {
        path: provenance::NAME.to_owned(),
        kind: FileKind::Provenance,
        package: None,
        target: None,
        format: None,
        size,
        sha256,
    })
}

/// Packs builds into archives.
struct Packer<'a> {
    host: &'a Host,
    below: &'a Below<'a>,
    trees: &'a [Utf8PathBuf],
    epoch: u64,
}

/// Writer of an archive in one of the formats.
enum Archive<'a> {
    Tar(CompressedTar<FileWriter<'a>>),
    Zip(Zip<FileWriter<'a>>),
}

impl Packer<'_> {
    /// Writes the archives of all builds on all cores.
    fn archives(&self, release: &Release) -> Result<Vec<FileRecord>, Vec<Problem>> {
        let wanted: Vec<(&Build, String, ArchiveFormat)> = release
            .builds
            .iter()
            .flat_map(|build| {
                build
                    .archives()
                    .map(move |(name, format)| (build, name, format))
            })
            .collect();
        let bar = self.host.shell.bar("Packing");
        let packed: Vec<Result<FileRecord>> = wanted
            .par_iter()
            .map(|(build, name, format)| {
                let size = build.bins.iter().map(|bin| bin.size).sum();
                let record = self.archive(build, name, *format);
                bar.add(size);
                record
            })
            .collect();
        drop(bar);
        let (mut records, mut problems) = (Vec::new(), Vec::new());
        for outcome in packed {
            match outcome {
                Ok(record) => records.push(record),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(records)
        } else {
            Err(problems)
        }
    }

    fn archive(&self, build: &Build, name: &str, format: ArchiveFormat) -> Result<FileRecord> {
        let cannot = |error: io::Error| self.below.cannot("write", name, &error);
        let file = self.below.create(name)?;
        file.set_mode(MODE)?;
        let mut archive = Archive::new(file, format, self.epoch).map_err(cannot)?;
        for (path, contents) in members(build) {
            self.put(&mut archive, name, &path, contents)?;
        }
        let (sha256, size) = archive.finish().map_err(cannot)?.finish()?;
        Ok(FileRecord {
            path: name.to_owned(),
            kind: FileKind::Archive,
            package: Some(build.package.clone()),
            target: Some(build.target.triple().to_owned()),
            format: Some(format),
            size,
            sha256,
        })
    }

    /// Writes a package of Debian.
    fn deb(&self, deb: &Deb) -> Result<FileRecord> {
        let name = &deb.file_name;
        let cannot = |error: io::Error| self.below.cannot("write", name, &error);
        let mut data = DataTar::new(self.epoch).map_err(cannot)?;
        let mut made: BTreeSet<&str> = BTreeSet::new();
        for (path, contents) in &deb.contents {
            for (end, _) in path.match_indices('/') {
                if made.insert(&path[..end]) {
                    data.directory(&path[..end]).map_err(cannot)?;
                }
            }
            match contents {
                deb::Contents::Text(text) => {
                    let bytes = text.as_bytes();
                    data.file(path, bytes.len() as u64, false, bytes)
                        .map_err(cannot)?;
                }
                deb::Contents::Compressed(text) => {
                    let mut gzip = Gzip::new(Vec::new());
                    let packed = io::Write::write_all(&mut gzip, text.as_bytes())
                        .and_then(|()| gzip.finish())
                        .map_err(cannot)?;
                    let size = packed.len() as u64;
                    data.file(path, size, false, packed.as_slice())
                        .map_err(cannot)?;
                }
                deb::Contents::File(file) => {
                    let size = self.size(&file.from)?;
                    let mut source = self.source(&file.from)?;
                    data.file(path, size, file.executable, &mut source)
                        .map_err(|error| source.unless_read(error, cannot))?;
                }
                deb::Contents::Bin(bin) => {
                    let mut source = self.source(&self.path(bin))?;
                    data.file(path, bin.size, true, &mut source)
                        .map_err(|error| source.unless_read(error, cannot))?;
                    source.check(bin)?;
                }
            }
        }
        let size = data.installed_size();
        let (before, description) = deb.control.split_once("Description: ").unwrap_or_default();
        let text = format!("{before}Installed-Size: {size}\nDescription: {description}");
        let mut control: ControlFiles = vec![("control", text, false)];
        if !deb.conffiles.is_empty() {
            control.push(("conffiles", deb.conffiles.clone(), false));
        }
        let scripts = deb.scripts.iter();
        control.extend(scripts.map(|(name, text)| (*name, text.clone(), true)));
        let mut file = self.below.create(name)?;
        file.set_mode(MODE)?;
        data.finish(&mut file, control, self.epoch)
            .map_err(cannot)?;
        let (sha256, size) = file.finish()?;
        Ok(FileRecord {
            path: name.clone(),
            kind: FileKind::Deb,
            package: Some(deb.build.package.clone()),
            target: Some(deb.build.target.triple().to_owned()),
            format: None,
            size,
            sha256,
        })
    }

    /// Returns the size of a file of the workspace.
    fn size(&self, path: &Utf8Path) -> Result<u64> {
        match self.host.file_type(path)? {
            FileType::File { size, .. } => Ok(size),
            _ => Err(Problem::new(FILE_ACCESS, format!("`{path}` is not a file"))),
        }
    }

    /// Returns the path of a bin.
    fn path(&self, bin: &ReleasedBin) -> Utf8PathBuf {
        self.trees[bin.tree].join(&bin.path)
    }

    /// Opens a file to pack.
    fn source(&self, path: &Utf8Path) -> Result<Source<FileReader<'_>>> {
        Ok(Source {
            from: self.host.open_read(path)?,
            hasher: Hasher::default(),
            path: path.to_owned(),
            failure: None,
        })
    }

    /// Adds one member to the archive `name`.
    fn put(&self, archive: &mut Archive, name: &str, path: &str, contents: Contents) -> Result<()> {
        let cannot = |error: io::Error| self.below.cannot("write", name, &error);
        match contents {
            Contents::Directory => archive
                .put(path, &Member::Directory(Ownership::PLAIN), io::empty())
                .map_err(cannot),
            Contents::File(file) => {
                let member = Member::File {
                    size: self.size(&file.from)?,
                    executable: file.executable,
                };
                let mut source = self.source(&file.from)?;
                archive
                    .put(path, &member, &mut source)
                    .map_err(|error| source.unless_read(error, cannot))
            }
            Contents::Bin(bin) => {
                let member = Member::File {
                    size: bin.size,
                    executable: true,
                };
                let mut source = self.source(&self.path(bin))?;
                archive
                    .put(path, &member, &mut source)
                    .map_err(|error| source.unless_read(error, cannot))?;
                source.check(bin)
            }
        }
    }
}

impl<'a> Archive<'a> {
    fn new(file: FileWriter<'a>, format: ArchiveFormat, time: u64) -> io::Result<Self> {
        let compression = match format {
            ArchiveFormat::TarGz => Compression::Gzip,
            ArchiveFormat::TarXz => Compression::Xz,
            ArchiveFormat::TarZst => Compression::Zstd,
            ArchiveFormat::Zip => return Ok(Self::Zip(Zip::new(file, time))),
        };
        Ok(Self::Tar(CompressedTar::new(file, compression, time)?))
    }

    fn put(&mut self, path: &str, member: &Member, contents: impl Read) -> io::Result<()> {
        match self {
            Self::Tar(tar) => tar.put(path, member, contents),
            Self::Zip(zip) => zip.put(path, member, contents),
        }
    }

    fn finish(self) -> io::Result<FileWriter<'a>> {
        match self {
            Self::Tar(tar) => tar.finish(),
            Self::Zip(zip) => zip.finish(),
        }
    }
}

/// Reader of a file to pack. It hashes what is read: the tree of a bin was verified before, and may
/// have changed since.
struct Source<R> {
    from: R,
    hasher: Hasher,
    path: Utf8PathBuf,
    /// Why it could not be read to its end.
    failure: Option<Failed>,
}

/// Failure of a reader.
enum Failed {
    /// The system refused it.
    Read(Problem),
    /// It ended too early.
    Ended,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(piece).inspect_err(|error| {
            self.failure = Some(Failed::Read(cannot("read", &self.path, error)));
        })?;
        if read == 0 && !piece.is_empty() {
            self.failure = Some(Failed::Ended);
        }
        io::Write::write_all(&mut self.hasher, &piece[..read])?;
        Ok(read)
    }
}

impl<R> Source<R> {
    /// Returns the problem of an archive that could not be written: that of reading this file, or
    /// else what `written` makes of the error.
    fn unless_read(
        &mut self,
        error: io::Error,
        written: impl FnOnce(io::Error) -> Problem,
    ) -> Problem {
        match self.failure.take() {
            Some(Failed::Read(problem)) => problem,
            Some(Failed::Ended) => cannot("pack", &self.path, &error),
            None => written(error),
        }
    }

    /// Checks that what was read is the bin of the manifest.
    ///
    /// # Errors
    /// `tree-changed`.
    fn check(self, bin: &ReleasedBin) -> Result<()> {
        if self.hasher.finish() == bin.sha256 {
            return Ok(());
        }
        let message = format!("`{}` was changed after it was verified", self.path);
        Err(Problem::new(TREE_CHANGED, message).help("build it again: `cargo xpkg build`"))
    }
}
