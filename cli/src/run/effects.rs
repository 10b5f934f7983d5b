//! The effects' loops: each consumes on a thread of its own and does its I/O on the runtime.

use std::time::Duration;

use sluice_connectors::kafka::consumer::{self, Batch, Commit, Delivered, Subscription};
use sluice_connectors::kafka::producer::{Out, Producer};
use sluice_connectors::meta::Client;
use sluice_connectors::registry;
use sluice_pipeline::effects::sender::Sender;
use sluice_pipeline::effects::tally::Tally;
use sluice_pipeline::effects::{archive, expand};
use sluice_pipeline::{letters, topology};
use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::failpoint::planted;
use sluice_schemas::record::{Conversation, DeadLetter, Demand, Event, Header, Hold, Message, OptOut, Original, Outbound, Quote, Record};
use sluice_schemas::redrive::Mark;
use sluice_schemas::retry::Retry;
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, CONVERSATIONS, EVENTS, EVENTS_DEAD_LETTER, HOLDS, MESSAGES, OPT_OUTS, OUTBOUND_BULK, QUOTES};

use super::{Draining, Parts, Running, tables};
use crate::exit::Failure;

/// Starts one of `expand`, `archive`, `tally`.
pub fn start(role: &'static str, parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    match role {
        "expand" => expand_role(parts, running),
        "archive" => archive_role(parts, running),
        "tally" => tally_role(parts, running),
        other => Err(anyhow::anyhow!("{other} is not an effect").into()),
    }
}

/// Starts the sender; the returned future ends when its last exchange has.
pub async fn sender(parts: &Parts, running: &mut Running) -> Result<Draining, Failure> {
    let tokens = tables::followed_tokens(parts, running).await?;
    let client = Client::new(&parts.config.meta)?;
    let sender = Sender::new(client, parts.producer.clone(), parts.config.callback_keys()?, tokens, &parts.codecs, running.stop.clone());
    let taker = sender.clone();
    let runtime = tokio::runtime::Handle::current();
    let commit = if planted("sender_offsets_after_write") { Commit::After } else { Commit::Before };
    // Few claims in hand: what a crash loses sight of is shown as unknown and waits for a status.
    consume("sender", commit, 200, Duration::ZERO, parts, running, move |batch| {
        taker.take(&runtime, batch);
        Ok::<(), std::convert::Infallible>(())
    })?;
    Ok(Box::pin(async move { sender.drain().await }))
}

fn expand_role(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let (pool, producer, runtime) = (parts.pool()?, parts.producer.clone(), tokio::runtime::Handle::current());
    let reader = Reader::<Demand>::new("expand", parts);
    let codec: Codec<Outbound> = parts.codecs.of();
    consume("expand", Commit::After, 16, Duration::ZERO, parts, running, move |batch| {
        runtime.block_on(async {
            for demand in reader.read(batch, |_| true).await? {
                let mut records = Vec::new();
                for send in expand::expand(&pool, &demand.record).await? {
                    records.push(Out {
                        topic: OUTBOUND_BULK,
                        partition: demand.partition,
                        key: topics::key(send.tenant, &send.send_id).into_bytes(),
                        payload: Some(codec.encode(&send)?),
                        headers: Vec::new(),
                    });
                }
                producer.send_all(records).await?;
            }
            Ok::<(), anyhow::Error>(())
        })
    })
}

fn archive_role(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let history = parts.history.clone().ok_or_else(|| anyhow::anyhow!("archive needs the history"))?;
    let runtime = tokio::runtime::Handle::current();
    let events = Reader::<Event>::new("archive", parts);
    let messages = Reader::<Message>::new("archive", parts);
    let conversations = Reader::<Conversation>::new("archive", parts);
    let commit = if planted("archive_offsets_before_rows") { Commit::Before } else { Commit::After };
    consume("archive", commit, 2_000, Duration::from_millis(20), parts, running, move |batch| {
        runtime.block_on(async {
            let mut rows = archive::events(&events.read(batch, |topic| topic == EVENTS).await?);
            rows.extend(archive::messages(&messages.read(batch, |topic| topic == MESSAGES).await?));
            rows.extend(archive::conversations(&conversations.read(batch, |topic| topic == CONVERSATIONS).await?));
            history.write(rows, Millis::now()).await?;
            Ok::<(), anyhow::Error>(())
        })
    })
}

fn tally_role(parts: &Parts, running: &mut Running) -> Result<(), Failure> {
    let runtime = tokio::runtime::Handle::current();
    let mut tally = Tally::new(parts.pool()?, 0);
    let messages = Reader::<Message>::new("tally", parts);
    let quotes = Reader::<Quote>::new("tally", parts);
    let holds = Reader::<Hold>::new("tally", parts);
    let opt_outs = Reader::<OptOut>::new("tally", parts);
    consume("tally", Commit::After, 5_000, Duration::from_millis(50), parts, running, move |batch| {
        runtime.block_on(async {
            let applied = tally.messages(&messages.read(batch, |topic| topic == MESSAGES).await?).await?;
            let quoted = tally.quotes(&quotes.read(batch, |topic| topic == QUOTES).await?).await?;
            tally.holds(&holds.read(batch, |topic| topic == HOLDS).await?).await?;
            tally.opt_outs(&opt_outs.read(batch, |topic| topic == OPT_OUTS).await?).await?;
            for (partition, offset, reason) in applied.refused.iter().chain(&quoted.refused) {
                tracing::error!(partition, offset, "tally refuses a record: {reason}");
            }
            Ok::<(), anyhow::Error>(())
        })
    })
}

/// Runs a consumer loop on a thread; it is ready when it runs, and an error that the loop cannot repair ends the process.
pub(super) fn consume<E: std::fmt::Display>(
    role: &'static str,
    commit: Commit,
    max_records: usize,
    linger: Duration,
    parts: &Parts,
    running: &mut Running,
    effect: impl FnMut(&Batch) -> Result<(), E> + Send + 'static,
) -> Result<(), Failure> {
    let reads = topology::role(role).map(|row| row.reads).unwrap_or_default();
    let subscription =
        Subscription { group: role, instance: format!("{role}-{}", parts.config.instance), topics: reads, commit, max_records, linger };
    let (options, stop, fatal) = (parts.config.kafka.clone(), running.stop.clone(), running.fatal.clone());
    running.readiness.ready(role);
    running.thread(role, move || {
        if let Err(e) = consumer::run(&options, &subscription, &stop, effect) {
            tracing::error!(role, kind = e.kind(), error = %e, "the effect cannot go on");
            let _ = fatal.send(e.into());
        }
    })?;
    Ok(())
}

/// Decodes records of one type; what cannot be read goes to the dead letters, whole, and the rest goes on.
pub(super) struct Reader<T> {
    stage: &'static str,
    codec: Codec<T>,
    letters: Codec<DeadLetter>,
    producer: Producer,
    registry: registry::Options,
    codecs: Codecs,
}

impl<T: Record> Reader<T> {
    pub(super) fn new(stage: &'static str, parts: &Parts) -> Self {
        let codecs = parts.codecs.clone();
        letters::born(stage);
        Self {
            stage,
            codec: codecs.of(),
            letters: codecs.of(),
            producer: parts.producer.clone(),
            registry: parts.config.registry(),
            codecs,
        }
    }

    pub(super) async fn read(&self, batch: &Batch, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Delivered<T>>> {
        let mut out = Vec::new();
        let ours = |raw: &Delivered<Vec<u8>>| Mark::find(&raw.headers).is_none_or(|mark| mark.role == self.stage);
        for raw in batch.iter().filter(|raw| wanted(raw.topic) && ours(raw)) {
            if let Some(id) = self.codecs.stranger(&raw.record) {
                registry::learn(&self.registry, &self.codecs, id).await?;
            }
            match self.codec.decode(&raw.record) {
                Ok(record) => out.push(Delivered {
                    topic: raw.topic,
                    partition: raw.partition,
                    offset: raw.offset,
                    timestamp_ms: raw.timestamp_ms,
                    key: raw.key.clone(),
                    headers: raw.headers.clone(),
                    record,
                }),
                Err(e) => self.bury(raw, &e).await?,
            }
        }
        Ok(out)
    }

    async fn bury(&self, raw: &Delivered<Vec<u8>>, e: &sluice_schemas::codec::Error) -> anyhow::Result<()> {
        self.letter(raw, &raw.headers, e.kind(), &e.to_string()).await
    }

    /// Puts a record that failed by itself into the next tier; after the last one, or where another try is no use, among the dead letters.
    pub(super) async fn again(&self, raw: &Delivered<Vec<u8>>, kind: &str, detail: &str, again: bool) -> anyhow::Result<()> {
        let (tier, headers) = Retry::after(&original(raw), Millis::now(), kind, detail);
        let Some(topic) = tier.filter(|_| again) else { return self.letter(raw, &headers, kind, detail).await };
        tracing::info!(stage = self.stage, kind, topic, "another try later: {detail}");
        let out = Out { topic, partition: raw.partition, key: raw.key.clone(), payload: Some(raw.record.clone()), headers };
        Ok(self.producer.send_all(vec![out]).await?)
    }

    async fn letter(&self, raw: &Delivered<Vec<u8>>, headers: &[Header], kind: &str, detail: &str) -> anyhow::Result<()> {
        tracing::warn!(stage = self.stage, kind, topic = raw.topic, offset = raw.offset, "dead letter: {detail}");
        let retry = Retry::find(headers);
        let record = Original { headers, ..original(raw) };
        let record = retry.as_ref().map_or(record, |retry| retry.first(record));
        let letter = DeadLetter::new(record, letters::undecodable(self.stage, kind, detail));
        let out = Out {
            topic: EVENTS_DEAD_LETTER,
            partition: raw.partition,
            key: letter.record_key(),
            payload: Some(self.letters.encode(&letter)?),
            headers: Vec::new(),
        };
        self.producer.send_all(vec![out]).await?;
        letters::count(self.stage, kind);
        Ok(())
    }
}

fn original(raw: &Delivered<Vec<u8>>) -> Original<'_> {
    Original {
        topic: raw.topic,
        partition: raw.partition,
        offset: raw.offset,
        timestamp_ms: raw.timestamp_ms,
        key: &raw.key,
        value: &raw.record,
        headers: &raw.headers,
    }
}
