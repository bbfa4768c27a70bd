//! Reads the bases of images, and checks bins and files against them.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::archive::entry::LONGEST_LIST;
use crate::archive::write::Member;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::ship::docker::bases::{self, BaseContents};
use crate::ship::docker::image::{BASE_UNFIT, Base, Image, PlatformImage};
use crate::ship::oci::look::base::{self, BaseLayout};
use crate::ship::oci::look::members::{self, Members, Source};
use crate::ship::rootfs::{self, Rootfs};

/// Returns the problem of a base in a registry: a layout is written without an engine, which could
/// pull it.
pub fn from_registry(image: &Image) -> Option<Problem> {
    let Base::Registry(reference) = &image.base else {
        return None;
    };
    let name = reference.by_tag();
    let problem = Problem::new(
        BASE_UNFIT,
        format!(
            "the base of `{}` is in a registry, and a layout is made of local files only",
            image.name
        ),
    );
    Some(problem.help(format!(
        "copy it here: `skopeo copy --all docker://{name} oci:base`, then `base = \"oci:base\"`"
    )))
}

/// The result of [`check`].
pub struct Checked {
    /// Digest of the entry in the layout's index that has the base for every platform, `sha256:…`,
    /// by image.
    pub tops: BTreeMap<String, String>,
    /// Notes about the bases.
    pub told: Vec<String>,
}

/// Reads every base that is a layout and checks the bins against it with the image's files on top,
/// as `oci::write` does; with `trees`, all entries of each image are checked. Used when Docker does
/// the build.
///
/// # Errors
/// A base that does not fit, or whose platforms have no common digest, since BuildKit takes a
/// layout by one digest; and everything that `oci::write` would reject.
pub fn check(
    host: &Host,
    images: &[Image],
    trees: Option<&[Utf8PathBuf]>,
) -> Result<Checked, Vec<Problem>> {
    let mut notes = Vec::new();
    let mut checked = |image, of| -> Result<_, Vec<Problem>> {
        let mut base = upon(host, image, of)?;
        let mut unknown = Rootfs::default();
        let rootfs = base.as_mut().map_or(&mut unknown, |base| &mut base.rootfs);
        let layers = match trees {
            Some(trees) => members::layers(host, image, of, trees, rootfs)?,
            // The builder provides certificates and zones, the bins are not built yet, and the
            // build inside reports problems with files.
            None => {
                let files = Image {
                    ca_certificates: false,
                    tzdata: false,
                    ..Image::clone(image)
                };
                let no_bins = PlatformImage {
                    platform: of.platform.clone(),
                    bins: Vec::new(),
                };
                members::layers(host, &files, &no_bins, &[], rootfs).unwrap_or_default()
            }
        };
        if let Some(base) = &mut base {
            layers
                .iter()
                .for_each(|members| lay(host, &mut base.rootfs, members));
            judged(image, of, &base.rootfs, base.library_path(), &mut notes)?;
        }
        Ok((image, base))
    };
    let all = images
        .iter()
        .flat_map(|image| image.platforms.iter().map(move |of| (image, of)));
    let all: Vec<_> = all.map(|(image, of)| checked(image, of)).collect();
    let mut tops: BTreeMap<String, String> = BTreeMap::new();
    let mut problems = Vec::new();
    for (image, base) in gathered(all.into_iter())? {
        let Some(base) = base else { continue };
        let top = tops
            .entry(image.name.clone())
            .or_insert_with(|| base.top.clone());
        if *top != base.top && problems.is_empty() {
            problems.push(
                Problem::new(
                    BASE_UNFIT,
                    format!(
                        "the base `{}` has a name for each platform, and Docker needs one \
                             name for all",
                        image.base.name()
                    ),
                )
                .help(
                    "copy it under one: `skopeo copy --all docker://IMAGE oci:DIR:TAG`, or \
                       write a layout with `--oci`",
                ),
            );
        }
    }
    if problems.is_empty() {
        Ok(Checked { tops, told: notes })
    } else {
        Err(problems)
    }
}

/// Reads an image's base for one platform, if the base is a layout.
pub fn upon(
    host: &Host,
    image: &Image,
    of: &PlatformImage,
) -> Result<Option<BaseLayout>, Vec<Problem>> {
    match &image.base {
        Base::OciLayout { directory, tag } => Ok(Some(
            base::read(host, directory, tag.as_deref(), &of.platform)
                .map_err(|problem| vec![problem])?,
        )),
        Base::Scratch | Base::Registry(_) => Ok(None),
    }
}

/// Lays a layer over a root file system: an image's files may replace a loader or add a library.
pub fn lay(host: &Host, rootfs: &mut Rootfs, members: &Members) {
    for (path, (member, source)) in &members.members {
        match (member, source) {
            (Member::Directory(_), _) => {}
            (Member::Link(target), _) => rootfs.put_link(path, target),
            (Member::File { .. }, Source::Disk(from)) if rootfs::counts(path) => {
                rootfs.put_file(path, host.read_small(from, LONGEST_LIST).ok().as_deref());
            }
            (Member::File { .. }, _) => rootfs.put_file(path, None),
        }
    }
}

/// Checks the bins of an image against its whole root file system. Problems that the user accepted,
/// and checks that are not possible, are added to `notes`.
pub fn judged(
    image: &Image,
    of: &PlatformImage,
    rootfs: &Rootfs,
    library_path: &str,
    notes: &mut Vec<String>,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for (bin, needs) in of
        .bins
        .iter()
        .filter_map(|bin| bin.needs.as_ref().map(|needs| (bin, needs)))
    {
        let known = BaseContents::read(rootfs, needs, &bin.place, library_path);
        problems.extend(bases::check_base(
            &image.name,
            &bin.staged,
            needs,
            known,
            image.said,
            notes,
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Returns all results, or all problems, each once.
pub fn gathered<T>(
    results: impl Iterator<Item = Result<T, Vec<Problem>>>,
) -> Result<Vec<T>, Vec<Problem>> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for result in results {
        match result {
            Ok(value) => all.push(value),
            // Every platform reports the same problem of a base.
            Err(found) => problems.extend(
                found
                    .into_iter()
                    .filter(|problem| !problems.contains(problem))
                    .collect::<Vec<_>>(),
            ),
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(problems)
    }
}
