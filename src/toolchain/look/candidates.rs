//! What is asked of candidates, once it is known what is here: their archivers, their headers,
//! their compilers.

use std::collections::BTreeMap;
use std::thread;

use crate::host::machine::Host;
use crate::project::linker::LinkerKind;
use crate::project::look::cargo_config::configured_variables;
use crate::project::look::context::ProjectContext;
use crate::project::look::graph::Scope;
use crate::project::request::TargetRequest;
use crate::project::workspace::tools_dir;
use crate::target::Target;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::{Candidate, SetBy};
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::Facts;
use crate::toolchain::image::look::probing::ProbeOptions;
use crate::toolchain::image::look::store::ImageStore;
use crate::toolchain::look::levels::{joined, levels, own_profiles};
use crate::toolchain::msvc::sdk;
use crate::toolchain::probe::archiver::ArchiveFormat;
use crate::toolchain::probe::headers::Includes;
use crate::toolchain::probe::look::subject::ProbeTarget;
use crate::toolchain::probe::report::Report;
use crate::toolchain::words::ToolWords;
use crate::toolchain::write::write_tools;
use crate::toolchain::{choose, probe, wasm};

/// The candidates of each target that has a reason to be asked. A script of xpkg's own cannot be
/// asked before it stands; one that cannot be written says so as it is asked.
fn viable_candidates<'a>(
    host: &Host,
    found: &ProjectContext,
    scope: &Scope<'a>,
    facts: &Facts,
    reason: impl Fn(&TargetRequest, &CUsage) -> bool,
) -> Vec<(&'a TargetRequest, CUsage, Vec<Candidate>)> {
    let tools = tools_dir(&found.workspace);
    let of_request = |request: &'a TargetRequest| {
        let need = CUsage::new(request, facts.of(&request.target));
        let candidates = reason(request, &need)
            .then(|| choose::viable_candidates(request, facts, &need, &tools))?;
        let _ = write_tools(
            host,
            &found.workspace,
            candidates.iter().flat_map(|candidate| &candidate.files),
        );
        Some((request, need, candidates))
    };
    scope.requests.iter().filter_map(of_request).collect()
}

/// Takes a command apart. One of xpkg's own scripts is called by its path: only cargo finds it on
/// PATH.
fn called(case: &TargetContext, candidate: &Candidate, command: &str) -> ToolWords {
    let words = case.words(command);
    match candidate.own_program(&words.program) {
        Some(path) => ToolWords {
            program: path.to_string(),
            ..words
        },
        None => words,
    }
}

/// What the archivers of a target's candidates write, where its graph holds C: (triple, program,
/// answer).
pub fn archives(
    host: &Host,
    found: &ProjectContext,
    scope: &Scope,
    facts: &Facts,
) -> Vec<(Target, String, ArchiveFormat)> {
    let mut answers = Vec::new();
    let tools = tools_dir(&found.workspace);
    for (request, need, candidates) in
        viable_candidates(host, found, scope, facts, |_, need| need.present)
    {
        let case = TargetContext::new(request, facts, &need, &tools);
        let here = candidates
            .iter()
            // Microsoft's archiver is called in another way.
            .filter(|candidate| {
                candidate.kind != LinkerKind::Image && !sdk::is_msvc(&request.target)
            });
        let names = here
            .filter_map(|candidate| {
                let name = candidate.archiver.clone()?;
                let words = called(&case, candidate, &name);
                Some((name, words))
            })
            .collect::<BTreeMap<String, ToolWords>>();
        let answered = names.into_iter().filter_map(|(name, words)| {
            let answer = probe::look::archive(host, &words)?;
            Some((request.target.clone(), name, answer))
        });
        answers.extend(answered);
    }
    answers
}

/// Where the C compilers of a target's candidates look for headers, where the graph binds to
/// headers.
pub fn includes(
    host: &Host,
    found: &ProjectContext,
    scope: &Scope,
    facts: &Facts,
) -> Vec<(Target, String, Includes)> {
    let binds = |_: &TargetRequest, need: &CUsage| {
        need.packages
            .iter()
            .any(|package| package.builder == "bindgen")
    };
    let tools = tools_dir(&found.workspace);
    thread::scope(|threads| {
        let mut asked = Vec::new();
        for (request, need, candidates) in viable_candidates(host, found, scope, facts, binds) {
            let here = candidates
                .into_iter()
                .filter(|candidate| candidate.kind != LinkerKind::Image);
            let case = TargetContext::new(request, facts, &need, &tools);
            let compilers: BTreeMap<String, ToolWords> = here
                .filter_map(|candidate| {
                    let name = candidate.c_compiler.as_ref()?.program.clone();
                    let words = called(&case, &candidate, &name);
                    Some((name, words))
                })
                .collect();
            for (compiler, words) in compilers {
                asked.push(threads.spawn(move || {
                    let includes = probe::look::includes(host, &found.workspace.root, &words);
                    (request.target.clone(), compiler, includes)
                }));
            }
        }
        let answers = asked.into_iter().map(joined);
        answers
            .filter_map(|(target, compiler, includes)| Some((target, compiler, includes?)))
            .collect()
    })
}

/// Probes the C compilers of every candidate that serves, for targets whose graph holds C or that
/// have a glibc floor.
pub fn reports(
    host: &Host,
    found: &ProjectContext,
    config: &cargo_config2::Config,
    scope: &Scope,
    images: &ImageStore,
    facts: &Facts,
) -> Vec<(Target, String, Report)> {
    let configured = &configured_variables(host, config);
    // The bugs are of GNU compilers, which compile for no WebAssembly.
    let reason = |request: &TargetRequest, need: &CUsage| {
        !wasm::serves(&request.target) && (need.present || request.target.floor.is_some())
    };
    thread::scope(|threads| {
        let mut asked = Vec::new();
        for (request, need, candidates) in viable_candidates(host, found, scope, facts, reason) {
            let target_facts = facts.of(&request.target);
            let mut levels = levels(&need.packages);
            if levels.is_empty() {
                levels.push(own_profiles(scope, request).level(scope.profile));
            }
            for candidate in candidates {
                // A program for zig's C library would have it compiled first, which takes longer
                // than a probe may.
                let runner = target_facts
                    .runner
                    .clone()
                    .filter(|_| candidate.kind != LinkerKind::Zig);
                let (levels, variables) = (levels.clone(), variables(host, config, &candidate));
                asked.push(threads.spawn(move || {
                    let target = request.target.clone();
                    if let (LinkerKind::Image, Some(Ok(image))) =
                        (candidate.kind, &target_facts.image)
                    {
                        let probing = ProbeOptions {
                            rustflags: &target_facts.rustflags,
                            configured,
                            runner,
                        };
                        return (
                            target,
                            candidate.key(),
                            images.report(image, &request.target, &candidate, &levels, &probing),
                        );
                    }
                    let compiler = candidate.c_compiler.as_ref();
                    let asked = ProbeTarget {
                        root: &found.workspace.root,
                        sysroot: request.sysroot.as_deref(),
                        target: request.target.triple(),
                        host: &facts.rustc.host,
                        variables,
                        levels,
                        rustflags: &target_facts.rustflags,
                        version: compiler.and_then(|compiler| compiler.version.clone()),
                        path: compiler.and_then(|compiler| compiler.path.as_deref()),
                        runner,
                        path_first: candidate.path.as_deref(),
                        apart: None,
                    };
                    (target, candidate.key(), probe::run::report(host, &asked))
                }));
            }
        }
        asked.into_iter().map(joined).collect()
    })
}

/// What build scripts will see on top of the environment: cargo's `[env]`, and the candidate's own.
fn variables(
    host: &Host,
    config: &cargo_config2::Config,
    candidate: &Candidate,
) -> Vec<(String, String)> {
    let ours = candidate
        .variables
        .iter()
        .filter(|variable| variable.set_by == SetBy::Xpkg);
    let ours = ours.map(|variable| (variable.name.clone(), variable.value.clone()));
    configured_variables(host, config)
        .into_iter()
        .chain(ours)
        .collect()
}
