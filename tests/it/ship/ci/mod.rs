//! Builds on many machines: the legs, their trees joined, and what CI systems say of both.

mod gitlab_run;
mod legs;
mod matrix;
mod merge;
mod rejected;
mod validators;
mod workflow;
mod workflow_run;
