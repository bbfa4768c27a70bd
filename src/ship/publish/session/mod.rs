//! An open store, and the exchange of its small documents.

pub mod run;
