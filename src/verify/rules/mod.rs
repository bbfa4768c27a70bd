pub mod context;
pub mod hardening;
pub mod libc;
pub mod machine;
pub mod policy;
pub mod table;
