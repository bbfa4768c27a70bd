//! `docker`: from the staged tree to a Docker context, or to an OCI layout without a daemon.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::cli::{DockerArgs, MessageFormat};
use crate::config::{Config, PolicyConfig};
use crate::contents::{self, Limits};
use crate::context::{self, ContentSource, ContextFile};
use crate::docker::{self, Base, Image, ImageOptions};
use crate::formats::oci::BLOBS;
use crate::formats::{bake, clause, dockerfile};
use crate::host::Host;
use crate::invocation::Invocation;
use crate::layout::{self, Extra, ExtraKind};
use crate::look::{self, CargoOptions, ProjectContext};
use crate::manifest::Manifest;
use crate::problem::{Code, Failure, Problem, Result};
use crate::settings;
use crate::stage;
use crate::ui::{self, Shell, Verbosity};
use crate::verify::policy::{Policy, PolicyName};
use crate::verify::{self, VerifyOptions};

use super::{Prepared, RunOptions};

/// What was made.
#[derive(Serialize)]
struct Written {
    context: Option<Utf8PathBuf>,
    images: Vec<Image>,
}

pub fn run(host: &Host, shell: Shell, args: DockerArgs) -> Result<(), Failure> {
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
    let format = run.output.message_format;
    let mut run = run.options();
    let base = base.map(|base| from_here(host, &base));
    // That one is of the images. The others are of the build, which a tree that stands has behind
    // it.
    let accepted = run
        .accept
        .extract_if(.., |name| name == Code::BaseUnfit.name())
        .count()
        > 0;
    for name in &run.accept {
        super::acceptable(name)?;
    }
    let mut about = named(host, &run, base, accepted);
    if let Some(builder) = builder.filter(|_| build_in_docker) {
        return super::docker_build::write(host, shell, run, format, &builder, about, force);
    }
    let place = oci
        .as_ref()
        .map(|to| ("--oci", to))
        .or_else(|| context.as_ref().map(|to| ("--context", to)));
    let place = place.map(|(flag, to)| (flag, host.resolve(&host.absolute(to))));
    // What is unpacked goes with this.
    let mut scratch = Vec::new();
    let (found, trees) = match from.as_slice() {
        [] if no_build => standing(host, &run)?,
        [] => just_built(host, shell, run, place.as_ref(), &mut about)?,
        from => collected(host, &run, from, &mut scratch)?,
    };
    let config = found
        .as_ref()
        .map(super::own_config)
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
        let manifest = stage::read(host, tree)?.map(|(manifest, _)| manifest);
        manifests.push(manifest.ok_or_else(|| no_manifest(tree))?);
    }
    let root = found.as_ref().map_or_else(
        || host.cwd().to_owned(),
        |found| found.workspace.root.clone(),
    );
    let licences = found
        .iter()
        .flat_map(|found| &found.workspace.members)
        .filter_map(|member| Some((member.name.clone(), member.licence.clone()?)));
    let about = ImageOptions {
        licences: licences.collect(),
        root,
        ..about
    };
    let images = decided(host, shell, &manifests, &config, &about)?;
    apart(host, place.as_ref(), &images, &trees)?;
    let blocked = |place: &Utf8Path| {
        shell.status("Blocking", &format!("waiting for another run on `{place}`"))
    };
    if let Some(("--oci", to)) = &place {
        let root = found
            .as_ref()
            .map_or_else(|| host.cwd(), |found| found.workspace.root.as_path());
        let written = layout::write(
            host,
            &images,
            &trees,
            to,
            epoch(host, root, &manifests)?,
            || blocked(to),
        )?;
        note(shell, &written.told);
        shell.status(
            if written.changed {
                "Wrote"
            } else {
                "Unchanged"
            },
            &format!("{} in {to}", ui::count(images.len(), "image")),
        );
        ui::data(&match format {
            MessageFormat::Human if shell.verbosity == Verbosity::Quiet => String::new(),
            MessageFormat::Human => ui::docker(&images),
            MessageFormat::Json => ui::json(&written),
        })?;
        return Ok(());
    }
    let directory = match (place, &found) {
        (Some((_, directory)), _) => directory,
        (None, Some(found)) => host.resolve(&found.workspace.target_dir.join(context::DEFAULT)),
        (None, None) => host.resolve(&host.absolute(Utf8Path::new(context::DEFAULT))),
    };
    let layout::Checked {
        tops: digests,
        told,
    } = layout::check(host, &images, Some(&trees))?;
    note(shell, &told);
    let layouts = layouts(&images, &digests, |_, digest| within(digest));
    let plan = bake::Plan {
        images: &images,
        layouts: &layouts,
        cache,
    };
    let pieces = pieces(host, &plan, &digests, &trees, !old_builder)?;
    let changed = context::write(host, &directory, &pieces, force, || blocked(&directory))?;
    shell.status(
        if changed { "Wrote" } else { "Unchanged" },
        &format!("{} in {directory}", ui::count(images.len(), "image")),
    );
    let made = Written {
        context: Some(directory),
        images,
    };
    ui::data(&match format {
        MessageFormat::Human if shell.verbosity == Verbosity::Quiet => String::new(),
        MessageFormat::Human => ui::docker(&made.images),
        MessageFormat::Json => ui::json(&made),
    })?;
    Ok(())
}

/// A workspace, where there is one, and the trees that images are made of.
type Trees = (Option<ProjectContext>, Vec<Utf8PathBuf>);

/// Builds the tree. `about` learns what was built.
fn just_built(
    host: &Host,
    shell: Shell,
    run: RunOptions,
    place: Option<&(&str, Utf8PathBuf)>,
    about: &mut ImageOptions,
) -> Result<Trees, Failure> {
    let fits = |prepared: &Prepared| {
        apart(
            host,
            place,
            &[],
            std::slice::from_ref(&prepared.plan.out_dir),
        )?;
        unfit_tables(prepared, about)
    };
    let (_, prepared) = super::build::make(host, shell, run, false, fits)?;
    built(&prepared, about);
    Ok((Some(prepared.found), vec![prepared.plan.out_dir]))
}

/// The workspace's tree as it stands.
fn standing(host: &Host, run: &RunOptions) -> Result<Trees, Failure> {
    let found = workspace(host, run)?;
    let named = run.out_dir.as_ref().map(|dir| host.absolute(dir));
    let tree = host.resolve(&settings::out_dir(
        named,
        super::variables(host).out_dir,
        &super::own_config(&found)?,
        &found.workspace,
    ));
    if host.exists(&tree) {
        Ok((Some(found), vec![tree]))
    } else {
        Err(no_manifest(&tree).into())
    }
}

/// Trees that were made elsewhere; their configuration is that of the workspace here, where there
/// is one.
fn collected(
    host: &Host,
    run: &RunOptions,
    from: &[Utf8PathBuf],
    scratch: &mut Vec<tempfile::TempDir>,
) -> Result<Trees, Failure> {
    let found = match workspace(host, run) {
        Err(Failure::Problems(problems)) if super::outside(&problems) => None,
        found => Some(found?),
    };
    let trees = from
        .iter()
        .map(|path| opened(host, &host.absolute(path), scratch));
    Ok((found, trees.collect::<Result<Vec<_>, Failure>>()?))
}

/// What holds for several platforms or bins is told once.
pub(super) fn note(shell: Shell, told: &[String]) {
    let mut seen = BTreeSet::new();
    told.iter()
        .filter(|line| seen.insert(*line))
        .for_each(|line| shell.status("Noting", line));
}

/// The images; what is only told of them is told. A layout is known by where it is, whatever way
/// leads there.
pub(super) fn decided(
    host: &Host,
    shell: Shell,
    manifests: &[Manifest],
    config: &Config,
    about: &ImageOptions,
) -> Result<Vec<Image>, Failure> {
    let (mut images, told) = docker::decide(manifests, &config.docker, about)?;
    note(shell, &told);
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

/// Refuses a place within what images are made of: a tree with more in it is no longer what its
/// manifest says, and a layout written over its own base would grow with each run.
fn apart(
    host: &Host,
    place: Option<&(&str, Utf8PathBuf)>,
    images: &[Image],
    trees: &[Utf8PathBuf],
) -> Result<(), Failure> {
    let Some((flag, place)) = place else {
        return Ok(());
    };
    let within = |directory: &Utf8Path| place.starts_with(host.resolve(directory));
    let help = format!("name another place: `{flag} PATH`");
    if let Some(tree) = trees.iter().find(|tree| within(tree)) {
        return Err(Problem::new(
            Code::DockerInvalid,
            format!("`{place}` is within the staged tree `{tree}`"),
        )
        .help(help)
        .into());
    }
    for image in images {
        if let Base::OciLayout { directory, .. } = &image.base
            && within(directory)
        {
            let problem = Problem::new(
                Code::BaseUnfit,
                format!(
                    "`{place}` is within the base `oci:{directory}` of `{}`",
                    image.name
                ),
            );
            return Err(problem.help(help).into());
        }
    }
    Ok(())
}

/// The time that all files of a layout have: SOURCE_DATE_EPOCH, else that of the newest commit that
/// a tree was built from, else 0.
fn epoch(host: &Host, root: &Utf8Path, manifests: &[Manifest]) -> Result<u64> {
    if let Some(text) = host.var("SOURCE_DATE_EPOCH") {
        return text.parse().map_err(|_| {
            Problem::new(
                Code::ConfigInvalid,
                format!(
                    "`SOURCE_DATE_EPOCH={text}` is no number of \
                seconds"
                ),
            )
            .help(
                "set it to seconds since 1970: `export SOURCE_DATE_EPOCH=\"$(git log -1 \
                       --format=%ct)\"`",
            )
        });
    }
    let commits: BTreeSet<&str> = manifests
        .iter()
        .flat_map(|manifest| &manifest.targets)
        .filter_map(|record| record.source.commit.as_deref())
        .collect();
    let time = |commit: &str| {
        let said = host
            .capture(&Invocation::new("git", root).args([
                "show",
                "--no-patch",
                "--format=%ct",
                commit,
            ]))
            .ok()?;
        said.stdout.trim().parse::<u64>().ok()
    };
    Ok(commits.into_iter().filter_map(time).max().unwrap_or(0))
}

fn workspace(host: &Host, run: &RunOptions) -> Result<ProjectContext, Failure> {
    let asking = CargoOptions {
        program: super::cargo_program(host),
        locked: run.locked,
        offline: run.offline,
        frozen: run.frozen,
        config: Vec::new(),
        target_dir: super::target_directory(host, run.target_dir.clone()),
    };
    look::workspace(
        host,
        &asking,
        super::manifest_path(host, run.manifest_path.clone())?.as_deref(),
    )
}

/// `oci:PATH`, as it is typed, means a path from where the user stands.
fn from_here(host: &Host, base: &str) -> String {
    match base.strip_prefix("oci:") {
        Some(path) => format!("oci:{}", host.absolute(Utf8Path::new(path))),
        None => base.to_owned(),
    }
}

/// What the command line says of the images.
fn named(host: &Host, run: &RunOptions, base: Option<String>, accepted: bool) -> ImageOptions {
    let targets: Vec<String> = run
        .targets
        .iter()
        .map(|target| target.split('.').next().unwrap_or_default().to_owned())
        .collect();
    ImageOptions {
        narrowed: !targets.is_empty() || super::variables(host).targets.is_some(),
        targets,
        base,
        accepted,
        ..ImageOptions::default()
    }
}

/// Of a tree that was just built counts what was built: it may hold more, from other times.
fn built(prepared: &Prepared, about: &mut ImageOptions) {
    let Prepared {
        settings, decider, ..
    } = prepared;
    about.targets = settings
        .requests
        .iter()
        .map(|request| request.target.triple().to_owned())
        .collect();
    about.bins = Some(
        decider
            .selected
            .bins
            .iter()
            .map(|bin| (bin.package.clone(), bin.bin.clone()))
            .collect(),
    );
    about.some = settings.selection.narrowed();
}

/// What is wrong with the images, told before the tree is built: it will hold what it promises.
fn unfit_tables(prepared: &Prepared, about: &ImageOptions) -> Result<(), Failure> {
    let Prepared {
        found,
        settings,
        decider,
        ..
    } = prepared;
    let config = super::own_config(found)?;
    let mut about = ImageOptions {
        root: found.workspace.root.clone(),
        ..about.clone()
    };
    built(prepared, &mut about);
    let promised = docker::promised(settings, &decider.selected.bins)?;
    docker::decide(&[promised], &config.docker, &about)?;
    Ok(())
}

fn no_manifest(tree: &Utf8Path) -> Problem {
    Problem::new(Code::NoTree, format!("there is no staged tree at `{tree}`"))
        .help("build it: `cargo xpkg build`, or leave out `--no-build`")
}

/// A tree that was made elsewhere: a directory, or an archive of one, which is unpacked.
fn opened(
    host: &Host,
    path: &Utf8Path,
    scratch: &mut Vec<tempfile::TempDir>,
) -> Result<Utf8PathBuf, Failure> {
    if !host.exists(path) {
        return Err(Problem::new(
            Code::NoTree,
            format!("`{path}`, named by `--from`, is not there"),
        )
        .help("name a staged tree, or a tar of one")
        .into());
    }
    if host.is_dir(path) {
        return Ok(path.to_owned());
    }
    verified(host, path)?;
    let directory = host.scratch()?;
    let root = Utf8Path::from_path(directory.path())
        .unwrap_or(Utf8Path::new("/tmp"))
        .to_owned();
    let tree = contents::unpack(host, path, &root)?;
    scratch.push(directory);
    Ok(tree)
}

/// Holds a tree or an archive against its manifest and its targets: what stands against it stops
/// the run.
fn verified(host: &Host, path: &Utf8Path) -> Result<()> {
    let subject = contents::read(host, path, &Limits::default(), |_| ())?;
    let policy = Policy {
        name: PolicyName::Default,
        config: PolicyConfig::default(),
    };
    let report = verify::judge(
        &subject,
        &VerifyOptions {
            targets: Vec::new(),
            policy,
            accept: Vec::new(),
        },
    );
    let Some(first) = report.findings.first() else {
        return Ok(());
    };
    let line = |finding: &verify::Finding| {
        let path = finding
            .path
            .as_deref()
            .map(|path| format!("{path}: "))
            .unwrap_or_default();
        format!("{}: {path}{}", finding.code.name(), clause(finding))
    };
    Err(Problem::new(
        first.code,
        format!("`{path}` does not pass verification, so nothing is made of it"),
    )
    .note("found", report.findings.iter().take(10).map(line))
    .help(format!(
        "see all of it: `cargo xpkg verify {}`",
        crate::invocation::quote(path.as_str())
    )))
}

/// Image -> the layout that it stands upon, as BuildKit is told; `place` is where that is, for a
/// layout and a digest of it.
pub(super) fn layouts(
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
fn within(digest: &str) -> String {
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
fn pieces(
    host: &Host,
    plan: &bake::Plan,
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
                    Code::BaseUnfit,
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
                layout::scratch()
                    .map(|(path, what)| (format!("{}/{path}", dockerfile::SCRATCH), from(what))),
            );
        }
        if let (Base::OciLayout { directory, .. }, Some(digest)) =
            (&image.base, digests.get(&image.name))
        {
            problems.extend(
                layout::extras(host, directory, &[])
                    .map(|found| base(&within(digest), found, &mut pieces))
                    .err(),
            );
        }
        for bin in image.platforms.iter().flat_map(|platform| &platform.bins) {
            pieces.insert(
                bin.context.clone(),
                ContentSource::Bin(trees[bin.tree].join(&bin.staged), bin.sha256.clone()),
            );
        }
        for (path, _) in dockerfile::shared(image.ca_certificates, image.tzdata) {
            let found = if path.ends_with(".crt") {
                layout::certificates(host, image)
            } else {
                layout::zones(host, image)
            };
            problems.extend(found.map(|found| extra(path, found, &mut pieces)).err());
        }
        for ((path, _), from) in dockerfile::copied(&image.name, &image.files)
            .into_iter()
            .zip(image.files.keys())
        {
            problems.extend(
                layout::extras(host, from, &[])
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
fn base(to: &str, found: Vec<Extra>, pieces: &mut BTreeMap<String, ContentSource>) {
    let digest = |path: &str| {
        path.strip_prefix(BLOBS)?
            .strip_prefix('/')
            .map(str::to_owned)
    };
    let (blobs, others): (Vec<Extra>, Vec<Extra>) = found
        .into_iter()
        .partition(|extra| digest(&extra.path).is_some());
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
            ExtraKind::Directory => ContentSource::Directory(context::OPEN),
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
