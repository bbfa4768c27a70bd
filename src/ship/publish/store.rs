//! What a store of objects can do. Pure.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::problem::Result;

/// State of an object as its store names it: another state has another tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub String);

/// Condition of a write. There is none without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Nothing is there.
    Absent,
    /// The object has this state.
    Matches(&'a Tag),
}

/// Outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The object is written.
    Put,
    /// The condition did not hold; nothing was changed. Also the answer to a write that succeeded
    /// before, and whose answer was lost: the caller compares.
    Refused,
}

/// Object to write.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Source of the bytes.
    pub from: From<'a>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 as 64 lower-case hex digits. Other bytes are not stored.
    pub sha256: &'a str,
    /// `Content-Type`.
    pub mime: &'a str,
    /// `Cache-Control`.
    pub cache: &'a str,
}

/// Source of an object's bytes.
#[derive(Debug, Clone, Copy)]
pub enum From<'a> {
    /// File.
    File(&'a Utf8Path),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Store of objects. Keys are relative paths with `/` between their parts.
///
/// Two writers at once are safe: a condition is checked and the object written in one step.
pub trait Store: Sync {
    /// Returns the keys that begin with a text; `None` if the store does not let us list.
    ///
    /// # Errors
    /// The store cannot be read.
    fn list(&self, prefix: &str) -> Result<Option<BTreeSet<String>>>;

    /// Returns the SHA-256 and the size in bytes of an object; `None` if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn digest(&self, key: &str) -> Result<Option<(String, u64)>>;

    /// Returns a small object and its state; `None` if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn read(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>>;

    /// Writes an object if a condition holds.
    ///
    /// # Errors
    /// The store cannot be written, or the source does not have the size and digest that it should.
    fn put(&self, key: &str, upload: &Upload, condition: Condition) -> Result<Outcome>;

    /// Removes an object. Only the probe's own are ever removed.
    ///
    /// # Errors
    /// The store cannot be written.
    fn remove(&self, key: &str) -> Result<()>;

    /// Returns a key for the probe, which no other publisher uses; `nonce` is unique.
    fn probe_key(&self, nonce: &str) -> String;

    /// Returns true if the store answers 403 for what is not there, and takes such an answer for that
    /// from then on. Nothing is at `key`.
    ///
    /// # Errors
    /// The store cannot be read.
    fn hides_missing(&self, key: &str) -> Result<bool>;

    /// Returns by how many seconds the store's clock is ahead of this machine's; `None` if it has no
    /// clock of its own.
    fn clock_skew(&self) -> Option<i64>;
}
