//! Parses the output of `cargo tree`. Unlike `cargo metadata`, it resolves features as a build does.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

/// Parses the output of `cargo tree --invert BUILDER --depth 1 --prefix none` into the packages
/// that depend on the builder, as `name version`.
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

/// Package as it is compiled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeUnit {
    /// `name version`.
    pub package: String,
    /// True if it is compiled for the host.
    pub on_host: bool,
}

/// Two packages of which the first is compiled with the second.
pub type TreeEdge = (TreeUnit, TreeUnit);

/// Parses the output of `cargo tree --edges normal,build --charset ascii --format '{p}\t{f}'` into
/// its edges. `None` if a line is none of a tree.
pub fn edges(tree: &str) -> Option<BTreeSet<TreeEdge>> {
    /// A package whose dependencies follow.
    struct Open {
        unit: TreeUnit,
        /// True after the heading of its build-dependencies.
        in_build: bool,
    }
    let mut open: Vec<Open> = Vec::new();
    let mut found = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (mut depth, mut rest) = (0, line);
        while let Some(after) = ["|-- ", "`-- ", "|   ", "    "]
            .iter()
            .find_map(|branch| rest.strip_prefix(branch))
        {
            (depth, rest) = (depth + 1, after);
        }
        if rest == "[build-dependencies]" {
            open.truncate(depth + 1);
            open.get_mut(depth)?.in_build = true;
            continue;
        }
        let (package, _) = rest.split_once('\t')?;
        let mut words = package.split(' ');
        let name = format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?);
        let is_macro = words.next() == Some("(proc-macro)");
        open.truncate(depth);
        if open.len() < depth {
            return None;
        }
        let parent = open.last();
        let is_hosts = parent.is_some_and(|parent| parent.unit.on_host || parent.in_build);
        let unit = TreeUnit {
            package: name,
            on_host: parent.is_some() && is_macro || is_hosts,
        };
        if let Some(parent) = parent {
            found.insert((parent.unit.clone(), unit.clone()));
        }
        open.push(Open {
            unit,
            in_build: false,
        });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_the_edges_of_each_package() {
        let tree = "app v0.1.0 (/w/a b)\t\n\
                    |-- macros v1.0.0 (proc-macro)\t\n\
                    |   `-- syn v2.0.1\tdefault\n\
                    `-- ring v0.17.0\t\n    `-- libc v0.2.0\t\n    [build-dependencies]\n    \
                    `-- cc v1.0.0\tparallel\n        `-- libc v0.2.0\t\n\
                    [build-dependencies]\n`-- cc v1.0.0\tparallel (*)\n\n\
                    other v0.1.0 (/w/o)\t\n`-- ring v0.17.0\t (*)\n";
        let unit = |unit: &TreeUnit| {
            let kind = if unit.on_host { "host " } else { "" };
            format!("{kind}{}", unit.package.split(' ').next().unwrap())
        };
        let edges = edges(tree).unwrap();
        let edges: Vec<String> = edges
            .iter()
            .map(|(from, to)| format!("{} > {}", unit(from), unit(to)))
            .collect();
        assert_eq!(
            edges,
            [
                "app > host cc",
                "app > host macros",
                "app > ring",
                "host cc > host libc",
                "host macros > host syn",
                "other > ring",
                "ring > host cc",
                "ring > libc",
            ]
        );
        for tree in [
            "error: no",
            "    a v1\t\n",
            "[build-dependencies]\n",
            "a 1\t\n",
        ] {
            assert_eq!(super::edges(tree), None, "{tree}");
        }
    }

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
