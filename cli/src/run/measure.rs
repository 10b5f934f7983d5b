//! How each stage keeps up, measured from the outside, so that a stage that stands still is seen to fall behind.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus::{GaugeVec, IntGaugeVec, register_gauge_vec, register_int_gauge_vec};
use sluice_api::stages::{Observation, Stages};
use sluice_connectors::kafka::consumer::Stop;
use sluice_connectors::kafka::lag::{Lag, Reader};
use sluice_connectors::kafka::{self};
use sluice_pipeline::topology::{Kind, Role, TOPOLOGY};
use sluice_schemas::codec::Codecs;
use sluice_schemas::time::Millis;
use sluice_schemas::topics;

use super::buried::Buried;

/// Measuring asks every broker about every group.
const MEASURE: Duration = Duration::from_secs(2);

static LAG: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    match register_int_gauge_vec!("sluice_lag_records", "Offsets between what a chain or effect has committed and the end.", &["role"]) {
        Ok(gauge) => gauge,
        Err(e) => unreachable!("metric names are unique: {e}"),
    }
});
static LAG_SECONDS: LazyLock<GaugeVec> = LazyLock::new(|| {
    match register_gauge_vec!("sluice_lag_seconds", "Age of the oldest record that waits for a chain or effect; 0 for none.", &["role"]) {
        Ok(gauge) => gauge,
        Err(e) => unreachable!("metric names are unique: {e}"),
    }
});

/// Measures until `stop` is set.
pub fn run(options: &kafka::Options, codecs: &Codecs, stages: &Stages, stop: &Stop) {
    let (reader, mut buried) = (Reader::new(options), Buried::new(codecs));
    while !stop.load(Ordering::Acquire) {
        if let Err(e) = buried.look(options) {
            tracing::warn!(error = %e, "dead letters are not counted");
        }
        for role in TOPOLOGY.iter().filter(|role| role.reads.iter().any(|topic| topics::find(topic).is_some()) && role.name != "api") {
            match reader.lag(role.name, role.reads) {
                Ok(lags) => stages.observe(observe(role, &lags, buried.of(role.name))),
                Err(e) => tracing::warn!(group = role.name, error = %e, "lag is not measured"),
            }
            if stop.load(Ordering::Acquire) {
                return;
            }
        }
        std::thread::sleep(MEASURE);
    }
}

fn observe(role: &Role, lags: &[Lag], dead_letters: i64) -> Observation {
    let now = Millis::now();
    let lag = lags.iter().map(|lag| lag.lag).sum();
    let age = lags.iter().filter_map(|lag| lag.oldest).min().map(|oldest| (now.since(oldest) as f64 / 1000.0).max(0.0));
    LAG.with_label_values(&[role.name]).set(lag);
    LAG_SECONDS.with_label_values(&[role.name]).set(age.unwrap_or_default());
    Observation {
        name: role.name.to_owned(),
        kind: if role.kind == Kind::Chain { "chain" } else { "effect" }.to_owned(),
        reads: role.reads.iter().map(|topic| (*topic).to_owned()).collect(),
        committed: lags.iter().map(|lag| lag.committed).sum(),
        lag,
        lag_seconds: age,
        dead_letters,
        at_ms: now.0,
    }
}
