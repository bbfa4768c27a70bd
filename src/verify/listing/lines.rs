//! Lines of checksum lists, as the tools of the world write them: GNU, BSD, openssl, PowerShell on
//! msys, and people with an editor.
//!
//! Pure. A line that is not understood is kept with its number; the others are still read. Sources:
//! GNU coreutils, digest.c; OpenSSL, dgst.c; RFC 4880 §7 for frames of PGP.

use crate::digest::Algorithm;

/// Strength of the digest of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strength {
    /// It is compared.
    Checked(Algorithm),
    /// It can be made for any file (MD5, CRC-32), so it proves nothing; its name.
    Weak(String),
    /// It may be strong, but xpkg does not compute it; its name.
    Unsupported(String),
}

/// Line that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number from 1.
    pub number: usize,
    /// Algorithm.
    pub strength: Strength,
    /// Digest as lower-case hex digits.
    pub digest: String,
    /// Path as written; `None` for a digest without one, or with that of standard input.
    pub path: Option<String>,
}

/// Line that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLine {
    /// Number from 1.
    pub number: usize,
    /// Reason, as a clause with `it` for the line: `has no digest and path: …`.
    pub why: String,
}

/// Parsed text of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines that are understood, in their order.
    pub lines: Vec<Line>,
    /// Lines that are not.
    pub foreign: Vec<ForeignLine>,
    /// Kind of the signature within the text: `PGP`, `signify`.
    pub signature: Option<&'static str>,
}

/// Begin of a text that PGP signed in place.
pub const PGP_MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";

/// Begin of the signature at its end.
const PGP_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

const PGP_END: &str = "-----END PGP SIGNATURE-----";

/// First line of the signatures of signify and minisign.
pub const UNTRUSTED: &str = "untrusted comment:";

/// Part of a text that PGP or signify framed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// Lines of the list itself.
    Body,
    /// Headers after the begin of a message, up to an empty line.
    Headers,
    /// The signature.
    Signature,
    /// The line after signify's comment.
    Signify,
}

/// Parses a list. `name` is the list's own name, which may tell the algorithm of its digests.
///
/// # Errors
/// It is no text at all, with the reason as a clause.
pub fn parse(bytes: &[u8], name: &str) -> Result<Lines, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(
            "it is UTF-16, as PowerShell's `>` writes it, which `sha256sum` cannot read".to_owned(),
        );
    }
    if bytes.contains(&0) {
        return Err("it is not a text: it has NUL bytes".to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let hint = hint(name);
    let mut parsed = Lines::default();
    let mut frame = Frame::Body;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let Ok(line) = str::from_utf8(line) else {
            parsed.foreign.push(ForeignLine {
                number,
                why: "is not UTF-8".to_owned(),
            });
            continue;
        };
        let line = line.trim_end_matches('\r');
        let marker = line.trim_end();
        frame = match frame {
            Frame::Signature => match marker {
                PGP_END => Frame::Body,
                _ => Frame::Signature,
            },
            Frame::Headers if is_header(marker) => Frame::Headers,
            Frame::Signify if is_base64(marker) => Frame::Body,
            _ if marker == PGP_MESSAGE => {
                parsed.signature = Some("PGP");
                Frame::Headers
            }
            _ if marker == PGP_SIGNATURE => Frame::Signature,
            _ if marker.starts_with(UNTRUSTED) => {
                parsed.signature = Some("signify");
                Frame::Signify
            }
            _ => {
                // In a message, a line with a dash at its beginning is escaped by another.
                let is_pgp = parsed.signature == Some("PGP");
                let text = line.strip_prefix("- ").filter(|_| is_pgp).unwrap_or(line);
                match parse_line(text, hint) {
                    Ok(Some((strength, digest, path))) => parsed.lines.push(Line {
                        number,
                        strength,
                        digest: digest.to_ascii_lowercase(),
                        path,
                    }),
                    Ok(None) => {}
                    Err(why) => parsed.foreign.push(ForeignLine { number, why }),
                }
                Frame::Body
            }
        };
    }
    if frame == Frame::Signature {
        parsed.foreign.push(ForeignLine {
            number: bytes.split(|byte| *byte == b'\n').count(),
            why: "is within a PGP signature that has no end".to_owned(),
        });
    }
    Ok(parsed)
}

/// Returns true for a header of a signed message: `Hash: SHA512`. An empty line ends them.
fn is_header(line: &str) -> bool {
    let name = line.split_once(": ").map(|(name, _)| name);
    name.is_some_and(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    })
}

/// Returns true for a line of base64, as the signatures of signify are.
pub fn is_base64(line: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    line.len() >= 64 && line.bytes().all(is_digit)
}

/// Algorithm that the name of a list tells, where the length of a digest does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hint {
    None,
    Blake2b,
    Sha512Of256,
    /// CRC-32, whose digests are too short to be told from words.
    Crc32,
    Unsupported(&'static str),
}

/// Returns the algorithm that the name of a list tells.
fn hint(name: &str) -> Hint {
    const HINTS: &[(&str, Hint)] = &[
        ("b2sum", Hint::Blake2b),
        ("blake2b", Hint::Blake2b),
        (".b2", Hint::Blake2b),
        ("sha512-256", Hint::Sha512Of256),
        ("sha512_256", Hint::Sha512Of256),
        (".sfv", Hint::Crc32),
        ("crc32", Hint::Crc32),
        ("b3sum", Hint::Unsupported("BLAKE3")),
        ("blake3", Hint::Unsupported("BLAKE3")),
        (".b3", Hint::Unsupported("BLAKE3")),
        ("blake2s", Hint::Unsupported("BLAKE2s")),
        ("sha3", Hint::Unsupported("SHA-3")),
        ("rmd160", Hint::Unsupported("RIPEMD-160")),
        ("ripemd", Hint::Unsupported("RIPEMD-160")),
        ("sm3sum", Hint::Unsupported("SM3")),
    ];
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    // SHA-384 is not SHA-3.
    let name = name.replace("sha384", "");
    let known = HINTS.iter().find(|(part, _)| name.contains(part));
    known.map_or(Hint::None, |(_, hint)| *hint)
}

type Parts = (Strength, String, Option<String>);

/// Parses one line; `None` for an empty line or a comment.
///
/// # Errors
/// The reason why the line is not understood.
fn parse_line(line: &str, hint: Hint) -> Result<Option<Parts>, String> {
    let is_comment = line.starts_with('#') || hint == Hint::Crc32 && line.starts_with(';');
    if line.trim().is_empty() || is_comment {
        return Ok(None);
    }
    // As `sha256sum -c`: blanks before a line are skipped, and a `\` says that the path is escaped.
    let text = line.trim_start_matches([' ', '\t']);
    let (is_escaped, text) = match text.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let parts = tagged(text)
        .or_else(|| digest_first(text, hint))
        .or_else(|| path_first(text, hint));
    let (strength, digest, path) =
        parts.ok_or_else(|| format!("has no digest and path: `{}`", excerpt(line)))?;
    let path = match path {
        Some(path) if is_escaped => {
            let unescaped = unescape(path);
            Some(unescaped.ok_or_else(|| format!("has an unknown escape: `{}`", excerpt(line)))?)
        }
        // Digests of standard input.
        Some("-" | "stdin") | None => None,
        Some(path) => Some(path.to_owned()),
    };
    Ok(Some((strength, digest.to_owned(), path)))
}

/// Parses `SHA256 (path) = digest` of the BSDs and `SHA2-256(path)= digest` of openssl.
fn tagged(text: &str) -> Option<(Strength, &str, Option<&str>)> {
    let (tag, rest) = text.split_once('(')?;
    let (path, digest) = rest.rsplit_once(')')?;
    let digest = digest.trim_start().strip_prefix('=')?.trim();
    let tag = tag.trim_end();
    // openssl's digest of standard input has no name of an algorithm.
    let strength = if tag.is_empty() && path == "stdin" {
        by_length(digest, Hint::None)?
    } else {
        by_tag(tag)?
    };
    let fits = match &strength {
        Strength::Checked(algorithm) => digest.len() == algorithm.digits(),
        Strength::Weak(_) | Strength::Unsupported(_) => !digest.is_empty(),
    };
    (fits && is_hex(digest) && !path.is_empty()).then_some((strength, digest, Some(path)))
}

/// Parses `digest  path`, `digest *path`, and a digest alone.
fn digest_first(text: &str, hint: Hint) -> Option<(Strength, &str, Option<&str>)> {
    let (word, path) = match text.split_once([' ', '\t']) {
        Some((word, path)) => (word, path),
        None => (text, ""),
    };
    let (strength, digest) = prefixed(word, hint)?;
    // A second space, or the `*` of binary mode. More spaces are part of the path, as they are for
    // `sha256sum -c`.
    let path = path.strip_prefix([' ', '*', '\t']).unwrap_or(path);
    let path = (!path.trim().is_empty()).then_some(path);
    Some((strength, digest, path))
}

/// Parses `path  digest`, and `path: digest`.
fn path_first(text: &str, hint: Hint) -> Option<(Strength, &str, Option<&str>)> {
    let (path, word) = text.trim_end().rsplit_once([' ', '\t'])?;
    let (strength, digest) = if hint == Hint::Crc32 && word.len() == 8 && is_hex(word) {
        (Strength::Weak("CRC-32".to_owned()), word)
    } else {
        prefixed(word, hint)?
    };
    let path = path.trim_end();
    let path = path.strip_suffix(':').unwrap_or(path);
    // A tagged line whose tag is no algorithm (`HMAC-SHA256(app)= `), or not that of its digest.
    (!path.is_empty() && !path.ends_with('=')).then_some((strength, digest, Some(path)))
}

/// Parses a digest, with or without its algorithm before it: `sha256:…`.
fn prefixed(word: &str, hint: Hint) -> Option<(Strength, &str)> {
    if let Some((tag, digest)) = word.split_once(':') {
        let strength = by_tag(tag)?;
        let fits = !matches!(&strength, Strength::Checked(known) if known.digits() != digest.len());
        return (fits && is_hex(digest) && digest.len() >= 32).then_some((strength, digest));
    }
    Some((by_length(word, hint)?, word))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the algorithm of a digest by the number of its digits.
fn by_length(digest: &str, hint: Hint) -> Option<Strength> {
    if !is_hex(digest) {
        return None;
    }
    let algorithm = match digest.len() {
        32 => return Some(Strength::Weak("MD5".to_owned())),
        40 | 64 | 96 | 128 if matches!(hint, Hint::Unsupported(_)) => {
            let Hint::Unsupported(name) = hint else {
                return None;
            };
            return Some(Strength::Unsupported(name.to_owned()));
        }
        40 => Algorithm::Sha1,
        56 => Algorithm::Sha224,
        64 if hint == Hint::Sha512Of256 => Algorithm::Sha512Of256,
        64 => Algorithm::Sha256,
        96 => Algorithm::Sha384,
        128 if hint == Hint::Blake2b => Algorithm::Blake2b,
        128 => Algorithm::Sha512,
        _ => return None,
    };
    Some(Strength::Checked(algorithm))
}

/// Algorithms by their names in tagged lines, in capitals and without `-` and `_`.
const TAGS: &[(&str, Algorithm)] = &[
    ("SHA1", Algorithm::Sha1),
    ("SHA224", Algorithm::Sha224),
    ("SHA2224", Algorithm::Sha224),
    ("SHA256", Algorithm::Sha256),
    ("SHA2256", Algorithm::Sha256),
    ("SHA384", Algorithm::Sha384),
    ("SHA2384", Algorithm::Sha384),
    ("SHA512", Algorithm::Sha512),
    ("SHA2512", Algorithm::Sha512),
    ("SHA512/256", Algorithm::Sha512Of256),
    ("SHA2512/256", Algorithm::Sha512Of256),
    ("SHA512T256", Algorithm::Sha512Of256),
    ("BLAKE2B", Algorithm::Blake2b),
    ("BLAKE2B512", Algorithm::Blake2b),
];

/// Names of algorithms that prove nothing, written like [`TAGS`].
const WEAK_TAGS: &[&str] = &["MD4", "MD5", "CRC", "CRC32", "CRC32B", "ADLER32", "CKSUM"];

/// Begins of the names of algorithms that xpkg does not compute, written like [`TAGS`].
const UNSUPPORTED_TAGS: &[&str] = &[
    "BLAKE2",
    "BLAKE3",
    "KECCAK",
    "RIPEMD",
    "RMD160",
    "SHA3",
    "SHA512",
    "SHA2512",
    "SHAKE",
    "SKEIN",
    "SM3",
    "TIGER",
    "WHIRLPOOL",
];

/// Returns the algorithm of a tagged line; `None` for a word that is no algorithm.
fn by_tag(tag: &str) -> Option<Strength> {
    let name: String = tag
        .chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .collect();
    let name = name.to_ascii_uppercase();
    if let Some((_, algorithm)) = TAGS.iter().find(|(known, _)| *known == name) {
        return Some(Strength::Checked(*algorithm));
    }
    if WEAK_TAGS.contains(&name.as_str()) {
        return Some(Strength::Weak(tag.to_owned()));
    }
    let is_known = UNSUPPORTED_TAGS.iter().any(|known| name.starts_with(known));
    is_known.then(|| Strength::Unsupported(tag.to_owned()))
}

/// Replaces GNU's escapes `\\`, `\n` and `\r`; `None` for any other.
fn unescape(path: &str) -> Option<String> {
    let mut plain = String::with_capacity(path.len());
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(plain)
}

/// Returns the first 60 characters of a line, escaped.
fn excerpt(line: &str) -> String {
    line.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests of `abc`.
    const DIGESTS: &[(&str, &str)] = &[
        ("MD5", "900150983cd24fb0d6963f7d28e17f72"),
        ("SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "SHA224",
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        ),
        (
            "SHA256",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "SHA384",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            "SHA512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];

    /// Parses a text in which `{SHA256}` and its kin stand for digests, and returns `ALGORITHM PATH`
    /// of each line, `LINE: WHY` of each that is not understood, and the signature.
    fn shown(name: &str, text: &str) -> Vec<String> {
        let mut text = text.to_owned();
        for (tag, digest) in DIGESTS {
            text = text.replace(&format!("{{{tag}}}"), digest);
        }
        let parsed = match parse(text.as_bytes(), name) {
            Ok(parsed) => parsed,
            Err(why) => return vec![why],
        };
        let strength = |strength: Strength| match strength {
            Strength::Checked(algorithm) => algorithm.name().to_owned(),
            Strength::Weak(name) => format!("weak {name}"),
            Strength::Unsupported(name) => format!("unsupported {name}"),
        };
        let lines = parsed.lines.into_iter().map(|line| {
            let path = line
                .path
                .map_or_else(|| "(none)".to_owned(), |path| format!("{path:?}"));
            format!("{} {path}", strength(line.strength))
        });
        let foreign = parsed
            .foreign
            .into_iter()
            .map(|line| format!("{}: {}", line.number, line.why));
        let signature = parsed.signature.map(|kind| format!("signed by {kind}"));
        lines.chain(foreign).chain(signature).collect()
    }

    /// Lists as tools and people write them: the tool, the list's name, its text and what is read.
    #[rustfmt::skip]
    const SHAPES: &[(&str, &str, &str, &[&str])] = &[
        ("sha256sum", "SHA256SUMS", "{SHA256}  app\n", &["SHA-256 \"app\""]),
        ("sha256sum -b", "SHA256SUMS", "{SHA256} *app.exe\n", &["SHA-256 \"app.exe\""]),
        ("sha256sum --tag", "SHA256SUMS", "SHA256 (app) = {SHA256}\n", &["SHA-256 \"app\""]),
        ("sha256sum of a name with a line feed", "SHA256SUMS", "\\{SHA256}  a\\nb\n", &["SHA-256 \"a\\nb\""]),
        ("sha256sum of a name with a backslash", "SHA256SUMS", "\\{SHA256}  a\\\\b\n", &["SHA-256 \"a\\\\b\""]),
        ("sha256sum --tag of a name with a backslash", "SHA256SUMS", "\\SHA256 (a\\\\b) = {SHA256}\n", &["SHA-256 \"a\\\\b\""]),
        ("an escape that is none", "SHA256SUMS", "\\{SHA256}  a\\tb\n", &["1: has an unknown escape: `\\\\ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20`"]),
        ("sha256sum < app", "app.sha256", "{SHA256}  -\n", &["SHA-256 (none)"]),
        ("sha256sum --zero", "SHA256SUMS", "{SHA256}  app\0", &["it is not a text: it has NUL bytes"]),
        ("sha1sum", "SHA1SUMS", "{SHA1}  app\n", &["SHA-1 \"app\""]),
        ("sha224sum", "SHA224SUMS", "{SHA224}  app\n", &["SHA-224 \"app\""]),
        ("sha384sum", "SHA384SUMS", "{SHA384}  app\n", &["SHA-384 \"app\""]),
        ("sha512sum", "SHA512SUMS", "{SHA512}  app\n", &["SHA-512 \"app\""]),
        ("b2sum", "B2SUMS", "{SHA512}  app\n", &["BLAKE2b \"app\""]),
        ("b2sum, Arch", "b2sums.txt", "{SHA512}  app\n", &["BLAKE2b \"app\""]),
        ("b2sum --tag", "sums.txt", "BLAKE2b (app) = {SHA512}\n", &["BLAKE2b \"app\""]),
        ("b2sum -l 256 --tag", "sums.txt", "BLAKE2b-256 (app) = {SHA256}\n", &["unsupported BLAKE2b-256 \"app\""]),
        ("b3sum", "B3SUMS.b3", "{SHA256}  app\n", &["unsupported BLAKE3 \"app\""]),
        ("b3sum --tag", "SUMS", "BLAKE3 (app) = {SHA256}\n", &["unsupported BLAKE3 \"app\""]),
        ("md5sum", "MD5SUMS", "{MD5}  app\n", &["weak MD5 \"app\""]),
        ("md5 of the BSDs", "MD5", "MD5 (app) = {MD5}\n", &["weak MD5 \"app\""]),
        ("cksum -a sha3", "SUMS", "SHA3-256 (app) = {SHA256}\n", &["unsupported SHA3-256 \"app\""]),
        ("cfv", "app.sfv", "; made by cfv\napp.zip 352441C2\n", &["weak CRC-32 \"app.zip\""]),
        ("shasum -a 256, macOS", "app.sha256", "{SHA256}  dist/app.tar.gz\n", &["SHA-256 \"dist/app.tar.gz\""]),
        ("shasum without -a", "app.sha1", "{SHA1}  app\n", &["SHA-1 \"app\""]),
        ("FreeBSD's sha256", "CHECKSUM.SHA256", "SHA256 (FreeBSD (14).iso) = {SHA256}\n", &["SHA-256 \"FreeBSD (14).iso\""]),
        ("OpenBSD's SHA256.sig", "SHA256.sig", "untrusted comment: verify with openbsd-76-base.pub\nRWTkuwn4mbq8orBZ+DGpT+9dF5KLpeGKHSYBvjXvqxOlEQZOOOG5yjaK8DGpT+9dF5KLpeGKHSYBvjXvqxOlEQZOOOG5yjaK8DE=\nSHA256 (app) = {SHA256}\n", &["SHA-256 \"app\"", "signed by signify"]),
        ("openssl 1.1 dgst", "app.sha256", "SHA256(app)= {SHA256}\n", &["SHA-256 \"app\""]),
        ("openssl 3 dgst", "app.sha256", "SHA2-256(app)= {SHA256}\n", &["SHA-256 \"app\""]),
        ("openssl 3 dgst -sha512", "app.sha512", "SHA2-512(app)= {SHA512}\n", &["SHA-512 \"app\""]),
        ("openssl 3 dgst -sha512-256", "SUMS", "SHA2-512/256(app)= {SHA256}\n", &["SHA-512/256 \"app\""]),
        ("openssl dgst -r", "SHA256SUMS", "{SHA256} *app\n", &["SHA-256 \"app\""]),
        ("openssl dgst < app", "app.sha256", "SHA2-256(stdin)= {SHA256}\n", &["SHA-256 (none)"]),
        ("openssl 1.0 dgst < app", "app.sha256", "(stdin)= {SHA256}\n", &["SHA-256 (none)"]),
        ("openssl dgst -hmac", "SHA256SUMS", "HMAC-SHA256(app)= {SHA256}\n", &["1: has no digest and path: `HMAC-SHA256(app)= ba7816bf8f01cfea414140de5dae2223b00361a396`"]),
        ("a tag that its digest contradicts", "SHA256SUMS", "SHA512 (app) = {SHA256}\n", &["1: has no digest and path: `SHA512 (app) = ba7816bf8f01cfea414140de5dae2223b00361a396177`"]),
        ("dist, sha256.sum", "sha256.sum", "{SHA256} *app-x86_64-unknown-linux-gnu.tar.xz\n{SHA256} *source.tar.gz\n", &["SHA-256 \"app-x86_64-unknown-linux-gnu.tar.xz\"", "SHA-256 \"source.tar.gz\""]),
        ("GoReleaser", "app_1.0.0_checksums.txt", "{SHA256}  app_1.0.0_linux_amd64.tar.gz\n", &["SHA-256 \"app_1.0.0_linux_amd64.tar.gz\""]),
        ("GoReleaser, split", "app.tar.gz.sha256", "{SHA256}", &["SHA-256 (none)"]),
        ("Node", "SHASUMS256.txt", "{SHA256}  node-v22.0.0.tar.gz\n{SHA256}  win-x64/node.exe\n", &["SHA-256 \"node-v22.0.0.tar.gz\"", "SHA-256 \"win-x64/node.exe\""]),
        ("Maven, Gradle", "app.jar.sha1", "{SHA1}", &["SHA-1 (none)"]),
        ("Windows: CRLF", "SHA256SUMS", "{SHA256}  a\r\n{SHA256} *b\r\n", &["SHA-256 \"a\"", "SHA-256 \"b\""]),
        ("Windows: a byte order mark", "SHA256SUMS", "\u{feff}{SHA256}  a\n", &["SHA-256 \"a\""]),
        ("Windows: capitals", "SHA256SUMS", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD  a\n", &["SHA-256 \"a\""]),
        ("Windows: backslashes", "SHA256SUMS", "{SHA256}  dist\\app.exe\n", &["SHA-256 \"dist\\\\app.exe\""]),
        ("one space", "SHA256SUMS", "{SHA256} app\n", &["SHA-256 \"app\""]),
        ("a tab", "SHA256SUMS", "{SHA256}\tapp\n", &["SHA-256 \"app\""]),
        ("a name with spaces", "SHA256SUMS", "{SHA256}  my app\n", &["SHA-256 \"my app\""]),
        ("blanks before the digest", "SHA256SUMS", "  {SHA256}  app\n", &["SHA-256 \"app\""]),
        ("the path first", "SHA256SUMS", "app  {SHA256}\nmy app {SHA512}\n", &["SHA-256 \"app\"", "SHA-512 \"my app\""]),
        ("the path first, with a colon", "SHA256SUMS", "app.tar.gz: {SHA256}\n", &["SHA-256 \"app.tar.gz\""]),
        ("GitHub's digests", "SHA256SUMS", "sha256:{SHA256}  app\n", &["SHA-256 \"app\""]),
        ("comments and empty lines", "SHA256SUMS", "# app 1.0\n\n{SHA256}  app\n", &["SHA-256 \"app\""]),
        ("several algorithms in one list", "CHECKSUMS", "MD5 (a) = {MD5}\nSHA1 (a) = {SHA1}\nSHA256 (a) = {SHA256}\n", &["weak MD5 \"a\"", "SHA-1 \"a\"", "SHA-256 \"a\""]),
        ("gpg --clearsign", "SHA256SUMS.asc", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{SHA256}  app\n- -----x\n-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n", &["SHA-256 \"app\"", "5: has no digest and path: `-----x`", "signed by PGP"]),
        ("gpg --clearsign, CRLF", "SHA256SUMS.asc", "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\n{SHA256}  app\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQ\r\n-----END PGP SIGNATURE-----\r\n", &["SHA-256 \"app\"", "signed by PGP"]),
        ("gpg --clearsign, cut short", "SHA256SUMS.asc", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{SHA256}  app\n-----BEGIN PGP SIGNATURE-----\niQ", &["SHA-256 \"app\"", "6: is within a PGP signature that has no end", "signed by PGP"]),
        ("a heading", "SHA256SUMS", "SHA256 sums\n{SHA256}  app\n", &["SHA-256 \"app\"", "1: has no digest and path: `SHA256 sums`"]),
        ("a digest of too few digits", "SHA256SUMS", "0123  app\n{SHA256}  b\n", &["SHA-256 \"b\"", "1: has no digest and path: `0123  app`"]),
        ("a page of an error", "SHA256SUMS", "Not Found", &["1: has no digest and path: `Not Found`"]),
        ("an escape sequence", "SHA256SUMS", "\u{1b}[31mred", &["1: has no digest and path: `\\u{1b}[31mred`"]),
        ("nothing", "SHA256SUMS", "", &[]),
    ];

    #[test]
    fn lists_of_the_world_are_read() {
        for (tool, name, text, expected) in SHAPES {
            assert_eq!(shown(name, text), *expected, "{tool}");
        }
    }

    #[test]
    fn a_text_of_another_encoding_is_named() {
        let utf16: Vec<u8> = "\u{feff}a"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let why = "it is UTF-16, as PowerShell's `>` writes it, which `sha256sum` cannot read";
        assert_eq!(parse(&utf16, "SHA256SUMS"), Err(why.to_owned()));
        let parsed = parse(b"\xff  a\n", "SHA256SUMS").unwrap();
        let line = ForeignLine {
            number: 1,
            why: "is not UTF-8".to_owned(),
        };
        assert_eq!(parsed.foreign, [line]);
    }
}
