//! Answers of S3 that are refusals: their code, and the way out. Pure.

use std::time::Duration;

use crate::problem::Problem;
use crate::problem::code::Code;
use crate::problem::text::printable;
use crate::ship::publish::codes::{
    STORE_BUSY, STORE_CLOCK, STORE_CREDENTIALS, STORE_DENIED, STORE_REFUSED, STORE_REGION,
};

/// Refusal of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Status.
    pub status: u16,
    /// Code of S3, such as `AccessDenied`; empty if the answer has none.
    pub code: String,
    /// Message.
    pub message: String,
    /// Region of the bucket, if the answer names it.
    pub region: Option<String>,
}

/// Outcome of a request: a refusal is an answer, too.
pub type Answered<T> = Result<T, Refusal>;

/// Returns the text of an element of XML without attributes, unescaped.
pub fn element(text: &str, name: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = after.split_once(&format!("</{name}>"))?;
    let unescaped = inside
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&amp;", "&");
    Some(unescaped)
}

/// Time that a signature is valid for, which is also how far S3 lets clocks differ.
pub const SIGNED_FOR: Duration = Duration::from_mins(15);

/// Way out of a clock that is wrong.
const SET_CLOCK: &str = "set this machine's clock: `timedatectl set-ntp true`";

/// Requests that a repetition may succeed at.
const TRANSIENT: &[&str] = &[
    "ConditionalRequestConflict",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottlingException",
];

/// Codes of S3 with ours, and what to do. The first that fits; those without a code of S3 are of
/// answers without a body.
const ROWS: &[(&str, Option<u16>, Code, &str)] = &[
    ("RequestTimeTooSkewed", None, STORE_CLOCK, SET_CLOCK),
    (
        "AuthorizationHeaderMalformed",
        None,
        STORE_REGION,
        "set the bucket's region: `export AWS_REGION=REGION`",
    ),
    (
        "AuthorizationQueryParametersError",
        None,
        STORE_REGION,
        "set the bucket's region: `export AWS_REGION=REGION`",
    ),
    (
        "",
        Some(301),
        STORE_REGION,
        "set the bucket's region: `export AWS_REGION=REGION`",
    ),
    (
        "",
        Some(307),
        STORE_REGION,
        "a new bucket is known everywhere after some minutes: publish again then",
    ),
    (
        "ExpiredToken",
        None,
        STORE_CREDENTIALS,
        "log in again, for example with `aws sso login`",
    ),
    (
        "InvalidAccessKeyId",
        None,
        STORE_CREDENTIALS,
        "check AWS_ACCESS_KEY_ID: `aws sts get-caller-identity`",
    ),
    (
        "InvalidToken",
        None,
        STORE_CREDENTIALS,
        "check AWS_SESSION_TOKEN: `aws sts get-caller-identity`",
    ),
    (
        "SignatureDoesNotMatch",
        None,
        STORE_CREDENTIALS,
        "check AWS_SECRET_ACCESS_KEY: `aws sts get-caller-identity`",
    ),
    (
        "NoSuchBucket",
        None,
        STORE_REFUSED,
        "create the bucket, or pass another one: `--to s3://BUCKET/PREFIX`",
    ),
    (
        "",
        Some(401),
        STORE_CREDENTIALS,
        "check the credentials: `aws sts get-caller-identity`",
    ),
    (
        "",
        Some(403),
        STORE_DENIED,
        "see the rights that are needed: `cargo xpkg --explain store-denied`",
    ),
];

impl Refusal {
    /// Reads a refusal from an answer.
    pub fn read(status: u16, body: &[u8], region: Option<&str>) -> Self {
        let text = String::from_utf8_lossy(body);
        Self {
            status,
            code: element(&text, "Code").unwrap_or_default(),
            message: element(&text, "Message").unwrap_or_default(),
            region: element(&text, "Region").or_else(|| region.map(str::to_owned)),
        }
    }

    /// Returns true if the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        let is_status = matches!(self.status, 409 | 429 | 500 | 502 | 503 | 504);
        is_status && self.code != "NoSuchUpload" || TRANSIENT.contains(&self.code.as_str())
    }

    /// Returns the problem of a request that is `what` ("write `main/latest.json`"). `skew` is by
    /// how many seconds the store's clock is ahead.
    pub fn problem(&self, what: &str, skew: Option<i64>) -> Problem {
        let Self {
            status,
            code,
            message,
            region,
        } = self;
        let (ours, help) = if self.is_transient() {
            (STORE_BUSY, "publish again: what is at the store stays")
        } else {
            ROWS.iter()
                .find(|(of, at, ..)| *of == code && !of.is_empty() || *at == Some(*status))
                .map_or((STORE_REFUSED, ""), |(_, _, ours, help)| (*ours, *help))
        };
        // A signature in an address has a time from and until which it is valid, and S3 calls those
        // of another time denied: "Request has expired".
        let is_off = skew.is_some_and(|skew| skew.unsigned_abs() >= SIGNED_FOR.as_secs());
        let (ours, help) = match ours {
            STORE_DENIED if is_off => (STORE_CLOCK, SET_CLOCK),
            _ => (ours, help),
        };
        let said = match (code.is_empty(), message.is_empty()) {
            (true, _) => format!("status {status}"),
            (false, true) => format!("status {status}, {}", printable(code)),
            (false, false) => format!(
                "status {status}, {}: {}",
                printable(code),
                printable(message)
            ),
        };
        let mut problem =
            Problem::new(ours, format!("the store refuses to {what}")).note("answer", [said]);
        if ours == STORE_CLOCK
            && let Some(skew) = skew
        {
            problem = problem.note("clock", [clock(skew)]);
        }
        match region {
            Some(region) if ours == STORE_REGION => problem.help(format!(
                "set the bucket's region: `export AWS_REGION={}`",
                printable(region)
            )),
            _ if help.is_empty() => problem,
            _ => problem.help(help),
        }
    }
}

/// Returns how far a clock is off, for people.
pub fn clock(skew: i64) -> String {
    let side = if skew < 0 { "ahead of" } else { "behind" };
    format!(
        "this machine's is {} s {side} the store's",
        skew.unsigned_abs()
    )
}

/// Returns by how many seconds a `Date` header is ahead of a time in seconds since 1970; `None` if it
/// has another form.
pub fn skew(date: &str, now: i64) -> Option<i64> {
    let parsed = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(parsed.timestamp().as_second() - now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: &str, more: &str) -> Vec<u8> {
        let text = format!(
            "<?xml?><Error><Code>{code}</Code><Message>a &lt;b&gt;</Message>{more}</Error>"
        );
        text.into_bytes()
    }

    #[test]
    fn every_refusal_has_a_code_and_a_way_out() {
        for (status, answer, expected, help) in [
            (
                403,
                body("AccessDenied", ""),
                STORE_DENIED,
                "see the rights that are needed: `cargo xpkg --explain store-denied`",
            ),
            (
                403,
                Vec::new(),
                STORE_DENIED,
                "see the rights that are needed: `cargo xpkg --explain store-denied`",
            ),
            (
                403,
                body("RequestTimeTooSkewed", ""),
                STORE_CLOCK,
                "set this machine's clock: `timedatectl set-ntp true`",
            ),
            (
                403,
                body("SignatureDoesNotMatch", ""),
                STORE_CREDENTIALS,
                "check AWS_SECRET_ACCESS_KEY: `aws sts get-caller-identity`",
            ),
            (
                400,
                body("ExpiredToken", ""),
                STORE_CREDENTIALS,
                "log in again, for example with `aws sso login`",
            ),
            (
                400,
                body("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
                STORE_REGION,
                "set the bucket's region: `export AWS_REGION=eu-west-1`",
            ),
            (
                301,
                body("PermanentRedirect", ""),
                STORE_REGION,
                "set the bucket's region: `export AWS_REGION=REGION`",
            ),
            (
                503,
                body("SlowDown", ""),
                STORE_BUSY,
                "publish again: what is at the store stays",
            ),
            (
                409,
                body("ConditionalRequestConflict", ""),
                STORE_BUSY,
                "publish again: what is at the store stays",
            ),
            (
                404,
                body("NoSuchBucket", ""),
                STORE_REFUSED,
                "create the bucket, or pass another one: `--to s3://BUCKET/PREFIX`",
            ),
        ] {
            let refusal = Refusal::read(status, &answer, None);
            let problem = refusal.problem("write `x`", None);
            assert_eq!(
                (problem.code, problem.help),
                (expected, vec![help.to_owned()])
            );
            assert_eq!(problem.message, "the store refuses to write `x`");
        }
        let problem =
            Refusal::read(501, &body("NotImplemented", ""), None).problem("write `x`", None);
        let said = vec!["status 501, NotImplemented: a <b>".to_owned()];
        assert_eq!(
            problem,
            Problem::new(STORE_REFUSED, "the store refuses to write `x`").note("answer", said)
        );
    }

    #[test]
    fn the_region_of_an_answer_without_a_body_is_in_a_header() {
        let problem = Refusal::read(301, b"", Some("eu-west-1")).problem("read `x`", None);
        assert_eq!(
            problem.help,
            ["set the bucket's region: `export AWS_REGION=eu-west-1`"]
        );
    }

    #[test]
    fn a_clock_that_is_off_is_told() {
        let date = "Sun, 29 Nov 2026 02:00:00 GMT";
        assert_eq!(skew(date, 1_795_917_600 + 1200), Some(-1200));
        assert_eq!(skew("yesterday", 0), None);
        let problem = Refusal::read(403, &body("RequestTimeTooSkewed", ""), None);
        let problem = problem.problem("read `x`", Some(-1200));
        let notes = Problem::new(STORE_CLOCK, "")
            .note(
                "clock",
                ["this machine's is 1200 s ahead of the store's".to_owned()],
            )
            .notes;
        assert_eq!(problem.notes[1..], notes[..]);
    }
}
