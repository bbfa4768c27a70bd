//! Times of the steps of a build, for summaries.

use std::time::Instant;

/// Step of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// cargo's calls for a target.
    Compile,
    /// Reading, hashing and checking the bins of a target.
    Inspect,
    /// Exchange of the tree.
    Stage,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Kind.
    pub kind: StepKind,
    /// Target with its glibc floor; `None` for a step of all targets.
    pub target: Option<String>,
    /// Milliseconds since the timer was started.
    pub began: u64,
    /// Milliseconds that it took.
    pub took: u64,
    /// Name of the failure; `None` if it passed.
    pub failed: Option<String>,
}

/// Collects steps.
#[derive(Debug)]
pub struct Timer {
    began: Instant,
    /// Steps in the order of their ends.
    pub steps: Vec<Step>,
}

impl Default for Timer {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            steps: Vec::new(),
        }
    }
}

impl Timer {
    /// Returns the milliseconds since the timer was started.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds a step that has ended now.
    pub fn add(
        &mut self,
        kind: StepKind,
        target: Option<&str>,
        began: u64,
        failed: Option<String>,
    ) {
        let took = self.now() - began;
        self.steps.push(Step {
            kind,
            target: target.map(str::to_owned),
            began,
            took,
            failed,
        });
    }
}
