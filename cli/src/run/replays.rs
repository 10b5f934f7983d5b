//! Replays that were asked for in the console or the API, one after the other: planned, and run once confirmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_connectors::letters::{Bench, Command, Filter, Source};
use sluice_connectors::postgres::replays::{self, Job, KEPT, Wanted};
use sluice_connectors::readable::Decoder;
use sluice_pipeline::replay::Span;
use sluice_schemas::time::Millis;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{Parts, Running};
use crate::admin::letters;
use crate::admin::price;
use crate::admin::replay::reading::Reading;
use crate::admin::replay::shadow::{Told, Trial};
use crate::exit::Failure;

/// Pause between looks for a replay that waits.
const LOOK: Duration = Duration::from_secs(1);
/// How often one that runs says so. Well below the silence after which another takes it over.
const WORD: Duration = Duration::from_secs(2);
/// Differences written at once.
const BATCH: usize = 200;

/// What replays are done with.
struct Hands {
    bench: Bench,
    cancel: CancellationToken,
}

/// Starts looking for replays.
pub fn start(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let bench = Bench {
        options: parts.config.kafka.clone(),
        codecs: parts.codecs.clone(),
        producer: parts.producer.clone(),
        pool: parts.pool()?,
        within: None,
    };
    let hands = Hands { bench, cancel: running.cancel.clone() };
    running.task(hands.follow());
    Ok(())
}

impl Hands {
    async fn follow(self) {
        while !self.cancel.is_cancelled() {
            match replays::claim(&self.bench.pool).await {
                Ok(Some(job)) => self.tend(&job).await,
                Ok(None) => drop(self.cancel.run_until_cancelled(tokio::time::sleep(LOOK)).await),
                Err(e) => {
                    tracing::warn!(kind = e.kind(), error = %e, "replays are not looked for");
                    let _ = self.cancel.run_until_cancelled(tokio::time::sleep(LOOK * 10)).await;
                }
            }
        }
    }

    async fn tend(&self, job: &Job) {
        let planning = job.replay.state == "planning";
        let done = match &job.replay.wanted {
            Wanted::Shadow { from, to, catalog } => self.shadow(job, planning, *from, *to, catalog.as_ref()).await,
            Wanted::Redrive { .. } => self.redrive(job, planning).await,
        };
        let Err(failure) = done else { return };
        // One that this process gives up because it ends is taken over by the next.
        if self.cancel.is_cancelled() {
            return;
        }
        tracing::warn!(tenant = %job.tenant, replay = %job.replay.id, error = %failure.error, "a replay failed");
        if let Err(e) = job.failed(&self.bench.pool, &format!("{:#}", failure.error)).await {
            tracing::warn!(error = %e, "that a replay failed could not be noted");
        }
    }

    async fn shadow(&self, job: &Job, planning: bool, from: Timestamp, to: Timestamp, catalog: Option<&Value>) -> Result<(), Failure> {
        if let Some(Err(faults)) = catalog.map(price::check) {
            return Err(anyhow!("the prices cannot be used: {}", faults.join("; ")).into());
        }
        let span = Span { tenant: job.tenant, from: Millis(from.as_millisecond()), to: Millis(to.as_millisecond()) };
        let trial = Trial::of(&self.bench.options, &self.bench.pool, self.bench.codecs.clone(), span, catalog).await?;
        let name = if catalog.is_some() { "these prices".to_owned() } else { format!("build {}", sluice_pipeline::BUILD) };
        if planning {
            let (mut plan, text) = tokio::task::spawn_blocking(move || trial.plan("this tenant", &name)).await??;
            plan["said"] = text.into();
            return Ok(job.planned(&self.bench.pool, &plan).await?);
        }
        let playing = Playing::new(job, &self.bench, &self.cancel);
        let (report, whole) = tokio::task::spawn_blocking(move || playing.run(&trial)).await??;
        // A process that ends leaves it to the next one.
        if whole || !self.cancel.is_cancelled() {
            job.done(&self.bench.pool, &report, whole).await?;
        }
        Ok(())
    }

    async fn redrive(&self, job: &Job, planning: bool) -> Result<(), Failure> {
        let Wanted::Redrive { from, to, stage, error, answer_late, reason } = &job.replay.wanted else { return Ok(()) };
        let filter = Filter {
            tenant: Some(job.tenant),
            stage: stage.clone(),
            kind: error.clone(),
            from_ms: from.map(Timestamp::as_millisecond),
            to_ms: to.map(Timestamp::as_millisecond),
            ..Filter::default()
        };
        let command = Command::Redrive { answer_late: *answer_late };
        let plan = self.bench.plan(&[Source::Letters, Source::Unrouted], &filter).await?;
        if plan.records() == 0 {
            return Err(anyhow!("{}", letters::nothing(&plan, &filter)).into());
        }
        if planning {
            let mut shown = letters::shown(&plan);
            shown["said"] = letters::lines(&plan, command).join("\n").into();
            return Ok(job.planned(&self.bench.pool, &shown).await?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let word = tokio::spawn(keep_word(job.clone(), self.bench.pool.clone(), Arc::clone(&stop), self.cancel.clone()));
        let who = (job.replay.created_by.as_str(), reason.as_str());
        let report = self.bench.run(&plan, &filter, command, who, &stop, |_| {}).await;
        word.abort();
        let report = report?;
        let mut shown = json!(report);
        shown["said"] = letters::said(&report, command).into();
        Ok(job.done(&self.bench.pool, &shown, !report.stopped).await?)
    }
}

/// Says that a redrive goes on, until it is to be ended.
async fn keep_word(job: Job, pool: sluice_connectors::postgres::Pool, stop: Arc<AtomicBool>, cancel: CancellationToken) {
    loop {
        let may = job.goes_on(&pool, "writing records again").await.unwrap_or(true);
        if !may || cancel.run_until_cancelled(tokio::time::sleep(WORD)).await.is_none() {
            stop.store(true, Ordering::Release);
            return;
        }
    }
}

/// A shadow while it is played, on a blocking thread.
struct Playing {
    job: Job,
    pool: sluice_connectors::postgres::Pool,
    cancel: CancellationToken,
    runtime: Handle,
    reading: Reading,
    found: Vec<Value>,
    kept: i64,
    remarks: Vec<String>,
    said: Instant,
}

impl Playing {
    fn new(job: &Job, bench: &Bench, cancel: &CancellationToken) -> Self {
        Self {
            job: job.clone(),
            pool: bench.pool.clone(),
            cancel: cancel.clone(),
            runtime: Handle::current(),
            reading: Reading::new(Decoder::new(bench.codecs.clone())),
            found: Vec::new(),
            kept: 0,
            remarks: Vec::new(),
            said: Instant::now(),
        }
    }

    /// The report, and whether it was played to its end.
    fn run(mut self, trial: &Trial) -> Result<(Value, bool), Failure> {
        let begun = Instant::now();
        let totals = trial.play(&mut |told| self.take(told))?;
        self.keep()?;
        let (mut report, text) = self.reading.sum(&totals, begun.elapsed().as_secs_f64());
        report["said"] = text.into();
        report["remarks"] = json!(self.remarks);
        report["kept"] = self.kept.into();
        Ok((report, totals.complete))
    }

    /// Whether to go on.
    fn take(&mut self, told: Told<'_>) -> bool {
        match told {
            Told::Difference(cause, difference) => {
                if let Some(value) = self.reading.difference(cause, difference)
                    && self.kept + (self.found.len() as i64) < KEPT
                {
                    self.found.push(value);
                }
                self.found.len() < BATCH || self.keep().is_ok()
            }
            Told::Remark(text) => {
                self.remarks.push(text);
                true
            }
            Told::Progress(at) if self.said.elapsed() >= WORD => {
                self.said = Instant::now();
                // A database that is away for a moment ends nothing; after a minute of silence another would begin anew.
                let may = self.runtime.block_on(self.job.goes_on(&self.pool, &format!("replayed up to {at}"))).unwrap_or(true);
                may && !self.cancel.is_cancelled()
            }
            Told::Progress(_) => !self.cancel.is_cancelled(),
        }
    }

    fn keep(&mut self) -> Result<(), Failure> {
        let found = std::mem::take(&mut self.found);
        if !found.is_empty() {
            self.runtime.block_on(self.job.differ(&self.pool, self.kept, &found))?;
            self.kept += found.len() as i64;
        }
        Ok(())
    }
}
