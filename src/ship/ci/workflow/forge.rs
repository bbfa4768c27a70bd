//! The systems that `ci` writes workflows for, and the places of the files. Pure.

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::{Problem, Result};
use crate::project::config::ci::{CiConfig, CiSystem};
use crate::project::path_template::path_fault;
use crate::ship::ci::workflow::codes::CI_PLACE;

/// A system whose workflow xpkg writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forge {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
    /// Forgejo Actions.
    Forgejo,
}

impl Forge {
    /// All systems.
    pub const ALL: &[Self] = &[Self::Github, Self::Gitlab, Self::Forgejo];

    /// Returns the system as `matrix` knows it.
    pub fn system(self) -> CiSystem {
        match self {
            Self::Github => CiSystem::Github,
            Self::Gitlab => CiSystem::Gitlab,
            Self::Forgejo => CiSystem::Forgejo,
        }
    }

    /// Returns the name as it is typed.
    pub fn name(self) -> &'static str {
        self.system().name()
    }

    /// Returns the default path of the workflow.
    pub fn default_path(self) -> &'static str {
        match self {
            Self::Github => ".github/workflows/xpkg.yml",
            Self::Gitlab => ".gitlab-ci.yml",
            Self::Forgejo => ".forgejo/workflows/xpkg.yml",
        }
    }

    /// Returns the path of the script that installs this program.
    pub fn tool_path(self) -> Utf8PathBuf {
        format!(".{}/xpkg-tool.sh", self.name()).into()
    }

    /// Returns the path of the workflow.
    ///
    /// # Errors
    /// `ci-place` for a path that the system does not read.
    pub fn path(self, config: &CiConfig) -> Result<Utf8PathBuf> {
        let Some(path) = config.files.get(&self.system()) else {
            return Ok(self.default_path().into());
        };
        let name = self.name();
        let wrong = |why: String| {
            let message = format!("`ci.files.{name}` is `{path}`: {why}");
            let example = self.default_path();
            Problem::new(CI_PLACE, message).help(format!("use a path such as `{example}`"))
        };
        if let Some(fault) = path_fault(path.as_str()) {
            return Err(wrong(fault.to_string()));
        }
        if !matches!(path.extension(), Some("yml" | "yaml")) {
            return Err(wrong("it does not end with `.yml`".to_owned()));
        }
        let directory = Utf8Path::new(self.default_path()).parent();
        if self != Self::Gitlab && path.parent() != directory {
            let directory = directory.unwrap_or(Utf8Path::new(""));
            return Err(wrong(format!(
                "{} reads workflows in `{directory}` only",
                self.system().title()
            )));
        }
        Ok(path.clone())
    }
}
