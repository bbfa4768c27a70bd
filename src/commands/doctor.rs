//! `doctor`: machine and project held against each other. Works outside a workspace, too.

use crate::cli::{DoctorArgs, MessageFormat};
use crate::doctor::{self, Diagnosis, RustcHealth};
use crate::facts::{Facts, Rustc};
use crate::host::Host;
use crate::look::{self, images::PullPolicy, machine};
use crate::needs::Installer;
use crate::plan::Plan;
use crate::problem::{Failure, Problem, Result};
use crate::ui::{self, Shell};

use super::Gathered;

pub fn run(host: &Host, shell: Shell, args: DoctorArgs) -> Result<(), Failure> {
    let DoctorArgs { run, fix } = args;
    let format = run.output.message_format;
    // Who names a workspace or targets does not mean the machine alone.
    let named = run.manifest.manifest_path.is_some() || !run.target.is_empty();
    let gathered = match super::gather(host, shell, run.options(), PullPolicy::Leave) {
        Ok(mut gathered) => {
            if fix {
                install_std(host, shell, &mut gathered)?;
            }
            Ok(gathered)
        }
        // No workspace here: the machine alone.
        Err(Failure::Problems(problems)) if !named && super::outside(&problems) => Err(Vec::new()),
        Err(Failure::Problems(problems)) => Err(problems),
        Err(failure) => return Err(failure),
    };
    let diagnosis = diagnose(host, gathered)?;
    ui::data(&match format {
        MessageFormat::Human => ui::diagnosis(&diagnosis),
        MessageFormat::Json => ui::json(&diagnosis),
    })?;
    if diagnosis.healthy() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

fn diagnose(host: &Host, gathered: Result<Gathered, Vec<Problem>>) -> Result<Diagnosis, Failure> {
    let rustc: Rustc = match &gathered {
        Ok(gathered) => gathered.found.rustc.clone(),
        Err(_) => look::rustc(host, host.var("RUSTC").unwrap_or("rustc"), host.cwd())?.0,
    };
    let root = gathered
        .as_ref()
        .map(|gathered| gathered.found.workspace.root.clone())
        .ok();
    let compilers = machine::compilers(host, &rustc.host);
    let tools = gathered
        .as_ref()
        .map(|gathered| {
            machine::tools(
                host,
                &gathered.facts.wants,
                &gathered.configured_variables(host),
            )
        })
        .unwrap_or_default();
    let installer = Installer::of(machine::os_release(host).as_deref());
    let requests = gathered
        .as_ref()
        .map(|gathered| gathered.settings.requests.as_slice())
        .unwrap_or_default();
    let plans: Vec<_> = gathered
        .iter()
        .flat_map(|gathered| {
            requests
                .iter()
                .map(|request| (request, gathered.plan_for(request)))
        })
        .collect();
    // Where all is built in images, this machine's own tools do not matter.
    let inside = |plan: &Plan| {
        plan.targets
            .iter()
            .all(|target| target.toolchain.candidate.image.is_some())
    };
    let here = plans.is_empty()
        || plans
            .iter()
            .any(|(_, plan)| plan.as_ref().map_or(true, |plan| !inside(plan)));
    let mut problems = doctor::obstacles(
        &rustc,
        &compilers,
        machine::cpu(host).as_deref(),
        &tools,
        installer,
        here,
    );
    let mut targets = Vec::new();
    match &gathered {
        Ok(_) => {
            for (request, plan) in &plans {
                targets.push(doctor::target(
                    &request.target,
                    plan.as_ref().map_err(Vec::as_slice),
                    &problems,
                ));
            }
        }
        Err(found) => problems.extend(found.iter().cloned()),
    }
    let pinned_by = machine::pin(host, root.as_deref().unwrap_or(host.cwd()));
    let zig = match &gathered {
        Ok(Gathered {
            facts: Facts { zig: Some(zig), .. },
            ..
        }) => Some(zig.clone()),
        _ => look::zig::find(host).ok().flatten(),
    };
    let images = gathered
        .iter()
        .flat_map(|gathered| gathered.facts.targets.values())
        .filter_map(|here| here.image.as_ref()?.as_ref().ok());
    let engine = images.map(|image| image.engine.clone()).next();
    Ok(Diagnosis {
        rustc: RustcHealth::new(&rustc, pinned_by),
        compilers,
        zig,
        engine,
        workspace: root,
        tools,
        targets,
        problems,
    })
}

/// The safe fix: standard libraries that rustup can bring.
fn install_std(host: &Host, shell: Shell, gathered: &mut Gathered) -> Result<(), Failure> {
    let plans = gathered
        .settings
        .requests
        .iter()
        .filter_map(|request| gathered.plan_for(request).ok());
    let installs: Vec<_> = plans
        .flat_map(|plan| plan.targets)
        .filter_map(|target| Some((target.target, target.install?)))
        .collect();
    for (target, install) in &installs {
        super::install_std(host, shell, target, install)?;
    }
    if installs.is_empty() {
        Ok(())
    } else {
        gathered.renew(host, shell)
    }
}
