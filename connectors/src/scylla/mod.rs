//! ScyllaDB (or Apache Cassandra): message history, written once and read by people.
//!
//! Only what both understand is used. Rows are immutable and stamped with event time, so that a repeat or another order changes
//! nothing and time-window compaction can work; the newest state is found when reading.

mod error;
mod model;
mod options;
mod read;
mod schema;
mod session;
mod snapshot;
mod write;

pub use error::Error;
pub use model::{Direction, MessageRow, Step, StepRow, View, bucket, day, latest};
pub use options::Options;
pub use schema::{Report, migrate, plan};
pub use session::Session;
pub use snapshot::Snapshot;
pub use write::Write;

/// What every call here gives.
pub type Result<T> = std::result::Result<T, Error>;
