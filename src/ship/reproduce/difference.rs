//! What differs between two builds of a program, and what it looks like.
//!
//! Pure. A path that is longer moves all that comes after it, so the sections that texts are in come
//! first: what differs in code and in the build ID follows from them.

use std::fmt;
use std::ops::Range;

use cargo_metadata::semver::Version;
use goblin::Object;
use goblin::mach::Mach;

/// Longest text that is shown before and after a place, in bytes.
const LONGEST: usize = 80;

/// Longest text that a package is read off, before and after a place, in bytes: as long as paths are.
const LONGEST_PATH: usize = 4096;

/// Sections by the beginnings of their names, the causes first.
const ORDER: &[&str] = &[
    ".comment",
    ".rodata",
    ".rdata",
    "__cstring",
    "__const",
    ".data",
    "__data",
    ".debug",
    "__debug",
    ".dep-v0",
    ".strtab",
    ".symtab",
    ".dynstr",
    ".text",
    "__text",
];

/// Section that follows from all others.
const LAST: &[&str] = &[".note.gnu.build-id", ".gnu.build.attributes"];

/// Names of months as C's `__DATE__` has them.
const MONTHS: &[&str] = &[
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What the bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// A path of a file.
    Path,
    /// A date or a time.
    Date,
    /// The build ID.
    BuildId,
    /// The hash in the name of a symbol.
    SymbolHash,
    /// Anything else.
    Other,
}

impl Likeness {
    /// Returns a clause for messages; empty if it looks like nothing in particular.
    fn clause(self) -> &'static str {
        match self {
            Self::Path => ", a path",
            Self::Date => ", a date",
            Self::BuildId => ", the build ID",
            Self::SymbolHash => ", the hash of a symbol",
            Self::Other => "",
        }
    }
}

/// The first difference in the section that most likely is the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Name of the section; `None` if the place is in no section.
    pub section: Option<String>,
    /// Offset of the first byte that differs, in the file that is checked.
    pub offset: usize,
    /// Text at that place of the file that is checked.
    pub found: String,
    /// Text at that place of the second build.
    pub rebuilt: String,
    /// What the text looks like.
    pub likeness: Likeness,
    /// Package that the text names: `ring 0.17.14`.
    pub package: Option<String>,
    /// Other sections that differ.
    pub others: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.section.as_deref().unwrap_or("its headers");
        write!(f, "`{}` at {:#x} in {place}", self.found, self.offset)?;
        f.write_str(self.likeness.clause())?;
        if let Some(package) = &self.package {
            write!(f, " of {package}")?;
        }
        if !self.others.is_empty() {
            write!(f, " (others: {})", self.others.join(", "))?;
        }
        Ok(())
    }
}

/// Compares a file with its second build; `None` if they are equal.
pub fn difference(found: &[u8], rebuilt: &[u8]) -> Option<Difference> {
    if found == rebuilt {
        return None;
    }
    let (mine, theirs) = (sections(found), sections(rebuilt));
    let mut differing: Vec<(&str, usize, usize)> = mine
        .iter()
        .filter_map(|(name, range)| {
            let (_, other) = theirs.iter().find(|(other, _)| other == name)?;
            let at = first_difference(found.get(range.clone())?, rebuilt.get(other.clone())?)?;
            Some((name.as_str(), range.start + at, other.start + at))
        })
        .collect();
    differing.sort_by_key(|(name, ..)| rank(name));
    let (section, here, there) = match differing.first() {
        Some((section, here, there)) => (Some((*section).to_owned()), *here, *there),
        None => {
            let at = first_difference(found, rebuilt)?;
            (None, at, at)
        }
    };
    let is_id = section
        .as_deref()
        .is_some_and(|section| LAST.contains(&section));
    let ((text, at), (other, other_at)) = (text_at(found, here), text_at(rebuilt, there));
    let whole = |bytes, at| {
        let text = String::from_utf8_lossy(text_around(bytes, at, LONGEST_PATH));
        package(&text, printable_before(bytes, at, LONGEST_PATH))
    };
    Some(Difference {
        likeness: if is_id {
            Likeness::BuildId
        } else {
            likeness((&text, at), (&other, other_at))
        },
        package: whole(found, here).or_else(|| whole(rebuilt, there)),
        others: differing
            .iter()
            .skip(1)
            .map(|(name, ..)| (*name).to_owned())
            .collect(),
        section,
        offset: here,
        found: text,
        rebuilt: other,
    })
}

/// Returns the offset of the first byte that differs; the end of the shorter one if it is the
/// beginning of the other.
fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let at = a.iter().zip(b).position(|(a, b)| a != b);
    at.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

/// Returns the place of a section among the causes.
fn rank(name: &str) -> usize {
    let position = ORDER.iter().position(|prefix| name.starts_with(prefix));
    match position {
        Some(position) => position,
        None if LAST.contains(&name) => ORDER.len() + 1,
        None => ORDER.len(),
    }
}

/// Returns the sections of a program with their bytes; none of a format without any.
fn sections(bytes: &[u8]) -> Vec<(String, Range<usize>)> {
    let range = |offset: u64, size: u64| {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        (size > 0 && end <= bytes.len()).then_some(start..end)
    };
    match Object::parse(bytes) {
        Ok(Object::Elf(elf)) => elf
            .section_headers
            .iter()
            .filter(|header| header.sh_type != goblin::elf::section_header::SHT_NOBITS)
            .filter_map(|header| {
                let name = elf.shdr_strtab.get_at(header.sh_name)?;
                Some((name.to_owned(), range(header.sh_offset, header.sh_size)?))
            })
            .collect(),
        Ok(Object::PE(pe)) => pe
            .sections
            .iter()
            .filter_map(|section| {
                let name = section.name().ok()?.to_owned();
                let (offset, size) = (section.pointer_to_raw_data, section.size_of_raw_data);
                Some((name, range(offset.into(), size.into())?))
            })
            .collect(),
        Ok(Object::Mach(Mach::Binary(mach))) => mach
            .segments
            .iter()
            .flat_map(|segment| segment.sections().unwrap_or_default())
            .filter_map(|(section, _)| {
                let name = section.name().ok()?.to_owned();
                Some((name, range(section.offset.into(), section.size)?))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns true for a byte of a text.
fn is_text(byte: &u8) -> bool {
    byte.is_ascii_graphic() || *byte == b' '
}

/// Returns the number of printable bytes before a place, `longest` at most.
fn printable_before(bytes: &[u8], at: usize, longest: usize) -> usize {
    let before = bytes[..at.min(bytes.len())].iter().rev();
    before
        .take(longest)
        .take_while(|byte| is_text(byte))
        .count()
}

/// Returns the printable bytes around a place, `longest` at most before it and as many after it.
fn text_around(bytes: &[u8], at: usize, longest: usize) -> &[u8] {
    let before = printable_before(bytes, at, longest);
    let rest = bytes.get(at..).unwrap_or_default();
    let after = rest.iter().take(longest).take_while(|byte| is_text(byte));
    let (start, end) = (at - before, at + after.count());
    bytes.get(start..end).unwrap_or_default()
}

/// Returns the printable text around a place, or its bytes if there is none, and the offset of the
/// place in it.
fn text_at(bytes: &[u8], at: usize) -> (String, usize) {
    let text = text_around(bytes, at, LONGEST);
    if text.len() >= 4 {
        let before = printable_before(bytes, at, LONGEST);
        return (String::from_utf8_lossy(text).into_owned(), before);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let shown: Vec<String> = rest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let shown = match shown.is_empty() {
        true => "(nothing)".to_owned(),
        false => shown.join(" "),
    };
    (shown, 0)
}

/// Returns the part of a text around a place in which all characters pass, and the offset of the
/// place in it.
fn around(text: &str, at: usize, passes: impl Fn(char) -> bool) -> (&str, usize) {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.trim_end_matches(&passes).len();
    let rest = after.trim_start_matches(&passes).len();
    (&text[start..text.len() - rest], before.len() - start)
}

/// Returns what the texts of both sides look like at the place where they differ. Texts of Rust
/// programs are not separated from each other: what is beside the place says nothing.
fn likeness((a, a_at): (&str, usize), (b, b_at): (&str, usize)) -> Likeness {
    if let (Some(a), Some(b)) = (without_hash(a), without_hash(b))
        && a == b
    {
        return Likeness::SymbolHash;
    }
    let is_dated = |text, at| {
        let (near, _) = around(text, at, |c| c.is_alphanumeric() || " :-".contains(c));
        is_date(near)
    };
    if is_dated(a, a_at) && is_dated(b, b_at) {
        Likeness::Date
    } else if is_in_path(a, a_at) || is_in_path(b, b_at) {
        Likeness::Path
    } else {
        Likeness::Other
    }
}

/// Returns the name of a legacy symbol without its hash: `…17h0123456789abcdefE`.
fn without_hash(text: &str) -> Option<String> {
    let at = text.find("17h")?;
    let hash = text.get(at + 3..at + 19)?;
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| format!("{}{}", &text[..at], &text[at + 19..]))
}

/// Returns true if a place in a text is in a path: after its first separator.
fn is_in_path(text: &str, at: usize) -> bool {
    let (word, at) = around(text, at, |c| !c.is_whitespace());
    let start = word.find(['/', '\\']);
    start.is_some_and(|start| start < at.max(1) && is_path(&word[start..]))
}

/// Returns true if a text has a path of at least two parts.
fn is_path(text: &str) -> bool {
    let separators = text
        .bytes()
        .filter(|byte| matches!(byte, b'/' | b'\\'))
        .count();
    let has_name =
        |part: &str| part.starts_with(|c: char| c.is_alphanumeric() || ".-_".contains(c));
    separators >= 2 && text.split(['/', '\\']).skip(1).any(has_name)
}

/// Returns true if a text has a date (`2026-11-29`, `Nov 29 2026`), a time (`12:30:00`), or nothing
/// but seconds since 1970.
fn is_date(text: &str) -> bool {
    let digits = |text: &str, count: usize| {
        text.len() >= count && text.bytes().take(count).all(|byte| byte.is_ascii_digit())
    };
    let bytes: Vec<char> = text.chars().collect();
    let shape: String = bytes
        .iter()
        .map(|c| if c.is_ascii_digit() { '0' } else { *c })
        .collect();
    let has_month = MONTHS.iter().any(|month| {
        text.split(month)
            .skip(1)
            .any(|rest| digits(rest.trim_start(), 1))
    });
    let is_seconds = |word: &str| digits(word, 10) && word.len() == 10;
    shape.contains("0000-00-00")
        || shape.contains("00:00:00")
        || has_month
        || text.split([' ', ':', '-']).any(is_seconds)
}

/// Directories in which homes and checkouts are: a second one in what looks like one path begins another.
const ROOTS: &[&str] = &[
    "/builds/", "/home/", "/opt/", "/root/", "/srv/", "/tmp/", "/Users/", "/usr/", "/var/",
];

/// Returns the package whose directory is in the path at a place in a text: `ring 0.17.14` of cargo's
/// registry, `ring` of a build script's output. Paths may follow each other without a separator: one ends
/// after the name of a Rust source, and where another one begins.
fn package(text: &str, at: usize) -> Option<String> {
    let parts: Vec<(usize, &str)> = parts(text);
    let named = |parts: &[(usize, &str)]| {
        let start = parts[0].0;
        let names: Vec<&str> = parts.iter().map(|(_, part)| *part).collect();
        let package = of_registry(&names).or_else(|| of_script(&names))?;
        Some((start, package))
    };
    let is_of_place = |start: usize| {
        let (from, to) = (start.min(at), start.max(at));
        let between = text.get(from..to).unwrap_or_default();
        let is_one_path = !between.contains(".rs") && !between.contains(char::is_whitespace);
        is_one_path && !ROOTS.iter().any(|root| between.contains(root))
    };
    parts
        .windows(4)
        .filter_map(named)
        .filter(|(start, _)| is_of_place(*start))
        .min_by_key(|(start, _)| start.abs_diff(at))
        .map(|(_, package)| package)
}

/// Returns the parts of all paths in a text with their offsets, and empty ones at the end.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut at = 0;
    let mut parts = Vec::new();
    for part in text.split(['/', '\\']) {
        parts.push((at, part));
        at += part.len() + 1;
    }
    parts.extend([(text.len(), ""); 3]);
    parts
}

/// Returns the package of the first parts of a path: `registry/src/INDEX/NAME-VERSION`.
fn of_registry(parts: &[&str]) -> Option<String> {
    let ["registry", "src", _, package, ..] = parts else {
        return None;
    };
    // Names and versions both have hyphens.
    package.match_indices('-').find_map(|(at, _)| {
        let (name, version) = (&package[..at], &package[at + 1..]);
        let version = Version::parse(version).ok()?;
        Some(format!("{name} {version}"))
    })
}

/// Returns the package of the first parts of a path: `build/NAME-HASH/out`.
fn of_script(parts: &[&str]) -> Option<String> {
    let ["build", package, out, ..] = parts else {
        return None;
    };
    let (name, hash) = package.rsplit_once('-')?;
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Another text may follow the directory itself.
    (is_hash && out.starts_with("out")).then(|| format!("the build script of {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &str, rebuilt: &str, expected: &str) {
        let pad = |text: &str| format!("\0\0{text}\0\0").into_bytes();
        let shown = difference(&pad(found), &pad(rebuilt)).map_or("equal".to_owned(), |found| {
            format!("{found} | {}", found.rebuilt)
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_package_is_read_off_its_directory() {
        let of = |name: &str| package(&format!("/cargo/registry/src/index-0/{name}/src/lib.rs"), 1);
        for (name, expected) in [
            ("md-5-0.10.6", Some("md-5 0.10.6")),
            ("axum-0.9.0-alpha.1", Some("axum 0.9.0-alpha.1")),
            (
                "openssl-src-300.5.0+3.5.0",
                Some("openssl-src 300.5.0+3.5.0"),
            ),
            ("no-version", None),
        ] {
            assert_eq!(of(name).as_deref(), expected);
        }
    }

    /// Texts of Rust programs are not separated from each other.
    #[test]
    fn a_path_beside_the_place_names_no_package() {
        let registry = "/home/ci/.cargo/registry/src/index-0/aho-corasick-1.1.3/src/dfa.rs";
        let script = "/w/build/zstd-sys-0123456789abcdef/out/x.c";
        for (text, place, expected) in [
            (format!("{registry}/srv/hello"), "hello", None),
            (format!("/srv/hello{registry}"), "hello", None),
            (format!("hello {registry}"), "hello", None),
            (registry.to_owned(), "home", Some("aho-corasick 1.1.3")),
            (registry.to_owned(), "dfa", Some("aho-corasick 1.1.3")),
            (
                format!("{registry}{script}"),
                "w/build",
                Some("the build script of zstd-sys"),
            ),
            (
                format!("{registry}{script}"),
                "cargo",
                Some("aho-corasick 1.1.3"),
            ),
        ] {
            let at = text.find(place).unwrap();
            assert_eq!(package(&text, at).as_deref(), expected, "{text} {place}");
        }
    }

    #[test]
    fn a_package_is_read_off_a_path_that_is_too_long_to_be_shown() {
        let path = |root: &str| {
            let long = "a/directory/of/some/length/".repeat(4);
            format!("{root}/{long}build/openssl-sys-0123456789abcdef/out/install/lib/engines-3")
        };
        let (found, rebuilt) = (path("/home/ci"), path("/srv/checkout"));
        let found = difference(found.as_bytes(), rebuilt.as_bytes()).unwrap();
        assert_eq!(found.found.len(), LONGEST + 1);
        let package = found.package.as_deref();
        assert_eq!(package, Some("the build script of openssl-sys"));
    }

    #[test]
    fn what_differs_is_named_by_its_looks() {
        check("same", "same", "equal");
        check(
            "/home/ci/.cargo/registry/src/index-0/ring-0.17.14/src/lib.rs",
            "/srv/cargo/registry/src/index-0/ring-0.17.14/src/lib.rs",
            "`/home/ci/.cargo/registry/src/index-0/ring-0.17.14/src/lib.rs` at 0x3 in its \
             headers, a path of ring 0.17.14 | \
             /srv/cargo/registry/src/index-0/ring-0.17.14/src/lib.rs",
        );
        check(
            "/w/build/zstd-sys-0123456789abcdef/out/x.c",
            "/v/build/zstd-sys-0123456789abcdef/out/x.c",
            "`/w/build/zstd-sys-0123456789abcdef/out/x.c` at 0x3 in its headers, a path of the build \
             script of zstd-sys | /v/build/zstd-sys-0123456789abcdef/out/x.c",
        );
        check(
            "built 2026-11-29 by me",
            "built 2026-11-30 by me",
            "`built 2026-11-29 by me` at 0x10 in its headers, a date | built 2026-11-30 by me",
        );
        check(
            "Nov 29 2026",
            "Nov 30 2026",
            "`Nov 29 2026` at 0x6 in its headers, a date | Nov 30 2026",
        );
        check(
            "_ZN1a17h0123456789abcdefE",
            "_ZN1a17h0123456789abcde0E",
            "`_ZN1a17h0123456789abcdefE` at 0x19 in its headers, the hash of a symbol | \
             _ZN1a17h0123456789abcde0E",
        );
        // Texts of Rust programs stand beside each other.
        check(
            "hello/rustc/59807616/library/core",
            "HELLO, loud/rustc/59807616/library/core",
            "`hello/rustc/59807616/library/core` at 0x2 in its headers | HELLO, \
             loud/rustc/59807616/library/core",
        );
        check(
            "tv_sec: 1796032800, tv_nsec: 5/rustc/59807616/library",
            "tv_sec: 1796032900, tv_nsec: 5/rustc/59807616/library",
            "`tv_sec: 1796032800, tv_nsec: 5/rustc/59807616/library` at 0x11 in its headers, a date | \
             tv_sec: 1796032900, tv_nsec: 5/rustc/59807616/library",
        );
        check(
            "rustc version 1.95.0 (59807616e)/build/a",
            "rustc version 1.96.0 (59807616e)/build/a",
            "`rustc version 1.95.0 (59807616e)/build/a` at 0x13 in its headers | rustc version 1.96.0 \
             (59807616e)/build/a",
        );
        check(
            "\u{1}\u{2}",
            "\u{1}\u{3}",
            "`02 00 00` at 0x3 in its headers | 03 00 00",
        );
    }
}
