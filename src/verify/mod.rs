//! Verification of trees, archives and files: may they be released?
//!
//! `judge` runs all of it: integrity against the list of files, [`rules`] for each program, and
//! `between` for what only shows between programs. `report` is the document; `sarif` and `markdown`
//! are its other forms.

pub mod audit;
pub mod between;
pub mod damaged;
pub mod expected;
pub mod fence;
pub mod finding;
pub mod installed;
pub mod integrity;
pub mod judge;
pub mod links;
pub mod listing;
pub mod look;
pub mod markdown;
pub mod paths;
pub mod provenance;
pub mod registry;
pub mod release;
pub mod report;
pub mod rules;
pub mod run;
pub mod sarif;
pub mod sbom;
pub mod signed;
#[cfg(test)]
pub mod tests;
pub mod waiver;
pub mod wine;
pub mod words;
