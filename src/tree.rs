//! The staged tree as a value: where each bin stands, what a run replaces and what it keeps.
//!
//! Pure: paths are text, files are entries of a manifest.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::manifest::{Artifact, JSON_NAME, Manifest, TEXT_NAME};
use crate::problem::{Code, Problem, Result, nearest};
use crate::target::Target;
use crate::workspace::{Bin, list};

/// What stands at a path below a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    File,
    Directory,
    /// A link, a device, a socket.
    Other,
}

pub const DEFAULT_LAYOUT: &str = "{triple}/{package}/{bin}";

/// Where a bin stands in the tree: a path with fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    pieces: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Field(Field),
}

/// What a layout may name. One row a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Triple,
    Arch,
    Os,
    Libc,
    Platform,
    Package,
    Version,
    Bin,
    Profile,
}

const FIELDS: &[(&str, Field)] = &[
    ("triple", Field::Triple),
    ("arch", Field::Arch),
    ("os", Field::Os),
    ("libc", Field::Libc),
    ("platform", Field::Platform),
    ("package", Field::Package),
    ("version", Field::Version),
    ("bin", Field::Bin),
    ("profile", Field::Profile),
];

impl Field {
    fn value(self, target: &Target, bin: &Bin, profile: &str) -> String {
        match self {
            Self::Triple => target.triple().to_owned(),
            Self::Arch => target.arch.name.to_owned(),
            Self::Os => target.system.os.name().to_owned(),
            Self::Libc => target.system.libc.name().to_owned(),
            Self::Platform => target.platform(),
            Self::Package => bin.package.clone(),
            Self::Version => bin.version.clone(),
            Self::Bin => bin.staged.clone(),
            Self::Profile => profile.to_owned(),
        }
    }
}

impl PathTemplate {
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: String| {
            Problem::new(Code::LayoutInvalid, format!("`{text}` is no layout: {why}")).help(
                format!(
                    "its fields are {}",
                    list(FIELDS.iter().map(|(name, _)| *name))
                ),
            )
        };
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let open = rest.find('{').unwrap_or(rest.len());
            let (literal, field) = rest.split_at(open);
            if literal.contains('}') {
                return Err(invalid("a `}` has no `{`".to_owned()));
            }
            if !literal.is_empty() {
                pieces.push(Segment::Text(literal.to_owned()));
            }
            let Some(field) = field.strip_prefix('{') else {
                break;
            };
            let (name, after) = field
                .split_once('}')
                .ok_or_else(|| invalid("a `{` is not closed".to_owned()))?;
            let known = FIELDS
                .iter()
                .find(|(field, _)| *field == name)
                .ok_or_else(|| {
                    let problem = invalid(format!("it has no field `{name}`"));
                    match nearest(name, FIELDS.iter().map(|(name, _)| *name)) {
                        Some(near) => problem.help(format!("did you mean `{{{near}}}`?")),
                        None => problem,
                    }
                })?;
            pieces.push(Segment::Field(known.1));
            rest = after;
        }
        let probe: String = pieces
            .iter()
            .map(|piece| {
                if let Segment::Text(text) = piece {
                    text
                } else {
                    "x"
                }
            })
            .collect();
        match unsafe_path(&probe) {
            Some(why) => Err(invalid(why)),
            None => Ok(Self { pieces }),
        }
    }

    /// The path of a bin below the tree's root.
    pub fn path(&self, target: &Target, bin: &Bin, profile: &str) -> Result<String> {
        let parts = self.pieces.iter().map(|piece| match piece {
            Segment::Text(text) => text.clone(),
            Segment::Field(field) => field.value(target, bin, profile),
        });
        let path: String = parts.chain([target.system.exe_suffix.to_owned()]).collect();
        match unsafe_path(&path) {
            Some(why) => Err(Problem::new(
                Code::LayoutInvalid,
                format!(
                    "bin `{}` of package `{}` cannot stand at `{path}`: {why}",
                    bin.bin, bin.package
                ),
            )
            .help("give it another name with `rename` in its `[package.metadata.xpkg]`")),
            None => Ok(path),
        }
    }
}

/// Why a path may not stand in a tree.
fn unsafe_path(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("it is empty".to_owned());
    }
    if [TEXT_NAME, JSON_NAME]
        .iter()
        .any(|own| path.eq_ignore_ascii_case(own))
    {
        return Some("that is the manifest's own name".to_owned());
    }
    if let Some(character) = path
        .chars()
        .find(|c| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
    {
        return Some(format!("{character:?} may not stand in a path"));
    }
    let part = path
        .split('/')
        .find(|part| part.is_empty() || *part == "." || *part == "..")?;
    Some(if part.is_empty() {
        "it has an empty part".to_owned()
    } else {
        format!("it has a part `{part}`")
    })
}

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
                Problem::new(Code::PathClash, format!("two outputs on one path: {what}"))
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

/// What stands in the out-dir and in no manifest: not ours, so never removed.
pub fn strangers(found: &BTreeMap<String, PathKind>, manifest: Option<&Manifest>) -> Vec<String> {
    let listed = manifest.into_iter().flat_map(|manifest| {
        manifest
            .artifacts
            .iter()
            .map(|artifact| artifact.path.as_str())
    });
    let own = manifest.into_iter().flat_map(|_| [TEXT_NAME, JSON_NAME]);
    let files: BTreeSet<&str> = listed.chain(own).collect();
    let ours = |path: &str, entry: PathKind| match entry {
        PathKind::File => files.contains(path),
        PathKind::Directory => files.iter().any(|file| {
            file.strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('/'))
        }),
        PathKind::Other => false,
    };
    found
        .iter()
        .filter(|(path, entry)| !ours(path, **entry))
        .map(|(path, _)| path.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_no_manifest_lists_is_a_stranger() {
        let found = [
            ("a", PathKind::Directory),
            ("a/x", PathKind::File),
            ("b", PathKind::Directory),
            ("l", PathKind::Other),
        ];
        let found = found.map(|(path, entry)| (path.to_owned(), entry)).into();
        assert_eq!(strangers(&found, None), ["a", "a/x", "b", "l"]);
    }
}
