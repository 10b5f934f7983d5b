//! Runs one chain: consume, process, produce, changelog, journal and offsets in one Kafka transaction per window.
//!
//! One thread owns the consumer and the producer; nothing outside Kafka is called while a transaction is open. Any error
//! of a transaction is treated as indeterminate: the instance is dropped and started again, and [`restore`] finds out from
//! the committed offsets what happened.

mod alive;
mod metrics;
mod partition;
mod plants;
mod restore;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::message::{Message as _, Timestamp};
use rdkafka::{Offset, TopicPartitionList};
use sluice_connectors::kafka::consumer::Stop;
use sluice_connectors::kafka::transaction::{self, Change, Consumer, Producer};
use sluice_connectors::kafka::{self, Options};
use sluice_schemas::codec::Codecs;
use sluice_schemas::failpoint::{fails, hit, planted};
use sluice_schemas::time::Millis;

use crate::cell;
use crate::chain::{Chain, Incoming};
use crate::state::{self, Stores};
use crate::topology::{ChainTopics, Role};

pub use alive::{Alive, Watch};
pub use metrics::Metrics;
use partition::{Out, Partition};

/// Why a chain stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The embedded store.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The changelog does not hold what was committed.
    #[error("restore of {topic}[{partition}]: {reason}")]
    Restore {
        /// Changelog.
        topic: String,
        /// Partition.
        partition: i32,
        /// What is missing.
        reason: String,
    },
    /// A chain that cannot go on.
    #[error(transparent)]
    Cell(#[from] cell::Error),
    /// A record of a schema that nobody has looked up yet, [`Codecs::stranger`]: no registry is asked while a transaction is open.
    #[error("schema id {0} is new since this process started; the registry is asked for it")]
    Stranger(u32),
    /// A record of ours cannot be encoded or decoded: a bug, not an input.
    #[error("journal: {0}")]
    Journal(#[from] sluice_schemas::codec::Error),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kafka(e) => e.kind(),
            Self::State(e) => e.kind(),
            Self::Restore { .. } => "restore",
            Self::Cell(e) => e.kind(),
            Self::Stranger(_) => "stranger",
            Self::Journal(e) => e.kind(),
        }
    }

    /// Whether the folder of the embedded store is damaged.
    fn is_damage(&self) -> bool {
        matches!(self, Self::State(e) | Self::Cell(cell::Error::State(e)) if e.is_damage())
    }

    /// Whether this identity is taken, so that only ending the process is safe.
    pub const fn fenced(&self) -> bool {
        matches!(self, Self::Kafka(kafka::Error::Fenced(_)))
    }
}

/// A window closes after this time, …
const WINDOW: Duration = Duration::from_millis(100);
/// … or this many records, …
const WINDOW_RECORDS: usize = 10_000;
/// … or this many bytes of output.
const WINDOW_BYTES: usize = 32 << 20;
/// Longest time between two beats of [`Setup::alive`]: the calls of one round that may wait are the start of a producer (30 s) or a commit and
/// the offsets before it. A thread that is silent for longer waits in the Kafka client for something that does not come.
pub const SILENCE: Duration = Duration::from_secs(45);
/// Longest wait for a record when nothing is due.
const IDLE: Duration = Duration::from_millis(100);
/// Records between two looks at timers, window and group: about a millisecond of work.
const BURST: usize = 32;

/// What a chain instance needs.
pub struct Setup {
    /// The row of the topology.
    pub role: &'static Role,
    /// Its journal and changelogs.
    pub topics: &'static ChainTopics,
    /// `SLUICE_INSTANCE`.
    pub instance: String,
    /// Folder of the embedded store; may be deleted at any time while the chain is not running.
    pub folder: PathBuf,
    /// Cluster.
    pub kafka: Options,
    /// Schemas.
    pub codecs: Codecs,
    /// Makes the stages of one partition.
    pub make: Box<dyn Fn() -> Box<dyn Chain> + Send + Sync>,
    /// Beaten while the chain's thread goes on, at least every [`SILENCE`].
    pub alive: Alive,
    /// Told whether the chain is assigned and restored.
    pub ready: Box<dyn Fn(bool) + Send + Sync>,
}

/// Runs until `stop` is set or something fails; call it on a thread of its own, and again after an error.
pub fn run(setup: &Setup, stop: &Stop) -> Result<(), Error> {
    let ended = once(setup, stop);
    if ended.as_ref().is_err_and(Error::is_damage)
        && let Err(e) = state::set_aside(&setup.folder)
    {
        tracing::error!(folder = %setup.folder.display(), error = %e, "a damaged state store cannot be moved: delete it");
    }
    ended
}

fn once(setup: &Setup, stop: &Stop) -> Result<(), Error> {
    (setup.ready)(false);
    // The producer first: its start settles what an earlier incarnation left open, before any state is read.
    let producer = Producer::new(&setup.kafka, setup.role.name, &setup.instance)?;
    setup.alive.beat();
    let consumer = transaction::consumer(&setup.kafka, setup.role.name, &setup.instance, setup.role.reads[0])?;
    let mut runner = Runner {
        setup,
        names: Names::new(setup),
        producer,
        consumer,
        stores: Stores::open(&setup.folder)?,
        partitions: BTreeMap::new(),
        window: None,
        metrics: Metrics::of(setup.role.name),
    };
    let result = runner.drive(stop);
    runner.metrics.partitions.set(0);
    runner.metrics.stopped.set(0);
    (setup.ready)(false);
    result
}

/// Cluster names of the topics, computed once.
struct Names {
    inputs: Vec<String>,
    outputs: BTreeMap<&'static str, String>,
    journal: String,
    changelog: String,
    packed: Option<String>,
}

impl Names {
    fn new(setup: &Setup) -> Self {
        let name = |topic: &str| setup.kafka.name(topic);
        Self {
            inputs: setup.role.reads.iter().map(|topic| name(topic)).collect(),
            outputs: setup.role.writes.iter().map(|topic| (*topic, name(topic))).collect(),
            journal: name(setup.topics.journal),
            changelog: name(setup.topics.changelog),
            packed: setup.topics.packed.map(name),
        }
    }
}

/// An open transaction.
struct Window {
    opened: Instant,
    records: usize,
    bytes: usize,
}

struct Runner<'a> {
    setup: &'a Setup,
    names: Names,
    producer: Producer,
    consumer: Consumer,
    stores: Stores,
    partitions: BTreeMap<i32, Partition>,
    window: Option<Window>,
    metrics: Metrics,
}

impl Drop for Runner<'_> {
    /// However it ends, a panic included: closing the consumer would wait for good for a loop that gives partitions back.
    fn drop(&mut self) {
        self.consumer.context().close();
    }
}

impl Runner<'_> {
    fn drive(&mut self, stop: &Stop) -> Result<(), Error> {
        while !stop.load(Ordering::Acquire) {
            self.setup.alive.beat();
            if self.consumer.context().is_stale() || self.producer.is_stale() {
                return Err(kafka::Error::Stale.into());
            }
            self.changes()?;
            let wait = self.wait();
            let idle = self.burst(wait)?;
            self.tick()?;
            if self.must_commit(idle) {
                self.commit().or_else(|e| if planted("producer_reused") { self.again() } else { Err(e) })?;
            }
        }
        self.commit()?;
        // No unsubscribe: a static member that comes back within the session time-out moves no partition.
        Ok(())
    }

    fn changes(&mut self) -> Result<(), Error> {
        while let Some(change) = self.consumer.context().take() {
            match change {
                Change::Assigned(partitions) => self.assign(&partitions)?,
                Change::Revoked => {
                    (self.setup.ready)(false);
                    hit(self.setup.role.name, "on_revoke");
                    if planted("revoke_forgets") {
                        self.partitions.clear();
                    }
                    if self.consumer.assignment_lost() {
                        self.abort()?;
                    } else {
                        self.commit()?;
                    }
                    self.partitions.clear();
                    self.metrics.partitions.set(0);
                    self.consumer.unassign().map_err(kafka::Error::from)?;
                }
            }
        }
        Ok(())
    }

    fn assign(&mut self, partitions: &[i32]) -> Result<(), Error> {
        let started = Instant::now();
        self.partitions = restore::partitions(self.setup, &self.names, &self.consumer, &self.stores, partitions)?;
        let mut list = TopicPartitionList::new();
        for (id, partition) in &self.partitions {
            for (input, name) in self.names.inputs.iter().enumerate() {
                let at = partition.cell.positions()[input];
                let offset = if at == 0 { Offset::Beginning } else { Offset::Offset(at) };
                list.add_partition_offset(name, *id, offset).map_err(kafka::Error::from)?;
            }
        }
        self.consumer.assign(&list).map_err(kafka::Error::from)?;
        self.metrics.stopped.set(0);
        let out = Out { setup: self.setup, names: &self.names, producer: &self.producer, metrics: &self.metrics };
        for partition in self.partitions.values_mut() {
            partition.obey(&self.consumer, &out)?;
        }
        self.metrics.restore_seconds.set(started.elapsed().as_secs_f64());
        self.metrics.partitions.set(partitions.len() as i64);
        tracing::info!(
            chain = self.setup.role.name,
            ?partitions,
            elapsed_ms = started.elapsed().as_millis() as u64,
            "assigned and restored"
        );
        (self.setup.ready)(true);
        Ok(())
    }

    /// With a transaction open nothing is waited for: idle means commit.
    fn wait(&self) -> Duration {
        if self.window.is_some() {
            return Duration::ZERO;
        }
        let now = Millis::now();
        let due = self.partitions.values().filter_map(|p| p.cell.due()).min();
        due.map_or(IDLE, |due| Duration::from_millis(due.since(now).clamp(0, IDLE.as_millis() as i64) as u64))
    }

    /// Takes what comes, at most [`BURST`] records; returns whether nothing more was there.
    fn burst(&mut self, wait: Duration) -> Result<bool, Error> {
        // Not through `self`, so that the message does not borrow all of it.
        let Self { consumer, producer, window, setup, names, metrics, partitions, .. } = self;
        let out = Out { setup, names, producer, metrics };
        let (mut wait, mut wall) = (wait, None);
        for _ in 0..BURST {
            let message = match consumer.poll(wait) {
                None => return Ok(true),
                Some(Ok(message)) => message,
                Some(Err(e)) => return passing(e).map(|()| true),
            };
            wait = Duration::ZERO;
            hit(setup.role.name, "after_poll");
            let Some(partition) = partitions.get_mut(&message.partition()) else { continue };
            let Some(input) = names.inputs.iter().position(|name| name == message.topic()) else { continue };
            let at = match message.timestamp() {
                Timestamp::NotAvailable => Millis::now(),
                Timestamp::CreateTime(ms) | Timestamp::LogAppendTime(ms) => Millis(ms),
            };
            // The clock is read once a burst, and again where it may be behind a record.
            let wall = match &mut wall {
                Some(wall) if at <= *wall => *wall,
                wall => *wall.insert(Millis::now()),
            };
            if let Some(id) = message.payload().and_then(|value| setup.codecs.stranger(value)) {
                return Err(Error::Stranger(id));
            }
            let headers = kafka::headers(&message);
            let incoming = Incoming {
                topic: setup.role.reads[input],
                key: message.key().unwrap_or_default(),
                value: message.payload().unwrap_or_default(),
                headers: &headers,
                offset: message.offset(),
                at,
            };
            let window = open(producer, window)?;
            let before = partition.bytes;
            partition.record(input, &incoming, wall, &out)?;
            window.records += 1;
            window.bytes += partition.bytes - before;
            partition.obey(consumer, &out)?;
            metrics.event_age_seconds.set(wall.since(at) as f64 / 1000.0);
            if partition.cell.suspect() {
                return Ok(true);
            }
        }
        producer.poll();
        Ok(false)
    }

    fn tick(&mut self) -> Result<(), Error> {
        let now = Millis::now();
        let Self { producer, window, setup, names, metrics, partitions, .. } = self;
        for partition in partitions.values_mut() {
            if partition.cell.due().is_some_and(|due| due <= now) && !partition.cell.suspect() {
                open(producer, window)?;
                partition.tick(now, &Out { setup, names, producer, metrics })?;
            }
        }
        Ok(())
    }

    fn must_commit(&self, idle: bool) -> bool {
        if fails(self.setup.role.name, "window") {
            return false;
        }
        self.window.as_ref().is_some_and(|window| {
            idle || window.records >= WINDOW_RECORDS || window.bytes >= WINDOW_BYTES || window.opened.elapsed() >= WINDOW
        })
    }

    fn commit(&mut self) -> Result<(), Error> {
        let Some(window) = self.window.take() else { return Ok(()) };
        let started = Instant::now();
        hit(self.setup.role.name, "before_changelog");
        let (mut offsets, mut sealed) = (TopicPartitionList::new(), Vec::new());
        let out = Out { setup: self.setup, names: &self.names, producer: &self.producer, metrics: &self.metrics };
        for (id, partition) in self.partitions.iter_mut().filter(|(_, p)| p.cell.touched()) {
            partition.write_state(&out)?;
            sealed.push(*id);
            for (input, name) in self.names.inputs.iter().enumerate() {
                let mut element = offsets.add_partition(name, *id);
                element.set_offset(Offset::Offset(partition.cell.positions()[input])).map_err(kafka::Error::from)?;
                if input == 0 {
                    element.set_metadata(partition.cell.sequence().to_string());
                }
            }
        }
        self.too_early(&sealed, &offsets)?;
        hit(self.setup.role.name, "before_commit");
        self.producer.commit(&self.consumer, &offsets)?;
        hit(self.setup.role.name, "after_commit");
        for id in sealed {
            if let Some(partition) = self.partitions.get_mut(&id) {
                partition.committed(&self.producer)?;
            }
        }
        hit(self.setup.role.name, "after_apply");
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.batch_records.observe(window.records as f64);
        self.metrics.state_bytes.set(self.stores.disk() as i64);
        Ok(())
    }

    fn abort(&mut self) -> Result<(), Error> {
        if self.window.take().is_some() {
            self.producer.abort()?;
        }
        Ok(())
    }
}

fn open<'w>(producer: &Producer, window: &'w mut Option<Window>) -> Result<&'w mut Window, Error> {
    if window.is_none() {
        producer.begin()?;
    }
    Ok(window.get_or_insert_with(|| Window { opened: Instant::now(), records: 0, bytes: 0 }))
}

/// Errors that the client repairs by itself are logged; a position that no longer exists or a fence ends the chain.
fn passing(e: rdkafka::error::KafkaError) -> Result<(), Error> {
    match kafka::Error::from(e) {
        passing @ (kafka::Error::Unreachable(_) | kafka::Error::Refused(_)) => {
            tracing::warn!(error = %passing, "consumer");
            Ok(())
        }
        fatal => Err(fatal.into()),
    }
}
