pub mod look;
