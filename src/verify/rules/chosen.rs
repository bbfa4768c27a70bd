//! The policy of a run. Pure.

use crate::problem::code::NO_SUCH_CODE;
use crate::problem::text::list;
use crate::problem::{Problem, Result};
use crate::project::config::PolicyConfig;
use crate::project::config::parse::CONFIG_INVALID;
use crate::target::glibc::Glibc;
use crate::target::macos::MacOs;
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::verify::rules::table::rule_names;

/// Returns the policy that the flag names, else the configuration, with the configured rules.
///
/// # Errors
/// All problems: `no-such-code`, `config-invalid`.
pub fn policy(flag: Option<&str>, config: PolicyConfig) -> Result<Policy, Vec<Problem>> {
    let mut problems = Vec::new();
    let name = flag.or(config.base.as_deref()).unwrap_or("default");
    let name = PolicyName::parse(name).unwrap_or_else(|problem| {
        problems.push(problem);
        PolicyName::Default
    });
    for rule in config
        .rules
        .keys()
        .filter(|rule| !rule_names().any(|name| name == rule.as_str()))
    {
        problems.push(
            Problem::new(
                NO_SUCH_CODE,
                format!("unknown rule `{rule}` in the configured policy"),
            )
            .help(format!("available rules: {}", list(rule_names()))),
        );
    }
    if let Some(glibc) = config
        .glibc
        .as_ref()
        .filter(|text| Glibc::parse(text).is_none())
    {
        problems.push(
            Problem::new(
                CONFIG_INVALID,
                format!("invalid glibc version `{glibc}` in the configured policy"),
            )
            .help("write it as `2.31`"),
        );
    }
    if let Some(macos) = config
        .macos
        .as_ref()
        .filter(|text| MacOs::parse(text).is_none())
    {
        problems.push(
            Problem::new(
                CONFIG_INVALID,
                format!("invalid version of macOS `{macos}` in the configured policy"),
            )
            .help("write it as `11.0`"),
        );
    }
    if problems.is_empty() {
        Ok(Policy { name, config })
    } else {
        Err(problems)
    }
}
