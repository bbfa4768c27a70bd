//! The staged tree as a value: where each bin stands, what a run replaces and what it keeps.
//!
//! Pure: paths are text, files are entries of a manifest.

use serde::Serialize;

use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::workspace::Bin;
use crate::target::Target;
use crate::tree::manifest::{Artifact, Manifest};

/// A bin at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    pub target: Target,
    #[serde(flatten)]
    pub bin: Bin,
    pub path: String,
}

impl Output {
    fn who(&self) -> String {
        format!(
            "bin `{}` of package `{}` for `{}`",
            self.bin.bin, self.bin.package, self.target
        )
    }
}

/// Every pair of outputs that would stand on one path, or one of which would be the other's
/// directory.
pub fn clashes(outputs: &[Output]) -> Vec<Problem> {
    clashing_pairs(
        outputs
            .iter()
            .map(|output| (output.path.clone(), output.who())),
    )
}

fn clashing_pairs(named: impl Iterator<Item = (String, String)>) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Compared without case: the tree must survive a file system that knows none.
    let mut sorted: Vec<(String, String, String)> = named
        .map(|(path, who)| (path.to_lowercase(), path, who))
        .collect();
    sorted.sort();
    for (index, (folded, path, who)) in sorted.iter().enumerate() {
        let below = format!("{folded}/");
        for (other_folded, other_path, other) in &sorted[index + 1..] {
            let what = if other_folded == folded && path == other_path {
                format!("`{path}`")
            } else if other_folded == folded {
                format!("`{path}` and `{other_path}`, one path where case does not count")
            } else if other_folded.starts_with(&below) {
                format!("`{path}` and `{other_path}`, a file and a directory")
            } else {
                continue;
            };
            problems.push(
                Problem::new(PATH_CLASH, format!("two outputs on one path: {what}"))
                    .note("both", [who.clone(), other.clone()])
                    .help("add `{triple}` or `{package}` to `layout`, or `rename` one of them"),
            );
        }
    }
    problems
}

/// What a run leaves as it is: entries of the old manifest that it did not select.
///
/// The whole of its targets is selected, or, narrowed, just its bins (SPEC, "What `build` writes").
pub fn kept(old: &Manifest, outputs: &[Output], narrowed: bool) -> Vec<Artifact> {
    let selected = |artifact: &Artifact| {
        outputs.iter().any(|output| {
            output.target.triple() == artifact.target
                && (!narrowed
                    || output.bin.package == artifact.package && output.bin.bin == artifact.bin)
        })
    };
    old.artifacts
        .iter()
        .filter(|artifact| !selected(artifact))
        .cloned()
        .collect()
}

/// Outputs of this run against what stays from earlier ones.
pub fn clashes_with_kept(outputs: &[Output], kept: &[Artifact]) -> Vec<Problem> {
    let new = outputs
        .iter()
        .map(|output| (output.path.clone(), output.who()));
    let old = kept.iter().map(|artifact| {
        (
            artifact.path.clone(),
            format!(
                "bin `{}` of package `{}` for `{}`, kept from an earlier run",
                artifact.bin, artifact.package, artifact.target
            ),
        )
    });
    clashing_pairs(new.chain(old))
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[PATH_CLASH];

pub const PATH_CLASH: Code = code(&CodeInfo {
    name: "path-clash",
    title: "two outputs would stand on one path",
    cause: "The layout gives two bins (or a bin of this run and one kept from an earlier run) \
            the same path, or makes one's file the other's directory.",
    detection: "All paths of the run are compared before anything is compiled.",
    fix: "Add `{triple}` or `{package}` to the layout, or `rename` one of the two.",
    source: "README, What stands in the tree",
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
    fn a_layout_gives_each_bin_its_place() {
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
            "`{tripel}/{bin}` is no layout: it has no field `tripel`",
        );
        check(
            "../{bin}",
            musl,
            "`../{bin}` is no layout: it has a part `..`",
        );
        check(
            "/{bin}",
            musl,
            "`/{bin}` is no layout: it has an empty part",
        );
        check("{bin", musl, "`{bin` is no layout: a `{` is not closed");
        check("bin}", musl, "`bin}` is no layout: a `}` has no `{`");
        check("", musl, "`` is no layout: it is empty");
        check(
            "manifest.json",
            musl,
            "`manifest.json` is no layout: that is the manifest's own name",
        );
    }

    #[test]
    fn two_outputs_on_one_path_are_found() {
        let output = |package: &str, name: &str, path: &str| Output {
            target: target("x86_64-unknown-linux-gnu"),
            bin: bin(package, name),
            path: path.to_owned(),
        };
        let told: Vec<String> = clashes(&[
            output("a", "app", "x/app"),
            output("b", "app", "x/app"),
            output("c", "App", "x/App"),
            output("d", "x", "x"),
        ])
        .into_iter()
        .map(|problem| problem.message)
        .collect();
        assert_eq!(
            told,
            [
                "two outputs on one path: `x` and `x/App`, a file and a directory",
                "two outputs on one path: `x` and `x/app`, a file and a directory",
                "two outputs on one path: `x` and `x/app`, a file and a directory",
                "two outputs on one path: `x/App` and `x/app`, one path where case does not count",
                "two outputs on one path: `x/App` and `x/app`, one path where case does not count",
                "two outputs on one path: `x/app`",
            ]
        );
    }
}
