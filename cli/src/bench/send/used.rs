//! How much of what a lane permits is used.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use sluice_connectors::kafka::Options;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::TraceId;
use sluice_schemas::record::{Event, Lane};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, EVENTS};

use super::line::{Line, outbound, tenant};
use super::sim::{self, Accepted, Sim};
use crate::bench::pairs::rounded;
use crate::bench::topics::Feed;
use crate::bench::{Better, Measure};

/// Numbers that are kept busy.
pub(super) struct Load {
    pub(super) numbers: usize,
    /// Messages a second of each, in and out together.
    pub(super) rate: i64,
    /// Messages a second that customers write to each, which are of that.
    pub(super) inbound: i64,
}

impl Load {
    /// Messages a second that bulk may send: a fifth of a number is left to the other lanes, and to customers what they write.
    fn permitted(&self, inbound: f64) -> f64 {
        (self.rate as f64 * 0.8).min(self.rate as f64 - inbound)
    }

    fn name(&self, seconds: i64) -> String {
        let numbers = if self.numbers == 1 { "a number".to_owned() } else { format!("{} numbers", self.numbers) };
        let inbound = if self.inbound > 0 { format!(" with {}/s coming in", self.inbound) } else { String::new() };
        let each = if self.numbers == 1 { "" } else { " each" };
        format!("campaign messages of {numbers} at {}/s{each}{inbound} in {seconds} s, beside those that their lane permits", self.rate)
    }
}

/// Messages from each number's first to its last, beside those that were permitted in that time.
pub(super) fn run(kafka: &Options, load: &Load, seconds: i64) -> anyhow::Result<Measure> {
    eprintln!("send: {}", load.name(seconds));
    let rates = vec![load.rate; load.numbers];
    let each = load.permitted(load.inbound as f64) as i64 * seconds;
    let sim = Sim::start(&rates)?;
    let numbers = load.numbers as i64;
    let sends = (0..each * numbers).map(|n| outbound((n % numbers) as usize, n, Lane::Bulk));
    let line = Line::start(kafka, &sim, &rates, sends)?;
    let (over, feed) = (AtomicBool::new(false), line.topics.feed()?);
    let inbound = std::thread::scope(|scope| {
        let writing = (load.inbound > 0).then(|| scope.spawn(|| customers(&sim.url, &feed, load.inbound, &over)));
        let waited = sim.wait(each * numbers);
        over.store(true, Ordering::Release);
        let written = writing.map(|writing| writing.join().map_err(|_| anyhow::anyhow!("the customers panicked"))?);
        waited.and(written.unwrap_or(Ok(0.0)))
    })?;
    let accepted = sim.accepted()?;
    let (sent, permitted) = shares(&accepted, load.permitted(inbound));
    let refused = sim.get("/_sim/summary")?["refused"].clone();
    line.stop()?;
    Ok(Measure {
        bench: "send",
        measure: load.name(seconds),
        ours: sent,
        baseline: rounded(permitted),
        ratio: rounded(sent / permitted),
        goal: Some(0.99),
        better: Better::Higher,
        unit: "messages",
        pairs: 1,
        spread: 0.0,
        at: json!({
            "numbers": load.numbers, "rate": load.rate, "inbound": rounded(inbound), "refused": refused, "longest_gap_ms": longest_gap(&accepted),
            "limiter": "a bucket as deep as one second, without jitter",
        }),
    })
}

/// Intervals between messages, and how many the time from each number's first message to its last has room for.
fn shares(accepted: &[Accepted], permitted: f64) -> (f64, f64) {
    let mut numbers: HashMap<&str, (i64, i64, i64)> = HashMap::new();
    for one in accepted {
        let (n, first, last) = numbers.entry(&one.from).or_insert((0, i64::MAX, i64::MIN));
        (*n, *first, *last) = (*n + 1, one.at_ms.min(*first), one.at_ms.max(*last));
    }
    let sent: i64 = numbers.values().map(|(n, ..)| n - 1).sum();
    let time: i64 = numbers.values().map(|(_, first, last)| last - first).sum();
    (sent as f64, time as f64 / 1_000.0 * permitted)
}

/// The longest time between two messages of the first number.
fn longest_gap(accepted: &[Accepted]) -> Option<i64> {
    let first = sim::number(0);
    let times: Vec<i64> = accepted.iter().filter(|one| one.from == first).map(|one| one.at_ms).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max()
}

/// Customers who write to the first number, at the simulated Meta and, as intake would tell it, to the ledger. Says how many did a second.
fn customers(url: &str, feed: &Feed, rate: i64, over: &AtomicBool) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let codecs = Codecs::unregistered();
    let begun = Instant::now();
    let mut n = 0_u32;
    while !over.load(Ordering::Acquire) {
        let due = Duration::from_secs(1) * n / u32::try_from(rate)?;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let from = format!("1557{n:07}");
        let body = json!({"phone_number_id": sim::number(0), "from": from, "text": "Hello"}).to_string();
        runtime.block_on(async { client.post(format!("{url}/_sim/inbound")).body(body).send().await?.error_for_status() })?;
        let event = inbound(&from, n);
        let key = topics::key(event.tenant, &event.account).into_bytes();
        feed.write(EVENTS, &key, &codecs.of().encode(&event)?).context("an event")?;
        n += 1;
    }
    Ok(f64::from(n) / begun.elapsed().as_secs_f64())
}

fn inbound(from: &str, n: u32) -> Event {
    let now = Millis::now().0;
    Event {
        tenant: tenant(0),
        account: sim::number(0),
        channel: "whatsapp".into(),
        conversation: None,
        kind: "inbound".into(),
        dedup_key: format!("bench/{n}"),
        at_ms: now,
        received_ms: now,
        trace: TraceId::default(),
        event: json!({"kind": "inbound", "from": from, "text": "Hello"}).to_string(),
    }
}
