//! Looks at project and machine; the plan is made from what was found.

use camino::Utf8PathBuf;

use crate::build::compiler_cache;
use crate::build::compiler_cache::inside;
use crate::build::compiler_cache::look::Sccache;
use crate::build::look::options::RunOptions;
use crate::build::look::request::RunRequest;
use crate::build::plan::Plan;
use crate::build::record::Places;
use crate::build::wasm_bindgen;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::project::compiler_cache::CompilerCache;
use crate::project::look::cargo_config::{self, cargo_home};
use crate::project::look::graph::Scope;
use crate::project::reproducible::Reproducible;
use crate::project::request::TargetRequest;
use crate::project::settings::Settings;
use crate::toolchain::facts::Facts;
use crate::toolchain::image::look::store::{ImageStore, PullPolicy};
use crate::toolchain::look::survey::Survey;

/// A resolved run and the facts of the machine: all that a [`Plan`] is made from.
pub struct Session {
    /// Resolved run.
    pub request: RunRequest,
    /// Facts about compilers, linkers, images and variables.
    pub facts: Facts,
    /// sccache, if the build uses it.
    pub sccache: Option<Sccache>,
    pull_policy: PullPolicy,
}

impl Session {
    /// Returns what records do not have of this machine.
    pub fn places(&self, host: &Host) -> Places {
        let home = cargo_home(host).and_then(|home| Utf8PathBuf::from_path_buf(home).ok());
        let requests = self.request.settings.requests.iter();
        let reproducible = requests.filter_map(|request| request.overrides.reproducible.as_ref());
        let left_out = reproducible.flat_map(Reproducible::flags).collect();
        let workspace = &self.request.project.workspace;
        Places::new(workspace, &self.facts, home, host.var("HOME"), left_out)
    }

    /// Resolves the run and looks at the machine. Without network access nothing is pulled,
    /// whatever the policy.
    pub fn look(
        host: &Host,
        options: RunOptions,
        pull_policy: PullPolicy,
    ) -> Result<Self, Failure> {
        let request = RunRequest::resolve(host, options)?;
        let cargo = &request.cargo_options;
        let pull_policy = if cargo.offline || cargo.frozen {
            PullPolicy::Never
        } else {
            pull_policy
        };
        let sccache = match request.settings.compiler_cache {
            Some(CompilerCache::Sccache) => {
                let wrapper = request.cargo_config.build.rustc_wrapper.as_ref();
                let wrapper = wrapper.map(|program| program.to_string_lossy());
                Some(compiler_cache::look::find(host, wrapper.as_deref())?)
            }
            Some(CompilerCache::None) | None => None,
        };
        let facts = facts(host, &request, pull_policy, sccache.as_ref())?;
        Ok(Self {
            request,
            facts,
            sccache,
            pull_policy,
        })
    }

    /// Looks at the machine again, after a standard library was installed.
    pub fn look_again(&mut self, host: &Host) -> Result<(), Failure> {
        let sccache = self.sccache.as_ref();
        self.facts = facts(host, &self.request, self.pull_policy, sccache)?;
        Ok(())
    }

    /// Makes the plan, or returns all problems.
    pub fn plan(&self) -> Result<Plan, Vec<Problem>> {
        self.plan_with(&self.request.settings)
    }

    /// Makes the plan of one of the targets.
    pub fn plan_for(&self, request: &TargetRequest) -> Result<Plan, Vec<Problem>> {
        self.plan_with(&Settings {
            requests: vec![request.clone()],
            ..self.request.settings.clone()
        })
    }

    fn plan_with(&self, settings: &Settings) -> Result<Plan, Vec<Problem>> {
        let RunRequest {
            project, selected, ..
        } = &self.request;
        Plan::new(&project.workspace, selected, settings, &self.facts)
    }

    /// Returns the variables of cargo's `[env]`, as build scripts see them.
    pub fn configured_variables(&self, host: &Host) -> Vec<(String, String)> {
        cargo_config::configured_variables(host, &self.request.cargo_config)
    }
}

/// Looks at the machine for a run.
fn facts(
    host: &Host,
    request: &RunRequest,
    pull_policy: PullPolicy,
    sccache: Option<&Sccache>,
) -> Result<Facts, Failure> {
    let RunRequest {
        project,
        settings,
        selected,
        cargo_options,
        cargo_config,
        extra_config,
    } = request;
    let roots: Vec<String> = selected
        .bins
        .iter()
        .map(|bin| bin.package_id.clone())
        .collect();
    let scope = Scope {
        requests: &settings.requests,
        selection: &settings.selection,
        packages: &selected.packages,
        roots: &roots,
        auditable: settings.auditable,
        profile: &settings.cargo.profile,
        profiles: &extra_config.profiles,
        configuration: &extra_config.digest,
        cargo_files: &extra_config.files,
        // cargo ignores the table of unstable keys on a stable toolchain.
        builds_std: extra_config.builds_std
            && project.rustc.is_nightly(host.var("RUSTC_BOOTSTRAP")),
        replaced_scripts: &extra_config.replaced_scripts,
    };
    let images = ImageStore::new(host, project, pull_policy);
    let survey = Survey {
        host,
        project,
        options: cargo_options,
        config: cargo_config,
        scope: &scope,
        images: &images,
    };
    let mut facts = survey.take()?;
    let root = &project.workspace.root;
    facts.wasm_bindgen = wasm_bindgen::look::find(host, root, &selected.bins);
    if let Some(sccache) = sccache {
        for target in &mut facts.targets {
            let triple = &target.triple;
            target.image = target.image.take().map(|image| {
                let image = image?;
                match &sccache.inside {
                    Ok(inside) => inside.shown_in(image),
                    Err(unusable) => {
                        let inside::Unusable { why, help } = unusable;
                        Err(inside::unfit(triple, &image.reference, why, help))
                    }
                }
            });
        }
    }
    Ok(facts)
}
