//! A byte changed anywhere in a release.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::installs::chat::{self, Verdict};
use crate::installs::place::place;

/// Bits that are changed: a digit for another, a letter's case, a byte that is no text.
const BITS: &[u8] = &[0x01, 0x20, 0x80];

fn place_of_copy() -> PathBuf {
    place("changed")
}

/// Copies a release, by links. `verify` has to take the copy.
pub fn copy(release: &Path) -> Result<String, String> {
    let copy = place_of_copy();
    let _ = std::fs::remove_dir_all(&copy);
    for name in chat::files(release)? {
        let to = copy.join(&name);
        let said = |error: std::io::Error| format!("{}: {error}", to.display());
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(said)?;
        }
        std::fs::hard_link(release.join(&name), &to).map_err(said)?;
    }
    chat::verify(&copy)
}

/// Changes a file of the copy at its first byte, in the middle and at its last byte; the list of all
/// digests, of which nothing has a digest, at more places and by more bits. `verify` has to see each.
pub fn change(release: &Path, name: &str) -> Result<String, String> {
    let copy = place_of_copy();
    let path = copy.join(name);
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let whole = std::fs::read(release.join(name)).map_err(said)?;
    let mut tries = 0;
    let mut unseen = Vec::new();
    for (at, bits) in changes(name, &whole) {
        let mut changed = whole.clone();
        let Some(byte) = changed.get_mut(at) else {
            continue;
        };
        *byte ^= bits;
        // Not through the link: the release itself stays.
        std::fs::remove_file(&path).map_err(said)?;
        std::fs::write(&path, &changed).map_err(said)?;
        tries += 1;
        match chat::judge(&copy)? {
            Verdict::Findings => {}
            Verdict::Clean => unseen.push(format!("byte {at} ^ {bits:#x}")),
        }
    }
    std::fs::remove_file(&path).map_err(said)?;
    std::fs::hard_link(release.join(name), &path).map_err(said)?;
    if unseen.is_empty() {
        Ok(format!("{tries} changes"))
    } else {
        Err(format!("not seen: {}", unseen.join(", ")))
    }
}

/// Where a file is changed, and by which bits.
fn changes(name: &str, whole: &[u8]) -> Vec<(usize, u8)> {
    let last = whole.len().saturating_sub(1);
    let ends = [0, whole.len() / 2, last];
    if name != "SHA256SUMS" {
        let places = BTreeSet::from(ends);
        return places.into_iter().map(|at| (at, 0x01)).collect();
    }
    // A digest, what separates it from a name, the name, the end of the line.
    let line = whole.iter().position(|byte| *byte == b'\n').unwrap_or(last);
    let places: BTreeSet<usize> = ends.into_iter().chain([9, 63, 64, 65, 66, line]).collect();
    places
        .into_iter()
        .flat_map(|at| BITS.iter().map(move |bits| (at, *bits)))
        .collect()
}

#[test]
fn a_file_is_changed_at_both_ends_and_in_the_middle() {
    assert_eq!(changes("a", b"abcd"), [(0, 1), (2, 1), (3, 1)]);
    assert_eq!(changes("a", b"a"), [(0, 1)]);
    assert_eq!(changes("SHA256SUMS", &[b'a'; 100]).len(), 9 * 3 - 3);
}
