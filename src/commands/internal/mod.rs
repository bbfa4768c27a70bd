pub mod compiler;
pub mod zig;
