//! Reads the tools of a plan by their content, for `xpkg.lock` and `--locked`.

mod reader;

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::build::look::locked::reader::{Named, Reader};
use crate::build::look::session::Session;
use crate::build::plan::{Plan, TargetPlan};
use crate::build::record::record;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::linker::LinkerKind;
use crate::project::workspace::tools_dir;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::image::lockfile::NAME;
use crate::toolchain::image::look::store::read_lock;
use crate::toolchain::locked::{
    C_COMPILER, CXX_COMPILER, LockedTool, LockedToolchain, SCRIPT_COMPILER, STANDARD_LIBRARY,
    TOOLCHAIN_CHANGED,
};
use crate::toolchain::probe::definition::version;
use crate::toolchain::probe::linker::{RustcsLld, link_arguments};
use crate::tree::source::Source;

/// Refuses tools that are not those of `xpkg.lock`, if it has any and `--locked` is given. A standard
/// library that is to be installed is not compared yet.
///
/// # Errors
/// `toolchain-changed`, one for each target; a file of a tool cannot be read.
pub fn check(host: &Host, session: &Session, plan: &Plan) -> Result<(), Vec<Problem>> {
    let changed = changed(host, session, plan).map_err(|problem| vec![problem])?;
    let problems: Vec<Problem> = changed.into_iter().map(|(_, problem)| problem).collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Returns the targets whose tools [`check`] refuses, by their full names, with the problem of each.
///
/// # Errors
/// A file of a tool cannot be read.
pub fn changed(host: &Host, session: &Session, plan: &Plan) -> Result<Vec<(String, Problem)>> {
    let options = &session.request.cargo_options;
    if !(options.locked || options.frozen) {
        return Ok(Vec::new());
    }
    let lock = read_lock(host, &session.request.project)?;
    if lock.toolchains.is_empty() {
        return Ok(Vec::new());
    }
    let mut problems = Vec::new();
    for target in &plan.targets {
        let triple = target.target.triple();
        let lines = match lock.toolchains.iter().find(|known| known.target == triple) {
            None => vec![format!("`{NAME}` has none for this target")],
            Some(locked) => {
                let here = toolchain(host, session, plan, target)?;
                locked.differences(&here, &unneeded(session, target))
            }
        };
        if !lines.is_empty() {
            let message = format!("the tools for `{triple}` are not those in `{NAME}`");
            let problem = Problem::new(TOOLCHAIN_CHANGED, message)
                .note("found", lines)
                .help(format!(
                    "install those, or lock the ones here: `cargo xpkg lock --toolchains --target \
                     {triple}`"
                ));
            problems.push((target.target.to_string(), problem));
        }
    }
    Ok(problems)
}

/// Returns the C that is compiled for a target.
fn c_usage(session: &Session, target: &TargetPlan) -> Option<CUsage> {
    let mut requests = session.request.settings.requests.iter();
    let request = requests.find(|request| request.target == target.target)?;
    Some(CUsage::new(request, session.facts.of(&target.target)))
}

/// Returns the roles of tools that have nothing to do in this run, or are not here yet.
pub fn unneeded(session: &Session, target: &TargetPlan) -> Vec<&'static str> {
    let usage = c_usage(session, target);
    let mut roles = Vec::new();
    if !usage.as_ref().is_some_and(|usage| usage.present) {
        roles.push(C_COMPILER);
    }
    if !usage.is_some_and(|usage| usage.has_cxx()) {
        roles.push(CXX_COMPILER);
    }
    if session.facts.host.c_packages.is_empty() {
        roles.push(SCRIPT_COMPILER);
    }
    if target.install.is_some() {
        roles.push(STANDARD_LIBRARY);
    }
    roles
}

/// Returns the tools of a target by their content.
///
/// # Errors
/// A file of one cannot be read.
pub fn toolchain(
    host: &Host,
    session: &Session,
    plan: &Plan,
    target: &TargetPlan,
) -> Result<LockedToolchain> {
    let (facts, workspace) = (&session.facts, &session.request.project.workspace);
    let places = session.places(host);
    let named = record(facts, plan, target, &Source::default(), &places).toolchain;
    let (sysroot, triple) = (&facts.rustc.sysroot, target.target.triple());
    let rustlib = sysroot.join("lib/rustlib");
    let reader = Reader {
        host,
        root: &workspace.root,
        own: tools_dir(workspace),
        sysroot,
        places: &places,
    };
    let mut tools = vec![LockedTool {
        role: "rustc".to_owned(),
        program: "rustc".to_owned(),
        arguments: None,
        version: Some(facts.rustc.release.clone()),
        files: reader.rustc(sysroot, &facts.rustc.host)?,
    }];
    let library = rustlib.join(triple).join("lib");
    if host.is_dir(&library) {
        let name = format!("lib/rustlib/{triple}/lib");
        tools.push(LockedTool {
            role: STANDARD_LIBRARY.to_owned(),
            program: "std".to_owned(),
            arguments: None,
            version: None,
            files: BTreeMap::from([(name, reader.standard_library(&rustlib, triple)?)]),
        });
    }
    let candidate = &target.toolchain.candidate;
    // The pin of the image has its digest, and variables of this machine are not in it.
    if candidate.image.is_some() {
        return Ok(LockedToolchain {
            target: triple.to_owned(),
            tools,
        });
    }
    tools.extend(reader.rustc_callers(session)?);
    if candidate.kind == LinkerKind::Zig
        && let Some(zig) = &facts.zig
    {
        tools.push(LockedTool {
            role: "zig".to_owned(),
            program: "zig".to_owned(),
            arguments: None,
            version: Some(zig.version.to_string()),
            files: reader.zig(zig)?,
        });
    }
    let mut requests = session.request.settings.requests.iter();
    let request = requests.find(|request| request.target == target.target);
    if let Some(sysroot) = request.and_then(|request| request.sysroot.as_ref()) {
        tools.push(LockedTool {
            role: "sysroot".to_owned(),
            program: sysroot.file_name().unwrap_or_default().to_owned(),
            arguments: None,
            version: None,
            files: BTreeMap::from([("files".to_owned(), reader.large_directory(sysroot)?)]),
        });
    }
    let linker = &candidate.linker;
    let rustflags = &facts.of(&target.target).rustflags;
    let lld = RustcsLld::by_default(&target.target, version(&facts.rustc.release), rustflags);
    // As rustc orders them: the last one that names a linker is obeyed.
    let started = candidate.started_by(&linker.program);
    let scripts = started.iter().flat_map(|started| &started.arguments);
    let arguments = scripts
        .cloned()
        .chain(
            lld.iter()
                .flat_map(|lld| reader.lld_arguments(lld, &facts.rustc.host)),
        )
        .chain(link_arguments(rustflags));
    tools.extend(reader.tool(
        "linker",
        &Named {
            program: linker.program.clone(),
            path: linker.path.clone(),
            arguments: Vec::new(),
            others: arguments.collect(),
            version: named.linker.version.clone(),
            is_compiler: linker.machine.is_some(),
        },
    )?);
    let compiler = |value: &str, known: Option<&Utf8Path>, version: Option<String>| {
        Named::compiler(facts.words(value), known, version).started_by(candidate)
    };
    let usage = c_usage(session, target);
    let has_c = usage.as_ref().is_some_and(|usage| usage.present);
    let has_cxx = usage.is_some_and(|usage| usage.has_cxx());
    let is_native = candidate.kind == LinkerKind::Native;
    let c_compiler = candidate.c_compiler.as_ref();
    // Where nobody names one, the cc crate calls these for the host.
    let cc = c_compiler
        .map(|compiler| compiler.program.as_str())
        .or(Some("cc").filter(|_| is_native));
    if let Some(cc) = cc.filter(|_| has_c) {
        let version = named.c_compiler.as_ref();
        let version = version.and_then(|compiler| compiler.version.clone());
        let known = c_compiler.and_then(|compiler| compiler.path.as_deref());
        tools.extend(reader.tool(C_COMPILER, &compiler(cc, known, version))?);
    }
    let settings = &facts.of(&target.target).settings;
    let by_user = settings.get("CXX").map(|setting| setting.value.as_str());
    let names = [
        format!("CXX_{}", triple.replace('-', "_")),
        format!("CXX_{triple}"),
    ];
    let by_xpkg = candidate
        .variables
        .iter()
        .find(|set| names.contains(&set.name));
    let cxx = by_user
        .or(by_xpkg.map(|set| set.value.as_str()))
        .or(Some("c++").filter(|_| is_native));
    if let Some(cxx) = cxx.filter(|_| has_cxx) {
        tools.extend(reader.tool(CXX_COMPILER, &compiler(cxx, None, None))?);
    }
    // What it compiles may write sources, or compress and generate what is part of the program.
    if let Some(compiler) = &facts.host.compiler {
        tools.extend(reader.tool(
            SCRIPT_COMPILER,
            &Named {
                program: compiler.program.clone(),
                path: compiler.path.clone(),
                arguments: facts.host.arguments.clone(),
                others: Vec::new(),
                version: compiler.version.clone(),
                is_compiler: compiler.machine.is_some(),
            },
        )?);
    }
    Ok(LockedToolchain {
        target: triple.to_owned(),
        tools,
    })
}
