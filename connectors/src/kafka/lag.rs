//! Lag, measured from the outside: what a group has committed against what its topics hold.

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

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
    /// Records not yet processed. Offsets pass over transaction markers, so 1 per partition can rest.
    pub lag: i64,
}

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
        let consumer: BaseConsumer = self.options.client().set("group.id", self.options.name(group)).create()?;
        topics.iter().map(|topic| self.topic(&consumer, group, topic)).collect()
    }

    fn topic(&self, consumer: &BaseConsumer, group: &str, topic: &str) -> Result<Lag, Error> {
        let name = self.options.name(topic);
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&name, 0, self.options.partitions - 1);
        let committed = consumer.committed_offsets(list, CALL)?;
        let mut lag = Lag { group: group.to_owned(), topic: topic.to_owned(), committed: 0, end: 0, lag: 0 };
        for element in committed.elements() {
            let (low, high) = consumer.fetch_watermarks(&name, element.partition(), CALL)?;
            let at = match element.offset() {
                Offset::Offset(at) => at,
                _ => low,
            };
            lag.committed += at;
            lag.end += high;
            lag.lag += (high - at).max(0);
        }
        Ok(lag)
    }
}
