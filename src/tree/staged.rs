//! The staged tree as a value: the path of each bin, and the files that a run replaces or keeps.
//!
//! Pure: paths are text, files are entries of a manifest.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::selection::Bin;
use crate::target::Target;
use crate::tree::manifest::{Artifact, Manifest};

/// Bin with its path in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    /// Target that it is built for.
    pub target: Target,
    /// Bin target of the workspace.
    #[serde(flatten)]
    pub bin: Bin,
    /// Path relative to the tree's root.
    pub path: String,
}

impl Output {
    /// Returns the description for messages.
    fn label(&self) -> String {
        format!("{} for `{}`", self.bin.label(), self.target)
    }
}

/// Returns a problem for every pair of outputs with the same path, or of which one's path would be
/// the other's directory.
pub fn clashes(outputs: &[Output]) -> Vec<Problem> {
    clashing_pairs(
        outputs
            .iter()
            .map(|output| (output.path.clone(), output.label())),
    )
}

/// Compares the paths of labeled outputs: pairs of a path and a description for messages.
pub fn clashing_pairs(named: impl Iterator<Item = (String, String)>) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Compared without case: the tree must survive a case-insensitive file system.
    let mut sorted: Vec<(String, String, String)> = named
        .map(|(path, label)| (path.to_lowercase(), path, label))
        .collect();
    sorted.sort();
    for (index, (folded, path, label)) in sorted.iter().enumerate() {
        let later = &sorted[index + 1..];
        let (directory, end) = (format!("{folded}/"), format!("{folded}0"));
        let before = |bound: &str| later.partition_point(|(other, ..)| other.as_str() < bound);
        // In order, those of the same path come first; those below it come between `/` and the next
        // character, `0`.
        let same = later.iter().take_while(|(other, ..)| other == folded);
        let below = &later[before(&directory)..before(&end)];
        for (other_folded, other_path, other_label) in same.chain(below) {
            let what = if other_folded == folded && path == other_path {
                format!("`{path}`")
            } else if other_folded == folded {
                format!(
                    "`{path}` and `{other_path}`, the same path on a case-insensitive file \
                         system"
                )
            } else {
                format!("`{path}` and `{other_path}`, a file and a directory")
            };
            problems.push(
                Problem::new(
                    PATH_CLASH,
                    format!("the paths of two outputs clash: {what}"),
                )
                .note("both", [label.clone(), other_label.clone()])
                .help("add `{triple}` or `{package}` to `layout`, or `rename` one of them"),
            );
        }
    }
    problems
}

/// Returns the entries of the old manifest that a run keeps because it does not replace them.
///
/// A run replaces all files of its targets, or, if it is limited to some bins (`is_partial`), only
/// the files of these bins. See the guide's page `tree`.
pub fn retained(old: &Manifest, outputs: &[Output], is_partial: bool) -> Vec<Artifact> {
    let targets: BTreeSet<&str> = outputs
        .iter()
        .map(|output| output.target.triple())
        .collect();
    let files: BTreeSet<(&str, &str, &str, ArtifactKind)> = outputs
        .iter()
        .map(|Output { target, bin, .. }| (target.triple(), &*bin.package, &*bin.bin, bin.kind))
        .collect();
    let is_replaced = |artifact: &Artifact| {
        let Artifact {
            target,
            package,
            bin,
            kind,
            ..
        } = artifact;
        if is_partial {
            files.contains(&(target, package, bin, kind.built()))
        } else {
            targets.contains(target.as_str())
        }
    };
    old.artifacts
        .iter()
        .filter(|artifact| !is_replaced(artifact))
        .cloned()
        .collect()
}

/// Returns a problem for every path clash among the outputs of this run and the files retained from
/// earlier runs.
pub fn clashes_with_retained(outputs: &[Output], retained: &[Artifact]) -> Vec<Problem> {
    let new = outputs
        .iter()
        .map(|output| (output.path.clone(), output.label()));
    let old = retained.iter().map(|artifact| {
        (
            artifact.path.clone(),
            format!(
                "{} `{}` of package `{}` for `{}`, kept from an earlier run",
                artifact.kind.name(),
                artifact.bin,
                artifact.package,
                artifact.target
            ),
        )
    });
    clashing_pairs(new.chain(old))
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[PATH_CLASH];

/// Two outputs with the same path.
pub const PATH_CLASH: Code = code(&CodeInfo {
    name: "path-clash",
    title: "the paths of two outputs clash",
    cause: "The layout gives two bins (or a bin of this run and one kept from an earlier run) \
            the same path, or makes one's file the other's directory.",
    detection: "All paths of the run are compared before anything is compiled.",
    fix: "Add `{triple}` or `{package}` to the layout, or `rename` one of the two.",
    page: "tree",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::path_template::{DEFAULT_LAYOUT, PathTemplate};

    fn bin(package: &str, bin: &str) -> Bin {
        Bin {
            package: package.to_owned(),
            bin: bin.to_owned(),
            version: "1.2.3".to_owned(),
            package_id: package.to_owned(),
            staged: bin.to_owned(),
            ..Bin::default()
        }
    }

    fn target(triple: &str) -> Target {
        Target::parse(triple, &[triple.to_owned()]).unwrap()
    }

    fn check(layout: &str, triple: &str, expected: &str) {
        let found = match PathTemplate::parse(layout)
            .and_then(|layout| layout.path(&target(triple), &bin("bots", "bot"), "release"))
        {
            Ok(path) => path,
            Err(problem) => problem.message,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_layout_gives_each_bin_its_path() {
        check(
            DEFAULT_LAYOUT,
            "aarch64-unknown-linux-musl",
            "aarch64-unknown-linux-musl/bots/bot",
        );
        check(
            "{os}/{arch}-{libc}/{package}-{version}/{profile}/{bin}",
            "x86_64-unknown-linux-gnu",
            "linux/x86_64-gnu/bots-1.2.3/release/bot",
        );
        check(
            "{platform}/{bin}",
            "armv7-unknown-linux-gnueabihf",
            "linux/arm/v7/bot",
        );
        check("{arch}/{bin}", "x86_64-pc-windows-gnu", "x86_64/bot.exe");
    }

    #[test]
    fn a_layout_stays_below_the_tree() {
        let musl = "aarch64-unknown-linux-musl";
        check(
            "{tripel}/{bin}",
            musl,
            "invalid layout `{tripel}/{bin}`: unknown field `tripel`",
        );
        check(
            "../{bin}",
            musl,
            "invalid layout `../{bin}`: it has a component `..`",
        );
        check(
            "/{bin}",
            musl,
            "invalid layout `/{bin}`: it has an empty component",
        );
        check("{bin", musl, "invalid layout `{bin`: unclosed `{`");
        check("bin}", musl, "invalid layout `bin}`: unmatched `}`");
        check("", musl, "invalid layout ``: it is empty");
        check(
            "manifest.json",
            musl,
            "invalid layout `manifest.json`: the name is reserved for the manifest",
        );
    }

    #[test]
    fn two_outputs_on_one_path_are_found() {
        let output = |package: &str, name: &str, path: &str| Output {
            target: target("x86_64-unknown-linux-gnu"),
            bin: bin(package, name),
            path: path.to_owned(),
        };
        let messages: Vec<String> = clashes(&[
            output("a", "app", "x/app"),
            output("b", "app", "x/app"),
            output("c", "App", "x/App"),
            output("d", "x", "x"),
        ])
        .into_iter()
        .map(|problem| problem.message)
        .collect();
        assert_eq!(
            messages,
            [
                "the paths of two outputs clash: `x` and `x/App`, a file and a directory",
                "the paths of two outputs clash: `x` and `x/app`, a file and a directory",
                "the paths of two outputs clash: `x` and `x/app`, a file and a directory",
                "the paths of two outputs clash: `x/App` and `x/app`, the same path on a \
                 case-insensitive file system",
                "the paths of two outputs clash: `x/App` and `x/app`, the same path on a \
                 case-insensitive file system",
                "the paths of two outputs clash: `x/app`",
            ]
        );
    }

    /// Paths of the same few names, three deep, so that many clash.
    fn paths() -> Vec<String> {
        let names = ["a", "A", "a-b", "a.b", "a0", "b", "ab"];
        let deep = |above: String| names.map(move |name| format!("{above}{name}"));
        let of = |paths: Vec<String>| paths.into_iter().map(|path| format!("{path}/"));
        let one: Vec<String> = deep(String::new()).into();
        let two: Vec<String> = of(one.clone()).step_by(3).flat_map(deep).collect();
        let three: Vec<String> = of(two.clone()).step_by(5).flat_map(deep).collect();
        [one.clone(), two, three, one].concat()
    }

    #[test]
    fn the_clashes_are_those_of_all_pairs() {
        let paths = paths();
        let mut sorted: Vec<(String, &String)> = paths
            .iter()
            .map(|path| (path.to_lowercase(), path))
            .collect();
        sorted.sort();
        let mut expected = Vec::new();
        for (index, (folded, path)) in sorted.iter().enumerate() {
            for (other_folded, other) in &sorted[index + 1..] {
                if other_folded == folded || other_folded.starts_with(&format!("{folded}/")) {
                    expected.push(vec![(*path).clone(), (*other).clone()]);
                }
            }
        }
        let named = paths.iter().map(|path| (path.clone(), path.clone()));
        let found: Vec<Vec<String>> = clashing_pairs(named)
            .into_iter()
            .map(|problem| problem.notes[0].lines.clone())
            .collect();
        assert!(expected.len() > 20);
        assert_eq!(found, expected);
    }
}
