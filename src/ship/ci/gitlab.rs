//! GitLab CI/CD: a child pipeline with a job for each leg. Pure.
//!
//! `parallel:matrix` takes no list that a job has made, so the jobs are written out. What they need
//! beside xpkg (an image, a cache) is the `default` of another file that the trigger includes.
//!
//! Source: GitLab Docs, Downstream pipelines, Dynamic child pipelines.

use crate::invocation::quote;
use crate::ship::ci::assigned::{Assigned, list, scalar};

/// Returns the file.
pub fn child_pipeline(legs: &[Assigned]) -> String {
    let jobs = legs.iter().map(job).collect::<Vec<_>>().join("\n");
    format!("# Written by `cargo xpkg matrix --for gitlab`: a job for each leg.\n{jobs}")
}

/// Returns the job of a leg.
fn job(Assigned { leg, labels }: &Assigned) -> String {
    // On another way than the tree, for `merge --leg`.
    let digest = format!(
        "sha256sum {}",
        quote(&format!("{}/manifest.json", leg.tree))
    );
    let mut lines = vec![
        format!("{}:", scalar(&leg.artifact)),
        "  stage: build".to_owned(),
    ];
    if !labels.is_empty() {
        let tags = labels.iter().map(|label| scalar(label));
        lines.push(format!("  tags: {}", list(tags)));
    }
    lines.extend([
        "  variables:".to_owned(),
        format!("    XPKG_LEG: {}", scalar(&leg.name)),
        format!("    XPKG_TARGET: {}", scalar(&leg.target)),
        format!("    XPKG_CACHE_PREFIX: {}", scalar(&leg.cache_prefix)),
        "  script:".to_owned(),
        format!("    - {}", scalar(&leg.command())),
        format!("    - {}", scalar(&digest)),
        "  artifacts:".to_owned(),
        format!("    paths: {}", list([scalar(&format!("{}/", leg.tree))])),
        "    expire_in: 1 day".to_owned(),
    ]);
    lines.join("\n") + "\n"
}
