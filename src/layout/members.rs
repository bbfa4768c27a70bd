//! What stands in each layer of an image, found on this machine before a byte of it is written.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::docker::{Base, ForPlatform, Image, Placed};
use crate::formats::oci::layer::Member;
use crate::host::{Host, Listed, Thing};
use crate::problem::{Code, Problem, Result};
use crate::rootfs::{Owned, Rootfs};

/// Where the bytes of a member come from.
pub enum Source {
    /// It has none.
    Nothing,
    Text(&'static str),
    Disk(Utf8PathBuf),
    /// A staged bin, and the digest that its manifest gives.
    Staged(Utf8PathBuf, String),
}

/// The members of one layer, by their path in the image without `/` before it.
pub struct Members {
    /// What they are, for the image's history.
    pub what: String,
    pub members: BTreeMap<String, (Member, Source)>,
}

/// Users whom programs and engines ask for by name. The second and third are those of Debian and of distroless.
const PASSWD: &str =
    "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n";
/// Where all may write.
const TMP: Owned = Owned { mode: 0o1777, user: 0, group: 0 };

/// Where systems have their CA certificates in one file: Debian and Alpine, Fedora, openSUSE, macOS.
const CERTIFICATES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];
const ZONES: &str = "/usr/share/zoneinfo";
/// The same zones once more, with other seconds.
const OTHER_ZONES: &[&str] = &["posix", "right"];

/// The layers of an image for one platform, in their order: what hardly ever changes first, the bins last.
pub fn layers(
    host: &Host,
    image: &Image,
    of: &ForPlatform,
    trees: &[Utf8PathBuf],
    rootfs: &mut Rootfs,
) -> Result<Vec<Members>, Vec<Problem>> {
    let mut layers = Vec::new();
    let mut problems = Vec::new();
    let mut layer = |what: &str, fill: &dyn Fn(&mut Filling) -> Result<()>| {
        let mut filling = Filling { host, image: &image.name, rootfs, members: BTreeMap::new() };
        match fill(&mut filling) {
            Ok(()) if filling.members.is_empty() => {}
            Ok(()) => layers.push(filling.finish(what)),
            Err(problem) => problems.push(problem),
        }
    };
    if image.base == Base::Scratch {
        layer("cargo xpkg: users and /tmp", &|filling| {
            filling.put("tmp", Member::Directory(TMP), Source::Nothing)?;
            filling.text("etc/passwd", PASSWD)?;
            filling.text("etc/group", GROUP)
        });
    }
    layer("cargo xpkg: files", &|filling| image.files.iter().try_for_each(|(from, to)| filling.file(from, to)));
    if image.ca_certificates {
        layer("cargo xpkg: CA certificates", &|filling| {
            let from = certificates(host, image)?;
            filling.disk(CERTIFICATES[0].trim_start_matches('/'), &from)
        });
    }
    if image.tzdata {
        layer("cargo xpkg: time zones", &|filling| {
            let from = zones(host, image)?;
            filling.directory(ZONES.trim_start_matches('/'), &from, OTHER_ZONES)
        });
    }
    let names: Vec<&str> = of.bins.iter().map(|bin| bin.place.rsplit('/').next().unwrap_or(&bin.place)).collect();
    layer(&format!("cargo xpkg: {}", names.join(", ")), &|filling| of.bins.iter().try_for_each(|bin| filling.bin(bin, &trees[bin.tree])));
    if problems.is_empty() { Ok(layers) } else { Err(problems) }
}

/// The CA certificates of this machine.
pub fn certificates(host: &Host, image: &Image) -> Result<Utf8PathBuf> {
    let named = host.var("SSL_CERT_FILE").map(Utf8PathBuf::from);
    let found = named.clone().into_iter().chain(CERTIFICATES.iter().map(Utf8PathBuf::from)).find(|path| host.is_file(path));
    found.ok_or_else(|| {
        Problem::new(Code::DockerInvalid, format!("the image `{}` asks for CA certificates, and this machine has none", image.name))
            .note("looked for", named.into_iter().map(Utf8PathBuf::into_string).chain(CERTIFICATES.iter().map(ToString::to_string)))
            .help("install them (`apt-get install ca-certificates`), or name a file of them: `SSL_CERT_FILE=PATH`")
    })
}

/// The time zones of this machine.
pub fn zones(host: &Host, image: &Image) -> Result<Utf8PathBuf> {
    let directory = Utf8PathBuf::from(host.var("TZDIR").unwrap_or(ZONES));
    if host.is_dir(&directory) {
        return Ok(directory);
    }
    Err(Problem::new(Code::DockerInvalid, format!("the image `{}` asks for time zones, and there is no `{directory}` here", image.name))
        .help("install them (`apt-get install tzdata`), or name a directory of them: `TZDIR=PATH`"))
}

/// A layer that is being filled.
struct Filling<'a> {
    host: &'a Host,
    image: &'a str,
    /// What stands below it.
    rootfs: &'a mut Rootfs,
    members: BTreeMap<String, (Member, Source)>,
}

impl Filling<'_> {
    /// Puts a member where the base's links lead, with the directories above it as they stand in the base: extracted by
    /// itself, as engines do, a layer would make other ones.
    fn put(&mut self, path: &str, member: Member, source: Source) -> Result<()> {
        let path = self.rootfs.place(path);
        for (at, _) in path.match_indices('/') {
            let above = &path[..at];
            match self.members.get(above) {
                Some((Member::Directory(_), _)) => {}
                Some(_) => return Err(self.clash(above)),
                None => {
                    self.members.insert(above.to_owned(), (Member::Directory(self.rootfs.owned(above)), Source::Nothing));
                }
            }
        }
        match (self.members.get(&path), &member) {
            (None, _) => {}
            (Some((Member::Directory(_), _)), Member::Directory(_)) => return Ok(()),
            _ => return Err(self.clash(&path)),
        }
        self.members.insert(path, (member, source));
        Ok(())
    }

    fn clash(&self, path: &str) -> Problem {
        Problem::new(Code::DockerClash, format!("in the image `{}` two things would stand at `/{path}`", self.image))
            .help("name other places in its `files`")
    }

    fn text(&mut self, path: &str, text: &'static str) -> Result<()> {
        self.put(path, Member::File { size: text.len() as u64, executable: false }, Source::Text(text))
    }

    /// A file of this machine.
    fn disk(&mut self, path: &str, from: &Utf8Path) -> Result<()> {
        match self.host.thing(from)? {
            Thing::File { size, mode } => {
                let executable = mode.is_some_and(|mode| mode & 0o111 != 0);
                self.put(path, Member::File { size, executable }, Source::Disk(from.to_owned()))
            }
            _ => Err(Problem::new(Code::FileAccess, format!("`{from}` is no plain file"))),
        }
    }

    /// A directory of this machine with all that is below it. Links stay links.
    fn directory(&mut self, path: &str, from: &Utf8Path, without: &[&str]) -> Result<()> {
        if !path.is_empty() {
            let owned = self.rootfs.owned(&self.rootfs.place(path));
            self.put(path, Member::Directory(owned), Source::Nothing)?;
        }
        let mut listed = self.host.list(from)?;
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        for Listed { name, readable, thing } in listed {
            if without.contains(&name.as_str()) {
                continue;
            }
            let below = from.join(&name);
            if !readable || name.starts_with(".wh.") {
                // An image's layer says by such a name what is gone.
                let why = if readable { "means that something is gone" } else { "is not UTF-8" };
                return Err(Problem::new(Code::DockerInvalid, format!("`{below}` cannot stand in an image: its name {why}"))
                    .help("rename it, or take it out of the image's `files`"));
            }
            let place = if path.is_empty() { name } else { format!("{path}/{name}") };
            match thing? {
                Thing::Directory => self.directory(&place, &below, &[])?,
                Thing::Link(target) => self.put(&place, Member::Link(target), Source::Nothing)?,
                Thing::File { .. } => self.disk(&place, &below)?,
                Thing::Special(what) => {
                    return Err(Problem::new(Code::DockerInvalid, format!("`{below}` cannot stand in an image: it is {what}"))
                        .help("take it out of the image's `files`"));
                }
            }
        }
        Ok(())
    }

    /// One row of an image's `files`. As with COPY, a file goes into what ends with a slash.
    fn file(&mut self, from: &Utf8Path, to: &str) -> Result<()> {
        let place = to.trim_start_matches('/').trim_end_matches('/');
        let sound = to.starts_with('/') && (place.is_empty() || place.split('/').all(|part| !matches!(part, "" | "." | "..")));
        if !sound {
            return Err(Problem::new(
                Code::DockerInvalid,
                format!("`{to}`, where `{from}` is to stand in `{}`, is no absolute path", self.image),
            )
            .help("write it as `/etc/app/config.toml`, without `.` and `..`"));
        }
        if self.host.is_dir(from) {
            return self.directory(place, from, &[]);
        }
        let name = from.file_name().unwrap_or_default();
        match (to.ends_with('/'), place) {
            (true, "") => self.disk(name, from),
            (true, directory) => self.disk(&format!("{directory}/{name}"), from),
            (false, place) => self.disk(place, from),
        }
    }

    fn bin(&mut self, bin: &Placed, tree: &Utf8Path) -> Result<()> {
        let from = tree.join(&bin.staged);
        match self.host.thing(&from) {
            Ok(Thing::File { size, .. }) if size == bin.size => {}
            Err(problem) if problem.code == Code::Interrupted => return Err(problem),
            _ => return Err(changed(&from)),
        }
        let member = Member::File { size: bin.size, executable: true };
        self.put(bin.place.trim_start_matches('/'), member, Source::Staged(from, bin.sha256.clone()))
    }

    fn finish(self, what: &str) -> Members {
        for (path, (member, _)) in &self.members {
            if let Member::Directory(owned) = member {
                self.rootfs.make(path, *owned);
            }
        }
        Members { what: what.to_owned(), members: self.members }
    }
}

/// A staged file that is no longer what its manifest says.
pub fn changed(path: &Utf8Path) -> Problem {
    Problem::new(Code::TreeChanged, format!("`{path}` is not what its manifest says"))
        .help("build it again, or see what else has changed: `cargo xpkg verify`")
}
