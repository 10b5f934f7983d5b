//! The effects: what does I/O, each with a named guarantee.

pub mod metrics;
pub mod sender;
