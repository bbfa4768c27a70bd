//! Builds on many machines: the legs, and what the systems that run them say of them.

mod matrix;
