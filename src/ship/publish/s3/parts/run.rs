//! Objects in parts.

use std::sync::atomic::Ordering;

use camino::Utf8Path;
use rusty_s3::Credentials as Signer;
use rusty_s3::actions::{
    CompleteMultipartUpload, CompleteMultipartUploadResponse, CreateMultipartUpload,
};

use crate::digest::Hasher;
use crate::host::http::{Request, Sent};
use crate::problem::{Problem, Result};
use crate::ship::publish::codes::{STORE_BUSY, STORE_REFUSED};
use crate::ship::publish::directory::run::changed;
use crate::ship::publish::s3::body::look::{Body, Checked, part_digests};
use crate::ship::publish::s3::client::run::{LARGEST, S3, conditional, is_condition, signed};
use crate::ship::publish::store::{Condition, Outcome, Upload};

/// Smallest size in bytes of a part but the last.
const PART: u64 = 16 << 20;

/// Largest number of parts.
const PARTS: u64 = 10_000;

impl S3<'_> {
    /// Writes an object in parts. What was begun is aborted on the way out.
    ///
    /// # Errors
    /// The store cannot be written, or the file was changed.
    pub fn put_parts(&self, key: &str, path: &Utf8Path, upload: &Upload) -> Result<Outcome> {
        let full = self.key(key);
        let what = format!("write `{full}`");
        let headers = [
            ("cache-control", upload.cache),
            ("content-type", upload.mime),
            ("x-amz-meta-sha256", upload.sha256),
        ];
        let sign = |signer: &Signer| {
            signed(
                self.bucket.create_multipart_upload(Some(signer), &full),
                &headers,
            )
        };
        let created = self.ask(&what, "POST", &headers, &sign)?;
        let created = created.map_err(|refusal| self.refused(&refusal, &what))?;
        let text = String::from_utf8_lossy(&created.body);
        let created = CreateMultipartUpload::parse_response(&text)
            .map_err(|error| no_upload(&what, &error))?;
        let id = created.upload_id();
        // The end of the process waits for the abort.
        self.host.interrupts.cleaning.store(true, Ordering::SeqCst);
        let outcome = self
            .send_parts(&full, id, path, upload)
            .and_then(|etags| self.complete(&full, id, &etags));
        if !matches!(outcome, Ok(Outcome::Put)) {
            self.abort(&full, id);
        }
        outcome
    }

    /// Writes the parts and returns their tags.
    fn send_parts(
        &self,
        full: &str,
        id: &str,
        path: &Utf8Path,
        upload: &Upload,
    ) -> Result<Vec<String>> {
        let size = PART.max(upload.size.div_ceil(PARTS - 1));
        let mut whole = Hasher::default();
        let mut etags = Vec::new();
        let mut start = 0;
        while start < upload.size {
            let length = size.min(upload.size - start);
            let (md5, sha256) = part_digests(self.host, path, start, length, &mut whole)?;
            let number = u16::try_from(etags.len() + 1).unwrap_or(u16::MAX);
            let what = format!("write part {number} of `{full}`");
            let headers = [("content-md5", md5.as_str())];
            let sign = |signer: &Signer| {
                signed(
                    self.bucket.upload_part(Some(signer), full, number, id),
                    &headers,
                )
            };
            let body = &mut || Checked::open(self.host, path, start, length, &sha256);
            let answer = self.send(&what, "PUT", &headers, &sign, body)?;
            let answer = answer.map_err(|refusal| self.refused(&refusal, &what))?;
            etags.push(answer.header("etag").unwrap_or_default().to_owned());
            start += length;
        }
        if whole.finish() != upload.sha256 {
            return Err(changed(upload.from));
        }
        Ok(etags)
    }

    /// Puts the parts together, if nothing is there.
    fn complete(&self, full: &str, id: &str, etags: &[String]) -> Result<Outcome> {
        let what = format!("write `{full}`");
        let headers = [conditional(Condition::Absent)];
        let tags = || etags.iter().map(String::as_str);
        let action = |signer: &Signer| {
            signed(
                CompleteMultipartUpload::new(&self.bucket, Some(signer), full, id, tags()),
                &headers,
            )
        };
        let xml = CompleteMultipartUpload::new(&self.bucket, None, full, id, tags()).body();
        let body = &mut || Ok(Body::Owned(xml.clone().into_bytes()));
        let answer = match self.send(&what, "POST", &headers, &action, body)? {
            Ok(answer) => answer,
            Err(refusal) if is_condition(&refusal, Condition::Absent) => {
                return Ok(Outcome::Refused);
            }
            // The answer to the first try was lost.
            Err(refusal) if refusal.code == "NoSuchUpload" => return Ok(Outcome::Refused),
            Err(refusal) => return Err(self.refused(&refusal, &what)),
        };
        let text = String::from_utf8_lossy(&answer.body);
        match CompleteMultipartUploadResponse::parse(&text) {
            Ok(_) => Ok(Outcome::Put),
            Err(error) => Err(no_upload(&what, &error)),
        }
    }

    /// Aborts an upload in parts, after a signal, too. What cannot be aborted is told.
    fn abort(&self, full: &str, id: &str) {
        let aborted = self
            .signer()
            .map_err(|problem| problem.message)
            .and_then(|signer| {
                let url = signed(
                    self.bucket.abort_multipart_upload(Some(&signer), full, id),
                    &[],
                );
                let request = Request {
                    method: "DELETE",
                    url: &url,
                    headers: &[],
                };
                let answer = self.http.send(&request, Sent::Nothing, LARGEST)?;
                if (200..300).contains(&answer.status) || answer.status == 404 {
                    Ok(())
                } else {
                    Err(format!("status {}", answer.status))
                }
            });
        if let Err(why) = aborted {
            let text = format!("an upload of `{full}` in parts is left at the store: {why}");
            self.host.shell.warning(STORE_BUSY.name(), &text);
        }
    }
}

/// Returns the problem of an answer that is not one to an upload in parts.
fn no_upload(what: &str, error: &dyn std::fmt::Display) -> Problem {
    let message = format!("cannot {what}: the answer is no upload");
    Problem::new(STORE_REFUSED, message).note("cause", [error.to_string()])
}
