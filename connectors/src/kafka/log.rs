//! One partition of a topic, read from any place: nothing is committed, no group is joined, nobody is disturbed.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};
use sluice_schemas::record::Header;

use super::{CALL, Error, Options};

/// A broker that gives nothing for this long, not even the word that the end is reached, does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Offset.
    pub offset: i64,
    /// Timestamp, milliseconds: the broker's or the producer's, as the topic says.
    pub timestamp_ms: i64,
    /// Key.
    pub key: Vec<u8>,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers; with a mark, if the record was redriven.
    pub headers: Vec<Header>,
}

/// The end of a partition counts as an error of the client, and every error comes out of `poll` as well: nothing to log here.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "log");
    }
}

impl ConsumerContext for Quiet {}

/// How far `group` has read each partition of `topic`: the next offset; 0 where it has read nothing.
pub fn committed(options: &Options, group: &str, topic: &str) -> Result<Vec<i64>, Error> {
    let consumer: BaseConsumer = options.client().set("group.id", options.name(group)).create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_range(&options.name(topic), 0, options.partitions - 1);
    let committed = consumer.committed_offsets(list, CALL)?;
    let next = |partition| committed.find_partition(&options.name(topic), partition).map(|element| element.offset());
    Ok((0..options.partitions).map(|partition| if let Some(Offset::Offset(at)) = next(partition) { at } else { 0 }).collect())
}

/// A partition being read, committed records only. Its calls block: use it on a blocking thread.
pub struct Log {
    consumer: BaseConsumer<Quiet>,
    name: String,
    partition: i32,
    /// Whether the end was told and nothing has come since: the client tells it once.
    ended: bool,
}

impl Log {
    /// Opens a partition; [`Log::seek`] says where to begin.
    pub fn open(options: &Options, topic: &str, partition: i32) -> Result<Self, Error> {
        let consumer = options
            .client()
            .set("group.id", options.name("log"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "100")
            .set("queued.max.messages.kbytes", "4096")
            .create_with_context(Quiet)?;
        Ok(Self { consumer, name: options.name(topic), partition, ended: false })
    }

    /// The cluster's name of the topic.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// [`Log::bounds`] of every partition of a topic, in order.
    pub fn all_bounds(options: &Options, topic: &str) -> Result<Vec<(i64, i64)>, Error> {
        let log = Self::open(options, topic, 0)?;
        (0..options.partitions).map(|partition| Ok(log.consumer.fetch_watermarks(&log.name, partition, CALL)?)).collect()
    }

    /// The oldest offset that is still there, and the one after the newest.
    pub fn bounds(&self) -> Result<(i64, i64), Error> {
        Ok(self.consumer.fetch_watermarks(&self.name, self.partition, CALL)?)
    }

    /// The offset of the first record stamped `at_ms` or later; the end when there is none.
    pub fn offset_at(&self, at_ms: i64) -> Result<i64, Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, self.partition, Offset::Offset(at_ms.max(0)))?;
        let found = self.consumer.offsets_for_times(list, CALL)?;
        match found.find_partition(&self.name, self.partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            _ => Ok(self.bounds()?.1),
        }
    }

    /// The next record read is the one at `offset`, or the first one after it.
    pub fn seek(&mut self, offset: i64) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, self.partition, Offset::Offset(offset))?;
        self.ended = false;
        Ok(self.consumer.assign(&list)?)
    }

    /// The next record, or `None` at the end of what is committed; asked again, it looks whether more has come.
    pub fn read(&mut self) -> Result<Option<Entry>, Error> {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            match self.consumer.poll(Duration::from_millis(200)) {
                None if self.ended => return Ok(None),
                None => {}
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.ended = true;
                    return Ok(None);
                }
                Some(Err(e)) => self.passing(e)?,
                Some(Ok(message)) => {
                    self.ended = false;
                    return Ok(Some(Entry {
                        offset: message.offset(),
                        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
                        key: message.key().unwrap_or_default().to_vec(),
                        value: message.payload().map(<[u8]>::to_vec),
                        headers: super::headers(&message),
                    }));
                }
            }
        }
        Err(Error::Unreachable(format!("{}[{}] gave nothing for {} s", self.name, self.partition, PATIENCE.as_secs())))
    }

    /// What the client repairs by itself is waited for; a place that does not exist is said.
    fn passing(&self, e: KafkaError) -> Result<(), Error> {
        if matches!(e.rdkafka_error_code(), Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)) {
            let (low, high) = self.bounds()?;
            let reason =
                format!("partition {}: the offset asked for is not there any more; it holds {low} to {}", self.partition, high - 1);
            return Err(Error::Topic { topic: self.name.clone(), reason });
        }
        match Error::from(e) {
            passing @ (Error::Unreachable(_) | Error::Refused(_)) => {
                tracing::warn!(error = %passing, "log");
                Ok(())
            }
            fatal => Err(fatal),
        }
    }
}
