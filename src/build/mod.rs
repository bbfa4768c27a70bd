//! Builds bins: resolves a run, makes its plan, compiles, inspects and stages.

pub mod auditable;
pub mod cache;
pub mod cargo_call;
pub mod compile;
pub mod compiler_cache;
pub mod doctor;
pub mod look;
pub mod outputs;
pub mod plan;
pub mod record;
pub mod run;
pub mod script_compiler;
pub mod selected;
pub mod stage;
pub mod standard_library;
pub mod taken;
pub mod universal;
pub mod wasm_bindgen;
pub mod write;
