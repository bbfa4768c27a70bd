pub mod look;
pub mod manifest;
pub mod source;
pub mod staged;
