//! Detection of an archive's format by its first bytes.

use crate::archive::entry::ArtifactsKind;
use crate::problem::code::{Code, CodeInfo, code};

/// Format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// A tar without compression.
    Tar,
    /// A compressed stream of a tar, or of one file.
    Compressed(Compression),
    /// A zip: `.whl` and Android's `.apk`, too.
    Zip,
    /// A package of Debian: an `ar` of two tars.
    Deb,
    /// A package of RPM: headers, and a compressed cpio.
    Rpm,
    /// A known format that is not read, with the reason as a clause.
    Foreign(&'static str),
    /// An archive by its name, but not by its first bytes.
    Misnamed,
}

/// Compression of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip: RFC 1952.
    Gzip,
    /// Zstandard: RFC 8878.
    Zstd,
    /// xz: "The .xz File Format".
    Xz,
    /// bzip2.
    Bzip2,
}

/// Reason why an archive is not read that is none by its first bytes, as a clause.
pub const MISNAMED: &str = "its name is an archive's, but its first bytes are not";

/// Suffixes of archives that are read, in lower case.
const READ: &[&str] = &[
    ".tar", ".gz", ".tgz", ".xz", ".txz", ".zst", ".tzst", ".bz2", ".tbz", ".tbz2", ".zip", ".deb",
    ".rpm", ".whl", ".crate", ".apk",
];

/// Suffixes of compressed tars, in lower case.
const TARS: &[&str] = &[
    ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz", ".tbz2",
    ".crate", ".xbps",
];

/// Suffixes of packages that are tars or concatenated tars: of Alpine, Arch and Void.
const PACKAGES: &[&str] = &[
    ".apk",
    ".pkg.tar.gz",
    ".pkg.tar.xz",
    ".pkg.tar.zst",
    ".xbps",
];

/// Suffixes of single compressed files.
const SINGLES: &[&str] = &[".gz", ".xz", ".zst", ".bz2"];

/// Returns true if a name ends with one of the suffixes, in upper or lower case.
fn ends(name: &str, suffixes: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    suffixes.iter().any(|suffix| name.ends_with(suffix))
}

impl Packing {
    /// Number of bytes that [`Packing::of`] looks at.
    pub const FIRST: u64 = 512;

    /// Detects the format by the first bytes, or by the name if these are inconclusive. Returns
    /// `None` for a file that is not an archive.
    pub fn of(first: &[u8], name: &str) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Compressed(Compression::Gzip)),
            // A frame, or a skippable frame as parallel compressors (pzstd) write first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Some(Self::Compressed(Compression::Zstd))
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Compressed(Compression::Xz)),
            // A block or, of nothing, the end follows: a text may begin with `BZh`, too.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => {
                Some(Self::Compressed(Compression::Bzip2))
            }
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            // A static library is an `ar`, too.
            _ if first.starts_with(b"!<arch>\ndebian-binary") => Some(Self::Deb),
            [0xed, 0xab, 0xee, 0xdb, ..] => Some(Self::Rpm),
            _ if first.get(257..262) == Some(b"ustar") || ends(name, &[".tar"]) => Some(Self::Tar),
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => {
                Some(Self::Foreign("it is a 7z archive, which is not supported"))
            }
            [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => {
                Some(Self::Foreign("it is a RAR archive, which is not supported"))
            }
            [b'L', b'Z', b'I', b'P', 0 | 1, ..] => Some(Self::Foreign(
                "it is compressed with lzip, which is not supported",
            )),
            [0x5d, 0, 0, ..] if ends(name, &[".lzma", ".tlz"]) => Some(Self::Foreign(
                "it is compressed with LZMA alone, which is not supported",
            )),
            [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => {
                Some(Self::Foreign("it is a cabinet, which is not supported"))
            }
            _ if ends(name, READ) => Some(Self::Misnamed),
            _ => None,
        }
    }

    /// Returns the kind of an archive of this format and name.
    pub fn kind(self, name: &str) -> ArtifactsKind {
        match self {
            Self::Deb | Self::Rpm => ArtifactsKind::Package,
            Self::Compressed(_) if ends(name, PACKAGES) => ArtifactsKind::Package,
            _ => ArtifactsKind::Archive,
        }
    }
}

/// Returns true if a compressed file must contain a tar, by its name.
pub fn names_tar(name: &str) -> bool {
    ends(name, TARS)
}

/// Returns the name of the one file in a compressed file: that of the archive without its suffix. A
/// name in the archive is not trusted.
pub fn name_of_single(name: &str) -> &str {
    let suffix = SINGLES.iter().find(|suffix| ends(name, &[suffix]));
    let stem = suffix.map_or(name, |suffix| &name[..name.len() - suffix.len()]);
    if stem.is_empty() { name } else { stem }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[ARCHIVE_UNFIT];

/// An archive that is damaged, contradicts itself or exceeds a limit.
pub const ARCHIVE_UNFIT: Code = code(&CodeInfo {
    name: "archive-unfit",
    title: "an archive cannot be read within the limits",
    cause: "It is damaged, unpacks to more than the limit, or its headers contradict each other.",
    detection: "Archives are read as a stream within limits of size, count and ratio, and \
                nothing is unpacked to disk.",
    fix: "Create it again; if it really is that large, verify the unpacked directory instead.",
    page: "verify",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        use Compression::*;
        use Packing::*;
        let rows: &[(&[u8], &str, Option<Packing>)] = &[
            (b"\x1f\x8b\x08", "a", Some(Compressed(Gzip))),
            (b"\x28\xb5\x2f\xfd", "a.zip", Some(Compressed(Zstd))),
            (b"\xfd7zXZ\0", "a.deb", Some(Compressed(Xz))),
            (b"BZh91AY&SY", "a", Some(Compressed(Bzip2))),
            (b"BZh\xc3\xa9 is a text", "a", None),
            (b"PK\x03\x04", "a.whl", Some(Zip)),
            (b"!<arch>\ndebian-binary   ", "a", Some(Deb)),
            (b"!<arch>\n/               ", "liba.a", None),
            (b"!<arch>\n/               ", "a.deb", Some(Misnamed)),
            (b"\xed\xab\xee\xdb\x03\0", "a", Some(Rpm)),
            (b"Not Found", "a.TAR.GZ", Some(Misnamed)),
            (b"Not Found", "a.whl", Some(Misnamed)),
            (b"Not Found", "a", None),
            (b"", "a.tar", Some(Tar)),
        ];
        for (first, name, expected) in rows {
            assert_eq!(Packing::of(first, name), *expected, "{name}");
        }
    }

    #[test]
    fn packages_are_known_by_format_and_name() {
        use ArtifactsKind::{Archive, Package};
        let kind = |packing: Packing, name| packing.kind(name);
        assert_eq!(kind(Packing::Deb, "a"), Package);
        assert_eq!(kind(Packing::Zip, "a.apk"), Archive);
        let gzip = Packing::Compressed(Compression::Gzip);
        assert_eq!(kind(gzip, "a.apk"), Package);
        assert_eq!(kind(gzip, "a.tar.gz"), Archive);
        let zstd = Packing::Compressed(Compression::Zstd);
        assert_eq!(kind(zstd, "a-1-x86_64.pkg.tar.zst"), Package);
    }

    #[test]
    fn one_compressed_file_is_named_after_the_archive() {
        for (name, expected) in [
            ("app-linux-amd64.gz", "app-linux-amd64"),
            ("app.exe.XZ", "app.exe"),
            ("app", "app"),
            (".gz", ".gz"),
        ] {
            assert_eq!(name_of_single(name), expected);
        }
    }
}
