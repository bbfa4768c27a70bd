//! Runs rustup as planned.

use crate::build::plan::{Plan, STD_MISSING, TargetPlan};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::{Problem, Result};
use crate::target::Target;

/// Installs the standard libraries that are missing. Returns true if there were any: then the
/// session must look again.
pub fn install<'a>(host: &Host, targets: impl IntoIterator<Item = &'a TargetPlan>) -> Result<bool> {
    let mut is_changed = false;
    for target in targets {
        if let Some(install) = &target.install {
            target_add(host, &target.target, install)?;
            is_changed = true;
        }
    }
    Ok(is_changed)
}

/// Checks that no standard library is missing after they were installed.
pub fn check(plan: &Plan) -> Result<(), Vec<Problem>> {
    let missing = plan
        .targets
        .iter()
        .filter_map(|target| Some((&target.target, target.install.as_ref()?)));
    let problems: Vec<Problem> = missing
        .map(|(target, install)| {
            Problem::new(
                STD_MISSING,
                format!("rustup succeeded, but rustc still has no standard library for `{target}`"),
            )
            .note("command", [install.to_string()])
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Installs a target's standard library with rustup.
fn target_add(host: &Host, target: &Target, install: &Invocation) -> Result<()> {
    host.shell.status(
        "Installing",
        &format!("the standard library for `{target}` (rustup)"),
    );
    host.shell.detail("Running", &format!("`{install}`"));
    let output = host.capture(install)?;
    if output.success() {
        return Ok(());
    }
    Err(Problem::new(
        STD_MISSING,
        format!("rustup could not install the standard library for `{target}`"),
    )
    .note("command", [install.to_string()])
    .cause(&output.stderr))
}
