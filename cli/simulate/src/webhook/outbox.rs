//! Which address an update goes to, and how much waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::task::JoinSet;

use super::Update;
use super::deliver::{self, Destination};
use crate::config::{Config, Delivery};
use crate::error::Error;
use crate::state::{State, lock, read};
use crate::world::Network;

/// The queues of updates, one per callback address.
///
/// Nothing is ever dropped: a refused POST is repeated for ever with growing waits, so a receiver that comes back gets
/// everything. [`Outbox::full`] makes the Graph API refuse new messages (131016) before the backlog outgrows its bound.
pub(crate) struct Outbox {
    pub(crate) config: Delivery,
    pub(crate) client: reqwest::Client,
    pub(crate) counts: Counts,
    destinations: Mutex<HashMap<String, Arc<Destination>>>,
    workers: Mutex<JoinSet<()>>,
}

/// Counts of `GET /_sim/summary`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// Updates that wait or are in a POST without a 200 yet.
    pub(crate) waiting: AtomicUsize,
    /// Updates in POSTs that were answered 200.
    pub(crate) acknowledged: AtomicU64,
    /// POSTs answered 200.
    pub(crate) posts: AtomicU64,
    /// POSTs answered otherwise or not at all, each to be repeated.
    pub(crate) repeated: AtomicU64,
    /// Updates for which no callback address is configured.
    pub(crate) without_address: AtomicU64,
}

impl Outbox {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(std::time::Duration::from_millis(config.delivery.timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(Error::Client)?;
        Ok(Self {
            config: config.delivery.clone(),
            client,
            counts: Counts::default(),
            destinations: Mutex::default(),
            workers: Mutex::default(),
        })
    }

    /// Whether the backlog is at its bound.
    pub(crate) fn full(&self) -> bool {
        self.counts.waiting.load(Ordering::Relaxed) >= self.config.backlog
    }

    /// Queues an update for every address that is to get it. Must be called within the runtime.
    pub(crate) fn push(&self, state: &Arc<State>, update: Update) {
        let addresses = self.addresses(&update);
        if addresses.is_empty() {
            self.counts.without_address.fetch_add(1, Ordering::Relaxed);
        }
        for address in addresses {
            self.counts.waiting.fetch_add(1, Ordering::Relaxed);
            self.destination(state, address).push(update.clone());
        }
    }

    /// Number before WABA before app; template and account fields always go to the app's address (contract §1).
    fn addresses(&self, update: &Update) -> Vec<String> {
        let number = match update {
            Update::Status(number, _) | Update::Message { number, .. } => number,
            Update::Field { waba, .. } => {
                return if waba.subscribed.load(Ordering::Relaxed) { self.config.whatsapp.clone() } else { Vec::new() };
            }
            Update::Social { account, .. } => return self.social(account.seed.network).into_iter().collect(),
        };
        if !number.waba.subscribed.load(Ordering::Relaxed) {
            return Vec::new();
        }
        match read(&number.callback).or_else(|| read(&number.waba.callback)) {
            Some(own) => vec![own],
            None => self.config.whatsapp.clone(),
        }
    }

    /// The app's address for a social network.
    pub(crate) fn social(&self, network: Network) -> Option<String> {
        match network {
            Network::Instagram => self.config.instagram.clone(),
            Network::Messenger => self.config.messenger.clone(),
        }
    }

    fn destination(&self, state: &Arc<State>, address: String) -> Arc<Destination> {
        lock(&self.destinations)
            .entry(address)
            .or_insert_with_key(|address| {
                let destination = Arc::new(Destination::new(address, &self.config));
                lock(&self.workers).spawn(deliver::run(state.clone(), destination.clone()));
                destination
            })
            .clone()
    }

    /// Ends every worker; what waits is lost unless the book brings it back.
    pub(crate) fn stop(&self) {
        lock(&self.workers).abort_all();
    }
}
