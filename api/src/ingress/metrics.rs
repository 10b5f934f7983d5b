use std::time::Duration;

use axum::http::StatusCode;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use sluice_schemas::meta::{Channel, Update};

/// Every status the ingress answers with.
const CODES: [StatusCode; 8] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

const UNKNOWN: &str = "unknown";

/// What the ingress counts. Counters are born at 0 for every label, or `increase()` would miss the first of each.
#[derive(Clone)]
pub struct Metrics {
    requests: IntCounterVec,
    duration: Histogram,
    /// Bytes taken from the budget.
    pub(super) bytes_in_flight: IntGauge,
    updates: IntCounterVec,
    unrouted: IntCounter,
}

impl Metrics {
    /// Creates the metrics and registers them. Fails if they are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("sluice_ingress_requests_total", "Webhook requests answered, by HTTP status."),
                &["code"],
            )?,
            duration: Histogram::with_opts(
                HistogramOpts::new(
                    "sluice_ingress_request_duration_seconds",
                    "Time from the headers of a webhook POST to its answer; Meta asks for a median of 0.25 s.",
                )
                .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
            )?,
            bytes_in_flight: IntGauge::new("sluice_ingress_in_flight_bytes", "Bytes of webhook bodies received and not yet answered.")?,
            updates: IntCounterVec::new(
                Opts::new("sluice_ingress_updates_total", "Updates written to Kafka and acknowledged, by channel."),
                &["channel"],
            )?,
            unrouted: IntCounter::new(
                "sluice_ingress_unrouted_total",
                "Updates written to events.unrouted, because no tenant has registered their account.",
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.bytes_in_flight.clone()))?;
        registry.register(Box::new(metrics.updates.clone()))?;
        registry.register(Box::new(metrics.unrouted.clone()))?;
        for code in CODES {
            metrics.requests.with_label_values(&[code.as_str()]);
        }
        for channel in [Channel::Whatsapp.as_str(), Channel::Instagram.as_str(), Channel::Messenger.as_str(), UNKNOWN] {
            metrics.updates.with_label_values(&[channel]);
        }
        Ok(metrics)
    }

    /// Counts an answer; `took` for POSTs.
    pub(super) fn answered(&self, status: StatusCode, took: Option<Duration>) {
        self.requests.with_label_values(&[status.as_str()]).inc();
        if let Some(took) = took {
            self.duration.observe(took.as_secs_f64());
        }
    }

    /// Counts the updates of an acknowledged body, of which `unrouted` had no route.
    pub(super) fn written(&self, updates: &[Update<'_>], unrouted: usize) {
        // A body has one object, hence one channel.
        if let Some(first) = updates.first() {
            let channel = first.channel.map_or(UNKNOWN, Channel::as_str);
            self.updates.with_label_values(&[channel]).inc_by(updates.len() as u64);
        }
        self.unrouted.inc_by(unrouted as u64);
    }
}
