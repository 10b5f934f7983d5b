//! What a sent message costs, beside a bare loop that posts the same bodies.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::json;
use sluice_connectors::kafka::Options;
use sluice_connectors::meta::{self, render};
use sluice_schemas::record::Lane;

use super::line::{Line, outbound, person};
use super::sim::{self, Sim};
use super::{BODY, TOKEN, UNLIMITED};
use crate::bench::pairs::{cpu_time, quantile, rounded};
use crate::bench::{Better, Measure};

/// Requests at a time of the bare loop.
const CONNECTIONS: usize = 64;

/// CPU of this process for each message: plan, claim, render, exchange, settle; beside posting alone.
pub(super) fn run(kafka: &Options, n: i64, pairs: usize, latency: u64) -> anyhow::Result<Vec<Measure>> {
    let sim = Sim::start(&[UNLIMITED])?;
    if latency > 0 {
        sim.latency(latency)?;
    }
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for pair in 0..pairs as i64 {
        eprintln!("send: cost at {latency} ms, pair {} of {pairs}", pair + 1);
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
            measure: format!("{what} at {latency} ms of latency, beside a loop that posts the same bodies"),
            ours: median(&ours),
            baseline: median(&bare),
            ratio: rounded(ratio),
            goal,
            better,
            unit,
            pairs: ratios.len(),
            spread: rounded((quantile(&ratios, 0.75) - quantile(&ratios, 0.25)) / ratio),
            at: json!({"messages": n, "latency_ms": latency, "connections_of_the_loop": CONNECTIONS}),
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
    let before = sim.count()?;
    let line = Line::start(kafka, sim, &[UNLIMITED], (from..from + n).map(|n| outbound(0, n, Lane::Reply)))?;
    sim.wait(before + n)?;
    let cost = spent(line.begun.0, line.begun.1, n);
    line.stop()?;
    Ok(cost)
}

fn posted(sim: &Sim, from: i64, n: i64) -> anyhow::Result<(f64, f64)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let url = format!("{}/{}/{}/messages", sim.url, meta::Options::default().version, sim::number(0));
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
