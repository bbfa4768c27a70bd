//! Files that are about other files, by their names and first bytes: the contents of these are kept
//! in memory.
//!
//! A name is a hint only. What such a file is, its contents decide in `verify`.

/// Kind of a file that is about other files, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListName<'a> {
    /// `manifest.json`, xpkg's or another program's.
    Manifest,
    /// `release.json`, xpkg's or another program's.
    Release,
    /// File of the index of a registry of cargo: `registry/index/ch/at/chat-server`.
    Index,
    /// `install.sh` or `install.ps1`, which may have digests of archives.
    Installer,
    /// `MANIFEST.txt`, xpkg's or another program's.
    ManifestText,
    /// Checksums of several files: `SHA256SUMS`, `app_1.2_checksums.txt`.
    Sums,
    /// Checksums beside one file, with that file's path: `app.tar.gz.sha256`.
    Sidecar(&'a str),
    /// Signature or certificate beside one file, with that file's path: `SHA256SUMS.asc`.
    Companion(&'a str),
    /// List of all files of a Python wheel: `app-1.0.dist-info/RECORD`.
    Record,
    /// Document of a release tool or a signer: `dist-manifest.json`, `multiple.intoto.jsonl`.
    Document,
}

/// Suffixes of checksums beside one file. Longer ones come before those that they end with.
const SIDECARS: &[&str] = &[
    ".sha256sum.txt",
    ".sha512sum.txt",
    ".sha1sum.txt",
    ".sha256.txt",
    ".sha512.txt",
    ".sha1.txt",
    ".md5.txt",
    ".checksum.txt",
    ".sha256sums",
    ".sha512sums",
    ".sha256sum",
    ".sha512sum",
    ".sha384sum",
    ".sha224sum",
    ".sha1sum",
    ".md5sum",
    ".shasum",
    ".sha3-256",
    ".sha3-512",
    ".sha256",
    ".sha512",
    ".sha384",
    ".sha224",
    ".sha1",
    ".sha2",
    ".sha3",
    ".sha",
    ".md5",
    ".b2sum",
    ".blake2b",
    ".blake2",
    ".b2",
    ".b3sum",
    ".blake3",
    ".b3",
    ".rmd160",
    ".crc32",
    ".sfv",
    ".checksum",
    ".digest",
    ".digests",
];

/// Suffixes of signatures and certificates beside one file.
const COMPANIONS: &[&str] = &[
    ".asc", ".sig", ".sign", ".gpg", ".pgp", ".minisig", ".pem", ".crt", ".cert", ".cer", ".p7s",
];

/// Names of documents that release tools write.
const DOCUMENTS: &[&str] = &["artifacts.json", "metadata.json"];

/// Suffixes of documents that release tools and signers write.
const DOCUMENT_ENDS: &[&str] = &[
    "dist-manifest.json",
    ".jsonl",
    ".intoto.json",
    ".sigstore",
    ".sigstore.json",
    ".bundle",
    ".bundle.json",
    ".att",
    ".att.json",
    ".attestation",
    ".attestation.json",
    "provenance.json",
];

/// Parts of the names of lists, in a name without its suffix.
const SUMS: &[&str] = &[
    "sha1sum",
    "sha2sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "shasum",
    "md5sum",
    "b2sum",
    "b3sum",
    "checksum",
    "chksum",
];

/// Names of algorithms that a list's name ends with: `SHA256`, `app-sha512.txt`, `sha256.sum`.
const ALGORITHMS: &[&str] = &[
    "sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2", "blake2b", "blake3", "sums",
];

/// Suffixes of texts that a list may be, without the dot. Those of programs' sources and manual
/// pages (`checksum.rs`, `sha256sum.1`) are not among them.
const TEXTS: &[&str] = &[
    "txt", "text", "sum", "sums", "lst", "list", "json", "csv", "yml", "yaml", "xml",
];

/// Returns the kind of a file by its name; `None` for a name that says nothing.
pub fn list_name(path: &str) -> Option<ListName<'_>> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if path.starts_with("registry/index/") || path.contains("/registry/index/") {
        return Some(ListName::Index);
    }
    match name {
        "manifest.json" => return Some(ListName::Manifest),
        "release.json" => return Some(ListName::Release),
        "install.sh" | "install.ps1" => return Some(ListName::Installer),
        "MANIFEST.txt" => return Some(ListName::ManifestText),
        "RECORD" if path.ends_with(".dist-info/RECORD") => return Some(ListName::Record),
        _ => {}
    }
    let lower = name.to_ascii_lowercase();
    let stem = |ends: &[&str]| {
        let end = ends.iter().find(|end| lower.ends_with(**end))?;
        // A name that is a suffix only has no stem.
        (lower.len() > end.len()).then(|| &path[..path.len() - end.len()])
    };
    if let Some(stem) = stem(SIDECARS) {
        return Some(ListName::Sidecar(stem));
    }
    if DOCUMENTS.contains(&lower.as_str()) || DOCUMENT_ENDS.iter().any(|end| lower.ends_with(end)) {
        return Some(ListName::Document);
    }
    if let Some(stem) = stem(COMPANIONS) {
        return Some(ListName::Companion(stem));
    }
    is_sums(&lower).then_some(ListName::Sums)
}

/// Returns the path of an SBOM without its suffix, `app-1.0` of `app-1.0.cdx.json`; `None` for any
/// other name.
pub fn sbom_stem(path: &str) -> Option<&str> {
    let stem = path.strip_suffix(".cdx.json")?;
    (!stem.is_empty() && !stem.ends_with('/')).then_some(stem)
}

/// Returns true for a name of which the contents are kept: a list, or an SBOM.
pub fn is_kept(path: &str) -> bool {
    list_name(path).is_some() || sbom_stem(path).is_some()
}

/// Returns true for the path of the manifest in a package of cargo: `chat-1.0.0/Cargo.toml`.
pub fn is_crate_manifest(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(_, name)| name == "Cargo.toml")
}

/// Returns true for the lower-case name of a list of several files.
fn is_sums(name: &str) -> bool {
    let (base, is_text) = match name.rsplit_once('.') {
        Some((base, end)) if TEXTS.contains(&end) => (base, true),
        // A version is no suffix: `app_checksums_1.2.3`, but `sha256sum.1` is a page of a manual.
        Some((base, end)) => {
            let is_version = end.starts_with(|first: char| first.is_ascii_digit());
            if base.contains('.') && (is_version || end.contains("sum")) {
                (name, false)
            } else {
                return false;
            }
        }
        None => (name, false),
    };
    if SUMS.iter().any(|part| base.contains(part)) {
        return true;
    }
    let last = base.rsplit(['-', '_', '.', ' ']).next().unwrap_or_default();
    let is_algorithm = |text: &str| ALGORITHMS.contains(&text);
    base.starts_with("shasums") || is_algorithm(if is_text { last } else { base })
}

/// Maximum bytes at the beginning of a file that are searched for a checksum.
const BEGINNING: usize = 4096;

/// Returns true if a text begins like a list of checksums, whatever its name is: one of its first
/// lines has a digest.
pub fn begins_like_list(first: &[u8]) -> bool {
    let first = &first[..first.len().min(BEGINNING)];
    if first.contains(&0) {
        return false;
    }
    // A long line of a program's text (a script, JSON) may hold a digest, too.
    const LONGEST_LINE: usize = 1024;
    first
        .split(|byte| *byte == b'\n')
        .filter(|line| line.len() <= LONGEST_LINE)
        .any(|line| {
            let mut words = line.split(|byte| !byte.is_ascii_alphanumeric());
            let is_sum = |word: &[u8]| {
                matches!(word.len(), 32 | 40 | 56 | 64 | 96 | 128)
                    && word.iter().all(u8::is_ascii_hexdigit)
            };
            words.any(is_sum)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists_are_known() {
        use ListName::*;
        let rows: &[(&str, Option<ListName>)] = &[
            ("manifest.json", Some(Manifest)),
            ("a/manifest.json", Some(Manifest)),
            ("MANIFEST.txt", Some(ManifestText)),
            ("app-1.0.dist-info/RECORD", Some(Record)),
            ("RECORD", None),
            ("SHA256SUMS", Some(Sums)),
            ("SHA512SUMS", Some(Sums)),
            ("SHASUMS256.txt", Some(Sums)),
            ("sha256.sum", Some(Sums)),
            ("sha512.sum", Some(Sums)),
            ("sha256sum.txt", Some(Sums)),
            ("sha256.txt", Some(Sums)),
            ("SHA256", Some(Sums)),
            ("CHECKSUM", Some(Sums)),
            ("CHECKSUMS.txt", Some(Sums)),
            ("checksums-sha256.txt", Some(Sums)),
            ("app_1.2_checksums.txt", Some(Sums)),
            ("app-1.2.0-checksums", Some(Sums)),
            ("app_checksums_1.2.3", Some(Sums)),
            ("terraform_1.0.0_SHA256SUMS", Some(Sums)),
            ("app-1.0-SHA512SUMS.txt", Some(Sums)),
            ("b2sums.txt", Some(Sums)),
            ("md5sums", Some(Sums)),
            ("checksums.json", Some(Sums)),
            ("d/app.tar.gz.sha256", Some(Sidecar("d/app.tar.gz"))),
            ("app.zip.SHA512", Some(Sidecar("app.zip"))),
            ("app.sha256sum", Some(Sidecar("app"))),
            ("app.exe.sha256.txt", Some(Sidecar("app.exe"))),
            ("checksums.sha256", Some(Sidecar("checksums"))),
            ("app.md5", Some(Sidecar("app"))),
            ("SHA256SUMS.asc", Some(Companion("SHA256SUMS"))),
            ("SHA256SUMS.gpg", Some(Companion("SHA256SUMS"))),
            ("x/prog.sig", Some(Companion("x/prog"))),
            ("checksums.txt.pem", Some(Companion("checksums.txt"))),
            ("multiple.intoto.jsonl", Some(Document)),
            ("app.tar.gz.sigstore.json", Some(Document)),
            ("dist-manifest.json", Some(Document)),
            ("artifacts.json", Some(Document)),
            ("go.sum", None),
            ("checksum.rs", None),
            ("sha256sum.1", None),
            ("sha256sum.bash", None),
            ("README.md", None),
            ("app", None),
            (".sha256", None),
            ("shared.txt", None),
            ("sha256-simd", None),
            ("data.json", None),
        ];
        for (name, expected) in rows {
            assert_eq!(list_name(name), *expected, "{name}");
        }
    }

    #[test]
    fn a_text_that_begins_with_a_digest_is_like_a_list() {
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(begins_like_list(format!("{sum}  a\n").as_bytes()));
        assert!(begins_like_list(
            format!("# sums\n\nSHA256 (a) = {sum}\n").as_bytes()
        ));
        assert!(begins_like_list(format!("app.tar.gz: {sum}").as_bytes()));
        assert!(!begins_like_list(format!("{sum}0  a\n").as_bytes()));
        assert!(!begins_like_list(format!("{sum}\0\0\n").as_bytes()));
        assert!(!begins_like_list(b"MIT License\n"));
        assert!(!begins_like_list(b""));
    }
}
