pub mod docker;
pub mod files;
pub mod oci;
pub mod rootfs;
pub mod trees;
