//! `sluice bench send`: the ledger and the sender, on the broker of the configuration, against a simulated Meta in a process of its own: how
//! much of what Meta permits is used, and what a message costs beside a bare loop that posts the same bodies.

use std::collections::HashMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use futures::StreamExt as _;
use serde_json::{Value, json};
use sluice_connectors::kafka::Options;
use sluice_connectors::kafka::consumer::{self, Commit, Subscription};
use sluice_connectors::kafka::producer::Producer;
use sluice_connectors::meta::{self, Client, render};
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

use super::pairs::{cpu_time, quantile, rounded};
use super::topics::Topics;
use super::{Better, Measure};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const CAMPAIGN: CampaignId = CampaignId::from_bytes([2; 16]);
/// The first number of the simulated Meta's own world.
const NUMBER: &str = "15550100001";
const TOKEN: &str = "bench-access-token";
const BODY: &str = r#"{"type":"template","template":{"name":"hello_world","language":{"code":"en_US"}}}"#;
/// Requests at a time of the bare loop.
const CONNECTIONS: usize = 64;
/// A run that stands still for this long has failed.
const PATIENCE: Duration = Duration::from_mins(3);

/// All measures.
pub fn run(kafka: &Options, quick: bool) -> anyhow::Result<Vec<Measure>> {
    let (seconds, n, pairs) = if quick { (15, 3_000, 3) } else { (60, 20_000, 10) };
    let mut measures = vec![used(kafka, 80, seconds)?, used(kafka, 1_000, seconds)?];
    measures.extend(cost(kafka, n, pairs)?);
    Ok(measures)
}

/// Share of the tokens that bulk may use which it used, from its first message to its last.
fn used(kafka: &Options, rate: i64, seconds: i64) -> anyhow::Result<Measure> {
    let sim = Sim::start(rate)?;
    let wanted = rate * 8 / 10 * seconds;
    eprintln!("send: {wanted} campaign messages at {rate} a second");
    let line = Line::start(kafka, &sim, rate, (0..wanted).map(|n| outbound(n, Lane::Bulk)))?;
    let accepted = sim.accepted(wanted)?;
    let (first, last) = (accepted.iter().min().copied().unwrap_or_default(), accepted.iter().max().copied().unwrap_or_default());
    // N messages are N - 1 intervals apart.
    let permitted = (last - first) as f64 / 1_000.0 * rate as f64 * 0.8;
    let summary = sim.get("/_sim/summary")?;
    line.stop()?;
    let share = (wanted - 1) as f64 / permitted;
    Ok(Measure {
        bench: "send",
        measure: format!("campaign messages of a number at {rate}/s in {seconds} s, beside those that its lane permits"),
        ours: (wanted - 1) as f64,
        baseline: rounded(permitted),
        ratio: rounded(share),
        goal: Some(0.99),
        better: Better::Higher,
        unit: "messages",
        pairs: 1,
        spread: 0.0,
        at: json!({"rate": rate, "refused": summary["refused"], "limiter": "a bucket as deep as one second, without jitter"}),
    })
}

/// CPU of this process for each message: plan, claim, render, exchange, settle; beside posting alone.
fn cost(kafka: &Options, n: i64, pairs: usize) -> anyhow::Result<Vec<Measure>> {
    let sim = Sim::start(1_000_000)?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for pair in 0..pairs as i64 {
        eprintln!("send: cost, pair {} of {pairs}", pair + 1);
        // Every run writes to people of its own, so that no pair limit slows it.
        let (mine, theirs) = (pair * 2 * n, (pair * 2 + 1) * n);
        let piped = || piped(kafka, &sim, mine, n);
        let (line, posted) = if pair % 2 == 0 {
            (piped()?, posted(&sim, theirs, n)?)
        } else {
            let posted = posted(&sim, theirs, n)?;
            (piped()?, posted)
        };
        ours.push(line);
        bare.push(posted);
    }
    let of = |what: &str, unit, better, goal, pick: fn(&(f64, f64)) -> f64| {
        let ratios: Vec<f64> = ours.iter().zip(&bare).map(|(mine, theirs)| pick(mine) / pick(theirs)).collect();
        let median = |costs: &[(f64, f64)]| rounded(quantile(&costs.iter().map(pick).collect::<Vec<_>>(), 0.5));
        let ratio = quantile(&ratios, 0.5);
        Measure {
            bench: "send",
            measure: format!("{what}, beside a loop that posts the same bodies"),
            ours: median(&ours),
            baseline: median(&bare),
            ratio: rounded(ratio),
            goal,
            better,
            unit,
            pairs: ratios.len(),
            spread: rounded((quantile(&ratios, 0.75) - quantile(&ratios, 0.25)) / ratio),
            at: json!({"messages": n, "connections_of_the_loop": CONNECTIONS}),
        }
    };
    Ok(vec![
        of("CPU of a sent message", "µs", Better::Lower, Some(2.0), |cost| cost.0),
        of("messages a second", "1/s", Better::Higher, None, |cost| cost.1),
    ])
}

/// CPU microseconds a message, and messages a second.
fn spent(cpu: Duration, wall: Instant, n: i64) -> (f64, f64) {
    let took = cpu_time().saturating_sub(cpu).as_secs_f64() * 1e6 / n as f64;
    (took, n as f64 / wall.elapsed().as_secs_f64())
}

fn piped(kafka: &Options, sim: &Sim, from: i64, n: i64) -> anyhow::Result<(f64, f64)> {
    let before = sim.get("/_sim/summary")?["accepted"].as_i64().unwrap_or(0);
    let line = Line::start(kafka, sim, 1_000_000, (from..from + n).map(|n| outbound(n, Lane::Reply)))?;
    let (cpu, wall) = line.begun;
    let until = Instant::now() + PATIENCE;
    while sim.get("/_sim/summary")?["accepted"].as_i64().unwrap_or(0) < before + n {
        anyhow::ensure!(Instant::now() < until, "not every message was accepted in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    let cost = spent(cpu, wall, n);
    line.stop()?;
    Ok(cost)
}

fn posted(sim: &Sim, from: i64, n: i64) -> anyhow::Result<(f64, f64)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let url = format!("{}/{}/{NUMBER}/messages", sim.url, meta::Options::default().version);
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(CONNECTIONS).build()?;
    let bodies: Vec<_> =
        (from..from + n).map(|n| render("whatsapp", &person(n), BODY, "bench").map(|r| r.body)).collect::<Result<_, _>>()?;
    let (cpu, wall) = (cpu_time(), Instant::now());
    runtime.block_on(async {
        let mut answers = futures::stream::iter(bodies)
            .map(|body| {
                let request = client.post(&url).bearer_auth(TOKEN).header("content-type", "application/json").body(body);
                tokio::spawn(async move { request.send().await?.error_for_status()?.bytes().await })
            })
            .buffer_unordered(CONNECTIONS);
        while let Some(answer) = answers.next().await {
            answer??;
        }
        anyhow::Ok(())
    })?;
    Ok(spent(cpu, wall, n))
}

fn person(n: i64) -> String {
    // No number ends in 0026, which is not on WhatsApp, and none is that of the sender.
    format!("{}1", 1_556_000_000 + n)
}

fn outbound(n: i64, lane: Lane) -> Outbound {
    let cause = format!("bench/{n}");
    Outbound {
        tenant: TENANT,
        account: NUMBER.into(),
        channel: "whatsapp".into(),
        send_id: SendId::of(TENANT, &cause, 0),
        cause,
        conversation: None,
        to: person(n),
        lane,
        campaign: (lane == Lane::Bulk).then_some(CAMPAIGN),
        seq: if lane == Lane::Bulk { n } else { -1 },
        epoch: 1,
        suppressed: None,
        window: None,
        body: BODY.into(),
        at_ms: Millis::now().0,
        trace: TraceId::default(),
    }
}

/// A simulated Meta.
struct Sim {
    process: Child,
    url: String,
    runtime: tokio::runtime::Runtime,
}

impl Sim {
    fn start(rate: i64) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["simulate", "--listen", &format!("127.0.0.1:{port}")]).env("SLUICE_META_TOKEN", TOKEN);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sim = Self { process, url: format!("http://127.0.0.1:{port}"), runtime };
        let until = Instant::now() + Duration::from_secs(20);
        while sim.get("/_sim/summary").is_err() {
            anyhow::ensure!(Instant::now() < until, "the simulated Meta does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        let change = json!({"phone_number_id": NUMBER, "throughput": rate}).to_string();
        let changed = reqwest::Client::builder().no_proxy().build()?.post(format!("{}/_sim/number", sim.url)).body(change);
        sim.runtime.block_on(async { changed.send().await?.error_for_status() })?;
        Ok(sim)
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(self.runtime.block_on(async { client.get(format!("{}{path}", self.url)).send().await?.json().await })?)
    }

    /// When each of `n` messages was accepted, milliseconds.
    fn accepted(&self, n: i64) -> anyhow::Result<Vec<i64>> {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.get("/_sim/summary")?["accepted"].as_i64().unwrap_or(0) >= n {
                break;
            }
            anyhow::ensure!(Instant::now() < until, "not every message was accepted in time");
            std::thread::sleep(Duration::from_millis(200));
        }
        let ledger = self.get("/_sim/ledger?after=0&limit=100000")?;
        let at = |entry: &Value| Some(entry["time"].as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond());
        let times: Vec<i64> = ledger["data"].as_array().into_iter().flatten().filter_map(at).collect();
        anyhow::ensure!(times.len() as i64 == n, "{} of {n} acceptances say when they were", times.len());
        Ok(times)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The ledger's chain and the sender, as `sluice run` runs them.
struct Line {
    topics: Topics,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<anyhow::Result<()>>>,
    begun: (Duration, Instant),
    _folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Line {
    fn start(kafka: &Options, sim: &Sim, rate: i64, sends: impl Iterator<Item = Outbound>) -> anyhow::Result<Self> {
        let codecs = Codecs::unregistered();
        let (role, own) = (topology::role("ledger").context("the ledger")?, topology::chain("ledger").context("the ledger")?);
        let topics = Topics::create(kafka, role.reads.iter().chain(role.writes).copied().chain([own.journal, own.changelog]))?;
        topics.fill(&records(&codecs, rate, sends)?)?;
        let keys = Keys::new(&[("bench".into(), b"0123456789abcdef".to_vec())]).context("a key")?;
        let (folder, stop) = (tempfile::tempdir()?, Arc::new(AtomicBool::new(false)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let sender = sender(&topics, sim, &keys, &codecs, &stop)?;
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

    fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a part panicked"))??;
        }
        self.topics.delete()
    }
}

fn sender(topics: &Topics, sim: &Sim, keys: &Keys, codecs: &Codecs, stop: &Arc<AtomicBool>) -> anyhow::Result<Sender> {
    let client = Client::new(&meta::Options { graph_url: sim.url.clone(), ..meta::Options::default() })?;
    let producer = Producer::new(&topics.options, Duration::from_secs(10))?;
    let tokens = Arc::new(ArcSwap::from_pointee(HashMap::from([(NUMBER.to_owned(), TOKEN.to_owned().into())])));
    Ok(Sender::new(client, producer, keys.clone(), tokens, codecs, Arc::clone(stop)))
}

type Rows = Vec<(&'static str, Vec<u8>, Vec<u8>)>;

fn records(codecs: &Codecs, rate: i64, sends: impl Iterator<Item = Outbound>) -> anyhow::Result<Rows> {
    let value = Some(json!({"messages_per_second": rate}).to_string());
    let config = Config { tenant: TENANT, kind: "number".into(), name: NUMBER.into(), version: 1, value, at_ms: 0 };
    let control = Control {
        tenant: TENANT,
        campaign: CAMPAIGN,
        home: 0,
        account: NUMBER.into(),
        epoch: 1,
        state: ControlState::Running,
        audience: 0,
        throttle: 0,
        at_ms: 0,
    };
    let mut rows: Rows = vec![
        (CONFIG, topics::key(TENANT, &"number").into_bytes(), codecs.of().encode(&config)?),
        (CAMPAIGN_CONTROL, topics::key(TENANT, &CAMPAIGN).into_bytes(), codecs.of().encode(&control)?),
    ];
    let codec = codecs.of::<Outbound>();
    for send in sends {
        let topic = if send.lane == Lane::Bulk { OUTBOUND_BULK } else { OUTBOUND_REPLY };
        rows.push((topic, topics::key(TENANT, &send.send_id).into_bytes(), codec.encode(&send)?));
    }
    Ok(rows)
}
