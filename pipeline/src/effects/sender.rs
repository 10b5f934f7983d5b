//! The sender: the only room that transmits.
//!
//! Guarantee: at most once. A claim's offset is committed before the claim is seen here, so no crash, restart or rebalance
//! hands the same claim out twice; the lease, checked just before the write, bounds how late a paused process may still
//! write. What happened comes back through `send.results`; if that is lost too, the ledger's timer calls it unknown.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use sluice_connectors::kafka::consumer::{Batch, Stop};
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_connectors::meta::{Client, Exchange, render};
use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::failpoint::{hit, planted};
use sluice_schemas::record::{Claim, Lane, Outcome, SendResult};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, SEND_RESULTS};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use crate::domain::callback::Keys;

/// Access tokens by account.
pub type Table = HashMap<String, SecretString>;
/// The same, refreshed from the configuration.
pub type Tokens = Arc<ArcSwap<Table>>;

/// Exchanges at once; each holds one body and one connection.
const CONCURRENCY: usize = 1_024;
/// Further ones, for replies alone: a person waits, and is not to wait behind a campaign.
const FOR_REPLIES: usize = 128;
/// The broker forgets a group's offsets after 7 days without it, so that what such a group reads again and is younger than
/// this was written by nobody.
const OLD_MS: i64 = 24 * Millis::HOUR;
/// An answer that Kafka does not take is offered again for this long.
const RESULT_PATIENCE: Duration = Duration::from_mins(1);

/// The sender of one process.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    producer: Producer,
    keys: Keys,
    tokens: Tokens,
    claim: Codec<Claim>,
    result: Codec<SendResult>,
    places: Arc<Semaphore>,
    reply_places: Arc<Semaphore>,
    stop: Stop,
}

impl Sender {
    /// A sender that stops writing when `stop` is set.
    pub fn new(client: Client, producer: Producer, keys: Keys, tokens: Tokens, codecs: &Codecs, stop: Stop) -> Self {
        Self {
            client,
            producer,
            keys,
            tokens,
            claim: codecs.of(),
            result: codecs.of(),
            places: Arc::new(Semaphore::new(CONCURRENCY)),
            reply_places: Arc::new(Semaphore::new(FOR_REPLIES)),
            stop,
        }
    }

    /// Takes over a batch of claims whose offsets are committed.
    pub fn take(&self, runtime: &tokio::runtime::Handle, batch: &Batch) {
        for record in batch {
            match self.claim.decode(&record.record) {
                Ok(claim) => {
                    let sender = self.clone();
                    let partition = record.partition;
                    runtime.spawn(async move { sender.transmit(partition, claim).await });
                }
                // The ledger's timer turns it into unknown: shown, never lost.
                Err(e) => tracing::error!(kind = e.kind(), offset = record.offset, "a claim cannot be read: {e}"),
            }
        }
    }

    /// Waits until every exchange has ended and its answer is written.
    pub async fn drain(&self) {
        // Closing would fail waiters; taking all places means that nobody holds one.
        let _all = self.places.acquire_many(CONCURRENCY as u32).await;
        let _replies = self.reply_places.acquire_many(FOR_REPLIES as u32).await;
    }

    async fn transmit(&self, partition: i32, claim: Claim) {
        // A claim that waited while no sender ran was never written, however late it is read. Days after its lease it comes
        // only where the group's offsets were moved back: it may well have been written, and to answer "unwritten" would
        // make it go out twice.
        if Millis::now().0 >= claim.not_after_ms + OLD_MS {
            tracing::error!(send_id = %claim.send_id, attempt = claim.attempt, "a claim of long ago was read again and is left as it is");
            return;
        }
        let Ok(_place) = self.place(claim.lane).await else { return };
        let early = claim.slot_ms - Millis::now().0;
        if early > 0 {
            tokio::time::sleep(Duration::from_millis(early as u64)).await;
        }
        let exchange = self.exchange(&claim).await;
        super::metrics::SENDS.with_label_values(&[exchange.outcome.name(), exchange.class.unwrap_or("none")]).inc();
        self.answer(partition, &claim, exchange).await;
    }

    async fn place(&self, lane: Lane) -> Result<SemaphorePermit<'_>, AcquireError> {
        if lane != Lane::Reply {
            return self.places.acquire().await;
        }
        tokio::select! {
            place = self.reply_places.acquire() => place,
            place = self.places.acquire() => place,
        }
    }

    async fn exchange(&self, claim: &Claim) -> Exchange {
        let unwritten = |detail: &str| Exchange {
            outcome: Outcome::Unwritten,
            wamid: None,
            code: None,
            class: None,
            detail: Some(detail.to_owned()),
            http_status: 0,
        };
        let Some(token) = self.tokens.load().get(&claim.account).cloned() else {
            return Exchange {
                outcome: Outcome::Rejected,
                class: Some("account"),
                ..unwritten("no access token is known for this account")
            };
        };
        let callback = self.keys.sign(&claim.account, claim.send_id, claim.attempt);
        let request = match render(&claim.channel, &claim.to, &claim.body, &callback) {
            Ok(request) => request,
            Err(e) => return Exchange { outcome: Outcome::Rejected, class: Some("permanent"), ..unwritten(&e.to_string()) },
        };
        if self.stop.load(Ordering::Acquire) {
            return unwritten("the sender is stopping");
        }
        hit("sender", "before_lease");
        if Millis::now().0 >= claim.not_after_ms && !planted("lease_not_checked") {
            return unwritten("the lease is over");
        }
        hit("sender", "before_write");
        let exchange = self.client.send(&claim.channel, &claim.account, &token, request).await;
        hit("sender", "after_write");
        exchange
    }

    async fn answer(&self, partition: i32, claim: &Claim, mut exchange: Exchange) {
        if planted("unknown_sent_again") && exchange.outcome == Outcome::Unknown {
            exchange.outcome = Outcome::Unwritten;
        }
        let result = SendResult {
            tenant: claim.tenant,
            account: claim.account.clone(),
            send_id: claim.send_id,
            attempt: claim.attempt,
            outcome: exchange.outcome,
            wamid: exchange.wamid,
            code: exchange.code,
            class: exchange.class.map(Into::into),
            detail: exchange.detail,
            http_status: i32::from(exchange.http_status),
            at_ms: Millis::now().0,
        };
        let Ok(payload) = self.result.encode(&result) else { return };
        let out = Out {
            topic: SEND_RESULTS,
            partition,
            key: topics::key(claim.tenant, &claim.send_id).into_bytes(),
            payload: Some(payload),
            headers: Vec::new(),
        };
        hit("sender", "before_result");
        let until = tokio::time::Instant::now() + RESULT_PATIENCE;
        while let Err(e) = self.producer.send_all(vec![out.clone()]).await {
            tracing::warn!(error = %e, send_id = %claim.send_id, "an answer is not written yet");
            if tokio::time::Instant::now() >= until {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        hit("sender", "after_result");
    }
}
