pub mod dockerfile;
pub mod write;
