//! What flows: identifiers, the topic table, one Avro schema and one Rust type per record, and Meta's wire contract.
//!
//! Nothing here does I/O. `avsc/` holds the schemas, [`record`] their Rust types, [`codec`] the Confluent wire format,
//! [`topics`] the table of topics, [`compatibility`] which schema may follow which.

pub mod codec;
pub mod command;
pub mod compatibility;
pub mod failpoint;
pub mod forecast;
pub mod ids;
pub mod meta;
pub mod record;
pub mod redrive;
pub mod retry;
pub mod time;
pub mod topics;
pub mod window;
