//! Reads a system's topics from the outside, as committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use sluice_connectors::{kafka, registry};
use sluice_local::System;
use sluice_schemas::codec::Codecs;
use sluice_schemas::record::Record;

/// The topics of a system.
pub struct Topics {
    /// The cluster and how topics are named.
    pub options: kafka::Options,
    /// Schemas.
    pub codecs: Codecs,
}

/// A committed record.
pub struct Entry {
    /// Topic, as the table names it.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Value as it lies there.
    pub value: Vec<u8>,
}

/// Reads on where it stopped.
pub struct Tail {
    consumer: BaseConsumer,
    prefix: String,
    /// Next offset of each topic and partition.
    positions: BTreeMap<(&'static str, i32), i64>,
}

/// An open transaction, behind which nothing is stable.
pub struct Veil(BaseProducer);

/// Limit of a call.
const CALL: Duration = Duration::from_secs(10);

impl Veil {
    /// Aborts it: what it wrote was never there.
    pub fn lift(self) -> anyhow::Result<()> {
        Ok(self.0.abort_transaction(CALL)?)
    }
}

impl Topics {
    /// Finds them by the system's configuration.
    pub async fn of(system: &System) -> anyhow::Result<Self> {
        let file = system.dir().join("sluice.toml");
        let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let configuration: toml::Value = toml::from_str(&text)?;
        let options = configuration["kafka"].clone().try_into()?;
        let codecs = registry::load(&registry::Options { url: system.registry_url() }).await?;
        Ok(Self { options, codecs })
    }

    /// Decodes a record.
    pub fn decode<T: Record>(&self, value: &[u8]) -> anyhow::Result<T> {
        Ok(self.codecs.of::<T>().decode(value)?)
    }

    /// Every record of a topic that is committed now; waits at most `patience`.
    pub fn all<T: Record>(&self, topic: &'static str, patience: Duration) -> anyhow::Result<Vec<T>> {
        let (entries, whole) = self.tail(&[topic])?.more(patience)?;
        anyhow::ensure!(whole, "{topic} is not read to its end");
        entries.iter().map(|entry| self.decode(&entry.value)).collect()
    }

    /// Opens a transaction on every partition of these topics.
    pub fn veil(&self, topics: &[&str]) -> anyhow::Result<Veil> {
        static VEILS: AtomicUsize = AtomicUsize::new(0);
        let name = self.options.name(&format!("veil-{}", VEILS.fetch_add(1, Ordering::Relaxed)));
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.options.brokers)
            .set("transactional.id", name)
            .set("transaction.timeout.ms", "60000")
            .create()?;
        producer.init_transactions(CALL)?;
        producer.begin_transaction()?;
        for topic in topics {
            for partition in 0..self.options.partitions {
                let name = self.options.name(topic);
                let record = BaseRecord::to(&name).partition(partition).key("veil").payload("");
                producer.send(record).map_err(|(e, _)| e)?;
            }
        }
        producer.flush(CALL)?;
        Ok(Veil(producer))
    }

    /// A reader of several topics from their beginning.
    pub fn tail(&self, topics: &[&'static str]) -> anyhow::Result<Tail> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", &self.options.brokers)
            .set("group.id", self.options.name("checker"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "20")
            .set("reconnect.backoff.max.ms", "500")
            .create()?;
        let partitions = 0..self.options.partitions;
        let positions = topics.iter().flat_map(|topic| partitions.clone().map(move |partition| ((*topic, partition), 0))).collect();
        Ok(Tail { consumer, prefix: self.options.prefix.clone(), positions })
    }
}

impl Tail {
    /// What was committed since the last call, and whether the ends were reached within `patience`.
    pub fn more(&mut self, patience: Duration) -> anyhow::Result<(Vec<Entry>, bool)> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), offset) in &self.positions {
            let offset = if *offset == 0 { Offset::Beginning } else { Offset::Offset(*offset) };
            list.add_partition_offset(&format!("{}{topic}", self.prefix), *partition, offset)?;
        }
        let begun = Instant::now();
        while !self.led() {
            if begun.elapsed() >= patience {
                return Ok((Vec::new(), false));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.consumer.assign(&list)?;
        // The client names the end of a partition without its topic, so ends are counted by partition.
        let topics: BTreeSet<&str> = self.positions.keys().map(|(topic, _)| *topic).collect();
        let (mut entries, mut ends) = (Vec::new(), 0);
        while ends < self.positions.len() && begun.elapsed() < patience {
            match self.consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    let Some(topic) = topics.iter().find(|topic| message.topic().strip_prefix(&self.prefix) == Some(topic)) else {
                        continue;
                    };
                    let Some(((topic, partition), position)) =
                        self.positions.iter_mut().find(|((own, partition), _)| own == topic && *partition == message.partition())
                    else {
                        continue;
                    };
                    *position = message.offset() + 1;
                    let value = message.payload().unwrap_or_default().to_vec();
                    entries.push(Entry { topic, partition: *partition, offset: message.offset(), value });
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
                // A broker that is away comes back; who asks sees that the end was not reached.
                Some(Err(_)) | None => {}
            }
        }
        let whole = ends >= self.positions.len();
        self.consumer.unassign()?;
        Ok((entries, whole))
    }

    /// Whether every partition has a leader. A broker that has just come back names none for some, and librdkafka 2.12 may read far
    /// outside its memory when it fetches from there (its issue 5280).
    fn led(&self) -> bool {
        let Ok(metadata) = self.consumer.fetch_metadata(None, Duration::from_secs(1)) else { return false };
        let led = |topic: &str, partition: i32| {
            let topic = metadata.topics().iter().find(|known| known.name().strip_prefix(&self.prefix) == Some(topic));
            topic.is_some_and(|topic| topic.partitions().iter().any(|known| known.id() == partition && known.leader() >= 0))
        };
        self.positions.keys().all(|(topic, partition)| led(topic, *partition))
    }
}
