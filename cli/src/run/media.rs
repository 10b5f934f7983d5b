//! The role `media`: fetches the files of inbound messages, and deletes those that have been kept long enough.

use std::time::Duration;

use sluice_connectors::kafka::consumer::{Commit, Delivered};
use sluice_connectors::media::Store;
use sluice_connectors::meta::Client;
use sluice_pipeline::effects::media;
use sluice_schemas::record::Event;
use tokio_util::sync::CancellationToken;

use super::effects::{Reader, consume};
use super::{Parts, Running, tables};
use crate::exit::Failure;

/// Pause between two looks for files that are too old.
const SWEEP: Duration = Duration::from_hours(6);

/// Starts the role.
pub async fn start(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let store = Store::open(&parts.config.media).map_err(|e| anyhow::anyhow!("media.store: {e}"))?;
    let client = Client::new(&parts.config.meta)?;
    let tokens = tables::followed_tokens(parts, running).await?;
    if parts.config.media.keep_days > 0 {
        let age = Duration::from_hours(24 * u64::from(parts.config.media.keep_days));
        running.task(sweep(store.clone(), age, running.cancel.clone()));
    }
    let (events, runtime) = (Reader::<Event>::new("media", parts), tokio::runtime::Handle::current());
    // Few records in hand: a batch that meets an outage is done again.
    consume("media", Commit::After, 64, Duration::ZERO, parts, running, move |batch| {
        runtime.block_on(async {
            let facts = events.read(batch, |_| true).await?;
            for failed in media::batch(&client, &store, &tokens.load(), &facts).await? {
                let Some(raw) = facts.get(failed.index).and_then(|fact| raw(batch, fact)) else { continue };
                events.again(raw, failed.kind, &failed.detail, failed.again).await?;
            }
            Ok::<(), anyhow::Error>(())
        })
    })
}

/// The record of a batch from which a fact was read.
fn raw<'b>(batch: &'b [Delivered<Vec<u8>>], fact: &Delivered<Event>) -> Option<&'b Delivered<Vec<u8>>> {
    batch.iter().find(|raw| (raw.topic, raw.partition, raw.offset) == (fact.topic, fact.partition, fact.offset))
}

async fn sweep(store: Store, age: Duration, cancel: CancellationToken) {
    loop {
        match store.sweep(age).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "files that were kept long enough are deleted"),
            Err(e) => tracing::warn!(error = %e, "old files are not deleted"),
        }
        if cancel.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_none() {
            return;
        }
    }
}
