//! Detects the packages of the resolved graph that compile C *for one target*.
//!
//! Pure: the input is cargo's metadata. Only normal edges from the selected packages count:
//! dependencies of build scripts, proc macros and tests are compiled for the host. `links` alone
//! does not mean C (rayon-core, prettyplease).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr as _;

use cargo_metadata::{DependencyKind, Metadata, Node, NodeDep, Package, PackageId};
use cargo_platform::{Cfg, Platform};
use serde::{Deserialize, Serialize};

use crate::project::build_tools::{self, Present, RequiredTool};
use crate::project::system_libraries::{CautionFound, LinkingPackage, NeededLibrary};

/// Build-dependencies that compile C or C++, or generate bindings to its headers.
const BUILDERS: &[&str] = &[
    "autotools",
    "bindgen",
    "cc",
    "cmake",
    "cpp_build",
    "cxx-build",
    "gcc",
    "luajit-src",
    "lua-src",
    "nasm-rs",
    "openssl-src",
];

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

    /// Returns true if an edge with this `cfg(…)` or triple applies to the platform.
    fn has(&self, platform: Option<&Platform>) -> bool {
        platform.is_none_or(|platform| platform.matches(&self.triple, &self.cfg))
    }
}

/// Returns true if every package is a member or has a source. Then Cargo.lock and the members'
/// manifests determine the graph; the manifest of a path dependency outside the workspace could
/// change it.
pub fn is_closed(metadata: &Metadata) -> bool {
    metadata
        .packages
        .iter()
        .all(|package| package.source.is_some() || metadata.workspace_members.contains(&package.id))
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
        for dependency in &node.deps {
            let Some(to) = graph.packages.get(&dependency.pkg) else {
                continue;
            };
            let proc_macro = to.targets.iter().any(|target| target.is_proc_macro());
            if has_edge(dependency, DependencyKind::Normal, platform)
                && !proc_macro
                && seen.insert(&dependency.pkg)
            {
                open.push(&dependency.pkg);
            }
        }
    }
    found
}

/// Returns true if a dependency has an edge of this kind that applies to the platform.
fn has_edge(dependency: &NodeDep, kind: DependencyKind, platform: &PlatformFacts) -> bool {
    dependency
        .dep_kinds
        .iter()
        .any(|edge| edge.kind == kind && platform.has(edge.target.as_ref()))
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
        for name in graph.build_dependencies(node, host) {
            if let Some(builder) = BUILDERS.iter().find(|builder| name == **builder) {
                found.push(CPackage {
                    package: package.name.to_string(),
                    version: package.version.to_string(),
                    builder: (*builder).to_owned(),
                    levels: Vec::new(),
                    cxx: false,
                });
            }
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
        .filter(|package| package.is_worth() || !package.cautions().is_empty())
        .collect();
    found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    found
}

/// Code by which a build script compiles C++, with the `cc` crate or with another.
const CXX_MARKERS: &[&str] = &["cpp(true)", "cxx_build::", "cpp_build::"];

/// Returns true if the text of a build script shows that it compiles C++. Comment lines are
/// ignored.
pub fn mentions_cxx(text: &str) -> bool {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.into_iter().any(|line| {
        CXX_MARKERS
            .iter()
            .any(|marker| line.replace(' ', "").contains(marker))
    })
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
                && let Some(builder) = BUILDERS
                    .iter()
                    .find(|builder| to.name.as_str() == **builder)
            {
                found.insert((
                    package.name.to_string(),
                    package.version.to_string(),
                    (*builder).to_owned(),
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

/// Returns the tools that packages of the graph call when they are built.
pub fn required_tools<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
) -> Vec<RequiredTool> {
    let graph = Graph::new(metadata);
    let mut open = graph.roots(roots);
    let mut seen: BTreeSet<&PackageId> = open.iter().copied().collect();
    let mut packages: BTreeMap<&str, Present> = BTreeMap::new();
    while let Some(id) = open.pop() {
        let Some((node, package)) = graph.at(id) else {
            continue;
        };
        packages.entry(package.name.as_str()).or_default().version = package.version.to_string();
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
    build_tools::required_tools(&packages)
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

    /// Returns the nodes with these package IDs.
    fn roots<'b>(&self, ids: impl IntoIterator<Item = &'b str>) -> Vec<&'a PackageId> {
        ids.into_iter()
            .filter_map(|root| self.nodes.keys().find(|id| id.repr == root).copied())
            .collect()
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

    /// Returns the node and the package with an ID.
    fn at(&self, id: &PackageId) -> Option<(&'a Node, &'a Package)> {
        Some((self.nodes.get(id)?, self.packages.get(id)?))
    }
}

/// Parses the output of `cargo tree --invert BUILDER --depth 1 --prefix none` into the packages
/// that depend on the builder, as `name version`. Unlike `cargo metadata`, `cargo tree` resolves
/// features as a build does.
pub fn dependents(tree: &str) -> BTreeSet<String> {
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        Some(format!(
            "{} {}",
            words.next()?,
            words.next()?.strip_prefix('v')?
        ))
    };
    tree.lines().skip(1).filter_map(package).collect()
}

/// Parses the output of `cargo tree --prefix none --format '{p}\t{f}'` into the features of each
/// package, as `name version`.
pub fn features(tree: &str) -> BTreeMap<String, BTreeSet<String>> {
    let package = |line: &str| {
        let (package, features) = line.split_once('\t')?;
        let mut words = package.split_whitespace();
        let name = format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?);
        // A package that was printed before ends with `(*)`.
        let features = features.split_whitespace().next().unwrap_or_default();
        let features = features
            .split(',')
            .filter(|feature| !feature.is_empty() && *feature != "(*)");
        Some((name, features.map(str::to_owned).collect()))
    };
    tree.lines().filter_map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_a_builder_names_its_dependents() {
        let tree = "cc v1.2.3\n[build-dependencies]\nring v0.17.14\nwith-c v0.1.0 (/w/with c)\n";
        assert_eq!(
            dependents(tree).into_iter().collect::<Vec<_>>(),
            ["ring 0.17.14", "with-c 0.1.0"]
        );
    }

    #[test]
    fn the_tree_has_the_features_of_each_package() {
        let tree = "app v0.1.0 (/w/a b)\t\nopenssl-sys v0.9.1\tdefault,vendored\n\
                    openssl-sys v0.9.1\tdefault,vendored (*)\nlibc v0.2.0\t (*)\n";
        let features: Vec<String> = features(tree)
            .into_iter()
            .map(|(package, features)| {
                let features: Vec<String> = features.into_iter().collect();
                format!("{package}: {}", features.join(" "))
            })
            .collect();
        assert_eq!(
            features,
            [
                "app 0.1.0: ",
                "libc 0.2.0: ",
                "openssl-sys 0.9.1: default vendored"
            ]
        );
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
    /// Tools that packages call when they are built.
    pub wants: Vec<RequiredTool>,
    /// Libraries of the system that packages look for, by triple.
    pub libraries: BTreeMap<String, Vec<NeededLibrary>>,
    /// Cautions about build scripts, by triple.
    pub cautions: BTreeMap<String, Vec<CautionFound>>,
}

/// A package that compiles C.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CPackage {
    /// Package name.
    pub package: String,
    /// Package version.
    pub version: String,
    /// Build-dependency that shows it, such as `cc`.
    pub builder: String,
    /// Values of `opt-level` at which this run compiles it.
    #[serde(default)]
    pub levels: Vec<String>,
    /// True if its build script also compiles C++.
    #[serde(default)]
    pub cxx: bool,
}

/// Packages with assembly for ARMv7 that they run only where the processor has it. Every program with
/// one is marked as ARMv7. Measured with ring 0.17.14: each of its objects has `Tag_CPU_arch: v7`,
/// whatever `-march` says; the others have the same lineage (`OPENSSL_armcap`).
const DISPATCHING: &[&str] = &[
    "ring",
    "aws-lc-sys",
    "boring-sys",
    "openssl-src",
    "openssl-sys",
];

impl CPackage {
    /// Returns true if it chooses at run time among code for several levels of 32-bit Arm.
    pub fn is_dispatching(&self) -> bool {
        DISPATCHING.contains(&self.package.as_str())
    }
}

impl std::fmt::Display for CPackage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} (by `{}`)",
            self.package, self.version, self.builder
        )
    }
}
