//! One partition of a chain inside the open transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sluice_connectors::kafka::transaction::Producer;
use sluice_schemas::ids::TenantId;
use sluice_schemas::record::{DeadLetter, InputOffset, Journal, Run};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, EVENTS_DEAD_LETTER};

use super::{Error, Metrics, Names, Setup};
use crate::chain::{Chain, Context, Emit, Incoming, Poison};
use crate::state::{self, Changes, Store, View};

/// Key of the journal record inside the keyed changelog; no table has byte 0.
pub(super) const JOURNAL_KEY: &[u8] = &[0];

/// Run of a tick in the journal.
const TICK: i32 = -1;

pub(super) struct Partition {
    pub id: i32,
    pub chain: Box<dyn Chain>,
    pub store: Store,
    /// Next offset of each input, in the order of the topology.
    pub positions: Vec<i64>,
    pub sequence: i64,
    pub clock: Millis,
    pub packed_sequence: i64,
    /// Bytes written in this transaction.
    pub bytes: usize,
    pub place: state::Position,
    forgot_on: u16,
    changes: Changes,
    out: Vec<Emit>,
    runs: Vec<Run>,
}

impl Partition {
    pub(super) fn new(
        id: i32,
        chain: Box<dyn Chain>,
        store: Store,
        place: state::Position,
        journal: &Journal,
        positions: Vec<i64>,
    ) -> Self {
        Self {
            id,
            chain,
            store,
            positions,
            sequence: journal.sequence,
            clock: Millis(journal.clock_ms),
            packed_sequence: journal.packed_sequence,
            bytes: 0,
            place,
            forgot_on: 0,
            changes: Changes::default(),
            out: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Whether the transaction has anything of this partition.
    pub(super) fn touched(&self) -> bool {
        !self.runs.is_empty()
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of the runner, borrowed apart so that the message can borrow the consumer")]
    pub(super) fn record(
        &mut self,
        input: usize,
        incoming: &Incoming<'_>,
        wall: Millis,
        setup: &Setup,
        names: &Names,
        producer: &Producer,
        metrics: &Metrics,
    ) -> Result<(), Error> {
        // A producer's clock that runs ahead must not carry the partition's clock with it.
        let clamped = incoming.at > wall;
        let now = self.clock.max(incoming.at.min(wall));
        self.note(input as i32, now, clamped);
        self.clock = now;
        self.positions[input] = incoming.offset + 1;
        metrics.event_age_seconds.set(wall.since(incoming.at) as f64 / 1000.0);

        self.changes.savepoint();
        self.out.clear();
        let mut failed = None;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut cx = Context { now, state: View::new(&self.store, &mut self.changes, &mut failed), out: &mut self.out };
            self.chain.record(&mut cx, incoming)
        }));
        if let Some(e) = failed {
            return Err(e.into());
        }
        match outcome {
            Ok(Ok(())) => metrics.processed.inc(),
            Ok(Err(poison)) => self.bury(incoming, &poison, setup, metrics)?,
            Err(_) => {
                let poison =
                    Poison { stage: setup.role.name, kind: "panic", detail: "the stage panicked".into(), tenant: TenantId::UNKNOWN };
                self.bury(incoming, &poison, setup, metrics)?;
            }
        }
        self.flush(names, producer, metrics)
    }

    pub(super) fn tick(&mut self, wall: Millis, names: &Names, producer: &Producer, metrics: &Metrics) -> Result<(), Error> {
        self.clock = self.clock.max(wall);
        self.note(TICK, self.clock, true);
        self.out.clear();
        self.changes.savepoint();
        let mut failed = None;
        let mut cx = Context { now: self.clock, state: View::new(&self.store, &mut self.changes, &mut failed), out: &mut self.out };
        self.chain.tick(&mut cx);
        if let Some(e) = failed {
            return Err(e.into());
        }
        self.flush(names, producer, metrics)
    }

    /// Ticks and records whose clock is not their own timestamp start a run of their own: the run carries the clock.
    fn note(&mut self, input: i32, clock: Millis, apart: bool) {
        match self.runs.last_mut() {
            Some(run) if run.input == input && !apart => run.count += 1,
            _ => self.runs.push(Run { input, count: 1, clock_ms: clock.0 }),
        }
    }

    fn bury(&mut self, incoming: &Incoming<'_>, poison: &Poison, setup: &Setup, metrics: &Metrics) -> Result<(), Error> {
        self.changes.rollback();
        self.out.clear();
        // Memory may be half changed: back to what is committed plus this transaction is not possible, so stages keep
        // their memory consistent before they can fail, and a panic reloads on restart.
        tracing::warn!(
            stage = poison.stage, kind = poison.kind, tenant = %poison.tenant, topic = incoming.topic, offset = incoming.offset,
            "dead letter: {}", poison.detail
        );
        let letter = DeadLetter {
            tenant: poison.tenant,
            stage: poison.stage.into(),
            kind: poison.kind.into(),
            detail: poison.detail.clone(),
            topic: incoming.topic.into(),
            partition: self.id,
            offset: incoming.offset,
            timestamp_ms: incoming.at.0,
            attempt: 1,
            build: crate::BUILD.into(),
            key: incoming.key.to_vec(),
            value: incoming.value.to_vec(),
        };
        let value = setup.codecs.of::<DeadLetter>().encode(&letter)?;
        self.out.push(Emit { topic: EVENTS_DEAD_LETTER, key: topics::key(poison.tenant, &incoming.topic).into_bytes(), value });
        metrics.dead_letter(poison.stage, poison.kind);
        Ok(())
    }

    fn flush(&mut self, names: &Names, producer: &Producer, metrics: &Metrics) -> Result<(), Error> {
        for emit in &self.out {
            let Some(topic) = names.outputs.get(emit.topic) else {
                unreachable!("a chain writes only what the topology says: {}", emit.topic)
            };
            let size = emit.key.len() + emit.value.len();
            self.bytes += size;
            metrics.written(size);
            producer.send(topic, self.id, &emit.key, Some(&emit.value), 0)?;
        }
        self.out.clear();
        Ok(())
    }

    /// Changelogs and journal: the last records of the transaction on this partition.
    pub(super) fn write_state(&mut self, setup: &Setup, names: &Names, producer: &Producer, metrics: &Metrics) -> Result<(), Error> {
        self.sequence += 1;
        if let (Some(packed), false) = (&names.packed, self.changes.seen.is_empty()) {
            self.packed_sequence = self.sequence;
            let value = pack(state::day(self.clock), &self.changes.seen);
            metrics.written(8 + value.len());
            producer.send(packed, self.id, &self.sequence.to_be_bytes(), Some(&value), self.mark(1))?;
        }
        for (key, value) in &self.changes.keyed {
            metrics.written(key.len() + value.as_ref().map_or(0, Vec::len));
            producer.send(&names.changelog, self.id, key, value.as_deref(), 0)?;
        }
        let journal = Journal {
            sequence: self.sequence,
            generation: 0,
            clock_ms: self.clock.0,
            inputs: setup
                .role
                .reads
                .iter()
                .zip(&self.positions)
                .map(|(topic, offset)| InputOffset { topic: (*topic).into(), offset: *offset })
                .collect(),
            runs: std::mem::take(&mut self.runs),
            packed_sequence: self.packed_sequence,
            build: crate::BUILD.into(),
        };
        let bytes = setup.codecs.of::<Journal>().encode(&journal)?;
        self.runs = journal.runs;
        metrics.written(8 + bytes.len());
        metrics.written(1 + bytes.len());
        producer.send(&names.journal, self.id, &self.sequence.to_be_bytes(), Some(&bytes), 0)?;
        producer.send(&names.changelog, self.id, JOURNAL_KEY, Some(&bytes), self.mark(2))?;
        self.place.journal = bytes;
        Ok(())
    }

    /// Takes the committed changes into the store.
    pub(super) fn committed(&mut self, producer: &Producer) -> Result<(), Error> {
        let landed = |mark, before| producer.landed(mark).map_or(before, |offset| offset + 1);
        self.place.sequence = self.sequence;
        self.place.changelog = landed(self.mark(2), self.place.changelog);
        self.place.packed = landed(self.mark(1), self.place.packed);
        self.store.apply(&self.changes, state::day(self.clock), &self.place)?;
        self.forget()?;
        self.changes.clear();
        self.runs.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Once a day, what dedup need not remember any more; the packed changelog forgets by its own retention.
    fn forget(&mut self) -> Result<(), Error> {
        let day = state::day(self.clock);
        if self.forgot_on < day {
            self.forgot_on = day;
            let forgotten = self.store.forget_before(day.saturating_sub(state::DEDUP_DAYS))?;
            if forgotten > 0 {
                tracing::info!(partition = self.id, forgotten, "hashes of the ninth day are forgotten");
            }
        }
        Ok(())
    }

    fn mark(&self, which: u64) -> u64 {
        self.id as u64 * 4 + which
    }
}

/// Packed changelog record: day (2 bytes), then 16 bytes a hash.
pub(super) fn pack(day: u16, hashes: &[[u8; 16]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + hashes.len() * 16);
    out.extend_from_slice(&day.to_be_bytes());
    out.extend(hashes.iter().flatten());
    out
}

/// The day and hashes of a packed changelog record.
pub(super) fn unpack(bytes: &[u8]) -> Option<(u16, impl Iterator<Item = [u8; 16]> + '_)> {
    let (day, hashes) = bytes.split_first_chunk::<2>()?;
    if hashes.len() % 16 != 0 {
        return None;
    }
    Some((u16::from_be_bytes(*day), hashes.chunks_exact(16).filter_map(|hash| hash.try_into().ok())))
}
