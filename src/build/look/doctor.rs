//! Everything that `doctor` asks of machine and project.

use std::collections::BTreeMap;
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::doctor::{self, CompilerHealth, Diagnosis, RustcHealth};
use crate::build::look::session::Gathered;
use crate::build::plan::Plan;
use crate::build::run;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::project::build_tools::Installer;
use crate::project::look::rustc;
use crate::project::rustc::Rustc;
use crate::target::Target;
use crate::toolchain::facts::Facts;
use crate::toolchain::look::programs::{program, runner};
use crate::toolchain::look::{levels, tools};
use crate::toolchain::probe::run::ProbeTarget;
use crate::toolchain::program::Program;
use crate::toolchain::{gcc, probe, zig};

pub fn diagnose(
    host: &Host,
    gathered: Result<Gathered, Vec<Problem>>,
) -> Result<Diagnosis, Failure> {
    let rustc: Rustc = match &gathered {
        Ok(gathered) => gathered.found.rustc.clone(),
        Err(_) => rustc::rustc(host, host.var("RUSTC").unwrap_or("rustc"), host.cwd())?.0,
    };
    let root = gathered
        .as_ref()
        .map(|gathered| gathered.found.workspace.root.clone())
        .ok();
    let compilers = compilers(host, &rustc.host);
    let tools = gathered
        .as_ref()
        .map(|gathered| {
            tools::tools(
                host,
                &gathered.facts.wants,
                &gathered.configured_variables(host),
            )
        })
        .unwrap_or_default();
    let installer = Installer::from_os_release(tools::os_release(host).as_deref());
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
        tools::cpu(host).as_deref(),
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
    let pinned_by = pin(host, root.as_deref().unwrap_or(host.cwd()));
    let zig = match &gathered {
        Ok(Gathered {
            facts: Facts { zig: Some(zig), .. },
            ..
        }) => Some(zig.clone()),
        _ => zig::look::find(host).ok().flatten(),
    };
    let images = gathered
        .iter()
        .flat_map(|gathered| &gathered.facts.targets)
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
pub fn install_std(host: &Host, gathered: &mut Gathered) -> Result<(), Failure> {
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
        run::rustup_target_add(host, target, install)?;
    }
    if installs.is_empty() {
        Ok(())
    } else {
        gathered.renew(host)
    }
}

/// Every C compiler on PATH, once, with what the probes say of it at a release's level.
pub fn compilers(host: &Host, host_triple: &str) -> Vec<CompilerHealth> {
    let root = host.cwd();
    let names = host
        .on_path()
        .into_iter()
        .filter(|name| gcc::is_compiler_name(name));
    // As a shell would find them: a directory or a file that cannot be started does not hide what
    // comes later.
    let there: Vec<(String, Utf8PathBuf)> = names
        .filter_map(|name| host.find(&name).map(|path| (name, path)))
        .collect();
    thread::scope(|threads| {
        let asked: Vec<_> = there
            .into_iter()
            .map(|(name, path)| threads.spawn(move || program(host, root, path, name).1))
            .collect();
        // One compiler may have many names; one wrapper may stand for many compilers, and then says
        // different things.
        let mut same: BTreeMap<[Option<String>; 3], Vec<Program>> = BTreeMap::new();
        for compiler in asked.into_iter().map(levels::joined) {
            let identity = compiler.path.as_ref().and_then(|path| host.identity(path));
            same.entry([identity, compiler.version.clone(), compiler.machine.clone()])
                .or_default()
                .push(compiler);
        }
        let asked: Vec<_> = same
            .into_values()
            .map(|mut names| {
                threads.spawn(move || {
                    // The plainest name first.
                    names.sort_by_key(|compiler| {
                        (
                            compiler.program != "cc",
                            compiler.program.len(),
                            compiler.program.clone(),
                        )
                    });
                    let compiler = names.remove(0);
                    probed(
                        host,
                        root,
                        host_triple,
                        compiler,
                        names.into_iter().map(|compiler| compiler.program).collect(),
                    )
                })
            })
            .collect();
        let mut found: Vec<CompilerHealth> = asked.into_iter().map(levels::joined).collect();
        found.sort_by(|a, b| a.compiler.program.cmp(&b.compiler.program));
        found
    })
}

fn probed(
    host: &Host,
    root: &Utf8Path,
    host_triple: &str,
    compiler: Program,
    aliases: Vec<String>,
) -> CompilerHealth {
    let machine = compiler.machine.clone().unwrap_or_default();
    // clang says `x86_64-pc-linux-gnu` where a gcc says `x86_64-linux-gnu`.
    let target = Target::of_machine(&machine)
        .or_else(|| Target::of_machine(&machine.replacen("-pc-", "-", 1)));
    let report = target.map(|target| {
        let asked = ProbeTarget {
            root,
            sysroot: None,
            target: target.triple(),
            host: host_triple,
            variables: vec![(format!("CC_{}", target.lower()), compiler.program.clone())],
            levels: vec!["3".to_owned()],
            rustflags: &[],
            version: compiler.version.clone(),
            path: compiler.path.as_deref(),
            runner: runner(host, &target, host_triple),
            apart: None,
        };
        probe::run::report(host, &asked)
    });
    CompilerHealth {
        compiler,
        aliases,
        report,
    }
}

/// The file that pins the toolchain of a directory.
pub fn pin(host: &Host, root: &Utf8Path) -> Option<Utf8PathBuf> {
    root.ancestors()
        .flat_map(|directory| {
            ["rust-toolchain.toml", "rust-toolchain"].map(|name| directory.join(name))
        })
        .find(|path| host.is_file(path))
}
