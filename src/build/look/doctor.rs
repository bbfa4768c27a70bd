//! Examines machine and project for `doctor`.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::compiler_cache;
use crate::build::doctor::{
    self, CompilerCheck, CompilerHealth, Diagnosis, HostTools, RustcCheck, RustcHealth,
};
use crate::build::look::request::RunRequest;
use crate::build::look::session::Session;
use crate::build::plan::Plan;
use crate::build::standard_library;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::Config;
use crate::project::installer::Installer;
use crate::project::look::cargo_config::cargo_config_problem;
use crate::project::look::context::ProjectContext;
use crate::project::look::rustc;
use crate::project::reference::Reference;
use crate::project::rustc::Rustc;
use crate::target::Target;
use crate::toolchain::image::lockfile::Lockfile;
use crate::toolchain::image::look::store::PullPolicy;
use crate::toolchain::image::run::{PinSession, rows};
use crate::toolchain::libraries;
use crate::toolchain::look::programs::{program, runner};
use crate::toolchain::look::{levels, tools};
use crate::toolchain::probe::assess;
use crate::toolchain::probe::definition::{Asked, Graph};
use crate::toolchain::probe::look::subject::ProbeTarget;
use crate::toolchain::program::Program;
use crate::toolchain::{gcc, probe, zig};

/// Examines project and machine. `session` is the problems of the project, none outside a
/// workspace, if there is no session: then the machine alone is examined.
pub fn diagnose(host: &Host, session: Result<&Session, &[Problem]>) -> Result<Diagnosis, Failure> {
    let rustc: Rustc = match session {
        Ok(session) => session.request.project.rustc.clone(),
        Err(_) => rustc::rustc(host, host.var("RUSTC").unwrap_or("rustc"), host.cwd())?.0,
    };
    let workspace = session
        .map(|session| session.request.project.workspace.root.clone())
        .ok();
    let compilers = compilers(host, &rustc.host);
    let tools = session
        .map(|session| {
            let variables = session.configured_variables(host);
            tools::tools(host, &session.facts.wants, &variables)
        })
        .unwrap_or_default();
    let plans = session.map(plans).unwrap_or_default();
    let mut problems = doctor::obstacles(
        &rustc,
        &compilers,
        tools::cpu(host).as_deref(),
        &tools,
        Installer::from_os_release(tools::os_release(host).as_deref()),
        &HostTools {
            are_called: uses_host_tools(&plans),
            link: session.map_or(Ok(true), |session| links_on_host(session, &plans))?,
        },
    );
    let targets = plans
        .iter()
        .map(|(target, plan)| {
            let plan = plan.as_ref().map_err(Vec::as_slice);
            let cautions = session.map(|session| {
                let facts = &session.facts;
                libraries::cautions(target, facts, facts.of(target))
            });
            doctor::target(target, plan, &problems, cautions.unwrap_or_default())
        })
        .collect();
    problems.extend(session.err().unwrap_or_default().iter().cloned());
    let pinned_by = pin(host, workspace.as_deref().unwrap_or(host.cwd()));
    let zig = match session {
        Ok(session) if session.facts.zig.is_some() => session.facts.zig.clone(),
        _ => zig::look::find(host).ok().flatten(),
    };
    let mut images = session
        .iter()
        .flat_map(|session| &session.facts.targets)
        .filter_map(|facts| facts.image.as_ref()?.as_ref().ok());
    let engine = images.next().map(|image| image.engine.clone());
    let is_wanted = session.is_ok_and(|session| session.sccache.is_some());
    let sccache = compiler_cache::look::health(host, is_wanted, scripts(host, &plans));
    Ok(Diagnosis {
        rustc: RustcHealth::new(&rustc, pinned_by),
        compilers,
        zig,
        engine,
        sccache,
        workspace,
        tools,
        targets,
        problems,
    })
}

/// Finds every C compiler on PATH and holds it against all probes. Needs no workspace.
///
/// # Errors
/// rustc cannot be started, which knows the host.
pub fn check_compilers(host: &Host) -> Result<CompilerCheck> {
    let rustc = rustc::rustc(host, host.var("RUSTC").unwrap_or("rustc"), host.cwd())?.0;
    let answers = Target::of_triple(&rustc.host)
        .map(|target| assess::of_release(&rustc.release, &target))
        .unwrap_or_default();
    Ok(CompilerCheck {
        compilers: compilers(host, &rustc.host),
        host: rustc.host,
        image: None,
        rustc: Some(RustcCheck {
            release: rustc.release,
            answers,
        }),
    })
}

/// Probes the C compilers of an image, without pinning it: the target's, and that of build scripts.
///
/// # Errors
/// There is no workspace, no engine or no such image.
pub fn check_image(
    host: &Host,
    project: &ProjectContext,
    reference: &str,
    triple: &str,
) -> Result<CompilerCheck, Failure> {
    let mut config = Config::default();
    let row = config.target.entry(triple.to_owned()).or_default();
    row.image = Some(Reference::parse(reference)?.written);
    let rows = rows(&config, project, &[triple.to_owned()])?;
    let lock = Lockfile::default();
    let session = PinSession {
        host,
        found: project,
        lock: &lock,
        pull_policy: PullPolicy::Latest,
    };
    let mut check = CompilerCheck {
        host: project.rustc.host.clone(),
        image: None,
        rustc: None,
        compilers: Vec::new(),
    };
    for row in &rows {
        let image = session.probes(row)?;
        check.image = Some(image.facts.run.clone());
        let host_target = Target::of_triple(&project.rustc.host);
        let own = [
            (Some(&row.request.target), image.compiler, image.report),
            (host_target.as_ref(), image.host_compiler, image.host_report),
        ];
        for (target, compiler, report) in own {
            let (Some(target), Some(compiler)) = (target, compiler) else {
                continue;
            };
            check.compilers.push(CompilerHealth {
                compiler,
                aliases: Vec::new(),
                report: report.map(|report| assess::complete(&report, &alone(target))),
            });
        }
    }
    // Probes that were interrupted say nothing about the compilers.
    host.check_interrupted()?;
    Ok(check)
}

/// A target and its plan, or the problems with it.
type PlanOfTarget<'a> = (&'a Target, Result<Plan, Vec<Problem>>);

/// Plans each target on its own, so that the problems of one do not hide the plan of another.
fn plans(session: &Session) -> Vec<PlanOfTarget<'_>> {
    let requests = session.request.settings.requests.iter();
    requests
        .map(|request| (&request.target, session.plan_for(request)))
        .collect()
}

/// Returns the names of the targets' C compilers that are scripts, sorted.
fn scripts(host: &Host, plans: &[PlanOfTarget]) -> Vec<String> {
    let targets = plans
        .iter()
        .filter_map(|(_, plan)| plan.as_ref().ok())
        .flat_map(|plan| &plan.targets);
    let names: BTreeSet<String> = targets
        .filter_map(|target| {
            let candidate = &target.toolchain.candidate;
            let compiler = candidate.c_compiler.as_ref()?;
            let is_script = candidate.own_program(&compiler.program).is_some()
                || compiler
                    .path
                    .as_ref()
                    .is_some_and(|path| host.is_script(path));
            is_script.then(|| compiler.program.clone())
        })
        .collect();
    names.into_iter().collect()
}

/// Returns true unless every target is built in an image: then this machine's own tools do not
/// matter.
fn uses_host_tools(plans: &[PlanOfTarget]) -> bool {
    plans.is_empty()
        || plans
            .iter()
            .any(|(_, plan)| plan.as_ref().map_or(true, |plan| !is_inside(plan)))
}

/// Returns true if `cc` of the host links build scripts or proc macros of a target that is not built in
/// an image: no other linker is configured for the host.
fn links_on_host(session: &Session, plans: &[PlanOfTarget]) -> Result<bool> {
    let RunRequest {
        project,
        cargo_config,
        ..
    } = &session.request;
    let linker = cargo_config.linker(project.rustc.host.as_str());
    let linker = linker.map_err(|error| cargo_config_problem(&error))?;
    let is_here = |(target, plan): &PlanOfTarget| {
        let facts = session.facts.of(target);
        facts.links_on_host && plan.as_ref().map_or(true, |plan| !is_inside(plan))
    };
    Ok(linker.is_none() && plans.iter().any(is_here))
}

/// Returns true if all targets of a plan are built in images.
fn is_inside(plan: &Plan) -> bool {
    let mut targets = plan.targets.iter();
    targets.all(|target| target.toolchain.candidate.image.is_some())
}

/// Installs the standard libraries that are missing, and looks again if there were any.
pub fn install_std(host: &Host, session: &mut Session) -> Result<(), Failure> {
    let plans = plans(session);
    let planned = plans.iter().filter_map(|(_, plan)| plan.as_ref().ok());
    if standard_library::run::install(host, planned.flat_map(|plan| &plan.targets))? {
        session.look_again(host)?;
    }
    Ok(())
}

/// Finds every C compiler on PATH, and probes it at the optimization level of a release build.
fn compilers(host: &Host, host_triple: &str) -> Vec<CompilerHealth> {
    let root = host.cwd();
    let names = host
        .on_path()
        .into_iter()
        .filter(|name| gcc::is_compiler_name(name));
    // As a shell finds them: a directory or a file that is not executable does not hide a compiler
    // of the same name in a later directory of PATH.
    let found: Vec<(String, Utf8PathBuf)> = names
        .filter_map(|name| host.find(&name).map(|path| (name, path)))
        .collect();
    thread::scope(|threads| {
        let programs: Vec<_> = found
            .into_iter()
            .map(|(name, path)| threads.spawn(move || program(host, root, path, name).1))
            .collect();
        let programs = programs.into_iter().map(levels::joined).collect();
        let reports: Vec<_> = by_identity(host, programs)
            .into_iter()
            .map(|(compiler, aliases)| {
                threads.spawn(move || probed(host, root, host_triple, compiler, aliases))
            })
            .collect();
        let mut compilers: Vec<CompilerHealth> = reports.into_iter().map(levels::joined).collect();
        compilers.sort_by(|a, b| a.compiler.program.cmp(&b.compiler.program));
        compilers
    })
}

/// Returns each compiler once, under its plainest name, with its other names. One compiler may have
/// many names; a wrapper such as ccache is one file for many compilers, so version and machine
/// belong to the identity.
fn by_identity(host: &Host, programs: Vec<Program>) -> Vec<(Program, Vec<String>)> {
    let mut same: BTreeMap<[Option<String>; 3], Vec<Program>> = BTreeMap::new();
    for compiler in programs {
        let identity = compiler.path.as_ref().and_then(|path| host.identity(path));
        same.entry([identity, compiler.version.clone(), compiler.machine.clone()])
            .or_default()
            .push(compiler);
    }
    let plainest_first = |mut names: Vec<Program>| {
        names.sort_by_key(|compiler| {
            (
                compiler.program != "cc",
                compiler.program.len(),
                compiler.program.clone(),
            )
        });
        let mut names = names.into_iter();
        let compiler = names.next()?;
        Some((compiler, names.map(|alias| alias.program).collect()))
    };
    same.into_values().filter_map(plainest_first).collect()
}

/// Probes a compiler for the target that it reports to compile for.
fn probed(
    host: &Host,
    root: &Utf8Path,
    host_triple: &str,
    compiler: Program,
    aliases: Vec<String>,
) -> CompilerHealth {
    let machine = compiler.machine.clone().unwrap_or_default();
    // clang reports `x86_64-pc-linux-gnu`, gcc `x86_64-linux-gnu`.
    let target = Target::of_machine(&machine)
        .or_else(|| Target::of_machine(&machine.replacen("-pc-", "-", 1)));
    let report = target.map(|target| {
        let options = ProbeTarget {
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
            path_first: None,
            apart: None,
        };
        let report = probe::run::report(host, &options);
        assess::complete(&report, &alone(&target))
    });
    CompilerHealth {
        compiler,
        aliases,
        report,
    }
}

/// Returns what the probes of a compiler depend on that is examined for itself.
fn alone(target: &Target) -> Asked<'_> {
    Asked {
        target,
        graph: Graph::None,
        linker: None,
        rustc: None,
        rustflags: &[],
    }
}

/// Returns the file that pins the toolchain of a directory.
///
/// Source: <https://rust-lang.github.io/rustup/overrides.html#the-toolchain-file>
fn pin(host: &Host, root: &Utf8Path) -> Option<Utf8PathBuf> {
    root.ancestors()
        .flat_map(|directory| {
            ["rust-toolchain.toml", "rust-toolchain"].map(|name| directory.join(name))
        })
        .find(|path| host.is_file(path))
}
