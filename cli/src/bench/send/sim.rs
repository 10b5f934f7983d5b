//! A simulated Meta in a process of its own, so that its CPU is not ours.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};
use sluice_simulate::{Number, World};

use super::{PATIENCE, TOKEN};

/// Acceptances that one request reads.
const PAGE: usize = 100_000;

/// A simulated Meta with as many numbers as a benchmark wants.
pub(super) struct Sim {
    process: Child,
    pub(super) url: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

/// An acceptance: when, in milliseconds, from which number, and to whom.
pub(super) struct Accepted {
    pub(super) at_ms: i64,
    pub(super) from: String,
    pub(super) to: String,
}

impl Sim {
    /// One whose numbers have these rates, messages a second; see [`number`].
    pub(super) fn start(rates: &[i64]) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("world.json");
        std::fs::write(&file, serde_json::to_vec(&world(rates)?)?)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["simulate", "--no-bodies", "--listen", &format!("127.0.0.1:{port}"), "--world"]).arg(&file);
        let process = command.env("SLUICE_META_TOKEN", TOKEN).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let sim = Self { process, url: format!("http://127.0.0.1:{port}"), client, runtime, _folder: folder };
        let until = Instant::now() + Duration::from_secs(20);
        while sim.get("/_sim/summary").is_err() {
            anyhow::ensure!(Instant::now() < until, "the simulated Meta does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(sim)
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.runtime.block_on(async { self.client.get(format!("{}{path}", self.url)).send().await?.json().await })?)
    }

    pub(super) fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.url)).body(serde_json::to_vec(body)?);
        Ok(self.runtime.block_on(async { request.send().await?.error_for_status()?.json().await })?)
    }

    /// Answers this much later, before the call takes effect.
    pub(super) fn latency(&self, ms: u64) -> anyhow::Result<()> {
        self.post("/_sim/faults", &json!({"kind": "latency", "ms": ms, "when": "before"})).map(drop)
    }

    /// Messages accepted so far.
    pub(super) fn count(&self) -> anyhow::Result<i64> {
        self.get("/_sim/summary")?["accepted"].as_i64().context("a count of acceptances")
    }

    /// Waits until `n` messages are accepted.
    pub(super) fn wait(&self, n: i64) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.count()? < n {
            anyhow::ensure!(Instant::now() < until, "not every message was accepted in time");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Every acceptance so far.
    pub(super) fn accepted(&self) -> anyhow::Result<Vec<Accepted>> {
        let (mut all, mut after) = (Vec::new(), Some(0));
        while let Some(from) = after {
            let page = self.get(&format!("/_sim/ledger?after={from}&limit={PAGE}"))?;
            for entry in page["data"].as_array().into_iter().flatten() {
                all.push(accepted(entry).with_context(|| format!("an acceptance: {entry}"))?);
            }
            after = page["next"].as_u64();
        }
        Ok(all)
    }
}

fn accepted(entry: &Value) -> Option<Accepted> {
    let at_ms = entry["time"].as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    Some(Accepted { at_ms, from: entry["phone_number_id"].as_str()?.to_owned(), to: entry["to"].as_str()?.to_owned() })
}

/// The id of the nth number.
pub(super) fn number(n: usize) -> String {
    format!("{}", 15_550_100_001 + n)
}

fn world(rates: &[i64]) -> anyhow::Result<World> {
    let mut world = World::demo();
    let waba = world.portfolios.first_mut().and_then(|portfolio| portfolio.wabas.first_mut()).context("a business account")?;
    let model = waba.numbers.first().cloned().context("a number")?;
    let of = |(n, rate): (usize, &i64)| Number {
        phone_number_id: number(n),
        display_phone_number: format!("+1 555-020-{n:04}"),
        throughput: *rate as u32,
        ..model.clone()
    };
    waba.numbers = rates.iter().enumerate().map(of).collect();
    world.tokens.first_mut().context("a token")?.token = TOKEN.into();
    Ok(world)
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
