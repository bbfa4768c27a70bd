//! Where each bin is staged: a path with fields.

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::list;
use crate::problem::{Problem, Result, nearest};
use crate::project::workspace::Bin;
use crate::target::Target;

/// Names of the two files at the tree's root.
pub const TEXT_NAME: &str = "MANIFEST.txt";

pub const JSON_NAME: &str = "manifest.json";

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
            Problem::new(LAYOUT_INVALID, format!("`{text}` is no layout: {why}")).help(format!(
                "its fields are {}",
                list(FIELDS.iter().map(|(name, _)| *name))
            ))
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
                LAYOUT_INVALID,
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

/// Codes that this file declares.
pub const CODES: &[Code] = &[LAYOUT_INVALID];

pub const LAYOUT_INVALID: Code = code(&CodeInfo {
    name: "layout-invalid",
    title: "the layout is not a path below the tree",
    cause: "`layout` or a rename has an unknown field, an empty part, `..`, or begins at the \
            root.",
    detection: "The layout is parsed before anything is compiled.",
    fix: "Use the fields that the message lists.",
    source: "README, What stands in the tree",
    waivable: false,
});
