//! `sluice bench`: each measure beside a baseline written as well as we can, in the same run.

mod bodies;
pub mod history;
pub mod ingress;
pub mod pairs;
pub mod parse;
pub mod schedule;
pub mod send;
pub mod stage;
mod topics;

use std::io::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::config::{Config, Error};
use crate::exit::Failure;

/// Benchmarks by name.
const NAMES: [(&str, &str); 6] = [
    ("parse", "cutting a webhook body into updates and reading one, beside serde_json"),
    ("ingress", "a signed POST to acknowledged records on the configured broker, beside bare axum routes"),
    (
        "schedule",
        "the ledger's schedule with many people or tenants waiting, beside few; equal shares; a dry run, beside as many decisions",
    ),
    ("send", "ledger and sender on the configured broker against a simulated Meta, beside what it permits and a bare loop of posts"),
    ("history", "the archive from its topic on the configured broker into the configured history, beside a bare loop of prepared inserts"),
    ("stage", "each chain on the configured broker, beside a copy-through loop"),
];

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Which; see --list
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Lists the benchmarks
    #[arg(long)]
    list: bool,
    /// Only this part of `send`: used, cost or beside
    #[arg(long, value_parser = ["used", "cost", "beside"])]
    part: Option<String>,
    /// Under a minute, with a wider spread
    #[arg(long)]
    quick: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// What the benchmark `ingress` starts itself with, so that the load is not its own CPU
    #[arg(long, hide = true)]
    load: Option<String>,
}

/// Runs a benchmark and prints its measures.
pub fn print(config: impl FnOnce() -> Result<Config, Error>, args: &Args) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.list {
        for (name, about) in NAMES {
            writeln!(out, "{name:<9} {about}")?;
        }
        return Ok(());
    }
    let measures = match args.name.as_deref() {
        Some("parse") => parse::run(args.quick),
        Some("ingress") => match &args.load {
            Some(load) => return Ok(ingress::load::run(load)?),
            None => ingress::run(&config()?.kafka, args.quick)?,
        },
        Some("schedule") => schedule::run(args.quick),
        Some("send") => send::run(&config()?.kafka, args.quick, args.part.as_deref())?,
        Some("history") => {
            let config = config()?;
            history::run(&config.kafka, &config.cql, args.quick)?
        }
        Some("stage") => stage::run(&config()?.kafka, args.quick)?,
        other => {
            let name = other.unwrap_or_default();
            return Err(Failure { code: 2, error: anyhow::anyhow!("no benchmark `{name}`; --list shows them") });
        }
    };
    for measure in &measures {
        if args.json {
            writeln!(out, "{}", serde_json::to_string(measure)?)?;
        } else {
            let goal =
                measure.goal.map_or(String::new(), |goal| format!(", goal {goal}: {}", if measure.met() { "met" } else { "missed" }));
            writeln!(
                out,
                "{}\n  ours {} {unit}, baseline {} {unit}, ratio {} (spread {}{goal})",
                measure.measure,
                measure.ours,
                measure.baseline,
                measure.ratio,
                measure.spread,
                unit = measure.unit
            )?;
        }
    }
    Ok(())
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Cost.
    Lower,
    /// Throughput.
    Higher,
}

/// One measure, as `sluice bench --json` prints it.
#[derive(Debug, Clone, Serialize)]
#[allow(clippy::struct_field_names, reason = "the keys that scripts read")]
pub struct Measure {
    /// Name of the benchmark.
    pub bench: &'static str,
    /// What was measured, and against what.
    pub measure: String,
    /// Median of our runs, in `unit`.
    pub ours: f64,
    /// Median of the baseline's runs, in `unit`.
    pub baseline: f64,
    /// Median over the pairs of ours / baseline.
    pub ratio: f64,
    /// The ratio that we hold ourselves to, where there is one.
    pub goal: Option<f64>,
    /// Which way is good.
    pub better: Better,
    /// Unit of `ours` and `baseline`.
    pub unit: &'static str,
    /// Pairs run.
    pub pairs: usize,
    /// Interquartile range of the pairs' ratios, as a share of `ratio`.
    pub spread: f64,
    /// Conditions: sizes, counts, which clock.
    pub at: Value,
}

impl Measure {
    /// Whether the goal is met; true without one.
    pub fn met(&self) -> bool {
        self.goal.is_none_or(|goal| match self.better {
            Better::Lower => self.ratio <= goal,
            Better::Higher => self.ratio >= goal,
        })
    }
}
