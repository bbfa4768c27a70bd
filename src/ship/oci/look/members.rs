//! What stands in each layer of an image, found on this machine before a byte of it is written.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::entry::Ownership;
use crate::archive::write::Member;
use crate::host::codes::INTERRUPTED;
use crate::host::files::FileType;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::docker::image::{Base, DOCKER_CLASH, Image, InstalledBin, PlatformImage};
use crate::ship::files::look::{
    CERTIFICATES, Extra, ExtraKind, ZONES, certificates, extras, zones,
};
use crate::ship::rootfs::Rootfs;
use crate::tree::look::TREE_CHANGED;

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

/// Users whom programs and engines ask for by name. The second and third are those of Debian and of
/// distroless.
const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";

const GROUP: &str = "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n";

/// Where all may write.
const TMP: Ownership = Ownership {
    mode: 0o1777,
    user: 0,
    group: 0,
};

/// The layers of an image for one platform, in their order: what hardly ever changes first, the
/// bins last.
pub fn layers(
    host: &Host,
    image: &Image,
    of: &PlatformImage,
    trees: &[Utf8PathBuf],
    rootfs: &mut Rootfs,
) -> Result<Vec<Members>, Vec<Problem>> {
    let mut layers = Vec::new();
    let mut problems = Vec::new();
    let mut placed = BTreeMap::new();
    let mut layer = |what: &str, fill: &dyn Fn(&mut Filling) -> Result<()>| {
        let mut filling = Filling {
            host,
            image: &image.name,
            rootfs,
            placed: &mut placed,
            members: BTreeMap::new(),
        };
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
    layer("cargo xpkg: files", &|filling| {
        image
            .files
            .iter()
            .try_for_each(|(from, to)| filling.file(from, to))
    });
    if image.ca_certificates {
        layer("cargo xpkg: CA certificates", &|filling| {
            filling.extras(
                CERTIFICATES[0].trim_start_matches('/'),
                certificates(host, image)?,
            )
        });
    }
    if image.tzdata {
        layer("cargo xpkg: time zones", &|filling| {
            filling.extras(ZONES.trim_start_matches('/'), zones(host, image)?)
        });
    }
    let names: Vec<&str> = of
        .bins
        .iter()
        .map(|bin| bin.place.rsplit('/').next().unwrap_or(&bin.place))
        .collect();
    layer(&format!("cargo xpkg: {}", names.join(", ")), &|filling| {
        of.bins
            .iter()
            .try_for_each(|bin| filling.bin(bin, &trees[bin.tree]))
    });
    if problems.is_empty() {
        Ok(layers)
    } else {
        Err(problems)
    }
}

/// What `scratch` gets first, for those who let Docker build: texts, and directories with their
/// modes.
pub fn scratch() -> [(&'static str, std::result::Result<&'static str, u32>); 3] {
    [
        ("etc/group", Ok(GROUP)),
        ("etc/passwd", Ok(PASSWD)),
        ("tmp", Err(TMP.mode)),
    ]
}

/// A layer that is being filled.
struct Filling<'a> {
    host: &'a Host,
    image: &'a str,
    /// What stands below it.
    rootfs: &'a mut Rootfs,
    /// Whether it is a directory, by path: what all layers of ours have, since a later one would
    /// hide what is in an earlier.
    placed: &'a mut BTreeMap<String, bool>,
    members: BTreeMap<String, (Member, Source)>,
}

impl Filling<'_> {
    /// Puts a member where the base's links lead, with the directories above it as they stand in
    /// the base: extracted by itself, as engines do, a layer would make other ones.
    fn put(&mut self, path: &str, member: Member, source: Source) -> Result<()> {
        let directory = matches!(member, Member::Directory(_));
        let path = if directory {
            self.rootfs.directory_place(path)
        } else {
            self.rootfs.place(path)
        };
        for (at, _) in path.match_indices('/') {
            let above = &path[..at];
            self.claim(above, true)?;
            let plain = Member::Directory(self.rootfs.owned(above));
            self.members
                .entry(above.to_owned())
                .or_insert((plain, Source::Nothing));
        }
        self.claim(&path, directory)?;
        self.members.entry(path).or_insert((member, source));
        Ok(())
    }

    /// Takes a place. Directories may be there before, in the base or by us; nothing else.
    fn claim(&mut self, path: &str, directory: bool) -> Result<()> {
        let in_base = |is: &str, was: &str| {
            Problem::new(
                DOCKER_CLASH,
                format!(
                    "in the image `{}` a {is} would stand at `/{path}`, a {was} of its base",
                    self.image
                ),
            )
        };
        match self.placed.get(path) {
            Some(true) if directory => return Ok(()),
            Some(_) => {
                return Err(Problem::new(
                    DOCKER_CLASH,
                    format!(
                        "in the image `{}` two things would stand at `/{path}`",
                        self.image
                    ),
                )
                .help("name other places in its `files`"));
            }
            None if directory && self.rootfs.is_file(path) => {
                return Err(in_base("directory", "file").help("name another place in its `files`"));
            }
            None if !directory && self.rootfs.is_directory(path) => {
                return Err(in_base("file", "directory").help(
                    "name another place in its `files`; what ends with a slash is a \
                           directory to put it into",
                ));
            }
            None => self.placed.insert(path.to_owned(), directory),
        };
        Ok(())
    }

    /// A text of ours, which a file of the user's may hide.
    fn text(&mut self, path: &str, text: &'static str) -> Result<()> {
        self.put(
            path,
            Member::File {
                size: text.len() as u64,
                executable: false,
            },
            Source::Text(text),
        )?;
        self.placed.remove(path);
        Ok(())
    }

    /// What `extras` found, at a path.
    fn extras(&mut self, place: &str, found: Vec<Extra>) -> Result<()> {
        for Extra { path, what } in found {
            let path = match (place, path.as_str()) {
                (_, "") => place.to_owned(),
                ("", _) => path,
                _ => format!("{place}/{path}"),
            };
            match what {
                // The image's own root is there.
                ExtraKind::Directory if path.is_empty() => {}
                ExtraKind::Directory => {
                    let owned = self.rootfs.owned(&self.rootfs.directory_place(&path));
                    self.put(&path, Member::Directory(owned), Source::Nothing)?;
                }
                ExtraKind::Link(target) => {
                    self.put(&path, Member::Link(target), Source::Nothing)?
                }
                ExtraKind::File {
                    from,
                    size,
                    executable,
                } => self.put(&path, Member::File { size, executable }, Source::Disk(from))?,
            }
        }
        Ok(())
    }

    /// One row of an image's `files`, whose place was judged with its table.
    fn file(&mut self, from: &Utf8Path, to: &str) -> Result<()> {
        let place = to.trim_matches('/');
        self.extras(place, extras(self.host, from, &[])?)
    }

    fn bin(&mut self, bin: &InstalledBin, tree: &Utf8Path) -> Result<()> {
        let from = tree.join(&bin.staged);
        match self.host.thing(&from) {
            Ok(FileType::File { size, .. }) if size == bin.size => {}
            Err(problem) if problem.code == INTERRUPTED => return Err(problem),
            _ => return Err(changed(&from)),
        }
        let member = Member::File {
            size: bin.size,
            executable: true,
        };
        self.put(
            bin.place.trim_start_matches('/'),
            member,
            Source::Staged(from, bin.sha256.clone()),
        )
    }

    fn finish(self, what: &str) -> Members {
        for (path, (member, _)) in &self.members {
            if let Member::Directory(owned) = member {
                self.rootfs.make(path, *owned);
            }
        }
        Members {
            what: what.to_owned(),
            members: self.members,
        }
    }
}

/// A staged file that is no longer what its manifest says.
pub fn changed(path: &Utf8Path) -> Problem {
    Problem::new(
        TREE_CHANGED,
        format!("`{path}` is not what its manifest says"),
    )
    .help("build it again, or see what else has changed: `cargo xpkg verify`")
}
