//! The bins that a selection leaves out, and why.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::project::selection_flags::Selection;
use crate::project::workspace::{Member, MemberBin};

/// A bin that is not built, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Name of its package.
    pub package: String,
    /// Name of the bin.
    pub bin: String,
    /// Reason, for messages.
    pub reason: String,
}

/// Number of bins with one reason up to which each has a line.
const EACH: usize = 5;

/// Describes the bins that are not built: a line for each, or a line for each reason that many share.
pub fn lines(left_out: &[LeftOut]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut counted: BTreeSet<&str> = BTreeSet::new();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for bin in left_out {
        *numbers.entry(&bin.reason).or_default() += 1;
    }
    for bin in left_out {
        let LeftOut {
            package,
            bin: name,
            reason,
        } = bin;
        let alike = numbers[reason.as_str()];
        if alike <= EACH {
            lines.push(format!("{name} ({package}): {reason}"));
        } else if counted.insert(reason) {
            lines.push(format!("{alike} bins: {reason}"));
        }
    }
    lines
}

/// Returns the reason why the flags do not select a member, if they do not.
pub fn reason_not_selected(member: &Member, selection: &Selection) -> Option<String> {
    if selection.exclude.iter().any(|spec| member.is(spec)) {
        return Some("`--exclude`".to_owned());
    }
    if selection.workspace {
        return None;
    }
    if !selection.packages.is_empty() {
        let chosen = selection.packages.iter().any(|spec| member.is(spec));
        return (!chosen).then(|| NOT_CHOSEN.to_owned());
    }
    (!member.default).then(|| "not a default member (`--workspace` builds it)".to_owned())
}

/// Reason of a bin that `-p` does not select; not reported.
pub const NOT_CHOSEN: &str = "not chosen by `-p`";

/// Returns the reason why a bin's `required-features` leave it out, if they do: cargo's `--bins`
/// skips such a bin silently.
pub fn reason_features(member: &Member, bin: &MemberBin, selection: &Selection) -> Option<String> {
    if bin.required_features.is_empty() {
        return None;
    }
    let enabled = enabled_features(member, selection);
    let missing: Vec<&str> = bin
        .required_features
        .iter()
        .map(String::as_str)
        .filter(|feature| !enabled.contains(*feature))
        .collect();
    (!missing.is_empty()).then(|| format!("needs `--features {}`", missing.join(",")))
}

/// Returns all features of a member that the selection enables, directly or through others.
fn enabled_features(member: &Member, selection: &Selection) -> BTreeSet<String> {
    let mut open: Vec<String> = if selection.all_features {
        member.features.keys().cloned().collect()
    } else {
        let default = (!selection.no_default_features).then(|| "default".to_owned());
        let prefix = format!("{}/", member.name);
        let typed = selection
            .features
            .iter()
            .map(|feature| feature.strip_prefix(&prefix).unwrap_or(feature).to_owned());
        typed.chain(default).collect()
    };
    let mut enabled = BTreeSet::new();
    while let Some(feature) = open.pop() {
        if enabled.insert(feature.clone()) {
            open.extend(member.features.get(&feature).into_iter().flatten().cloned());
        }
    }
    enabled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_that_share_a_reason_share_a_line() {
        let left_out = |count: usize| -> Vec<LeftOut> {
            (1..=count)
                .map(|number| LeftOut {
                    package: "p".to_owned(),
                    bin: format!("b{number}"),
                    reason: "not a default member".to_owned(),
                })
                .chain([LeftOut {
                    package: "p".to_owned(),
                    bin: "x".to_owned(),
                    reason: "`skip`".to_owned(),
                }])
                .collect()
        };
        assert_eq!(
            lines(&left_out(2)),
            [
                "b1 (p): not a default member",
                "b2 (p): not a default member",
                "x (p): `skip`"
            ]
        );
        assert_eq!(
            lines(&left_out(109)),
            ["109 bins: not a default member", "x (p): `skip`"]
        );
    }
}
