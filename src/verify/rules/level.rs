//! Rule about the level of processor that a program needs.

use crate::problem::Problem;
use crate::project::c_package::CPackage;
use crate::target::level::{CPU_LEVEL, Shortfall};
use crate::verify::rules::context::RuleScope::Always;
use crate::verify::rules::context::{Rule, RuleInput, Violation, violation};

/// Rule `cpu-level`.
fn level(input: &RuleInput) -> Option<Violation> {
    let offered = input.expected?.level.as_ref()?;
    let Shortfall { needed, offered } = offered.shortfall(input.binary.level.as_ref()?)?;
    violation(
        format!("code for {needed}"),
        format!("code for {offered}"),
        "link it with a C library for its target, or look for what was compiled with other flags",
    )
}

const SEE_LEVELS: &str = "`cargo xpkg help levels` shows what can be done; if this code is only \
                          reached after a check of the processor: `--accept cpu-level`";

/// Returns true for a finding about levels in a program with a package that chooses its code at run
/// time: the program is marked for the newest processor that the package has code for.
pub fn is_explained(finding: &Problem, by: Option<&CPackage>) -> bool {
    finding.code == CPU_LEVEL && by.is_some()
}

/// Adds the package that explains a finding to its message.
pub fn explained(finding: Problem, by: Option<&CPackage>) -> Problem {
    match by.filter(|_| is_explained(&finding, by)) {
        Some(CPackage {
            package, version, ..
        }) => Problem {
            message: format!(
                "{}; {package} {version} chooses at run time what the processor has",
                finding.message
            ),
            ..finding
        },
        None => finding,
    }
}

/// Rules of this family.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: CPU_LEVEL,         check: level,             at_build: Some(SEE_LEVELS),    default: Always, strict: Always, portable: Always },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::rules::machine::NOT_STATIC;

    #[test]
    fn only_a_level_is_explained_by_code_that_is_chosen_at_run_time() {
        let ring = CPackage {
            package: "ring".to_owned(),
            version: "0.17.14".to_owned(),
            builder: "cc".to_owned(),
            levels: Vec::new(),
            cxx: false,
        };
        assert!(ring.is_dispatching());
        let finding = |code| Problem::new(code, "code for ARMv7");
        let found = explained(finding(CPU_LEVEL), Some(&ring));
        assert!(is_explained(&found, Some(&ring)));
        assert_eq!(
            found.message,
            "code for ARMv7; ring 0.17.14 chooses at run time what the processor has"
        );
        assert!(!is_explained(&finding(CPU_LEVEL), None));
        assert!(!is_explained(&finding(NOT_STATIC), Some(&ring)));
        assert_eq!(
            explained(finding(NOT_STATIC), Some(&ring)).message,
            "code for ARMv7"
        );
    }
}
