//! Media: the files of inbound messages, from Meta into the store.
//!
//! Guarantee: at least once onto keys made of the message's id: a repeat finds the file there. A file that fails by itself waits in the
//! tiers of `sluice_schemas::retry` and ends as a dead letter; files commute, so that no later record waits behind it. While the store or
//! the line to Meta is down, the batch waits where it is.

use futures::StreamExt as _;
use serde::Deserialize;
use sluice_connectors::kafka::consumer::Delivered;
use sluice_connectors::media::{Fetch, Fetched, Store, Verdict, fetch};
use sluice_connectors::meta::Client;
use sluice_schemas::meta::Attachment;
use sluice_schemas::record::Event;

use super::metrics::{MEDIA, MEDIA_BYTES};
use super::sender::Table;

/// Files at once; each holds at most two parts of 5 MiB.
const CONCURRENCY: usize = 8;

/// The parts of an event's JSON that name files.
#[derive(Default, Deserialize)]
struct Named {
    id: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

/// Why a record's files are not all in the store.
#[derive(Debug)]
pub struct Failed {
    /// Position in the batch.
    pub index: usize,
    /// Stable error kind.
    pub kind: &'static str,
    /// In words, without message text.
    pub detail: String,
    /// Whether another try may help.
    pub again: bool,
}

/// Nothing can be fetched now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Outage(pub String);

/// Fetches what a batch names, and says which records failed by themselves.
pub async fn batch(client: &Client, store: &Store, tokens: &Table, batch: &[Delivered<Event>]) -> Result<Vec<Failed>, Outage> {
    let wanted = batch.iter().enumerate().filter(|(_, delivered)| ["inbound", "echo"].contains(&delivered.record.kind.as_str()));
    let mut outcomes = futures::stream::iter(wanted)
        .map(|(index, delivered)| async move { record(client, store, tokens, &delivered.record).await.map_err(|e| (index, e)) })
        .buffer_unordered(CONCURRENCY);
    let mut failed = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        let Err((index, e)) = outcome else { continue };
        MEDIA.with_label_values(&[e.kind()]).inc();
        match e.verdict() {
            Verdict::Outage => return Err(Outage(e.to_string())),
            verdict => failed.push(Failed { index, kind: e.kind(), detail: e.to_string(), again: verdict == Verdict::Later }),
        }
    }
    failed.sort_by_key(|failed| failed.index);
    Ok(failed)
}

async fn record(client: &Client, store: &Store, tokens: &Table, event: &Event) -> Result<(), sluice_connectors::media::Error> {
    // What does not parse is shown without files; `archive` keeps it the same way.
    let named: Named = serde_json::from_str(&event.event).unwrap_or_default();
    let message = named.id.as_deref().unwrap_or(&event.dedup_key);
    for (index, attachment) in named.attachments.iter().enumerate() {
        let (tenant, channel, account) = (event.tenant, event.channel.as_str(), event.account.as_str());
        let wanted = Fetch { tenant, channel, account, message, index, attachment };
        match fetch(client, store, tokens.get(&event.account), &wanted).await? {
            Fetched::Stored(written) => {
                MEDIA.with_label_values(&["stored"]).inc();
                MEDIA_BYTES.inc_by(written.bytes);
            }
            Fetched::There => MEDIA.with_label_values(&["there"]).inc(),
            Fetched::Nothing => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_kind_of_failure_has_a_series_of_its_own_from_the_start() {
        assert_eq!(crate::letters::MEDIA, sluice_connectors::media::Error::KINDS);
    }
}
