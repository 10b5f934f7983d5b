use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;
use sluice_schemas::codec::Codecs;
use sluice_schemas::ids::TenantId;
use tokio::sync::mpsc;

use super::scan::{Owners, Scan, owners};
use super::{Error, Filter, Letter, Plan, Source, Step};
use crate::kafka::Options;
use crate::kafka::producer::Producer;
use crate::postgres::letters::{self, Act, Decision};
use crate::postgres::{Pool, Transaction, numbers};

/// Letters decided on at once; what a crash can leave written and not yet noted.
const BATCH: usize = 500;

/// Whoever works on letters, with what that needs. Cheap to clone.
#[derive(Clone)]
pub struct Bench {
    /// Cluster.
    pub options: Options,
    /// Schemas.
    pub codecs: Codecs,
    /// Writes records again.
    pub producer: Producer,
    /// Decisions.
    pub pool: Pool,
    /// The tenant whose login it is; `None` works across tenants with the workers' login.
    pub within: Option<TenantId>,
}

/// What to do with letters.
#[derive(Debug, Clone, Copy)]
pub enum Command {
    /// Write them again.
    Redrive {
        /// Answer late events too.
        answer_late: bool,
    },
    /// Give them up.
    Drop,
}

impl Command {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Redrive { .. } => ("redriven", "letters.redrive"),
            Self::Drop => ("dropped", "letters.drop"),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Letters written again or given up.
    pub done: u64,
    /// Letters that stay open, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Letters decided on before.
    pub settled: u64,
    /// Whether it was stopped before the end; the rest stays open.
    pub stopped: bool,
}

impl Bench {
    async fn transaction(&self) -> Result<Transaction, Error> {
        Ok(match self.within {
            Some(tenant) => self.pool.tenant(tenant).await?,
            None => self.pool.worker().await?,
        })
    }

    async fn owners(&self, filter: &Filter) -> Result<Owners, Error> {
        let numbers = match self.within {
            Some(tenant) => {
                let transaction = self.pool.tenant(tenant).await?;
                let numbers = numbers::list(&transaction).await?;
                transaction.commit().await?;
                numbers
            }
            None => numbers::all(&self.pool).await?,
        };
        Ok(owners(&numbers, filter.tenant))
    }

    async fn scan(&self, source: Source, filter: &Filter) -> Result<Scan, Error> {
        let owners = if source == Source::Unrouted { self.owners(filter).await? } else { Owners::new() };
        Ok(Scan::new(&self.options, &self.codecs, source, self.held(filter), owners))
    }

    /// Within a tenant nothing else is seen, whatever the filter says.
    fn held(&self, filter: &Filter) -> Filter {
        Filter { tenant: self.within.or(filter.tenant), ..filter.clone() }
    }

    /// Finds what is open among `sources`.
    pub async fn plan(&self, sources: &[Source], filter: &Filter) -> Result<Plan, Error> {
        let started = Instant::now();
        let mut plan = Plan::default();
        for source in sources {
            let scan = self.scan(*source, filter).await?;
            let (spans, scan) = tokio::task::spawn_blocking(move || scan.spans().map(|spans| (spans, scan))).await??;
            let step = Step { source: *source, spans };
            let mut stream = stream(scan, step.clone());
            while let Some(batch) = stream.next().await {
                for (letter, decision) in self.with_decisions(*source, batch).await? {
                    if decision.is_some() {
                        plan.settled += 1;
                    } else {
                        plan.count(&letter);
                    }
                }
            }
            stream.end().await?;
            plan.steps.push(step);
        }
        if plan.records() == 0 {
            plan.oldest_ms = self.oldest_ms(sources, filter).await?;
        }
        plan.groups.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| (&a.stage, &a.kind).cmp(&(&b.stage, &b.kind))));
        plan.took_ms = started.elapsed().as_millis() as u64;
        Ok(plan)
    }

    async fn oldest_ms(&self, sources: &[Source], filter: &Filter) -> Result<Option<i64>, Error> {
        let mut oldest = None;
        for source in sources {
            let scan = self.scan(*source, filter).await?;
            let found = tokio::task::spawn_blocking(move || scan.oldest_ms()).await??;
            oldest = [oldest, found].into_iter().flatten().min();
        }
        Ok(oldest)
    }

    /// The newest letters that the filter takes, at most `limit`, each with the decision on it.
    pub async fn list(&self, source: Source, filter: &Filter, limit: usize) -> Result<Vec<(Letter, Option<Decision>)>, Error> {
        let scan = self.scan(source, filter).await?;
        let (spans, scan) = tokio::task::spawn_blocking(move || scan.spans().map(|spans| (spans, scan))).await??;
        let mut stream = stream(scan, Step { source, spans });
        let mut newest = Vec::new();
        while let Some(batch) = stream.next().await {
            newest.extend(batch);
            if newest.len() > limit + BATCH {
                keep_newest(&mut newest, limit);
            }
        }
        stream.end().await?;
        keep_newest(&mut newest, limit);
        self.with_decisions(source, newest).await
    }

    async fn with_decisions(&self, source: Source, batch: Vec<Letter>) -> Result<Vec<(Letter, Option<Decision>)>, Error> {
        let transaction = self.transaction().await?;
        let places: Vec<(i32, i64)> = batch.iter().map(|letter| (letter.place.0, letter.place.1)).collect();
        let mut decided = letters::decided(&transaction, source.topic(), &places).await?;
        transaction.commit().await?;
        Ok(batch.into_iter().map(|letter| (decided.remove(&(letter.place.0, letter.place.1)), letter)).map(|(d, l)| (l, d)).collect())
    }

    /// Does what `plan` found; `progress` hears how many are done. Only one at a time per tenant.
    pub async fn run(
        &self,
        plan: &Plan,
        filter: &Filter,
        command: Command,
        (actor, reason): (&str, &str),
        stop: &AtomicBool,
        progress: impl Fn(u64) + Send + Sync,
    ) -> Result<Report, Error> {
        // Held by an open transaction, so that no crash leaves it behind.
        let lock = self.transaction().await?;
        if !letters::lock(&lock, self.held(filter).tenant).await? {
            return Err(Error::Busy);
        }
        let mut report = Report::default();
        for step in &plan.steps {
            let mut stream = stream(self.scan(step.source, filter).await?, step.clone());
            while let Some(batch) = stream.next().await {
                if stop.load(Ordering::Acquire) {
                    report.stopped = true;
                    break;
                }
                self.batch(step.source, batch, command, (actor, reason), &mut report).await?;
                progress(report.done);
            }
            stream.end().await?;
        }
        lock.commit().await?;
        Ok(report)
    }

    async fn batch(
        &self,
        source: Source,
        batch: Vec<Letter>,
        command: Command,
        (actor, reason): (&str, &str),
        report: &mut Report,
    ) -> Result<(), Error> {
        let (mut records, mut subjects, mut owners) = (Vec::new(), Vec::new(), BTreeMap::<TenantId, u64>::new());
        for (letter, decision) in self.with_decisions(source, batch).await? {
            if decision.is_some() {
                report.settled += 1;
                continue;
            }
            if let Command::Redrive { answer_late } = command {
                match letter.resend(answer_late) {
                    Ok(out) => records.push(out),
                    Err(reason) => {
                        *report.refused.entry(reason).or_default() += 1;
                        continue;
                    }
                }
            }
            subjects.push((letter.letter.tenant, letter.place.0, letter.place.1));
            *owners.entry(letter.letter.tenant).or_default() += 1;
        }
        if subjects.is_empty() {
            return Ok(());
        }
        self.producer.send_all(records).await?;
        let (decision, action) = command.words();
        let transaction = self.transaction().await?;
        letters::decide(&transaction, source.topic(), Act { decision, actor, reason }, &subjects).await?;
        for (tenant, records) in owners {
            let detail = json!({"records": records, "reason": reason});
            letters::audit(&transaction, tenant, actor, action, source.topic(), &detail).await?;
        }
        transaction.commit().await?;
        report.done += subjects.len() as u64;
        Ok(())
    }
}

fn keep_newest(letters: &mut Vec<Letter>, limit: usize) {
    letters.sort_by_key(|letter| std::cmp::Reverse((letter.at_ms, letter.place)));
    letters.truncate(limit);
}

/// Letters as a blocking thread finds them, in batches; two are in hand at most.
struct Stream {
    batches: mpsc::Receiver<Vec<Letter>>,
    thread: tokio::task::JoinHandle<Result<(), Error>>,
}

fn stream(scan: Scan, step: Step) -> Stream {
    let (send, batches) = mpsc::channel(1);
    let thread = tokio::task::spawn_blocking(move || {
        let mut batch = Vec::with_capacity(BATCH);
        scan.each(&step.spans, |letter| {
            batch.push(letter);
            batch.len() < BATCH || send.blocking_send(std::mem::take(&mut batch)).is_ok()
        })?;
        if !batch.is_empty() {
            // Nobody listens any more: then nobody misses it.
            let _ = send.blocking_send(batch);
        }
        Ok(())
    });
    Stream { batches, thread }
}

impl Stream {
    async fn next(&mut self) -> Option<Vec<Letter>> {
        self.batches.recv().await
    }

    async fn end(self) -> Result<(), Error> {
        drop(self.batches);
        self.thread.await?
    }
}
