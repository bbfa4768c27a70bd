//! A leg with its runner, and values of YAML. Pure.

use crate::ship::ci::legs::Leg;

/// Leg with the labels of its runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned<'a> {
    /// Leg.
    pub leg: &'a Leg,
    /// Labels that its runner must all have.
    pub labels: Vec<String>,
}

/// Returns a value for YAML. A string of JSON is one of YAML, too.
pub fn scalar(text: &str) -> String {
    serde_json::to_string(text).expect("a text is plain data")
}

/// Returns a list of values for YAML, on one line.
pub fn list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(", "))
}
