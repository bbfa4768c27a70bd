//! Asks a store what it can do, with objects of its own that are removed again.

use crate::digest;
use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::ship::publish::codes::{STORE_HIDES_MISSING, STORE_REFUSED, STORE_UNCONDITIONAL};
use crate::ship::publish::objects::NEVER;
use crate::ship::publish::receipt::Probed;
use crate::ship::publish::session::run::Session;
use crate::ship::publish::store::{Condition, From, Outcome, Tag, Upload};

/// State that no object has: an MD5, as most servers' tags are.
const STALE: &str = "\"00000000000000000000000000000000\"";

/// Probes the store. `accepted` are findings to go on with. In a dry run nothing is written: only the
/// answer for what is not there is looked at, and `None` is returned.
///
/// # Errors
/// The store cannot be read and written; `store-unconditional`; `store-hides-missing`.
pub fn probe(session: &Session, accepted: &[Code]) -> Result<Option<Probed>> {
    let Session {
        host, store, to, ..
    } = session;
    let nonce = host.nonce();
    let key = store.probe_key(&nonce);
    let put = |text: &str, condition: Condition| {
        let bytes = text.as_bytes();
        let upload = Upload {
            from: From::Bytes(bytes),
            size: bytes.len() as u64,
            sha256: &digest::sha256(bytes),
            mime: "text/plain; charset=utf-8",
            cache: NEVER,
        };
        store.put(&key, &upload, condition)
    };
    let absent = format!(".xpkg/absent-{nonce}");
    if session.dry_run {
        return hidden(session, &absent, accepted).map(|_| None);
    }
    let lists = store.list(".xpkg/")?.is_some();
    put("first\n", Condition::Absent)?;
    let conditional = put("second\n", Condition::Absent).and_then(|created| {
        let swapped = put("third\n", Condition::Matches(&Tag(STALE.to_owned())))?;
        let is_conditional = [created, swapped] == [Outcome::Refused; 2];
        // A pointer is read, and exchanged with the state that was read.
        let unfit = |why: String| {
            let message = format!("`{to}` does not exchange an object: {why}");
            Problem::new(STORE_REFUSED, message)
                .help("pass the address of the store itself, not of a cache: `--endpoint URL`")
        };
        match store.read(&key)? {
            Some((bytes, _)) if is_conditional && bytes != b"first\n" => {
                Err(unfit("it answers other bytes than were written".to_owned()))
            }
            Some((_, tag)) => {
                let outcome = put("fourth\n", Condition::Matches(&tag))?;
                // Refused also if the answer to the first try was lost: then it is there.
                let is_there = || -> Result<bool> {
                    let there = store.read(&key)?;
                    Ok(there.is_some_and(|(bytes, _)| bytes == b"fourth\n"))
                };
                if outcome == Outcome::Put || is_there()? {
                    Ok(is_conditional)
                } else {
                    let why = format!("it refuses the state {}, which it told", tag.0);
                    Err(unfit(why))
                }
            }
            None => Err(unfit("it does not have what was written".to_owned())),
        }
    });
    if let Err(problem) = store.remove(&key) {
        let text = format!("`{}` is left: {}", session.place(&key), problem.message);
        host.shell.warning(problem.code.name(), &text);
    }
    let conditional = conditional?;
    // After the writes: of a store that denies everything, this would say less.
    let hides_missing = hidden(session, &absent, accepted)?;
    if !conditional && !accepted.contains(&STORE_UNCONDITIONAL) {
        let message = format!("`{to}` overwrites what a condition protects");
        return Err(Problem::new(STORE_UNCONDITIONAL, message).help(
            "use a store with conditional writes; with a single publisher at a time: `--accept \
             store-unconditional`",
        ));
    }
    Ok(Some(Probed {
        conditional,
        lists,
        hides_missing,
        clock_skew: store.clock_skew(),
        absent_status: None,
    }))
}

/// Returns true if the store answers 403 for what is not there, such as `absent`.
fn hidden(session: &Session, absent: &str, accepted: &[Code]) -> Result<bool> {
    let is_hidden = session.store.hides_missing(absent)?;
    if is_hidden && !accepted.contains(&STORE_HIDES_MISSING) {
        let what = format!("`{}` answers 403", session.to);
        return Err(hides(&what, "these credentials"));
    }
    Ok(is_hidden)
}

/// Returns the problem of a store that hides what is missing; `who` asked.
pub fn hides(what: &str, who: &str) -> Problem {
    Problem::new(
        STORE_HIDES_MISSING,
        format!("{what} to {who} for what is not there, and cargo stops at a 403"),
    )
    .help(
        "allow s3:ListBucket, or let the server in front answer 404; without readers of a registry: \
         `--accept store-hides-missing`",
    )
}
