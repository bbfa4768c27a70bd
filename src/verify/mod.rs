pub mod between;
pub mod expected;
pub mod finding;
pub mod integrity;
pub mod judge;
pub mod links;
pub mod listing;
pub mod markdown;
pub mod paths;
pub mod report;
pub mod rules;
pub mod run;
pub mod sarif;
#[cfg(test)]
pub mod tests;
pub mod waiver;
