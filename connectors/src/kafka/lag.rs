//! Lag, measured from the outside: what a group has committed against what its topics hold.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use sluice_schemas::time::Millis;

use super::{CALL, Error, Options};

/// Lag of a group on one topic, summed over partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// Consumer group, without prefix.
    pub group: String,
    /// Topic, without prefix.
    pub topic: String,
    /// Sum of committed offsets: how far the group has come; its difference over time is its throughput.
    pub committed: i64,
    /// Sum of high watermarks.
    pub end: i64,
    /// Offsets between the two on partitions where a record waits. Transaction markers have offsets too, so this is up to twice
    /// the records where transactions are small.
    pub lag: i64,
    /// Timestamp of the oldest record that waits.
    pub oldest: Option<Millis>,
}

/// A partition whose group has not come to the end.
struct Behind {
    lag: i64,
    /// Until it is known whether a record waits there.
    seen: Option<Seen>,
}

enum Seen {
    Record(Option<Millis>),
    /// Nothing but transaction markers.
    End,
}

/// Longest wait for the oldest records; what has not come by then counts as waiting, with its age unknown.
const LOOK: Duration = Duration::from_secs(2);

/// Reads offsets of any group without joining it.
pub struct Reader {
    options: Options,
}

impl Reader {
    /// A reader for this cluster.
    pub fn new(options: &Options) -> Self {
        Self { options: options.clone() }
    }

    /// Lag of `group` on each of `topics`. Blocks on the broker: call it on a blocking thread.
    pub fn lag(&self, group: &str, topics: &[&str]) -> Result<Vec<Lag>, Error> {
        let consumer: BaseConsumer = (self.options.client())
            .set("group.id", self.options.name(group))
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            // One record of each partition is looked at.
            .set("fetch.message.max.bytes", "4096")
            .set("queued.min.messages", "1")
            .set("fetch.wait.max.ms", "50")
            .create()?;
        topics.iter().map(|topic| self.topic(&consumer, group, topic)).collect()
    }

    fn topic(&self, consumer: &BaseConsumer, group: &str, topic: &str) -> Result<Lag, Error> {
        let name = self.options.name(topic);
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&name, 0, self.options.partitions - 1);
        let committed = consumer.committed_offsets(list, CALL)?;
        let mut sum = Lag { group: group.to_owned(), topic: topic.to_owned(), committed: 0, end: 0, lag: 0, oldest: None };
        let (mut behind, mut starts) = (BTreeMap::new(), TopicPartitionList::new());
        for element in committed.elements() {
            let (low, high) = consumer.fetch_watermarks(&name, element.partition(), CALL)?;
            let at = match element.offset() {
                Offset::Offset(at) => at,
                _ => low,
            };
            sum.committed += at;
            sum.end += high;
            if high > at {
                behind.insert(element.partition(), Behind { lag: high - at, seen: None });
                starts.add_partition_offset(&name, element.partition(), Offset::Offset(at.max(low)))?;
            }
        }
        if !behind.is_empty() {
            consumer.assign(&starts)?;
            look(consumer, &mut behind);
            consumer.unassign()?;
        }
        for partition in behind.into_values().filter(|partition| !matches!(partition.seen, Some(Seen::End))) {
            sum.lag += partition.lag;
            if let Some(Seen::Record(Some(at))) = partition.seen {
                sum.oldest = Some(sum.oldest.map_or(at, |oldest| oldest.min(at)));
            }
        }
        Ok(sum)
    }
}

/// Looks at the first record of each partition.
fn look(consumer: &BaseConsumer, behind: &mut BTreeMap<i32, Behind>) {
    let until = Instant::now() + LOOK;
    while behind.values().any(|partition| partition.seen.is_none()) && Instant::now() < until {
        let (partition, seen) = match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => (message.partition(), Seen::Record(message.timestamp().to_millis().map(Millis))),
            Some(Err(KafkaError::PartitionEOF(partition))) => (partition, Seen::End),
            // What cannot be read counts as waiting.
            Some(Err(_)) | None => continue,
        };
        if let Some(behind) = behind.get_mut(&partition) {
            behind.seen.get_or_insert(seen);
        }
    }
}
