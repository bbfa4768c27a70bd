//! Probes of compilers and archivers: facts about them, and tests for known bugs.

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
