//! Images and the files in them, by Docker and without an engine; releases.

mod ci;
mod docker;
mod files;
mod oci;
mod pipeline;
mod publish;
pub mod release;
mod reproduce;
