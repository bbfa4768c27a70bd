//! A bucket as a store.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Credentials as Signer, S3Action as _};

use crate::host::http::Request;
use crate::problem::{Problem, Result};
use crate::ship::publish::codes::STORE_REFUSED;
use crate::ship::publish::s3::answer::SIGNED_FOR;
use crate::ship::publish::s3::body::look::{Body, Checked, Counted};
use crate::ship::publish::s3::checksum::{base64, hex};
use crate::ship::publish::s3::client::run::{LARGEST, S3, conditional, is_condition, signed};
use crate::ship::publish::store::{Condition, From, Outcome, Store, Tag, Upload};

/// Size in bytes from which an object is written in parts.
const WHOLE: u64 = 64 << 20;

impl S3<'_> {
    /// Hashes an object whose digest the store does not tell.
    fn hash(&self, key: &str) -> Result<Option<(String, u64)>> {
        let key = self.key(key);
        let what = format!("read `{key}`");
        let mut counted = Counted::default();
        let answered = self.repeat(&what, "GET", &mut |signer| {
            counted = Counted::default();
            let request = Request {
                method: "GET",
                url: &signed(self.bucket.get_object(Some(signer), &key), &[]),
                headers: &[],
            };
            Ok(self.http.fetch(&request, &mut counted, LARGEST))
        })?;
        match answered {
            Ok(_) => Ok(Some((counted.hasher.finish(), counted.size))),
            Err(refusal) if self.is_absent(&refusal) => Ok(None),
            Err(refusal) => Err(self.refused(&refusal, &what)),
        }
    }

    /// Writes an object in one request.
    fn put_whole(&self, key: &str, upload: &Upload, condition: Condition) -> Result<Outcome> {
        let full = self.key(key);
        let what = format!("write `{full}`");
        let checksum = base64(upload.sha256).unwrap_or_default();
        let mut headers = vec![
            ("cache-control", upload.cache),
            ("content-type", upload.mime),
            ("x-amz-checksum-sha256", checksum.as_str()),
            ("x-amz-meta-sha256", upload.sha256),
        ];
        headers.push(conditional(condition));
        let sign = |signer: &Signer| signed(self.bucket.put_object(Some(signer), &full), &headers);
        let body = &mut || match upload.from {
            From::Bytes(bytes) => Ok(Body::Bytes(bytes)),
            From::File(path) => Checked::open(self.host, path, 0, upload.size, upload.sha256),
        };
        match self.send(&what, "PUT", &headers, &sign, body)? {
            Ok(_) => Ok(Outcome::Put),
            Err(refusal) if is_condition(&refusal, condition) => Ok(Outcome::Refused),
            Err(refusal) => Err(self.refused(&refusal, &what)),
        }
    }
}

impl Store for S3<'_> {
    fn list(&self, prefix: &str) -> Result<Option<BTreeSet<String>>> {
        let prefix = self.key(prefix);
        let what = format!("list `{prefix}`");
        let mut keys = BTreeSet::new();
        let mut token: Option<String> = None;
        loop {
            let sign = |signer: &Signer| {
                let mut action = ListObjectsV2::new(&self.bucket, Some(signer));
                action.with_prefix(prefix.as_str());
                if let Some(token) = &token {
                    action.with_continuation_token(token.as_str());
                }
                action.sign(SIGNED_FOR).into()
            };
            let answer = match self.ask(&what, "GET", &[], &sign)? {
                Ok(answer) => answer,
                Err(refusal) if refusal.status == 403 && refusal.code == "AccessDenied" => {
                    return Ok(None);
                }
                Err(refusal) => return Err(self.refused(&refusal, &what)),
            };
            let text = String::from_utf8_lossy(&answer.body);
            let listed = ListObjectsV2::parse_response(&text).map_err(|error| {
                Problem::new(
                    STORE_REFUSED,
                    format!("cannot {what}: the answer is no list"),
                )
                .note("cause", [error.to_string()])
            })?;
            let own = listed
                .contents
                .into_iter()
                .filter_map(|object| object.key.strip_prefix(&self.prefix).map(str::to_owned));
            keys.extend(own);
            match listed.next_continuation_token {
                Some(next) if token.as_ref() == Some(&next) => {
                    let message = format!("cannot {what}: each answer continues at the same key");
                    return Err(Problem::new(STORE_REFUSED, message));
                }
                Some(next) => token = Some(next),
                None => return Ok(Some(keys)),
            }
        }
    }

    fn digest(&self, key: &str) -> Result<Option<(String, u64)>> {
        let full = self.key(key);
        let what = format!("read `{full}`");
        let headers = [("x-amz-checksum-mode", "ENABLED")];
        let sign = |signer: &Signer| signed(self.bucket.head_object(Some(signer), &full), &headers);
        let answer = match self.ask(&what, "HEAD", &headers, &sign)? {
            Ok(answer) => answer,
            Err(refusal) if self.is_absent(&refusal) => return Ok(None),
            Err(refusal) => return Err(self.refused(&refusal, &what)),
        };
        let computed = answer.header("x-amz-checksum-sha256").and_then(hex);
        let noted = answer.header("x-amz-meta-sha256").map(str::to_owned);
        let size = answer
            .header("content-length")
            .and_then(|text| text.parse().ok());
        match (computed.or(noted), size) {
            (Some(sha256), Some(size)) => Ok(Some((sha256, size))),
            _ => self.hash(key),
        }
    }

    fn read(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>> {
        let full = self.key(key);
        let what = format!("read `{full}`");
        let sign = |signer: &Signer| signed(self.bucket.get_object(Some(signer), &full), &[]);
        match self.ask(&what, "GET", &[], &sign)? {
            Ok(answer) => {
                let Some(tag) = answer.header("etag") else {
                    let message = format!("cannot {what}: the answer has no ETag");
                    return Err(Problem::new(STORE_REFUSED, message));
                };
                let tag = Tag(tag.to_owned());
                Ok(Some((answer.body, tag)))
            }
            Err(refusal) if self.is_absent(&refusal) => Ok(None),
            Err(refusal) => Err(self.refused(&refusal, &what)),
        }
    }

    fn put(&self, key: &str, upload: &Upload, condition: Condition) -> Result<Outcome> {
        match (upload.from, condition) {
            (From::File(path), Condition::Absent) if upload.size >= WHOLE => {
                self.put_parts(key, path, upload)
            }
            _ => self.put_whole(key, upload, condition),
        }
    }

    fn remove(&self, key: &str) -> Result<()> {
        let full = self.key(key);
        let what = format!("remove `{full}`");
        let sign = |signer: &Signer| signed(self.bucket.delete_object(Some(signer), &full), &[]);
        match self.ask(&what, "DELETE", &[], &sign)? {
            Ok(_) => Ok(()),
            Err(refusal) if self.is_absent(&refusal) => Ok(()),
            Err(refusal) => Err(self.refused(&refusal, &what)),
        }
    }

    fn probe_key(&self, nonce: &str) -> String {
        format!(".xpkg/probe-{nonce}")
    }

    fn hides_missing(&self, key: &str) -> Result<bool> {
        let full = self.key(key);
        let what = format!("read `{full}`");
        let sign = |signer: &Signer| signed(self.bucket.get_object(Some(signer), &full), &[]);
        match self.ask(&what, "GET", &[], &sign)? {
            Ok(_) => Ok(false),
            Err(refusal) if self.is_absent(&refusal) => Ok(false),
            Err(refusal) if refusal.status == 403 && refusal.code == "AccessDenied" => {
                self.hides_missing.store(true, Ordering::Relaxed);
                Ok(true)
            }
            Err(refusal) => Err(self.refused(&refusal, &what)),
        }
    }

    fn clock_skew(&self) -> Option<i64> {
        self.skew()
    }
}
