//! `.deb`: an `ar` of `debian-binary`, a tar of control files and a tar of the files to install.
//!
//! Control files are put below `DEBIAN/`, as `dpkg-deb -R` does. Source: deb(5).

use std::io::{self, BufRead, Read};

use crate::archive::packing::Compression;
use crate::archive::read::tar::read_stream;
use crate::archive::read::unpacking::{StopReason, Unpacking, error_chain};

/// Bytes of a member's header.
const HEADER: usize = 60;

/// Next member that dpkg looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Version,
    Control,
    Data,
    End,
}

/// Header of one member.
struct Member {
    name: String,
    size: u64,
}

/// Reads all entries of a package.
///
/// # Errors
/// The package is damaged or truncated, contradicts itself or exceeds a limit.
pub fn read(mut from: impl BufRead, allowed: u64, into: &mut Unpacking) -> Result<(), StopReason> {
    let from = &mut from;
    exact(from, &mut [0; 8])?;
    let mut next = Next::Version;
    let mut left = allowed;
    while !from
        .fill_buf()
        .map_err(|error| error_chain(&error))?
        .is_empty()
    {
        let Member { name, size } = header(from)?;
        let mut bytes = from.take(size);
        next = match (next, name.as_str()) {
            (Next::Version, "debian-binary") => {
                let mut version = [0; 2];
                exact(&mut bytes, &mut version)?;
                if version != *b"2." {
                    return Err("it is a package of a format other than 2".to_owned());
                }
                Next::Control
            }
            // dpkg ignores it: a signature.
            (_, name) if name.starts_with('_') => {
                let path = into.entry_name(name.as_bytes());
                let what = into.file(&path.path, None, size, &mut bytes);
                into.push(path, what)?;
                next
            }
            (Next::Control, name) if name.starts_with("control.tar") => {
                into.below = "DEBIAN/";
                left = read_stream(compression(name, "control.tar")?, &mut bytes, left, into)?;
                into.below = "";
                Next::Data
            }
            (Next::Data, name) if name.starts_with("data.tar") => {
                left = read_stream(compression(name, "data.tar")?, &mut bytes, left, into)?;
                Next::End
            }
            (_, name) => {
                return Err(format!(
                    "its member `{name}` is not one that dpkg looks for there"
                ));
            }
        };
        io::copy(&mut bytes, &mut io::sink()).map_err(|error| error_chain(&error))?;
        if bytes.limit() > 0 {
            return Err(format!("it is truncated within its member `{name}`"));
        }
        if size % 2 == 1 {
            exact(from, &mut [0])?;
        }
    }
    match next {
        Next::End => Ok(()),
        Next::Version | Next::Control => Err("it is truncated: it has no control.tar".to_owned()),
        Next::Data => Err("it is truncated: it has no data.tar".to_owned()),
    }
}

/// Returns the compression of a tar in a package, by the member's name as for dpkg.
fn compression(name: &str, tar: &str) -> Result<Option<Compression>, StopReason> {
    Ok(Some(match &name[tar.len()..] {
        "" => return Ok(None),
        ".gz" => Compression::Gzip,
        ".xz" => Compression::Xz,
        ".zst" => Compression::Zstd,
        ".bz2" => Compression::Bzip2,
        _ => {
            return Err(format!(
                "the compression of its member `{name}` is not supported"
            ));
        }
    }))
}

/// Reads the header of a member.
fn header(from: &mut impl Read) -> Result<Member, StopReason> {
    let mut header = [0; HEADER];
    exact(from, &mut header)?;
    let (name, size) = (&header[..16], &header[48..58]);
    if header[58..] != *b"`\n" {
        return Err("it has a damaged header of a member".to_owned());
    }
    let name = str::from_utf8(name).unwrap_or_default().trim_end();
    let name = name.strip_suffix('/').unwrap_or(name);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    // Tables of long names are of GNU's and the BSDs' libraries; no package has one.
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err("it has a member with a name that no package has".to_owned());
    }
    let size = str::from_utf8(size).unwrap_or_default().trim_end();
    let is_number = !size.is_empty() && size.bytes().all(|digit| digit.is_ascii_digit());
    let size = size.parse().ok().filter(|_| is_number);
    Ok(Member {
        name: name.to_owned(),
        size: size.ok_or("it has a member with a size that is not a number")?,
    })
}

/// Fills a buffer.
fn exact(from: &mut impl Read, buffer: &mut [u8]) -> Result<(), StopReason> {
    from.read_exact(buffer).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            "it is truncated".to_owned()
        } else {
            error_chain(&error)
        }
    })
}
