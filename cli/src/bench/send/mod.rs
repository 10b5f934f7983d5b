//! `sluice bench send`: the ledger and the sender, on the broker of the configuration, against a simulated Meta in a process of its own: how
//! much of what Meta permits is used, what a message costs beside a bare loop that posts the same bodies, and how long a reply waits beside
//! another tenant's campaign.

mod beside;
mod cost;
mod line;
mod sim;
mod used;

use std::time::Duration;

use sluice_connectors::kafka::Options;

use super::Measure;
use used::Load;

const TOKEN: &str = "bench-access-token";
const BODY: &str = r#"{"type":"template","template":{"name":"hello_world","language":{"code":"en_US"}}}"#;
/// Messages a second of a number that nothing limits.
const UNLIMITED: i64 = 1_000_000;
/// A run that stands still for this long has failed.
const PATIENCE: Duration = Duration::from_mins(5);

/// All measures, or those of one part: `used`, `cost`, `beside`.
pub fn run(kafka: &Options, quick: bool, part: Option<&str>) -> anyhow::Result<Vec<Measure>> {
    let (seconds, n, pairs, backlog) = if quick { (15, 3_000, 3, 100_000) } else { (60, 20_000, 10, 1_000_000) };
    let loads = [
        Load { numbers: 1, rate: 80, inbound: 0 },
        Load { numbers: 1, rate: 1_000, inbound: 0 },
        Load { numbers: 100, rate: 10, inbound: 0 },
        Load { numbers: 1, rate: 80, inbound: 40 },
    ];
    let wanted = |name| part.is_none_or(|part| part == name);
    let mut measures = Vec::new();
    for load in loads.iter().filter(|_| wanted("used")) {
        measures.push(used::run(kafka, load, seconds)?);
    }
    for latency in [0, 20].into_iter().filter(|_| wanted("cost")) {
        measures.extend(cost::run(kafka, n, pairs, latency)?);
    }
    if wanted("beside") {
        measures.push(beside::run(kafka, backlog, seconds)?);
    }
    Ok(measures)
}
