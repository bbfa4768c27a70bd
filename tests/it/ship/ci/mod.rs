//! Builds on many machines: the legs, and their trees joined.

mod legs;
mod matrix;
mod merge;
mod rejected;
