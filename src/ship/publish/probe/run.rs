//! Asks a store what it can do, with objects of its own that are removed again.

use crate::digest;
use crate::problem::code::Code;
use crate::problem::{Problem, Result};
use crate::ship::publish::codes::{STORE_HIDES_MISSING, STORE_UNCONDITIONAL};
use crate::ship::publish::objects::NEVER;
use crate::ship::publish::receipt::Probed;
use crate::ship::publish::session::run::Session;
use crate::ship::publish::store::{Condition, From, Outcome, Tag, Upload};

/// State that no object has: an MD5, as most servers' tags are.
const STALE: &str = "\"00000000000000000000000000000000\"";

/// Probes the store. `accepted` are findings to go on with.
///
/// # Errors
/// The store cannot be read and written; `store-unconditional`; `store-hides-missing`.
pub fn probe(session: &Session, accepted: &[Code]) -> Result<Probed> {
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
    let lists = store.list(".xpkg/")?.is_some();
    put("first\n", Condition::Absent)?;
    let conditional = put("second\n", Condition::Absent).and_then(|created| {
        let swapped = put("third\n", Condition::Matches(&Tag(STALE.to_owned())))?;
        Ok([created, swapped] == [Outcome::Refused; 2])
    });
    if let Err(problem) = store.remove(&key) {
        let text = format!("`{}` is left: {}", session.place(&key), problem.message);
        host.shell.warning(problem.code.name(), &text);
    }
    let conditional = conditional?;
    // After the writes: of a store that denies everything, this would say less.
    let hides_missing = store.hides_missing(&format!(".xpkg/absent-{nonce}"))?;
    if hides_missing && !accepted.contains(&STORE_HIDES_MISSING) {
        return Err(hides(&format!("`{to}` answers 403"), "these credentials"));
    }
    if !conditional && !accepted.contains(&STORE_UNCONDITIONAL) {
        let message = format!("`{to}` overwrites what a condition protects");
        return Err(Problem::new(STORE_UNCONDITIONAL, message).help(
            "use a store with conditional writes; with a single publisher at a time: `--accept \
             store-unconditional`",
        ));
    }
    Ok(Probed {
        conditional,
        lists,
        hides_missing,
        clock_skew: store.clock_skew(),
        absent_status: None,
    })
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
