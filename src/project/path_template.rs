//! The layout of the staged tree: a path with fields, such as `{triple}/{bin}`.

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::{is_invisible, list};
use crate::problem::{Problem, Result, nearest};
use crate::project::selection::Bin;
use crate::target::Target;

/// Name of the checksum list at the tree's root.
pub const TEXT_NAME: &str = "MANIFEST.txt";

/// Name of the manifest at the tree's root.
pub const JSON_NAME: &str = "manifest.json";

/// Layout that is used if the configuration sets none.
pub const DEFAULT_LAYOUT: &str = "{triple}/{package}/{bin}";

/// A parsed layout: the path of a bin below the tree's root, with fields to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Field(Field),
}

/// A field of a layout.
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

/// Names of the fields.
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
            Self::Bin => {
                let (prefix, _) = bin.kind.affixes(target);
                format!("{prefix}{}", bin.staged)
            }
            Self::Profile => profile.to_owned(),
        }
    }
}

impl PathTemplate {
    /// Parses a layout, and checks that it stays below the tree's root.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |why: String| {
            Problem::new(LAYOUT_INVALID, format!("invalid layout `{text}`: {why}")).help(format!(
                "the valid fields are {}",
                list(FIELDS.iter().map(|(name, _)| *name))
            ))
        };
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let open = rest.find('{').unwrap_or(rest.len());
            let (literal, field) = rest.split_at(open);
            if literal.contains('}') {
                return Err(invalid("unmatched `}`".to_owned()));
            }
            if !literal.is_empty() {
                segments.push(Segment::Text(literal.to_owned()));
            }
            let Some(field) = field.strip_prefix('{') else {
                break;
            };
            let (name, after) = field
                .split_once('}')
                .ok_or_else(|| invalid("unclosed `{`".to_owned()))?;
            let known = FIELDS
                .iter()
                .find(|(field, _)| *field == name)
                .ok_or_else(|| {
                    let problem = invalid(format!("unknown field `{name}`"));
                    match nearest(name, FIELDS.iter().map(|(name, _)| *name)) {
                        Some(near) => problem.help(format!("did you mean `{{{near}}}`?")),
                        None => problem,
                    }
                })?;
            segments.push(Segment::Field(known.1));
            rest = after;
        }
        // With every field set to a valid name, any fault is the layout's own.
        let probe: String = segments
            .iter()
            .map(|segment| {
                if let Segment::Text(text) = segment {
                    text
                } else {
                    "x"
                }
            })
            .collect();
        match path_fault(&probe) {
            Some(why) => Err(invalid(why)),
            None => Ok(Self { segments }),
        }
    }

    /// Returns the path of a bin below the tree's root.
    pub fn path(&self, target: &Target, bin: &Bin, profile: &str) -> Result<String> {
        let parts = self.segments.iter().map(|segment| match segment {
            Segment::Text(text) => text.clone(),
            Segment::Field(field) => field.value(target, bin, profile),
        });
        let (_, suffix) = bin.kind.affixes(target);
        let path: String = parts.chain([suffix.to_owned()]).collect();
        match path_fault(&path) {
            Some(why) => Err(Problem::new(
                LAYOUT_INVALID,
                format!("{} cannot be staged at `{path}`: {why}", bin.label()),
            )
            .help("give it another name with `rename` in its `[package.metadata.xpkg]`")),
            None => Ok(path),
        }
    }
}

/// Returns the reason why a path cannot be used in a tree, if there is one. The forbidden
/// characters are those that Windows forbids.
pub fn path_fault(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("it is empty".to_owned());
    }
    let first = path.split('/').next().unwrap_or_default();
    if [TEXT_NAME, JSON_NAME]
        .iter()
        .any(|reserved| first.eq_ignore_ascii_case(reserved))
    {
        return Some("the name is reserved for the manifest".to_owned());
    }
    if let Some(character) = path
        .chars()
        .find(|c| is_invisible(*c) || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
    {
        return Some(format!("{character:?} is not allowed in a path"));
    }
    let part = path
        .split('/')
        .find(|part| part.is_empty() || *part == "." || *part == "..")?;
    Some(if part.is_empty() {
        "it has an empty component".to_owned()
    } else {
        format!("it has a component `{part}`")
    })
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[LAYOUT_INVALID];

pub const LAYOUT_INVALID: Code = code(&CodeInfo {
    name: "layout-invalid",
    title: "the layout is not a path below the tree",
    cause: "`layout` or a rename has an unknown field, an empty component or `..`, or is \
            absolute.",
    detection: "The layout is parsed before anything is compiled.",
    fix: "Use the fields that the message lists, and a path below the tree's root.",
    page: "tree",
    sources: &[],
    waivable: false,
});
