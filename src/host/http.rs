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
use ureq::{Agent, Proxy, ProxyProtocol, SendBody};

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
    /// Sender to addresses with `http://`.
    plain: Agent,
    /// Sender to addresses with `https://`.
    secure: Agent,
}

/// Proxies by the scheme of the addresses.
#[derive(Debug, Default)]
pub struct Proxies {
    plain: Option<Proxy>,
    secure: Option<Proxy>,
}

impl Proxies {
    /// Finds the proxies that the environment names: `http_proxy` and `https_proxy` are for addresses
    /// of their scheme, `all_proxy` for the others, `no_proxy` lists hosts without one. Each may be
    /// in capitals.
    ///
    /// # Errors
    /// The name of a variable whose proxy cannot be used.
    pub fn find<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let either = |name: &str| {
            let names = [name.to_owned(), name.to_uppercase()];
            let mut found = names.into_iter();
            found.find_map(|name| Some((variable(&name)?, name)))
        };
        let exempt = either("no_proxy").map_or("", |(hosts, _)| hosts);
        let proxy = |name: &str| {
            let Some((address, name)) = either(name).or_else(|| either("all_proxy")) else {
                return Ok(None);
            };
            match proxy(address, exempt) {
                Some(proxy) => Ok(Some(proxy)),
                None => Err(name),
            }
        };
        Ok(Self {
            plain: proxy("http_proxy")?,
            secure: proxy("https_proxy")?,
        })
    }
}

/// Returns the proxy at an address; `None` if it is not one of HTTP.
fn proxy(address: &str, exempt: &str) -> Option<Proxy> {
    let given = Proxy::new(address).ok()?;
    if !matches!(given.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return None;
    }
    let mut proxy = Proxy::builder(given.protocol())
        .host(given.host())
        .port(given.port());
    if let Some(name) = given.username() {
        proxy = proxy.username(name);
    }
    if let Some(password) = given.password() {
        proxy = proxy.password(password);
    }
    let hosts = exempt.split(',').map(str::trim);
    for host in hosts.filter(|host| !host.is_empty()) {
        proxy = proxy.no_proxy(host);
    }
    proxy.build().ok()
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
    /// True if the body is longer, and the rest was not read.
    pub is_cut: bool,
}

impl Answer {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Reads at most `largest` bytes of the body.
    fn read(&mut self, body: &mut ureq::Body, largest: u64) -> Result<(), String> {
        // One byte more, to see that there is more.
        let mut reader = body.as_reader().take(largest.saturating_add(1));
        let read = reader.read_to_end(&mut self.body);
        read.map_err(|error| error.to_string())?;
        self.is_cut = self.body.len() as u64 > largest;
        if self.is_cut {
            self.body.pop();
        }
        Ok(())
    }
}

impl Http {
    /// Creates a sender that trusts the system's certificates, or those in the text of a file (PEM)
    /// alone.
    ///
    /// # Errors
    /// A clause: the text holds no certificate.
    pub fn new(certificates: Option<&[u8]>, proxies: Proxies) -> Result<Self, String> {
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
        let tls = TlsConfig::builder().root_certs(roots).build();
        Ok(Self {
            plain: agent(tls.clone(), proxies.plain),
            secure: agent(tls, proxies.secure),
        })
    }

    /// Sends a request and returns the answer with at most `largest` bytes of its body.
    ///
    /// # Errors
    /// A clause: no answer came, or not all of it.
    pub fn send(&self, request: &Request, body: Sent, largest: u64) -> Result<Answer, String> {
        let (mut answer, mut body) = self.exchange(request, body)?;
        answer.read(&mut body, largest)?;
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
            answer.read(&mut body, largest)?;
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
        let agent = match url.starts_with("https://") {
            true => &self.secure,
            false => &self.plain,
        };
        let is_sent = matches!(*method, "PUT" | "POST");
        let head = if is_sent {
            head.header("content-length", length)
        } else {
            head
        };
        let unfit = |error: ureq::http::Error| format!("the request cannot be written: {error}");
        let answered = match body {
            Sent::Nothing if is_sent => agent.run(head.body(&[][..]).map_err(unfit)?),
            Sent::Nothing => agent.run(head.body(()).map_err(unfit)?),
            Sent::Bytes(bytes) => agent.run(head.body(bytes).map_err(unfit)?),
            Sent::Stream(mut reader, _) => {
                let body = SendBody::from_reader(&mut reader);
                agent.run(head.body(body).map_err(unfit)?)
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
            is_cut: false,
        };
        Ok((answer, body))
    }
}

fn agent(tls: TlsConfig, proxy: Option<Proxy>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cargo-xpkg/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .proxy(proxy)
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_recv_response(Some(ANSWER_LIMIT))
        .timeout_per_read(Some(SILENCE_LIMIT))
        .timeout_per_write(Some(SILENCE_LIMIT))
        .max_idle_connections(IDLE)
        .max_idle_connections_per_host(IDLE)
        .build();
    config.into()
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
