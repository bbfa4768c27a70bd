//! Named policies, and what the configuration changes of one.

use crate::problem::code::{Code, NO_SUCH_CODE};
use crate::problem::{Problem, Result, nearest, text};
use crate::project::config::PolicyConfig;

/// A named policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyName {
    /// What is broken or not what it says.
    Default,
    /// And all that hardens, shrinks or hides.
    Strict,
    /// And starts on any Linux since glibc 2.17.
    PortableLinux,
}

pub const POLICY_NAMES: &[(&str, PolicyName)] = &[
    ("default", PolicyName::Default),
    ("strict", PolicyName::Strict),
    ("portable-linux", PolicyName::PortableLinux),
];

impl PolicyName {
    pub fn parse(text: &str) -> Result<Self> {
        if let Some((_, name)) = POLICY_NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*name);
        }
        let names = || POLICY_NAMES.iter().map(|(name, _)| *name);
        let problem = Problem::new(NO_SUCH_CODE, format!("there is no policy `{text}`"));
        Err(match nearest(text, names()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("it is one of {}", text::list(names()))),
        })
    }

    pub fn name(self) -> &'static str {
        POLICY_NAMES
            .iter()
            .find(|(_, name)| *name == self)
            .map_or("", |(text, _)| text)
    }
}

/// A policy with what the configuration changes of it.
#[derive(Debug, Clone)]
pub struct Policy {
    pub name: PolicyName,
    pub config: PolicyConfig,
}

impl Policy {
    /// Whether the configuration has a word on a rule.
    pub fn switched(&self, code: Code) -> Option<bool> {
        self.config.rules.get(code.name()).copied()
    }
}
