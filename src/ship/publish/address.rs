//! Addresses of stores, and names of channels. Pure.

use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::percent_decode_str;

use crate::problem::text::printable;
use crate::problem::{Problem, Result};
use crate::project::path_template::path_fault;
use crate::ship::publish::codes::PUBLISH_INVALID;

/// Address of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Bucket of S3, and the start of all keys in it, with a final slash unless it is empty.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Start of all keys.
        prefix: String,
    },
    /// Directory of this machine.
    Directory(Utf8PathBuf),
}

/// Fault of a path that is not absolute: on Windows, such paths begin with a drive.
const UNROOTED: &str = match cfg!(windows) {
    true => "the path of `file://` begins with a slash and a drive: `file:///C:/srv/site`",
    false => "the path of `file://` begins with a slash",
};

impl Address {
    /// Parses `s3://BUCKET[/PREFIX]` or `file:///DIR`.
    ///
    /// # Errors
    /// `publish-invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: &str| {
            let message = format!("`{}` is not the address of a store: {why}", printable(text));
            Problem::new(PUBLISH_INVALID, message).help(
                "pass a bucket or a directory: `--to s3://BUCKET/PREFIX`, `--to file:///srv/site`",
            )
        };
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            if bucket.is_empty() || !bucket.chars().all(is_plain) {
                return Err(invalid("it names no bucket"));
            }
            let prefix = prefix.trim_end_matches('/');
            if !prefix.is_empty()
                && let Some(fault) = path_fault(prefix)
            {
                return Err(invalid(&format!("its prefix is no path: {fault}")));
            }
            let prefix = if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            };
            return Ok(Self::S3 {
                bucket: bucket.to_owned(),
                prefix,
            });
        }
        if let Some(path) = text.strip_prefix("file://") {
            let path = path.strip_prefix("localhost").unwrap_or(path);
            let decoded = percent_decode_str(path).decode_utf8();
            let decoded = decoded.map_err(|_| invalid("it is not UTF-8"))?;
            let path = Utf8Path::new(decoded.as_ref());
            // `/C:/site` on Windows.
            let path = match decoded.as_bytes() {
                [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() && cfg!(windows) => {
                    Utf8Path::new(&decoded[1..])
                }
                _ => path,
            };
            if !path.is_absolute() {
                return Err(invalid(UNROOTED));
            }
            return Ok(Self::Directory(path.to_owned()));
        }
        Err(invalid("it begins with neither `s3://` nor `file://`"))
    }
}

/// Checks the name of a channel: one part of a path, and of an address without escapes.
///
/// # Errors
/// `publish-invalid`.
pub fn check_channel(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain) {
        return Ok(());
    }
    let message = format!("`{}` is not the name of a channel", printable(name));
    Err(Problem::new(PUBLISH_INVALID, message)
        .help("use letters, digits, `.`, `_` and `-`: `--channel stable`"))
}

/// Returns the name of the channel of a branch: `feature/x` is `feature-x`.
pub fn slug(branch: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "._".contains(c) => c.to_ascii_lowercase(),
        _ => '-',
    };
    let slug: String = branch.chars().map(letter).collect();
    slug.trim_matches(|c: char| !c.is_ascii_alphanumeric())
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts `/srv` on a drive, where systems have them.
    fn on_drive(text: &str, before: &str, drive: &str) -> String {
        match cfg!(windows) {
            true => text.replace(&format!("{before}/srv"), &format!("{before}{drive}/srv")),
            false => text.to_owned(),
        }
    }

    #[test]
    fn addresses_name_a_bucket_or_a_directory() {
        let s3 = |bucket: &str, prefix: &str| {
            Ok(Address::S3 {
                bucket: bucket.to_owned(),
                prefix: prefix.to_owned(),
            })
        };
        let directory = |path: &str| Ok(Address::Directory(on_drive(path, "", "C:").into()));
        for (text, expected) in [
            ("s3://get", s3("get", "")),
            ("s3://get/", s3("get", "")),
            ("s3://get.example.org/cli/", s3("get.example.org", "cli/")),
            ("s3://get/a/b", s3("get", "a/b/")),
            ("file:///srv/site", directory("/srv/site")),
            ("file://localhost/srv/a%20b", directory("/srv/a b")),
            ("s3://", Err("it names no bucket")),
            ("s3://a b/x", Err("it names no bucket")),
            (
                "s3://get/../x",
                Err("its prefix is no path: it has a component `..`"),
            ),
            ("file://srv/site", Err(UNROOTED)),
            (
                "/srv/site",
                Err("it begins with neither `s3://` nor `file://`"),
            ),
            (
                "https://get.example.org",
                Err("it begins with neither `s3://` nor `file://`"),
            ),
        ] {
            let text = on_drive(text, "file://", "/C:");
            let text = on_drive(&text, "localhost", "/C:");
            let parsed = Address::parse(&text).map_err(|problem| problem.message);
            let expected = expected
                .map_err(|why: &str| format!("`{text}` is not the address of a store: {why}"));
            assert_eq!(parsed, expected);
        }
    }

    #[test]
    fn a_channel_is_one_part_of_an_address() {
        for name in ["main", "v1.x", "nightly-2026"] {
            check_channel(name).unwrap();
        }
        for name in ["", ".", "..", "a/b", "a b", "ä", "-x", "a%2f"] {
            check_channel(name).unwrap_err();
        }
        assert_eq!(slug("feature/New_Login"), "feature-new_login");
        assert_eq!(slug("/x/"), "x");
    }
}
