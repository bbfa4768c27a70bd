//! Which packages of the resolved graph compile C *for one target*.
//!
//! Pure: it is given cargo's metadata. Normal edges only, from the selected packages: what a build
//! script, a proc macro or a test needs is compiled for the host. `links` alone does not mean C
//! (rayon-core, prettyplease).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr as _;

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};
use cargo_platform::{Cfg, Platform};
use serde::{Deserialize, Serialize};

use crate::project::build_tools::{self, Present, RequiredTool};

/// Build-dependencies that are there to compile C or C++, or to bind to headers of it.
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

/// One target, as cargo's `cfg(…)` tables see it.
pub struct PlatformFacts {
    pub triple: String,
    pub cfg: Vec<Cfg>,
}

impl PlatformFacts {
    /// From the lines of `rustc --print cfg`.
    pub fn new<'a>(triple: &str, lines: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            triple: triple.to_owned(),
            cfg: lines
                .into_iter()
                .filter_map(|line| Cfg::from_str(line).ok())
                .collect(),
        }
    }

    fn has(&self, platform: Option<&Platform>) -> bool {
        platform.is_none_or(|platform| platform.matches(&self.triple, &self.cfg))
    }
}

/// Whether every package is a member or has a source of its own: then Cargo.lock and the members'
/// manifests determine the graph. A path dependency outside the workspace has a manifest that
/// nobody else vouches for.
pub fn is_closed(metadata: &Metadata) -> bool {
    metadata
        .packages
        .iter()
        .all(|package| package.source.is_some() || metadata.workspace_members.contains(&package.id))
}

/// The packages below `roots` (ids) that compile C for `platform`, by name. Whether a
/// build-dependency is there is the host's question, as cargo has it.
pub fn c_packages<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    platform: &PlatformFacts,
    host: &PlatformFacts,
) -> Vec<CPackage> {
    let graph = Graph::new(metadata);
    let mut open = graph.roots(roots);
    let mut seen: BTreeSet<&PackageId> = open.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        let Some((node, package)) = graph.at(id) else {
            continue;
        };
        for dependency in &node.deps {
            let Some(to) = graph.packages.get(&dependency.pkg) else {
                continue;
            };
            let has = |kind: DependencyKind| {
                let platform = if kind == DependencyKind::Build {
                    host
                } else {
                    platform
                };
                dependency
                    .dep_kinds
                    .iter()
                    .any(|edge| edge.kind == kind && platform.has(edge.target.as_ref()))
            };
            if has(DependencyKind::Build)
                && let Some(builder) = BUILDERS
                    .iter()
                    .find(|builder| to.name.as_str() == **builder)
            {
                found.push(CPackage {
                    package: package.name.to_string(),
                    version: package.version.to_string(),
                    builder: (*builder).to_owned(),
                    levels: Vec::new(),
                    cxx: false,
                });
            }
            let proc_macro = to.targets.iter().any(|target| target.is_proc_macro());
            if has(DependencyKind::Normal) && !proc_macro && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    found.sort_by(|a, b| {
        (&a.package, &a.version, &a.builder).cmp(&(&b.package, &b.version, &b.builder))
    });
    found
}

/// What a build script writes where it compiles C++ by the `cc` crate, or has another do it.
const CXX_WORDS: &[&str] = &["cpp(true)", "cxx_build::", "cpp_build::"];

/// Whether the text of a build script says that it compiles C++.
pub fn says_cxx(text: &str) -> bool {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.into_iter().any(|line| {
        CXX_WORDS
            .iter()
            .any(|word| line.replace(' ', "").contains(word))
    })
}

/// The build scripts of a package that compiles C.
pub fn build_scripts<'a>(
    metadata: &'a Metadata,
    of: &'a CPackage,
) -> impl Iterator<Item = camino::Utf8PathBuf> + 'a {
    let packages = metadata.packages.iter().filter(|package| {
        package.name.as_str() == of.package && package.version.to_string() == of.version
    });
    packages
        .flat_map(|package| &package.targets)
        .filter(|target| target.is_custom_build())
        .map(|target| target.src_path.clone())
}

/// The packages that compile C for the host: whatever build scripts and proc macros of the graph
/// stand on.
pub fn host_c_packages<'a>(
    metadata: &'a Metadata,
    roots: impl IntoIterator<Item = &'a str>,
    host: &PlatformFacts,
) -> Vec<CPackage> {
    let graph = Graph::new(metadata);
    // (package, it runs on the host)
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

/// The tools that packages of the graph call when they are built.
pub fn wants<'a>(
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
    build_tools::wanted(&packages)
}

/// cargo's resolve, by id.
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

    fn roots<'b>(&self, ids: impl IntoIterator<Item = &'b str>) -> Vec<&'a PackageId> {
        ids.into_iter()
            .filter_map(|root| self.nodes.keys().find(|id| id.repr == root).copied())
            .collect()
    }

    fn at(&self, id: &PackageId) -> Option<(&'a Node, &'a Package)> {
        Some((self.nodes.get(id)?, self.packages.get(id)?))
    }
}

/// The packages, as `name version`, in the lines of `cargo tree --invert BUILDER --depth 1 --prefix
/// none`: those that really depend on the builder once features are resolved as cargo builds them.
pub fn dependents(tree: &str) -> BTreeSet<String> {
    let words = |line: &str| {
        let mut words = line.split_whitespace();
        Some(format!(
            "{} {}",
            words.next()?,
            words.next()?.strip_prefix('v')?
        ))
    };
    tree.lines().skip(1).filter_map(words).collect()
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
}

/// What the resolved graph tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphFacts {
    /// By bare triple.
    pub c_packages: BTreeMap<String, Vec<CPackage>>,
    pub host_c_packages: Vec<CPackage>,
    pub wants: Vec<RequiredTool>,
}

/// A package that needs a C compiler for the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CPackage {
    pub package: String,
    pub version: String,
    /// The build-dependency that gives it away (`cc`).
    pub builder: String,
    /// The `opt-level`s at which this run has it compiled.
    #[serde(default)]
    pub levels: Vec<String>,
    /// Its build script compiles C++, too.
    #[serde(default)]
    pub cxx: bool,
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
