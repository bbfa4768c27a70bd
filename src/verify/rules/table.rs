//! The table of rules that a program must meet to be staged by `build` and to be released: the rows
//! of each family, with one column for `build` and one for each policy of `verify`.
//!
//! A rule sees one program and what is expected of it; rules over the whole tree are in
//! [`super::super::judge`].

use crate::inspect::InspectError;
use crate::inspect::binary::Binary;
use crate::problem::Problem;
use crate::problem::code::Code;
use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::PolicyConfig;
use crate::toolchain::{gate, leaks, libraries, probe};
use crate::verify::between::{BUILD_ID_TWICE, COMMITS_DIFFER, SAME_FILE_TWICE};
use crate::verify::expected::{Expected, TARGET_UNKNOWN};
use crate::verify::finding::Finding;
use crate::verify::rules::context::RuleScope::{Always, Built};
use crate::verify::rules::context::{Rule, RuleInput, SEE_PLAN, Violation};
use crate::verify::rules::machine::{self, UNREADABLE_BINARY, WRONG_MACHINE};
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::verify::rules::{hardening, level, libc, macos, signature, webassembly};

/// Returns every rule, in the order in which they are checked.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        machine::RULES,
        level::RULES,
        libc::RULES,
        hardening::RULES,
        signature::RULES,
        macos::RULES,
        webassembly::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Returns the names of all rules that a configuration may switch: of single programs and of the
/// whole tree.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    let tree_rules = [
        BUILD_ID_TWICE,
        SAME_FILE_TWICE,
        COMMITS_DIFFER,
        TARGET_UNKNOWN,
    ];
    rules()
        .map(|rule| rule.code.name())
        .chain(tree_rules.into_iter().map(Code::name))
}

/// Returns the codes of findings that a build may accept: of compilers, of the environment and of
/// finished bins.
pub fn acceptable() -> impl Iterator<Item = Code> {
    let bin_rules = rules().filter(|rule| rule.at_build.is_some());
    probe::table::CODES
        .iter()
        .chain(leaks::CODES)
        .chain(leaks::aws_lc::CODES)
        .chain(libraries::CODES)
        .chain(gate::CODES)
        .chain([&UNREADABLE_BINARY])
        .copied()
        .chain(bin_rules.map(|rule| rule.code))
}

/// Checks a built artifact against what was to be built, before it is staged. `name` is what messages
/// call it.
pub fn check_built(
    name: &str,
    kind: ArtifactKind,
    binary: &Binary,
    expected: &Expected,
) -> Vec<Problem> {
    let target = &expected.name;
    let policy = Policy {
        name: PolicyName::Default,
        config: PolicyConfig::default(),
    };
    let input = RuleInput {
        mode: None,
        homes: &[],
        built: Some(kind),
        binary,
        expected: Some(expected),
        linked_by: None,
        policy: &policy,
    };
    let mut problems = Vec::new();
    for rule in rules() {
        let Some((violation, help)) = rule
            .at_build
            .and_then(|help| Some(((rule.check)(&input)?, help)))
        else {
            continue;
        };
        let Violation {
            found, expected, ..
        } = violation;
        let message = format!("{name}: {found}, expected {expected} (target `{target}`)");
        problems.push(Problem::new(rule.code, message).help(help));
        if rule.code == WRONG_MACHINE {
            break;
        }
    }
    problems
}

/// Returns the problem of a built bin that cannot be read at all.
pub fn unreadable(name: &str, error: &InspectError) -> Problem {
    Problem::new(
        UNREADABLE_BINARY,
        format!("{name} is not a program: {error}"),
    )
    .help(SEE_PLAN)
}

/// Checks a program by the rules of the policy. `path` is its path in the report.
///
/// Of a universal file one slice at least must be for the target, and every slice is checked. A
/// finding that all of them have is reported once.
pub fn check(path: &str, input: &RuleInput) -> Vec<Finding> {
    let slices = &input.binary.slices;
    if slices.is_empty() {
        return check_one(path, input);
    }
    let is_unfit = |finding: &Finding| finding.code == WRONG_MACHINE;
    let of_part = input.expected.map(Expected::of_part);
    if input.expected.is_some_and(|expected| expected.universal) {
        let of_file = check_one(path, input);
        if of_file.iter().any(is_unfit) {
            return of_file;
        }
    }
    let input = &RuleInput {
        expected: of_part.as_ref(),
        ..*input
    };
    let checked = slices.iter().map(|binary| {
        let findings = check_one(path, &RuleInput { binary, ..*input });
        (binary, findings)
    });
    let checked: Vec<(&Binary, Vec<Finding>)> = checked.collect();
    if checked.iter().all(|(_, found)| found.iter().any(is_unfit)) {
        return check_one(path, input);
    }
    let checked = checked.into_iter().map(|(binary, found)| {
        if !found.iter().any(is_unfit) {
            return (binary, found);
        }
        // A slice for another processor than the target's has no target of its own.
        let other = RuleInput {
            binary,
            expected: None,
            ..*input
        };
        (binary, check_one(path, &other))
    });
    let checked: Vec<(&Binary, Vec<Finding>)> = checked.collect();
    let target = input.expected.map(|expected| expected.name.clone());
    let mut findings: Vec<Finding> = Vec::new();
    for (binary, found) in &checked {
        for finding in found {
            let is_same =
                |other: &Finding| (other.code, &other.found) == (finding.code, &finding.found);
            let is_shared = checked.iter().all(|(_, found)| found.iter().any(is_same));
            let found = if is_shared {
                finding.found.clone()
            } else {
                format!("{} (slice {})", finding.found, binary.machine)
            };
            let finding = Finding {
                found,
                target: target.clone(),
                ..finding.clone()
            };
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

fn check_one(path: &str, input: &RuleInput) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules() {
        let scope = match input.policy.name {
            PolicyName::Default => rule.default,
            PolicyName::Strict => rule.strict,
            PolicyName::PortableLinux => rule.portable,
        };
        let applies = input
            .policy
            .rule_override(rule.code)
            .unwrap_or(scope == Always || scope == Built && input.linked_by.is_some());
        let Some(Violation {
            found,
            expected,
            help,
        }) = applies.then(|| (rule.check)(input)).flatten()
        else {
            continue;
        };
        let target = input.expected.map(|expected| expected.name.clone());
        findings.push(Finding {
            code: rule.code,
            path: Some(path.to_owned()),
            target,
            found,
            expected,
            help: help.to_owned(),
            advisory: None,
        });
        // For a program of another machine, all other findings would be noise.
        if rule.code == WRONG_MACHINE {
            break;
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::binary::FormatName;
    use crate::inspect::inspect;
    use crate::target::Target;

    /// Returns the codes against a bin for x86_64-unknown-linux-musl, edited by `edit`.
    fn codes(edit: fn(&mut Binary)) -> Vec<&'static str> {
        let mut bytes = vec![0_u8; 64];
        bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        bytes[16..20].copy_from_slice(&[2, 0, 62, 0]);
        bytes[20] = 1;
        bytes[52] = 64;
        let mut binary = inspect(&bytes).unwrap();
        edit(&mut binary);
        let target = Target::of_triple("x86_64-unknown-linux-musl").unwrap();
        check_built(
            "bin",
            ArtifactKind::Bin,
            &binary,
            &Expected::from_target(&target),
        )
        .into_iter()
        .map(|problem| problem.code.name())
        .collect()
    }

    #[test]
    fn a_built_bin_is_neither_a_library_nor_an_object() {
        assert_eq!(codes(|_| ()), [""; 0]);
        assert_eq!(
            codes(|binary| {
                binary.kind = "ET_DYN".to_owned();
                binary.executable = false;
            }),
            ["not-executable"]
        );
        assert_eq!(
            codes(|binary| {
                binary.kind = "ET_REL".to_owned();
                binary.executable = false;
            }),
            ["not-executable"]
        );
    }

    #[test]
    fn a_built_library_is_no_program() {
        let code = |triple: &str, kind: &str, executable: bool, format| {
            let binary = Binary {
                machine: "wasm32".to_owned(),
                ..Binary::plain(
                    format,
                    "EM_X86_64".to_owned(),
                    64,
                    kind.to_owned(),
                    executable,
                )
            };
            let binary = match format {
                FormatName::Wasm => Binary {
                    class: 32,
                    ..binary
                },
                _ => Binary {
                    machine: "EM_X86_64".to_owned(),
                    ..binary
                },
            };
            let target = Target::of_triple(triple).unwrap();
            let problems = check_built(
                "lib",
                ArtifactKind::Cdylib,
                &binary,
                &Expected::from_target(&target),
            );
            let codes = problems.iter().map(|problem| problem.code.name());
            codes.collect::<Vec<_>>().join(" ")
        };
        let gnu = "x86_64-unknown-linux-gnu";
        let (elf, wasm) = (FormatName::Elf, FormatName::Wasm);
        assert_eq!(code(gnu, "ET_DYN", false, elf), "");
        assert_eq!(code(gnu, "ET_DYN", true, elf), "not-library");
        assert_eq!(
            code(gnu, "ET_REL", false, elf),
            "not-executable not-library"
        );
        assert_eq!(code("wasm32-unknown-unknown", "module", false, wasm), "");
        assert_eq!(code("wasm32-wasip1", "module", true, wasm), "not-library");
    }

    #[test]
    fn a_bin_for_another_machine_is_checked_no_further() {
        assert_eq!(
            codes(|binary| {
                binary.machine = "EM_AARCH64".to_owned();
                binary.executable = false;
            }),
            ["wrong-machine"]
        );
    }

    #[test]
    fn what_is_left_to_verify_does_not_stop_a_build() {
        assert_eq!(codes(|binary| binary.nx = Some(false)), [""; 0]);
        assert_eq!(
            codes(|binary| {
                binary.glibc_private = true;
                binary.linkage = crate::inspect::binary::Linkage::Dynamic;
            }),
            ["not-static", "private-glibc"]
        );
    }
}
