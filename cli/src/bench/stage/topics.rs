//! Topics of one run: one partition each, under a prefix of their own, filled with the inputs.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sluice_connectors::kafka::Options;
use sluice_pipeline::topology;
use sluice_schemas::topics::{TOPICS, find};

use super::inputs::Input;

static RUN: AtomicU32 = AtomicU32::new(0);

pub(super) struct Topics {
    /// Options with the run's prefix.
    pub options: Options,
    /// Chain that they belong to.
    pub chain: &'static str,
    names: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

impl Topics {
    pub(super) fn create(kafka: &Options, chain: &'static str, input: &Input) -> anyhow::Result<Self> {
        let run = RUN.fetch_add(1, Ordering::Relaxed);
        let options = Options { prefix: format!("bench-{}-{run}.", std::process::id()), partitions: 1, ..kafka.clone() };
        let (role, own) = (topology::role(chain).context("a chain")?, topology::chain(chain).context("a chain")?);
        let wanted = role.reads.iter().chain(role.writes).copied().chain([own.journal, own.changelog]).chain(own.packed);
        let mut names: Vec<String> = wanted.filter(|name| find(name).is_some()).map(|name| options.name(name)).collect();
        names.sort();
        names.dedup();
        debug_assert!(names.len() <= TOPICS.len());
        let topics = Self { options, chain, names, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()? };
        topics.make()?;
        topics.fill(input)?;
        Ok(topics)
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.options.brokers).set("security.protocol", &self.options.security_protocol);
        config
    }

    fn make(&self) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let wanted: Vec<NewTopic<'_>> = self.names.iter().map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1))).collect();
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
        for result in self.runtime.block_on(admin.create_topics(&wanted, &options))? {
            result.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
        }
        Ok(())
    }

    fn fill(&self, input: &Input) -> anyhow::Result<()> {
        let producer: BaseProducer = self.client().set("linger.ms", "20").set("compression.type", "lz4").set("queue.buffering.max.messages", "500000").create()?;
        for (topic, key, value) in &input.records {
            let name = self.options.name(topic);
            let mut record = BaseRecord::to(&name).partition(0).key(key).payload(value);
            while let Err((_, back)) = producer.send(record) {
                producer.poll(Duration::from_millis(5));
                record = back;
            }
        }
        Ok(producer.flush(Duration::from_secs(60))?)
    }

    pub(super) fn delete(self) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.runtime.block_on(admin.delete_topics(&names, &AdminOptions::new()))?;
        Ok(())
    }
}
