//! Replay: a chain over its past, in exactly the order, with the clock and the ticks that its journal tells.
//!
//! A replay is private: it reads topics and writes nothing. [`Follower`] says what happened when, [`Player`] is the chain that it
//! happens to, and [`Replay`] is both over one partition. With the build, settings and configuration of then the outputs are those in the
//! topics, byte for byte.

mod diff;
mod follow;
mod input;
mod plan;
mod player;
pub mod rebuild;
mod recorded;
mod shadow;

use sluice_connectors::kafka;
use sluice_schemas::codec::{self, Codecs};
use sluice_schemas::record::Journal;

use crate::cell;
use crate::chain::{Chain, Emit};
use crate::state::{self, Entry};
use crate::topology::{ChainTopics, Role};

pub use diff::{Difference, Kind, compare};
pub use follow::{Follower, Turn};
pub use plan::Plan;
pub use player::Player;
pub use shadow::{Cause, Change, Finding, Shadow, Span, Totals};

/// Makes the stages of one partition.
pub type Make = dyn Fn() -> Box<dyn Chain> + Send + Sync;

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The chain or its state.
    #[error(transparent)]
    Cell(#[from] cell::Error),
    /// A record of the journal that this build cannot read.
    #[error("journal: {0}")]
    Journal(#[from] codec::Error),
    /// Past retention, or never there.
    #[error("{topic}[{partition}]: {reason}")]
    Gone {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// What is missing, and what is still there.
        reason: String,
    },
    /// The topics do not hold what the journal says: not the same cluster, or records were lost.
    #[error("{topic}[{partition}] does not fit transaction {sequence} of the journal: {reason}")]
    Order {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Transaction.
        sequence: i64,
        /// What does not fit.
        reason: String,
    },
}

impl From<state::Error> for Error {
    fn from(e: state::Error) -> Self {
        Self::Cell(e.into())
    }
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kafka(e) => e.kind(),
            Self::Cell(e) => e.kind(),
            Self::Journal(e) => e.kind(),
            Self::Gone { .. } => "gone",
            Self::Order { .. } => "order",
        }
    }
}

/// What is replayed: one partition of a chain of this cluster.
#[derive(Clone)]
pub struct Source {
    /// Cluster.
    pub kafka: kafka::Options,
    /// Schemas.
    pub codecs: Codecs,
    /// The row of the topology.
    pub role: &'static Role,
    /// Its journal and changelogs.
    pub topics: &'static ChainTopics,
    /// Partition.
    pub partition: i32,
}

/// One transaction as it happened again.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// Its journal record.
    pub journal: Journal,
    /// Records written, in order.
    pub outputs: Vec<Emit>,
    /// Changes of keyed state, in order.
    pub keyed: Vec<(Vec<u8>, Entry)>,
    /// Hashes that dedup saw first, in order.
    pub seen: Vec<[u8; 16]>,
}

/// A partition of a chain from its first transaction on.
pub struct Replay<'a> {
    follower: Follower,
    player: Player<'a>,
}

impl<'a> Replay<'a> {
    /// Begins with the first transaction; an error when the journal does not reach back to it.
    pub fn from_beginning(source: &Source, make: &'a Make) -> Result<Self, Error> {
        Ok(Self { follower: Follower::open(source, &Journal::default())?, player: Player::new(source, make)? })
    }

    /// The next transaction; `None` at the end of the journal. Blocks on the broker.
    pub fn transaction(&mut self) -> Result<Option<Transaction>, Error> {
        let Some(journal) = self.follower.peek()?.cloned() else { return Ok(None) };
        let (player, mut outputs) = (&mut self.player, Vec::new());
        self.follower.play(&mut |turn| {
            outputs.extend_from_slice(player.take(turn)?);
            Ok(())
        })?;
        let changes = player.changes();
        let keyed = changes.keyed.iter().map(|(key, value)| (key.to_vec(), value.clone())).collect();
        let seen = changes.seen.iter().copied().collect();
        player.commit()?;
        Ok(Some(Transaction { journal, outputs, keyed, seen }))
    }
}
