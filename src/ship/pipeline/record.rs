//! Records of stages: what each was made from, what it made, and how it ended. Pure.

use serde::{Deserialize, Serialize};

use crate::build::cache::key::Part;
use crate::ship::pipeline::stage::Stage;

/// Version of the format that this program writes and reads.
const SCHEMA_VERSION: u32 = 1;

/// Records of all stages of a run's targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    schema_version: u32,
    /// Records, in the order of their stages.
    pub stages: Vec<Record>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            stages: Vec::new(),
        }
    }
}

/// Record of one stage, or of one stage of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Stage.
    pub stage: Stage,
    /// Target with its glibc floor; `None` for a stage of all targets.
    pub target: Option<String>,
    /// Inputs, each with its digest or its value.
    pub inputs: Vec<Part>,
    /// Files that it wrote.
    pub outputs: Vec<Output>,
    /// How it ended.
    pub end: End,
    /// Number of times that it was tried in that run.
    pub attempts: u32,
    /// Milliseconds since the run began.
    pub began: u64,
    /// Milliseconds that it took.
    pub took: u64,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It passed.
    Done,
    /// It failed: the code of its first problem; cargo's exit code if cargo failed.
    Failed(String),
}

/// File that a stage wrote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Path, relative to the workspace's root if it is below.
    pub path: String,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
}

impl Records {
    /// Parses the records; another format counts as none.
    pub fn parse(text: &str) -> Option<Self> {
        let records: Self = serde_json::from_str(text).ok()?;
        (records.schema_version == SCHEMA_VERSION).then_some(records)
    }

    /// Returns the text of the records.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("records are plain data") + "\n"
    }

    /// Returns the record of a stage.
    pub fn find(&self, stage: Stage, target: Option<&str>) -> Option<&Record> {
        let mut records = self.stages.iter();
        records.find(|record| record.stage == stage && record.target.as_deref() == target)
    }

    /// Adds a record, in the place of an older one.
    pub fn put(&mut self, record: Record) {
        self.stages
            .retain(|old| old.stage != record.stage || old.target != record.target);
        self.stages.push(record);
        self.stages.sort_by(|a, b| {
            let key = |record: &Record| (record.stage, record.target.clone());
            key(a).cmp(&key(b))
        });
    }
}
