//! Yanks a version: it is no longer the latest, and cargo no longer chooses it. Its files stay.

use std::collections::BTreeSet;

use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::ship::publish::channel::Channel;
use crate::ship::publish::codes::VERSION_UNKNOWN;
use crate::ship::publish::index;
use crate::ship::publish::objects::LATEST;
use crate::ship::publish::pointers::run::{self as pointers, Planned};
use crate::ship::publish::probe::run::probe;
use crate::ship::publish::receipt::Receipt;
use crate::ship::publish::session::run::Session;
use crate::tree::registry::IndexLine;
use crate::tree::release::{Document, FileKind, NAME};

/// Yanks a version, or takes that back. `accepted` are findings of the probe to go on with.
///
/// # Errors
/// Those of the probe; `version-unknown`; the store cannot be read or written.
pub fn yank(
    session: &Session,
    version: &str,
    is_yanked: bool,
    accepted: &[Code],
) -> Result<Receipt> {
    let probed = probe(session, accepted)?;
    let key = session.key(LATEST);
    let place = session.place(&key);
    let mut channel = channel(session)?;
    let latest_before = channel.version.clone();
    let lines = packages(session, &channel, version)?;
    channel.yank(version, is_yanked, &place)?;
    let mut objects = Vec::new();
    for (key, line) in lines {
        let place = session.place(&key);
        let swapped = session.swap(&key, |current| {
            let lines = index::parse(current.unwrap_or_default(), &place)?;
            Ok(index::yanked(lines, &line.vers, is_yanked).map(String::into_bytes))
        })?;
        objects.extend(swapped);
    }
    let swapped = session.swap(&key, |current| {
        let mut now = Channel::parse(current.unwrap_or_default(), &place)?;
        now.yank(version, is_yanked, &place)?;
        let text = now.json().into_bytes();
        channel = now;
        Ok(Some(text).filter(|text| current != Some(text.as_slice())))
    })?;
    objects.extend(swapped);
    let planned = Planned {
        channel: channel.clone(),
        // All files are at the store.
        version: "",
        directory: camino::Utf8Path::new(""),
    };
    let planned = session.dry_run.then_some(&planned);
    objects.extend(pointers::write(session, planned)?);
    Ok(Receipt {
        to: session.to.to_owned(),
        endpoint: None,
        channel: session.channel.to_owned(),
        version: Some(version.to_owned()),
        dry_run: session.dry_run,
        accepted: accepted.iter().map(|code| code.name().to_owned()).collect(),
        probe: probed,
        latest_before,
        latest: channel.version,
        objects,
        hook: None,
    })
}

/// Returns the document of the channel, which must be there.
///
/// # Errors
/// `version-unknown`, `channel-unreadable`; the store cannot be read.
pub fn channel(session: &Session) -> Result<Channel> {
    session.read_channel()?.ok_or_else(|| {
        let place = session.place(&session.key(LATEST));
        Problem::new(VERSION_UNKNOWN, format!("there is no `{place}`"))
            .help("publish a version first: `cargo xpkg publish --to URL`")
    })
}

/// Returns the lines of the index that are of this version of the release and of no other one that
/// is not yanked: a package whose version was not raised is in several releases.
fn packages(
    session: &Session,
    channel: &Channel,
    version: &str,
) -> Result<Vec<(String, IndexLine)>> {
    let mut shared: BTreeSet<String> = BTreeSet::new();
    let others = channel.versions.iter();
    for other in others.filter(|other| other.version != version && !other.yanked) {
        shared.extend(
            document(session, &other.version)?.map_or_else(Vec::new, |document| {
                let files = document.files.into_iter();
                let crates = files.filter(|file| file.kind == FileKind::Crate);
                crates.map(|file| file.path).collect()
            }),
        );
    }
    let Some(document) = document(session, version)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let config = "config.json";
    let files = document.files.iter();
    let is_lines = |path: &str| path.rsplit('/').next() != Some(config);
    for file in files.filter(|file| file.kind == FileKind::Index && is_lines(&file.path)) {
        let key = session.key(&format!("{version}/{}", file.path));
        let Some((bytes, _)) = session.store.read(&key)? else {
            continue;
        };
        for line in index::parse(&bytes, &session.place(&key))? {
            let path = format!("{}/{}", crate::tree::registry::CRATES, line.crate_name());
            if !shared.contains(&path) {
                found.push((session.key(&file.path), line));
            }
        }
    }
    Ok(found)
}

/// Reads the document of a version.
fn document(session: &Session, version: &str) -> Result<Option<Document>> {
    let key = session.key(&format!("{version}/{NAME}"));
    let Some((bytes, _)) = session.store.read(&key)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    Document::parse(&text, &session.place(&key)).map(Some)
}
