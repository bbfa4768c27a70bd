//! Builds the recorded commit of a tree or a release again, elsewhere, and explains what differs.

pub mod difference;
pub mod released;
pub mod run;
pub mod tools;

use crate::problem::code::{Code, CodeInfo, code};

/// Codes declared in this file.
pub const CODES: &[Code] = &[NOT_REPRODUCED, REPRODUCE_UNFIT];

/// A program whose second build has other bytes.
pub const NOT_REPRODUCED: Code = code(&CodeInfo {
    name: "not-reproduced",
    title: "a file has other bytes than when it is made again",
    cause: "Its commit, built again in another directory by the recorded tools, gave another file: \
            something of the machine, of the time or of chance is in it, or it was not built from \
            that commit.",
    detection: "The commit is cloned, built from an empty target directory, and compared byte by \
                byte. The finding names the section, the offset, the text at both sides, and the \
                package if the text has it.",
    fix: "Build it with `--reproducible`. What remains is of the package that the finding names.",
    page: "reproducibility",
    sources: &["reproducible-builds.org"],
    waivable: false,
});

/// A tree that cannot be built again here.
pub const REPRODUCE_UNFIT: Code = code(&CodeInfo {
    name: "reproduce-unfit",
    title: "the tree cannot be built again here",
    cause: "Its record names no commit, or uncommitted changes, or tools that are others here: what \
            they make says nothing about the tree.",
    detection: "The records of the manifest are compared with the checkout and with the plan of the \
                second build, before anything is compiled.",
    fix: "Run it in a checkout that has the commit, on a machine with the tools that the message \
          names.",
    page: "reproducibility",
    sources: &[],
    waivable: false,
});
