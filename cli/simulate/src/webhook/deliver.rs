//! The worker of one callback address.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::{Update, render, signature};
use crate::config::Delivery;
use crate::faults::WebhookPlan;
use crate::state::{State, lock};

/// POSTs that may exist at once, those that wait for their repetition included. The rest stays in the queue.
const PARKED: usize = 1_024;

/// A callback address with its queue.
pub(super) struct Destination {
    address: String,
    queue: Mutex<VecDeque<Update>>,
    filled: Notify,
    parked: Arc<Semaphore>,
    in_flight: Semaphore,
}

impl Destination {
    pub(super) fn new(address: &str, config: &Delivery) -> Self {
        Self {
            address: address.into(),
            queue: Mutex::default(),
            filled: Notify::new(),
            parked: Arc::new(Semaphore::new(PARKED)),
            in_flight: Semaphore::new(config.concurrency),
        }
    }

    pub(super) fn push(&self, update: Update) {
        lock(&self.queue).push_back(update);
        self.filled.notify_one();
    }

    fn take(&self, most: usize) -> Vec<Update> {
        let mut queue = lock(&self.queue);
        let count = queue.len().min(most);
        queue.drain(..count).collect()
    }
}

/// Posts what the queue gives until it is aborted.
pub(super) async fn run(state: Arc<State>, destination: Arc<Destination>) {
    let config = state.outbox.config.clone();
    let mut posts = JoinSet::new();
    loop {
        while posts.try_join_next().is_some() {}
        if lock(&destination.queue).is_empty() {
            destination.filled.notified().await;
            continue;
        }
        if config.linger_ms > 0 {
            tokio::time::sleep(Duration::from_millis(config.linger_ms)).await;
        }
        loop {
            // The permit comes first: updates that cannot be posted yet stay in the queue and share fewer POSTs later.
            let Ok(permit) = destination.parked.clone().acquire_owned().await else { return };
            let mut updates = destination.take(config.max_batch);
            if updates.is_empty() {
                break;
            }
            let plan = state.faults.webhook(state.clock.now());
            if plan.reorder {
                updates.reverse();
            }
            let (state, destination) = (state.clone(), destination.clone());
            posts.spawn(async move {
                let count = updates.len();
                let bodies = render::bodies(&updates);
                drop(updates);
                for body in bodies {
                    post(&state, &destination, body, plan).await;
                }
                state.outbox.counts.waiting.fetch_sub(count, Ordering::Relaxed);
                state.outbox.counts.acknowledged.fetch_add(count as u64, Ordering::Relaxed);
                drop(permit);
            });
        }
    }
}

/// Posts the same bytes until they are answered 200.
async fn post(state: &State, destination: &Destination, body: String, plan: WebhookPlan) {
    if plan.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(plan.delay_ms)).await;
    }
    let body = bytes::Bytes::from(body);
    let signature = signature(&state.app_secret, &body);
    let config = &state.outbox.config;
    let mut wait = config.retry_first_ms;
    let mut wanted = if plan.duplicate { 2 } else { 1 };
    while wanted > 0 {
        let answered = {
            let Ok(_permit) = destination.in_flight.acquire().await else { return };
            attempt(state, &destination.address, &signature, body.clone()).await
        };
        if answered {
            state.outbox.counts.posts.fetch_add(1, Ordering::Relaxed);
            wanted -= 1;
            continue;
        }
        state.outbox.counts.repeated.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        wait = (wait * 2).min(config.retry_max_ms.max(1));
    }
}

async fn attempt(state: &State, address: &str, signature: &str, body: bytes::Bytes) -> bool {
    let request = state
        .outbox
        .client
        .post(address)
        .header(CONTENT_TYPE, "application/json")
        .header("User-Agent", "facebookexternalua")
        .header("X-Hub-Signature-256", signature)
        .body(body);
    match request.send().await {
        Ok(response) if response.status() == reqwest::StatusCode::OK => true,
        Ok(response) => {
            tracing::debug!(address, status = %response.status(), "webhook refused, will be repeated");
            false
        }
        Err(error) => {
            tracing::debug!(address, %error, "webhook not delivered, will be repeated");
            false
        }
    }
}
