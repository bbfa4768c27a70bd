//! Lists of packages that a run adds to its programs. Pure.

use serde::Serialize;

use crate::inspect::auditable::{EmbedError, PackageList, embed};
use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::package_graph::PackageGraph;
use crate::project::selection::Bin;
use crate::target::Target;
use crate::target::system::Format;

/// Lists of packages for the programs of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lists {
    /// The target's programs are no ELF files, and get none.
    Unsupported,
    /// One for each package with a bin.
    Packages(Vec<BinList>),
}

/// List of the packages that the bins of one package are compiled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BinList {
    /// Package of the bins.
    pub package: String,
    /// What its bins are compiled from.
    #[serde(flatten)]
    pub list: PackageList,
}

impl Lists {
    /// Returns the lists for a target and the selected bins; `None` if none are wanted.
    pub fn new(target: &Target, bins: &[Bin], graph: Option<&PackageGraph>) -> Option<Self> {
        let graph = graph?;
        if target.system.format != Format::Elf {
            return Some(Self::Unsupported);
        }
        let mut packages: Vec<&str> = bins.iter().map(|bin| bin.package.as_str()).collect();
        packages.sort_unstable();
        packages.dedup();
        let list = |package: &str| {
            Some(BinList {
                package: package.to_owned(),
                list: graph.list(package)?,
            })
        };
        Some(Self::Packages(
            packages.into_iter().filter_map(list).collect(),
        ))
    }

    /// Adds its list to a program of a package. `name` describes the bin.
    ///
    /// # Errors
    /// `auditable-unfit`.
    pub fn embed(&self, package: &str, name: &str, program: Vec<u8>) -> Result<Vec<u8>, Problem> {
        let Self::Packages(lists) = self else {
            return Ok(program);
        };
        let unfit = |why: String| {
            Problem::new(
                AUDITABLE_UNFIT,
                format!("{name} cannot get its list of packages: {why}"),
            )
        };
        let Some(list) = lists.iter().find(|list| list.package == package) else {
            return Err(unfit("cargo's graph does not have its package".to_owned()));
        };
        embed(program, &list.list).map_err(|error| {
            unfit(error.to_string()).help(match error {
                EmbedError::Other => {
                    "leave it to one of the two: build with `cargo` instead of `cargo auditable`, or \
                     configure `auditable = false`"
                }
                EmbedError::Section(_) => {
                    "let the linker write section headers, or configure `auditable = false`"
                }
            })
        })
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[AUDITABLE_UNFIT];

/// A program that cannot get its list of packages.
pub const AUDITABLE_UNFIT: Code = code(&CodeInfo {
    name: "auditable-unfit",
    title: "the list of its packages cannot be added to a program",
    cause: "The program has no table of section headers that can be read, or it has a list of other \
            packages, as `cargo auditable` writes it.",
    detection: "The table of section headers is read after the link. A list that is there already must \
                name the same packages.",
    fix: "Build without the other tool, or configure `auditable = false`.",
    page: "tree",
    sources: &["cargo-auditable, PARSING.md"],
    waivable: false,
});
