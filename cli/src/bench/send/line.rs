//! The ledger's chain and the sender, as `sluice run` runs them, on topics of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use serde_json::json;
use sluice_connectors::kafka::Options;
use sluice_connectors::kafka::consumer::{self, Commit, Subscription};
use sluice_connectors::kafka::producer::Producer;
use sluice_connectors::meta::{self, Client};
use sluice_pipeline::domain::callback::Keys;
use sluice_pipeline::effects::sender::Sender;
use sluice_pipeline::runner::{self, Alive, Setup};
use sluice_pipeline::stages::ledger::{Ledger, Settings};
use sluice_pipeline::topology;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::{CampaignId, SendId, TenantId, TraceId};
use sluice_schemas::record::{Config, Control, ControlState, Lane, Outbound};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CAMPAIGN_CONTROL, CONFIG, OUTBOUND_BULK, OUTBOUND_REPLY, SEND_CLAIMS};

use super::sim::{self, Sim};
use super::{BODY, PATIENCE, TOKEN};
use crate::bench::pairs::cpu_time;
use crate::bench::topics::{Feed, Topics};

/// Sends that are encoded at a time: a million of them at once would be a gigabyte.
const CHUNK: usize = 50_000;

/// The ledger's chain and the sender, as `sluice run` runs them.
pub(super) struct Line {
    pub(super) topics: Topics,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<anyhow::Result<()>>>,
    /// CPU of the process and the moment at which the first record could be taken.
    pub(super) begun: (Duration, Instant),
    _folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Line {
    /// Starts with numbers of these rates, each the tenant's own that [`tenant`] names, and what is to be sent.
    pub(super) fn start(kafka: &Options, sim: &Sim, rates: &[i64], sends: impl Iterator<Item = Outbound>) -> anyhow::Result<Self> {
        let codecs = Codecs::unregistered();
        let (role, own) = (topology::role("ledger").context("the ledger")?, topology::chain("ledger").context("the ledger")?);
        let topics = Topics::create(kafka, role.reads.iter().chain(role.writes).copied().chain([own.journal, own.changelog]))?;
        topics.fill(&settings(&codecs, rates)?)?;
        fill(&topics, &codecs, sends)?;
        let keys = Keys::new(&[("bench".into(), b"0123456789abcdef".to_vec())]).context("a key")?;
        let (folder, stop) = (tempfile::tempdir()?, Arc::new(AtomicBool::new(false)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let sender = sender(&topics, sim, rates.len(), &keys, &codecs, &stop)?;
        let subscription = Subscription {
            group: "sender",
            instance: "sender-bench".into(),
            topics: &[SEND_CLAIMS],
            commit: Commit::Before,
            max_records: 200,
            linger: Duration::ZERO,
        };
        let settings = Settings { keys, http_timeout_ms: 30_000, unknown_deadline_ms: 3_600_000 };
        let (began, begin) = std::sync::mpsc::channel();
        let made = codecs.clone();
        let setup = Setup {
            role,
            topics: own,
            instance: "bench".into(),
            folder: folder.path().to_owned(),
            kafka: topics.options.clone(),
            codecs,
            make: Box::new(move || Box::new(Ledger::new(&made, settings.clone()))),
            alive: Alive::default(),
            ready: Box::new(move |ready| {
                if ready {
                    let _ = began.send((cpu_time(), Instant::now()));
                }
            }),
        };
        let (options, handle) = (topics.options.clone(), runtime.handle().clone());
        let ends = [Arc::clone(&stop), Arc::clone(&stop)];
        let [ledger, claims] = ends;
        let threads = vec![
            std::thread::spawn(move || Ok(runner::run(&setup, &ledger)?)),
            std::thread::spawn(move || {
                let take = |batch: &consumer::Batch| {
                    sender.take(&handle, batch);
                    Ok::<(), std::convert::Infallible>(())
                };
                Ok(consumer::run(&options, &subscription, &claims, take)?)
            }),
        ];
        let begun = begin.recv_timeout(PATIENCE).context("the ledger was not assigned its partition")?;
        Ok(Self { topics, stop, threads, begun, _folder: folder, _runtime: runtime })
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a part panicked"))??;
        }
        self.topics.delete()
    }
}

fn sender(topics: &Topics, sim: &Sim, numbers: usize, keys: &Keys, codecs: &Codecs, stop: &Arc<AtomicBool>) -> anyhow::Result<Sender> {
    let client = Client::new(&meta::Options { graph_url: sim.url.clone(), ..meta::Options::default() })?;
    let producer = Producer::new(&topics.options, Duration::from_secs(10))?;
    let tokens: HashMap<_, _> = (0..numbers).map(|n| (sim::number(n), TOKEN.to_owned().into())).collect();
    Ok(Sender::new(client, producer, keys.clone(), Arc::new(ArcSwap::from_pointee(tokens)), codecs, Arc::clone(stop)))
}

type Rows = Vec<(&'static str, Vec<u8>, Vec<u8>)>;

/// The owner of the nth number.
pub(super) const fn tenant(number: usize) -> TenantId {
    TenantId::from_bytes([number as u8 + 1; 16])
}

/// The campaign of the nth number.
const fn campaign(number: usize) -> CampaignId {
    CampaignId::from_bytes([number as u8 + 1; 16])
}

fn settings(codecs: &Codecs, rates: &[i64]) -> anyhow::Result<Rows> {
    let mut rows = Rows::new();
    for (n, rate) in rates.iter().enumerate() {
        let (tenant, account) = (tenant(n), sim::number(n));
        let value = Some(json!({"messages_per_second": rate}).to_string());
        let config = Config { tenant, kind: "number".into(), name: account.clone(), version: 1, value, at_ms: 0 };
        let control = Control {
            tenant,
            campaign: campaign(n),
            home: 0,
            account,
            epoch: 1,
            state: ControlState::Running,
            audience: 0,
            throttle: 0,
            at_ms: 0,
        };
        rows.push((CONFIG, topics::key(tenant, &"number").into_bytes(), codecs.of().encode(&config)?));
        rows.push((CAMPAIGN_CONTROL, topics::key(tenant, &campaign(n)).into_bytes(), codecs.of().encode(&control)?));
    }
    Ok(rows)
}

fn fill(topics: &Topics, codecs: &Codecs, mut sends: impl Iterator<Item = Outbound>) -> anyhow::Result<()> {
    loop {
        let rows = sends.by_ref().take(CHUNK).map(|send| row(codecs, &send)).collect::<anyhow::Result<Rows>>()?;
        if rows.is_empty() {
            return Ok(());
        }
        topics.fill(&rows)?;
    }
}

fn row(codecs: &Codecs, send: &Outbound) -> anyhow::Result<(&'static str, Vec<u8>, Vec<u8>)> {
    let topic = if send.lane == Lane::Bulk { OUTBOUND_BULK } else { OUTBOUND_REPLY };
    Ok((topic, topics::key(send.tenant, &send.send_id).into_bytes(), codecs.of().encode(send)?))
}

/// Hands the ledger one more send now.
pub(super) fn hand(feed: &Feed, codecs: &Codecs, send: &Outbound) -> anyhow::Result<()> {
    let (topic, key, value) = row(codecs, send)?;
    feed.write(topic, &key, &value)
}

/// The nth send, from this number to a person of its own.
pub(super) fn outbound(number: usize, n: i64, lane: Lane) -> Outbound {
    let (tenant, cause) = (tenant(number), format!("bench/{n}"));
    Outbound {
        tenant,
        account: sim::number(number),
        channel: "whatsapp".into(),
        send_id: SendId::of(tenant, &cause, 0),
        cause,
        conversation: None,
        to: person(n),
        lane,
        campaign: (lane == Lane::Bulk).then_some(campaign(number)),
        seq: if lane == Lane::Bulk { n } else { -1 },
        epoch: 1,
        suppressed: None,
        window: None,
        body: BODY.into(),
        at_ms: Millis::now().0,
        trace: TraceId::default(),
    }
}

/// A person: no number ends in 0026, which is not on WhatsApp, and none is that of a sender.
pub(super) fn person(n: i64) -> String {
    format!("{}1", 1_556_000_000 + n)
}
