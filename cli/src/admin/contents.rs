//! Reading a topic without a consumer group: nothing is committed, nobody is disturbed.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};
use sluice_connectors::kafka;
use sluice_schemas::topics::Topic;

const CALL: Duration = Duration::from_secs(10);

/// From where.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    /// The oldest record of every partition.
    Beginning,
    /// What is written from now on.
    End,
    /// One partition, from one offset.
    At(i32, i64),
}

/// A record as it lies there.
#[derive(Debug)]
pub struct Found {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Milliseconds.
    pub timestamp_ms: i64,
    /// Key.
    pub key: Vec<u8>,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// What a look brought.
#[derive(Debug)]
pub enum Next {
    /// A record.
    Record(Found),
    /// Every partition has been read to its end.
    End,
    /// Nothing yet.
    Quiet,
}

/// Every error comes out of `poll` as well, and a partition's end, which counts as one here, is nothing to log.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "consumer");
    }
}

impl ConsumerContext for Quiet {}

/// A topic being read. Its calls block: use it on a blocking thread.
pub struct Contents {
    consumer: BaseConsumer<Quiet>,
    unread: BTreeSet<i32>,
}

impl Contents {
    /// Opens a topic.
    pub fn open(options: &kafka::Options, topic: &Topic, start: Start) -> Result<Self, kafka::Error> {
        let name = options.name(topic.name);
        let consumer = consumer(options)?;
        let partitions = partitions(&consumer, &name)?;
        let mut list = TopicPartitionList::new();
        match start {
            Start::At(partition, offset) => {
                within(&consumer, &name, partitions, partition, offset)?;
                list.add_partition_offset(&name, partition, Offset::Offset(offset))?;
            }
            Start::Beginning | Start::End => {
                let offset = if matches!(start, Start::End) { Offset::End } else { Offset::Beginning };
                for partition in 0..partitions {
                    list.add_partition_offset(&name, partition, offset)?;
                }
            }
        }
        consumer.assign(&list)?;
        Ok(Self { consumer, unread: list.elements().iter().map(TopicPartitionListElem::partition).collect() })
    }

    /// The next record, waiting a moment for it.
    pub fn next(&mut self) -> Result<Next, kafka::Error> {
        match self.consumer.poll(Duration::from_millis(200)) {
            None => Ok(Next::Quiet),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.unread.remove(&partition);
                Ok(if self.unread.is_empty() { Next::End } else { Next::Quiet })
            }
            Some(Err(error)) => Err(error.into()),
            Some(Ok(message)) => Ok(Next::Record(Found {
                partition: message.partition(),
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
                key: message.key().unwrap_or_default().to_vec(),
                value: message.payload().map(<[u8]>::to_vec),
            })),
        }
    }
}

/// The chains' reader is not told of a partition's end, and offsets alone do not tell it: behind the last record may lie any number of
/// transaction markers. Hence a consumer of its own, which is told.
fn consumer(options: &kafka::Options) -> Result<BaseConsumer<Quiet>, kafka::Error> {
    let consumer = options
        .client()
        .set("group.id", options.name("tap"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "100")
        .create_with_context(Quiet)?;
    Ok(consumer)
}

fn partitions(consumer: &BaseConsumer<Quiet>, name: &str) -> Result<i32, kafka::Error> {
    let metadata = consumer.fetch_metadata(Some(name), CALL).map_err(|e| kafka::Error::Unreachable(e.to_string()))?;
    match metadata.topics().iter().find(|topic| topic.name() == name).map_or(0, |topic| topic.partitions().len()) {
        0 => Err(kafka::Error::Topic { topic: name.to_owned(), reason: "does not exist; run `sluice migrate`".into() }),
        n => Ok(n as i32),
    }
}

fn within(consumer: &BaseConsumer<Quiet>, name: &str, partitions: i32, partition: i32, offset: i64) -> Result<(), kafka::Error> {
    let missing = |reason: String| Err(kafka::Error::Topic { topic: name.to_owned(), reason });
    if !(0..partitions).contains(&partition) {
        return missing(format!("has no partition {partition}; it has 0 to {}", partitions - 1));
    }
    let (low, high) = consumer.fetch_watermarks(name, partition, CALL)?;
    if low == high {
        missing(format!("partition {partition} is empty"))
    } else if (low..high).contains(&offset) {
        Ok(())
    } else {
        missing(format!("partition {partition} holds offsets {low} to {}", high - 1))
    }
}
