use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use crate::host::machine::Host;
use crate::problem::{Failure, Result};
use crate::project::build_tools::Installer;
use crate::project::graph::CPackage;
use crate::project::look::cargo_config::{configured_variables, variable};
use crate::project::look::context::{CargoOptions, ProjectContext};
use crate::project::look::graph::{self, GraphQuery, Scope};
use crate::project::profile::Side;
use crate::project::request::TargetRequest;
use crate::target::Target;
use crate::toolchain::clang::look::clang_finds;
use crate::toolchain::environment::ENV_VARS;
use crate::toolchain::facts::{ClangFinds, Facts, HostFacts, TargetFacts, Zig, ZigTools};
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::image::look::exposed;
use crate::toolchain::image::look::probing::ProbeOptions;
use crate::toolchain::image::look::store::{self, ImageStore};
use crate::toolchain::leaks::WATCHED;
use crate::toolchain::look::levels::{joined, leveled, levels, own_profiles};
use crate::toolchain::look::platform::platform;
use crate::toolchain::look::programs::{first_word, program, starter};
use crate::toolchain::look::settings::cargo_settings;
use crate::toolchain::look::{candidates, tools};
use crate::toolchain::probe::run::ProbeTarget;
use crate::toolchain::program::Program;
use crate::toolchain::{choose, probe, zig};

/// All that deciding needs of these targets.
pub fn facts(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    config: &cargo_config2::Config,
    scope: &Scope,
    images: &ImageStore,
) -> Result<Facts, Failure> {
    let requests = scope.requests;
    let mut targets = BTreeMap::new();
    let mut settings = Vec::new();
    for request in requests {
        let here = cargo_settings(
            host,
            config,
            &request.target,
            &found.rustc.host,
            &request.overrides.rustflags,
        )?;
        settings.extend(here.linker.iter().map(|setting| setting.value.clone()));
        // `ccache gcc` is two words, a path with a space is one.
        let compiler = here.settings.get("CC").map(|setting| setting.value.clone());
        settings.extend(
            compiler
                .iter()
                .flat_map(|value| [value.clone(), first_word(value)]),
        );
        targets.insert(request.target.triple().to_owned(), here);
    }
    let root = &found.workspace.root;
    let (programs, platforms, graph, zig) = thread::scope(|threads| {
        let wanted = requests
            .iter()
            .any(|request| choose::wants_zig(request, &found.rustc.host));
        let zig = threads.spawn(move || {
            if wanted {
                zig::look::find(host)
            } else {
                Ok(None)
            }
        });
        let platforms: Vec<_> = requests
            .iter()
            .map(|request| {
                threads.spawn(|| {
                    platform(
                        host,
                        found,
                        asking,
                        &request.target,
                        targets.get(request.target.triple()),
                    )
                })
            })
            .collect();
        let wanted = requests
            .iter()
            .flat_map(|request| choose::wanted(&request.target, &found.rustc.host));
        let names: BTreeSet<String> = wanted.chain(settings).collect();
        // Most names are not there; only what is found is worth a thread.
        let there = names
            .into_iter()
            .filter_map(|name| Some((host.find(&name)?, name)));
        let programs: Vec<_> = there
            .map(|(path, name)| threads.spawn(move || program(host, root, path, name)))
            .collect();
        let platforms: Result<Vec<_>> = platforms.into_iter().map(joined).collect();
        let graph = match &platforms {
            Ok(platforms) => graph::ask(
                host,
                found,
                asking,
                scope,
                &GraphQuery {
                    platforms: platforms.iter().map(|platform| &platform.facts).collect(),
                    own: &found.host_platform,
                    configuration: scope.configuration,
                },
            ),
            Err(problem) => Err(problem.clone()),
        };
        let programs: BTreeMap<String, Program> = programs.into_iter().map(joined).collect();
        (programs, platforms, graph, joined(zig))
    });
    let (platforms, mut graph) = (platforms?, graph?);
    let (zig, zig_trouble) = match zig {
        Ok(zig) => (zig, None),
        Err(why) => (None, Some(why)),
    };
    let clang: Vec<Option<ClangFinds>> = thread::scope(|threads| {
        let questions = requests
            .iter()
            .map(|request| choose::clang_question(request, &found.rustc.host, &programs));
        let asked: Vec<_> = questions
            .map(|question| question.filter(|_| programs.contains_key("clang")))
            .map(|question| {
                threads.spawn(move || {
                    question.and_then(|arguments| clang_finds(host, root, &arguments))
                })
            })
            .collect();
        asked.into_iter().map(joined).collect()
    });
    for ((request, platform), clang) in requests.iter().zip(platforms).zip(clang) {
        let here = targets
            .entry(request.target.triple().to_owned())
            .or_default();
        here.std = platform.std;
        here.self_contained = platform.self_contained;
        here.std_compilers = platform.compilers;
        here.clang = clang;
        here.starter = starter(host, &request.target, &found.rustc.host);
        let packages = graph
            .c_packages
            .remove(request.target.triple())
            .unwrap_or_default();
        here.c_packages = leveled(
            found,
            scope,
            &own_profiles(scope, request),
            packages,
            Side::Target,
        );
    }
    for (request, tools) in
        requests
            .iter()
            .zip(zig_tools(host, found, requests, zig.as_ref(), &targets))
    {
        targets
            .entry(request.target.triple().to_owned())
            .or_default()
            .zig = tools;
    }
    let mut facts = Facts {
        rustc: found.rustc.clone(),
        programs,
        targets,
        host: HostFacts::default(),
        wants: graph.wants,
        zig,
        zig_trouble,
        ..Facts::default()
    };
    facts.host = host_facts(
        host,
        found,
        config,
        leveled(
            found,
            scope,
            scope.profiles,
            graph.host_c_packages,
            Side::Host,
        ),
    );
    let configured = configured_variables(host, config);
    facts.watched = WATCHED
        .iter()
        .filter_map(|name| {
            Some((
                (*name).to_owned(),
                variable(host, config, (*name).to_owned())?,
            ))
        })
        .collect();
    facts.tools = tools::foreign_tools(host, &facts.wants, &configured);
    if !facts.tools.is_empty() {
        facts.installer = Installer::from_os_release(tools::os_release(host).as_deref());
    }
    for (triple, archiver, archive) in candidates::archives(host, found, scope, &facts) {
        facts
            .targets
            .entry(triple)
            .or_default()
            .archives
            .insert(archiver, archive);
    }
    for (triple, compiler, includes) in candidates::includes(host, found, scope, &facts) {
        facts
            .targets
            .entry(triple)
            .or_default()
            .includes
            .insert(compiler, includes);
    }
    for (triple, image) in images_of(
        host,
        found,
        images,
        scope,
        &configured,
        &asking.config,
        &facts,
    ) {
        facts.targets.entry(triple).or_default().image = Some(image);
    }
    let reports = candidates::reports(host, found, config, scope, images, &facts);
    for (triple, key, report) in reports {
        facts
            .targets
            .entry(triple)
            .or_default()
            .reports
            .insert(key, report);
    }
    Ok(facts)
}

/// The images of those targets that may be built in one, by triple.
fn images_of(
    host: &Host,
    found: &ProjectContext,
    images: &ImageStore,
    scope: &Scope,
    configured: &[(String, String)],
    arguments: &[String],
    facts: &Facts,
) -> Vec<(String, Result<ImageFacts>)> {
    let wanted: Vec<_> = scope
        .requests
        .iter()
        .filter(|request| choose::wants_image(request))
        .filter_map(|request| Some((request, request.image.as_ref()?)))
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mounted = exposed::mounted(host, found, arguments);
    let levels = levels(&facts.host.c_packages);
    let probing = ProbeOptions {
        rustflags: &[],
        configured,
        starter: None,
    };
    wanted
        .into_iter()
        .map(|(request, wanted)| {
            let image = mounted.clone().and_then(|mounted| {
                store::of_request(images, request, wanted, &mounted, &levels, &probing)
            });
            (request.target.triple().to_owned(), image)
        })
        .collect()
}

/// zig's programs for each target that it could serve.
fn zig_tools(
    host: &Host,
    found: &ProjectContext,
    requests: &[TargetRequest],
    zig: Option<&Zig>,
    targets: &BTreeMap<String, TargetFacts>,
) -> Vec<Option<Result<ZigTools, String>>> {
    // One after the other: the library writes some files for all targets, and not in one step.
    let asked = requests.iter().map(|request| {
        let zig = zig.filter(|_| choose::wants_zig(request, &found.rustc.host))?;
        let rustflags = targets
            .get(request.target.triple())
            .map(|here| here.rustflags.as_slice())
            .unwrap_or_default();
        Some(zig::look::tools(
            host,
            found,
            zig,
            &request.target,
            rustflags,
        ))
    });
    asked.collect()
}

/// The host's own C compiler, probed where build scripts or proc macros hold C.
fn host_facts(
    host: &Host,
    found: &ProjectContext,
    config: &cargo_config2::Config,
    c_packages: Vec<CPackage>,
) -> HostFacts {
    if c_packages.is_empty() {
        return HostFacts::default();
    }
    let root = &found.workspace.root;
    let triple = found.rustc.host.as_str();
    let named = Target::of_triple(triple).and_then(|own| {
        let row = ENV_VARS.iter().find(|row| row.role == "CC")?;
        row.accepted(&own, triple)
            .into_iter()
            .find_map(|name| variable(host, config, name))
    });
    let name = named.map_or_else(|| "cc".to_owned(), |setting| setting.value);
    let compiler = host
        .find(&name)
        .map(|path| program(host, root, path, name).1);
    let asked = ProbeTarget {
        root,
        sysroot: None,
        target: triple,
        host: triple,
        variables: configured_variables(host, config),
        levels: levels(&c_packages),
        rustflags: &[],
        version: compiler
            .as_ref()
            .and_then(|compiler| compiler.version.clone()),
        path: compiler
            .as_ref()
            .and_then(|compiler| compiler.path.as_deref()),
        starter: Some(Vec::new()),
        apart: None,
    };
    HostFacts {
        report: Some(probe::run::report(host, &asked)),
        c_packages,
    }
}
