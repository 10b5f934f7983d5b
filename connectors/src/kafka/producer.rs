//! The producer of the edges: idempotent, acknowledged by all in-sync replicas, one wake-up per batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::message::{self, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};
use sluice_schemas::record::Header;
use tokio::sync::oneshot;

use super::stale::Stale;
use super::{Error, Options};

/// A record to write.
#[derive(Debug, Clone)]
pub struct Out {
    /// Topic as the table names it, without prefix.
    pub topic: &'static str,
    /// Home partition.
    pub partition: i32,
    /// Key.
    pub key: Vec<u8>,
    /// Value; `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<Header>,
}

struct Batch {
    left: AtomicUsize,
    done: std::sync::Mutex<Option<oneshot::Sender<Result<(), Error>>>>,
}

impl Batch {
    fn settle(&self, result: Result<(), Error>) {
        if let Some(done) = self.done.lock().ok().and_then(|mut done| done.take()) {
            // The caller may have gone away; the records are written all the same.
            let _ = done.send(result);
        }
    }
}

#[derive(Default)]
struct Acks(Stale);

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.heard(level, facility, message);
    }
}

impl ProducerContext for Acks {
    type DeliveryOpaque = Arc<Batch>;

    fn delivery(&self, result: &DeliveryResult<'_>, batch: Arc<Batch>) {
        match result {
            Err((e, _)) => batch.settle(Err(Error::Refused(e.to_string()))),
            Ok(_) => {
                if batch.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    batch.settle(Ok(()));
                }
            }
        }
    }
}

/// A handle that can be cloned.
#[derive(Clone)]
pub struct Producer {
    current: Arc<ArcSwap<ThreadedProducer<Acks>>>,
    config: Arc<ClientConfig>,
    names: Arc<std::collections::HashMap<&'static str, String>>,
}

/// Bytes that may wait in the client for a broker that does not answer.
pub const QUEUE_KBYTES: u32 = 65_536;

impl Producer {
    /// Connects lazily; records that no broker takes within `timeout` are refused.
    pub fn new(options: &Options, timeout: Duration) -> Result<Self, Error> {
        let mut config = options.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "2")
            .set("compression.type", "lz4")
            .set("message.timeout.ms", timeout.as_millis().to_string())
            .set("request.timeout.ms", timeout.as_millis().min(10_000).to_string())
            .set("queue.buffering.max.kbytes", QUEUE_KBYTES.to_string())
            .set("queue.buffering.max.messages", "200000");
        let names = sluice_schemas::topics::TOPICS.iter().map(|topic| (topic.name, options.name(topic.name))).collect();
        let producer = ThreadedProducer::from_config_and_context(&config, Acks::default())?;
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(producer)), config: Arc::new(config), names: Arc::new(names) })
    }

    /// The client, a fresh one if it has lost a partition for good. What still waited in the old one is refused, and its callers repeat.
    fn client(&self) -> Result<Guard<Arc<ThreadedProducer<Acks>>>, Error> {
        let client = self.current.load();
        if !client.context().0.is() {
            return Ok(client);
        }
        let fresh = Arc::new(ThreadedProducer::from_config_and_context(&self.config, Acks::default())?);
        let old = self.current.compare_and_swap(&client, fresh);
        tracing::warn!("a fresh producer replaces one that has lost a partition");
        let (client, old) = (Guard::into_inner(client), Guard::into_inner(old));
        // Its end waits for its thread, which a caller must not.
        std::thread::spawn(move || drop((client, old)));
        Ok(self.current.load())
    }

    /// Writes all records and returns once every one is acknowledged, or the first that is not.
    /// After an error some may have been written: callers repeat, readers deduplicate.
    pub async fn send_all(&self, records: Vec<Out>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let (done, acknowledged) = oneshot::channel();
        let batch = Arc::new(Batch { left: AtomicUsize::new(records.len()), done: std::sync::Mutex::new(Some(done)) });
        for record in &records {
            self.enqueue(record, &batch)?;
        }
        // The client has its own copy: what waits for acknowledgement is held once.
        drop(records);
        acknowledged.await.unwrap_or_else(|_| Err(Error::Refused("the producer was closed".into())))
    }

    fn enqueue(&self, record: &Out, batch: &Arc<Batch>) -> Result<(), Error> {
        let name = self
            .names
            .get(record.topic)
            .ok_or_else(|| Error::Topic { topic: record.topic.to_owned(), reason: "is not in the table of topics".into() })?;
        let mut out = BaseRecord::with_opaque_to(name, Arc::clone(batch)).partition(record.partition).key(&record.key);
        if let Some(payload) = &record.payload {
            out = out.payload(payload);
        }
        if !record.headers.is_empty() {
            let headers = record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, header| {
                headers.insert(message::Header { key: &header.key, value: Some(&header.value) })
            });
            out = out.headers(headers);
        }
        self.client()?.send(out).map_err(|(e, _)| e.into())
    }

    /// Waits until nothing is queued, at most `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        Ok(self.current.load().flush(timeout)?)
    }
}
