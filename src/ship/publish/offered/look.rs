//! Packages that the versions of a channel offer.
//!
//! A package whose version was not raised is in several releases. It is yanked in the index if all
//! versions of the channel that have it are, whatever the order in which they were published and
//! yanked.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Result;
use crate::ship::publish::channel::Channel;
use crate::ship::publish::index;
use crate::ship::publish::receipt::Line;
use crate::ship::publish::session::run::Session;
use crate::tree::registry::{CRATES, IndexLine};
use crate::tree::release::{Document, FileKind, NAME};

/// Packages that the versions of a channel offer.
pub struct Offered<'a> {
    session: &'a Session<'a>,
    /// Document of the channel as it would be, in a dry run.
    planned: Option<&'a Channel>,
    /// Paths of packages by version. A version never changes, so each is read once.
    packages: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Offered<'a> {
    /// Creates a view of a channel. `planned` is its document after a dry run.
    pub fn new(session: &'a Session<'a>, planned: Option<&'a Channel>) -> Self {
        Self {
            session,
            planned,
            packages: BTreeMap::new(),
        }
    }

    /// Adds the packages of a version, whose document need not be at the store.
    pub fn insert(&mut self, document: &Document) {
        let files = document.files.iter();
        let packages = files.filter(|file| file.kind == FileKind::Crate);
        let packages = packages.map(|file| file.path.clone()).collect();
        self.packages.insert(document.version.clone(), packages);
    }

    /// Exchanges a line of the index, so that it is yanked if no version offers its package.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub fn settle(&mut self, key: &str, line: &IndexLine) -> Result<Option<Line>> {
        let session = self.session;
        let place = session.place(key);
        let path = format!("{CRATES}/{}", line.crate_name());
        session.follow(key, |current| {
            let lines = index::parse(current.unwrap_or_default(), &place)?;
            // Read after the line, whose state is the condition of the write.
            let channel = match self.planned {
                Some(planned) => Some(planned.clone()),
                None => session.read_channel()?,
            };
            let is_offered = match channel {
                Some(channel) => self.has(&channel, &path)?,
                None => true,
            };
            Ok(index::yanked(lines, &line.vers, !is_offered).map(String::into_bytes))
        })
    }

    /// Returns true if a version that is not yanked has a package.
    fn has(&mut self, channel: &Channel, path: &str) -> Result<bool> {
        for entry in channel.versions.iter().filter(|entry| !entry.yanked) {
            let version = &entry.version;
            if !self.packages.contains_key(version) {
                match document(self.session, version)? {
                    Some(document) => self.insert(&document),
                    None => drop(self.packages.insert(version.clone(), BTreeSet::new())),
                }
            }
            if self.packages[version].contains(path) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Reads the document of a version; `None` if it is not at the store.
///
/// # Errors
/// `release-unreadable`; the store cannot be read.
pub fn document(session: &Session, version: &str) -> Result<Option<Document>> {
    let key = session.key(&format!("{version}/{NAME}"));
    let Some((bytes, _)) = session.store.read(&key)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    Document::parse(&text, &session.place(&key)).map(Some)
}
