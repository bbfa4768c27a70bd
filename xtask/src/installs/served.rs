//! A release on a server, at the addresses that it was made for.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::cells::{read, write};
use crate::command::{ask, soon};
use crate::installs::chat::{Addresses, VERSION};
use crate::installs::place::place;

/// A name that leads to loopback and is, for cargo-binstall, one of GitHub's.
pub const HOST: &str = "github.localhost";

const REPOSITORY: &str = "acme/chat";

/// The ports of a server, kept from run to run: the address of the registry is in its packages.
pub struct Ports {
    plain: u16,
    secure: u16,
}

impl Ports {
    pub fn new() -> Result<Self, String> {
        let kept = place("ports");
        let numbers = std::fs::read_to_string(&kept).unwrap_or_default();
        let mut numbers = numbers.split_whitespace().map(str::parse);
        if let (Some(Ok(plain)), Some(Ok(secure))) = (numbers.next(), numbers.next())
            && [plain, secure].iter().all(|port| free(*port).is_ok())
        {
            return Ok(Self { plain, secure });
        }
        let said = |error: std::io::Error| format!("no port can be had on loopback: {error}");
        let (one, other) = (free(0).map_err(said)?, free(0).map_err(said)?);
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        let (plain, secure) = (port(&one).map_err(said)?, port(&other).map_err(said)?);
        write(&kept, &format!("{plain} {secure}\n"))?;
        Ok(Self { plain, secure })
    }

    pub fn addresses(&self) -> Addresses {
        let Self { plain, secure } = self;
        Addresses {
            plain: format!("http://127.0.0.1:{plain}"),
            repository: format!("https://{HOST}:{secure}/{REPOSITORY}"),
        }
    }

    /// Address of the registry's index, with TLS.
    pub fn secure_index(&self) -> String {
        format!("sparse+https://{HOST}:{}/registry/index/", self.secure)
    }

    /// Addresses of the archives as a template of cargo-binstall.
    pub fn secure_template(&self) -> String {
        let base = format!("https://{HOST}:{}", self.secure);
        format!("{base}/{{ version }}/{{ name }}-{{ version }}-{{ target }}{{ archive-suffix }}")
    }
}

fn free(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port))
}

/// It ends with this value.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves a release as a web server, as a registry, and as its files are found on GitHub.
pub fn serve(release: &Path, ports: &Ports) -> Result<Server, String> {
    let site = place("site");
    let _ = std::fs::remove_dir_all(&site);
    let tag = format!("{REPOSITORY}/releases/download/v{VERSION}");
    for (name, leads_to) in [
        (VERSION, release.to_owned()),
        ("registry", release.join("registry")),
        (&tag, release.to_owned()),
    ] {
        let link = site.join(name);
        let said = |error: std::io::Error| format!("{}: {error}", link.display());
        if let Some(parent) = link.parent() {
            std::fs::create_dir_all(parent).map_err(said)?;
        }
        symlink(leads_to, &link).map_err(said)?;
    }
    let script = place("serve.py");
    write(&script, include_str!("serve.py"))?;
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "python3"])
        .arg(&script)
        .arg(&site)
        .args([ports.plain, ports.secure].map(|port| port.to_string()))
        .args([certificate(), key()])
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("python3: {error}"))?;
    let mut server = Server(child);
    let answers = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
    if soon(|| answers(ports.plain) && answers(ports.secure))
        && server.0.try_wait().is_ok_and(|ended| ended.is_none())
    {
        Ok(server)
    } else {
        Err("the server on loopback did not start".to_owned())
    }
}

pub fn certificate() -> PathBuf {
    place("certificate.pem")
}

fn key() -> PathBuf {
    place("key.pem")
}

/// Makes the certificate of the server, where that has not been done: of its own authority, for ten
/// years.
pub fn certify() -> Result<(), String> {
    if read(&certificate()).is_ok() && read(&key()).is_ok() {
        return Ok(());
    }
    ask(Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 3650 -batch".split(' '))
        .args(["-subj", "/CN=xpkg", "-addext"])
        .arg(format!("subjectAltName=DNS:{HOST}"))
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(key())
        .arg("-out")
        .arg(certificate()))?;
    Ok(())
}
