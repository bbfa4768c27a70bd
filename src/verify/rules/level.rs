//! Rule about the level of processor that a program needs.

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

/// Rules of this family.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    Rule { code: CPU_LEVEL,         check: level,             at_build: Some(SEE_LEVELS),    default: Always, strict: Always, portable: Always },
];
