//! Trees that a release is made of: verified, read, and decided upon.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::look::request::xpkg_config;
use crate::build::look::source::source;
use crate::host::lock::lock_path;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::project::asked::Asked;
use crate::project::config::Config;
use crate::project::look::context::{CargoOptions, ProjectContext};
use crate::project::workspace::{Member, Workspace};
use crate::ship::registry::run::{Registry, pack};
use crate::ship::release::decide::{self, Input};
use crate::ship::release::look;
use crate::ship::release::model::{Build, Included, RELEASE_DIRTY, RELEASE_INVALID, Release};
use crate::ship::release::sbom::{self, Facts, Sbom};
use crate::ship::trees::look::{Bins, Demand, Origin, no_manifest, verified};
use crate::target::system::Format;
use crate::tree;
use crate::tree::manifest::Manifest;
use crate::verify::judge::Taken;
use crate::verify::rules;
use crate::verify::rules::policy::Policy;

/// What the flags and this run say about a release.
pub struct Chosen {
    /// Targets to release; empty for all.
    pub targets: Vec<String>,
    /// Bins to release; `None` for all.
    pub bins: Option<Bins>,
    /// Tag that the release must agree with.
    pub tag: Option<String>,
    /// True if trees with uncommitted changes may be released.
    pub allow_dirty: bool,
    /// Who asks for the lists of packages in programs.
    pub auditable: Asked,
}

/// Returns what the trees of a release must pass: the configured policy, in what is released.
///
/// # Errors
/// The policy is not valid.
pub fn demand(project: Option<&ProjectContext>, chosen: &Chosen) -> Result<Demand, Failure> {
    let config = project.map(xpkg_config).transpose()?.unwrap_or_default();
    Ok(Demand {
        policy: rules::chosen::policy(None, config.policy)?,
        consequence: "it is not released",
        taken: Some(Taken {
            targets: chosen.targets.clone(),
            bins: chosen.bins.clone(),
        }),
    })
}

/// What a release is made of.
pub struct Trees {
    /// Workspace, if there is one.
    pub project: Option<ProjectContext>,
    /// Staged trees.
    pub trees: Vec<Utf8PathBuf>,
    /// Whether they were built here.
    pub origin: Origin,
}

impl Trees {
    /// Returns the root of the workspace, or the current directory.
    pub fn root(&self, host: &Host) -> Utf8PathBuf {
        let project = self.project.as_ref();
        project.map_or_else(
            || host.cwd().to_owned(),
            |project| project.workspace.root.clone(),
        )
    }

    /// Verifies the trees and decides their release. Returns it with the trees' manifests and the
    /// policy that they passed.
    pub fn decide(
        &self,
        host: &Host,
        chosen: &Chosen,
    ) -> Result<(Release, Vec<Manifest>, Policy), Failure> {
        let Self {
            project,
            trees,
            origin,
        } = self;
        let config = project.as_ref().map(xpkg_config).transpose()?;
        let config = config.unwrap_or_default();
        let demand = demand(project.as_ref(), chosen)?;
        let problem = |tree: &Utf8PathBuf| verified(host, tree, *origin, &demand).err();
        let problems: Vec<Problem> = trees.iter().filter_map(problem).collect();
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let mut manifests = Vec::new();
        for tree in trees {
            let manifest = tree::look::read(host, tree)?.map(|(manifest, _)| manifest);
            manifests.push(manifest.ok_or_else(|| no_manifest(tree))?);
        }
        let workspace = project.as_ref().map(|project| &project.workspace);
        let release = decide(host, &manifests, workspace, &config, chosen)?;
        look::check_tag_commit(host, &self.root(host), &release)?;
        Ok((release, manifests, demand.policy))
    }

    /// Returns the SBOMs of all builds whose bins have the lists of their packages, and reports the
    /// other builds.
    pub fn sboms(
        &self,
        host: &Host,
        release: &Release,
        manifests: &[Manifest],
        cargo: &CargoOptions,
        epoch: u64,
    ) -> Result<Vec<Sbom>, Failure> {
        let (listed, others): (Vec<&Build>, Vec<&Build>) =
            release.builds.iter().partition(|build| build.is_listed);
        for line in without_sbom(&others) {
            host.shell.status("Noting", &line);
        }
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let facts = match &self.project {
            Some(project) => {
                let triples = listed.iter().map(|build| build.target.triple().to_owned());
                let triples = triples.chain([project.rustc.host.clone()]).collect();
                let features = features(&project.workspace, manifests);
                look::package_facts(host, &project.workspace, cargo, &triples, &features)?
            }
            None => {
                let line = "SBOMs without licenses and checksums of packages: there is no \
                            workspace here";
                host.shell.status("Noting", line);
                Facts::new()
            }
        };
        let one = |build: &&Build| {
            let packages = release.packages.iter();
            let package = packages
                .into_iter()
                .find(|package| package.name == build.package)
                .expect("a release has the package of each build");
            let lists = look::lists(host, &self.trees, build)?;
            sbom::sbom(build, package, &lists, &facts, epoch)
        };
        let sboms: Result<Vec<Sbom>> = listed.iter().map(one).collect();
        Ok(sboms?)
    }
}

/// Returns the features that the bins of trees were built with and that the workspace knows, as
/// `package/feature`.
fn features(workspace: &Workspace, manifests: &[Manifest]) -> BTreeSet<String> {
    let artifacts = manifests.iter().flat_map(|manifest| &manifest.artifacts);
    artifacts
        .flat_map(|artifact| {
            let member = workspace
                .members
                .iter()
                .find(|member| member.name == artifact.package);
            let is_known = move |feature: &&String| {
                member.is_some_and(|member| member.features.contains_key(*feature))
            };
            let features = artifact.features.iter().filter(is_known);
            features.map(|feature| format!("{}/{feature}", artifact.package))
        })
        .collect()
}

impl Trees {
    /// Packs the registry, if one is configured. Its packages are of the workspace as it is here,
    /// which must be the commit of the trees.
    pub fn registry(
        &self,
        host: &Host,
        cargo: &CargoOptions,
        release: &Release,
        allow_dirty: bool,
    ) -> Result<Option<Registry>, Failure> {
        let Some(project) = &self.project else {
            return Ok(None);
        };
        let Some(config) = xpkg_config(project)?.release.registry else {
            return Ok(None);
        };
        let workspace = &project.workspace;
        let here = here(host, workspace, &self.trees);
        if here.commit != release.commit {
            let commit =
                |commit: &Option<String>| commit.clone().unwrap_or_else(|| "no commit".to_owned());
            let message = "the packages of the registry would be of another commit than the trees";
            return Err(Problem::new(RELEASE_INVALID, message)
                .note("workspace", [commit(&here.commit)])
                .note("trees", [commit(&release.commit)])
                .help("check out the commit of the trees, or build here")
                .into());
        }
        if here.dirty == Some(true) && !allow_dirty {
            let message = "the packages of the registry would have uncommitted changes";
            return Err(Problem::new(RELEASE_DIRTY, message)
                .help("commit them, or release them as they are: `--allow-dirty`")
                .into());
        }
        let packages = release.packages.iter().map(|package| package.name.as_str());
        let packed = pack(host, cargo, workspace, &packages.collect(), &config)?;
        Ok(Some(packed))
    }
}

/// Decides the release of the trees.
pub fn decide(
    host: &Host,
    manifests: &[Manifest],
    workspace: Option<&Workspace>,
    config: &Config,
    chosen: &Chosen,
) -> Result<Release, Vec<Problem>> {
    let included: BTreeMap<String, Included> = match workspace {
        Some(workspace) => look::included(host, workspace, config)?,
        None => BTreeMap::new(),
    };
    let members: &[Member] = workspace.map_or(&[], |workspace| &workspace.members);
    let Chosen {
        targets,
        bins,
        tag,
        allow_dirty,
        auditable,
    } = chosen;
    decide::decide(
        manifests,
        &Input {
            config,
            members,
            included: &included,
            targets,
            bins: bins.as_ref(),
            tag: tag.as_deref(),
            allow_dirty: *allow_dirty,
            auditable: auditable.resolve(config.auditable),
        },
    )
}

/// Describes the builds without an SBOM, a line for each reason.
fn without_sbom(builds: &[&Build]) -> Vec<String> {
    let is_elf = |build: &&&Build| build.target.system.format == Format::Elf;
    let (elf, others): (Vec<&Build>, Vec<&Build>) = builds.iter().partition(is_elf);
    let reasons = [
        (others, "only ELF programs get the list of their packages"),
        (
            elf,
            "not all of its programs have the list of their packages; `cargo xpkg build --auditable` \
             adds it",
        ),
    ];
    let line = |(builds, why): (Vec<&Build>, &str)| {
        let packages: BTreeSet<&str> = builds.iter().map(|build| build.package.as_str()).collect();
        let triples: BTreeSet<&str> = builds.iter().map(|build| build.target.triple()).collect();
        let joined = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
        format!(
            "no SBOM of {} for {}: {why}",
            joined(packages),
            joined(triples)
        )
    };
    let of_some = reasons.into_iter().filter(|(builds, _)| !builds.is_empty());
    of_some.map(line).collect()
}

/// Returns the commit of the workspace, and whether it has changes, apart from these trees.
pub fn here(host: &Host, workspace: &Workspace, trees: &[Utf8PathBuf]) -> tree::source::Source {
    let locks: Vec<Utf8PathBuf> = trees.iter().map(|tree| lock_path(tree)).collect();
    let generated = trees.iter().chain(&locks).chain([&workspace.target_dir]);
    let generated: Vec<&Utf8Path> = generated.map(Utf8PathBuf::as_path).collect();
    source(host, workspace, &generated)
}
