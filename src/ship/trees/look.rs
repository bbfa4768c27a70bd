//! The trees that images and releases are made of: built by this run, built before, or built elsewhere.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Seek};

use camino::{Utf8Path, Utf8PathBuf};

use crate::archive::entry::EntryKind;
use crate::archive::look::own_name;
use crate::archive::packing::{ARCHIVE_UNFIT, Packing};
use crate::archive::read::file::PIECE;
use crate::build::look::options::{self, RunOptions};
use crate::build::look::request::{RunRequest, is_no_workspace, xpkg_config};
use crate::build::look::session::Session;
use crate::build::look::source::{commit_time, source_date_epoch};
use crate::build::plan::Plan;
use crate::build::run::{Built, OnFailure};
use crate::host::codes::FILE_ACCESS;
use crate::host::machine::Host;
use crate::invocation;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::PolicyConfig;
use crate::project::look::context::{self, CargoOptions, ProjectContext};
use crate::project::path_template::JSON_NAME;
use crate::project::settings;
use crate::ship::docker::bins::ImageOptions;
use crate::ship::docker::context::OPEN;
use crate::ship::docker::decide;
use crate::ship::docker::run::{Destination, check_paths, reject_overlap};
use crate::target::system::Os;
use crate::toolchain::image::look::store::PullPolicy;
use crate::tree::look::NO_TREE;
use crate::tree::manifest::Manifest;
use crate::verify::between::COMMITS_DIFFER;
use crate::verify::finding::{Finding, clause};
use crate::verify::judge::{self, Taken, VerifyOptions};
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::{build, tree, verify};

/// The workspace, if there is one, and the directories of the trees.
pub type Trees = (Option<ProjectContext>, Vec<Utf8PathBuf>);

/// Builds the tree, and stores in `options` which targets and bins were built. The images are
/// checked before the build, so that a mistake in a table costs no compilation.
///
/// # Errors
/// The destination is inside the tree; an image cannot be made as configured; or the build fails.
pub fn just_built(
    host: &Host,
    run: RunOptions,
    destination: Option<&Destination>,
    options: &mut ImageOptions,
) -> Result<Trees, Failure> {
    let check = |session: &Session, plan: &Plan| {
        reject_overlap(host, destination, &[], std::slice::from_ref(&plan.out_dir))?;
        check_tables(host, &session.request, options)
    };
    let Built { session, plan, .. } = build::run::make(host, run, OnFailure::Stop, check)?;
    limit_to_built(&session.request, options);
    Ok((Some(session.request.project), vec![plan.out_dir]))
}

/// Packages and bins.
pub type Bins = BTreeSet<(String, String)>;

/// Builds the tree after `check` has passed, which gets the request and the manifest that the tree
/// will have: a mistake costs no compilation. Returns the project, the tree, and the targets and
/// bins that were built.
///
/// # Errors
/// Those of `check`, or the build fails.
pub fn built(
    host: &Host,
    run: RunOptions,
    check: impl FnOnce(&RunRequest, &Plan, &Manifest) -> Result<(), Failure>,
) -> Result<(Trees, Vec<String>, Bins), Failure> {
    let check = |session: &Session, plan: &Plan| {
        let RunRequest {
            settings, selected, ..
        } = &session.request;
        let expected = decide::promised(settings, &selected.bins)?;
        check(&session.request, plan, &expected)
    };
    let Built { session, plan, .. } = build::run::make(host, run, OnFailure::Stop, check)?;
    let RunRequest {
        project,
        settings,
        selected,
        ..
    } = session.request;
    let targets = settings.targets().into_iter();
    let targets = targets.map(|target| target.triple().to_owned());
    let bins = selected.bins.into_iter();
    Ok((
        (Some(project), vec![plan.out_dir]),
        targets.collect(),
        bins.map(|bin| (bin.package, bin.bin)).collect(),
    ))
}

/// Returns the project, the directory of its tree, and the manifest that the tree would have after a
/// build: digests, sizes and facts of programs are unknown. Nothing is compiled.
///
/// # Errors
/// The build cannot be planned.
pub fn planned(
    host: &Host,
    run: RunOptions,
) -> Result<(ProjectContext, Utf8PathBuf, Manifest), Failure> {
    let session = Session::look(host, run, PullPolicy::Never)?;
    let Plan { out_dir, .. } = session.plan()?;
    tree::look::check(host, &out_dir)?;
    let RunRequest {
        project,
        settings,
        selected,
        ..
    } = session.request;
    let expected = decide::promised(&settings, &selected.bins)?;
    Ok((project, out_dir, expected))
}

/// Returns the workspace's tree without building it.
///
/// # Errors
/// `no-tree`: nothing is staged.
pub fn existing_tree(host: &Host, run: &RunOptions) -> Result<Trees, Failure> {
    let found = workspace(host, run)?;
    let requested = run.out_dir.as_ref().map(|dir| host.absolute(dir));
    let tree = host.resolve(&settings::out_dir(
        requested,
        options::variables(host).out_dir,
        &xpkg_config(&found)?,
        &found.workspace,
    ));
    if host.exists(&tree) {
        Ok((Some(found), vec![tree]))
    } else {
        Err(no_manifest(&tree).into())
    }
}

/// Returns trees that were built elsewhere, with the configuration of the workspace here if there
/// is one. Archives must pass what `demand` returns for it, and are unpacked into directories that
/// are added to `scratch`.
///
/// # Errors
/// `no-tree`: one is missing, or has no manifest. Those of `demand` and [`verified`].
pub fn collected(
    host: &Host,
    run: &RunOptions,
    from: &[Utf8PathBuf],
    demand: impl FnOnce(Option<&ProjectContext>) -> Result<Demand, Failure>,
    scratch: &mut Vec<tempfile::TempDir>,
) -> Result<Trees, Failure> {
    let found = match workspace(host, run) {
        Err(Failure::Problems(problems)) if is_no_workspace(&problems) => None,
        found => Some(found?),
    };
    let demand = demand(found.as_ref())?;
    let trees = from.iter().map(|path| {
        opened(
            host,
            &host.absolute(path),
            " (from `--from`)",
            &demand,
            scratch,
        )
    });
    Ok((found, trees.collect::<Result<Vec<_>, Failure>>()?))
}

/// Returns the time of all files of a layout, in seconds since 1970: SOURCE_DATE_EPOCH, else the
/// newest commit that a tree was built from, else 0.
///
/// # Errors
/// Those of [`source_date_epoch`].
pub fn epoch(host: &Host, root: &Utf8Path, manifests: &[Manifest]) -> Result<u64> {
    if let Some(seconds) = source_date_epoch(host)? {
        return Ok(seconds);
    }
    let commits: BTreeSet<&str> = manifests
        .iter()
        .flat_map(|manifest| &manifest.targets)
        .filter_map(|record| record.source.commit.as_deref())
        .collect();
    let time = |commit: &str| commit_time(host, root, commit);
    Ok(commits.into_iter().filter_map(time).max().unwrap_or(0))
}

/// Returns the options of queries to cargo about the workspace of a run.
pub fn asking(host: &Host, run: &RunOptions) -> CargoOptions {
    CargoOptions {
        locked: run.locked,
        offline: run.offline,
        frozen: run.frozen,
        ..options::cargo_options(host, run.target_dir.clone())
    }
}

fn workspace(host: &Host, run: &RunOptions) -> Result<ProjectContext, Failure> {
    context::workspace(
        host,
        &asking(host, run),
        options::manifest_path(host, run.manifest_path.clone())?.as_deref(),
    )
}

/// Limits the images to the targets and bins of this build: the tree may hold more, from earlier
/// builds.
fn limit_to_built(request: &RunRequest, options: &mut ImageOptions) {
    let RunRequest {
        settings, selected, ..
    } = request;
    let mut targets = settings.targets();
    // Others are built and staged, and no image can have them.
    if targets.iter().any(|target| target.system.os == Os::Linux) {
        targets.retain(|target| target.system.os == Os::Linux);
    }
    let targets = targets.iter();
    options.targets = targets.map(|target| target.triple().to_owned()).collect();
    options.bins = Some(
        selected
            .bins
            .iter()
            .map(|bin| (bin.package.clone(), bin.bin.clone()))
            .collect(),
    );
    options.some = settings.selection.is_partial();
}

/// Checks the images before the tree is built, against the manifest that it will have.
///
/// # Errors
/// All problems of the images' tables.
fn check_tables(host: &Host, request: &RunRequest, options: &ImageOptions) -> Result<(), Failure> {
    let RunRequest {
        project,
        settings,
        selected,
        ..
    } = request;
    let config = xpkg_config(project)?;
    check_paths(host, &config, &project.workspace.root)?;
    let mut options = ImageOptions {
        root: project.workspace.root.clone(),
        ..options.clone()
    };
    limit_to_built(request, &mut options);
    let expected = decide::promised(settings, &selected.bins)?;
    decide::decide(&[expected], &config.docker, &options)?;
    Ok(())
}

/// Returns the problem `no-tree`: no manifest at `tree`.
pub fn no_manifest(tree: &Utf8Path) -> Problem {
    Problem::new(NO_TREE, format!("there is no staged tree at `{tree}`"))
        .help("build it: `cargo xpkg build`, or leave out `--no-build`")
}

/// Returns the directory of a tree that was built elsewhere; an archive is verified and unpacked
/// into a directory that is added to `scratch`. `named` follows the path in messages.
///
/// # Errors
/// `no-tree`, and for an archive those of [`verified`].
pub fn opened(
    host: &Host,
    path: &Utf8Path,
    named: &str,
    demand: &Demand,
    scratch: &mut Vec<tempfile::TempDir>,
) -> Result<Utf8PathBuf, Failure> {
    if !host.exists(path) {
        return Err(
            Problem::new(NO_TREE, format!("`{path}`{named} does not exist"))
                .help("pass a staged tree, or a tar of one")
                .into(),
        );
    }
    if host.is_dir(path) {
        if !host.exists(&path.join(JSON_NAME)) {
            let message = format!("`{path}`{named} has no `{JSON_NAME}`");
            return Err(Problem::new(NO_TREE, message)
                .help("pass the whole directory that `cargo xpkg build` staged, or a tar of it")
                .into());
        }
        return Ok(path.to_owned());
    }
    verified(host, path, Origin::Elsewhere, demand)?;
    let directory = host.scratch()?;
    let root = Utf8Path::from_path(directory.path())
        .unwrap_or(Utf8Path::new("/tmp"))
        .to_owned();
    let tree = unpack(host, path, &root)?;
    scratch.push(directory);
    Ok(tree)
}

/// Origin of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The workspace here.
    Here,
    /// `--from`.
    Elsewhere,
}

/// What a tree must pass.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Policy.
    pub policy: Policy,
    /// What is not done with a tree that does not pass, a clause of the message.
    pub consequence: &'static str,
    /// What is taken from it; `None` for all.
    pub taken: Option<Taken>,
}

impl Demand {
    /// Returns what the trees of images must pass, of which some targets and bins are taken.
    pub fn of_images(options: &ImageOptions) -> Self {
        Self {
            policy: Policy {
                name: PolicyName::Default,
                config: PolicyConfig::default(),
            },
            consequence: "no image is made from it",
            taken: Some(Taken {
                targets: options.targets.clone(),
                bins: options.bins.clone(),
            }),
        }
    }
}

/// Verifies a tree or an archive against its manifest and the requirements of its targets. It must
/// stay where it is, because the help of the problem is a command that names it.
///
/// # Errors
/// The first ten findings; the code is that of the first one.
pub fn verified(host: &Host, path: &Utf8Path, origin: Origin, demand: &Demand) -> Result<()> {
    let Demand {
        policy,
        consequence,
        taken,
    } = demand;
    let findings = findings(host, path, origin, policy.clone(), taken.clone())?;
    let Some(first) = findings.first() else {
        return Ok(());
    };
    let problem = Problem::new(
        first.code,
        format!("`{path}` does not pass verification, so {consequence}"),
    )
    .note("found", findings.iter().take(10).map(line));
    let problem = if first.code == COMMITS_DIFFER {
        problem.help("build all targets at one commit, or name those of one: `--target TRIPLE`")
    } else {
        problem
    };
    Err(problem.help(format!(
        "see all findings: `cargo xpkg verify {}`",
        invocation::quote(path.as_str())
    )))
}

/// Returns the part of a tree that a run builds.
pub fn taken(request: &RunRequest) -> Taken {
    let targets = request.settings.targets().into_iter();
    let bins = request.selected.bins.iter();
    Taken {
        targets: targets.map(|target| target.triple().to_owned()).collect(),
        bins: Some(
            bins.map(|bin| (bin.package.clone(), bin.bin.clone()))
                .collect(),
        ),
    }
}

/// Returns a finding as one line of a problem.
pub fn line(finding: &Finding) -> String {
    let path = finding
        .path
        .as_deref()
        .map(|path| format!("{path}: "))
        .unwrap_or_default();
    format!("{}: {path}{}", finding.code.name(), clause(finding))
}

/// Returns the findings of `verify` in a tree, of which `taken` is used, or an archive.
///
/// A tree from elsewhere may have lost the modes of its programs: the artifacts of CI services and
/// zip files have none. Images and archives set the mode that the manifest has.
///
/// # Errors
/// It cannot be read.
pub fn findings(
    host: &Host,
    path: &Utf8Path,
    origin: Origin,
    policy: Policy,
    taken: Option<Taken>,
) -> Result<Vec<Finding>> {
    let mut subject = verify::look::read(host, path, &host.shell.bar("Reading"))?;
    if origin == Origin::Elsewhere {
        for entry in &mut subject.entries {
            // The mode of a file that nobody may execute says nothing. Special bits do.
            if let EntryKind::File(file) = &mut entry.what
                && file.mode.is_some_and(|mode| mode & 0o7111 == 0)
            {
                file.mode = None;
            }
        }
    }
    let report = judge::check_artifacts(
        &subject,
        &VerifyOptions {
            targets: Vec::new(),
            policy,
            accept: Vec::new(),
            require_list: false,
            version: None,
            taken,
        },
    );
    Ok(report.findings)
}

/// Unpacks the files of an archive below `to` and returns the directory of its manifest. The
/// archive must have passed [`verified`]: a path that leads out of `to` is an error here.
pub fn unpack(host: &Host, path: &Utf8Path, to: &Utf8Path) -> Result<Utf8PathBuf> {
    let cannot =
        |error: io::Error| Problem::new(FILE_ACCESS, format!("cannot unpack `{path}`: {error}"));
    let mut file = host.open_read(path)?;
    let mut first = Vec::new();
    Read::by_ref(&mut file)
        .take(512)
        .read_to_end(&mut first)
        .map_err(cannot)?;
    file.rewind().map_err(cannot)?;
    let buffered = BufReader::with_capacity(PIECE, file);
    let stream: Box<dyn Read> = match Packing::of(&first, &own_name(path)) {
        Some(Packing::Tar) => Box::new(buffered),
        Some(Packing::Compressed(compression)) => compression.decoder(buffered),
        _ => {
            return Err(
                Problem::new(ARCHIVE_UNFIT, format!("`{path}` is not a tar archive"))
                    .help("pass the tree as a directory, or as `.tar`, `.tar.gz`, `.tar.xz` or `.tar.zst`"),
            );
        }
    };
    let mut archive = ::tar::Archive::new(stream);
    let below = host.below(to)?;
    let mut found = None;
    for entry in archive.entries().map_err(cannot)? {
        let mut entry = entry.map_err(cannot)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(cannot)?.to_string_lossy().into_owned();
        let parts: Vec<&str> = name
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        let name = parts.join("/");
        let mut writing = below.create(&name)?;
        io::copy(&mut entry, &mut writing).map_err(cannot)?;
        writing.set_mode(OPEN)?;
        writing.finish()?;
        if parts.last() == Some(&JSON_NAME) {
            found = to.join(name).parent().map(Utf8Path::to_owned);
        }
    }
    found.ok_or_else(|| {
        Problem::new(NO_TREE, format!("`{path}` contains no `{JSON_NAME}`"))
            .help("pack the whole tree that `cargo xpkg build` staged")
    })
}
