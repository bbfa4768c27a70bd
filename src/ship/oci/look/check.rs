//! Reads the bases of images, and holds bins and files against them.

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

/// A base that has to be fetched: without an engine there is nobody to do that.
pub fn from_registry(image: &Image) -> Option<Problem> {
    let Base::Registry(reference) = &image.base else {
        return None;
    };
    let name = reference.by_tag();
    let problem = Problem::new(
        BASE_UNFIT,
        format!(
            "the base of `{}` is in a registry, and a layout is made of what is here",
            image.name
        ),
    );
    Some(problem.help(format!(
        "fetch it, `skopeo copy --all docker://{name} oci:base`, then `base = \"oci:base\"`"
    )))
}

/// What [`check`] finds.
pub struct Checked {
    /// Image -> `sha256:…` of what the layout names, which holds the base for every platform.
    pub tops: BTreeMap<String, String>,
    /// What is only told of the bases.
    pub told: Vec<String>,
}

/// Reads every base that is a layout and holds the bins against it and the image's files, as
/// [`write`] does, and, where the trees are there, all that would stand in each image. For those
/// who let Docker build.
///
/// # Errors
/// A base that does not fit, or whose platforms stand apart: BuildKit takes a layout by one digest.
/// What [`write`] would refuse.
pub fn check(
    host: &Host,
    images: &[Image],
    trees: Option<&[Utf8PathBuf]>,
) -> Result<Checked, Vec<Problem>> {
    let mut told = Vec::new();
    let mut one = |image, of| -> Result<_, Vec<Problem>> {
        let mut base = upon(host, image, of)?;
        let mut unknown = Rootfs::default();
        let rootfs = base.as_mut().map_or(&mut unknown, |base| &mut base.rootfs);
        let layers = match trees {
            Some(trees) => members::layers(host, image, of, trees, rootfs)?,
            // Certificates and zones are the builder's, bins are not there yet, and what is wrong
            // with files is told there.
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
            judged(image, of, &base.rootfs, base.library_path(), &mut told)?;
        }
        Ok((image, base))
    };
    let all = images
        .iter()
        .flat_map(|image| image.platforms.iter().map(move |of| (image, of)));
    let all: Vec<_> = all.map(|(image, of)| one(image, of)).collect();
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
                        "the base `{}` names each platform by itself, and Docker takes one \
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
        Ok(Checked { tops, told })
    } else {
        Err(problems)
    }
}

/// What an image stands upon on one platform, if on any layout.
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

/// Notes what a layer puts over what stands below it: an image's files may take the place of a
/// loader, or bring a library.
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

/// Holds the bins against what the image holds in the end.
pub fn judged(
    image: &Image,
    of: &PlatformImage,
    rootfs: &Rootfs,
    library_path: &str,
    told: &mut Vec<String>,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for (bin, needs) in of
        .bins
        .iter()
        .filter_map(|bin| bin.needs.as_ref().map(|needs| (bin, needs)))
    {
        let known = BaseContents::read(rootfs, needs, &bin.place, library_path);
        problems.extend(bases::judge(
            &image.name,
            &bin.staged,
            needs,
            known,
            image.said,
            told,
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// All results, or all problems.
pub fn gathered<T>(
    results: impl Iterator<Item = Result<T, Vec<Problem>>>,
) -> Result<Vec<T>, Vec<Problem>> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for result in results {
        match result {
            Ok(one) => all.push(one),
            // What is wrong with a base is so on each platform.
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
