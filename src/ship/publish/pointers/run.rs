//! Writes what follows from the latest version: `latest/install.sh`, `latest/install.ps1`, and the
//! page of the channel.
//!
//! Each is made of `latest.json` as it is at that moment, after the state of the pointer itself was
//! read: whoever comes last, the result is that of the last `latest.json`.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::problem::Result;
use crate::ship::publish::channel::Channel;
use crate::ship::publish::page::{no_installer, page};
use crate::ship::publish::receipt::Line;
use crate::ship::publish::session::run::Session;
use crate::ship::release::page::PAGE_NAME;
use crate::tree::installer::{PS1_NAME, SH_NAME};
use crate::tree::release::{Document, NAME};

/// Scripts that `latest/` has.
const SCRIPTS: &[&str] = &[SH_NAME, PS1_NAME];

/// Latest version, with what the pointers are made of.
struct View {
    channel: Channel,
    /// Address of the channel, if its release has one.
    url: Option<String>,
    scripts: BTreeMap<&'static str, Vec<u8>>,
}

/// Source of the files of a version that is not at the store yet, in a dry run.
pub struct Planned<'a> {
    /// Document of the channel as it would be.
    pub channel: Channel,
    /// Version whose files are in `directory`.
    pub version: &'a str,
    /// Directory of the release.
    pub directory: &'a Utf8Path,
}

/// Writes the pointers, and returns what became of them. `planned` is the state after a dry run.
///
/// # Errors
/// The store cannot be read or written.
pub fn write(session: &Session, planned: Option<&Planned>) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for script in SCRIPTS {
        let key = session.key(&format!("latest/{script}"));
        let line = session.follow(&key, |current| {
            let view = View::read(session, planned)?;
            let wanted = match view.scripts.get(script) {
                Some(text) => text.clone(),
                // That of an older version would install what is not the latest.
                None if current.is_some() => no_installer(&view.channel, script).into_bytes(),
                None => return Ok(None),
            };
            Ok(Some(wanted).filter(|wanted| current != Some(wanted.as_slice())))
        })?;
        lines.extend(line);
    }
    let key = session.key(PAGE_NAME);
    let line = session.follow(&key, |current| {
        let view = View::read(session, planned)?;
        let scripts: Vec<&str> = view.scripts.keys().copied().collect();
        let text = page(
            &view.channel,
            session.channel,
            view.url.as_deref(),
            &scripts,
        );
        Ok(Some(text.into_bytes()).filter(|text| current != Some(text.as_slice())))
    })?;
    lines.extend(line);
    Ok(lines)
}

impl View {
    fn read(session: &Session, planned: Option<&Planned>) -> Result<Self> {
        let channel = match planned {
            Some(planned) => planned.channel.clone(),
            None => match session.read_channel()? {
                Some(channel) => channel,
                // Only in a dry run that has written none.
                None => Channel::new(session.channel),
            },
        };
        let mut view = Self {
            channel,
            url: None,
            scripts: BTreeMap::new(),
        };
        let Some(version) = view.channel.version.clone() else {
            return Ok(view);
        };
        let read = |name: &str| -> Result<Option<Vec<u8>>> {
            match planned.filter(|planned| planned.version == version) {
                Some(planned) => {
                    let path = planned.directory.join(name);
                    let is_there = session.host.is_file(&path);
                    is_there.then(|| session.host.read(&path)).transpose()
                }
                None => {
                    let key = session.key(&format!("{version}/{name}"));
                    Ok(session.store.read(&key)?.map(|(bytes, _)| bytes))
                }
            }
        };
        if let Some(bytes) = read(NAME)? {
            let place = session.place(&session.key(&format!("{version}/{NAME}")));
            let document = Document::parse(&String::from_utf8_lossy(&bytes), &place)?;
            let end = format!("/{version}");
            let url = document
                .url
                .as_deref()
                .and_then(|url| url.strip_suffix(end.as_str()));
            view.url = url.map(str::to_owned);
        }
        for script in SCRIPTS {
            if let Some(bytes) = read(script)? {
                view.scripts.insert(script, bytes);
            }
        }
        Ok(view)
    }
}
