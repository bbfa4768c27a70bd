//! Requests, signed and repeated.
//!
//! Every write has a condition, so every request can be repeated: a write whose answer was lost is
//! refused the second time, and the caller compares what is there.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use rusty_s3::{Bucket, Credentials as Signer, S3Action, UrlStyle};

use crate::host::http::{Answer, Http, Proxies, Request, Sent};
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::publish::codes::{
    PUBLISH_INVALID, STORE_CREDENTIALS, STORE_REFUSED, STORE_UNREACHABLE,
};
use crate::ship::publish::directory::run::changed;
use crate::ship::publish::s3::answer::{Answered, Refusal, SIGNED_FOR, skew};
use crate::ship::publish::s3::body::look::Body;
use crate::ship::publish::s3::credentials::{Credentials, Source};
use crate::ship::publish::s3::look;
use crate::ship::publish::s3::settings::Place;
use crate::ship::publish::store::{Condition, From, Tag};

/// Number of times that a request is sent.
const TRIES: u32 = 6;

/// Pause before the second try; each one after is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Largest size in bytes of an object that is read whole.
pub const LARGEST: u64 = 64 << 20;

/// Time before the expiry of credentials at which new ones are asked for, in seconds.
const EARLY: i64 = 300;

/// Value of [`S3::skew`] before the first answer.
const UNKNOWN: i64 = i64::MIN;

/// Credentials, and the time in seconds since 1970 at which new ones are asked for.
struct Held {
    credentials: Credentials,
    until: Option<i64>,
}

impl Held {
    /// Those that expire soon are kept for half of the time that they have: their source has no
    /// others.
    fn new(credentials: Credentials) -> Self {
        let expires = credentials.expires.as_deref();
        let expires = expires.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let until = expires.map(|expires| {
            let left = (expires.as_second() - now()).max(0);
            expires.as_second() - EARLY.min(left / 2)
        });
        Self { credentials, until }
    }
}

/// A bucket.
pub struct S3<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Sender of requests.
    pub http: Http,
    /// Address of the bucket.
    pub bucket: Bucket,
    /// Start of all keys.
    pub prefix: String,
    /// Where requests go.
    pub place: Place,
    source: Source,
    credentials: Mutex<Option<Held>>,
    /// Seconds that the store's clock is ahead.
    skew: AtomicI64,
    /// True if the store answers 403 for what is not there.
    pub hides_missing: AtomicBool,
}

impl<'a> S3<'a> {
    /// Creates a client. Nothing is asked yet.
    ///
    /// # Errors
    /// `publish-invalid`: the endpoint or AWS_CA_BUNDLE cannot be used.
    pub fn new(
        host: &'a Host,
        bucket: &str,
        prefix: &str,
        place: Place,
        source: Source,
    ) -> Result<Self> {
        let invalid = |why: String| {
            Problem::new(
                PUBLISH_INVALID,
                format!(
                    "`{}` cannot be used for the bucket `{bucket}`: {why}",
                    place.endpoint
                ),
            )
            .help("pass the address of the server: `--endpoint https://HOST`")
        };
        let style = if place.is_path_style {
            UrlStyle::Path
        } else {
            UrlStyle::VirtualHost
        };
        let endpoint = place
            .endpoint
            .parse()
            .map_err(|_| invalid("it is no address".to_owned()))?;
        let bucket = Bucket::new(endpoint, style, bucket.to_owned(), place.region.clone())
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            host,
            http: trusting(host)?,
            bucket,
            prefix: prefix.to_owned(),
            place,
            source,
            credentials: Mutex::new(None),
            skew: AtomicI64::new(UNKNOWN),
            hides_missing: AtomicBool::new(false),
        })
    }

    /// Returns the full key of an object.
    pub fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Returns credentials that do not expire soon.
    ///
    /// # Errors
    /// `store-credentials`.
    pub fn signer(&self) -> Result<Signer> {
        let mut held = self
            .credentials
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |held: &&Held| held.until.is_none_or(|until| now() < until);
        let Credentials {
            key, secret, token, ..
        } = match held.as_ref().filter(is_fresh) {
            Some(held) => held.credentials.clone(),
            None => {
                let new =
                    look::credentials(self.host, &self.http, &self.source, &self.place.region)?;
                held.insert(Held::new(new)).credentials.clone()
            }
        };
        if key.trim().is_empty() || secret.trim().is_empty() {
            return Err(
                Problem::new(STORE_CREDENTIALS, "the credentials of the store are empty")
                    .help("set them: `export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…`"),
            );
        }
        Ok(match token {
            Some(token) => Signer::new_with_token(key, secret, token),
            None => Signer::new(key, secret),
        })
    }

    /// Forgets credentials that the store calls expired. Returns false if their source has no others.
    fn forget(&self, expired: &Signer) -> bool {
        let mut held = self
            .credentials
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Another thread may have asked for new ones already.
        held.take_if(|held| held.credentials.key == expired.key());
        !matches!(self.source, Source::Variables(_))
    }

    /// Sends a request until it is answered: `what` is it ("read `main/latest.json`"), `sign`
    /// returns its address.
    ///
    /// # Errors
    /// Those of [`Self::repeat`]; `tree-changed`: the file of the body was changed.
    pub fn send<'b>(
        &self,
        what: &str,
        method: &str,
        headers: &[(&str, &str)],
        sign: &dyn Fn(&Signer) -> String,
        body: &mut dyn FnMut() -> Result<Body<'b>>,
    ) -> Result<Answered<Answer>> {
        self.repeat(what, method, &mut |signer| {
            let url = sign(signer);
            let request = Request {
                method,
                url: &url,
                headers,
            };
            let mut body = body()?;
            let sent = match &mut body {
                Body::Nothing => Sent::Nothing,
                Body::Bytes(bytes) => Sent::Bytes(bytes),
                Body::Owned(bytes) => Sent::Bytes(bytes),
                Body::File(file) => {
                    let size = file.left;
                    Sent::Stream(file, size)
                }
            };
            let answered = self.http.send(&request, sent, LARGEST);
            match &body {
                Body::File(file) if file.is_changed => Err(changed(From::File(file.path))),
                _ => Ok(answered),
            }
        })
    }

    /// Repeats a request until it is answered. `once` sends it with fresh credentials; its clause
    /// says why no answer came.
    ///
    /// # Errors
    /// Those of `once`; `store-unreachable`, `store-credentials`, `interrupted`.
    pub fn repeat(
        &self,
        what: &str,
        method: &str,
        once: &mut dyn FnMut(&Signer) -> Result<Result<Answer, String>>,
    ) -> Result<Answered<Answer>> {
        let mut pause = FIRST_PAUSE;
        let mut last = Err(String::new());
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.host.pause(pause);
                pause *= 2;
            }
            self.host.check_interrupted()?;
            let signer = self.signer()?;
            let answered = once(&signer);
            // The reader of a body stops at a signal, which is then the reason.
            self.host.check_interrupted()?;
            let answer = match answered? {
                Ok(answer) => answer,
                Err(why) => {
                    last = Err(why);
                    continue;
                }
            };
            self.note_date(&answer);
            if answer.is_cut {
                let message = format!("cannot {what}: it is larger than {LARGEST} bytes");
                return Err(Problem::new(STORE_REFUSED, message));
            }
            let region = answer.header("x-amz-bucket-region");
            let refusal = Refusal::read(answer.status, &answer.body, region);
            // S3 begins its answer to a POST before it knows how the work ends.
            let is_late = method == "POST" && !refusal.code.is_empty();
            if (200..300).contains(&answer.status) && !is_late {
                return Ok(Ok(answer));
            }
            let is_renewed = refusal.code == "ExpiredToken" && self.forget(&signer);
            if !refusal.is_transient() && !is_renewed {
                return Ok(Err(refusal));
            }
            last = Ok(refusal);
        }
        last.map(Err).map_err(|why| {
            let message = format!("cannot {what}: `{}` does not answer", self.place.endpoint);
            Problem::new(STORE_UNREACHABLE, message)
                .note("cause", [why])
                .help("check the address (`--endpoint URL`), and publish again")
        })
    }

    /// Sends a request without a body.
    ///
    /// # Errors
    /// Those of [`Self::send`].
    pub fn ask(
        &self,
        what: &str,
        method: &str,
        headers: &[(&str, &str)],
        sign: &dyn Fn(&Signer) -> String,
    ) -> Result<Answered<Answer>> {
        self.send(what, method, headers, sign, &mut || Ok(Body::Nothing))
    }

    /// Returns by how many seconds the store's clock is ahead, as of the last answer.
    pub fn skew(&self) -> Option<i64> {
        Some(self.skew.load(Ordering::Relaxed)).filter(|skew| *skew != UNKNOWN)
    }

    /// Notes how far the clock is off.
    fn note_date(&self, answer: &Answer) {
        if let Some(skew) = answer.header("date").and_then(|date| skew(date, now())) {
            self.skew.store(skew, Ordering::Relaxed);
        }
    }

    /// Returns the problem of a refusal.
    pub fn refused(&self, refusal: &Refusal, what: &str) -> Problem {
        let problem = refusal.problem(what, self.skew());
        if problem.code == STORE_REFUSED && problem.help.is_empty() {
            return problem.note("store", [self.place.endpoint.clone()]);
        }
        problem
    }

    /// Returns true for the refusals of what is not there.
    pub fn is_absent(&self, refusal: &Refusal) -> bool {
        match refusal.status {
            404 => refusal.code != "NoSuchBucket",
            403 => self.hides_missing.load(Ordering::Relaxed),
            _ => false,
        }
    }
}

/// Returns a sender that trusts the system's certificates, or those of AWS_CA_BUNDLE, and uses the
/// proxies of the environment.
///
/// # Errors
/// `publish-invalid`.
pub fn trusting(host: &Host) -> Result<Http> {
    let bundle = host.var("AWS_CA_BUNDLE").map(Utf8Path::new);
    let text = bundle
        .map(|path| host.read_small(&host.absolute(path), LARGEST))
        .transpose()?;
    let proxies = Proxies::find(|name| host.var(name)).map_err(|variable| {
        let message = format!("cannot use the proxy of `{variable}`: it is not one of HTTP");
        Problem::new(PUBLISH_INVALID, message).help(format!(
            "set it: `export {variable}=http://HOST:PORT`, or unset it: `unset {variable}`"
        ))
    })?;
    Http::new(text.as_deref(), proxies).map_err(|why| {
        let path = bundle.unwrap_or(Utf8Path::new(""));
        Problem::new(
            PUBLISH_INVALID,
            format!("cannot use `AWS_CA_BUNDLE={path}`: {why}"),
        )
        .help("set it to a file with certificates in PEM, or unset it: `unset AWS_CA_BUNDLE`")
    })
}

/// Returns the address of a signed request.
pub fn signed<'b>(mut action: impl S3Action<'b>, headers: &[(&'b str, &'b str)]) -> String {
    for (name, value) in headers {
        action.headers_mut().insert(*name, *value);
    }
    action.sign(SIGNED_FOR).into()
}

/// Returns the header of a condition.
pub fn conditional<'b>(condition: Condition<'b>) -> (&'static str, &'b str) {
    match condition {
        Condition::Absent => ("if-none-match", "*"),
        Condition::Matches(Tag(tag)) => ("if-match", tag),
    }
}

/// Returns true for the refusal of a write whose condition does not hold.
pub fn is_condition(refusal: &Refusal, condition: Condition) -> bool {
    let is_gone = matches!(condition, Condition::Matches(_)) && refusal.code == "NoSuchKey";
    refusal.status == 412 || refusal.code == "PreconditionFailed" || is_gone
}

/// Returns the time in seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}
