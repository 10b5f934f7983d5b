//! How long a reply waits beside another tenant's campaign.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_connectors::kafka::Options;
use sluice_pipeline::runner::Metrics;
use sluice_schemas::codec::Codecs;
use sluice_schemas::record::Lane;

use super::UNLIMITED;
use super::line::{Line, hand, outbound};
use super::sim::{self, Sim};
use crate::bench::pairs::{quantile, rounded};
use crate::bench::{Better, Measure};

/// Replies a second of the light tenant.
const REPLIES: u32 = 10;
/// The light tenant's people come after those of the campaign.
const FIRST: i64 = 2_000_000;
/// Its number; the campaign's is 0.
const LIGHT: usize = 1;

/// The slowest hundredth of the waits of a tenant's replies while another tenant's campaign of `backlog` messages takes all the CPU that it
/// can get, beside the same alone. A wait is from the moment a reply is handed to the broker until Meta has accepted it.
pub(super) fn run(kafka: &Options, backlog: i64, seconds: i64) -> anyhow::Result<Measure> {
    let replies = REPLIES * seconds as u32;
    // A broker that has just started is slow at first.
    waits(kafka, 0, 2 * REPLIES)?;
    eprintln!("send: {replies} replies alone");
    let (alone, _) = waits(kafka, 0, replies)?;
    let commits = Metrics::of("ledger").commit_seconds;
    let commit = commits.get_sample_sum() * 1_000.0 / commits.get_sample_count().max(1) as f64;
    eprintln!("send: {replies} replies beside {backlog} campaign messages of another tenant");
    let (beside, sent) = waits(kafka, backlog, replies)?;
    let p99 = |waits: &[f64]| quantile(waits, 0.99);
    let ratio = p99(&beside) / p99(&alone);
    Ok(Measure {
        bench: "send",
        measure: format!("p99 of a reply's wait beside {backlog} campaign messages of another tenant, beside the same alone"),
        ours: rounded(p99(&beside)),
        baseline: rounded(p99(&alone)),
        ratio: rounded(ratio),
        goal: Some(2.0),
        better: Better::Lower,
        unit: "ms",
        pairs: 1,
        spread: 0.0,
        at: json!({
            "replies": replies, "median": rounded(quantile(&beside, 0.5)), "median_alone": rounded(quantile(&alone, 0.5)),
            "campaign_messages_sent_meanwhile": sent, "commit_alone": rounded(commit),
        }),
    })
}

/// Milliseconds that each reply waited, and how many messages of the campaign went meanwhile.
fn waits(kafka: &Options, backlog: i64, replies: u32) -> anyhow::Result<(Vec<f64>, usize)> {
    let rates = [UNLIMITED, 80];
    let sim = Sim::start(&rates)?;
    let line = Line::start(kafka, &sim, &rates, (0..backlog).map(|n| outbound(0, n, Lane::Bulk)))?;
    let (feed, codecs, begun) = (line.topics.feed()?, Codecs::unregistered(), Instant::now());
    let mut handed = HashMap::new();
    for n in 0..replies {
        std::thread::sleep((Duration::from_secs(1) * n / REPLIES).saturating_sub(begun.elapsed()));
        let reply = outbound(LIGHT, FIRST + i64::from(n), Lane::Reply);
        handed.insert(reply.to.clone(), reply.at_ms);
        hand(&feed, &codecs, &reply)?;
    }
    let own = |one: &&sim::Accepted| one.from == sim::number(LIGHT);
    let until = Instant::now() + super::PATIENCE;
    let accepted = loop {
        let accepted = sim.accepted()?;
        if accepted.iter().filter(own).count() == replies as usize {
            break accepted;
        }
        anyhow::ensure!(Instant::now() < until, "not every reply was accepted in time");
        std::thread::sleep(Duration::from_millis(200));
    };
    line.stop()?;
    let waits: Vec<f64> = accepted.iter().filter(own).filter_map(|one| Some((one.at_ms - handed.get(&one.to)?) as f64)).collect();
    Ok((waits, accepted.len() - replies as usize))
}
