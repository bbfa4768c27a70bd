//! What a program must be to be released, as data: one row a rule, one column a policy.
//!
//! Pure. A rule sees one program and what it is held to; rules over the whole tree stand in
//! [`super::judge`].

use crate::problem::code::Code;
use crate::verify::between::{BUILD_ID_TWICE, COMMITS_DIFFER, SAME_FILE_TWICE};
use crate::verify::expected::TARGET_UNKNOWN;
use crate::verify::finding::Finding;
use crate::verify::rules::context::{RuleInput, Violation};
use crate::verify::rules::hardening::{
    EXECUTABLE_STACK, HOME_LEAK, NOT_PIE, NOT_STRIPPED, RELRO_PARTIAL, RPATH_SET, TEXT_RELOCATIONS,
    executable_stack, home, pie, relro, rpath, stripped, text_relocations,
};
use crate::verify::rules::libc::{
    ABOVE_FLOOR, INTERPRETER_UNFIT, LIBRARY_UNFIT, PRIVATE_GLIBC, floor, interpreter, libraries,
    private_glibc,
};
use crate::verify::rules::machine::{
    MODE_UNFIT, NOT_EXECUTABLE, NOT_STATIC, WRONG_MACHINE, executable, machine, mode, static_musl,
};
use crate::verify::rules::policy::PolicyName;
use crate::verify::rules::table::RuleScope::{Always, Made, Never};

/// When a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RuleScope {
    Always,
    /// Where xpkg's own manifest says what linked the program, so that what it can be is known.
    Made,
    Never,
}

struct Rule {
    code: Code,
    check: fn(&RuleInput) -> Option<Violation>,
    default: RuleScope,
    strict: RuleScope,
    portable: RuleScope,
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { code: WRONG_MACHINE,     check: machine,           default: Always, strict: Always, portable: Always },
    Rule { code: NOT_EXECUTABLE,    check: executable,        default: Always, strict: Always, portable: Always },
    Rule { code: MODE_UNFIT,        check: mode,              default: Always, strict: Always, portable: Always },
    Rule { code: NOT_STATIC,        check: static_musl,       default: Always, strict: Always, portable: Always },
    Rule { code: INTERPRETER_UNFIT, check: interpreter,       default: Always, strict: Always, portable: Always },
    Rule { code: ABOVE_FLOOR,       check: floor,             default: Always, strict: Always, portable: Always },
    Rule { code: PRIVATE_GLIBC,     check: private_glibc,     default: Always, strict: Always, portable: Always },
    Rule { code: LIBRARY_UNFIT,     check: libraries,         default: Made,   strict: Always, portable: Always },
    Rule { code: RPATH_SET,         check: rpath,             default: Always, strict: Always, portable: Always },
    Rule { code: EXECUTABLE_STACK,  check: executable_stack,  default: Always, strict: Always, portable: Always },
    Rule { code: TEXT_RELOCATIONS,  check: text_relocations,  default: Always, strict: Always, portable: Always },
    Rule { code: NOT_PIE,           check: pie,               default: Made,   strict: Always, portable: Made },
    Rule { code: RELRO_PARTIAL,     check: relro,             default: Made,   strict: Always, portable: Made },
    Rule { code: NOT_STRIPPED,      check: stripped,          default: Never,  strict: Always, portable: Never },
    Rule { code: HOME_LEAK,         check: home,              default: Never,  strict: Always, portable: Never },
];

/// The names of the rules that a configuration may switch, and of those over the whole tree.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    let whole = [
        BUILD_ID_TWICE,
        SAME_FILE_TWICE,
        COMMITS_DIFFER,
        TARGET_UNKNOWN,
    ];
    RULES
        .iter()
        .map(|row| row.code.name())
        .chain(whole.into_iter().map(Code::name))
}

/// Everything that the policy has against a program.
pub fn judge(path: &str, case: &RuleInput) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in RULES {
        let when = match case.policy.name {
            PolicyName::Default => row.default,
            PolicyName::Strict => row.strict,
            PolicyName::PortableLinux => row.portable,
        };
        let holds = case
            .policy
            .switched(row.code)
            .unwrap_or(when == Always || when == Made && case.linked_by.is_some());
        let Some(Violation {
            found,
            expected,
            help,
        }) = holds.then(|| (row.check)(case)).flatten()
        else {
            continue;
        };
        let target = case.expected.map(|expected| expected.name.clone());
        findings.push(Finding {
            code: row.code,
            path: Some(path.to_owned()),
            target,
            found,
            expected,
            help: help.to_owned(),
        });
        // What is for another machine altogether is judged no further: the rest would be noise.
        if row.code == WRONG_MACHINE {
            break;
        }
    }
    findings
}
