//! Reads a file once: its size, digest, program facts, and the home directories it names.

use std::io::{self, Read, Write as _};

use memchr::memmem;

use crate::archive::entry::File;
use crate::archive::list_name::begins_like_list;
use crate::archive::read::budget::Budget;
use crate::digest::{Algorithm, Hasher, Hashers};
use crate::inspect::auditable::PackageList;
use crate::inspect::{self, InspectError};

/// Bytes per read.
pub const PIECE: usize = 256 * 1024;

/// Maximum bytes of one file that are held in memory, and what is computed of it.
pub struct ReadLimits<'a> {
    /// Limit for a program.
    pub program: u64,
    /// Limit for a file that is about others by its name; 0 if this one is not.
    pub list: u64,
    /// Limit for any other file that begins like a list; 0 if none is kept.
    pub like_list: u64,
    /// Digests beside SHA-256.
    pub digests: &'a [Algorithm],
    /// Size according to the file system, used to reserve memory. 0 if unknown, or if only an
    /// archive declares it, which is not trusted.
    pub size: u64,
    /// Size that is declared by anyone: no more is held. [`u64::MAX`] if unknown.
    pub bound: u64,
    /// The memory that all readers share.
    pub memory: &'a Budget,
}

/// Reads a file to its end. Only a program or a list is held in memory, within `limits`.
///
/// # Errors
/// Reading failed, or the memory for the contents cannot be allocated.
pub fn read(
    from: &mut impl Read,
    mode: Option<u32>,
    limits: &ReadLimits,
    piece: &mut [u8],
) -> io::Result<File> {
    let mut hasher = Hasher::default();
    let mut hashers = Hashers::new(limits.digests);
    let mut list = limits.list;
    let mut size: u64 = 0;
    let mut head = [0; 8];
    let mut head_len = 0;
    let mut program = false;
    let mut held: Option<Vec<u8>> = None;
    let mut most = 0;
    let mut _share = None;
    loop {
        let read = fill(from, piece)?;
        let bytes = &piece[..read];
        if size == 0 {
            head_len = read.min(head.len());
            head[..head_len].copy_from_slice(&bytes[..head_len]);
            program = inspect::is_program(bytes);
            if list == 0 && limits.like_list > 0 && !program && begins_like_list(bytes) {
                list = limits.like_list;
            }
            most = list.max(if program { limits.program } else { 0 });
            held = (most > 0 && limits.size <= most).then(Vec::new);
            // A file that grows meanwhile is not held beyond its share.
            most = most.min(limits.bound);
            _share = held.as_ref().map(|_| limits.memory.take(most));
            if let Some(held) = &mut held {
                held.try_reserve_exact(usize::try_from(limits.size).unwrap_or(0))
                    .map_err(io::Error::other)?;
            }
        }
        size += read as u64;
        hasher.write_all(bytes)?;
        hashers.update(bytes);
        if size > most {
            held = None;
        }
        if let Some(held) = &mut held {
            held.try_reserve(read).map_err(io::Error::other)?;
            held.extend_from_slice(bytes);
        }
        if read < piece.len() {
            break;
        }
    }
    let (binary, homes, packages) = match &held {
        Some(bytes) if program && size <= limits.program => {
            let binary = inspect::inspect(bytes);
            let is_listed = binary.as_ref().is_ok_and(|binary| binary.auditable);
            let packages = is_listed.then(|| PackageList::of_program(bytes).map(Box::new));
            (binary.map(Box::new), homes(bytes), packages)
        }
        _ if program => (Err(InspectError::TooLarge(size)), Vec::new(), None),
        // The first bytes are enough to say why it is not a program.
        _ => (
            inspect::inspect(&head[..head_len]).map(Box::new),
            Vec::new(),
            None,
        ),
    };
    Ok(File {
        size,
        sha256: hasher.finish(),
        digests: hashers.finish(),
        mode,
        binary,
        list: held.filter(|_| list > 0 && size <= list),
        inode: None,
        homes,
        packages,
    })
}

/// Reads until the piece is full or the file ends.
fn fill(from: &mut impl Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while full < piece.len() {
        match from.read(&mut piece[full..]) {
            Ok(0) => break,
            Ok(read) => full += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}

/// Directory of homes, of people and CI services.
struct Homes {
    /// Bytes before the name of a user, or before what is in the home.
    start: &'static [u8],
    /// True if the name of a user follows.
    named: bool,
    /// Separators of which one follows the name.
    separators: &'static [u8],
    /// True if the letter of a drive is before it.
    drive: bool,
}

#[rustfmt::skip]
const HOMES: &[Homes] = &[
    Homes { start: b"/home/",             named: true,  separators: b"/",    drive: false },
    Homes { start: b"/Users/",            named: true,  separators: b"/",    drive: false },
    Homes { start: b"/root/",             named: false, separators: b"",     drive: false },
    Homes { start: b":\\Users\\",         named: true,  separators: b"\\/",  drive: true },
    Homes { start: b":\\users\\",         named: true,  separators: b"\\/",  drive: true },
    // As strings are written in JSON and in sources.
    Homes { start: b":\\\\Users\\\\",     named: true,  separators: b"\\/",  drive: true },
    Homes { start: b":/Users/",           named: true,  separators: b"\\/",  drive: true },
];

/// Names below these directories that are nobody's.
const SHARED: &[&[u8]] = &[b"Default", b"Public", b"Shared"];

/// Maximum number of homes reported per file.
const MOST_HOMES: usize = 5;

/// Maximum number of matches examined per file, so that a file full of `/home/` takes no time.
const MOST_PLACES: usize = 1_000_000;

/// Maximum length of a user name: LOGIN_NAME_MAX of most systems is 32, of Linux 256.
const LONGEST_NAME: usize = 64;

/// Returns the home directories that the bytes name, sorted: `/home/ci`, `/Users/ci`, `/root`.
pub fn homes(bytes: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for homes in HOMES {
        for at in memmem::find_iter(bytes, homes.start).take(MOST_PLACES) {
            if let Some(home) = homes.home(bytes, at)
                && !found.contains(&home)
            {
                found.push(home);
            }
            if found.len() == MOST_HOMES {
                found.sort();
                return found;
            }
        }
    }
    found.sort();
    found
}

impl Homes {
    /// Returns the home directory whose start was found at a place; `None` for what is none.
    fn home(&self, bytes: &[u8], at: usize) -> Option<String> {
        let (before, rest) = (&bytes[..at], &bytes[at + self.start.len()..]);
        let is_of_name = |byte: u8| is_name(byte) || self.drive && byte == b' ';
        let letters = rest.iter().take(LONGEST_NAME);
        let name = letters.take_while(|byte| is_of_name(**byte)).count();
        // A name with nothing below it, or a format (`/home/{}`), is not a builder's path.
        let is_followed = || {
            let next = rest.get(name);
            next.is_some_and(|next| self.separators.contains(next))
        };
        let is_spaced = rest[..name].ends_with(b" ");
        if name == 0
            || is_spaced
            || self.named && (!is_followed() || SHARED.contains(&&rest[..name]))
        {
            return None;
        }
        let drive = if self.drive {
            drive_of(before)
        } else {
            before.strip_suffix(b":").and_then(drive_of)
        };
        let start = str::from_utf8(self.start).ok()?.replace("\\\\", "\\");
        match (self.drive, drive) {
            (true, Some(letter)) => {
                let name = str::from_utf8(&rest[..name]).ok()?;
                Some(format!("{}{start}{name}", char::from(letter)))
            }
            (false, None) if !is_deeper(before) && self.named => {
                let name = str::from_utf8(&rest[..name]).ok()?;
                Some(format!("{start}{name}"))
            }
            (false, None) if !is_deeper(before) => Some(start.trim_end_matches('/').to_owned()),
            _ => None,
        }
    }
}

/// Returns the letter of the drive before a colon. Strings have no separators, so text may come
/// before it: in `main.rs:/Users/` there is none.
fn drive_of(before: &[u8]) -> Option<u8> {
    let (letter, text) = before.split_last()?;
    let is_alone = || !text.last().is_some_and(u8::is_ascii_alphanumeric);
    (letter.is_ascii_uppercase() || letter.is_ascii_lowercase() && is_alone()).then_some(*letter)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'@')
}

/// Returns true if the bytes before `/home/` begin the same path (`/usr`, `https://host`).
///
/// rustc stores strings without separators, so other text before it belongs to another string: the
/// end of a file name or of a word.
fn is_deeper(before: &[u8]) -> bool {
    let path = before
        .iter()
        .rev()
        .take(LONGEST_NAME)
        .take_while(|byte| is_name(**byte) || matches!(byte, b'/' | b':'))
        .count();
    let path = &before[before.len() - path..];
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let address = memmem::find(path, b"://").is_some();
    address || path.starts_with(b"/") && !last.is_empty() && !last.contains(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_found_where_a_path_begins() {
        let check = |bytes: &str, expected: &[&str]| {
            assert_eq!(homes(bytes.as_bytes()), expected, "{bytes}")
        };
        check("\0/home/ci/.cargo/registry\0", &["/home/ci"]);
        check(
            "src/main.rs/home/ci/.cargo/a.rs/home/ci/.cargo/b.rs",
            &["/home/ci"],
        );
        check(
            "/rustc/0123/library/core/src/str.rs/Users/ann/p/src/main.rs",
            &["/Users/ann"],
        );
        let root = "/root";
        check(
            &format!("panicked at {root}/src/main.rs, /home/b/x and /home/a/x"),
            &["/home/a", "/home/b", root],
        );
        check(
            r"lib.rsC:\Users\runneradmin\.cargo\x d:\users\ann\x C:\\Users\\bob\\x C:/Users/J Doe/x",
            &[
                "C:/Users/J Doe",
                r"C:\Users\bob",
                r"C:\Users\runneradmin",
                r"d:\users\ann",
            ],
        );
        check(
            r"C:\Users\Public\x C:\Users\Default\x /Users/Shared/x C:\Users\ C:\Users\ann \Users\ann\x",
            &[],
        );
        check("src/main.rs:/Users/ann/x", &["/Users/ann"]);
        check(
            "/usr/home/ci/x /home/ /home/{}/x /home/ci /root /root/ https://host/home/ci/x",
            &[],
        );
        check(
            "/home/a/x /home/b/x /home/c/x /home/d/x /home/e/x /home/f/x",
            &["/home/a", "/home/b", "/home/c", "/home/d", "/home/e"],
        );
    }

    #[test]
    fn a_file_is_held_in_memory_within_limits() {
        let mut piece = [0; 16];
        let mut seen = |bytes: &[u8], program, list| {
            read(
                &mut &*bytes,
                None,
                &ReadLimits {
                    program,
                    list,
                    like_list: 0,
                    digests: &[],
                    size: 0,
                    bound: u64::MAX,
                    memory: &Budget::new(1000),
                },
                &mut piece,
            )
            .unwrap()
        };
        let text = vec![b'a'; 100];
        assert_eq!(seen(&text, 1000, 100).list.as_deref(), Some(&text[..]));
        assert_eq!(seen(&text, 1000, 99).list, None);
        assert_eq!(seen(&text, 1000, 0).list, None);
        let elf = [b"\x7fELF".to_vec(), text].concat();
        let why = |file: File| file.binary.unwrap_err().to_string();
        assert!(why(seen(&elf, 104, 0)).starts_with("its ELF headers"));
        assert!(why(seen(&elf, 103, 0)).starts_with("it is a program of 104 bytes"));
        assert!(why(seen(&elf, 103, 200)).starts_with("it is a program of 104 bytes"));
        assert_eq!(why(seen(b"", 103, 0)), "it is empty");
        // sha256sum of an empty file
        assert_eq!(
            seen(b"", 0, 0).sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
