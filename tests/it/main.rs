//! End to end: exact output, exit codes and files. One binary; one file a command or a subject.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "the tests stand outside the house"
)]

mod bad_input;
mod bases;
mod build;
mod buildkit;
mod chat;
mod cli;
mod contents;
mod crash;
mod docker;
mod docker_build;
mod docker_files;
mod doctor;
mod engines;
mod gate;
mod graph;
mod house;
mod image;
mod image_failures;
mod image_inside;
mod image_together;
mod image_ways;
mod inspect;
mod leaks;
mod mutants;
mod oci;
mod oci_bases;
mod oci_failures;
mod per_target;
mod plan;
mod readelf;
mod readme;
mod sarif;
mod support;
mod toolchains;
mod tree;
mod verify;
mod zig;
