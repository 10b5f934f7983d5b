//! The consumer loop of the effects.
//!
//! One thread per effect polls a batch, hands it to the effect, commits. [`Commit::After`] is at least once: the effect
//! is idempotent. [`Commit::Before`] is at most once: the offsets are committed before the effect sees the batch, so no
//! crash can hand a record out twice; the sender relies on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use sluice_schemas::failpoint::hit;
use sluice_schemas::record::Header;

use super::due::Due;
use super::stale::Stale;
use super::{Error, Fences, Options};

/// A record as read.
#[derive(Debug, Clone)]
pub struct Delivered<T> {
    /// Topic as the table names it.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Timestamp of the record, milliseconds.
    pub timestamp_ms: i64,
    /// Key.
    pub key: Vec<u8>,
    /// Headers; with a mark, if the record was redriven.
    pub headers: Vec<Header>,
    /// Value.
    pub record: T,
}

/// When a batch's offsets are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Before the effect: at most once.
    Before,
    /// After the effect: at least once.
    After,
}

/// What an effect consumes and how.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Consumer group, without prefix.
    pub group: &'static str,
    /// Static member name: `<group>-<instance>`.
    pub instance: String,
    /// Topics, as the table names them.
    pub topics: &'static [&'static str],
    /// When offsets are committed.
    pub commit: Commit,
    /// Records in a batch at most.
    pub max_records: usize,
    /// How long a batch that is not full waits for more.
    pub linger: Duration,
}

#[derive(Default)]
struct Generation(AtomicU64, Stale);

impl ClientContext for Generation {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.1.heard(level, facility, message);
    }
}

impl ConsumerContext for Generation {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// A pause outlives the assignment in which it was made: without this a rebalance during a back-off would leave the partitions
    /// assigned and silent for good.
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance
            && let Err(e) = consumer.resume(partitions)
        {
            tracing::error!(error = %e, "assigned partitions may stand still");
        }
    }
}

/// A raw batch in the order read, at most one rebalance generation old.
pub type Batch = Vec<Delivered<Vec<u8>>>;

/// Runs `effect` on batches until `stop` is set; call it on a thread of its own.
///
/// An effect that fails is called again with the same batch after a back-off, while the partitions are paused and the
/// membership is kept; a rebalance meanwhile drops the batch, whose records go to their new owner. After a fence that may be our
/// own (see [`Fences`]) a fresh consumer goes on at the committed offsets.
pub fn run<E: std::fmt::Display>(
    options: &Options,
    subscription: &Subscription,
    stop: &AtomicBool,
    mut effect: impl FnMut(&Batch) -> Result<(), E>,
) -> Result<(), Error> {
    let mut fences = Fences::default();
    loop {
        match drive(options, subscription, stop, &mut effect) {
            Err(e @ Error::Fenced(_)) if fences.may_return(Instant::now()) => {
                tracing::warn!(group = subscription.group, error = %e, "a fresh consumer takes the identity back");
            }
            Err(Error::Stale) => tracing::warn!(group = subscription.group, "a fresh consumer replaces one that has lost a partition"),
            ended => return ended,
        }
    }
}

fn drive<E: std::fmt::Display>(
    options: &Options,
    subscription: &Subscription,
    stop: &AtomicBool,
    effect: &mut impl FnMut(&Batch) -> Result<(), E>,
) -> Result<(), Error> {
    let consumer = connect(options, subscription)?;
    let (mut due, mut known) = (Due::default(), 0);
    while !stop.load(Ordering::Acquire) {
        if consumer.context().1.is() {
            return Err(Error::Stale);
        }
        let generation = consumer.context().0.load(Ordering::Acquire);
        if generation != known {
            due.forget();
            known = generation;
        }
        due.resume(&consumer)?;
        let batch = collect(&consumer, options, subscription, stop, &mut due)?;
        if batch.is_empty() || consumer.context().0.load(Ordering::Acquire) != generation {
            rewind(&consumer, options, &batch)?;
            continue;
        }
        hit(subscription.group, "after_read");
        if subscription.commit == Commit::Before && !commit(&consumer, options, subscription, &batch) {
            rewind(&consumer, options, &batch)?;
            continue;
        }
        if apply(&consumer, &batch, stop, effect)? && subscription.commit == Commit::After {
            commit(&consumer, options, subscription, &batch);
        }
    }
    // Waits for the group to take back the partitions, so that a successor starts at once.
    consumer.unsubscribe();
    Ok(())
}

fn connect(options: &Options, subscription: &Subscription) -> Result<BaseConsumer<Generation>, Error> {
    let mut config = options.client();
    config
        .set("group.id", options.name(subscription.group))
        .set("group.instance.id", options.name(&subscription.instance))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", "10000")
        .set("fetch.wait.max.ms", "100")
        .set("queued.max.messages.kbytes", "16384");
    let consumer: BaseConsumer<Generation> = config.create_with_context(Generation::default())?;
    let names: Vec<String> = subscription.topics.iter().map(|topic| options.name(topic)).collect();
    consumer.subscribe(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(consumer)
}

fn collect(
    consumer: &BaseConsumer<Generation>,
    options: &Options,
    subscription: &Subscription,
    stop: &AtomicBool,
    due: &mut Due,
) -> Result<Batch, Error> {
    let mut batch: Batch = Vec::new();
    let mut deadline = Instant::now() + Duration::from_millis(200);
    while batch.len() < subscription.max_records && !stop.load(Ordering::Acquire) {
        let wait = deadline.saturating_duration_since(Instant::now());
        match consumer.poll(wait) {
            None => break,
            Some(Err(e)) => transient(&e)?,
            Some(Ok(message)) => {
                if batch.is_empty() {
                    deadline = Instant::now() + subscription.linger;
                }
                let Some(topic) = subscription.topics.iter().find(|topic| message.topic().strip_prefix(&options.prefix) == Some(topic))
                else {
                    continue;
                };
                let headers = super::headers(&message);
                if due.early(consumer, &message, &headers)? {
                    continue;
                }
                batch.push(Delivered {
                    topic,
                    partition: message.partition(),
                    offset: message.offset(),
                    timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
                    headers,
                    key: message.key().unwrap_or_default().to_vec(),
                    record: message.payload().unwrap_or_default().to_vec(),
                });
            }
        }
    }
    Ok(batch)
}

/// Errors that the client repairs by itself are logged; the rest end the loop.
fn transient(e: &KafkaError) -> Result<(), Error> {
    match Error::from(e.clone()) {
        fatal @ (Error::Fenced(_) | Error::Topic { .. }) => Err(fatal),
        passing => {
            tracing::warn!(error = %passing, "consumer");
            Ok(())
        }
    }
}

fn offsets(options: &Options, batch: &Batch, offset: impl Fn(&Delivered<Vec<u8>>) -> i64, first: bool) -> TopicPartitionList {
    let mut ends = std::collections::BTreeMap::new();
    for record in batch {
        let entry = ends.entry((record.topic, record.partition)).or_insert(offset(record));
        if !first {
            *entry = offset(record);
        }
    }
    let mut list = TopicPartitionList::with_capacity(ends.len());
    for ((topic, partition), offset) in ends {
        // Adding an offset fails only for a negative special value.
        let _ = list.add_partition_offset(&options.name(topic), partition, Offset::Offset(offset));
    }
    list
}

fn commit(consumer: &BaseConsumer<Generation>, options: &Options, subscription: &Subscription, batch: &Batch) -> bool {
    hit(subscription.group, "before_offsets");
    let committed = consumer.commit(&offsets(options, batch, |r| r.offset + 1, false), CommitMode::Sync);
    hit(subscription.group, "after_offsets");
    match committed {
        Ok(()) => true,
        Err(e) => {
            tracing::warn!(error = %e, "offsets were not committed; the batch belongs to another member or will be repeated");
            false
        }
    }
}

fn rewind(consumer: &BaseConsumer<Generation>, options: &Options, batch: &Batch) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let owned = consumer.assignment()?;
    let starts = offsets(options, batch, |r| r.offset, true);
    let mut back = TopicPartitionList::new();
    for element in starts.elements() {
        if owned.find_partition(element.topic(), element.partition()).is_some() {
            back.add_partition_offset(element.topic(), element.partition(), element.offset())?;
        }
    }
    if back.count() > 0 {
        consumer.seek_partitions(back, super::CALL)?;
    }
    Ok(())
}

/// Returns whether the batch was applied: not when it was taken away or the process stops.
fn apply<E: std::fmt::Display>(
    consumer: &BaseConsumer<Generation>,
    batch: &Batch,
    stop: &AtomicBool,
    effect: &mut impl FnMut(&Batch) -> Result<(), E>,
) -> Result<bool, Error> {
    let mut pause = Duration::from_millis(100);
    loop {
        let Err(e) = effect(batch) else { return Ok(true) };
        tracing::warn!(error = %e, records = batch.len(), retry_in_ms = pause.as_millis() as u64, "effect failed");
        let generation = consumer.context().0.load(Ordering::Acquire);
        let assignment = consumer.assignment()?;
        consumer.pause(&assignment)?;
        wait(consumer, generation, Instant::now() + pause, stop)?;
        if stop.load(Ordering::Acquire) || consumer.context().0.load(Ordering::Acquire) != generation {
            return Ok(false);
        }
        consumer.resume(&assignment)?;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

/// Keeps the membership until `until`, or until the group assigns anew.
fn wait(consumer: &BaseConsumer<Generation>, generation: u64, until: Instant, stop: &AtomicBool) -> Result<(), Error> {
    while Instant::now() < until && !stop.load(Ordering::Acquire) && consumer.context().0.load(Ordering::Acquire) == generation {
        match consumer.poll(Duration::from_millis(50)) {
            None => {}
            Some(Err(e)) => transient(&e)?,
            // What is paused gives nothing, so this was assigned in this very call. Nobody has seen the record yet.
            Some(Ok(message)) => {
                consumer.seek(message.topic(), message.partition(), Offset::Offset(message.offset()), super::CALL)?;
            }
        }
    }
    Ok(())
}

/// A flag that stops loops; cloned into each.
pub type Stop = Arc<AtomicBool>;
