//! A library of the system that a package looks for, and what was found for the target.

use serde::Serialize;

use crate::project::system_libraries::{NeededLibrary, Otherwise};
use crate::target::Target;

/// Answer to the question for a library.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum LibraryAnswer {
    /// A feature makes the package look for nothing.
    SwitchedOff {
        /// The feature.
        feature: String,
    },
    /// A variable names the library; what it names is not checked.
    Named {
        /// Name of the variable.
        variable: String,
    },
    /// cargo's configuration replaces the build script.
    Replaced,
    /// pkg-config found it.
    Found {
        /// Name and version.
        library: String,
    },
    /// pkg-config did not find it.
    Missing {
        /// pkg-config's first line.
        why: String,
        /// Program of the host that the build script asks next, if it is on PATH.
        program: Option<String>,
        /// True if there is no pkg-config that could be asked.
        without_tool: bool,
    },
    /// Nobody was asked.
    NotChecked {
        /// Clause that says why.
        why: String,
    },
    /// Nothing is known yet.
    #[default]
    Unknown,
}

/// A library of the system, and whether the target has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemLibrary {
    /// Library, and the package that looks for it.
    #[serde(flatten)]
    pub needed: NeededLibrary,
    /// Whether the target has it.
    #[serde(flatten)]
    pub answer: LibraryAnswer,
    /// True if its build script looks for it in spite of a feature, or instead of compiling it.
    pub forced: bool,
}

/// Effect of a library on the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// None, or none that is known.
    None,
    /// The build may fail.
    Likely,
    /// The build fails.
    Certain,
}

impl SystemLibrary {
    /// Returns a library that nobody was asked for.
    pub fn unknown(needed: NeededLibrary) -> Self {
        Self {
            needed,
            answer: LibraryAnswer::default(),
            forced: false,
        }
    }

    /// Returns what its absence does to the build.
    pub fn effect(&self) -> Effect {
        let LibraryAnswer::Missing { program, .. } = &self.answer else {
            return Effect::None;
        };
        match self.needed.otherwise {
            _ if self.forced => Effect::Certain,
            Otherwise::Fails if program.is_none() => Effect::Certain,
            Otherwise::Fails | Otherwise::Links => Effect::Likely,
            Otherwise::Builds => Effect::None,
        }
    }

    /// Returns the name for messages: `openssl`, or `mysqlclient` or `libmariadb`.
    pub fn label(&self) -> String {
        let quoted = self.needed.libraries.iter().map(|name| format!("`{name}`"));
        quoted.collect::<Vec<_>>().join(" or ")
    }

    /// Returns the package that looks for it: `openssl-sys 0.9.118`.
    pub fn package(&self) -> String {
        format!("{} {}", self.needed.package, self.needed.version)
    }

    /// Returns the message about its absence.
    pub fn message(&self, target: &Target) -> String {
        let NeededLibrary { otherwise, .. } = &self.needed;
        let what = format!("pkg-config does not find {} for `{target}`", self.label());
        let package = self.package();
        match (&self.answer, otherwise) {
            (
                LibraryAnswer::Missing {
                    program: Some(program),
                    ..
                },
                _,
            ) => format!(
                "{what}: {package} asks the host's `{program}` for it, whose library is the host's"
            ),
            (_, Otherwise::Links) if !self.forced => {
                format!("{what}: {package} lets the linker look for it")
            }
            _ => format!("{what}, and {package} does not build without it"),
        }
    }

    /// Returns the line of the plan; `None` for what a package compiles itself.
    pub fn line(&self) -> Option<String> {
        let (package, label) = (self.package(), self.label());
        Some(match &self.answer {
            LibraryAnswer::SwitchedOff { feature } => {
                format!("{package}: no library of the system, by its feature `{feature}`")
            }
            LibraryAnswer::Named { variable } => format!("{package}: {label} by `{variable}`"),
            LibraryAnswer::Replaced => {
                format!("{package}: `links` is replaced in cargo's configuration")
            }
            LibraryAnswer::Found { library } => format!("{package}: {library}"),
            LibraryAnswer::Missing { .. } => match self.effect() {
                Effect::None => return None,
                Effect::Likely => format!("{package}: {label} is likely missing"),
                Effect::Certain => format!("{package}: {label} is missing"),
            },
            LibraryAnswer::NotChecked { .. } | LibraryAnswer::Unknown => return None,
        })
    }
}
