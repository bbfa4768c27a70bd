//! Images and the files in them: by Docker, and without an engine.

mod docker;
mod files;
mod oci;
