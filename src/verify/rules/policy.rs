//! Named policies, and their changes by the configuration.

use crate::problem::code::{Code, NO_SUCH_CODE};
use crate::problem::{Problem, Result, nearest, text};
use crate::project::config::PolicyConfig;

/// A named policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyName {
    /// Programs must work on their targets and match their lists.
    Default,
    /// Also hardening, stripped symbols and no paths of the builder.
    Strict,
    /// Like `default`, and programs must start on any Linux with glibc 2.17 or newer.
    PortableLinux,
}

/// Names of the policies, as `--policy` and the configuration accept them.
pub const POLICY_NAMES: &[(&str, PolicyName)] = &[
    ("default", PolicyName::Default),
    ("strict", PolicyName::Strict),
    ("portable-linux", PolicyName::PortableLinux),
];

impl PolicyName {
    /// Parses the name of a policy.
    ///
    /// # Errors
    /// `no-such-code`: there is no policy of this name.
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

    /// Returns the name of the policy.
    pub fn name(self) -> &'static str {
        POLICY_NAMES
            .iter()
            .find(|(_, name)| *name == self)
            .map_or("", |(text, _)| text)
    }
}

/// Policy with the configuration's changes.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Named policy that it is based on.
    pub name: PolicyName,
    /// Changes by the configuration.
    pub config: PolicyConfig,
}

impl Policy {
    /// Returns the configuration's setting of a rule; `None` if it has none.
    pub fn rule_override(&self, code: Code) -> Option<bool> {
        self.config.rules.get(code.name()).copied()
    }
}
