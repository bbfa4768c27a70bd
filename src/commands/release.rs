//! `release`: makes archives, checksums and a document of verified trees, in one directory.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::build::look::options::{RunOptions, acceptable, cargo_options};
use crate::build::look::request::{RunRequest, xpkg_config};
use crate::build::plan::Plan;
use crate::commands::args::{BUILD_ARGS, MessageFormat, RunArgs, path};
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::problem::{Failure, Problem, Result, text};
use crate::project::look::context::{CargoOptions, ProjectContext};
use crate::ship::registry::run as registry;
use crate::ship::release::look::trees::{Chosen, Trees, decide, demand, here};
use crate::ship::release::model::{RELEASE_DIRTY, RELEASE_INVALID, Release};
use crate::ship::release::planned as planned_files;
use crate::ship::release::provenance;
use crate::ship::release::sign::{self, SigningKey};
use crate::ship::release::write::{Parts, Written};
use crate::ship::release::{self, look};
use crate::ship::trees::look::{Origin, asking, built, collected, epoch, existing_tree, planned};
use crate::target::system::Os;
use crate::tree::manifest::Manifest;
use crate::tree::release::Document;
use crate::tree::signature::SignatureKind;
use crate::ui;
use crate::verify::rules;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg release --tag v1.4.0",
    "cargo xpkg release --no-build --dry-run",
    "cargo xpkg release --from amd64.tar --from arm64.tar --release-dir dist",
];

/// Arguments of `release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Options of the build.
    #[command(flatten)]
    pub run: RunArgs,

    /// Directory of the release [default: `<cargo target directory>/xpkg-release/<version>`]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub release_dir: Option<Utf8PathBuf>,

    /// Tag of the release, which must name cargo's version and the commit that was built
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,

    /// Use the existing tree without building
    #[arg(long, conflicts_with_all = BUILD_ARGS)]
    pub no_build: bool,

    /// Use trees that were built elsewhere, with their manifests: directories or tars; repeatable
    #[arg(long, value_name = "PATH", conflicts_with = "no_build", conflicts_with_all = BUILD_ARGS, value_parser = path())]
    pub from: Vec<Utf8PathBuf>,

    /// Release trees that were built with uncommitted changes
    #[arg(long)]
    pub allow_dirty: bool,

    /// Sign `SHA256SUMS`: `minisign:FILE` or `ssh:FILE`, a secret key; repeatable
    #[arg(long, value_name = "KIND:FILE")]
    pub sign: Vec<String>,

    /// Show the files of the release without building or writing anything
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs `release`.
///
/// # Errors
/// The trees cannot be had, do not pass, or cannot be released as asked.
pub fn run(host: &Host, args: ReleaseArgs) -> Result<(), Failure> {
    make(host, args, Output::Table).map(drop)
}

/// What is printed of a release on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Its files, as a table or as its document.
    Table,
    /// Nothing: another command prints what it finds.
    Nothing,
}

/// Adds what a release has by default: lists of packages in programs, and the same bytes on every
/// machine.
#[must_use]
pub fn with_defaults(options: RunOptions) -> RunOptions {
    RunOptions {
        auditable: options.auditable.by_default(),
        reproducible: options.reproducible.by_default(),
        ..options
    }
}

/// Makes a release, and returns its directory; one that is not written with `--dry-run`.
pub fn make(host: &Host, args: ReleaseArgs, output: Output) -> Result<Utf8PathBuf, Failure> {
    let ReleaseArgs {
        run,
        release_dir,
        tag,
        no_build,
        from,
        allow_dirty,
        sign,
        dry_run,
    } = args;
    let keys: Vec<SigningKey> = sign
        .iter()
        .map(|text| SigningKey::parse(text))
        .collect::<Result<_>>()?;
    sign::check_kinds(&keys)?;
    for key in &keys {
        sign::run::check(host, key)?;
    }
    let format = run.message_format;
    let run = with_defaults(run.options());
    for name in &run.accept {
        acceptable(name)?;
    }
    let cargo = CargoOptions {
        offline: run.offline,
        frozen: run.frozen,
        ..cargo_options(host, run.target_dir.clone())
    };
    let place = release_dir.map(|directory| host.resolve(&host.absolute(&directory)));
    let mut chosen = Chosen {
        targets: run.targets.clone(),
        bins: None,
        tag,
        allow_dirty,
        auditable: run.auditable,
    };
    let asking = asking(host, &run);
    if dry_run && from.is_empty() && !no_build {
        let (project, tree, expected) = planned(host, run)?;
        let place = place.as_deref();
        let (mut release, directory) =
            check_before(host, &project, &tree, expected, &chosen, place)?;
        check_registry(host, &cargo, &project, &release)?;
        keep_signed(host, &mut release, &keys);
        report_unpacked(host, &release);
        let has_registry = xpkg_config(&project)?.release.registry.is_some();
        print_planned(host, &release, has_registry, &keys, format)?;
        return Ok(directory);
    }
    // Archives are unpacked into directories that are removed with this.
    let mut scratch = Vec::new();
    let (project, trees) = match from.as_slice() {
        [] if no_build => existing_tree(host, &run)?,
        [] => {
            let check = |request: &RunRequest, plan: &Plan, expected: &Manifest| {
                let (project, place) = (&request.project, place.as_deref());
                let expected = expected.clone();
                let (release, _) =
                    check_before(host, project, &plan.out_dir, expected, &chosen, place)?;
                check_registry(host, &cargo, project, &release)
            };
            let (trees, targets, bins) = built(host, run, check)?;
            (chosen.targets, chosen.bins) = (targets, Some(bins));
            trees
        }
        from => {
            let demand = |project: Option<&ProjectContext>| demand(project, &chosen);
            collected(host, &run, from, demand, &mut scratch)?
        }
    };
    let origin = if from.is_empty() {
        Origin::Here
    } else {
        Origin::Elsewhere
    };
    let source = Trees {
        project,
        trees,
        origin,
    };
    let (mut release, manifests, policy) = source.decide(host, &chosen)?;
    keep_signed(host, &mut release, &keys);
    report_unpacked(host, &release);
    let directory = place.unwrap_or_else(|| default_place(host, source.project.as_ref(), &release));
    check_place(host, &directory, &source.trees)?;
    if dry_run {
        if let Some(project) = &source.project {
            check_registry(host, &cargo, project, &release)?;
        }
        let config = source.project.as_ref().map(xpkg_config).transpose()?;
        let has_registry = config.is_some_and(|config| config.release.registry.is_some());
        print_planned(host, &release, has_registry, &keys, format)?;
        return Ok(directory);
    }
    let epoch = epoch(host, &source.root(host), &manifests)?;
    if epoch == 0 {
        let line = "all files are dated 1970-01-01, because the trees name no commit that git has \
                    here; set SOURCE_DATE_EPOCH for another date";
        host.shell.status("Noting", line);
    }
    report_irreproducible(host, &release, &manifests);
    let registry = source.registry(host, &cargo, &release, allow_dirty)?;
    let sboms = source.sboms(host, &release, &manifests, &asking, epoch)?;
    let run = provenance::run_url(|name| host.var(name));
    let predicate = provenance::predicate(&release, &manifests, run);
    let Written {
        document,
        is_changed,
    } = release::write::write(
        host,
        &Parts {
            release: &release,
            trees: &source.trees,
            sboms: &sboms,
            provenance: Some(&predicate).filter(|_| release.provenance),
            registry: registry.as_ref(),
            keys: &keys,
            epoch,
            policy: &policy,
        },
        &directory,
    )?;
    let verb = if is_changed { "Wrote" } else { "Unchanged" };
    let files = text::count(document.files.len() + 2 + keys.len(), "file");
    let version = &release.version;
    host.shell
        .status(verb, &format!("release {version}: {files} in {directory}"));
    if output == Output::Table {
        print(host, &release, &document, format)?;
    }
    Ok(directory)
}

/// Reports the packages that get no archive, because the configuration names no format: installers,
/// formulas and the page have nothing of them either.
fn report_unpacked(host: &Host, release: &Release) {
    let unpacked = release
        .builds
        .iter()
        .filter(|build| build.formats.is_empty());
    for build in unpacked {
        let key = match build.target.system.os {
            Os::Windows => "windows-archives",
            _ => "archives",
        };
        let line = format!(
            "no archive of {} for {}: `{key}` in the configuration names no format",
            build.package,
            build.target.triple()
        );
        host.shell.status("Noting", &line);
    }
}

/// Reports the targets of a release whose builds did not keep the machine out of their programs.
fn report_irreproducible(host: &Host, release: &Release, manifests: &[Manifest]) {
    let released: BTreeSet<&str> = release
        .builds
        .iter()
        .map(|build| build.target.triple())
        .collect();
    let records = manifests.iter().flat_map(|manifest| &manifest.targets);
    let others: BTreeSet<&str> = records
        .filter(|record| !record.reproducible && released.contains(record.target.as_str()))
        .map(|record| record.target.as_str())
        .collect();
    if !others.is_empty() {
        let line = format!(
            "programs for {} may have other bytes if another machine builds them; `cargo xpkg build \
             --reproducible` makes them the same",
            text::list(others.into_iter())
        );
        host.shell.status("Noting", &line);
    }
}

/// Decides the release of the tree that will be built at `tree`, so that a mistake costs no
/// compilation. Returns it with its directory.
///
/// # Errors
/// Those of [`decide()`], [`look::check_tag_commit`] and [`check_place`]; `release-dirty`.
fn check_before(
    host: &Host,
    project: &ProjectContext,
    tree: &Utf8PathBuf,
    mut expected: Manifest,
    chosen: &Chosen,
    place: Option<&Utf8Path>,
) -> Result<(Release, Utf8PathBuf), Failure> {
    let config = xpkg_config(project)?;
    rules::chosen::policy(None, config.policy.clone())?;
    let workspace = &project.workspace;
    let trees = std::slice::from_ref(tree);
    // What the build will record.
    let here = here(host, workspace, trees);
    for record in &mut expected.targets {
        record.source = here.clone();
    }
    let allow_dirty = chosen.allow_dirty;
    let chosen = Chosen {
        targets: Vec::new(),
        bins: None,
        tag: chosen.tag.clone(),
        // The workspace has the changes, not a tree.
        allow_dirty: true,
        auditable: chosen.auditable,
    };
    let manifests = std::slice::from_ref(&expected);
    let release = decide(host, manifests, Some(workspace), &config, &chosen)?;
    look::check_tag_commit(host, &workspace.root, &release)?;
    let default = || default_place(host, Some(project), &release);
    let directory = place.map_or_else(default, Utf8Path::to_owned);
    check_place(host, &directory, trees)?;
    if here.dirty == Some(true) && !allow_dirty {
        let message =
            "the workspace has uncommitted changes, so nobody could build the release again";
        return Err(Problem::new(RELEASE_DIRTY, message)
            .help("commit them, or release them as they are: `--allow-dirty`")
            .into());
    }
    Ok((release, directory))
}

/// Leaves installers only the public keys of the kinds that the release is signed with.
fn keep_signed(host: &Host, release: &mut Release, keys: &[SigningKey]) {
    let is_signed = |kind: &SignatureKind| keys.iter().any(|key| key.kind == *kind);
    for kind in release.public_keys.keys().filter(|kind| !is_signed(kind)) {
        let name = kind.name();
        let line = format!(
            "installers verify no signature of {name}, because the release is not signed with it; \
             `--sign {name}:FILE` signs it"
        );
        host.shell.status("Noting", &line);
    }
    release.public_keys.retain(|kind, _| is_signed(kind));
}

/// Checks what can be known of the registry before it is packed, if one is configured.
///
/// # Errors
/// Those of [`registry::check`].
fn check_registry(
    host: &Host,
    cargo: &CargoOptions,
    project: &ProjectContext,
    release: &Release,
) -> Result<(), Failure> {
    if let Some(config) = xpkg_config(project)?.release.registry {
        let packages = release.packages.iter().map(|package| package.name.as_str());
        let packages = packages.collect();
        registry::check(host, cargo, &project.workspace, &packages, &config)?;
    }
    Ok(())
}

/// Returns the directory of a release where none is named.
fn default_place(host: &Host, project: Option<&ProjectContext>, release: &Release) -> Utf8PathBuf {
    let target_dir = project.map_or_else(
        || host.absolute(Utf8Path::new(".")),
        |project| project.workspace.target_dir.clone(),
    );
    host.resolve(&look::default_directory(&target_dir, &release.version))
}

/// Rejects a directory inside a tree, which would no longer match its manifest, or around one, which
/// would be replaced, and one with files of others.
fn check_place(host: &Host, directory: &Utf8Path, trees: &[Utf8PathBuf]) -> Result<(), Failure> {
    for tree in trees.iter().map(|tree| host.resolve(tree)) {
        if directory.starts_with(&tree) || tree.starts_with(directory) {
            let message = format!("`{directory}` overlaps with the staged tree `{tree}`");
            let problem = Problem::new(RELEASE_INVALID, message);
            return Err(problem
                .help("choose another directory: `--release-dir DIR`")
                .into());
        }
    }
    Ok(look::check_place(host, directory, directory)?)
}

/// Prints a release that is not written, as text or as its own document.
fn print_planned(
    host: &Host,
    release: &Release,
    has_registry: bool,
    keys: &[SigningKey],
    format: MessageFormat,
) -> Result<(), Failure> {
    let signatures = keys.iter().map(|key| key.kind).collect();
    let planned = planned_files::planned(release, has_registry, signatures)?;
    shell::data(&match format {
        MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => String::new(),
        MessageFormat::Human => ui::release::planned(release, &planned),
        MessageFormat::Json => shell::json(&planned),
    })?;
    Ok(())
}

/// Prints the release, as text or as its document.
fn print(
    host: &Host,
    release: &Release,
    document: &Document,
    format: MessageFormat,
) -> Result<(), Failure> {
    shell::data(&match format {
        MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => String::new(),
        MessageFormat::Human => ui::release::release(release, document),
        MessageFormat::Json => document.json(),
    })?;
    Ok(())
}
