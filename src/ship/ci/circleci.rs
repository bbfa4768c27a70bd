//! CircleCI: the workflow of a continued configuration. Pure.
//!
//! A continuation is a single file, so the jobs are the user's, `xpkg-leg` and `xpkg-merge`, before
//! what is printed here.
//!
//! Source: CircleCI Docs, Dynamic configuration.

use crate::ship::ci::assigned::{self, Assigned, list};

/// Returns the section `workflows`.
pub fn workflows(legs: &[Assigned]) -> String {
    let mut lines = vec![
        "# Written by `cargo xpkg matrix --for circleci`: a job for each leg.".to_owned(),
        "workflows:".to_owned(),
        "  xpkg:".to_owned(),
        "    jobs:".to_owned(),
    ];
    for Assigned { leg, labels } in legs {
        let parameters = [
            ("name", leg.artifact.as_str()),
            ("leg", &leg.name),
            ("args", &leg.words()),
            ("tree", &leg.tree),
            ("cache_prefix", &leg.cache_prefix),
            ("resource_class", &labels.concat()),
        ];
        lines.push("      - xpkg-leg:".to_owned());
        let parameters = parameters.iter();
        lines
            .extend(parameters.map(|(name, value)| format!("          {name}: {}", scalar(value))));
    }
    let names = legs
        .iter()
        .map(|Assigned { leg, .. }| scalar(&leg.artifact));
    lines.extend([
        "      - xpkg-merge:".to_owned(),
        format!("          requires: {}", list(names)),
    ]);
    lines.join("\n") + "\n"
}

/// Returns a value, in which `<<` begins a parameter.
fn scalar(text: &str) -> String {
    assigned::scalar(&text.replace("<<", "\\<<"))
}
