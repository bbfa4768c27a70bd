//! Compares a release with what a store has already, before anything is written.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::problem::{Problem, Result};
use crate::ship::publish::codes::VERSION_IMMUTABLE;
use crate::ship::publish::objects::{Object, Step};
use crate::ship::publish::session::run::{Session, workers};
use crate::tree::release::SUMS_NAME;

/// Returns the keys of a release that the store has, with the same bytes.
///
/// # Errors
/// `version-immutable`, with all differences; the store cannot be read.
pub fn survey(
    session: &Session,
    version: &str,
    objects: &[Object],
) -> Result<BTreeSet<String>, Vec<Problem>> {
    let single = |problem| vec![problem];
    let prefix = session.key(&format!("{version}/"));
    let listed = session.store.list(&prefix).map_err(single)?;
    let may_be_there = |object: &&Object| match &listed {
        Some(keys) if object.step != Step::Crates => keys.contains(&object.key),
        _ => true,
    };
    let asked: Vec<&Object> = objects.iter().filter(may_be_there).collect();
    let pool = workers();
    let found: Vec<Result<Option<(String, u64)>>> = pool.install(|| {
        let digest = |object: &&Object| {
            session.host.check_interrupted()?;
            session.store.digest(&object.key)
        };
        asked.par_iter().map(digest).collect()
    });
    let (mut there, mut differences, mut problems) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (object, found) in asked.iter().zip(found) {
        match found {
            Ok(None) => {}
            Ok(Some((sha256, size))) if sha256 == object.sha256 && size == object.size => {
                there.insert(object.key.clone());
            }
            Ok(Some(_)) => differences.push(object.key.clone()),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(first) = problems.into_iter().next() {
        return Err(vec![first]);
    }
    let own: BTreeSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    let others = listed.iter().flatten();
    let others = others.filter(|key| !own.contains(key.as_str()));
    let others: Vec<String> = others.cloned().collect();
    if differences.is_empty() && others.is_empty() {
        return Ok(there);
    }
    let sums = format!("{prefix}{SUMS_NAME}");
    let is_whole = listed.iter().flatten().any(|key| *key == sums);
    Err(vec![immutable(
        session,
        version,
        differences,
        others,
        is_whole,
    )])
}

/// Returns the problem of a version that is there with other bytes.
pub fn immutable(
    session: &Session,
    version: &str,
    differences: Vec<String>,
    others: Vec<String>,
    is_whole: bool,
) -> Problem {
    let shown = |keys: Vec<String>| {
        let more = keys.len().saturating_sub(10);
        let mut lines: Vec<String> = keys.into_iter().take(10).collect();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        lines
    };
    let channel = session.channel;
    let message = format!("{version} is in the channel `{channel}` already, with other files");
    let problem = Problem::new(VERSION_IMMUTABLE, message)
        .note("differs", shown(differences))
        .note("not in the release", shown(others));
    if is_whole {
        return problem.help("raise the version in Cargo.toml, and release it");
    }
    problem
        .note(
            "state",
            ["its publication did not finish: no reader is led to it".to_owned()],
        )
        .help("publish the release that was begun, or raise the version in Cargo.toml")
}
