//! The contract between chains and their runner.
//!
//! A chain is the composition of pure stages that share one partition's transaction. It sees records, a clock that never
//! goes back, and state; it answers with state changes and records. It does no I/O, reads no clock and no randomness, so
//! that a replay of the same inputs gives the same outputs, byte for byte.

use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{Failure, Header};
use sluice_schemas::time::Millis;

use crate::state::{Read, View};

/// A record as a chain sees it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Topic as the table names it.
    pub topic: &'static str,
    /// Key.
    pub key: &'a [u8],
    /// Value; empty for a tombstone.
    pub value: &'a [u8],
    /// Headers; with a mark, if the record was redriven.
    pub headers: &'a [Header],
    /// Offset.
    pub offset: i64,
    /// Timestamp.
    pub at: Millis,
}

/// A record that a chain writes, on the same partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emit {
    /// Topic as the table names it.
    pub topic: &'static str,
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

/// Why one record cannot be processed. It goes to the dead letters; what it changed is undone; the rest goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// Stage that gave up.
    pub stage: &'static str,
    /// Stable error kind: the metric label.
    pub kind: &'static str,
    /// In words, without message text.
    pub detail: String,
    /// Owner, when known.
    pub tenant: TenantId,
}

impl Poison {
    /// What the dead letter says of it, when `role` read the record.
    pub fn failure<'a>(&'a self, role: &'a str) -> Failure<'a> {
        Failure { tenant: self.tenant, role, stage: self.stage, kind: self.kind, detail: &self.detail, build: crate::BUILD }
    }
}

/// What a stage works with while it handles one record or tick.
pub struct Context<'a> {
    /// Event time; never decreasing on a partition.
    pub now: Millis,
    /// State, with the uncommitted changes of this transaction.
    pub state: View<'a>,
    /// Records to write, in order.
    pub out: &'a mut Vec<Emit>,
}

impl Context<'_> {
    /// Writes a record to this partition of `topic`.
    pub fn emit(&mut self, topic: &'static str, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.out.push(Emit { topic, key: key.into(), value });
    }
}

/// Stages composed over one partition.
pub trait Chain: Send {
    /// Rebuilds what is kept in memory from committed state: after a start, a restore or an aborted transaction.
    fn load(&mut self, state: &dyn Read) -> Result<(), crate::state::Error>;

    /// Handles one record.
    fn record(&mut self, cx: &mut Context<'_>, record: &Incoming<'_>) -> Result<(), Poison>;

    /// Fires the timers that are due at `cx.now`.
    fn tick(&mut self, cx: &mut Context<'_>);

    /// When [`Chain::tick`] wants to be called next.
    fn due(&self) -> Option<Millis>;
}
