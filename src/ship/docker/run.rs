use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::look::options::{self, RunOptions};
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::Config;
use crate::project::look::access;
use crate::ship::docker::bake::{self, Plan};
use crate::ship::docker::bins::ImageOptions;
use crate::ship::docker::compose;
use crate::ship::docker::context::{ContentSource, ContextFile, OPEN};
use crate::ship::docker::decide;
use crate::ship::docker::dockerfile::{self, SCRATCH};
use crate::ship::docker::image::{BASE_UNFIT, Base, DOCKER_INVALID, Image};
use crate::ship::files;
use crate::ship::files::look::{Extra, ExtraKind};
use crate::ship::oci::documents::BLOBS;
use crate::ship::oci::look::members;
use crate::target::Target;
use crate::tree::manifest::Manifest;

/// What holds for several platforms or bins is told once.
pub fn note(host: &Host, told: &[String]) {
    let mut seen = BTreeSet::new();
    told.iter()
        .filter(|line| seen.insert(*line))
        .for_each(|line| host.shell.status("Noting", line));
}

/// The images; what is only told of them is told. A layout is known by where it is, whatever way
/// leads there.
pub fn decided(
    host: &Host,
    manifests: &[Manifest],
    config: &Config,
    about: &ImageOptions,
) -> Result<Vec<Image>, Failure> {
    check_paths(host, config, &about.root)?;
    let (mut images, told) = decide::decide(manifests, &config.docker, about)?;
    note(host, &told);
    for image in &mut images {
        if let Base::OciLayout { directory, .. } = &mut image.base {
            *directory = host.resolve(directory);
        }
        // As with COPY, a file goes into what ends with a slash. From here on its place is whole.
        for (from, to) in image
            .files
            .iter_mut()
            .filter(|(from, to)| to.ends_with('/') && !host.is_dir(from))
        {
            to.push_str(from.file_name().unwrap_or_default());
        }
    }
    Ok(images)
}

/// Checks that the `files` of all images and the layouts that they are based on are in the
/// workspace.
///
/// # Errors
/// `outside-workspace`, once for each path.
pub fn check_paths(host: &Host, config: &Config, root: &Utf8Path) -> Result<(), Vec<Problem>> {
    let files = config.docker.iter().flat_map(|image| image.files.keys());
    let files = files.map(|from| (root.join(from), format!("`{from}` of `files`")));
    // One that `--base` names is the user's own choice.
    let bases = config.docker.iter().filter_map(|image| {
        match Base::parse(image.base.as_deref()?, root).ok()? {
            Base::OciLayout { directory, .. } => {
                Some((directory, format!("`base` of `{}`", image.name)))
            }
            Base::Scratch | Base::Registry(_) => None,
        }
    });
    let problems: Vec<Problem> = files
        .chain(bases)
        .filter_map(|(path, setting)| access::check(host, root, &path, &setting).err())
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// The output that a flag asks for, with its resolved path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A Docker context: a directory.
    Context(Utf8PathBuf),
    /// An OCI image layout: a directory or a tar.
    Layout(Utf8PathBuf),
}

impl Destination {
    /// Returns the flag that names the path.
    pub fn flag(&self) -> &'static str {
        match self {
            Self::Context(_) => "--context",
            Self::Layout(_) => "--oci",
        }
    }

    /// Returns the path.
    pub fn path(&self) -> &Utf8Path {
        match self {
            Self::Context(path) | Self::Layout(path) => path,
        }
    }
}

/// Rejects a destination inside a tree or a base that the images are made from: a tree with
/// additional files would no longer match its manifest, and a layout written into its own base
/// would grow with each run.
///
/// # Errors
/// `docker-invalid` inside a tree, `base-unfit` inside a base.
pub fn reject_overlap(
    host: &Host,
    destination: Option<&Destination>,
    images: &[Image],
    trees: &[Utf8PathBuf],
) -> Result<(), Failure> {
    let Some(destination) = destination else {
        return Ok(());
    };
    let place = destination.path();
    let within = |directory: &Utf8Path| place.starts_with(host.resolve(directory));
    let help = format!("choose another path: `{} PATH`", destination.flag());
    if let Some(tree) = trees.iter().find(|tree| within(tree)) {
        return Err(Problem::new(
            DOCKER_INVALID,
            format!("`{place}` is inside the staged tree `{tree}`"),
        )
        .help(help)
        .into());
    }
    for image in images {
        if let Base::OciLayout { directory, .. } = &image.base
            && within(directory)
        {
            let problem = Problem::new(
                BASE_UNFIT,
                format!(
                    "`{place}` is inside the base `oci:{directory}` of `{}`",
                    image.name
                ),
            );
            return Err(problem.help(help).into());
        }
    }
    Ok(())
}

/// `oci:PATH`, as it is typed, means a path from where the user stands.
pub fn from_here(host: &Host, base: &str) -> String {
    match base.strip_prefix("oci:") {
        Some(path) => format!("oci:{}", host.absolute(Utf8Path::new(path))),
        None => base.to_owned(),
    }
}

/// What the command line says of the images.
pub fn named(host: &Host, run: &RunOptions, base: Option<String>, accepted: bool) -> ImageOptions {
    let targets: Vec<String> = run
        .targets
        .iter()
        .map(|target| Target::split(target).0.to_owned())
        .collect();
    ImageOptions {
        narrowed: !targets.is_empty() || options::variables(host).targets.is_some(),
        targets,
        base,
        accepted,
        ..ImageOptions::default()
    }
}

/// Image -> the layout that it stands upon, as BuildKit is told; `place` is where that is, for a
/// layout and a digest of it.
pub fn layouts(
    images: &[Image],
    digests: &BTreeMap<String, String>,
    place: impl Fn(&Utf8Path, &str) -> String,
) -> BTreeMap<String, String> {
    let of = |image: &Image| {
        let (Base::OciLayout { directory, .. }, Some(digest)) =
            (&image.base, digests.get(&image.name))
        else {
            return None;
        };
        Some((
            image.name.clone(),
            format!("oci-layout://{}@{digest}", place(directory, digest)),
        ))
    };
    images.iter().filter_map(of).collect()
}

/// Where a layout stands in the context: bake asks for a right to read what stands outside.
pub fn within(digest: &str) -> String {
    const TELLING: usize = 12;
    format!(
        "bases/{}",
        digest
            .trim_start_matches("sha256:")
            .chars()
            .take(TELLING)
            .collect::<String>()
    )
}

/// Every file of the context.
pub fn pieces(
    host: &Host,
    plan: &Plan,
    digests: &BTreeMap<String, String>,
    trees: &[Utf8PathBuf],
    chmod: bool,
) -> Result<Vec<ContextFile>, Failure> {
    let images = plan.images;
    let mut pieces: BTreeMap<String, ContentSource> = BTreeMap::new();
    let mut problems = Vec::new();
    for image in images {
        if let Base::OciLayout { .. } = &image.base
            && !chmod
        {
            let base = image.base.name();
            problems.push(
                Problem::new(
                    BASE_UNFIT,
                    format!(
                        "the base `{base}` of `{}` is known to \
                    BuildKit alone",
                        image.name
                    ),
                )
                .help(
                    "leave out `--old-builder`, or push the base to a registry and name it \
                           by digest",
                ),
            );
        }
        if image.base == Base::Scratch {
            let from = |what| match what {
                Ok(text) => ContentSource::Text(String::from(text)),
                Err(mode) => ContentSource::Directory(mode),
            };
            pieces.extend(
                members::scratch().map(|(path, what)| (format!("{}/{path}", SCRATCH), from(what))),
            );
        }
        if let (Base::OciLayout { directory, .. }, Some(digest)) =
            (&image.base, digests.get(&image.name))
        {
            problems.extend(
                files::look::extras(host, directory, &[])
                    .map(|found| base(&within(digest), found, &mut pieces))
                    .err(),
            );
        }
        for bin in image.platforms.iter().flat_map(|platform| &platform.bins) {
            let (file, sha256) = (trees[bin.tree].join(&bin.staged), bin.sha256.clone());
            let has_mode = host.mode(&file).is_none_or(|mode| mode == OPEN);
            let source = if has_mode {
                ContentSource::Bin(file, sha256)
            } else {
                ContentSource::Restored(file, sha256)
            };
            pieces.insert(bin.context.clone(), source);
        }
        for (path, _) in dockerfile::shared(image.ca_certificates, image.tzdata) {
            let found = if path.ends_with(".crt") {
                files::look::certificates(host, image)
            } else {
                files::look::zones(host, image)
            };
            problems.extend(found.map(|found| extra(path, found, &mut pieces)).err());
        }
        for ((path, _), from) in dockerfile::copied(&image.name, &image.files)
            .into_iter()
            .zip(image.files.keys())
        {
            problems.extend(
                files::look::extras(host, from, &[])
                    .map(|found| extra(&path, found, &mut pieces))
                    .err(),
            );
        }
        pieces.insert(
            bake::file(&image.name),
            ContentSource::Text(dockerfile::text(image, chmod)),
        );
    }
    pieces.insert(
        "docker-bake.json".to_owned(),
        ContentSource::Text(bake::text(plan)),
    );
    if plan.compose {
        let (text, notes) = compose::text(images, plan.layouts);
        note(host, &notes);
        pieces.insert(compose::NAME.to_owned(), ContentSource::Text(text));
    }
    pieces.insert(
        ".dockerignore".to_owned(),
        ContentSource::Text(
            "# Only bins and extra files are sent.\n*\n!linux\n!files\n".to_owned(),
        ),
    );
    if problems.is_empty() {
        Ok(pieces
            .into_iter()
            .map(|(path, from)| ContextFile { path, from })
            .collect())
    } else {
        Err(problems.into())
    }
}

/// A layout, at a place in the context. Its blobs are linked: each has its digest for a name, and
/// may be large.
pub fn base(to: &str, found: Vec<Extra>, pieces: &mut BTreeMap<String, ContentSource>) {
    let digest = |path: &str| {
        path.strip_prefix(BLOBS)?
            .strip_prefix('/')
            .map(str::to_owned)
    };
    let (blobs, others): (Vec<Extra>, Vec<Extra>) = found.into_iter().partition(|extra| {
        matches!(extra.what, ExtraKind::File { .. }) && digest(&extra.path).is_some()
    });
    extra(to, others, pieces);
    for Extra { path, what } in blobs {
        if let (ExtraKind::File { from, .. }, Some(digest)) = (what, digest(&path)) {
            pieces.insert(format!("{to}/{path}"), ContentSource::Bin(from, digest));
        }
    }
}

/// What an image gets, at a place in the context.
fn extra(to: &str, found: Vec<Extra>, pieces: &mut BTreeMap<String, ContentSource>) {
    for Extra { path, what } in found {
        let path = if path.is_empty() {
            to.to_owned()
        } else {
            format!("{to}/{path}")
        };
        let from = match what {
            ExtraKind::Directory => ContentSource::Directory(OPEN),
            ExtraKind::Link(text) => ContentSource::Link(text),
            ExtraKind::File {
                from,
                size: _,
                executable,
            } => ContentSource::Copy { from, executable },
        };
        pieces.insert(path, from);
    }
}
