//! `sluice bench stage`: each chain as `sluice run` runs it, beside a copy-through loop that reads the same records and
//! writes as many records and bytes in transactions of the same window.
//!
//! Both sides run on the broker of the configuration, on topics of their own with one partition, filled anew for each run.

mod copy;
mod inputs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use sluice_connectors::kafka::Options;
use sluice_pipeline::domain::callback::Keys;
use sluice_pipeline::runner::{self, Alive, Metrics, Setup};
use sluice_pipeline::stages::intake::Intake;
use sluice_pipeline::stages::ledger::{Ledger, Settings};
use sluice_pipeline::stages::reconcile::Reconcile;
use sluice_pipeline::topology;
use sluice_schemas::codec::Codecs;

use super::pairs::{cpu_time, quantile, rounded};
use super::topics::Topics;
use super::{Better, Measure};
use inputs::Input;

/// CPU per record of a chain against copy-through.
const CPU_GOAL: f64 = 1.6;
/// Records a second of a chain against copy-through.
const RATE_GOAL: f64 = 0.80;
/// A run that stands still for this long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one side of a pair took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// CPU of the process, nanoseconds a record.
    cpu: f64,
    /// Wall time, nanoseconds a record.
    wall: f64,
}

/// What a chain writes for its inputs: the load that the copy-through repeats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// Records.
    records: f64,
    /// Bytes of keys and values.
    bytes: f64,
}

/// Runs every chain.
pub fn run(kafka: &Options, quick: bool) -> anyhow::Result<Vec<Measure>> {
    let (pairs, n) = if quick { (3, 20_000) } else { (10, 100_000) };
    let mut measures = Vec::new();
    for case in inputs::CASES {
        measures.extend(compare(kafka, case, pairs, n)?);
    }
    Ok(measures)
}

fn compare(kafka: &Options, case: &'static inputs::Case, pairs: usize, n: usize) -> anyhow::Result<Vec<Measure>> {
    let codecs = Codecs::unregistered();
    let input = (case.make)(&codecs, n)?;
    // The first run warms the broker up and tells what the chain writes.
    let (_, written) = ours(kafka, case, &codecs, &input)?;
    let mut costs = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        eprintln!("{} pair {} of {pairs}", case.name, pair + 1);
        let (mine, theirs) = if pair % 2 == 0 {
            let mine = ours(kafka, case, &codecs, &input)?.0;
            (mine, copy_through(kafka, case, &input, written)?)
        } else {
            let theirs = copy_through(kafka, case, &input, written)?;
            (ours(kafka, case, &codecs, &input)?.0, theirs)
        };
        costs.push((mine, theirs));
    }
    Ok(vec![
        measure(case, &costs, n, written, "CPU a record", Better::Lower, CPU_GOAL, "ns", |cost| cost.cpu),
        measure(case, &costs, n, written, "records a second", Better::Higher, RATE_GOAL, "1/s", |cost| 1e9 / cost.wall),
    ])
}

#[allow(clippy::too_many_arguments, reason = "the fields of one measure")]
fn measure(
    case: &inputs::Case,
    costs: &[(Cost, Cost)],
    n: usize,
    written: Written,
    what: &str,
    better: Better,
    goal: f64,
    unit: &'static str,
    pick: impl Fn(&Cost) -> f64,
) -> Measure {
    let ours: Vec<f64> = costs.iter().map(|(mine, _)| pick(mine)).collect();
    let baseline: Vec<f64> = costs.iter().map(|(_, theirs)| pick(theirs)).collect();
    let ratios: Vec<f64> = ours.iter().zip(&baseline).map(|(mine, theirs)| mine / theirs).collect();
    let ratio = quantile(&ratios, 0.5);
    Measure {
        bench: "stage",
        measure: format!("{}: {what}, against copy-through", case.name),
        ours: rounded(quantile(&ours, 0.5)),
        baseline: rounded(quantile(&baseline, 0.5)),
        ratio: rounded(ratio),
        goal: Some(goal),
        better,
        unit,
        pairs: costs.len(),
        spread: rounded((quantile(&ratios, 0.75) - quantile(&ratios, 0.25)) / ratio),
        at: json!({
            "records": n, "about": case.about,
            "written_per_record": rounded(written.records), "bytes_written_per_record": rounded(written.bytes),
        }),
    }
}

/// The chain from an empty state to the commit of the last record.
fn ours(kafka: &Options, case: &inputs::Case, codecs: &Codecs, input: &Input) -> anyhow::Result<(Cost, Written)> {
    let topics = filled(kafka, case, input)?;
    let folder = tempfile::tempdir()?;
    let (began, begin) = std::sync::mpsc::channel();
    let setup = Setup {
        role: topology::role(case.chain).context("a chain of the topology")?,
        topics: topology::chain(case.chain).context("a chain of the topology")?,
        instance: "bench".into(),
        folder: folder.path().to_owned(),
        kafka: topics.options.clone(),
        codecs: codecs.clone(),
        make: make(case.chain, codecs)?,
        alive: Alive::default(),
        ready: Box::new(move |ready| {
            if ready {
                let _ = began.send((cpu_time(), Instant::now()));
            }
        }),
    };
    let metrics = Metrics::of(case.chain);
    let seen = || metrics.batch_records.get_sample_sum();
    let processed = metrics.processed.get();
    let (before, outputs, bytes) = (seen(), metrics.outputs.get(), metrics.output_bytes.get());
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || runner::run(&setup, &stop)
    });
    let (cpu, wall) = begin.recv_timeout(PATIENCE).context("the chain was not assigned its partition")?;
    let done = wait(|| seen() - before >= input.len() as f64);
    let cost = cost(cpu, wall, input.len());
    stop.store(true, Ordering::Release);
    thread.join().map_err(|_| anyhow::anyhow!("the chain panicked"))??;
    done?;
    let processed = metrics.processed.get() - processed;
    anyhow::ensure!(processed == input.len() as u64, "{}: {processed} of {} records were processed", case.chain, input.len());
    let per = |count: u64| count as f64 / input.len() as f64;
    let written = Written { records: per(metrics.outputs.get() - outputs), bytes: per(metrics.output_bytes.get() - bytes) };
    topics.delete()?;
    Ok((cost, written))
}

fn copy_through(kafka: &Options, case: &inputs::Case, input: &Input, written: Written) -> anyhow::Result<Cost> {
    let topics = filled(kafka, case, input)?;
    let cost = copy::run(&topics, case.chain, input, written)?;
    topics.delete()?;
    Ok(cost)
}

fn filled(kafka: &Options, case: &inputs::Case, input: &Input) -> anyhow::Result<Topics> {
    let (role, own) = (topology::role(case.chain).context("a chain")?, topology::chain(case.chain).context("a chain")?);
    let wanted = role.reads.iter().chain(role.writes).copied().chain([own.journal, own.changelog]).chain(own.packed);
    let topics = Topics::create(kafka, wanted)?;
    topics.fill(&input.records)?;
    Ok(topics)
}

pub(super) fn cost(cpu: Duration, wall: Instant, n: usize) -> Cost {
    let each = |took: Duration| took.as_secs_f64() * 1e9 / n as f64;
    Cost { cpu: each(cpu_time().saturating_sub(cpu)), wall: each(wall.elapsed()) }
}

fn wait(done: impl Fn() -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !done() {
        anyhow::ensure!(Instant::now() < until, "the chain did not finish within {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

type Make = Box<dyn Fn() -> Box<dyn sluice_pipeline::chain::Chain> + Send + Sync>;

fn make(chain: &str, codecs: &Codecs) -> anyhow::Result<Make> {
    let keys = Keys::new(&[("bench".into(), inputs::KEY.to_vec())]).context("a key")?;
    let codecs = codecs.clone();
    Ok(match chain {
        "intake" => Box::new(move || Box::new(Intake::new(&codecs))),
        "ledger" => {
            let settings = Settings { keys, http_timeout_ms: 30_000, unknown_deadline_ms: 3_600_000 };
            Box::new(move || Box::new(Ledger::new(&codecs, settings.clone())))
        }
        _ => Box::new(move || Box::new(Reconcile::new(&codecs, keys.clone()))),
    })
}
