//! Records that nobody takes before a moment (`sluice_schemas::retry`): their partition is paused until then, and no loop sleeps.

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use sluice_schemas::record::Header;
use sluice_schemas::retry::Retry;
use sluice_schemas::time::Millis;

use super::Error;

/// Partitions of one consumer that wait, in no order.
#[derive(Default)]
pub(super) struct Due(Vec<Waiting>);

struct Waiting {
    topic: String,
    partition: i32,
    offset: i64,
    not_before: Millis,
}

impl Waiting {
    fn list(&self) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, self.partition, Offset::Offset(self.offset))?;
        Ok(list)
    }
}

impl Due {
    /// Gives a record back whose moment has not come, and pauses its partition; says whether it did.
    pub(super) fn early<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        message: &BorrowedMessage<'_>,
        headers: &[Header],
    ) -> Result<bool, Error> {
        let Some(retry) = Retry::find(headers).filter(|retry| retry.not_before_ms > Millis::now().0) else { return Ok(false) };
        let waiting = Waiting {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            not_before: Millis(retry.not_before_ms),
        };
        consumer.pause(&waiting.list()?)?;
        // What was read is to be read again, also where a rebalance ends the pause before its time.
        consumer.seek(&waiting.topic, waiting.partition, Offset::Offset(waiting.offset), super::CALL)?;
        self.0.retain(|other| (&other.topic, other.partition) != (&waiting.topic, waiting.partition));
        self.0.push(waiting);
        Ok(true)
    }

    /// Resumes the partitions whose moment has come.
    pub(super) fn resume<C: ConsumerContext>(&mut self, consumer: &BaseConsumer<C>) -> Result<(), Error> {
        let now = Millis::now();
        for waiting in self.0.extract_if(.., |waiting| waiting.not_before <= now) {
            consumer.resume(&waiting.list()?)?;
        }
        Ok(())
    }

    /// After a rebalance nothing is paused: what is too early is met again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
