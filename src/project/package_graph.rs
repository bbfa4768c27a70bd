//! Packages that the bins of a run are compiled from, for one target, and the list of each bin.
//!
//! Pure. [`crate::project::graph`] makes it of cargo's resolved graph.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::inspect::auditable::{FORMAT, Kind, ListedPackage, PackageList, Source};

/// Packages that the bins of a run are compiled from, for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageGraph {
    /// Packages, sorted by name and version.
    pub packages: Vec<GraphPackage>,
    /// Units of the packages.
    pub units: Vec<Unit>,
    /// Index of the unit of each package with a bin, by its name.
    pub roots: BTreeMap<String, usize>,
}

/// Package that is compiled for a target, with its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Features that are on.
    pub features: BTreeSet<String>,
    /// Root files of its library and its bins.
    pub roots: Vec<Utf8PathBuf>,
}

/// Package of a graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphPackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Kind of the place that it is from.
    pub source: Source,
}

/// Package as it is compiled: for the target, or for the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Index of the package.
    pub package: usize,
    /// True if it is compiled for the host: a build script's dependency, a procedural macro, or a
    /// dependency of one.
    pub on_host: bool,
    /// Indices of the units that it is compiled with, ascending.
    pub dependencies: Vec<usize>,
}

impl PackageGraph {
    /// Returns the list of a package's bins; `None` if the graph was not made for it.
    pub fn list(&self, package: &str) -> Option<PackageList> {
        let root = *self.roots.get(package)?;
        let mut open = vec![root];
        let mut seen = BTreeSet::from([root]);
        // Each package with its kind, and with what any of its units is compiled with.
        let mut found: BTreeMap<usize, (Kind, BTreeSet<usize>)> = BTreeMap::new();
        while let Some(index) = open.pop() {
            let Unit {
                package,
                on_host,
                dependencies,
            } = &self.units[index];
            let (kind, edges) = found
                .entry(*package)
                .or_insert((Kind::Build, BTreeSet::new()));
            if !on_host {
                *kind = Kind::Runtime;
            }
            for to in dependencies {
                edges.insert(self.units[*to].package);
                if seen.insert(*to) {
                    open.push(*to);
                }
            }
        }
        let places: BTreeMap<usize, usize> = found
            .keys()
            .enumerate()
            .map(|(place, package)| (*package, place))
            .collect();
        let listed = |(index, (kind, edges)): (&usize, &(Kind, BTreeSet<usize>))| {
            let GraphPackage {
                name,
                version,
                source,
            } = self.packages[*index].clone();
            ListedPackage {
                name,
                version,
                source,
                kind: *kind,
                dependencies: edges.iter().map(|edge| places[edge]).collect(),
                root: *index == self.units[root].package,
            }
        };
        Some(PackageList {
            packages: found.iter().map(listed).collect(),
            format: FORMAT,
        })
    }
}
