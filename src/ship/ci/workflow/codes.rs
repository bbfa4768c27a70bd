//! Codes of `ci`.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[
    CI_INCOMPLETE,
    CI_PLACE,
    CI_MISSING,
    CI_FOREIGN,
    CI_EDITED,
    CI_STALE,
];

/// A workflow that could not run as it would be written.
pub const CI_INCOMPLETE: Code = code(&CodeInfo {
    name: "ci-incomplete",
    title: "the configuration does not suffice for a workflow",
    cause: "A job would need what is not configured, or what is configured cannot be written into a \
            workflow of this system: an image without a digest, a store without a channel, an \
            expression of the CI system among lines of shell.",
    detection: "The keys of `ci`, `docker` and `publish` are checked before anything is written.",
    fix: "Set the key that the message names.",
    page: "ci",
    sources: &["GitHub Docs, Script injections"],
    waivable: false,
});

/// A workspace below the root of its repository.
pub const CI_PLACE: Code = code(&CodeInfo {
    name: "ci-place",
    title: "no workflow can be put here",
    cause: "CI systems read their files at the root of a repository, and start jobs there; the \
            workspace is in a directory below it. Or a path of `ci.files` is not one that the \
            system reads, or a link is in its way, behind which git keeps nothing.",
    detection: "A `.git` above the workspace's root; the form of the path; links below the root.",
    fix: "Print the files, and adapt them: `cargo xpkg ci init --for github --print`. Remove a link.",
    page: "ci",
    sources: &[],
    waivable: false,
});

/// A workflow file that is not there.
pub const CI_MISSING: Code = code(&CodeInfo {
    name: "ci-missing",
    title: "a file of the workflow is missing",
    cause: "It was removed, is not committed, or `ci init` never ran.",
    detection: "The files that `ci init` would write are looked for.",
    fix: "Write them: `cargo xpkg ci init --for github`.",
    page: "ci",
    sources: &[],
    waivable: false,
});

/// A file of somebody else.
pub const CI_FOREIGN: Code = code(&CodeInfo {
    name: "ci-foreign",
    title: "a file in the workflow's place is not of xpkg",
    cause: "There is a file that does not end with the line that `ci init` writes.",
    detection: "The last line of the file.",
    fix: "Move it away, choose another path in `ci.files`, or overwrite it: `--force`.",
    page: "ci",
    sources: &[],
    waivable: false,
});

/// A workflow that somebody changed.
pub const CI_EDITED: Code = code(&CodeInfo {
    name: "ci-edited",
    title: "a file of the workflow was edited by hand",
    cause: "Somebody changed the file after `ci init` had written it. The next `ci init` would undo \
            that.",
    detection: "The SHA-256 in its last line is not that of the lines above.",
    fix: "Put the change into the configuration or a workflow of your own; undo it with `ci init \
          --force`.",
    page: "ci",
    sources: &[],
    waivable: false,
});

/// A workflow of an older configuration.
pub const CI_STALE: Code = code(&CodeInfo {
    name: "ci-stale",
    title: "the workflow is not what `ci init` would write now",
    cause: "The configuration or the version of xpkg changed after the file was written, so CI does \
            not do what the configuration says.",
    detection: "The file is compared with what `ci init` would write.",
    fix: "Write it again, and commit it: `cargo xpkg ci init --for github`.",
    page: "ci",
    sources: &[],
    waivable: false,
});
