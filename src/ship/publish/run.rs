//! Publishes a release: probes the store, compares, and puts what is missing, pointers last.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use rayon::prelude::*;

use crate::digest;
use crate::host::shell::Bar;
use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::ship::publish::channel::{Channel, Entry, Latest};
use crate::ship::publish::codes::{PUBLISH_INVALID, REGISTRY_MOVED, STORE_REFUSED};
use crate::ship::publish::directory::run::changed;
use crate::ship::publish::index;
use crate::ship::publish::objects::{FOREVER, LATEST, Object, Step, mime, objects};
use crate::ship::publish::offered::look::Offered;
use crate::ship::publish::pointers::run::{self as pointers, Planned};
use crate::ship::publish::probe::run::probe;
use crate::ship::publish::receipt::{Fate, Line, Receipt};
use crate::ship::publish::session::run::{Session, workers};
use crate::ship::publish::store::{Condition, From, Outcome, Upload};
use crate::ship::publish::survey::look::{immutable, survey};
use crate::tree::registry::{INDEX, IndexLine};
use crate::tree::release::{Document, FileKind, NAME, SUMS_NAME, sums};

/// Number of times that an object is written which is refused and not there: an upload in parts
/// whose end was not told.
const TRIES: u32 = 3;

/// A release to publish.
pub struct Publication<'a> {
    /// Directory of the release, which was verified.
    pub directory: &'a Utf8Path,
    /// Its document.
    pub document: &'a Document,
    /// Findings to go on with.
    pub accepted: &'a [Code],
    /// True if the version becomes the latest, whatever that is.
    pub moves_latest: bool,
}

/// Publishes a release. The receipt has no address of a server, and no hook.
///
/// # Errors
/// Those of the probe; `version-immutable`, `channel-foreign`, `registry-moved`; the store cannot be
/// read or written. No reader is led to a version that is not whole.
pub fn publish(session: &Session, publication: &Publication) -> Result<Receipt, Vec<Problem>> {
    let single = |problem| vec![problem];
    let Publication {
        directory,
        document,
        accepted,
        moves_latest,
    } = publication;
    let host = session.host;
    let version = &document.version;
    let lists = Lists::read(session, publication).map_err(single)?;
    let entry = Entry {
        version: version.clone(),
        release_sha256: lists.release.1.clone(),
        sums_sha256: lists.sums.1.clone(),
        yanked: false,
    };
    let probed = probe(session, accepted).map_err(single)?;
    let before = session.read_channel().map_err(single)?;
    let latest_before = before.as_ref().and_then(|channel| channel.version.clone());
    check_channel(session, before.as_ref(), document, &entry).map_err(single)?;
    let registry = Registry::read(session, directory, document)?;
    registry.check(session)?;
    let mut others = vec![(NAME, lists.release), (SUMS_NAME, lists.sums)];
    others.extend(lists.signatures);
    let objects = objects(document, session.channel, others);
    let there = survey(session, version, &objects)?;
    let mut lines = put_all(session, publication, &objects, &there)?;
    let Written { objects, yanked } = registry.write(session)?;
    lines.extend(objects);

    let key = session.key(LATEST);
    let mut after = None;
    let line = session.swap(&key, |current| {
        let mut channel = match current {
            Some(bytes) => Channel::parse(bytes, &session.place(&key))?,
            None => Channel::new(&document.name),
        };
        channel.check_name(&document.name, &session.place(&key))?;
        let latest = channel.add(entry.clone(), *moves_latest);
        let text = channel.json().into_bytes();
        after = Some((channel, latest));
        Ok(Some(text).filter(|text| current != Some(text.as_slice())))
    });
    lines.extend(line.map_err(single)?);
    let (channel, latest) = after.expect("the exchange asks for the change");
    if let Latest::Stays(latest) = &latest {
        let why = if channel.entry(version).is_some_and(|entry| entry.yanked) {
            format!("{version} is yanked")
        } else {
            format!("{version} is not later; `--move-latest` moves it all the same")
        };
        let line = match latest {
            Some(latest) => format!("the latest version stays {latest}: {why}"),
            None => format!("there is no latest version: {why}"),
        };
        host.shell.status("Noting", &line);
    }
    // Packages that were yanked with another version, and that this one offers again.
    let mut offered = Offered::new(session, session.dry_run.then_some(&channel));
    offered.insert(document);
    for (key, line) in yanked {
        let settled = offered.settle(key, line).map_err(single)?;
        if let Some(settled) = settled {
            lines.retain(|line| line.key != settled.key);
            lines.push(settled);
        }
    }
    let planned = Planned {
        channel: channel.clone(),
        version,
        directory,
    };
    let planned = session.dry_run.then_some(&planned);
    lines.extend(pointers::write(session, planned).map_err(single)?);
    Ok(Receipt {
        to: session.to.to_owned(),
        endpoint: None,
        channel: session.channel.to_owned(),
        version: Some(version.clone()),
        dry_run: session.dry_run,
        accepted: accepted.iter().map(|code| code.name().to_owned()).collect(),
        probe: probed,
        latest_before,
        latest: channel.version,
        objects: lines,
        hook: None,
    })
}

/// Sizes in bytes and digests of the files that the document does not list.
struct Lists {
    release: (u64, String),
    sums: (u64, String),
    /// Signatures of the sums by name.
    signatures: Vec<(&'static str, (u64, String))>,
}

impl Lists {
    /// Reads them.
    ///
    /// # Errors
    /// `file-access`; `tree-changed`: they are not those of the document that was verified.
    fn read(session: &Session, publication: &Publication) -> Result<Self> {
        let Publication {
            directory,
            document,
            ..
        } = publication;
        let read = |name: &str| {
            let path = directory.join(name);
            let bytes = session.host.read(&path)?;
            Ok((path, bytes))
        };
        let of = |bytes: &[u8]| (bytes.len() as u64, digest::sha256(bytes));
        let (path, bytes) = read(NAME)?;
        let text = String::from_utf8_lossy(&bytes);
        if Document::parse(&text, path.as_str()).as_ref() != Ok(document) {
            return Err(changed(From::File(&path)));
        }
        let release = of(&bytes);
        let files = document.files.iter();
        let files = files.map(|file| (file.path.as_str(), file.sha256.as_str()));
        let expected = sums(files.chain([(NAME, release.1.as_str())]));
        let (path, bytes) = read(SUMS_NAME)?;
        if bytes != expected.as_bytes() {
            return Err(changed(From::File(&path)));
        }
        let mut lists = Self {
            release,
            sums: of(&bytes),
            signatures: Vec::new(),
        };
        for signature in &document.signatures {
            let name = signature.file_name();
            lists.signatures.push((name, of(&read(name)?.1)));
        }
        Ok(lists)
    }
}

/// Fails if the channel is another project's, or has the version with other files.
fn check_channel(
    session: &Session,
    channel: Option<&Channel>,
    document: &Document,
    entry: &Entry,
) -> Result<()> {
    let Some(channel) = channel else {
        return Ok(());
    };
    channel.check_name(&document.name, &session.place(&session.key(LATEST)))?;
    match channel.entry(&entry.version) {
        Some(there)
            if (&there.release_sha256, &there.sums_sha256)
                != (&entry.release_sha256, &entry.sums_sha256) =>
        {
            let differences = vec![session.key(&format!("{}/{SUMS_NAME}", entry.version))];
            Err(immutable(
                session,
                &entry.version,
                differences,
                Vec::new(),
                true,
            ))
        }
        _ => Ok(()),
    }
}

/// Writes the objects that are not there, step by step, and returns what became of all.
fn put_all(
    session: &Session,
    publication: &Publication,
    objects: &[Object],
    there: &BTreeSet<String>,
) -> Result<Vec<Line>, Vec<Problem>> {
    let pool = workers();
    let bar = session.host.shell.sending_bar("Publishing");
    let has_failed = AtomicBool::new(false);
    let mut lines = Vec::new();
    for step in [Step::Files, Step::Lists, Step::Crates] {
        let these: Vec<&Object> = objects
            .iter()
            .filter(|object| object.step == step)
            .collect();
        let put = |object: &&Object| -> Option<Result<Line>> {
            if has_failed.load(Ordering::Relaxed) {
                return None;
            }
            let fate = match (there.contains(&object.key), session.dry_run) {
                (true, _) => Ok(Fate::There),
                (false, true) => Ok(Fate::WouldPut),
                (false, false) => put_one(session, publication, object, &bar),
            };
            has_failed.fetch_or(fate.is_err(), Ordering::Relaxed);
            Some(fate.map(|fate| Line {
                key: object.key.clone(),
                size: object.size,
                sha256: object.sha256.clone(),
                fate,
            }))
        };
        let outcomes: Vec<Option<Result<Line>>> =
            pool.install(|| these.par_iter().map(put).collect());
        let mut problems = Vec::new();
        for outcome in outcomes.into_iter().flatten() {
            match outcome {
                Ok(line) => lines.push(line),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            // Of eight workers, the others report the same.
            problems.dedup_by(|one, other| one.message == other.message);
            return Err(problems);
        }
    }
    Ok(lines)
}

/// Writes an object, unless it is there.
fn put_one(
    session: &Session,
    publication: &Publication,
    object: &Object,
    bar: &Bar,
) -> Result<Fate> {
    let path = publication.directory.join(&object.path);
    let upload = Upload {
        from: From::File(&path),
        size: object.size,
        sha256: &object.sha256,
        mime: mime(&object.key),
        cache: FOREVER,
    };
    for _ in 0..TRIES {
        session.host.check_interrupted()?;
        if session.store.put(&object.key, &upload, Condition::Absent)? == Outcome::Put {
            bar.add(object.size);
            return Ok(Fate::Put);
        }
        match session.store.digest(&object.key)? {
            Some((sha256, size)) if sha256 == object.sha256 && size == object.size => {
                bar.add(object.size);
                return Ok(Fate::There);
            }
            Some(_) => {
                let version = &publication.document.version;
                let differences = vec![object.key.clone()];
                return Err(immutable(session, version, differences, Vec::new(), true));
            }
            None => {}
        }
    }
    let message = format!(
        "the store refuses `{}`, and has none",
        session.place(&object.key)
    );
    Err(Problem::new(STORE_REFUSED, message).help("publish again"))
}

/// Registry of a release.
struct Registry {
    /// Text of `config.json`; `None` without a registry.
    config: Option<Vec<u8>>,
    /// Keys of the files of the index with their lines.
    lines: Vec<(String, IndexLine)>,
}

/// Registry at the store after its lines were added.
#[derive(Default)]
struct Written<'a> {
    /// What became of its files.
    objects: Vec<Line>,
    /// Lines that are yanked there, with the keys of their files.
    yanked: Vec<&'a (String, IndexLine)>,
}

impl Registry {
    /// Reads the index of a release.
    fn read(
        session: &Session,
        directory: &Utf8Path,
        document: &Document,
    ) -> Result<Self, Vec<Problem>> {
        let single = |problem| vec![problem];
        let mut registry = Self {
            config: None,
            lines: Vec::new(),
        };
        let config = format!("{INDEX}/config.json");
        let files = document.files.iter();
        for file in files.filter(|file| file.kind == FileKind::Index) {
            let path = directory.join(&file.path);
            let bytes = session.host.read(&path).map_err(single)?;
            if digest::sha256(&bytes) != file.sha256 {
                return Err(vec![changed(From::File(&path))]);
            }
            if file.path == config {
                registry.config = Some(bytes);
                continue;
            }
            for line in index::parse(&bytes, path.as_str()).map_err(single)? {
                registry.lines.push((session.key(&file.path), line));
            }
        }
        if registry.config.is_none() && !registry.lines.is_empty() {
            let message = "the release has an index without `config.json`";
            return Err(vec![
                Problem::new(PUBLISH_INVALID, message).help("write it again: `cargo xpkg release`"),
            ]);
        }
        Ok(registry)
    }

    /// Fails if the registry at the store is another one, or has other lines.
    fn check(&self, session: &Session) -> Result<(), Vec<Problem>> {
        let Some(config) = &self.config else {
            return Ok(());
        };
        let key = session.key(&format!("{INDEX}/config.json"));
        let single = |problem| vec![problem];
        if let Some((there, _)) = session.store.read(&key).map_err(single)?
            && there != *config
        {
            return Err(vec![moved(session, &key, &there, config)]);
        }
        let check = |(key, line): &(String, IndexLine)| {
            let place = session.place(key);
            let there = session.store.read(key)?;
            let bytes = there.as_ref().map_or(&[][..], |(bytes, _)| bytes);
            index::with(index::parse(bytes, &place)?, line, &place).map(drop)
        };
        let checked: Vec<Result<()>> =
            workers().install(|| self.lines.par_iter().map(check).collect());
        let problems: Vec<Problem> = checked.into_iter().filter_map(Result::err).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// Adds the lines to the registry at the store.
    fn write(&self, session: &Session) -> Result<Written<'_>, Vec<Problem>> {
        let single = |problem| vec![problem];
        let mut written = Written::default();
        let Some(config) = &self.config else {
            return Ok(written);
        };
        let key = session.key(&format!("{INDEX}/config.json"));
        let line = session.swap(&key, |current| match current {
            None => Ok(Some(config.clone())),
            Some(there) if there == config => Ok(None),
            Some(there) => Err(moved(session, &key, there, config)),
        });
        written.objects.extend(line.map_err(single)?);
        let add = |(key, line): &(String, IndexLine)| {
            let place = session.place(key);
            let mut is_yanked = false;
            let swapped = session.swap(key, |current| {
                let lines = index::parse(current.unwrap_or_default(), &place)?;
                is_yanked = index::is_yanked(&lines, &line.vers);
                let text = index::with(lines, line, &place)?;
                Ok(text.map(String::into_bytes))
            })?;
            Ok((swapped, is_yanked))
        };
        let added: Vec<Result<_>> = workers().install(|| self.lines.par_iter().map(add).collect());
        for (line, added) in self.lines.iter().zip(added) {
            let (swapped, is_yanked) = added.map_err(single)?;
            written.objects.extend(swapped);
            written.yanked.extend(is_yanked.then_some(line));
        }
        Ok(written)
    }
}

/// Returns the problem of a registry at another address.
fn moved(session: &Session, key: &str, there: &[u8], here: &[u8]) -> Problem {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let message = format!(
        "`{}` is of a registry at another address",
        session.place(key)
    );
    Problem::new(REGISTRY_MOVED, message)
        .note("there", [text(there)])
        .note("here", [text(here)])
        .help("set the registry's `url` back and release again, or publish to another channel: `--channel NAME`")
}
