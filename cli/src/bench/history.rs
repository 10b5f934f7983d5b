//! `sluice bench history`: the archive from its topic into the history, beside a bare loop of prepared inserts of the same rows.
//!
//! Both write to a keyspace of their own, which is dropped afterwards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use scylla::client::session::Session as Driver;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;
use serde_json::json;
use sluice_connectors::kafka::Options;
use sluice_connectors::kafka::consumer::{self, Batch, Commit, Delivered, Subscription};
use sluice_connectors::scylla::{self as history, Session};
use sluice_pipeline::effects::archive;
use sluice_schemas::codec::{Codec, Codecs};
use sluice_schemas::ids::{ConversationId, SendId, TenantId, TraceId};
use sluice_schemas::record::{Message, SendState};
use sluice_schemas::time::Millis;
use sluice_schemas::topics::{self, MESSAGES};
use uuid::Uuid;

use super::pairs::{cpu_time, quantile, rounded};
use super::topics::Topics;
use super::{Better, Measure};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const ACCOUNT: &str = "15550100001";
const BODY: &str = r#"{"type":"text","text":{"body":"Thank you for your message. We will come back to you tomorrow morning."}}"#;
/// Steps of a message, each a row; the first brings another, the message.
const STEPS: [SendState; 3] = [SendState::Planned, SendState::InFlight, SendState::Accepted];
/// Inserts at a time of the bare loop: as many as the archive has.
const IN_FLIGHT: usize = 256;
/// A run that stands still for this long has failed.
const PATIENCE: Duration = Duration::from_mins(5);

/// CPU microseconds a row, and rows a second.
type Cost = (f64, f64);

/// Both measures.
pub fn run(kafka: &Options, cql: &history::Options, quick: bool) -> anyhow::Result<Vec<Measure>> {
    let (n, pairs) = if quick { (10_000, 3) } else { (50_000, 10) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let options = history::Options { keyspace: format!("bench_{}", std::process::id()), ..cql.clone() };
    let bare = runtime.block_on(Bare::connect(&options))?;
    let measured = compare(kafka, &runtime, &options, &bare, n, pairs);
    runtime.block_on(bare.drop_keyspace(&options))?;
    measured
}

fn compare(
    kafka: &Options,
    runtime: &tokio::runtime::Runtime,
    options: &history::Options,
    bare: &Bare,
    n: usize,
    pairs: usize,
) -> anyhow::Result<Vec<Measure>> {
    let session = runtime.block_on(Session::connect(options))?;
    // The first run warms the server up.
    runtime.block_on(bare.write(rows(n)))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        eprintln!("history: pair {} of {pairs}", pair + 1);
        // Both write the same rows, so that neither meets a fuller table than the other.
        let archived = || archived(kafka, runtime, &session, n);
        let inserted = || runtime.block_on(bare.write(rows(n)));
        let (mine, bare) = if pair % 2 == 0 {
            (archived()?, inserted()?)
        } else {
            let inserted = inserted()?;
            (archived()?, inserted)
        };
        ours.push(mine);
        theirs.push(bare);
    }
    let of = |what: &str, unit, better, goal, pick: fn(&Cost) -> f64| {
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(mine, bare)| pick(mine) / pick(bare)).collect();
        let median = |costs: &[Cost]| rounded(quantile(&costs.iter().map(pick).collect::<Vec<_>>(), 0.5));
        let ratio = quantile(&ratios, 0.5);
        Measure {
            bench: "history",
            measure: format!("{what}, from the topic, beside a bare loop of prepared inserts"),
            ours: median(&ours),
            baseline: median(&theirs),
            ratio: rounded(ratio),
            goal,
            better,
            unit,
            pairs: ratios.len(),
            spread: rounded((quantile(&ratios, 0.75) - quantile(&ratios, 0.25)) / ratio),
            at: json!({"messages": n, "rows": n * (STEPS.len() + 1), "in_flight": IN_FLIGHT}),
        }
    };
    Ok(vec![
        of("rows of the history a second", "1/s", Better::Higher, Some(0.9), |cost| cost.1),
        of("CPU of a row of the history", "µs", Better::Lower, None, |cost| cost.0),
    ])
}

fn spent(cpu: Duration, wall: Instant, rows: usize) -> Cost {
    let took = cpu_time().saturating_sub(cpu).as_secs_f64() * 1e6 / rows as f64;
    (took, rows as f64 / wall.elapsed().as_secs_f64())
}

/// The archive, from its first batch to its last acknowledged row.
fn archived(kafka: &Options, runtime: &tokio::runtime::Runtime, session: &Session, n: usize) -> anyhow::Result<Cost> {
    let codecs = Codecs::unregistered();
    let codec: Codec<Message> = codecs.of();
    let topics = Topics::create(kafka, [MESSAGES])?;
    let records = messages(n).map(|message| Ok((MESSAGES, topics::key(TENANT, &message.send_id).into_bytes(), codec.encode(&message)?)));
    topics.fill(&records.collect::<anyhow::Result<Vec<_>>>()?)?;
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut begun = None;
    let subscription = Subscription {
        group: "archive",
        instance: "archive-bench".into(),
        topics: &[MESSAGES],
        commit: Commit::After,
        max_records: 2_000,
        linger: Duration::from_millis(20),
    };
    let wanted = n * (STEPS.len() + 1);
    let until = Instant::now() + PATIENCE;
    let mut cost = None;
    consumer::run(&topics.options, &subscription, &stop, |batch: &Batch| {
        let (cpu, wall) = *begun.get_or_insert_with(|| (cpu_time(), Instant::now()));
        let read = batch.iter().map(|raw| decoded(&codec, raw)).collect::<anyhow::Result<Vec<_>>>()?;
        let rows = runtime.block_on(session.write(archive::messages(&read), Millis::now()))?;
        if written.fetch_add(rows, Ordering::Relaxed) + rows >= wanted {
            cost = Some(spent(cpu, wall, wanted));
        }
        if cost.is_some() || Instant::now() > until {
            stop.store(true, Ordering::Release);
        }
        Ok::<(), anyhow::Error>(())
    })?;
    topics.delete()?;
    cost.context("not every row was written in time")
}

fn decoded(codec: &Codec<Message>, raw: &Delivered<Vec<u8>>) -> anyhow::Result<Delivered<Message>> {
    Ok(Delivered {
        topic: raw.topic,
        partition: raw.partition,
        offset: raw.offset,
        timestamp_ms: raw.timestamp_ms,
        key: raw.key.clone(),
        headers: raw.headers.clone(),
        record: codec.decode(&raw.record)?,
    })
}

fn messages(n: usize) -> impl Iterator<Item = Message> {
    (0..n).flat_map(|i| {
        STEPS.into_iter().enumerate().map(move |(step, to)| Message {
            tenant: TENANT,
            account: ACCOUNT.into(),
            channel: "whatsapp".into(),
            send_id: SendId::of(TENANT, &i.to_string(), 0),
            wamid: (to == SendState::Accepted).then(|| format!("wamid.{i:040}")),
            conversation: Some(ConversationId(Uuid::from_u128(i as u128 / 4))),
            campaign: None,
            seq: -1,
            from: step.checked_sub(1).map(|before| STEPS[before]),
            to,
            code: None,
            detail: None,
            recipient: format!("{}", 15_560_000_000_u64 + i as u64),
            body: (step == 0).then(|| BODY.to_owned()),
            answer: None,
            at_ms: 1_790_000_000_000 + i as i64,
            trace: TraceId::default(),
        })
    })
}

/// What the driver binds of a row.
enum Row {
    Message(MessageValues),
    Step(StepValues),
}

type MessageValues = (Uuid, Uuid, CqlTimestamp, String, String);
type StepValues = (Uuid, String, &'static str, CqlTimestamp, Option<String>, String, Option<&'static str>);

fn rows(n: usize) -> Vec<Row> {
    let mut rows = Vec::with_capacity(n * (STEPS.len() + 1));
    for message in messages(n) {
        let (id, at) = (message.send_id.to_string(), CqlTimestamp(message.at_ms));
        if message.body.is_some() {
            let conversation = message.conversation.map(|c| c.0).unwrap_or_default();
            rows.push(Row::Message((TENANT.0, conversation, at, id.clone(), message.recipient.clone())));
        }
        let body = message.body.is_some().then_some(BODY);
        rows.push(Row::Step((TENANT.0, id, message.to.name(), at, message.wamid, message.recipient, body)));
    }
    rows
}

/// The driver alone.
struct Bare {
    driver: Driver,
    message: PreparedStatement,
    step: PreparedStatement,
}

impl Bare {
    async fn connect(options: &history::Options) -> anyhow::Result<Self> {
        history::migrate(options).await?;
        let driver = SessionBuilder::new().known_nodes(&options.nodes).build().await?;
        let keyspace = &options.keyspace;
        let message = format!(
            "insert into {keyspace}.messages_by_conversation (tenant, conversation, bucket, ts, message_id, direction, kind, type, body, \
             account, channel, trace) values (?, ?, 0, ?, ?, 'out', 'send', 'text', '{BODY}', ?, 'whatsapp', {})",
            Uuid::nil()
        );
        let step = format!(
            "insert into {keyspace}.message_steps (tenant, message_id, state, at, wamid, account, recipient, body) \
             values (?, ?, ?, ?, ?, '{ACCOUNT}', ?, ?)"
        );
        let (message, step) = (driver.prepare(message).await?, driver.prepare(step).await?);
        Ok(Self { driver, message, step })
    }

    async fn write(&self, rows: Vec<Row>) -> anyhow::Result<Cost> {
        let (cpu, wall, n) = (cpu_time(), Instant::now(), rows.len());
        let insert = async |row: Row| {
            match row {
                Row::Message(values) => self.driver.execute_unpaged(&self.message, values).await?,
                Row::Step(values) => self.driver.execute_unpaged(&self.step, values).await?,
            };
            anyhow::Ok(())
        };
        futures::stream::iter(rows.into_iter().map(insert)).buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await?;
        Ok(spent(cpu, wall, n))
    }

    async fn drop_keyspace(&self, options: &history::Options) -> anyhow::Result<()> {
        self.driver.query_unpaged(format!("drop keyspace {}", options.keyspace), ()).await?;
        Ok(())
    }
}
