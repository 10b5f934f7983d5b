//! What Postgres wants done by the clock: records published, campaigns started, rows removed that are over.

use std::time::Duration;

use sluice_api::ops::Readiness;
use sluice_connectors::postgres::{Pool, campaigns, retention};
use sluice_pipeline::effects::outbox::Outbox;
use tokio_util::sync::CancellationToken;

use super::{Parts, Running};
use crate::exit::Failure;

/// Pause between looks into the outbox: how soon an edit reaches the chains.
const OUTBOX: Duration = Duration::from_millis(200);
/// Pause between looks for campaigns whose time has come.
const SCHEDULE: Duration = Duration::from_secs(1);
/// Pause between removals.
const RETENTION: Duration = Duration::from_hours(1);

/// Starts the role `outbox`. Any number of processes may run it: each of its tasks is safe to do twice.
pub fn start(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let pool = parts.pool()?;
    let outbox = Outbox::new(pool.clone(), parts.producer.clone(), &parts.codecs);
    running.task(publish(outbox, running.readiness.clone(), running.cancel.clone()));
    running.task(start_campaigns(pool.clone(), running.cancel.clone()));
    running.task(clear(pool, running.cancel.clone()));
    Ok(())
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

async fn start_campaigns(pool: Pool, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(SCHEDULE);
    while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(e) = campaigns::start_due(&pool, jiff::Timestamp::now()).await {
            tracing::warn!(error = %e, "campaigns that are due are not started yet");
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
