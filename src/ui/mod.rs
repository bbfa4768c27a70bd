//! Text output for people: tables, plans and reports.

pub mod cache;
pub mod docker;
pub mod doctor;
pub mod explain;
pub mod images;
pub mod man;
pub mod page;
pub mod pipeline;
pub mod plan;
pub mod publish;
pub mod release;
pub mod table;
pub mod tree;
pub mod verify;
