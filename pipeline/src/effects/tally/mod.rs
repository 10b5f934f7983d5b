//! Tally: counters of campaigns, quotes, sends that want attention, holds, and opt-outs, in Postgres.
//!
//! Guarantee: exactly once. Counters and the next offset commit in one transaction, under a lock on the offset's row: what a crash
//! or another owner has applied is skipped, and what would leave a gap is refused. Every step moves one unit, so the states of a
//! campaign sum to its audience at every commit.

mod delta;
mod holds;
mod offsets;
mod opt_outs;
mod rebuild;
mod store;

use std::collections::HashMap;

use jiff::Timestamp;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::postgres::{self, Pool, campaigns};
use sluice_schemas::record::{Hold, Message, OptOut, Quote};

pub use delta::{Attention, Counter, Delta};
pub use offsets::next_offsets;
pub use rebuild::{Changed, Locked, Place, Rebuild, Scope};

/// Why a batch was not applied. None of it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Records between the last batch and this one are missing: the database is older than the consumer's position, or the topic
    /// has forgotten them.
    #[error(
        "{projection}: {topic}/{partition} continues at {start}, but the projection stands at {stored}: records are missing. \
         Rebuild it with `sluice replay rebuild --projection tally`"
    )]
    Gap {
        /// The projection.
        projection: &'static str,
        /// Topic.
        topic: &'static str,
        /// Partition.
        partition: i32,
        /// Next offset of the projection.
        stored: i64,
        /// Where the batch begins.
        start: i64,
    },
    /// Two rebuilds would fill the same tables.
    #[error("a rebuild of the tally runs already: wait for its end, or end it with Ctrl-C where it runs")]
    Rebuilding,
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Rebuilding => "rebuilding",
            Self::Postgres(error) => error.kind(),
        }
    }

    /// Whether the same batch may go through later.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.is_outage())
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Records counted.
    pub applied: usize,
    /// Records that an earlier commit holds.
    pub skipped: usize,
    /// Records that the projection cannot hold, with the reason: for the dead letters.
    pub refused: Vec<(i32, i64, String)>,
}

impl Applied {
    fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.skipped += other.skipped;
        self.refused.extend(other.refused);
    }
}

/// The tally of one process.
pub struct Tally {
    pool: Pool,
    generation: i32,
    /// Where the next batch of each partition begins, as this process has read it. Offsets pass over transaction markers, so the
    /// first record of a batch cannot tell whether something is missing before it.
    positions: HashMap<(&'static str, i32), i64>,
    /// Whether campaigns end by it; those of a rebuild are over already, or go on.
    completes: bool,
}

impl Tally {
    /// A tally of this log generation.
    pub fn new(pool: Pool, generation: i32) -> Self {
        Self { pool, generation, positions: HashMap::new(), completes: true }
    }

    /// Says where the consumer begins to read a partition (its committed offset), so that a gap before its first batch is seen.
    pub fn starts(&mut self, topic: &'static str, partition: i32, offset: i64) {
        self.positions.insert((topic, partition), offset);
    }

    /// Applies a batch of `messages`, in the order read. After an error, what was committed is skipped when it comes again.
    pub async fn messages(&mut self, batch: &[Delivered<Message>]) -> Result<Applied, Error> {
        let mut total = Applied::default();
        let mut finished = false;
        for part in parts(batch) {
            let slice = self.slice("campaigns", &part);
            let (applied, delta) = store::messages(&self.pool, &slice, &part).await?;
            finished |= delta.touches_campaigns();
            self.positions.insert((slice.topic, slice.partition), slice.end);
            total.add(applied);
        }
        if finished && self.completes {
            campaigns::complete(&self.pool, Timestamp::now()).await?;
        }
        Ok(total)
    }

    /// Applies a batch of `quotes`, in the order read.
    pub async fn quotes(&mut self, batch: &[Delivered<Quote>]) -> Result<Applied, Error> {
        let mut total = Applied::default();
        for part in parts(batch) {
            let slice = self.slice("quotes", &part);
            total.add(store::quotes(&self.pool, &slice, &part).await?);
            self.positions.insert((slice.topic, slice.partition), slice.end);
        }
        Ok(total)
    }

    /// Applies a batch of `holds`, in the order read.
    pub async fn holds(&mut self, batch: &[Delivered<Hold>]) -> Result<Applied, Error> {
        let mut total = Applied::default();
        for part in parts(batch) {
            let slice = self.slice("holds", &part);
            total.add(holds::apply(&self.pool, &slice, &part).await?);
            self.positions.insert((slice.topic, slice.partition), slice.end);
        }
        Ok(total)
    }

    /// Applies a batch of `opt-outs`, in the order read.
    pub async fn opt_outs(&mut self, batch: &[Delivered<OptOut>]) -> Result<Applied, Error> {
        let mut total = Applied::default();
        for part in parts(batch) {
            let slice = self.slice("opt_outs", &part);
            total.add(opt_outs::apply(&self.pool, &slice, &part).await?);
            self.positions.insert((slice.topic, slice.partition), slice.end);
        }
        Ok(total)
    }

    fn slice<T>(&self, projection: &'static str, part: &[&Delivered<T>]) -> offsets::Slice {
        let (first, last) = (part[0], part[part.len() - 1]);
        offsets::Slice {
            projection,
            topic: first.topic,
            partition: first.partition,
            generation: self.generation,
            start: self.positions.get(&(first.topic, first.partition)).map(|position| (*position).min(first.offset)),
            first: first.offset,
            end: last.offset + 1,
        }
    }
}

/// The records of each partition, in their order; none empty.
fn parts<T>(batch: &[Delivered<T>]) -> Vec<Vec<&Delivered<T>>> {
    let mut parts: Vec<Vec<&Delivered<T>>> = Vec::new();
    let mut places = HashMap::new();
    for delivered in batch {
        let place = *places.entry((delivered.topic, delivered.partition)).or_insert_with(|| {
            parts.push(Vec::new());
            parts.len() - 1
        });
        parts[place].push(delivered);
    }
    parts
}
