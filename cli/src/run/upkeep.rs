//! What Postgres wants done by the clock: records published, campaigns started, rows removed that are over, what waits for a person
//! counted, and replays done that were asked for.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{Gauge, IntGauge, IntGaugeVec, register_gauge, register_int_gauge, register_int_gauge_vec};
use sluice_api::ops::Readiness;
use sluice_connectors::postgres::{Pool, attention, campaigns, retention};
use sluice_pipeline::effects::outbox::Outbox;
use sluice_schemas::record::HoldScope;
use tokio_util::sync::CancellationToken;

use super::{Parts, Running, replays};
use crate::exit::Failure;

/// Pause between looks into the outbox: how soon an edit reaches the chains.
const OUTBOX: Duration = Duration::from_millis(200);
/// Pause between looks for campaigns whose time has come.
const SCHEDULE: Duration = Duration::from_secs(1);
/// Pause between removals.
const RETENTION: Duration = Duration::from_hours(1);
/// Pause between counts of what waits for a person.
const COUNT: Duration = Duration::from_secs(10);

static HOLDS: LazyLock<IntGaugeVec> =
    LazyLock::new(|| born(register_int_gauge_vec!("sluice_holds", "Causes that sends wait for, by scope.", &["scope"])));
static QUARANTINED: LazyLock<IntGauge> =
    LazyLock::new(|| born(register_int_gauge!("sluice_quarantined_sends", "Sends that wait for a decision.")));
static OLDEST: LazyLock<Gauge> =
    LazyLock::new(|| born(register_gauge!("sluice_quarantine_oldest_seconds", "Age of the oldest of them; 0 for none.")));

fn born<T>(metric: prometheus::Result<T>) -> T {
    match metric {
        Ok(metric) => metric,
        Err(e) => unreachable!("metric names are unique: {e}"),
    }
}

/// Starts the role `outbox`. Any number of processes may run it: each of its tasks is safe to do twice.
pub fn start(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let pool = parts.pool()?;
    let outbox = Outbox::new(pool.clone(), parts.producer.clone(), &parts.codecs);
    running.task(publish(outbox, running.readiness.clone(), running.cancel.clone()));
    running.task(tend_campaigns(pool.clone(), running.cancel.clone()));
    running.task(clear(pool.clone(), running.cancel.clone()));
    running.task(count(pool, running.cancel.clone()));
    replays::start(parts, running)
}

async fn publish(outbox: Outbox, readiness: Readiness, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        match outbox.pass().await {
            Ok(0) => readiness.ready("outbox"),
            Ok(_) => continue,
            Err(e) => {
                readiness.waiting("outbox", "cannot publish");
                tracing::warn!(kind = e.kind(), error = %e, "outbox");
            }
        }
        let _ = cancel.run_until_cancelled(tokio::time::sleep(OUTBOX)).await;
    }
}

/// Starts what is due, and stops what mostly fails.
async fn tend_campaigns(pool: Pool, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(SCHEDULE);
    while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(e) = campaigns::start_due(&pool, jiff::Timestamp::now()).await {
            tracing::warn!(error = %e, "campaigns that are due are not started yet");
        }
        match campaigns::brake(&pool, jiff::Timestamp::now()).await {
            Ok(paused) => paused.iter().for_each(|(tenant, id)| tracing::warn!(%tenant, campaign = %id, "paused: too many failures")),
            Err(e) => tracing::warn!(error = %e, "campaigns that fail are not paused yet"),
        }
    }
}

async fn clear(pool: Pool, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(RETENTION);
    while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
        match retention::clear(&pool).await {
            Ok(cleared) => tracing::info!(?cleared, "rows that are over are removed"),
            Err(e) => tracing::warn!(error = %e, "rows that are over are not removed yet"),
        }
    }
}

async fn count(pool: Pool, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(COUNT);
    while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
        match attention::waiting(&pool).await {
            Ok(waiting) => show(&waiting),
            Err(e) => tracing::warn!(error = %e, "what waits for a person is not counted"),
        }
    }
}

fn show(waiting: &attention::Waiting) {
    for scope in HoldScope::ALL {
        let n = waiting.holds.iter().find(|(name, _)| name == scope.name()).map_or(0, |(_, n)| *n);
        HOLDS.with_label_values(&[scope.name()]).set(n);
    }
    QUARANTINED.set(waiting.quarantined);
    let age = waiting.oldest.map(|oldest| jiff::Timestamp::now().duration_since(oldest).as_secs_f64());
    OLDEST.set(age.unwrap_or_default().max(0.0));
}
