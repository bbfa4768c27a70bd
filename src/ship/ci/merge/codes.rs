//! Codes of `merge`, one for each reason why legs are not joined.

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[
    LEG_MISSING,
    LEG_INCOMPLETE,
    LEG_UNEXPECTED,
    LEG_COMMIT,
    LEG_DIRTY,
    LEG_LOCK,
    LEG_TOOLS,
    LEG_SETTINGS,
    LEG_CONFLICT,
    LEG_DIGEST,
    MERGE_INVALID,
];

/// A leg without a tree.
pub const LEG_MISSING: Code = code(&CodeInfo {
    name: "leg-missing",
    title: "an expected leg has no tree",
    cause: "Its job failed, was skipped or canceled, or its artifact was not fetched. A release of the \
            others would look complete.",
    detection: "Each leg of the list of `--expect` must be the target of a tree. The list does not come \
                from the legs.",
    fix: "Run the leg again, and pass its tree, too.",
    page: "many-machines",
    sources: &["Extra-Chill/homeboy#8669", "joshrotenberg/adrs#248"],
    waivable: false,
});

/// A leg without a file.
pub const LEG_INCOMPLETE: Code = code(&CodeInfo {
    name: "leg-incomplete",
    title: "the tree of a leg lacks expected programs",
    cause: "The leg was built with other flags (`-p`, `--bin`), another layout or other sources than \
            the list was written with.",
    detection: "The list of `--expect` has the path of every program of a leg.",
    fix: "Run the leg with the arguments that `matrix` prints.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// A target or file that no leg has.
pub const LEG_UNEXPECTED: Code = code(&CodeInfo {
    name: "leg-unexpected",
    title: "a tree has a target or a program that no leg builds",
    cause: "It is the tree of another run, or of another set.",
    detection: "The targets and paths of each manifest are looked up in the list of `--expect`.",
    fix: "Leave the tree out, or write the list with all targets.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// Another commit.
pub const LEG_COMMIT: Code = code(&CodeInfo {
    name: "leg-commit",
    title: "a leg was built from another commit than expected",
    cause: "A branch moved between the jobs, or an artifact of an earlier run was fetched: a job that \
            is run again sees those of the first attempt.",
    detection: "The commit in the record of each target is compared with that of the list.",
    fix: "Build all legs at the commit of the list.",
    page: "many-machines",
    sources: &["actions/runner#2598"],
    waivable: false,
});

/// Uncommitted changes.
pub const LEG_DIRTY: Code = code(&CodeInfo {
    name: "leg-dirty",
    title: "a leg was built with uncommitted changes",
    cause: "A step before the build changed or generated files of the checkout, so nobody could build \
            the leg again from its commit.",
    detection: "`git status` before the leg's manifest was written.",
    fix: "Commit the files, or ignore them (`.gitignore`); to merge all the same, `--accept leg-dirty`.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// Another lockfile.
pub const LEG_LOCK: Code = code(&CodeInfo {
    name: "leg-lock",
    title: "a leg was built with another Cargo.lock than expected",
    cause: "The lockfile is not committed, or cargo updated it on one machine: legs have other versions \
            of the same dependencies.",
    detection: "The SHA-256 of Cargo.lock in the record of each target is compared with that of the \
                list.",
    fix: "Commit Cargo.lock, and let cargo refuse changes: `cargo xpkg matrix --for lines --locked`.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// Other versions of rustc or xpkg.
pub const LEG_TOOLS: Code = code(&CodeInfo {
    name: "leg-tools",
    title: "legs were built by other versions of rustc or xpkg",
    cause: "Images of runners are updated one after the other, and an unpinned toolchain with them.",
    detection: "The version and the commit of rustc in each record, and the version of xpkg in each \
                manifest, are compared; that of this xpkg, too.",
    fix: "Pin both (`rust-toolchain.toml`, `cargo install --locked --version V cargo-xpkg`); to merge \
          all the same, `--accept leg-tools`.",
    page: "many-machines",
    sources: &["axodotdev/cargo-dist#1760"],
    waivable: false,
});

/// Other settings.
pub const LEG_SETTINGS: Code = code(&CodeInfo {
    name: "leg-settings",
    title: "a leg was built with other settings than expected",
    cause: "Another profile, another glibc floor or another version of a package than when the list was \
            written.",
    detection: "Profile, floor and versions of each manifest are compared with the list.",
    fix: "Run the leg with the arguments that `matrix` prints.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// Two trees of one leg.
pub const LEG_CONFLICT: Code = code(&CodeInfo {
    name: "leg-conflict",
    title: "two trees of one leg differ",
    cause: "The leg was run again, and the artifacts of both runs were fetched; or two legs built the \
            same target. Nothing says which is meant.",
    detection: "The programs of both are compared by path and digest. If all are the same, one is taken.",
    fix: "Pass only the tree of the run that counts.",
    page: "many-machines",
    sources: &["actions/upload-artifact#658", "actions/upload-artifact#478"],
    waivable: false,
});

/// A manifest with another digest.
pub const LEG_DIGEST: Code = code(&CodeInfo {
    name: "leg-digest",
    title: "the manifest of a leg is not the one that its machine wrote",
    cause: "The tree was changed on its way, with its manifest: a store of artifacts is writable by \
            others. Or the digest is of another run.",
    detection: "The SHA-256 of the leg's manifest.json is compared with that of `--leg NAME=DIGEST`, \
                which travels apart from the tree.",
    fix: "Find out who changed it; run the leg again.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});

/// What `merge` is asked for cannot be.
pub const MERGE_INVALID: Code = code(&CodeInfo {
    name: "merge-invalid",
    title: "the legs cannot be merged as asked",
    cause: "The out-dir overlaps with a leg, `--leg` names no leg, or `--accept` no finding of `merge`.",
    detection: "Before any tree is read.",
    fix: "Pass what the message names.",
    page: "many-machines",
    sources: &[],
    waivable: false,
});
