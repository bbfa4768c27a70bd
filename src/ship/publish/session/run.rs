//! An open store, and the exchange of its small documents.

use std::time::Duration;

use crate::digest;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::publish::channel::Channel;
use crate::ship::publish::codes::STORE_BUSY;
use crate::ship::publish::objects::{LATEST, NEVER, mime};
use crate::ship::publish::receipt::{Fate, Line};
use crate::ship::publish::store::{Condition, From, Outcome, Store, Upload};

/// Number of objects that are read or written at once.
const WORKERS: usize = 8;

/// Number of times that a document is exchanged if others exchange it, too.
const TRIES: u32 = 100;

/// Longest pause between two tries, in milliseconds.
const LONGEST_PAUSE: u64 = 400;

/// An open store, and the channel that is written.
pub struct Session<'a> {
    /// The machine.
    pub host: &'a Host,
    /// The store.
    pub store: &'a dyn Store,
    /// Its address, without a final slash.
    pub to: &'a str,
    /// Channel.
    pub channel: &'a str,
    /// True if nothing is written.
    pub dry_run: bool,
}

impl Session<'_> {
    /// Returns the key of a path below the channel.
    pub fn key(&self, path: &str) -> String {
        format!("{}/{path}", self.channel)
    }

    /// Returns the address of a key, for messages.
    pub fn place(&self, key: &str) -> String {
        format!("{}/{key}", self.to)
    }

    /// Reads the document of the channel; `None` if there is none.
    ///
    /// # Errors
    /// `channel-unreadable`, or the store cannot be read.
    pub fn read_channel(&self) -> Result<Option<Channel>> {
        let key = self.key(LATEST);
        match self.store.read(&key)? {
            Some((bytes, _)) => Channel::parse(&bytes, &self.place(&key)).map(Some),
            None => Ok(None),
        }
    }

    /// Exchanges a document. `change` gets what is there, and returns what should be; `None` if that
    /// is there. It is asked again if another publisher was faster.
    ///
    /// # Errors
    /// Those of `change`; the store cannot be written; `store-busy`.
    pub fn swap(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Line>> {
        for attempt in 0..TRIES {
            self.host.check_interrupted()?;
            let current = self.store.read(key)?;
            let there = current.as_ref().map(|(bytes, _)| bytes.as_slice());
            let line = |bytes: &[u8], fate: Fate| Line {
                key: key.to_owned(),
                size: bytes.len() as u64,
                sha256: digest::sha256(bytes),
                fate,
            };
            let Some(new) = change(there)? else {
                return Ok(there.map(|bytes| line(bytes, Fate::There)));
            };
            let fate = match (there.is_some(), self.dry_run) {
                (false, true) => Fate::WouldPut,
                (true, true) => Fate::WouldSwap,
                (false, false) => Fate::Put,
                (true, false) => Fate::Swapped,
            };
            let line = line(&new, fate);
            if self.dry_run {
                return Ok(Some(line));
            }
            let condition = match &current {
                Some((_, tag)) => Condition::Matches(tag),
                None => Condition::Absent,
            };
            let upload = Upload {
                from: From::Bytes(&new),
                size: line.size,
                sha256: &line.sha256,
                mime: mime(key),
                cache: NEVER,
            };
            if self.store.put(key, &upload, condition)? == Outcome::Put {
                return Ok(Some(line));
            }
            self.host.pause(self.backoff(attempt));
        }
        Err(self.busy(key))
    }

    /// Exchanges a document that follows from another one, as [`Self::swap`] does. After a write,
    /// `change` is asked once more: it may have read the other one before a third publisher changed
    /// it, who then found nothing to write here.
    ///
    /// # Errors
    /// Those of [`Self::swap`].
    pub fn follow(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&[u8]>) -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Line>> {
        let mut written = None;
        for _ in 0..TRIES {
            match self.swap(key, &mut change)? {
                Some(line) if matches!(line.fate, Fate::Put | Fate::Swapped) => {
                    written = Some(line);
                }
                there => return Ok(written.or(there)),
            }
        }
        Err(self.busy(key))
    }

    fn busy(&self, key: &str) -> Problem {
        let message = format!("others exchange `{}` all the time", self.place(key));
        Problem::new(STORE_BUSY, message).help("publish again: what is at the store stays")
    }

    /// Returns a random pause, which grows: of many publishers, each round one is first.
    fn backoff(&self, attempt: u32) -> Duration {
        let most = (20 << attempt.min(5)).min(LONGEST_PAUSE);
        let random = u64::from_str_radix(&self.host.nonce(), 16).unwrap_or_default();
        Duration::from_millis(random % most + 1)
    }
}

/// Returns threads that wait for a store rather than compute.
pub fn workers() -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS);
    pool.build().expect("threads can be started")
}
