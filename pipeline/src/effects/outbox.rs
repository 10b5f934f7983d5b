//! Outbox: configuration and control from Postgres to Kafka.
//!
//! Guarantee: at least once, for each key in the order of the edits. Rows are marked after Kafka has acknowledged them; a crash in
//! between repeats them, and readers keep the highest version or epoch.

use sluice_connectors::kafka;
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_connectors::postgres::outbox::{self, Entry, Record};
use sluice_connectors::postgres::{self, Pool};
use sluice_schemas::codec::{self, Codec, Codecs};
use sluice_schemas::failpoint::hit;
use sluice_schemas::record::{Config, Control};
use sluice_schemas::topics;

/// Rows published in one pass.
const LIMIT: i64 = 1_000;

/// Why a pass failed; nothing is marked then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// Kafka.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
}

impl Error {
    /// Stable name for metrics.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Postgres(error) => error.kind(),
            Self::Kafka(_) => "kafka",
        }
    }
}

/// The outbox of one process.
#[derive(Clone)]
pub struct Outbox {
    pool: Pool,
    producer: Producer,
    config: Codec<Config>,
    control: Codec<Control>,
}

impl Outbox {
    /// An outbox that publishes through `producer`.
    pub fn new(pool: Pool, producer: Producer, codecs: &Codecs) -> Self {
        Self { pool, producer, config: codecs.of(), control: codecs.of() }
    }

    /// Publishes what waits, in order; gives the number published. The caller comes again at once while it is not 0.
    pub async fn pass(&self) -> Result<usize, Error> {
        let claim = outbox::claim(&self.pool, LIMIT).await?;
        if claim.entries.is_empty() {
            claim.release().await?;
            return Ok(0);
        }
        let mut records = Vec::with_capacity(claim.entries.len());
        for entry in &claim.entries {
            match self.encode(entry) {
                Ok(out) => records.push(out),
                // Only a damaged row comes here. It stays in the table, marked, so that those behind it go on.
                Err(reason) => {
                    tracing::error!(id = entry.id, tenant = %entry.tenant, reason, "an outbox row holds no record and is passed over");
                }
            }
        }
        self.producer.send_all(records).await?;
        hit("outbox", "before_mark");
        let ids: Vec<i64> = claim.entries.iter().map(|entry| entry.id).collect();
        claim.published(&ids).await?;
        Ok(ids.len())
    }

    fn encode(&self, entry: &Entry) -> Result<Out, String> {
        let topic = topics::find(&entry.topic).ok_or_else(|| format!("unknown topic `{}`", entry.topic))?;
        let says = |error: codec::Error| error.to_string();
        let payload = match entry.record.as_ref().map_err(Clone::clone)? {
            Record::Config(config) => self.config.encode(config).map_err(says)?,
            Record::Control(control) => self.control.encode(control).map_err(says)?,
        };
        let key = entry.key.clone().into_bytes();
        Ok(Out { topic: topic.name, partition: entry.partition, key, payload: Some(payload), headers: Vec::new() })
    }
}
