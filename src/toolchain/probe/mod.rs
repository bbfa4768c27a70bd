//! Probes of compilers and archivers: facts about them, and tests for known bugs.
//!
//! A bug is a folder (`gcc_95189`), a row in [`table`] and a table in the guide. [`assess`] decides
//! if a finding blocks or warns; the gate ([`crate::toolchain::gate`]) rejects the candidate.

pub mod archiver;
pub mod assess;
pub mod definition;
pub mod facts;
pub mod gcc_95189;
pub mod headers;
pub mod look;
pub mod object;
pub mod report;
pub mod run;
pub mod table;
