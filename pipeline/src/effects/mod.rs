//! The effects: what does I/O, each with a named guarantee.

pub mod accounts;
pub mod archive;
pub mod expand;
pub mod media;
pub mod metrics;
pub mod outbox;
pub mod sender;
pub mod tally;
