//! `docker`: from the staged tree to a Docker context, or to an OCI layout without a daemon.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;

use crate::build::look::session;
use crate::commands::args::{MessageFormat, OF_A_BUILD, RunArgs};
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::problem::{Failure, Problem, Result, text};
use crate::ship::docker::bake::Plan;
use crate::ship::docker::bins::ImageOptions;
use crate::ship::docker::context::DEFAULT;
use crate::ship::docker::image::{BASE_UNFIT, Image};
use crate::ship::docker::run::{apart, decided, from_here, layouts, named, note, pieces, within};
use crate::ship::docker::{self, source_build};
use crate::ship::oci;
use crate::ship::oci::look::check::{self, Checked};
use crate::ship::trees::look::{
    collected, epoch, existing_tree, just_built, no_manifest, verified,
};
use crate::{tree, ui};

#[derive(Debug, Args)]
pub struct DockerArgs {
    #[command(flatten)]
    pub run: RunArgs,

    /// Where the context stands [default: `<cargo target directory>/xpkg-docker`]
    #[arg(long, value_name = "DIR")]
    pub context: Option<Utf8PathBuf>,

    /// What images are made upon whose tables name no base: `scratch`, `NAME@sha256:…`,
    /// `oci:PATH[:TAG]`
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,

    /// Take the tree as it stands
    #[arg(long, conflicts_with_all = OF_A_BUILD)]
    pub no_build: bool,

    /// Take trees that were made elsewhere, each with its manifest: directories or tars; repeatable
    #[arg(long, value_name = "PATH", conflicts_with = "no_build", conflicts_with_all = OF_A_BUILD)]
    pub from: Vec<Utf8PathBuf>,

    /// Write over what was changed by hand in what xpkg wrote
    #[arg(long)]
    pub force: bool,

    /// Write `xpkg.Dockerfile` into the workspace instead: a Dockerfile that builds all of it, with
    /// the compiler on the builder's own platform
    #[arg(long, requires = "builder", conflicts_with_all = ["context", "no_build", "from", "old_builder", "cache", "out_dir"])]
    pub build_in_docker: bool,

    /// The image with Rust and a C compiler that it builds in, by digest
    #[arg(long, value_name = "IMAGE@sha256:…", requires = "build_in_docker")]
    pub builder: Option<String>,

    /// Write Dockerfiles that Docker's builder before BuildKit takes, too: called with `--build-arg
    /// TARGETPLATFORM=linux/amd64`
    #[arg(long)]
    pub old_builder: bool,

    /// Write an OCI image layout instead, as a directory or a tar, without a daemon
    #[arg(long, value_name = "DIR|FILE.tar", conflicts_with_all = ["context", "force", "build_in_docker", "old_builder", "cache"])]
    pub oci: Option<Utf8PathBuf>,

    /// Let bake keep a cache for each architecture in the registry: its group `per-architecture`
    /// writes them
    #[arg(long)]
    pub cache: bool,
}

/// What was made.
#[derive(Serialize)]
struct Written {
    context: Option<Utf8PathBuf>,
    images: Vec<Image>,
}

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
    } = args;
    let format = run.message_format;
    let mut run = run.options();
    let base = base.map(|base| from_here(host, &base));
    // That one is of the images. The others are of the build, which a tree that stands has behind
    // it.
    let accepted = run
        .accept
        .extract_if(.., |name| name == BASE_UNFIT.name())
        .count()
        > 0;
    for name in &run.accept {
        session::acceptable(name)?;
    }
    let mut about = named(host, &run, base, accepted);
    if let Some(builder) = builder.filter(|_| build_in_docker) {
        let written = source_build::write::write(host, run, &builder, about, force)?;
        if format == MessageFormat::Json {
            shell::data(&shell::json(&written))?;
        }
        return Ok(());
    }
    let place = oci
        .as_ref()
        .map(|to| ("--oci", to))
        .or_else(|| context.as_ref().map(|to| ("--context", to)));
    let place = place.map(|(flag, to)| (flag, host.resolve(&host.absolute(to))));
    // What is unpacked goes with this.
    let mut scratch = Vec::new();
    let (found, trees) = match from.as_slice() {
        [] if no_build => existing_tree(host, &run)?,
        [] => just_built(host, run, place.as_ref(), &mut about)?,
        from => collected(host, &run, from, &mut scratch)?,
    };
    let config = found
        .as_ref()
        .map(session::own_config)
        .transpose()?
        .unwrap_or_default();
    let problems: Vec<Problem> = trees
        .iter()
        .filter_map(|tree| verified(host, tree).err())
        .collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut manifests = Vec::new();
    for tree in &trees {
        let manifest = tree::look::read(host, tree)?.map(|(manifest, _)| manifest);
        manifests.push(manifest.ok_or_else(|| no_manifest(tree))?);
    }
    let root = found.as_ref().map_or_else(
        || host.cwd().to_owned(),
        |found| found.workspace.root.clone(),
    );
    let licences = found
        .iter()
        .flat_map(|found| &found.workspace.members)
        .filter_map(|member| Some((member.name.clone(), member.license.clone()?)));
    let about = ImageOptions {
        licences: licences.collect(),
        root,
        ..about
    };
    let images = decided(host, &manifests, &config, &about)?;
    apart(host, place.as_ref(), &images, &trees)?;
    if let Some(("--oci", to)) = &place {
        let root = found
            .as_ref()
            .map_or_else(|| host.cwd(), |found| found.workspace.root.as_path());
        let written = oci::write::write(host, &images, &trees, to, epoch(host, root, &manifests)?)?;
        note(host, &written.told);
        host.shell.status(
            if written.changed {
                "Wrote"
            } else {
                "Unchanged"
            },
            &format!("{} in {to}", text::count(images.len(), "image")),
        );
        shell::data(&match format {
            MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => String::new(),
            MessageFormat::Human => ui::docker::docker(&images),
            MessageFormat::Json => shell::json(&written),
        })?;
        return Ok(());
    }
    let directory = match (place, &found) {
        (Some((_, directory)), _) => directory,
        (None, Some(found)) => host.resolve(&found.workspace.target_dir.join(DEFAULT)),
        (None, None) => host.resolve(&host.absolute(Utf8Path::new(DEFAULT))),
    };
    let Checked {
        tops: digests,
        told,
    } = check::check(host, &images, Some(&trees))?;
    note(host, &told);
    let layouts = layouts(&images, &digests, |_, digest| within(digest));
    let plan = Plan {
        images: &images,
        layouts: &layouts,
        cache,
    };
    let pieces = pieces(host, &plan, &digests, &trees, !old_builder)?;
    let changed = docker::write::write(host, &directory, &pieces, force)?;
    host.shell.status(
        if changed { "Wrote" } else { "Unchanged" },
        &format!("{} in {directory}", text::count(images.len(), "image")),
    );
    let made = Written {
        context: Some(directory),
        images,
    };
    shell::data(&match format {
        MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => String::new(),
        MessageFormat::Human => ui::docker::docker(&made.images),
        MessageFormat::Json => shell::json(&made),
    })?;
    Ok(())
}
