//! Clients of the chains: a consumer that leaves assignment to its loop, and a transactional producer.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};
use sluice_schemas::failpoint::{fails, hit};

use super::stale::Stale;
use super::{CALL, Error, Options};

/// A crashed transaction blocks `read_committed` readers until it times out, so it is short.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// A call that waits is looked at again after this time.
const SLICE: Duration = Duration::from_secs(3);

/// What the group asked of this member; the loop acts on it outside the callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These partitions of the anchor are ours now; not yet read.
    Assigned(Vec<i32>),
    /// All partitions shall be given back after what is in flight is committed.
    Revoked,
}

/// Collects the group's wishes.
#[derive(Default)]
pub struct Changes {
    waiting: Mutex<VecDeque<Change>>,
    /// Whether there may be some: asked before every record, so it must cost nothing.
    any: AtomicBool,
    closing: AtomicBool,
    stale: Stale,
}

impl Changes {
    /// The oldest wish not yet taken.
    pub fn take(&self) -> Option<Change> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut waiting = self.waiting.lock().ok()?;
        let change = waiting.pop_front();
        self.any.store(!waiting.is_empty(), Ordering::Release);
        change
    }

    /// From now on partitions are given back at once: the loop has ended and closing the consumer waits for that.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Whether the consumer has lost a partition for good.
    pub fn is_stale(&self) -> bool {
        self.stale.is()
    }

    fn put(&self, change: Change) {
        if let Ok(mut changes) = self.waiting.lock() {
            changes.push_back(change);
            self.any.store(true, Ordering::Release);
        }
    }
}

impl ClientContext for Changes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.stale.heard(level, facility, message);
    }
}

impl ConsumerContext for Changes {
    /// Neither assigns nor unassigns: the callback runs inside `poll` and must not wait, but a revoked partition has a
    /// transaction to finish and an assigned one a state to restore. The group waits for the loop's call.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.put(Change::Assigned(
                    partitions.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect(),
                ));
            }
            _ if self.closing.load(Ordering::Acquire) => {
                if let Err(e) = consumer.unassign() {
                    tracing::warn!(error = %e, "partitions are not given back; the session time-out frees them");
                }
            }
            _ => self.put(Change::Revoked),
        }
    }
}

/// Consumer of a chain.
pub type Consumer = BaseConsumer<Changes>;

/// A consumer in group `chain`, subscribed to its anchor topic.
pub fn consumer(options: &Options, chain: &str, instance: &str, anchor: &str) -> Result<Consumer, Error> {
    let mut config = options.client();
    config
        .set("group.id", options.name(chain))
        .set("group.instance.id", options.name(&format!("{chain}-{instance}")))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        // Eager: with a cooperative assignor retained partitions carry a stale generation and are fenced spuriously.
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", "10000")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.message.max.bytes", "1048576")
        // Of each partition. What has been fetched of a topic is handed out before what other topics get meanwhile: the less of a backlog is at
        // hand, the sooner a reply is seen beside it.
        .set("queued.max.messages.kbytes", "2048");
    let consumer: Consumer = config.create_with_context(Changes::default())?;
    consumer.subscribe(&[&options.name(anchor)])?;
    Ok(consumer)
}

/// A consumer outside any group, to read changelogs and tails from given offsets.
pub fn reader(options: &Options) -> Result<BaseConsumer<Stale>, Error> {
    let mut config = options.client();
    config
        .set("group.id", options.name("reader"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "100");
    Ok(config.create_with_context(Stale::default())?)
}

/// Offset committed for a partition of the anchor, with the journal sequence that its metadata carries. A partition that is missing has
/// none; one that the coordinator cannot tell about, as while it starts, is an error, never taken for none.
pub fn committed(consumer: &Consumer, topic: &str, partitions: &[i32]) -> Result<BTreeMap<i32, (i64, i64)>, Error> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(topic, *partition);
    }
    let answer = consumer.committed_offsets(list, CALL)?;
    let mut out = BTreeMap::new();
    for element in answer.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            let sequence = element.metadata().parse().map_err(|_| Error::Topic {
                topic: topic.to_owned(),
                reason: format!("the committed offset of partition {} carries no journal sequence", element.partition()),
            })?;
            out.insert(element.partition(), (offset, sequence));
        }
    }
    Ok(out)
}

/// Delivery results of a transaction: the first failure, and where marked records landed.
#[derive(Default)]
pub struct Landed(Mutex<LandedInner>, Stale);

#[derive(Default)]
struct LandedInner {
    failed: Option<KafkaError>,
    offsets: BTreeMap<usize, i64>,
}

impl ClientContext for Landed {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.1.heard(level, facility, message);
    }
}

impl ProducerContext for Landed {
    /// 0 for records whose offset nobody needs.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        match result {
            Ok(_) if mark == 0 => {}
            Ok(message) => {
                if let Ok(mut inner) = self.0.lock() {
                    inner.offsets.insert(mark, message.offset());
                }
            }
            Err((e, _)) => {
                if let Ok(mut inner) = self.0.lock() {
                    inner.failed.get_or_insert_with(|| e.clone());
                }
            }
        }
    }
}

/// The transactional producer of one chain instance.
pub struct Producer(BaseProducer<Landed>);

impl Producer {
    /// Fences every older producer of this id and settles the transaction that it left open.
    pub fn new(options: &Options, chain: &str, instance: &str) -> Result<Self, Error> {
        let mut config = options.client();
        config
            .set("transactional.id", options.name(&format!("{chain}-{instance}")))
            .set("transaction.timeout.ms", TIMEOUT.as_millis().to_string())
            .set("message.timeout.ms", TIMEOUT.as_millis().to_string())
            .set("linger.ms", "5")
            // The broker settles a transaction after it has answered, and tells the next one to come again as long.
            .set("retry.backoff.ms", "20")
            .set("compression.type", "lz4")
            .set("queue.buffering.max.kbytes", "131072")
            .set("queue.buffering.max.messages", "500000");
        let producer: BaseProducer<Landed> = config.create_with_context(Landed::default())?;
        producer.init_transactions(TIMEOUT * 2)?;
        Ok(Self(producer))
    }

    /// Whether it has lost a partition for good.
    pub fn is_stale(&self) -> bool {
        self.0.context().1.is()
    }

    /// Opens a transaction.
    pub fn begin(&self) -> Result<(), Error> {
        if let Ok(mut inner) = self.0.context().0.lock() {
            *inner = LandedInner::default();
        }
        Ok(self.0.begin_transaction()?)
    }

    /// Adds a record; waits while the local queue is full. A `mark` other than 0 makes its offset readable after the commit.
    pub fn send(&self, topic: &str, partition: i32, key: &[u8], payload: Option<&[u8]>, mark: usize) -> Result<(), Error> {
        let mut record = BaseRecord::with_opaque_to(topic, mark).partition(partition).key(key);
        if let Some(payload) = payload {
            record = record.payload(payload);
        }
        loop {
            match self.0.send(record) {
                Ok(()) => return Ok(()),
                Err((e, back)) if e.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    self.0.poll(Duration::from_millis(5));
                    record = back;
                }
                Err((e, _)) => return Err(e.into()),
            }
        }
    }

    /// Serves delivery reports, so that the queue of reports stays short.
    pub fn poll(&self) {
        self.0.poll(Duration::ZERO);
    }

    /// Adds offsets to the transaction and commits it. An error says nothing about what happened: the caller must drop
    /// this producer, build a new one (which settles the transaction) and read the committed state again.
    pub fn commit(&self, consumer: &Consumer, offsets: &TopicPartitionList) -> Result<(), Error> {
        if fails("transaction", "before_commit") {
            return Err(Error::Client("told to fail before the commit".into()));
        }
        self.acknowledged()?;
        let group = consumer.group_metadata().ok_or_else(|| Error::Client("the consumer has no group metadata".into()))?;
        self.retry(|| self.0.send_offsets_to_transaction(offsets, &group, SLICE))?;
        hit("transaction", "offsets_added");
        self.retry(|| self.0.commit_transaction(SLICE))?;
        if fails("transaction", "after_commit") {
            return Err(Error::Client("told to fail after the commit".into()));
        }
        let failed = self.0.context().0.lock().ok().and_then(|inner| inner.failed.clone());
        failed.map_or(Ok(()), |e| Err(e.into()))
    }

    /// Serves delivery reports until there is none left to come. The commit would wait for them as well, and look every 100 ms.
    fn acknowledged(&self) -> Result<(), Error> {
        let begun = Instant::now();
        while self.0.in_flight_count() > 0 && begun.elapsed() < TIMEOUT {
            self.0.poll(Duration::from_millis(1));
            if self.is_stale() {
                return Err(Error::Stale);
            }
        }
        Ok(())
    }

    /// Calls again what can be resumed, until the broker itself would have given the transaction up. A partition that the client has lost
    /// takes no record any more, and the call would wait for it.
    fn retry(&self, call: impl Fn() -> Result<(), KafkaError>) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            match call() {
                Err(KafkaError::Transaction(e)) if e.is_retriable() && begun.elapsed() < TIMEOUT => self.poll(),
                other => return other.map_err(Error::from),
            }
            if self.is_stale() {
                return Err(Error::Stale);
            }
        }
    }

    /// Gives up what was added since [`Producer::begin`].
    pub fn abort(&self) -> Result<(), Error> {
        self.0.purge(PurgeConfig::default().queue());
        // The client waits until every report is served, and serves none itself.
        let begun = Instant::now();
        while self.0.in_flight_count() > 0 && begun.elapsed() < TIMEOUT {
            self.0.poll(Duration::from_millis(10));
        }
        Ok(self.0.abort_transaction(TIMEOUT)?)
    }

    /// Offset at which the record marked `mark` landed.
    pub fn landed(&self, mark: usize) -> Option<i64> {
        self.0.context().0.lock().ok()?.offsets.get(&mark).copied()
    }
}
