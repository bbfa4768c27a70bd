//! The survey: everything that deciding needs to know of the machine, in steps, each of which needs
//! the answers of the ones before.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use crate::host::machine::Host;
use crate::problem::{Failure, Result};
use crate::project::c_package::CPackage;
use crate::project::graph::GraphFacts;
use crate::project::installer::Installer;
use crate::project::look::cargo_config::{configured_variables, variable};
use crate::project::look::context::{CargoOptions, ProjectContext};
use crate::project::look::graph::{self, GraphQuery, Scope};
use crate::project::profile::Side;
use crate::project::request::TargetRequest;
use crate::project::workspace::tools_dir;
use crate::target::Target;
use crate::target::system::Os;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::clang::look::clang_finds;
use crate::toolchain::environment::{DEPLOYMENT_TARGET, ENV_VARS, SDKROOT};
use crate::toolchain::facts::{AppleSdk, ClangFinds, Facts, HostFacts, TargetFacts, Zig, ZigTools};
use crate::toolchain::gcc;
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::image::look::exposed;
use crate::toolchain::image::look::probing::ProbeOptions;
use crate::toolchain::image::look::store::{self, ImageStore};
use crate::toolchain::leaks::WATCHED;
use crate::toolchain::look::levels::{joined, leveled, levels, own_profiles};
use crate::toolchain::look::libraries::BuildEnvironment;
use crate::toolchain::look::platform::{Platform, platform};
use crate::toolchain::look::programs::{program, runner};
use crate::toolchain::look::settings::cargo_settings;
use crate::toolchain::look::{apple_sdk, candidates, libraries, ndk, programs, tools};
use crate::toolchain::msvc::{look, sdk};
use crate::toolchain::probe::look::subject::ProbeTarget;
use crate::toolchain::program::Program;
use crate::toolchain::system_library::{Effect, SystemLibrary};
use crate::toolchain::words::{CUSTOM_LAUNCHER, ToolWords};
use crate::toolchain::{choose, probe, wasm, zig};

/// Inputs of a survey.
pub struct Survey<'a, 's> {
    pub host: &'a Host,
    pub project: &'a ProjectContext,
    pub options: &'a CargoOptions,
    /// cargo's own configuration, merged.
    pub config: &'a cargo_config2::Config,
    pub scope: &'a Scope<'a>,
    pub images: &'a ImageStore<'s>,
}

/// Answers of the programs that were asked at the same time.
struct Answers {
    programs: BTreeMap<String, Program>,
    platforms: Vec<Platform>,
    graph: GraphFacts,
    zig: Result<Option<Zig>, String>,
}

impl Survey<'_, '_> {
    /// Takes the survey. Every request of the scope has its facts in the answer, in the same order.
    ///
    /// # Errors
    /// cargo or rustc does not answer, or the configuration cannot be read. A candidate that cannot
    /// be asked is not an error: its facts say so.
    pub fn take(&self) -> Result<Facts, Failure> {
        // Which flags and compilers the user has set decides which programs are worth a question.
        let targets = self.settings()?;
        let Answers {
            programs,
            platforms,
            graph,
            zig,
        } = self.ask(&targets)?;
        // clang is asked only where it is, so this comes after the programs.
        let clang = self.clang(&programs);
        let mut facts = self.collect(targets, programs, platforms, graph, zig, clang);
        // zig's wrappers contain the rustflags.
        self.zig_tools(&mut facts);
        self.environment(&mut facts);
        // Archivers and headers belong to candidates, which follow from all of the above.
        self.candidates(&mut facts);
        self.images(&mut facts);
        // Compilers in images are probed like those of this machine.
        self.reports(&mut facts);
        // pkg-config looks where the chosen candidate's variables say.
        self.libraries(&mut facts);
        Ok(facts)
    }

    /// Reads linker, rustflags and compilers that the user has set for each target.
    fn settings(&self) -> Result<Vec<TargetFacts>> {
        let settings = self.scope.requests.iter().map(|request| {
            cargo_settings(
                self.host,
                self.project,
                self.config,
                &request.target,
                &request.overrides,
                self.scope.cargo_files,
            )
        });
        settings.collect()
    }

    /// Returns the names of the programs to look for on PATH.
    fn program_names(&self, targets: &[TargetFacts]) -> BTreeSet<String> {
        let on_path = self.host.on_path();
        let requests = self.scope.requests.iter();
        let mut names: BTreeSet<String> = requests
            .flat_map(|request| {
                choose::search_names(&request.target, &self.project.rustc.host, &on_path)
            })
            .collect();
        for target in targets {
            names.extend(target.linker.iter().map(|setting| setting.value.clone()));
            let tools = ["CC", "CXX", "AR"].iter();
            for setting in tools.filter_map(|role| target.settings.get(*role)) {
                let words = self.words(&setting.value);
                names.extend(words.launcher.into_iter().chain([words.program]));
            }
        }
        // Most are not there, and each would be looked for in every directory. On Windows the files have
        // other names.
        names.retain(|name| cfg!(windows) || name.contains('/') || on_path.contains(name));
        names
    }

    /// Takes the value of a variable that names a compiler or an archiver apart.
    fn words(&self, value: &str) -> ToolWords {
        let custom = variable(self.host, self.config, CUSTOM_LAUNCHER.to_owned());
        let custom = custom.map(|setting| setting.value);
        ToolWords::parse(value, custom.as_deref(), |program| {
            self.host.find(program).is_some()
        })
    }

    /// Asks zig, rustc, cargo and the programs on PATH, all at the same time.
    fn ask(&self, targets: &[TargetFacts]) -> Result<Answers> {
        let (host, project, requests) = (self.host, self.project, self.scope.requests);
        let root = &project.workspace.root;
        thread::scope(|threads| {
            let for_zig = self.wants_zig();
            let zig = threads.spawn(move || {
                if for_zig {
                    zig::look::find(host)
                } else {
                    Ok(None)
                }
            });
            let platforms: Vec<_> = requests
                .iter()
                .zip(targets)
                .map(|(request, facts)| {
                    threads.spawn(|| {
                        platform(
                            host,
                            project,
                            self.options,
                            &request.target,
                            &facts.rustflags,
                            self.scope.builds_std,
                            facts.settings.get(DEPLOYMENT_TARGET),
                        )
                    })
                })
                .collect();
            // Most names are not on PATH; only what is found is worth a thread.
            let found = self
                .program_names(targets)
                .into_iter()
                .filter_map(|name| Some((host.find(&name)?, name)));
            let programs: Vec<_> = found
                .map(|(path, name)| threads.spawn(move || program(host, root, path, name)))
                .collect();
            let platforms: Result<Vec<_>> = platforms.into_iter().map(joined).collect();
            let graph = match &platforms {
                Ok(platforms) => graph::ask(
                    host,
                    project,
                    self.options,
                    self.scope,
                    &GraphQuery {
                        platforms: platforms.iter().map(|platform| &platform.facts).collect(),
                        own: &project.host_platform,
                        configuration: self.scope.configuration,
                    },
                ),
                Err(problem) => Err(problem.clone()),
            };
            let programs = programs.into_iter().map(joined).collect();
            Ok(Answers {
                programs,
                zig: joined(zig),
                platforms: platforms?,
                graph: graph?,
            })
        })
    }

    /// Returns true if zig may serve a target of the run.
    fn wants_zig(&self) -> bool {
        self.scope
            .requests
            .iter()
            .any(|request| choose::wants_zig(request, &self.project.rustc.host))
    }

    /// Asks clang what it finds for each target that it could serve.
    fn clang(&self, programs: &BTreeMap<String, Program>) -> Vec<Option<ClangFinds>> {
        let (host, project) = (self.host, self.project);
        thread::scope(|threads| {
            let questions = self.scope.requests.iter().map(|request| {
                choose::clang_question(request, &project.rustc.host, programs)
                    .filter(|_| programs.contains_key("clang"))
            });
            let answers: Vec<_> = questions
                .map(|question| {
                    threads.spawn(move || clang_finds(host, &project.workspace.root, &question?))
                })
                .collect();
            answers.into_iter().map(joined).collect()
        })
    }

    /// Puts the answers together.
    fn collect(
        &self,
        targets: Vec<TargetFacts>,
        programs: BTreeMap<String, Program>,
        platforms: Vec<Platform>,
        mut graph: GraphFacts,
        zig: Result<Option<Zig>, String>,
        clang: Vec<Option<ClangFinds>>,
    ) -> Facts {
        let (project, scope) = (self.project, self.scope);
        let mut complete = Vec::new();
        for (((request, facts), platform), clang) in
            scope.requests.iter().zip(targets).zip(platforms).zip(clang)
        {
            let packages = graph
                .c_packages
                .remove(request.target.triple())
                .unwrap_or_default();
            let triple = request.target.triple();
            let libraries = graph.libraries.remove(triple).unwrap_or_default();
            let cautions = graph.cautions.remove(triple).unwrap_or_default();
            let apple_libraries = graph.apple_libraries.remove(triple).unwrap_or_default();
            let sdk = self.sdk(request, &facts);
            let package_graph = graph.packages.remove(triple);
            let profiles = own_profiles(scope, request);
            let sysroot = request.sysroot.as_ref();
            let windows_sdk = sysroot
                .filter(|_| sdk::is_msvc(&request.target))
                .map(|root| look::sdk(self.host, root, &request.target, platform.crt_static));
            complete.push(TargetFacts {
                windows_sdk,
                std: platform.std,
                self_contained: platform.self_contained,
                crt_static: platform.crt_static,
                raised: platform.raised,
                deployment_target: platform.deployment_target,
                objcopy_path: platform.objcopy_path,
                profile_rustflags: profiles.rustflags(scope.profile),
                std_compilers: platform.compilers,
                clang,
                wasi_sysroots: wasm::look::find(self.host, &project.workspace.root, request),
                runner: runner(self.host, &request.target, &project.rustc.host),
                c_packages: leveled(project, scope, &profiles, packages, Side::Target),
                multilib: programs::is_multilib(
                    self.host,
                    &project.workspace.root,
                    &programs,
                    gcc::multilib_argument(&request.target, &project.rustc.host).filter(|_| {
                        !gcc::is_installed(&request.target, &project.rustc.host, &programs)
                    }),
                ),
                libraries: libraries.into_iter().map(SystemLibrary::unknown).collect(),
                links_on_host: graph.links_on_host.contains(request.target.triple()),
                cautions,
                apple_libraries,
                sdk,
                ndk: ndk::find(self.host, &request.target),
                packages: package_graph,
                ..facts
            });
        }
        let (zig, zig_trouble) = match zig {
            Ok(zig) => (zig, None),
            Err(trouble) => (None, Some(trouble)),
        };
        let missing = zig.is_none() && zig_trouble.is_none();
        let pip_refuses = missing && self.wants_zig() && zig::look::pip_refuses(self.host);
        let packages = graph.host_c_packages;
        let packages = leveled(project, scope, scope.profiles, packages, Side::Host);
        let is_compiler =
            |program: &&Program| program.machine.is_some() || program.program.contains("++");
        let compilers = programs.values().filter(is_compiler);
        let digests = compilers
            .filter_map(|program| {
                let digest = programs::digest(self.host, program.path.as_deref()?)?;
                Some((program.program.clone(), digest))
            })
            .collect();
        let start_files = programs::start_files(self.host, &project.workspace.root, &programs);
        Facts {
            rustc: project.rustc.clone(),
            profile_settings: scope.profiles.effective(scope.profile),
            root: project.workspace.root.clone(),
            without_libc: start_files.lacking,
            start_levels: start_files.levels,
            own_program: self.host.own_program().filter(|_| cfg!(unix)),
            programs,
            digests,
            targets: complete,
            host: self.host_facts(packages),
            wants: graph.wants,
            zig,
            zig_trouble,
            pip_refuses,
            ..Facts::default()
        }
    }

    /// Reads Apple's SDK that is set for a target: the configured sysroot, else the user's `SDKROOT`,
    /// which a Mac's own tools set, too.
    fn sdk(
        &self,
        request: &TargetRequest,
        facts: &TargetFacts,
    ) -> Option<Result<AppleSdk, String>> {
        if request.target.system.os != Os::Darwin {
            return None;
        }
        let users = facts
            .settings
            .get(SDKROOT)
            .filter(|setting| !setting.value.is_empty())
            .map(|setting| self.project.workspace.root.join(&setting.value));
        let path = request.sysroot.clone().or(users)?;
        Some(apple_sdk::read(self.host, &path))
    }

    /// Writes zig's wrappers for each target that it could serve. One after the other: the library
    /// writes some files for all targets, and not in one step.
    fn zig_tools(&self, facts: &mut Facts) {
        let Some(zig) = facts.zig.clone() else {
            return;
        };
        for (request, facts) in self.scope.requests.iter().zip(&mut facts.targets) {
            let links = !wasm::serves(&request.target);
            if links && choose::wants_zig(request, &self.project.rustc.host) {
                let (host, project) = (self.host, self.project);
                let tools: Result<ZigTools, String> =
                    zig::look::tools(host, project, &zig, &request.target, facts);
                facts.zig = Some(tools);
            }
        }
    }

    /// Reads the variables that may leak into a target, and looks for tools that cannot run here.
    fn environment(&self, facts: &mut Facts) {
        let (host, config) = (self.host, self.config);
        facts.watched = WATCHED
            .iter()
            .filter_map(|name| {
                let name = (*name).to_owned();
                Some((name.clone(), variable(host, config, name)?))
            })
            .collect();
        facts.tools =
            tools::unusable_tools(host, &facts.wants, &configured_variables(host, config));
        facts.installer = Installer::from_os_release(tools::os_release(host).as_deref());
    }

    /// Asks the archivers of candidates what they write, and their compilers for headers.
    fn candidates(&self, facts: &mut Facts) {
        let (host, project, scope) = (self.host, self.project, self.scope);
        for (target, archiver, archive) in candidates::archives(host, project, scope, facts) {
            facts.of_mut(&target).archives.insert(archiver, archive);
        }
        for (target, compiler, includes) in candidates::includes(host, project, scope, facts) {
            facts.of_mut(&target).includes.insert(compiler, includes);
        }
    }

    /// Looks up the images of those targets that may be built in one.
    fn images(&self, facts: &mut Facts) {
        let requests = self.scope.requests.iter();
        let requests: Vec<_> = requests
            .filter(|request| choose::wants_image(request))
            .filter_map(|request| Some((request, request.image.as_ref()?)))
            .collect();
        if requests.is_empty() {
            return;
        }
        let configured = configured_variables(self.host, self.config);
        let mounted = exposed::mounted(self.host, self.project, &self.options.config);
        let levels = levels(&facts.host.c_packages);
        let probing = ProbeOptions {
            rustflags: &[],
            configured: &configured,
            runner: None,
        };
        for (request, wanted) in requests {
            let image: Result<ImageFacts> = mounted.clone().and_then(|mounted| {
                store::of_request(self.images, request, wanted, &mounted, &levels, &probing)
            });
            facts.of_mut(&request.target).image = Some(image);
        }
    }

    /// Probes the C compilers of the candidates.
    fn reports(&self, facts: &mut Facts) {
        let (host, project, config) = (self.host, self.project, self.config);
        let reports = candidates::reports(host, project, config, self.scope, self.images, facts);
        for (target, key, report) in reports {
            facts.of_mut(&target).reports.insert(key, report);
        }
    }

    /// Asks pkg-config for the libraries of the system that packages look for.
    fn libraries(&self, facts: &mut Facts) {
        let (host, root) = (self.host, &self.project.workspace.root);
        let tools = tools_dir(&self.project.workspace);
        for request in self.scope.requests {
            let target_facts = facts.of(&request.target);
            if target_facts.libraries.is_empty() {
                continue;
            }
            let c = CUsage::new(request, target_facts);
            // Without a toolchain there is another problem to report.
            let Ok(choice) = choose::choose(request, facts, &c, &tools) else {
                continue;
            };
            let configured = configured_variables(host, self.config);
            let image = match &target_facts.image {
                Some(Ok(image)) if choice.candidate.image.is_some() => Some((image, self.images)),
                _ => None,
            };
            let environment = BuildEnvironment::new(host, &choice.candidate, configured, image);
            let needed = target_facts.libraries.iter();
            let answers = libraries::answers(
                &environment,
                root,
                self.scope,
                &request.target,
                &facts.rustc.host,
                needed.map(|library| library.needed.clone()).collect(),
            );
            let is_missing = |library: &SystemLibrary| library.effect() != Effect::None;
            if answers.iter().any(is_missing) {
                facts.installer = Installer::from_os_release(tools::os_release(host).as_deref());
            }
            facts.of_mut(&request.target).libraries = answers;
        }
    }

    /// Probes the host's own C compiler where build scripts or proc macros contain C.
    fn host_facts(&self, c_packages: Vec<CPackage>) -> HostFacts {
        if c_packages.is_empty() {
            return HostFacts::default();
        }
        let (host, project, config) = (self.host, self.project, self.config);
        let root = &project.workspace.root;
        let triple = project.rustc.host.as_str();
        let named = Target::of_triple(triple).and_then(|own| {
            let row = ENV_VARS.iter().find(|row| row.role == "CC")?;
            row.accepted(&own, triple)
                .into_iter()
                .find_map(|name| variable(host, config, name))
        });
        let words = named.map(|setting| self.words(&setting.value));
        let (name, arguments) = words.map_or_else(
            || ("cc".to_owned(), Vec::new()),
            |words| (words.program, words.args),
        );
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
            runner: Some(Vec::new()),
            path_first: None,
            apart: None,
        };
        HostFacts {
            report: Some(probe::run::report(host, &asked)),
            compiler,
            arguments,
            c_packages,
        }
    }
}
