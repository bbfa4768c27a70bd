//! Pieces of a path, the words that they make, and the groups of words.

use std::ops::Range;

use crate::target::system::{Libc, Os};
use crate::verify::words::meaning::{FILE_ENDS, HARD, Meaning, WORDS};

use Meaning::{Arch as A, Floor, Implied, Libc as L, MacFloor, System as S, Universal, Vendor};

/// A piece of a path: a run of letters and digits.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    text: &'a str,
    /// Letter that separates it from the next piece of the component.
    separator: Option<char>,
    /// Place of its first byte in the path.
    start: usize,
    /// Number of its component in the path.
    component: usize,
}

impl Piece<'_> {
    fn is_number(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// A word found in a path: its pieces and its meanings.
#[derive(Debug, Clone)]
pub struct Word {
    pieces: Range<usize>,
    pub meanings: Vec<Meaning>,
}

impl Word {
    /// Returns the word as it is written.
    pub fn text<'a>(&self, path: &'a str, pieces: &[Piece]) -> &'a str {
        let (Some(first), Some(last)) = (
            pieces.get(self.pieces.start),
            pieces.get(self.pieces.end.saturating_sub(1)),
        ) else {
            return "";
        };
        &path[first.start..last.start + last.text.len()]
    }

    fn is_system(&self) -> bool {
        self.meanings.iter().any(|meaning| matches!(meaning, S(_)))
    }
}

/// How certain a group of words is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// A system and a processor with a vendor between them.
    Triple,
    /// A system beside a processor.
    Pair,
    /// Words on their own.
    Lone,
}

/// Neighboring words.
#[derive(Debug)]
pub struct Group {
    pub words: Vec<Word>,
}

impl Group {
    pub fn meanings(&self) -> impl Iterator<Item = Meaning> {
        self.words
            .iter()
            .flat_map(|word| word.meanings.iter().copied())
    }

    pub fn certainty(&self) -> Certainty {
        let has = |wanted: fn(&Meaning) -> bool| self.meanings().any(|meaning| wanted(&meaning));
        let system = has(|meaning| matches!(meaning, S(_)));
        let processor = has(|meaning| matches!(meaning, A(_) | Implied(_) | Universal));
        match (system, processor, has(|meaning| *meaning == Vendor)) {
            // `wasm32-unknown-unknown` names no system.
            (_, true, true) => Certainty::Triple,
            (true, true, false) => Certainty::Pair,
            _ => Certainty::Lone,
        }
    }

    /// Returns true for a single word that may be a product's name, or a part of one.
    pub fn is_ambiguous(&self, pieces: &[Piece]) -> bool {
        if self.certainty() != Certainty::Lone {
            return false;
        }
        let Some(first) = self.words.first() else {
            return true;
        };
        let start = first.pieces.start;
        // `js` and `wasm` are what many products are about.
        let text = pieces[start].text;
        let is_topic = self.words.len() == 1 && (text == "js" || text == "wasm");
        let component = pieces[start].component;
        let begins = start == 0 || pieces[start - 1].component != component;
        let end = self.words.last().map_or(start, |word| word.pieces.end);
        let is_followed = pieces
            .get(end)
            .is_some_and(|next| next.component == component && !FILE_ENDS.contains(&next.text));
        is_topic || begins && is_followed
    }
}

/// Cuts a path into its pieces.
pub fn pieces(path: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (component, name) in path.split('/').enumerate() {
        let mut at = start;
        for text in name.split(|letter: char| !letter.is_alphanumeric()) {
            if !text.is_empty() {
                pieces.push(Piece {
                    text,
                    separator: path[at + text.len()..].chars().next(),
                    start: at,
                    component,
                });
            }
            // One separator, which may have several bytes.
            at += text.len();
            at += path[at..].chars().next().map_or(0, char::len_utf8);
        }
        start += name.len() + 1;
    }
    pieces
}

/// Finds the words. Where two overlap, the one with more pieces counts.
pub fn words(pieces: &[Piece]) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let is_after_system = found
            .last()
            .is_some_and(|word| word.pieces.end == at && word.is_system());
        match word_at(pieces, at, is_after_system) {
            Some(word) => {
                at = word.pieces.end;
                found.push(word);
            }
            None => at += 1,
        }
    }
    found
}

/// Returns the longest word that begins with a piece.
fn word_at(pieces: &[Piece], at: usize, is_after_system: bool) -> Option<Word> {
    let text = pieces[at].text;
    let number = |at: usize| pieces.get(at).and_then(|piece| piece.text.parse().ok());
    let number_of = |at: usize, wanted: &[&str]| {
        pieces
            .get(at)
            .is_some_and(|piece| wanted.contains(&piece.text))
    };
    let word = |length: usize, meanings: &[Meaning]| {
        Some(Word {
            pieces: at..at + length,
            meanings: meanings.to_vec(),
        })
    };
    // `linux-64`, `osx-64`, `win-32`: conda's names. In `linux-64-1.2` a version follows, and
    // `linux-64.1` is one.
    let is_word = number(at + 1).is_none() || pieces[at].separator == Some('-');
    if is_after_system && is_word {
        match text {
            "64" => return word(1, &[Implied("x86_64")]),
            // Not the ABI of Linux of this name.
            "32" | "x32" => return word(1, &[Implied("i686")]),
            // `darwin_all`
            "all" => return word(1, &[Universal]),
            _ => {}
        }
    }
    // `linux-arm-7`: GoReleaser's names. Elsewhere the number may be a version.
    if is_after_system && text == "arm" && number(at + 2).is_none() {
        let arms = [("5", "armv5te"), ("6", "arm"), ("7", "armv7")];
        let found = arms.iter().find(|(number, _)| number_of(at + 1, &[number]));
        if let Some((_, prefix)) = found {
            return word(2, &[A(prefix)]);
        }
    }
    // `macosx_11_0_arm64`
    if text == "macosx"
        && let (Some(major), Some(minor)) = (number(at + 1), number(at + 2))
        && number(at + 3).is_none()
    {
        return word(3, &[S(Os::Darwin), MacFloor(major, minor)]);
    }
    // `glibc2.28`, `glibc-2.28`, `gnu.2.17`, `manylinux_2_17`
    let floors = [
        ("manylinux", S(Os::Linux)),
        ("glibc", L(Libc::Gnu)),
        ("gnu", L(Libc::Gnu)),
        ("gnueabihf", L(Libc::Gnu)),
    ];
    for (base, meaning) in floors {
        let meanings = |minor| match base {
            "gnueabihf" => vec![meaning, HARD, Floor(2, minor)],
            _ => vec![meaning, L(Libc::Gnu), Floor(2, minor)],
        };
        // Three numbers are the version of something else: `app-linux-x64-glibc-2.4.1`.
        if text == base
            && number_of(at + 1, &["2"])
            && let Some(minor) = number(at + 2)
            && number(at + 3).is_none()
        {
            return word(3, &meanings(minor));
        }
        // `glibc-217`
        if text == base
            && let Some(joined @ 200..=299) = number(at + 1)
        {
            return word(2, &meanings(joined - 200));
        }
        if text.strip_prefix(base) == Some("2")
            && let Some(minor) = number(at + 1)
        {
            return word(2, &meanings(minor));
        }
    }
    let mut longest: Option<(usize, &[Meaning])> = None;
    for (name, meanings) in WORDS {
        let parts: Vec<&str> = name
            .split(|letter: char| !letter.is_alphanumeric())
            .collect();
        let fits = parts.iter().enumerate().all(|(index, part)| {
            pieces.get(at + index).is_some_and(|piece| {
                // Only Docker's platforms go over components: `linux/arm/v7`.
                let is_here = piece.component == pieces[at].component || name.contains('/');
                piece.text == *part && is_here
            })
        });
        if fits && longest.is_none_or(|(length, _)| parts.len() > length) {
            longest = Some((parts.len(), meanings));
        }
    }
    if let Some((length, meanings)) = longest {
        // `x86_64_v3`, `amd64_v1`
        let is_amd64 = meanings == [A("x86_64")];
        let levels = ["v1", "v2", "v3", "v4"];
        let level = usize::from(is_amd64 && number_of(at + length, &levels));
        return word(length + level, meanings);
    }
    // `winarm64`, `linuxx64`, `macaarch64`
    let is_system = |meanings: &[Meaning]| matches!(meanings, [S(_)]);
    let is_arch = |meanings: &[Meaning]| matches!(meanings, [A(_), ..]);
    let joined = WORDS.iter().find_map(|(system, first)| {
        let rest = text.strip_prefix(system).filter(|_| is_system(first))?;
        let (_, second) = WORDS
            .iter()
            .find(|(arch, second)| *arch == rest && is_arch(second))?;
        Some([*first, *second].concat())
    });
    if let Some(meanings) = joined {
        return word(1, &meanings);
    }
    // `freebsd13`, `macos11`, `ubuntu2204`
    let base = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let (_, meanings) = WORDS.iter().find(|(name, meanings)| {
        *name == base && base.len() > 2 && matches!(meanings, [S(_), ..])
    })?;
    word(1, meanings)
}

/// Puts neighbors together. Numbers behind a system are its version: `macosx_11_0_arm64`.
pub fn groups(pieces: &[Piece], words: Vec<Word>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for word in words {
        let previous = groups.last_mut().and_then(|group| {
            let last = group.words.last()?;
            let between = &pieces[last.pieces.end..word.pieces.start];
            let is_near =
                between.is_empty() || last.is_system() && between.iter().all(Piece::is_number);
            is_near.then_some(group)
        });
        match previous {
            Some(group) => group.words.push(word),
            None => groups.push(Group { words: vec![word] }),
        }
    }
    groups
}
