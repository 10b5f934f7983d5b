//! Topics of one run: one partition each, under a prefix of their own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sluice_connectors::kafka::Options;
use sluice_schemas::topics::find;

static RUN: AtomicU32 = AtomicU32::new(0);

pub(super) struct Topics {
    /// Options with the run's prefix.
    pub options: Options,
    names: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

impl Topics {
    /// Makes those of `wanted` that are topics.
    pub(super) fn create<'a>(kafka: &Options, wanted: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        let run = RUN.fetch_add(1, Ordering::Relaxed);
        let options = Options { prefix: format!("bench-{}-{run}.", std::process::id()), partitions: 1, ..kafka.clone() };
        let mut names: Vec<String> = wanted.into_iter().filter(|name| find(name).is_some()).map(|name| options.name(name)).collect();
        names.sort();
        names.dedup();
        let topics = Self { options, names, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()? };
        topics.make()?;
        Ok(topics)
    }

    fn make(&self) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.options.client().create()?;
        let wanted: Vec<NewTopic<'_>> = self.names.iter().map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1))).collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        for result in self.runtime.block_on(admin.create_topics(&wanted, &options))? {
            result.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
        }
        Ok(())
    }

    /// Writes records, each topic, key and value.
    pub(super) fn fill(&self, records: &[(&'static str, Vec<u8>, Vec<u8>)]) -> anyhow::Result<()> {
        let producer: BaseProducer = self
            .options
            .client()
            .set("linger.ms", "20")
            .set("compression.type", "lz4")
            .set("queue.buffering.max.messages", "500000")
            .create()?;
        for (topic, key, value) in records {
            let name = self.options.name(topic);
            let mut record = BaseRecord::to(&name).partition(0).key(key).payload(value);
            while let Err((_, back)) = producer.send(record) {
                producer.poll(Duration::from_millis(5));
                record = back;
            }
        }
        Ok(producer.flush(Duration::from_mins(1))?)
    }

    /// For records that come while a benchmark runs.
    pub(super) fn feed(&self) -> anyhow::Result<Feed> {
        Ok(Feed { producer: self.options.client().set("linger.ms", "0").create()?, options: self.options.clone() })
    }

    pub(super) fn delete(self) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.options.client().create()?;
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.runtime.block_on(admin.delete_topics(&names, &AdminOptions::new()))?;
        Ok(())
    }
}

/// Writes records one by one, each at once.
pub(super) struct Feed {
    producer: BaseProducer,
    options: Options,
}

impl Feed {
    pub(super) fn write(&self, topic: &str, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        let name = self.options.name(topic);
        let sent = self.producer.send(BaseRecord::to(&name).partition(0).key(key).payload(value));
        sent.map_err(|(error, _)| error)?;
        // To wait for the acknowledgement would take up to 100 ms, which is how often a flush looks.
        self.producer.poll(Duration::ZERO);
        Ok(())
    }
}
