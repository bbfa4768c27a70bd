//! Yanks a version: it is no longer the latest, and cargo no longer chooses it. Its files stay.

use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::ship::publish::channel::Channel;
use crate::ship::publish::codes::VERSION_UNKNOWN;
use crate::ship::publish::index;
use crate::ship::publish::objects::LATEST;
use crate::ship::publish::offered::look::{Offered, document};
use crate::ship::publish::pointers::run::{self as pointers, Planned};
use crate::ship::publish::probe::run::probe;
use crate::ship::publish::receipt::Receipt;
use crate::ship::publish::session::run::Session;
use crate::tree::registry::{INDEX, IndexLine};
use crate::tree::release::{FileKind, NAME};

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
    // Before the version becomes a part of keys.
    channel.yank(version, is_yanked, &place)?;
    let lines = lines(session, version)?;
    let mut objects = Vec::new();
    let swapped = session.swap(&key, |current| {
        let mut now = Channel::parse(current.unwrap_or_default(), &place)?;
        now.yank(version, is_yanked, &place)?;
        let text = now.json().into_bytes();
        channel = now;
        Ok(Some(text).filter(|text| current != Some(text.as_slice())))
    })?;
    objects.extend(swapped);
    // The index follows from the document of the channel, and is exchanged after it.
    let mut offered = Offered::new(session, session.dry_run.then_some(&channel));
    for (key, line) in lines {
        objects.extend(offered.settle(&key, &line)?);
    }
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

/// Returns the lines of the index that a version of the release has, by key. Without its document,
/// they are not known.
fn lines(session: &Session, version: &str) -> Result<Vec<(String, IndexLine)>> {
    let Some(document) = document(session, version)? else {
        let place = session.place(&session.key(&format!("{version}/{NAME}")));
        let line = format!("the index of the registry stays as it is: there is no `{place}`");
        session.host.shell.status("Noting", &line);
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let config = format!("{INDEX}/config.json");
    let files = document.files.iter();
    for file in files.filter(|file| file.kind == FileKind::Index && file.path != config) {
        let key = session.key(&format!("{version}/{}", file.path));
        let Some((bytes, _)) = session.store.read(&key)? else {
            continue;
        };
        let lines = index::parse(&bytes, &session.place(&key))?.into_iter();
        found.extend(lines.map(|line| (session.key(&file.path), line)));
    }
    Ok(found)
}
