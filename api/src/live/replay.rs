//! Reads the event stream again from Kafka: for a stream that is resumed, or that fell behind the hub.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use sluice_connectors::kafka;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::TenantId;
use tokio::sync::{Semaphore, mpsc};

use super::{Cursor, Feed, LiveEvent, Position};
use crate::Error;

/// Replays that may run at once; each costs a client with its threads.
const AT_ONCE: usize = 8;
/// The broker gives nothing for this long although records are left: the replay is over.
const STUCK: Duration = Duration::from_secs(10);

/// Reads a tenant's events from a cursor up to another one.
#[derive(Clone)]
pub struct Reader {
    options: kafka::Options,
    names: [String; 3],
    codecs: Codecs,
    slots: Arc<Semaphore>,
}

impl Reader {
    /// A reader of this cluster.
    pub fn new(options: &kafka::Options, codecs: Codecs) -> Self {
        Self {
            options: options.clone(),
            names: Feed::ALL.map(|feed| options.name(feed.topic())),
            codecs,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The tenant's events after `from`, up to and including `to`, into `out`; ends early when nobody listens any more.
    pub async fn read(&self, tenant: TenantId, from: Cursor, to: Cursor, out: mpsc::Sender<LiveEvent>) -> Result<(), Error> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|e| Error::Internal(e.to_string()))?;
        let reader = self.clone();
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            reader.read_now(tenant, &from, &to, &out)
        })
        .await
        .map_err(|e| Error::Internal(format!("replay: {e}")))?
        .map_err(|e| Error::Unavailable { service: "kafka", cause: e.to_string() })
    }

    fn read_now(&self, tenant: TenantId, from: &Cursor, to: &Cursor, out: &mpsc::Sender<LiveEvent>) -> Result<(), kafka::Error> {
        let consumer = self.consumer()?;
        for feed in Feed::ALL {
            let targets: Vec<Position> = to.positions().filter(|at| at.feed == feed && !from.has_seen(*at)).collect();
            if !targets.is_empty() && !self.read_feed(&consumer, tenant, from, &targets, out)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads one topic up to its targets. False when nobody listens any more.
    fn read_feed(
        &self,
        consumer: &BaseConsumer,
        tenant: TenantId,
        from: &Cursor,
        targets: &[Position],
        out: &mpsc::Sender<LiveEvent>,
    ) -> Result<bool, kafka::Error> {
        let mut assigned = TopicPartitionList::new();
        for target in targets {
            // A partition that the cursor does not know was empty, or not this tenant's, when the cursor was made.
            let next = from.offset(target.feed, target.partition).unwrap_or(-1) + 1;
            assigned.add_partition_offset(&self.names[target.feed as usize], target.partition, Offset::Offset(next))?;
        }
        consumer.assign(&assigned)?;
        let mut left: BTreeMap<i32, Position> = targets.iter().map(|target| (target.partition, *target)).collect();
        while !left.is_empty() {
            let message = match consumer.poll(STUCK) {
                None => return Err(kafka::Error::Unreachable("no records came although some are left".into())),
                // Compaction and transaction markers leave gaps: the end of a partition settles what was left of it.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    left.remove(&partition);
                    continue;
                }
                Some(Err(e)) => return Err(e.into()),
                Some(Ok(message)) => message,
            };
            let Some(target) = left.get(&message.partition()).copied() else { continue };
            let at = Position { offset: message.offset(), ..target };
            if at.offset >= target.offset {
                left.remove(&target.partition);
            }
            if at.offset <= target.offset && !self.give(tenant, at, message.payload(), out) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes one record on if it is the tenant's. False when nobody listens any more.
    fn give(&self, tenant: TenantId, at: Position, payload: Option<&[u8]>, out: &mpsc::Sender<LiveEvent>) -> bool {
        match payload.map(|payload| LiveEvent::decode(&self.codecs, at, payload)) {
            Some(Ok((owner, event))) if owner == tenant => out.blocking_send(event).is_ok(),
            Some(Err(e)) => {
                tracing::warn!(kind = e.kind(), topic = at.feed.topic(), offset = at.offset, "event left out of a replay");
                true
            }
            _ => true,
        }
    }

    fn consumer(&self) -> Result<BaseConsumer, kafka::Error> {
        Ok(self
            .options
            .client()
            .set("client.id", "sluice-replay")
            // The client asks for a group even when partitions are assigned by hand; nothing is ever committed under it.
            .set("group.id", "sluice-replay")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "earliest")
            .create()?)
    }
}
