pub mod bake;
pub mod bases;
pub mod bins;
pub mod context;
pub mod decide;
pub mod dockerfile;
pub mod image;
pub mod one;
pub mod run;
pub mod source_build;
#[cfg(test)]
pub mod tests;
pub mod validate;
pub mod write;
