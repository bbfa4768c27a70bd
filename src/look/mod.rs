//! Asks cargo, rustc, PATH, compilers and git for facts, side by side where they do not depend on
//! each other.
//!
//! It asks only what `toolchain::wanted` names, and decides nothing: answers become [`Facts`] and
//! [`Workspace`].

mod candidates;
pub mod compilers;
pub mod configuration;
pub mod cross_toml;
mod graph;
pub mod images;
mod kept;
pub mod local;
pub mod machine;
mod outside;
pub mod zig;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, MetadataCommand};

pub use self::candidates::write_tools;
use self::compilers::{LIMIT, ProbeTarget};
use self::configuration::{cargo_settings, configured_variables, variable};
use self::graph::GraphQuery;
use crate::config::{ConfigFile, ConfigFiles};
use crate::facts::{
    CPackage, ClangFinds, Facts, HostFacts, ImageFacts, Program, Rustc, Source, Std, TargetFacts,
    Zig, ZigTools,
};
use crate::graph::PlatformFacts;
use crate::host::{self, Host};
use crate::inspect;
use crate::invocation::Invocation;
use crate::leaks;
use crate::needs::Installer;
use crate::problem::{Code, Failure, Problem, Result};
use crate::profile::{ProfilePackage, Profiles, Side};
use crate::target::{Arch, Libc, Os, Target};
use crate::toolchain::{self, TargetRequest};
use crate::workspace::{Selection, Workspace};

/// The workspace, and the files that may configure xpkg.
pub struct ProjectContext {
    pub workspace: Workspace,
    pub sources: ConfigFiles,
    pub rustc: Rustc,
    /// The compiler as it is called.
    pub rustc_program: String,
    /// Every triple that rustc knows.
    pub triples: Vec<String>,
    /// The host's own platform, which build-dependencies are for.
    pub own: PlatformFacts,
}

/// Flags that every question to cargo carries.
#[derive(Clone)]
pub struct CargoOptions {
    /// `cargo`, or the very cargo that started us.
    pub program: String,
    pub locked: bool,
    pub offline: bool,
    pub frozen: bool,
    pub config: Vec<String>,
    /// `--target-dir`: `cargo metadata` has no such flag, but asks rustc again and again without
    /// its cache there.
    pub target_dir: Option<Utf8PathBuf>,
}

impl CargoOptions {
    /// `cargo metadata`, which runs nothing of the workspace's: so the variable does no harm here,
    /// and no flag beats it.
    fn cargo(&self, cwd: &Utf8Path) -> Invocation {
        let question = Invocation::new(&self.program, cwd)
            .args(["metadata", "--format-version", "1"])
            .flag("--locked", self.locked)
            .flag("--offline", self.offline)
            .flag("--frozen", self.frozen)
            .options("--config", &self.config);
        match &self.target_dir {
            Some(dir) => question.env("CARGO_TARGET_DIR", dir.as_str()),
            None => question,
        }
    }
}

/// Reads the workspace that `manifest_path`, or the current directory, lies in.
pub fn workspace(
    host: &Host,
    asking: &CargoOptions,
    manifest_path: Option<&Utf8Path>,
) -> Result<ProjectContext, Failure> {
    let start = match manifest_path.and_then(Utf8Path::parent) {
        Some(parent) if host.is_dir(parent) => parent.to_owned(),
        _ => host.cwd().to_owned(),
    };
    let rustc_program = host.var("RUSTC").unwrap_or("rustc");
    let manifest = manifest_path.map(ToString::to_string);
    let question = asking
        .cargo(&start)
        .arg("--no-deps")
        .options("--manifest-path", manifest.iter());
    let (metadata, compiler) = thread::scope(|scope| {
        let compiler = scope.spawn(|| rustc(host, rustc_program, &start));
        let metadata = host
            .capture(&question)
            .and_then(|output| parse_metadata(&question, &output));
        (metadata, compiler.join().expect("asking does not panic"))
    });
    let (mut metadata, mut compiler) = (metadata?, compiler);
    if metadata.workspace_root != start {
        // From inside a member cargo takes that member for the default, and another pin may hold:
        // the root's counts.
        let root = metadata.workspace_root.clone();
        let question = asking.cargo(&root).arg("--no-deps");
        metadata = host
            .capture(&question)
            .and_then(|output| parse_metadata(&question, &output))?;
        compiler = rustc(host, rustc_program, &root);
    }
    let (rustc, triples, own) = compiler?;
    // Past rustup's proxy, which has made its choice by now and would cost every further question
    // its time again.
    let direct = rustc
        .sysroot
        .join("bin")
        .join(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    let rustc_program = if rustc.rustup.is_some() && host.is_file(&direct) {
        direct.into_string()
    } else {
        rustc_program.to_owned()
    };
    let workspace = Workspace::new(&metadata);
    let sources = config_sources(host, &workspace, &metadata)?;
    Ok(ProjectContext {
        workspace,
        sources,
        rustc,
        rustc_program,
        triples,
        own,
    })
}

/// Asks again where cargo's configuration names another compiler than the one on PATH.
pub fn configured_rustc(
    host: &Host,
    found: &mut ProjectContext,
    config: &cargo_config2::Config,
) -> Result<()> {
    let Some(program) = config
        .build
        .rustc
        .as_ref()
        .and_then(|path| path.to_str())
        .filter(|program| *program != found.rustc_program)
    else {
        return Ok(());
    };
    found.rustc_program = program.to_owned();
    (found.rustc, found.triples, found.own) = rustc(host, program, &found.workspace.root)?;
    Ok(())
}

fn parse_metadata(question: &Invocation, output: &host::Output) -> Result<Metadata> {
    if !output.success() {
        return Err(toolchain_problem(&output.stderr).unwrap_or_else(|| {
            let words = cargo_words(&output.stderr);
            let problem =
                Problem::new(Code::WorkspaceUnreadable, "cargo cannot read the workspace")
                    .cause(&words);
            if words.contains("could not find `Cargo.toml`") {
                problem.help("run xpkg inside a workspace, or name one with `--manifest-path`")
            } else {
                problem.help(format!("cargo says the same: `{question}`"))
            }
        }));
    }
    let text = output
        .stdout
        .lines()
        .find(|line| line.starts_with('{'))
        .unwrap_or_default();
    MetadataCommand::parse(text).map_err(|error| {
        Problem::new(
            Code::WorkspaceUnreadable,
            format!("cannot read what cargo says of the workspace: {error}"),
        )
        .note("command", [question.to_string()])
    })
}

/// What cargo said, without its own `error: ` in front.
fn cargo_words(stderr: &str) -> String {
    let errors: Vec<&str> = stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .collect();
    let words = if errors.is_empty() {
        stderr.to_owned()
    } else {
        errors.join("\n")
    };
    words.trim_start_matches("error: ").to_owned()
}

/// rustup's refusal of a toolchain that is pinned but not installed.
fn toolchain_problem(stderr: &str) -> Option<Problem> {
    let line = stderr
        .lines()
        .find(|line| line.contains("toolchain '") && line.contains("is not installed"))?;
    let name = line.split('\'').nth(1)?;
    Some(
        Problem::new(
            Code::ToolchainNotInstalled,
            format!("the workspace pins the toolchain `{name}`, which is not installed"),
        )
        .help(format!(
            "run `rustup toolchain install {name}`, or change the pin in its `rust-toolchain.toml`"
        )),
    )
}

/// The compiler of a directory: what it is, and its targets.
pub fn rustc(
    host: &Host,
    program: &str,
    directory: &Utf8Path,
) -> Result<(Rustc, Vec<String>, PlatformFacts)> {
    let version = Invocation::new(program, directory).arg("-vV");
    let lists = Invocation::new(program, directory).args([
        "--print",
        "sysroot",
        "--print",
        "target-list",
        "--print",
        "cfg",
    ]);
    let (version, lists) = thread::scope(|scope| {
        let lists = scope.spawn(|| answer(host, &lists));
        (
            answer(host, &version),
            lists.join().expect("asking does not panic"),
        )
    });
    let (version, lists) = (version?, lists?);
    let field = |name: &str| {
        version
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    let mut lines = lists.lines();
    let sysroot = Utf8PathBuf::from(lines.next().unwrap_or_default());
    // Every triple has a dash, and what `cfg` begins with has none.
    let (triples, cfg): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.contains('-') && !line.contains('='));
    let triples = triples.into_iter().map(str::to_owned).collect();
    let triple = field("host:").unwrap_or_default();
    let managed = sysroot.parent().and_then(Utf8Path::file_name) == Some("toolchains")
        && host.find("rustup").is_some();
    let rustc = Rustc {
        release: field("release:").unwrap_or_default(),
        commit_hash: field("commit-hash:").filter(|hash| hash != "unknown"),
        sysroot: sysroot.clone(),
        rustup: sysroot.file_name().filter(|_| managed).map(str::to_owned),
        lld: host.is_file(
            &sysroot
                .join("lib/rustlib")
                .join(&triple)
                .join("bin")
                .join(format!("rust-lld{}", std::env::consts::EXE_SUFFIX)),
        ),
        host: triple,
    };
    let own = PlatformFacts::new(&rustc.host, cfg);
    Ok((rustc, triples, own))
}

/// The stdout of a program that must answer.
fn answer(host: &Host, question: &Invocation) -> Result<String> {
    let output = host.capture(question)?;
    if output.success() {
        return Ok(output.stdout);
    }
    Err(toolchain_problem(&output.stderr).unwrap_or_else(|| {
        Problem::new(
            Code::ProcessFailed,
            format!("`{}` did not answer", question.program),
        )
        .note("command", [question.to_string()])
        .cause(&output.stderr)
    }))
}

fn config_sources(host: &Host, workspace: &Workspace, metadata: &Metadata) -> Result<ConfigFiles> {
    let read = |path: Utf8PathBuf| host.read_text(&path).map(|text| ConfigFile { path, text });
    let root_manifest = workspace.root.join("Cargo.toml");
    let root_member = workspace.root_member();
    let in_workspace = metadata.workspace_metadata.get("xpkg").is_some();
    let in_package = root_member.is_some_and(|member| member.configured);
    let own = workspace.root.join("xpkg.toml");
    let mut members = Vec::new();
    for member in workspace
        .members
        .iter()
        .filter(|member| member.configured && member.manifest != root_manifest)
    {
        members.push((member.name.clone(), read(member.manifest.clone())?));
    }
    Ok(ConfigFiles {
        root: if in_workspace || in_package {
            Some(read(root_manifest)?)
        } else {
            None
        },
        own: if host.exists(&own) {
            Some(read(own)?)
        } else {
            None
        },
        members,
        root_package: root_member.map(|member| member.name.clone()),
        lone: workspace.members.len() == 1 && root_member.is_some(),
    })
}

/// What is to be built, as far as looking needs to know.
pub struct Scope<'a> {
    pub requests: &'a [TargetRequest],
    pub selection: &'a Selection,
    /// Names of the packages handed to cargo.
    pub packages: &'a [String],
    /// Package ids of the bins.
    pub roots: &'a [String],
    pub profile: &'a str,
    pub profiles: &'a Profiles,
    /// A digest of cargo's configuration.
    pub configuration: &'a str,
}

/// All that deciding needs of these targets. `talk` hears what cargo says while it fetches.
pub fn facts(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    config: &cargo_config2::Config,
    scope: &Scope,
    images: &images::ImageStore,
    talk: impl FnMut(&str) + Send,
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
            &request.own.rustflags,
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
            .any(|request| toolchain::wants_zig(request, &found.rustc.host));
        let zig = threads.spawn(move || if wanted { zig::find(host) } else { Ok(None) });
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
            .flat_map(|request| toolchain::wanted(&request.target, &found.rustc.host));
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
                    own: &found.own,
                    configuration: scope.configuration,
                },
                talk,
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
            .map(|request| toolchain::clang_question(request, &found.rustc.host, &programs));
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
    facts.watched = leaks::WATCHED
        .iter()
        .filter_map(|name| {
            Some((
                (*name).to_owned(),
                variable(host, config, (*name).to_owned())?,
            ))
        })
        .collect();
    facts.tools = machine::foreign_tools(host, &facts.wants, &configured);
    if !facts.tools.is_empty() {
        facts.installer = Installer::of(machine::os_release(host).as_deref());
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
    images: &images::ImageStore,
    scope: &Scope,
    configured: &[(String, String)],
    arguments: &[String],
    facts: &Facts,
) -> Vec<(String, Result<ImageFacts>)> {
    let wanted: Vec<_> = scope
        .requests
        .iter()
        .filter(|request| toolchain::wants_image(request))
        .filter_map(|request| Some((request, request.image.as_ref()?)))
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mounted = images::mounted(host, found, arguments);
    let levels = levels(&facts.host.c_packages);
    let probing = images::ProbeOptions {
        rustflags: &[],
        configured,
        starter: None,
    };
    wanted
        .into_iter()
        .map(|(request, wanted)| {
            let image = mounted.clone().and_then(|mounted| {
                images::of_request(images, request, wanted, &mounted, &levels, &probing)
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
        let zig = zig.filter(|_| toolchain::wants_zig(request, &found.rustc.host))?;
        let rustflags = targets
            .get(request.target.triple())
            .map(|here| here.rustflags.as_slice())
            .unwrap_or_default();
        Some(zig::tools(host, found, zig, &request.target, rustflags))
    });
    asked.collect()
}

/// The profiles with what the configuration says of one target: it comes as an argument, after
/// those that were typed.
fn own_profiles(scope: &Scope, request: &TargetRequest) -> Profiles {
    let mut profiles = scope.profiles.clone();
    let profile = toml::Table::from_iter([(
        scope.profile.to_owned(),
        toml::Value::Table(request.own.profile.clone()),
    )]);
    profiles.arguments.push(profile);
    profiles
}

/// The packages, each with the levels at which this run has its C compiled.
fn leveled(
    found: &ProjectContext,
    scope: &Scope,
    profiles: &Profiles,
    packages: Vec<CPackage>,
    side: Side,
) -> Vec<CPackage> {
    let members = &found.workspace.members;
    let level = |package: CPackage| {
        let member = members
            .iter()
            .any(|member| member.name == package.package && member.version == package.version);
        let named = ProfilePackage {
            name: &package.package,
            version: &package.version,
            member,
        };
        CPackage {
            levels: profiles.levels(scope.profile, named, side),
            ..package
        }
    };
    packages.into_iter().map(level).collect()
}

/// All levels of these packages, the lowest first.
fn levels(packages: &[CPackage]) -> Vec<String> {
    packages
        .iter()
        .flat_map(|package| &package.levels)
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
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
        let row = toolchain::environment::ENV_VARS
            .iter()
            .find(|row| row.role == "CC")?;
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
        report: Some(compilers::report(host, &asked)),
        c_packages,
    }
}

/// What starts a program of the target here: nothing, or an emulator; `None` where nothing can.
pub fn starter(host: &Host, target: &Target, host_triple: &str) -> Option<Vec<String>> {
    if target.system.os != Os::Linux {
        return None;
    }
    if target.same_arch(host_triple) {
        return Some(Vec::new());
    }
    emulator(host, target.arch).map(|name| vec![name])
}

/// qemu's user emulation of a processor, as it is on PATH.
pub fn emulator(host: &Host, arch: &Arch) -> Option<String> {
    let names = [
        format!("qemu-{}-static", arch.qemu()),
        format!("qemu-{}", arch.qemu()),
    ];
    names.into_iter().find(|name| host.find(name).is_some())
}

/// The first word of a variable that names a program and its arguments.
fn first_word(value: &str) -> String {
    value
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn joined<T>(asked: thread::ScopedJoinHandle<T>) -> T {
    asked.join().expect("asking does not panic")
}

pub struct Platform {
    std: Std,
    self_contained: bool,
    compilers: Vec<String>,
    facts: PlatformFacts,
}

/// The target's standard library, whether it brings its C library, and its `cfg`.
fn platform(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    target: &Target,
    here: Option<&TargetFacts>,
) -> Result<Platform> {
    // A `--cfg` in the rustflags decides which dependencies there are.
    let flags = here
        .into_iter()
        .flat_map(|here| here.rustflags.iter().cloned());
    let question = Invocation::new(&found.rustc_program, &found.workspace.root)
        .args([
            "--print",
            "target-libdir",
            "--print",
            "cfg",
            "--target",
            target.triple(),
        ])
        .args(flags);
    let text = kept_answer(host, found, &question)?;
    let mut lines = text.lines();
    let libdir = Utf8PathBuf::from(lines.next().unwrap_or_default());
    let facts = PlatformFacts::new(target.triple(), lines);
    // What rustup brings for musl brings musl.
    let brings = target.system.libc == Libc::Musl;
    let (std, self_contained) = if has_core(host, &libdir) {
        (
            Std::Present,
            host.is_file(&libdir.join("self-contained/crt1.o")),
        )
    } else if found.rustc.rustup.is_some() && !asking.offline && !asking.frozen {
        (Std::Installable, brings)
    } else {
        (Std::Missing, brings)
    };
    let compilers = host
        .read(&libdir.join("self-contained/crt1.o"))
        .map(|bytes| inspect::comments(&bytes))
        .unwrap_or_default();
    Ok(Platform {
        std,
        self_contained,
        compilers,
        facts,
    })
}

/// What rustc answers is kept as long as it is that rustc, called so: it takes longer to start than
/// all that it says is worth.
fn kept_answer(host: &Host, found: &ProjectContext, question: &Invocation) -> Result<String> {
    // A script may be another compiler tomorrow, and so may a file of arguments and this machine's
    // own processor.
    let elsewhere = question
        .args
        .iter()
        .any(|word| word.starts_with('@') || word.contains("native"));
    let itself = |path: &Utf8PathBuf| {
        !host.is_script(path)
            && host
                .real_name(path)
                .is_some_and(|name| name == "rustc" || name == "rustup")
    };
    let own = found.rustc.sysroot.join("bin/rustc");
    let identity = host
        .find(&question.program)
        .filter(itself)
        .filter(|_| !elsewhere)
        .and_then(|_| host.identity(&own));
    // What is unstable is told where this is set.
    let more = host.var("RUSTC_BOOTSTRAP").unwrap_or_default();
    let key = identity
        .map(|identity| format!("{identity}\n{:?}\n{:?}\n{more}", found.rustc, question.args));
    let kept = key.and_then(|key| kept::place(host, "rustc", &key));
    if let Some(text) = kept::read(host, kept.as_deref()).filter(|text: &String| !text.is_empty()) {
        return Ok(text);
    }
    let text = answer(host, question)?;
    kept::keep(host, kept.as_deref(), &text);
    Ok(text)
}

fn has_core(host: &Host, libdir: &Utf8Path) -> bool {
    host.is_dir(libdir)
        && host
            .walk(libdir)
            .is_ok_and(|found| found.keys().any(|name| name.starts_with("libcore-")))
}

/// A program on PATH; a compiler or a linker also says what it is. What a compiler of its own name
/// says is kept by its identity: a script or a `ccache` stands for another that may change.
pub fn program(host: &Host, root: &Utf8Path, path: Utf8PathBuf, name: String) -> (String, Program) {
    if ["++", "ar", "ranlib"].iter().any(|end| name.ends_with(end)) {
        return (
            name.clone(),
            Program {
                program: name,
                path: Some(path),
                version: None,
                machine: None,
            },
        );
    }
    let itself = host
        .real_name(&path)
        .is_some_and(|name| toolchain::is_compiler_name(&name));
    let key = host
        .identity(&path)
        .filter(|_| itself && !host.is_script(&path))
        .map(|identity| format!("{name}\n{path}\n{identity}"));
    let kept = key.and_then(|key| kept::place(host, "programs", &key));
    if let Some(program) = kept::read(host, kept.as_deref()) {
        return (name, program);
    }
    let output = host
        .capture_bounded(
            &Invocation::new(&name, root).arg("-v").env("LC_ALL", "C"),
            LIMIT,
        )
        .ok();
    let said = output.map(|output| output.stderr).unwrap_or_default();
    let program = Program::said(&name, Some(path), &said);
    if program.machine.is_some() {
        kept::keep(host, kept.as_deref(), &program);
    }
    (name, program)
}

/// What clang finds with these arguments, kept as long as what it found is there: asking takes it
/// longer than most.
fn clang_finds(host: &Host, root: &Utf8Path, arguments: &[String]) -> Option<ClangFinds> {
    let path = host.find("clang")?;
    let kept = host
        .identity(&path)
        .and_then(|identity| kept::place(host, "programs", &format!("{arguments:?}\n{identity}")));
    let there = |finds: &ClangFinds| {
        host.is_file(Utf8Path::new(&finds.start_file)) && host.is_file(Utf8Path::new(&finds.linker))
    };
    if let Some(finds) = kept::read(host, kept.as_deref()).filter(there) {
        return Some(finds);
    }
    let ask = |what: &str| {
        let output = host
            .capture(
                &Invocation::new("clang", root)
                    .args(arguments.iter().cloned())
                    .arg(what),
            )
            .ok()?;
        output.success().then(|| output.stdout.trim().to_owned())
    };
    let start_file = ask("-print-file-name=crt1.o")?;
    // A name that it cannot find comes back as it is; then nothing else matters.
    if !start_file.starts_with('/') {
        return Some(ClangFinds {
            start_file,
            linker: String::new(),
            lld: false,
        });
    }
    let finds = ClangFinds {
        start_file,
        linker: ask("-print-prog-name=ld")?,
        lld: ask("-print-prog-name=ld.lld")?.starts_with('/'),
    };
    kept::keep(host, kept.as_deref(), &finds);
    Some(finds)
}

/// The commit of the checkout that the workspace lies in, passing over what xpkg and cargo write.
pub fn source(host: &Host, workspace: &Workspace, generated: &[&Utf8Path]) -> Source {
    let lock = workspace.root.join("Cargo.lock");
    let mut source = Source {
        repository: workspace.repository.clone(),
        cargo_lock_sha256: host
            .is_file(&lock)
            .then(|| host.hash(&lock).ok())
            .flatten()
            .map(|(digest, _)| digest),
        ..Source::default()
    };
    let git = |args: &[&str]| {
        let output = host
            .capture(&Invocation::new("git", &workspace.root).args(args.iter().copied()))
            .ok()?;
        output.success().then_some(output.stdout)
    };
    // What lies below the workspace needs no question where the checkout begins.
    let below = generated
        .iter()
        .all(|path| path.starts_with(&workspace.root));
    let top = if below {
        Some(workspace.root.to_string())
    } else {
        git(&["rev-parse", "--show-toplevel"])
    };
    let Some(top) = top else { return source };
    let top = Utf8Path::new(top.trim_end());
    let place = if below {
        "exclude,literal"
    } else {
        "top,exclude,literal"
    };
    let excludes = generated
        .iter()
        .filter_map(|path| path.strip_prefix(top).ok())
        .map(|path| format!(":({place}){path}"));
    let pathspec: Vec<String> = std::iter::once(":(top)".to_owned())
        .chain(excludes)
        .collect();
    let status = [
        "--no-optional-locks",
        "status",
        "--porcelain=v2",
        "--branch",
        "--",
    ]
    .into_iter()
    .chain(pathspec.iter().map(String::as_str))
    .collect::<Vec<_>>();
    if let Some(status) = git(&status) {
        source.commit = status
            .lines()
            .find_map(|line| line.strip_prefix("# branch.oid "))
            .filter(|commit| commit.len() >= 40)
            .map(str::to_owned);
        source.dirty = Some(status.lines().any(|line| !line.starts_with('#')));
    }
    source
}
