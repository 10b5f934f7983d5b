//! How data crosses an edge: one module per outside system.

pub mod kafka;
pub mod letters;
pub mod manage;
pub mod media;
pub mod meta;
pub mod outcomes;
pub mod postgres;
pub mod readable;
pub mod registry;
pub mod scylla;
