//! Detects the packages of the resolved graph that compile C *for one target*.
//!
//! Pure: the input is cargo's metadata. Only normal edges from the selected packages count:
//! dependencies of build scripts, proc macros and tests are compiled for the host.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr as _;

use cargo_metadata::semver::Version;
use cargo_metadata::{
    Dependency, DependencyKind, Metadata, Node, NodeDep, Package, PackageId, Target,
};
use cargo_platform::{Cfg, Platform};
use serde::{Deserialize, Serialize};

use crate::inspect::auditable::Source;
use crate::project::apple_libraries::AppleLibrary;
use crate::project::build_tools::{self, PROTOC, Present, RequiredTool, ToolScript};
use crate::project::c_package::{self, CPackage, Features};
use crate::project::cargo_tree::{TreeEdge, TreeUnit};
use crate::project::cautions::{self, CautionFound};
use crate::project::package_graph::{GraphPackage, PackageGraph, SourcePackage, Unit};
use crate::project::system_libraries::{LinkingPackage, NeededLibrary};

/// A platform, for the evaluation of cargo's `cfg(…)` tables.
pub struct PlatformFacts {
    /// Target triple.
    pub triple: String,
    /// Values that rustc sets for the triple.
    pub cfg: Vec<Cfg>,
}

impl PlatformFacts {
    /// Parses the lines of `rustc --print cfg`; lines that do not parse are ignored.
    pub fn new<'a>(triple: &str, lines: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            triple: triple.to_owned(),
            cfg: lines
                .into_iter()
                .filter_map(|line| Cfg::from_str(line).ok())
                .collect(),
        }
    }

    /// Returns true if rustc links the C library statically.
    pub fn is_crt_static(&self) -> bool {
        let is_crt_static = |cfg: &Cfg| matches!(cfg, Cfg::KeyPair(name, value) if *name == "target_feature" && value == "crt-static");
        self.cfg.iter().any(is_crt_static)
    }

    /// Returns true for a system of Apple's.
    pub fn is_apple(&self) -> bool {
        let is_apple = |cfg: &Cfg| matches!(cfg, Cfg::KeyPair(name, value) if *name == "target_vendor" && value == "apple");
        self.cfg.iter().any(is_apple)
    }

    /// Returns true if an edge with this `cfg(…)` or triple applies to the platform.
    fn has(&self, platform: Option<&Platform>) -> bool {
        platform.is_none_or(|platform| platform.matches(&self.triple, &self.cfg))
    }
}

/// Returns true if every package is a member or has a source. Then Cargo.lock and the members'
/// manifests determine the graph; the manifest of a path dependency outside the workspace could
/// change it.
pub fn is_closed(metadata: &Metadata) -> bool {
    let members: BTreeSet<&PackageId> = metadata.workspace_members.iter().collect();
    metadata
        .packages
        .iter()
        .all(|package| package.source.is_some() || members.contains(&package.id))
}

/// Returns the packages below `roots` (package IDs) that are compiled for `platform`.
fn target_packages<'a, 'b>(
    graph: &Graph<'a>,
    roots: impl IntoIterator<Item = &'b str>,
    platform: &PlatformFacts,
) -> Vec<(&'a Node, &'a Package)> {
    let mut open = graph.roots(roots);
    let mut seen: BTreeSet<&PackageId> = open.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        let Some((node, package)) = graph.at(id) else {
            continue;
        };
        found.push((node, package));
        // What is compiled for the host is left out, so its platform does not matter.
        for (to, on_host) in graph.compiled_with(node, false, platform, platform) {
            if !on_host && seen.insert(&to.id) {
                open.push(&to.id);
            }
        }
    }
    found
}

/// Returns the packages that bins of `roots` (package IDs) are compiled from, for `platform`.
/// Edges that are not in `built` are left out: `cargo metadata` unifies features over all members
/// and all kinds of edges. As in cargo, the `cfg(…)` of what a build script or a procedural
/// macro depends on applies to the host.
pub fn package_graph<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    platform: &PlatformFacts,
    host: &PlatformFacts,
    built: Option<&BTreeSet<TreeEdge>>,
) -> PackageGraph {
    type Key<'a> = (&'a str, &'a Version, Source, &'a PackageId);
    let graph = Graph::new(metadata);
    let unit = |package: &Package, on_host: bool| TreeUnit {
        package: format!("{} {}", package.name, package.version),
        on_host,
    };
    let roots = graph.roots(roots);
    let mut open: Vec<(&PackageId, bool)> = roots.iter().map(|id| (*id, false)).collect();
    let mut edges: BTreeMap<(&PackageId, bool), Vec<(&PackageId, bool)>> =
        open.iter().map(|unit| (*unit, Vec::new())).collect();
    let mut keys: BTreeMap<Key, (&PackageId, &Package)> = BTreeMap::new();
    while let Some((id, on_host)) = open.pop() {
        let Some((node, package)) = graph.at(id) else {
            continue;
        };
        let key = (package.name.as_str(), &package.version, source(package), id);
        keys.insert(key, (id, package));
        let is_built = |to: &Package, to_host: bool| {
            let edge = (unit(package, on_host), unit(to, to_host));
            built.is_none_or(|built| built.contains(&edge))
        };
        let dependencies: Vec<(&PackageId, bool)> = graph
            .compiled_with(node, on_host, platform, host)
            .filter(|(to, on_host)| is_built(to, *on_host))
            .map(|(to, on_host)| (&to.id, on_host))
            .collect();
        for unit in &dependencies {
            if !edges.contains_key(unit) {
                edges.insert(*unit, Vec::new());
                open.push(*unit);
            }
        }
        edges.insert((id, on_host), dependencies);
    }
    let packages: BTreeMap<&PackageId, usize> = keys
        .values()
        .enumerate()
        .map(|(index, (id, _))| (*id, index))
        .collect();
    edges.retain(|(id, _), _| packages.contains_key(id));
    let units: BTreeMap<(&PackageId, bool), usize> = edges
        .keys()
        .enumerate()
        .map(|(index, unit)| (*unit, index))
        .collect();
    let unit = |((id, on_host), dependencies): (&(&PackageId, bool), &Vec<(&PackageId, bool)>)| {
        let dependencies = dependencies.iter().filter_map(|to| units.get(to).copied());
        let dependencies: BTreeSet<usize> = dependencies.collect();
        Unit {
            package: packages[id],
            on_host: *on_host,
            dependencies: dependencies.into_iter().collect(),
        }
    };
    let root = |id: &&PackageId| {
        let (_, package) = graph.at(id)?;
        Some((package.name.to_string(), *units.get(&(*id, false))?))
    };
    PackageGraph {
        units: edges.iter().map(unit).collect(),
        roots: roots.iter().filter_map(root).collect(),
        packages: keys
            .into_iter()
            .map(|((name, version, source, _), _)| GraphPackage {
                name: name.to_owned(),
                version: version.to_string(),
                source,
            })
            .collect(),
    }
}

/// Returns the kind of the place that a package is from.
pub fn source(package: &Package) -> Source {
    let Some(source) = &package.source else {
        return Source::Local;
    };
    if source.is_crates_io() {
        return Source::Public;
    }
    match source.repr.split('+').next() {
        Some("git") => Source::Git,
        Some("path") => Source::Local,
        _ => Source::Registry,
    }
}

/// Returns true if a dependency has an edge of this kind that applies to the platform.
fn has_edge(dependency: &NodeDep, kind: DependencyKind, platform: &PlatformFacts) -> bool {
    dependency
        .dep_kinds
        .iter()
        .any(|edge| edge.kind == kind && platform.has(edge.target.as_ref()))
}

/// Returns true if a package compiles no C for the platform, whatever its build script depends on.
fn is_unused(graph: &Graph, node: &Node, package: &Package, platform: &PlatformFacts) -> bool {
    let is_public = package
        .source
        .as_ref()
        .is_some_and(cargo_metadata::Source::is_crates_io);
    is_public
        && c_package::is_unused(
            package.name.as_str(),
            &package.version,
            &graph.features(node, package),
            |only| platform.has(Some(only)),
        )
}

/// Returns the packages below `roots` (package IDs) that compile C for `platform`, sorted by name.
/// As in cargo, the `cfg(…)` of a build-dependency applies to the host.
pub fn c_packages<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    platform: &PlatformFacts,
    host: &PlatformFacts,
) -> Vec<CPackage> {
    let graph = Graph::new(metadata);
    let mut found = Vec::new();
    for (node, package) in target_packages(&graph, roots, platform) {
        if is_unused(&graph, node, package, platform) {
            continue;
        }
        let builders = graph.build_dependencies(node, host);
        for builder in builders.filter_map(c_package::builder) {
            found.push(CPackage {
                package: package.name.to_string(),
                version: package.version.to_string(),
                builder: builder.to_owned(),
                levels: Vec::new(),
                cxx: false,
            });
        }
    }
    found.sort_by(|a, b| {
        (&a.package, &a.version, &a.builder).cmp(&(&b.package, &b.version, &b.builder))
    });
    found
}

/// Returns the packages below `roots` (package IDs) that are compiled for `platform` and may link a
/// library of the system, sorted by name. Their features are those of all members together.
pub fn linking_packages<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    platform: &PlatformFacts,
    host: &PlatformFacts,
) -> Vec<LinkingPackage> {
    let graph = Graph::new(metadata);
    let with_script = |package: &Package| {
        package
            .targets
            .iter()
            .any(|target| target.is_custom_build())
    };
    let packages = target_packages(&graph, roots, platform).into_iter();
    let packages = packages.filter(|(_, package)| with_script(package));
    let mut found: Vec<LinkingPackage> = packages
        .map(|(node, package)| LinkingPackage {
            name: package.name.to_string(),
            version: package.version.to_string(),
            links: package.links.clone(),
            features: node.features.iter().map(ToString::to_string).collect(),
            known_features: package.features.keys().cloned().collect(),
            system_deps: package
                .metadata
                .get("system-deps")
                .and_then(serde_json::Value::as_object)
                .cloned(),
            build_dependencies: graph
                .build_dependencies(node, host)
                .map(str::to_owned)
                .collect(),
        })
        .filter(|package| package.is_worth() || !cautions::of(package).is_empty())
        .collect();
    found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    found
}

/// Returns the packages below `roots` (package IDs) that are compiled for `platform`, sorted by name.
/// Their features are those of all members together.
pub fn source_packages<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    platform: &PlatformFacts,
) -> Vec<SourcePackage> {
    let graph = Graph::new(metadata);
    let packages = target_packages(&graph, roots, platform).into_iter();
    let mut found: Vec<SourcePackage> = packages
        .map(|(node, package)| {
            let is_tool = |target: &Target| target.is_example() || target.is_bench();
            let is_built = |target: &&Target| {
                !target.is_custom_build() && !is_tool(target) && !target.is_test()
            };
            SourcePackage {
                name: package.name.to_string(),
                version: package.version.to_string(),
                features: node.features.iter().map(ToString::to_string).collect(),
                roots: package
                    .targets
                    .iter()
                    .filter(is_built)
                    .map(|target| target.src_path.clone())
                    .collect(),
            }
        })
        .collect();
    found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    found
}

/// Returns the build scripts of a package that compiles C.
pub fn build_scripts<'a>(
    metadata: &'a Metadata,
    c_package: &'a CPackage,
) -> impl Iterator<Item = camino::Utf8PathBuf> + 'a {
    let packages = metadata.packages.iter().filter(|package| {
        package.name.as_str() == c_package.package
            && package.version.to_string() == c_package.version
    });
    packages
        .flat_map(|package| &package.targets)
        .filter(|target| target.is_custom_build())
        .map(|target| target.src_path.clone())
}

/// Returns true if the build of `roots` (package IDs) for `platform` compiles programs or libraries for
/// the host, which a linker of the host links: build scripts, and proc macros.
pub fn links_on_host<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    platform: &PlatformFacts,
    host: &PlatformFacts,
) -> bool {
    let graph = Graph::new(metadata);
    let roots = graph.roots(roots);
    let mut open: Vec<(&PackageId, bool)> = roots.into_iter().map(|id| (id, false)).collect();
    let mut seen: BTreeSet<(&PackageId, bool)> = open.iter().copied().collect();
    while let Some((id, on_host)) = open.pop() {
        let Some((node, package)) = graph.at(id) else {
            continue;
        };
        let is_linked = |target: &Target| target.is_custom_build() || target.is_proc_macro();
        if package.targets.iter().any(is_linked) {
            return true;
        }
        let dependencies = graph.compiled_with(node, on_host, platform, host);
        open.extend(
            dependencies
                .map(|(to, on_host)| (&to.id, on_host))
                .filter(|unit| seen.insert(*unit)),
        );
    }
    false
}

/// Returns the packages that compile C for the host: dependencies of the graph's build scripts and
/// proc macros.
pub fn host_c_packages<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    host: &PlatformFacts,
) -> Vec<CPackage> {
    let graph = Graph::new(metadata);
    // Each package with true if it is compiled for the host; both may apply.
    let mut open: Vec<(&PackageId, bool)> = graph
        .roots(roots)
        .into_iter()
        .map(|id| (id, false))
        .collect();
    let mut seen: BTreeSet<(&PackageId, bool)> = open.iter().copied().collect();
    let mut found = BTreeSet::new();
    while let Some((id, on_host)) = open.pop() {
        let Some((node, package)) = graph.at(id) else {
            continue;
        };
        for dependency in &node.deps {
            let Some(to) = graph.packages.get(&dependency.pkg) else {
                continue;
            };
            let has = |kind: DependencyKind| {
                dependency
                    .dep_kinds
                    .iter()
                    .any(|edge| edge.kind == kind && host.has(edge.target.as_ref()))
            };
            let (normal, build) = (has(DependencyKind::Normal), has(DependencyKind::Build));
            if build
                && on_host
                && let Some(builder) = c_package::builder(to.name.as_str())
                && !is_unused(&graph, node, package, host)
            {
                found.insert((
                    package.name.to_string(),
                    package.version.to_string(),
                    builder.to_owned(),
                ));
            }
            let runs_on_host =
                on_host || build || to.targets.iter().any(|target| target.is_proc_macro());
            if (normal || build) && seen.insert((&dependency.pkg, runs_on_host)) {
                open.push((&dependency.pkg, runs_on_host));
            }
        }
    }
    found
        .into_iter()
        .map(|(package, version, builder)| CPackage {
            package,
            version,
            builder,
            levels: Vec::new(),
            cxx: false,
        })
        .collect()
}

/// Returns the tools that packages of the graph call when they are built for these triples.
pub fn required_tools<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    triples: &[&str],
) -> Vec<RequiredTool> {
    let graph = Graph::new(metadata);
    let mut open = graph.roots(roots);
    let mut seen: BTreeSet<&PackageId> = open.iter().copied().collect();
    let mut packages: BTreeMap<&str, Present> = BTreeMap::new();
    let mut scripts = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some((node, package)) = graph.at(id) else {
            continue;
        };
        scripts.extend(graph.protoc_script(node, package));
        let present = packages.entry(package.name.as_str()).or_default();
        present.version = package.version.to_string();
        let features = node.features.iter();
        present
            .features
            .extend(features.map(|feature| feature.to_string()));
        for dependency in &node.deps {
            let Some(to) = graph.packages.get(&dependency.pkg) else {
                continue;
            };
            if dependency
                .dep_kinds
                .iter()
                .any(|edge| edge.kind != DependencyKind::Development)
            {
                packages
                    .entry(to.name.as_str())
                    .or_default()
                    .dependents
                    .insert((package.name.to_string(), package.version.to_string()));
                if seen.insert(&dependency.pkg) {
                    open.push(&dependency.pkg);
                }
            }
        }
    }
    let mut required = build_tools::required_tools(&packages, triples);
    if let Some(protoc) = required.iter_mut().find(|tool| tool.tool == PROTOC) {
        protoc.scripts = scripts.into_iter().collect();
    }
    required
}

/// cargo's resolved graph, by package ID.
struct Graph<'a> {
    nodes: HashMap<&'a PackageId, &'a Node>,
    packages: HashMap<&'a PackageId, &'a Package>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Metadata) -> Self {
        let nodes = metadata
            .resolve
            .iter()
            .flat_map(|resolve| &resolve.nodes)
            .map(|node| (&node.id, node))
            .collect();
        Self {
            nodes,
            packages: metadata
                .packages
                .iter()
                .map(|package| (&package.id, package))
                .collect(),
        }
    }

    /// Returns the features of a package.
    fn features(&self, node: &Node, package: &Package) -> Features {
        let dependents = self.nodes.values().filter(|dependent| {
            let mut dependencies = dependent.deps.iter();
            dependencies.any(|dependency| dependency.pkg == package.id)
        });
        let declared: Vec<&Dependency> = dependents
            .filter_map(|dependent| self.packages.get(&dependent.id))
            .flat_map(|dependent| &dependent.dependencies)
            .filter(|dependency| dependency.name == *package.name)
            .collect();
        let any: BTreeSet<String> = node.features.iter().map(ToString::to_string).collect();
        let is_everywhere = |feature: &&String| {
            let mut all = declared.iter();
            !declared.is_empty() && all.all(|dependency| dependency.features.contains(feature))
        };
        Features {
            all: any.iter().filter(is_everywhere).cloned().collect(),
            any,
        }
    }

    /// Returns the nodes with these package IDs.
    fn roots<'b>(&self, ids: impl IntoIterator<Item = &'b str>) -> Vec<&'a PackageId> {
        let id = |repr: &str| PackageId {
            repr: repr.to_owned(),
        };
        ids.into_iter()
            .filter_map(|root| self.nodes.get_key_value(&id(root)))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Returns the build script of a package that calls protoc by way of a crate for that.
    fn protoc_script(&self, node: &Node, package: &Package) -> Option<ToolScript> {
        let is_caller = |dependency: &NodeDep| {
            let to = self.packages.get(&dependency.pkg);
            let mut kinds = dependency.dep_kinds.iter();
            kinds.any(|edge| edge.kind == DependencyKind::Build)
                && to.is_some_and(|to| build_tools::calls(PROTOC, to.name.as_str()))
        };
        let mut targets = package.targets.iter();
        let script = targets.find(|target| target.is_custom_build())?;
        node.deps.iter().any(is_caller).then(|| ToolScript {
            package: package.name.to_string(),
            version: package.version.to_string(),
            path: script.src_path.clone(),
        })
    }

    /// Returns the names of the packages that a build script is compiled with.
    fn build_dependencies<'b>(
        &'b self,
        node: &'b Node,
        host: &'b PlatformFacts,
    ) -> impl Iterator<Item = &'b str> + 'b {
        node.deps
            .iter()
            .filter(|dependency| has_edge(dependency, DependencyKind::Build, host))
            .filter_map(|dependency| self.packages.get(&dependency.pkg))
            .map(|package| package.name.as_str())
    }

    /// Returns the packages that a package is compiled with, each with true if it is compiled for
    /// the host, as all dependencies are of one that is. A package may be there twice.
    fn compiled_with<'b>(
        &'b self,
        node: &'a Node,
        on_host: bool,
        platform: &'b PlatformFacts,
        host: &'b PlatformFacts,
    ) -> impl Iterator<Item = (&'a Package, bool)> + 'b {
        let own = if on_host { host } else { platform };
        let dependencies = node.deps.iter();
        dependencies.flat_map(move |dependency| {
            let to = self.packages.get(&dependency.pkg).copied();
            let is_macro =
                to.is_some_and(|to| to.targets.iter().any(|target| target.is_proc_macro()));
            let normal = has_edge(dependency, DependencyKind::Normal, own);
            let build = has_edge(dependency, DependencyKind::Build, host);
            let normal = normal.then_some(on_host || is_macro);
            let build = build.then_some(true);
            let kinds = normal.into_iter().chain(build);
            kinds.filter_map(move |on_host| Some((to?, on_host)))
        })
    }

    /// Returns the node and the package with an ID.
    fn at(&self, id: &PackageId) -> Option<(&'a Node, &'a Package)> {
        Some((self.nodes.get(id)?, self.packages.get(id)?))
    }
}

/// Facts from the resolved graph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphFacts {
    /// Packages that compile C for a target, by triple without a glibc floor.
    pub c_packages: BTreeMap<String, Vec<CPackage>>,
    /// Packages that compile C for the host.
    pub host_c_packages: Vec<CPackage>,
    /// Triples of the targets whose builds compile build scripts or proc macros.
    pub links_on_host: BTreeSet<String>,
    /// Tools that packages call when they are built.
    pub wants: Vec<RequiredTool>,
    /// Libraries of the system that packages look for, by triple.
    pub libraries: BTreeMap<String, Vec<NeededLibrary>>,
    /// Cautions about build scripts, by triple.
    pub cautions: BTreeMap<String, Vec<CautionFound>>,
    /// Libraries of Apple's SDK that packages link, by triple, of Apple's targets.
    pub apple_libraries: BTreeMap<String, Vec<AppleLibrary>>,
    /// Packages of the bins, by triple; empty if no list of them is wanted.
    pub packages: BTreeMap<String, PackageGraph>,
}
