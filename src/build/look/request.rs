//! Resolves a run: which bins of which workspace to build, and for which targets.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::look::options::{
    RunOptions, acceptable, cargo_options, manifest_path, variables,
};
use crate::build::look::source::{commit_time, source_date_epoch};
use crate::host::machine::Host;
use crate::host::shell::Verbosity;
use crate::invocation::quote;
use crate::problem::code::Code;
use crate::problem::{Failure, Problem, Result};
use crate::project::cargo_config::{CARGO_CONFIG, CONFIG_IGNORED, may_be_argument};
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::config::{Config, TargetConfig};
use crate::project::cross_toml::without_image;
use crate::project::look::access;
use crate::project::look::cargo_config::{self, ExtraConfig};
use crate::project::look::context::{self, CargoOptions, ProjectContext, WORKSPACE_UNREADABLE};
use crate::project::look::ignored;
use crate::project::reproducible::{NOT_REPRODUCIBLE, Reproducible};
use crate::project::selection::Selected;
use crate::project::selection_flags::Selection;
use crate::project::settings::{self, CargoArgs, CliOverrides, Settings};
use crate::project::{cross_toml, look};
use crate::target::Target;
use crate::toolchain::image::look::derived::dockerfile_base;
use crate::toolchain::image::recipe::DockerfileBase;
use crate::variables::absolute_argument;

/// A run, resolved from options, environment and configuration. Of the machine it knows nothing
/// but cargo and rustc.
pub struct RunRequest {
    /// Workspace and its rustc.
    pub project: ProjectContext,
    /// Resolved settings.
    pub settings: Settings,
    /// Selected packages and bins.
    pub selected: Selected,
    /// Options of every query to cargo.
    pub cargo_options: CargoOptions,
    /// cargo's configuration files and variables.
    pub(super) cargo_config: cargo_config2::Config,
    /// Configuration that `cargo_config` does not contain.
    pub(super) extra_config: ExtraConfig,
}

impl RunRequest {
    /// Resolves a run.
    ///
    /// # Errors
    /// The workspace or a configuration cannot be read; or all problems of the selection and the
    /// settings.
    pub fn resolve(host: &Host, options: RunOptions) -> Result<Self, Failure> {
        let RunOptions {
            targets,
            linker,
            out_dir,
            manifest_path: manifest,
            selection,
            profile,
            jobs,
            locked,
            offline,
            frozen,
            target_dir,
            config,
            accept,
            auditable,
            reproducible,
            compiler_cache,
        } = options;
        let is_configured = out_dir.is_none() && variables(host).out_dir.is_none();
        let accept = accept
            .iter()
            .map(|name| acceptable(name))
            .collect::<Result<Vec<Code>>>()?;
        let cargo_options = CargoOptions {
            locked,
            offline,
            frozen,
            config: absolute_paths(host, config),
            ..cargo_options(host, target_dir)
        };
        let manifest = manifest_path(host, manifest)?;
        let mut project = context::workspace(host, &cargo_options, manifest.as_deref())?;
        report_ignored(host, &project);
        let config = xpkg_config(&project)?;
        let cargo_config = cargo_config::cargo_config(host, &project.workspace, &project.rustc)?;
        let variables = variables(host);
        let named = settings::named_targets(&targets, variables.targets.as_deref());
        let config = with_cross_toml(host, &project, config, &named, CrossTargets::Requested)?;
        context::configured_rustc(host, &mut project, &cargo_config)?;
        check_path(&cargo_config)?;
        let extra_config =
            cargo_config::more_configuration(host, &project.workspace, &cargo_options.config)?;
        let overrides = CliOverrides {
            targets,
            linker,
            out_dir: out_dir.map(|dir| host.absolute(&dir)),
            accept,
            auditable,
            reproducible,
            compiler_cache,
            variables,
            cargo_targets: cargo_config::cargo_targets(&cargo_config),
            cargo_targets_by: match host.var("CARGO_BUILD_TARGET") {
                Some(_) => "`CARGO_BUILD_TARGET`",
                None => "`build.target` in cargo's configuration",
            },
        };
        let cargo = cargo_args(host, &cargo_options, profile, jobs);
        let (selected, mut settings) = select(
            &project,
            &config,
            &extra_config,
            overrides,
            cargo,
            selection,
        )?;
        settings.out_dir = host.resolve(&settings.out_dir);
        if settings.reproducible {
            let reproducible = reproducible_run(host, &project, &settings)?;
            for request in &mut settings.requests {
                request.overrides.reproducible = Some(reproducible.clone());
            }
        }
        if is_configured && config.out_dir.is_some() {
            // A checkout could name the tree of another project.
            let root = &project.workspace.root;
            access::check_out_dir(host, root, &settings.out_dir)?;
        }
        Ok(Self {
            project,
            settings,
            selected,
            cargo_options,
            cargo_config,
            extra_config,
        })
    }
}

impl RunRequest {
    /// Returns digests of cargo's profiles and of its configuration.
    pub fn configuration(&self) -> (String, String) {
        let ExtraConfig {
            profiles, digest, ..
        } = &self.extra_config;
        (profiles.digest(), digest[..16].to_owned())
    }
}

/// Returns what makes the builds of a run reproducible, and reports the directories that it cannot
/// keep out of C.
///
/// # Errors
/// Those of [`source_date_epoch`].
fn reproducible_run(
    host: &Host,
    project: &ProjectContext,
    settings: &Settings,
) -> Result<Reproducible> {
    let workspace = &project.workspace;
    let target_dir = settings.cargo.target_dir.as_ref();
    let home =
        cargo_config::cargo_home(host).and_then(|home| Utf8PathBuf::from_path_buf(home).ok());
    let source_date = match source_date_epoch(host)? {
        Some(_) => None,
        None => commit_time(host, &workspace.root, "HEAD"),
    };
    let reproducible = Reproducible::new(
        &workspace.root,
        target_dir.unwrap_or(&workspace.target_dir),
        workspace.build_dir.as_deref(),
        home.as_deref(),
        &project.rustc,
        source_date,
        |path| host.resolve(path),
    );
    for directory in reproducible.unnamed() {
        let what = format!(
            "`{directory}` may be in C of the programs: flags of C compilers cannot name a path \
             with a space or `=`"
        );
        host.shell.warning(NOT_REPRODUCIBLE.name(), &what);
    }
    Ok(reproducible)
}

/// Reports the files that count for cargo where the user stands, and are ignored.
fn report_ignored(host: &Host, project: &ProjectContext) {
    let root = &project.workspace.root;
    for file in ignored::cargo_files(host, root) {
        let text = host.read_text(&file).unwrap_or_default();
        let is_argument = text.parse().is_ok_and(|table| may_be_argument(&table));
        let or = if is_argument {
            ", or name it with `--config`"
        } else {
            ""
        };
        let what = format!(
            "`{file}` is ignored, because cargo runs in the root of the workspace, `{root}`: move \
             it there{or}"
        );
        host.shell.warning(CONFIG_IGNORED.name(), &what);
    }
    if let Some(file) = ignored::toolchain_file(host, root) {
        let how = match &file.channel {
            Some(channel) => format!(
                "choose it: `cargo {} xpkg …`",
                quote(&format!("+{channel}"))
            ),
            None => "move it there".to_owned(),
        };
        let what = format!(
            "`{}` is ignored, because cargo runs in the root of the workspace, `{root}`: {how}",
            file.path
        );
        host.shell.warning(CONFIG_IGNORED.name(), &what);
    }
}

/// Makes the paths in the values of `--config` absolute, which are files or have keys with paths: they are
/// relative to the user's working directory, and cargo will run in the workspace's root.
fn absolute_paths(host: &Host, values: Vec<String>) -> Vec<String> {
    let absolute = |value: String| match Utf8Path::new(&value) {
        file if host.is_file(file) => host.absolute(file).into_string(),
        _ => absolute_argument(&value, host.cwd()).unwrap_or(value),
    };
    values.into_iter().map(absolute).collect()
}

/// Returns the arguments of every `cargo build`.
fn cargo_args(
    host: &Host,
    options: &CargoOptions,
    profile: String,
    jobs: Option<String>,
) -> CargoArgs {
    let CargoOptions {
        program,
        locked,
        offline,
        frozen,
        config,
        target_dir,
    } = options.clone();
    CargoArgs {
        program,
        rustup_toolchain: host.var("RUSTUP_TOOLCHAIN").map(str::to_owned),
        profile,
        jobs,
        locked,
        offline,
        frozen,
        target_dir,
        config,
        quiet: host.shell.verbosity == Verbosity::Quiet,
        verbose: match host.shell.verbosity {
            Verbosity::Verbose { cargo } => cargo,
            Verbosity::Quiet | Verbosity::Normal => 0,
        },
        color: host.shell.color.map(str::to_owned),
    }
}

/// Checks that cargo starts rustc with the PATH that it gets: xpkg's linkers are found by name.
fn check_path(config: &cargo_config2::Config) -> Result<()> {
    if !config.env.get("PATH").is_some_and(|value| value.force) {
        return Ok(());
    }
    let message =
        "cargo's configuration sets `env.PATH` with `force`, and xpkg adds directories to PATH";
    Err(Problem::new(CARGO_CONFIG, message)
        .help("remove `force`, or set PATH where cargo is started"))
}

/// Selects packages and bins and resolves the settings; reports the problems of both together.
fn select(
    project: &ProjectContext,
    config: &Config,
    extra_config: &ExtraConfig,
    overrides: CliOverrides,
    cargo: CargoArgs,
    selection: Selection,
) -> Result<(Selected, Settings), Vec<Problem>> {
    let selected = project.workspace.select(&selection, config);
    let settings = settings::resolve(
        overrides,
        cargo,
        selection,
        config,
        &project.workspace,
        &project.rustc,
        &project.triples,
        &extra_config.opaque,
    );
    match (selected, settings) {
        (Ok(selected), Ok(settings)) => Ok((selected, settings)),
        (selected, settings) => {
            let problems = selected.err().into_iter().chain(settings.err());
            Err(problems.flatten().collect())
        }
    }
}

/// Parses xpkg's configuration of a workspace.
pub fn xpkg_config(project: &ProjectContext) -> Result<Config, Vec<Problem>> {
    Config::parse(&project.sources)
}

/// Targets to import cross's configuration for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CrossTargets {
    /// The targets of the run.
    Requested,
    /// The targets of the run, and all that cross's configuration names.
    All,
}

/// Returns the configuration, completed with the project's configuration of cross for the keys that
/// xpkg's own does not set. `named` are the targets of the command line or of XPKG_TARGETS.
///
/// Reports what is imported, and what cannot be.
///
/// # Errors
/// cross's configuration cannot be read.
pub fn with_cross_toml(
    host: &Host,
    project: &ProjectContext,
    mut config: Config,
    named: &[String],
    targets: CrossTargets,
) -> Result<Config, Failure> {
    let sources = look::cross_toml::sources(host, project)?;
    let migration = cross_toml::read(&sources)?;
    if named.is_empty() && config.targets.is_empty() {
        config.targets.extend(migration.default_target.clone());
    }
    let requested = if named.is_empty() {
        &config.targets
    } else {
        named
    };
    // Without the glibc floor: `x86_64-unknown-linux-gnu.2.17`.
    let triple = |name: &String| Target::split(name).0.to_owned();
    let mut triples: BTreeSet<String> = requested.iter().map(triple).collect();
    if targets == CrossTargets::All {
        triples.extend(migration.targets());
    }
    with_dockerfile_images(host, project, &mut config, |triple| {
        triples.contains(triple) || targets == CrossTargets::All && named.is_empty()
    })?;
    let mut unmapped: BTreeSet<String> =
        migration.unmapped.iter().map(ToString::to_string).collect();
    for triple in triples
        .iter()
        .filter(|triple| project.triples.contains(triple))
    {
        let existing = config.target.get(triple).cloned().unwrap_or_default();
        let mut merged = migration.target(triple).under(&existing);
        unmapped.extend(merged.unmapped.iter().map(ToString::to_string));
        if merged.config.image.is_none() && existing.dockerfile.is_none() {
            let cause = dockerfile_image(host, project, &mut merged.config)?;
            let cause = cause.map(|base| {
                format!("used in an image alone; the Dockerfile starts from `{base}`, cross's own")
            });
            let reports = cause.map(|cause| without_image(&merged.imported, triple, &cause));
            unmapped.extend(reports.iter().flatten().map(ToString::to_string));
        }
        if merged.config.image.is_none() {
            // All other keys of cross configure its image.
            merged.config = existing.clone();
        } else if existing.image.is_none() {
            // xpkg's linker for all targets takes precedence over cross's image for one.
            merged.config.linker = merged.config.linker.or(config.linker);
        }
        if merged.config != existing {
            let imported: Vec<String> = merged.imported.iter().map(ToString::to_string).collect();
            host.shell.status(
                "Importing",
                &format!("{} for {triple}", imported.join(", ")),
            );
            config.target.insert(triple.clone(), merged.config);
        }
    }
    for key in &unmapped {
        host.shell.status("Skipping", key);
    }
    Ok(config)
}

/// Sets the image of a target that has a `dockerfile` and no `image`: the one that the Dockerfile
/// builds upon. Returns the text of its `FROM` if that is the image which the configuration should
/// name.
///
/// # Errors
/// The Dockerfile cannot be read, or names no image.
fn dockerfile_image(
    host: &Host,
    project: &ProjectContext,
    target: &mut TargetConfig,
) -> Result<Option<String>> {
    let root = &project.workspace.root;
    let Some(dockerfile) = &target.dockerfile else {
        return Ok(None);
    };
    match dockerfile_base(host, root, dockerfile)? {
        DockerfileBase::Named(image) => {
            target.image = Some(image);
            Ok(None)
        }
        DockerfileBase::Given(text) => Ok(Some(text)),
        DockerfileBase::Other(text) => {
            let file = dockerfile.table().file;
            let from = if text.is_empty() {
                "has no `FROM`".to_owned()
            } else {
                format!("starts from `{text}`")
            };
            let problem = Problem::new(
                CONFIG_INVALID,
                format!("`{file}` {from}, and the target's table names no image"),
            );
            Err(problem.help(
                "start it with the name of an image, or name one: `image = \"registry/name:tag\"`",
            ))
        }
    }
}

/// Sets the images of the requested targets of xpkg's own configuration that have a `dockerfile`
/// and no `image`.
fn with_dockerfile_images(
    host: &Host,
    project: &ProjectContext,
    config: &mut Config,
    is_requested: impl Fn(&str) -> bool,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for (triple, target) in &mut config.target {
        if target.image.is_none() && is_requested(triple) {
            // A base that the target should name stays for the settings to reject.
            problems.extend(dockerfile_image(host, project, target).err());
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Returns true if all problems are that no workspace contains the current directory.
pub fn is_no_workspace(problems: &[Problem]) -> bool {
    let is_not_found = |problem: &Problem| {
        problem.notes.iter().any(|note| {
            note.lines
                .iter()
                .any(|line| line.contains("could not find `Cargo.toml`"))
        })
    };
    problems
        .iter()
        .all(|problem| problem.code == WORKSPACE_UNREADABLE && is_not_found(problem))
}
