//! Asks cargo for the resolved graph, and caches the answer until one of its inputs changes.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::Metadata;
use rayon::prelude::*;

use crate::digest;
use crate::host::cache;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::problem::Result;
use crate::project::c_package::{self, CPackage};
use crate::project::cargo_tree::{self, TreeEdge};
use crate::project::cautions;
use crate::project::graph::{self, GraphFacts, PlatformFacts};
use crate::project::look::apple_libraries;
use crate::project::look::context::{CargoOptions, ProjectContext, parse_metadata};
use crate::project::package_graph::SourcePackage;
use crate::project::profile::Profiles;
use crate::project::request::TargetRequest;
use crate::project::selection_flags::Selection;
use crate::project::system_libraries::LinkingPackage;
use crate::project::workspace::cache_dir;

/// The platforms and the configuration to resolve the graph for.
pub struct GraphQuery<'a> {
    /// Platforms of the run's targets.
    pub platforms: Vec<&'a PlatformFacts>,
    /// Platform of the host, which build-dependencies are compiled for.
    pub own: &'a PlatformFacts,
    /// Digest of cargo's configuration.
    pub configuration: &'a str,
}

/// Returns the packages that compile C, and the tools that the graph calls. To resolve the graph
/// takes cargo longer than all other queries together, so the answer is cached under the digest of
/// all inputs.
pub fn ask(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    scope: &Scope,
    resolving: &GraphQuery,
) -> Result<GraphFacts> {
    let GraphQuery { platforms, own, .. } = resolving;
    let triples: BTreeSet<String> = platforms
        .iter()
        .copied()
        .chain([*own])
        .map(|facts| facts.triple.clone())
        .collect();
    let question = asking
        .cargo(&found.workspace.root)
        .options("--filter-platform", &triples)
        .options("--features", &features(scope, None))
        .flag("--all-features", scope.selection.all_features)
        .flag("--no-default-features", scope.selection.no_default_features);
    let directory = cache_dir(&found.workspace);
    let cache_path = |key: String| directory.join(format!("graph-{key}.json"));
    if let Some(answer) = graph_key(host, found, scope, resolving, &question)
        .and_then(|key| cache::read(host, Some(&cache_path(key))))
    {
        return Ok(answer);
    }
    let metadata = resolved_graph(host, &question)?;
    let roots = || scope.roots.iter().map(String::as_str);
    let wanted: Vec<&str> = platforms
        .iter()
        .map(|facts| facts.triple.as_str())
        .collect();
    let mut answer = GraphFacts {
        host_c_packages: graph::host_c_packages(&metadata, roots(), own),
        wants: graph::required_tools(&metadata, roots(), &wanted),
        ..GraphFacts::default()
    };
    for platform in platforms {
        if graph::links_on_host(&metadata, roots(), platform, own) {
            answer.links_on_host.insert(platform.triple.clone());
        }
        let mut packages = graph::c_packages(&metadata, roots(), platform, own);
        confirm(host, found, asking, scope, &platform.triple, &mut packages);
        for package in &mut packages {
            let cxx =
                graph::build_scripts(&metadata, package).any(|script| compiles_cxx(host, &script));
            package.cxx = cxx;
        }
        answer.c_packages.insert(platform.triple.clone(), packages);
        let linking = graph::linking_packages(&metadata, roots(), platform, own);
        let linking = as_built(host, found, asking, scope, &platform.triple, linking);
        let libraries = linking.iter().flat_map(LinkingPackage::libraries).collect();
        let cautions = linking.iter().flat_map(cautions::of).collect();
        answer.libraries.insert(platform.triple.clone(), libraries);
        answer.cautions.insert(platform.triple.clone(), cautions);
        if platform.is_apple() {
            let packages = graph::source_packages(&metadata, roots(), platform);
            let packages = sources_as_built(host, found, asking, scope, &platform.triple, packages);
            let libraries = packages
                .par_iter()
                .flat_map_iter(|package| apple_libraries::libraries(host, package, &platform.cfg));
            let triple = platform.triple.clone();
            answer.apple_libraries.insert(triple, libraries.collect());
        }
        if scope.auditable {
            let built = built(host, found, asking, scope, &platform.triple);
            let packages = graph::package_graph(&metadata, roots(), platform, own, built.as_ref());
            answer.packages.insert(platform.triple.clone(), packages);
        }
    }
    // The query may have written Cargo.lock, so the key is computed again. A failure to write the
    // cache is ignored: the next run asks again.
    if let Some(key) =
        graph_key(host, found, scope, resolving, &question).filter(|_| graph::is_closed(&metadata))
    {
        let _ = host.create_target_dir(&found.workspace.target_dir);
        cache::keep(host, Some(&cache_path(key)), &answer);
    }
    Ok(answer)
}

/// Returns the features of a run, with those that the configuration adds for one target, or for all
/// targets if `triple` is `None`.
fn features(scope: &Scope, triple: Option<&str>) -> Vec<String> {
    let requests = scope
        .requests
        .iter()
        .filter(|request| triple.is_none_or(|triple| request.target.triple() == triple));
    scope
        .selection
        .features
        .iter()
        .chain(requests.flat_map(|request| &request.overrides.features))
        .cloned()
        .collect()
}

/// Removes the packages that are not built for the target. `cargo metadata` unifies features over
/// all members and all kinds of edges, so it may list C that is never compiled; `cargo tree`
/// resolves features as a build does.
fn confirm(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    scope: &Scope,
    triple: &str,
    packages: &mut Vec<CPackage>,
) {
    let builders: BTreeSet<String> = packages
        .iter()
        .map(|package| package.builder.clone())
        .collect();
    for builder in builders {
        let question = tree(found, asking, scope, triple, "none").args([
            "--edges",
            "normal,build",
            "--invert",
            &builder,
            "--depth",
            "1",
            "--no-dedupe",
        ]);
        // If `cargo tree` fails (two versions of the builder, say), the answer of the graph is
        // kept.
        let Some(output) = host.capture(&question).ok() else {
            continue;
        };
        let absent = output.stderr.contains("did not match any packages")
            || output.stderr.contains("nothing to print");
        if output.success() || absent {
            let dependents = cargo_tree::dependents(&output.stdout);
            packages.retain(|package| {
                package.builder != builder
                    || dependents.contains(&format!("{} {}", package.package, package.version))
            });
        }
    }
}

/// Returns the query for the tree of a target, without its edges.
fn tree(
    found: &ProjectContext,
    asking: &CargoOptions,
    scope: &Scope,
    triple: &str,
    prefix: &str,
) -> Invocation {
    Invocation::new(&asking.program, &found.workspace.root)
        .args(["tree", "--target", triple, "--prefix", prefix])
        .options("--package", scope.packages)
        .options("--features", &features(scope, Some(triple)))
        .flag("--all-features", scope.selection.all_features)
        .flag("--no-default-features", scope.selection.no_default_features)
        .flag("--locked", asking.locked)
        .flag("--offline", asking.offline)
        .flag("--frozen", asking.frozen)
        .options("--config", &asking.config)
}

/// Returns those of the packages that are built for the target, with the features that they are
/// built with. If `cargo tree` fails, the answer of the graph is kept.
fn as_built(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    scope: &Scope,
    triple: &str,
    mut packages: Vec<LinkingPackage>,
) -> Vec<LinkingPackage> {
    if packages.is_empty() {
        return packages;
    }
    let Some(mut built) = features_as_built(host, found, asking, scope, triple) else {
        return packages;
    };
    packages.retain_mut(|package| {
        match built.remove(&format!("{} {}", package.name, package.version)) {
            Some(features) => package.features = features,
            None => return false,
        }
        true
    });
    packages
}

/// Returns the features of each package that is built for the target, by `name version`; `None` if
/// `cargo tree` fails.
fn features_as_built(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    scope: &Scope,
    triple: &str,
) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let question = tree(found, asking, scope, triple, "none").args([
        "--edges",
        "normal,no-proc-macro",
        "--format",
        "{p}\t{f}",
    ]);
    let output = host.capture(&question).ok().filter(Output::success)?;
    Some(cargo_tree::features(&output.stdout))
}

/// Returns those of the packages that are built for the target, as [`as_built`] does.
fn sources_as_built(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    scope: &Scope,
    triple: &str,
    mut packages: Vec<SourcePackage>,
) -> Vec<SourcePackage> {
    let Some(mut built) = features_as_built(host, found, asking, scope, triple) else {
        return packages;
    };
    packages.retain_mut(|package| {
        let features = built.remove(&format!("{} {}", package.name, package.version));
        package.features = features.clone().unwrap_or_default();
        features.is_some()
    });
    packages
}

/// Returns which packages are compiled with which for a target. If `cargo tree` fails, the answer of
/// the graph is kept.
fn built(
    host: &Host,
    found: &ProjectContext,
    asking: &CargoOptions,
    scope: &Scope,
    triple: &str,
) -> Option<BTreeSet<TreeEdge>> {
    let question = tree(found, asking, scope, triple, "indent").args([
        "--edges",
        "normal,build",
        "--charset",
        "ascii",
        "--format",
        "{p}\t{f}",
    ]);
    let output = host.capture(&question).ok().filter(Output::success)?;
    cargo_tree::edges(&output.stdout)
}

/// Returns true if a build script or one of its modules shows that it compiles C++.
fn compiles_cxx(host: &Host, script: &Utf8Path) -> bool {
    build_files(host, script)
        .into_iter()
        .filter_map(|file| host.read_text(&file).ok())
        .any(|text| c_package::mentions_cxx(&text))
}

/// Returns a build script and its modules, sorted.
fn build_files(host: &Host, script: &Utf8Path) -> Vec<Utf8PathBuf> {
    let directory = script.parent().unwrap_or(Utf8Path::new("/"));
    let stem = script.file_stem().unwrap_or_default();
    // The modules of `builder/main.rs` are in the same directory, those of `build.rs` in `build/`.
    let modules = if stem == "main" {
        directory.to_owned()
    } else {
        directory.join(stem)
    };
    let names = host
        .names(&modules)
        .into_iter()
        .filter(|name| name.ends_with(".rs"))
        .map(|name| modules.join(name));
    [script.to_owned()]
        .into_iter()
        .chain(names)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Returns a digest of all inputs of the resolved graph: the query, the compiler, the platforms,
/// cargo's configuration, Cargo.lock, every member's manifest and build script. `None` if a file
/// cannot be read.
fn graph_key(
    host: &Host,
    found: &ProjectContext,
    scope: &Scope,
    resolving: &GraphQuery,
    question: &Invocation,
) -> Option<String> {
    let root = found.workspace.root.join("Cargo.toml");
    let manifests = found
        .workspace
        .members
        .iter()
        .map(|member| &member.manifest);
    let platforms = resolving.platforms.iter().copied().chain([resolving.own]);
    let platforms: Vec<_> = platforms.map(|facts| (&facts.triple, &facts.cfg)).collect();
    let version = env!("CARGO_PKG_VERSION");
    let added: Vec<_> = scope
        .requests
        .iter()
        .map(|request| (request.target.triple(), &request.overrides.features))
        .collect();
    let mut text = format!(
        "{version}\n{question}\n{:?}\n{:?}\n{platforms:?}\n{}\n{added:?}\n{}\n",
        found.rustc, scope.roots, resolving.configuration, scope.auditable
    );
    for path in [&found.workspace.root.join("Cargo.lock"), &root]
        .into_iter()
        .chain(manifests)
    {
        text.push_str(&host.hash(path).ok()?.0);
    }
    // The build script of a member decides if it compiles C++; those of other packages never
    // change.
    for file in found
        .workspace
        .members
        .iter()
        .filter_map(|member| member.build_script.as_ref())
        .flat_map(|script| build_files(host, script))
    {
        text.push_str(&host.hash(&file).ok()?.0);
    }
    // So do its sources, if they may link what only Apple's SDK has.
    let apple = resolving
        .platforms
        .iter()
        .any(|platform| platform.is_apple());
    let members = found.workspace.members.iter().filter(|_| apple);
    for directory in members.filter_map(|member| Some(member.manifest.parent()?.join("src"))) {
        for name in host.walk(&directory).unwrap_or_default().keys() {
            if name.ends_with(".rs") {
                text.push_str(&host.hash(&directory.join(name)).ok()?.0);
            }
        }
    }
    Some(digest::sha256(text.as_bytes()).chars().take(32).collect())
}

/// Resolves the graph for all targets at once; each edge still has its platform.
fn resolved_graph(host: &Host, question: &Invocation) -> Result<Metadata> {
    // cargo's status lines are indented; its warnings are left out because `cargo build` repeats
    // them.
    let working = host.shell.working("Resolving", "the dependency graph");
    let output = host.capture_talking(question, |line| {
        if line.starts_with(' ') {
            working.above(|| host.shell.pass_on(line));
        }
    })?;
    parse_metadata(question, &output)
}

/// The part of a run's settings that queries depend on.
pub struct Scope<'a> {
    /// Requested targets.
    pub requests: &'a [TargetRequest],
    /// Selected packages, bins and features.
    pub selection: &'a Selection,
    /// Names of the packages to pass to cargo.
    pub packages: &'a [String],
    /// Package IDs of the bins.
    pub roots: &'a [String],
    /// True if the packages of the bins are listed.
    pub auditable: bool,
    /// Name of cargo's profile.
    pub profile: &'a str,
    /// Definitions of all profiles.
    pub profiles: &'a Profiles,
    /// Digest of cargo's configuration.
    pub configuration: &'a str,
    /// cargo's configuration files, that of the highest precedence first.
    pub cargo_files: &'a [(Utf8PathBuf, toml::Table)],
    /// True if cargo compiles the standard library (`build-std`).
    pub builds_std: bool,
    /// Build scripts that cargo's configuration replaces: triple and `links`.
    pub replaced_scripts: &'a BTreeSet<(String, String)>,
}
