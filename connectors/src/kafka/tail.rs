//! All partitions of a topic from a moment on, and then whatever comes: nothing is committed, no group is joined.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::log::Entry;
use super::{CALL, Error, Options};

/// A topic being followed, committed records only. Its calls block: use it on a blocking thread.
pub struct Tail {
    consumer: BaseConsumer,
}

impl Tail {
    /// Opens a topic at the first record of each partition stamped `since_ms` or later.
    pub fn open(options: &Options, topic: &str, since_ms: i64) -> Result<Self, Error> {
        let consumer: BaseConsumer = options
            .client()
            .set("group.id", options.name("tail"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            // What was forgotten before it was read is not waited for.
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", "4096")
            .create()?;
        let mut moments = TopicPartitionList::new();
        for partition in 0..options.partitions {
            moments.add_partition_offset(&options.name(topic), partition, Offset::Offset(since_ms.max(0)))?;
        }
        let starts = consumer.offsets_for_times(moments, CALL)?;
        for mut element in starts.elements_for_topic(&options.name(topic)) {
            if !matches!(element.offset(), Offset::Offset(_)) {
                // Nothing is that young: what comes next is. Not `End`, which would pass over what comes before the first fetch.
                let (_, end) = consumer.fetch_watermarks(&options.name(topic), element.partition(), CALL)?;
                element.set_offset(Offset::Offset(end))?;
            }
        }
        consumer.assign(&starts)?;
        Ok(Self { consumer })
    }

    /// The next record, if one comes within `wait`. What the client repairs by itself is passed over.
    pub fn next(&self, wait: Duration) -> Option<Entry> {
        match self.consumer.poll(wait)? {
            Ok(message) => Some(Entry {
                offset: message.offset(),
                timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
                key: message.key().unwrap_or_default().to_vec(),
                value: message.payload().map(<[u8]>::to_vec),
                headers: super::headers(&message),
            }),
            Err(e) => {
                tracing::debug!(error = %e, "tail");
                None
            }
        }
    }
}
