//! Brings the stores of newly assigned partitions to the committed journal sequence.
//!
//! What to wait for is told by the committed offset's metadata, never by "the end" of the changelog: another instance's
//! open transaction can hide the last committed one behind the last stable offset.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use sluice_connectors::kafka::log::Log;
use sluice_connectors::kafka::stale::Stale;
use sluice_connectors::kafka::{self, transaction};
use sluice_schemas::failpoint::{hit, planted};
use sluice_schemas::record::Journal;

use super::partition::{JOURNAL_KEY, Partition, unpack};
use super::{Error, Names, Setup};
use crate::cell::Cell;
use crate::state::{Changes, Position, Store, Stores};

/// Without progress for this long the restore fails loudly: twice the transaction time-out, after which every transaction
/// that could hide the sequence is settled.
const PATIENCE: Duration = Duration::from_secs(2 * transaction::TIMEOUT.as_secs());
/// Changelog records applied at once.
const CHUNK: usize = 5_000;

pub(super) fn partitions(
    setup: &Setup,
    names: &Names,
    consumer: &transaction::Consumer,
    stores: &Stores,
    partitions: &[i32],
) -> Result<BTreeMap<i32, Partition>, Error> {
    let committed = transaction::committed(consumer, &names.inputs[0], partitions)?;
    let lost = uncommitted(setup, names, partitions.iter().copied().filter(|id| !committed.contains_key(id)))?;
    let mut out = BTreeMap::new();
    let mut reader = None;
    for id in partitions {
        let store = stores.partition(*id)?;
        let target = committed.get(id).map(|(_, sequence)| sequence).or_else(|| lost.get(id)).copied().unwrap_or(0);
        let place = one(setup, names, &store, *id, target, &mut reader)?;
        out.insert(*id, revive(setup, *id, store, place)?);
    }
    Ok(out)
}

/// What partitions without a committed offset have behind them, those that have anything. One whose changelog holds no journal record is how
/// a chain begins. Otherwise the offsets are lost (Kafka forgets those of a group that was away for `offsets.retention.minutes`), and
/// beginning anew would do everything a second time: the newest journal record tells, once every transaction that could hide one is settled.
fn uncommitted(setup: &Setup, names: &Names, partitions: impl Iterator<Item = i32>) -> Result<BTreeMap<i32, i64>, Error> {
    let (mut lost, mut bounds) = (BTreeMap::new(), Vec::new());
    for id in partitions {
        // One look at all of them: partitions that nobody lives on have no offsets either, and each would cost a client.
        if bounds.is_empty() {
            bounds = Log::all_bounds(&setup.kafka, setup.topics.changelog)?;
        }
        let empty = usize::try_from(id).ok().and_then(|id| bounds.get(id)).is_none_or(|(low, high)| low == high);
        if !empty && newest(setup, id)? > 0 {
            lost.insert(id, 0);
        }
    }
    if !lost.is_empty() {
        tracing::warn!(
            chain = setup.role.name,
            partitions = ?lost.keys(),
            topic = names.changelog,
            wait_s = PATIENCE.as_secs(),
            "the group has no committed offsets, but the changelog has a journal: its newest record is taken once open transactions are settled"
        );
        std::thread::sleep(PATIENCE);
    }
    for (id, sequence) in &mut lost {
        *sequence = newest(setup, *id)?;
    }
    Ok(lost)
}

/// Sequence of the newest journal record in a partition of the changelog; 0 for none.
fn newest(setup: &Setup, id: i32) -> Result<i64, Error> {
    let codec = setup.codecs.of::<Journal>();
    let mut log = Log::open(&setup.kafka, setup.topics.changelog, id)?;
    let (low, _) = log.bounds()?;
    log.seek(low)?;
    let mut sequence = 0;
    while let Some(entry) = log.read()? {
        if entry.key == JOURNAL_KEY {
            sequence = codec.decode(entry.value.as_deref().unwrap_or_default())?.sequence;
        }
    }
    Ok(sequence)
}

fn revive(setup: &Setup, id: i32, store: Store, place: Position) -> Result<Partition, Error> {
    let journal = if place.sequence == 0 { Journal::default() } else { setup.codecs.of::<Journal>().decode(&place.journal)? };
    let cell = Cell::revive(setup.role, id, &setup.codecs, (setup.make)(), &store, &journal)?;
    Ok(Partition::new(id, cell, store, place))
}

fn one(
    setup: &Setup,
    names: &Names,
    store: &Store,
    id: i32,
    target: i64,
    reader: &mut Option<BaseConsumer<Stale>>,
) -> Result<Position, Error> {
    let mut place = store.position()?;
    if place.sequence > target {
        tracing::warn!(
            chain = setup.role.name,
            partition = id,
            local = place.sequence,
            committed = target,
            "the local store is ahead of what was committed: it is of another cluster; restoring from the changelog"
        );
        store.clear()?;
        place = Position::default();
    }
    if place.sequence == target {
        return Ok(place);
    }
    if reader.is_none() {
        *reader = Some(transaction::reader(&setup.kafka)?);
    }
    let Some(reader) = reader else { unreachable!("just made") };
    let known = if place.sequence == 0 { 0 } else { setup.codecs.of::<Journal>().decode(&place.journal)?.packed_sequence };
    let wanted = keyed(setup, names, store, id, target, &mut place, reader)?;
    // Transactions without hashes leave no packed record to wait for.
    if let Some(packed) = names.packed.as_ref().filter(|_| wanted > known) {
        hashes(setup, packed, store, id, wanted, &mut place, reader)?;
    }
    place.sequence = target;
    store.apply(&Changes::default(), 0, &place)?;
    Ok(place)
}

/// Reads the keyed changelog up to the journal record of `target`; returns the packed sequence that belongs to it.
fn keyed(
    setup: &Setup,
    names: &Names,
    store: &Store,
    id: i32,
    target: i64,
    place: &mut Position,
    reader: &BaseConsumer<Stale>,
) -> Result<i64, Error> {
    let codec = setup.codecs.of::<Journal>();
    let mut changes = Changes::default();
    let (mut found, mut newest) = (None, None);
    read(setup, reader, &names.changelog, id, place.changelog, |key, value, offset| {
        hit(setup.role.name, "in_restore");
        place.changelog = offset + 1;
        if key == JOURNAL_KEY {
            let journal = codec.decode(value.unwrap_or_default())?;
            place.journal = value.unwrap_or_default().to_vec();
            newest = Some(journal.packed_sequence);
            if journal.sequence >= target {
                found = newest;
            }
        } else {
            changes.keyed.insert(key.into(), value.map(Into::into));
        }
        if changes.keyed.len() >= CHUNK || found.is_some() {
            // The sequence stays at 0 until the restore is complete, so that a crash in between starts it again.
            store.apply(&changes, 0, &Position { changelog: 0, packed: 0, sequence: 0, journal: Vec::new() })?;
            changes.clear();
        }
        Ok(found.is_some())
    })?;
    if planted("restore_to_the_end") {
        store.apply(&changes, 0, &Position::default())?;
        found = newest;
    }
    found.ok_or_else(|| Error::Restore {
        topic: names.changelog.clone(),
        partition: id,
        reason: format!("sequence {target} was committed but is not in the changelog"),
    })
}

fn hashes(
    setup: &Setup,
    topic: &str,
    store: &Store,
    id: i32,
    wanted: i64,
    place: &mut Position,
    reader: &BaseConsumer<Stale>,
) -> Result<(), Error> {
    let (low, _) = reader.fetch_watermarks(topic, id, Duration::from_secs(10)).map_err(kafka::Error::from)?;
    let from = place.packed.max(low);
    read(setup, reader, topic, id, from, |key, value, offset| {
        place.packed = offset + 1;
        let (Ok(sequence), Some((day, hashes))) = (<[u8; 8]>::try_from(key).map(i64::from_be_bytes), unpack(value.unwrap_or_default()))
        else {
            return Err(Error::Restore {
                topic: topic.to_owned(),
                partition: id,
                reason: format!("offset {offset} is not a packed record"),
            });
        };
        let mut changes = Changes::default();
        changes.seen.extend(hashes);
        store.apply(&changes, day, &Position::default())?;
        Ok(sequence >= wanted)
    })
}

/// Feeds records from `from` on until `take` says that it has enough, or the end is reached and nothing more comes.
fn read(
    setup: &Setup,
    reader: &BaseConsumer<Stale>,
    topic: &str,
    id: i32,
    from: i64,
    mut take: impl FnMut(&[u8], Option<&[u8]>, i64) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, id, if from == 0 { Offset::Beginning } else { Offset::Offset(from) }).map_err(kafka::Error::from)?;
    reader.assign(&list).map_err(kafka::Error::from)?;
    let mut last = Instant::now();
    while last.elapsed() < PATIENCE {
        setup.alive.beat();
        match reader.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                last = Instant::now();
                if take(message.key().unwrap_or_default(), message.payload(), message.offset())? {
                    return Ok(());
                }
            }
            None if planted("restore_to_the_end") && last.elapsed() > Duration::from_secs(1) => return Ok(()),
            // A transaction that is still open elsewhere may hide what is waited for.
            None => {}
            Some(Err(e)) => super::passing(e)?,
        }
    }
    Err(Error::Restore { topic: topic.to_owned(), partition: id, reason: format!("nothing came for {} s", PATIENCE.as_secs()) })
}
