//! Requests over HTTP, one after the other in each thread.
//!
//! Redirections are answers, not followed: a request to a store is signed for one address. An error
//! never contains an address, which may hold a signature.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Request as HttpRequest;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, SendBody};

/// Time limit for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

/// Time limit for the head of an answer: a store may put the parts of a large object together first.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// Time in which some bytes must come or go.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Idle connections that are kept.
const IDLE: usize = 16;

/// Sender of requests. Its threads share connections.
pub struct Http {
    agent: Agent,
}

/// Request without its body.
pub struct Request<'a> {
    /// `GET`, `HEAD`, `PUT`, `POST` or `DELETE`.
    pub method: &'a str,
    /// Address.
    pub url: &'a str,
    /// Names and values.
    pub headers: &'a [(&'a str, &'a str)],
}

/// Body of a request.
pub enum Sent<'a> {
    /// No body.
    Nothing,
    /// Bytes.
    Bytes(&'a [u8]),
    /// Reader of this many bytes.
    Stream(&'a mut dyn Read, u64),
}

/// Answer of a server, whatever its status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Body; empty if it was written elsewhere.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Http {
    /// Creates a sender that trusts the system's certificates, or those in the text of a file (PEM)
    /// alone. Proxies are those of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
    ///
    /// # Errors
    /// A clause: the text holds no certificate.
    pub fn new(certificates: Option<&[u8]>) -> Result<Self, String> {
        let roots = match certificates {
            None => RootCerts::PlatformVerifier,
            Some(text) => {
                let mut trusted: Vec<Certificate<'static>> = Vec::new();
                for item in parse_pem(text) {
                    if let PemItem::Certificate(certificate) =
                        item.map_err(|error| error.to_string())?
                    {
                        trusted.push(certificate);
                    }
                }
                if trusted.is_empty() {
                    return Err("it contains no certificate".to_owned());
                }
                RootCerts::Specific(Arc::new(trusted))
            }
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("cargo-xpkg/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_recv_response(Some(ANSWER_LIMIT))
            .timeout_per_read(Some(SILENCE_LIMIT))
            .timeout_per_write(Some(SILENCE_LIMIT))
            .max_idle_connections(IDLE)
            .max_idle_connections_per_host(IDLE)
            .build();
        Ok(Self {
            agent: config.into(),
        })
    }

    /// Sends a request and returns the answer with at most `largest` bytes of its body.
    ///
    /// # Errors
    /// A clause: no answer came, or a larger one.
    pub fn send(&self, request: &Request, body: Sent, largest: u64) -> Result<Answer, String> {
        let (mut answer, mut body) = self.exchange(request, body)?;
        answer.body = body
            .with_config()
            .limit(largest)
            .read_to_vec()
            .map_err(|error| reason(&error))?;
        Ok(answer)
    }

    /// Sends a request, and writes the body of an answer with status 200 to `into`. The body of
    /// another answer is returned with it, up to `largest` bytes.
    ///
    /// # Errors
    /// A clause: no answer came, not all of it, or it could not be written.
    pub fn fetch(
        &self,
        request: &Request,
        into: &mut dyn io::Write,
        largest: u64,
    ) -> Result<Answer, String> {
        let (mut answer, mut body) = self.exchange(request, Sent::Nothing)?;
        if answer.status == 200 {
            io::copy(&mut body.as_reader(), into).map_err(|error| error.to_string())?;
        } else {
            answer.body = body
                .with_config()
                .limit(largest)
                .read_to_vec()
                .map_err(|error| reason(&error))?;
        }
        Ok(answer)
    }

    fn exchange(&self, request: &Request, body: Sent) -> Result<(Answer, ureq::Body), String> {
        let Request {
            method,
            url,
            headers,
        } = request;
        let head = headers.iter().fold(
            HttpRequest::builder().method(*method).uri(*url),
            |head, (name, value)| head.header(*name, *value),
        );
        let length = match &body {
            Sent::Nothing => 0,
            Sent::Bytes(bytes) => bytes.len() as u64,
            Sent::Stream(_, length) => *length,
        };
        let is_sent = matches!(*method, "PUT" | "POST");
        let head = if is_sent {
            head.header("content-length", length)
        } else {
            head
        };
        let unfit = |error: ureq::http::Error| format!("the request cannot be written: {error}");
        let answered = match body {
            Sent::Nothing if is_sent => self.agent.run(head.body(&[][..]).map_err(unfit)?),
            Sent::Nothing => self.agent.run(head.body(()).map_err(unfit)?),
            Sent::Bytes(bytes) => self.agent.run(head.body(bytes).map_err(unfit)?),
            Sent::Stream(mut reader, _) => {
                let body = SendBody::from_reader(&mut reader);
                self.agent.run(head.body(body).map_err(unfit)?)
            }
        };
        let (parts, body) = answered.map_err(|error| reason(&error))?.into_parts();
        let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        };
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers.iter().map(header).collect(),
            body: Vec::new(),
        };
        Ok((answer, body))
    }
}

/// Returns the reason of an error as a clause, without the address.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) => "the address is not one of HTTP".to_owned(),
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        ureq::Error::ConnectionFailed => "the connection failed".to_owned(),
        ureq::Error::Timeout(limit) => format!("no answer in time ({limit})"),
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        error => error.to_string(),
    }
}
