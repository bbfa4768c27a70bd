//! The entries of an image's layers, collected before anything is written.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::entry::Ownership;
use crate::archive::write::Member;
use crate::host::codes::INTERRUPTED;
use crate::host::entries::FileType;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::docker::image::{Base, DOCKER_CLASH, Image, InstalledBin, PlatformImage};
use crate::ship::files::look::{
    CERTIFICATES, Extra, ExtraKind, ZONES, certificates, extras, zones,
};
use crate::ship::rootfs::Rootfs;
use crate::tree::look::TREE_CHANGED;

/// The source of a member's bytes.
pub enum Source {
    /// None: a directory or a link.
    Nothing,
    /// A text of xpkg.
    Text(&'static str),
    /// A file of this machine.
    Disk(Utf8PathBuf),
    /// A staged bin, and its SHA-256 in the manifest.
    Staged(Utf8PathBuf, String),
}

/// The members of one layer.
pub struct Members {
    /// Contents in a few words, for the image's history.
    pub what: String,
    /// Members by path in the image, without a leading `/`.
    pub members: BTreeMap<String, (Member, Source)>,
}

/// `/etc/passwd` on `scratch`, for programs and engines that look up users by name: root, Debian's
/// `nobody`, and distroless' `nonroot`.
const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";

/// `/etc/group` on `scratch`.
const GROUP: &str = "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n";

/// Mode and owner of `/tmp`: sticky and writable for everybody.
const TMP: Ownership = Ownership {
    mode: 0o1777,
    user: 0,
    group: 0,
};

/// Returns the layers of an image for one platform, lowest first: the layers that change least
/// first, the bins last. `rootfs` is the base; the layers' directories are added to
/// it.
///
/// # Errors
/// All files that are missing or cannot be put into an image, and entries with the same path.
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

/// Returns the first entries of an image on `scratch`, for builds by Docker: the texts of files,
/// and the modes of directories as `Err`.
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
    /// The layers below.
    rootfs: &'a mut Rootfs,
    /// Paths of all our layers so far, with `true` for a directory: a later layer would hide
    /// entries of an earlier one.
    placed: &'a mut BTreeMap<String, bool>,
    members: BTreeMap<String, (Member, Source)>,
}

impl Filling<'_> {
    /// Adds a member at the path to which the base's links lead, with its parent directories as
    /// they are in the base: engines extract a layer by itself, and would create others.
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

    /// Reserves a path. Only a directory may exist before, in the base or in our layers.
    fn claim(&mut self, path: &str, directory: bool) -> Result<()> {
        let in_base = |is: &str, was: &str| {
            Problem::new(
                DOCKER_CLASH,
                format!(
                    "the image `{}` has a {is} at `/{path}`, which is a {was} in its base",
                    self.image
                ),
            )
        };
        match self.placed.get(path) {
            Some(true) if directory => return Ok(()),
            Some(_) => {
                return Err(Problem::new(
                    DOCKER_CLASH,
                    format!("the image `{}` has two entries at `/{path}`", self.image),
                )
                .help("choose other paths in its `files`"));
            }
            None if directory && self.rootfs.is_file(path) => {
                return Err(in_base("directory", "file").help("choose another path in its `files`"));
            }
            None if !directory && self.rootfs.is_directory(path) => {
                return Err(in_base("file", "directory").help(
                    "choose another path in its `files`; one that ends with a slash is a \
                     directory to copy into",
                ));
            }
            None => self.placed.insert(path.to_owned(), directory),
        };
        Ok(())
    }

    /// Adds a text of xpkg, which a file of the user may replace.
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

    /// Adds files and directories of this machine at a path.
    fn extras(&mut self, place: &str, found: Vec<Extra>) -> Result<()> {
        for Extra { path, what } in found {
            let path = match (place, path.as_str()) {
                (_, "") => place.to_owned(),
                ("", _) => path,
                _ => format!("{place}/{path}"),
            };
            match what {
                // The image's root always exists.
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

    /// Adds one entry of an image's `files`; `validate` has checked its path.
    fn file(&mut self, from: &Utf8Path, to: &str) -> Result<()> {
        let place = to.trim_matches('/');
        self.extras(place, extras(self.host, from, &[])?)
    }

    /// Adds a staged bin.
    ///
    /// # Errors
    /// `tree-changed`: its size differs from the manifest's.
    fn bin(&mut self, bin: &InstalledBin, tree: &Utf8Path) -> Result<()> {
        let from = tree.join(&bin.staged);
        match self.host.file_type(&from) {
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

    /// Records the layer's directories in the root file system and returns the layer.
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

/// Returns the problem of a staged file that no longer matches its manifest.
pub fn changed(path: &Utf8Path) -> Problem {
    Problem::new(
        TREE_CHANGED,
        format!("`{path}` does not match its manifest"),
    )
    .help("build it again, or see all changes: `cargo xpkg verify`")
}
