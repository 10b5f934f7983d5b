//! Rebuild: a projection made anew from the topics, while the live one goes on and readers see the old.
//!
//! [`tally`] fills a second set of tables and swaps it in; [`history`] writes the rows again, since each is immutable and has one key.
//! Both read partitions of their own and commit nothing to a group. Their calls block: use them on a blocking thread.

mod history;
mod log;
mod tally;

use sluice_connectors::kafka;
use sluice_connectors::{postgres, scylla};
use sluice_schemas::codec::{self, Codecs};
use tokio::runtime::Handle;

pub use history::history;
pub use tally::{Tallied, tally};

use crate::effects;

/// What a rebuild reads from, and where it does its I/O.
pub struct Source {
    /// Cluster.
    pub kafka: kafka::Options,
    /// Schemas.
    pub codecs: Codecs,
    /// Runtime of the stores' clients.
    pub runtime: Handle,
}

/// Why a rebuild ends before its end. Nothing that readers see has changed, but for rows of the history written again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The tally's tables.
    #[error(transparent)]
    Tally(#[from] effects::tally::Error),
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The history.
    #[error(transparent)]
    History(#[from] scylla::Error),
    /// A record of a schema that the registry did not know when the rebuild began: it would be left out.
    #[error("{topic}[{partition}] offset {offset}: schema id {id} is newer than this rebuild; begin it again")]
    Stranger {
        /// Topic.
        topic: &'static str,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// Id of the schema.
        id: u32,
    },
    /// It was told to stop.
    #[error("stopped before the end; readers see what they saw before")]
    Stopped,
}

/// Records read so far, and of those the ones that nothing explains: the live projection has made dead letters of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Progress {
    /// Records read.
    pub records: u64,
    /// Not readable.
    pub unreadable: u64,
}

/// Hears of the progress; false stops it.
pub type Tell<'a> = dyn FnMut(Progress) -> bool + 'a;

/// Records of `topics` in all partitions: about, since transactions leave gaps.
pub fn records(kafka: &kafka::Options, topics: &[&str]) -> Result<i64, Error> {
    let mut total = 0;
    for topic in topics {
        let bounds = kafka::log::Log::all_bounds(kafka, topic)?;
        total += bounds.iter().map(|(low, high)| high - low).sum::<i64>();
    }
    Ok(total)
}

fn decoded<T: sluice_schemas::record::Record>(codecs: &Codecs, bytes: &[u8]) -> Result<T, codec::Error> {
    codecs.of::<T>().decode(bytes)
}
