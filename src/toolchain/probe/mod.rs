//! Probes of compilers and archivers: facts about them, and tests for known bugs.
//!
//! A bug is a folder (`gcc_95189`), a row in [`table`] and a table in the guide. [`assess`] decides
//! if a finding blocks or warns; the gate ([`crate::toolchain::gate`]) rejects the candidate.

pub mod archiver;
pub mod assembler_old;
pub mod assembler_wrong;
pub mod assess;
pub mod catalogue;
pub mod compile;
pub mod definition;
pub mod facts;
pub mod gcc_95189;
pub mod gold;
pub mod headers;
pub mod isoc23;
pub mod linker;
pub mod linker_absent;
pub mod look;
pub mod lto_objects;
pub mod object;
pub mod old_c;
pub mod relr_unread;
pub mod report;
pub mod run;
pub mod rust_release;
pub mod table;
pub mod time64;
