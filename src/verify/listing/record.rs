//! `RECORD` of a wheel: the list of its files, with digests in base64.
//!
//! Source: Python Packaging User Guide, "Recording installed projects" and "Binary distribution
//! format".

use crate::archive::entry::Entry;
use crate::digest::Algorithm;
use crate::verify::finding::Finding;
use crate::verify::listing::{
    Listing, add_digest, contents, directory, normalize, path_unsafe, report_lines, unreadable,
};
use crate::verify::paths::unsafe_path;

/// Line of a `RECORD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the line, from 1.
    pub number: usize,
    /// Path below the wheel's root.
    pub path: String,
    /// Digest as lower-case hex digits; `None` if the line has none.
    pub digest: Option<(Algorithm, String)>,
    /// Size in bytes, if the line has it.
    pub size: Option<u64>,
}

/// Names of the algorithms, as Python's hashlib has them. MD5 and SHA-1 are not allowed.
const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("sha256", Algorithm::Sha256),
    ("sha384", Algorithm::Sha384),
    ("sha512", Algorithm::Sha512),
    ("blake2b", Algorithm::Blake2b),
];

/// Adds the list of a wheel, which has all of its files.
pub fn add(entry: &Entry, listing: &mut Listing, findings: &mut Vec<Finding>) {
    let path = entry.path.as_str();
    let above = directory(path).trim_end_matches('/');
    let base = directory(above).to_owned();
    let text = contents(entry)
        .and_then(|bytes| str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
    listing.exempt.insert(path.to_owned());
    let text = match text {
        Ok(text) => text,
        Err(why) => {
            findings.push(unreadable(path, why));
            return;
        }
    };
    let mut wrong = Vec::new();
    for record in parse(text) {
        let Record {
            number,
            path: written,
            digest,
            size,
        } = match record {
            Ok(record) => record,
            Err(why) => {
                wrong.push(why);
                continue;
            }
        };
        if let Some(reason) = unsafe_path(&written) {
            findings.push(path_unsafe(path, &written, reason));
            continue;
        }
        let file = format!("{base}{}", normalize(&written));
        // It cannot list itself, and its signatures come after it.
        if file == path
            || [".jws", ".p7s"]
                .iter()
                .any(|end| file == format!("{path}{end}"))
        {
            listing.exempt.insert(file);
            continue;
        }
        let Some((algorithm, digest)) = digest else {
            wrong.push(format!("line {number} has no digest"));
            continue;
        };
        findings.extend(add_digest(listing, path, &file, algorithm, &digest));
        if let Some(listed) = listing.files.get_mut(&file) {
            listed.size = listed.size.or(size);
        }
    }
    report_lines(path, wrong, findings);
    listing.by.push(path.to_owned());
    let complete = listing.complete.entry(base);
    complete.or_insert_with(|| path.to_owned());
}

/// Parses the lines of a `RECORD`. Of a line that is not understood, there is the reason.
pub fn parse(text: &str) -> Vec<Result<Record, String>> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| record(number, line).map_err(|why| format!("line {number} {why}")))
        .collect()
}

fn record(number: usize, line: &str) -> Result<Record, String> {
    let fields = fields(line).ok_or("has a quote that does not end")?;
    let [path, digest, size] = fields.as_slice() else {
        return Err("does not have a path, a digest and a size".to_owned());
    };
    let digest = match digest.as_str() {
        "" => None,
        text => Some(parse_digest(text)?),
    };
    let size = match size.as_str() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| "has a size that is not a number")?,
        ),
    };
    Ok(Record {
        number,
        path: path.clone(),
        digest,
        size,
    })
}

/// Splits a line of CSV; `None` if a quote does not end in it.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars().peekable();
    let mut is_quoted = false;
    while let Some(letter) = letters.next() {
        let last = fields.last_mut()?;
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                last.push('"');
            }
            '"' if is_quoted || last.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            letter => last.push(letter),
        }
    }
    (!is_quoted).then_some(fields)
}

/// Parses `sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU`.
fn parse_digest(text: &str) -> Result<(Algorithm, String), String> {
    let (name, value) = text.split_once('=').ok_or("has a digest of no algorithm")?;
    let known = ALGORITHMS.iter().find(|(known, _)| *known == name);
    let (_, algorithm) =
        known.ok_or_else(|| format!("has a digest of `{name}`, which is not supported"))?;
    let hex = hex_of_base64(value.trim_end_matches('='));
    hex.filter(|hex| hex.len() == algorithm.digits())
        .map(|hex| (*algorithm, hex))
        .ok_or_else(|| "has a damaged digest".to_owned())
}

/// Returns bytes in URL-safe base64 without padding as lower-case hex digits.
fn hex_of_base64(text: &str) -> Option<String> {
    let mut hex = String::with_capacity(text.len() * 3 / 2);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        while count >= 4 {
            count -= 4;
            hex.push(char::from_digit(bits >> count & 0xf, 16)?);
        }
        bits &= (1 << count) - 1;
    }
    // The last letter may have bits beyond the last byte.
    if hex.len() % 2 == 1 {
        hex.pop();
    }
    Some(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_record_are_parsed() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let lines = "a/b.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\n\
            \"a,\"\"b\"\".py\",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,\n\
            a-1.dist-info/RECORD,,\n\n\
            c,md5=rL0Y20zC-Fzt72VPzMSk2A,3\n\
            d,sha256=rL0Y20zC,3\n\
            e,sha256=\n\
            \"f,,\n";
        let row = |number, path: &str, digest: Option<&str>, size| {
            Ok(Record {
                number,
                path: path.to_owned(),
                digest: digest.map(|digest| (Algorithm::Sha256, digest.to_owned())),
                size,
            })
        };
        let wrong = |why: &str| Err(why.to_owned());
        assert_eq!(
            parse(lines),
            [
                row(1, "a/b.py", Some(empty), Some(0)),
                row(2, "a,\"b\".py", Some(empty), None),
                row(3, "a-1.dist-info/RECORD", None, None),
                wrong("line 5 has a digest of `md5`, which is not supported"),
                wrong("line 6 has a damaged digest"),
                wrong("line 7 does not have a path, a digest and a size"),
                wrong("line 8 has a quote that does not end"),
            ]
        );
    }
}
