//! Buildkite: a group with a step for each leg, for `buildkite-agent pipeline upload`. Pure.
//!
//! Plain steps instead of `matrix`, whose values no `key` may have.
//!
//! Source: Buildkite Docs, Defining steps, Group step.

use crate::ship::ci::assigned::{self, Assigned, list};

/// Returns the steps.
pub fn steps(legs: &[Assigned]) -> String {
    let mut lines = vec![
        "# Written by `cargo xpkg matrix --for buildkite`: a step for each leg.".to_owned(),
        "steps:".to_owned(),
        "  - group: \"xpkg\"".to_owned(),
        "    key: \"xpkg-legs\"".to_owned(),
        "    steps:".to_owned(),
    ];
    for Assigned { leg, labels } in legs {
        lines.extend([
            format!("      - label: {}", scalar(&leg.target)),
            format!("        key: {}", scalar(&leg.artifact)),
        ]);
        if !labels.is_empty() {
            let agents = labels.iter().map(|label| scalar(label));
            lines.push(format!("        agents: {}", list(agents)));
        }
        lines.extend([
            "        env:".to_owned(),
            format!("          XPKG_LEG: {}", scalar(&leg.name)),
            format!("          XPKG_CACHE_PREFIX: {}", scalar(&leg.cache_prefix)),
            format!("        command: {}", scalar(&leg.command())),
            format!(
                "        artifact_paths: {}",
                list([scalar(&format!("{}/**/*", leg.tree))])
            ),
        ]);
    }
    lines.join("\n") + "\n"
}

/// Returns a value, in which the upload replaces variables: `$$` is a dollar.
fn scalar(text: &str) -> String {
    assigned::scalar(&text.replace('$', "$$"))
}
