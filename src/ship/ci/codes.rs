//! Codes of `matrix` and of the document of its legs.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[
    SET_UNKNOWN,
    MATRIX_EMPTY,
    MATRIX_LIMIT,
    LEG_PATH,
    RUNNER_UNFIT,
    LEGS_UNREADABLE,
];

/// A set that is not configured.
pub const SET_UNKNOWN: Code = code(&CodeInfo {
    name: "set-unknown",
    title: "the set of targets is not configured",
    cause: "`--set` names no key of `[workspace.metadata.xpkg.ci.sets]`, or the set is `\"all\"` and \
            no `targets` are configured.",
    detection: "The name is looked up in the configuration; no set has a default.",
    fix: "Add the set: `pr = [\"x86_64-unknown-linux-musl\"]`, or `main = \"all\"`.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// A matrix without legs.
pub const MATRIX_EMPTY: Code = code(&CodeInfo {
    name: "matrix-empty",
    title: "there is no leg to run",
    cause: "The set has no target. CI systems skip the jobs of an empty matrix, or fail with an \
            error that does not name it, and what comes after goes on with nothing.",
    detection: "The list of the set is empty.",
    fix: "Name a target in the set, or do not start the run.",
    page: "many-machines",
    sources: &["GitHub Docs, Running variations of jobs in a workflow"],
    waivable: false,
});

/// More than a CI system takes.
pub const MATRIX_LIMIT: Code = code(&CodeInfo {
    name: "matrix-limit",
    title: "the CI system does not take these legs",
    cause: "Each system limits the number of jobs, the size of their description, or the characters \
            in it: GitHub 256 jobs and 1 MiB, Buildkite 500 jobs an upload, Azure 256 jobs and no \
            `$(` in values.",
    detection: "The legs are counted and measured before they are printed.",
    fix: "Split the targets into sets, and run each by itself.",
    page: "many-machines",
    sources: &[
        "GitHub Docs, Actions limits",
        "ray-project/rayci#483",
        "Azure Pipelines documentation, Define variables",
    ],
    waivable: false,
});

/// An argument that other machines do not have.
pub const LEG_PATH: Code = code(&CodeInfo {
    name: "leg-path",
    title: "an argument of the legs names a path of this machine",
    cause: "The arguments of `matrix` become those of `build` on other machines, where an absolute \
            path leads elsewhere.",
    detection: "Paths among the arguments are absolute.",
    fix: "Pass paths relative to the current directory, in which the legs are run, too.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// A target without a runner.
pub const RUNNER_UNFIT: Code = code(&CodeInfo {
    name: "runner-unfit",
    title: "no label of a runner fits",
    cause: "The system has no runners of its own, or it takes another number or form of labels than \
            configured.",
    detection: "Labels are taken from `[workspace.metadata.xpkg.ci.runners]`, by triple, platform or \
                `default`, then from a table of the hosted runners.",
    fix: "Configure labels for the system: `forgejo = { default = \"docker\" }`.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// A document that cannot be read.
pub const LEGS_UNREADABLE: Code = code(&CodeInfo {
    name: "legs-unreadable",
    title: "the list of expected legs cannot be read",
    cause: "The file of `--expect` is none of `matrix --for json`, is damaged or empty, or another \
            version of xpkg wrote it.",
    detection: "It does not parse as schema version 1, a field does not have its form, or it has no \
                leg.",
    fix: "Write it with this version of xpkg: `cargo xpkg matrix --for json > legs.json`.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});
