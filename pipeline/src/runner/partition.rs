//! One partition of a chain between Kafka and its store: sends what the cell writes, applies what was committed.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use sluice_connectors::kafka;
use sluice_connectors::kafka::transaction::{Consumer, Producer};
use sluice_schemas::failpoint::{hit, planted};
use sluice_schemas::record::Journal;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::CONFIG;

use super::{Error, Metrics, Names, Setup};
use crate::cell::Cell;
use crate::chain::Incoming;
use crate::state::{self, Store};

/// Key of the journal record inside the keyed changelog; no table has byte 0.
pub(super) const JOURNAL_KEY: &[u8] = &[0];

pub(super) struct Partition {
    pub id: i32,
    pub cell: Cell,
    pub store: Store,
    /// Bytes written in this transaction.
    pub bytes: usize,
    pub place: state::Position,
    /// Whether its inputs but the configuration are paused.
    paused: bool,
    forgot_on: u16,
}

/// Where a partition's records go.
pub(super) struct Out<'a> {
    pub setup: &'a Setup,
    pub names: &'a Names,
    pub producer: &'a Producer,
    pub metrics: &'a Metrics,
}

impl Partition {
    pub(super) const fn new(id: i32, cell: Cell, store: Store, place: state::Position) -> Self {
        Self { id, cell, store, bytes: 0, place, paused: false, forgot_on: 0 }
    }

    pub(super) fn record(&mut self, input: usize, incoming: &Incoming<'_>, wall: Millis, out: &Out<'_>) -> Result<(), Error> {
        match self.cell.record(&self.store, input, incoming, wall)? {
            None => out.metrics.processed.inc(),
            Some(poison) => out.metrics.dead_letter(poison.stage, poison.kind),
        }
        self.flush(out)
    }

    pub(super) fn tick(&mut self, wall: Millis, out: &Out<'_>) -> Result<(), Error> {
        self.cell.tick(&self.store, wall)?;
        self.flush(out)
    }

    /// Pauses what a partition that stands still must not read, and reads it again afterwards.
    pub(super) fn obey(&mut self, consumer: &Consumer, out: &Out<'_>) -> Result<(), Error> {
        let stopped = self.cell.stopped().is_some();
        if stopped == self.paused {
            return Ok(());
        }
        let mut inputs = TopicPartitionList::new();
        for (_, name) in out.setup.role.reads.iter().zip(&out.names.inputs).filter(|(topic, _)| **topic != CONFIG) {
            inputs.add_partition(name, self.id);
        }
        if stopped { consumer.pause(&inputs) } else { consumer.resume(&inputs) }.map_err(kafka::Error::from)?;
        self.paused = stopped;
        out.metrics.stopped.add(if stopped { 1 } else { -1 });
        Ok(())
    }

    fn flush(&mut self, out: &Out<'_>) -> Result<(), Error> {
        hit(out.setup.role.name, "before_send");
        let home = if planted("wrong_partition") { (self.id + 1) % out.setup.kafka.partitions } else { self.id };
        for emit in self.cell.outputs() {
            let Some(topic) = out.names.outputs.get(emit.topic) else {
                unreachable!("a chain writes only what the topology says: {}", emit.topic)
            };
            self.bytes += out.send(topic, home, &emit.key, Some(&emit.value), 0)?;
        }
        Ok(())
    }

    /// Changelogs and journal: the last records of the transaction on this partition.
    pub(super) fn write_state(&mut self, out: &Out<'_>) -> Result<(), Error> {
        let journal = self.cell.seal();
        let sequence = journal.sequence.to_be_bytes();
        let changes = self.cell.changes();
        if let (Some(packed), false) = (&out.names.packed, changes.seen.is_empty()) {
            let value = pack(self.cell.day(), &changes.seen);
            out.send(packed, self.id, &sequence, Some(&value), self.mark(1))?;
        }
        for (key, value) in changes.keyed.iter().filter(|(_, value)| value.is_some() || !planted("tombstone_dropped")) {
            out.send(&out.names.changelog, self.id, key, value.as_deref(), 0)?;
        }
        let bytes = out.setup.codecs.of::<Journal>().encode(&journal)?;
        out.send(&out.names.journal, self.id, &sequence, Some(&bytes), 0)?;
        out.send(&out.names.changelog, self.id, JOURNAL_KEY, Some(&bytes), self.mark(2))?;
        self.place.journal = bytes;
        Ok(())
    }

    /// Takes the committed changes into the store.
    pub(super) fn committed(&mut self, producer: &Producer) -> Result<(), Error> {
        let landed = |mark, before| producer.landed(mark).map_or(before, |offset| offset + 1);
        self.place.sequence = self.cell.sequence();
        self.place.changelog = landed(self.mark(2), self.place.changelog);
        self.place.packed = landed(self.mark(1), self.place.packed);
        self.store.apply(self.cell.changes(), self.cell.day(), &self.place)?;
        self.cell.committed(&self.store)?;
        self.bytes = 0;
        self.forget()
    }

    /// Once a day, what dedup need not remember any more; the packed changelog forgets by its own retention.
    fn forget(&mut self) -> Result<(), Error> {
        let day = self.cell.day();
        if self.forgot_on < day {
            self.forgot_on = day;
            let forgotten = self.store.forget_before(day.saturating_sub(state::DEDUP_DAYS))?;
            if forgotten > 0 {
                tracing::info!(partition = self.id, forgotten, "hashes of the ninth day are forgotten");
            }
        }
        Ok(())
    }

    const fn mark(&self, which: usize) -> usize {
        self.id as usize * 4 + which
    }
}

impl Out<'_> {
    /// Sends a record and gives its size.
    fn send(&self, topic: &str, partition: i32, key: &[u8], value: Option<&[u8]>, mark: usize) -> Result<usize, Error> {
        let size = key.len() + value.map_or(0, <[u8]>::len);
        self.metrics.written(size);
        self.producer.send(topic, partition, key, value, mark)?;
        Ok(size)
    }
}

/// Packed changelog record: day (2 bytes), then 16 bytes a hash.
fn pack<'a>(day: u16, hashes: impl IntoIterator<Item = &'a [u8; 16]>) -> Vec<u8> {
    let mut out = day.to_be_bytes().to_vec();
    out.extend(hashes.into_iter().flatten());
    out
}

/// The day and hashes of a packed changelog record.
pub(super) fn unpack(bytes: &[u8]) -> Option<(u16, impl Iterator<Item = [u8; 16]> + '_)> {
    let (day, hashes) = bytes.split_first_chunk::<2>()?;
    let (hashes, rest) = hashes.as_chunks::<16>();
    rest.is_empty().then(|| (u16::from_be_bytes(*day), hashes.iter().copied()))
}
