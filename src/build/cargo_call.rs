//! Makes the command lines of cargo.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::build::compiler_cache::inside::around_cargo;
use crate::invocation::Invocation;
use crate::project::compiler_cache::{self, CompilerCache};
use crate::project::request::TargetRequest;
use crate::project::selection::Selected;
use crate::project::settings::{CargoArgs, Settings};
use crate::project::workspace::Workspace;
use crate::target::Target;
use crate::toolchain::candidate::{SetBy, ToolchainChoice, Variable};
use crate::toolchain::image::chosen::ResolvedImage;
use crate::toolchain::image::container::Container;
use crate::tree::staged::Output;

/// One call of cargo, with the bins to take before the next call.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Command line.
    pub invocation: Invocation,
    /// Bins that it builds.
    pub outputs: Vec<Output>,
    /// Container that it runs in; `None` for this machine.
    #[serde(skip)]
    pub container: Option<Container>,
    /// Place of the files that it builds.
    #[serde(skip)]
    pub artifacts: ArtifactDir,
}

/// Directory of one target and profile in cargo's target directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactDir {
    /// cargo's target directory.
    pub target_dir: Utf8PathBuf,
    /// Path of the directory in it: `x86_64-unknown-linux-musl/release`.
    pub below: Utf8PathBuf,
}

impl ArtifactDir {
    /// Returns the directory of a target and a profile.
    fn new(target_dir: &Utf8Path, target: &Target, profile: &str) -> Self {
        // cargo's layout: two of its own profiles share the directory of another.
        let directory = match profile {
            "dev" | "test" => "debug",
            "bench" => "release",
            other => other,
        };
        Self {
            target_dir: target_dir.to_owned(),
            below: Utf8Path::new(target.triple()).join(directory),
        }
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> Utf8PathBuf {
        self.target_dir.join(&self.below)
    }

    /// Returns the path of the directory of build scripts and proc macros.
    pub fn of_host(&self) -> Utf8PathBuf {
        self.target_dir
            .join(self.below.file_name().unwrap_or_default())
    }

    /// Returns the absolute path of a bin's file.
    pub fn path_of(&self, output: &Output) -> Utf8PathBuf {
        self.target_dir.join(self.file(output))
    }

    /// Returns the path of a bin's file in the target directory.
    pub fn file(&self, output: &Output) -> Utf8PathBuf {
        let Output { target, bin, .. } = output;
        self.below.join(bin.kind.file_name(target, &bin.bin))
    }
}

/// Returns the calls of one target: one for all bins with unique names, then one for each bin that
/// shares its name with a bin of another package, since cargo would write both to one file
/// (rust-lang/cargo#6313), and one for each shared library.
pub fn calls(
    workspace: &Workspace,
    selected: &Selected,
    settings: &Settings,
    request: &TargetRequest,
    toolchain: &ToolchainChoice,
    outputs: &[Output],
) -> Vec<Call> {
    let features: Vec<String> = settings
        .selection
        .features
        .iter()
        .chain(&request.overrides.features)
        .cloned()
        .collect();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let packages: BTreeSet<&String> = selected.packages.iter().collect();
    for bin in workspace
        .members
        .iter()
        .filter(|member| packages.contains(&member.name))
        .flat_map(|member| &member.bins)
    {
        *names.entry(&bin.name).or_default() += 1;
    }
    let (bins, libraries): (Vec<&Output>, Vec<&Output>) =
        outputs.iter().partition(|output| output.bin.kind.is_bin());
    let (unique, shared): (Vec<&Output>, Vec<&Output>) = bins
        .into_iter()
        .partition(|output| names[output.bin.bin.as_str()] == 1);
    let base =
        |features: &[String]| cargo_build(&workspace.root, settings, features, request, toolchain);
    let container = toolchain
        .candidate
        .image
        .as_ref()
        .map(|image| container(&workspace.root, image));
    let image = toolchain.candidate.image.as_ref();
    let artifacts = ArtifactDir::new(
        image
            .map(|image| &image.target_dir)
            .or(settings.cargo.target_dir.as_ref())
            .unwrap_or(&workspace.target_dir),
        &request.target,
        &settings.cargo.profile,
    );
    let mut calls = Vec::new();
    if !unique.is_empty() {
        let invocation = base(&features).options("--package", &selected.packages);
        let all = shared.is_empty() && settings.selection.bins.is_empty();
        let invocation = if all {
            invocation.arg("--bins")
        } else {
            invocation.options("--bin", unique.iter().map(|output| &output.bin.bin))
        };
        calls.push(Call {
            invocation,
            outputs: unique.into_iter().cloned().collect(),
            container: container.clone(),
            artifacts: artifacts.clone(),
        });
    }
    calls.extend(shared.into_iter().map(|output| {
        Call {
            // cargo rejects features of packages that are not in the call.
            invocation: base(&workspace.features_of(&output.bin.package, &features))
                .options("--package", [&output.bin.package])
                .options("--bin", [&output.bin.bin]),
            outputs: vec![output.clone()],
            container: container.clone(),
            artifacts: artifacts.clone(),
        }
    }));
    // By itself: `--lib` beside `--bins` would build the library of every package.
    calls.extend(libraries.into_iter().map(|output| {
        Call {
            invocation: base(&workspace.features_of(&output.bin.package, &features))
                .options("--package", [&output.bin.package])
                .arg("--lib"),
            outputs: vec![output.clone()],
            container: container.clone(),
            artifacts: artifacts.clone(),
        }
    }));
    calls
}

/// Returns the container of a target's calls, which run in the workspace's root.
fn container(root: &Utf8Path, image: &ResolvedImage) -> Container {
    Container {
        cwd: root.to_owned(),
        ..image.container.clone()
    }
}

/// Returns the call that fetches the packages of targets, and of the host for build scripts. It
/// runs outside the container, where the user has access to private registries and repositories.
pub fn fetch<'a>(
    workspace: &Workspace,
    settings: &Settings,
    host: &str,
    targets: impl IntoIterator<Item = &'a Target>,
) -> Invocation {
    let Settings { cargo, .. } = settings;
    let targets = targets.into_iter().map(|target| target.triple().to_owned());
    let triples: BTreeSet<String> = targets.chain([host.to_owned()]).collect();
    let fetch = Invocation::new(&cargo.program, &workspace.root)
        .arg("fetch")
        .options("--target", &triples)
        .flag("--locked", cargo.locked)
        .flag("--offline", cargo.offline)
        .flag("--frozen", cargo.frozen)
        .options("--config", &cargo.config)
        .options("--color", cargo.color.iter());
    cargo
        .rustup_toolchain
        .iter()
        .fold(fetch, |fetch, name| fetch.env("RUSTUP_TOOLCHAIN", name))
}

/// Returns `cargo build` for one target, without the selection of packages. It runs in the
/// workspace's root, so that `rust-toolchain.toml` and `.cargo/config.toml` there apply.
fn cargo_build(
    root: &Utf8Path,
    settings: &Settings,
    features: &[String],
    request: &TargetRequest,
    toolchain: &ToolchainChoice,
) -> Invocation {
    let Settings {
        cargo,
        selection,
        requests: _,
        universal: _,
        out_dir: _,
        layout: _,
        accept: _,
        auditable: _,
        reproducible: _,
        compiler_cache,
    } = settings;
    let CargoArgs {
        program,
        rustup_toolchain,
        profile,
        jobs,
        locked,
        offline,
        frozen,
        target_dir,
        config,
        quiet,
        verbose,
        color,
    } = cargo;
    let image = toolchain.candidate.image.as_ref();
    let target_dir = image.map(|image| &image.target_dir).or(target_dir.as_ref());
    let is_cached = *compiler_cache == Some(CompilerCache::Sccache);
    let start = match image {
        Some(image) if is_cached => container(root, image).run("/bin/sh", around_cargo()),
        Some(image) => container(root, image).run("cargo", []),
        None => Invocation::new(program, root),
    };
    let mut invocation = start
        .args(["build", "--message-format", "json-render-diagnostics"])
        .options("--target", [&request.target.triple().to_owned()])
        .options("--profile", [profile])
        .options("--target-dir", target_dir.map(|dir| dir.to_string()).iter())
        .options("--jobs", jobs.iter())
        .options("--features", features)
        .flag("--all-features", selection.all_features)
        .flag("--no-default-features", selection.no_default_features)
        .flag("--locked", *locked)
        .flag("--offline", *offline || image.is_some())
        .flag("--frozen", *frozen);
    let is_linker = |variable: &&Variable| {
        variable.set_by == SetBy::Xpkg
            && variable.name == format!("CARGO_TARGET_{}_LINKER", request.target.upper())
    };
    // An argument: sccache has all variables of cargo's in the keys of all units, those of build
    // scripts, too, which all targets share.
    let variables = &toolchain.candidate.variables;
    if let (None, Some(linker)) = (image, variables.iter().find(is_linker)) {
        let (triple, linker) = (request.target.triple(), toml_text(&linker.value));
        let key = match triple.contains('.') {
            true => toml_text(triple),
            false => triple.to_owned(),
        };
        invocation = invocation
            .arg("--config")
            .arg(format!("target.{key}.linker={linker}"));
    }
    if is_cached {
        invocation = invocation.args(["--config", compiler_cache::NOT_INCREMENTAL]);
    }
    // The last one takes precedence in cargo: the command line after xpkg's configuration.
    for (key, value) in &request.overrides.profile {
        invocation = invocation
            .arg("--config")
            .arg(format!("profile.{profile}.{key}={value}"));
    }
    invocation = invocation.options("--config", config);
    invocation = invocation
        .options("--color", color.iter())
        .flag("--quiet", *quiet);
    invocation = (0..*verbose).fold(invocation, |invocation, _| invocation.arg("--verbose"));
    if image.is_some() {
        // The container mounts the toolchain itself, and sets its own variables.
        return invocation;
    }
    if let Some(name) = rustup_toolchain {
        invocation = invocation.env("RUSTUP_TOOLCHAIN", name);
    }
    invocation.path_first.clone_from(&toolchain.candidate.path);
    let ours = variables
        .iter()
        .filter(|variable| variable.set_by == SetBy::Xpkg && !is_linker(variable));
    if is_cached {
        let wrappers = compiler_cache::WRAPPERS.iter();
        invocation = wrappers.fold(invocation, |invocation, name| {
            invocation.env(*name, compiler_cache::SCCACHE)
        });
    }
    ours.fold(invocation, |invocation, variable| {
        invocation.env(&variable.name, &variable.value)
    })
}

/// Quotes a text for TOML.
pub fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
