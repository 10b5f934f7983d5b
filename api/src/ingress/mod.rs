//! The webhook ingress: Meta's POSTs become raw records, and nothing is acknowledged before Kafka has it.
//!
//! In order, each step refusing what it can before the next one costs anything: signature header, declared size,
//! memory, body, HMAC, split, records, Kafka. Meta repeats whatever is not answered 200 for 7 days (contract §1), so
//! a refusal delays and never loses.
//!
//! The guarantee is *at least once*: 200 means that every update of the body is acknowledged by all in-sync replicas.
//! A crash, a lost answer or a partial failure makes Meta send the body again, and `dedup` drops the repeats.
//!
//! Memory is bounded by [`Options::max_in_flight_bytes`]: bytes of bodies from before they are read until they are
//! answered. Their records take about as much again, and the producer's queue has a bound of its own.

mod admission;
mod body;
mod handshake;
mod metrics;
mod options;
mod receive;
mod records;
mod refusal;
mod routes;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::routing::get;
use sluice_connectors::kafka;
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_schemas::codec::Codecs;
use sluice_schemas::record::RawEvent;

pub use metrics::Metrics;
pub use options::{Error, Options};
pub use routes::{Route, Routes};

/// What the ingress works with. `S` writes records and returns once all are acknowledged; [`to_kafka`] makes one.
pub struct Ingress<S> {
    secrets: signature::Secrets,
    verify_token: String,
    max_body: usize,
    budget: admission::Budget,
    routes: Arc<Routes>,
    codec: sluice_schemas::codec::Codec<RawEvent>,
    sink: S,
    metrics: Metrics,
    /// Whether the last write failed: an outage is logged when it begins and when it ends, not once per POST.
    outage: AtomicBool,
}

impl<S> Ingress<S> {
    /// Checks the options. `routes` is fed from outside, for as long as the process runs.
    pub fn new(options: &Options, routes: Arc<Routes>, codecs: &Codecs, metrics: Metrics, sink: S) -> Result<Self, Error> {
        options.check()?;
        Ok(Self {
            secrets: signature::Secrets::new(&options.app_secrets),
            verify_token: options.verify_token.clone(),
            max_body: options.max_body,
            budget: admission::Budget::new(options.max_in_flight_bytes, metrics.bytes_in_flight.clone()),
            routes,
            codec: codecs.of(),
            sink,
            metrics,
            outage: AtomicBool::new(false),
        })
    }
}

/// A sink that writes to Kafka.
pub fn to_kafka(producer: Producer) -> impl Fn(Vec<Out>) -> futures::future::BoxFuture<'static, Result<(), kafka::Error>> {
    move |records| {
        let producer = producer.clone();
        Box::pin(async move { producer.send_all(records).await })
    }
}

/// `GET|POST /webhooks/{whatsapp,instagram,messenger}`. One address per product only because Meta's settings ask for
/// one each: what a body is about, it says itself.
pub fn router<S, F>(ingress: Ingress<S>) -> Router
where
    S: Fn(Vec<Out>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), kafka::Error>> + Send + 'static,
{
    let webhook = || get(handshake::handshake::<S>).post(receive::receive::<S, F>);
    Router::new()
        .route("/webhooks/whatsapp", webhook())
        .route("/webhooks/instagram", webhook())
        .route("/webhooks/messenger", webhook())
        .with_state(Arc::new(ingress))
}
