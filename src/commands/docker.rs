//! `docker`: writes a Docker context of the staged tree, or an OCI layout without a daemon.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;

use crate::build::look::options::acceptable;
use crate::build::look::request::xpkg_config;
use crate::commands::args::{BUILD_ARGS, MessageFormat, RunArgs, path};
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::problem::{Failure, Problem, Result, text};
use crate::project::look::context::ProjectContext;
use crate::ship::docker::bake::Plan;
use crate::ship::docker::bins::ImageOptions;
use crate::ship::docker::cache::{Cache, Direction};
use crate::ship::docker::context::DEFAULT;
use crate::ship::docker::image::{BASE_UNFIT, Image};
use crate::ship::docker::run::{
    Destination, decided, from_here, layouts, named, note, pieces, reject_overlap, within,
};
use crate::ship::docker::{self, source_build};
use crate::ship::oci;
use crate::ship::oci::look::check::{self, Checked};
use crate::ship::trees::look::{
    Demand, Origin, collected, epoch, existing_tree, just_built, no_manifest, verified,
};
use crate::tree::manifest::Manifest;
use crate::{tree, ui};

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg docker --target x86_64-unknown-linux-musl,aarch64-unknown-linux-musl",
    "cargo xpkg docker --no-build --oci image.tar",
    "cargo xpkg docker --from amd64.tar --from arm64.tar",
];

/// Arguments of `docker`.
#[derive(Debug, Args)]
pub struct DockerArgs {
    /// Options of the build.
    #[command(flatten)]
    pub run: RunArgs,

    /// Directory of the context [default: `<cargo target directory>/xpkg-docker`]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub context: Option<Utf8PathBuf>,

    /// Base image for images that do not set `base`: `scratch`, `NAME@sha256:…`, `oci:PATH[:TAG]`
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,

    /// Use the existing tree without building
    #[arg(long, conflicts_with_all = BUILD_ARGS)]
    pub no_build: bool,

    /// Use trees that were built elsewhere, with their manifests: directories or tars; repeatable
    #[arg(long, value_name = "PATH", conflicts_with = "no_build", conflicts_with_all = BUILD_ARGS, value_parser = path())]
    pub from: Vec<Utf8PathBuf>,

    /// Overwrite files of xpkg that were changed by hand
    #[arg(long)]
    pub force: bool,

    /// Write `xpkg.Dockerfile` into the workspace instead: a Dockerfile that builds the workspace,
    /// with the compiler on the builder's own platform
    #[arg(long, requires = "builder", conflicts_with_all = ["context", "no_build", "from", "old_builder", "cache", "cache_to", "cache_from", "out_dir"])]
    pub build_in_docker: bool,

    /// Image with Rust and a C compiler to build in, by digest
    #[arg(long, value_name = "IMAGE@sha256:…", requires = "build_in_docker")]
    pub builder: Option<String>,

    /// Write Dockerfiles that Docker's legacy builder accepts, too: pass it `--build-arg
    /// TARGETPLATFORM=linux/amd64`
    #[arg(long)]
    pub old_builder: bool,

    /// Write an OCI image layout instead, as a directory or a tar, without a daemon
    #[arg(long, value_name = "DIR|FILE.tar", conflicts_with_all = ["context", "force", "build_in_docker", "old_builder", "cache", "cache_to", "cache_from"], value_parser = path())]
    pub oci: Option<Utf8PathBuf>,

    /// Let bake use a registry cache per architecture, written by its group `per-architecture`
    #[arg(long, conflicts_with_all = ["cache_to", "cache_from"])]
    pub cache: bool,

    /// Cache that the group `per-architecture` writes: `registry`, `gha`, `s3,region=…,bucket=…` or
    /// `local[,dest=DIR]`
    #[arg(long, value_name = "BACKEND[,KEY=VALUE]")]
    pub cache_to: Option<String>,

    /// Cache that bake reads; repeatable [default: that of `--cache-to`]
    #[arg(long, value_name = "BACKEND[,KEY=VALUE]")]
    pub cache_from: Vec<String>,

    /// Write a `compose.yaml` into the context, too: a service for each image
    #[arg(long, conflicts_with_all = ["oci", "build_in_docker", "old_builder"])]
    pub compose: bool,
}

/// The JSON document of a context.
#[derive(Serialize)]
struct WrittenContext<'a> {
    context: &'a Utf8Path,
    images: &'a [Image],
}

/// Images, and the trees that they are made from.
struct Input {
    images: Vec<Image>,
    trees: Vec<Utf8PathBuf>,
    /// Manifests of the trees, in their order.
    manifests: Vec<Manifest>,
}

/// Options of a context.
struct ContextOptions {
    force: bool,
    old_builder: bool,
    caches: Caches,
    compose: bool,
}

/// Caches of the bake file.
struct Caches {
    to: Option<Cache>,
    from: Vec<Cache>,
}

impl Caches {
    /// Returns the caches that the flags name.
    ///
    /// # Errors
    /// `docker-cache`.
    fn of(cache: bool, to: Option<&str>, from: &[String]) -> Result<Self> {
        let to = match to {
            Some(to) => Some(Cache::parse(to, Direction::To)?),
            None => cache.then(Cache::registry),
        };
        let from = match from {
            [] => to.iter().map(Cache::read).collect(),
            from => from
                .iter()
                .map(|from| Cache::parse(from, Direction::From))
                .collect::<Result<_>>()?,
        };
        Ok(Self { to, from })
    }
}

/// Runs `docker`.
pub fn run(host: &Host, args: DockerArgs) -> Result<(), Failure> {
    let DockerArgs {
        run,
        context,
        base,
        no_build,
        from,
        force,
        build_in_docker,
        builder,
        old_builder,
        oci,
        cache,
        cache_to,
        cache_from,
        compose,
    } = args;
    let caches = Caches::of(cache, cache_to.as_deref(), &cache_from)?;
    let format = run.message_format;
    let mut run = run.options();
    let base = base.map(|base| from_here(host, &base));
    // This code is a finding about images. All others are findings of the build, and their names
    // are checked even if nothing is built.
    let accepted = run
        .accept
        .extract_if(.., |name| name == BASE_UNFIT.name())
        .count()
        > 0;
    for name in &run.accept {
        acceptable(name)?;
    }
    let mut options = named(host, &run, base, accepted);
    if let Some(builder) = builder.filter(|_| build_in_docker) {
        let written = source_build::write::write(host, run, &builder, options, force)?;
        if format == MessageFormat::Json {
            shell::data(&shell::json(&written))?;
        }
        return Ok(());
    }
    let absolute = |path: &Utf8PathBuf| host.resolve(&host.absolute(path));
    let destination = match (&oci, &context) {
        (Some(layout), _) => Some(Destination::Layout(absolute(layout))),
        (None, Some(context)) => Some(Destination::Context(absolute(context))),
        (None, None) => None,
    };
    // Archives are unpacked into directories that are removed with this.
    let mut scratch = Vec::new();
    let (project, trees) = match from.as_slice() {
        [] if no_build => existing_tree(host, &run)?,
        [] => just_built(host, run, destination.as_ref(), &mut options)?,
        from => {
            let demand = Demand::of_images(&options);
            collected(host, &run, from, |_| Ok(demand), &mut scratch)?
        }
    };
    let root = project.as_ref().map_or_else(
        || host.cwd().to_owned(),
        |project| project.workspace.root.clone(),
    );
    options.root.clone_from(&root);
    let origin = if from.is_empty() {
        Origin::Here
    } else {
        Origin::Elsewhere
    };
    let input = decide(host, project.as_ref(), trees, origin, options)?;
    reject_overlap(host, destination.as_ref(), &input.images, &input.trees)?;
    let directory = match (destination, project) {
        (Some(Destination::Layout(layout)), _) => {
            let epoch = epoch(host, &root, &input.manifests)?;
            return write_layout(host, &input, &layout, epoch, format);
        }
        (Some(Destination::Context(directory)), _) => directory,
        (None, Some(project)) => host.resolve(&project.workspace.target_dir.join(DEFAULT)),
        (None, None) => host.resolve(&host.absolute(Utf8Path::new(DEFAULT))),
    };
    let options = ContextOptions {
        force,
        old_builder,
        caches,
        compose,
    };
    write_context(host, &input, &directory, options, format)
}

/// Verifies the trees, reads their manifests, and decides what the images contain.
fn decide(
    host: &Host,
    project: Option<&ProjectContext>,
    trees: Vec<Utf8PathBuf>,
    origin: Origin,
    mut options: ImageOptions,
) -> Result<Input, Failure> {
    let config = project.map(xpkg_config).transpose()?.unwrap_or_default();
    let demand = Demand::of_images(&options);
    let problems: Vec<Problem> = trees
        .iter()
        .filter_map(|tree| verified(host, tree, origin, &demand).err())
        .collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut manifests = Vec::new();
    for tree in &trees {
        let manifest = tree::look::read(host, tree)?.map(|(manifest, _)| manifest);
        manifests.push(manifest.ok_or_else(|| no_manifest(tree))?);
    }
    options.licences = project
        .iter()
        .flat_map(|project| &project.workspace.members)
        .filter_map(|member| Some((member.name.clone(), member.license.clone()?)))
        .collect();
    Ok(Input {
        images: decided(host, &manifests, &config, &options)?,
        trees,
        manifests,
    })
}

/// Writes the images as an OCI layout. `epoch` is the time of all its files, in seconds since 1970.
fn write_layout(
    host: &Host,
    input: &Input,
    layout: &Utf8Path,
    epoch: u64,
    format: MessageFormat,
) -> Result<(), Failure> {
    let Input { images, trees, .. } = input;
    let written = oci::write::write(host, images, trees, layout, epoch)?;
    note(host, &written.told);
    report(host, images, layout, written.changed);
    print(host, images, &written, format)
}

/// Writes the images as a Docker context.
fn write_context(
    host: &Host,
    input: &Input,
    directory: &Utf8Path,
    options: ContextOptions,
    format: MessageFormat,
) -> Result<(), Failure> {
    let Input { images, trees, .. } = input;
    let ContextOptions {
        force,
        old_builder,
        caches,
        compose,
    } = options;
    let Checked { tops, told: notes } = check::check(host, images, Some(trees))?;
    note(host, &notes);
    let layouts = layouts(images, &tops, |_, digest| within(digest));
    let plan = Plan {
        images,
        layouts: &layouts,
        cache_to: caches.to.as_ref(),
        cache_from: &caches.from,
        compose,
    };
    let pieces = pieces(host, &plan, &tops, trees, !old_builder)?;
    let is_changed = docker::write::write(host, directory, &pieces, force)?;
    report(host, images, directory, is_changed);
    let written = WrittenContext {
        context: directory,
        images,
    };
    print(host, images, &written, format)
}

/// Reports where the images are.
fn report(host: &Host, images: &[Image], path: &Utf8Path, is_changed: bool) {
    host.shell.status(
        if is_changed { "Wrote" } else { "Unchanged" },
        &format!("{} in {path}", text::count(images.len(), "image")),
    );
}

/// Prints the images, as text or as a document.
fn print(
    host: &Host,
    images: &[Image],
    document: &impl Serialize,
    format: MessageFormat,
) -> Result<(), Failure> {
    shell::data(&match format {
        MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => String::new(),
        MessageFormat::Human => ui::docker::docker(images),
        MessageFormat::Json => shell::json(document),
    })?;
    Ok(())
}
