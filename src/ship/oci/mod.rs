pub mod documents;
pub mod look;
#[cfg(test)]
pub mod tests;
pub mod write;
